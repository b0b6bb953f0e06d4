"""Where the lines of a PDF page end: Chinese and Japanese, which the parser joins with blanks, takes for code where its
font is of one width, and whose last lines it takes for headings; and code, which it writes without its indentation.
"""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_WIDE = re.compile("[\u3001-\u30ff\u3400-\u9fff\uff01-\uff60]")
_FENCE = re.compile(r"^(```\w*)\n(.*?)\n```$", re.MULTILINE | re.DOTALL)
_BETWEEN_FENCES = re.compile(r"\n```\n\n```\w*\n")
_LONG = r"(?:[^\n\u3001-\u9fff]*[\u3001-\u9fff]){40}.*"  # a title of a thesis has some thirty
_HEADING = re.compile(rf"^#{{1,6}} (.*[。；，]|{_LONG})$", re.MULTILINE)
_LOOK_GOES_ON = re.compile(r"(?<=[^\s*|])(\*\*|\*) \1(?=[^\s*|])")  # bold or italic from one line to the next
_GAPS = (" ", "\n\n", *(f"\n\n{'#' * level} " for level in range(1, 7)))
_FULL = 12  # characters; shorter lines may be items of a list
_CONTEXT = 8
_MOST = 500  # lines of a page; a drawing may have more, and each is looked for
_INDENT = 3  # characters that the first line of a paragraph stands in, or the others of a list's item
_SCALED = 2  # points; what is smaller is drawn larger than the file says
_PITCH = 2.5  # heights of a line from one to the next at most


@dataclass(slots=True)
class _Line:
    text: str
    x: float
    y: float
    right: float
    height: float
    size: float  # of its letters, where the file says it


def with_line_breaks(page: Any, written: str) -> str:
    """The page's text, given what the parser wrote of it."""
    code = "```" in written
    written = written if code else _LOOK_GOES_ON.sub(" ", written)
    if not code and not _WIDE.search(written):
        return written
    lines = list(_lines(page.text_items))
    if code:
        lines_of: defaultdict[str, list[_Line]] = defaultdict(list)
        for line in lines:
            lines_of[_bare(line.text)].append(line)
        written = _BETWEEN_FENCES.sub("\n", written)
        written = _FENCE.sub(lambda fence: _block(fence[1], fence[2], lines_of), written)
    if len(lines) > _MOST:
        return written
    margin = max((line.right for line in lines if _is_full(line)), default=0)
    for line, after in itertools.pairwise(lines):
        if _is_broken(line, after):
            end, start = line.text[-_CONTEXT:], after.text[:_CONTEXT]
            at_margin, in_by = line.right > margin - 1.5 * line.height, (after.x - line.x) / line.height
            if in_by > (_INDENT if at_margin else 0.5):
                continue
            for gap in _GAPS if at_margin and in_by < 0.5 else _GAPS[:1]:
                written = written.replace(f"{end}{gap}{start}", end + start)
    return _HEADING.sub(r"\1", written)


def _lines(items: list[Any]) -> Iterator[_Line]:
    line: _Line | None = None
    for item in items:
        text = item.text.strip()
        if not text or round(item.rotation or 0) % 360:
            continue
        if line and abs(item.y - line.y) < 0.5 * line.height and 0 <= item.x - line.right + 1 < line.height:
            line.text, line.right = line.text + text, item.x + item.width
            continue
        if line:
            yield line
        line = _Line(text, item.x, item.y, item.x + item.width, item.height or 1, item.font_size or 0)
    if line:
        yield line


def _is_broken(line: _Line, after: _Line) -> bool:
    """Whether a text of these scripts goes on in the next line, without a blank."""
    return bool(
        _WIDE.match(line.text[-1])
        and line.text[-1] not in "。！？；："
        and _WIDE.match(after.text)
        and _is_full(line)
        and 0 < after.y - line.y < _PITCH * line.height
        and _are_alike(line, after)
        and line.x - after.x <= _INDENT * line.height
        and line.right > after.right - 1.5 * line.height
    )


def _are_alike(line: _Line, after: _Line) -> bool:
    """Whether they are equally high: one with a Latin letter may be a third higher than one without."""
    same = line.size > _SCALED and abs(line.size - after.size) < 0.05 * line.size
    return abs(line.height - after.height) < (0.5 if same else 0.2) * line.height


def _is_full(line: _Line) -> bool:
    return line.right - line.x >= _FULL * line.height


def _block(opening: str, inside: str, lines_of: dict[str, list[_Line]]) -> str:
    rows = inside.split("\n")
    if 2 * len(_WIDE.findall(inside)) > len(_bare(inside)):
        return "\n\n".join(rows)
    found = [lines_of[_bare(row)] for row in rows]
    known = [lines.pop(0) if lines else None for lines in found]
    left = min((line.x for line in known if line), default=0)
    return "\n".join((opening, *map(_indented, rows, known, itertools.repeat(left)), "```"))


def _indented(row: str, line: _Line | None, left: float) -> str:
    if not line or row[:1].isspace():
        return row
    wide = len(_WIDE.findall(line.text))
    one = (line.right - line.x) / (len(line.text) + wide)
    return " " * min(round((line.x - left) / one), 80) + row if one > 0 else row


def _bare(text: str) -> str:
    return re.sub(r"\s", "", text)
