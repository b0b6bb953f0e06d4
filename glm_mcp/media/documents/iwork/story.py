"""The texts of iWork files (TSWP) as Markdown, and what stands between them or on a page: shapes, tables, charts,
pictures.
"""

from __future__ import annotations

import re
import struct
from bisect import bisect_right
from collections.abc import Iterator
from itertools import pairwise

from glm_mcp.media.documents.common.few_times import SaidAgain
from glm_mcp.media.documents.common.shown import mark
from glm_mcp.media.documents.iwork.objects import Message, Objects
from glm_mcp.media.documents.iwork.table import table_text
from glm_mcp.media.documents.markdown import table
from glm_mcp.media.documents.ooxml.number_format import general
from glm_mcp.media.documents.word.written_numbers import written

# The style as Apple's templates name it in every language; its level stands in the name that people see.
_HEADING = re.compile(r"(?:^|paragraphstyle-)(Title|Heading|Subheading)(?: \d+)?$")
_LEVEL = re.compile(r" ([1-6])$")
_FORMS = ("decimal", "upperRoman", "lowerRoman", "upperLetter", "lowerLetter", "japaneseCounting")
_AROUND = ("{}.", "({})", "{})")  # of a number, by the rest of its form
_STRING, _NUMBER = 2, 3  # labels of lists
# Kinds of objects.
_PICTURES, _FILMS, GROUP, _CHART, _TABLE, _TABLE_OF_TEXT = (2015, 3005), (3007,), 3008, 5021, 6000, 6007
_SHAPE, PLACEHOLDERS = 2011, (7, 12)
_LINK, _DELETED = 2032, 2
_DEPTH = 20  # of what lies within what
_LEVELS = 9  # of a list, as many as its programs have
_PARENTS = 20  # of a style


class Stories:
    """`headings`: whether paragraphs of such styles are written as headings. What was told is not told again, since
    objects may name each other.
    """

    def __init__(self, objects: Objects, again: SaidAgain, *, headings: bool = False) -> None:
        self._objects = objects
        self.again = again
        self.headings = headings
        self._told: set[int] = set()
        self._headings: dict[int, int] = {}  # by their styles
        self._notes: list[str] = []
        self._footed = 0  # of them

    def mark(self, note: str) -> str:
        self._notes.append(note)
        return f"[^{len(self._notes)}]"

    def footnotes(self) -> list[str]:
        """Those since the last time: each stands below the slide that it is of."""
        since, self._footed = self._footed, len(self._notes)
        return [f"[^{i}]: {text}" for i, text in enumerate(self._notes[since:], since + 1)]

    def text(self, number: int, depth: int = 0) -> str:
        """The text with that number; "" when it was told before."""
        if number in self._told or depth > _DEPTH:
            return ""
        self._told.add(number)
        return _Story(self, self._objects, number, depth).markdown()

    def shown(self, number: int, depth: int = 0) -> str:
        """What a thing that lies on a page or within a text shows, with its title and its caption."""
        if number in self._told or depth > _DEPTH:
            return ""
        self._told.add(number)
        kind, thing = self._objects.kind(number), self._objects.get(number)
        about = around(self._objects, number)
        title, caption = (
            "" if about.number(hidden) else self._shape(self._objects.get(about.link(field)).one(1), depth)
            for field, hidden in ((10, 12), (11, 13))
        )
        alt = " ".join(about.text(8).split())
        if kind in _PICTURES:
            formula = (thing.text(103) or thing.text(100)).strip()
            body = f"${formula}$" if formula else mark(alt)
        elif kind in _FILMS:
            body = f"[film: {alt}]" if alt else "[film]"
        elif kind == GROUP:
            body = "\n\n".join(filter(None, (self.shown(n, depth + 1) for n in thing.links(2))))
        elif kind == _CHART:
            body = _chart(thing.one(10000).one(7))
        elif kind in (_TABLE, _TABLE_OF_TEXT):
            model = (thing if kind == _TABLE else thing.one(1)).link(2)
            body = table_text(
                self._objects, model, lambda n: re.sub("\n+", "\n", self.text(n, depth + 1)), self.again
            )
        else:
            body = self._shape(thing.one(1) if kind in PLACEHOLDERS else thing, depth)
            body = body or (f"[drawing: {alt}]" if alt else "")
        leads = about.text(4)
        return "\n\n".join(filter(None, (title, body, caption, f"({leads})" if leads and body else "")))

    def heading(self, style: int) -> int:
        """The level of the headings that have this style of paragraphs, 0 of others."""
        if style not in self._headings:
            self._headings[style] = self._level(style) if self.headings else 0
        return self._headings[style]

    def _level(self, number: int) -> int:
        for _ in range(_PARENTS):
            style = self._objects.get(number).one(1)
            if match := _HEADING.search(style.text(2)) or _HEADING.search(style.text(1)):
                level = _LEVEL.search(style.text(1))
                return int(level[1]) if level and match[1] == "Heading" else 1 + (match[1] == "Subheading")
            number = style.link(3)
            if style.text(1) or not number:
                break
        return 0

    def place(self, number: int) -> tuple[float, float]:
        """How far down, then how far right a thing lies."""
        point = around(self._objects, number).one(1, 1)
        return point.real(2), point.real(1)

    def _shape(self, shape: Message, depth: int) -> str:
        return self.text(story_of(self._objects, shape), depth + 1)


def around(objects: Objects, number: int) -> Message:
    """What all things on a page have (TSD.DrawableArchive)."""
    kind, thing = objects.kind(number), objects.get(number)
    return thing.one(*[1] * (3 if kind in PLACEHOLDERS else 2 if kind in (_TABLE_OF_TEXT, _SHAPE) else 1))


def story_of(objects: Objects, shape: Message) -> int:
    """The text of a shape: its own, or that of the boxes through which it flows."""
    return shape.link(4) or shape.link(2) or objects.get(shape.link(3)).link(1)


class _Story:
    def __init__(self, stories: Stories, objects: Objects, number: int, depth: int) -> None:
        self._stories, self._objects, self._depth = stories, objects, depth
        storage = objects.get(number)
        wide = "".join(storage.texts(3)).encode("utf-16-le")
        # Places are counted in halves of UTF-16.
        self._text = "".join(map(chr, struct.unpack(f"<{len(wide) // 2}H", wide)))
        self._styles, self._lists = _places(storage, 5), _places(storage, 7)
        levels = ((e.number(1), min(e.number(2), _LEVELS - 1)) for e in storage.one(6).all(1))
        self._levels = _Steps(levels)
        self._starts = {e.number(1): e.number(2) for e in storage.one(14).all(1)}
        self._things, self._fields = _marks(storage, 9), _places(storage, 11, keeps=False)
        self._feet, self._changes = _marks(storage, 16), _places(storage, 22, keeps=False)
        cuts = {*self._things, *self._feet, *self._fields.at, *self._changes.at}
        self._cuts = sorted({*cuts, *(i + 1 for i in (*self._things, *self._feet))})
        self._counts: list[dict[int, int]] = []  # by level: how far each list has come
        self._open: list[int] = []  # levels of the list around

    def markdown(self) -> str:
        out, at, start, listed = "", 0, 0, False
        for words in self._text.split("\n"):
            start = self._starts.get(at, 0) or start
            text, label = self._words(at, at + len(words)), self._label(at)
            if text.strip() and label:
                label, start = self._marked(at, label, start), 0
            heading = self._heading(at)
            if heading and text.strip():
                text = " ".join(["#" * heading, *(() if label in ("", "-") else (label,)), *text.split()])
            elif label and text.strip():
                text = f"{'  ' * (len(self._open) - 1)}{label} {text.strip()}"
            if text.strip():
                is_item = bool(label) and not heading
                out += ("" if not out else "\n" if is_item and listed else "\n\n") + text
                listed = is_item
            at += len(words) + 1
        return out.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

    def _words(self, start: int, end: int) -> str:
        """A paragraph with what lies in it, where it lies."""
        inner = self._cuts[bisect_right(self._cuts, start) : bisect_right(self._cuts, end - 1)]
        out = ""
        for at, to in pairwise([start, *inner, end]):
            piece = re.sub("[\x04-\x06\f]", "\n\n", self._text[at:to]).replace("\u2028", "\n")
            if self._objects.get(self._changes.get(at)).number(1) == _DELETED:
                continue
            if at in self._things:
                thing = self._objects.get(self._things[at])
                shown = self._stories.shown(thing.link(1), self._depth + 1)
                piece = f"\n\n{shown}\n\n" if "\n" in shown else shown
                piece = piece or piece.replace("\ufffc", "")
            elif at in self._feet:
                piece = self._note(self._objects.get(self._feet[at]).link(2))
            elif self._objects.kind(self._fields.get(at)) == _LINK:
                address = self._objects.get(self._fields.get(at)).text(2)
                piece = _linked(piece, self._stories.again.text(address, "links"))
            out += piece
        return out.replace("\ufffc", "").strip("\n")

    def _note(self, storage: int) -> str:
        text = self._stories.text(storage, self._depth + 1)
        if not text:
            return ""
        return self._stories.mark(text.strip("\x0e\ufffc "))

    def _heading(self, at: int) -> int:
        return self._stories.heading(self._styles.get(at))

    def _label(self, at: int) -> str:
        """Whether a paragraph is an item: "-" of a list with signs, the form of its number, or ""."""
        style = self._objects.get(self._lists.get(at))
        kinds, forms = style.numbers(11, _LEVELS), style.numbers(15, _LEVELS)
        level = min(self._levels.get(at), len(kinds) - 1)
        if level < 0 or kinds[level] not in (1, _STRING, _NUMBER):
            self._open.clear()
            return ""
        return str(forms[level] if level < len(forms) else 0) if kinds[level] == _NUMBER else "-"

    def _marked(self, at: int, form: str, start: int) -> str:
        """The sign of an item, or its number; `start`: where the count begins anew."""
        level, style = self._levels.get(at), self._lists.get(at)
        self._open = [*(one for one in self._open if one < level), level]
        self._counts = [*self._counts[: level + 1], *({} for _ in range(level + 1 - len(self._counts)))]
        if form == "-":
            return "-"
        count = self._counts[level][style] = start or self._counts[level].get(style, 0) + 1
        shape, around = divmod(int(form), 3)
        name = (
            _FORMS[shape]
            if shape < len(_FORMS)
            else "chineseCounting"
            if shape in range(10, 15)
            else "decimal"
        )
        return _AROUND[around].format(written(count, name))


class _Steps:
    """What holds from a place on until the next."""

    def __init__(self, steps: Iterator[tuple[int, int]]) -> None:
        ordered = sorted(steps)
        self.at, self._what = [place for place, _ in ordered], [what for _, what in ordered]

    def get(self, place: int) -> int:
        found = bisect_right(self.at, place) - 1
        return self._what[found] if found >= 0 else 0


def _places(storage: Message, field: int, *, keeps: bool = True) -> _Steps:
    """The objects of a table of a text; an entry without one `keeps` what held before, or ends it."""
    entries = ((e.number(1), e.link(2)) for e in storage.one(field).all(1))
    return _Steps((at, number) for at, number in entries if number or not keeps)


def _marks(storage: Message, field: int) -> dict[int, int]:
    return {e.number(1): e.link(2) for e in storage.one(field).all(1) if e.link(2)}


def _linked(words: str, address: str) -> str:
    if not words.strip() or address in ("", words, f"mailto:{words}") or address.startswith("#"):
        return words
    return f"[{words.strip()}]({address.replace(' ', '%20').replace(')', '%29')})"


def _chart(grid: Message) -> str:
    """Its data; a value that is missing is no zero."""
    rows = [[general(v.real(1)) if v.data(1) else "" for v in row.all(1)] for row in grid.all(3)]
    names = [*grid.texts(1), *[""] * len(rows)]
    lines = [[name, *row] for name, row in zip(names, rows, strict=False)]
    return "Chart:\n\n" + table([["", *grid.texts(2)], *lines]) if lines else "[chart]"
