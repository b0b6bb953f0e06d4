"""Drawings of Windows, made by hand."""

from __future__ import annotations

import struct


def emf(width: int = 400, height: int = 300, text: str = "", squares: int = 1) -> bytes:
    """Black squares in the left upper quarter of a page of so many dots, of a quarter of a millimetre each, and a text."""
    brush = struct.pack("<6I", 39, 24, 1, 0, 0, 0)
    chosen = struct.pack("<3I", 37, 12, 1)
    square = struct.pack("<2I4i", 43, 24, 0, 0, width // 2, height // 2)
    end = struct.pack("<5I", 14, 20, 0, 0, 20)
    body = brush + chosen + square * squares + _written(text) * bool(text) + end
    head = struct.pack(
        "<2I4i4i4s3I2H3I4i",
        1, 88, 0, 0, width, height, 0, 0, width * 25, height * 25, b" EMF", 0x10000, 88 + len(body), 4 + squares + bool(text), 2, 0, 0, 0, 0,
        width, height, width // 4, height // 4,
    )  # fmt: skip
    return head + body


def _written(text: str) -> bytes:
    letters = text.encode("utf-16-le", "surrogatepass")
    padded = letters.ljust(-(-len(letters) // 4) * 4, b"\0")
    count = len(letters) // 2
    about = struct.pack("<2i3I4iI", 10, 50, count, 76, 0, 0, 0, 0, 0, 76 + len(padded))
    size = 76 + len(padded) + 4 * count
    return struct.pack("<2I4iI2f", 84, size, 0, 0, 400, 300, 1, 1, 1) + about + padded + b"\5\0\0\0" * count
