"""Boxes of an answer in the pixels of the image: placed, told apart, drawn into a copy, and written out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import anyio

from glm_mcp.errors import GLMError
from glm_mcp.glm.threads import in_thread
from glm_mcp.media.images.prepare import prepare_images
from glm_mcp.media.types import Picture, Source
from glm_mcp.media.worker import run_job
from glm_mcp.text import shortened
from glm_mcp.tools import saving
from glm_mcp.tools.base import Deps, Link
from glm_mcp.tools.boxes import BOXES_MAX, Box, located, parse_boxes
from glm_mcp.tools.sources import fetch

Pixels = tuple[int, int, int, int]  # left, top, right, bottom
_NUMBERS = re.compile(r"\d\D{1,20}\d")  # two beside each other, as places have them
_WANTED = 80  # characters of what was asked for, where they stand for the name of each thing; as of a label
_FEW = 50  # boxes; drawing them takes some 10 ms, no more than starting a process


@dataclass(frozen=True, slots=True)
class Item:
    """Something that a model pointed out: where it lies in pixels of the upright original of `picture`."""

    label: str
    picture: Picture
    box: Pixels

    @property
    def centre(self) -> tuple[int, int]:
        left, top, right, bottom = self.box
        return (left + right) // 2, (top + bottom) // 2

    @property
    def thousandths(self) -> list[int]:
        sides = self.picture.original * 2
        return [round(v * 1000 / side) for v, side in zip(self.box, sides, strict=True)]

    def repeats(self, other: Item) -> bool:
        """Whether both are one thing, seen in two parts of an image that overlap."""
        return (
            self.picture is not other.picture
            and _overlap(self.picture, other.picture)
            and _mostly_shared(self.box, other.box)
        )

    def line(self, number: int, wanted: str, centre: str) -> str:
        """`wanted`: its label where it has none; `centre`: the word for that."""
        place = f"{list(self.box)} px, {centre} {self.centre}, 0-1000 {self.thousandths}"
        return f"{number}. {self.label or shortened(wanted, _WANTED)}: {place}"

    def data(self, picture: str) -> dict[str, Any]:
        """The same for a program; `picture`: what it is called in the result."""
        return {
            "label": self.label,
            "picture": picture,
            "box_px": list(self.box),
            "centre_px": list(self.centre),
            "box_1000": self.thousandths,
        }


def _overlap(one: Picture, other: Picture) -> bool:
    """Whether these are two parts of one image: frames and pages are of one name too, but lie at one place."""
    return (
        one.part.name == other.part.name
        and one.original == other.original
        and (one.left, one.top) != (other.left, other.top)
    )


def _mostly_shared(a: Pixels, b: Pixels) -> bool:
    """Whether two boxes share more than half of what they cover together."""
    across = min(a[2], b[2]) - max(a[0], b[0])
    down = min(a[3], b[3]) - max(a[1], b[1])
    if across <= 0 or down <= 0:
        return False
    shared = across * down
    return 2 * shared > (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared


def to_pixels(box: Box, picture: Picture) -> Pixels:
    """The box in pixels of the original upright image, whatever part of it, at whatever scale, was sent."""
    width, height = picture.original

    def across(v: float) -> int:
        return min(max(round(picture.left + v * picture.width / 1000 / picture.scale), 0), width)

    def down(v: float) -> int:
        scale = picture.scale * picture.stretch
        return min(max(round(picture.top + v * picture.height / 1000 / scale), 0), height)

    return across(box.x1), down(box.y1), across(box.x2), down(box.y2)


def unseen(picture: Picture, boxes: Sequence[Box], parts: list[Item]) -> list[Item]:
    """The things that these boxes show and no earlier one did: `parts` has those seen in the same image, and gets the new
    ones, up to `BOXES_MAX`. Takes a while for many.
    """
    found: list[Item] = []
    for box in boxes[: max(0, BOXES_MAX - len(parts))]:
        item = Item(box.label, picture, to_pixels(box, picture))
        if not any(item.repeats(other) for other in parts if other.picture is not picture):
            found.append(item)
    parts += found
    return found


async def annotated_copy(deps: Deps, picture: Picture, boxes: Sequence[Box]) -> tuple[str, list[Link]]:
    """A copy of the image with the boxes drawn, kept: where it is, or why there is none, and its link."""
    # The copy is of the image as it was sent: a tall one is drawn part by part, at the size the model saw.
    sent = replace(
        picture, left=0.0, top=0.0, scale=1.0, stretch=1.0, original=(picture.width, picture.height)
    )
    marked = [(to_pixels(b, sent), b.label) for b in boxes]
    try:
        with anyio.fail_at(deps.finish_by):
            copy = await _drawn(picture.part.data or b"", marked)
    except TimeoutError:
        return deps.said("(no copy with the boxes: the time of this call was over)"), []
    except GLMError as error:
        return deps.said(f"(no copy with the boxes: {error.message})"), []
    suffix = ".png" if copy.startswith(b"\x89PNG") else ".jpg"
    stem = saving.stem_of_source(picture.part.name, "picture")
    said, links = await saving.keep(deps, f"{stem}-boxes{suffix}", copy)
    return deps.said(f"Drawn: {said}"), links


async def _drawn(data: bytes, marked: Sequence[tuple[Pixels, str]]) -> bytes:
    """In a process of its own where there is much to draw: in a thread each label takes the lock that the event loop
    needs.
    """

    def here() -> bytes:
        from glm_mcp.media.images import annotate  # in a thread too: what it loads takes 40 ms

        return annotate.draw(data, marked) if len(marked) <= _FEW else annotate.packed(data, marked)

    made = await in_thread(here)
    if len(marked) <= _FEW:
        return made
    return (await run_job("glm_mcp.media.images.annotate:draw_job", made, {"name": "the picture"}))[1][0]


async def in_pixels(
    deps: Deps, text: str, pictures: Sequence[Picture], sources: Sequence[Source], *, asked: bool = False
) -> str:
    """Boxes of an answer about one image, in its pixels; empty when there are none. `asked`: the task is one that asks for
    places.
    """
    boxes = await in_thread(located if asked else parse_boxes, text) if _NUMBERS.search(text) else []
    if not boxes and asked and _NUMBERS.search(text):
        said = "(No place could be put into pixels; numbers are in 0-1000 of the picture's width and height.)"
        return f"\n\n{deps.said(said)}"
    if not boxes:
        return ""
    if len(pictures) > 1:
        said = "(Boxes are in 0-1000 of the one picture or part they stand for; task=locate gives pixels.)"
        return f"\n\n{deps.said(said)}"
    picture = pictures[0]
    if not picture.width:
        try:
            card = deps.glm.models("vision")[0]
            source = next(s for s in sources if s.url == picture.part.url)
            with anyio.fail_at(deps.finish_by):
                picture = (await prepare_images([await fetch(deps, source, "image")], card, tiles=False))[0]
        except (GLMError, TimeoutError):
            said = "(Boxes are in 0-1000 of the picture's width and height; its size is not known here.)"
            return f"\n\n{deps.said(said)}"
    width, height = picture.original
    rows = []
    for box in boxes:
        left, top, right, bottom = to_pixels(box, picture)
        place = f"({left}, {top})" if box.is_point else f"[{left}, {top}, {right}, {bottom}]"
        rows.append(f"{box.label}: {place}" if box.label else place)
    return f"\n\n{deps.said(f'In pixels of {width}x{height}:')} {'; '.join(rows)}"
