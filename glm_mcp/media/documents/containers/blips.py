"""Pictures as Office kept them before XML: in a store that shapes name by number ([MS-ODRAW] 2.2.20 to 2.2.32)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from glm_mcp.media.documents.pages import LeftOut

STORE, _ENTRY = 0xF001, 0xF007  # records: the store, and an entry of it
_SUFFIXES = {
    0xF01A: ".emf", 0xF01B: ".wmf", 0xF01C: ".pict", 0xF01D: ".jpg", 0xF01E: ".png", 0xF01F: ".dib", 0xF029: ".tif",
    0xF02A: ".jpg",
}  # fmt: skip
# Of records whose data one checksum precedes; where two do, the number is one higher.
_ONE_SUM = (0x3D4, 0x216, 0x542, 0x46A, 0x6E2, 0x6E0, 0x7A8, 0x6E4)
_DRAWN = (0xF01A, 0xF01B, 0xF01C)
_HEAD, _PACKED, _AS_IT_IS = 34, 32, 0xFE  # bytes before a drawing, and the one that says whether it is packed
_UNPACKED, _ALL = 20_000_000, 500_000_000  # bytes of a picture, and of all that are unpacked
_PICTURES = 5_000  # of one store


class Blip(NamedTuple):
    """`suffix`: of a file of that kind. `held`: its bytes, as they lie there; `is_packed`: by bare Deflate."""

    suffix: str
    held: bytes
    is_drawing: bool = False
    is_packed: bool = False

    def data(self) -> bytes:
        """The bytes of that file; of a drawing, which is mostly packed, b"" where they are damaged, or too many; of what is
        packed, one more than are taken of a picture where they are too many.
        """
        if self.is_packed:
            return _deflated(self.held)
        return _drawing(self.held) if self.is_drawing else self.held


def blip(data: bytes, at: int, most: int) -> Blip | None:
    """The picture of the record there, which an entry of a store may hold; None where there is none of at most so many
    bytes.
    """
    for _ in range(2):
        if at < 0 or at + 8 > len(data):
            return None
        head, kind, size = struct.unpack_from("<HHI", data, at)
        if kind != _ENTRY:
            break
        at += 8 + 36 + (data[at + 8 + 33] if at + 42 <= len(data) else 0)
    if kind not in _SUFFIXES:
        return None
    sums = 16 + 16 * ((head >> 4) not in _ONE_SUM)
    if kind in _DRAWN:
        end = at + 8 + size
        return Blip(_SUFFIXES[kind], data[at + 8 + sums : end], is_drawing=True) if size <= most else None
    start = at + 8 + sums + 1
    return Blip(_SUFFIXES[kind], data[start : at + 8 + size]) if size <= most else None


def _deflated(held: bytes) -> bytes:
    try:
        return zlib.decompressobj(-15).decompress(held, _UNPACKED + 1)
    except zlib.error:
        return b""


def _drawing(held: bytes) -> bytes:
    try:
        if held[_PACKED] == _AS_IT_IS:
            return held[_HEAD:]
        unpacker = zlib.decompressobj()
        made = unpacker.decompress(held[_HEAD:], _UNPACKED)
    except (zlib.error, IndexError):
        return b""
    return b"" if unpacker.unconsumed_tail else made


def stored(data: bytes, start: int, end: int, delayed: bytes) -> Iterator[Blip | None]:
    """Those of a store that lies there, in the order of their numbers from 1. `delayed`: what holds pictures that the store
    only points to.
    """
    # Entries that share their bytes would make more of it.
    at, room = start, len(data) + len(delayed)
    for _ in range(_PICTURES):
        if at + 8 > end:
            return
        kind, size = struct.unpack_from("<2xHI", data, at)
        found = blip(data, at, room) if kind != _ENTRY or size > 36 + 8 else None
        if found is None and kind == _ENTRY and at + 44 <= len(data):
            (place,) = struct.unpack_from("<I", data, at + 8 + 28)
            found = blip(delayed, place, room)
        room -= len(found.held) if found else 0
        yield found
        at += 8 + size


class Blips:
    """Pictures of one file by names, which are `Parts`."""

    def __init__(self, name: str, left_out: LeftOut, pictures: Mapping[str, Blip]) -> None:
        self.name = name
        self.left_out = left_out
        self._pictures = pictures
        self._room = _ALL
        self._known: dict[str, tuple[int, int]] = {}

    def identity(self, path: str) -> tuple[int, int]:
        if path not in self._known:
            data = self.read(path)
            self._known[path] = zlib.crc32(data), len(data)
        return self._known[path]

    def has(self, path: str) -> bool:
        return path in self._pictures

    def read(self, path: str, most: int | None = None) -> bytes:
        if path not in self._pictures or self._room <= 0:
            return b""
        picture = self._pictures[path]
        data = picture.data()
        self._room -= len(data) * (picture.is_drawing or picture.is_packed)
        return data[:most]
