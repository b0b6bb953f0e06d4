"""Web pages and books in FB2 as files, with the pictures that they hold themselves."""

from __future__ import annotations

import re
from typing import Any, BinaryIO

from glm_mcp.media.documents.about import of_page, with_about
from glm_mcp.media.documents.common.shown import PagesShown, marked, why_shown
from glm_mcp.media.documents.html import BARE, decode_html, html_markdown
from glm_mcp.media.documents.pages import LeftOut, one_text
from glm_mcp.media.documents.web.along import PicturesAlong, pages_of, parts_of
from glm_mcp.media.documents.web.fictionbook import without_binaries

_SCRIPT = re.compile(r"<script(?![^>]{0,200}json)", re.IGNORECASE)  # which runs; others hold data


def html_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Reads `params["pages"]` (parts) of a web page. Raises MissingExtra, UnsupportedMedia, InvalidRequest."""
    return html_page(file.read(), params, PicturesAlong()), []


def html_page(
    data: bytes,
    params: dict[str, Any],
    along: PicturesAlong,
    declared: str | None = None,
    base: str = "",
) -> dict[str, Any]:
    """The facts of a reading job. `along`: what came with the page, to which its own pictures are added; `declared`: its
    encoding, as it came; `base`: its address. Raises as `html_job`.
    """
    name, left_out = params["name"], LeftOut()
    decoded = decode_html(data, name, params.get("encoding"), declared)
    page = with_pictures(decoded.text, along, base)
    pictures = along.counted()
    notes, text = [decoded.note] if decoded.note else [], html_markdown(page, along=along.marks)
    if len(text) < BARE and _SCRIPT.search(decoded.text):
        notes.append(
            "what only the scripts of the page would show is not read: save it as PDF from a browser"
        )
    _, shown = parts_of({1: pictures}, name, left_out, "the text")
    why = why_shown(text, shown[1])
    facts = one_text("html", text, params.get("pages"), name, [*notes, *left_out.notes()])
    return with_about(marked(facts, why), of_page(decoded.text))


def pictures_of_page(file: BinaryIO, params: dict[str, Any], left_out: LeftOut) -> PagesShown:
    """As of `pages_shown`. Raises UnsupportedMedia."""
    file.seek(0)
    along = PicturesAlong()
    with_pictures(decode_html(file.read(), params["name"]).text, along)
    return pages_of({1: along.counted()}, "", params["name"], left_out)


def with_pictures(page: str, along: PicturesAlong, base: str = "") -> str:
    """The page, and put `along` it the pictures that it holds itself."""
    page, binaries = without_binaries(page)
    for name, data in binaries:
        along.add(name, data, (f"#{name}",), attached=False)
    return along.page(page, base)
