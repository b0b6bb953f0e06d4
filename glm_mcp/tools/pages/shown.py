"""What a model is shown of pages: a page as it is drawn, or the pictures in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import NamedTuple

import anyio

from glm_mcp.errors import GLMError
from glm_mcp.media.documents.read import Embedded, embedded_pictures, holds_pictures
from glm_mcp.media.images.prepare import prepare_image
from glm_mcp.media.types import Page, Picture, Source
from glm_mcp.registry import Card
from glm_mcp.tools.base import Deps
from glm_mcp.tools.context_window import labels
from glm_mcp.tools.pages.drawing import Drawing
from glm_mcp.tools.sources import Opened, pictured

PICTURE_BYTES = 1_000_000  # of one within a document; a page of a PDF has a quarter of it
PICTURE_PARTS = 4  # that a tall one is cut into
NOTES = 3  # on how single pictures were prepared


class Together(NamedTuple):
    """The pictures of one question, and where on the page they stand, where that is known."""

    pictures: tuple[Picture, ...]
    place: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """The pictures of one page by questions, and `says`, which stands in the place of others. `failure`: why there is not
    one of any page that was to be seen.
    """

    questions: tuple[Together, ...]
    says: str = ""
    failure: GLMError | None = None

    @property
    def pictures(self) -> tuple[Picture, ...]:
        return tuple(picture for one in self.questions for picture in one.pictures)


async def drawn(
    deps: Deps,
    source: Source,
    pages: Sequence[Page],
    notes: list[str],
    *,
    model: str | None = None,
    password: str | None = None,
    whole: bool = False,
    in_time: bool = False,
) -> dict[int, Shown]:
    """What is shown of each page, by its number; a very long page is drawn in several pictures. `model`: named in the
    call, which is to see them. `whole`: the page itself, also where its words and the pictures in it would do. Notes what
    they lack.

    Raises as `render_pages`, `embedded_pictures`, `Room.draw` and, where they are to be drawn `in_time`, `Drawing.all`.
    """
    if not pages:
        return {}
    card = deps.glm.models("vision", model)[0]
    if holds_pictures(source) and not whole:
        return await _embedded(deps, source, pages, notes, card)
    drawing = Drawing(deps, source, pages, card, password)
    pictures = await drawing.all(in_time=in_time)
    notes += drawing.notes
    return {
        number: Shown((Together(tuple(some)),) if some else (), drawing.instead(number), drawing.failure)
        for number, some in pictures.items()
    }


async def _embedded(
    deps: Deps, source: Source, pages: Sequence[Page], notes: list[str], card: Card
) -> dict[int, Shown]:
    if not card.images:  # the text is worth an answer
        notes.append(
            f"{card.id} takes no pictures: those of {labels(pages)} did not go along; name a vision model or none"
        )
        return {page.number: Shown(()) for page in pages}
    deps.progress.say(f"preparing the pictures in {source.name}")
    numbers = [page.number for page in pages]
    held, again, said = await embedded_pictures(source, numbers, card.images)
    notes += said
    left_out: list[GLMError] = []
    made = await _prepared(held, card, left_out)
    pictured(deps, [picture for some in made for picture in some])
    notes += Opened(left_out=left_out).missed()
    notes += list(dict.fromkeys(n for some in made for p in some for n in p.notes))[:NOTES]
    shown: dict[int, Shown] = {}
    own: dict[int, list[tuple[Embedded, list[Picture]]]] = {page.number: [] for page in pages}
    for one, some in zip(held, made, strict=True):
        own[one.page] += [(one, some)] * bool(some)
    by_number = {page.number: page.label for page in pages}
    for page in pages:
        name = " ".join([source.name] + [page.label] * (page.label != "text"))
        label = by_number.get(again.get(page.number, 0), "")
        says = deps.said(f"(a picture of {label} again)") if label else ""
        shown[page.number] = Shown(tuple(_questions(name, own[page.number])), says)
    return shown


def _questions(name: str, rows: Sequence[tuple[Embedded, list[Picture]]]) -> Iterator[Together]:
    """Those of a page, in their order. `name`: what the pictures are called by, before their own labels."""
    for _, group in groupby(rows, key=lambda row: row[0].question):
        together = list(group)
        pictures = (picture for _, some in together for picture in some)
        named = (replace(p, label=", ".join(filter(None, (name, p.label)))) for p in pictures)
        places = dict.fromkeys(one.place for one, _ in together if one.place)
        yield Together(tuple(named), ", ".join(places))


async def _prepared(held: Sequence[Embedded], card: Card, left_out: list[GLMError]) -> list[list[Picture]]:
    """The pictures that are sent of each; none of one that cannot be read, and `left_out` says why."""
    small = replace(card, image_bytes=min(card.image_bytes, PICTURE_BYTES))
    made: list[list[Picture]] = [[] for _ in held]
    together = max(
        (sum(o.page == h.page and o.question == h.question for o in held) for h in held), default=1
    )

    async def one(at: int) -> None:
        try:
            made[at] = await prepare_image(
                held[at].source,
                small,
                max_parts=max(1, min(PICTURE_PARTS, card.images // together)),
                budget=card.body_bytes // together,
            )
        except GLMError as error:  # whatever is wrong with it, the others are whole
            left_out.append(error)

    async with anyio.create_task_group() as tasks:
        for at in range(len(held)):
            tasks.start_soon(one, at)
    return made


def text_beside(page: Page, pictures: Sequence[Picture]) -> str:
    """What the pictures of a page do not show of it; "" where they show all."""
    lacks = not pictures or any(picture.lacks for picture in pictures)
    return page.text if page.as_image != "garbled" and lacks else ""
