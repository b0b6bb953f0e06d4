"""A Markdown table as columns that fit a terminal."""

from __future__ import annotations

import re
from collections.abc import Sequence

from glm_mcp.cli.terminal.cells import broken, cells, padded

GAP = "  "
NARROWEST = 6  # columns of one column, before it is not made narrower
_RULE = re.compile(r"\s*+\|?\s*+:?-{2,}+:?\s*+(?:\|\s*+:?-++:?\s*+)*+\|?\s*+")
_BORDER = re.compile(r"(?<!\\)\|")


def is_row(line: str) -> bool:
    return line.lstrip().startswith("|")


def fitted(lines: Sequence[str], columns: int) -> list[str]:
    """The rows of a table in columns under a ruled head. One that cannot be made so narrow stays as it is written."""
    rows = [_cells(line) for line in lines if not _RULE.fullmatch(line)]
    count = max(map(len, rows), default=0)
    room = columns - len(GAP) * (count - 1)
    if count < 2 or room < NARROWEST * count:
        return list(lines)
    rows = [row + [""] * (count - len(row)) for row in rows]
    widths = _widths([max(1, *(cells(row[i]) for row in rows)) for i in range(count)], room)
    shown: list[str] = []
    for row in rows:
        shown += _row(row, widths)
        if row is rows[0] and len(rows) < len(lines):
            shown.append(GAP.join("─" * width for width in widths))
    return shown


def _cells(line: str) -> list[str]:
    inner = line.strip().removeprefix("|")
    inner = inner[:-1] if inner.endswith("|") and not inner.endswith("\\|") else inner
    return [cell.strip().replace("\\|", "|").replace("<br>", " ") for cell in _BORDER.split(inner)]


def _widths(wanted: list[int], room: int) -> list[int]:
    """The widest columns give first."""
    widths = list(wanted)
    while sum(widths) > room:
        widths[widths.index(max(widths))] -= 1
    return widths


def _row(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    parts = [broken(cell, width) or [""] for cell, width in zip(row, widths, strict=True)]
    height = max(map(len, parts))
    lines = []
    for i in range(height):
        line = [padded(part[i] if i < len(part) else "", w) for part, w in zip(parts, widths, strict=True)]
        lines.append(GAP.join(line).rstrip())
    return lines
