"""The pages of an OFD, drawn anew as a PDF; and what of it is not on them."""

from __future__ import annotations

import contextlib
import posixpath
import zipfile
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from xml.etree import ElementTree as ET

from glm_mcp.errors import MediaTooLarge, UnsupportedMedia
from glm_mcp.media.documents.common.few_times import FewTimes
from glm_mcp.media.documents.fixed.letters import Letters
from glm_mcp.media.documents.fixed.numbers import PLAIN, Matrix, number, numbers, times
from glm_mcp.media.documents.fixed.ofd_objects import draw_path, draw_text
from glm_mcp.media.documents.fixed.pictures import Made, for_pdf
from glm_mcp.media.documents.fixed.sheet import Sheet
from glm_mcp.media.documents.pages import LeftOut
from glm_mcp.media.documents.zip_xml import attribute, local, member, outermost, parse

_A4 = [0.0, 0.0, 210.0, 297.0]
_DEPTH = 8  # drawings in drawings
_DRAWN = 100_000_000  # bytes of all pages
_COMPOSED = 5_000  # drawings that are drawn in others, which may hold one another
_OBJECTS = 3_000_000  # that are looked at, on all pages: those of a template on each
_PARSED = 250_000_000  # bytes of parts that other ones name; each of them may do so many times
_PAGES = 20_000
_SAVE = "Open it in its reader and save it as PDF."


class _Style(NamedTuple):
    colours: dict[str, str]
    rests_on: str  # the ID of another one


class _Resources(NamedTuple):
    """By their IDs: drawings, styles, and the paths of pictures."""

    units: dict[str, list[ET.Element]]
    styles: dict[str, _Style]
    pictures: dict[str, str]


class Drawer:
    """`sheets`: the pages of the document whose root part is `root`. `letters`: of the file, where all are to be read; None:
    those with the numbers `seen` are to be seen, and the others stay empty.
    """

    def __init__(
        self, archive: zipfile.ZipFile, root: str, name: str, letters: Letters | None, seen: Sequence[int]
    ) -> None:
        self._letters, self._seen = letters, seen
        self._archive, self._name, self._root = archive, name, root
        self._parts = {part.lower(): part for part in archive.namelist()}
        self._units: dict[str, list[ET.Element]] = {}
        self._pictures: dict[str, str] = {}
        self._styles: dict[str, _Style] = {}
        self._templates: dict[str, list[ET.Element]] = {}
        self._resources_read: dict[str, _Resources] = {}
        self._made: dict[str, Made | None] = {}
        self._drawn = self._composed = self._objects = self._parsed = 0
        self.left_out, self.watermarks = LeftOut(), dict[str, None]()
        self._named = FewTimes(self.left_out)
        self._notes_read: dict[str, list[ET.Element]] = {}  # their looks, by parts
        self.numbers: dict[str, int] = {}  # of pages, by their IDs
        self.sheets = list(self._sheets())

    def notes(self) -> list[str]:
        _, tree = self.tree("", "/" + self._root)
        for named in _all(tree, "Attachments"):
            for e in _all(self._beside(self._root, named.text or "")[1], "Attachment"):
                self.left_out.add("attached files", attribute(e, "Name"))
        notes = self.left_out.notes()
        for mark in filter(None, self.watermarks):
            notes.append(f"watermark: {mark}")
        return notes

    def tree(self, base: str, place: str) -> tuple[str, ET.Element | None]:
        """A part that another one names, and what is in it. Raises MediaTooLarge, UnsupportedMedia."""
        path = self._path(base, place)
        path = self._counted(path if self._named.has_not_met(path) else "")
        return path, parse(self._archive, path, self._name) if path else None

    def content(self, base: str, place: str) -> bytes:
        """The bytes of a part that another one names; b"" when there is none. Raises MediaTooLarge, UnsupportedMedia."""
        return member(self._archive, self._counted(self._path(base, place)), self._name)

    def _beside(self, base: str, place: str) -> tuple[str, ET.Element | None]:
        """As `tree`, of a part without which the others are worth having."""
        try:
            return self.tree(base, place)
        except UnsupportedMedia:
            path = self._path(base, place)
            self.left_out.add("parts that are damaged", path)
            return path, None

    def _counted(self, path: str) -> str:
        self._parsed += self._archive.NameToInfo[path].file_size if path else 0
        if self._parsed > _PARSED:
            raise self._too_much()
        return path

    def _look_at(self, count: int) -> None:
        self._objects += count
        if self._objects > _OBJECTS:
            raise self._too_much()

    def _too_much(self) -> MediaTooLarge:
        return MediaTooLarge(f"{self._name} draws too much on its pages", "Send a part of it, or as PDF.")

    def _path(self, base: str, place: str) -> str:
        place = place.strip().replace("\\", "/")
        # By the standard they start at the part that names them; some programs start at the document or at the file.
        starts = (
            ("",) if place.startswith("/") else (posixpath.dirname(base), posixpath.dirname(self._root), "")
        )
        paths = (posixpath.normpath(posixpath.join("/", start, place))[1:] for start in starts)
        return next((self._parts[path.lower()] for path in paths if path.lower() in self._parts), "")

    def _sheets(self) -> Iterator[Sheet]:
        _, tree = self.tree("", "/" + self._root)
        if tree is None:
            return
        templates = {attribute(e, "ID"): attribute(e, "BaseLoc") for e in _all(tree, "TemplatePage")}
        for e in _all(tree, "PublicRes", "DocumentRes"):
            self._resources(self._root, e.text or "")
        notes = self._annotations(tree)
        box = _box(tree)
        number = whole = 0
        for page in (e for pages in _all(tree, "Pages") for e in pages if local(e) == "Page"):
            path, content = self._beside(self._root, attribute(page, "BaseLoc"))
            if content is None and not path:
                continue
            number += 1
            self.numbers[attribute(page, "ID")] = number
            if number > _PAGES:
                raise MediaTooLarge(f"{self._name} has more than {_PAGES:,} pages", "Send a part of it.")
            whole += content is not None
            _, _, width, height = _box(content) or box or _A4
            sheet = Sheet(min(max(width, 1), 5000), min(max(height, 1), 5000), self._letters)
            if content is None or (not self._letters and number not in self._seen):
                yield sheet
                continue
            for e in _all(content, "PageRes"):
                self._resources(path, e.text or "")
            for e in (e for e in content if local(e) == "Template"):
                self._draw_all(sheet, self._template(templates.get(attribute(e, "TemplateID"), "")))
            self._draw_all(sheet, _contents(content))
            for note in notes.get(attribute(page, "ID"), []):
                self._draw(sheet, note, PLAIN, 0)
            yield sheet
        if number and not whole:
            raise UnsupportedMedia(f"{self._name} is damaged: none of its pages can be read", _SAVE)

    def _template(self, place: str) -> list[ET.Element]:
        path = self._path(self._root, place)
        if path not in self._templates:
            self._templates[path] = _contents(self._beside(self._root, place)[1])
        return self._templates[path]

    def _draw_all(self, sheet: Sheet, contents: Sequence[ET.Element]) -> None:
        for e in contents:
            self._draw(sheet, e, PLAIN, 0)

    def _resources(self, base: str, place: str) -> None:
        path = self._path(base, place)
        if path not in self._resources_read:
            _, tree = self._beside(base, place)
            folder = "" if tree is None else attribute(tree, "BaseLoc")
            folder = posixpath.join(posixpath.dirname(path), folder, "x")
            self._resources_read[path] = _Resources(
                {attribute(e, "ID"): _all(e, "Content") for e in _all(tree, "CompositeGraphicUnit")},
                {attribute(e, "ID"): _style(e) for e in _all(tree, "DrawParam")},
                {
                    attribute(media, "ID"): self._path(folder, e.text or "")
                    for media in _all(tree, "MultiMedia")
                    for e in _all(media, "MediaFile")
                },
            )
        read = self._resources_read[path]
        self._look_at(sum(len(named) for named in read))
        self._units |= read.units
        self._styles |= read.styles
        self._pictures |= read.pictures

    def _annotations(self, document: ET.Element) -> dict[str, list[ET.Element]]:
        """What is drawn on the pages, by their IDs. Watermarks, which lie across the text, are kept apart."""
        found: dict[str, list[ET.Element]] = {}
        for named in _all(document, "Annotations"):
            base, pages = self._beside(self._root, named.text or "")
            for page in _all(pages, "Page"):
                for place in _all(page, "FileLoc"):
                    looks = self._looks_of_notes(base, place.text or "")
                    self._look_at(1 + len(looks))
                    found.setdefault(attribute(page, "PageID"), []).extend(looks)
        return found

    def _looks_of_notes(self, base: str, place: str) -> list[ET.Element]:
        path = self._path(base, place)
        if path not in self._notes_read:
            self._notes_read[path] = looks = []
            for note in _all(self._beside(base, place)[1], "Annot"):
                if attribute(note, "Type") == "Watermark":
                    self.watermarks |= {(e.text or "").strip(): None for e in _all(note, "TextCode")}
                else:
                    looks += _all(note, "Appearance")
        return self._notes_read[path]

    def _draw(self, sheet: Sheet, e: ET.Element, outer: Matrix, depth: int) -> None:
        before = sheet.size
        self._look_at(1)
        match local(e):
            case "TextObject":
                draw_text(sheet, e, _matrix(e, outer), self._colours(e), read=bool(self._letters))
            case "PathObject":
                draw_path(sheet, e, _matrix(e, outer), self._colours(e))
            case "ImageObject":
                self._picture(sheet, e, _matrix(e, outer))
            case "CompositeObject" if depth < _DEPTH:
                self._composed += 1
                for content in self._units.get(attribute(e, "ResourceID"), ()):
                    self._draw(sheet, content, _matrix(e, outer), depth + 1)
            case "Content" | "Layer" | "PageBlock" | "Appearance" if depth < _DEPTH:
                for inner in e:
                    self._draw(sheet, inner, _matrix(e, outer), depth + 1)
        self._drawn += sheet.size - before if depth == 0 else 0
        if max(self._drawn, sheet.size) > _DRAWN or self._composed > _COMPOSED:
            raise self._too_much()

    def _colours(self, e: ET.Element) -> dict[str, str]:
        """What an object says of itself, or else its style, or else the style on which that rests."""
        found: dict[str, str] = {}
        style: _Style | None = _style(e)
        for _ in range(_DEPTH):
            if style is None:
                break
            found = style.colours | found
            style = self._styles.get(style.rests_on)
        return found

    def _picture(self, sheet: Sheet, e: ET.Element, matrix: Matrix) -> None:
        path = self._pictures.get(attribute(e, "ResourceID"), "")
        if not attribute(e, "CTM"):
            _, _, width, height = numbers(attribute(e, "Boundary"), 4)
            matrix = times((width, 0.0, 0.0, height, 0.0, 0.0), matrix)
        if path not in self._made:
            self._made[path] = None
            with contextlib.suppress(UnsupportedMedia):
                data = member(self._archive, path, self._name)
                self._made[path] = for_pdf(data, seen=not self._letters)
        made = self._made[path]
        if made is None:
            name = posixpath.basename(path) or "not in the file"
            self.left_out.add("pictures that cannot be read", name)
        else:
            sheet.picture(made, matrix)


def _style(e: ET.Element) -> _Style:
    colours = {local(c): attribute(c, "Value") for c in e if local(c) in ("FillColor", "StrokeColor")}
    return _Style(colours, attribute(e, "DrawParam") or attribute(e, "Relative"))


def _contents(page: ET.Element | None) -> list[ET.Element]:
    return [e for e in (page if page is not None else ()) if local(e) == "Content"]


def _box(tree: ET.Element | None) -> list[float] | None:
    area = next((e for e in _all(tree, "Area", "PageArea")), None)
    box = next((numbers(e.text or "", 4) for e in _all(area, "PhysicalBox")), None)
    return box if box and box[2] and box[3] else None


def _matrix(e: ET.Element, outer: Matrix) -> Matrix:
    """From what an object says of itself to the page."""
    x, y, _, _ = numbers(attribute(e, "Boundary"), 4)
    said = attribute(e, "CTM").split()
    a, b, c, d, dx, dy = map(number, said) if len(said) == len(PLAIN) else PLAIN
    return times((a, b, c, d, dx + x, dy + y), outer)


def _all(tree: ET.Element | None, *tags: str) -> list[ET.Element]:
    return list(outermost(tree, *tags)) if tree is not None else []
