"""Room that several share."""

from __future__ import annotations

from collections.abc import Sequence


def shares(wanted: Sequence[int], total: int) -> list[int]:
    """`total` shared fairly: who wants less than an equal share gets what it wants, the others share the rest."""
    given = [0] * len(wanted)
    left = total
    order = sorted(range(len(wanted)), key=wanted.__getitem__)
    for rank, index in enumerate(order):
        given[index] = min(wanted[index], left // (len(order) - rank))
        left -= given[index]
    return given
