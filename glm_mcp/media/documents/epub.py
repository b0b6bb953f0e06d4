"""EPUB: its chapters in the order of the spine."""

from __future__ import annotations

import posixpath
import re
import urllib.parse
import zipfile
from typing import Any, BinaryIO
from xml.etree import ElementTree as ET

from glm_mcp.errors import InvalidRequest, UnsupportedMedia
from glm_mcp.media.documents.about import WORDS, dublin_core, with_about
from glm_mcp.media.documents.html import decode_html, html_markdown
from glm_mcp.media.documents.pages import LeftOut, choose, result
from glm_mcp.media.documents.zip_xml import archive_of, attribute, local, member, open_zip, parse

_FALLBACKS = 10  # of one chapter, each named by the one before
_PROLOG = re.compile(r"\A\s*<\?xml[^>]{0,200}>")
_WORDS = {**WORDS, "publisher": "publisher", "rights": "rights"}


def sample() -> bytes:
    return archive_of(
        {
            "META-INF/container.xml": '<container><rootfile full-path="a.opf"/></container>',
            "a.opf": """<package xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>A book</dc:title>
<item id="a" href="a.xhtml" media-type="application/xhtml+xml"/><itemref idref="a"/></package>""",
            "a.xhtml": """<!DOCTYPE html><html><body><h1>One</h1><p>Two</p><ul><li>Three</li></ul>
<table><tr><th>A</th></tr><tr><td>B</td></tr></table></body></html>""",
        }
    ).getvalue()


def epub_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Raises UnsupportedMedia, InvalidRequest (pages, copy protection), MissingExtra."""
    name = params["name"]
    return read_epub(open_zip(file, name), params.get("pages"), name), []


def read_epub(archive: zipfile.ZipFile, spec: str | None, name: str) -> dict[str, Any]:
    """Each document of the spine is a chapter. Raises UnsupportedMedia, InvalidRequest (pages, copy protection),
    MissingExtra.
    """
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
    places = (attribute(e, "idref") for e in package.iter() if local(e) == "itemref")
    chapters = [_readable(manifest, place) for place in places if place in manifest]
    chosen = choose(spec, len(chapters), name, unit="chapter")
    left_out = LeftOut()
    rows = []
    for number in chosen:
        item = chapters[number - 1]
        if item is None:
            left_out.add("chapters that are pictures or of another kind without a text", f"chapter {number}")
            rows.append((number, f"chapter {number}", "", ""))
            continue
        path = posixpath.join(posixpath.dirname(root), urllib.parse.unquote(attribute(item, "href")))
        data = _chapter(archive, posixpath.normpath(path), name)
        if not data:
            left_out.add("chapters that the file does not hold or that are damaged", f"chapter {number}")
        page = decode_html(data, name).text if data else ""
        page = _PROLOG.sub("", page)
        # A list of places leads around a site; of a book it is the page of its contents.
        page = re.sub(r"<(/?)nav\b", r"<\1div", page)
        text = html_markdown(page, what="reading an EPUB") if page else ""
        rows.append((number, f"chapter {number}", text, ""))
    return with_about(
        result("epub", rows, len(chapters), left_out.notes()), dublin_core(package.iter(), _WORDS)
    )


def _readable(manifest: dict[str, ET.Element], number: str) -> ET.Element | None:
    """The item of that number, or the first of those to be shown in its stead, that has a text; None where none has."""
    for _ in range(_FALLBACKS):
        item = manifest.get(number)
        if item is None:
            return None
        if any(kind in attribute(item, "media-type") for kind in ("html", "svg")):
            return item
        number = attribute(item, "fallback")
    return None


def _chapter(archive: zipfile.ZipFile, path: str, name: str) -> bytes:
    try:
        return member(archive, path, name)
    except UnsupportedMedia:
        return b""
