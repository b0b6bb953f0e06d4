"""Pages in Arabic, Hebrew and their like, whose lines the parser takes apart where words are of different height."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from glm_mcp.media.documents.page.covered import Drawn
from glm_mcp.media.documents.page.sideways import SIDEWAYS

_SHARE = 0.5  # of a page's letters that run from right to left
_SAME = 0.6  # of a word's height that lies in a line, so that it belongs to it
_APART = 0.15  # heights between two pieces of a line that a space parts
_GAP = 0.9  # heights between the lines of two paragraphs


@dataclass(slots=True)
class _Line:
    top: float
    bottom: float
    items: list[Any] = field(default_factory=list)


def is_right_to_left(text: str) -> bool:
    letters = {c: count for c, count in Counter(text).items() if c.isalpha()}
    there = sum(count for c, count in letters.items() if unicodedata.bidirectional(c) in ("R", "AL"))
    return there > _SHARE * sum(letters.values())


def reordered(page: Any, written: str, drawn: Drawn) -> str:
    """The page's text line by line, given what the parser wrote of it; that itself on other pages and those with tables."""
    if not is_right_to_left(written) or re.search(r"^\|", written, re.MULTILINE):
        return written
    items = [item for item in page.text_items if item.text.strip()]
    level = [item for item in items if not round(item.rotation or 0) % 360]
    if any(round(item.rotation or 0) % 90 and is_right_to_left(item.text) for item in items):
        # The parser takes words apart whose letters lean, as italics do.
        return drawn.text(page.page_num) or written
    if not level:
        return written
    _, head, sideways = written.partition(SIDEWAYS)
    blocks: list[str] = []
    before: _Line | None = None
    for line in _lines(level):
        text = _text(line.items)
        near = before is not None and line.top - before.bottom < _GAP * (before.bottom - before.top)
        if near and blocks:
            blocks[-1] += f" {text}"
        else:
            blocks.append(text)
        before = line
    return "\n\n".join([*blocks, head + sideways]).strip()


def _lines(items: Iterable[Any]) -> list[_Line]:
    """From top to bottom. The tallest words say where a line is."""
    lines: list[_Line] = []
    for item in sorted(items, key=lambda one: -one.height):
        top, bottom = item.y, item.y + item.height
        line = next(
            (one for one in lines if min(bottom, one.bottom) - max(top, one.top) >= _SAME * (bottom - top)),
            None,
        )
        if line is None:
            line = _Line(top, bottom)
            lines.append(line)
        line.items.append(item)
    return sorted(lines, key=lambda one: one.top)


def _text(items: list[Any]) -> str:
    backwards = is_right_to_left("".join(item.text for item in items))
    ordered = sorted(items, key=lambda one: -(one.x + one.width) if backwards else one.x)
    text = ""
    for i, item in enumerate(ordered):
        if i:
            last = ordered[i - 1]
            gap = last.x - (item.x + item.width) if backwards else item.x - (last.x + last.width)
            text += " " if gap > _APART * max(item.height, last.height) else ""
        text += item.text.strip()
    return text
