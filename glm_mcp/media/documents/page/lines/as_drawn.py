"""Lines from right to left whose letters a reader gives as they are drawn, from the left, and without the blanks between
their words: those of LuaTeX.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

_FROM_THE_RIGHT = re.compile("[\u0590-\u08ff]")
_NUMBER = r"[\d\u0660-\u0669\u06f0-\u06f9]+(?:[.,:/-][\d\u0660-\u0669\u06f0-\u06f9]+)*"
_OTHER_WAY = re.compile(rf"{_NUMBER}|[A-Za-z\u00c0-\u024f](?:[^\u0590-\u08ff]*[A-Za-z\u00c0-\u024f\d])?")
_RIGHT_RUN = re.compile("[\u0590-\u08ff](?:[^A-Za-z\u00c0-\u024f]*[\u0590-\u08ff])?")
ONE_GLYPH = frozenset({"لا", "لأ", "لإ", "لآ", "الله", "لله"})  # of which one stands for several letters
_STEPS = 3  # from one letter to the next, of a page; fewer tell nothing
_MOST = 0.8  # of them
_APART = 0.12  # heights of a letter between two words at the least
_ROW = 0.5  # heights between two lines at the least
_CELL = 8  # points of a page's width in which letters are looked up, and how many of them
_IN_A_CELL = 500
_WIDEST = 1_000  # points


@dataclass(slots=True)
class Sign:
    """One of a page, with its place in points from below."""

    text: str
    top: float
    bottom: float
    left: float
    right: float
    marks: list[str] = field(default_factory=list)

    @property
    def place(self) -> tuple[float, float, float, float]:
        """The same for the letters that one glyph stands for."""
        return self.top, self.bottom, self.left, self.right


def is_as_drawn(lines: Sequence[Sequence[Sign]]) -> bool:
    """Whether the letters of a page that run from right to left follow each other from the left."""
    steps = [
        one.left < other.left
        for line in lines
        for one, other in itertools.pairwise(line)
        if _is_letter(one) and _is_letter(other) and abs(one.bottom - other.bottom) < 1
    ]
    return len(steps) > _STEPS and sum(steps) > _MOST * len(steps)


def _is_letter(sign: Sign) -> bool:
    return bool(_FROM_THE_RIGHT.match(sign.text)) and not _is_mark(sign)


def _is_mark(sign: Sign) -> bool:
    return bool(_FROM_THE_RIGHT.match(sign.text)) and unicodedata.category(sign.text[0]) == "Mn"


def _is_usual(sign: Sign) -> bool:
    """Whether it is of a size that a page has: what a file says of it may be any number, or none."""
    return 0 <= sign.right - sign.left < _WIDEST


def in_order(lines: Sequence[Sequence[Sign]]) -> Iterator[tuple[str, list[Sign]]]:
    """The text of each line as it is read, and its signs without marks, which stand behind their letters."""
    _with_marks(lines)
    rows = list[_Row]()
    for number, line in enumerate(lines):
        for sign in sorted((sign for sign in line if not _is_mark(sign)), key=lambda one: -one.bottom):
            if not (rows and rows[-1].goes_on(sign, number)):
                rows.append(_Row([], number, sign.bottom, sign.left, sign.right))
            row = rows[-1]
            row.signs.append(sign)
            row.line, row.left, row.right = number, min(row.left, sign.left), max(row.right, sign.right)
    for row in rows:
        yield _read(row.signs), row.signs


@dataclass(slots=True)
class _Row:
    signs: list[Sign]
    line: int  # of the reader's, the last that it has a sign of
    bottom: float
    left: float
    right: float

    def goes_on(self, sign: Sign, line: int) -> bool:
        """Whether a sign is of this row. A reader begins a line anew behind a mark."""
        high = sign.top - sign.bottom
        beside = -high < sign.left - self.right < high or -high < self.left - sign.right < high
        return abs(self.bottom - sign.bottom) < _ROW * high and (line == self.line or beside)


def _with_marks(lines: Sequence[Sequence[Sign]]) -> None:
    """Gives each mark to the letter that it stands on: a reader may have it in a line of its own."""
    cells: defaultdict[int, list[Sign]] = defaultdict(list)
    for sign in itertools.chain.from_iterable(lines):
        if _is_letter(sign) and _is_usual(sign):
            for cell in range(int(sign.left // _CELL), int(sign.right // _CELL) + 1):
                cells[cell].append(sign)
    for mark in itertools.chain.from_iterable(lines):
        if _is_mark(mark) and _is_usual(mark):
            middle = (mark.left + mark.right) / 2
            below = [
                sign
                for sign in cells[int(middle // _CELL)][:_IN_A_CELL]
                if sign.left <= middle <= sign.right and sign.bottom < mark.top and mark.bottom < sign.top
            ]
            if below:
                min(below, key=lambda sign: abs(sign.bottom - mark.bottom)).marks.append(mark.text)


def _read(row: list[Sign]) -> str:
    """From right to left, where most of it is not Latin; what runs the other way in its own order."""
    pieces, right = list[str](), row[0].left
    for _, same in itertools.groupby(sorted(row, key=lambda one: one.left), lambda one: one.place):
        group = list(same)
        if pieces and group[0].left - right > _APART * (group[0].top - group[0].bottom):
            pieces.append(" ")
        text = "".join(one.text for one in group)
        marks = [mark for one in group for mark in one.marks]
        pieces.append("".join([*marks[::-1], text[::-1] if text in ONE_GLYPH else text]))
        right = group[-1].right
    text = "".join(pieces)
    letters = sum(map(_is_letter, row))
    if 2 * letters < sum(sign.text.isalpha() for sign in row):
        return _RIGHT_RUN.sub(lambda run: _turned(run[0]), text)
    return _turned(text)


def _turned(text: str) -> str:
    return _OTHER_WAY.sub(lambda run: run[0][::-1], text[::-1])
