"""Shapes and arrows as Markdown: a list as one reads them, and a line for each arrow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

_ROW = 24.0  # points within which shapes stand in one row
_DEEP = 20  # shapes in shapes
_SILENT = "(no words)"
_NAME = 100  # characters by which an arrow names a shape


@dataclass(slots=True)
class Shape:
    """`x`, `y`: in points from the upper left corner of the page."""

    text: str
    x: float = 0.0
    y: float = 0.0
    parent: str = ""


@dataclass(slots=True)
class Arrow:
    """`start`, `end`: of shapes, "" where it begins or ends at none; `heads`: whether it has one there."""

    start: str
    end: str
    text: str = ""
    heads: tuple[bool, bool] = (False, True)


@dataclass(slots=True)
class Graph:
    shapes: dict[str, Shape] = field(default_factory=dict)
    arrows: list[Arrow] = field(default_factory=list)
    _within: dict[str, str] = field(default_factory=dict)  # the first words in a shape

    def markdown(self) -> str:
        inside: dict[str, list[str]] = {}
        for name, shape in self.shapes.items():
            shape.text = _line(shape.text)  # once: thousands of arrows may lead to it
            inside.setdefault(shape.parent if shape.parent in self.shapes else "", []).append(name)
        for shape in self.shapes.values():
            if shape.text:
                self._within.setdefault(shape.parent, shape.text)
        lines = list(self._list(inside, "", 0))
        said = list(dict.fromkeys(filter(None, map(self._arrow, self.arrows))))
        return "\n".join([*lines, *(["", "Arrows:", "", *said] if said else [])])

    def _list(self, inside: dict[str, list[str]], parent: str, depth: int) -> Iterator[str]:
        """What holds no words is not listed, but what it holds is."""
        names = inside.pop(parent, [])
        for name in sorted(names, key=lambda n: (self.shapes[n].y // _ROW, self.shapes[n].x)):
            text = self.shapes[name].text
            if text:
                yield f"{'  ' * depth}- {text}"
            yield from self._list(inside, name, min(depth + bool(text), _DEEP))

    def _arrow(self, arrow: Arrow) -> str:
        start, end = (self._named(name) for name in (arrow.start, arrow.end))
        text = _line(arrow.text)
        if not (start and end) or start == end == _SILENT:
            return f"- {text}" if text else ""
        sign = {(False, False): "—", (False, True): "→", (True, False): "←", (True, True): "↔"}[arrow.heads]
        return f"- {start} {sign} {end}{f': {text}' if text else ''}"

    def _named(self, name: str) -> str:
        """The words of a shape, or of the first one in it that has any."""
        shape = self.shapes.get(name)
        words = "" if shape is None else shape.text or self._within.get(name, _SILENT)
        return words if len(words) <= _NAME else f"{words[:_NAME]}…"


def label(number: int, name: str) -> str:
    return f"page {number}: {name}" if name else f"page {number}"


def _line(text: str) -> str:
    return " ".join(text.split())
