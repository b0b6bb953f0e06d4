"""Files of Pages, Numbers and Keynote, made by hand: objects of Protocol Buffers in streams packed by Snappy."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

from support.made_documents import zipped

TEXT, SHAPE, TABLE, MODEL, TILE, LIST, CHART, GROUP = 2001, 2011, 6000, 6001, 6002, 6005, 5021, 3008
Things = Mapping[int, tuple[int, bytes]]  # kind and message, by the number of the object


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def message(fields: Mapping[int, Any]) -> bytes:
    out = b""
    for field, values in fields.items():
        for value in values if isinstance(values, list) else [values]:
            if isinstance(value, float):
                out += varint(field << 3 | 1) + struct.pack("<d", value)
            elif isinstance(value, int):
                out += varint(field << 3) + varint(value)
            else:
                data = value.encode() if isinstance(value, str) else value
                out += varint(field << 3 | 2) + varint(len(data)) + data
    return out


def link(number: int) -> bytes:
    return message({1: number})


def steps(*entries: tuple[int, int]) -> bytes:
    """A table of a text: places, and the objects that are there."""
    return message({1: [message({1: at, 2: link(number)} if number else {1: at}) for at, number in entries]})


def story(text: str, **tables: bytes) -> tuple[int, bytes]:
    """`tables`: by their fields, such as f9 for what lies within the text."""
    return TEXT, message({3: text, **{int(field[1:]): table for field, table in tables.items()}})


def box(words: int, x: float = 0, y: float = 0) -> tuple[int, bytes]:
    """A shape with a text, somewhere on the page."""
    return SHAPE, message({1: message({1: around(x, y)}), 4: link(words)})


def around(x: float = 0, y: float = 0, **more: Any) -> bytes:
    point = b"\x0d" + struct.pack("<f", x) + b"\x15" + struct.pack("<f", y)
    return message({1: message({1: point}), **{int(field[1:]): value for field, value in more.items()}})


def model(name: str, rows: Sequence[bytes], strings: Mapping[int, str], forms: Mapping[int, bytes]) -> Things:
    """A table of number 100 and the objects that it needs. `rows`: of `row`."""
    store = {3: message({1: message({1: 0, 2: link(102)})}), 4: link(103), 22: link(104), 11: link(104)}
    return {
        100: (TABLE, message({1: around(), 2: link(101)})),
        101: (MODEL, message({4: message(store), 8: name, 22: 1})),
        102: (TILE, message({5: list(rows)})),
        103: (LIST, message({3: [message({1: key, 3: text}) for key, text in strings.items()]})),
        104: (LIST, message({3: [message({1: key, 6: form}) for key, form in forms.items()]})),
    }


def row(number: int, cells: Sequence[bytes], *, old: bool = False) -> bytes:
    starts, held = b"", b""
    for cell in cells:
        starts += struct.pack("<h", len(held) // (1 if old else 4) if cell else -1)
        held += cell
    return message({1: number, 3: held, 4: starts} if old else {1: number, 6: held, 7: starts, 8: 1})


def cell(kind: int, bits: int, *parts: bytes) -> bytes:
    return struct.pack("<BB6xI", 5, kind, bits) + b"".join(parts)


def old_cell(kind: int, bits: int, *parts: bytes) -> bytes:
    return struct.pack("<BBxxH6x", 4, kind, bits) + b"".join(parts)


def decimal(digits: int, exponent: int = 0) -> bytes:
    return (abs(digits) | 0x1820 + exponent << 113 | (digits < 0) << 127).to_bytes(16, "little")


def snappy(data: bytes) -> bytes:
    """Packed with what repeats itself named by its distance."""
    out, at, start = bytearray(varint(len(data))), 0, 0

    def literal(piece: bytes) -> bytes:
        return struct.pack("<BH", 61 << 2, len(piece) - 1) + piece if piece else b""

    while at < len(data):
        found = data.rfind(data[at : at + 8], 0, at + 7) if at + 8 <= len(data) else -1
        if found < 0:
            at += 1
            continue
        length = 8
        while length < 64 and at + length < len(data) and data[found + length] == data[at + length]:
            length += 1
        out += literal(data[start:at])
        near = length < 12 and at - found < 2048
        back = at - found
        out += (
            bytes([(length - 4) << 2 | back >> 8 << 5 | 1, back & 0xFF])
            if near
            else struct.pack("<BH", (length - 1) << 2 | 2, back)
        )
        at += length
        start = at
    return bytes(out + literal(data[start:]))


def iwork(objects: Things, **parts: bytes) -> bytes:
    """A file with these objects; `parts`: more streams of them, as bytes that are packed already."""
    stream = b""
    for number, (kind, data) in objects.items():
        about = message({1: number, 2: message({1: kind, 3: len(data)})})
        stream += varint(len(about)) + about + data
    blocks = [snappy(stream[at : at + 30_000]) for at in range(0, len(stream), 30_000)]
    packed = b"".join(b"\0" + len(block).to_bytes(3, "little") + block for block in blocks)
    return zipped(
        {"Index/Document.iwa": packed, **{f"Index/{name}.iwa": data for name, data in parts.items()}}
    )


def pages(text: tuple[int, bytes], objects: Things, **document: bytes) -> bytes:
    first = {4: link(2), **{int(field[1:]): value for field, value in document.items()}}
    return iwork({1: (10000, message(first)), 2: text, **objects})


def numbers(sheets: Mapping[str, Sequence[int]], objects: Things) -> bytes:
    named = {
        10 + i: (2, message({1: name, 2: [link(n) for n in things]}))
        for i, (name, things) in enumerate(sheets.items())
    }
    return iwork({1: (1, message({1: [link(n) for n in named]})), **named, **objects})


def keynote(
    slides: Sequence[Mapping[int, Any]], objects: Things, hidden: Sequence[int] = (), *, old: bool = False
) -> bytes:
    """`slides`: the fields of each. `old`: each below the one before and the first below itself, as a tree."""
    numbers = range(20, 20 + len(slides))
    nodes: dict[int, dict[int, Any]] = {
        20 + i: {2: link(40 + i), 4: int(i in hidden)} for i in range(len(slides))
    }
    if old:
        nodes = {n: {**node, 1: [link(n + 1 if n + 1 in nodes else 20)]} for n, node in nodes.items()}
    tree = message({1: link(19)} if old else {2: [link(number) for number in numbers]})
    made = {
        19: (4, message({1: [link(20), link(20)]})),
        **{number: (4, message(node)) for number, node in nodes.items()},
        **{40 + i: (5, message(slide)) for i, slide in enumerate(slides)},
    }
    return iwork({1: (1, message({2: link(3)})), 3: (2, message({3: tree})), **made, **objects}, Slide=b"")
