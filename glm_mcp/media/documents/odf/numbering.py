"""The numbers of OpenDocument lists and headings, as their styles write them."""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree import ElementTree as ET

from glm_mcp.media.documents.ooxml.package import whole
from glm_mcp.media.documents.word.written_numbers import LONGEST_LABEL, written
from glm_mcp.media.documents.zip_xml import attribute, local

_FORMS = {"a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman"}


class Numbering:
    """Counts the items of each list style and level. `trees`: those of content and styles."""

    def __init__(self, trees: Iterable[ET.Element]) -> None:
        self._levels: dict[tuple[str, int], ET.Element] = {}
        for tree in trees:
            for style in tree.iter():
                if local(style) in ("list-style", "outline-style"):
                    name = attribute(style, "name") if local(style) == "list-style" else OUTLINE
                    for level in style:
                        self._levels[name, whole(attribute(level, "level"), 1)] = level
        self._last: dict[tuple[str, int], int] = {}

    def restart(self, style: str, level: int) -> None:
        self._last.pop((style, level), None)

    def mark(self, style: str, level: int, start: str = "") -> str:
        """The mark of the next item at a level from 1: a number as it is shown, else a hyphen."""
        definition = self._levels.get((style, level))
        if definition is None or (
            not local(definition).endswith("-style-number") and local(definition) != "outline-level-style"
        ):
            return "-"
        first = whole(attribute(definition, "start-value"), 1)
        self._last[style, level] = whole(start, self._last.get((style, level), first - 1) + 1)
        return self._label(style, level, definition) or ("" if style == OUTLINE else "-")

    def heading(self, level: int) -> str:
        """The number of the next heading of a level; "" where headings have none."""
        if (OUTLINE, level) not in self._levels:
            return ""
        for deeper in range(level + 1, 11):
            self.restart(OUTLINE, deeper)
        return self.mark(OUTLINE, level)

    def _label(self, style: str, level: int, definition: ET.Element) -> str:
        form = _form(definition)
        if not form:
            return ""
        shown = min(max(whole(attribute(definition, "display-levels"), 1), 1), level)
        numbers = []
        for at in range(level - shown + 1, level + 1):
            one = self._levels.get((style, at), definition)
            if form := _form(one):
                numbers.append(written(self._last.get((style, at), 1), _FORMS.get(form, "decimal")))
        before, after = (attribute(definition, f"num-{end}")[:LONGEST_LABEL] for end in ("prefix", "suffix"))
        label = before + ".".join(numbers) + after
        return f"{label}." if label.isdecimal() and style != OUTLINE else label


OUTLINE = "\0outline"  # a name that no list style has


def _form(level: ET.Element) -> str:
    """How its numbers are written; "" for none."""
    return next((v for k, v in level.attrib.items() if k.rpartition("}")[2] == "num-format"), "1")
