"""The texts of a PDF page where they stand, as lines of characters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from glm_mcp.media.documents.common.row_parts import AMOUNT

_WIDEST = 240  # characters of a line


@dataclass(slots=True)
class _Piece:
    """What stands apart in a line; in points."""

    text: str
    x: float
    y: float
    right: float
    height: float

    @property
    def middle(self) -> float:
        return self.y + self.height / 2


def as_drawn(items: list[Any]) -> str:
    """The page's texts where they stand, amounts by where they end: so many characters a point that none needs more room
    than it has. The parser's own layout moves what has no neighbour. "" where lines would be too long, or lean.
    """
    pieces, before = list[_Piece](), None
    for item in _in_lines(items):
        last, text = pieces[-1] if pieces else None, item.text.strip()
        if last and abs(item.y - last.y) < 0.5 * last.height and -1 < item.x - last.right < 0.6 * last.height:
            last.text, last.right = f"{last.text} {text}", item.x + item.width
        elif text:
            pieces.append(_Piece(text, item.x, item.y, item.x + item.width, item.height or 1))
    scale = max((len(one.text) / max(one.right - one.x, 1) for one in pieces), default=0)
    left, right = min((one.x for one in pieces), default=0), max((one.right for one in pieces), default=0)
    if (right - left) * scale > _WIDEST or any(round(item.rotation or 0) % 360 for item in items):
        return ""
    out = list[str]()
    for one in pieces:
        down = one.middle - before.middle if before else 0
        if before is None or abs(down) > 0.5 * min(one.height, before.height):
            out += ["", ""] if before and down > 2 * before.height else [""]
        at = (
            round((one.right - left) * scale) - len(one.text)
            if AMOUNT.fullmatch(one.text)
            else round((one.x - left) * scale)
        )
        out[-1] += " " * max(at - len(out[-1]), 2 if out[-1] else 0) + one.text
        before = one
    return "\n".join(out)


def _in_lines(items: list[Any]) -> Iterator[Any]:
    """From left to right, line by line."""
    line = list[Any]()
    for item in sorted(items, key=lambda item: float(item.y + item.height / 2)):
        middle = item.y + item.height / 2
        if line and middle - (line[0].y + line[0].height / 2) > 0.5 * min(item.height, line[0].height):
            yield from sorted(line, key=lambda item: float(item.x))
            line = []
        line.append(item)
    yield from sorted(line, key=lambda item: float(item.x))
