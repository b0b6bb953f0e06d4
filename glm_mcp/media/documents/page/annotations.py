"""Annotations of a PDF page: what was typed on it, and notes, comments and marks with words."""

from __future__ import annotations

from typing import Any

_NOT_WORDS = ("widget", "link", "popup")  # fields of a form, and what other annotations stand for


def annotation_blocks(page: Any) -> list[str]:
    """What was typed on the page, from top to bottom, then the notes. [] when there is none."""
    typed: dict[str, None] = {}
    notes: dict[str, None] = {}
    for note in sorted(page.annotations or (), key=_place):
        words = " ".join((note.contents or "").split())
        kind = note.subtype.lower()
        if not words or kind in _NOT_WORDS:
            continue
        author = " ".join((note.title or "").split())
        if kind == "freetext":
            typed[words] = None
        else:
            notes[f"{author}: {words}" if author else words] = None
    blocks = []
    if typed:
        blocks.append("\n".join(["Typed on the page:", "", *(f"- {words}" for words in typed)]))
    if notes:
        blocks.append("\n".join(["Notes on the page:", "", *(f"- {words}" for words in notes)]))
    return blocks


def _place(note: Any) -> tuple[float, float]:
    return (note.rect.y, note.rect.x) if note.rect is not None else (0.0, 0.0)
