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


def shown(
    text: str, looks: bytes, fonts: Mapping[int, str], numbered: Sequence[Scheme | None] = ()
) -> tuple[str, str]:
    """The text as it is shown, with the numbers of its paragraphs, and the font of which it has signs that are no letters;
    "" where there are none. A text that is raised as a whole is only moved.
    """
    out, at, lost = "", 0, ""
    levels, begin = _levels(looks, len(text))
    runs = list(_runs(looks, begin, len(text)))
    moved = all(run.raised for run in runs)
    numbers = dict(marks(_paragraphs(text, levels, runs), numbered)) if numbered else {}
    for run in runs:
        font = next((name for n in run.fonts if (name := fonts.get(n, "")).lower() in SYMBOL_FONTS), "Symbol")
        for piece in _LINES.findall(text[at : at + run.length]):
            letters, is_less = letters_of(piece, font)
            lost = font if is_less else lost
            out += numbers.get(at, "")
            out += standing(letters, run.raised) if run.raised and not moved else letters
            at += len(piece)
    return out, lost


def _paragraphs(text: str, levels: Sequence[tuple[int, int]], runs: Sequence[_Run]) -> Iterator[Paragraph]:
    """Those that say something."""
    level_ends = list(itertools.accumulate(length for length, _ in levels))
    run_ends = list(itertools.accumulate(run.length for run in runs))
    for found in _PARAGRAPH.finditer(text):
        at = found.start()
        place = bisect.bisect_right(level_ends, at)
        run = runs[bisect.bisect_right(run_ends, at)]
        yield Paragraph(at, levels[place][1] if place < len(levels) else 0, run.group)


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


def _levels(looks: bytes, count: int) -> tuple[list[tuple[int, int]], int]:
    """Of runs of paragraphs how many characters they have and how deep they stand, and where those of characters begin.
    What is said of paragraphs counts one character more than the text has.
    """
    found: list[tuple[int, int]] = []
    at, told = 0, 0
    try:
        while told <= count and at < len(looks):
            size, level, mask = struct.unpack_from("<IHI", looks, at)
            at += 10
            for bits, length in _OF_PARAGRAPH:
                if mask & bits:
                    at += 2 + 4 * struct.unpack_from("<H", looks, at)[0] if length == _TABS else length
            found.append((size, level))
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
