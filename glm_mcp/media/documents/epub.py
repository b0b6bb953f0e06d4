"""EPUB in the order of its spine, and OpenDocument texts and presentations by a small reader of their XML."""

from __future__ import annotations

import posixpath
import urllib.parse
import zipfile
from collections.abc import Iterator
from typing import Any, BinaryIO
from xml.etree import ElementTree as ET

from glm_mcp.errors import InvalidRequest, UnsupportedMedia
from glm_mcp.media.documents.html import decode_html, html_markdown
from glm_mcp.media.documents.markdown import table
from glm_mcp.media.documents.pages import choose, one_text, result
from glm_mcp.media.documents.zip_xml import attribute, local, member, open_zip, parse

_REPEATS = 1000  # of a cell or row; programs fill a sheet's rest with one repeated cell


def read_epub(archive: zipfile.ZipFile, spec: str | None, name: str) -> dict[str, Any]:
    """Each document of the spine is a chapter. Raises UnsupportedMedia, InvalidRequest (pages, copy protection), MissingExtra."""
    container = parse(archive, "META-INF/container.xml", name)
    root = (
        next((attribute(e, "full-path") for e in container.iter() if local(e) == "rootfile"), "")
        if container is not None
        else ""
    )
    package = parse(archive, root, name) if root else None
    if package is None:
        raise UnsupportedMedia(f"{name} is damaged: it names no contents", "Convert it to PDF or HTML.")
    if "META-INF/rights.xml" in archive.namelist():
        raise InvalidRequest(f"{name} is copy-protected", "Only books without copy protection can be read.")
    manifest = {attribute(e, "id"): e for e in package.iter() if local(e) == "item"}
    chapters: list[str] = []
    for place in (e for e in package.iter() if local(e) == "itemref"):
        item = manifest.get(attribute(place, "idref"))
        if item is not None and "html" in attribute(item, "media-type"):
            chapters.append(
                posixpath.normpath(
                    posixpath.join(posixpath.dirname(root), urllib.parse.unquote(attribute(item, "href")))
                )
            )
    chosen = choose(spec, len(chapters), name, unit="chapter")
    rows = []
    for number in chosen:
        html = decode_html(member(archive, chapters[number - 1], name), name).text
        rows.append((number, f"chapter {number}", html_markdown(html, what="reading an EPUB"), ""))
    title = next((e.text for e in package.iter() if local(e) == "title" and e.text), "")
    return result("epub", rows, len(chapters), [f"title: {title}"] if title else [])


def read_open_document(archive: zipfile.ZipFile, spec: str | None, name: str, kind: str) -> dict[str, Any]:
    """Raises UnsupportedMedia, InvalidRequest (pages, encryption)."""
    manifest = member(archive, "META-INF/manifest.xml", name)
    if b"encryption-data" in manifest:
        raise InvalidRequest(f"{name} is encrypted", "Save it without a password, or as a PDF with one.")
    tree = parse(archive, "content.xml", name)
    body = next((e for e in tree.iter() if local(e) == "body"), None) if tree is not None else None
    if tree is None or body is None:
        raise UnsupportedMedia(f"{name} is damaged: it has no contents", "Save it again, or as PDF.")
    lists = {attribute(e, "name"): e for e in tree.iter() if local(e) == "list-style"}
    slides = [e for e in body.iter() if local(e) == "page"]
    if not slides:
        return one_text(kind, "\n\n".join(_blocks(body, lists, 0)), spec, name)
    chosen = choose(spec, len(slides), name, unit="slide")
    rows = [(n, f"slide {n}", "\n\n".join(_blocks(slides[n - 1], lists, 0)), "") for n in chosen]
    return result(kind, rows, len(slides))


def _blocks(node: ET.Element, lists: dict[str, ET.Element], depth: int) -> Iterator[str]:
    for child in node:
        match local(child):
            case "h":
                level = attribute(child, "outline-level")
                yield f"{'#' * min(int(level) if level.isdecimal() else 1, 6)} {_inline(child)}"
            case "p":
                yield from filter(None, [_inline(child)])
                # Text boxes are anchored in paragraphs and hold paragraphs of their own.
                yield from (
                    b for box in child.iter() if local(box) == "text-box" for b in _blocks(box, lists, depth)
                )
            case "list":
                yield "\n".join(_list(child, lists, depth))
            case "table":
                yield table(_table(child, lists))
            case "notes":
                yield from (f"Notes: {b}" for b in _blocks(child, lists, depth))
            case "tracked-changes" | "forms" | "table-of-content-source" | "sequence-decls":
                pass
            case "image":
                yield "[picture]"
            case _:
                yield from _blocks(child, lists, depth)


def _list(node: ET.Element, lists: dict[str, ET.Element], depth: int) -> Iterator[str]:
    style = lists.get(attribute(node, "style-name"))
    numbered = style is not None and any(
        local(level) == "list-level-style-number" and attribute(level, "level") in ("", str(depth + 1))
        for level in style
    )
    number = 0
    for item in node:
        if local(item) not in ("list-item", "list-header"):
            continue
        number += 1
        mark = f"{number}." if numbered else "-"
        first = True
        for child in item:
            if local(child) == "list":
                yield from _list(child, lists, depth + 1)
            elif local(child) in ("p", "h"):
                yield f"{'  ' * depth}{mark if first else ' '} {_inline(child)}"
                first = False


def _table(node: ET.Element, lists: dict[str, ET.Element]) -> list[list[str]]:
    rows: list[list[str]] = []
    merged: dict[
        tuple[int, int], str
    ] = {}  # places that a merged cell covers repeat it, as in the other formats
    for row in (e for e in node.iter() if local(e) == "table-row"):
        cells: list[str] = []
        for cell in (e for e in row if local(e) in ("table-cell", "covered-table-cell")):
            text = "\n".join(_blocks(cell, lists, 0)) or merged.get((len(rows), len(cells)), "")
            wide, deep = _times(cell, "number-columns-spanned"), _times(cell, "number-rows-spanned")
            for place in range(wide * deep if wide * deep <= _REPEATS else 1):
                merged[len(rows) + place // wide, len(cells) + place % wide] = text
            for _ in range(_times(cell, "number-columns-repeated")):
                cells.append(text or merged.get((len(rows), len(cells)), ""))
        rows += [cells] * _times(row, "number-rows-repeated")
    return rows


def _times(node: ET.Element, name: str) -> int:
    value = attribute(node, name)
    return min(max(int(value), 1), _REPEATS) if value.isdecimal() else 1


def _inline(node: ET.Element) -> str:
    return " ".join(_text(node).split(" ")).strip()


def _text(node: ET.Element) -> str:
    pieces = [node.text or ""]
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
            case "frame":
                pictured = any(local(e) == "image" for e in child)
                alt = next((e.text for e in child if local(e) in ("title", "desc") and e.text), "")
                pieces.append(f"[picture: {alt}]" if alt else "[picture]" if pictured else "")
            case "annotation" | "bookmark" | "tracked-changes":
                pass
            case _:
                pieces.append(_text(child))
        pieces.append(child.tail or "")
    return "".join(pieces)


def epub_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    name = params["name"]
    return read_epub(open_zip(file, name), params.get("pages"), name), []


def open_document_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    name = params["name"]
    return read_open_document(open_zip(file, name), params.get("pages"), name, params["kind"]), []
