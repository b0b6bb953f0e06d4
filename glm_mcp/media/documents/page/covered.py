"""Text that the parser leaves out because other text is drawn over it: it takes two that overlap for copies and keeps one.
So go a label under the value that was typed onto its line, an amount under a stamp, words above dots of emphasis. And
lines of words that it drops with a formula in them or a letter that it cannot read.
"""

from __future__ import annotations

import itertools
import logging
import re
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from glm_mcp.media.documents.common.put_back import bare, folded, put, solid
from glm_mcp.media.documents.fixed.receipt import is_receipt, laid_out
from glm_mcp.media.documents.page.letters import Box, Letter, letters_of, runs_of, signs_of, words_of
from glm_mcp.media.documents.page.pdfium import opened

_NEAR = 3  # points between what two readers say of one place
_CELL = 8  # points of the grid in which places are looked up
_SHARE = 0.1  # of a text that another covers at the least; the parser drops one from some 0.2 on
_COPY = 0.8  # of three letters each, that a copy has in common with its original
_INK = 40  # of 255 levels between the darkest and the lightest point of a letter that is seen
_SCALE = 2.0  # pixels a point
_SIDE = 4_000  # pixels of a page at most
# Of a text for which the parser has nothing at all where it stands; a formula has none.
_WORD = re.compile(r"(?<!\S)[^\W\d_]{3,}(?![^\s.,;:)])|[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{3}")
_WORDS = 3
_SHORT = 4  # letters that may stand anywhere
_RUNS = 500  # of a page
_SECONDS = 10.0  # of work on one document: a drawing may take any time
_AT_ONCE = 10  # pages of a file too large for the memory: it holds the pictures of all that were opened
_MOST = 20_000  # characters of a page; a drawing may have more, and takes a second then
_FORMULA = re.compile(r"\$[^$]*[\\^_{=][^$]*\$")  # as the parser writes one; an amount in dollars is none
_EDGE, _FAR = 0.08, 0.2  # of a page's height
_REPEATED = re.compile(r"(\S.{2,99}?)(?:\s+\1){2,}")  # as one hides what it translated


class _Item(NamedTuple):
    """A text of the parser's, whose own are slow to look into."""

    text: str
    x: float
    y: float
    right: float
    bottom: float


_log = logging.getLogger(__name__)


class Drawn:
    """A document's pages as they are drawn, opened when the first is asked for."""

    def __init__(self, data: bytes | str, password: str | None) -> None:
        self._source = data, password
        self._document: Any = None
        self._opened = 0  # pages of it
        self._seconds = _SECONDS
        self._one_at_once = threading.Lock()  # the second reader takes no calls of two threads
        self.notes: list[str] = []

    def with_covered(self, page: Any, written: str, side: int) -> str:
        """What was `written` of the parser's `page`, with the text that it left out where that belongs. `side`: degrees by
        which the parser turned the page back.
        """
        if not page.text_items:
            return written
        if self._seconds <= 0:
            said = "on text below other text was not looked for: it took too long"
            self.notes = self.notes or [f"from page {page.page_num} {said}"]
            return written
        with self._one_at_once:
            return self._with_covered(page, written, side)

    def _with_covered(self, page: Any, written: str, side: int) -> str:
        started, done = time.thread_time(), 0
        try:
            rows = self._rows(page.page_num, written) if not side and is_receipt(written) else ""
            for before, text, after in () if rows else self._left_out(page, side):
                written, done = put(written, before, text, after, done)
            written = rows or written
        except Exception:  # noqa: BLE001 - what was written is the page without it
            _log.debug("page %s was not read again: its second reader failed on it", page.page_num)
        self._seconds -= time.thread_time() - started
        return written

    def read_again(self, number: int, reader: Callable[[Any], str]) -> str:
        """What `reader` makes of the page's text; "" where it cannot be read again."""
        import pypdfium2

        try:
            with self._one_at_once:
                drawn = self._page(number)
                text = reader(drawn.get_textpage())
                drawn.close()
        except pypdfium2.PdfiumError:
            return ""
        return text

    def _left_out(self, page: Any, side: int) -> list[tuple[str, str, str]]:
        drawn = self._page(page.page_num)
        drawn.set_rotation((drawn.get_rotation() - side) % 360)
        try:
            return list(_left_out(drawn, page.text_items))
        finally:
            drawn.close()

    def _rows(self, number: int, written: str) -> str:
        drawn = self._page(number)
        try:
            return laid_out(drawn, written)
        finally:
            drawn.close()

    def _page(self, number: int) -> Any:
        if self._opened == _AT_ONCE and isinstance(self._source[0], str):
            self._document.close()
            self._document, self._opened = None, 0
        if self._document is None:
            self._document = opened(*self._source)
        self._opened += 1
        return self._document[number - 1]


def _left_out(drawn: Any, texts: list[Any]) -> Iterator[tuple[str, str, str]]:
    """Each text that the parser has not in its own `texts`, with what stands before and after it."""
    said = drawn.get_textpage()
    if not 0 < said.count_chars() < _MOST:
        return
    held, whole = " ".join(one.text for one in texts), said.get_text_range()
    # The first looks are the quick ones: most pages have all.
    if (ours := folded(held)) == (theirs := folded(whole)) or not Counter(theirs) - Counter(ours):
        return
    if not Counter(bare(whole)) - Counter(bare(held)):
        return
    items, known = [_item(one) for one in texts], bare(held)
    signs = signs_of(said)
    letters = letters_of(drawn, said, signs, known, Counter(whole.split()) - Counter(held.split()))
    if not _mark_kept(letters, items):
        return
    scale = min(_SCALE, _SIDE / max(drawn.get_size()))
    shown: Any = None
    for run in itertools.islice(runs_of(letters), _RUNS):
        left, top = min(c.left for c in run), min(c.top for c in run)
        box = left, top, max(c.right for c in run), max(c.bottom for c in run)
        beside = [item for item in items if item.y < box[3] and item.bottom > box[1]]
        over = [item for item in beside if _covers(item, box)]
        own, line = "".join(c.text for c in run), "".join(item.text for item in beside)
        # One that stands alone; a nought may be the prime of a formula.
        alone = own.isdigit() and "".join(signs[max(0, run[0].at - 1) : run[-1].at + 2]).strip() == own != "0"
        lost = not over and (
            _is_within(items, box, drawn.get_height())
            if alone
            else len(_WORD.findall("".join(signs[run[0].at : run[-1].at + 1]))) >= _WORDS
            and bare(own) not in known
        )
        if not (over or lost) or _is_copy(bare(own), bare(line)):
            continue
        shown = shown or drawn.render(scale=scale, grayscale=True).to_pil()
        if _is_seen(run, over, shown, scale):
            start, end = run[0].at, run[-1].at + 1
            while start and signs[start - 1].isspace():
                start -= 1
            text = "".join(signs[start:end]).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            yield "".join(signs[:start]), _REPEATED.sub(r"\1", text), "".join(signs[end:])


def _is_within(items: list[_Item], box: tuple[float, float, float, float], height: float) -> bool:
    """Whether a line is nowhere where a page has its number: far from the edges, or nearer with others above and below."""
    edge = min(box[1], height - box[3]) / height
    between = any(item.bottom <= box[1] for item in items) and any(item.y >= box[3] for item in items)
    return edge > (_EDGE if between else _FAR)


def _item(one: Any) -> _Item:
    return _Item(one.text, one.x, one.y, one.x + one.width, one.y + one.height)


def _mark_kept(letters: list[Letter], items: list[_Item]) -> bool:
    """Marks the letters that an item has; False where the two readers do not agree on the places of most."""
    text = "".join(c.text for c in letters)
    cells: defaultdict[int, defaultdict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for at, c in enumerate(letters):
        cells[int((c.top + c.bottom) / 2 // _CELL)][int(c.left // _CELL)].append(at)
    others, agree = list[tuple[_Item, Counter[str]]](), 0
    for item in items:
        own = solid(item.text)
        x, y, down = (int(v // _CELL) for v in (item.x, item.y - _NEAR, item.bottom + _NEAR))
        rows = [cells[row] for row in range(y, min(down, y + 20) + 1) if row in cells]
        around = (at for row in rows for column in (x - 1, x, x + 1) for at in row.get(column, ()))
        near = [at for at in around if item.y < (letters[at].top + letters[at].bottom) / 2 < item.bottom]
        if not own or not near:  # it stands in lines that are known
            continue
        found = next((at for at in near if not letters[at].kept and text.startswith(own, at)), None)
        if found is None:
            others.append((item, Counter(own)))
            agree -= len(own) > _SHORT and own in text
            continue
        agree += 1
        for c in letters[found : found + len(own)]:
            c.kept = True
    # Those that the parser wrote in its own way, such as formulas, a word at a time.
    left = [c for c in letters if not c.kept]
    if agree < 0 or len(left) * len(others) > 50 * _MOST:
        return False
    for word in words_of(left):
        wanted = Counter(c.text for c in word if c.text.isalnum())
        across, middle = (word[0].left + word[-1].right) / 2, (word[0].top + word[0].bottom) / 2
        for item, has in others:
            if wanted and _holds(item, across, middle) and wanted <= has:
                has.subtract(wanted)
                for c in word:
                    c.kept = True
                break
    return True


def _holds(item: _Item, x: float, y: float) -> bool:
    return item.x - _NEAR <= x <= item.right + _NEAR and item.y - _NEAR <= y <= item.bottom + _NEAR


def _covers(item: _Item, box: Box) -> bool:
    """Whether an item lies on a good part of the box. A formula that the parser wrote as one has its letters as names."""
    width = min(item.right, box[2]) - max(item.x, box[0])
    height = min(item.bottom, box[3]) - max(item.y, box[1])
    area = max((box[2] - box[0]) * (box[3] - box[1]), 1)
    return width > 0 and height > 0 and width * height > _SHARE * area and not _FORMULA.search(item.text)


def _is_copy(own: str, beside: str) -> bool:
    """Whether all but a little of a text stands in its line already: a bold face drawn twice, two layers of one page."""
    if own in beside:
        return True
    threes = {beside[i : i + 3] for i in range(len(beside) - 2)}
    pieces = [own[i : i + 3] for i in range(len(own) - 2)]
    return bool(pieces) and sum(piece in threes for piece in pieces) >= _COPY * len(pieces)


def _is_seen(run: list[Letter], over: list[_Item], shown: Any, scale: float) -> bool:
    """Whether its letters are drawn: not outside a frame, under a bar, white on white. Of those below others that cannot
    be told.
    """
    free = [
        c
        for c in run
        if not any(_holds(item, (c.left + c.right) / 2, (c.top + c.bottom) / 2) for item in over)
    ]
    seen = 0
    for c in free:
        left, top = max(0, int(c.left * scale)), max(0, int(c.top * scale))
        right, bottom = (
            min(shown.width, int(c.right * scale) + 1),
            min(shown.height, int(c.bottom * scale) + 1),
        )
        if left < right and top < bottom:
            dark, light = shown.crop((left, top, right, bottom)).getextrema()
            seen += light - dark > _INK
    return 2 * seen >= len(free)
