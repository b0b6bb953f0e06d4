"""OpenDocument texts, presentations and drawings, by a small reader of their XML."""

from __future__ import annotations

import contextlib
import posixpath
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO
from xml.etree import ElementTree as ET

from glm_mcp.errors import UnsupportedMedia
from glm_mcp.media.documents.about import of_open_document, with_about
from glm_mcp.media.documents.common.few_times import IN_TABLES, FewTimes, SaidAgain
from glm_mcp.media.documents.common.shown import marked, why_shown
from glm_mcp.media.documents.common.slide_name import slide_name
from glm_mcp.media.documents.common.sources import of_marks, source_lines
from glm_mcp.media.documents.markdown import chart_heading, flat, table
from glm_mcp.media.documents.odf.container import open_container
from glm_mcp.media.documents.odf.furniture import printed
from glm_mcp.media.documents.odf.inline import DRAWN, SILENT, Inline, described, picture
from glm_mcp.media.documents.odf.numbering import Numbering
from glm_mcp.media.documents.odf.shown import FramePictures
from glm_mcp.media.documents.ooxml.package import Package, whole
from glm_mcp.media.documents.pages import LeftOut, choose, one_text, result
from glm_mcp.media.documents.zip_xml import attribute, local, outermost, parse

_LEVELS = 10  # of headings
_REPEATS = 1000  # of a cell or row; programs fill a sheet's rest with one repeated cell


def open_document_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Raises UnsupportedMedia, MediaTooLarge, InvalidRequest (pages, encryption)."""
    name, kind, spec = params["name"], params["kind"], params.get("pages")
    archive = open_container(file, name)
    tree = parse(archive, "content.xml", name)
    body = body_of(tree)
    if tree is None or body is None:
        raise UnsupportedMedia(f"{name} is damaged: it has no contents", "Save it again, or as PDF.")
    styles = styles_of(archive, name)
    trees = [styles, tree]
    writer = Writer(archive, name, Inline(archive, name, trees), Numbering(trees))
    if any(local(e) == "deletion" and "".join(e.itertext()).strip() for e in body.iter()):
        writer.left_out.add("words whose deletion is tracked", "the text")
    slides = slides_of(body)
    pictures = FramePictures(Package(archive, name, writer.left_out), slides, styles)
    said = of_open_document(archive, name)
    if not slides:
        blocks = list(writer.blocks(body))
        why = why_shown("\n".join(blocks), pictures.on(body, "the text"))
        blocks += printed(styles, writer.inline)
        blocks += source_lines(of_marks(body), "\n\n".join(blocks))
        whole = one_text(kind, "\n\n".join(blocks), spec, name, writer.left_out.notes())
        return with_about(marked(whole, why), said), []
    chosen = choose(spec, len(slides), name, unit="slide")
    furniture = _SlideFurniture(writer, tree, styles)
    rows = []
    for number in chosen:
        slide = slides[number - 1]
        blocks = list(writer.blocks(slide))
        own = "\n".join(block for block in blocks if not block.startswith("Notes: "))
        why = why_shown(own, pictures.on(slide, f"slide {number}"), 1.0)
        blocks += furniture.of(slide)
        blocks.append(slide_name(attribute(slide, "name"), "\n".join(blocks)))
        rows.append((number, f"slide {number}", "\n\n".join(filter(None, blocks)), why))
    return with_about(result(kind, rows, len(slides), writer.left_out.notes()), said), []


def body_of(tree: ET.Element | None) -> ET.Element | None:
    return None if tree is None else next((e for e in tree.iter() if local(e) == "body"), None)


def slides_of(body: ET.Element) -> list[ET.Element]:
    return list(outermost(body, "page"))


def styles_of(archive: zipfile.ZipFile, name: str) -> ET.Element:
    """The styles of a file; an empty element where there are none to be read."""
    with contextlib.suppress(UnsupportedMedia):
        if (tree := parse(archive, "styles.xml", name)) is not None:
            return tree
    return ET.Element("none")


class _SlideFurniture:
    """What slides share: their headers and footers, and the words on the page behind them; each once."""

    def __init__(self, writer: Writer, tree: ET.Element, styles: ET.Element) -> None:
        self._said = {
            (local(e).removesuffix("-decl"), attribute(e, "name")): " ".join((e.text or "").split())
            for e in tree.iter()
            if local(e) in ("header-decl", "footer-decl")
        }
        self._hidden = {
            (attribute(style, "name"), kind)
            for style in tree.iter()
            if local(style) == "style"
            for properties in style
            for kind in ("header", "footer")
            if attribute(properties, f"display-{kind}") == "false"
        }
        self._behind = {attribute(e, "name"): e for e in styles.iter() if local(e) == "master-page"}
        self._writer = writer
        self._told: set[str] = set()
        self._drawn: set[tuple[str, frozenset[str]]] = set()  # pages behind slides, and what of them shows

    def of(self, slide: ET.Element) -> Iterator[str]:
        for kind in ("header", "footer"):
            words = self._said.get((kind, attribute(slide, f"use-{kind}-name")), "")
            yield from self._once(f"[page {kind}: {words}]" if words else "")
        master = attribute(slide, "master-page-name")
        behind = self._behind.get(master)
        shapes = ET.Element("shapes")
        # Places to fill in have a class, those at the head and the foot may be filled in for all slides; the notes' page
        # is no part of the slide.
        style = attribute(slide, "style-name")
        hidden = (kind for kind in ("header", "footer") if (style, kind) in self._hidden)
        shown = frozenset(("", "header", "footer")) - frozenset(hidden)
        if (master, shown) in self._drawn:
            return
        self._drawn.add((master, shown))
        shapes.extend(
            e
            for e in (behind if behind is not None else ())
            if attribute(e, "class") in shown and local(e) != "notes"
        )
        words = " / ".join(" ".join(block.split()) for block in self._writer.blocks(shapes))
        yield from self._once(f"[slide master: {words}]" if words.strip() else "")

    def _once(self, line: str) -> Iterator[str]:
        if line and line not in self._told:
            self._told.add(line)
            yield line


@dataclass(slots=True)
class Writer:
    """Markdown of the blocks of one file."""

    archive: zipfile.ZipFile
    name: str
    inline: Inline
    numbering: Numbering
    left_out: LeftOut = field(default_factory=LeftOut)
    again: SaidAgain = field(init=False)
    _in_tables: SaidAgain = field(init=False)
    _named: FewTimes = field(init=False)
    _charts: dict[str, list[str] | None] = field(default_factory=dict)  # by the objects that frames show

    def __post_init__(self) -> None:
        self.again = self.inline.again = SaidAgain(self.left_out)
        self._in_tables = SaidAgain(self.left_out, IN_TABLES)
        self._named = FewTimes(self.left_out)

    def blocks(self, node: ET.Element) -> Iterator[str]:
        for child in node:
            match local(child):
                case "h":
                    yield from filter(None, [self._heading(child)])
                    yield from self.anchored(child)
                case "p":
                    yield from filter(None, [self.inline.text(child)])
                    yield from self.anchored(child)
                case "list":
                    yield "\n".join(self._list(child, 0, ""))
                case "table":
                    yield table(self._table(child))
                case "notes":
                    yield from (f"Notes: {b}" for b in self.blocks(child))
                case "annotation":
                    yield self.inline.comment(child)
                case "frame":
                    yield from self.frame(child)
                case "control":
                    yield from filter(None, [self.inline.control(child)])
                case name if name not in SILENT:
                    yield from self.blocks(child)
                    yield from described(child)

    def _heading(self, node: ET.Element) -> str:
        level = times(node, "outline-level", _LEVELS)
        text = self.inline.text(node, heading=True)
        number = (
            "" if not text or attribute(node, "is-list-header") == "true" else self.numbering.heading(level)
        )
        return f"{'#' * min(level, 6)} {f'{number} ' if number else ''}{text}" if text else ""

    def anchored(self, node: ET.Element) -> Iterator[str]:
        """Text boxes, shapes and charts that hang in a paragraph, each once; they hold paragraphs of their own."""
        for child in node:
            match local(child):
                case "frame":
                    yield from self.frame(child, shown=True)
                case name if name in DRAWN or name == "g":
                    yield from self.blocks(child)
                    yield from described(child)
                case "note" | "annotation":
                    pass
                case _:
                    yield from self.anchored(child)

    def frame(self, node: ET.Element, *, shown: bool = False) -> Iterator[str]:
        """A frame's text box, table, chart or picture. `shown`: the paragraph has named its picture or formula already."""
        if formula := self.inline.formula(node):
            yield from () if shown else (formula,)
            return
        if (chart := self.chart(node)) is not None:
            yield from (*chart, *described(node))
            return
        parts = [e for e in node if local(e) not in (*SILENT, "image", "object")]
        pictured = any(local(e) == "image" for e in node)
        if pictured and not shown and not parts:
            yield picture(node)
        for part in parts:
            yield from [table(self._table(part))] if local(part) == "table" else self.blocks(part)
        yield from () if pictured else described(node)

    def chart(self, node: ET.Element) -> list[str] | None:
        """The title and data of the chart in a frame; None when it holds none."""
        holder = next((e for e in node if local(e) == "object"), None)
        if holder is None:
            return None
        if any(local(e) == "document" for e in holder):  # in a file that is one XML file
            return self._chart(holder)
        target = posixpath.normpath(attribute(holder, "href")).removeprefix("./")
        if not target or target.startswith((".", "/")):
            return None
        if not self._named.has_not_met(target):
            return []
        if target not in self._charts:
            try:
                tree = parse(self.archive, f"{target}/content.xml", self.name)
                self._charts[target] = None if tree is None else self._chart(tree)
            except UnsupportedMedia:
                self.left_out.add("objects that are damaged", target)
                self._charts[target] = []
        return self._charts[target]

    def _chart(self, tree: ET.Element) -> list[str] | None:
        chart = next((e for e in tree.iter() if local(e) == "chart" and len(e)), None)
        if chart is None:
            words = [self.inline.text(e) for e in outermost(tree, "p", "h")]
            return list(filter(None, words)) or None
        titles = [
            self.inline.text(p)
            for e in chart.iter()
            if local(e) in ("title", "subtitle")
            for p in e
            if local(p) == "p"
        ]
        data = next((e for e in chart.iter() if local(e) == "table"), None)
        return [*chart_heading(titles), *([table(self._table(data))] if data is not None else [])]

    def _list(self, node: ET.Element, depth: int, inherited: str) -> Iterator[str]:
        name = attribute(node, "style-name") or inherited
        if attribute(node, "continue-numbering") != "true" and not attribute(node, "continue-list"):
            self.numbering.restart(name, depth + 1)
        for item in (e for e in node if local(e) in ("list-item", "list-header")):
            first = local(item) == "list-item"
            # An item that holds a list alone has no line of its own.
            own = first and any(local(e) in ("p", "h") for e in item)
            mark = self.numbering.mark(name, depth + 1, attribute(item, "start-value")) if own else " "
            for child in item:
                if local(child) == "list":
                    yield from self._list(child, depth + 1, name)
                elif local(child) in ("p", "h"):
                    text = self.inline.text(child)
                    if text or (first and any(map(str.isalnum, mark))):  # an empty item has its number
                        yield f"{'  ' * depth}{mark if first else ' '} {text}".rstrip()
                    first = False
                    yield from self.anchored(child)

    def _table(self, node: ET.Element) -> list[list[str]]:
        """Places that a merged cell covers repeat it, as in the other formats."""
        rows: list[list[str]] = []
        merged: dict[tuple[int, int], str] = {}
        for row in _rows(node):
            cells: list[str] = []
            for cell in (e for e in row if local(e) in ("table-cell", "covered-table-cell")):
                text = self._cell(cell) or merged.get((len(rows), len(cells)), "")
                wide, deep = times(cell, "number-columns-spanned"), times(cell, "number-rows-spanned")
                area = wide * deep if text and wide * deep <= _REPEATS else 1
                for place in range(1 + self._more(text, area)):
                    merged[len(rows) + place // wide, len(cells) + place % wide] = text
                for _ in range(1 + self._more(text, times(cell, "number-columns-repeated"))):
                    cells.append(text or merged.get((len(rows), len(cells)), ""))
            rows += [cells] * (1 + self._more("   ".join(cells), times(row, "number-rows-repeated")))
        return rows

    def _more(self, text: str, count: int) -> int:
        """How often one of so many cells or rows that are the same stands behind the first."""
        return self._in_tables.times(len(text) + len(" | "), count - 1, "tables")

    def _cell(self, cell: ET.Element) -> str:
        """A table within a cell becomes words."""
        written: list[str] = []
        for part in cell:
            if local(part) == "table":
                written.append(flat(self._table(part)))
            else:
                one = ET.Element("cell")
                one.append(part)
                written += self.blocks(one)
        return "\n".join(filter(None, written))


def _rows(node: ET.Element) -> Iterator[ET.Element]:
    """The rows of a table itself, not those of tables in its cells."""
    for child in node:
        if local(child) == "table-row":
            yield child
        elif local(child) in ("table-rows", "table-header-rows", "table-row-group"):
            yield from _rows(child)


def times(node: ET.Element, name: str, most: int = _REPEATS) -> int:
    return min(max(whole(attribute(node, name)), 1), most)
