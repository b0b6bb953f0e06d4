"""What a document names again and again: its parts, each a few times, and its texts, as far as there is room. A file of
kilobytes could name a large one a million times.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from glm_mcp.media.documents.pages import LeftOut

T = TypeVar("T")

_TIMES = 10
_LONG = 100  # characters of a text that takes room when it is shown again
_ROOM = 20_000_000  # characters that repeat what one document has said
IN_TABLES = 5_000_000  # the same of merged and repeated cells of tables


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


class SaidAgain:
    """Bounds what one document repeats: a text that it keeps once and shows wherever it is named, a cell that stands for
    many. `left_out` says where there was no more room.
    """

    def __init__(self, left_out: LeftOut | None = None, room: int = _ROOM) -> None:
        self._left_out = left_out or LeftOut()
        self._met = set[str]()
        self._room = room

    def text(self, text: str, place: str) -> str:
        """The text; of a long one that was shown before only its beginning, once there is no more room."""
        if len(text) <= _LONG:
            return text
        if text not in self._met:
            self._met.add(text)
            return text
        return text if self.times(len(text), 1, place) else f"{text[:_LONG]}…"

    def times(self, length: int, wanted: int, place: str) -> int:
        """How often more what has so many characters may stand: `wanted`, or as often as there is room."""
        most = min(wanted, max(self._room, 0) // length) if length else wanted
        self._room -= most * length
        if most < wanted:
            self._left_out.add("the rest of what is repeated again and again", place)
        return most


def few_times(named: Iterable[T], part: Callable[[T], str], left_out: LeftOut) -> Iterator[T]:
    """What is named, in order, without what has been named ten times before. `part`: to which part it leads."""
    met = FewTimes(left_out)
    return (one for one in named if met.has_not_met(part(one)))
