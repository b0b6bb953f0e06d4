"""Numbers as files write them, and matrices, which say where things stand on a page."""

from __future__ import annotations

import re

Matrix = tuple[float, float, float, float, float, float]

PLAIN: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
_NUMBER = re.compile(r"[-+]?\d{0,9}(?:\.\d{0,20})?(?:[eE][-+]?\d{1,3})?")
_FAR = 1e9


def times(inner: Matrix, outer: Matrix) -> Matrix:
    """The one that does what `inner` does, and then what `outer` does."""
    a, b, c, d, e, f = inner
    g, h, i, j, k, m = outer
    return a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j, e * g + f * i + k, e * h + f * j + m


def numbers(text: str, count: int) -> list[float]:
    """The first ones of a list, 0 for each that is not there."""
    return [*map(number, text.split()[:count]), *[0.0] * count][:count]


def number(text: str) -> float:
    """0 for what is none, or none that a page has."""
    try:
        value = float(text) if _NUMBER.fullmatch(text) else 0.0
    except ValueError:
        return 0.0
    return value if abs(value) < _FAR else 0.0
