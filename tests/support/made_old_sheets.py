"""XLS from Excel 97 on, made by hand: records one behind the other, and drawings over a sheet."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from support.made_outlook import compound
from support.made_slides import blip
from support.made_slides import record as drawn


def record(number: int, body: bytes = b"") -> bytes:
    return struct.pack("<HH", number, len(body)) + body


def words(text: str, count: str = "H") -> bytes:
    """A text of two-byte letters, with its length and its flags."""
    return struct.pack(f"<{count}B", len(text.encode("utf-16-le")) // 2, 1) + text.encode("utf-16-le")


def number_cell(row: int, column: int, value: float, style: int = 0) -> bytes:
    return record(0x203, struct.pack("<HHHd", row, column, style, value))


def begin(kind: int) -> bytes:
    return record(0x809, struct.pack("<HHHHII", 0x600, kind, 0, 0, 0, 0))


def xls(
    strings: bytes,
    sheet: bytes,
    *formats: str,
    since_1904: bool = False,
    pictures: Sequence[bytes] = (),
    sheets: int = 1,
) -> bytes:
    """A workbook of one sheet, or of so many that lie in one place; style n + 1 has the n-th of the formats, style 0
    none.
    """
    head = begin(5) + record(0x22, struct.pack("<H", since_1904)) + _store(pictures)
    head += b"".join(
        record(0x41E, struct.pack("<H", 164 + i) + words(code)) for i, code in enumerate(formats)
    )
    head += b"".join(
        record(0xE0, struct.pack("<HH", 0, n) + bytes(16)) for n in (0, *range(164, 164 + len(formats)))
    )
    name = b"\x04\0Data"
    at = len(head) + sheets * len(record(0x85, bytes(6) + name)) + len(strings) + len(record(0x0A))
    head += sheets * record(0x85, struct.pack("<IBB", at, 0, 0) + name) + strings + record(0x0A)
    return compound({"Workbook": head + begin(0x10) + sheet + record(0x0A)})


def _store(pictures: Sequence[bytes]) -> bytes:
    """The pictures that shapes name by number, in records that go on where one is full."""
    entries = [drawn(0xF007, bytes(36), blip(one), instance=6, plain=True) for one in pictures]
    whole = drawn(0xF000, drawn(0xF001, *entries)) if pictures else b""
    parts = [whole[at : at + 8_000] for at in range(0, len(whole), 8_000)]
    return b"".join(record(0x3C if at else 0xEB, part) for at, part in enumerate(parts))


def place(left: int, top: int, right: int, bottom: int) -> bytes:
    """From the middle of a cell to the middle of another, by column and row from 0."""
    return drawn(0xF010, struct.pack("<9H", 2, left, 512, top, 128, right, 512, bottom, 128), plain=True)


def pictured(number: int, at: bytes, words: str = "", flags: int = 0) -> bytes:
    """A shape that shows a picture of the store, by its number from 1."""
    said = f"{words}\0".encode("utf-16-le") if words else b""
    looks = struct.pack("<HIHI", 0x4104, number, 0x03BF, flags)
    looks += struct.pack("<HI", 0xC381, len(said)) if said else b""
    return drawn(0xF004, drawn(0xF00B, looks, said, instance=len(looks) // 6, plain=True), at)


def over(*shapes: bytes, boxed: str = "") -> bytes:
    """The records of shapes over a sheet, each with its object; `boxed`: words in the first, which come between."""
    page = drawn(0xF002, drawn(0xF003, *shapes))
    start = len(page) - sum(map(len, shapes))
    out, at = b"", 0
    for number, shape in enumerate(shapes):
        end = start + len(shape)
        kind = 6 if boxed and not number else 8
        thing = record(0x5D, struct.pack("<HHHHHH", 0x15, 0x12, kind, number + 1, 0, 0) + bytes(14))
        if boxed and not number:
            text = record(0x1B6, struct.pack("<HH6xHH4x", 0, 0, len(boxed), 16))
            thing += text + record(0x3C, b"\0" + boxed.encode("latin-1")) + record(0x3C, bytes(16))
            # What comes next goes on without a record of its own.
            out += record(0xEC, page[at:end]) + thing + record(0x3C, page[end:])
            return out + b"".join(
                record(0x5D, struct.pack("<HHHHHH", 0x15, 0x12, 8, n + 1, 0, 0) + bytes(14))
                for n in range(1, len(shapes))
            )
        out += record(0xEC, page[at:end]) + thing
        start = at = end
    return out
