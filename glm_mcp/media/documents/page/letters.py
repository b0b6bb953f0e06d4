"""The letters of a PDF page one by one, with their places, as a second reader has them."""

from __future__ import annotations

import ctypes
import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from glm_mcp.media.documents.common.put_back import BREAKS, bare, solid

Box = tuple[float, float, float, float]


@dataclass(slots=True)
class Letter:
    text: str
    left: float
    top: float
    right: float
    bottom: float
    line: int
    at: int  # in the page's text
    kept: bool = False


def signs_of(said: Any) -> list[str]:
    """What the page says, by its reader's own numbers; a sign of two halves counts twice."""
    import pypdfium2.raw as pdfium

    return [chr(pdfium.FPDFText_GetUnicode(said, at)) for at in range(said.count_chars())]


def letters_of(drawn: Any, said: Any, signs: list[str], known: str, missing: Counter[str]) -> list[Letter]:
    """Without blanks, and without lines that are `known` as often as they are there, or numbers that are not `missing`;
    places in points from the top left corner, as the parser gives them.
    """
    import pypdfium2.raw as pdfium

    left, bottom, right, top = (ctypes.c_double() for _ in range(4))
    crop, turned = drawn.get_cropbox(), drawn.get_rotation()
    letters = list[Letter]()
    ends = [at for at, sign in enumerate([*signs, "\n"]) if sign in BREAKS]
    lines = [
        (bare("".join(signs[start:end])), start, end)
        for start, end in zip([0, *(at + 1 for at in ends[:-1])], ends, strict=True)
    ]
    often = Counter(own for own, *_ in lines)
    for line, (own, start, end) in enumerate(lines):
        if own and (missing[own] if own.isdigit() else known.count(own) < often[own]):
            for at in range(start, end):
                if plain := solid(signs[at]):
                    pdfium.FPDFText_GetCharBox(said, at, left, right, bottom, top)
                    box = left.value, bottom.value, right.value, top.value
                    letters += [Letter(c, *_as_shown(box, crop, turned), line, at) for c in plain]
    return letters


def _as_shown(box: Box, crop: Box, turned: int) -> Box:
    """Left, top, right and bottom, from left, bottom, right and top as they are before the page is `turned` (degrees)."""
    left, bottom, right, top = box[0] - crop[0], box[1] - crop[1], box[2] - crop[0], box[3] - crop[1]
    width, height = crop[2] - crop[0], crop[3] - crop[1]
    if turned == 90:
        return bottom, left, top, right
    if turned == 180:
        return width - right, bottom, width - left, top
    if turned == 270:
        return height - top, width - right, height - bottom, width - left
    return left, height - top, right, height - bottom


def words_of(letters: list[Letter]) -> Iterator[list[Letter]]:
    """What stands between blanks; of scripts without them each sign."""
    word = list[Letter]()
    for c in letters:
        if word and (c.at != word[-1].at + 1 or max(c.text, word[-1].text) > "\u2e7f"):
            yield word
            word = []
        word.append(c)
    if word:
        yield word


def runs_of(letters: list[Letter]) -> Iterator[list[Letter]]:
    """Letters of one line that were not kept; of marks alone nothing would be missed, nor of numbers of shapes, which the
    parser reads by their names.
    """
    for (_, kept), run in itertools.groupby(letters, lambda c: (c.line, c.kept)):
        own = [c for c in run if c.text >= " "]
        if not kept and any(c.text.isalnum() for c in own):
            yield own
