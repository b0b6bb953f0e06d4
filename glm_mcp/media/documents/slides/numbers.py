"""The numbers that paragraphs have by themselves in PowerPoint's presentations before PPTX ([MS-PPT], StyleTextProp9Atom)."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from glm_mcp.media.documents.word.written_numbers import written

_LOWER, _UPPER, _ROMAN, _SMALL_ROMAN = "lowerLetter", "upperLetter", "upperRoman", "lowerRoman"
_PLAIN, _CHINESE, _RING = "decimal", "chinese", "decimalEnclosedCircle"
# In the order of the numbers that the format has for them.
_SCHEMES = (
    *((_LOWER, "{}."), (_UPPER, "{}."), (_PLAIN, "{})"), (_PLAIN, "{}."), (_SMALL_ROMAN, "({})"), (_SMALL_ROMAN, "{})")),
    *((_SMALL_ROMAN, "{}."), (_ROMAN, "{}."), (_LOWER, "({})"), (_LOWER, "{})"), (_UPPER, "({})"), (_UPPER, "{})")),
    *((_PLAIN, "({})"), (_PLAIN, "{}"), (_ROMAN, "({})"), (_ROMAN, "{})"), (_CHINESE, "{}"), (_CHINESE, "{}.")),
    *((_RING, "{}"), (_RING, "{}"), (_RING, "{}"), (_CHINESE, "{}"), (_CHINESE, "{}.")),
)  # fmt: skip
_USUAL = 3
# Bits of the masks of paragraphs, characters and languages, and the bytes of the field that each says is there.
_NUMBERED, _SCHEME = 0x2000000, 0x1000000
_FIELDS = (
    ((0x800000, 2), (_NUMBERED, 2), (_SCHEME, 4)),
    ((0x100000, 4),),
    ((0x1, 2), (0x2, 2), (0x4, 2), (0x40, 2), (0x20, 4)),
)
_TAGS = 0x200  # a count and four bytes each


class Scheme(NamedTuple):
    number: int
    start: int


class Paragraph(NamedTuple):
    """`start`: of its characters. `group`: which of the schemes is its own."""

    start: int
    level: int
    group: int


def schemes(data: bytes) -> list[Scheme | None]:
    """Of each group of paragraphs; None for one without numbers. What is cut off is left out."""
    found: list[Scheme | None] = []
    at = 0
    try:
        while at < len(data):
            said: dict[int, int] = {}
            for fields in _FIELDS:
                (mask,) = struct.unpack_from("<I", data, at)
                at += 4
                for bit, size in fields:
                    if mask & bit:
                        said.setdefault(bit, at)
                        at += size
            if mask & _TAGS:
                at += 4 + 4 * struct.unpack_from("<I", data, at)[0]
            found.append(_scheme(data, said))
    except struct.error:
        pass
    return found


def _scheme(data: bytes, said: dict[int, int]) -> Scheme | None:
    if _NUMBERED not in said or struct.unpack_from("<H", data, said[_NUMBERED])[0] != 1:
        return None
    return Scheme(*struct.unpack_from("<HH", data, said[_SCHEME])) if _SCHEME in said else Scheme(_USUAL, 1)


def marks(paragraphs: Iterable[Paragraph], groups: Sequence[Scheme | None]) -> Iterator[tuple[int, str]]:
    """By where paragraphs start, the numbers that they show. One of another level between two leaves their count going
    on where it is deeper.
    """
    counts: dict[int, tuple[Scheme, int]] = {}
    for paragraph in paragraphs:
        scheme = groups[paragraph.group] if paragraph.group < len(groups) else None
        for deeper in [level for level in counts if level > paragraph.level]:
            del counts[deeper]
        if scheme is None:
            counts.pop(paragraph.level, None)
            continue
        before, number = counts.get(paragraph.level, (None, 0))
        number = number + 1 if before == scheme else scheme.start
        counts[paragraph.level] = scheme, number
        form, around = _SCHEMES[scheme.number] if scheme.number < len(_SCHEMES) else _SCHEMES[_USUAL]
        yield paragraph.start, f"{around.format(written(number, form))} "
