"""HWPX: Hangul documents as XML in a zip."""

from __future__ import annotations

import re
import zipfile
from typing import Any, BinaryIO
from xml.etree import ElementTree as ET

from glm_mcp.errors import UnsupportedMedia
from glm_mcp.media.documents.about import dublin_core, with_about
from glm_mcp.media.documents.common.shown import Shown, kept, marked, why_shown
from glm_mcp.media.documents.hangul.shown import shown_in
from glm_mcp.media.documents.hangul.writer import Shapes, Writer
from glm_mcp.media.documents.ooxml.package import Package
from glm_mcp.media.documents.pages import LeftOut, one_text
from glm_mcp.media.documents.zip_xml import attribute, encrypted, local, member, open_zip, parse

_SECTION = re.compile(r"contents/section(\d{1,6})\.xml", re.IGNORECASE)
_SAVE = "Save it as DOCX or PDF."


def hwpx_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Raises UnsupportedMedia, MediaTooLarge, InvalidRequest (encrypted, pages)."""
    name = params["name"]
    archive = open_zip(file, name)
    sections, shown, head = _read(archive, name)
    writer = Writer(_shapes(parse(archive, "Contents/header.xml", name)))
    blocks = [block for section in sections for block in writer.section(section)]
    text = "\n\n".join([*blocks, *writer.end()])
    why = why_shown(text, kept(writer.left_out, shown, "the text"))
    facts = one_text("hwpx", text, params.get("pages"), name, writer.left_out.notes())
    return with_about(marked(facts, why), dublin_core(head.iter() if head is not None else ())), []


def pictures_of_hwpx(
    file: BinaryIO, params: dict[str, Any], left_out: LeftOut
) -> tuple[Package, list[Shown]]:
    """Those of the whole text. Raises UnsupportedMedia, MediaTooLarge, InvalidRequest (encrypted)."""
    archive = open_zip(file, params["name"])
    _, shown, _ = _read(archive, params["name"])
    return Package(archive, params["name"], left_out), kept(left_out, shown, "")


def _read(archive: zipfile.ZipFile, name: str) -> tuple[list[ET.Element], list[Shown], ET.Element | None]:
    """The sections, the pictures that they show, and the list of parts. Raises UnsupportedMedia, InvalidRequest (encrypted)."""
    if b"encryption-data" in member(archive, "META-INF/manifest.xml", name):
        raise encrypted(name)
    names = archive.namelist()
    found = sorted((int(m[1]), part) for part in names if (m := _SECTION.fullmatch(part)))
    sections = [tree for _, part in found if (tree := parse(archive, part, name)) is not None]
    if not sections:
        raise UnsupportedMedia(f"{name} is damaged: it has no contents", _SAVE)
    head = parse(archive, "Contents/content.hpf", name)
    items = [e for e in head.iter() if local(e) == "item"] if head is not None else []
    held = set(names)
    paths = {
        attribute(e, "id"): path
        for e in items
        for path in (attribute(e, "href"), f"Contents/{attribute(e, 'href')}")
        if path in held
    }
    return sections, [one for section in sections for one in shown_in(section, paths)], head


def _shapes(head: ET.Element | None) -> Shapes:
    headings, numberings, bullets = {}, {}, {}
    for e in head.iter() if head is not None else ():
        match local(e):
            case "paraPr":
                for h in (h for h in e.iter() if local(h) == "heading"):
                    level = attribute(h, "level")
                    headings[attribute(e, "id")] = (
                        attribute(h, "type"), attribute(h, "idRef"), int(level) if level in tuple("0123456789") else 0,
                    )  # fmt: skip
            case "numbering":
                numberings[attribute(e, "id")] = [
                    (
                        level.text or "",
                        attribute(level, "numFormat"),
                        int(start)
                        if (start := attribute(level, "start")).isdecimal() and len(start) < 7
                        else 1,
                    )
                    for level in e
                    if local(level) == "paraHead"
                ]
            case "bullet":
                bullets[attribute(e, "id")] = attribute(e, "char")
    return Shapes(headings, numberings, bullets)
