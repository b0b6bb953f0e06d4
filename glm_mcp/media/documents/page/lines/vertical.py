"""Chinese and Japanese of a PDF page written from top to bottom, which the parser reads row by row across the columns."""

from __future__ import annotations

import itertools
import re
from typing import Any

_EAST_ASIAN = re.compile("[\u2e80-\U0010ffff]")
_ENOUGH = 20  # characters that tell
_NEAR = 1.4  # heights of a character from one to the next in a column, in a row widths
_APART = 2.5  # heights between two parts of a column


def in_columns(page: Any, written: str) -> str:
    """The page's text, given what the parser wrote of it, column by column from right to left."""
    if not any(_EAST_ASIAN.search(item.text) for item in page.text_items):
        return written
    level = [item for item in page.text_items if not round(item.rotation or 0) % 360]
    boxes = [box for item in level for box in item.words if box.text.strip()]
    alone = [box for box in boxes if _stands(box)]
    if len(alone) < _ENOUGH or len(alone) < 0.8 * len(boxes):
        return written
    columns, rows = _lines(alone, "x", "y"), _lines(alone, "y", "x")
    if _close(columns, "y", "height") < 0.6 or _close(rows, "x", "width") > 0.2:
        return written
    taken = set(map(id, alone))
    others = " ".join(box.text for box in boxes if id(box) not in taken)
    return "\n".join(filter(None, [*map(_text, reversed(columns)), others]))


def _stands(box: Any) -> bool:
    """Whether it is one character of these scripts, or several below each other."""
    return min(box.text) > "\u2e7f" and (len(box.text) == 1 or box.height > box.width)


def _lines(boxes: list[Any], across: str, along: str) -> list[list[Any]]:
    """Boxes that stand below each other, or beside, in their order."""
    size = {"x": "width", "y": "height"}[across]
    lines: list[list[Any]] = []
    for box in sorted(boxes, key=lambda one: getattr(one, across)):
        if not lines or getattr(box, across) - getattr(lines[-1][0], across) > 0.6 * getattr(box, size):
            lines.append([])
        lines[-1].append(box)
    return [sorted(line, key=lambda one: getattr(one, along)) for line in lines]


def _close(lines: list[list[Any]], along: str, size: str) -> float:
    """The share of characters that have the next one of their line beside them."""
    pairs = [pair for line in lines for pair in itertools.pairwise(line)]
    near: int = sum(
        getattr(last, along) - getattr(first, along) < _NEAR * getattr(first, size) for first, last in pairs
    )
    return near / sum(map(len, lines))


def _text(column: list[Any]) -> str:
    text = column[0].text
    for above, box in itertools.pairwise(column):
        text += (" " if box.y - above.y > _APART * above.height else "") + box.text
    return str(text)
