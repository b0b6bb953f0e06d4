"""One decoded picture into the pieces that are sent: cut, converted, encoded within a budget. Blocking."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

from glm_mcp.errors import InvalidRequest
from glm_mcp.media.images import decode, encode, tiling
from glm_mcp.media.images.tiling import Cut

_LARGE = 12 * decode.MP  # a picture from here on is converted in bands
_BAND = 3 * decode.MP  # of this many pixels


@dataclass(frozen=True, slots=True)
class Options:
    """What is wanted of a file. `limit`: bytes a piece; `budget`: bytes for all its pieces; `most`: their number."""

    name: str
    side: int
    limit: int
    budget: int
    most: int
    tiles: bool = True
    xywh: tuple[float, float, float, float] | None = None
    percent: bool = False
    t: tuple[float, float | None] | None = None
    page: str | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """As `parts.Picture`, with the bytes in it."""

    data: bytes
    mime: str
    width: int
    height: int
    original: tuple[int, int]
    left: float = 0.0
    top: float = 0.0
    scale: float = 1.0
    label: str = ""


Made = tuple[list[Piece], list[str]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A piece to be cut from `image`; `flatten` makes it RGB or L."""

    image: Callable[[], Image.Image]
    flatten: decode.Flatten
    cut: Cut
    original: tuple[int, int]
    photo: bool
    label: str = ""


def look_at(image: Image.Image, flatten: decode.Flatten) -> Image.Image:
    """The middle of the picture, enough to tell a photo from graphics."""
    left, top = max(0, image.width // 2 - 1000), max(0, image.height // 2 - 1000)
    return flatten(image.crop((left, top, min(image.width, left + 2000), min(image.height, top + 2000))))


def region_of(size: tuple[int, int], options: Options) -> tiling.Region:
    if options.xywh is None:
        return (0, 0, *size)
    region = tiling.crop(size, options.xywh, percent=options.percent)
    if region is None:
        asked = ",".join(f"{v:g}" for v in options.xywh)
        raise InvalidRequest(
            f"the part xywh={asked}{' percent' if options.percent else ''} is not inside {options.name}, which is {size[0]} x {size[1]} pixels upright",
            "Name left, top, width and height in pixels of the upright picture, or as xywh=percent:….",
        )
    return region


def cut(
    image: Callable[[], Image.Image],
    flatten: decode.Flatten,
    region: tiling.Region,
    original: tuple[int, int],
    photo: bool,
    options: Options,
) -> list[Wanted]:
    width, height = region[2] - region[0], region[3] - region[1]
    if not (options.tiles and options.most > 1 and tiling.is_long(width, height)):
        cut = tiling.whole(region, side=options.side, photo=photo)
        return [Wanted(image, flatten, cut, original, photo)]
    parts = tiling.cuts(region, side=options.side, most=options.most)
    return [
        Wanted(
            image,
            flatten,
            cut,
            original,
            photo,
            tiling.name_piece(cut.region, i, len(parts), original, tall=height >= width),
        )
        for i, cut in enumerate(parts, 1)
    ]


def finish(wanted: list[Wanted], notes: list[str], options: Options, *, factor: float = 1.0) -> Made:
    """Cuts, converts and encodes; what together exceeds the budget is encoded again within fair shares.

    `factor`: pixels of the decoded picture per pixel of the original (a JPEG may be decoded smaller).
    """
    cap = min(options.limit, options.budget)

    def piece(want: Wanted, limit: int) -> Piece:
        with decode.decoding(options.name):
            picture = _extract(want, factor)
        done = encode.encode(picture, limit=limit, photo=want.photo, name=options.name)
        left, top, right, bottom = want.cut.region
        scale = max(done.size[0] / (right - left), done.size[1] / (bottom - top))
        return Piece(done.data, done.mime, *done.size, want.original, left, top, scale, want.label)

    made = [piece(want, cap) for want in wanted]
    if sum(len(p.data) for p in made) > options.budget:
        shares = tiling.shares([len(p.data) for p in made], options.budget)
        made = [
            p if len(p.data) <= share else piece(w, share)
            for p, w, share in zip(made, wanted, shares, strict=True)
        ]
    worst = min(p.scale for p in made)
    if worst < 0.95:
        small = not all(w.photo for w in wanted) or tiling.is_long(*made[0].original)
        notes.append(
            f"shrunk {1 / worst:.1f}×" + (": small text may be lost" if small and worst < 0.67 else "")
        )
    return made, notes


def _extract(want: Wanted, factor: float) -> Image.Image:
    """The wanted region at its sent size, RGB or L."""
    image = want.image()
    left, top, right, bottom = (v * factor for v in want.cut.region)
    box = (
        math.floor(left),
        math.floor(top),
        min(image.width, math.ceil(right)),
        min(image.height, math.ceil(bottom)),
    )
    width, height = box[2] - box[0], box[3] - box[1]
    size = want.cut.size
    if factor < 1 and width <= size[0] and height <= size[1]:
        size = width, height  # decoded a little smaller: not blown up again
    step = min(width // size[0], height // size[1])
    if width * height <= _LARGE:
        part = want.flatten(image if box == (0, 0, *image.size) else image.crop(box))
        return part if part.size == size else part.resize(size, Image.Resampling.LANCZOS, reducing_gap=3)
    # Band by band, so that no further full-size copies are made.
    mode = "L" if image.mode in {"1", "L"} or image.mode[0] in "IF" else "RGB"
    if step < 2:
        return _resized_in_bands(image, want.flatten, mode, box, size)
    part = Image.new(mode, (math.ceil(width / step), math.ceil(height / step)))
    rows = max(step, _BAND // width // step * step)
    for y in range(0, height, rows):
        band = image.crop((box[0], box[1] + y, box[2], min(box[1] + y + rows, box[3])))
        part.paste(want.flatten(band).reduce(step), (0, y // step))
    return part if part.size == size else part.resize(size, Image.Resampling.LANCZOS, reducing_gap=3)


def _resized_in_bands(
    image: Image.Image, flatten: decode.Flatten, mode: str, box: tiling.Region, size: tuple[int, int]
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
