"""XPS and OXPS: what is done with the PDF that is made of them."""

from __future__ import annotations

import posixpath
import zipfile
from typing import Any, BinaryIO

from glm_mcp.errors import UnsupportedMedia
from glm_mcp.media.documents.about import dublin_core
from glm_mcp.media.documents.common.few_times import few_times
from glm_mcp.media.documents.fixed.drawn import Drawn, read, render
from glm_mcp.media.documents.fixed.letters import Letters
from glm_mcp.media.documents.fixed.xps_pages import Drawer
from glm_mcp.media.documents.pages import LeftOut, choose
from glm_mcp.media.documents.zip_xml import attribute, local, open_zip, parse

_SAVE = "Print it to a PDF."


def xps_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Raises UnsupportedMedia, MediaTooLarge, InvalidRequest (encrypted, pages)."""
    return read("xps", _drawn(file, params, Letters()), params)


def render_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """As that of a PDF."""
    return render(_drawn(file, params, None), params)


def _drawn(file: BinaryIO, params: dict[str, Any], letters: Letters | None) -> Drawn:
    name, left_out = params["name"], LeftOut()
    archive = open_zip(file, name)
    parts = archive.namelist()
    documents = (
        document
        for sequence in parts
        if sequence.lower().endswith(".fdseq")
        for document in _named(archive, sequence, "DocumentReference", name)
    )
    named = (
        page
        for document in few_times(documents, str, left_out)
        for page in _named(archive, document, "PageContent", name)
    )
    pages = list(few_times(named, str, left_out))
    if not pages:
        raise UnsupportedMedia(f"{name} is damaged: it names no pages", _SAVE)
    wanted = params["numbers"] if letters is None else choose(params.get("pages"), len(pages), name)
    drawer = Drawer(archive, name, letters, [int(n) for n in wanted])
    sheets = [drawer.sheet(number, page) for number, page in enumerate(pages, 1)]
    about = next((part for part in parts if part.lower().endswith(("core.xml", ".psmdcp"))), "")
    tree = parse(archive, about, name)
    return Drawn(
        sheets,
        [*left_out.notes(), *drawer.left_out.notes()],
        dublin_core(tree.iter()) if tree is not None else [],
    )


def _named(archive: zipfile.ZipFile, part: str, tag: str, name: str) -> list[str]:
    """The parts that a part names, in order."""
    tree = parse(archive, part, name)
    places = [attribute(e, "Source") for e in tree.iter() if local(e) == tag] if tree is not None else []
    return [posixpath.normpath(posixpath.join("/", posixpath.dirname(part), place))[1:] for place in places]
