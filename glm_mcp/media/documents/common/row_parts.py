"""What stands apart in a line of a page as it is laid out: words, amounts, sums of money."""

from __future__ import annotations

import re

_GAPS = re.compile(r"[\W_]+")
APART = re.compile(r" {2,}")
AMOUNT = re.compile(r"[$€£¥(<-]?\s?-?\d[\d.,:]*[%)*]{0,4}")
MONEY = re.compile(r" {2}\S?\S?\d[\d.,'\u2019]*[.,]\d\d\W?\s*(?:CR|DR)?\Z", re.IGNORECASE)  # ends a line


def parts_of(line: str) -> list[str]:
    """What stands apart in it and has letters or digits."""
    return [part for part in APART.split(line.strip()) if solid(part)]


def rank(line: str) -> int:
    """2 for what has an amount behind something else, 1 for another line of three parts and more, as a head, else 0."""
    parts = parts_of(line)
    return 2 if any(map(AMOUNT.fullmatch, parts[1:])) else int(len(parts) > 2)


def solid(text: str) -> str:
    return text if text.isalnum() else _GAPS.sub("", text)


def letters(text: str) -> str:
    return "".join(sorted(solid(text)))
