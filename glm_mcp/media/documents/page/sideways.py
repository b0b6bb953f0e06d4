"""Sideways text of a PDF page. The parser writes of it only the tables; here the rest, and whole sideways pages upright."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from glm_mcp.media.documents.markdown import table

_WHOLE = 0.7  # of a page's letters that stand one way: then the page does
_GAP = 1.5  # heights of a letter between two cells of a row
_MARKS = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class _Item:
    """A piece of text as it stands when its line is level: `x` along the line, `y` down the page."""

    text: str
    x: float
    y: float
    width: float
    height: float


def upright(page: Any, written: str) -> str:
    """The page's text, given what the parser wrote of it: the whole page read level, or with what it left out."""
    turned: dict[int, list[Any]] = {}
    for item in page.text_items:
        angle = round(item.rotation or 0) % 360
        if angle in (90, 180, 270) and item.text.strip():
            turned.setdefault(angle, []).append(item)
    if not turned:
        return written
    letters = sum(len(item.text) for item in page.text_items)
    angle, items = max(turned.items(), key=lambda pair: sum(len(item.text) for item in pair[1]))
    if sum(len(item.text) for item in items) >= _WHOLE * letters:
        rest = [item for item in page.text_items if all(item is not one for one in items)]
        others = " ".join(item.text.strip() for item in rest if item.text.strip())
        return "\n\n".join(filter(None, [*_blocks(_levelled(items, angle, page)), others]))
    known = _MARKS.sub("", written)
    blocks: list[str] = []
    for angle, items in sorted(turned.items()):
        missing = [item for item in items if _MARKS.sub("", item.text) not in known]
        blocks += _blocks(_levelled(missing, angle, page))
    return "\n\n".join(filter(None, [written, *(["[sideways text]", *blocks] if blocks else [])]))


def _levelled(items: list[Any], angle: int, page: Any) -> list[_Item]:
    levelled = []
    for item in items:
        right, below = page.width - item.x - item.width, page.height - item.y - item.height
        along, down, width, height = {
            90: (item.y, right, item.height, item.width),
            180: (right, below, item.width, item.height),
            270: (below, item.x, item.height, item.width),
        }[angle]
        levelled.append(_Item(item.text.strip(), along, down, width, max(height, 1.0)))
    return levelled


def _blocks(items: list[_Item]) -> Iterator[str]:
    """Paragraphs and tables: rows of as many cells, one below the other, are a table."""
    rows = [list(_cells(line)) for line in _lines(items)]
    start = 0
    while start < len(rows):
        end = start + 1
        while end < len(rows) and len(rows[end]) == len(rows[start]):
            end += 1
        if len(rows[start]) > 1 and end - start > 1:
            yield table(rows[start:end])
        else:
            yield "\n".join(" ".join(row) for row in rows[start:end])
        start = end


def _lines(items: list[_Item]) -> Iterator[list[_Item]]:
    line: list[_Item] = []
    for item in sorted(items, key=lambda one: one.y):
        if line and item.y - line[0].y > 0.6 * line[0].height:
            yield line
            line = []
        line.append(item)
    if line:
        yield line


def _cells(line: list[_Item]) -> Iterator[str]:
    words: list[str] = []
    end = 0.0
    for item in sorted(line, key=lambda one: one.x):
        if words and item.x - end > _GAP * item.height:
            yield " ".join(words)
            words = []
        words.append(item.text)
        end = item.x + item.width
    if words:
        yield " ".join(words)
