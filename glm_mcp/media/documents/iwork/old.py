"""Keynote's and Pages' files of before 2013, which are one XML text: slides with their notes, paragraphs, tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree as ET

from glm_mcp.media.documents.markdown import table
from glm_mcp.media.documents.ooxml.package import whole
from glm_mcp.media.documents.pages import choose, one_text, result
from glm_mcp.media.documents.zip_xml import attribute, local

_BREAKS = {"br": "\n", "lnbr": "\n", "crbr": "\n", "tab": "\t"}
_NO_TEXT = ("stylesheet", "section-prototypes", "theme-list", "calc-engine")
_HOLDERS = ("title-placeholder", "body-placeholder", "object-placeholder", "page", "notes")


def read_old(tree: ET.Element, spec: str | None, name: str) -> dict[str, Any]:
    """Raises InvalidRequest (pages)."""
    listed = next((e for e in tree.iter() if local(e) == "slide-list"), None)
    if listed is None:
        return one_text("pages", _said(tree), spec, name)
    slides = [e for e in listed if local(e) == "slide"]
    rows = []
    for number in choose(spec, len(slides), name, unit="slide"):
        slide, place = slides[number - 1], f"slide {number}"
        parts = dict.fromkeys(_HOLDERS, "") | {local(e): _said(e) for e in slide}
        title, body, other, drawn, notes = (parts[what] for what in _HOLDERS)
        title = " ".join(title.split())
        blocks = [f"# {title}" if title else "", body, other, drawn, f"Notes: {notes}" if notes else ""]
        hidden = " (hidden)" if attribute(slide, "hidden") == "true" else ""
        rows.append((number, f"{place}{hidden}", "\n\n".join(filter(None, blocks)), ""))
    return result("keynote", rows, len(slides))


def _said(element: ET.Element) -> str:
    return "\n\n".join(filter(None, _blocks(element)))


def _blocks(element: ET.Element) -> Iterator[str]:
    """What stands below an element, paragraph by paragraph and table by table."""
    waiting = [element]
    while waiting:
        one = waiting.pop()
        if local(one) == "grid":
            yield _table(one)
        elif local(one) == "p":
            yield re.sub(r"\s*\n\s*", "\n", _words(one)).strip()
        elif local(one) not in _NO_TEXT:
            waiting += reversed(one)


def _words(paragraph: ET.Element) -> str:
    for element in paragraph.iter():
        element.text = _BREAKS.get(local(element), "") + (element.text or "")
    return "".join(paragraph.itertext())


def _table(grid: ET.Element) -> str:
    """Its cells follow each other, row by row, those that others cover among them."""
    texts = []
    for cell in (cell for e in grid if local(e) == "datasource" for cell in e):
        held = next((attribute(e, "s") for e in cell if local(e) == "ct"), "")
        texts.append(held or attribute(cell, "v") or " ".join(_blocks(cell)))
    wide = max(whole(attribute(grid, "numcols"), 1), 1)
    return table([texts[at : at + wide] for at in range(0, len(texts), wide)])
