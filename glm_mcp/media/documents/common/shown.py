"""Pictures that a page of a document shows, how large, and whether they say more than its words."""

from __future__ import annotations

import functools
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from typing import Any, NamedTuple, Protocol, TypeVar

from glm_mcp.media.documents.page.text_layer import letters_in
from glm_mcp.media.documents.pages import PICTURE, LeftOut, choose

_SMALL = 0.02  # of a page: an icon, a bullet, a logo
_COVERED = 0.15  # of a page, from which on pictures are what it says, unless more is to be read there
_LETTERS = 250  # beside pictures that cover a whole page
_OF_SLIDE = 8  # pictures; what it shows belongs together
_AGAIN, _SHARE = 4, 0.25  # a picture on so many pages, and on this share of all, belongs to their design
_METAFILES = (".emz", ".wmz", ".svm", ".pict")  # which nothing here draws
_DRAWN = (".emf", ".wmf")  # which an optional part draws
_MARK = re.compile(rf"{PICTURE}(?:: [^\]]{{0,1000}})?\]")

Key = TypeVar("Key")
Box = tuple[float, float, float, float]  # left, top, width, height


class Shown(NamedTuple):
    """A picture: its part, what share of a page it takes, the region that is seen of it, in percent of it, and where on
    the page it stands, where that can be said.
    """

    part: str
    share: float
    crop: Box | None = None
    place: str = ""


def mark(words: str, at: str = "") -> str:
    """What stands for a picture in a text. `at`: the cell of a sheet where it is."""
    return f"[picture{f' at {at}' if at else ''}{f': {words}' if words else ''}]"


class Parts(Protocol):
    """What a file holds, by names."""

    name: str
    left_out: LeftOut

    def identity(self, path: str) -> tuple[int, int]:
        """Checksum and bytes, the same for the same contents; (0, 0) for none."""

    def has(self, path: str) -> bool: ...

    def read(self, path: str, most: int | None = None) -> bytes:
        """The bytes, or the first of them, b"" where there are none. Raises MediaTooLarge."""


class PagesShown(NamedTuple):
    """The pages of one file by number and name with their pictures in order. `most`: pictures of a page. `full`: pages that
    the pictures of one question cover at the most; of two scans in a text each is read by itself.
    """

    parts: Parts
    pages: Iterator[tuple[int, str, list[Shown]]]
    most: int = 100
    full: float = 1.0


def slides_shown(
    parts: Parts, numbers: Sequence[int], total: int, on: Callable[[int], list[Shown]]
) -> PagesShown:
    """These of so many slides. `on`: the pictures of one, by its number. Raises InvalidRequest."""
    chosen = within(numbers, total, parts.name)
    return PagesShown(parts, ((n, f"slide {n}", on(n)) for n in chosen), _OF_SLIDE, math.inf)


def within(numbers: Sequence[int], total: int, name: str, unit: str = "slide") -> Sequence[int]:
    """The numbers, ascending. Raises InvalidRequest where one is beyond `total`."""
    return choose(",".join(map(str, numbers)), total, name, unit=unit) if numbers else ()


def why_shown(text: str, shown: Sequence[Shown], most: float = math.inf) -> str:
    """Why the pictures must go along: "pictures" (they say more than `text`), "illustrated" (it says enough, and they are
    large), or "". `most`: pages that they can cover.
    """
    covered = min(most, sum(picture.share for picture in shown))
    if covered < _COVERED:
        return ""
    return "pictures" if letters_in(_MARK.sub("", text)) < _LETTERS * covered else "illustrated"


def belong_to_design(seen: Counter[Key], pages: int) -> set[Key]:
    """Pictures, by how many of the pages show each, that are their design."""
    often = max(_AGAIN, _SHARE * pages)
    return {picture for picture, count in seen.items() if count >= often}


def marked(facts: dict[str, Any], why: str) -> dict[str, Any]:
    """The facts of a text without pages, all of which `why` is said of; of parts nobody knows which shows what."""
    if len(facts["pages"]) == facts["total"] == 1:
        facts["pages"] = [(number, label, text, why) for number, label, text, _ in facts["pages"]]
    return facts


def kept(left_out: LeftOut, pictures: Sequence[Shown], place: str) -> list[Shown]:
    """Each once, without small ones and those that cannot be shown to a model, which is noted under `place` where they are
    large.
    """
    undrawn = _undrawn()
    found, lost = dict[tuple[str, Box | None], Shown](), 0.0
    for picture in pictures:
        if picture.part.lower().endswith(undrawn):
            lost += picture.share
        elif picture.share >= _SMALL:
            found.setdefault((picture.part, picture.crop), picture)
    if place and lost >= _COVERED:
        left_out.add(
            "drawings of Windows that are not drawn here, which the file saved as PDF would show", place
        )
    return list(found.values())


@functools.cache
def _undrawn() -> tuple[str, ...]:
    return _METAFILES if find_spec("metafile_render") else _METAFILES + _DRAWN
