"""OFD: what is done with the PDF that is made of it."""

from __future__ import annotations

import io
import posixpath
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, BinaryIO
from xml.etree import ElementTree as ET

from glm_mcp.errors import InvalidRequest, MediaTooLarge, UnsupportedMedia
from glm_mcp.media.documents.about import dublin_core
from glm_mcp.media.documents.fixed.drawn import Drawn, read, render
from glm_mcp.media.documents.fixed.letters import Letters
from glm_mcp.media.documents.fixed.ofd_pages import Drawer
from glm_mcp.media.documents.fixed.pictures import Made, for_pdf
from glm_mcp.media.documents.fixed.seals import stamps
from glm_mcp.media.documents.fixed.sheet import Sheet
from glm_mcp.media.documents.zip_xml import local, open_zip, parse

# "Creator" is the program.
_WORDS = {word.capitalize(): word for word in ("title", "author", "subject", "keyword")} | {
    "Abstract": "description"
}
_SAVE = "Open it in its reader and save it as PDF."
_ZIP = b"PK\x03\x04"
_SHOWN = 8  # pages that a note names


def ofd_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Raises UnsupportedMedia, MediaTooLarge, InvalidRequest (encrypted, pages)."""
    return read("ofd", _drawn(file, params["name"], Letters()), params)


def render_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """As that of a PDF."""
    looks: dict[bytes, Made | None] = {}

    def look(picture: bytes) -> Made | None:
        if picture not in looks:
            looks[picture] = _look(picture, params)
        return looks[picture]

    return render(_drawn(file, params["name"], None, [int(n) for n in params["numbers"]], look), params)


def _look(picture: bytes, params: dict[str, Any]) -> Made | None:
    """How a seal looks; None where it cannot be drawn. One that is an OFD has no seals of its own."""
    with suppress(UnsupportedMedia, MediaTooLarge, InvalidRequest):
        if picture.startswith(_ZIP):
            within = _drawn(io.BytesIO(picture), params["name"], None, [1])
            _, (picture, *_) = render(within, {**params, "numbers": [1]})
        return for_pdf(picture, seen=True)
    return None


def _drawn(
    file: BinaryIO,
    name: str,
    letters: Letters | None,
    seen: Sequence[int] = (),
    look: Callable[[bytes], Made | None] | None = None,
) -> Drawn:
    """`look`: how a seal looks, by its data; None: seals are named only."""
    archive = open_zip(file, name)
    parts = archive.namelist()
    tree = parse(archive, next((p for p in parts if p.lower() == "ofd.xml"), ""), name)
    elements = list(tree.iter()) if tree is not None else []
    sheets: list[Sheet] = []
    notes: list[str] = []
    sealed: dict[str, set[int]] = {}  # the pages of each, 0 for none that there is
    for root, signatures in _documents(elements).items():
        before = len(sheets)
        drawer = Drawer(archive, root, name, letters, [number - before for number in seen])
        sheets += drawer.sheets
        notes += drawer.notes()
        try:
            for stamp in stamps(root, signatures, drawer.tree, drawer.content):
                at = drawer.numbers.get(stamp.page)
                number = before + (at or 0)
                sealed.setdefault(stamp.seal.name, set()).add(number if at else 0)
                if look and at and number in seen:
                    sheets[number - 1].stamp(look(stamp.seal.picture), stamp.box, stamp.clip)
        except (UnsupportedMedia, MediaTooLarge):  # the document is worth having without them
            notes.append("its seals cannot be read")
    if not sheets:
        locked = any(part.lower().endswith("encryptions.xml") for part in parts)
        raise UnsupportedMedia(
            f"{name} is encrypted" if locked else f"{name} is damaged: it names no pages", _SAVE
        )
    for whose, pages in sealed.items():
        places = [str(number or "?") for number in sorted(pages)]
        places[_SHOWN:] = ["…"] * (len(places) > _SHOWN)
        if whose:
            notes.append(f"seal on page {', '.join(places)}, not verified: {whose}")
        else:
            notes.append(f"seal on page {', '.join(places)}, without a name")
    return Drawn(sheets, notes, dublin_core(elements, _WORDS))


def _documents(elements: Sequence[ET.Element]) -> dict[str, str]:
    """The root parts of the file's documents, each with its list of signatures."""
    roots: dict[str, str] = {}
    for e in elements:
        if local(e) == "DocRoot" and e.text:
            roots[posixpath.normpath(posixpath.join("/", e.text.strip()))[1:]] = ""
        elif local(e) == "Signatures" and roots:
            roots[next(reversed(roots))] = e.text or ""
    return roots
