"""The numbers of a TIFF that Pillow has no mode for. It unpacks them as if each byte were a pixel of grey; what the bytes
mean is told here. Blocking.
"""

from __future__ import annotations

import io
import struct
import sys
from array import array
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from PIL import Image

from glm_mcp.media.images.tiff import first_tags

# Tags of TIFF.
_WIDTH, _HEIGHT, _BITS, _PACKING, _COLOURS, _FILL, _COUNT, _PREDICTOR = 256, 257, 258, 259, 262, 266, 277, 317
_STRIPS, _ROWS, _STRIP_BYTES, _PLANES, _EXTRA, _FORMATS = 273, 278, 279, 284, 338, 339
_ACROSS, _DOWN, _TILES, _TILE_BYTES = 322, 323, 324, 325
# None, LZW, Deflate, PackBits: those that know nothing of pixels.
_PACKINGS = frozenset((1, 5, 8, 32773, 32946))
# By what kind of number and how many bits, as Python has them: without a sign, with one, with a point.
_NUMBERS = {
    **{(1, bits): code for bits, code in ((8, "B"), (16, "H"), (32, "I"), (64, "Q"))},
    **{(2, bits): code for bits, code in ((8, "b"), (16, "h"), (32, "i"), (64, "q"))},
    **{(3, bits): code for bits, code in ((16, "e"), (32, "f"), (64, "d"))},
}
_UNSIGNED = {1: "B", 2: "H", 4: "I", 8: "Q"}
_TOGETHER = 1 << 20  # bytes
_DIFFERENCES, _FLOATING = 2, 3  # predictors


@dataclass(frozen=True, slots=True)
class Numbers:
    """The first page. `code`: of its numbers, as in `struct`; `colours`: what the first of them mean, `extra` the others.
    `across`, `down`: of a piece, which is a tile, or a strip of the whole width.
    """

    data: bytes
    width: int
    height: int
    count: int
    code: str
    colours: int
    extra: tuple[int, ...]
    planes: bool
    predictor: int
    packing: int
    tiled: bool
    across: int
    down: int
    starts: tuple[int, ...]
    lengths: tuple[int, ...]

    @classmethod
    def of(cls, data: bytes) -> Numbers | None:
        """None for a form that is not read here. Raises errors of any kind where the tags are broken."""
        tags: Any = first_tags(data)
        bits, kinds = set(tags.get(_BITS, (1,))), set(tags.get(_FORMATS, (1,)))
        code = _NUMBERS.get((min(kinds), min(bits))) if len(bits) == len(kinds) == 1 else None
        packing, predictor = tags.get(_PACKING, 1), tags.get(_PREDICTOR, 1)
        if code is None or packing not in _PACKINGS or predictor > _FLOATING or tags.get(_FILL, 1) != 1:
            return None
        tiled = _TILES in tags
        width, height = tags[_WIDTH], tags[_HEIGHT]
        return cls(
            data,
            width,
            height,
            tags.get(_COUNT, 1),
            code,
            tags.get(_COLOURS, 1),
            tuple(tags.get(_EXTRA, ())),
            tags.get(_PLANES, 1) == 2,
            predictor,
            packing,
            tiled,
            tags[_ACROSS] if tiled else width,
            tags[_DOWN] if tiled else min(tags.get(_ROWS, height), height),
            tuple(tags[_TILES if tiled else _STRIPS]),
            tuple(tags[_TILE_BYTES if tiled else _STRIP_BYTES]),
        )

    @property
    def size(self) -> int:
        """Bytes of a number."""
        return struct.calcsize(self.code)

    @property
    def side_by_side(self) -> int:
        """Numbers of a pixel that stand next to each other."""
        return 1 if self.planes else self.count

    @property
    def unpacked(self) -> int:
        """Bytes of all numbers, those of tiles beyond the edge among them."""
        across = -(-self.width // self.across) * self.across
        return across * self._height() * self.count * self.size

    def bands(self, wanted: int) -> list[Image.Image]:
        """The first channels as "F". Raises OSError, ValueError where they are damaged."""
        if not self.planes:
            rows = self._rows(0)
            return [self._band(rows, k) for k in range(wanted)]
        return [self._band(self._rows(k), 0) for k in range(wanted)]

    def _band(self, rows: array[Any], k: int) -> Image.Image:
        step, line = self.side_by_side, len(rows) // self._height()
        made = array("f")
        for at in range(0, self.height * line, line):
            made.extend(rows[at + k : at + self.width * step : step].tolist())
        return Image.frombytes("F", (self.width, self.height), made.tobytes())

    def _height(self) -> int:
        return -(-self.height // self.down) * self.down if self.tiled else self.height

    def _rows(self, plane: int) -> array[Any]:
        """The numbers of a plane, row by row; rows of tiles may be longer than the picture is wide."""
        tiles = -(-self.width // self.across)
        piece = self.across * self.side_by_side * self.size
        raw = bytearray(self._unpacked(plane, piece, tiles * piece))
        if self.predictor == _FLOATING:
            for at in range(0, len(raw), piece):
                raw[at : at + piece] = self._floating(raw[at : at + piece])
        elif self.predictor == _DIFFERENCES:
            raw = self._summed(raw, piece // self.size)
        if self.code == "e":
            order, halves = "<" if self._is_little() else ">", array("f")
            for at in range(0, len(raw), _TOGETHER):  # each is an object of Python meanwhile
                some = raw[at : at + _TOGETHER]
                halves.extend(struct.unpack(f"{order}{len(some) // 2}e", some))
            return halves
        numbers = array(self.code, bytes(raw))
        if not self._is_ours():
            numbers.byteswap()
        return numbers

    def _is_little(self) -> bool:
        """The order of the bytes in a number, once unpacked: where differences were summed, this machine's."""
        return self.data[:2] == b"II" if self.predictor == 1 else sys.byteorder == "little"

    def _is_ours(self) -> bool:
        return self._is_little() == (sys.byteorder == "little")

    def _unpacked(self, plane: int, piece: int, line: int) -> bytes:
        """The bytes of a plane: a picture of grey, a byte a pixel, as far as the library is told."""
        pieces = len(self.starts) // (self.count if self.planes else 1)
        chosen = slice(plane * pieces, (plane + 1) * pieces)
        starts, lengths = self.starts[chosen], self.lengths[chosen]
        order = "<" if self.data[:2] == b"II" else ">"
        tags: dict[int, tuple[int, ...]] = {
            _WIDTH: (line,),
            _HEIGHT: (self._height(),),
            _BITS: (8,),
            _PACKING: (self.packing,),
            _COLOURS: (1,),
            _COUNT: (1,),
        }
        if self.tiled:
            tags |= {_ACROSS: (piece,), _DOWN: (self.down,), _TILES: starts, _TILE_BYTES: lengths}
        else:
            tags |= {_STRIPS: starts, _ROWS: (self.down,), _STRIP_BYTES: lengths}
        end = len(self.data) + len(self.data) % 2
        behind = end + 2 + 12 * len(tags) + 4
        rows, values = b"", b""
        for tag, numbers in sorted(tags.items()):
            packed = struct.pack(f"{order}{len(numbers)}I", *numbers)
            place = packed if len(numbers) == 1 else struct.pack(order + "I", behind + len(values))
            values += packed if len(numbers) > 1 else b""
            rows += struct.pack(order + "HHI", tag, 4, len(numbers)) + place
        head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", end)
        shifted = head + self.data[8:] + bytes(end - len(self.data))
        file = io.BytesIO(shifted + struct.pack(order + "H", len(tags)) + rows + bytes(4) + values)
        return Image.open(file, formats=["TIFF"]).tobytes()

    def _summed(self, raw: bytearray, line: int) -> bytearray:
        """Where each number is how much it differs from the one before it, in a row of a piece."""
        numbers = array(_UNSIGNED[self.size], bytes(raw))
        if (self.data[:2] == b"II") != (sys.byteorder == "little"):
            numbers.byteswap()
        step, mask = self.side_by_side, (1 << 8 * self.size) - 1
        for at in range(0, len(numbers), line):
            for k in range(at, at + step):
                sums = accumulate(numbers[k : at + line : step])
                numbers[k : at + line : step] = array(numbers.typecode, [v & mask for v in sums])
        return bytearray(numbers.tobytes())

    def _floating(self, row: bytearray) -> bytearray:
        """A row in which the first bytes of all numbers come before all second ones, as differences."""
        step = self.side_by_side
        for k in range(step):
            row[k::step] = bytes(v & 0xFF for v in accumulate(row[k::step]))
        made, count = bytearray(len(row)), len(row) // self.size
        for k in range(self.size):
            place = self.size - 1 - k if sys.byteorder == "little" else k
            made[place :: self.size] = row[k * count : (k + 1) * count]
        return made
