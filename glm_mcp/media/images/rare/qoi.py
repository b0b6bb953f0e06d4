"""QOI pictures that begin with black: Pillow forgets that first colour, and shows it seen through wherever it comes again."""

from __future__ import annotations

_HEADER = 14
_BLACK = b"\xff\0\0\0\xff"  # one pixel, with all its values written out
_RUN = 0xC0  # and how many more pixels, up to 62, are as the one before; before the first, that is black


def simple(data: bytes) -> bytes:
    """The same picture with its first pixel written out; as it is where that is so already."""
    first = data[_HEADER : _HEADER + 1]
    if not first or not _RUN <= first[0] < 0xFE:
        return data
    rest = bytes([first[0] - 1]) if first[0] > _RUN else b""
    return data[:_HEADER] + _BLACK + rest + data[_HEADER + 1 :]
