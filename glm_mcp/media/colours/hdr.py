"""Colours of an HDR video as an ordinary screen shows them: its few very bright places pressed together, not lost."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image, ImageFilter

_PQ, _HLG = 16, 18  # transfers, by ITU-T H.273
TRANSFERS = frozenset({_PQ, _HLG})
_WHITE = 203.0  # cd/m² of paper, by ITU-R BT.2408
_MOST = 1000.0 / _WHITE  # all that is brighter is white
_KNEE = 0.25  # of the light of paper: what is darker keeps its distances; a bright sky keeps its clouds
_GAMMA = 2.2
_POINTS = 25  # of the table in each colour; between them it is a straight line


def shown(image: Image.Image, transfer: int) -> Image.Image:
    """RGB as stored, with the colours of BT.2020, as that of a screen. HLG was made to look right as it is."""
    return (image.point(_curve() * 3) if transfer == _PQ else image).filter(_colours(transfer))


@functools.cache
def _curve() -> list[int]:
    """By each value of PQ. Each colour by itself: a table for all three would have to be far finer."""
    light = (min(_MOST, _light(value / 255) / _WHITE) for value in range(256))
    return [round(255 * _pressed(value) ** (1 / _GAMMA)) for value in light]


def _light(value: float) -> float:
    """cd/m², by ST 2084."""
    power: float = value ** (1 / 78.84375)
    share: float = max(power - 0.8359375, 0.0) / (18.8515625 - 18.6875 * power)
    return float(10000.0 * share ** (1 / 0.1593017578125))


def _bent(light: float) -> float:
    over = max(0.0, light - _KNEE) / (1 - _KNEE)
    return min(light, _KNEE) + (1 - _KNEE) * over / (over + 1)


def _pressed(light: float) -> float:
    return _bent(light) / _bent(_MOST)


def _released(pressed: float) -> float:
    bent = pressed * _bent(_MOST)
    share = max(0.0, bent - _KNEE) / (1 - _KNEE)
    return min(bent, _KNEE) + (1 - _KNEE) * share / (1 - share)


@functools.cache
def _colours(transfer: int) -> ImageFilter.Color3DLUT:
    """From the colours of BT.2020 to those of BT.709."""
    from PIL import ImageFilter

    def fewer(*stored: float) -> tuple[float, ...]:
        values = [value**_GAMMA for value in stored]
        if transfer == _PQ:
            # Pressed each by itself, a bright orange is yellow; all alike, a bright grey has rings: the middle.
            light = [_released(value) for value in values]
            share = _pressed(max(light)) / max(*light, 1e-6)
            values = [(value + share * bright) / 2 for value, bright in zip(values, light, strict=True)]
        red, green, blue = values
        made = (
            1.6605 * red - 0.5877 * green - 0.0728 * blue,
            -0.1246 * red + 1.1329 * green - 0.0083 * blue,
            -0.0182 * red - 0.1006 * green + 1.1187 * blue,
        )
        return tuple(max(0.0, value) ** (1 / _GAMMA) for value in made)

    return ImageFilter.Color3DLUT.generate(_POINTS, fewer)
