"""Pages, Numbers and Keynote: the text of a document, what lies on each sheet, each slide with its notes."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any, BinaryIO

from glm_mcp.errors import UnsupportedMedia
from glm_mcp.media.documents.iwork.objects import Message, Objects
from glm_mcp.media.documents.iwork.old import read_old
from glm_mcp.media.documents.iwork.story import Stories
from glm_mcp.media.documents.pages import LeftOut, choose, one_text, result
from glm_mcp.media.documents.zip_xml import encrypted, member, open_zip, parse

_TEXT, _DOCUMENT, _SLIDE, _PAGE_STYLE, _COMMENT = 10000, 1, 4, 10143, 3056  # kinds of objects
_OLD = ("index.apxl", "index.xml")


def iwork_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Raises UnsupportedMedia, MediaTooLarge, InvalidRequest (encrypted, pages)."""
    name, spec = params["name"], params.get("pages")
    archive = open_zip(file, name)
    if any(path.endswith(".iwph") for path in archive.namelist()):
        raise encrypted(name)
    for path in _OLD:
        if (tree := parse(archive, path, name)) is not None:
            return read_old(tree, spec, name), []
    inner = next((path for path in archive.namelist() if path.endswith("Index.zip")), "")
    if inner:
        archive = open_zip(io.BytesIO(member(archive, inner, name)), name)
    objects = Objects(archive, name)
    left_out = LeftOut()
    for path in objects.damaged:
        left_out.add("the rest of parts that are damaged", path)
    notes = left_out.notes()
    stories = Stories(objects, headings=bool(objects.all(_TEXT)))
    documents = objects.all(_TEXT) or objects.all(_DOCUMENT)
    if not documents:
        raise UnsupportedMedia(
            f"{name} holds no text that can be read", "In its program export it as PDF (File > Export To)."
        )
    if objects.all(_TEXT):
        return one_text("pages", _text(documents[0], objects, stories), spec, name, notes), []
    read = _slides if objects.all(_SLIDE) else _sheets
    return read(documents[0], objects, stories, spec, name, notes), []


def _text(document: Message, objects: Objects, stories: Stories) -> str:
    blocks = [stories.text(document.link(4))]
    for page in objects.get(document.link(3)).all(1):
        things = (e.link(1) for field in (2, 4, 3) for e in page.all(field))
        if said := _joined(map(stories.shown, things)):
            blocks += [f"[beside the text, page {page.number(1) + 1}]", said]
    blocks += stories.footnotes()
    lines: dict[str, None] = {}
    for style in objects.all(_PAGE_STYLE):
        for field, what in ((1, "header"), (2, "footer")):
            words = " / ".join(filter(None, (" ".join(stories.text(n).split()) for n in style.links(field))))
            if len(words) > 2:  # more than a number
                lines[f"[page {what}: {words}]"] = None
    comments = (" ".join(comment.text(1).split()) for comment in objects.all(_COMMENT))
    return _joined([*blocks, *lines, *(f"Comment: {text}" for text in comments if text)])


def _sheets(
    document: Message, objects: Objects, stories: Stories, spec: str | None, name: str, notes: list[str]
) -> dict[str, Any]:
    sheets = [objects.get(number) for number in document.links(1)]
    names = [sheet.text(1) for sheet in sheets]
    rows = []
    for number in choose(spec, len(sheets), name, unit="sheet", names=names):
        things = sorted(sheets[number - 1].links(2), key=stories.place)
        text = _joined(map(stories.shown, things)) or "(empty sheet)"
        rows.append((number, f"sheet '{names[number - 1]}'", text, ""))
    return result("numbers", rows, len(sheets), notes)


def _slides(
    document: Message, objects: Objects, stories: Stories, spec: str | None, name: str, notes: list[str]
) -> dict[str, Any]:
    tree = objects.get(document.link(2)).one(3)
    nodes = tree.links(2) or _below(objects, tree.link(1))
    rows = []
    for number in choose(spec, len(nodes), name, unit="slide"):
        node = objects.get(nodes[number - 1])
        place, hidden = f"slide {number}", " (hidden)" if node.number(4) else ""
        rows.append((number, f"{place}{hidden}", _slide(objects, stories, node.link(2)), ""))
    return result("keynote", rows, len(nodes), notes)


def _below(objects: Objects, root: int) -> list[int]:
    """The slides below the first, in order, as older versions keep them."""
    found: dict[int, None] = {}
    waiting = objects.get(root).links(1)[::-1]
    while waiting:
        if (number := waiting.pop()) not in found:
            found[number] = None
            waiting += objects.get(number).links(1)[::-1]
    return list(found)


def _slide(objects: Objects, stories: Stories, number: int) -> str:
    slide = objects.get(number)
    title = " ".join(stories.shown(slide.link(5)).split())
    things = [slide.link(6), slide.link(30), *(slide.links(42) or slide.links(7))]
    blocks = [f"# {title}" if title else "", *(stories.shown(n) for n in things if n != slide.link(20))]
    said = stories.text(objects.get(slide.link(27)).link(1)).strip()
    return _joined([*blocks, f"Notes: {said}" if said else "", *stories.footnotes()])


def _joined(blocks: Iterable[str]) -> str:
    return "\n\n".join(filter(None, blocks))
