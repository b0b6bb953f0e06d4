"""How runs of a text look in PowerPoint's presentations before PPTX ([MS-PPT], StyleTextPropAtom), as far as it changes what
they say: signs of symbol fonts, and what stands high or low.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import NamedTuple

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


class _Run(NamedTuple):
    """`length`: in characters. `fonts`: numbers of the font of signs and of that of letters. `raised`: in percent of the size."""

    length: int
    fonts: tuple[int, int]
    raised: int


def shown(text: str, looks: bytes, fonts: Mapping[int, str]) -> tuple[str, str]:
    """The text as it is shown, and the font of which it has signs that are no letters; "" where there are none. A text that
    is raised as a whole is only moved.
    """
    out, at, lost = "", 0, ""
    runs = list(_runs(looks, len(text)))
    moved = all(run.raised for run in runs)
    for run in runs:
        font = next((name for n in run.fonts if (name := fonts.get(n, "")).lower() in SYMBOL_FONTS), "Symbol")
        letters, is_less = letters_of(text[at : at + run.length], font)
        lost = font if is_less else lost
        out += standing(letters, run.raised) if run.raised and not moved else letters
        at += run.length
    return out, lost


def _runs(looks: bytes, count: int) -> Iterator[_Run]:
    """Of all characters; those of which nothing is said, or what is said is cut off, look as any."""
    left = count
    try:
        at = _after_paragraphs(looks, count)
        while left > 0 and at < len(looks):
            size, mask = struct.unpack_from("<II", looks, at)
            fields, at = _fields(looks, at + 8, mask)
            raised = int.from_bytes(fields.get(_RAISED, b""), "little", signed=True)
            signs, letters = (
                int.from_bytes(fields.get(k, b"\xff\xff"), "little") for k in (_SIGNS, _LETTERS)
            )
            yield _Run(min(size, left), (signs, letters), raised)
            left -= min(size, left)
    except struct.error:
        pass
    if left:
        yield _Run(left, (-1, -1), 0)


def _after_paragraphs(looks: bytes, count: int) -> int:
    """Where the runs of characters begin: what is said of paragraphs counts one character more than the text has."""
    at, told = 0, 0
    while told <= count and at < len(looks):
        size, mask = struct.unpack_from("<I2xI", looks, at)
        at += 10
        for bits, length in _OF_PARAGRAPH:
            if mask & bits:
                at += 2 + 4 * struct.unpack_from("<H", looks, at)[0] if length == _TABS else length
        told += max(size, 1)
    return at


def _fields(looks: bytes, at: int, mask: int) -> tuple[dict[int, bytes], int]:
    found: dict[int, bytes] = {}
    for bits, length in _OF_CHARACTERS:
        if mask & bits:
            found[bits] = looks[at : at + length]
            at += length
    return found, at
