"""Outlook messages made by hand: a compound file with the properties that a reader looks at."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_SECTOR = 512
_END, _FREE, _FAT = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD

Tree = Mapping[str, Any]  # name to bytes (a stream) or to a tree (a storage)


@dataclass
class _Entry:
    name: str
    kind: int  # 5 the root, 1 a storage, 2 a stream
    data: bytes = b""
    child: int = _FREE
    left: int = _FREE
    right: int = _FREE
    start: int = _END


def compound(tree: Tree) -> bytes:
    """A compound file; streams that hold something are filled up with zeros to 4,096 bytes, below which they would lie in
    another place.
    """
    entries = [_Entry("Root Entry", 5)]

    def add(children: Tree) -> int:
        numbers = []
        for name, value in sorted(children.items(), key=lambda item: (len(item[0]), item[0].upper())):
            numbers.append(number := len(entries))
            is_stream = isinstance(value, bytes)
            filled = value.ljust(4096, b"\0") if is_stream and value else b""
            entries.append(_Entry(name, 2 if is_stream else 1, filled))
            if not is_stream:
                entries[number].child = add(value)
        return middle(numbers)

    def middle(numbers: list[int]) -> int:
        """They are kept as a tree that is as deep on one side as on the other."""
        if not numbers:
            return _FREE
        half = len(numbers) // 2
        entries[numbers[half]].left = middle(numbers[:half])
        entries[numbers[half]].right = middle(numbers[half + 1 :])
        return numbers[half]

    entries[0].child = add(tree)
    directory_sectors = -(-len(entries) * 128 // _SECTOR)
    table: list[int] = []
    body = b""

    def place(data: bytes) -> int:
        nonlocal body
        start, count = len(table), -(-len(data) // _SECTOR)
        table.extend([*range(start + 1, start + count), _END])
        body += data.ljust(count * _SECTOR, b"\0")
        return start

    for entry in entries:
        if entry.data:
            entry.start = place(entry.data)
    directory = place(b"".join(map(_written, entries)).ljust(directory_sectors * _SECTOR, b"\0"))
    count = 1
    while (len(table) + count) * 4 > count * _SECTOR:
        count += 1
    first = len(table)
    table += [_FAT] * count
    fat = b"".join(struct.pack("<I", n) for n in table).ljust(count * _SECTOR, b"\xff")
    places = [first + i for i in range(count)] + [_FREE] * (109 - count)
    header = struct.pack(
        "<8s16xHHHHH6xIIIIIIIII109I",
        *(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 0x3E, 3, 0xFFFE, 9, 6),
        *(0, count, directory, 0, 4096, _END, 0, _END, 0, *places),
    )
    return header + body + fat


def _written(entry: _Entry) -> bytes:
    name = entry.name.encode("utf-16-le")
    return struct.pack(
        "<64sHBBIII16xI16xIQ",
        *(
            name,
            len(name) + 2,
            entry.kind,
            1,
            entry.left,
            entry.right,
            entry.child,
            0,
            entry.start,
            len(entry.data),
        ),
    )


def text(number: str, words: str) -> dict[str, bytes]:
    return {f"__substg1.0_{number}001F": words.encode("utf-16-le")}


def packed(*attributes: tuple[int, bytes]) -> bytes:
    """A `winmail.dat` of these attributes."""
    body = b"".join(
        b"\1" + struct.pack("<II", number, len(value)) + value + struct.pack("<H", sum(value) & 0xFFFF)
        for number, value in attributes
    )
    return b"\x78\x9f\x3e\x22\1\0" + body


def properties(*rows: tuple[int, int, bytes]) -> bytes:
    """Properties as they stand in one: type, number and value; those of text and bytes say how long they are."""
    out = struct.pack("<I", len(rows))
    for kind, number, value in rows:
        out += struct.pack("<HH", kind, number)
        out += b"\0" * 16 + struct.pack("<II", 0, 7) if number >= 0x8000 else b""
        out += struct.pack("<II", 1, len(value)) if kind in (0x0D, 0x1E, 0x1F, 0x102) else b""
        out += value + b"\0" * (-len(value) % 4)
    return out


def message(properties: Tree, head: int = 32) -> dict[str, Any]:
    """A storage with these properties, sent on 5 January 2026 at 10:00 UTC. `head`: 24 for one within another."""
    sent = 134_120_808_000_000_000  # in tenths of a microsecond since 1601
    fixed = bytes(head) + struct.pack("<HHIQ", 0x0040, 0x0039, 2, sent)
    return {"__properties_version1.0": fixed, **properties}
