"""JPEG XL, by an optional library. It decodes a file whole, so its size is looked at here before. Blocking."""

from __future__ import annotations

import io
import struct
import sys
from collections.abc import Iterator

from PIL import Image

from glm_mcp.errors import MissingExtra, UnsupportedMedia

_STREAM = b"\xff\x0a"
_BOXES = 1_000  # looked at, before the pixels
_HEAD = 64  # bytes of the stream, more than sizes and colours of the header take
_BITS = (9, 13, 18, 30)  # that a length of the header may have
_RATIOS = ((1, 1), (6, 5), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))  # of width to height, from 1 on
_FIX = "Save it as PNG or JPEG in a program that opens it."
_CMYK = slice(16, 20), b"CMYK"  # where a colour profile says of which colours it is


class _Bits:
    """Numbers of some bits, the lowest first."""

    def __init__(self, data: bytes) -> None:
        self._left = int.from_bytes(data, "little")

    def take(self, count: int) -> int:
        value = self._left & ((1 << count) - 1)
        self._left >>= count
        return value

    def size(self) -> tuple[int, int]:
        """A width and a height, as they stand in the header."""
        small = self.take(1)
        height = self._length(small=small)
        ratio = self.take(3)
        if not ratio:
            return self._length(small=small), height
        across, down = _RATIOS[ratio - 1]
        return height * across // down, height

    def _length(self, *, small: int) -> int:
        return 8 * (self.take(5) + 1) if small else self.take(_BITS[self.take(2)]) + 1


def read(data: bytes, name: str, pixels: int) -> Image.Image:
    """The picture, of an animation its last one (the library shows none of the others); a JPEG that was packed without loss as that JPEG, not decoded.

    Raises DecompressionBombError (more than `pixels`), RuntimeError (damaged), MissingExtra, and UnsupportedMedia
    (colours of print, of which the library leaves out black).
    """
    try:
        from pillow_jxl import Decoder
    except ImportError:
        if sys.version_info >= (3, 15):  # for which the library is not built
            raise UnsupportedMedia(f"{name} is a JPEG XL picture, which is not read here", _FIX) from None
        raise MissingExtra("jxl", f"reading {name} (JPEG XL)") from None
    head = _head(data)
    width, height = _Bits(head).size()
    if not head:  # the library may find what was not found here
        raise RuntimeError("no size")
    if width * height > pixels:
        raise Image.DecompressionBombError(f"{width * height} pixels")
    is_jpeg, facts, raw, profile, _ = Decoder(num_threads=0)(data)
    if is_jpeg:
        return Image.open(io.BytesIO(raw), formats=["JPEG"])
    where, cmyk = _CMYK
    if profile and profile[where] == cmyk:
        raise UnsupportedMedia(f"{name} is a JPEG XL picture in colours of print (CMYK)", _FIX)
    image = Image.frombuffer(_mode(facts.mode), (facts.width, facts.height), raw, "raw", facts.mode, 0, 1)
    if image.mode == "F":  # from 0 to 1
        image = image.point(lambda value: value * 255 + 0.5).convert("L")
    image.format = "JXL"
    if profile:
        image.info["icc_profile"] = profile
    return image


def is_animated(data: bytes) -> bool:
    """Whether there are several pictures, as far as that is said where nothing but sizes comes before."""
    bits = _Bits(_head(data))
    bits.size()
    if bits.take(1) or not bits.take(1):  # all as most have it; nothing but colours
        return False
    bits.take(3)  # which way is up
    if bits.take(1):
        bits.size()
    return not bits.take(1) and bool(bits.take(1))


def _mode(raw: str) -> str:
    return "F" if raw.startswith("F") else raw


def _head(data: bytes) -> bytes:
    """The beginning of the stream behind its mark, in a container too, where it may stand in several parts; nothing where
    there is none.
    """
    whole = data[:_HEAD] if data[:2] == _STREAM else b""
    for part in () if whole else _parts(data):
        whole += part
        if len(whole) >= _HEAD:
            break
    return whole[2:_HEAD] if whole[:2] == _STREAM else b""


def _parts(data: bytes) -> Iterator[bytes]:
    """The beginning of each part of the stream in a container."""
    at = 0
    for _ in range(_BOXES):
        if at + 8 > len(data):
            return
        size, kind = struct.unpack_from(">I4s", data, at)
        start = 16 if size == 1 else 8
        length = int.from_bytes(data[at + 8 : at + 16], "big") if size == 1 else size or len(data) - at
        end = at + max(length, start)
        if kind in (b"jxlc", b"jxlp"):
            start += 4 if kind == b"jxlp" else 0  # the number of the part
            yield data[at + start : min(end, at + start + _HEAD)]
        at = end
