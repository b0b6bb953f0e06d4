"""Which pictures the sheets of an XLS show, how large, and where ([MS-XLS] 2.4.170, 2.5.193, [MS-ODRAW])."""

from __future__ import annotations

import contextlib
import struct
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple

from glm_mcp.media.documents.common.shown import Shown, kept
from glm_mcp.media.documents.containers.blips import STORE, Blips, stored
from glm_mcp.media.documents.containers.records import Record, Records
from glm_mcp.media.documents.ooxml.shown import page_share, picture_words
from glm_mcp.media.documents.pages import LeftOut
from glm_mcp.media.documents.sheets.biff import Number, records
from glm_mcp.media.documents.sheets.biff import Record as Entry
from glm_mcp.media.documents.sheets.grid import place

_GROUP, _SHAPE, _LOOKS, _MORE_LOOKS = 0xF003, 0xF004, 0xF00B, 0xF122
_OF_GROUP, _OF_CHILD, _OF_SHEET = 0xF009, 0xF00F, 0xF010  # places
_PICTURE, _FILL, _FILL_KIND, _WORDS, _FLAGS = 0x0104, 0x0186, 0x0180, 0x0381, 0x03BF  # among the looks
_FILLED = 3  # by a picture, stretched
_HIDDEN = 0x20002
_DEPTH, _SHAPES = 20, 5_000
_ROWS, _COLUMNS = 65_536, 256
_DOT, _TWENTIETH = 9_525, 635  # of a screen, and of a point
_LETTER, _EDGE = 7, 5  # dots of a digit, and of the edges of a cell
_ACROSS, _DOWN = 1_024, 256  # parts of a cell in which places are counted


class Placed(NamedTuple):
    """A picture over the cell where it begins, counted from 0; `part`: "" for one that the file does not hold."""

    row: int
    column: int
    shown: Shown
    words: str


@dataclass(slots=True)
class _Sheet:
    """`drawn`: the records of its shapes. `wide`, `high`: of a cell that has no size of its own."""

    drawn: bytearray = field(default_factory=bytearray)
    columns: dict[int, int] = field(default_factory=dict)
    rows: dict[int, int] = field(default_factory=dict)
    wide: int = 64 * _DOT
    high: int = 300 * _TWENTIETH


class OldSheetPictures:
    """Those of one workbook, out of its stream of records."""

    def __init__(self, stream: bytes, name: str, left_out: LeftOut) -> None:
        self._stream = stream
        blips = []
        store = _store(stream)
        with contextlib.suppress(struct.error):
            blips = list(stored(store, *_within(store), b"")) if store else []
        self._names = [f"picture{number}{one.suffix}" if one else "" for number, one in enumerate(blips, 1)]
        held = {name: one for name, one in zip(self._names, blips, strict=True) if one}
        self.parts = Blips(name, left_out, held)
        self._placed: dict[int, list[Placed]] = {}  # by where the sheets begin: many may lie in one place

    def on(self, at: int, where: str = "") -> list[Shown]:
        """Those of the sheet whose records begin there, from the top to the bottom, as of `kept`."""
        return kept(self.parts.left_out, [one.shown for one in self.placed(at) if one.shown.part], where)

    def placed(self, at: int) -> list[Placed]:
        """All of that sheet."""
        if self._names and at not in self._placed:
            found: list[Placed] = []
            with contextlib.suppress(struct.error):
                sheet = _sheet(self._stream, at)
                found += _Drawing(sheet, self._names).pictures()
            self._placed[at] = sorted(found, key=lambda one: one[:2])
        return self._placed.get(at, [])


class _Drawing(Records):
    """The shapes of one sheet. `names`: of the pictures of the store, in their order."""

    def __init__(self, sheet: _Sheet, names: list[str]) -> None:
        super().__init__(bytes(sheet.drawn))
        self._names = names
        self._across = _edges(sheet.columns, sheet.wide, _COLUMNS)
        self._down = _edges(sheet.rows, sheet.high, _ROWS)

    def pictures(self) -> Iterator[Placed]:
        """Raises struct.error."""
        page = self._at(0) if len(self._data) >= 8 else None
        for group in self._inside(page) if page else ():
            if group.kind == _GROUP:
                yield from self._in_group(group, None, 0)

    def _in_group(self, group: Record, around: tuple[int, int, float] | None, depth: int) -> Iterator[Placed]:
        """`around`: the cell and the share of the page for one area of its shapes' own, of a group in a sheet."""
        for number, shape in enumerate(self._inside(group)):
            if number > _SHAPES or depth > _DEPTH:
                return
            if shape.kind == _GROUP:
                first = self._find(shape, _SHAPE)
                inner = self._find(first, _OF_GROUP) if first else None
                place_of = self._box(first, around) if first else None
                if inner and place_of:
                    left, top, right, bottom = struct.unpack_from("<iiii", self._data, inner.start)
                    area = abs((right - left) * (bottom - top)) or 1
                    yield from self._in_group(shape, (*place_of[:2], place_of[2] / area), depth + 1)
            elif shape.kind == _SHAPE and (box := self._box(shape, around)):
                yield from self._picture(shape, box)

    def _box(self, shape: Record, around: tuple[int, int, float] | None) -> tuple[int, int, float] | None:
        """Row and column, and what of a page it takes; None for what has no place."""
        for inner in self._inside(shape):
            size = inner.end - inner.start
            if inner.kind == _OF_SHEET and size >= 18:
                left, dx, top, dy, right, to_x, bottom, to_y = struct.unpack_from(
                    "<8H", self._data, inner.start + 2
                )
                across = _at(self._across, right, to_x / _ACROSS) - _at(self._across, left, dx / _ACROSS)
                down = _at(self._down, bottom, to_y / _DOWN) - _at(self._down, top, dy / _DOWN)
                return top, min(left, _COLUMNS - 1), page_share(across, down)
            if inner.kind == _OF_CHILD and size >= 16 and around:
                left, top, right, bottom = struct.unpack_from("<iiii", self._data, inner.start)
                return around[0], around[1], min(1.0, abs((right - left) * (bottom - top)) * around[2])
        return None

    def _picture(self, shape: Record, box: tuple[int, int, float]) -> Iterator[Placed]:
        found = self._find(shape, _LOOKS)
        looks = self._properties(self._find(shape, _MORE_LOOKS)) | self._properties(found)
        number = looks.get(_PICTURE) or looks.get(_FILL, 0) * (looks.get(_FILL_KIND) == _FILLED)
        if not number or looks.get(_FLAGS, 0) & _HIDDEN == _HIDDEN:
            return
        row, column, share = box
        part = self._names[number - 1] if number <= len(self._names) else ""
        yield Placed(
            row,
            column,
            Shown(part, share, place=place(row, column)),
            picture_words(self._said(found, _WORDS)),
        )


def _store(stream: bytes) -> bytes:
    """The record that holds all drawings' pictures, which several records of the workbook are parts of."""
    parts: list[bytes] = []  # put together once: there may be hundreds of thousands
    for record in records(stream):
        if record.number == Number.EOF:
            break
        if record.number == Number.STORE:
            parts += record.parts
    return b"".join(parts)


def _within(store: bytes) -> tuple[int, int]:
    """Where the entries lie. Raises struct.error."""
    at, end = 8, len(store)
    while at + 8 <= end:
        kind, size = struct.unpack_from("<2xHI", store, at)
        if kind == STORE:
            return at + 8, min(at + 8 + size, end)
        at += 8 + size
    return 0, 0


def _sheet(stream: bytes, at: int) -> _Sheet:
    """Raises struct.error."""
    found, depth = _Sheet(), 0
    for record in records(stream, at):
        number, body = record.number, record.body
        depth += (number == Number.BOF) - (number == Number.EOF)
        if depth <= 0:
            break
        if depth > 1:  # a chart, which has a drawing of its own
            continue
        match number:
            case Number.DRAWING:
                found.drawn += b"".join(record.parts)
            case Number.OBJECT:  # what continues it belongs to the shapes
                found.drawn += b"".join(record.parts[1:])
            case Number.WORDS:
                found.drawn += b"".join(_behind_words(record))
            case Number.COLUMNS:
                first, last, width = struct.unpack_from("<HHH", body)
                dots = 0 if len(body) > 8 and body[8] & 1 else width * _LETTER * _DOT // 256
                found.columns |= dict.fromkeys(range(first, min(last + 1, _COLUMNS)), dots)
            case Number.ROW:
                row, height = struct.unpack_from("<H4xH", body)
                found.rows[row] = 0 if len(body) > 12 and body[12] & 0x20 else (height & 0x7FFF) * _TWENTIETH
            case Number.WIDE:
                found.wide = (struct.unpack_from("<H", body)[0] * _LETTER + _EDGE) * _DOT
            case Number.HIGH:
                found.high = struct.unpack_from("<H", body, 2)[0] * _TWENTIETH
    return found


def _behind_words(record: Entry) -> Iterator[bytes]:
    """What continues the shapes behind the words of one, and how these look. Raises struct.error."""
    letters, looks = struct.unpack_from("<HH", record.body, 10)
    for part in record.parts[1:]:
        if letters > 0:
            letters -= (len(part) - 1) >> (part[:1] == b"\1")
        elif looks > 0:
            looks -= len(part)
        else:
            yield part


class _Edges(NamedTuple):
    """Where cells of a size of their own begin and what stands before them; all others are `each`."""

    own: list[int]
    before: list[int]
    sizes: dict[int, int]
    each: int


def _edges(sizes: dict[int, int], each: int, most: int) -> _Edges:
    own = sorted(number for number in sizes if number < most)
    more = accumulate((sizes[number] - each for number in own), initial=0)
    return _Edges(own, list(more), sizes, each)


def _at(edges: _Edges, number: int, part: float) -> float:
    """How far from the first cell's edge."""
    start = number * edges.each + edges.before[bisect_right(edges.own, number - 1)]
    return start + part * edges.sizes.get(number, edges.each)
