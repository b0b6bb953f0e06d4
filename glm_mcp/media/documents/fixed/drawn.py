"""Documents whose pages are drawn anew as a PDF: read and shown by what reads and shows those."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, NamedTuple

from glm_mcp.media.documents import pdf
from glm_mcp.media.documents.about import Said, with_about
from glm_mcp.media.documents.fixed.sheet import Sheet, pdf_of


class Drawn(NamedTuple):
    """One page or more, what to note, and what the document says of itself."""

    sheets: Sequence[Sheet]
    notes: list[str]
    said: Said


def read(kind: str, drawn: Drawn, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Raises UnsupportedMedia, MediaTooLarge, InvalidRequest (pages)."""
    made = pdf_of(drawn.sheets)
    facts, _ = pdf.pdf_job(io.BytesIO(made), {**params, "path": None, "password": None})
    notes = [*drawn.notes, *facts["notes"]]
    if strange := [str(number) for number, _, _, why in facts["pages"] if why == "garbled"]:
        notes.append(f"the letters of page {', '.join(strange)} cannot all be told: save the file as PDF")
    pages = [
        (number, label, text, _as_image(text, why, drawn.sheets[number - 1]))
        for number, label, text, why in facts["pages"]
    ]
    if silent := [str(number) for number, _, text, why in pages if not text.strip() and not why]:
        notes.append(f"no text on the pages {', '.join(silent)}: print the file to a PDF to see them")
    return with_about({**facts, "kind": kind, "pages": pages, "notes": notes}, drawn.said), []


def _as_image(text: str, why: str, sheet: Sheet) -> str:
    """Why the page is to be seen: text is drawn in a font of this machine, which may have none, but pictures and lines can
    be seen as they are.
    """
    return "scanned" if why == "scanned" or (sheet.ops and not text.strip()) else ""


def render(drawn: Drawn, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """As that of a PDF."""
    made = pdf_of(drawn.sheets)
    return pdf.render_job(io.BytesIO(made), {**params, "path": None, "password": None})
