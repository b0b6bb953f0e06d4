"""Formulas of web pages (MathML) as one readable line: the TeX that the page keeps beside it, else built."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree as ET

_PAIRS = {"msup": "{}^{}", "msub": "{}_{}", "mover": "{}^{}", "munder": "{}_{}"}


def formula(math: Any) -> str:
    """The text of a <math> element: its TeX annotation, its alternative text, or its parts in one line."""
    for note in math.find_all("annotation"):
        if "tex" in str(note.get("encoding") or "").lower() and note.get_text(strip=True):
            return " ".join(note.get_text().split())
    alt = str(math.get("alttext") or "").strip()
    return alt or " ".join(_built(math).split())


@dataclass(slots=True)
class _Part:
    """An element of a parsed file as one of a page."""

    name: str
    children: list[Any] = field(default_factory=list)


def linear(math: ET.Element) -> str:
    """A formula in a parsed file in one line."""
    return " ".join(_built(_part(math)).split())


def _part(element: ET.Element) -> _Part:
    text = [element.text] if element.text and element.text.strip() else []
    return _Part(str(element.tag).rpartition("}")[2], [*text, *map(_part, element)])


def _built(node: Any) -> str:
    name = str(getattr(node, "name", None) or "").rpartition(":")[2]
    if not name:
        return " ".join(str(node).split())
    if name in ("annotation", "annotation-xml", "mphantom"):
        return ""
    parts = [text for child in node.children if (text := _built(child))]
    match name:
        case "mfrac" if len(parts) == 2:
            return f"({parts[0]})/({parts[1]})"
        case "msqrt":
            return f"sqrt({''.join(parts)})"
        case "mroot" if len(parts) == 2:
            return f"root{{{parts[1]}}}({parts[0]})"
        case "msup" | "msub" | "mover" | "munder" if len(parts) == 2:
            return _PAIRS[name].format(parts[0], parts[1] if len(parts[1]) == 1 else f"({parts[1]})")
        case "msubsup" | "munderover" if len(parts) == 3:
            return f"{parts[0]}_({parts[1]})^({parts[2]})"
        case "mtable":
            return f"[{'; '.join(parts)}]"
        case "mtr":
            return ", ".join(parts)
        case "mtext":
            return f" {''.join(parts)} "
        case "mo" if parts and parts[0] in "=<>≤≥≠≈→+−-":
            return f" {parts[0]} " if parts[0] in "=<>≤≥≠≈→" else parts[0]
    return "".join(parts)
