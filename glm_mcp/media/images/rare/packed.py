"""TIFFs whose values take any number of bits, packed one behind the other, or 24 or 32 bits: cameras and instruments write
them. Pillow refuses them, and the library of films takes some for black.
"""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image, ImageChops, ImageFile

from glm_mcp.media.images.tiff import first_tags

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _COLOURS = 256, 257, 258, 259, 262
_OFFSETS, _LENGTHS, _PLANES, _EXTRA, _FORMAT, _TILED = 273, 279, 284, 338, 339, 322
_MOST_BITS = 32
_BYTES = 1 << 20  # at once: while they are parted, each bit takes one
# By what the values of a pixel mean, and how many there are.
_MODES = {(0, 1): "L", (1, 1): "L", (2, 3): "RGB", (2, 4): "RGBA", (5, 4): "CMYK"}
_WHITE_IS_LEAST, _COVERS = 0, (2,)


def read(data: bytes, pixels: int) -> Image.Image | None:
    """The picture of a file of one page, not compressed; None for any other.

    Raises DecompressionBombError (more than `pixels`), ValueError (less of it than its head says), or errors of any kind
    where its tags are broken.
    """
    tags = first_tags(data)
    bits = tags.get(_BITS, (1,))
    mode = _MODES.get((tags.get(_COLOURS, -1), len(bits)))
    if mode is None or len(set(bits)) > 1 or not 1 < bits[0] <= _MOST_BITS or tags.next or _TILED in tags:
        return None
    if tags.get(_COMPRESSION, 1) != 1 or set(tags.get(_FORMAT, (1,))) != {1}:
        return None
    if mode == "RGBA" and tags.get(_EXTRA) != _COVERS:
        return None
    width, height, depth, count = int(tags[_WIDTH]), int(tags[_HEIGHT]), int(bits[0]), len(bits)
    if width * height > pixels:
        raise Image.DecompressionBombError(f"{width * height} pixels")
    planes = count > 1 and tags.get(_PLANES) == 2
    across, down = (width, height * count) if planes else (width * count, height)
    raw, whole = bytearray(), (across * depth + 7) // 8 * down
    for start, length in zip(tags[_OFFSETS], tags[_LENGTHS], strict=True):
        raw += data[start : start + min(length, whole - len(raw))]  # several may name the same bytes
    if ImageFile.LOAD_TRUNCATED_IMAGES:
        raw = raw.ljust(whole, b"\0")
    step = 1 if planes else count
    bands, lying = [], _Lying(bytes(raw), across, depth, little=data[:2] == b"II")
    for band in range(count):
        first, top = (0, band * height) if planes else (band, 0)
        bands.append(lying.band(first, top, (width, height), step))
    made = bands[0] if mode == "L" else Image.merge(mode, bands)
    made = ImageChops.invert(made) if tags[_COLOURS] == _WHITE_IS_LEAST else made
    made.format = "TIFF"
    return made


@dataclass(frozen=True, slots=True)
class _Lying:
    """How values lie in `raw`: `across` of them a row, each of `depth` bits, a row's last byte filled up."""

    raw: bytes
    across: int
    depth: int
    little: bool  # the lowest byte first

    def band(self, first: int, top: int, size: tuple[int, int], step: int) -> Image.Image:
        """Each `step`th value from the one at `first`, `top` on, in eight bits. Raises ValueError."""
        width, height = size
        line = (self.across * self.depth + 7) // 8
        # Whole bytes may come the other way round; each holds its highest bit first.
        place = self.depth - 8 if self.little and self.depth % 8 == 0 else 0
        made = Image.new("L", size)
        most = max(1, _BYTES // line)
        for y in range(0, height, most):
            rows = min(most, height - y)
            begin = (top + y) * line
            bits = Image.frombytes("1", (line * 8, rows), self.raw[begin : begin + rows * line])
            part = Image.new("L", (width, rows))
            for bit in range(min(self.depth, 8)):
                apart = step * self.depth
                # The middle of each pixel that is made is looked at, half a step from its edge.
                at = first * self.depth + place + bit + 0.5 - apart / 2
                one = bits.transform(part.size, Image.Transform.AFFINE, (apart, 0, at, 0, 1, 0))
                worth = self._worth(bit)
                part = ImageChops.add(part, one.convert("L").point(lambda v, worth=worth: worth if v else 0))
            made.paste(part, (0, y))
        return made

    def _worth(self, bit: int) -> int:
        """Of 255, from the highest bit on."""
        seen = min(self.depth, 8)
        return round(255 * (1 << (seen - 1 - bit)) / ((1 << seen) - 1))
