"""The pages of an XPS document, drawn anew."""

from __future__ import annotations

import itertools
import posixpath
import re
import zipfile
from collections import ChainMap
from collections.abc import Iterable, Iterator, Sequence
from xml.etree import ElementTree as ET

from glm_mcp.errors import MediaTooLarge
from glm_mcp.media.documents.fixed.letters import Letters
from glm_mcp.media.documents.fixed.numbers import PLAIN, Matrix, number, numbers, times
from glm_mcp.media.documents.fixed.pictures import Made, for_pdf
from glm_mcp.media.documents.fixed.sheet import Sheet
from glm_mcp.media.documents.fixed.strokes import strokes
from glm_mcp.media.documents.pages import LeftOut
from glm_mcp.media.documents.zip_xml import attribute, local, member, parse

_MM = 25.4 / 96  # in a unit of a page
_PAGE = 816, 1056  # units, where a page does not say it
_WIDE = 0x2E80  # the first code of East Asia
_NARROW, _BROAD = "iljtfrI.,:;'|!()[] ", "mwMW@%"  # letters
_DEPTH = 50  # canvases in canvases
_DRAWN = 100_000_000  # bytes of all pages
_NAMED = 3_000_000  # brushes that the dictionaries beside pages have for them, of all pages
_ENTRY = re.compile(r"(?:\((\d{1,3})(?::(\d{1,2}))?\))?\d*(?:,([^,]*))?(?:,.*)?", re.DOTALL)
_STATIC = re.compile(r"\{StaticResource\s+([^{}\s]+)\s*\}")
_BITMAP = re.compile(r"\{ColorConvertedBitmap\s+([^{}\s]+)[^{}]*\}")


class Drawer:
    """`wanted`: the numbers of the pages that are drawn; the others stay empty. `letters`: of the document, where they are to
    be read; None: they are to be seen.
    """

    def __init__(
        self, archive: zipfile.ZipFile, name: str, letters: Letters | None, wanted: Sequence[int]
    ) -> None:
        self._archive, self._name, self._letters, self._wanted = archive, name, letters, wanted
        self._parts = {part.lower(): part for part in archive.namelist()}
        self._made: dict[str, Made | None] = {}
        self._drawn = self._looked_up = 0
        self._dictionaries: dict[str, dict[str, ET.Element]] = {}
        self._beside: tuple[tuple[str, ...], dict[str, ET.Element]] = (), {}  # of the page before, as of most
        self.left_out = LeftOut()

    def sheet(self, page: int, part: str) -> Sheet:
        tree = parse(self._archive, part, self._name)
        size = (
            numbers(f"{attribute(tree, 'Width')} {attribute(tree, 'Height')}", 2) if tree is not None else []
        )
        width, height = size if size and all(size) else _PAGE
        width, height = (min(max(side * _MM, 1), 5000) for side in (width, height))
        sheet = Sheet(width, height, self._letters)
        if tree is not None and page in self._wanted:
            drawing = _Page(self, sheet, part, tree)
            drawing.draw(tree, (_MM, 0, 0, _MM, 0, 0), 0)
            self._drawn += sheet.size
            if drawing.unknown:
                self.left_out.add("letters without their codes, on the pages", str(page))
        return sheet

    def named(self, base: str, places: Iterable[str]) -> dict[str, ET.Element]:
        """What the dictionaries at these places have, by its keys. Raises MediaTooLarge, UnsupportedMedia."""
        paths = tuple(dict.fromkeys(self._path(base, place) for place in places))
        if paths != self._beside[0]:
            found: dict[str, ET.Element] = {}
            for path in paths:
                if path not in self._dictionaries:
                    self._dictionaries[path] = by_key(parse(self._archive, path, self._name))
                self._looked_up += len(self._dictionaries[path])
                self.check(0)
                found |= self._dictionaries[path]
            self._beside = paths, found
        return self._beside[1]

    def check(self, more: int) -> None:
        """Raises MediaTooLarge."""
        if self._drawn + more > _DRAWN or self._looked_up > _NAMED:
            raise MediaTooLarge(f"{self._name} draws too much on its pages", "Send a part of it, or as PDF.")

    def picture(self, base: str, place: str) -> Made | None:
        path = self._path(base, place)
        if path not in self._made:
            self._made[path] = for_pdf(member(self._archive, path, self._name), seen=not self._letters)
            if self._made[path] is None:
                name = posixpath.basename(path) or "not in the file"
                self.left_out.add("pictures that cannot be read", name)
        return self._made[path]

    def _path(self, base: str, place: str) -> str:
        path = posixpath.normpath(posixpath.join("/", posixpath.dirname(base), place.strip()))[1:]
        return self._parts.get(path.lower(), "")


class _Page:
    """`unknown`: there are glyphs that say no letters."""

    def __init__(self, drawer: Drawer, sheet: Sheet, part: str, tree: ET.Element) -> None:
        self._drawer, self._sheet, self._part = drawer, sheet, part
        elsewhere = [attribute(e, "Source") for e in tree.iter() if local(e) == "ResourceDictionary"]
        self._named = ChainMap(drawer.named(part, filter(None, elsewhere)), by_key(tree))
        self.unknown = False

    def draw(self, e: ET.Element, outer: Matrix, depth: int) -> None:
        matrix = times(_transform(e), outer)
        match local(e):
            case "Glyphs":
                self._text(e, matrix)
            case "Path":
                self._path(e, matrix)
            case "FixedPage" | "Canvas" if depth < _DEPTH:
                for child in e:
                    self.draw(child, matrix, depth + 1)
        self._drawer.check(self._sheet.size)

    def _text(self, e: ET.Element, matrix: Matrix) -> None:
        letters = attribute(e, "UnicodeString").removeprefix("{}")
        if not letters and attribute(e, "Indices"):
            self.unknown = True
        x, y, size = (number(attribute(e, key)) for key in ("OriginX", "OriginY", "FontRenderingEmSize"))
        size = size or 10.0
        pairs = letters.encode("utf-16-be", "surrogatepass")
        units = [pairs[n : n + 2].decode("utf-16-be", "replace") for n in range(0, len(pairs), 2)]
        widths = list(_advances(units, attribute(e, "Indices")))
        if number(attribute(e, "BidiLevel")) % 2:
            # From the right, as it is written; drawn from the left, as PDFs do.
            letters, x = letters[::-1], x - sum(widths) * size
            widths.reverse()
        places = [(x + before * size, y) for before in itertools.accumulate(widths, initial=0)][:-1]
        fill = self._brush(e, "Fill")
        if letters.strip():
            colour = f"{fill} rg" if fill and isinstance(fill, str) else ""
            self._sheet.text(letters, places, matrix, size, widths=widths, colour=colour)

    def _path(self, e: ET.Element, matrix: Matrix) -> None:
        fill, line = self._brush(e, "Fill"), self._brush(e, "Stroke")
        if isinstance(fill, ET.Element):
            self._picture(fill, matrix)
            fill = ""
        line = "" if isinstance(line, ET.Element) else line
        if fill or line:
            colours = f"{fill} rg" * bool(fill) + f" {line} RG" * bool(line)
            paint = "B" if fill and line else "f" if fill else "S"
            width = (number(attribute(e, "StrokeThickness")) or 1) * _MM
            self._sheet.path(strokes(_geometry(e)), matrix, width, (colours, paint))

    def _brush(self, e: ET.Element, what: str) -> str | ET.Element:
        """A colour as PDF has it, the brush of a picture, or "" where nothing is painted."""
        said = attribute(e, what)
        if named := _STATIC.fullmatch(said.strip()):
            brushes = [self._named[named[1]]] if named[1] in self._named else []
        else:
            brushes = [brush for child in e if local(child).endswith(f".{what}") for brush in child]
        for brush in brushes:
            if local(brush) == "ImageBrush":
                return brush
            said = attribute(brush, "Color")
        return _colour(said)

    def _picture(self, brush: ET.Element, outer: Matrix) -> None:
        place = attribute(brush, "ImageSource")
        if converted := _BITMAP.fullmatch(place.strip()):
            place = converted[1]
        x, y, width, height = numbers(attribute(brush, "Viewport").replace(",", " "), 4)
        if made := self._drawer.picture(self._part, place):
            matrix = times(_transform(brush), outer)
            self._sheet.picture(made, times((width, 0.0, 0.0, height, x, y), matrix))


def by_key(tree: ET.Element | None) -> dict[str, ET.Element]:
    """What pages call by a key."""
    return {key: e for e in (() if tree is None else tree.iter()) if (key := attribute(e, "Key"))}


def _advances(letters: Sequence[str], indices: str) -> Iterator[float]:
    """From each letter to the next, of the size; of several that are drawn together each has its share."""
    entries = itertools.chain(indices.split(";"), itertools.repeat(""))
    at = 0
    while at < len(letters):
        said = _ENTRY.fullmatch(next(entries))
        many = max(int(said[1] or 1), 1) if said else 1
        group = letters[at : at + many]
        steps = [said[3] if said else ""]
        for _ in range(int(said[2] or 1) - 1 if said else 0):
            more = _ENTRY.fullmatch(next(entries))
            steps.append(more[3] if more else "")
        whole = sum(number(step) / 100 for step in steps if step) or sum(map(_width, group))
        yield from itertools.repeat(whole / len(group), len(group))
        at += many


def _width(letter: str) -> float:
    """About how wide a letter is, of its size, where the file leaves that to the font."""
    if letter in _NARROW:
        return 0.28
    return 0.8 if letter in _BROAD else 0.65 if letter.isupper() else 1.0 if ord(letter) >= _WIDE else 0.5


def _geometry(e: ET.Element) -> str:
    """The path, as the attribute writes it, where it stands in elements too."""
    said = [attribute(e, "Data")]
    for part in (p for child in e if local(child) == "Path.Data" for p in child.iter()):
        said.append(attribute(part, "Figures"))
        if local(part) == "PathFigure":
            said.append(f"M {attribute(part, 'StartPoint')}")
            for segment in part:
                curve = "C" if local(segment) == "PolyBezierSegment" else "L"
                said.append(f"{curve} {attribute(segment, 'Points') or attribute(segment, 'Point')}")
            said.append("Z" if attribute(part, "IsClosed") == "true" else "")
    return " ".join(said)


def _colour(said: str) -> str:
    """Red, green and blue as PDF has them; "" for what is not seen, or of a kind that is not read."""
    digits = said.strip().removeprefix("#")
    if not re.fullmatch(r"[0-9A-Fa-f]{6}(?:[0-9A-Fa-f]{2})?", digits) or (
        len(digits) == 8 and digits[:2] == "00"
    ):
        return ""
    return " ".join(f"{value / 255:.3f}" for value in bytes.fromhex(digits[-6:]))


def _transform(e: ET.Element) -> Matrix:
    """Where an element puts what is in it: said as an attribute or by an element of its own."""
    said = attribute(e, "RenderTransform") or attribute(e, "Transform")
    for child in e:
        if local(child).endswith(("RenderTransform", ".Transform")):
            said = next((attribute(t, "Matrix") for t in child.iter() if local(t) == "MatrixTransform"), said)
    words = said.replace(",", " ").split()
    if len(words) != len(PLAIN):
        return PLAIN
    a, b, c, d, dx, dy = map(number, words)
    return a, b, c, d, dx, dy
