"""Invoices, receipts and tickets of China and Taiwan: a printed form with values typed over it. As the page is laid
out a value stands beside its label; the parser breaks such a form into tables and code, and leaves out what lies over
its blanks.
"""

from __future__ import annotations

import math
import re
import statistics
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from glm_mcp.media.documents.page.text_layer import usual_letters

_LABEL = re.compile(
    "(发票代码|发票号码|票据代码|票据号码|开票日期|填开日期|校验码|验证码|机器编号|纳税人识别号|统一社会信用代码|开票人"
    "|收款人|复核人?|交款人|旅客姓名|填开单位|汇总单号|开票申请日期|备注|电子客票号码?|金额合计|發票號碼|隨機碼|統一編號|買方|賣方|總計)"
    "(?=[(（/:：])|(价税合计)"
)
_LABELS = 4  # that make it known
_MOST = 3_000  # letters of a page; a text about invoices may have more
# Down the margin.
_BESIDE = ("购买方信息", "销售方信息", "购买方", "销售方", "购货方", "销货方", "密码区", "备注", "其他信息")
_LOST = 0.03  # of the letters that the parser has, some of which it writes in its own way
_WIDEST = 200  # blanks
_SIDEWAYS = "[sideways text]"


@dataclass(slots=True)
class _Word:
    text: str
    left: float
    top: float
    right: float
    bottom: float

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2


def is_receipt(written: str) -> bool:
    bare = re.sub(r"[\s|*`]", "", written)
    return len(bare) < _MOST and len({a or b for a, b in _LABEL.findall(bare)}) >= _LABELS


def laid_out(drawn: Any, written: str) -> str:
    """The page in rows, given what the parser wrote of it; "" where the rows would have less."""
    words = list(_words(drawn))
    height = statistics.median([word.bottom - word.top for word in words for _ in word.text] or [1])
    _gather(words)
    left = min((word.left for word in words), default=0)
    text = usual_letters("\n".join(_line(row, max(height / 2, 1), left) for row in _rows(words)))
    upright, mark, sideways = written.partition(_SIDEWAYS)
    missing = Counter(filter(str.isalnum, upright)) - Counter(filter(str.isalnum, text))
    if missing.total() > _LOST * len(upright):
        return ""
    return "\n\n".join(filter(None, (f"```text\n{text}\n```", (mark + sideways).strip())))


def _words(drawn: Any) -> Iterator[_Word]:
    """What is level, in pieces without a gap; once each, though it be drawn twice for a bold face."""
    import pypdfium2.raw as pdfium

    said, seen = drawn.get_textpage(), set[tuple[str, int, int]]()
    word: _Word | None = None
    apart, box = True, pdfium.FS_RECTF()
    for at in range(min(said.count_chars(), 2 * _MOST)):
        letter = chr(pdfium.FPDFText_GetUnicode(said, at))
        if letter <= " " or letter.isspace():
            apart = True
            continue
        pdfium.FPDFText_GetLooseCharBox(said, at, box)
        place = letter, round(box.left / 2), round(box.top / 2)
        if place in seen or math.cos(pdfium.FPDFText_GetCharAngle(said, at)) < 0.999:
            continue
        seen.add(place)
        one = _Word(letter, box.left, -box.top, box.right, -box.bottom)
        size = one.bottom - one.top
        on = word and abs(word.middle - one.middle) < 0.2 * size and abs(one.left - word.right) < 0.2 * size
        if word and on and not apart:
            word.text, word.right = word.text + letter, one.right
        else:
            if word:
                yield word
            word = one
        apart = False
    if word:
        yield word


def _gather(words: list[_Word]) -> None:
    """Makes one word at its top of each label that is written down the margin."""
    single = sorted((word for word in words if len(word.text) == 1), key=lambda word: word.top)
    while single:
        first = single.pop(0)
        column = [w for w in single if abs(w.left - first.left) < 0.5 * (first.right - first.left)]
        down = first.text + "".join(word.text for word in column)
        label = next((label for label in _BESIDE if down.startswith(label)), "")
        for word in column[: len(label) - 1] if label else ():
            single.remove(word)
            words.remove(word)
        first.text = label or first.text


def _rows(words: list[_Word]) -> list[list[_Word]]:
    """From top to bottom; what is written down the margin in the row above it."""
    rows = list[list[_Word]]()
    for word in sorted(words, key=lambda word: word.middle):
        row = rows[-1] if rows else []
        size = min(w.bottom - w.top for w in (word, *row[-1:]))
        near = (1.5 if word.text in _BESIDE else 0.45) * size
        if row and word.middle - statistics.fmean(w.middle for w in row) < near:
            row.append(word)
        else:
            rows.append([word])
    return rows


def _line(row: list[_Word], half: float, left: float) -> str:
    """At least two blanks between what stands apart; `half`: the width of a narrow letter."""
    line, end, wide = "", left, 0
    for word in sorted(row, key=lambda word: word.left):
        blanks = round((word.left - left) / half) - wide
        gap = (word.left - end) / half
        blanks = min(max(blanks, 2), _WIDEST) if gap > 2 else int(abs(gap) > 0.4)
        line += " " * (blanks if line or gap > 2 else 0) + word.text
        wide += blanks + sum(1 + (c > "\u2e7f") for c in word.text)
        end = word.right
    return line
