"""Which pictures a sheet of an office package shows, over its cells and in them, and where."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeVar
from xml.etree import ElementTree as ET

from glm_mcp.media.documents.common.picture_size import pixels
from glm_mcp.media.documents.common.shown import PagesShown, Parts, Shown, kept, mark, within
from glm_mcp.media.documents.ooxml.package import Package, child, descendants, relation, tag, texts, whole
from glm_mcp.media.documents.ooxml.shown import extent_share, page_share, picture_of, picture_words
from glm_mcp.media.documents.sheets.book import Sheet
from glm_mcp.media.documents.sheets.cells import COLUMNS, ROWS, cell_at
from glm_mcp.media.documents.sheets.grid import Grid, place
from glm_mcp.media.documents.zip_xml import attribute, local

_FULL = 0.15  # of a page: what is read of a screenshot stands under its own place
_RICH = "XLRICHVALUE"  # a kind of value that a cell has
_PICTURE = "_rvRel:LocalImageIdentifier"  # in such a value
_WIDE, _HIGH = 609_600, 190_500  # of a cell that nobody has made another size
_DOT = 9_525  # of a screen
_HEAD = 1 << 16  # bytes of a picture, which say how large it is
# A cell of WPS that shows a picture, and one of Excel whose value is one.
_BY_FORMULA = re.compile(
    rb'<c\s(?:[^<>]{0,200}\s)?r="([A-Z]{1,3}\d{1,7})"[^<>]{0,200}>\s*<f[^<>]{0,100}>[^<]{0,40}DISPIMG\((?:&quot;|")([^"&<]{1,100})'
)
_BY_VALUE = re.compile(rb"<c\s([^<>]{0,300}\bvm=\"(\d{1,7})\"[^<>]{0,300})>")
_AT = re.compile(rb'\br="([A-Z]{1,3}\d{1,7})"')

T = TypeVar("T")


class _Held(NamedTuple):
    part: str
    share: float
    words: str = ""


class SheetPictures:
    """Those of one workbook. `main`: the part that lists its sheets."""

    def __init__(self, package: Package, main: str) -> None:
        self._package = package
        self._main = main

    def on(self, sheet: Sheet[str], where: str = "", data: bytes | None = None) -> list[Shown]:
        """From the top to the bottom, as of `kept`. `data`: the sheet's own, where it was read."""
        data = self._package.read(sheet.at) if data is None else data
        found = [*self._over(sheet.at), *self._in(data)]
        found.sort(key=lambda one: one[:2])
        return kept(self._package.left_out, [shown for *_, shown in found], where)

    def name_in(self, grid: Grid, data: bytes) -> None:
        """Cells say that they show a picture, in the place of what only their program understands."""
        for row, column, held in self._cells(data):
            if column in grid.rows.get(row, {}):
                grid.rows[row][column] = mark(held.words)

    def _over(self, part: str) -> Iterator[tuple[int, int, Shown]]:
        for path, tree in self._package.trees(part, "drawing"):
            for anchor in tree:
                older = {id(e) for form in descendants(anchor, "mc:Fallback") for e in form.iter()}
                fills = [e for e in descendants(anchor, "xdr:blipFill", "a:blipFill") if id(e) not in older]
                if not fills or any(
                    attribute(e, "hidden") in ("1", "true") for e in descendants(anchor, "xdr:cNvPr")
                ):
                    continue
                row, column, share = _box(anchor)
                at = place(row, column) if child(anchor, "xdr:from") is not None else ""
                for fill in fills:
                    if shown := picture_of(self._package, path, fill, share / len(fills)):
                        yield row, column, shown._replace(place=at)

    def _in(self, data: bytes) -> Iterator[tuple[int, int, Shown]]:
        for row, column, held in self._cells(data):
            yield row, column, Shown(held.part, held.share, place=place(row, column))

    def _cells(self, data: bytes) -> Iterator[tuple[int, int, _Held]]:
        if b"DISPIMG(" in data:
            for reference, name in _BY_FORMULA.findall(data):
                if held := self._of_wps.get(name.decode("utf-8", "replace")):
                    column, row = cell_at(reference.decode())
                    yield row, column, held
        if b' vm="' in data:
            for said, number in _BY_VALUE.findall(data):
                held, at = self._of_excel.get(int(number)), _AT.search(said)
                if held and at:
                    column, row = cell_at(at[1].decode())
                    yield row, column, held

    @functools.cached_property
    def _of_wps(self) -> dict[str, _Held]:
        held = {}
        for path, tree in self._package.trees(self._main, "cellImage"):
            for picture in descendants(tree, "xdr:pic"):
                about = child(picture, "xdr:nvPicPr", "xdr:cNvPr")
                share = extent_share(child(picture, "xdr:spPr", "a:xfrm", "a:ext"))
                shown = picture_of(self._package, path, child(picture, "xdr:blipFill"), share)
                if shown and about is not None:
                    words = picture_words(attribute(about, "descr"))
                    held[attribute(about, "name")] = _Held(shown.part, shown.share, words)
        return held

    @functools.cached_property
    def _of_excel(self) -> dict[int, _Held]:
        """By the number that a cell names, which counts from 1."""
        kinds = [attribute(e, "name") for e in self._all("sheetMetadata", "metadataType")]
        rich = [e for e in self._all("sheetMetadata", "futureMetadata") if attribute(e, "name") == _RICH][:1]
        places = [whole(attribute(e, "i"), -1) for one in rich for e in one.iter() if local(e) == "rvb"]
        values = self._rich_values()
        path = next(iter(self._package.linked(self._main, "richValueRel")), "")
        links = [self._package.link(path, relation(e)) for e in self._all("richValueRel", "rel")]
        cells = (
            e for one in self._all("sheetMetadata", "valueMetadata") for e in one.iter() if local(e) == "rc"
        )
        held = {}
        for number, e in enumerate(cells, 1):
            is_rich = _nth(kinds, whole(attribute(e, "t")) - 1) == _RICH
            said = _nth(values, _nth(places, whole(attribute(e, "v"), -1))) if is_rich else None
            link = _nth(links, whole(said.get(_PICTURE), -1)) if said else None
            if said and link and not link.external and self._package.has(link.target):
                sides = pixels(self._package.read(link.target, _HEAD)) or (0.0, 0.0)
                share = page_share(*(side * _DOT for side in sides))
                held[number] = _Held(link.target, share, picture_words(said.get("Text", "")))
        return held

    def _rich_values(self) -> list[dict[str, str]]:
        """What each says, by the names that its structure has for that."""
        structures = [
            [attribute(k, "n") for k in e if local(k) == "k"] for e in self._all("rdRichValueStructure", "s")
        ]
        found = []
        for e in self._all("rdRichValue", "rv"):
            names = _nth(structures, whole(attribute(e, "s"), -1)) or []
            found.append(dict(zip(names, (v.text or "" for v in e if local(v) == "v"), strict=False)))
        return found

    def _all(self, kind: str, name: str) -> list[ET.Element]:
        """The elements of that name in the part of that kind."""
        return [
            e for _, tree in self._package.trees(self._main, kind) for e in tree.iter() if local(e) == name
        ]


def sheets_shown(
    parts: Parts,
    sheets: Sequence[Sheet[T]],
    numbers: Sequence[int],
    on: Callable[[Sheet[T]], list[Shown]],
) -> PagesShown:
    """As of `pages_shown`. Raises InvalidRequest."""
    chosen = within(numbers, len(sheets), parts.name, "sheet")
    pages = ((n, f"sheet '{sheets[n - 1].name}'", on(sheets[n - 1])) for n in chosen)
    return PagesShown(parts, pages, full=_FULL)


def _nth(items: Sequence[T], at: int | None) -> T | None:
    return items[at] if at is not None and 0 <= at < len(items) else None


def corner(end: ET.Element | None) -> tuple[int, int]:
    """Row and column from 0 of an end of an anchor, on a sheet whatever the file says; of none, those of A1."""
    row, column = (0 if end is None else whole(texts(end, f"xdr:{name}")) for name in ("row", "col"))
    return min(max(row, 0), ROWS - 1), min(max(column, 0), COLUMNS - 1)


def _box(anchor: ET.Element) -> tuple[int, int, float]:
    """Row and column from 0, and what of a page it takes."""
    row, column = corner(child(anchor, "xdr:from"))
    last, far = corner(child(anchor, "xdr:to"))
    shapes = (shape for shape in anchor if tag(shape) in ("xdr:pic", "xdr:grpSp", "xdr:sp"))
    looks = (e for shape in shapes for e in shape if tag(e) in ("xdr:spPr", "xdr:grpSpPr"))
    sizes = [child(anchor, "xdr:ext"), *(child(e, "a:xfrm", "a:ext") for e in looks)]
    for size in sizes:
        if share := extent_share(size):
            return row, column, share
    across, down = max(far - column, 0) + 1, max(last - row, 0) + 1
    return row, column, page_share(across * _WIDE, down * _HIGH)
