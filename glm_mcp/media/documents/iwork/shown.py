"""Which pictures the pages of an iWork file show, and how large."""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from glm_mcp.media.documents.common.shown import Parts, Shown, belong_to_design, kept
from glm_mcp.media.documents.iwork.objects import Message, Objects
from glm_mcp.media.documents.iwork.story import GROUP, PLACEHOLDERS, around, story_of

_PICTURE, _CATALOGUE = 3005, 11006  # kinds of objects
_FILES = (15, 11, 12)  # fields of a picture: as it is changed, as it is, made smaller
_NUMBERED = re.compile(r"-(\d{1,9})\.\w+\Z")
_A4 = 595.0, 842.0  # points
_DEPTH, _THINGS = 20, 5_000


class On(NamedTuple):
    """What lies on a page: things, and texts in which things lie, by their numbers."""

    things: tuple[int, ...]
    texts: tuple[int, ...] = ()


class HeldPictures:
    """Those of one file. `pages`: all; `size`: of each, in points. `parts`: the files in it."""

    def __init__(
        self,
        parts: Parts,
        names: Iterable[str],
        objects: Objects,
        pages: Iterable[On],
        size: tuple[float, float] = _A4,
    ) -> None:
        self._parts = parts
        self._objects = objects
        self._area = size[0] * size[1] or 1.0
        held = {unicodedata.normalize("NFC", posixpath.basename(n)): n for n in names if "Data/" in n}
        self._at = {int(found[1]): path for name, path in held.items() if (found := _NUMBERED.search(name))}
        for catalogue in objects.all(_CATALOGUE):
            for one in catalogue.all(4):
                if path := held.get(unicodedata.normalize("NFC", one.text(4))):
                    self._at[one.number(1)] = path
        self._shown = [list(self._on(page)) for page in pages]
        seen = Counter(part for shown in self._shown for part in {one.part for one in shown})
        self._design = belong_to_design(seen, len(self._shown))

    def on(self, number: int, where: str = "") -> list[Shown]:
        """Those of a page, from 1, as of `kept`, without what most pages show."""
        shown = [one for one in self._shown[number - 1] if one.part not in self._design]
        return kept(self._parts.left_out, shown, where)

    def _on(self, page: On) -> Iterator[Shown]:
        told: set[int] = set()
        for text in page.texts:
            yield from self._in_text(text, told, 0)
        for thing in page.things:
            yield from self._within(thing, told, 0)

    def _within(self, number: int, told: set[int], depth: int) -> Iterator[Shown]:
        if number in told or depth > _DEPTH or len(told) > _THINGS:
            return
        told.add(number)
        kind, thing = self._objects.kind(number), self._objects.get(number)
        if kind == _PICTURE:
            if shown := self._picture(number, thing):
                yield shown
        elif kind == GROUP:
            for inner in thing.links(2):
                yield from self._within(inner, told, depth + 1)
        else:
            shape = thing.one(1) if kind in PLACEHOLDERS else thing
            yield from self._in_text(story_of(self._objects, shape), told, depth + 1)

    def _in_text(self, number: int, told: set[int], depth: int) -> Iterator[Shown]:
        if number in told or depth > _DEPTH:
            return
        told.add(number)
        entries = self._objects.get(number).one(9).all(1)
        for entry in sorted(entries, key=lambda one: one.number(1)):
            yield from self._within(self._objects.get(entry.link(2)).link(1), told, depth + 1)

    def _picture(self, number: int, picture: Message) -> Shown | None:
        files = (self._at.get(picture.link(field), "") for field in _FILES)
        part = next(filter(None, files), "")
        mask = picture.link(5)
        sides = around(self._objects, mask if self._objects.get(mask).data(1) else number).one(1, 2)
        share = max(sides.real(1), 0.0) * max(sides.real(2), 0.0) / self._area
        return Shown(part, min(share, 1.0)) if part else None
