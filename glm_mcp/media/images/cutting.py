"""One decoded image into the pictures that are sent: cut, converted, encoded within a budget. Blocking."""

from __future__ import annotations

import math
from dataclasses import dataclass

from PIL import Image

from glm_mcp.glm.messages import Image as Part
from glm_mcp.media.images import decode, encode, tiling
from glm_mcp.media.images.flatten import Flatten, flattener
from glm_mcp.media.images.options import Options, shares
from glm_mcp.media.images.resize import resized
from glm_mcp.media.images.tiling import Cut
from glm_mcp.media.types import Picture

_LOOKED_AT = 1000  # pixels from the middle in each direction
_SMALL_TEXT = 0.67  # at a smaller scale it may be lost


@dataclass(frozen=True, slots=True)
class Canvas:
    """A decoded, upright image. `flatten` makes it, or a part of it, RGB or L. `size`: square pixels of the whole original,
    in which regions are named; `image` may have been decoded smaller, and hold pixels that are not square.
    """

    image: Image.Image
    flatten: Flatten
    size: tuple[int, int]
    photo: bool


def canvas_of(
    image: Image.Image, size: tuple[int, int], options: Options, notes: list[str], *, photo: bool = False
) -> Canvas:
    """`photo`: known for one; otherwise it is looked at. Adds to `notes` what flattening changes. Raises Damaged."""
    flatten, said = flattener(image)
    notes += said
    with decode.decoding(options.name):
        return Canvas(image, flatten, size, photo or encode.is_photo(look_at(image, flatten)))


def look_at(image: Image.Image, flatten: Flatten) -> Image.Image:
    """The middle of the image, enough to tell a photo from graphics."""
    left, top = max(0, image.width // 2 - _LOOKED_AT), max(0, image.height // 2 - _LOOKED_AT)
    right, bottom = min(image.width, left + 2 * _LOOKED_AT), min(image.height, top + 2 * _LOOKED_AT)
    return flatten(image.crop((left, top, right, bottom)))


def is_tiled(width: int, height: int, options: Options) -> bool:
    return options.tiles and options.max_parts > 1 and tiling.is_long(width, height)


def cut(canvas: Canvas, options: Options, notes: list[str]) -> list[Picture]:
    """The region that is wanted, whole or in tiles; what together exceeds the budget is encoded again within fair
    shares. Adds to `notes`.

    Raises InvalidRequest (a region outside), MediaTooLarge, Damaged.
    """
    wanted = _plan(canvas, options)
    cap = min(options.limit, options.budget)
    pictures = [_picture(canvas, part, label, cap, options) for part, label in wanted]
    sizes = [len(p.part.data or b"") for p in pictures]
    if sum(sizes) > options.budget:
        for i, share in enumerate(shares(sizes, options.budget)):
            if sizes[i] > share:
                pictures[i] = _picture(canvas, *wanted[i], share, options)
    text = not canvas.photo or tiling.is_long(*canvas.size)
    note_shrinking(min(p.scale for p in pictures), notes, text=text)
    return pictures


def note_shrinking(scale: float, notes: list[str], *, text: bool) -> None:
    """`text`: the image may hold some."""
    if scale < 0.95:
        lost = ": small text may be lost" if text and scale < _SMALL_TEXT else ""
        notes.append(f"shrunk {1 / scale:.1f}×{lost}")


def _plan(canvas: Canvas, options: Options) -> list[tuple[Cut, str]]:
    """What to cut, each with its label."""
    region = options.region(canvas.size)
    width, height = region[2] - region[0], region[3] - region[1]
    if not is_tiled(width, height, options):
        return [(tiling.whole(region, side=options.side, photo=canvas.photo), "")]
    tiles = tiling.tiles(region, side=options.side, max_parts=options.max_parts)
    tall = height >= width
    return [
        (
            tile,
            tiling.label(tile.region, number, len(tiles), canvas.size, tall=tall, pixel=options.pixel),
        )
        for number, tile in enumerate(tiles, 1)
    ]


def _picture(canvas: Canvas, part: Cut, label: str, limit: int, options: Options) -> Picture:
    with decode.decoding(options.name):
        image = _extract(canvas, part)
    made = encode.encode(image, limit=limit, photo=canvas.photo, name=options.name)
    left, top, right, bottom = part.region
    across, down = made.size[0] / (right - left), made.size[1] / (bottom - top)
    return Picture(
        Part(options.name, data=made.data, mime=made.mime),
        *made.size,
        original=(canvas.size[0], round(canvas.size[1] / options.pixel)),
        left=left / options.units,
        top=top / options.units / options.pixel,
        scale=across * options.units,
        stretch=down / across * options.pixel,
        label=label,
    )


def _extract(canvas: Canvas, part: Cut) -> Image.Image:
    """The part at the size it is sent, RGB or L."""
    image = canvas.image
    factor, down = image.width / canvas.size[0], image.height / canvas.size[1]
    left, top, right, bottom = (v * f for v, f in zip(part.region, (factor, down) * 2, strict=True))
    box = (
        math.floor(left),
        math.floor(top),
        min(image.width, math.ceil(right)),
        min(image.height, math.ceil(bottom)),
    )
    width, height = box[2] - box[0], box[3] - box[1]
    if factor < 1 and width <= part.size[0] and height <= part.size[1]:
        return resized(image, canvas.flatten, box, (width, height))  # decoded smaller: not blown up again
    return resized(image, canvas.flatten, box, part.size)
