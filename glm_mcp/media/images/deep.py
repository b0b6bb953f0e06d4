"""16 bits a colour, of which Pillow keeps the upper eight. Blocking."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image, ImageChops

from glm_mcp.media.images import metadata
from glm_mcp.media.images.flatten import few_bits, used_bits

_BANDS = {"RGB": 3, "RGBA": 3}  # of colour; what transparency there is has its own range


def brightened(data: bytes, image: Image.Image, notes: list[str]) -> Image.Image:
    """A loaded PNG of 16 bits a colour that uses 12 of them at most (cameras, scanners), shown by those; others as they
    are. Adds to `notes`.
    """
    if image.format != "PNG" or image.mode not in _BANDS or data[24:25] != b"\x10":
        return image
    extrema: Any = image.getextrema()
    if max(high for _, high in extrema[: _BANDS[image.mode]]) >= 16:
        return image
    lower = Image.open(io.BytesIO(metadata.sound_png(data)), formats=["PNG"])
    # Read as if the bytes of a value stood the other way round, so that the lower eight bits are kept.
    lower.tile = [tile._replace(args=str(tile.args).replace("16B", "16L")) for tile in lower.tile]
    lower.load()
    pairs: Any = list(zip(image.split(), lower.split(), strict=True))
    colours = pairs[: _BANDS[image.mode]]
    upper = max(high.getextrema()[1] for high, _ in colours)
    bits = used_bits(256 * upper + 255 if upper else max(low.getextrema()[1] for _, low in colours))
    if bits == 16:
        return image
    bands = [
        ImageChops.add(high.point(lambda v: min(255, v << (16 - bits))), low.point(lambda v: v >> (bits - 8)))
        for high, low in colours
    ]
    notes.append(few_bits(bits))
    return Image.merge(image.mode, [*bands, *(high for high, _ in pairs[_BANDS[image.mode] :])])
