"""Colours of an HDR video as an ordinary screen shows them: its few very bright places pressed together, not lost."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image, ImageFilter

_PQ, _HLG = 16, 18  # transfers, by ITU-T H.273
TRANSFERS = frozenset({_PQ, _HLG})
_WHITE = 203.0  # cd/m² of paper, by ITU-R BT.2408
_KNEE = 0.25  # of white: what is darker stays as it is; a sky of 1,000 cd/m² keeps its clouds
_GAMMA = 2.2
_POINTS = 17  # of the table in each colour; between them it is a straight line


def shown(image: Image.Image, transfer: int) -> Image.Image:
    """RGB as stored, with the colours of BT.2020, as that of a screen. HLG was made to look right as it is."""
    return (image.point(_curve() * 3) if transfer == _PQ else image).filter(_colours())


@functools.cache
def _curve() -> list[int]:
    """By each value of PQ. Each colour by itself: one table for all three would have to be far finer."""
    return [round(255 * _pressed(_light(value / 255) / _WHITE) ** (1 / _GAMMA)) for value in range(256)]


def _pressed(light: float) -> float:
    over = max(0.0, light - _KNEE) / (1 - _KNEE)
    return min(light, _KNEE) + (1 - _KNEE) * over / (over + 1)


def _light(value: float) -> float:
    """cd/m², by ST 2084."""
    power: float = value ** (1 / 78.84375)
    share: float = max(power - 0.8359375, 0.0) / (18.8515625 - 18.6875 * power)
    return float(10000.0 * share ** (1 / 0.1593017578125))


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
