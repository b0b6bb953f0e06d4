"""A path as SVG and XPS write it, in steps that a PDF draws."""

from __future__ import annotations

import re
from collections.abc import Iterator

from glm_mcp.media.documents.fixed.numbers import number
from glm_mcp.media.documents.fixed.sheet import Step

_WORD = re.compile(r"[A-Za-z]|[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
# How many numbers each step has. Rare curves become straight.
_COUNT = {"M": 2, "L": 2, "H": 1, "V": 1, "C": 6, "Q": 4, "S": 4, "A": 7, "F": 1, "Z": 0}


def strokes(path: str) -> Iterator[Step]:
    """A small letter counts from where the pen stands. What is no step is passed over."""
    x = y = left = top = 0.0
    step, held = "", list[float]()
    for word in _WORD.findall(path):
        if word.isalpha():
            step, held = word if word.upper() in _COUNT else "", []
        else:
            held.append(number(word))
        kind = step.upper()
        if not step or len(held) < _COUNT[kind]:
            continue
        dx, dy = (x, y) if step.islower() else (0.0, 0.0)
        match kind:
            case "Z":
                x, y = left, top
                yield "h", ()
            case "H":
                x = held[0] + dx
            case "V":
                y = held[0] + dy
            case "C":
                points = [value + (dy if n % 2 else dx) for n, value in enumerate(held)]
                x, y = points[-2:]
                yield "c", points
            case "M" | "L" | "Q" | "S" | "A":
                x, y = held[-2] + dx, held[-1] + dy
        if kind == "M":
            left, top = x, y
        if kind not in "ZCF":
            yield "m" if kind == "M" else "l", (x, y)
        # More numbers after a beginning are lines.
        step = "" if kind in "ZF" else {"M": "L", "m": "l"}.get(step, step)
        held = []
