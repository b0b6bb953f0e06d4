"""What floats over the text of a `.doc`, by the marks that anchor it: text boxes, and pictures ([MS-DOC], [MS-ODRAW])."""

from __future__ import annotations

import bisect
import itertools
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from glm_mcp.media.documents.word.binary import Binary

_ANCHORS, _BOXES, DRAWINGS = 40, 56, 50  # structures of the table stream
_ANCHOR, _BOX = 26, 22  # bytes of one
_OF_DRAWING, _GROUP, _SHAPE = 0xF002, 0xF003, 0xF004  # records
_NUMBER, _LOOKS = 0xF00A, 0xF00B
_PICTURE = 0x0104  # among the looks
_DEPTH = 20


class Placed(NamedTuple):
    """A picture: its number in the store, from 1, and its sides in twentieths of a point."""

    picture: int
    width: float
    height: float


Float = range | Placed  # the places of a text box; a picture


@dataclass(slots=True)
class _Anchor:
    place: int
    shape: int
    left: int
    top: int
    right: int
    bottom: int


@dataclass(slots=True)
class Drawn:
    """`at`: by the place of a mark, what stands there. `others`: text boxes that no mark anchors."""

    at: dict[int, list[Float]] = field(default_factory=dict)
    others: list[range] = field(default_factory=list)


def drawn(binary: Binary) -> Drawn:
    """Those of one paragraph stand at its first mark, as they lie on the page."""
    ends = [mark.start() for mark in re.finditer("[\r\x07\x0c]", binary.text[: binary.counts[0]])]
    boxes = dict(_boxes(binary))
    shapes = dict(_shapes(binary.part(DRAWINGS)))
    found = Drawn()
    for _, group in itertools.groupby(_anchors(binary), key=lambda a: bisect.bisect_left(ends, a.place)):
        anchors = list(_as_they_lie(list(group)))
        floats: list[Float] = []
        for anchor in anchors:
            told = [(n, boxes.pop(n, None), picture) for n, picture in shapes.pop(anchor.shape, ())]
            texts = [places for _, places, _ in told if places is not None]
            texts.sort(key=lambda places: places.start)
            floats += texts
            pictures = [picture for _, places, picture in told if places is None and picture is not None]
            across, down = anchor.right - anchor.left, (anchor.bottom - anchor.top) / max(len(pictures), 1)
            floats += [Placed(picture, max(across, 0), max(down, 0)) for picture in pictures]
        found.at[min(a.place for a in anchors)] = floats
    found.others = sorted(boxes.values(), key=lambda places: places.start)
    return found


def _anchors(binary: Binary) -> Iterator[_Anchor]:
    places, said = binary.places(_ANCHORS, _ANCHOR)
    for place, about in sorted(zip(places, said, strict=False)):
        shape, left, top, right, bottom = struct.unpack_from("<Iiiii", about)
        yield _Anchor(place, shape, left, top, right, bottom)


def _as_they_lie(anchors: list[_Anchor]) -> Iterator[_Anchor]:
    """From above, and those beside each other from the left."""
    row: list[_Anchor] = []
    for anchor in sorted(anchors, key=lambda a: a.top):
        if row and anchor.top > (row[0].top + row[0].bottom) / 2:
            yield from sorted(row, key=lambda a: a.left)
            row = []
        row.append(anchor)
    yield from sorted(row, key=lambda a: a.left)


def _boxes(binary: Binary) -> Iterator[tuple[int, range]]:
    """The places of each, counted from the first of all of them, by the number of its shape."""
    places, said = binary.places(_BOXES, _BOX)
    last = 0
    for i, about in enumerate(said):
        first, last = max(last, places[i]), max(last, min(places[i + 1], binary.counts[6]))
        if first < last:
            yield struct.unpack_from("<I", about, 14)[0], range(first, last)


def _shapes(data: bytes) -> Iterator[tuple[int, list[tuple[int, int | None]]]]:
    """By the number of each shape or group of shapes: the numbers of its shapes, and of the pictures in them."""
    at = 0
    while at + 8 <= len(data):
        kind, end = _record(data, at)
        if kind == _OF_DRAWING:
            for inner, start, stop in _inside(data, at + 8, end):
                if inner == _GROUP:
                    yield from _of_page(data, start, stop)
        at = end + 1  # past a byte that says of which text the next one is


def _of_page(data: bytes, start: int, stop: int) -> Iterator[tuple[int, list[tuple[int, int | None]]]]:
    for kind, first, last in _inside(data, start, stop):
        shapes = list(_of_group(data, first, last, 0)) if kind == _GROUP else []
        if kind == _SHAPE:
            shapes = [_shape(data, first, last)]
        if shapes:
            yield shapes[0][0], shapes


def _of_group(data: bytes, start: int, stop: int, depth: int) -> Iterator[tuple[int, int | None]]:
    if depth > _DEPTH:
        return
    for kind, first, last in _inside(data, start, stop):
        if kind == _SHAPE:
            yield _shape(data, first, last)
        elif kind == _GROUP:
            yield from _of_group(data, first, last, depth + 1)


def _shape(data: bytes, start: int, stop: int) -> tuple[int, int | None]:
    number: int = 0
    picture: int | None = None
    for kind, first, last in _inside(data, start, stop):
        if kind == _NUMBER and last - first >= 4:
            number = struct.unpack_from("<I", data, first)[0]
        elif kind == _LOOKS:
            count = struct.unpack_from("<H", data, first - 8)[0] >> 4
            for at in itertools.islice(range(first, last - 5, 6), count):
                code, value = struct.unpack_from("<HI", data, at)
                if code & 0x3FFF == _PICTURE:
                    picture = value
    return number, picture


def _record(data: bytes, at: int) -> tuple[int, int]:
    kind, size = struct.unpack_from("<2xHI", data, at)
    return kind, min(at + 8 + size, len(data))


def _inside(data: bytes, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
    """Records: the kind of each, where its content begins and ends."""
    at = start
    while at + 8 <= stop:
        kind, end = _record(data, at)
        yield kind, at + 8, min(end, stop)
        at = end
