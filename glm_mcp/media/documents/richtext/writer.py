"""The paragraphs and tables of one text, as they come out of the words of RTF."""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from glm_mcp.media.documents.markdown import flat, table
from glm_mcp.media.documents.word.runs import letters_of

_NEAR = 20  # twentieths of a point within which the edges of two cells are one


@dataclass(slots=True)
class Edges:
    """Where the cells of a row end, and which of them are a part of the one before or above; said before or after them."""

    right: list[int] = field(default_factory=list)
    beside: list[bool] = field(default_factory=list)
    below: list[bool] = field(default_factory=list)
    _flags: set[str] = field(default_factory=set)

    def note(self, word: str) -> None:
        self._flags.add(word)

    def end(self, at: int) -> None:
        self.right.append(at)
        self.beside.append("clmrg" in self._flags)
        self.below.append("clvmrg" in self._flags)
        self._flags.clear()


@dataclass(slots=True)
class Writer:
    """Text as it comes, and the table that is open."""

    blocks: list[str] = field(default_factory=list)
    line: list[str] = field(default_factory=list)
    hanging: list[str] = field(default_factory=list)  # text boxes of the paragraph
    cells: list[str] = field(default_factory=list)
    rows: list[tuple[list[str], Edges]] = field(default_factory=list)
    edges: Edges = field(default_factory=Edges)
    in_table: bool = False
    inner_cells: list[str] = field(default_factory=list)  # of the table within the cell
    inner_rows: list[list[str]] = field(default_factory=list)
    outline: int = 0  # 1 for a heading of the first level
    headings: dict[int, int] = field(default_factory=dict)  # levels by the numbers of styles
    level: int = 0  # of a list
    listed: bool = False
    depth: int = 0  # of tables: 2 within one within a cell

    def write(self, text: str) -> None:
        if self.inner_rows and self.depth < 2 and text.strip():
            self.line.append(f"{flat(self.inner_rows)}\n")
            self.inner_rows = []
        self.line.append(text)
        if text == "\n" and not self.in_table:
            self.flush()

    def mark(self, text: str) -> None:
        """The number or the sign of a list's item. LibreOffice names no font of such a sign: it is of its own."""
        shown = letters_of(text, "OpenSymbol")[0] or "•" * bool(text)
        self.line.append(f"{' '.join(shown.split())} ")
        self.listed = True

    def hang(self, text: str) -> None:
        if self.in_table:
            self.write(f"\n{text}\n")
        else:
            self.hanging.append(text)

    def lay_out(self, word: str, number: int | None, *, inner: bool) -> bool:
        """Whether it is a word of tables and paragraphs, which acts here. `inner`: of the row of an inner table."""
        match word:
            case "cell":
                self._end_cell()
            case "nestcell":
                self.inner_cells.append(_joined(self.line).strip())
                self.line = []
            case "row":
                self._end_row()
            case "nestrow":
                self.inner_rows += [self.inner_cells] if self.inner_cells else []
                self.inner_cells = []
            case "trowd" | "clmrg" | "clvmrg" | "cellx":
                if not inner:
                    self._edge(word, number or 0)
            case "intbl":
                self.in_table = True
            case "itap":
                self.depth = number or 0
            case "pard":
                self.in_table, self.outline, self.level, self.depth = False, 0, 0, 0
            case "s":
                self.outline = self.headings.get(number or 0, self.outline)
            case "outlinelevel":
                self.outline = (number or 0) + 1
            case "ilvl":
                self.level = min(number or 0, 8)
            case _:
                return False
        return True

    def _edge(self, word: str, at: int) -> None:
        if word == "trowd":
            self.edges = Edges()
        elif word == "cellx":
            self.edges.end(at)
        else:
            self.edges.note(word)

    def _end_cell(self) -> None:
        if self.inner_rows:
            self.line.append(flat(self.inner_rows))
            self.inner_rows = []
        self.cells.append(_joined(self.line).strip())
        self.line = []

    def _end_row(self) -> None:
        if self.cells:
            self.rows.append((self.cells, self.edges))
        self.cells = []

    def flush(self) -> None:
        text = _joined(self.line)
        self.line = []
        if text.strip():
            self._end_table()
            if self.outline and self.outline <= 6:
                text = f"{'#' * self.outline} {text.strip()}\n"
            elif self.listed:
                text = f"{'  ' * self.level}{text.lstrip(' ')}"
        self.listed = False
        self.blocks.append(text)
        if self.hanging:
            self._end_table()
            self.blocks += [f"\n\n{box}\n\n" for box in self.hanging]
            self.hanging = []

    def _end_table(self) -> None:
        if self.rows:
            self.blocks.append("\n\n" + table(_grid(self.rows)) + "\n\n")
            self.rows = []

    def finish(self) -> str:
        self.flush()
        self._end_row()
        self._end_table()
        blocks = [re.sub(r"\n", "\n\n", b) if not b.startswith("\n\n") else b for b in self.blocks]
        return re.sub(r"\n{3,}", "\n\n", "".join(blocks)).strip("\n").rstrip()


def _joined(line: Iterable[str]) -> str:
    """Runs struck out one after the other are one."""
    return "".join(line).replace("~~~~", "")


def _grid(rows: list[tuple[list[str], Edges]]) -> list[list[str]]:
    """A cell that is wider than others or goes on below stands at each place that it covers."""
    columns: list[int] = []
    for at in sorted(at for _, edges in rows for at in edges.right):
        if not columns or at - columns[-1] > _NEAR:
            columns.append(at)
    grid: list[list[str]] = []
    for written, edges in rows:
        count = len(edges.right)
        cells = written if any(written[count:]) else written[:count]
        if count != len(cells) or edges.right != sorted(edges.right):
            grid.append(cells)
            continue
        grid.append(_spread(cells, edges, columns, grid[-1] if grid else []))
    return grid


def _spread(cells: list[str], edges: Edges, columns: list[int], above: list[str]) -> list[str]:
    line: list[str] = []
    for i, text in enumerate(cells):
        shown = text
        if not text and edges.beside[i] and line:
            shown = line[-1]
        elif not text and edges.below[i] and len(line) < len(above):
            shown = above[len(line)]
        end = bisect.bisect_left(columns, edges.right[i] - _NEAR) + 1
        line += [shown] * max(end - len(line), 1)
    return line
