"""Excel's workbooks in one XML file (SpreadsheetML of 2003), which reporting tools write, often under the name `.xls`."""

from __future__ import annotations

import datetime as dt
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree as ET

from glm_mcp.errors import UnsupportedMedia
from glm_mcp.media.documents.about import of_properties_2003, with_about
from glm_mcp.media.documents.common.few_times import SaidAgain
from glm_mcp.media.documents.ooxml.number_format import BUILT_IN, display, display_text, figure
from glm_mcp.media.documents.ooxml.package import whole
from glm_mcp.media.documents.pages import LeftOut
from glm_mcp.media.documents.sheets.beside import comment_block, comment_line, printed_line
from glm_mcp.media.documents.sheets.book import Sheet, read_sheets
from glm_mcp.media.documents.sheets.cells import COLUMNS, ROWS
from glm_mcp.media.documents.sheets.grid import Grid, Range, place, sheet_text
from glm_mcp.media.documents.zip_xml import attribute, local, mended, refuse_entities

# The formats that have a name here instead of a code.
_NAMED = {
    "General Number": "General",
    "General Date": BUILT_IN[22],
    "Long Date": BUILT_IN[14],
    "Medium Date": BUILT_IN[15],
    "Short Date": BUILT_IN[14],
    "Long Time": BUILT_IN[19],
    "Medium Time": BUILT_IN[18],
    "Short Time": BUILT_IN[20],
    "Currency": BUILT_IN[4],
    "Euro Currency": '"€"#,##0.00',
    "Fixed": BUILT_IN[2],
    "Standard": BUILT_IN[4],
    "Percent": BUILT_IN[10],
    "Scientific": BUILT_IN[11],
    "Yes/No": '"Yes";"Yes";"No"',
    "True/False": '"TRUE";"TRUE";"FALSE"',
    "On/Off": '"On";"On";"Off"',
}


_STYLED = 1_000_000  # columns; a file can name all of a sheet again and again


@dataclass(slots=True)
class _Sheet:
    """`row`, `column`: the next ones, from 0. `columns`: the styles of whole columns."""

    name: str
    grid: Grid = field(default_factory=Grid)
    merged: list[Range] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    printed: list[str] = field(default_factory=list)
    columns: dict[int, str] = field(default_factory=dict)
    row: int = 0
    column: int = 0
    is_hidden: bool = False


def read_xml2003(data: bytes, spec: str | None, name: str, encoding: str | None) -> dict[str, Any]:
    """Raises UnsupportedMedia, InvalidRequest (pages)."""
    data = mended(data, name, encoding)
    refuse_entities(data, name)
    left_out = LeftOut()
    book = _Book(left_out)
    try:
        for event, element in ET.iterparse(io.BytesIO(data), ("start", "end")):  # noqa: S314 - entities are refused above
            book.take(event, element)
    except (ET.ParseError, ValueError, LookupError):
        left_out.add("the rest of a part that is damaged", "the workbook")
    sheets = [Sheet(s.name, s, is_hidden=s.is_hidden) for s in book.sheets]
    if not sheets:
        raise UnsupportedMedia(f"{name} is damaged: it holds no sheets", "Save it again as XLSX or CSV.")

    def read(sheet: Sheet[_Sheet]) -> tuple[str, list[str]]:
        found = sheet.at
        found.grid.fill(found.merged)
        return sheet_text(found.grid, [*comment_block(found.comments), *found.printed], found.name)

    return with_about(read_sheets("xls", sheets, spec, name, left_out, read), book.said)


class _Book:
    """The sheets as their elements come, row by row, so that a large one fits into memory."""

    def __init__(self, left_out: LeftOut) -> None:
        self._again = SaidAgain(left_out)
        self.sheets: list[_Sheet] = []
        self.said: list[tuple[str, str]] = []
        self._formats: dict[str, str] = {}
        self._styled = 0  # columns, of all sheets

    def take(self, event: str, element: ET.Element) -> None:
        name = local(element)
        if event == "start":
            if name == "Worksheet":
                self.sheets.append(_Sheet(attribute(element, "Name"), Grid(self._again)))
            return
        sheet = self.sheets[-1] if self.sheets else None
        if name == "Style":
            self._style(element)
        elif name == "DocumentProperties":
            self.said = of_properties_2003(element)
        elif sheet is None:
            return
        elif name == "Column":
            at = whole(attribute(element, "Index"), sheet.column + 1) - 1
            last = min(at + whole(attribute(element, "Span")), COLUMNS)
            sheet.column = max(sheet.column, last + 1)
            self._styled += max(last - at, 0) + 1
            if self._styled > _STYLED:
                return
            sheet.columns |= dict.fromkeys(range(at, last + 1), attribute(element, "StyleID"))
        elif name == "Row":
            self._row(element, sheet)
            element.clear()
        elif name == "Visible":
            sheet.is_hidden = (element.text or "").strip() in ("SheetHidden", "SheetVeryHidden")
        elif name in ("Header", "Footer"):
            sheet.printed += printed_line(name.lower(), attribute(element, "Data"))

    def _style(self, element: ET.Element) -> None:
        code = next((attribute(e, "Format") for e in element if local(e) == "NumberFormat"), "")
        code = code or self._formats.get(attribute(element, "Parent"), "General")
        self._formats[attribute(element, "ID")] = _NAMED.get(code, code)

    def _row(self, element: ET.Element, sheet: _Sheet) -> None:
        row = whole(attribute(element, "Index"), sheet.row + 1) - 1
        # Rows that stand for several hold nothing.
        sheet.row = row + 1 + whole(attribute(element, "Span"))
        column = 0
        for cell in (e for e in element if local(e) == "Cell"):
            column = whole(attribute(cell, "Index"), column + 1) - 1
            wide, deep = whole(attribute(cell, "MergeAcross")), whole(attribute(cell, "MergeDown"))
            style = (
                attribute(cell, "StyleID") or attribute(element, "StyleID") or sheet.columns.get(column, "")
            )
            if 0 <= row < ROWS and 0 <= column < COLUMNS:
                sheet.grid.put(row, column, self._shown(cell, style))
                sheet.comments += _comments(cell, place(row, column))
                if wide > 0 or deep > 0:
                    sheet.merged.append((row, column, row + max(deep, 0), column + max(wide, 0)))
            column += 1 + max(wide, 0)

    def _shown(self, cell: ET.Element, style: str) -> str:
        data = next((e for e in cell if local(e) == "Data"), None)
        written = "" if data is None else "".join(data.itertext())
        if data is None or not written.strip():
            formula = attribute(cell, "Formula")
            return formula if formula and data is None else ""
        text = _value(written.replace("\r", ""), attribute(data, "Type"), self._formats.get(style, "General"))
        leads = attribute(cell, "HRef")
        return f"[{text}]({leads})" if re.match("(?:https?|ftp|mailto):", leads) and leads != text else text


def _comments(cell: ET.Element, at: str) -> Iterator[str]:
    for comment in (e for e in cell if local(e) == "Comment"):
        yield comment_line(at, attribute(comment, "Author"), "".join(comment.itertext()))


def _value(written: str, kind: str, code: str) -> str:
    match kind:
        case "Number":
            return figure(written.strip(), code)
        case "DateTime":
            return _date(written.strip(), code)
        case "Boolean":
            return "TRUE" if written.strip() == "1" else "FALSE"
        case "Error":
            return written.strip()
    return (written if code == "General" else display_text(written, code)).strip()


def _date(written: str, code: str) -> str:
    """A moment as its format shows it; as an ISO date where that shows a number."""
    try:
        moment = dt.datetime.fromisoformat(written).replace(tzinfo=None)
    except ValueError:
        return written
    days = (moment - dt.datetime(1899, 12, 30 if moment > dt.datetime(1900, 3, 1) else 31)) / dt.timedelta(1)  # noqa: DTZ001 - a workbook has no zone
    if code == "General":
        return moment.isoformat(" ", "seconds").removesuffix(" 00:00:00")
    return display(days, code)
