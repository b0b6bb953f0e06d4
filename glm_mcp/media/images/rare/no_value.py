"""The number that stands for none in a picture of measured values: where a map ends, or a sensor saw nothing. Shown as one
of them it leaves the others all alike.
"""

from __future__ import annotations

import math
from array import array
from typing import Any

from PIL import Image, ImageMath

_GDAL = 42113  # tag of TIFF: its program says which number that is
_USUAL = frozenset((-9999.0, -99999.0, -999999.0, -32768.0, -32767.0))
_PIXELS = 4_000_000  # looked at; every n-th tells enough of a larger picture
_FAR = 10  # times as far off as the others lie apart is what none of them is


def extremes(image: Image.Image) -> tuple[float, float]:
    """The least and the greatest number of a decoded picture, 0 and 1 where it has none."""
    # Pillow finds none of sixteen bits whose upper eight come first, as microscopes and scanners write them.
    found: Any = (image.convert("I") if image.mode == "I;16B" else image).getextrema()
    low, high = float(found[0]), float(found[1])
    if math.isfinite(low) and math.isfinite(high):
        return low, high
    values = _finite(image)
    return (min(values), max(values)) if values else (0.0, 1.0)


def measured(image: Image.Image, low: float, high: float) -> tuple[float, float, list[float]]:
    """(the least, the greatest of what was measured, the numbers outside of them that stand for none). `low`, `high`: of all."""
    step = math.ceil(math.sqrt(image.width * image.height / _PIXELS))
    size = max(1, image.width // step), max(1, image.height // step)
    sample = _plain(image if step == 1 else image.resize(size, Image.Resampling.NEAREST))
    absent: list[float] = []
    for _ in range(2):  # at either end
        above, below = _inner(sample, low, high)
        if low < above < high and _is_none(image, low, above - low, high - above):
            absent, low = [*absent, low], above
        elif low < below < high and _is_none(image, high, high - below, below - low):
            absent, high = [*absent, high], below
        else:
            break
    return low, high, absent


def _plain(image: Image.Image) -> Image.Image:
    return image.convert("I").convert("F") if image.mode.startswith("I") else image


def _is_none(image: Image.Image, number: float, off: float, span: float) -> bool:
    """Whether a number that is so far off the others, which lie within `span`, is none of them."""
    if off > _FAR * span:
        return True
    try:
        said = float(str(getattr(image, "tag_v2", {}).get(_GDAL, "")).strip("\0 "))
    except ValueError:
        said = math.nan
    return number == said or (number in _USUAL and off > span)


def _inner(image: Image.Image, low: float, high: float) -> tuple[float, float]:
    """The least number above `low` and the greatest below `high`."""
    up: Any = ImageMath.lambda_eval(lambda v: v["a"] * (v["a"] > low) + high * (v["a"] <= low), a=image)
    down: Any = ImageMath.lambda_eval(lambda v: v["a"] * (v["a"] < high) + low * (v["a"] >= high), a=image)
    up, down = up.getextrema(), down.getextrema()
    if math.isfinite(up[0]) and math.isfinite(down[1]):
        return float(up[0]), float(down[1])
    values = _finite(image)
    return (
        min((v for v in values if v > low), default=low),
        max((v for v in values if v < high), default=high),
    )


def _finite(image: Image.Image) -> list[float]:
    return [value for value in array("f", image.tobytes()) if math.isfinite(value)]
