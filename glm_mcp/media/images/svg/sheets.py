"""A style sheet into a flat list of rules: nesting undone, media queries answered for a light screen."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tinycss2 import parse_blocks_contents, parse_stylesheet, serialize

from glm_mcp.media.images.svg import selectors
from glm_mcp.media.images.svg.selectors import Selector

Declarations = tuple[tuple[str, Sequence[Any], bool], ...]  # name, value, whether it is !important

_MAX_RULES = 50_000
_MAX_DEPTH = 20
# Their contents count as if they stood outside.
_GROUPS = frozenset(("layer", "container", "scope", "starting-style"))


@dataclass(frozen=True, slots=True)
class Rule:
    selectors: tuple[Selector, ...]
    declarations: Declarations


@dataclass(slots=True)
class Sheet:
    """`initial`: values of @property; `imports`: style sheets that stand in other files."""

    rules: list[Rule] = field(default_factory=list)
    initial: dict[str, list[Any]] = field(default_factory=dict)
    imports: int = 0


def rules_of(text: str, width: float) -> Sheet:
    """`width`: of the drawing in CSS pixels. What cannot be parsed is left out, as in browsers."""
    sheet = Sheet()
    _collect(parse_stylesheet(text, skip_comments=True, skip_whitespace=True), sheet, (), width, 0)
    return sheet


def _collect(
    items: Sequence[Any], sheet: Sheet, parents: Sequence[Selector], width: float, depth: int
) -> None:
    """`parents`: the selectors of the rule that the items are nested in."""
    declared: list[tuple[str, Sequence[Any], bool]] = []
    inner: list[Any] = []
    for item in items:
        if item.type == "declaration":
            name = item.name if item.name.startswith("--") else item.lower_name
            declared.append((name, item.value, item.important))
        else:
            inner.append(item)
    if declared and parents:
        sheet.rules.append(Rule(tuple(parents), tuple(declared)))
    if depth > _MAX_DEPTH:
        return
    for item in inner:
        if len(sheet.rules) > _MAX_RULES:
            return
        if item.type == "qualified-rule":
            chosen = selectors.parse(item.prelude, parents)
            if chosen:
                _collect(_contents(item.content), sheet, chosen, width, depth + 1)
        elif item.type == "at-rule":
            _at_rule(item, sheet, parents, width, depth)


def _at_rule(item: Any, sheet: Sheet, parents: Sequence[Selector], width: float, depth: int) -> None:
    name = item.lower_at_keyword
    if name == "import":
        sheet.imports += 1
    if item.content is None:
        return
    prelude = serialize(item.prelude).strip().lower()
    if name == "property":
        for inner in _contents(item.content):
            if inner.type == "declaration" and inner.lower_name == "initial-value":
                sheet.initial[serialize(item.prelude).strip()] = list(inner.value)
    elif (
        name in _GROUPS
        or (name == "media" and media_holds(prelude, width))
        or (name == "supports" and not prelude.startswith("not"))
    ):
        _collect(_contents(item.content), sheet, parents, width, depth + 1)


def _contents(tokens: Sequence[Any]) -> list[Any]:
    """Rules and declarations; the latter only count within a rule."""
    return list(parse_blocks_contents(tokens, skip_comments=True, skip_whitespace=True))


def media_holds(query: str, width: float) -> bool:
    """Whether a media query is true of a light screen as wide as the drawing, whose reader cannot point at things."""
    return any(_holds(part.strip(), width) for part in query.split(",")) if query else True


def _holds(query: str, width: float) -> bool:
    query = re.sub(r"^only\s+", "", query)
    if query.startswith("not "):
        return not _holds(query[4:].strip(), width)
    return all(_feature(part.strip(" ()"), width) for part in re.split(r"\band\b", query))


def _feature(feature: str, width: float) -> bool:
    if feature in {"all", "screen", "prefers-color-scheme: light", "prefers-color-scheme:light"}:
        return True
    limit = re.fullmatch(r"(min|max)-width\s*:\s*([\d.]+)px", feature)
    if limit:
        return width >= float(limit[2]) if limit[1] == "min" else width <= float(limit[2])
    return False
