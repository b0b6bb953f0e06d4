"""A region of a large image at another size, without a second copy of the whole. Blocking."""

from __future__ import annotations

import math

from PIL import Image

from glm_mcp.media.images.flatten import Flatten
from glm_mcp.media.images.tiling import MP, Region

_LARGE = 12 * MP  # pixels: from here on in bands
_BAND = 3 * MP  # of this many pixels


def resized(image: Image.Image, flatten: Flatten, box: Region, size: tuple[int, int]) -> Image.Image:
    """The `box` of `image`, RGB or L by `flatten`, at `size` pixels."""
    width, height = box[2] - box[0], box[3] - box[1]
    if width * height <= _LARGE:
        part = flatten(image if box == (0, 0, *image.size) else image.crop(box))
        return part if part.size == size else part.resize(size, Image.Resampling.LANCZOS, reducing_gap=3)
    mode = "L" if image.mode in {"1", "L"} or image.mode[0] in "IF" else "RGB"
    step = min(width // size[0], height // size[1])
    if step < 2:
        return _in_bands(image, flatten, mode, box, size)
    part = Image.new(mode, (math.ceil(width / step), math.ceil(height / step)))
    rows = max(step, _BAND // width // step * step)
    for y in range(0, height, rows):
        band = image.crop((box[0], box[1] + y, box[2], min(box[1] + y + rows, box[3])))
        part.paste(flatten(band).reduce(step), (0, y // step))
    return part if part.size == size else part.resize(size, Image.Resampling.LANCZOS, reducing_gap=3)


def _in_bands(
    image: Image.Image, flatten: Flatten, mode: str, box: Region, size: tuple[int, int]
) -> Image.Image:
    """As one resize of the whole box would do it: each band sees the rows beside it."""
    width, height = box[2] - box[0], box[3] - box[1]
    scale = height / size[1]
    done = Image.new(mode, size)
    rows = max(1, int(_BAND / width / scale))
    margin = math.ceil(3 * max(1.0, scale)) + 1  # Lanczos looks three pixels far
    for top in range(0, size[1], rows):
        bottom = min(size[1], top + rows)
        low = max(0, math.floor(top * scale) - margin)
        high = min(height, math.ceil(bottom * scale) + margin)
        band = flatten(image.crop((box[0], box[1] + low, box[2], box[1] + high)))
        within = (0, top * scale - low, width, min(bottom * scale, height) - low)
        done.paste(band.resize((size[0], bottom - top), Image.Resampling.LANCZOS, box=within), (0, top))
    return done
