"""How many columns a text takes on a terminal, and where a line of it ends: a Chinese character takes two."""

from __future__ import annotations

import re
import unicodedata

from glm_mcp.text import plain

_WIDE = "\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6"
NEVER_FULL = 1_000_000  # columns where nothing is fitted
_CLOSING = "。，、；：！？）】》」』”’…"  # begins no line
_OPENING = "（《【「『"  # ends none
# Compiled where they are first used: a server fits no line, and would start 20 ms later.
# A blank, a word, or one character between which a line may end, with what must not stand apart from it.
TOKEN = rf"[^\S\n]+|[{_OPENING}]*(?:[{_WIDE}]|[^\s{_WIDE}]+)[{_CLOSING}]*"
# What a person copies stays in one line: code, commands, and the one folder of a system whose name has a blank.
_COMMANDS = r"(?:call|token)[ ]\w+|completion|connect|demo|doctor|install|key|list|models|serve|simulate"
_ARGUMENT = rf"-[\w-]*|[A-Z]+\b|[\w-]+=[^\s{_WIDE}]*|'[^']*'"
_COPIED = rf"""
    `[^`\n]+`
    |(?:\w+=\S+[ ])*[^\s{_WIDE}]*\bglm-mcp[ ](?:-[\w-]*|(?:{_COMMANDS})\b)(?:[ ](?:{_ARGUMENT}))*
    |(?:uv[ ]tool|pipx|pip)[ ]install[ ](?:'[^']*'|[^\s{_WIDE}]+)
    |(?:claude|codex|gemini)[ ]mcp[ ]\w+(?:[ ][\w-]+)?|export[ ]\w+=[^\s{_WIDE}]*
    |[^\s{_WIDE}]*/Application[ ]Support/[^\s{_WIDE}]*
"""
_UNIT = rf"[{_OPENING}]*(?:{_COPIED})[^\s{_WIDE}]*[{_CLOSING}]*|{TOKEN}"


def cells(text: str) -> int:
    """The columns that one line takes."""
    return len(text) if text.isascii() else sum(map(_cell, text))


def _cell(character: str) -> int:
    if unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def cut(text: str, columns: int) -> str:
    """The beginning that fits, with … where there was more."""
    if cells(text) <= columns:
        return text
    taken, room = 0, max(columns - 1, 0)
    for place, character in enumerate(text):
        taken += _cell(character)
        if taken > room:
            return text[:place] + "…" * (columns > 0)
    return text


def padded(text: str, columns: int) -> str:
    return text + " " * max(columns - cells(text), 0)


def wrapped(text: str, columns: int) -> list[str]:
    """One line as lines of at most so many columns. A word that is longer alone, such as a path, stays whole, and so does a
    command.
    """
    lines, line = [], ""
    for found in re.finditer(_UNIT, text, re.VERBOSE):
        token = found[0]
        if line.strip() and cells(line + token.rstrip()) > columns:
            lines.append(line.rstrip())
            line = ""
        if line or not token.isspace() or not lines:
            line += token
    return [*lines, line.rstrip()] if line.strip() or not lines else lines


def broken(text: str, columns: int) -> list[str]:
    """As `wrapped`, and a word that is too long is broken: for a cell of a table."""
    lines = []
    for line in wrapped(text, columns):
        rest = line
        while cells(rest) > columns:
            head = cut(rest, columns + 1).rstrip("…") or rest[0]
            lines.append(head)
            rest = rest[len(head) :]
        lines.append(rest)
    return lines


def paragraphs(text: str, columns: int, indent: str = "") -> str:
    """Lines fitted one by one; those that go on are indented as what they belong to. What a stranger called a folder acts
    on no terminal.
    """
    out = []
    for line in plain(text).splitlines():
        lead = LEAD.match(line)
        hanging = " " * cells(lead[0] if lead else "")
        room = columns - cells(indent)
        first, *rest = wrapped(line, room) or [""]
        out.append(indent + first)
        if rest:
            tail = line[len(first) :].strip()
            out += [indent + hanging + more for more in wrapped(tail, room - len(hanging))]
    return "\n".join(out)


LEAD = re.compile(r"\s*(?:(?:[-*+•✓✗→]|\d{1,3}[.)])\s+)?")  # blanks and the mark of a list's item
