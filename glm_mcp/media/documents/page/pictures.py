"""A page as it is drawn, in as many pictures as its shape wants."""

from __future__ import annotations

import io
from typing import Any

SIDE = 1568  # pixels of the long side, where small print stays legible and a page stays near 250 KB
TALL = 3.0  # a page longer than this many times its width is cut into tiles
_LIGHT = 400_000  # a PNG up to here goes as it is; a heavier one becomes a JPEG


def pictures(shot: Any, side: int, max_bytes: int) -> list[tuple[list[Any], bytes]]:
    from PIL import Image

    width, height = shot.width, shot.height
    if max(width, height) <= side + 2 and len(shot.image_bytes) <= min(_LIGHT, max_bytes):
        return [([shot.page_num, width, height, width, height, 0, "image/png"], shot.image_bytes)]
    with Image.open(io.BytesIO(shot.image_bytes)) as picture:
        whole = picture.convert("RGB")
    if max(width, height) <= side + 2 or width > height * TALL:
        tiles = [(0, whole)]
        if max(whole.size) > side + 2:
            whole.thumbnail((side, side))
    else:
        step = side - 64  # lines at a border appear on both tiles
        tops = range(0, max(height - 64, 1), step)
        tiles = [(top, whole.crop((0, top, width, min(top + side, height)))) for top in tops]
    return [
        ([shot.page_num, *tile.size, *whole.size, top, "image/jpeg"], _jpeg(tile, max_bytes))
        for top, tile in tiles
    ]


def _jpeg(picture: Any, max_bytes: int) -> bytes:
    """At lower quality where it must be, and never smaller."""
    from glm_mcp.media.raster import jpeg_within

    return jpeg_within(picture, max_bytes, qualities=(85, 70, 50, 30), min_side=2 * SIDE).data
