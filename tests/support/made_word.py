"""Word's documents of the old format, made by hand: one stream of characters, pages of properties, and a table of where they lie."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

from support.made_outlook import compound

_TEXT_AT = 0x800
_PAGE = 512
ROW = struct.pack("<HB", 0x2416, 1) + struct.pack("<HB", 0x2417, 1)  # the mark at the end of a row of a table
CELL = struct.pack("<HB", 0x2416, 1)
BOLD, DELETED = struct.pack("<HB", 0x0835, 1), struct.pack("<HB", 0x0800, 1)

Runs = Sequence[tuple[str, bytes]]  # characters and what is said of them
Paragraph = tuple[Runs, int, bytes]  # its runs with its mark, its style, what is said of it


def plain(words: str, style: int = 0, said: bytes = b"", mark: str = "\r") -> Paragraph:
    return [(words + mark, b"")], style, said


def listed(words: str, level: int = 0, number: int = 1) -> Paragraph:
    return plain(words, said=struct.pack("<HBHH", 0x260A, level, 0x460B, number))


def signs(code: int, font: int) -> bytes:
    """Of characters: the sign of a font, by its number, that stands in their place."""
    return struct.pack("<HHH", 0x6A09, font, code)


def fonts(names: Sequence[str]) -> dict[int, bytes]:
    entries = [bytes(39) + f"{name}\0".encode("utf-16-le") for name in names]
    return {15: struct.pack("<HH", len(names), 0) + b"".join(bytes([len(e)]) + e for e in entries)}


def vertical(cell: int, state: int) -> bytes:
    """Of a row: a cell that goes on from the one above (1) or begins such a column (3)."""
    return struct.pack("<HBBB", 0xD62B, 2, cell, state)


def cells(count: int, edges: Sequence[int] = ()) -> bytes:
    """The definition of a row of so many cells, and where they begin and end, in twentieths of a point."""
    places = struct.pack(f"<{count + 1}h", *(edges or [0] * (count + 1)))
    body = bytes([count]) + places + bytes(20 * count)
    return struct.pack("<HH", 0xD608, len(body) + 1) + body


def drawing(kind: int, *inside: bytes, instance: int = 0) -> bytes:
    """A record of drawings; of a container, with records within."""
    body = b"".join(inside)
    return struct.pack("<HHI", instance << 4 | (15 if kind < 0xF005 else 0), kind, len(body)) + body


def drawn_shape(number: int, *, picture: bool = False) -> bytes:
    looks = drawing(0xF00B, struct.pack("<HIHI", 0x007F, 0, 0x4104, 1), instance=2) if picture else b""
    return drawing(0xF004, drawing(0xF00A, struct.pack("<II", number, 0)), looks)


def in_line(at: int) -> bytes:
    """Of the character 1: the picture that lies there in the data."""
    return struct.pack("<HI", 0x6A03, at)


def pictured(blip: bytes, width: int, height: int) -> bytes:
    """A picture of the data, whose sides are in twentieths of a point."""
    sides = struct.pack("<4H", width, height, 1000, 1000)
    shape = drawing(0xF004, drawing(0xF00A, bytes(8)))
    body = struct.pack("<HH", 68, 0x64).ljust(24, b"\0") + sides + bytes(32) + shape + blip
    return struct.pack("<I", len(body) + 4) + body


def floats(
    anchors: Sequence[tuple[int, int, int, int]],
    boxes: Sequence[tuple[int, int]],
    shapes: Sequence[bytes],
    end: int,
    store: bytes = b"",
    side: int = 50,
) -> dict[int, bytes]:
    """What floats over a text of so many characters: of each anchor its place, the number of its shape, and where it
    lies from the left and from above; of each text box the number of its shape and how many characters it has; and the
    shapes and groups of the page; the store of their pictures, and how wide and high they are in twentieths of a point.
    """
    at, borders = 0, [0]
    for _, size in boxes:
        at += size
        borders.append(at)
    anchored = [
        struct.pack("<I4iH", shape, left, top, left + side, top + side, 0) + bytes(4)
        for _, shape, left, top in anchors
    ]
    page = drawing(0xF002, drawing(0xF003, drawn_shape(1), *shapes))
    return {
        40: struct.pack(f"<{len(anchors) + 1}i", *(a[0] for a in anchors), end) + b"".join(anchored),
        50: drawing(0xF000, store) + b"\0" + page,
        56: struct.pack(f"<{len(borders)}i", *borders)
        + b"".join(struct.pack("<14xI4x", n) for n, _ in boxes),
    }


def _runs_page(ends: Sequence[int], said: Sequence[bytes], step: int) -> bytes:
    """A page of properties: where each run begins, which entry is whose, and the entries from the end."""
    page = bytearray(_PAGE)
    page[-1] = len(said)
    struct.pack_into(f"<{len(ends)}I", page, 0, *ends)
    at = _PAGE - 2
    for i, entry in enumerate(said):
        if entry:
            at -= len(entry) + len(entry) % 2
            page[at : at + len(entry)] = entry
            page[4 * len(ends) + step * i] = at // 2
    return bytes(page)


def _of_paragraph(style: int, said: bytes) -> bytes:
    body = struct.pack("<H", style) + said
    return b"\0" + bytes([(len(body) + 1) // 2]) + body.ljust(len(body) + len(body) % 2, b"\0")


def level(form: int, text: str, start: int = 1) -> bytes:
    head = struct.pack("<iB", start, form).ljust(28, b"\0")
    return head + struct.pack("<H", len(text)) + text.encode("utf-16-le")


def lists(levels: Sequence[bytes], style: int = 0xFFF) -> dict[int, bytes]:
    """One list of nine levels, whose first level a style may mean."""
    head = struct.pack("<ii", 77, 0) + struct.pack("<9h", style, *[0xFFF] * 8) + b"\0\0"
    nine = [*levels, *[level(0, "\0.")] * (9 - len(levels))]
    return {73: struct.pack("<H", 1) + head + b"".join(nine), 74: struct.pack("<Ii12x", 1, 77)}


def styles(said: Mapping[int, tuple[int, bytes]]) -> dict[int, bytes]:
    """By its number what a style builds on (4095: none) and what it says of its paragraphs."""
    packed = b""
    for number in range(max(said) + 1):
        if number not in said:
            packed += b"\0\0"
            continue
        base, body = said[number][0], struct.pack("<H", number) + said[number][1]
        body = struct.pack("<H", len(body)) + body + bytes(len(body) % 2) + struct.pack("<H", 0)
        entry = struct.pack("<5H", 0, 1 | base << 4, 2, 0, 0) + struct.pack("<H2xH", 1, 0) + body
        packed += struct.pack("<H", len(entry)) + entry
    return {1: struct.pack("<H", 18) + struct.pack("<HH", max(said) + 1, 10).ljust(18, b"\0") + packed}


def word(
    text: Sequence[Paragraph],
    *,
    counts: Sequence[int] = (),
    tables: dict[int, bytes] | None = None,
    version: int = 0xC1,
    flags: int = 0,
    objects: Mapping[int, bytes] | None = None,
    files: Mapping[int, tuple[str, bytes]] | None = None,
    data: bytes = b"",
) -> bytes:
    """`text`: the paragraphs of all texts. `counts`: characters of the texts behind the main one. `tables`: more of the
    structures, by their place in the list of them. `objects`: formulas that are embedded, by their numbers; `files`: other
    objects, a stream of each. `data`: what lies in a stream of its own.
    """
    runs = [run for paragraph in text for run in paragraph[0]]
    whole = "".join(words for words, _ in runs)
    ends, at = [_TEXT_AT], _TEXT_AT
    for words, _ in runs:
        at += 2 * len(words)
        ends.append(at)
    paragraph_ends, at = [_TEXT_AT], _TEXT_AT
    for inside, _, _ in text:
        at += 2 * sum(len(words) for words, _ in inside)
        paragraph_ends.append(at)
    packed = whole.encode("utf-16-le")
    start = -(-(_TEXT_AT + len(packed)) // _PAGE) * _PAGE
    pages = _runs_page(ends, [bytes([len(said)]) + said if said else b"" for _, said in runs], 1)
    pages += _runs_page(paragraph_ends, [_of_paragraph(style, said) for _, style, said in text], 13)
    pieces = struct.pack("<2iHIH", 0, len(whole), 0, _TEXT_AT, 0)
    parts = {
        12: struct.pack("<III", _TEXT_AT, ends[-1], start // _PAGE),
        13: struct.pack("<III", _TEXT_AT, ends[-1], start // _PAGE + 1),
        33: b"\2" + struct.pack("<I", len(pieces)) + pieces,
        **(tables or {}),
    }
    head, table = bytearray(_TEXT_AT), b""
    struct.pack_into("<HH6xH", head, 0, 0xA5EC, version, flags)
    behind = [*counts, *[0] * (6 - len(counts))]
    struct.pack_into("<7i", head, 0x4C, len(whole) - sum(behind), *behind)
    for place, part in parts.items():
        size = len(part) if place != 73 else 30
        struct.pack_into("<II", head, 0x9A + 8 * place, len(table), size)
        table += part
    stream = (bytes(head) + packed).ljust(start, b"\0") + pages
    pool = {f"_{number}": {"Equation Native": formula} for number, formula in (objects or {}).items()}
    pool |= {f"_{number}": {stream: data} for number, (stream, data) in (files or {}).items()}
    more = ({"ObjectPool": pool} if pool else {}) | ({"Data": data} if data else {})
    return compound({"WordDocument": stream, "0Table": table} | more)
