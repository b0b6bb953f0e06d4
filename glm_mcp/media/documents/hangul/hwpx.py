"""HWPX: Hangul documents as XML in a zip."""

from __future__ import annotations

import re
from typing import Any, BinaryIO
from xml.etree import ElementTree as ET

from glm_mcp.errors import UnsupportedMedia
from glm_mcp.media.documents.about import dublin_core, with_about
from glm_mcp.media.documents.hangul.writer import Shapes, Writer
from glm_mcp.media.documents.pages import one_text
from glm_mcp.media.documents.zip_xml import attribute, encrypted, local, member, open_zip, parse

_SECTION = re.compile(r"contents/section(\d{1,6})\.xml", re.IGNORECASE)
_SAVE = "Save it as DOCX or PDF."


def hwpx_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Raises UnsupportedMedia, MediaTooLarge, InvalidRequest (encrypted, pages)."""
    name = params["name"]
    archive = open_zip(file, name)
    if b"encryption-data" in member(archive, "META-INF/manifest.xml", name):
        raise encrypted(name)
    found = sorted((int(m[1]), part) for part in archive.namelist() if (m := _SECTION.fullmatch(part)))
    sections = [tree for _, part in found if (tree := parse(archive, part, name)) is not None]
    if not sections:
        raise UnsupportedMedia(f"{name} is damaged: it has no contents", _SAVE)
    writer = Writer(_shapes(parse(archive, "Contents/header.xml", name)))
    blocks = [block for section in sections for block in writer.section(section)]
    head = parse(archive, "Contents/content.hpf", name)
    facts = one_text(
        "hwpx", "\n\n".join([*blocks, *writer.end()]), params.get("pages"), name, writer.left_out.notes()
    )
    return with_about(facts, dublin_core(head.iter() if head is not None else ())), []


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
