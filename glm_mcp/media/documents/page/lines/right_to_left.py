"""Pages in Arabic, Hebrew and their like, whose lines the parser takes apart at marks, brackets, numbers and letters that
lean. A second reader says them in their order.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from glm_mcp.media.documents.common.put_back import BREAKS, bare
from glm_mcp.media.documents.page.covered import Drawn
from glm_mcp.media.documents.page.letters import signs_of
from glm_mcp.media.documents.page.lines.as_drawn import ONE_GLYPH, Sign, in_order, is_as_drawn
from glm_mcp.media.documents.page.lines.sideways import SIDEWAYS

_SHARE = 0.5  # of a page's letters that run from right to left
_GAP = 0.9  # heights between the lines of two paragraphs
_FULL = 3  # heights from the left edge at most to where a line ends that goes on in the next
_TURNED = re.compile(r"(?<!\S)([)\]])(?=\S)|(?<=\S)([(\[])(?![^\s.,;:!?؟،؛)(])")
_AT_START = re.compile(r"^([.:;,!?]+)(?=[\u0590-\u08ff])(.*)$")  # a line begins with no mark
_BEFORE_NUMBER = re.compile(r"(?<!\S)([:;,،؛])(\d[\d/.,]*)(?!\S)")  # a mark that stands behind it
_BEFORE_LATIN = re.compile(r"(?<!\w)-(\d+)([A-Za-z]+)(?!\w)")  # of COVID-19
_OTHER = str.maketrans("()[]", ")(][")
_PIECE = re.compile(r"[^\s|](?:[^\n|]*[^\s|])?")  # a cell or a line
_FROM_THE_RIGHT = re.compile("[\u0590-\u08ff]")
_LENGTHS = 200  # of cells and lines of a page that are looked for; each takes a look at all words
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


def reordered(number: int, written: str, drawn: Drawn) -> str:
    """The text of a page by its number in paragraphs, given what the parser wrote of it; that itself on other pages. Where
    it has tables, these and what is around them with their words in order.
    """
    if not is_right_to_left(written):
        return written
    text = drawn.read_again(number, _paragraphs)
    ours, theirs = Counter(bare(text)), Counter(bare(written.replace(SIDEWAYS, "")))
    if (ours & theirs).total() < _MOST * theirs.total():
        return written
    return _pieces_in_order(written, text) if re.search(r"^\|", written, re.MULTILINE) else text


def _pieces_in_order(written: str, text: str) -> str:
    """What was written, each cell and line of it as the text has it, which has its letters side by side in their order."""
    places = [at for at, c in enumerate(text) if bare(c)]
    letters = "".join(bare(text[at]) for at in places)
    if len(letters) != len(places):  # a sign that stands for several letters
        return written
    sums = [0, *itertools.accumulate(map(_weight, letters))]
    # Of words; what is letters side by side begins none.
    begins = [not n or places[n] - places[n - 1] > 1 for n in range(len(places))] + [True]
    known: dict[int, defaultdict[int, list[int]]] = {}
    after = 0

    def in_order(piece: re.Match[str]) -> str:
        nonlocal after
        own = bare(piece[0])
        count = len(own)
        if not _FROM_THE_RIGHT.search(piece[0]) or (len(known) >= _LENGTHS and count not in known):
            return piece[0]
        if count not in known:
            known[count] = defaultdict(list)
            for n in range(len(letters) - count + 1):
                if begins[n] and begins[n + count]:
                    known[count][sums[n + count] - sums[n]].append(n)
        found = known[count][sum(map(_weight, own))]
        if not own or not found:
            return piece[0]
        at = next((n for n in found if n >= after), found[0])
        after = at + count
        start, end = places[at], places[after - 1] + 1
        while start and not (text[start - 1].isspace() or text[start - 1].isalnum()):
            start -= 1
        while end < len(text) and not (text[end].isspace() or text[end].isalnum()):
            end += 1
        return " ".join(text[start:end].split()).replace("|", "\\|")

    return _PIECE.sub(in_order, written)


@functools.cache
def _weight(letter: str) -> int:
    """So that the sum of some letters tells which they are."""
    return pow(31, ord(letter), (1 << 61) - 1)


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
    text = _BEFORE_NUMBER.sub(r"\2\1", "\n\n".join(map(_with_brackets, blocks)))
    return _BEFORE_LATIN.sub(r"\2-\1", text)


def _with_brackets(block: str) -> str:
    """Files of some programs have them in the shape that they have on the page: all, or some of them."""
    turned = block.translate(_OTHER)
    if not _is_closed(block) and _is_closed(turned):
        return turned
    return _TURNED.sub(lambda bracket: bracket[0].translate(_OTHER), block)


def _is_closed(text: str) -> bool:
    open_ = list(itertools.accumulate((c in "([") - (c in ")]") for c in text))
    return min(open_, default=0) >= 0 and open_[-1:] in ([], [0])


def _lines(said: Any) -> Iterator[_Line]:
    """Of a page as its reader goes over it."""
    import pypdfium2.raw as pdfium

    box, signs = pdfium.FS_RECTF(), signs_of(said)
    lines, start = list[tuple[int, int, dict[int, Sign]]](), 0
    for at, sign in enumerate([*signs, "\n"]):
        if sign not in BREAKS[:2]:
            continue
        own = dict[int, Sign]()
        for number in (n for n in range(start, at) if not signs[n].isspace()):
            pdfium.FPDFText_GetLooseCharBox(said, number, ctypes.byref(box))
            own[number] = Sign(signs[number], box.top, box.bottom, box.left, box.right)
        if own:
            lines.append((start, at, own))
        start = at + 1
    drawn = [[sign for sign in own.values() if sign.text not in BREAKS] for *_, own in lines]
    if is_as_drawn(drawn):
        for text, row in in_order(drawn):
            yield _line(text, row)
        return
    for start, at, own in lines:
        for _, group in itertools.groupby(own.items(), lambda one: one[1].place):
            # The reader turns them around where one glyph stands for them.
            numbers = [number for number, _ in group]
            turned = "".join(signs[number] for number in reversed(numbers))
            if turned in ONE_GLYPH:
                signs[numbers[0] : numbers[-1] + 1] = turned
        text = "".join(c for c in signs[start:at] if c not in BREAKS).strip()
        yield _line(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"), own.values())


def _line(text: str, own: Iterable[Sign]) -> _Line:
    tops, bottoms, lefts, _ = zip(*(sign.place for sign in own), strict=True)
    return _Line(_AT_START.sub(r"\2\1", text), max(tops), min(bottoms), min(lefts))
