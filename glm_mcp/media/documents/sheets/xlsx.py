"""XLSX from its own XML: each sheet with its cells as they are shown, its comments, text boxes and charts."""

from __future__ import annotations

import functools
import io
import re
from collections.abc import Iterator, Sequence
from typing import Any
from xml.etree import ElementTree as ET

from glm_mcp.errors import UnsupportedMedia
from glm_mcp.media.documents.about import of_package, with_about
from glm_mcp.media.documents.common.few_times import few_times
from glm_mcp.media.documents.common.shown import PagesShown, Shown
from glm_mcp.media.documents.ooxml.chart import hyperlink
from glm_mcp.media.documents.ooxml.number_format import BUILT_IN
from glm_mcp.media.documents.ooxml.package import Package, child, descendants, relation, value, whole
from glm_mcp.media.documents.sheets.beside import (
    comment_block,
    comments_on,
    controls_on,
    drawn_on,
    people,
    printed_on,
)
from glm_mcp.media.documents.sheets.book import Sheet, read_sheets
from glm_mcp.media.documents.sheets.cells import COLUMNS, ROWS, cell_at, cells_of, rich_text
from glm_mcp.media.documents.sheets.grid import Grid, Range, sheet_text
from glm_mcp.media.documents.sheets.rules import rules_on
from glm_mcp.media.documents.sheets.shown import SheetPictures, sheets_shown
from glm_mcp.media.documents.sheets.values import Values
from glm_mcp.media.documents.zip_xml import attribute, local, refuse_entities
from glm_mcp.text import unescaped

_MERGED = re.compile(rb'<(?:\w{1,20}:)?mergeCell\s+ref=["\']([A-Z]{1,3}\d{1,7}:[A-Z]{1,3}\d{1,7})["\']')
_LINK = re.compile(rb"<(?:\w{1,20}:)?hyperlink\s([^>]{1,5000})>")
_AT, _TO = re.compile(rb'\bref=["\']([A-Z]{1,3}\d{1,7})\b'), re.compile(rb':id=["\']([^"\']{1,100})["\']')
_TIP = re.compile(rb'\btooltip="([^"]{1,1000})"')
_LINKED = re.compile(r'\s*(?:_xlfn\.)?HYPERLINK\(\s*"((?:https?|ftp|mailto):[^"]+)"', re.IGNORECASE)


def read_xlsx(package: Package, spec: str | None, name: str) -> dict[str, Any]:
    """Raises UnsupportedMedia, MediaTooLarge, InvalidRequest (pages)."""
    main, tree, sheets = _workbook(package)
    if not sheets:
        raise UnsupportedMedia(f"{name} is damaged: it names no sheets", "Save it again as XLSX or CSV.")
    since_1904 = (value(tree, "x:workbookPr", name="date1904") or "") in ("1", "true")
    book = _Book(package, main, since_1904=since_1904)
    facts = read_sheets("xlsx", sheets, spec, name, package.left_out, book.read, book.shown)
    return with_about(facts, [*of_package(package), *_texts_of_names(tree)])


def pictures_of_xlsx(package: Package, numbers: Sequence[int]) -> PagesShown:
    """As of `pages_shown`. Raises InvalidRequest."""
    main, _, sheets = _workbook(package)
    return sheets_shown(package, sheets, numbers, SheetPictures(package, main).on)


def _workbook(package: Package) -> tuple[str, ET.Element | None, list[Sheet[str]]]:
    main = package.main("xl/workbook.xml")
    tree = package.tree(main)
    sheets = () if tree is None else _sheets(package, main, tree)
    return main, tree, list(few_times(sheets, lambda sheet: sheet.at, package.left_out))


def _sheets(package: Package, main: str, tree: ET.Element) -> Iterator[Sheet[str]]:
    for element in descendants(tree, "x:sheet"):
        link = package.link(main, relation(element))
        hidden = attribute(element, "state") in ("hidden", "veryHidden")
        title = attribute(element, "name")
        yield Sheet(title, link.target, is_chart=link.kind == "chartsheet", is_hidden=hidden)


def _texts_of_names(tree: ET.Element | None) -> Iterator[tuple[str, str]]:
    """Names that stand for a text instead of a place."""
    for element in () if tree is None else descendants(tree, "x:definedName"):
        written = (element.text or "").strip()
        text = written[1:-1].replace('""', '"')
        if (
            len(written) > 2
            and written[0] == written[-1] == '"'
            and re.fullmatch(r'(?:[^"]|"")+', written[1:-1])
        ):
            yield f"name {attribute(element, 'name')}", text


class _Book:
    """What the sheets of a workbook share: strings, number formats, the names of those who comment."""

    def __init__(self, package: Package, main: str, *, since_1904: bool) -> None:
        self._package = package
        self._main = main
        self._since_1904 = since_1904
        self._pictures = SheetPictures(package, main)
        self._data = b""  # of the sheet that was read last

    @functools.cached_property
    def _values(self) -> Values:
        return Values(self._strings(), self._formats(), since_1904=self._since_1904)

    @functools.cached_property
    def _people(self) -> dict[str, str]:
        return people(self._package, self._main)

    def _strings(self) -> list[str]:
        path = next(iter(self._package.linked(self._main, "sharedStrings")), "xl/sharedStrings.xml")
        data = self._package.read(path)
        refuse_entities(data, self._package.name)
        strings: list[str] = []
        try:
            for _, element in ET.iterparse(io.BytesIO(data)) if data else ():  # noqa: S314 - entities are refused above
                if local(element) == "si":
                    strings.append(rich_text(element).strip())
                    element.clear()
        except (ET.ParseError, ValueError, LookupError):
            self._package.left_out.add("the rest of parts that are damaged", path)
        return strings

    def _formats(self) -> list[str]:
        """The format code of each cell style."""
        path = next(iter(self._package.linked(self._main, "styles")), "xl/styles.xml")
        tree = self._package.tree(path)
        if tree is None:
            return []
        codes = BUILT_IN | {
            whole(attribute(e, "numFmtId")): attribute(e, "formatCode") for e in descendants(tree, "x:numFmt")
        }
        styles = child(tree, "x:cellXfs")
        return (
            [] if styles is None else [codes.get(whole(attribute(e, "numFmtId")), "General") for e in styles]
        )

    def read(self, sheet: Sheet[str]) -> tuple[str, list[str]]:
        """The text of a sheet, and notes on it."""
        if not self._package.has(sheet.at):
            self._package.left_out.add("sheets that the file does not hold", f"'{sheet.name}'")
            return "", []
        data = self._data = self._package.read(sheet.at)
        refuse_entities(data, self._package.name)
        grid, pending = self._cells(data, sheet.name)
        self._pictures.name_in(grid, data)
        self._link(grid, data, sheet)
        grid.fill([_range(reference.decode()) for reference in _MERGED.findall(data)])
        remarks = comment_block([*comments_on(self._package, sheet.at, self._people), *rules_on(data)])
        drawn = drawn_on(self._package, sheet.at, sheet.name)
        controls = controls_on(self._package, sheet.at)
        text, notes = sheet_text(grid, [*drawn, *controls, *remarks, *printed_on(data)], sheet.name)
        if pending:
            notes.append(
                f"sheet '{sheet.name}': formulas without a stored result, shown as written: {pending}"
            )
        if not grid.count and self._package.linked(sheet.at, "pivotTable"):
            notes.append(
                f"sheet '{sheet.name}': a pivot table without its cells, which Excel fills in: open and save it there"
            )
        return text, notes

    def shown(self, sheet: Sheet[str], where: str) -> list[Shown]:
        """The pictures of the sheet that was read last."""
        return self._pictures.on(sheet, where, self._data)

    def _cells(self, data: bytes, title: str) -> tuple[Grid, int]:
        """The cells, and how many formulas have no stored result."""
        grid, pending = Grid(self._package.again), 0
        try:
            for row, at, style, kind, written, formula in cells_of(data):
                if not (0 <= at < COLUMNS and 0 <= row < ROWS):
                    continue
                if written:
                    text = self._values.text(written, kind, style)
                    leads = _LINKED.match(formula) if formula else None
                    grid.put(row, at, f"[{text}]({leads[1]})" if leads and leads[1] != text else text)
                elif formula:
                    grid.put(row, at, f"={formula}")
                    pending += 1
        except (ET.ParseError, ValueError, LookupError):
            self._package.left_out.add("the rest of parts that are damaged", f"sheet '{title}'")
        return grid, pending

    def _link(self, grid: Grid, data: bytes, sheet: Sheet[str]) -> None:
        """Cells that lead to an address say where."""
        where = f"sheet '{sheet.name}'"
        for attributes in _LINK.findall(data):
            at, to = _AT.search(attributes), _TO.search(attributes)
            if at is None or to is None:
                continue
            left, row = cell_at(at[1].decode())
            cells = grid.rows.get(row, {})
            if text := grid.to_link(row, left):
                cells[left] = hyperlink(self._package, sheet.at, to[1].decode(), text, where)
                if tip := _TIP.search(attributes):
                    cells[left] += f" ({unescaped(tip[1].decode('utf-8', 'replace'))})"


def _range(reference: str) -> Range:
    left, top, right, bottom = (part for end in reference.split(":") for part in cell_at(end))
    return top, left, bottom, right
