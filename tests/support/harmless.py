"""Texts that act on a terminal or a reader, and the check that nothing does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mcp import types
from support.toolkit import text_of

# Colours, a title, a link, clear-screen, cursor moves, backspaces, a lone return, an 8-bit sequence, hidden letters,
# a turn of direction, and half a character.
ACTS = (
    "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\ \x1b[2J\x1bc"
    " over\rwritten ab\x08\x08 \x9b31m \x00 \U000e0049\U000e0047\U000e004e \u202egpj.exe\u202c \u2066\u2069"
)


HALF = "\udcff"  # of a file name that is no UTF-8


def harmless(text: str) -> bool:
    turns = {*range(0x202A, 0x202F), *range(0x2066, 0x206A)}
    return not any(
        (n < 32 and n not in {9, 10})
        or 127 <= n < 160
        or 0xE0000 <= n < 0xE0080
        or n in turns
        or 0xD800 <= n < 0xE000
        for n in map(ord, text)
    )


def all_strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from all_strings(key)
            yield from all_strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from all_strings(item)


def check(result: types.CallToolResult) -> str:
    for text in all_strings(result.model_dump(by_alias=True, exclude_none=True)):
        assert harmless(text), repr(text)
    return text_of(result)
