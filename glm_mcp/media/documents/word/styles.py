"""What the styles of a Word file say of a paragraph: whether it is a heading, its list, its font."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from xml.etree import ElementTree as ET

from glm_mcp.media.documents.ooxml.package import child, tag, value, whole
from glm_mcp.media.documents.zip_xml import attribute

# WPS Office writes its headings in Chinese, others in Japanese.
_HEADING = re.compile(r"(?:heading|标题|標題|見出し)\s*(\d)", re.IGNORECASE)
FONT_CHARS = 100  # of its name; each paragraph is asked for it
_CHAIN = 20  # styles that build on each other


@dataclass(frozen=True, slots=True)
class ParagraphStyle:
    """`heading`: 1 to 6, 0 for none. `number`, `level`: of its list; level None where the list itself knows it."""

    heading: int = 0
    number: str = ""
    level: int | None = None
    origin: str = ""  # the style that names the list


class Styles:
    def __init__(self, tree: ET.Element | None) -> None:
        self._elements = (
            {} if tree is None else {attribute(e, "styleId"): e for e in tree if tag(e) == "w:style"}
        )
        self._known: dict[str, ParagraphStyle] = {}
        self._characters = {
            i: (value(e, "w:name") or "").lower()
            for i, e in self._elements.items()
            if attribute(e, "type") == "character"
        }

    def character(self, style: str) -> str:
        """The name of a character style, lower case."""
        return self._characters.get(style, "")

    def paragraph(self, style: str) -> ParagraphStyle:
        if style not in self._known:
            self._known[style] = self._follow(style)
        return self._known[style]

    def font(self, style: str) -> str:
        """That of its Latin letters, by the first of the styles it is based on that names one; else ""."""
        for _, element in self._chain(style):
            fonts = child(element, "w:rPr", "w:rFonts")
            if fonts is not None and (name := attribute(fonts, "ascii") or attribute(fonts, "hAnsi")):
                return name[:FONT_CHARS]
        return ""

    @cached_property
    def usual_font(self) -> str:
        """Of a paragraph that names no style."""
        usual = (
            i
            for i, e in self._elements.items()
            if attribute(e, "type") == "paragraph" and attribute(e, "default") in ("1", "true", "on")
        )
        return self.font(next(usual, ""))

    def _follow(self, style: str) -> ParagraphStyle:
        """The first word on each matter along the styles it is based on."""
        heading: int | None = None
        number: str | None = None
        level: int | None = None
        origin = ""
        for at, element in self._chain(style):
            properties = child(element, "w:pPr")
            if heading is None:
                heading = _heading(value(element, "w:name") or "", value(properties, "w:outlineLvl"))
            if number is None:
                number, origin = value(properties, "w:numPr", "w:numId"), at
            if level is None and (written := value(properties, "w:numPr", "w:ilvl")) is not None:
                level = whole(written)
        return ParagraphStyle(heading or 0, number or "", level, origin)

    def _chain(self, style: str) -> Iterator[tuple[str, ET.Element]]:
        """A style and those that it is based on, with their ids."""
        for _ in range(_CHAIN):
            element = self._elements.get(style)
            if element is None:
                return
            yield style, element
            style = value(element, "w:basedOn") or ""


def _heading(name: str, outline: str | None) -> int | None:
    match = _HEADING.fullmatch(name.strip())
    if match:
        return min(max(int(match[1]), 1), 6)
    if name.lower() in ("title", "subtitle"):
        return 1 if name.lower() == "title" else 2
    if outline is not None:
        level = whole(outline, 9)
        return min(level + 1, 6) if level < 9 else 0
    return None
