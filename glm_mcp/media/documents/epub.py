"""EPUB: its chapters in the order of the spine."""

from __future__ import annotations

import posixpath
import urllib.parse
import zipfile
from typing import Any

from glm_mcp.errors import InvalidRequest, UnsupportedMedia
from glm_mcp.media.documents.html import decode_html, html_markdown
from glm_mcp.media.documents.pages import choose, result
from glm_mcp.media.documents.zip_xml import attribute, local, member, parse


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
