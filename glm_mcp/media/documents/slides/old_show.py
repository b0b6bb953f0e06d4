"""The slides of a presentation before PPTX: the texts of each, its tables, its notes, and what other programs put there."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from glm_mcp.media.documents.common.few_times import FewTimes, SaidAgain, few_times
from glm_mcp.media.documents.containers.records import Record, Records
from glm_mcp.media.documents.markdown import placed, table
from glm_mcp.media.documents.ooxml.embedded import FILES, formula_within, text_within
from glm_mcp.media.documents.pages import LeftOut
from glm_mcp.media.documents.slides.lines import shape_lines
from glm_mcp.media.documents.slides.looks import Line, shown
from glm_mcp.media.documents.slides.numbers import Scheme, schemes

# Types of records.
_EDIT = 0x0FF5
_LISTED, _SLIDE_OF_LIST, _SHOW = 0x0FF0, 0x03F3, 0x03F9
_ATOM, _DRAWING = 0x03EF, 0x040C
_HEADER, _WIDE, _NARROW, _OUTLINE, _LOOKS = 0x0F9F, 0x0FA0, 0x0FA8, 0x0F9E, 0x0FA1
_LIST, _NUMBERS, _NUMBERS_OF_LIST, _WHOSE = 0x07D0, 0x0FAC, 0x0FAE, 0x0FAF
_ABOUT_SHAPE = 0xF011
_ENVIRONMENT, _FONTS, _FONT = 0x03F2, 0x07D5, 0x0FB7
_GROUP, _SHAPE, _BOX, _CHILD_PLACE, _MORE_LOOKS = 0xF003, 0xF004, 0xF00D, 0xF00F, 0xF122
_TABLE = 0x039F
_TITLES, _BODIES = (0, 6), (1, 7, 8)  # kinds of text
_PRINTED, _LINE = 0x0FD9, 0x0FBA
_OBJECTS, _EMBEDDED, _ABOUT_OBJECT, _OBJECT_OF_SHAPE = 0x0409, 0x0FCC, 0x0FC3, 0x0BC1
_PROGRAM = 2  # which line of an object
_OBJECT_BYTES = 64 << 20  # unpacked, of one
_DEPTH = 20
# Of one slide that are looked for in what its shapes say, and characters of that.
_TEXTS, _COMPARED = 500, 1_000_000


@dataclass(slots=True)
class _Listed:
    """A slide in the list of them: where it lies, its number, and the texts of its placeholders."""

    place: int
    number: int
    texts: list[tuple[int, str]] = field(default_factory=list)


def _lies_at(slide: _Listed) -> str:
    return f"at byte {slide.place}" if slide.place >= 0 else ""


class Show(Records):
    """`document`: its own part; `slides`: those that are shown, in their order. Raises struct.error, KeyError or ValueError
    for a damaged file.
    """

    def __init__(self, data: bytes, edit: int, depth: int) -> None:
        super().__init__(data)
        self._depth = depth
        self._slide = ""  # that is read
        self.left_out = LeftOut()
        self._places, number = self._directory(edit)
        self.document = self._at(self._places[number])
        self._told: set[str] = set()  # of what slides share
        lists: dict[int, list[_Listed]] = {}
        self._objects: dict[int, tuple[str, int]] = {}
        self._formulas: dict[int, str] = {}
        self._files = 0
        self._fonts = dict(self._named_fonts())
        self._numbers = dict(self._numbers_of_list())
        for record in self._inside(self.document):
            if record.kind == _LISTED:
                lists[record.instance] = list(self._listed(record))
            elif record.kind == _OBJECTS:
                self._objects.update(self._embedded(record))
        self._again = SaidAgain(self.left_out)
        self._named = FewTimes(self.left_out)
        self.slides = list(few_times(lists.get(0, []), _lies_at, self.left_out))
        self._notes = {notes.number: notes for notes in lists.get(2, [])}

    def _directory(self, edit: int) -> tuple[dict[int, int], int]:
        """Where each part lies after the last time that it was saved, and the number of the document itself."""
        places: dict[int, int] = {}
        document, seen = 0, set[int]()
        while edit not in seen:
            seen.add(edit)
            record = self._at(edit)
            if record.kind != _EDIT:
                raise ValueError("no edit")
            before, directory, number = struct.unpack_from("<III", self._data, record.start + 8)
            document = document or number
            table = self._at(directory)
            at = table.start
            while at + 4 <= table.end:
                head = struct.unpack_from("<I", self._data, at)[0]
                count = min(head >> 20, (table.end - at) // 4 - 1)
                for i, place in enumerate(struct.unpack_from(f"<{count}I", self._data, at + 4)):
                    places.setdefault((head & 0xFFFFF) + i, place)
                at += 4 + 4 * count
            if not before:
                break
            edit = before
        return places, document

    def _listed(self, record: Record) -> Iterator[_Listed]:
        slide, kind, words, count = None, 0, None, 0
        for inner in self._inside(record):
            if inner.kind == _SLIDE_OF_LIST:
                if slide is not None:
                    yield slide
                count += 1
                self._slide = f"{'notes' if record.instance else 'slide'} {count}"
                at, number = struct.unpack_from("<I8xI", self._data, inner.start)
                slide = _Listed(self._places.get(at, -1), number)
            elif inner.kind == _HEADER:
                kind = struct.unpack_from("<I", self._data, inner.start)[0]
                if slide is not None:
                    slide.texts.append((kind, ""))
                words = None
            elif slide is not None and slide.texts and inner.kind in (_WIDE, _NARROW):
                words, slide.texts[-1] = inner, (kind, self._words(inner, kind))
            elif slide is not None and slide.texts and words and inner.kind == _LOOKS:
                numbered = self._numbers.get((slide.number, kind), ())
                slide.texts[-1], words = (kind, self._words(words, kind, inner, numbered)), None
        if slide is not None:
            yield slide

    def _embedded(self, record: Record) -> Iterator[tuple[int, tuple[str, int]]]:
        """Objects of other programs by their numbers: the program, and where its file lies."""
        for embedded in self._inside(record):
            if embedded.kind == _EMBEDDED and (about := self._find(embedded, _ABOUT_OBJECT)):
                number, place = struct.unpack_from("<I4xI", self._data, about.start + 8)
                lines = [r for r in self._inside(embedded) if r.kind == _LINE and r.instance == _PROGRAM]
                yield number, (self._line(lines[0]) if lines else "", self._places.get(place, -1))

    def _named_fonts(self) -> Iterator[tuple[int, str]]:
        environment = self._find(self.document, _ENVIRONMENT)
        fonts = self._find(environment, _FONTS) if environment else None
        for font in self._inside(fonts) if fonts else ():
            if font.kind == _FONT:
                yield font.instance, self._line(font)[:32].partition("\0")[0]

    def _schemes(self, record: Record) -> list[Scheme | None]:
        return schemes(self._data[record.start : record.end])

    def _numbers_of_list(self) -> Iterator[tuple[tuple[int, int], list[Scheme | None]]]:
        """Of the texts in the list of slides, by the number of the slide and the kind of text."""
        for numbers in self._held(self._find(self.document, _LIST), _NUMBERS_OF_LIST):
            whose = 0, 0
            for inner in self._inside(numbers):
                if inner.kind == _WHOSE:
                    whose = struct.unpack_from("<II", self._data, inner.start)
                elif inner.kind == _NUMBERS:
                    yield whose, self._schemes(inner)

    def _words(
        self,
        record: Record,
        kind: int,
        looks: Record | None = None,
        numbered: Sequence[Scheme | None] = (),
    ) -> str:
        raw = self._data[record.start : record.end]
        text = raw.decode("latin-1")
        if record.kind == _WIDE:  # each half of a pair by itself, as runs count them
            text = "".join(map(chr, struct.unpack(f"<{len(raw) // 2}H", raw[: len(raw) // 2 * 2])))
        lines, lost = shown(
            text, self._data[looks.start : looks.end] if looks else b"", self._fonts, numbered
        )
        if lost and looks:
            self.left_out.add(f"signs of the font {lost}", self._slide)
        text = shape_lines([self._line_of(line, kind, len(lines)) for line in lines], gap="\n")
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

    def _line_of(self, line: Line, kind: int, count: int) -> tuple[int, str, str]:
        text = line.text.replace("\x0b", "\n").strip("\r")
        if kind in _TITLES:
            return 0, "", text
        is_item = kind in _BODIES and count > 1 and line.is_marked is None
        return line.level, line.mark or "-" * is_item, text

    # ── One slide ───────────────────────────────────────────────────────────────────────────────────────────────

    def page(self, number: int) -> tuple[str, str, str]:
        """Its label, its text, and what of that stands on the slide itself."""
        listed = self.slides[number - 1]
        if listed.place < 0:
            return f"slide {number}", "", ""
        slide = self._at(listed.place)
        self._slide = f"slide {number}"
        blocks = list(self._blocks(slide, listed))
        own = "\n".join(text for _, text in blocks)
        atom, show = self._find(slide, _ATOM), self._find(slide, _SHOW)
        notes = self._notes.get(struct.unpack_from("<I", self._data, atom.start + 16)[0]) if atom else None
        if notes is not None and notes.place >= 0 and self._named.has_not_met(f"notes {_lies_at(notes)}"):
            words = [text for _, text in self._blocks(self._at(notes.place), notes) if text.strip("*")]
            blocks += [(-1, f"Notes: {text}") for text in words]
        blocks += [(-1, f"[page footer: {line}]") for line in self._footers(slide) if line not in self._told]
        self._told.update(self._footers(slide))
        titles = [f"# {' '.join(text.split())}" for kind, text in blocks if kind in _TITLES]
        others = [text for kind, text in blocks if kind not in _TITLES]
        hidden = show is not None and self._data[show.start + 10] & 4
        return f"slide {number}{' (hidden)' * bool(hidden)}", "\n\n".join([*titles, *others]), own

    def _footers(self, slide: Record) -> list[str]:
        printed = self._find(slide, _PRINTED)
        lines = [r for r in self._inside(printed) if r.kind == _LINE and r.instance] if printed else []
        return [self._line(r) for r in lines]

    def _blocks(self, slide: Record, listed: _Listed) -> Iterator[tuple[int, str]]:
        drawing = self._find(slide, _DRAWING)
        told = [(kind, text) for kind, text in self._drawn(drawing, listed, 0) if text] if drawing else []
        yield from told
        # Of placeholders that no shape of the slide names.
        known, whole = {text for _, text in told}, "\0".join(text for _, text in told)[:_COMPARED]
        for at, (kind, text) in enumerate(listed.texts):
            if text and text not in known and (at >= _TEXTS or text not in whole):
                yield kind, text

    def _drawn(self, record: Record, listed: _Listed, depth: int) -> Iterator[tuple[int, str]]:
        if depth > _DEPTH:
            return
        for inner in self._inside(record):
            if inner.kind == _GROUP and (grid := self._grid(inner, listed)):
                yield -1, grid
            elif inner.kind == _BOX:
                yield self._box(inner, listed, self._find(record, _ABOUT_SHAPE))
            elif inner.kind == _OBJECT_OF_SHAPE:
                yield from ((-1, text) for text in self._object(inner))
            elif inner.is_container:
                yield from self._drawn(inner, listed, depth + 1)

    def _box(self, record: Record, listed: _Listed, about: Record | None = None) -> tuple[int, str]:
        kind, text, words = -1, "", None
        for inner in self._inside(record):
            if inner.kind == _HEADER:
                kind = struct.unpack_from("<I", self._data, inner.start)[0]
            elif inner.kind in (_WIDE, _NARROW):
                words, text = inner, self._words(inner, kind)
            elif inner.kind == _LOOKS and words:
                numbered = next(map(self._schemes, self._held(about, _NUMBERS)), [])
                text, words = self._words(words, kind, inner, numbered), None
            elif inner.kind == _OUTLINE:
                at = struct.unpack_from("<I", self._data, inner.start)[0]
                if at < len(listed.texts):
                    kind, text = listed.texts[at][0], self._again.text(listed.texts[at][1], self._slide)
        return kind, text

    def _object(self, record: Record) -> Iterator[str]:
        """A formula; of another object its program and, where it is met first, what its file says."""
        number = struct.unpack_from("<I", self._data, record.start)[0]
        program, place = self._objects.get(number, ("", -1))
        text = ""
        if number not in self._formulas:
            self._formulas[number] = ""
            try:
                data = self._file(place)
                self._formulas[number] = formula_within(data, program)
                if not self._formulas[number] and self._files < FILES:
                    text = text_within(data, program, self._depth + 1)
                    self._files += bool(text)
            except Exception:  # noqa: BLE001 - whatever its reader stumbles on, the slides are whole
                self.left_out.add("embedded files that cannot be read", self._slide)
        yield self._formulas[number] or f"[embedded: {program}]" * bool(program)
        yield text

    def _file(self, place: int) -> bytes:
        """That of an object. Raises struct.error, zlib.error."""
        record = self._at(place)
        data = self._data[record.start : record.end]
        return zlib.decompressobj().decompress(data[4:], _OBJECT_BYTES) if record.instance else data

    def _grid(self, group: Record, listed: _Listed) -> str:
        """A group of shapes that is a table, by where its cells lie; "" for any other."""
        shapes = [r for r in self._inside(group) if r.kind == _SHAPE]
        looks = self._find(shapes[0], _MORE_LOOKS) if shapes else None
        if _TABLE not in self._properties(looks):
            return ""
        rows: dict[int, dict[int, str]] = {}
        for shape in shapes:
            box, place = self._find(shape, _BOX), self._find(shape, _CHILD_PLACE)
            if box and place:
                left, top = struct.unpack_from("<ii", self._data, place.start)
                rows.setdefault(top, {})[left] = self._box(box, listed)[1]
        return table(placed(rows))
