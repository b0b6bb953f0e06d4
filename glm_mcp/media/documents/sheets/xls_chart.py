"""A chart of an XLS: its titles, and its data, which it keeps as cells of its own."""

from __future__ import annotations

import struct

from glm_mcp.media.documents.markdown import chart_heading, placed, table
from glm_mcp.media.documents.sheets.biff import Number, Record, Texts
from glm_mcp.media.documents.sheets.grid import place
from glm_mcp.media.documents.sheets.values import Values, number_text

_AREA = 0x1B  # kind of a formula's piece: cells of a sheet
_VALUES, _CATEGORIES, _SIZES = 1, 2, 3


class Chart:
    """Reads the records of one chart in their order."""

    def __init__(self, values: Values) -> None:
        self._shown = values
        self._inside: list[int] = []  # the records whose blocks are open
        self._last = 0
        self._names: list[str] = []
        self._titles: list[str] = []
        self._section = 0
        self._cells: list[str] = []  # where its data lies
        self._data: dict[int, dict[tuple[int, int], str]] = {}

    def read(self, record: Record) -> None:
        number, body = record.number, record.body
        if number == Number.BEGIN:
            self._inside.append(self._last)
        elif number == Number.END:
            self._inside = self._inside[:-1]
        elif number == Number.SERIES:
            self._names.append("")
        elif number == Number.CHART_WORDS:
            words = Texts([body[3:]]).text(body[2])
            around = self._inside[-1] if self._inside else 0
            if around == Number.SERIES and self._names:
                self._names[-1] = words
            elif words.strip():
                self._titles.append(words)
        elif number == Number.SOURCE and len(body) >= 19 and body[8] & 0x1F == _AREA:
            top, low, left, far = struct.unpack_from("<4H", body, 11)
            self._cells.append(f"{place(top, left & 0x3FFF)}:{place(low, far & 0x3FFF)}")
        elif number == Number.SECTION:
            (self._section,) = struct.unpack_from("<H", body)
        elif number in (Number.REAL, Number.LABEL) and self._section:
            row, column, style = struct.unpack_from("<HHH", body)
            if number == Number.REAL:
                stored = number_text(struct.unpack_from("<d", body, 6)[0]), "n"
            else:
                stored = Texts([body[6:]]).text(), "str"
            self._data.setdefault(self._section, {})[row, column] = self._shown.text(*stored, str(style))
        self._last = number

    def blocks(self) -> list[str]:
        """The heading with the title, the other titles, and the table."""
        blocks = chart_heading(self._titles)
        if self._data.get(_VALUES):
            blocks.append(self._table())
        elif self._cells:
            blocks.append(f"Its data is in the cells {', '.join(self._cells)}.")
        return blocks

    def _table(self) -> str:
        values, labels = self._data[_VALUES], self._data.get(_CATEGORIES, {})
        columns = sorted({column for _, column in values})
        names = [self._names[c] if c < len(self._names) else "" for c in columns]
        shared = min((c for _, c in labels), default=0)
        # Points of an XY chart have an x of their own in each series.
        named = {c: name or f"series {c + 1}" for c, name in zip(columns, names, strict=True)}
        cells: dict[int, dict[int, str]] = {-1: {-1: "", **named}}
        for (row, column), value in values.items():
            label = {-1: labels.get((row, shared), str(row + 1))}
            cells.setdefault(row, label)[column] = value
        rows = placed(cells)
        sizes = self._data.get(_SIZES)
        more = [["sizes", *sizes.values()]] if sizes else []
        return table([*rows, *more])
