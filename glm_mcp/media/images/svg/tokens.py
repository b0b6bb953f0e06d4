"""CSS tokens as tinycss2 gives them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinycss2 import ast, parse_component_value_list

Tokens = Sequence[Any]


class Unknown(Exception):
    """Something that cannot be made of this value: the declaration counts as not written."""


def significant(tokens: Tokens) -> list[Any]:
    return [t for t in tokens if t.type not in {"whitespace", "comment"}]


def parts(tokens: Tokens) -> list[list[Any]]:
    """Arguments between commas."""
    split: list[list[Any]] = [[]]
    for item in tokens:
        if item == ",":
            split.append([])
        else:
            split[-1].append(item)
    return split


def one(tokens: Tokens | str) -> Any:
    rest = significant(parsed(tokens) if isinstance(tokens, str) else tokens)
    if len(rest) != 1:
        raise Unknown
    return rest[0]


def parsed(text: str) -> list[Any]:
    return list(parse_component_value_list(text))


def function(name: str, arguments: list[Any]) -> Any:
    return ast.FunctionBlock(1, 1, name, arguments)
