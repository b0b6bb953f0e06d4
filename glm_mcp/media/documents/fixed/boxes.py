"""A font in which every letter is a box: the parser passes letters over that a machine has no font for."""

from __future__ import annotations

import struct
import zlib

WIDE, NARROW = 1, 2  # glyphs


def font() -> bytes:
    """TrueType, with what a reader must have of it."""
    glyphs = [b"", _box(950), _box(450)]
    places, glyf = [0], b""
    for glyph in glyphs:
        glyf += glyph
        places.append(len(glyf))
    tables = {
        b"glyf": glyf,
        b"head": struct.pack(
            ">4I2H2Q4h2H3h", 0x10000, 0x10000, 0, 0x5F0F3CF5, 0, 1000, 0, 0, 0, -100, 950, 800, 0, 8, 2, 1, 0
        ),
        b"hhea": struct.pack(">I3hH11hH", 0x10000, 800, -100, 0, 1000, *[0] * 11, len(glyphs)),
        b"hmtx": b"".join(struct.pack(">Hh", width, 0) for width in (1000, 1000, 500)),
        b"loca": b"".join(struct.pack(">I", place) for place in places),
        b"maxp": struct.pack(">I14H", 0x10000, len(glyphs), 4, 1, 0, 0, 1, *[0] * 8),
    }
    head = struct.pack(">I4H", 0x10000, len(tables), 64, 2, len(tables) * 16 - 64)
    start, body = 12 + 16 * len(tables), b""
    for tag, data in tables.items():
        head += struct.pack(">4s3I", tag, 0, start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    return head + body


def stream(data: bytes) -> bytes:
    """An object of a PDF that holds these bytes."""
    packed = zlib.compress(data)
    return b"<</Length %d/Filter/FlateDecode>>stream\n%s\nendstream" % (len(packed), packed)


def _box(width: int) -> bytes:
    corners = struct.pack(">8h", 50, width - 50, 0, 50 - width, -100, 0, 900, 0)
    return struct.pack(">5h2H", 1, 50, -100, width, 800, 3, 0) + b"\1" * 4 + corners
