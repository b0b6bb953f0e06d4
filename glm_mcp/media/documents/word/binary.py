"""What Word from 97 to 2003 keeps in a `.doc` ([MS-DOC]): characters, what is said of them, and numbered lists.

A place (CP) counts the characters of all texts of the file, which follow each other: the main one, notes, page heads,
comments. The properties are kept by where a character lies in the stream.
"""

from __future__ import annotations

import bisect
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

# Properties by their operation code.
TABLE_ROW, IN_TABLE, LEVEL, LIST = 0x2417, 0x2416, 0x260A, 0x460B
DELETED, BOLD, ITALIC, SYMBOL, OBJECT = 0x0800, 0x0835, 0x0836, 0x6A09, 0x6A03
STRUCK, PLACED, FONT = 0x0837, 0x2A48, 0x4A4F
_ELSEWHERE = (0x6645, 0x6646)  # where more than a page holds is said of a paragraph
CELLS, VERTICAL = 0xD608, 0xD62B
_LENGTHS = (1, 1, 2, 4, 2, 2, -1, 3)  # of operands, by the upper bits of the code
_PAGE, _LISTS = 512, 10_000
_STYLES, _CHAIN = 4_096, 12  # of a file, and that build on each other
_OF_PARAGRAPHS = 1  # the kind of a style
_WIDE = 0x4000_0000  # in the place of a piece: one byte a character where it is set

Properties = dict[int, bytes]


@dataclass(frozen=True, slots=True)
class _Run:
    start: int  # in the stream
    end: int
    style: int
    properties: Properties


@dataclass(frozen=True, slots=True)
class _Piece:
    """`first`, `last`: places. `at`: in the stream. `size`: bytes of a character."""

    first: int
    last: int
    at: int
    size: int


@dataclass(frozen=True, slots=True)
class Level:
    form: int
    text: str  # the characters 0 to 8 stand for the numbers of levels
    start: int


@dataclass(slots=True)
class Lists:
    """`of_number`: from the number that paragraphs name to the list. `of_style`: list and level that a style means."""

    levels: dict[int, list[Level]] = field(default_factory=dict)
    of_number: dict[int, int] = field(default_factory=dict)
    of_style: dict[int, tuple[int, int]] = field(default_factory=dict)


class Binary:
    """Raises struct.error, IndexError or ValueError for a damaged file."""

    def __init__(self, stream: bytes, table: bytes, data: bytes) -> None:
        self.stream = stream
        self._table = table
        self.data = data
        # Characters of: the text, footnotes, page heads, macros, comments, endnotes, text boxes.
        self.counts = struct.unpack_from("<7i", stream, 0x4C)
        self._pieces = list(self._read_pieces())
        if sum(piece.last - piece.first for piece in self._pieces) > len(stream):
            raise ValueError("more characters than bytes")
        self.text = "".join(map(self._letters, self._pieces))
        self.section_ends = {place - 1 for place in self.places(6, 12)[0]}
        self._paragraphs = list(self._runs(13, 13))
        self._characters = list(self._runs(12, 1))
        self._starts = [run.start for run in self._paragraphs], [run.start for run in self._characters]

    def part(self, index: int) -> bytes:
        """A structure of the table stream, by its place in the list of them."""
        at, size = struct.unpack_from("<II", self.stream, 0x9A + 8 * index)
        return self._table[at : at + size]

    def places(self, index: int, size: int) -> tuple[list[int], list[bytes]]:
        """A list of places, one more than of what is said between them."""
        data = self.part(index)
        count = (len(data) - 4) // (4 + size)
        if count < 0:
            return [], []
        places = list(struct.unpack_from(f"<{count + 1}i", data))
        return places, [data[4 * (count + 1) + size * i :][:size] for i in range(count)]

    def _read_pieces(self) -> Iterator[_Piece]:
        data, at = self.part(33), 0
        while data[at] == 1:
            at += 3 + struct.unpack_from("<H", data, at + 1)[0]
        count = (struct.unpack_from("<I", data, at + 1)[0] - 4) // 12
        places = struct.unpack_from(f"<{count + 1}i", data, at + 5)
        for i in range(count):
            where = struct.unpack_from("<I", data, at + 5 + 4 * (count + 1) + 8 * i + 2)[0]
            narrow = bool(where & _WIDE)
            start = (where & (_WIDE - 1)) // (2 if narrow else 1)
            yield _Piece(places[i], max(places[i], places[i + 1]), start, 1 if narrow else 2)

    def _letters(self, piece: _Piece) -> str:
        """As many as its places; of a pair that stands for one, each."""
        count = piece.last - piece.first
        raw = self.stream[piece.at : piece.at + count * piece.size]
        if len(raw) < count * piece.size:
            raise ValueError("cut off")
        if piece.size == 1:
            return raw.decode("cp1252", "replace")
        return "".join(map(chr, struct.unpack(f"<{count}H", raw)))

    # ── Properties ──────────────────────────────────────────────────────────────────────────────────────────────

    def _runs(self, index: int, step: int) -> Iterator[_Run]:
        """Of paragraphs (13 bytes an entry of a page of them) or of characters (1 byte)."""
        for packed in dict.fromkeys(self.places(index, 4)[1]):
            page = self.stream[_PAGE * (struct.unpack("<I", packed)[0] & 0x3FFFFF) :][:_PAGE]
            if len(page) < _PAGE:
                continue
            count = page[-1]
            starts = struct.unpack_from(f"<{count + 1}I", page)
            for i in range(count):
                at = 2 * page[4 * (count + 1) + step * i]
                style, said = (0, page[at + 1 :][: page[at]]) if step == 1 else _of_paragraph(page, at)
                yield _Run(starts[i], starts[i + 1], style, self._whole(_properties(said)) if at else {})

    def _whole(self, properties: Properties) -> Properties:
        """With what is said in the data stream."""
        for code in _ELSEWHERE:
            if code in properties:
                at = int.from_bytes(properties[code], "little")
                size = int.from_bytes(self.data[at : at + 2], "little")
                properties = properties | _properties(self.data[at + 2 : at + 2 + size])
        return properties

    def paragraph(self, place: int) -> tuple[int, Properties]:
        """Style and properties of the paragraph whose mark is there."""
        piece = self._pieces[bisect.bisect_right(self._pieces, place, key=lambda p: p.first) - 1]
        at = piece.at + (place - piece.first) * piece.size
        run = _at(self._paragraphs, self._starts[0], at)
        return (run.style, run.properties) if run else (0, {})

    def characters(self, first: int, last: int) -> Iterator[tuple[int, str, Properties]]:
        """From place to place in pieces of one look: where each begins, its characters, what is said of them."""
        number = bisect.bisect_right(self._pieces, first, key=lambda p: p.first) - 1
        for piece in self._pieces[max(number, 0) :]:
            if piece.first >= last:
                break
            place, end = max(first, piece.first), min(last, piece.last)
            while place < end:
                run = _at(self._characters, self._starts[1], piece.at + (place - piece.first) * piece.size)
                until = end if run is None else min(end, piece.first + -(-(run.end - piece.at) // piece.size))
                until = max(until, place + 1)
                yield place, self.text[place:until], run.properties if run else {}
                place = until

    def ticked(self, properties: Properties) -> bool | None:
        """Whether the box of a form is ticked that these characters stand for; None where it is none."""
        if OBJECT not in properties:
            return None
        at = int.from_bytes(properties[OBJECT], "little")
        at += struct.unpack_from("<H", self.data, at + 4)[0]
        mark, said = struct.unpack_from("<IH", self.data, at)
        if mark != 0xFFFFFFFF or said & 3 != 1:
            return None
        state = said >> 2 & 31
        if state > 1:  # as it is by default, which stands behind its name
            state = struct.unpack_from(
                "<H", self.data, at + 14 + 2 * struct.unpack_from("<H", self.data, at + 10)[0]
            )[0]
        return bool(state)

    def fonts(self) -> Iterator[str]:
        """Their names, by the numbers that signs of them say; each entry begins with how many bytes follow."""
        data, at = self.part(15), 4
        while at < len(data):
            entry = data[at + 1 :][: data[at]]
            yield entry[39:].decode("utf-16-le", "replace").partition("\0")[0]
            at += 1 + len(entry)

    def authors(self) -> Iterator[str]:
        """Of comments, by the numbers that these say."""
        data, at = self.part(36), 0
        while at + 2 <= len(data):
            start, at = at + 2, at + 2 + 2 * int.from_bytes(data[at : at + 2], "little")
            yield data[start:at].decode("utf-16-le", "replace")

    # ── Lists ───────────────────────────────────────────────────────────────────────────────────────────────────

    def lists(self) -> Lists:
        found = Lists()
        start, _ = struct.unpack_from("<II", self.stream, 0x9A + 8 * 73)
        count = min(struct.unpack_from("<H", self._table, start)[0], _LISTS) if self.part(73) else 0
        at = start + 2 + 28 * count
        for i in range(count):
            head = struct.unpack_from("<ii9hBB", self._table, start + 2 + 28 * i)
            levels = []
            for _ in range(1 if head[11] & 1 else 9):
                level, at = self._level(at)
                levels.append(level)
            found.levels[head[0]] = levels
            found.of_style |= {style: (head[0], n) for n, style in enumerate(head[2:11]) if 0 < style < 0xFFF}
        data = self.part(74)
        for i in range(min(struct.unpack_from("<I", data)[0], len(data) // 16) if data else 0):
            found.of_number[i + 1] = struct.unpack_from("<i", data, 4 + 16 * i)[0]
        for style, said in self._styles().items():  # of WPS these alone know
            number = int.from_bytes(said.get(LIST, b""), "little")
            if number in found.of_number:
                deep = int.from_bytes(said.get(LEVEL, b""), "little")
                found.of_style.setdefault(style, (found.of_number[number], deep))
        return found

    def _styles(self) -> dict[int, Properties]:
        """What styles of paragraphs say of them, with what those say that they build on."""
        data, own = self.part(1), dict[int, tuple[int, Properties]]()
        size, count, head = struct.unpack_from("<3H", data) if len(data) > 6 else (0, 0, 0)
        at = 2 + size
        for number in range(min(count, _STYLES)):
            if at + 2 > len(data):
                break
            length = int.from_bytes(data[at : at + 2], "little")
            style = data[at + 2 :][:length]
            at += 2 + length + length % 2
            if len(style) > head + 2 and style[2] & 15 == _OF_PARAGRAPHS:
                said = head + 4 + 2 * int.from_bytes(style[head : head + 2], "little")
                packed = style[said + 4 :][: max(int.from_bytes(style[said : said + 2], "little") - 2, 0)]
                own[number] = int.from_bytes(style[2:4], "little") >> 4, _properties(packed)
        found = dict[int, Properties]()
        for number in own:
            chain, base = [number], own[number][0]
            while base in own and len(chain) < _CHAIN:
                chain.append(base)
                base = own[base][0]
            found[number] = {
                code: value for style in reversed(chain) for code, value in own[style][1].items()
            }
        return found

    def _level(self, at: int) -> tuple[Level, int]:
        start, form = struct.unpack_from("<iB", self._table, at)
        looks = self._table[at + 24] + self._table[at + 25]
        at += 28 + looks
        count = struct.unpack_from("<H", self._table, at)[0]
        text = self._table[at + 2 : at + 2 + 2 * count].decode("utf-16-le", "replace")
        return Level(form, text, start), at + 2 + 2 * count


def _at(runs: list[_Run], starts: list[int], at: int) -> _Run | None:
    number = bisect.bisect_right(starts, at) - 1
    return runs[number] if number >= 0 and at < runs[number].end else None


def _of_paragraph(page: bytes, at: int) -> tuple[int, bytes]:
    size = 2 * page[at] - 1 if page[at] else 2 * page[at + 1]
    start = at + 1 if page[at] else at + 2
    packed = page[start : start + size]
    return int.from_bytes(packed[:2], "little"), packed[2:]


def _properties(packed: bytes) -> Properties:
    found: Properties = {}
    at = 0
    while at + 2 < len(packed):
        code = int.from_bytes(packed[at : at + 2], "little")
        length = _LENGTHS[code >> 13]
        at += 2
        if code == CELLS:
            length = 1 + int.from_bytes(packed[at : at + 2], "little")
        elif length < 0:
            length = 1 + packed[at]
        # What is said of one cell does not undo what was said of another.
        found[code] = found.get(code, b"") * (code == VERTICAL) + packed[at : at + length]
        at += length
    return found


def is_on(properties: Properties, code: int) -> bool:
    return properties.get(code, b"\0") not in (b"\0", b"")
