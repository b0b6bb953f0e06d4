"""Annotations of a PDF page: what was typed on it, notes, comments and marks with words, and where places of it lead."""

from __future__ import annotations

import re
from typing import Any

_MOST, _COMPARED = 2_000, 500_000  # links of a page that are looked for in it, and its characters
_NOT_WORDS = ("widget", "link", "popup")  # fields of a form, and what other annotations stand for


def annotation_blocks(page: Any, written: str) -> list[str]:
    """What was typed on the page, from top to bottom, then the notes, then the addresses that links lead to and that
    what is `written` of the page does not say. [] when there is none.
    """
    typed: dict[str, None] = {}
    notes: dict[str, None] = {}
    links: dict[str, None] = {}
    written, compared = written[:_COMPARED], 0
    for note in sorted(page.annotations or (), key=_place):
        address = _address(note)
        compared += bool(address)
        if address and (compared > _MOST or address.rstrip("/") not in written):
            words = " ".join((note.contents or "").split())
            links[f"{words}: {address}" if words and words != address else address] = None
        words = " ".join((note.contents or "").split())
        kind = note.subtype.lower()
        if not words or kind in _NOT_WORDS:
            continue
        author = " ".join((note.title or "").split())
        if kind == "freetext":
            typed[words] = None
        else:
            notes[f"{author}: {words}" if author else words] = None
    return [
        "\n".join([f"{what} on the page:", "", *(f"- {line}" for line in lines)])
        for what, lines in (("Typed", typed), ("Notes", notes), ("Links", links))
        if lines
    ]


def _address(note: Any) -> str:
    """Where a link leads outside the file, as the text of a page writes it."""
    address = (note.uri or "").strip() if note.subtype.lower() == "link" else ""
    return address.replace(" ", "%20") if re.match(r"(?:https?|ftp|mailto):", address) else ""


def _place(note: Any) -> tuple[float, float]:
    return (note.rect.y, note.rect.x) if note.rect is not None else (0.0, 0.0)
