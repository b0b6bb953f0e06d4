"""Office Open XML packages: parts found by their relationships, however they are named. Content types decide nothing.

Elements are known by a short prefix and their name (`w:p`, `a:t`), the same for the transitional and the strict form of
the standard, whose namespaces differ.
"""

from __future__ import annotations

import functools
import posixpath
import re
import urllib.parse
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from xml.etree import ElementTree as ET

from glm_mcp.errors import UnsupportedMedia
from glm_mcp.media.documents.common.few_times import IN_TABLES, FewTimes, SaidAgain
from glm_mcp.media.documents.pages import LeftOut
from glm_mcp.media.documents.zip_xml import attribute, local, member, outermost, refuse_entities, xml

# The end of a namespace's name, which the strict form keeps, to the prefix that the standard's own examples use.
_PREFIXES = {
    "wordprocessingml/main": "w",
    "drawingml/main": "a",
    "presentationml/main": "p",
    "spreadsheetml/main": "x",
    "drawingml/chart": "c",
    "drawingml/diagram": "dgm",
    "drawingml/picture": "pic",
    "drawingml/spreadsheetDrawing": "xdr",
    "drawingml/wordprocessingDrawing": "wp",
    "officeDocument/math": "m",
    "markup-compatibility": "mc",
    "urn:schemas-microsoft-com:vml": "v",
    "urn:schemas-microsoft-com:office:office": "o",
    "word/wordprocessingShape": "wps",
    "word/wordprocessingGroup": "wpg",
    "word/wordprocessingCanvas": "wpc",
    "drawing/chart": "c15",
    "drawing/chartex": "cx",
    "drawing/main": "a14",
    "word/wordml": "w14",
    "powerpoint/main": "p14",
}
_YEAR = re.compile(r"/20\d\d(?:/\d\d?)?(?=/|$)")


@functools.cache
def _short(name: str) -> str:
    space, _, bare = name.rpartition("}")
    space = _YEAR.sub("", space)
    prefix = next((short for end, short in _PREFIXES.items() if space.endswith(end)), "")
    return f"{prefix or '?'}:{bare}"


def tag(element: ET.Element) -> str:
    """The short name of an element: `w:p`; `?:name` in a namespace that nothing here reads."""
    return _short(element.tag) if isinstance(element.tag, str) else "?:"


def descendants(element: ET.Element, *names: str) -> Iterator[ET.Element]:
    """The outermost of these short names, in order."""
    return outermost(element, *names, named=tag)


def child(element: ET.Element | None, *path: str) -> ET.Element | None:
    """The first child of that short name, its first child of the next, and so on."""
    for name in path:
        if element is None:
            return None
        element = next((e for e in element if tag(e) == name), None)
    return element


def value(element: ET.Element | None, *path: str, name: str = "val") -> str | None:
    """The attribute `val` of the element at that path; None when there is no such element, "" without the attribute."""
    at = child(element, *path)
    return None if at is None else attribute(at, name)


def is_on(element: ET.Element | None, *path: str) -> bool:
    """Whether a property is there and not switched off."""
    return (value(element, *path) or "1") not in ("0", "false", "off", "none") and child(
        element, *path
    ) is not None


def whole(text: str | None, default: int = 0) -> int:
    """A whole number as an attribute holds it; `default` for anything else."""
    try:
        return int(float(text or ""))
    except (ValueError, OverflowError):
        return default


def relation(element: ET.Element) -> str:
    """The number of its relationship, which has the same name as its own number in another namespace."""
    return next((v for k, v in element.attrib.items() if k.endswith("}id")), "")


def texts(element: ET.Element, *names: str) -> str:
    """The texts of all elements of that name below, joined."""
    return "".join(e.text or "" for e in descendants(element, *names))


@dataclass(frozen=True, slots=True)
class Link:
    """A relationship of a part: its kind (the last word of its type), and the part or the address it leads to."""

    kind: str
    target: str
    external: bool


class Package:
    """The parts of one file. What cannot be read is left out, and `left_out` says so."""

    def __init__(self, archive: zipfile.ZipFile, name: str, left_out: LeftOut, depth: int = 0) -> None:
        self.name = name
        self.left_out = left_out
        self.depth = depth  # of this file within others
        self.within: set[str] = set()  # the files in it that were met
        self.formulas: dict[str, str] = {}  # of embedded objects, by their parts
        self.said: dict[str, list[str]] = {}  # by other parts that a document may show again
        self.named = FewTimes(left_out)  # parts that are read, or stand, where they are named
        self.again = SaidAgain(left_out)
        self.in_tables = SaidAgain(left_out, IN_TABLES)
        self._archive = archive
        # Some programs write "\" for "/", others another case than their relationships.
        self._parts = {_path(info.filename).lower(): info for info in archive.infolist()}
        # What is no letter of an address stands as its number (%20) in the names of parts too.
        self._numbered = {urllib.parse.unquote(path): path for path in self._parts if "%" in path}
        self._links: dict[str, dict[str, Link]] = {}
        self._linked: dict[str, dict[str, list[str]]] = {}

    def parts(self) -> list[str]:
        return [_path(info.filename) for info in self._parts.values()]

    def has(self, path: str) -> bool:
        return self._info(path) is not None

    def _info(self, path: str) -> zipfile.ZipInfo | None:
        path = path.lower()
        return self._parts.get(path) or self._parts.get(self._numbered.get(path, ""))

    def held(self, path: str) -> str:
        """The one name of a part, however it was written; the path itself where there is none."""
        info = self._info(path)
        return path if info is None else _path(info.filename)

    def identity(self, path: str) -> tuple[int, int]:
        """Checksum and bytes of a part as the directory has them, the same for the same contents; (0, 0) for none."""
        info = self._info(path)
        return (0, 0) if info is None else (info.CRC, info.file_size)

    def read(self, path: str, most: int | None = None) -> bytes:
        """The bytes of a part, or the first of them, b"" when there is none or it cannot be unpacked. Raises MediaTooLarge."""
        info = self._info(path)
        if info is None:
            return b""
        try:
            return member(self._archive, info, self.name, most=most)
        except UnsupportedMedia:
            self.left_out.add("parts that cannot be unpacked", path)
            return b""

    def tree(self, path: str) -> ET.Element | None:
        """The tree of a part, None when there is none or it is no XML. Raises UnsupportedMedia (entities), MediaTooLarge."""
        data = self.read(path)
        if not data:
            return None
        refuse_entities(data, self.name)
        try:
            return xml(data, self.name)
        except UnsupportedMedia:
            self.left_out.add("parts whose XML is damaged", path)
            return None

    def links(self, path: str) -> dict[str, Link]:
        """The relationships of a part by their number; of the package itself for ""."""
        if path not in self._links:
            folder, base = posixpath.split(path)
            tree = self.tree(posixpath.join(folder, "_rels", f"{base}.rels"))
            self._links[path] = (
                {}
                if tree is None
                else {
                    attribute(e, "Id"): self._as_held(_link(e, folder))
                    for e in tree
                    if local(e) == "Relationship"
                }
            )
        return self._links[path]

    def _as_held(self, link: Link) -> Link:
        """Its part under one name: capitals make no other part, and one could be named in a thousand ways."""
        return link if link.external else replace(link, target=self.held(link.target))

    def link(self, path: str, number: str) -> Link:
        """The relationship of that number; one that leads nowhere when there is none."""
        return self.links(path).get(number, Link("", "", external=False))

    def trees(self, path: str, kind: str) -> Iterator[tuple[str, ET.Element]]:
        """The parts that a part leads to by relationships of this kind, as far as they can be read, and their trees."""
        for linked in self.linked(path, kind):
            if self.named.has_not_met(linked) and (tree := self.tree(linked)) is not None:
                yield linked, tree

    def linked(self, path: str, kind: str) -> list[str]:
        """The parts that a part leads to by relationships of this kind."""
        if path not in self._linked:
            self._linked[path] = {}
            for link in self.links(path).values():
                if not link.external:
                    self._linked[path].setdefault(link.kind.lower(), []).append(link.target)
        return self._linked[path].get(kind.lower(), [])

    def main(self, *usual: str) -> str:
        """The part that holds the document: by its relationship, else by one of the usual names; "" when there is none."""
        named = [*self.linked("", "officeDocument"), *usual]
        return next((path for path in named if self.has(path)), "")


def _path(name: str) -> str:
    return name.replace("\\", "/").lstrip("/")


def _link(element: ET.Element, folder: str) -> Link:
    kind = attribute(element, "Type").rpartition("/")[2]
    target = attribute(element, "Target")
    if attribute(element, "TargetMode") == "External":
        return Link(kind, target, external=True)
    target = urllib.parse.unquote(target.replace("\\", "/").partition("#")[0])
    path = target if target.startswith("/") else posixpath.join("/", folder, target)
    return Link(kind, posixpath.normpath(path).lstrip("/"), external=False)
