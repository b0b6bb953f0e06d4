"""Pages in Arabic, Hebrew and their like, whose lines the parser takes apart at marks, brackets, numbers and letters that
lean. A second reader says them in their order.
"""

from __future__ import annotations

import ctypes
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from glm_mcp.media.documents.common.put_back import BREAKS, bare
from glm_mcp.media.documents.page.covered import Drawn, signs_of

_SHARE = 0.5  # of a page's letters that run from right to left
_GAP = 0.9  # heights between the lines of two paragraphs
_FULL = 3  # heights from the left edge at most to where a line ends that goes on in the next
_TURNED = re.compile(r"(?<!\S)([)\]])(?=\S)|(?<=\S)([(\[])(?![^\s.,;:!?؟،؛)(])")
_AT_START = re.compile(r"^([.:;,!?]+)(?=[\u0590-\u08ff])(.*)$")  # a line begins with no mark
_BEFORE_NUMBER = re.compile(r"(?<!\S)([:;,])(\d[\d/.,]*)(?!\S)")  # a mark that stands behind it
_OTHER = str.maketrans("()[]", ")(][")
_MOST = 0.95  # of the parser's letters, so that it can take the place of what that wrote


@dataclass(slots=True)
class _Line:
    text: str
    top: float  # in points from below
    bottom: float
    left: float


def is_right_to_left(text: str) -> bool:
    letters = {c: count for c, count in Counter(text).items() if c.isalpha()}
    there = sum(count for c, count in letters.items() if unicodedata.bidirectional(c) in ("R", "AL"))
    return there > _SHARE * sum(letters.values())


def reordered(page: Any, written: str, drawn: Drawn) -> str:
    """The page's text in paragraphs, given what the parser wrote of it; that itself on other pages and those with tables."""
    if not is_right_to_left(written) or re.search(r"^\|", written, re.MULTILINE):
        return written
    text = drawn.read_again(page.page_num, _paragraphs)
    ours, theirs = Counter(bare(text)), Counter(bare(written))
    if (ours & theirs).total() < _MOST * theirs.total():
        return written
    drawn.whole.add(page.page_num)
    return text


def _paragraphs(said: Any) -> str:
    blocks: list[str] = []
    before: _Line | None = None
    lines = list(_lines(said))
    edge = min((line.left for line in lines), default=0)
    for line in lines:
        high = line.top - line.bottom
        if before is not None and -1.5 * high < before.bottom - line.top < _GAP * high:
            blocks[-1] += (" " if before.left - edge < _FULL * high else "\n") + line.text
        else:
            blocks.append(line.text)
        before = line
    text = _BEFORE_NUMBER.sub(r"\2\1", "\n\n".join(blocks))
    # Brackets have the shape that they have on the page, in files of some programs.
    return _TURNED.sub(lambda bracket: bracket[0].translate(_OTHER), text)


def _lines(said: Any) -> Iterator[_Line]:
    """Of a page as its reader goes over it."""
    import pypdfium2.raw as pdfium

    box, signs = pdfium.FS_RECTF(), signs_of(said)
    start = 0
    for at, sign in enumerate([*signs, "\n"]):
        if sign not in BREAKS[:2]:
            continue
        text = "".join(c for c in signs[start:at] if c not in BREAKS).strip()
        if text:
            boxes = list[tuple[float, float, float]]()
            for number in (n for n in range(start, at) if not signs[n].isspace()):
                pdfium.FPDFText_GetLooseCharBox(said, number, ctypes.byref(box))
                boxes.append((box.top, box.bottom, box.left))
            top, bottom, left = max(b[0] for b in boxes), *(min(b[i] for b in boxes) for i in (1, 2))
            whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            yield _Line(_AT_START.sub(r"\2\1", whole), top, bottom, left)
        start = at + 1
