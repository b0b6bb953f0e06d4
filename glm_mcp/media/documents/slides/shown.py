"""Which pictures the slides of a presentation before PPTX show, and how large ([MS-PPT], [MS-ODRAW])."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator, Sequence

from glm_mcp.media.documents.common.shown import Shown, belong_to_design, kept
from glm_mcp.media.documents.containers.blips import STORE, Blip, Blips, stored
from glm_mcp.media.documents.containers.records import Record, Records
from glm_mcp.media.documents.pages import LeftOut

_ABOUT, _DRAWINGS, _DRAWING = 0x03E9, 0x040B, 0x040C  # parts of the document, and of a slide
_OF_ALL, _GROUP, _SHAPE, _LOOKS = 0xF000, 0xF003, 0xF004, 0xF00B
_OF_GROUP, _OF_CHILD, _OF_SLIDE = 0xF009, 0xF00F, 0xF010  # places
_PICTURE, _FILL, _FILL_KIND = 0x0104, 0x0186, 0x0180  # among the looks
_FILLED = 3  # by a picture, stretched
_SIZE = 5760, 4320  # of a slide that does not say
_DEPTH, _SHAPES = 20, 5_000
_DAMAGED = "pictures whose records are damaged"

Place = tuple[float, float, float, float]  # left, top, right, bottom


class OldSlidePictures(Records):
    """Those of one presentation. `document`: its part; `slides`: where each lies; `delayed`: the stream of pictures."""

    def __init__(
        self,
        data: bytes,
        document: Record,
        slides: Sequence[int],
        delayed: bytes,
        name: str,
        left_out: LeftOut,
    ) -> None:
        super().__init__(data)
        self._size = _SIZE
        self._blips: list[Blip | None] = []
        try:
            self._read_about(document, delayed)
        except struct.error:
            left_out.add(_DAMAGED, "all slides")
        named = {_name(n, b): b for n, b in enumerate(self._blips, 1) if b}
        self.parts = Blips(name, left_out, named)
        self._shown = [self._of_slide(place, f"slide {n}") for n, place in enumerate(slides, 1)]
        seen = Counter(part for shown in self._shown for part in {one.part for one in shown})
        self._design = belong_to_design(seen, len(slides))

    def _read_about(self, document: Record, delayed: bytes) -> None:
        about = self._find(document, _ABOUT)
        if about and about.end - about.start >= 8:
            across, down = struct.unpack_from("<ii", self._data, about.start)
            self._size = (across, down) if across > 0 and down > 0 else _SIZE
        drawings = self._find(document, _DRAWINGS)
        every = self._find(drawings, _OF_ALL) if drawings else None
        store = self._find(every, STORE) if every else None
        self._blips = list(stored(self._data, store.start, store.end, delayed)) if store else []

    def _of_slide(self, place: int, label: str) -> list[Shown]:
        try:
            return list(self._on(self._at(place))) if place >= 0 else []
        except struct.error:
            self.parts.left_out.add(_DAMAGED, label)
            return []

    def on(self, number: int, place: str = "") -> list[Shown]:
        """Those of a slide, as of `kept`, without what most slides show."""
        shown = [one for one in self._shown[number - 1] if one.part not in self._design]
        return kept(self.parts.left_out, shown, place)

    def _on(self, slide: Record) -> Iterator[Shown]:
        drawing = self._find(slide, _DRAWING)
        for page in self._inside(drawing) if drawing else ():
            # What fills the slide behind all lies beside the group of its shapes.
            for shape in self._inside(page):
                if shape.kind == _SHAPE:
                    yield from self._picture(shape, 1.0, _FILL)
                elif shape.kind == _GROUP:
                    yield from self._within(shape, None, 0)

    def _within(self, group: Record, frame: tuple[Place, Place] | None, depth: int) -> Iterator[Shown]:
        """`frame`: the places that its shapes' own stand for, and where these lie on the slide."""
        for number, shape in enumerate(self._inside(group)):
            if number > _SHAPES or depth > _DEPTH:
                return
            if shape.kind == _GROUP:
                first = self._find(shape, _SHAPE)
                inner = self._find(first, _OF_GROUP) if first else None
                place = self._place(first, frame) if first else None
                own = struct.unpack_from("<iiii", self._data, inner.start) if inner else None
                yield from self._within(shape, (own, place) if own and place else frame, depth + 1)
            elif shape.kind == _SHAPE and (place := self._place(shape, frame)):
                left, top, right, bottom = place
                across = min(right, self._size[0]) - max(left, 0)
                down = min(bottom, self._size[1]) - max(top, 0)
                share = max(across, 0) * max(down, 0) / (self._size[0] * self._size[1])
                yield from self._picture(shape, share, _PICTURE, _FILL)

    def _place(self, shape: Record, frame: tuple[Place, Place] | None) -> Place | None:
        for inner in self._inside(shape):
            size = inner.end - inner.start
            if inner.kind == _OF_SLIDE and size >= 8:
                form = "<iiii" if size >= 16 else "<hhhh"
                top, left, right, bottom = struct.unpack_from(form, self._data, inner.start)
                return left, top, right, bottom
            if inner.kind == _OF_CHILD and size >= 16:
                place = struct.unpack_from("<iiii", self._data, inner.start)
                return _outer(place, *frame) if frame else place
        return None

    def _picture(self, shape: Record, share: float, *codes: int) -> Iterator[Shown]:
        looks = self._properties(self._find(shape, _LOOKS))
        for code in codes:
            number = looks.get(code, 0)
            if code == _FILL and looks.get(_FILL_KIND) != _FILLED:
                continue
            found = self._blips[number - 1] if 0 < number <= len(self._blips) else None
            if found:
                yield Shown(_name(number, found), share)
                return


def _outer(place: Sequence[float], inner: Place, outer: Place) -> Place:
    across = (outer[2] - outer[0]) / (inner[2] - inner[0] or 1)
    down = (outer[3] - outer[1]) / (inner[3] - inner[1] or 1)
    left, top, right, bottom = place
    return (
        outer[0] + (left - inner[0]) * across,
        outer[1] + (top - inner[1]) * down,
        outer[0] + (right - inner[0]) * across,
        outer[1] + (bottom - inner[1]) * down,
    )


def _name(number: int, picture: Blip) -> str:
    return f"picture{number}{picture.suffix}"
