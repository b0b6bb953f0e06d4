"""Drawings of Windows, made by hand."""

from __future__ import annotations

import struct


def emf(width: int = 400, height: int = 300) -> bytes:
    """A black square in the left upper quarter of a page of so many dots, of a quarter of a millimetre each."""
    brush = struct.pack("<6I", 39, 24, 1, 0, 0, 0)
    chosen = struct.pack("<3I", 37, 12, 1)
    square = struct.pack("<2I4i", 43, 24, 0, 0, width // 2, height // 2)
    end = struct.pack("<5I", 14, 20, 0, 0, 20)
    body = brush + chosen + square + end
    head = struct.pack(
        "<2I4i4i4s3I2H3I4i",
        1, 88, 0, 0, width, height, 0, 0, width * 25, height * 25, b" EMF", 0x10000, 88 + len(body), 5, 2, 0, 0, 0, 0,
        width, height, width // 4, height // 4,
    )  # fmt: skip
    return head + body
