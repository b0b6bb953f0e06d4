"""Rows of the tables of a PDF page that the parser tore, or made one, as it does where no lines part them."""

from __future__ import annotations

import itertools
import re
from typing import Any

from glm_mcp.media.documents.common.page_text import as_drawn
from glm_mcp.media.documents.common.parted_rows import RULE, parted
from glm_mcp.media.documents.common.row_parts import AMOUNT, APART, MONEY, letters, parts_of, solid

_LINES, _LONGEST = 2_000, 200_000  # of a page with tables, and its characters
_OTHER_ORDER = re.compile("[\u0590-\u08ff\ufb1d-\ufdff]")  # from right to left
_WHOLE = 0.98  # of the letters; the parser leaves some out that were put back
_LABEL = re.compile(r"[\w .'’#&/-]+[:：]")  # code has other signs
_ROWS, _FEW = 3, 2  # rows that make a table; letters and digits that make no row
_DIGIT = re.compile(r"\d")
_SENTENCE = 4  # blanks
_MOST = 500  # rows of a page that are looked for


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
    lines, merged = parted(written.split("\n"), laid_out)
    written = "\n".join(lines)
    turned = sum(bool(item.rotation) for item in page.text_items) > len(page.text_items) / 10
    if (
        (merged < max(_ROWS, len(laid_out) / 8) and not _is_torn(lines, laid_out))
        or sum(map(_is_two_texts, laid_out)) > _ROWS
        or turned
        or len(solid(page.text)) < _WHOLE * len(solid(written))
    ):
        return written
    shown = as_drawn(page.text_items)
    shown = shown if letters(shown) == letters(page.text) else page.text
    return "```text\n" + re.sub(r"\n{3,}", "\n\n", shown.strip("\n")) + "\n```"


def _is_torn(lines: list[str], laid_out: list[str]) -> bool:
    """Whether rows of the page are not to be found as rows in what was written of it."""
    rows = [cells for line in laid_out if (cells := _cells(line))][:_MOST]
    bare = [solid(line) for line in lines[:_LINES]]
    torn = sum(not any(all(cell in line for cell in cells) for line in bare) for cells in rows)
    prose = [one for one, line in zip(bare, lines, strict=False) if line[:1] != "|"]
    return (
        torn >= max(_ROWS, len(rows) / 2)
        or _loose(laid_out, prose) >= _FEW
        or _columns_in_one(lines, laid_out)
        or _read_down(bare, laid_out)
    )


def _read_down(lines: list[str], laid_out: list[str]) -> bool:
    """Whether names were written one after the other, and their values after them: a name has no digits, which two
    addresses side by side have.
    """
    parts = [parts_of(line) for line in laid_out if solid(line)][:_MOST]
    found = list[list[str]]()
    for one, other in itertools.pairwise(parts):
        if len(one) == len(other) == 2 and any(solid(one[0] + other[0]) in line for line in lines):
            found.append(other)
    named = sum(not _DIGIT.search(name) for name, _ in found)
    return len(found) >= _ROWS and named == len(found) <= 2 * sum(
        bool(_DIGIT.search(value)) for _, value in found
    )


def _columns_in_one(lines: list[str], laid_out: list[str]) -> bool:
    """Whether two heads that stand apart are one cell above sums of money, as are those of what came in and went out; or
    sums are in one cell with what stands before them.
    """
    heads = {solid(line): parts for line in laid_out if len(parts := APART.split(line.strip())) > 2}
    for at in range(1, len(lines)):
        head = heads.get(solid(lines[at - 1]), []) if RULE.fullmatch(lines[at]) else []
        parts = [solid(part) for part in head]
        pairs = {one + other for one, other in itertools.pairwise(parts) if one and other}
        columns = [n for n, cell in enumerate(lines[at - 1].split("|")) if solid(cell) in pairs]
        rows = itertools.takewhile(lambda line: line.startswith("|"), lines[at + 1 :])
        # A row may have fewer cells than its head.
        cells_below = (cell for row in rows for n in columns for cell in row.split("|")[n : n + 1])
        if any(MONEY.search("  " + cell.strip()) for cell in cells_below):
            return True
    sums = [[solid(part) for part in APART.split(line.strip())] for line in _sums(laid_out)]
    cells = "|".join(solid(cell) for line in lines if line.startswith("|") for cell in line.split("|"))
    return sum("".join(row[-2:]) in cells for row in sums) >= max(_ROWS, len(sums) / 2)


def _sums(laid_out: list[str]) -> list[str]:
    """The lines that end with a sum of money behind two other things and more."""
    money = [line for line in laid_out if MONEY.search(line)]
    return [line for line in money if len(parts_of(line)) > 2][:_MOST]


def _loose(laid_out: list[str], prose: list[str]) -> int:
    """How many rows that end with a sum of money are in lines of words, which do not say in which column it stood."""
    rows = [solid(line) for line in _sums(laid_out)]
    return sum(any(row in line for line in prose) for row in rows)


def _is_two_texts(line: str) -> bool:
    return len([part for part in APART.split(line) if part.count(" ") >= _SENTENCE]) > 1


def _cells(line: str) -> list[str]:
    """What stands apart in a line that begins with words and has amounts behind them; [] of another."""
    parts = [part for part in APART.split(line.strip()) if part]
    amounts = [part for part in parts[1:] if AMOUNT.fullmatch(part)]
    # That of a page or a formula is none.
    alone = len(amounts) == len(parts) - 1 == 1 and len(solid(amounts[0])) > _FEW
    labelled = len(parts) == 2 and _LABEL.fullmatch(parts[0])
    is_row = (len(amounts) > 1 or alone or labelled) and sum(map(str.isalpha, parts[0])) > _FEW
    return [bare for part in parts if (bare := solid(part))] if is_row else []
