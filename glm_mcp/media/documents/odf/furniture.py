"""What OpenDocument files print at the head and the foot of each page."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree as ET

from glm_mcp.media.documents.common.page_lines import only_counts
from glm_mcp.media.documents.odf.inline import Inline
from glm_mcp.media.documents.zip_xml import attribute, local, outermost

# What a program fills in, which says nothing of the document.
_FILLED = ("page-number", "page-count", "sheet-name", "file-name", "date", "time")
_PRINTED = tuple(f"{kind}{which}" for kind in ("header", "footer") for which in ("", "-left", "-first"))
_UNKNOWN = "???"  # what a field shows that was never filled in


def printed(node: ET.Element, inline: Inline) -> Iterator[str]:
    """The words of the headers and footers below an element, each once; a number of pages alone is none."""
    lines: dict[str, None] = {}
    for part in outermost(node, *_PRINTED):
        kind = local(part).partition("-")[0]
        if attribute(part, "display") == "false":
            continue
        _empty_fields(part)
        words = " / ".join(filter(None, (inline.text(p) for p in outermost(part, "p", "h"))))
        if not only_counts(words):
            lines[f"[page {kind}: {words}]"] = None
    yield from lines


def _empty_fields(part: ET.Element) -> None:
    """Takes out what a program fills in."""
    for element in part.iter():
        name = local(element)
        if (name in _FILLED and attribute(element, "fixed") != "true") or element.text == _UNKNOWN:
            element.text = ""
