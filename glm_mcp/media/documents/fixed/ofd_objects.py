"""Texts and lines on the pages of an OFD, drawn as those of a PDF."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from xml.etree import ElementTree as ET

from glm_mcp.media.documents.fixed.numbers import Matrix, number
from glm_mcp.media.documents.fixed.sheet import Sheet, Step, em
from glm_mcp.media.documents.zip_xml import attribute, local

# The steps of a path: how many numbers each has, and what draws it in a PDF. Rare curves become straight.
_STEPS = {
    "S": (2, "m"),
    "M": (2, "m"),
    "L": (2, "l"),
    "Q": (4, "l"),
    "B": (6, "c"),
    "A": (7, "l"),
    "C": (0, "h"),
}


def draw_text(sheet: Sheet, e: ET.Element, matrix: Matrix, colours: dict[str, str], *, read: bool) -> None:
    size = number(attribute(e, "Size"))
    wide = number(attribute(e, "HScale")) or 1.0
    if not size:
        return
    colour = _colour(colours.get("FillColor", ""), "g rg k")
    x = y = 0.0
    for code in (c for c in e if local(c) == "TextCode"):
        letters = code.text or ""
        x = number(attribute(code, "X")) if attribute(code, "X") else x
        y = number(attribute(code, "Y")) if attribute(code, "Y") else y
        right, down = _steps(attribute(code, "DeltaX")), _steps(attribute(code, "DeltaY"))
        upright = not attribute(code, "DeltaX") and bool(attribute(code, "DeltaY"))
        places, place = [], (x, y)
        for letter in letters:
            places += [place] * (2 if letter > "\uffff" else 1)
            forth = 0.0 if upright else em(ord(letter)) * size * wide
            place = place[0] + next(right, forth), place[1] + next(down, 0.0)
        if upright and len(places) > 1 and read:
            # One below the other, as beside a table's rows: a word only if they stand in one line.
            wide, (left, top) = 1 / len(places), places[0]
            places = [(left + n * size * wide, top) for n in range(len(places))]
        sheet.text(letters, places, matrix, size, wide, colour=colour)


def draw_path(sheet: Sheet, e: ET.Element, matrix: Matrix, colours: dict[str, str]) -> None:
    # What is filled without a colour of its own may be as light as paper, and would hide text.
    fill = attribute(e, "Fill") == "true" and _colour(colours.get("FillColor", ""), "g rg k")
    line = attribute(e, "Stroke") != "false" and (_colour(colours.get("StrokeColor", ""), "G RG K") or "0 G")
    if not (fill or line):
        return
    data = "".join(c.text or "" for c in e if local(c) == "AbbreviatedData").split()
    steps: list[Step] = []
    count, operator = 0, ""
    numbers: list[float] = []
    for word in data:
        if word in _STEPS:
            count, operator = _STEPS[word]
            numbers = []
        else:
            numbers.append(number(word))
        if operator and len(numbers) == count:
            steps.append((operator, numbers if operator == "c" else numbers[-2:]))
            numbers, operator = [], operator if count else ""
    width = number(attribute(e, "LineWidth")) or 0.353
    paint = f"{fill or ''} {line or ''}", "B" if fill and line else "f" if fill else "S"
    sheet.path(steps, matrix, width, paint)


def _colour(value: str, operators: str) -> str:
    """As a PDF sets it; "" for what is none. A part is a number up to 255, or "#FF"."""
    said = [_hex(part[1:]) if part.startswith("#") else number(part) for part in value.split()]
    parts = [min(max(part / 255, 0), 1) for part in said]
    operator = dict(zip((1, 3, 4), operators.split(), strict=True)).get(len(parts))
    return " ".join(f"{part:.3f}" for part in parts) + f" {operator}" if operator else ""


def _hex(digits: str) -> float:
    return int(digits, 16) if re.fullmatch("[0-9a-fA-F]{1,2}", digits) else 0.0


def _steps(said: str) -> Iterator[float]:
    """From each letter to the next; "g 3 1.5" says 1.5 three times. The last one goes on."""
    words = iter(said.split())
    step = None
    for word in words:
        many = word == "g"
        count = int(min(number(next(words, "")), 100_000)) if many else 1
        step = number(next(words, "") if many else word)
        yield from itertools.repeat(step, count)
    while step is not None:
        yield step
