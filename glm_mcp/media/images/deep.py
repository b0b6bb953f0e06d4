"""16 bits a colour, of which Pillow keeps the upper eight. Blocking."""

from __future__ import annotations

import io
import sys
from typing import Any

from PIL import Image, ImageChops

from glm_mcp.media.images import metadata, tiff
from glm_mcp.media.images.flatten import few_bits, used_bits

_BANDS = {"RGB": 3, "RGBA": 3, "CMYK": 4}  # of colour; what transparency there is has its own range
PIXELS = b"\xff\x4f\xff\x51"  # what begins those of a JPEG 2000, and says how large they are
_BITS_PER_SAMPLE, _PLANES = 258, 284  # tags of TIFF
# The raw modes of 16 bits, and those that keep the lower eight: the bytes of a value read the other way round.
_OTHER = {"16B": "16L", "16L": "16B", "16N": "16L" if sys.byteorder == "big" else "16B"}


def load(data: bytes, image: Image.Image, notes: list[str], *, page: int = 0) -> Image.Image:
    """Decodes an opened file; `page`: where in a TIFF it begins. Colours of 16 bits that use 12 of them at most
    (cameras, scanners) are shown by those. Adds to `notes`.
    """
    deep = image.mode in _BANDS and _is_deep(data, image)
    if deep:
        _whole_planes(image)
    image.load()
    if tiff.print_is_clear(image):
        notes.append("where it is transparent is not shown")
    palette = tiff.palette_of_bytes(image)
    if palette:
        image.putpalette(palette)
    made = tiff.own_colours(image)
    return _brightened(data, image, notes, page) if deep and made is image else made


def overflows(data: bytes) -> bool:
    """Whether a JPEG 2000 has colours, or grey and its transparency, of more than eight bits: Pillow makes their brightest
    value 0, so that white is black and what covers is seen through.
    """
    head = data.find(PIXELS)
    bands = int.from_bytes(data[head + 40 : head + 42], "big") if head >= 0 else 0
    return bands > 1 and any(depth & 0x7F >= 8 for depth in data[head + 42 : head + 42 + 3 * bands : 3])


def _is_deep(data: bytes, image: Image.Image) -> bool:
    if image.format == "PNG":
        return data[24:25] == b"\x10"
    tags: Any = getattr(image, "tag_v2", {})
    return image.format == "TIFF" and set(tags.get(_BITS_PER_SAMPLE, ())) == {16}


def _whole_planes(image: Any) -> None:
    """Pillow takes planes of 16 bits that are not compressed for planes of eight."""
    depth = "16B" if getattr(image, "tag_v2", None) and image.tag_v2.prefix == b"MM" else "16L"
    for i, tile in enumerate(image.tile):
        if tile.codec_name == "raw" and isinstance(tile.args, tuple) and tile.args[0] in ("R", "G", "B", "A"):
            image.tile[i] = tile._replace(args=(f"{tile.args[0]};{depth}", *tile.args[1:]))


def _brightened(data: bytes, image: Image.Image, notes: list[str], page: int) -> Image.Image:
    colours = _BANDS[image.mode]
    bands = image.split()
    upper = max(_top(band) for band in bands[:colours])
    if upper >= 16:
        return image
    lower = _lower(data, image, page)
    bits = used_bits(256 * upper + 255 if upper else max(map(_top, lower[:colours]), default=0))
    if bits == 16:
        return image
    shown = [band.point(lambda v: min(255, v << (16 - bits))) for band in bands[:colours]]
    if lower:
        rest = [band.point(lambda v: v >> (bits - 8)) for band in lower[:colours]]
        shown = [ImageChops.add(*pair) for pair in zip(shown, rest, strict=True)]
    if (said := few_bits(bits)) not in notes:
        notes.append(said)
    made = Image.merge(image.mode, [*shown, *bands[colours:]])
    made.info, made.format = image.info, image.format
    return made


def _top(band: Image.Image) -> int:
    extrema: Any = band.getextrema()
    return int(extrema[1])


def _lower(data: bytes, image: Image.Image, page: int) -> list[Image.Image]:
    """The lower eight bits of each value; [] where the file stores them so that Pillow gives no hold."""
    png = image.format == "PNG"
    file = io.BytesIO(metadata.sound_png(data)) if png else tiff.Page(data, page)
    lower: Any = Image.open(file, formats=[image.format or ""])
    if (
        not png
        and lower.tag_v2.get(_PLANES) == 2
        and any(tile.codec_name == "libtiff" for tile in lower.tile)
    ):
        return []
    _whole_planes(lower)
    grey = False
    for i, tile in enumerate(lower.tile):
        first, *rest = [tile.args] if isinstance(tile.args, str) else tile.args
        base, _, depth = first.partition(";")
        if depth not in _OTHER or "a" in base:  # colours multiplied by their transparency
            return []
        grey = base == "LA"  # its four bytes a pixel, each by itself: Pillow knows no other order of them
        mode = "RGBA" if grey else f"{base};{_OTHER[depth]}"
        lower.tile[i] = tile._replace(args=(mode, *rest) if rest else mode)
    lower.load()
    bands = list(lower.split())
    return [bands[1]] * 3 + [bands[3]] if grey else bands
