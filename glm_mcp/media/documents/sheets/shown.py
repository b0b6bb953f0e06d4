"""Which pictures a sheet of an office package shows, over its cells and in them, and where."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeVar
from xml.etree import ElementTree as ET

from glm_mcp.media.documents.common.picture_size import pixels
from glm_mcp.media.documents.common.shown import PagesShown, Shown, kept, why_shown, within
from glm_mcp.media.documents.ooxml.package import (
    Package,
    child,
    descendants,
    relation,
    tag,
    texts,
    value,
    whole,
)
from glm_mcp.media.documents.ooxml.pictures import picture_words
from glm_mcp.media.documents.ooxml.shown import page_share, picture_of
from glm_mcp.media.documents.sheets.book import Sheet
from glm_mcp.media.documents.sheets.cells import COLUMNS, ROWS
from glm_mcp.media.documents.sheets.grid import Grid, place
from glm_mcp.media.documents.zip_xml import attribute, local

_PICTURES = 100  # of one sheet
_FULL = 0.15  # of a page: what is read of a screenshot stands under its own place
_RICH = "XLRICHVALUE"  # a kind of value that a cell has
_WIDE, _HIGH, _DOT = (
    609_600,
    190_500,
    9_525,
)  # of a cell that nobody has made another size, and of a dot of a screen
_HEAD = 1 << 16  # bytes of a picture, which say how large it is
# A cell of WPS that shows a picture, and one of Excel whose value is one.
_BY_FORMULA = re.compile(
    rb'<c\s(?:[^<>]{0,200}\s)?r="([A-Z]{1,3}\d{1,7})"[^<>]{0,200}>\s*<f[^<>]{0,100}>[^<]{0,40}DISPIMG\((?:&quot;|")([^"&<]{1,100})'
)
_BY_VALUE = re.compile(rb"<c\s([^<>]{0,300}\bvm=\"(\d{1,7})\"[^<>]{0,300})>")
_AT = re.compile(rb'\br="([A-Z]{1,3})(\d{1,7})"')


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

    def on(self, sheet: Sheet[str], data: bytes | None = None, where: str = "") -> list[Shown]:
        """From the top to the bottom, as of `kept`. `data`: the sheet's own, where it was read."""
        data = self._package.read(sheet.at) if data is None else data
        found = [*self._over(sheet.at), *self._in(data)]
        found.sort(key=lambda one: one[:2])
        return kept(self._package.left_out, [shown for *_, shown in found], where)

    def name_in(self, grid: Grid, data: bytes) -> None:
        """Cells say that they show a picture, in the place of what only their program understands."""
        for row, column, held in self._cells(data):
            if column in grid.rows.get(row, {}):
                grid.rows[row][column] = f"[picture: {held.words}]" if held.words else "[picture]"

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
                    letters = reference.rstrip(b"0123456789")
                    yield int(reference[len(letters) :]) - 1, _column(letters), held
        if b' vm="' in data:
            for said, number in _BY_VALUE.findall(data):
                held, at = self._of_excel.get(int(number)), _AT.search(said)
                if held and at:
                    yield int(at[2]) - 1, _column(at[1]), held

    @functools.cached_property
    def _of_wps(self) -> dict[str, _Held]:
        held = {}
        for path, tree in self._package.trees(self._main, "cellImage"):
            for picture in descendants(tree, "xdr:pic"):
                about, size = child(picture, "xdr:nvPicPr", "xdr:cNvPr"), child(picture, "xdr:spPr", "a:xfrm")
                shown = picture_of(
                    self._package,
                    path,
                    child(picture, "xdr:blipFill"),
                    page_share(value(size, "a:ext", name="cx"), value(size, "a:ext", name="cy")),
                )
                if shown and about is not None:
                    words = picture_words(attribute(about, "descr"))
                    held[attribute(about, "name")] = _Held(shown.part, shown.share, words)
        return held

    @functools.cached_property
    def _of_excel(self) -> dict[int, _Held]:
        """By the number that a cell names, which counts from 1."""
        kinds = [attribute(e, "name") for e in self._all("sheetMetadata", "metadataType")]
        values = [_rows(e) for e in self._all("rdRichValue", "rv")]
        structures = [
            [attribute(k, "n") for k in e if local(k) == "k"] for e in self._all("rdRichValueStructure", "s")
        ]
        rich = next(
            (e for e in self._all("sheetMetadata", "futureMetadata") if attribute(e, "name") == _RICH), None
        )
        places = (
            [] if rich is None else [whole(attribute(e, "i"), -1) for e in rich.iter() if local(e) == "rvb"]
        )
        path = next(iter(self._package.linked(self._main, "richValueRel")), "")
        parts = [self._package.link(path, relation(e)) for e in self._all("richValueRel", "rel")]
        held = {}
        for number, e in enumerate(self._all("sheetMetadata", "valueMetadata", within="rc"), 1):
            kind, at = whole(attribute(e, "t"), 0), whole(attribute(e, "v"), -1)
            if not (0 < kind <= len(kinds) and kinds[kind - 1] == _RICH and 0 <= at < len(places)):
                continue
            if not 0 <= places[at] < len(values):
                continue
            which, said = values[places[at]]
            names = structures[which] if 0 <= which < len(structures) else []
            known = dict(zip(names, said, strict=False))
            one = whole(known.get("_rvRel:LocalImageIdentifier"), -1)
            if 0 <= one < len(parts) and not parts[one].external and self._package.has(parts[one].target):
                part = parts[one].target
                sides = pixels(self._package.read(part, _HEAD)) or (0.0, 0.0)
                share = page_share(*(str(int(side * _DOT)) for side in sides))
                held[number] = _Held(part, share, picture_words(known.get("Text", "")))
        return held

    def _all(self, kind: str, name: str, within: str = "") -> list[ET.Element]:
        """The elements of that name in the part of that kind, or of another in them."""
        found = [
            e for _, tree in self._package.trees(self._main, kind) for e in tree.iter() if local(e) == name
        ]
        return [e for outer in found for e in outer.iter() if local(e) == within] if within else found


def why_sheet(text: str, shown: Sequence[Shown]) -> str:
    """As of `why_shown`."""
    return why_shown(text, shown, math.inf)


def sheets_shown(
    package: Package,
    sheets: Sequence[Sheet[T]],
    numbers: Sequence[int],
    on: Callable[[Sheet[T]], list[Shown]],
) -> PagesShown:
    """As of `pages_shown`. Raises InvalidRequest."""
    chosen = within(numbers, len(sheets), package.name, "sheet")
    pages = ((n, f"sheet '{sheets[n - 1].name}'", on(sheets[n - 1])) for n in chosen)
    return PagesShown(package, pages, _PICTURES, _FULL)


def _rows(value: ET.Element) -> tuple[int, list[str]]:
    return whole(attribute(value, "s"), -1), [e.text or "" for e in value if local(e) == "v"]


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number - 1


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
        if size is not None and (share := page_share(attribute(size, "cx"), attribute(size, "cy"))):
            return row, column, share
    across, down = max(far - column, 0) + 1, max(last - row, 0) + 1
    return row, column, page_share(str(across * _WIDE), str(down * _HIGH))
