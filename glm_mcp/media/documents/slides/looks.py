"""How runs of a text look in PowerPoint's presentations before PPTX ([MS-PPT], StyleTextPropAtom), as far as it changes what
they say: signs of symbol fonts, and what stands high or low.
"""

from __future__ import annotations

import bisect
import itertools
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from glm_mcp.media.documents.slides.numbers import Paragraph, Scheme, marks
from glm_mcp.media.documents.word.runs import SYMBOL_FONTS, letters_of, standing

# Bits of a mask, and the bytes of the field that each says is there, in the order of the fields.
_OF_PARAGRAPH = (
    *((0x000F, 2), (0x0080, 2), (0x0010, 2), (0x0040, 2), (0x0020, 4), (0x0800, 2), (0x1000, 2), (0x2000, 2), (0x4000, 2)),
    *((0x0100, 2), (0x0400, 2), (0x8000, 2), (0x100000, -1), (0x010000, 2), (0x0E0000, 2), (0x200000, 2)),
)  # fmt: skip
_BULLET = 1  # of the mask of a paragraph, and of its first field
_TABS = -1  # a count of places, four bytes each
_FLAGS, _LETTERS, _SIGNS, _RAISED = 0xFFFF, 0x010000, 0x800000, 0x080000
_OF_CHARACTERS = (
    *((_FLAGS, 2), (_LETTERS, 2), (0x200000, 2), (0x400000, 2), (_SIGNS, 2), (0x020000, 2), (0x040000, 4)),
    (_RAISED, 2),
)
_LINES = re.compile(r"[^\r]*\r|[^\r]+")
_PARAGRAPH = re.compile(r"(?<![^\r])[^\r]*\S[^\r]*")


class _Run(NamedTuple):
    """`length`: in characters. `fonts`: numbers of the font of signs and of that of letters. `raised`: in percent of the
    size. `group`: of what more is said elsewhere.
    """

    length: int
    fonts: tuple[int, int] = (-1, -1)
    raised: int = 0
    group: int = 0


class _Level(NamedTuple):
    """Of some paragraphs: their characters, how deep they stand, and whether they say that they have a bullet or none."""

    length: int
    depth: int
    is_marked: bool | None


class Line(NamedTuple):
    """A paragraph. `mark`: a number, or `-`; `is_marked`: whether it says of itself that it has a bullet or none."""

    level: int
    mark: str
    text: str
    is_marked: bool | None


def shown(
    text: str, looks: bytes, fonts: Mapping[int, str], numbered: Sequence[Scheme | None] = ()
) -> tuple[list[Line], str]:
    """The paragraphs that say something as they are shown, with their numbers and the bullets of deeper ones, and the font
    of which there are signs that are no letters, else "". A text that is raised as a whole is only moved.
    """
    pieces: dict[int, str] = {}  # by where their paragraphs start
    at, start, lost = 0, 0, ""
    levels, begin = _levels(looks, len(text))
    runs = list(_runs(looks, begin, len(text)))
    moved = all(run.raised for run in runs)
    for run in runs:
        font = next((name for n in run.fonts if (name := fonts.get(n, "")).lower() in SYMBOL_FONTS), "Symbol")
        for piece in _LINES.findall(text[at : at + run.length]):
            letters, is_less = letters_of(piece, font)
            lost = font if is_less else lost
            words = standing(letters, run.raised) if run.raised and not moved else letters
            pieces[start] = pieces.get(start, "") + words
            at += len(piece)
            start = at if piece.endswith("\r") else start
    paragraphs = list(_paragraphs(text, levels, runs))
    numbers = dict(marks(paragraphs, numbered)) if numbered else {}
    level_ends = list(itertools.accumulate(level.length for level in levels))
    lines = []
    for paragraph in paragraphs:
        place = bisect.bisect_right(level_ends, paragraph.start)
        is_marked = levels[place].is_marked if place < len(levels) else None
        bullet = "-" if is_marked or (paragraph.level and is_marked is None) else ""
        mark = numbers.get(paragraph.start, "").strip() or bullet
        lines.append(Line(paragraph.level, mark, pieces.get(paragraph.start, ""), is_marked))
    return lines, lost


def _paragraphs(text: str, levels: Sequence[_Level], runs: Sequence[_Run]) -> Iterator[Paragraph]:
    """Those that say something."""
    level_ends = list(itertools.accumulate(level.length for level in levels))
    run_ends = list(itertools.accumulate(run.length for run in runs))
    for found in _PARAGRAPH.finditer(text):
        at = found.start()
        place = bisect.bisect_right(level_ends, at)
        run = runs[bisect.bisect_right(run_ends, at)]
        yield Paragraph(at, levels[place].depth if place < len(levels) else 0, run.group)


def _runs(looks: bytes, at: int, count: int) -> Iterator[_Run]:
    """Of all characters; those of which nothing is said, or what is said is cut off, look as any."""
    left, group = count, 0
    try:
        while left > 0 and at < len(looks):
            size, mask = struct.unpack_from("<II", looks, at)
            fields, at = _fields(looks, at + 8, mask)
            raised = int.from_bytes(fields.get(_RAISED, b""), "little", signed=True)
            signs, letters = (
                int.from_bytes(fields.get(k, b"\xff\xff"), "little") for k in (_SIGNS, _LETTERS)
            )
            # Of the number of a group the text keeps the last four bits; they count on.
            group += ((int.from_bytes(fields.get(_FLAGS, b""), "little") >> 10) - group) % 16
            yield _Run(min(size, left), (signs, letters), raised, group)
            left -= min(size, left)
    except struct.error:
        pass
    if left:
        yield _Run(left)


def _levels(looks: bytes, count: int) -> tuple[list[_Level], int]:
    """Of runs of paragraphs how they stand, and where those of characters begin.
    What is said of paragraphs counts one character more than the text has.
    """
    found: list[_Level] = []
    at, told = 0, 0
    try:
        while told <= count and at < len(looks):
            size, level, mask = struct.unpack_from("<IHI", looks, at)
            at += 10
            has = bool(looks[at] & _BULLET) if mask & _BULLET and at < len(looks) else None
            for bits, length in _OF_PARAGRAPH:
                if mask & bits:
                    at += 2 + 4 * struct.unpack_from("<H", looks, at)[0] if length == _TABS else length
            found.append(_Level(size, level, has))
            told += max(size, 1)
    except struct.error:
        at = len(looks)
    return found, at


def _fields(looks: bytes, at: int, mask: int) -> tuple[dict[int, bytes], int]:
    found: dict[int, bytes] = {}
    for bits, length in _OF_CHARACTERS:
        if mask & bits:
            found[bits] = looks[at : at + length]
            at += length
    return found, at
