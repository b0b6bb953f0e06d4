"""A container of old Office files, with nothing in its streams."""

from __future__ import annotations

import struct
from collections.abc import Iterable

NONE, END, TABLE = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
SECTOR = 512
Tree = Iterable["str | tuple[str, Tree]"]


def ole(tree: Tree) -> bytes:
    """Streams by their names; a storage is (name, what is in it)."""
    entries: list[list[object]] = [["Root Entry", 5, NONE, NONE]]
    entries[0][3] = _add(tree, entries)
    while len(entries) % 4:
        entries.append(["", 0, NONE, NONE])
    count = len(entries) // 4
    header = bytearray(SECTOR)
    header[:8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    struct.pack_into("<HHHHH", header, 24, 0x3E, 3, 0xFFFE, 9, 6)
    struct.pack_into("<IIIIIIIII", header, 44, 1, 1, 0, 4096, END, 0, END, 0, 0)
    struct.pack_into("<108I", header, 80, *[NONE] * 108)
    chain = [TABLE, *range(2, count + 1), END]
    table = struct.pack("<128I", *chain, *[NONE] * (128 - len(chain)))
    return bytes(header) + table + b"".join(_entry(*entry) for entry in entries)


def _add(tree: Tree, entries: list[list[object]]) -> int:
    """The number of the first of these entries; each is the right neighbour of the one before."""
    first = NONE
    for item in reversed(list(tree)):
        name, inside = (item, None) if isinstance(item, str) else item
        child = NONE if inside is None else _add(inside, entries)
        entries.append([name, 2 if inside is None else 1, first, child])
        first = len(entries) - 1
    return first


def _entry(name: object, kind: object, right: object, child: object) -> bytes:
    raw = str(name).encode("utf-16-le")
    length = len(raw) + 2 if raw else 0
    place = END if kind == 2 else 0  # of an empty stream
    head = struct.pack("<64sHBB", raw, length, kind, 1)
    return head + struct.pack("<III16sIQQIQ", NONE, right, child, b"", 0, 0, 0, place, 0)
