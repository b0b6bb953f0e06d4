"""Rows of a table of a PDF page that the parser made one, as it does where no lines part them: one by one."""

from __future__ import annotations

import itertools
import re

from glm_mcp.media.documents.common.row_parts import AMOUNT, APART, MONEY, letters, rank, solid

_SPAN = 6  # lines that may become one row
RULE = re.compile(r"\|(?: ?:?-{3,}:? ?\|)+")  # below the head of a table
_STAR = re.compile(r"[*\\]")


def parted(lines: list[str], laid_out: list[str]) -> tuple[list[str], int]:
    """The lines with each row of a table by itself, and how many rows are still one with others."""
    known = {solid(line) for line in laid_out}
    wanted = {letters(line) for line in lines if line[:1] == "|" and solid(line) not in known}
    spans = _spans([line for line in laid_out if solid(line)], wanted) if wanted else {}
    out, merged, head = list[str](), 0, 0
    for line in lines:
        rows = spans.get(letters(line), []) if line[:1] == "|" else []
        apart = _apart(line, rows)
        merged += 0 if apart else len(rows)
        if RULE.fullmatch(line) and head > 1:  # below the head alone
            out[len(out) - head + 1 : len(out) - head + 1] = [line]
        else:
            out += apart or [line]
        head = len(apart)
    return out, merged


def _spans(laid_out: list[str], wanted: set[str]) -> dict[str, list[str]]:
    """Rows of the page that follow one another, the first of which may be a head, by all their letters in order, where
    these are a `wanted` row.
    """
    bare, ranks = [solid(line) for line in laid_out], [rank(line) for line in laid_out]
    found = dict[str, list[str]]()
    for at in range(len(bare)):
        for end in range(at + 2, min(at + _SPAN, len(bare)) + 1):
            if not ranks[at] or ranks[end - 1] < 2:
                break
            if (key := letters("".join(bare[at:end]))) in wanted:
                found[key] = laid_out[at:end]
    return found


def _apart(line: str, rows: list[str]) -> list[str]:
    """A row of a table as the `rows` of which it was made; [] where words of one could stand in either of two cells."""
    cells = [cell.split() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
    parts = [[part.split() for part in APART.split(row.strip())] for row in rows]
    forth = _shared(cells, parts, 1)
    # The second line of a head has no sum in it, and often no name in front.
    is_head = bool(rows) and rank(rows[0]) < 2 and not MONEY.search(rows[-1])
    if not forth or (is_head and not all(row[0] for row in forth)) or forth != _shared(cells, parts, -1):
        return []
    if any(_goes_on(one, other) for one, other in itertools.pairwise(forth[rank(rows[0]) < 2 :])):
        return []
    return ["| " + " | ".join(" ".join(words) for words in row) + " |" for row in forth]


def _goes_on(row: list[list[str]], below: list[list[str]]) -> bool:
    """Whether what is below is the rest of the row's texts: it has no name, and its numbers stand under words, as does the
    postal code of an address.
    """
    numbers = [at for at, words in enumerate(below) if words and AMOUNT.fullmatch(" ".join(words))]
    under = [" ".join(row[at]) for at in numbers]
    return not below[0] and bool(under) and all(words and not AMOUNT.fullmatch(words) for words in under)


def _shared(cells: list[list[str]], rows: list[list[list[str]]], way: int) -> list[list[list[str]]]:
    """The words of the cells for each of the rows, whose parts go into the first cell that fits (1) or the last (-1)."""
    left, out = [list(cell) for cell in cells], list[list[list[str]]]()
    for row in rows:
        parts, taken = row[::way], [list[str]() for _ in cells]
        for at in range(len(cells))[::way]:
            count = len(parts[0]) if parts else 0
            if count and _bare(left[at][:count]) == _bare(parts[0]):
                taken[at], left[at], parts = left[at][:count], left[at][count:], parts[1:]
        if parts:
            return []
        out.append(taken)
    return [] if any(left) else out


def _bare(words: list[str]) -> list[str]:
    return [_STAR.sub("", word) for word in words]
