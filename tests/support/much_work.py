"""Pictures and pages that are much work to those who go through them again and again."""

from __future__ import annotations

import struct
from types import SimpleNamespace
from typing import Any


def narrow_bitmap(height: int) -> bytes:
    """One pixel wide, with the bits of its colours where few programs put them."""
    masks = struct.pack("<4I", 0xFF, 0xFF00, 0xFF0000, 0xFF000000)
    head = struct.pack("<IiiHHI20x", 56, 1, height, 1, 32, 3)
    return b"BM" + struct.pack("<IHHI", 0, 0, 0, 70) + head + masks + bytes(4 * height)


def page_of_texts(turn: int, text: str = "word") -> Any:
    """Forty thousand texts, each of which stands `turn` degrees further round than the one before."""
    box = SimpleNamespace(text=text, x=0, y=0, width=9, height=9)
    items = [
        SimpleNamespace(
            text=f"{text} {n}", x=n, y=n, width=9, height=9, rotation=n * turn, font_size=9, words=[box]
        )
        for n in range(40_000)
    ]
    return SimpleNamespace(text_items=items)


def narrow_tiff(height: int, strips: int) -> bytes:
    """A TIFF one pixel of three bits wide, each of whose strips has all of it."""
    tags = struct.pack("<2sHI", b"II", 42, 8) + struct.pack("<H", 7)
    for tag, count, value in (
        *((256, 1, 1), (257, 1, height), (258, 1, 3), (259, 1, 1), (262, 1, 1)),
        *((273, strips, 98), (279, strips, 98 + 4 * strips)),
    ):
        one = {273: 98, 279: height}.get(tag, value)
        tags += struct.pack("<HHII", tag, 4, count, value if count > 1 else one)
    lists = struct.pack("<I", 98) * strips + struct.pack("<I", height) * strips
    return tags + bytes(4) + lists + bytes(height)
