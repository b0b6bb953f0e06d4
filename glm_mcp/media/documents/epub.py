"""EPUB: its chapters in the order of the spine."""

from __future__ import annotations

import functools
import posixpath
import re
import urllib.parse
from collections import Counter
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple
from xml.etree import ElementTree as ET

from glm_mcp.errors import InvalidRequest, UnsupportedMedia
from glm_mcp.media.documents.about import WORDS, dublin_core, with_about
from glm_mcp.media.documents.common.few_times import few_times
from glm_mcp.media.documents.common.picture_size import Sides
from glm_mcp.media.documents.common.shown import PagesShown, Shown, belong_to_design, kept, why_shown, within
from glm_mcp.media.documents.html import decode_html, html_markdown
from glm_mcp.media.documents.ooxml.package import Package
from glm_mcp.media.documents.pages import LeftOut, choose, result
from glm_mcp.media.documents.web.drawn import WithDrawings, as_pictures
from glm_mcp.media.documents.web.shown import BookPictures, Row, without_covers
from glm_mcp.media.documents.zip_xml import archive_of, attribute, local, open_zip, parse

# With which only the fonts of a book are written, so that they serve in it alone.
_OF_FONTS = frozenset(("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"))
_FALLBACKS = 10  # of one chapter, each named by the one before
_PROLOG = re.compile(r"\A\s*<\?xml[^>]{0,200}>")
_DRAWN = re.compile(r"<(?:\w{1,20}:)?(?:path|rect|circle|ellipse|line|poly\w{4,5}|use)\b")
_COVERS = ("cover", "cover-page", "coverpage", "cover_page", "titlepage", "title-page", "title_page", "title")
_WORDS = {**WORDS, "publisher": "publisher", "rights": "rights"}


def sample() -> bytes:
    return archive_of(
        {
            "META-INF/container.xml": '<container><rootfile full-path="a.opf"/></container>',
            "a.opf": """<package xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>A book</dc:title>
<item id="a" href="a.xhtml" media-type="application/xhtml+xml"/><itemref idref="a"/></package>""",
            "a.xhtml": """<!DOCTYPE html><html><body><h1>One</h1><p>Two</p><ul><li>Three</li></ul>
<table><tr><th>A</th></tr><tr><td>B</td></tr></table></body></html>""",
        }
    ).getvalue()


def epub_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Each document of the spine is a chapter. Raises UnsupportedMedia, InvalidRequest (pages, copy protection),
    MissingExtra.
    """
    name, left_out = params["name"], LeftOut()
    book = _Book(file, name, left_out)
    rows = list[Row]()
    for number in choose(params.get("pages"), len(book.chapters), name, unit="chapter"):
        label, chapter = f"chapter {number}", book.chapters[number - 1]
        page = book.page(number, label)
        text = html_markdown(page, what="reading an EPUB") if page else ""
        shown = book.shown(number, page, label)
        why = "pictures" if chapter.shown and shown else why_shown(text, shown)
        rows.append((number, label, text or "[picture]" * bool(why), why))
    covers = {number for number, chapter in enumerate(book.chapters, 1) if chapter.is_cover}
    rows, notes = without_covers(rows, covers)
    facts = result("epub", rows, len(book.chapters), [*left_out.notes(), *notes])
    return with_about(facts, dublin_core(book.about, _WORDS)), []


def pictures_of_book(file: BinaryIO, params: dict[str, Any], left_out: LeftOut) -> PagesShown:
    """As of `pages_shown`. Raises UnsupportedMedia, InvalidRequest."""
    book = _Book(file, params["name"], left_out)

    def pages() -> Iterator[tuple[int, str, list[Shown]]]:
        for number in within(params["numbers"], len(book.chapters), params["name"], "chapter"):
            label = f"chapter {number}"
            yield number, label, book.shown(number, book.page(number, label), label)

    return PagesShown(book.parts, pages())


class _Chapter(NamedTuple):
    """`path`: of its text, "" where there is none. `shown`: of the picture that it is, instead of holding some."""

    path: str
    shown: str = ""
    is_fixed: bool = False
    is_cover: bool = False


class _Book:
    """Raises UnsupportedMedia, InvalidRequest (copy protection)."""

    def __init__(self, file: BinaryIO, name: str, left_out: LeftOut) -> None:
        archive = open_zip(file, name)
        container = parse(archive, "META-INF/container.xml", name)
        root = (
            next((attribute(e, "full-path") for e in container.iter() if local(e) == "rootfile"), "")
            if container is not None
            else ""
        )
        tree = parse(archive, root, name) if root else None
        if tree is None:
            raise UnsupportedMedia(f"{name} is damaged: it names no contents", "Convert it to PDF or HTML.")
        if "META-INF/rights.xml" in archive.namelist():
            raise _protected(name)
        self.package = Package(archive, name, left_out)
        self.parts = WithDrawings(self.package)
        self.about = list(tree.iter())
        self._root = root
        self._manifest = {attribute(e, "id"): e for e in self.about if local(e) == "item"}
        said = {attribute(e, "property"): (e.text or "").strip() for e in self.about if local(e) == "meta"}
        self._is_fixed = said.get("rendition:layout") == "pre-paginated"
        self._covers = set(self._named_covers())
        self.chapters = list(self._in_order())
        self._pictures = BookPictures(self.parts, _sides(said.get("rendition:viewport", "")))
        self._locked = set(_locked(self.package))
        self._beside()
        if self.chapters and all(chapter.path in self._locked for chapter in self.chapters):
            raise _protected(name)

    def _beside(self) -> None:
        """Says which texts the book has beside its order, such as notes to which its chapters lead."""
        named = {attribute(e, name) for e in self.about for name in ("idref", "fallback")}
        read = {chapter.path for chapter in self.chapters}
        for number, item in self._manifest.items():
            is_text = (
                "html" in attribute(item, "media-type") and "nav" not in attribute(item, "properties").split()
            )
            path = self._path(attribute(item, "href")) if is_text and number not in named else ""
            if path and path not in read and self.package.has(path):
                self.package.left_out.add("texts beside the order of the book", path)

    def page(self, number: int, label: str) -> str:
        """The HTML of a chapter; "" where there is none."""
        chapter = self.chapters[number - 1]
        if not chapter.path:
            if not chapter.shown:
                self.package.left_out.add("chapters of another kind without a text", label)
            return ""
        if chapter.path in self._locked:
            self.package.left_out.add("chapters under copy protection", label)
            return ""
        data = self.package.read(chapter.path)
        if not data:
            self.package.left_out.add("chapters that the file does not hold or that are damaged", label)
            return ""
        page = _PROLOG.sub("", decode_html(data, self.package.name).text)
        # A list of places leads around a site; of a book it is the page of its contents.
        return re.sub(r"<(/?)nav\b", r"<\1div", page)

    def shown(self, number: int, page: str, label: str) -> list[Shown]:
        """The pictures of a chapter, as of `kept`, without those that many chapters show."""
        chapter = self.chapters[number - 1]
        if chapter.shown:
            return self._pictures.alone(chapter.shown)
        drawn = (
            page
            if chapter.path.lower().endswith(".svg")
            else as_pictures(page, functools.partial(self.parts.put, chapter.path))
        )
        found = self._pictures.on(chapter.path, drawn, fixed=chapter.is_fixed)
        if found:
            found = [one for one in found if self.parts.identity(one.part) not in self._design]
        if not found and chapter.path.lower().endswith(".svg") and _DRAWN.search(page):
            found = self._pictures.alone(chapter.path)
        return kept(self.package.left_out, found, label)

    @functools.cached_property
    def _design(self) -> set[tuple[int, int]]:
        seen = Counter[tuple[int, int]]()
        for chapter in self.chapters:
            if chapter.path and not chapter.shown:
                page = self.package.read(chapter.path).decode("utf-8", "replace")
                seen.update(
                    {self.package.identity(part) for part in self._pictures.parts(chapter.path, page)}
                )
        return belong_to_design(seen, len(self.chapters))

    def _in_order(self) -> Iterator[_Chapter]:
        """The chapters. One may stand in for several others."""
        places = (e for e in self.about if local(e) == "itemref" and attribute(e, "idref") in self._manifest)
        named = ((attribute(place, "idref"), self._chapter(place)) for place in places)
        chapters = few_times(named, lambda one: one[1].path or one[1].shown or one[0], self.package.left_out)
        return (chapter for _, chapter in chapters)

    def _chapter(self, place: ET.Element) -> _Chapter:
        """The item of that place, or the first of those to be shown in its stead, that has a text; and the picture that
        comes before that.
        """
        number, shown, layout = attribute(place, "idref"), "", attribute(place, "properties")
        is_fixed = "rendition:layout-pre-paginated" in layout or (
            self._is_fixed and "rendition:layout-reflowable" not in layout
        )
        is_cover = number in self._covers
        for _ in range(_FALLBACKS):
            item = self._manifest.get(number)
            if item is None:
                break
            kind, path = attribute(item, "media-type"), self._path(attribute(item, "href"))
            is_cover = is_cover or path in self._covers
            if any(one in kind for one in ("html", "svg")):
                path = "" if shown and "nav" in attribute(item, "properties").split() else path
                return _Chapter(path, shown, is_fixed, is_cover)
            if kind.startswith("image/") and not shown and self.package.has(path):
                shown = path
            number = attribute(item, "fallback")
        return _Chapter("", shown, is_fixed, is_cover)

    def _path(self, href: str) -> str:
        bare = urllib.parse.unquote(href.partition("#")[0])
        path = posixpath.normpath(posixpath.join(posixpath.dirname(self._root), bare)).lstrip("/")
        return self.package.held(path)

    def _named_covers(self) -> Iterator[str]:
        """Numbers and paths of what the book calls its cover."""
        for e in self.about:
            if local(e) == "reference" and attribute(e, "type") in ("cover", "title-page"):
                yield self._path(attribute(e, "href"))
            elif local(e) == "meta" and attribute(e, "name") == "cover":
                yield attribute(e, "content")
            elif local(e) == "item" and (
                "cover-image" in attribute(e, "properties").split()
                or attribute(e, "id").lower() in _COVERS
                or posixpath.basename(attribute(e, "href")).lower().partition(".")[0] in _COVERS
            ):
                yield attribute(e, "id")


def _protected(name: str) -> InvalidRequest:
    return InvalidRequest(f"{name} is copy-protected", "Only books without copy protection can be read.")


def _locked(package: Package) -> Iterator[str]:
    """The parts of a book that need a key."""
    tree = package.tree("META-INF/encryption.xml")
    for one in () if tree is None else tree.iter():
        if local(one) == "EncryptedData":
            ways = {attribute(e, "Algorithm") for e in one if local(e) == "EncryptionMethod"}
            parts = (attribute(e, "URI") for e in one.iter() if local(e) == "CipherReference")
            yield from (package.held(urllib.parse.unquote(part)) for part in parts if not ways & _OF_FONTS)


def _sides(viewport: str) -> Sides | None:
    found = dict(re.findall(r"(width|height)\s*=\s*(\d{1,6})", viewport))
    sides = float(found.get("width", 0)), float(found.get("height", 0))
    return sides if all(sides) else None
