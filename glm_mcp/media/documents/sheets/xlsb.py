"""XLSB: the parts of an XLSX as binary records ([MS-XLSB] 2.1.4), read as far as a sheet shows them."""

from __future__ import annotations

import contextlib
import functools
import struct
from collections.abc import Iterator, Sequence
from typing import Any

from glm_mcp.errors import UnsupportedMedia
from glm_mcp.media.documents.about import of_package, with_about
from glm_mcp.media.documents.common.few_times import few_times
from glm_mcp.media.documents.common.shown import PagesShown
from glm_mcp.media.documents.ooxml.chart import hyperlink
from glm_mcp.media.documents.ooxml.number_format import BUILT_IN
from glm_mcp.media.documents.ooxml.package import Package
from glm_mcp.media.documents.sheets.beside import (
    comment_block,
    comment_line,
    controls_on,
    drawn_on,
    printed_line,
)
from glm_mcp.media.documents.sheets.book import Sheet, read_sheets
from glm_mcp.media.documents.sheets.cells import COLUMNS, ROWS
from glm_mcp.media.documents.sheets.grid import Grid, Range, place, range_name, sheet_text
from glm_mcp.media.documents.sheets.rules import rule_said
from glm_mcp.media.documents.sheets.shown import SheetPictures, sheets_shown
from glm_mcp.media.documents.sheets.values import ERRORS, Values, number_text, rk

# Numbers of records.
_ROW, _STRING, _FORMAT, _XF, _STYLES, _STYLES_END = 0, 19, 44, 47, 617, 618
_BOOK, _SHEET, _MERGE, _LINK = 153, 156, 176, 494
_AUTHOR, _COMMENT, _WORDS = 632, 635, 637
_RULE, _PRINTED = 64, 479
_LIST, _TEXT = 3, 0x17  # kind of a rule; a formula that is a text


def read_xlsb(package: Package, spec: str | None, name: str) -> dict[str, Any]:
    """Raises UnsupportedMedia, MediaTooLarge, InvalidRequest (pages)."""
    main, sheets, since_1904 = _workbook(package)
    if not sheets:
        raise UnsupportedMedia(f"{name} is damaged: it names no sheets", "Save it again as XLSX or CSV.")
    values = Values(_strings(package, main), _formats(package, main), since_1904=since_1904)
    read = functools.partial(_read, package, values)
    shown = functools.partial(SheetPictures(package, main).on, data=b"")

    facts = read_sheets("xlsb", sheets, spec, name, package.left_out, read, shown)
    return with_about(facts, of_package(package))


def pictures_of_xlsb(package: Package, numbers: Sequence[int]) -> PagesShown:
    """As of `pages_shown`. Raises InvalidRequest."""
    main, sheets, _ = _workbook(package)
    return sheets_shown(package, sheets, numbers, SheetPictures(package, main).on)


def _workbook(package: Package) -> tuple[str, list[Sheet[str]], bool]:
    """Its part, its sheets, and whether its days count from 1904."""
    main = package.main("xl/workbook.bin")
    since_1904 = False
    sheets: list[Sheet[str]] = []
    for number, body in _records(package.read(main)):
        if number == _BOOK:
            since_1904 = bool(body[0] & 1)
        elif number == _SHEET:
            relation, at = _string(body, 8)
            link, (title, _) = package.link(main, relation), _string(body, at)
            chart, hidden = link.kind == "chartsheet", body[0] in (1, 2)
            sheets.append(Sheet(title, link.target, is_chart=chart, is_hidden=hidden))
    return main, list(few_times(sheets, lambda sheet: sheet.at, package.left_out)), since_1904


def _records(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(number, body) of each record; ends where the data is cut."""
    at, end = 0, len(data)
    while at + 1 < end:
        number = data[at]
        at += 1
        if number & 0x80:
            number = (number & 0x7F) | (data[at] & 0x7F) << 7
            at += 1
        length = shift = 0
        while at < end:
            byte = data[at]
            at += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80 or shift > 21:
                break
        yield number, data[at : at + length].ljust(min(length, 64), b"\0")
        at += length


def _string(body: bytes, at: int) -> tuple[str, int]:
    """A text and where it ends."""
    (count,) = struct.unpack_from("<I", body, at)
    if count == 0xFFFFFFFF:
        return "", at + 4
    end = at + 4 + 2 * count
    return body[at + 4 : end].decode("utf-16-le", "replace"), end


def _strings(package: Package, main: str) -> list[str]:
    path = next(iter(package.linked(main, "sharedStrings")), "xl/sharedStrings.bin")
    return [_string(body, 1)[0].strip() for number, body in _records(package.read(path)) if number == _STRING]


def _formats(package: Package, main: str) -> list[str]:
    """The format code of each cell style."""
    codes, formats, inside = dict(BUILT_IN), [], False
    path = next(iter(package.linked(main, "styles")), "xl/styles.bin")
    for number, body in _records(package.read(path)):
        if number == _FORMAT:
            codes[struct.unpack_from("<H", body)[0]] = _string(body, 2)[0]
        elif number in (_STYLES, _STYLES_END):
            inside = number == _STYLES
        elif number == _XF and inside:
            formats.append(struct.unpack_from("<H", body, 2)[0])
    return [codes.get(number, "General") for number in formats]


def _read(package: Package, values: Values, sheet: Sheet[str]) -> tuple[str, list[str]]:
    if not package.has(sheet.at):
        package.left_out.add("sheets that the file does not hold", f"'{sheet.name}'")
        return "", []
    grid, merged, row = Grid(package.again), [], 0
    where = f"sheet '{sheet.name}'"
    rules: list[str] = []
    printed: list[str] = []
    try:
        for number, body in _records(package.read(sheet.at)):
            if number == _ROW:
                (row,) = struct.unpack_from("<I", body)
            elif number == _MERGE:
                merged.append(_range(body))
            elif number == _RULE:
                with contextlib.suppress(struct.error, IndexError):
                    rules += _rule(body)
            elif number == _PRINTED:
                printed += _printed(body)
            elif number == _LINK:
                top, _, left, _ = struct.unpack_from("<4I", body)
                relation, _ = _string(body, 16)
                if text := grid.to_link(top, left):
                    grid.rows[top][left] = hyperlink(package, sheet.at, relation, text, where)
            elif stored := _cell(number, body):
                at, style = struct.unpack_from("<II", body)
                if at < COLUMNS and row < ROWS:
                    grid.put(row, at, values.text(*stored, str(style & 0xFFFFFF)))
    except (struct.error, IndexError):
        package.left_out.add("the rest of parts that are damaged", f"sheet '{sheet.name}'")
    grid.fill(merged)
    drawn = [*drawn_on(package, sheet.at, sheet.name), *controls_on(package, sheet.at)]
    remarks = comment_block([*_comments(package, sheet.at), *rules])
    return sheet_text(grid, [*drawn, *remarks, *dict.fromkeys(printed)], sheet.name)


def _rule(body: bytes) -> Iterator[str]:
    """What a rule says to whoever fills in its cells ([MS-XLSB] 2.4.355). Raises struct.error."""
    (count,) = struct.unpack_from("<I", body, 4)
    at = range_name(_range(body[8:]))
    said, after = [], 8 + 16 * count
    for _ in range(4):
        text, after = _string(body, after)
        said.append(text)
    choices: list[str] = []
    if body[0] & 0xF == _LIST and body[after + 4] == _TEXT:
        (letters,) = struct.unpack_from("<H", body, after + 5)
        choices = body[after + 7 : after + 7 + 2 * letters].decode("utf-16-le", "replace").split(",")
    wrong, error, title, words = said
    yield from rule_said(at, (title, words), choices, (wrong, error))


def _printed(body: bytes) -> Iterator[str]:
    """The words at the head and the foot of each page: of all pages, of even ones, of the first."""
    after = 2
    for kind in ("header", "footer") * 3:
        written, after = _string(body, after)
        yield from printed_line(kind, written)


def _range(body: bytes) -> Range:
    top, low, left, far = struct.unpack_from("<4I", body)
    return top, left, low, far


def _cell(number: int, body: bytes) -> tuple[str, str] | None:
    """The stored value of a cell and its kind, as in the XML form; None for other records. Results of formulas have
    numbers of their own.
    """
    match number:
        case 2:
            return number_text(rk(struct.unpack_from("<I", body, 8)[0])), "n"
        case 5 | 9:
            return number_text(struct.unpack_from("<d", body, 8)[0]), "n"
        case 7:
            return str(struct.unpack_from("<I", body, 8)[0]), "s"
        case 6 | 8:
            return _string(body, 8)[0], "str"
        case 62:
            return _string(body, 9)[0], "str"
        case 4 | 10:
            return str(body[8]), "b"
        case 3 | 11:
            return ERRORS.get(body[8], "#ERROR!"), "e"
    return None


def _comments(package: Package, part: str) -> Iterator[str]:
    for path in filter(package.named.has_not_met, package.linked(part, "comments")):
        authors: list[str] = []
        at, author = "", ""
        for number, body in _records(package.read(path)):
            if number == _AUTHOR:
                authors.append(_string(body, 0)[0])
            elif number == _COMMENT:
                by, row, _, column, _ = struct.unpack_from("<5I", body)
                at, author = (
                    place(row, column),
                    package.again.text(authors[by] if by < len(authors) else "", "comments"),
                )
            elif number == _WORDS:
                yield comment_line(at, author, _string(body, 1)[0])
