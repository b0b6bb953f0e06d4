"""XLSX from its own XML: each sheet with its cells as they are shown, its comments, text boxes and charts."""

from __future__ import annotations

import functools
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

from glm_mcp.errors import UnsupportedMedia
from glm_mcp.media.documents.ooxml.chart import chart_blocks, diagram_lines, embedded
from glm_mcp.media.documents.ooxml.number_format import BUILT_IN, display, display_text, general
from glm_mcp.media.documents.ooxml.package import Package, child, descendants, tag, texts, value, whole
from glm_mcp.media.documents.pages import choose, result
from glm_mcp.media.documents.sheets.cells import COLUMNS, ROWS, cells_of, column, rich_text
from glm_mcp.media.documents.sheets.grid import Grid, Range, place, sheet_text
from glm_mcp.media.documents.zip_xml import attribute, local, refuse_entities

_MERGED = re.compile(rb'<(?:\w{1,20}:)?mergeCell\s+ref=["\']([A-Z]{1,3}\d{1,7}:[A-Z]{1,3}\d{1,7})["\']')
_SHORT = 15  # digits that a sheet shows as they are stored


@dataclass(frozen=True, slots=True)
class _Sheet:
    name: str
    part: str
    kind: str  # worksheet, chartsheet, …
    hidden: bool


def read_xlsx(package: Package, spec: str | None, name: str) -> dict[str, Any]:
    """Raises UnsupportedMedia, MediaTooLarge, InvalidRequest (pages)."""
    main = package.main("xl/workbook.xml")
    tree = package.tree(main)
    sheets = [] if tree is None else list(_sheets(package, main, tree))
    if not sheets:
        raise UnsupportedMedia(f"{name} is damaged: it names no sheets", "Save it again as XLSX or CSV.")
    chosen = choose(spec, len(sheets), name, unit="sheet", names=[s.name for s in sheets])
    book = _Book(package, main, since_1904=attribute_of(tree, "x:workbookPr", "date1904") in ("1", "true"))
    rows, notes = [], []
    for number in chosen:
        sheet = sheets[number - 1]
        text, said = book.read(sheet)
        notes += said
        kind = " (chart)" if sheet.kind == "chartsheet" else ""
        rows.append((number, f"sheet '{sheet.name}'{kind}{' (hidden)' if sheet.hidden else ''}", text, ""))
    return result("xlsx", rows, len(sheets), [*notes, *package.left_out.notes()])


def attribute_of(tree: ET.Element | None, name: str, key: str) -> str:
    return value(tree, name, name=key) or ""


def _sheets(package: Package, main: str, tree: ET.Element) -> Iterator[_Sheet]:
    links = package.links(main)
    for element in descendants(tree, "x:sheet"):
        link = links.get(next((v for k, v in element.attrib.items() if k.endswith("}id")), ""))
        hidden = attribute(element, "state") in ("hidden", "veryHidden")
        title = attribute(element, "name")
        yield _Sheet(title, link.target if link else "", link.kind if link else "", hidden)


class _Book:
    """What the sheets of a workbook share: strings, number formats, the names of those who comment."""

    def __init__(self, package: Package, main: str, *, since_1904: bool) -> None:
        self._package = package
        self._main = main
        self._since_1904 = since_1904
        self._shown = functools.lru_cache(maxsize=100_000)(self._display)

    @functools.cached_property
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

    @functools.cached_property
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

    @functools.cached_property
    def _people(self) -> dict[str, str]:
        trees = (self._package.tree(path) for path in self._package.linked(self._main, "person"))
        return {
            attribute(e, "id"): attribute(e, "displayName")
            for tree in trees
            if tree is not None
            for e in tree
        }

    def read(self, sheet: _Sheet) -> tuple[str, list[str]]:
        """The text of a sheet, and notes on it."""
        if not self._package.has(sheet.part):
            self._package.left_out.add("sheets that the file does not hold", f"'{sheet.name}'")
            return "", []
        grid = Grid()
        data = self._package.read(sheet.part)
        refuse_entities(data, self._package.name)
        pending = 0
        try:
            for row, column, style, kind, written, formula in cells_of(data):
                if not (0 <= column < COLUMNS and 0 <= row < ROWS):
                    continue
                if written:
                    grid.put(row, column, self._text(written, kind, style))
                elif formula:
                    grid.put(row, column, f"={formula}")
                    pending += 1
        except (ET.ParseError, ValueError, LookupError):
            self._package.left_out.add("the rest of parts that are damaged", f"sheet '{sheet.name}'")
        merged = [_range(reference.decode()) for reference in _MERGED.findall(data)]
        grid.fill(merged)
        text, notes = sheet_text(grid, self._beside(sheet), sheet.name)
        if pending:
            notes.append(
                f"sheet '{sheet.name}': formulas without a stored result, shown as written: {pending}"
            )
        return text, notes

    def _text(self, written: str, kind: str, style: str) -> str:
        if kind == "n":
            if style in self._general and len(written) <= _SHORT and written.isdecimal():
                return written
            return self._shown(written, style)
        if kind == "s":
            at = whole(written, -1)
            text = self._strings[at] if 0 <= at < len(self._strings) else ""
            return text if style in self._general else display_text(text, self._code(style)).strip()
        if kind == "b":
            return "TRUE" if written == "1" else "FALSE"
        if kind == "d":
            return written.removesuffix("T00:00:00").replace("T", " ")
        return written.strip()

    @functools.cached_property
    def _general(self) -> frozenset[str]:
        """The styles that change nothing."""
        return frozenset(
            {"0"} if not self._formats else {str(i) for i, c in enumerate(self._formats) if c == "General"}
        )

    def _code(self, style: str) -> str:
        at = whole(style)
        return self._formats[at] if at < len(self._formats) else "General"

    def _display(self, written: str, style: str) -> str:
        try:
            number = float(written)
        except ValueError:
            return written.strip()
        if style in self._general:
            return general(number, written)
        return display(number, self._code(style), written, since_1904=self._since_1904)

    # ── What lies on a sheet ────────────────────────────────────────────────────────────────────────────────────

    def _beside(self, sheet: _Sheet) -> Iterator[str]:
        for path in self._package.linked(sheet.part, "drawing"):
            tree = self._package.tree(path)
            for anchor in () if tree is None else tree:
                yield from self._anchored(anchor, path, sheet.name)
        comments = list(self._comments(sheet.part))
        if comments:
            yield "\n".join(["Comments:", "", *comments])

    def _anchored(self, anchor: ET.Element, part: str, title: str) -> Iterator[str]:
        start = child(anchor, "xdr:from")
        row, column = (whole(texts(start, f"xdr:{n}")) if start is not None else 0 for n in ("row", "col"))
        at = place(row, column) if start is not None else ""
        where = f"sheet '{title}'"
        links = self._package.links(part)
        seen: set[int] = set()  # of the newer and the older form of one thing, the first
        for node in anchor.iter():
            match tag(node):
                case "mc:Fallback":
                    seen |= {id(e) for e in node.iter()}
                case _ if id(node) in seen:
                    pass
                case "xdr:txBody":
                    lines = (" ".join(texts(p, "a:t").split()) for p in descendants(node, "a:p"))
                    if words := "\n".join(filter(None, lines)):
                        yield f"Text box{f' at {at}' if at else ''}: {words}"
                case "c:chart" | "cx:chart" | "dgm:relIds":
                    key = "dm" if tag(node) == "dgm:relIds" else "id"
                    link = links.get(next((v for k, v in node.attrib.items() if k.endswith(f"}}{key}")), ""))
                    target = link.target if link else ""
                    if key == "dm":
                        yield diagram_lines(self._package, target, where)
                    else:
                        yield from chart_blocks(self._package, target, where)
                case "xdr:pic":
                    alt = next((attribute(e, "descr") for e in descendants(node, "xdr:cNvPr")), "")
                    yield f"[picture: {' '.join(alt.split())}]" if alt.strip() else "[picture]"
                case "p:oleObj":
                    yield embedded(node)

    def _comments(self, part: str) -> Iterator[str]:
        """Those of the newer form with their answers; of the older form those that do not stand for a newer one."""
        threaded: set[str] = set()
        for path in self._package.linked(part, "threadedComment"):
            tree = self._package.tree(path)
            for comment in () if tree is None else tree:
                threaded.add(attribute(comment, "ref"))
                yield _comment(comment, self._people.get(attribute(comment, "personId"), ""))
        for path in self._package.linked(part, "comments"):
            tree = self._package.tree(path)
            names = [] if tree is None else [e.text or "" for e in descendants(tree, "x:author")]
            for comment in () if tree is None else descendants(tree, "x:comment"):
                at = whole(attribute(comment, "authorId"), -1)
                if attribute(comment, "ref") not in threaded:
                    yield _comment(comment, names[at] if 0 <= at < len(names) else "")


def _comment(element: ET.Element, author: str) -> str:
    words = " ".join("".join(e.text or "" for e in element.iter() if local(e) in ("t", "text")).split())
    author = author.strip()
    words = words.removeprefix(f"{author}:").strip() if author else words
    return f"- {attribute(element, 'ref')}{f', {author}' if author else ''}: {words}"


def _range(reference: str) -> Range:
    left, top, right, bottom = (part for end in reference.split(":") for part in _ends(end))
    return top, left, bottom, right


def _ends(reference: str) -> tuple[int, int]:
    letters = reference.rstrip("0123456789")
    return column(letters), int(reference[len(letters) :]) - 1
