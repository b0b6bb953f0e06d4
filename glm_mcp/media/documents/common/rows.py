"""Rows of the tables of a PDF page that the parser tore, or made one, as it does where no lines part them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_LINES, _LONGEST = 2_000, 200_000  # of a page with tables, and its characters
_OTHER_ORDER = re.compile("[\u0590-\u08ff\ufb1d-\ufdff]")  # from right to left
_WHOLE = 0.98  # of the letters; the parser leaves some out that were put back
_APART = re.compile(r" {2,}")
_AMOUNT = re.compile(r"[$€£¥(<-]?\s?-?\d[\d.,:]*[%)*]{0,4}")
_MONEY = re.compile(r" {2}\S?\S?\d[\d.,'\u2019]*[.,]\d\d\W?\s*(?:CR|DR)?\Z", re.IGNORECASE)
_LABEL = re.compile(r"[\w .'’#&/-]+[:：]")  # code has other signs
_ROWS, _FEW = 3, 2  # rows that make a table; letters and digits that make no row
_DIGIT = re.compile(r"\d")
_WIDEST = 240  # characters of a line
_SPAN = 6  # lines that may become one row
_RULE, _STAR = re.compile(r"\|(?: ?:?-{3,}:? ?\|)+"), re.compile(r"[*\\]")
_SENTENCE = 4  # blanks
_MOST = 500  # rows of a page that are looked for


@dataclass(slots=True)
class _Piece:
    """What stands apart in a line; in points."""

    text: str
    x: float
    y: float
    right: float
    height: float

    @property
    def middle(self) -> float:
        return self.y + self.height / 2


def in_rows(page: Any, written: str) -> str:
    """The page with rows of its tables apart that became one. It comes as it is laid out where these cannot be parted, or
    columns became one, or where most rows were torn: names first, and their numbers far below. Not where text in columns
    lies beside or below them, whose lines would mingle, or where the layout has another order.
    """
    laid_out = page.text.split("\n")
    if (
        len(laid_out) > _LINES
        or len(page.text) > _LONGEST
        or "```" in page.text
        or _OTHER_ORDER.search(page.text)
    ):
        return written
    parted, merged = _parted(written.split("\n"), laid_out)
    written = "\n".join(parted)
    rows = [cells for line in laid_out if (cells := _cells(line))][:_MOST]
    lines = [_solid(line) for line in parted[:_LINES]]
    torn = sum(not any(all(cell in line for cell in cells) for line in lines) for cells in rows)
    loose = _loose(laid_out, [one for one, line in zip(lines, parted, strict=False) if line[:1] != "|"])
    turned = sum(bool(item.rotation) for item in page.text_items) > len(page.text_items) / 10
    whole = torn < max(_ROWS, len(rows) / 2) and loose < _FEW and merged < max(_ROWS, len(laid_out) / 8)
    whole = whole and not _columns_in_one(parted, laid_out) and not _read_down(lines, laid_out)
    if sum(map(_is_two_texts, laid_out)) > _ROWS:
        return written
    if whole or turned or len(_solid(page.text)) < _WHOLE * len(_solid(written)):
        return written
    shown = _as_drawn(page.text_items)
    shown = shown if _letters(shown) == _letters(page.text) else page.text
    return "```text\n" + re.sub(r"\n{3,}", "\n\n", shown.strip("\n")) + "\n```"


def _in_lines(items: list[Any]) -> Iterator[Any]:
    """From left to right, line by line."""
    line = list[Any]()
    for item in sorted(items, key=lambda item: float(item.y + item.height / 2)):
        middle = item.y + item.height / 2
        if line and middle - (line[0].y + line[0].height / 2) > 0.5 * min(item.height, line[0].height):
            yield from sorted(line, key=lambda item: float(item.x))
            line = []
        line.append(item)
    yield from sorted(line, key=lambda item: float(item.x))


def _as_drawn(items: list[Any]) -> str:
    """The page's texts where they stand, amounts by where they end: so many characters a point that none needs more room
    than it has. The parser's own layout moves what has no neighbour. "" where lines would be too long, or lean.
    """
    pieces, before = list[_Piece](), None
    for item in _in_lines(items):
        last, text = pieces[-1] if pieces else None, item.text.strip()
        if last and abs(item.y - last.y) < 0.5 * last.height and -1 < item.x - last.right < 0.6 * last.height:
            last.text, last.right = f"{last.text} {text}", item.x + item.width
        elif text:
            pieces.append(_Piece(text, item.x, item.y, item.x + item.width, item.height or 1))
    scale = max((len(one.text) / max(one.right - one.x, 1) for one in pieces), default=0)
    left, right = min((one.x for one in pieces), default=0), max((one.right for one in pieces), default=0)
    if (right - left) * scale > _WIDEST or any(round(item.rotation or 0) % 360 for item in items):
        return ""
    out = list[str]()
    for one in pieces:
        down = one.middle - before.middle if before else 0
        if before is None or abs(down) > 0.5 * min(one.height, before.height):
            out += ["", ""] if before and down > 2 * before.height else [""]
        at = (
            round((one.right - left) * scale) - len(one.text)
            if _AMOUNT.fullmatch(one.text)
            else round((one.x - left) * scale)
        )
        out[-1] += " " * max(at - len(out[-1]), 2 if out[-1] else 0) + one.text
        before = one
    return "\n".join(out)


def _parted(lines: list[str], laid_out: list[str]) -> tuple[list[str], int]:
    """The lines with each row of a table by itself, and how many rows are still one with others."""
    known = {_solid(line) for line in laid_out}
    wanted = {_letters(line) for line in lines if line[:1] == "|" and _solid(line) not in known}
    spans = _spans([line for line in laid_out if _solid(line)], wanted) if wanted else {}
    out, merged, head = list[str](), 0, 0
    for line in lines:
        rows = spans.get(_letters(line), []) if line[:1] == "|" else []
        apart = _apart(line, rows)
        merged += 0 if apart else len(rows)
        if _RULE.fullmatch(line) and head > 1:  # below the head alone
            out[len(out) - head + 1 : len(out) - head + 1] = [line]
        else:
            out += apart or [line]
        head = len(apart)
    return out, merged


def _spans(laid_out: list[str], wanted: set[str]) -> dict[str, list[str]]:
    """Rows of the page that follow one another, the first of which may be a head, by all their letters in order, where
    these are a `wanted` row.
    """
    solid, rank = [_solid(line) for line in laid_out], [_rank(line) for line in laid_out]
    found = dict[str, list[str]]()
    for at in range(len(solid)):
        for end in range(at + 2, min(at + _SPAN, len(solid)) + 1):
            if not rank[at] or rank[end - 1] < 2:
                break
            if (key := _letters("".join(solid[at:end]))) in wanted:
                found[key] = laid_out[at:end]
    return found


def _letters(text: str) -> str:
    return "".join(sorted(_solid(text)))


def _read_down(lines: list[str], laid_out: list[str]) -> bool:
    """Whether names were written one after the other, and their values after them: a name has no digits, which two
    addresses side by side have.
    """
    parts = [[p for p in _APART.split(line.strip()) if _solid(p)] for line in laid_out if _solid(line)][
        :_MOST
    ]
    found = list[list[str]]()
    for one, other in itertools.pairwise(parts):
        if len(one) == len(other) == 2 and any(_solid(one[0] + other[0]) in line for line in lines):
            found.append(other)
    named = sum(not _DIGIT.search(name) for name, _ in found)
    return len(found) >= _ROWS and named == len(found) <= 2 * sum(
        bool(_DIGIT.search(value)) for _, value in found
    )


def _columns_in_one(lines: list[str], laid_out: list[str]) -> bool:
    """Whether two heads that stand apart are one cell above sums of money, as are those of what came in and went out; or
    sums are in one cell with what stands before them.
    """
    heads = {_solid(line): parts for line in laid_out if len(parts := _APART.split(line.strip())) > 2}
    for at in range(1, len(lines)):
        parts = (
            [_solid(part) for part in heads.get(_solid(lines[at - 1]), [])]
            if _RULE.fullmatch(lines[at])
            else []
        )
        pairs = {one + other for one, other in itertools.pairwise(parts) if one and other}
        columns = [n for n, cell in enumerate(lines[at - 1].split("|")) if _solid(cell) in pairs]
        rows = itertools.takewhile(lambda line: line.startswith("|"), lines[at + 1 :])
        if columns and any(_MONEY.search("  " + row.split("|")[n].strip()) for row in rows for n in columns):
            return True
    sums = [[_solid(part) for part in _APART.split(line.strip())] for line in _sums(laid_out)]
    cells = "|".join(_solid(cell) for line in lines if line.startswith("|") for cell in line.split("|"))
    return sum("".join(row[-2:]) in cells for row in sums) >= max(_ROWS, len(sums) / 2)


def _sums(laid_out: list[str]) -> list[str]:
    """The lines that end with a sum of money behind two other things and more."""
    money = [line for line in laid_out if _MONEY.search(line)]
    return [line for line in money if len([p for p in _APART.split(line.strip()) if _solid(p)]) > 2][:_MOST]


def _loose(laid_out: list[str], prose: list[str]) -> int:
    """How many rows that end with a sum of money are in lines of words, which do not say in which column it stood."""
    rows = [_solid(line) for line in _sums(laid_out)]
    return sum(any(row in line for line in prose) for row in rows)


def _apart(line: str, rows: list[str]) -> list[str]:
    """A row of a table as the `rows` of which it was made; [] where words of one could stand in either of two cells."""
    cells = [cell.split() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
    parts = [[part.split() for part in _APART.split(row.strip())] for row in rows]
    forth = _shared(cells, parts, 1)
    # The second line of a head has no sum in it, and often no name in front.
    is_head = bool(rows) and _rank(rows[0]) < 2 and not _MONEY.search(rows[-1])
    if not forth or (is_head and not all(row[0] for row in forth)) or forth != _shared(cells, parts, -1):
        return []
    if any(_goes_on(one, other) for one, other in itertools.pairwise(forth[_rank(rows[0]) < 2 :])):
        return []
    return ["| " + " | ".join(" ".join(words) for words in row) + " |" for row in forth]


def _goes_on(row: list[list[str]], below: list[list[str]]) -> bool:
    """Whether what is below is the rest of the row's texts: it has no name, and its numbers stand under words, as does the
    postal code of an address.
    """
    numbers = [at for at, words in enumerate(below) if words and _AMOUNT.fullmatch(" ".join(words))]
    under = [" ".join(row[at]) for at in numbers]
    return not below[0] and bool(under) and all(words and not _AMOUNT.fullmatch(words) for words in under)


def _shared(cells: list[list[str]], rows: list[list[list[str]]], way: int) -> list[list[list[str]]]:
    """The words of the cells for each of the rows, whose parts go into the first cell that fits (1) or the last (-1)."""
    left, out = [list(cell) for cell in cells], list[list[list[str]]]()
    for row in rows:
        parts, taken = row[::way], [list[str]() for _ in cells]
        for at in range(len(cells))[::way]:
            count = len(parts[0]) if parts else 0
            if count and [_STAR.sub("", word) for word in left[at][:count]] == [
                _STAR.sub("", word) for word in parts[0]
            ]:
                taken[at], left[at], parts = left[at][:count], left[at][count:], parts[1:]
        if parts:
            return []
        out.append(taken)
    return [] if any(left) else out


def _is_two_texts(line: str) -> bool:
    return len([part for part in _APART.split(line) if part.count(" ") >= _SENTENCE]) > 1


def _cells(line: str) -> list[str]:
    """What stands apart in a line that begins with words and has amounts behind them; [] of another."""
    parts = [part for part in _APART.split(line.strip()) if part]
    amounts = [part for part in parts[1:] if _AMOUNT.fullmatch(part)]
    # That of a page or a formula is none.
    alone = len(amounts) == len(parts) - 1 == 1 and len(_solid(amounts[0])) > _FEW
    labelled = len(parts) == 2 and _LABEL.fullmatch(parts[0])
    is_row = (len(amounts) > 1 or alone or labelled) and sum(map(str.isalpha, parts[0])) > _FEW
    return [solid for part in parts if (solid := _solid(part))] if is_row else []


def _rank(line: str) -> int:
    """2 for what has an amount behind something else, 1 for another line of three parts and more, as a head, else 0."""
    parts = [part for part in _APART.split(line.strip()) if _solid(part)]
    return 2 if any(map(_AMOUNT.fullmatch, parts[1:])) else int(len(parts) > 2)


def _solid(text: str) -> str:
    return re.sub(r"[\W_]", "", text)
