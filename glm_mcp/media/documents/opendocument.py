"""OpenDocument texts, presentations and drawings, by a small reader of their XML."""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO
from xml.etree import ElementTree as ET

from glm_mcp.errors import InvalidRequest, UnsupportedMedia
from glm_mcp.media.documents.markdown import flat, table
from glm_mcp.media.documents.pages import LeftOut, choose, one_text, result
from glm_mcp.media.documents.zip_xml import attribute, local, member, open_zip, parse

_REPEATS = 1000  # of a cell or row; programs fill a sheet's rest with one repeated cell
_SILENT = frozenset(
    (
        "tracked-changes",
        "forms",
        "table-of-content-source",
        "sequence-decls",
        "bookmark",
        "binary-data",
        "title",
        "desc",
    )
)


def open_document_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Raises UnsupportedMedia, InvalidRequest (pages, encryption)."""
    name = params["name"]
    return read_open_document(open_zip(file, name), params.get("pages"), name, params["kind"]), []


def open_contents(archive: zipfile.ZipFile, name: str) -> ET.Element:
    """The tree of content.xml. Raises UnsupportedMedia, InvalidRequest (encryption)."""
    refuse_encrypted(archive, name)
    tree = parse(archive, "content.xml", name)
    if tree is None:
        raise UnsupportedMedia(f"{name} is damaged: it has no contents", "Save it again, or as PDF.")
    return tree


def refuse_encrypted(archive: zipfile.ZipFile, name: str) -> None:
    if b"encryption-data" in member(archive, "META-INF/manifest.xml", name):
        raise InvalidRequest(f"{name} is encrypted", "Save it without a password, or as a PDF with one.")


def read_open_document(archive: zipfile.ZipFile, spec: str | None, name: str, kind: str) -> dict[str, Any]:
    """Raises UnsupportedMedia, InvalidRequest (pages, encryption)."""
    tree = open_contents(archive, name)
    body = next((e for e in tree.iter() if local(e) == "body"), None)
    if body is None:
        raise UnsupportedMedia(f"{name} is damaged: it has no contents", "Save it again, or as PDF.")
    lists = {attribute(e, "name"): e for e in tree.iter() if local(e) == "list-style"}
    writer = Writer(archive, name, lists)
    slides = [e for e in body.iter() if local(e) == "page"]
    if not slides:
        blocks = [*writer.blocks(body), *_furniture(archive, name)]
        return one_text(kind, "\n\n".join(blocks), spec, name, writer.left_out.notes())
    chosen = choose(spec, len(slides), name, unit="slide")
    rows = [(n, f"slide {n}", "\n\n".join(writer.blocks(slides[n - 1])), "") for n in chosen]
    return result(kind, rows, len(slides), writer.left_out.notes())


def _furniture(archive: zipfile.ZipFile, name: str) -> list[str]:
    """The texts of page headers and footers, each once."""
    try:
        tree = parse(archive, "styles.xml", name)
    except UnsupportedMedia:
        return []
    lines: dict[str, None] = {}
    for node in () if tree is None else tree.iter():
        kind = local(node).partition("-")[0]
        if kind in ("header", "footer") and local(node) in (kind, f"{kind}-left", f"{kind}-first"):
            words = " / ".join(filter(None, (inline(p) for p in node.iter() if local(p) == "p")))
            if len(words) > 2:
                lines[f"[page {kind}: {words}]"] = None
    return list(lines)


@dataclass(slots=True)
class Writer:
    """Markdown of the blocks of one file."""

    archive: zipfile.ZipFile
    name: str
    lists: dict[str, ET.Element]
    left_out: LeftOut = field(default_factory=LeftOut)
    numbers: dict[tuple[str, int], int] = field(default_factory=dict)  # the last of each list style and level

    def blocks(self, node: ET.Element) -> Iterator[str]:
        for child in node:
            match local(child):
                case "h":
                    level = attribute(child, "outline-level")
                    text = inline(child)
                    if text:
                        yield f"{'#' * min(int(level) if level.isdecimal() else 1, 6)} {text}"
                    yield from self.anchored(child)
                case "p":
                    yield from filter(None, [inline(child)])
                    yield from self.anchored(child)
                case "list":
                    yield "\n".join(self._list(child, 0, ""))
                case "table":
                    yield table(self._table(child))
                case "notes":
                    yield from (f"Notes: {b}" for b in self.blocks(child))
                case "annotation":
                    yield comment(child)
                case "frame":
                    yield from self.frame(child)
                case name if name not in _SILENT:
                    yield from self.blocks(child)

    def anchored(self, node: ET.Element) -> Iterator[str]:
        """Text boxes, shapes and charts that hang in a paragraph, each once; they hold paragraphs of their own."""
        for child in node:
            match local(child):
                case "frame":
                    yield from self.frame(child, shown=True)
                case "custom-shape" | "rect" | "ellipse" | "circle" | "polygon" | "path" | "line" | "caption":
                    yield from self.blocks(child)
                case "note" | "annotation":
                    pass
                case _:
                    yield from self.anchored(child)

    def frame(self, node: ET.Element, *, shown: bool = False) -> Iterator[str]:
        """A frame's text box, table, chart or picture. `shown`: the paragraph has named its picture already."""
        if (chart := self.chart(node)) is not None:
            yield from chart
            return
        parts = [e for e in node if local(e) not in (*_SILENT, "image", "object")]
        pictured = any(local(e) == "image" for e in node)
        if pictured and not shown and not parts:
            yield picture(node)
        for part in parts:
            yield from [table(self._table(part))] if local(part) == "table" else self.blocks(part)

    def chart(self, node: ET.Element) -> list[str] | None:
        """The title and data of the chart in a frame; None when it holds none."""
        holder = next((e for e in node if local(e) == "object"), None)
        target = "" if holder is None else posixpath.normpath(attribute(holder, "href")).removeprefix("./")
        if not target or target.startswith((".", "/")):
            return None
        try:
            tree = parse(self.archive, f"{target}/content.xml", self.name)
        except UnsupportedMedia:
            self.left_out.add("objects that are damaged", target)
            return []
        chart = (
            None if tree is None else next((e for e in tree.iter() if local(e) == "chart" and len(e)), None)
        )
        if chart is None:
            words = [] if tree is None else [inline(e) for e in tree.iter() if local(e) in ("p", "h")]
            return list(filter(None, words)) or None
        titles = [
            inline(p) for e in chart.iter() if local(e) in ("title", "subtitle") for p in e if local(p) == "p"
        ]
        data = next((e for e in chart.iter() if local(e) == "table"), None)
        head = f"Chart: {titles[0]}" if titles else "Chart:"
        axes = [f"Axes: {'; '.join(titles[1:])}"] if titles[1:] else []
        return [head, *axes, *([table(self._table(data))] if data is not None else [])]

    def _list(self, node: ET.Element, depth: int, inherited: str) -> Iterator[str]:
        name = attribute(node, "style-name") or inherited
        style = self.lists.get(name)
        numbered = style is not None and any(
            local(level) == "list-level-style-number" and attribute(level, "level") in ("", str(depth + 1))
            for level in style
        )
        key = name, depth
        if attribute(node, "continue-numbering") != "true" and not attribute(node, "continue-list"):
            self.numbers[key] = 0
        for item in (e for e in node if local(e) in ("list-item", "list-header")):
            start = attribute(item, "start-value")
            self.numbers[key] = int(start) if start.isdecimal() else self.numbers.get(key, 0) + 1
            mark = f"{self.numbers[key]}." if numbered else "-"
            first = local(item) == "list-item"
            for child in item:
                if local(child) == "list":
                    yield from self._list(child, depth + 1, name)
                elif local(child) in ("p", "h"):
                    text = inline(child)
                    if text:
                        yield f"{'  ' * depth}{mark if first else ' '} {text}"
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
                for place in range(wide * deep if wide * deep <= _REPEATS else 1):
                    merged[len(rows) + place // wide, len(cells) + place % wide] = text
                for _ in range(times(cell, "number-columns-repeated")):
                    cells.append(text or merged.get((len(rows), len(cells)), ""))
            rows += [cells] * times(row, "number-rows-repeated")
        return rows

    def _cell(self, cell: ET.Element) -> str:
        """A table within a cell becomes words."""
        inner = [flat(self._table(e)) for e in cell if local(e) == "table"]
        rest = ET.Element("cell")
        rest.extend(e for e in cell if local(e) != "table")
        return "\n".join(filter(None, [*self.blocks(rest), *inner]))


def _rows(node: ET.Element) -> Iterator[ET.Element]:
    """The rows of a table itself, not those of tables in its cells."""
    for child in node:
        if local(child) == "table-row":
            yield child
        elif local(child) in ("table-rows", "table-header-rows", "table-row-group"):
            yield from _rows(child)


def times(node: ET.Element, name: str) -> int:
    value = attribute(node, name)
    return min(max(int(value), 1), _REPEATS) if value.isdecimal() else 1


def picture(frame: ET.Element) -> str:
    alt = next((e.text for e in frame if local(e) in ("title", "desc") and e.text), "")
    return f"[picture: {alt}]" if alt else "[picture]"


def comment(node: ET.Element) -> str:
    author = next((e.text or "" for e in node if local(e) == "creator"), "").strip()
    words = " ".join(filter(None, (inline(p) for p in node.iter() if local(p) == "p")))
    return f"[comment{f', {author}' if author else ''}: {words}]"


def inline(node: ET.Element) -> str:
    """The words of a paragraph in their line, without what hangs in it."""
    return _text(node).strip(" ")


def _text(node: ET.Element) -> str:
    pieces = [_plain(node.text)]
    for child in node:
        match local(child):
            case "s":
                count = attribute(child, "c")
                pieces.append(" " * (min(int(count), 100) if count.isdecimal() else 1))
            case "tab":
                pieces.append("\t")
            case "line-break":
                pieces.append("\n")
            case "note":
                body = next((e for e in child if local(e) == "note-body"), None)
                pieces.append(f" [note: {' '.join(_text(body).split())}]" if body is not None else "")
            case "annotation":
                pieces.append(f" {comment(child)}")
            case "frame":
                pieces.append(picture(child) if _is_picture(child) else "")
            case "a":
                pieces.append(_link(child))
            case "custom-shape" | "rect" | "ellipse" | "circle" | "polygon" | "path" | "line" | "caption":
                pass  # their paragraphs stand apart
            case name if name not in _SILENT:
                pieces.append(_text(child))
        pieces.append(_plain(child.tail))
    return "".join(pieces)


def _plain(text: str | None) -> str:
    """White space in the file is one space; what is meant stands in elements of its own."""
    return re.sub(r"\s+", " ", text) if text else ""


def _is_picture(frame: ET.Element) -> bool:
    names = {local(e) for e in frame}
    return "image" in names and not names & {"text-box", "object", "table"}


def _link(node: ET.Element) -> str:
    words, target = _text(node), attribute(node, "href")
    if not words.strip() or not re.match(r"(?:https?|mailto|ftp):", target) or target.endswith(words):
        return words
    return f"[{words}]({target.replace(' ', '%20').replace(')', '%29')})"
