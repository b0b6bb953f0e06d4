"""Listings of programs in Word's documents: paragraphs in a font whose letters are all as wide, one for each line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from glm_mcp.media.documents.ooxml.package import child, descendants, texts, value
from glm_mcp.media.documents.word.styles import FONT_CHARS, Styles
from glm_mcp.media.documents.zip_xml import attribute

_FONT = re.compile(
    r"courier|consolas|menlo|monaco|\bmono|mono\b|lucida console|fixedsys|source code|inconsolata|fira code|新宋体",
    re.IGNORECASE,
)
_SIGN = re.compile(r"[;{}=<>]|\w\(|[\w)\]]:$|^\s*(?:#|//|--|\$|@|\.\w)")
_FEW = 3  # of so many lines one has a sign of code, else it may be a letter by a typewriter
_SHORT = 30  # characters of a line, at most, where hardly any has one: assembler, what a program prints


def is_set_as_code(paragraph: ET.Element, styles: Styles) -> bool:
    """Whether all of its words are in such a font, in a document that is not."""
    name = value(paragraph, "w:pPr", "w:pStyle") or ""
    runs = [run for run in descendants(paragraph, "w:r") if texts(run, "w:t").strip()]
    if not runs or _FONT.search(styles.usual_font):
        return False
    return all(_FONT.search(_font(run, styles) or styles.font(name)) for run in runs)


def _font(run: ET.Element, styles: Styles) -> str:
    fonts = child(run, "w:rPr", "w:rFonts")
    own = "" if fonts is None else attribute(fonts, "ascii") or attribute(fonts, "hAnsi")
    return own[:FONT_CHARS] or styles.font(value(run, "w:rPr", "w:rStyle") or "")


def is_listing(lines: Sequence[str]) -> bool:
    """Of several lines that stand one below the other: of a program, or as short as one's."""
    signs = sum(bool(_SIGN.search(line)) for line in lines)
    is_short = len(lines) > _FEW and sum(map(len, lines)) <= _SHORT * len(lines)
    return len(lines) > 1 and (_FEW * signs >= len(lines) or is_short)
