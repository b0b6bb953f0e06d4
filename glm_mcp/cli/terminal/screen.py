"""A terminal, or what stands in its place: its width, whether it has colours, and text that is fitted as it comes."""

from __future__ import annotations

import os
import re
import shutil
import sys
from typing import TextIO

from glm_mcp.cli.terminal import table
from glm_mcp.cli.terminal.cells import LEAD, NEVER_FULL, TOKEN, cells

COLOURS = {"red": "31", "green": "32", "yellow": "33", "bold": "1", "dim": "2"}
WIDEST = 100  # columns of what is read in lines; longer ones are hard to read
NARROWEST = 16  # below this nothing is fitted: every word would be a line
MARK = 4  # characters of a line that tell whether it is a fence, a row or an item
_FENCE = re.compile(r"\s*(?:```|~~~)")


def is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and not stream.closed and stream.isatty()


def columns() -> int:
    """COLUMNS, else the terminal's; 80 where nothing is known."""
    return shutil.get_terminal_size().columns


def room(stream: TextIO) -> int:
    """Columns that a line may take there: no limit where it is no terminal."""
    return columns() if is_terminal(stream) else NEVER_FULL


def width() -> int:
    """Columns of a text that is the same on a terminal and elsewhere."""
    return min(columns(), WIDEST)


def has_colour(stream: TextIO) -> bool:
    """FORCE_COLOR and NO_COLOR decide; else whether it is a terminal that knows colours."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") not in {"", "0"}:
        return True
    return is_terminal(stream) and os.environ.get("TERM") != "dumb"


def painted(text: str, colour: str, stream: TextIO | None = None) -> str:
    """The text in a colour of COLOURS, where the stream (standard output) has colours."""
    return f"\x1b[{COLOURS[colour]}m{text}\x1b[0m" if text and has_colour(stream or sys.stdout) else text


def out(text: str) -> None:
    """Written to standard output at once."""
    sys.stdout.write(text)
    sys.stdout.flush()


class Fitted:
    """Text that comes in pieces, on standard output: on a terminal fitted to its width, elsewhere as it is.

    A line ends between words; code in fences stays as it is; a table is held until it is whole.
    """

    def __init__(self) -> None:
        self._columns = columns() if is_terminal(sys.stdout) else 0
        self._held = ""  # of the line that is being written: what is not shown yet
        self._at = 0  # columns of it that are
        self._lead = ""  # its blanks and mark
        self._rows: list[str] = []
        self._code = False

    def feed(self, piece: str) -> None:
        if self._columns < NARROWEST:
            out(piece)
            return
        *whole, rest = (self._held + piece).split("\n")
        said = "".join(self._line(line, ended=True) for line in whole)
        self._held = rest
        out(said + self._line(rest, ended=False))

    def end(self) -> None:
        """What is still held; the last line is not ended."""
        if self._columns >= NARROWEST:
            said = self._line(self._held, ended=True)
            out((said + self._table()).removesuffix("\n"))
            self._held = ""

    def _line(self, text: str, *, ended: bool) -> str:
        """What can be shown of a line of which `text` is not shown yet."""
        starts = not self._at
        whole = self._code or len(text.strip()) < MARK or table.is_row(text) or _FENCE.match(text)
        if starts and whole and not ended:
            return ""
        if starts and table.is_row(text) and not self._code:
            self._rows.append(text)
            return ""
        said = self._table()
        if starts and (self._code or _FENCE.match(text)):
            self._code ^= bool(_FENCE.match(text))
            self._held = ""
            return f"{said}{text}\n"
        return said + self._words(text, ended=ended)

    def _words(self, text: str, *, ended: bool) -> str:
        if not self._at:
            self._lead = " " * min(cells((LEAD.match(text) or [""])[0]), self._columns // 3)
        said, shown, gap = "", 0, ""
        for found in re.finditer(TOKEN, text):
            token = found[0]
            if found.end() == len(text) and not ended:
                break  # the next piece may go on with it
            if token.isspace():
                gap = token  # written with the word after it: none stands at the end of a line
                continue
            if self._at + cells(gap + token) > self._columns and self._at > len(self._lead):
                said, self._at, gap = f"{said}\n{self._lead}", len(self._lead), ""
            said += gap + token
            self._at += cells(gap + token)
            shown, gap = found.end(), ""
        self._held = text[shown:]
        if ended:
            said, self._at, self._held = said + "\n", 0, ""
        return said

    def _table(self) -> str:
        rows, self._rows = self._rows, []
        return "".join(f"{line}\n" for line in table.fitted(rows, self._columns)) if rows else ""
