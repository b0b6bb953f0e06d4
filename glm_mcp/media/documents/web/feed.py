"""Feeds (RSS, Atom, RDF) as lists of entries."""

from __future__ import annotations

import re
from typing import Any, BinaryIO
from xml.etree import ElementTree as ET

from glm_mcp.errors import UnsupportedMedia
from glm_mcp.media.charset import declaration, decode
from glm_mcp.media.documents.html import html_markdown
from glm_mcp.media.documents.pages import LeftOut, one_text
from glm_mcp.media.documents.zip_xml import attribute, local, outermost, xml

_ENTRIES = 5_000  # each is a page of HTML of its own; a feed begins with the newest


def feed_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Reads `params["pages"]` (parts) of a feed. Raises UnsupportedMedia, InvalidRequest, MissingExtra (HTML in it)."""
    data, name = file.read(), params["name"]
    decoded = decode(data, name, params.get("encoding"), declared=declaration(data))
    notes = [decoded.note] if decoded.note else []
    return read_feed(decoded.text, params.get("pages"), name, notes), []


def read_feed(text: str, spec: str | None, name: str, notes: list[str]) -> dict[str, Any]:
    try:
        tree = xml(re.sub(r"^\ufeff?\s*<\?xml[^>]*>", "", text).encode(), name)
    except UnsupportedMedia:
        notes = [*notes, "the feed is damaged: here it is as it is written"]
        return one_text("text", text, spec, name, notes)
    channel = next((e for e in tree if local(e) == "channel"), tree)
    entries = list(outermost(tree, "item", "entry"))
    about = _fields(channel)
    blocks = [f"# {about.get('title') or 'Feed'}", *filter(None, (about.get("link"), about.get("summary")))]
    for entry in entries[:_ENTRIES]:
        fields = _fields(entry)
        facts = [fields[key] for key in ("date", "author", "link") if fields.get(key)]
        lines = [
            f"## {fields.get('title') or '(without a title)'}",
            " · ".join(facts),
            fields.get("summary", ""),
        ]
        blocks += filter(None, lines)
    notes = [*notes, f"entries: {len(entries)}"]
    if len(entries) > _ENTRIES:
        left_out = LeftOut()
        left_out.add(
            f"entries beyond the first {_ENTRIES:,}", f"{len(entries) - _ENTRIES:,} of {len(entries):,}"
        )
        notes += left_out.notes()
    return one_text("feed", "\n\n".join(blocks), spec, name, notes)


_NAMES = {
    "title": "title",
    "link": "link",
    "pubDate": "date",
    "updated": "date",
    "published": "date",
    "date": "date",
    "author": "author",
    "creator": "author",
    "description": "summary",
    "subtitle": "summary",
    "summary": "summary",
    "content": "summary",
    "encoded": "summary",
}


def _fields(element: ET.Element) -> dict[str, str]:
    """What a feed or an entry says of itself; of summary and contents the longer."""
    fields: dict[str, str] = {}
    for part in element:
        key = _NAMES.get(local(part), "")
        text = _said(part, key)
        if key and len(text) > len(fields.get(key, "")):
            fields[key] = text
    return fields


def _said(part: ET.Element, key: str) -> str:
    if key == "link":
        return (
            attribute(part, "href")
            if attribute(part, "rel") in ("", "alternate") and len(part.attrib)
            else (part.text or "").strip()
        )
    if key == "summary":
        inner = "".join(ET.tostring(e, "unicode") for e in part)
        try:
            return html_markdown(inner or part.text or "", what="reading a feed")
        except UnsupportedMedia:
            return " ".join("".join(part.itertext()).split())
    return " ".join("".join(part.itertext()).split())
