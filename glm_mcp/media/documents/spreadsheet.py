"""Workbooks (XLSX, XLSB, XLS, ODS) by calamine: each sheet a page with one Markdown table, hidden ones too."""

from __future__ import annotations

import datetime as dt
import html
import re
import zipfile
from typing import Any, BinaryIO

from glm_mcp.errors import GLMError, InvalidRequest, MissingExtra, UnsupportedMedia
from glm_mcp.media.documents.markdown import table, trim
from glm_mcp.media.documents.pages import choose, result
from glm_mcp.media.documents.zip_xml import attribute, local, member, open_zip, parse, refuse_entities_in

Cells = dict[tuple[int, int], str]  # by row and column from 0

_CELLS = 5_000_000  # of one workbook; a million rows of five columns
# No pattern goes over the same bytes again from every cell, nor twice over spaces: a sheet may have 100 MB.
_EMPTY_FORMULA = re.compile(
    rb'<c r="([A-Z]{1,3})(\d{1,7})"[^<>]*>\s*<f[^<>]*?(?:/>|>([^<]*)</f>)\s*(?:<v\s*/>\s*|<v></v>\s*)?</c>'
)
# Cells with an error in place of a value, which the library leaves empty.
_ERROR = re.compile(
    rb'<c(?=[^<>]*?\st="e")(?=[^<>]*?\sr="([A-Z]{1,3})(\d{1,7})")[^<>]*>'
    rb"\s*(?:<f[^<>]*?(?:/>|>[^<]*</f>)\s*)?<v>([^<]{1,100})</v>"
)
# The record that begins an XLS, and the one after it that says how to decrypt the rest.
_LOCKED_XLS = re.compile(rb"\x09\x08\x10\0\0\x06\x05\0.{12}(?:\x86\0\0\0)?\x2f\0", re.DOTALL)


def read_sheets(
    archive: zipfile.ZipFile | None, file: BinaryIO, spec: str | None, name: str, kind: str
) -> dict[str, Any]:
    """Raises MissingExtra, UnsupportedMedia, InvalidRequest (pages, password)."""
    try:
        import python_calamine as calamine
    except ImportError:
        raise MissingExtra("office", f"reading an {kind.upper()}") from None
    if archive is not None:
        refuse_entities_in(archive, name)
    if _locked(archive, file, name):
        raise InvalidRequest(f"{name} is encrypted", "Save it without a password.")
    file.seek(0)
    try:
        book = calamine.CalamineWorkbook.from_filelike(file)
        sheets = [s for s in book.sheets_metadata if s.typ == calamine.SheetTypeEnum.WorkSheet] or list(
            book.sheets_metadata
        )
        titles = [s.name for s in sheets]
        chosen = choose(spec, len(sheets), name, unit="sheet", names=titles)
        unseen = _unseen(archive, name) if archive is not None and kind == "xlsx" else {}
        pages, notes = [], []
        for number in chosen:
            title = titles[number - 1]
            hidden = "" if sheets[number - 1].visible == calamine.SheetVisibleEnum.Visible else " (hidden)"
            rows, empty = _rows(book.get_sheet_by_name(title), *unseen.get(title, ({}, {})))
            if empty:
                notes.append(f"sheet '{title}': formulas without a stored result, shown as written: {empty}")
            pages.append((number, f"sheet '{title}'{hidden}", table(rows) or "(empty sheet)", ""))
    except GLMError:
        raise
    except (calamine.CalamineError, OSError, ValueError, KeyError) as error:
        raise UnsupportedMedia(
            f"{name} is damaged: {type(error).__name__}", "Save it again as XLSX or CSV."
        ) from None
    return result(kind, pages, len(sheets), notes)


def _locked(archive: zipfile.ZipFile | None, file: BinaryIO, name: str) -> bool:
    """Whether it needs a password, which the library says of files with a name alone. XLSX files are then no zip."""
    if archive is not None:
        return b"encryption-data" in member(archive, "META-INF/manifest.xml", name)
    file.seek(0)
    return _LOCKED_XLS.search(file.read()) is not None


def _rows(sheet: Any, formulas: Cells, errors: Cells) -> tuple[list[list[str]], int]:
    """The sheet's cells as text from A1, and how many formulas without a result were written into them."""
    height, width = sheet.total_height, sheet.total_width
    if height * width > _CELLS:
        # A stray cell far out makes a sheet of millions of empty ones: only the used rectangle is read.
        rows = [[_text(value) for value in row] for row in sheet.to_python(skip_empty_area=True)]
        return trim(rows), 0
    rows = [[_text(value) for value in row] for row in sheet.to_python(skip_empty_area=False)]
    written = sum(_write(rows, place, f"={formula}") for place, formula in formulas.items())
    for place, error in errors.items():
        _write(rows, place, error)
    return trim(rows), written


def _write(rows: list[list[str]], place: tuple[int, int], text: str) -> bool:
    """Whether the text now stands at this place, which it does not when that is far out."""
    row, column = place
    if row > len(rows) + 10_000 or column > 16_384:
        return False
    rows.extend([] for _ in range(row + 1 - len(rows)))
    rows[row].extend("" for _ in range(column + 1 - len(rows[row])))
    rows[row][column] = text
    return True


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(round(value, 12))
    if isinstance(value, dt.datetime):
        return value.date().isoformat() if value.time() == dt.time() else value.isoformat(" ", "seconds")
    return str(value)


def _unseen(archive: zipfile.ZipFile, name: str) -> dict[str, tuple[Cells, Cells]]:
    """What the library shows as empty cells, by sheet: formulas without a stored result, for the file was never
    calculated, and errors.
    """
    book, links = parse(archive, "xl/workbook.xml", name), parse(archive, "xl/_rels/workbook.xml.rels", name)
    if book is None or links is None:
        return {}
    targets = {attribute(link, "Id"): attribute(link, "Target") for link in links}
    found: dict[str, tuple[Cells, Cells]] = {}
    for sheet in (e for e in book.iter() if local(e) == "sheet"):
        target = targets.get(next((v for k, v in sheet.attrib.items() if k.endswith("}id")), ""), "")
        data = (
            member(archive, target.lstrip("/") if target.startswith("/") else f"xl/{target}", name)
            if target
            else b""
        )
        formulas = {
            place: formula or "(shared formula)" for place, formula in _cells(_EMPTY_FORMULA, data).items()
        }
        found[attribute(sheet, "name")] = formulas, _cells(_ERROR, data)
    return found


def _cells(pattern: re.Pattern[bytes], data: bytes) -> Cells:
    return {
        (int(row) - 1, _column(letters)): html.unescape(text.decode("utf-8", "replace"))
        for letters, row, text in pattern.findall(data)
    }


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number - 1


def sheets_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    name, kind = params["name"], params["kind"]
    archive = None if kind == "xls" else open_zip(file, name)
    return read_sheets(archive, file, params.get("pages"), name, kind), []
