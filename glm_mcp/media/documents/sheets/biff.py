"""The records of XLS from Excel 97 on ([MS-XLS] 2.1.4): numbers, bodies, and the texts in them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field


class Number:
    """Of the records that count here."""

    FORMULA, EOF, NOTE, DATES, PASSWORD, CONTINUE = 0x06, 0x0A, 0x1C, 0x22, 0x2F, 0x3C
    OBJECT, SHEETS, PACKED = 0x5D, 0x85, 0xBD
    HEADER, FOOTER, NAME, RULE = 0x14, 0x15, 0x18, 0x1BE
    RICH, STYLE, MERGED, STRINGS, SHARED, WORDS, LINK = 0xD6, 0xE0, 0xE5, 0xFC, 0xFD, 0x1B6, 0x1B8
    REAL, LABEL, BOOL_OR_ERROR, RESULT, RK, FORMAT, BOF = 0x203, 0x204, 0x205, 0x207, 0x27E, 0x41E, 0x809
    # Of drawings, and of how wide and how high cells are.
    STORE, DRAWING, COLUMNS, ROW, WIDE, HIGH = 0xEB, 0xEC, 0x7D, 0x208, 0x55, 0x225
    # Of charts.
    SERIES, CHART_WORDS, BEGIN, END, SOURCE, SECTION = 0x1003, 0x100D, 0x1033, 0x1034, 0x1051, 0x1065


_WIDE = 1  # flag of letters of two bytes; a record that continues a text says it anew in its first byte


@dataclass(slots=True)
class Record:
    """`parts`: the body and those that continue it."""

    number: int
    at: int  # of the record in the stream
    parts: list[bytes] = field(default_factory=list)

    @property
    def body(self) -> bytes:
        return self.parts[0]


def records(data: bytes, start: int = 0) -> Iterator[Record]:
    """From `start` to the end of the data; a cut record ends them."""
    at, held = start, None
    while at + 4 <= len(data):
        number, length = struct.unpack_from("<HH", data, at)
        body = data[at + 4 : at + 4 + length]
        if number == Number.CONTINUE and held is not None:
            held.parts.append(body)
        else:
            if held is not None:
                yield held
            held = Record(number, at, [body])
        at += 4 + length
    if held is not None:
        yield held


class Texts:
    """Reads texts one after the other out of a record and what continues it."""

    def __init__(self, parts: list[bytes], at: int = 0) -> None:
        self._parts = parts
        self._part = 0
        self._at = at

    def _more(self) -> bool:
        while self._part < len(self._parts) and self._at >= len(self._parts[self._part]):
            self._part += 1
            self._at = 0
        return self._part < len(self._parts)

    def take(self, count: int) -> bytes:
        """Raises struct.error at the end."""
        out = b""
        while len(out) < count:
            if not self._more():
                raise struct.error("no more")
            piece = self._parts[self._part][self._at : self._at + count - len(out)]
            self._at += len(piece)
            out += piece
        return out

    def text(self, count: int | None = None) -> str:
        """A text with its flags before it, and its length (two bytes) unless `count` gives it."""
        if count is None:
            (count,) = struct.unpack("<H", self.take(2))
        if not count and not self._more():
            return ""  # some programs leave the flags out then
        (flags,) = self.take(1)
        runs = struct.unpack("<H", self.take(2))[0] if flags & 8 else 0
        extra = struct.unpack("<I", self.take(4))[0] if flags & 4 else 0
        words = self._letters(count, wide=bool(flags & _WIDE))
        if runs or extra:
            self.take(4 * runs + extra)
        return words

    def _letters(self, count: int, *, wide: bool) -> str:
        out: list[str] = []
        missing = count
        while missing > 0:
            if self._at >= len(self._parts[self._part]):
                if not self._more():
                    raise struct.error("no more")
                wide, self._at = bool(self._parts[self._part][0] & _WIDE), 1
            width = 2 if wide else 1
            piece = self._parts[self._part][self._at : self._at + width * missing]
            self._at += max(len(piece), 1)
            piece = piece[: len(piece) // width * width]
            missing -= len(piece) // width
            out.append(piece.decode("utf-16-le", "surrogatepass") if wide else piece.decode("latin-1"))
        # A letter beyond the first plane is two, which a border may part.
        return "".join(out).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


_TEXT = 0x17  # a text among the parts of a formula


def formula_texts(body: bytes) -> str:
    """The texts in the formula of a cell, as they are written there: all that is known of one that was never calculated."""
    length = int.from_bytes(body[20:22], "little")
    parsed, at, found = body[22 : 22 + length], 0, list[str]()
    while 0 <= (at := parsed.find(_TEXT, at)) < len(parsed) - 3:
        count, wide = parsed[at + 1], parsed[at + 2] & _WIDE
        words = parsed[at + 3 : at + 3 + count * (1 + wide)].decode(
            "utf-16-le" if wide else "latin-1", "replace"
        )
        whole = count and parsed[at + 2] <= 1 and len(words) == count and words.isprintable()
        found += [f'"{words}"'] if whole else []
        at += 3 + len(words) * (1 + wide) if whole else 1
    return ", ".join(found)
