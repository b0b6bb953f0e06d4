"""CSS selectors over an element tree: as far as drawings use them, and nothing that a file says is ever executed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tinycss2.nth import parse_nth

from glm_mcp.media.images.svg import nodes
from glm_mcp.media.images.svg.nodes import NeverMatches, Node, Test
from glm_mcp.media.images.svg.tokens import parts

Specificity = tuple[int, int, int]
# A combinator and the next to its left with which the nearest that fits decides: around a farther one there is nothing
# that is not around it too.
_NEAREST = frozenset(((" ", " "), ("~", "~"), ("~", " "), ("~", ">")))


@dataclass(frozen=True, slots=True)
class Selector:
    """Compounds from right to left, each with the combinator that leads to the next one on its left."""

    compounds: tuple[tuple[tuple[Test, ...], str], ...]
    specificity: Specificity
    key: str  # "#id", ".class" or a tag that the element must have; "" for none

    def matches(self, node: Node) -> bool:
        return self._fits(node, 0) and self._goes_on(node, 0, set())

    def _fits(self, node: Node, at: int) -> bool:
        return all(test(node) for test in self.compounds[at][0])

    def _goes_on(self, node: Node, at: int, seen: set[tuple[int, int]]) -> bool:
        """Whether what stands to the left of that compound, which fits the node, fits around it.

        `seen`: the elements and compounds that were asked before, in vain. There are many ways to each of them.
        """
        if at + 1 == len(self.compounds):
            return True
        if (id(node.element), at) in seen:
            return False
        seen.add((id(node.element), at))
        combinators = self.compounds[at][1], self.compounds[at + 1][1]
        for other in _across(node, combinators[0]):
            if self._fits(other, at + 1):
                if self._goes_on(other, at + 1, seen):
                    return True
                if combinators in _NEAREST:
                    return False
        return False


def _across(node: Node, combinator: str) -> Iterator[Node]:
    if combinator == " ":
        yield from node.ancestors()
    elif combinator == ">":
        if node.parent is not None:
            yield node.parent
    elif combinator == "+":
        nearest = next(node.before(), None)
        if nearest is not None:
            yield nearest
    else:
        yield from node.before()


def parse(tokens: Sequence[Any], parents: Sequence[Selector] = (), *, inner: bool = False) -> list[Selector]:
    """The selectors of a list, without those that never match. `parents`: of the rule that this one is nested in;
    `inner`: an argument such as that of :is(), where only & means them.
    """
    selectors = []
    for part in parts(tokens):
        try:
            selectors.append(_Parser(part, parents).selector(inner=inner))
        except NeverMatches:
            continue
    return selectors


class _Parser:
    """One selector."""

    def __init__(self, tokens: list[Any], parents: Sequence[Selector]) -> None:
        self.tokens = _stripped([t for t in tokens if t.type != "comment"])
        self.parents = parents
        self.at = 0
        self.ids = self.classes = self.tags = 0

    def selector(self, *, inner: bool) -> Selector:
        compounds: list[tuple[tuple[Test, ...], str]] = []  # from left to right; the combinator before each
        combinator = self._combinator() or " "
        if self.parents and not inner and not _has_nesting(self.tokens):
            compounds.append(((self._parent(),), ""))
        elif self.at:
            raise NeverMatches  # begins with a combinator
        key = ""
        while True:
            tests, key = self._compound()
            compounds.append((tests, combinator if compounds else ""))
            if self.at == len(self.tokens):
                break
            combinator = self._combinator()
            if not combinator:
                raise NeverMatches
        return Selector(tuple(reversed(compounds)), (self.ids, self.classes, self.tags), key)

    def _combinator(self) -> str:
        """At the place, "" when none is there."""
        seen = ""
        while self.at < len(self.tokens):
            item = self.tokens[self.at]
            if item.type == "whitespace":
                seen = seen or " "
            elif item.type == "literal" and item.value in {">", "+", "~"} and seen in {"", " "}:
                seen = item.value
            else:
                break
            self.at += 1
        return seen

    def _compound(self) -> tuple[tuple[Test, ...], str]:
        tests: list[Test] = []
        key = tag = ""
        while self.at < len(self.tokens):
            item = self.tokens[self.at]
            if item.type == "whitespace" or (item.type == "literal" and item.value in {">", "+", "~"}):
                break
            self.at += 1
            if item.type == "ident" and not tests:
                if self._take("|"):  # a namespace: drawings have one
                    continue
                tag = item.value
                tests.append(nodes.is_tag(tag))
                self.tags += 1
            elif item == "*" and not tests:
                if not self._take("|"):
                    tests.append(lambda _: True)
            elif item.type == "hash":
                tests.append(nodes.has_id(item.value))
                self.ids += 1
                key = f"#{item.value}"
            elif item == ".":
                name = self._next("ident").value
                tests.append(nodes.has_class(name))
                self.classes += 1
                key = key or f".{name}"
            elif item.type == "[] block":
                tests.append(nodes.attribute(item.content))
                self.classes += 1
            elif item == ":":
                tests.append(self._pseudo())
            elif item == "&":
                tests.append(self._parent())
            else:
                raise NeverMatches
        if not tests:
            raise NeverMatches
        return tuple(tests), key or tag

    def _take(self, literal: str) -> bool:
        if self.at < len(self.tokens) and self.tokens[self.at] == literal:
            self.at += 1
            return True
        return False

    def _next(self, *types: str) -> Any:
        if self.at < len(self.tokens) and self.tokens[self.at].type in types:
            self.at += 1
            return self.tokens[self.at - 1]
        raise NeverMatches

    def _parent(self) -> Test:
        if not self.parents:
            return nodes.is_root
        self._count(max(s.specificity for s in self.parents))
        return _any_of(self.parents)

    def _count(self, specificity: Specificity) -> None:
        self.ids += specificity[0]
        self.classes += specificity[1]
        self.tags += specificity[2]

    def _pseudo(self) -> Test:
        item = self._next("ident", "function")
        name = item.lower_value if item.type == "ident" else item.lower_name
        if item.type == "function" and name in {"not", "is", "where", "matches", "has"}:
            inner = parse(item.arguments, self.parents, inner=True)
            if name != "where" and inner:
                self._count(max(s.specificity for s in inner))
            if name == "has":
                return _has_below(inner)
            return _none_of(inner) if name == "not" else _any_of(inner)
        self.classes += 1
        if item.type == "function" and name in nodes.NTH:
            step = parse_nth(item.arguments)
            if step is None:
                raise NeverMatches
            return nodes.nth(step, **nodes.NTH[name])
        if item.type == "ident" and name in nodes.STATES:
            return nodes.STATES[name]
        raise NeverMatches


def _stripped(tokens: list[Any]) -> list[Any]:
    while tokens and tokens[-1].type == "whitespace":
        tokens = tokens[:-1]
    while tokens and tokens[0].type == "whitespace":
        tokens = tokens[1:]
    return tokens


def _has_nesting(tokens: Sequence[Any]) -> bool:
    return any(t == "&" or (t.type == "function" and _has_nesting(t.arguments)) for t in tokens)


def _any_of(selectors: Sequence[Selector]) -> Test:
    return lambda node: any(s.matches(node) for s in selectors)


def _none_of(selectors: Sequence[Selector]) -> Test:
    return lambda node: not any(s.matches(node) for s in selectors)


def _has_below(selectors: Sequence[Selector]) -> Test:
    def test(node: Node) -> bool:
        below = [Node(child, node, i) for i, child in enumerate(node.element)]
        while below:
            child = below.pop()
            if any(s.matches(child) for s in selectors):
                return True
            below += [Node(other, child, i) for i, other in enumerate(child.element)]
        return False

    return test
