"""The pages of an OFD, drawn anew as a PDF; and what of it is not on them."""

from __future__ import annotations

import itertools
import posixpath
import re
import zipfile
from collections.abc import Iterator, Sequence
from xml.etree import ElementTree as ET

from glm_mcp.errors import MediaTooLarge
from glm_mcp.media.documents.fixed.letters import Letters
from glm_mcp.media.documents.fixed.numbers import PLAIN, Matrix, number, numbers, times
from glm_mcp.media.documents.fixed.pictures import Made, for_pdf
from glm_mcp.media.documents.fixed.sheet import Sheet, Step, em
from glm_mcp.media.documents.pages import LeftOut
from glm_mcp.media.documents.zip_xml import attribute, local, member, parse

_A4 = [0.0, 0.0, 210.0, 297.0]
# The steps of a path: how many numbers each has, and what draws it in a PDF. Rare curves become straight.
_STEPS = {
    "S": (2, "m"),
    "M": (2, "m"),
    "L": (2, "l"),
    "Q": (4, "l"),
    "B": (6, "c"),
    "A": (7, "l"),
    "C": (0, "h"),
}
_DEPTH = 8  # drawings in drawings
_DRAWN = 100_000_000  # bytes of all pages
_COMPOSED = 5_000  # drawings that are drawn in others, which may hold one another
_PAGES = 20_000


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
        self._units: dict[str, ET.Element] = {}
        self._pictures: dict[str, str] = {}
        self._styles: dict[str, ET.Element] = {}
        self._made: dict[str, Made | None] = {}
        self._drawn = self._composed = 0
        self.left_out, self.watermarks = LeftOut(), dict[str, None]()
        self.numbers: dict[str, int] = {}  # of pages, by their IDs
        self.sheets = list(self._sheets())

    def notes(self) -> list[str]:
        _, tree = self.tree("", "/" + self._root)
        for named in _all(tree, "Attachments"):
            for e in _all(self.tree(self._root, named.text or "")[1], "Attachment"):
                self.left_out.add("attached files", attribute(e, "Name"))
        notes = self.left_out.notes()
        for mark in filter(None, self.watermarks):
            notes.append(f"watermark: {mark}")
        return notes

    def tree(self, base: str, place: str) -> tuple[str, ET.Element | None]:
        """A part that another one names, and what is in it."""
        path = self._path(base, place)
        return path, parse(self._archive, path, self._name) if path else None

    def content(self, base: str, place: str) -> bytes:
        """The bytes of a part that another one names; b"" when there is none."""
        return member(self._archive, self._path(base, place), self._name)

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
        number = 0
        for page in (e for pages in _all(tree, "Pages") for e in pages if local(e) == "Page"):
            path, content = self.tree(self._root, attribute(page, "BaseLoc"))
            if content is None:
                continue
            number += 1
            self.numbers[attribute(page, "ID")] = number
            if number > _PAGES:
                raise MediaTooLarge(f"{self._name} has more than {_PAGES:,} pages", "Send a part of it.")
            _, _, width, height = _box(content) or box or _A4
            sheet = Sheet(min(max(width, 1), 5000), min(max(height, 1), 5000), self._letters)
            if not self._letters and number not in self._seen:
                yield sheet
                continue
            for e in _all(content, "PageRes"):
                self._resources(path, e.text or "")
            for e in (e for e in content if local(e) == "Template"):
                _, below = self.tree(self._root, templates.get(attribute(e, "TemplateID"), ""))
                self._draw_all(sheet, below)
            self._draw_all(sheet, content)
            for note in notes.get(attribute(page, "ID"), []):
                self._draw(sheet, note, PLAIN, 0)
            yield sheet

    def _draw_all(self, sheet: Sheet, page: ET.Element | None) -> None:
        for e in page if page is not None else ():
            if local(e) == "Content":
                self._draw(sheet, e, PLAIN, 0)

    def _resources(self, base: str, place: str) -> None:
        path, tree = self.tree(base, place)
        if tree is None:
            return
        folder = posixpath.join(posixpath.dirname(path), attribute(tree, "BaseLoc"), "x")
        self._units |= {attribute(e, "ID"): e for e in _all(tree, "CompositeGraphicUnit")}
        self._styles |= {attribute(e, "ID"): e for e in _all(tree, "DrawParam")}
        for media in _all(tree, "MultiMedia"):
            for e in _all(media, "MediaFile"):
                self._pictures[attribute(media, "ID")] = self._path(folder, e.text or "")

    def _annotations(self, document: ET.Element) -> dict[str, list[ET.Element]]:
        """What is drawn on the pages, by their IDs. Watermarks, which lie across the text, are kept apart."""
        found: dict[str, list[ET.Element]] = {}
        for named in _all(document, "Annotations"):
            base, pages = self.tree(self._root, named.text or "")
            for page in _all(pages, "Page"):
                for place in _all(page, "FileLoc"):
                    _, notes = self.tree(base, place.text or "")
                    for note in _all(notes, "Annot"):
                        if attribute(note, "Type") == "Watermark":
                            self.watermarks |= {(e.text or "").strip(): None for e in _all(note, "TextCode")}
                        else:
                            found.setdefault(attribute(page, "PageID"), []).extend(_all(note, "Appearance"))
        return found

    def _draw(self, sheet: Sheet, e: ET.Element, outer: Matrix, depth: int) -> None:
        before = sheet.size
        match local(e):
            case "TextObject":
                _text(sheet, e, _matrix(e, outer), self._colours(e), read=bool(self._letters))
            case "PathObject":
                _path(sheet, e, _matrix(e, outer), self._colours(e))
            case "ImageObject":
                self._picture(sheet, e, _matrix(e, outer))
            case "CompositeObject" if depth < _DEPTH:
                self._composed += 1
                for content in _all(self._units.get(attribute(e, "ResourceID")), "Content"):
                    self._draw(sheet, content, _matrix(e, outer), depth + 1)
            case "Content" | "Layer" | "PageBlock" | "Appearance" if depth < _DEPTH:
                for inner in e:
                    self._draw(sheet, inner, _matrix(e, outer), depth + 1)
        self._drawn += sheet.size - before if depth == 0 else 0
        if max(self._drawn, sheet.size) > _DRAWN or self._composed > _COMPOSED:
            raise MediaTooLarge(f"{self._name} draws too much on its pages", "Send a part of it, or as PDF.")

    def _colours(self, e: ET.Element) -> dict[str, str]:
        """What an object says of itself, or else its style, or else the style on which that rests."""
        found: dict[str, str] = {}
        style: ET.Element | None = e
        for _ in range(_DEPTH):
            if style is None:
                break
            named = {
                local(c): attribute(c, "Value") for c in style if local(c) in ("FillColor", "StrokeColor")
            }
            found = named | found
            style = self._styles.get(attribute(style, "DrawParam") or attribute(style, "Relative"))
        return found

    def _picture(self, sheet: Sheet, e: ET.Element, matrix: Matrix) -> None:
        path = self._pictures.get(attribute(e, "ResourceID"), "")
        if not attribute(e, "CTM"):
            _, _, width, height = numbers(attribute(e, "Boundary"), 4)
            matrix = times((width, 0.0, 0.0, height, 0.0, 0.0), matrix)
        if path not in self._made:
            self._made[path] = for_pdf(member(self._archive, path, self._name), seen=not self._letters)
        made = self._made[path]
        if made is None:
            name = posixpath.basename(path) or "not in the file"
            self.left_out.add("pictures that cannot be read", name)
        else:
            sheet.picture(made, matrix)


def _text(sheet: Sheet, e: ET.Element, matrix: Matrix, colours: dict[str, str], *, read: bool) -> None:
    size = number(attribute(e, "Size"))
    wide = number(attribute(e, "HScale")) or 1.0
    colour = _colour(colours.get("FillColor", ""), "g rg k")
    x = y = 0.0
    for code in (c for c in e if local(c) == "TextCode"):
        letters = code.text or ""
        x = number(attribute(code, "X")) if attribute(code, "X") else x
        y = number(attribute(code, "Y")) if attribute(code, "Y") else y
        right, down = _steps(attribute(code, "DeltaX")), _steps(attribute(code, "DeltaY"))
        upright = not attribute(code, "DeltaX") and bool(attribute(code, "DeltaY"))
        places, place = [], (x, y)
        for letter in letters:
            places += [place] * (2 if letter > "\uffff" else 1)
            forth = 0.0 if upright else em(ord(letter)) * size * wide
            place = place[0] + next(right, forth), place[1] + next(down, 0.0)
        if upright and len(places) > 1 and read:
            # One below the other, as beside a table's rows: a word only if they stand in one line.
            wide, (left, top) = 1 / len(places), places[0]
            places = [(left + n * size * wide, top) for n in range(len(places))]
        sheet.text(letters, places, matrix, size, wide, colour=colour)


def _path(sheet: Sheet, e: ET.Element, matrix: Matrix, colours: dict[str, str]) -> None:
    data = "".join(c.text or "" for c in e if local(c) == "AbbreviatedData").split()
    steps: list[Step] = []
    count, operator = 0, ""
    numbers: list[float] = []
    for word in data:
        if word in _STEPS:
            count, operator = _STEPS[word]
            numbers = []
        else:
            numbers.append(number(word))
        if operator and len(numbers) == count:
            steps.append((operator, numbers if operator == "c" else numbers[-2:]))
            numbers, operator = [], operator if count else ""
    # What is filled without a colour of its own may be as light as paper, and would hide text.
    fill = attribute(e, "Fill") == "true" and _colour(colours.get("FillColor", ""), "g rg k")
    line = attribute(e, "Stroke") != "false" and (_colour(colours.get("StrokeColor", ""), "G RG K") or "0 G")
    width = number(attribute(e, "LineWidth")) or 0.353
    if fill or line:
        paint = f"{fill or ''} {line or ''}", "B" if fill and line else "f" if fill else "S"
        sheet.path(steps, matrix, width, paint)


def _colour(value: str, operators: str) -> str:
    """As a PDF sets it; "" for what is none. A part is a number up to 255, or "#FF"."""
    said = [_hex(part[1:]) if part.startswith("#") else number(part) for part in value.split()]
    parts = [min(max(part / 255, 0), 1) for part in said]
    operator = dict(zip((1, 3, 4), operators.split(), strict=True)).get(len(parts))
    return " ".join(f"{part:.3f}" for part in parts) + f" {operator}" if operator else ""


def _hex(digits: str) -> float:
    return int(digits, 16) if re.fullmatch("[0-9a-fA-F]{1,2}", digits) else 0.0


def _steps(said: str) -> Iterator[float]:
    """From each letter to the next; "g 3 1.5" says 1.5 three times. The last one goes on."""
    words = iter(said.split())
    step = None
    for word in words:
        many = word == "g"
        count = int(min(number(next(words, "")), 100_000)) if many else 1
        step = number(next(words, "") if many else word)
        yield from itertools.repeat(step, count)
    while step is not None:
        yield step


def _box(tree: ET.Element) -> list[float] | None:
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
    return [e for e in tree.iter() if local(e) in tags] if tree is not None else []
