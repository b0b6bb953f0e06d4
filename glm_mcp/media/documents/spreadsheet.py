"""Workbooks: each sheet a page with its cells as a Markdown table as they are shown, hidden ones too. The forms before
Excel 97 are read by calamine, which knows values and dates but no other number formats.
"""

from __future__ import annotations

import datetime as dt
import struct
from typing import Any, BinaryIO

from glm_mcp.errors import InvalidRequest, MissingExtra, UnsupportedMedia
from glm_mcp.media.documents.about import of_compound_file, with_about
from glm_mcp.media.documents.containers.compound import compound_file
from glm_mcp.media.documents.odf.container import open_container
from glm_mcp.media.documents.ooxml.number_format import general
from glm_mcp.media.documents.ooxml.package import Package
from glm_mcp.media.documents.pages import LeftOut
from glm_mcp.media.documents.sheets.book import Sheet, read_sheets
from glm_mcp.media.documents.sheets.grid import CELLS, Grid, sheet_text
from glm_mcp.media.documents.sheets.ods import read_ods
from glm_mcp.media.documents.sheets.xls import is_locked, is_new, read_xls, texts_of_names
from glm_mcp.media.documents.sheets.xlsb import read_xlsb
from glm_mcp.media.documents.sheets.xlsx import read_xlsx
from glm_mcp.media.documents.sheets.xml2003 import read_xml2003
from glm_mcp.media.documents.zip_xml import open_zip

_LOCKED = (
    "Save it without a password, or as a PDF with one. Where Excel opens a workbook without asking, take its protection "
    "off first (Review > Protect Workbook)."
)
_SAVE = "Save it again as XLSX or CSV."


def sheets_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Reads `params["pages"]` of a workbook of `params["kind"]`: xlsx, xlsb, xls, xml2003 or ods.

    Raises MissingExtra (XLS), UnsupportedMedia, MediaTooLarge, InvalidRequest (pages, password).
    """
    name, kind, spec = params["name"], params["kind"], params.get("pages")
    if kind == "xls":
        return _xls(file, spec, name), []
    if kind == "xml2003":
        return read_xml2003(file.read(), spec, name, params.get("encoding")), []
    if kind == "ods":
        return read_ods(open_container(file, name), spec, name), []
    package = Package(open_zip(file, name), name, LeftOut())
    return (read_xlsx if kind == "xlsx" else read_xlsb)(package, spec, name), []


def _xls(file: BinaryIO, spec: str | None, name: str) -> dict[str, Any]:
    try:
        with compound_file(file, name) as container:
            streams = [name for name in ("Workbook", "Book") if container.exists(name)]
            stream = bytes(container.openstream(streams[0]).read()) if streams else b""
            said = of_compound_file(container)
        if is_locked(stream):
            raise InvalidRequest(f"{name} is encrypted", _LOCKED)
        if is_new(stream):
            return with_about(read_xls(stream, spec, name), [*said, *texts_of_names(stream)])
    except (OSError, ValueError, IndexError, struct.error):
        pass  # damaged, or older: what the other reader can do with it
    return _old(file, spec, name)


def _old(file: BinaryIO, spec: str | None, name: str) -> dict[str, Any]:
    try:
        import python_calamine as calamine
    except ImportError:
        raise MissingExtra("office", "reading an XLS") from None
    file.seek(0)
    try:
        book = _without_panic(calamine.CalamineWorkbook.from_filelike, file)
        listed = list(book.sheets_metadata)
    except (calamine.CalamineError, OSError, ValueError, KeyError):
        raise UnsupportedMedia(f"{name} is damaged: its sheets cannot be read", _SAVE) from None
    worksheets = [s for s in listed if s.typ == calamine.SheetTypeEnum.WorkSheet] or listed
    shown = calamine.SheetVisibleEnum.Visible
    sheets = [Sheet(s.name, None, is_hidden=s.visible != shown) for s in worksheets]
    left_out = LeftOut()

    def read(sheet: Sheet[None]) -> tuple[str, list[str]]:
        try:
            grid = _grid(_without_panic(book.get_sheet_by_name, sheet.name))
        except (calamine.CalamineError, OSError, ValueError, KeyError):
            left_out.add("sheets that are damaged", f"'{sheet.name}'")
            grid = Grid()
        return sheet_text(grid, (), sheet.name)

    facts = read_sheets("xls", sheets, spec, name, left_out, read)
    notes = ["number formats, comments and charts of this old form are not read"]
    return {**facts, "notes": notes + facts["notes"]}


def _without_panic(function: Any, argument: Any) -> Any:
    """A panic of the library's native code is an exception beside all others; here it is a damaged file."""
    try:
        return function(argument)
    except BaseException as error:
        if type(error).__name__ == "PanicException":
            raise ValueError("panic") from None
        raise


def _grid(sheet: Any) -> Grid:
    grid = Grid()
    if not sheet.total_height or not sheet.total_width:
        return grid
    top, left = sheet.start or (0, 0)
    # A stray cell far out makes a sheet of millions of empty ones: then only what is used is asked for.
    whole = sheet.total_height * sheet.total_width <= CELLS
    rows = _without_panic(lambda skip: sheet.to_python(skip_empty_area=skip), not whole)
    for i, row in enumerate(rows, 0 if whole else top):
        for j, value in enumerate(row, 0 if whole else left):
            grid.put(i, j, _text(value))
    return grid


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return general(float(value))
    if isinstance(value, dt.datetime):
        return value.date().isoformat() if value.time() == dt.time() else value.isoformat(" ", "seconds")
    if isinstance(value, dt.timedelta):
        seconds = round(value.total_seconds())
        return f"{seconds // 3600}:{seconds // 60 % 60:02}" + (f":{seconds % 60:02}" if seconds % 60 else "")
    return str(value)
