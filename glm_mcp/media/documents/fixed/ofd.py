"""OFD: what is done with the PDF that is made of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, BinaryIO

from glm_mcp.errors import UnsupportedMedia
from glm_mcp.media.documents.about import dublin_core
from glm_mcp.media.documents.fixed.drawn import Drawn, read, render
from glm_mcp.media.documents.fixed.letters import Letters
from glm_mcp.media.documents.fixed.ofd_pages import Drawer
from glm_mcp.media.documents.zip_xml import local, open_zip, parse

# "Creator" is the program.
_WORDS = {word.capitalize(): word for word in ("title", "author", "subject", "keyword")} | {
    "Abstract": "description"
}
_SAVE = "Open it in its reader and save it as PDF."


def ofd_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Raises UnsupportedMedia, MediaTooLarge, InvalidRequest (encrypted, pages)."""
    return read("ofd", _drawn(file, params["name"], Letters()), params)


def render_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """As that of a PDF."""
    return render(_drawn(file, params["name"], None, [int(n) for n in params["numbers"]]), params)


def _drawn(file: BinaryIO, name: str, letters: Letters | None, seen: Sequence[int] = ()) -> Drawn:
    archive = open_zip(file, name)
    parts = archive.namelist()
    tree = parse(archive, next((p for p in parts if p.lower() == "ofd.xml"), ""), name)
    elements = list(tree.iter()) if tree is not None else []
    roots = [e.text.strip().lstrip("/") for e in elements if local(e) == "DocRoot" and e.text]
    drawers = [Drawer(archive, root, name, letters, seen) for root in roots]
    sheets = [sheet for drawer in drawers for sheet in drawer.sheets]
    if not sheets:
        locked = any(part.lower().endswith("encryptions.xml") for part in parts)
        raise UnsupportedMedia(
            f"{name} is encrypted" if locked else f"{name} is damaged: it names no pages", _SAVE
        )
    notes = [note for drawer in drawers for note in drawer.notes()]
    if any(part.lower().endswith("signedvalue.dat") for part in parts):
        notes.append("its seals are not shown")
    return Drawn(sheets, notes, dublin_core(elements, _WORDS))
