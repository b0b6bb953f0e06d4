"""Pages drawn a few at a time, as their turn comes: those of a long book take minutes, and a gigabyte."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import islice

import anyio

from glm_mcp.errors import ConfigError, GLMError, UnsupportedMedia
from glm_mcp.glm.threads import in_thread
from glm_mcp.media.documents.read import render_pages
from glm_mcp.media.glyphs import missing_note
from glm_mcp.media.types import Page, Picture, Source
from glm_mcp.media.worker_child import READER
from glm_mcp.registry import Card
from glm_mcp.tools.base import Deps
from glm_mcp.tools.context_window import labels

TOGETHER = 8  # pages; a child process to draw them takes as long to start as one of them
AT_ONCE = 25  # pages of those that are all wanted; a large file takes its reader half a second to open
SHARE = 0.5  # of the time of a call, for drawing: the rest is for the model, which is asked about fifty pages at once


class TooSlow(Exception):
    """To draw all pages would take the time in which a model is to be asked."""


class Drawing:
    """The pages of one document as pictures for a model; a very long page is drawn in several.

    There is no picture of a page that cannot be drawn, nor of one on which nothing is: shown an empty page, a model makes
    up what stands on it.
    """

    def __init__(
        self, deps: Deps, source: Source, pages: Sequence[Page], card: Card, password: str | None
    ) -> None:
        self._deps, self._source, self._card, self._password = deps, source, card, password
        self._pages = {page.number: page for page in pages}
        self._undrawn = dict.fromkeys(self._pages)
        self._drawn: dict[int, list[Picture]] = {}
        self._one_by_one = anyio.Lock()
        self._lacks: set[str] = set()
        self._empty: set[int] = set()
        self._broken: set[int] = set()
        self._has_drawn = False

    async def draw(self, numbers: Sequence[int]) -> dict[int, list[Picture]]:
        """These pages, which the call holds until its end. Raises as `render_pages` and `Room.draw`; where others are drawn,
        not for pages on which the drawer gives way.
        """
        first, last = min(numbers), max(numbers)
        which = f"page {first}" if first == last else f"pages {first} to {last}"
        self._deps.progress.say(f"rendering {which} of {self._source.name}")
        made, empty = list[Picture](), list[int]()
        try:
            made, empty = await render_pages(self._source, numbers, self._card, password=self._password)
        except GLMError as error:
            if error.about != READER or not self._has_drawn:
                raise
        self._has_drawn = self._has_drawn or bool(made)
        self._deps.room.draw(sum(map(_size, made)))
        pictures: dict[int, list[Picture]] = {number: [] for number in numbers}
        for picture in made:
            pictures[picture.page].append(picture)
            self._lacks.update(picture.lacks)
        self._empty.update(empty)
        self._broken.update(n for n, some in pictures.items() if not some and n not in empty)
        return pictures

    async def all(self, *, in_time: bool) -> dict[int, list[Picture]]:
        """Every page, held until the end of the call. `in_time`: within `SHARE` of its time. Raises TooSlow, then with each
        call about these pages, of which some may count as held; and as `draw`.
        """
        until = anyio.current_time()
        until += SHARE * (self._deps.deadline - until)
        numbers, pictures = list(self._pages), dict[int, list[Picture]]()
        kept = ""
        if in_time and len(numbers) > AT_ONCE:
            kept = f"slow to draw: {await in_thread(self._source.digest)}"
            if await in_thread(self._deps.outputs.recall, kept):
                raise TooSlow
        for start in range(0, len(numbers), AT_ONCE):
            if kept and start and anyio.current_time() > until:
                with suppress(ConfigError):  # the next call finds it out again
                    await in_thread(self._deps.outputs.remember, kept, {"pages": start})
                raise TooSlow
            pictures |= await self.draw(numbers[start : start + AT_ONCE])
        return pictures

    def leave_out(self, number: int) -> None:
        """That page is not wanted."""
        self._undrawn.pop(number, None)

    @asynccontextmanager
    async def page(self, number: int) -> AsyncIterator[list[Picture]]:
        """One page, held while entered; with it the next ones that are wanted are drawn. Raises as `draw`."""
        async with self._one_by_one:
            if number not in self._drawn:
                wanted = list(islice((n for n in self._undrawn if n >= number), TOGETHER))
                self._drawn |= await self.draw(wanted)
                for drawn in wanted:
                    del self._undrawn[drawn]
        pictures = self._drawn.pop(number)
        try:
            yield pictures
        finally:
            self._deps.room.put_away(sum(map(_size, pictures)))

    def instead(self, number: int) -> str:
        """What stands for a page of which there is no picture; "" for any other."""
        if number in self._empty:
            return self._deps.said("(nothing is drawn on this page: it is empty, or its picture is damaged)")
        return self._deps.said("(this page cannot be drawn)") if number in self._broken else ""

    @property
    def failure(self) -> UnsupportedMedia | None:
        """Why there is nothing to be seen, where not one of the pages can be drawn."""
        if self._broken != set(self._pages):
            return None
        return UnsupportedMedia(
            f"page {min(self._broken)} of {self._source.name} cannot be drawn",
            "Open it in a PDF reader and save it again, or send pictures of its pages to describe_image.",
        )

    @property
    def notes(self) -> list[str]:
        """What the pages drawn so far lack, and those of which there is no picture."""
        notes = [note] if (note := missing_note(self._lacks)) else []
        if self._broken:
            notes.append(f"{labels(self._of(self._broken))} cannot be drawn")
        if self._empty:
            notes.append(f"nothing is drawn on {labels(self._of(self._empty))}")
        return notes

    def _of(self, numbers: set[int]) -> list[Page]:
        return [self._pages[number] for number in sorted(numbers)]


def _size(picture: Picture) -> int:
    return len(picture.part.data or b"")
