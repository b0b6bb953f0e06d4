"""A sheet's cells as Markdown: one table, or one for each used block where they lie far apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from glm_mcp.media.documents.markdown import sparse_table, trim

_GAP_ROWS, _GAP_COLUMNS = 100, 30  # empty ones in a row that part two blocks
# A block of such an area whose cells are so much fewer is written as a list.
_THIN_AREA, _THIN = 1_000_000, 100
_MERGED = 10_000  # places of one merged cell that repeat its text
CELLS = 5_000_000  # of one sheet; a million rows of five columns

Range = tuple[int, int, int, int]  # first row, first column, last row, last column, from 0


@dataclass(slots=True)
class Grid:
    """The cells of a sheet that hold something, by row and column from 0."""

    rows: dict[int, dict[int, str]] = field(default_factory=dict)
    count: int = 0

    def put(self, row: int, column: int, text: str) -> None:
        if text and self.count < CELLS:
            self.rows.setdefault(row, {})[column] = text
            self.count += 1

    def fill(self, merged: Iterable[Range]) -> None:
        """Writes the text of merged cells to the places they cover. A title over the whole width stands once."""
        width = max((max(row) for row in self.rows.values()), default=0)
        height = max(self.rows, default=0)
        for top, left, low, far in merged:
            text = self.rows.get(top, {}).get(left, "")
            bottom, right = min(low, height), min(far, width)
            is_title = top == bottom and left == 0 and right == width
            if not text or is_title or (bottom - top + 1) * (right - left + 1) > _MERGED:
                continue
            for row in range(top, bottom + 1):
                for column in range(left, right + 1):
                    if column not in self.rows.get(row, {}):
                        self.put(row, column, text)

    def markdown(self) -> tuple[str, list[str]]:
        """The table from A1, "" for an empty sheet; or the tables of the blocks, and the ranges that they stand for."""
        blocks = list(self._blocks())
        if not blocks:
            return "", []
        top, left, bottom, right = blocks[0]
        if len(blocks) == 1 and top <= _GAP_ROWS and left <= _GAP_COLUMNS and not self._is_thin(blocks[0]):
            return sparse_table(trim([self._line(row, 0, right) for row in range(bottom + 1)])), []
        names = [range_name(block) for block in blocks]
        written = (f"[{name}]\n\n{self._block(block)}" for name, block in zip(names, blocks, strict=True))
        return "\n\n".join(written), names

    def _blocks(self) -> Iterator[Range]:
        for rows in _runs(sorted(self.rows), _GAP_ROWS):
            used = sorted({column for row in rows for column in self.rows[row]})
            for columns in _runs(used, _GAP_COLUMNS):
                held = [r for r in rows if any(columns[0] <= c <= columns[-1] for c in self.rows[r])]
                yield held[0], columns[0], held[-1], columns[-1]

    def _is_thin(self, block: Range) -> bool:
        top, left, bottom, right = block
        area = (bottom - top + 1) * (right - left + 1)
        return area > _THIN_AREA and area > _THIN * self.count

    def _block(self, block: Range) -> str:
        top, left, bottom, right = block
        if self._is_thin(block):
            cells = (
                (r, c, text)
                for r in range(top, bottom + 1)
                for c, text in sorted(self.rows.get(r, {}).items())
            )
            return "\n".join(f"{place(r, c)}: {text}" for r, c, text in cells if left <= c <= right)
        return sparse_table([self._line(row, left, right) for row in range(top, bottom + 1)])

    def _line(self, row: int, left: int, right: int) -> list[str]:
        cells: Mapping[int, str] = self.rows.get(row, {})
        return (
            [cells.get(column, "") for column in range(left, right + 1)]
            if cells
            else [""] * (right - left + 1)
        )


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
