"""Cursors of Windows: icons that also say where they point, in the place of the colours' number. Pillow shows them without
what makes them transparent, so that most are a black square.
"""

from __future__ import annotations

import struct

_ENTRY = 16


def as_icon(data: bytes) -> bytes:
    icon = bytearray(data)
    icon[2] = 1
    for entry in range(6, 6 + _ENTRY * int.from_bytes(data[4:6], "little"), _ENTRY):
        at = int.from_bytes(data[entry + 12 : entry + 16], "little")
        packed = data[at : at + 4] == b"\x89PNG"
        bits = 32 if packed else int.from_bytes(data[at + 14 : at + 16], "little")
        icon[entry + 4 : entry + 8] = struct.pack("<HH", 1, bits)
    return bytes(icon)
