"""How large an image is sent, and into which tiles a long one is cut. Pure geometry, in pixels of the upright image."""

from __future__ import annotations

import math
from dataclasses import dataclass

Region = tuple[int, int, int, int]  # left, top, right, bottom

MP = 1_000_000  # pixels

PHOTO_SIDE = 2048  # about 4,000 tokens at 28 x 28 pixels a token; more shows a model nothing new in a photo
GRAPHIC_SIDE = 2560  # an ordinary screenshot (up to 2560 x 1600) is never shrunk
# Open GLM-V weights shrink what is above 28 * 28 * 15,000 pixels (Glm4vImageProcessor); 12,288 tokens stay below it.
PIXELS = 28 * 28 * 12_288

TALL = 3.0  # a side ratio beyond which a long picture is cut
LONG = 2600  # and the long side from which on it is
_OVERLAP, _OVERLAP_SHARE = 64, 0.04  # so that a line of text is whole in one of two neighbours


@dataclass(frozen=True, slots=True)
class Cut:
    """One piece: the `region` of the upright picture and the `size` it is sent at."""

    region: Region
    size: tuple[int, int]


def is_long(width: int, height: int) -> bool:
    return max(width, height) > LONG and max(width, height) > TALL * min(width, height)


def whole(region: Region, *, side: int, photo: bool) -> Cut:
    """The region as one piece: shrunk as far as what it is (photo or graphic) and the card (`side`) ask."""
    width, height = region[2] - region[0], region[3] - region[1]
    if photo and not is_long(width, height):  # a stripe keeps all it can
        side = min(side, PHOTO_SIDE)
    scale = min(1.0, side / max(width, height), math.sqrt(PIXELS / (width * height)))
    return Cut(region, _scaled(width, height, scale))


def tiles(region: Region, *, side: int, max_parts: int) -> list[Cut]:
    """A long region as overlapping pieces in reading order, at most `max_parts`, each about 1:2.5 and not shrunk.

    With too few pieces allowed they grow evenly, first in length, then in what they show (sent smaller than they are).
    """
    left, top, right, bottom = region
    tall = bottom - top >= right - left
    short, long = (right - left, bottom - top) if tall else (bottom - top, right - left)
    # A piece is as wide as its picture; a very wide one is shrunk as a whole.
    shrink = min(1.0, PHOTO_SIDE / short)
    piece = min(max(2.5 * short * shrink, 1600), GRAPHIC_SIDE) / shrink
    overlap = max(_OVERLAP / shrink, piece * _OVERLAP_SHARE)
    count = max(1, math.ceil((long - overlap) / (piece - overlap)))
    if count > max_parts:
        count = max(1, max_parts)
        overlap = 0 if count == 1 else overlap
        piece = (long + (count - 1) * overlap) / count
    step = (long - overlap) / count  # all pieces alike: step * count + overlap == long
    result = []
    for i in range(count):
        start, end = math.floor(i * step), min(long, math.ceil(i * step + step + overlap))
        box = (left, top + start, right, top + end) if tall else (left + start, top, left + end, bottom)
        width, height = box[2] - box[0], box[3] - box[1]
        scale = min(shrink, side / max(width, height), math.sqrt(PIXELS / (width * height)))
        result.append(Cut(box, _scaled(width, height, scale)))
    return result


def label(
    region: Region, number: int, count: int, original: tuple[int, int], *, tall: bool, pixel: float
) -> str:
    """Such as "part 2 of 9 (rows 2400–4900 of 24000)", counted in the whole picture. `pixel`: how high one of its
    pixels is.
    """
    rows = tuple(round(v / pixel) for v in (region[1], region[3], original[1]))
    start, end, total = rows if tall else (region[0], region[2], original[0])
    return f"part {number} of {count} ({'rows' if tall else 'columns'} {start}–{end} of {total})"


def _scaled(width: int, height: int, scale: float) -> tuple[int, int]:
    return max(1, round(width * scale)), max(1, round(height * scale))
