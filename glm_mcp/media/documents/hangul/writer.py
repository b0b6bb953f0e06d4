"""The Markdown of a Hangul document, from the elements of its sections."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

from glm_mcp.media.documents.markdown import flat, placed, table, trim
from glm_mcp.media.documents.pages import LeftOut
from glm_mcp.media.documents.word.written_numbers import LONGEST_LABEL, written
from glm_mcp.media.documents.zip_xml import attribute, local

_SILENT = frozenset(
    "shapeComment parameters linesegarray metaTag indexmark default cellAddr cellSpan".split()
)
_SPACES = {"tab": "\t", "lineBreak": "\n", "nbSpace": " ", "fwSpace": " ", "hyphen": "-"}
_DRAWN = {"ole": "embedded objects", "video": "films", "chart": "charts"}
_ASIDE = ("footNote", "endNote", "header", "footer", "hiddenComment", "memo")
_COUNTED = ("PAGE", "TOTAL_PAGE", "FOOTNOTE", "ENDNOTE")  # by what prints the pages
_FORMS = {
    "CIRCLED_DIGIT": "decimalEnclosedCircle", "ROMAN_CAPITAL": "upperRoman", "ROMAN_SMALL": "lowerRoman",
    "LATIN_CAPITAL": "upperLetter", "LATIN_SMALL": "lowerLetter", "HANGUL_SYLLABLE": "ganada", "IDEOGRAPH": "chineseCounting",
}  # fmt: skip
_DEPTH = 12  # tables in tables
_PLACES = 1_000_000  # that the cells of all tables cover together; one counts once more for each
_REPEATED = 20  # characters in it, which stand in each of its rows

Levels = Sequence[tuple[str, str, int]]  # of a numbering: text such as "^1.", form, start


@dataclass(slots=True)
class Shapes:
    """What paragraphs look like, by the numbers that they name."""

    # Kind, numbering or bullet, level from 0.
    headings: Mapping[str, tuple[str, str, int]] = field(default_factory=dict)
    numberings: Mapping[str, Levels] = field(default_factory=dict)
    bullets: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Writer:
    shapes: Shapes
    left_out: LeftOut = field(default_factory=LeftOut)
    notes: list[str] = field(default_factory=list)
    edges: dict[str, None] = field(default_factory=dict)  # lines at the head and the foot of pages
    remarks: list[str] = field(default_factory=list)
    _counters: dict[str, list[int]] = field(default_factory=dict)
    _outline: str = "1"
    _covered: int = 0

    def section(self, root: ET.Element) -> Iterator[str]:
        self._outline = next(
            (attribute(e, "outlineShapeIDRef") for e in root.iter() if local(e) == "secPr"), "1"
        )
        for e in root:
            if local(e) == "p":
                yield from self._paragraph(e, 0)
            elif local(e) == "memogroup":
                for memo in e:
                    self._aside(memo, "memo", 0)

    def end(self) -> Iterator[str]:
        yield from (f"[^{number}]: {text}" for number, text in enumerate(self.notes, 1))
        yield from (f"[{line}]" for line in [*self.edges, *self.remarks])

    def _paragraph(self, paragraph: ET.Element, depth: int) -> list[str]:
        """Its text, and the tables and boxes that hang on it."""
        hung: list[str] = []
        text = "".join(self._inline(paragraph, hung, depth)).strip()
        kind, which, level = self.shapes.headings.get(attribute(paragraph, "paraPrIDRef"), ("NONE", "", 0))
        mark = self._number(kind, which, level) if text else ""
        if text and kind == "OUTLINE" and depth == 0 and "\n" not in text and len(text) < 200:
            text = f"{'#' * min(level + 1, 6)} {mark} {text}".replace("  ", " ")
        elif mark:
            text = f"{mark} {text}"
        return [*([text] if text else []), *hung]

    def _number(self, kind: str, which: str, level: int) -> str:
        if kind == "BULLET":
            sign = self.shapes.bullets.get(which, "-")[:LONGEST_LABEL]
            return "-" if "\ue000" <= sign <= "\uf8ff" else sign  # of a font of signs
        which = self._outline if kind == "OUTLINE" else which
        levels = self.shapes.numberings.get(which, ())
        if kind == "NONE" or level >= len(levels):
            return ""
        counters = self._counters.setdefault(which, [])
        del counters[level + 1 :]
        counters += [levels[at][2] - (at == level) for at in range(len(counters), level + 1)]
        counters[level] += 1

        def number(sign: re.Match[str]) -> str:
            at = int(sign[1]) - 1
            return written(counters[at], _FORMS.get(levels[at][1], "decimal")) if at <= level else ""

        return re.sub(r"\^([1-9])", number, levels[level][0][:LONGEST_LABEL]).strip()

    def _inline(self, node: ET.Element, hung: list[str], depth: int) -> Iterator[str]:
        for e in node:
            name = local(e)
            if name in _SPACES:
                yield _SPACES[name]
            elif name in ("t", "mainText", "text"):
                yield e.text or ""
                yield from self._inline(e, hung, depth)
            elif name == "script":
                # A backtick is a narrow blank there, and so is a tilde a wide one.
                script = " ".join(re.sub("[`~]", " ", e.text or "").split())
                yield f"`{script}`" if script else ""
            elif name == "subText":
                yield f"({''.join(e.itertext())})"
            elif name == "compose":
                yield attribute(e, "composeText")
            elif name == "autoNum" and attribute(e, "numType") not in _COUNTED:
                yield attribute(e, "num")
            elif name == "tbl":
                hung += self._table(e, depth + 1)
            elif name == "subList":
                hung += self._blocks(e, depth + 1)
            elif name in _ASIDE or (name == "fieldBegin" and attribute(e, "type") == "MEMO"):
                yield self._aside(e, name, depth)
            elif name not in _SILENT:
                yield "[picture]" * (name == "pic")
                if name in _DRAWN:
                    self.left_out.add(_DRAWN[name], "in the text")
                hung += [attribute(e, "text")] if name == "textart" else []
                yield attribute(e, "displayText") or attribute(e, "caption")
                yield from self._inline(e, hung, depth)
            yield (e.tail or "") if local(node) == "t" else ""

    def _aside(self, e: ET.Element, name: str, depth: int) -> str:
        """Takes what stands outside the text; gives the mark in the text, where there is one."""
        at = len(self.notes)
        if note := name in ("footNote", "endNote"):
            self.notes.append("")
        blocks = [
            b
            for inner in e
            if local(inner) in ("subList", "paraList")
            for b in self._blocks(inner, depth + 1)
        ]
        words = " ".join(" ".join(block.split()) for block in blocks)
        if note:
            self.notes[at] = words
            return f"[^{at + 1}]"
        if words and name in ("header", "footer"):
            self.edges[f"page {name}: {words}"] = None
        elif words:
            self.remarks.append(f"remark: {words}")
        return ""

    def _blocks(self, sub_list: ET.Element, depth: int) -> list[str]:
        if depth > _DEPTH:
            self.left_out.add("tables within tables", "the text")
            return []
        return [block for p in sub_list if local(p) == "p" for block in self._paragraph(p, depth)]

    def _table(self, e: ET.Element, depth: int) -> list[str]:
        rows: dict[int, dict[int, str]] = {}
        above = [b for c in e if local(c) == "caption" for s in c for b in self._blocks(s, depth)]
        cells = [c for row in e if local(row) == "tr" for c in row if local(c) == "tc"]
        for c in cells:
            blocks = [b for s in c if local(s) == "subList" for b in self._blocks(s, depth)]
            if len(cells) == 1:
                return [*above, *blocks]  # a box around text
            said = {local(place): place for place in c}
            row, column = (_whole(said.get("cellAddr"), key) for key in ("rowAddr", "colAddr"))
            down = max(1, _whole(said.get("cellSpan"), "rowSpan"))
            words = "\n".join(blocks)
            self._covered += down + down * len(words) // _REPEATED
            # What is merged downwards stands in every row; across, forms merge most of their fine grid.
            for r in range(row, row + (down if self._covered < _PLACES else 1)):
                rows.setdefault(r, {})[column] = words
        grid = trim(placed(rows))
        made = flat(grid) if depth > 1 else table(grid)
        return [*above, *([made] if made else [])]


def _whole(e: ET.Element | None, key: str) -> int:
    said = attribute(e, key) if e is not None else ""
    return min(int(said), _PLACES) if said.isdecimal() and len(said) < 9 else 0
