"""The paragraphs of a shape on a slide as lines: items of lists, and code and columns as they are set."""

from __future__ import annotations

import re
from collections.abc import Sequence

_TAB = 4  # blanks that a tab at the start of a line stands for
_SET_IN = 4  # blanks before an item's words that are meant; fewer come from how it was typed
DEEPEST = 8  # level of a paragraph, in all programs
_COLUMNS = re.compile(r"\t| {3}")
_ITEM = re.compile(r"\s*(?:-|\S{1,8}[.)]) ")


def shape_lines(paragraphs: Sequence[tuple[int, str, str]], *, gap: str = "\n\n") -> str:
    """Of paragraphs with their levels and marks: `- ` or a number before items; what has no mark keeps its indentation as
    far as its lines differ in it. Line breaks stay. `gap`: between paragraphs that are neither.
    """
    written = [(min(level, DEEPEST), mark, _set(text)) for level, mark, text in paragraphs]
    loose = [line for _, mark, lines in written if not mark for line in lines if line]
    margin = min(map(_indent, loose), default=0)
    out = []
    for level, mark, lines in written:
        if mark:
            first = lines[0] if _indent(lines[0]) >= _SET_IN else lines[0].lstrip()
            before = "  " * level
            out.append("\n".join([f"{before}{mark} {first}", *(f"{before}  {line}" for line in lines[1:])]))
        else:
            out.append("\n".join("  " * level + line[margin:] if line else "" for line in lines))
    is_close = any(map(_ITEM.match, out)) or any(_indent(line) > margin for line in loose)
    return ("\n" if is_close else gap).join(out)


def _set(text: str) -> list[str]:
    """Its lines; two blanks are one but where there are columns."""
    lines: list[str] = []
    for line in text.replace("\xa0", " ").strip("\n").split("\n"):
        words = line.strip()
        if words or (lines and lines[-1]):
            start = line[: line.index(words)].expandtabs(_TAB) if words else ""
            lines.append(start + (words if _COLUMNS.search(words) else " ".join(words.split())))
    return lines


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
