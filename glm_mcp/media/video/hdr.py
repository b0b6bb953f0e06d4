"""Colours of an HDR video as an ordinary screen shows them: white where white is, what is brighter pressed together."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image, ImageFilter

_PQ, _HLG = 16, 18  # transfers, by ITU-T H.273
TRANSFERS = frozenset({_PQ, _HLG})
_WHITE = 203.0  # cd/m² of paper, by ITU-R BT.2408
_PEAK = 1000.0  # cd/m² of the screen that HLG is shown on
_KNEE = 0.75  # of white: what is darker stays as it is
_GAMMA = 2.2
_POINTS = 17  # of the table in each colour; between them it is a straight line


def shown(image: Image.Image, transfer: int) -> Image.Image:
    """RGB as stored, with the colours of BT.2020, as that of a screen."""
    return image.point(_curve(transfer) * 3).filter(_colours())


@functools.cache
def _curve(transfer: int) -> list[int]:
    """By each stored value. Each colour by itself: one table for all three would have to be far finer."""
    light = [(_pq if transfer == _PQ else _hlg)(value / 255) / _WHITE for value in range(256)]
    return [round(255 * _pressed(value) ** (1 / _GAMMA)) for value in light]


def _pressed(light: float) -> float:
    over = max(0.0, light - _KNEE) / (1 - _KNEE)
    return min(light, _KNEE) + (1 - _KNEE) * over / (over + 1)


def _pq(value: float) -> float:
    """cd/m², by ST 2084."""
    power: float = value ** (1 / 78.84375)
    share: float = max(power - 0.8359375, 0.0) / (18.8515625 - 18.6875 * power)
    return float(10000.0 * share ** (1 / 0.1593017578125))


def _hlg(value: float) -> float:
    """cd/m², by BT.2100."""
    scene = value**2 / 3 if value <= 0.5 else (math.exp((value - 0.55991073) / 0.17883277) + 0.28466892) / 12
    return float(_PEAK * scene**1.2)


@functools.cache
def _colours() -> ImageFilter.Color3DLUT:
    """From the colours of BT.2020 to those of BT.709."""
    from PIL import ImageFilter

    def fewer(*stored: float) -> tuple[float, ...]:
        red, green, blue = (value**_GAMMA for value in stored)
        light = (
            1.6605 * red - 0.5877 * green - 0.0728 * blue,
            -0.1246 * red + 1.1329 * green - 0.0083 * blue,
            -0.0182 * red - 0.1006 * green + 1.1187 * blue,
        )
        return tuple(max(0.0, value) ** (1 / _GAMMA) for value in light)

    return ImageFilter.Color3DLUT.generate(_POINTS, fewer)
