"""Boxes of an answer in the pixels of the picture: told apart, drawn, and written behind the answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from glm_mcp.errors import GLMError
from glm_mcp.media.images.prepare import prepare_images
from glm_mcp.media.types import Picture, Source
from glm_mcp.threads import in_thread
from glm_mcp.tools import saving
from glm_mcp.tools.base import Deps, Link
from glm_mcp.tools.boxes import Box, draw_boxes, parse_boxes, to_pixels
from glm_mcp.tools.sources import fetch


def same(a: Sequence[int], b: Sequence[int]) -> bool:
    """Whether two boxes are one: they share more than half of what they cover together."""
    across = min(a[2], b[2]) - max(a[0], b[0])
    down = min(a[3], b[3]) - max(a[1], b[1])
    if across <= 0 or down <= 0:
        return False
    shared = across * down
    return 2 * shared > (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared


async def draw(deps: Deps, picture: Picture, boxes: Sequence[Box]) -> tuple[str, list[Link]]:
    """A copy of the picture with the boxes drawn, kept; where it is, and its link."""
    data = picture.part.data or b""
    # The copy is of the picture as it was sent: a tall one is drawn part by part, at the size the model saw.
    sent = replace(picture, left=0.0, top=0.0, scale=1.0, original=(picture.width, picture.height))
    marked = [(to_pixels(b, sent), b.label) for b in boxes]
    copy = await in_thread(draw_boxes, data, marked)
    suffix = ".png" if copy.startswith(b"\x89PNG") else ".jpg"
    return await saving.keep(
        deps, re.sub(r"[^\w.-]+", "-", picture.part.name.rpartition("/")[2])[:60] + "-boxes" + suffix, copy
    )


async def in_pixels(deps: Deps, text: str, pictures: Sequence[Picture], found: Sequence[Source]) -> str:
    """Boxes of an answer about one picture, in its pixels; empty when there are none."""
    if "[" not in text:
        return ""
    boxes = parse_boxes(text)
    if not boxes:
        return ""
    if len(pictures) > 1:
        return (
            "\n\n(Boxes are in 0-1000 of the one picture or part they stand for; task=locate gives pixels.)"
        )
    picture = pictures[0]
    if not picture.width:
        try:
            card = deps.glm.models("vision")[0]
            source = next(s for s in found if s.url == picture.part.url)
            picture = (await prepare_images([await fetch(deps, source, "image")], card, tiles=False))[0]
        except GLMError:
            return "\n\n(Boxes are in 0-1000 of the picture's width and height; its size is not known here.)"
    width, height = picture.original
    rows = []
    for box in boxes:
        left, top, right, bottom = to_pixels(box, picture)
        place = f"({left}, {top})" if box.is_point else f"[{left}, {top}, {right}, {bottom}]"
        rows.append(f"{box.label}: {place}" if box.label else place)
    return f"\n\nIn pixels of {width}x{height}: " + "; ".join(rows)
