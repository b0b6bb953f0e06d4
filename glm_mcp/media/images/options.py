"""What is wanted of one file, which region of it that is, and how files share the room of a request."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from glm_mcp.errors import InvalidRequest
from glm_mcp.media.images.tiling import Region
from glm_mcp.media.types import Fragment

_WHOLE = Fragment()


@dataclass(frozen=True, slots=True)
class Options:
    """`kind`: the name of its row of `formats`; `side`: pixels of the longest side; `limit`: bytes of one picture;
    `budget`: bytes of all that are made of this file; `max_parts`: their number; `units`: pixels per unit of a
    drawing, whose places are told in its own units; `pixel`: how high a pixel of the file is, its width being 1.
    """

    name: str
    kind: str
    side: int
    limit: int
    budget: int
    max_parts: int
    tiles: bool = True
    fragment: Fragment = _WHOLE
    units: float = 1.0
    pixel: float = 1.0

    @classmethod
    def of(cls, params: dict[str, Any]) -> Options:
        """From `dataclasses.asdict`, as it comes back from JSON: tuples are lists there."""
        raw: dict[str, Any] = params["fragment"]
        fragment: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in raw.items()}
        return cls(**{**params, "fragment": Fragment(**fragment)})

    def region(self, size: tuple[int, int]) -> Region:
        """The region that the fragment names of an image of `size` square pixels. Raises InvalidRequest."""
        asked = self.fragment.xywh
        if asked is None:
            return (0, 0, *size)
        percent = self.fragment.percent
        across, down = self.units, self.units * self.pixel
        x, y, w, h = asked if percent else (v * f for v, f in zip(asked, (across, down) * 2, strict=True))
        region = crop(size, (x, y, w, h), percent=percent)
        if region is None:
            text = ",".join(f"{v:g}" for v in asked)
            width, height = round(size[0] / across), round(size[1] / down)
            raise InvalidRequest(
                f"the part xywh={text}{' percent' if percent else ''} is not inside {self.name}, which is {width} x {height} pixels upright",
                "Name left, top, width and height in pixels of the upright picture, or as xywh=percent:….",
            )
        return region


def crop(size: tuple[int, int], xywh: tuple[float, float, float, float], *, percent: bool) -> Region | None:
    """The region that a media fragment names, in pixels; None when it lies outside the image.

    An overhang of up to 1 % (a rounding) is cut off silently.
    """
    width, height = size
    x, y, w, h = xywh
    if percent:
        x, y, w, h = x * width / 100, y * height / 100, w * width / 100, h * height / 100
    if not all(map(math.isfinite, (x, y, w, h))) or w <= 0 or h <= 0:
        return None
    if not 0 <= x < width or not 0 <= y < height:
        return None
    if x + w > width * 1.01 + 1 or y + h > height * 1.01 + 1:
        return None
    return math.floor(x), math.floor(y), min(width, math.ceil(x + w)), min(height, math.ceil(y + h))


def shares(wanted: Sequence[int], total: int) -> list[int]:
    """`total` shared fairly: who wants less than an equal share gets what it wants, the others share the rest."""
    given = [0] * len(wanted)
    left = total
    order = sorted(range(len(wanted)), key=wanted.__getitem__)
    for rank, index in enumerate(order):
        given[index] = min(wanted[index], left // (len(order) - rank))
        left -= given[index]
    return given
