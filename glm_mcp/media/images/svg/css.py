"""The CSS of a drawing worked out by element, as the renderer knows little of what browsers do.

Each element gets its declarations as plain inline style; style sheets are emptied.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element

from tinycss2 import parse_blocks_contents, parse_component_value_list, serialize

from glm_mcp.media.images.svg import selectors, transforms, values
from glm_mcp.media.images.svg.needs import COLORS, DRAWN, MODERN, NEEDS_ATTRIBUTE, Losses
from glm_mcp.media.images.svg.nodes import Node
from glm_mcp.media.images.svg.selectors import Selector
from glm_mcp.media.images.svg.sheets import Declarations, Rule, Sheet, rules_of
from glm_mcp.media.images.svg.tokens import Unknown
from glm_mcp.text import shortened

# Declared or written as attributes in browsers, attributes alone to the renderer.
_BOX = ("x", "y", "width", "height")
_GEOMETRY = {
    "rect": (*_BOX, "rx", "ry"),
    "circle": ("cx", "cy", "r"),
    "ellipse": ("cx", "cy", "rx", "ry"),
    "image": _BOX,
    "use": _BOX,
    "path": ("d",),
}
# Of clip-path.
_SHAPES = re.compile(r"(?:circle|ellipse|inset|polygon|rect|xywh|path|shape)\(", re.IGNORECASE)


def resolve(root: Element, width: float, losses: Losses) -> None:
    """Resolves the CSS of the tree in place. `width`: of the drawing in CSS pixels, for media queries."""
    sheet = _sheets(root, width)
    losses.imports += sheet.imports
    cascade = _Cascade(sheet.rules, losses)
    stack = [Node(root, custom=dict(sheet.initial))]
    while stack:
        node = stack.pop()
        cascade.style(node)
        stack += [
            Node(child, node, index, node.custom)
            for index, child in enumerate(node.element)
            if isinstance(child.tag, str)
        ]


def _sheets(root: Element, width: float) -> Sheet:
    """The style elements together, which stay as empty elements: they count in :nth-child()."""
    whole = Sheet()
    for element in root.iter():
        if str(element.tag).rpartition("}")[2] != "style":
            continue
        if element.get("type", "text/css").strip().lower() in {"", "text/css"}:
            text = "".join(element.itertext())
            media = element.get("media", "")
            sheet = rules_of(f"@media {media} {{{text}}}" if media else text, width)
            whole.rules += sheet.rules
            whole.initial |= sheet.initial
            whole.imports += sheet.imports
        for child in list(element):
            element.remove(child)
        element.text = ""
    return whole


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A declaration for a property of one element; the largest `rank` wins: important, inline, specificity, rule, place
    in it.
    """

    rank: tuple[bool, bool, selectors.Specificity, int, int]
    name: str
    tokens: Sequence[Any]


class _Cascade:
    def __init__(self, rules: Sequence[Rule], losses: Losses) -> None:
        self.losses = losses
        self.by_key: dict[str, list[tuple[Selector, int, Declarations]]] = {}
        for order, rule in enumerate(rules):
            for selector in rule.selectors:
                entry = (selector, order, rule.declarations)
                self.by_key.setdefault(selector.key, []).append(entry)

    def style(self, node: Node) -> None:
        """Custom properties of the node, its inline style and those attributes that hold CSS."""
        element = node.element
        candidates = [*self._matched(node)]
        inline = element.get("style", "")
        if candidates or MODERN.search(inline) or NEEDS_ATTRIBUTE.search(inline):
            candidates += _inline(inline)
            by_name: dict[str, list[_Candidate]] = {}
            for candidate in sorted(candidates, key=lambda c: c.rank):
                by_name.setdefault(candidate.name, []).insert(0, candidate)
            own = {name: best[0].tokens for name, best in by_name.items() if name.startswith("--")}
            if own:
                node.custom = {**node.custom, **{name: list(tokens) for name, tokens in own.items()}}
            self._write(node, by_name)
        for name, value in list(element.attrib.items()):
            if name in DRAWN and name != "transform" and MODERN.search(value):
                self._attribute(node, name, value)

    def _matched(self, node: Node) -> Iterator[_Candidate]:
        element = node.element
        keys = ["", node.tag, *(f".{name}" for name in element.get("class", "").split())]
        if "id" in element.attrib:
            keys.append(f"#{element.attrib['id']}")
        for key in dict.fromkeys(keys):
            for selector, order, declarations in self.by_key.get(key, ()):
                if selector.matches(node):
                    for place, (name, tokens, important) in enumerate(declarations):
                        rank = (important, False, selector.specificity, order, place)
                        yield _Candidate(rank, name, tokens)

    def _write(self, node: Node, by_name: dict[str, list[_Candidate]]) -> None:
        element = node.element
        style = []
        for name, best in by_name.items():
            if name.startswith("--"):
                continue
            value = self._value(node, name, best)
            if value is None:
                continue
            if name == "transform":
                element.set("transform", value)
            elif name in _GEOMETRY.get(node.tag, ()):
                element.set(name, _path(value) if name == "d" else value)
            else:
                style.append(f"{name}:{value}")
        if style:
            element.set("style", ";".join(style))
        else:
            element.attrib.pop("style", None)

    def _value(self, node: Node, name: str, best: Sequence[_Candidate]) -> str | None:
        """Of the best declaration that can be had, as browsers do with what they do not know."""
        lost = ""
        for candidate in best:
            try:
                whole = values.substituted(candidate.tokens, node.custom)
                text = _text(name, whole)
                lost = lost or ("" if text else serialize(whole))
            except (Unknown, RecursionError):  # as in browsers: as if it was not there
                continue
            if text is not None:
                return text
        if lost and name in DRAWN:
            self.losses.values[f"{name}: {shortened(' '.join(lost.split()), 40)}"] = None
        return None

    def _attribute(self, node: Node, name: str, value: str) -> None:
        lowest = _Candidate((False, False, (0, 0, 0), 0, 0), name, parse_component_value_list(value))
        made = self._value(node, name, [lowest])
        if made is None:
            del node.element.attrib[name]
        else:
            node.element.set(name, made)


def _text(name: str, tokens: Sequence[Any]) -> str | None:
    """The value as the renderer takes it; None for what it does not know."""
    try:
        if name == "transform":
            return transforms.transform_text(tokens)
        text = values.color_text(tokens) if name in COLORS else values.text_of(tokens)
    except Unknown:
        return None
    return None if name == "clip-path" and _SHAPES.match(text) else text


def _inline(text: str) -> Iterator[_Candidate]:
    for place, item in enumerate(parse_blocks_contents(text, skip_comments=True, skip_whitespace=True)):
        if item.type == "declaration":
            name = item.name if item.name.startswith("--") else item.lower_name
            yield _Candidate((item.important, True, (0, 0, 0), 0, place), name, item.value)


def _path(value: str) -> str:
    """The data in `path("…")`."""
    quoted = re.search(r"""(["'])(.*)\1""", value, re.DOTALL)
    return quoted[2] if quoted else ""


def _short(value: str) -> str:
    value = " ".join(value.split())
    return value if len(value) <= 40 else value[:39] + "…"
