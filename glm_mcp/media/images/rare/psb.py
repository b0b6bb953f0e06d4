"""Photoshop's large documents: as its others, but for the width of a few numbers."""

from __future__ import annotations

import struct
from array import array

MARK = b"8BPS\0\2"
_HEADER = 26
_PACKED = 1  # as lines of PackBits, whose lengths come before them


def as_psd(data: bytes) -> bytes:
    """The picture of all layers as a PSD; as it is where that cannot be: damage, a line of more bytes than one may have."""
    try:
        at = _HEADER
        for _ in ("colours", "resources"):
            at += 4 + struct.unpack_from(">I", data, at)[0]
        pixels = at + 8 + struct.unpack_from(">Q", data, at)[0]
        channels, height = struct.unpack_from(">HI", data, 12)
        (packing,) = struct.unpack_from(">H", data, pixels)
    except struct.error:
        return data
    start = pixels + 2
    lengths = b""
    if packing == _PACKED:
        lengths = data[start : start + 4 * channels * height]
        start += len(lengths)
        if len(lengths) < 4 * channels * height or any(lengths[::4]) or any(lengths[1::4]):
            return data
        lengths = _without_upper_half(lengths)
    head = b"8BPS\0\1" + data[6:at] + bytes(4)
    return head + data[pixels : pixels + 2] + lengths + data[start:]


def _without_upper_half(numbers: bytes) -> bytes:
    return array("H", numbers)[1::2].tobytes()
