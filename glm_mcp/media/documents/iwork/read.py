"""Pages, Numbers and Keynote: the text of a document, what lies on each sheet, each slide with its notes."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, BinaryIO
from xml.etree import ElementTree as ET

from glm_mcp.errors import UnsupportedMedia
from glm_mcp.media.documents.common.few_times import few_times
from glm_mcp.media.documents.common.shown import PagesShown, marked, slides_shown, why_shown
from glm_mcp.media.documents.iwork.objects import Message, Objects
from glm_mcp.media.documents.iwork.old import read_old
from glm_mcp.media.documents.iwork.shown import HeldPictures, On
from glm_mcp.media.documents.iwork.story import Stories
from glm_mcp.media.documents.ooxml.package import Package
from glm_mcp.media.documents.pages import LeftOut, choose, one_text, result
from glm_mcp.media.documents.sheets.book import Sheet
from glm_mcp.media.documents.sheets.shown import sheets_shown
from glm_mcp.media.documents.zip_xml import encrypted, member, open_zip, parse

_TEXT, _DOCUMENT, _SLIDE, _PAGE_STYLE, _COMMENT = 10000, 1, 4, 10143, 3056  # kinds of objects
_WIDE, _HIGH = 1024.0, 768.0  # points of a slide that does not say
_ALL = "the text"
_OLD = ("index.apxl", "index.xml")


def iwork_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Raises UnsupportedMedia, MediaTooLarge, InvalidRequest (encrypted, pages)."""
    name, spec = params["name"], params.get("pages")
    left_out = LeftOut()
    opened = _opened(file, name, left_out)
    if isinstance(opened, ET.Element):
        return read_old(opened, spec, name), []
    return opened.facts(spec), []


def pictures_of_iwork(file: BinaryIO, params: dict[str, Any], left_out: LeftOut) -> PagesShown:
    """As of `pages_shown`. Raises UnsupportedMedia, MediaTooLarge, InvalidRequest."""
    opened = _opened(file, params["name"], left_out)
    if isinstance(opened, ET.Element):  # of before 2013, of whose pictures nothing is known
        return PagesShown(Package(open_zip(file, params["name"]), params["name"], left_out), iter(()))
    return opened.shown(params["numbers"])


def _opened(file: BinaryIO, name: str, left_out: LeftOut) -> _File | ET.Element:
    """What the file holds, in its older form as XML. Raises UnsupportedMedia, MediaTooLarge, InvalidRequest."""
    archive = open_zip(file, name)
    if any(path.endswith(".iwph") for path in archive.namelist()):
        raise encrypted(name)
    for path in _OLD:
        if (tree := parse(archive, path, name)) is not None:
            return tree
    package, names = Package(archive, name, left_out), archive.namelist()
    inner = next((path for path in names if path.endswith("Index.zip")), "")
    if inner:
        archive = open_zip(io.BytesIO(member(archive, inner, name)), name)
    objects = Objects(archive, name)
    for path in objects.damaged:
        left_out.add("the rest of parts that are damaged", path)
    return _File(package, names, objects)


class _File:
    """One since 2013. Raises UnsupportedMedia."""

    def __init__(self, package: Package, names: Sequence[str], objects: Objects) -> None:
        self._package, self._names, self._objects = package, names, objects
        self._is_text, self._is_show = bool(objects.all(_TEXT)), bool(objects.all(_SLIDE))
        self._stories = Stories(objects, package.again, headings=self._is_text)
        documents = objects.all(_TEXT) or objects.all(_DOCUMENT)
        if not documents:
            raise UnsupportedMedia(
                f"{package.name} holds no text that can be read",
                "In its program export it as PDF (File > Export To).",
            )
        self._document = documents[0]
        self._nodes: list[int] = []
        if self._is_show and not self._is_text:
            tree = objects.get(self._document.link(2)).one(3)
            nodes = tree.links(2) or _below(objects, tree.link(1))
            self._nodes = list(few_times(nodes, lambda n: _object(objects.get(n).link(2)), package.left_out))

    def facts(self, spec: str | None) -> dict[str, Any]:
        """Raises InvalidRequest (pages)."""
        name, notes = self._package.name, self._package.left_out
        pictures = self._pictures()
        if self._is_text:
            text = _text(self._document, self._objects, self._stories)
            why = why_shown(text, pictures.on(1, _ALL), 1.0)
            return marked(one_text("pages", text, spec, name, notes.notes()), why)
        rows = []
        if self._is_show:
            for number in choose(spec, len(self._nodes), name, unit="slide"):
                node = self._objects.get(self._nodes[number - 1])
                place, hidden = f"slide {number}", " (hidden)" if node.number(4) else ""
                text = _slide(self._objects, self._stories, node.link(2))
                rows.append((number, f"{place}{hidden}", text, why_shown(text, pictures.on(number, place))))
            return result("keynote", rows, len(self._nodes), notes.notes())
        sheets = self._sheets()
        for number in choose(spec, len(sheets), name, unit="sheet", names=[one.name for one in sheets]):
            sheet = sheets[number - 1]
            text = _joined(map(self._stories.shown, sheet.at)) or "(empty sheet)"
            place = f"sheet '{sheet.name}'"
            rows.append((number, place, text, why_shown(text, pictures.on(number, place))))
        return result("numbers", rows, len(sheets), notes.notes())

    def shown(self, numbers: Sequence[int]) -> PagesShown:
        """Raises InvalidRequest."""
        pictures = self._pictures()
        if self._is_text:
            return PagesShown(self._package, iter([(1, _ALL, pictures.on(1))]))
        if self._is_show:
            return slides_shown(self._package, numbers, len(self._nodes), pictures.on)
        sheets = self._sheets()
        numbered = {sheet: number for number, sheet in enumerate(sheets, 1)}
        return sheets_shown(self._package, sheets, numbers, lambda sheet: pictures.on(numbered[sheet]))

    def _sheets(self) -> list[Sheet[tuple[int, ...]]]:
        """Each with what lies on it, from the top to the bottom."""
        named = few_times(self._document.links(1), _object, self._package.left_out)
        sheets = map(self._objects.get, named)
        return [Sheet(one.text(1), tuple(sorted(one.links(2), key=self._stories.place))) for one in sheets]

    def _pictures(self) -> HeldPictures:
        objects, held = self._objects, (self._package, self._names, self._objects)
        if self._is_text:
            things = (number for _, some in _floating(self._document, objects) for number in some)
            return HeldPictures(*held, [On(tuple(things), (self._document.link(4),))])
        if not self._is_show:
            return HeldPictures(*held, [On(sheet.at) for sheet in self._sheets()])
        size = objects.get(self._document.link(2)).one(4)
        slides = (objects.get(objects.get(node).link(2)) for node in self._nodes)
        return HeldPictures(
            *held,
            [On(_things(slide)) for slide in slides],
            (size.real(1) or _WIDE, size.real(2) or _HIGH),
        )


def _object(number: int) -> str:
    return f"object {number}" if number else ""


def _text(document: Message, objects: Objects, stories: Stories) -> str:
    blocks = [stories.text(document.link(4))]
    for page, things in _floating(document, objects):
        if said := _joined(map(stories.shown, things)):
            blocks += [f"[beside the text, page {page + 1}]", said]
    blocks += stories.footnotes()
    lines: dict[str, None] = {}
    for style in objects.all(_PAGE_STYLE):
        for field, what in ((1, "header"), (2, "footer")):
            words = " / ".join(filter(None, (" ".join(stories.text(n).split()) for n in style.links(field))))
            if len(words) > 2:  # more than a number
                lines[f"[page {what}: {words}]"] = None
    comments = (" ".join(comment.text(1).split()) for comment in objects.all(_COMMENT))
    return _joined([*blocks, *lines, *(f"Comment: {text}" for text in comments if text)])


def _floating(document: Message, objects: Objects) -> Iterator[tuple[int, list[int]]]:
    """What floats over each page of a text, by the numbers of these from 0."""
    for page in objects.get(document.link(3)).all(1):
        yield page.number(1), [e.link(1) for field in (2, 4, 3) for e in page.all(field)]


def _things(slide: Message) -> tuple[int, ...]:
    """What lies on a slide, without its number."""
    things = (slide.link(5), slide.link(6), slide.link(30), *(slide.links(42) or slide.links(7)))
    return tuple(number for number in things if number != slide.link(20))


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
    blocks = [f"# {title}" if title else "", *map(stories.shown, _things(slide))]
    said = stories.text(objects.get(slide.link(27)).link(1)).strip()
    return _joined([*blocks, f"Notes: {said}" if said else "", *stories.footnotes()])


def _joined(blocks: Iterable[str]) -> str:
    return "\n\n".join(filter(None, blocks))
