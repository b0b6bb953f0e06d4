"""JSON with comments and trailing commas, changed by the smallest edit of its text: everything else keeps every byte.

`load` reads; `put` and `drop` give the new text. All raise ValueError where the text is not such JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Key = str | int

_GAP = re.compile(r"(?:\s+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_WORD = re.compile(r"-?\d[\d.eE+-]*|true|false|null")
_DEEPEST = 100
_TWICE = 10  # that one name may stand there


@dataclass(slots=True)
class _Node:
    """A value and where it stands in the text. `items`: (key, where the key begins, value) of an object or array."""

    start: int
    end: int = 0
    value: Any = None
    items: list[tuple[Key, int, _Node]] = field(default_factory=list)

    def find(self, key: Key) -> _Node | None:
        return next((node for k, _, node in reversed(self.items) if k == key), None)


def load(text: str) -> Any:
    """What the text says; an empty text is an empty object."""
    return _parse(text).value if text.strip() else {}


def dump(whole: Mapping[str, Any]) -> str:
    return json.dumps(whole, ensure_ascii=False, indent=2)


def put(text: str, path: Sequence[Key], value: Any) -> str:
    """The text with `value` at `path`; objects on the way are made. An array is lengthened by its length as the key."""
    if not text.strip():
        text = "{}\n"
    node, depth = _parse(text), 0
    while depth < len(path) and (inner := node.find(path[depth])) is not None:
        node, depth = inner, depth + 1
    rest = path[depth:]
    for key in reversed(rest[1:]):
        value = {key: value}
    if not rest:
        new = text[: node.start] + _shown(text, value, _indent(text, node.start)) + text[node.end :]
    else:
        if not isinstance(node.value, list if isinstance(rest[0], int) else dict):
            raise ValueError(f"{'.'.join(map(str, path[:depth])) or 'the file'} is of another kind")
        new = _insert(text, node, rest[0], value)
    return _checked(new)


def drop(text: str, path: Sequence[Key]) -> str:
    """The text without what stands at `path`; the same text when nothing does."""
    if not text.strip():
        return text
    node = _parse(text)
    for key in path[:-1]:
        inner = node.find(key)
        if inner is None:
            return text
        node = inner
    found = [n for n, (key, _, _) in enumerate(node.items) if key == path[-1]]
    if not found:
        return text
    if len(found) > _TWICE:
        raise ValueError(f"{path[-1]} stands there {len(found)} times")
    at = found[0]
    _, start, gone = node.items[at]
    end = gone.end
    comma = _GAP.match(text, end)
    if comma and text[comma.end() : comma.end() + 1] == ",":
        end = comma.end() + 1
    elif at > 0:
        # The last one goes, and with it the comma before it.
        before = node.items[at - 1][2].end
        gap = _GAP.match(text, before)
        place = gap.end() if gap else before
        text = text[:place] + text[place + 1 :]
        start, end = start - 1, end - 1
    line = text.rfind("\n", 0, start) + 1
    rest = re.compile(r"[ \t]*\r?\n").match(text, end)
    if not text[line:start].strip() and rest:
        start, end = line, rest.end()
    new = _checked(text[:start] + text[end:])
    # A name may stand there twice; the next item of an array has the number of the one that went.
    return new if isinstance(path[-1], int) else drop(new, path)


def _insert(text: str, node: _Node, key: Key, value: Any) -> str:
    newline = "\r\n" if "\r\n" in text else "\n"
    outer = _indent(text, node.start)
    inner = outer + _unit(text)
    last = node.items[-1] if node.items else None
    if last and not text[text.rfind("\n", 0, last[1]) + 1 : last[1]].strip():
        inner = _indent(text, last[1])
    close = node.end - 1
    body = text[:close].rstrip()
    if last:
        gap = _GAP.match(text, last[2].end)
        if not gap or text[gap.end()] != ",":
            body = body[: last[2].end] + "," + body[last[2].end :]
    name = "" if isinstance(key, int) else json.dumps(key, ensure_ascii=False) + ": "
    member = newline + inner + name + _shown(text, value, inner)
    return body + member + newline + outer + text[close:]


def _shown(text: str, value: Any, indent: str) -> str:
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = json.dumps(value, ensure_ascii=False, indent=_unit(text)).split("\n")
    return (newline + indent).join(lines)


def _unit(text: str) -> str:
    match = re.search(r"^([ \t]+)\S", text, re.MULTILINE)
    return match[1] if match else "  "


def _indent(text: str, place: int) -> str:
    line = text[text.rfind("\n", 0, place) + 1 : place]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _checked(text: str) -> str:
    _parse(text)
    return text


def _parse(text: str) -> _Node:
    at = _skip(text, 0)
    node = _value(text, at, 0)
    if _skip(text, node.end) != len(text):
        raise _wrong(text, node.end, "there is more after the end")
    return node


def _skip(text: str, at: int) -> int:
    match = _GAP.match(text, at)
    return match.end() if match else at


def _value(text: str, at: int, depth: int) -> _Node:
    first = text[at : at + 1]
    if first in ("{", "["):
        if depth > _DEEPEST:
            raise _wrong(text, at, "it is nested too deeply")
        return _container(text, at, depth)
    match = (_STRING if first == '"' else _WORD).match(text, at)
    if not match:
        raise _wrong(text, at, "a value is missing")
    try:
        return _Node(at, match.end(), json.loads(match[0]))
    except ValueError:
        raise _wrong(text, at, "a value is not JSON") from None


def _container(text: str, at: int, depth: int) -> _Node:
    node = _Node(at)
    named = text[at] == "{"
    closing = "}" if named else "]"
    at = _skip(text, at + 1)
    while text[at : at + 1] != closing:
        key: Key = len(node.items)
        start = at
        if named:
            match = _STRING.match(text, at)
            if not match:
                raise _wrong(text, at, "a name in quotes is missing")
            key = str(json.loads(match[0]))
            at = _skip(text, match.end())
            if text[at : at + 1] != ":":
                raise _wrong(text, at, "a colon is missing")
            at = _skip(text, at + 1)
        item = _value(text, at, depth + 1)
        node.items.append((key, start, item))
        at = _skip(text, item.end)
        if text[at : at + 1] == ",":
            at = _skip(text, at + 1)
        elif text[at : at + 1] != closing:
            raise _wrong(text, at, "a comma or the end is missing")
    node.end = at + 1
    node.value = {k: i.value for k, _, i in node.items} if named else [i.value for _, _, i in node.items]
    return node


def _wrong(text: str, at: int, what: str) -> ValueError:
    return ValueError(f"line {text.count(chr(10), 0, at) + 1}: {what}")
