"""Drawings that are written into a page (`<svg>`), as files of their own."""

from __future__ import annotations

import html as markup
import posixpath
import re
import zlib
from collections.abc import Callable, Iterable, Iterator

from glm_mcp.errors import UnsupportedMedia
from glm_mcp.media.documents.common.shown import Parts
from glm_mcp.media.documents.web.shown import between
from glm_mcp.media.documents.zip_xml import xml

_TAG = re.compile(r"<(/?)svg\b", re.IGNORECASE)
_REST = re.compile(r"((?:[^<>\"']|\"[^\"]*+\"|'[^']*+')*+)>")
_LONGEST = 6_000  # characters of a tag
_SHAPE = re.compile(r"<(?:path|rect|circle|ellipse|line|poly\w{4,5}|text|use)\b", re.IGNORECASE)
_LABEL = re.compile(r"<(?:text|foreignObject)\b", re.IGNORECASE)
_ASIDE = ("defs", "symbol", "clipPath", "marker", "pattern", "mask")  # what is meant by its name alone
_NOT_DRAWN = ("foreignObject", "script")
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_SIDES = re.compile(r"""(?<![\w-])(width|height|style)\s*=\s*(?:"([^"<>]*)"|'([^'"<>]*)')""", re.IGNORECASE)
_LETTER = re.compile(r"&(?!(?:amp|lt|gt|quot|apos);)([A-Za-z]\w{1,30});")
_NAMESPACES = {"xmlns": "http://www.w3.org/2000/svg", "xmlns:xlink": "http://www.w3.org/1999/xlink"}
_DRAWINGS, _LONG, _STYLES = 200, 3_000_000, 200_000  # of a page; characters of one, and of the page's styles
_LABELS, _MANY = 2, 50  # more than a logo has
_TIMES = 30  # the page, that its drawings may have together: each holds all its styles
_ALL = 100_000_000  # bytes of the drawings of a file
_FEW = 5  # shapes; one of fewer that does not say how large it is is an icon


def as_pictures(page: str, keep: Callable[[bytes], str], *, icons: bool = False) -> str:
    """The page with pictures in the place of its drawings. `keep` is given each as a file, and says its address. `icons`:
    most may be icons and logos, however large they say they are; then those count that have labels or very many shapes.
    """
    if "<svg" not in page:
        return page
    style = "\n".join(one.partition(">")[2] for one in between(page, "<style", "</style"))[:_STYLES]
    out, at, room = "", 0, _TIMES * len(page)
    for start, opened, end in _drawings(page):
        tag = page[start + len("<svg") : opened - 1]
        said = {name.lower(): double or single for name, double, single in _SIDES.findall(tag)}
        if data := _file(tag, page[opened:end], said, style, icons=icons):
            room -= len(data)
            if room < 0:
                break
            sides = " ".join(f'{name}="{value}"' for name, value in said.items())
            out += f'{page[at:start]}<img src="{keep(data)}" {sides}>'
            at = end
    return out + page[at:]


def _drawings(page: str) -> Iterator[tuple[int, int, int]]:
    """Where each begins that lies in no other, where its tag ends, and where it ends."""
    depth = start = opened = count = 0
    for tag in _TAG.finditer(page):
        rest = _REST.match(page, tag.end(), tag.end() + _LONGEST)
        if rest is None:
            continue
        if tag[1]:
            depth -= 1
            if depth == 0:
                yield start, opened, rest.end()
                count += 1
            depth = max(depth, 0)
        elif not rest[1].endswith("/"):
            start, opened = (start, opened) if depth else (tag.start(), rest.end())
            depth += 1
        if count == _DRAWINGS:
            return


def _file(tag: str, inner: str, said: dict[str, str], style: str, *, icons: bool) -> bytes:
    """b"" for what is no drawing by itself: an icon, a frame of pictures, shapes for others; and for a damaged one.
    `tag`: what its first says; `inner`: from there to its end.
    """
    if len(inner) > _LONG or "<image" in inner or _HIDDEN.search(said.get("style", "")):
        return b""
    seen = _bare(inner, _ASIDE)
    shapes = len(_SHAPE.findall(_bare(seen, _NOT_DRAWN)))
    if icons and len(_LABEL.findall(seen)) < _LABELS and shapes < _MANY:
        return b""
    if shapes < (1 if said.get("width") or "width" in said.get("style", "") else _FEW):
        return b""
    names = "".join(f' {name}="{value}"' for name, value in _NAMESPACES.items() if f"{name}=" not in tag)
    styles = f"<style>{markup.escape(style, quote=False)}</style>" if style.strip() else ""
    whole = f"<svg{names}{tag}>{styles}{_bare(inner, _NOT_DRAWN)}"
    data = _LETTER.sub(lambda found: markup.unescape(found[0]), whole).encode("utf-8", "replace")
    try:
        xml(data, "drawing")
    except UnsupportedMedia:
        return b""
    return data


def _bare(drawing: str, names: Iterable[str]) -> str:
    """Without the elements of these names."""
    for name in names:
        first, *others = drawing.split(f"<{name}")
        for other in others:
            tag, _, inner = other.partition(">")
            first += inner if tag.endswith("/") else inner.partition(f"</{name}>")[2]
        drawing = first
    return drawing


class WithDrawings:
    """The parts of a file, and beside them the drawings in its pages."""

    def __init__(self, parts: Parts) -> None:
        self.name, self.left_out = parts.name, parts.left_out
        self._parts = parts
        self._drawn: dict[str, bytes] = {}
        self._room = _ALL

    def put(self, page: str, data: bytes) -> str:
        """A drawing of a page, by the name of its part; its address there, where nothing lies beyond what is taken."""
        address = f"drawing-{zlib.crc32(data):08x}.svg"
        self._room -= len(data)
        if self._room >= 0:
            self._drawn[posixpath.normpath(posixpath.join(posixpath.dirname(page), address))] = data
        return address

    def identity(self, path: str) -> tuple[int, int]:
        data = self._drawn.get(path)
        return self._parts.identity(path) if data is None else (zlib.crc32(data), len(data))

    def has(self, path: str) -> bool:
        return path in self._drawn or self._parts.has(path)

    def read(self, path: str, most: int | None = None) -> bytes:
        data = self._drawn.get(path)
        return self._parts.read(path, most) if data is None else data[:most]
