"""The name that somebody gave a slide."""

from __future__ import annotations

import re

from glm_mcp.media.documents.markdown import solid

_LONGEST = 300  # characters
# What programs write where nobody named it: the word for a slide, in their language, and a number.
UNNAMED = re.compile(
    r"(?:page|slide|folie|seite|diapo\w{0,9}|dia|slajd|strona|pagina|página|слайд|슬라이드|スライド|ページ|幻灯片|投影片|页)"
    r"\s?\d{1,5}",
    re.IGNORECASE,
)


def slide_name(name: str, text: str) -> str:
    """A line with the name of a slide; "" where it has none of its own or `text` says it."""
    name = " ".join(name.split())[:_LONGEST]
    if UNNAMED.fullmatch(name) or solid(name) in solid(text):
        return ""
    return f"[slide name: {name}]"
