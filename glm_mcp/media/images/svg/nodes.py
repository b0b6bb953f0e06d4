"""An element of a drawing and what a CSS selector may ask of it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from xml.etree.ElementTree import Element

from glm_mcp.media.images.svg.tokens import significant


@dataclass(slots=True)
class Node:
    """An element with its way up and its neighbours."""

    element: Element
    parent: Node | None = None
    index: int = 0  # among the elements of its parent
    custom: dict[str, list[Any]] = field(default_factory=dict)  # its custom properties, inherited ones too
    _places: dict[str, list[int]] = field(default_factory=dict)

    @property
    def tag(self) -> str:
        return str(self.element.tag).rpartition("}")[2]

    def place(self, *, from_end: bool, of_type: bool) -> int:
        """Its number from 1 among its siblings, or those of its own tag."""
        if self.parent is None:
            return 1
        around = self.parent.element
        if not of_type:
            return len(around) - self.index if from_end else self.index + 1
        alike = self.parent.places_of(self.element.tag)
        before = bisect_left(alike, self.index)
        return len(alike) - before if from_end else before + 1

    def places_of(self, tag: str) -> list[int]:
        """Where its children of that tag stand among all its children."""
        if not self._places:
            for index, child in enumerate(self.element):
                self._places.setdefault(child.tag, []).append(index)
        return self._places[tag]

    def ancestors(self) -> Iterator[Node]:
        node = self.parent
        while node is not None:
            yield node
            node = node.parent

    def before(self) -> Iterator[Node]:
        """The siblings before it, the nearest first."""
        if self.parent:
            for index in range(self.index - 1, -1, -1):
                yield Node(self.parent.element[index], self.parent, index)


Test = Callable[[Node], bool]


class NeverMatches(Exception):
    """A selector of a state that a drawing is not in (:hover), or one that is not known."""


def is_tag(tag: str) -> Test:
    return lambda node: node.tag == tag


def has_id(name: str) -> Test:
    return lambda node: node.element.get("id") == name


def has_class(name: str) -> Test:
    return lambda node: name in node.element.get("class", "").split()


def attribute(tokens: Sequence[Any]) -> Test:
    parts = significant(tokens)
    if not parts or parts[0].type != "ident":
        raise NeverMatches
    name = parts[0].value
    if len(parts) == 1:
        return lambda node: name in node.element.attrib
    if len(parts) < 3 or parts[1].type != "literal" or parts[2].type not in {"ident", "string"}:
        raise NeverMatches
    wanted = parts[2].value
    folded = len(parts) > 3 and parts[3].type == "ident" and parts[3].lower_value == "i"
    compare = _COMPARED.get(parts[1].value)
    if compare is None:
        raise NeverMatches

    def test(node: Node) -> bool:
        value = node.element.get(name)
        if value is None:
            return False
        return compare(value.lower(), wanted.lower()) if folded else compare(value, wanted)

    return test


_COMPARED: dict[str, Callable[[str, str], bool]] = {
    "=": lambda value, wanted: value == wanted,
    "~=": lambda value, wanted: wanted in value.split(),
    "|=": lambda value, wanted: value == wanted or value.startswith(wanted + "-"),
    "^=": lambda value, wanted: bool(wanted) and value.startswith(wanted),
    "$=": lambda value, wanted: bool(wanted) and value.endswith(wanted),
    "*=": lambda value, wanted: bool(wanted) and wanted in value,
}

NTH = {
    "nth-child": {},
    "nth-last-child": {"from_end": True},
    "nth-of-type": {"of_type": True},
    "nth-last-of-type": {"from_end": True, "of_type": True},
}


def nth(step: tuple[int, int], *, from_end: bool = False, of_type: bool = False) -> Test:
    every, offset = step

    def test(node: Node) -> bool:
        place = node.place(from_end=from_end, of_type=of_type)
        if every == 0:
            return place == offset
        return (place - offset) % every == 0 and (place - offset) // every >= 0

    return test


def is_root(node: Node) -> bool:
    return node.parent is None


_first, _last = nth((0, 1)), nth((0, 1), from_end=True)
_first_typed, _last_typed = nth((0, 1), of_type=True), nth((0, 1), from_end=True, of_type=True)
STATES: dict[str, Test] = {
    "root": is_root,
    "scope": is_root,
    "first-child": _first,
    "last-child": _last,
    "only-child": lambda node: _first(node) and _last(node),
    "first-of-type": _first_typed,
    "last-of-type": _last_typed,
    "only-of-type": lambda node: _first_typed(node) and _last_typed(node),
    "empty": lambda node: not len(node.element) and not (node.element.text or ""),
    "link": lambda node: node.tag == "a",
    "any-link": lambda node: node.tag == "a",
}
