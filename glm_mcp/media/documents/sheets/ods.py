"""ODS: each sheet with its cells as they are shown, which the file keeps beside their values, its comments and charts."""

from __future__ import annotations

import functools
import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from xml.etree import ElementTree as ET

from glm_mcp.errors import UnsupportedMedia
from glm_mcp.media.documents.about import of_open_document, with_about
from glm_mcp.media.documents.common.shown import PagesShown, Shown
from glm_mcp.media.documents.odf.forms import controls
from glm_mcp.media.documents.odf.furniture import printed
from glm_mcp.media.documents.odf.inline import Inline
from glm_mcp.media.documents.odf.numbering import Numbering
from glm_mcp.media.documents.odf.shown import FramePictures
from glm_mcp.media.documents.ooxml.package import Package
from glm_mcp.media.documents.opendocument import Writer, styles_of, times
from glm_mcp.media.documents.sheets.beside import comment_block
from glm_mcp.media.documents.sheets.book import Sheet, read_sheets
from glm_mcp.media.documents.sheets.grid import Grid, Range, place, sheet_text
from glm_mcp.media.documents.sheets.rules import rule_lines
from glm_mcp.media.documents.sheets.shown import sheets_shown
from glm_mcp.media.documents.zip_xml import attribute, local, member, refuse_entities

_SHORT_DATE = re.compile(r"\d{1,4}\D\d{1,2}\D\d{1,4}")  # whose order of day and month nobody knows
_TEXT = re.compile(r'(?:\w{1,10}:)?=?"((?:[^"]|"")+)"')  # a formula that is a text
_EMPTY = re.compile(rb"<(?:\w{1,20}:)?spreadsheet\b[^>]{0,500}(?:/>|>\s*</)")  # a new workbook of a server's
_ROWS = 1_048_576


@dataclass(slots=True)
class _Sheet:
    name: str
    style: str
    grid: Grid = field(default_factory=Grid)
    merged: list[Range] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    beside: list[str] = field(default_factory=list)
    shown: list[tuple[str, ET.Element]] = field(default_factory=list)  # what may hold pictures, by its cell
    row: int = 0
    # By the name of a rule, until one of its cells has come.
    rules: dict[str, ET.Element] = field(default_factory=dict)


@dataclass(slots=True)
class _Styles:
    """Of sheets: those that hide them, and which page each is printed on."""

    hidden: set[str] = field(default_factory=set)
    masters: dict[str, str] = field(default_factory=dict)
    names: list[tuple[str, str]] = field(default_factory=list)  # that stand for a text instead of a place


def read_ods(archive: zipfile.ZipFile, spec: str | None, name: str) -> dict[str, Any]:
    """Raises UnsupportedMedia, MediaTooLarge, InvalidRequest (pages)."""
    writer = Writer(archive, name, Inline(archive, name, ()), Numbering(()))
    styles = _Styles()
    sheets = _workbook(archive, name, writer, styles)
    if not sheets and _EMPTY.search(member(archive, "content.xml", name)):
        empty = Sheet("Sheet1", "")  # with which its programs open it
        return read_sheets(
            "ods", [empty], spec, name, writer.left_out, lambda one: sheet_text(Grid(), [], one.name)
        )
    if not sheets:
        raise UnsupportedMedia(f"{name} is damaged: it holds no sheets", "Save it again as ODS or CSV.")
    shown = partial(_pictures, FramePictures(Package(archive, name, writer.left_out)))
    sheets = [replace(s, is_hidden=s.at.style in styles.hidden) for s in sheets]
    masters = {attribute(e, "name"): e for e in styles_of(archive, name).iter() if local(e) == "master-page"}

    @functools.cache
    def lines_of(master: str) -> list[str]:
        page = masters.get(master)
        return [] if page is None else list(printed(page, writer.inline))

    def read(sheet: Sheet[_Sheet]) -> tuple[str, list[str]]:
        found = sheet.at
        found.grid.fill(found.merged)
        lines = (writer.again.text(line, "pages") for line in lines_of(styles.masters.get(found.style, "")))
        return sheet_text(found.grid, [*found.beside, *comment_block(found.comments), *lines], found.name)

    facts = read_sheets("ods", sheets, spec, name, writer.left_out, read, shown)
    return with_about(facts, [*of_open_document(archive, name), *styles.names])


def pictures_of_ods(package: Package, archive: zipfile.ZipFile, numbers: Sequence[int]) -> PagesShown:
    """As of `pages_shown`. Raises UnsupportedMedia, MediaTooLarge, InvalidRequest."""
    writer = Writer(archive, package.name, Inline(archive, package.name, ()), Numbering(()))
    sheets = _workbook(archive, package.name, writer, _Styles())
    return sheets_shown(package, sheets, numbers, partial(_pictures, FramePictures(package)))


def _pictures(pictures: FramePictures, sheet: Sheet[_Sheet], where: str = "") -> list[Shown]:
    found: dict[str, Shown] = {}
    for at, holder in sheet.at.shown:
        for shown in pictures.on(holder, where):
            found.setdefault(shown.part, shown._replace(place=at))
    return list(found.values())


def _workbook(archive: zipfile.ZipFile, name: str, writer: Writer, styles: _Styles) -> list[Sheet[_Sheet]]:
    data = member(archive, "content.xml", name)
    refuse_entities(data, name)
    return [Sheet(s.name, s) for s in _sheets(data, writer, styles)]


def _sheets(data: bytes, writer: Writer, styles: _Styles) -> Iterator[_Sheet]:
    """The sheets as far as the file can be read, row by row, so that a large one fits into memory."""
    sheet: _Sheet | None = None
    rules: dict[str, ET.Element] = {}
    depth = 0  # of tables: those within a cell belong to it
    try:
        for event, element in ET.iterparse(io.BytesIO(data), ("start", "end")):  # noqa: S314 - entities are refused before
            name = local(element)
            if event == "end":
                _beside_sheets(element, name, writer, styles, rules)
            if name == "table":
                depth += 1 if event == "start" else -1
                if event == "start" and depth == 1:
                    sheet = _Sheet(
                        attribute(element, "name"),
                        attribute(element, "style-name"),
                        Grid(writer.again),
                        rules=rules,
                    )
                elif event == "end" and depth == 0 and sheet is not None:
                    yield sheet
                    sheet = None
                    element.clear()
            elif event == "end" and depth == 1 and sheet is not None:
                if name == "table-row":
                    _row(element, sheet, writer)
                    element.clear()
                elif name == "shapes":
                    sheet.beside += writer.blocks(element)
                    sheet.shown.append(("", element))
    except (ET.ParseError, ValueError, LookupError):
        writer.left_out.add("the rest of a part that is damaged", "content.xml")
        if sheet is not None:
            yield sheet


def _beside_sheets(
    element: ET.Element, name: str, writer: Writer, styles: _Styles, rules: dict[str, ET.Element]
) -> None:
    """Takes down what sheets refer to, and the names of the file."""
    match name:
        case "style":
            if any(attribute(e, "display") == "false" for e in element if local(e) == "table-properties"):
                styles.hidden.add(attribute(element, "name"))
            styles.masters[attribute(element, "name")] = attribute(element, "master-page-name")
        case "content-validation":
            rules[attribute(element, "name")] = element
        case "named-expression":
            if text := _TEXT.fullmatch(attribute(element, "expression")):
                styles.names.append((f"name {attribute(element, 'name')}", text[1].replace('""', '"')))
        case "forms":
            writer.inline.controls |= controls(element)


def _row(element: ET.Element, sheet: _Sheet, writer: Writer) -> None:
    repeated = times(element, "number-rows-repeated", _ROWS)
    column = 0
    cells: list[tuple[int, str]] = []
    for cell in (e for e in element if local(e) in ("table-cell", "covered-table-cell")):
        text = _shown(cell, writer.inline)
        again = times(cell, "number-columns-repeated", _ROWS)
        if text:
            more = writer.again.times(len(text), times(cell, "number-columns-repeated") - 1, "cells")
            cells += [(column + i, text) for i in range(1 + more)]
        wide = times(cell, "number-columns-spanned", _ROWS)
        deep = times(cell, "number-rows-spanned", _ROWS)
        if wide * deep > 1:
            sheet.merged.append((sheet.row, column, sheet.row + deep - 1, column + wide - 1))
        rule = sheet.rules.pop(attribute(cell, "content-validation-name"), None)
        if rule is not None:
            sheet.comments += rule_lines(rule, place(sheet.row, column))
        for part in cell:
            if local(part) == "annotation":
                author_and_words = writer.inline.comment(part).removeprefix("[comment").removesuffix("]")
                sheet.comments.append(f"- {place(sheet.row, column)}{author_and_words}")
            elif local(part) not in ("p", "h", "detective"):
                wrapper = ET.Element("shape")
                wrapper.append(part)
                sheet.beside += writer.blocks(wrapper)
                sheet.shown.append((place(sheet.row, column), wrapper))
        column += again
    size = sum(len(text) for _, text in cells)
    more = writer.again.times(size, times(element, "number-rows-repeated") - 1, "cells")
    for i in range(1 + more if cells else 0):
        for at, text in cells:
            sheet.grid.put(sheet.row + i, at, text)
    sheet.row = min(sheet.row + repeated, _ROWS)


def _shown(cell: ET.Element, inline: Inline) -> str:
    """The text that the cell shows; a short date as an ISO date."""
    text = "\n".join(inline.text(p) for p in cell if local(p) in ("p", "h")).strip()
    date = attribute(cell, "date-value")
    if date and (not text or _SHORT_DATE.fullmatch(text)):
        return date.removesuffix("T00:00:00").replace("T", " ")
    if text:
        return text
    stored = next((v for n in ("value", "time-value", "string-value") if (v := attribute(cell, n))), "")
    truth = attribute(cell, "boolean-value")
    formula = attribute(cell, "formula").partition(":")[2]
    return stored or truth.upper() or formula
