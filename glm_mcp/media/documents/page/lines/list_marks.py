"""Numbers and letters of a list's entries that stand apart, as Word puts them: the parser takes them for a column of
their own and writes them one after the other, above the entries or far from them.
"""

from __future__ import annotations

import itertools
import re
from typing import Any

_BULLETS = "•●■◆▪➢✓❖"
_NUMBER = r"\d{1,3}|[A-Za-z]|[ivx]{2,5}|[IVX]{2,5}|[一二三四五六七八九十]{1,3}"
_MARK = re.compile(rf"(?:[(（\[]?(?:{_NUMBER})[.、．)）\]]|[①-⑳{_BULLETS}])(?!\S)")
_ALONE = re.compile(rf"^(?:{_MARK.pattern}[ \t]*)+$", re.MULTILINE)
_BETWEEN = r"[\s\\*_]*"  # of two letters of an entry: what Markdown has there
_LOOK = r"(?<![\w|\\*])[\\*_]*"  # in front of the first, which begins a word
_LETTER = re.compile(r"[^\s\\*_]")  # none of those: blanks to fill in would be looked for without end
_ENTRY, _FEW = 12, 3  # letters by which an entry is found, and with fewer of which it is not looked for
_APART = 4  # heights of a mark, from it to its entry at most
_MARKS, _ITEMS, _LONGEST = 200, 4_000, 100_000  # of a page that is looked through, and its characters


def with_list_marks(page: Any, written: str) -> str:
    """The page with such marks in front of their entries, as they stand on it. One alone, or whose entry is not found,
    stays where it is.
    """
    marks = [
        (line.start() + m.start(), m[0]) for line in _ALONE.finditer(written) for m in _MARK.finditer(line[0])
    ]
    # One that comes twice in a row is a piece of a formula.
    twice = {
        start
        for one, other in itertools.pairwise(marks)
        if one[1] == other[1]
        for start in (one[0], other[0])
    }
    marks = [(start, mark) for start, mark in marks if start not in twice or mark in _BULLETS]
    if not 1 < len(marks) <= _MARKS or len(page.text_items) > _ITEMS or len(written) > _LONGEST:
        return written
    items, wanted = page.text_items, {mark for _, mark in marks}
    alike = itertools.islice((item for item in items if item.text.strip() in wanted), 2 * _MARKS)
    beside = [(item.text.strip(), entry) for item in alike if (entry := _entry(item, items))]
    changes = list[tuple[int, int, str]]()  # from, to, what stands there instead
    at = 0
    for start, mark in marks:
        for n in [n for n, (text, _) in enumerate(beside) if text == mark]:
            entry = beside[n][1]
            if found := _place(written, mark, entry, at):
                beside[n] = ("", entry)
                at, gap = found
                changes += [(start, start + len(mark), ""), (at, at, f"{gap}{mark} ")]
                break
    if not changes:
        return written
    for start, end, text in sorted(changes, reverse=True):
        written = written[:start] + text + written[end:]
    return re.sub(r"\n(?:[ \t]*\n){2,}", "\n\n", re.sub(r"(?<![ \t])[ \t]+(?=\n|\Z)", "", written)).strip()


def _entry(mark: Any, items: list[Any]) -> str:
    """The first letters of what stands beside it on its line; "" where nothing stands there."""
    middle, end = mark.y + mark.height / 2, mark.x + mark.width
    row = sorted(
        (item.x, item.text)
        for item in items
        if item.x >= end - 1
        and abs(item.y + item.height / 2 - middle) < mark.height / 2
        and item.text.strip()
    )
    if not row or row[0][0] - end > _APART * mark.height:
        return ""
    letters = "".join(letter for _, text in row for letter in _LETTER.findall(text))[:_ENTRY]
    return letters if len(letters) >= _FEW else ""


def _place(written: str, mark: str, entry: str, at: int) -> tuple[int, str] | None:
    """Where the entry begins, the first behind `at`, and what parts it from what stands before; None where the mark is there
    already, in a table and in code.
    """
    found = re.compile(_LOOK + _BETWEEN.join(map(re.escape, entry))).search(written, at)
    if not found:
        return None
    before = written[: found.start()]
    line = before[before.rfind("\n") + 1 :]
    if line.startswith("|") or before.count("```") % 2 or before.rstrip().endswith(mark):
        return None
    return found.start(), "" if re.fullmatch(r"(?:#{1,6} |[-*] )?", line) else "\n\n"
