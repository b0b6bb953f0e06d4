"""The jobs on an OFD: those on the PDF that is made of it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, BinaryIO

from glm_mcp.errors import UnsupportedMedia
from glm_mcp.media.documents import pdf
from glm_mcp.media.documents.about import Said, dublin_core, with_about
from glm_mcp.media.documents.fixed.ofd_pages import Drawer
from glm_mcp.media.documents.fixed.sheet import pdf_of
from glm_mcp.media.documents.zip_xml import local, open_zip, parse

# "Creator" is the program.
_WORDS = {word.capitalize(): word for word in ("title", "author", "subject", "keyword")} | {
    "Abstract": "description"
}
_SAVE = "Open it in its reader and save it as PDF."


def ofd_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Raises UnsupportedMedia, MediaTooLarge, InvalidRequest (encrypted, pages)."""
    made, notes, said = _made(file, params["name"], None)
    facts, _ = pdf.pdf_job(io.BytesIO(made), {**params, "path": None, "password": None})
    strange = [str(number) for number, _, _, why in facts["pages"] if why == "garbled"]
    if strange:
        notes.append(f"the letters of page {', '.join(strange)} cannot all be told: save the file as PDF")
    # Text is drawn in a font of this machine, which may have none: only what is a picture can be seen as it is.
    pages = [(*row[:3], row[3] if row[3] == "scanned" else "") for row in facts["pages"]]
    facts |= {"kind": "ofd", "pages": pages, "notes": notes + facts["notes"]}
    return with_about(facts, said), []


def render_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """As that of a PDF."""
    made, _, _ = _made(file, params["name"], [int(n) for n in params["numbers"]])
    return pdf.render_job(io.BytesIO(made), {**params, "path": None, "password": None})


def _made(file: BinaryIO, name: str, seen: Sequence[int] | None) -> tuple[bytes, list[str], Said]:
    """The PDF, what to note, and what the document says of itself."""
    archive = open_zip(file, name)
    parts = archive.namelist()
    tree = parse(archive, next((p for p in parts if p.lower() == "ofd.xml"), ""), name)
    elements = list(tree.iter()) if tree is not None else []
    roots = [e.text.strip().lstrip("/") for e in elements if local(e) == "DocRoot" and e.text]
    drawers = [Drawer(archive, root, name, seen) for root in roots]
    sheets = [sheet for drawer in drawers for sheet in drawer.sheets]
    if not sheets:
        locked = any(part.lower().endswith("encryptions.xml") for part in parts)
        raise UnsupportedMedia(
            f"{name} is encrypted" if locked else f"{name} is damaged: it names no pages", _SAVE
        )
    notes = [note for drawer in drawers for note in drawer.notes()]
    if any(part.lower().endswith("signedvalue.dat") for part in parts):
        notes.append("its seals are not shown")
    return pdf_of(sheets, boxes=seen is None), notes, dublin_core(elements, _WORDS)
