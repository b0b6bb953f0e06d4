"""Parts that a document shows, each a few times: a file of kilobytes could name a large one a million times."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from glm_mcp.media.documents.pages import LeftOut

T = TypeVar("T")

_TIMES = 10


class FewTimes:
    """Counts how often each part of one file is named; `left_out` says which were named more often."""

    def __init__(self, left_out: LeftOut) -> None:
        self._left_out = left_out
        self._met = Counter[str]()

    def has_not_met(self, part: str) -> bool:
        """False once the part has been met ten times; "" leads nowhere and is met as often as it comes."""
        self._met[part.lower()] += bool(part)
        met = self._met[part.lower()]
        if met > _TIMES:
            self._left_out.add(f"parts that are named more than {_TIMES} times", part)
        return met <= _TIMES


def few_times(named: Iterable[T], part: Callable[[T], str], left_out: LeftOut) -> Iterator[T]:
    """What is named, in order, without what has been named ten times before. `part`: to which part it leads."""
    met = FewTimes(left_out)
    return (one for one in named if met.has_not_met(part(one)))
