"""A sheet's cells as Markdown: one table, or one for each used block where they lie far apart."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from glm_mcp.media.documents.common.few_times import SaidAgain
from glm_mcp.media.documents.markdown import sparse_table, trim

_GAP_ROWS, _GAP_COLUMNS = 100, 30  # empty ones in a row that part two blocks
# A block of such an area, of all blocks together, whose cells are so much fewer is written as a list.
_THIN_AREA, _THIN = 1_000_000, 100
_MERGED = 10_000  # places of one merged cell that repeat its text
CELLS = 5_000_000  # of one sheet; a million rows of five columns

Range = tuple[int, int, int, int]  # first row, first column, last row, last column, from 0
Rows = Mapping[int, Mapping[int, str]]  # cells by row and column


@dataclass(slots=True)
class Grid:
    """The cells of a sheet that hold something, by row and column from 0. `again`: of the whole document."""

    again: SaidAgain = field(default_factory=SaidAgain)
    rows: dict[int, dict[int, str]] = field(default_factory=dict)
    count: int = 0
    linked: set[tuple[int, int]] = field(default_factory=set)

    def put(self, row: int, column: int, text: str) -> None:
        if text and self.count < CELLS:
            self.rows.setdefault(row, {})[column] = self.again.text(text, "cells")
            self.count += 1

    def to_link(self, row: int, column: int) -> str:
        """The text of a cell that is to lead to an address: "" the second time, as it leads to one."""
        if (row, column) in self.linked:
            return ""
        self.linked.add((row, column))
        return self.rows.get(row, {}).get(column, "")

    def fill(self, merged: Iterable[Range]) -> None:
        """Writes the text of merged cells to the places they cover. A title over the whole width stands once."""
        width = max((max(row) for row in self.rows.values()), default=0)
        height = max(self.rows, default=0)
        looked_at = 0
        for top, left, low, far in merged:
            text = self.rows.get(top, {}).get(left, "")
            bottom, right = min(low, height), min(far, width)
            is_title = top == bottom and left == 0 and right == width
            area = (bottom - top + 1) * (right - left + 1)
            if not text or is_title or area > _MERGED:
                continue
            looked_at += area  # also where another one lies: a file can name one place again and again
            if looked_at > CELLS:
                break
            for row in range(top, bottom + 1):
                for column in range(left, right + 1):
                    if column not in self.rows.get(row, {}):
                        self.put(row, column, text)

    def markdown(self) -> tuple[str, list[str]]:
        """The table from A1, "" for an empty sheet; or the tables of the blocks, and the ranges that they stand for."""
        blocks = list(self._blocks())
        if not blocks:
            return "", []
        (top, left, bottom, right), cells = blocks[0]
        alone = len(blocks) == 1 and top <= _GAP_ROWS and left <= _GAP_COLUMNS
        if alone and not _is_thin(blocks[0][0], cells, 1):
            return sparse_table(trim([_line(cells, row, 0, right) for row in range(bottom + 1)])), []
        names = [range_name(block) for block, _ in blocks]
        written = (
            f"[{name}]\n\n{_written(*block, len(blocks))}" for name, block in zip(names, blocks, strict=True)
        )
        return "\n\n".join(written), names

    def _blocks(self) -> Iterator[tuple[Range, Rows]]:
        """The used blocks, each with its own cells."""
        for rows in _runs(sorted(self.rows), _GAP_ROWS):
            used = sorted({column for row in rows for column in self.rows[row]})
            parted = list(_runs(used, _GAP_COLUMNS))
            begins = [columns[0] for columns in parted]
            held: list[dict[int, dict[int, str]]] = [{} for _ in parted]
            for row in rows:
                for column, text in self.rows[row].items():
                    held[bisect.bisect_right(begins, column) - 1].setdefault(row, {})[column] = text
            for columns, cells in zip(parted, held, strict=True):
                yield (next(iter(cells)), columns[0], next(reversed(cells)), columns[-1]), cells


def _is_thin(block: Range, cells: Rows, blocks: int) -> bool:
    top, left, bottom, right = block
    area = (bottom - top + 1) * (right - left + 1)
    return area * blocks > _THIN_AREA and area > _THIN * sum(map(len, cells.values()))


def _written(block: Range, cells: Rows, blocks: int) -> str:
    top, left, bottom, right = block
    if _is_thin(block, cells, blocks):
        listed = ((r, c, text) for r, row in cells.items() for c, text in sorted(row.items()))
        return "\n".join(f"{place(r, c)}: {text}" for r, c, text in listed)
    return sparse_table([_line(cells, row, left, right) for row in range(top, bottom + 1)])


def _line(cells: Rows, row: int, left: int, right: int) -> list[str]:
    held = cells.get(row, {})
    return [held.get(column, "") for column in range(left, right + 1)] if held else [""] * (right - left + 1)


def _runs(numbers: Sequence[int], gap: int) -> Iterator[Sequence[int]]:
    start = 0
    for i in range(1, len(numbers) + 1):
        if i == len(numbers) or numbers[i] - numbers[i - 1] > gap:
            yield numbers[start:i]
            start = i


def place(row: int, column: int) -> str:
    """B3 for row 2 and column 1."""
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return f"{letters}{row + 1}"


def range_name(block: Range) -> str:
    """B3:C4, or B3 alone."""
    top, left, bottom, right = block
    first, last = place(top, left), place(bottom, right)
    return first if first == last else f"{first}:{last}"


def sheet_text(grid: Grid, more: Iterable[str], title: str) -> tuple[str, list[str]]:
    """What a sheet says: its cells, then what lies on it; and the notes on how its cells were written."""
    text, ranges = grid.markdown()
    notes = []
    if ranges:
        shown = ", ".join(ranges[:8]) + (f" and {len(ranges) - 8} more" if len(ranges) > 8 else "")
        notes.append(
            f"sheet '{title}' is written by its used blocks: {shown}; the empty area between them is left out"
        )
    if grid.count >= CELLS:
        notes.append(f"sheet '{title}': only its first {CELLS:,} cells are read")
    blocks = [text, *more]
    return "\n\n".join(filter(None, blocks)) or "(empty sheet)", notes
