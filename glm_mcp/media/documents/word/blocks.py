"""The blocks of a Word document: paragraphs with their numbers, tables, and whole files within it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from glm_mcp.errors import MissingExtra
from glm_mcp.media.documents.common.few_times import SaidAgain
from glm_mcp.media.documents.markdown import fenced, flat, table
from glm_mcp.media.documents.ooxml.formula import linear
from glm_mcp.media.documents.ooxml.package import child, descendants, is_on, tag, value, whole
from glm_mcp.media.documents.word.chunk import chunk_text
from glm_mcp.media.documents.word.inline import Inline, Story, offered
from glm_mcp.media.documents.word.listing import is_listing, is_set_as_code
from glm_mcp.media.documents.word.runs import markdown
from glm_mcp.media.documents.zip_xml import attribute

_WRAPPERS = frozenset(
    f"w:{name}" for name in ("sdt", "sdtContent", "customXml", "ins", "moveTo", "smartTag", "body", "subDoc")
)
_COLUMNS = 1_000  # of one row, spans counted


@dataclass(frozen=True, slots=True)
class Block:
    """`is_item`: a paragraph of a list, which stands close to the next. `code`: its text as it is, in a font of listings."""

    text: str
    is_item: bool = False
    code: str = ""


def joined(blocks: list[Block]) -> list[str]:
    """The texts, with the items of one list as one, and the lines of one listing."""
    out: list[str] = []
    for is_code, run in itertools.groupby(blocks, key=lambda block: bool(block.code)):
        some = list(run)
        lines = "\n".join(block.code for block in some).split("\n") if is_code else []
        out += [fenced("\n".join(lines), "")] if is_listing(lines) else _close(some)
    return out


def _close(blocks: list[Block]) -> list[str]:
    out: list[str] = []
    for are_items, run in itertools.groupby(blocks, key=lambda block: block.is_item):
        texts = [block.text for block in run]
        out += ["\n".join(texts)] if are_items else texts
    return out


class Blocks:
    """Reads the blocks of one part of the document."""

    def __init__(self, story: Story, part: str) -> None:
        self._story = story
        self._part = part

    def texts(self, element: ET.Element) -> list[str]:
        return joined(list(self.read(element)))

    def read(self, element: ET.Element) -> Iterator[Block]:
        for node in element:
            name = tag(node)
            if name == "w:p":
                yield from self._paragraph(node)
            elif name == "w:tbl":
                yield from self._table(node)
            elif name in _WRAPPERS:
                yield from self.read(node)
                yield from (Block(words.strip()) for words in [offered(node)] if words)
            elif name == "w:altChunk":
                yield from self._chunk(node)
            elif name == "mc:AlternateContent":
                yield from next(filter(None, (list(self.read(form)) for form in node)), [])
            elif name in ("m:oMath", "m:oMathPara"):
                yield from filter(lambda block: block.text, [Block(linear(node))])

    def _chunk(self, node: ET.Element) -> Iterator[Block]:
        path = self._story.package.link(self._part, attribute(node, "id")).target
        said = self._story.package.said
        if not self._story.package.named.has_not_met(path):
            return
        if path not in said:
            try:
                said[path] = [chunk_text(self._story.package, path)]
            except MissingExtra:
                raise
            except Exception:  # noqa: BLE001 - whatever its reader stumbles on, the document around it is whole
                said[path] = [""]
        if text := said[path][0]:
            yield Block(text)
        else:
            self._story.leave_out("files within the document that cannot be read")

    # ── Paragraphs ──────────────────────────────────────────────────────────────────────────────────────────────

    def _paragraph(self, node: ET.Element) -> Iterator[Block]:
        self._story.paragraphs += 1
        if self._part == "" or not self._story.place.startswith("page "):
            self._story.place = f"paragraph {self._story.paragraphs}"
        properties = child(node, "w:pPr")
        style = self._story.styles.paragraph(value(properties, "w:pStyle") or "")
        outline = value(properties, "w:outlineLvl")
        heading = style.heading if outline is None or style.heading else min(whole(outline, 9) + 1, 10) % 10
        inline = Inline(self._story, self._part, self.texts)
        inline.read(node)
        text = markdown(inline.pieces, heading=heading > 0)
        gone = not text and is_on(properties, "w:rPr", "w:del")  # with the mark at its end
        label, level = ("", 0) if gone else self._label(properties)
        if text and heading:
            words = " ".join(filter(None, ("" if label == "-" else label, " ".join(text.split()))))
            yield Block(f"{'#' * min(heading, 6)} {words}")
        elif text and label:
            indent = "  " * level
            lines = text.replace("\n", f"\n{indent}  ")
            yield Block(f"{indent}{label} {lines}", is_item=True)
        elif text or any(map(str.isalnum, label)):  # an empty paragraph has its number: forms count rows so
            yield Block(text or label, code=self._code(node, inline) if text and not label else "")
        yield from map(Block, filter(None, inline.anchored))

    def _code(self, node: ET.Element, inline: Inline) -> str:
        if not is_set_as_code(node, self._story.styles):
            return ""
        return "".join(text for text, _ in inline.pieces).replace("\xa0", " ").rstrip()

    def _label(self, properties: ET.Element | None) -> tuple[str, int]:
        """The number or bullet before a paragraph, counted on; and its level."""
        name = value(properties, "w:pStyle") or ""
        style = self._story.styles.paragraph(name)
        own = value(properties, "w:numPr", "w:numId")
        number = style.number if own is None else own
        written = value(properties, "w:numPr", "w:ilvl")
        if not number or number == "0":
            return "", 0
        if written is not None:
            level = whole(written)
        elif style.level is not None and own is None:
            level = style.level
        else:
            level = self._story.numbering.level_of_style(number, name)
        return self._story.numbering.label(number, level) or "", max(min(level, 8), 0)

    # ── Tables ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _table(self, node: ET.Element) -> Iterator[Block]:
        rows = [list(self._cells(row)) for row in _inside(node, "w:tr") if not is_on(row, "w:trPr", "w:del")]
        if rows and all(len(row) == 1 for row in rows) and any(len(cell.blocks) > 1 for (cell,) in rows):
            for (cell,) in rows:  # a frame around text, not a table
                yield from cell.blocks
            return
        text = table(_grid(rows, self._story.package.in_tables))
        if text:
            yield Block(text)

    def _cells(self, row: ET.Element) -> Iterator[_Cell]:
        before = min(whole(value(row, "w:trPr", "w:gridBefore")), _COLUMNS)
        if before:
            yield _Cell([], wide=before)
        for node in _inside(row, "w:tc"):
            properties = child(node, "w:tcPr")
            merge = value(properties, "w:vMerge")
            beside = value(properties, "w:hMerge")
            yield _Cell(
                list(self._cell(node)),
                wide=min(max(whole(value(properties, "w:gridSpan"), 1), 1), _COLUMNS),
                from_above=merge in ("", "continue"),
                from_left=beside in ("", "continue"),
            )

    def _cell(self, node: ET.Element) -> Iterator[Block]:
        """A table within a cell becomes words: Markdown has no other place for it."""
        for inner in node:
            if tag(inner) == "w:tbl":
                rows = _grid([list(self._cells(row)) for row in _inside(inner, "w:tr")])
                yield Block(flat(rows))
            elif tag(inner) != "w:tcPr":
                wrapper = ET.Element("w")
                wrapper.append(inner)
                yield from self.read(wrapper)


@dataclass(frozen=True, slots=True)
class _Cell:
    blocks: list[Block]
    wide: int = 1
    from_above: bool = False
    from_left: bool = False

    @property
    def text(self) -> str:
        lines = [block.code for block in self.blocks]
        return "\n".join(lines if all(lines) and is_listing(lines) else [block.text for block in self.blocks])


def _grid(rows: list[list[_Cell]], again: SaidAgain | None = None) -> list[list[str]]:
    """The cells' texts; where they may be said `again`, a place that a merged cell covers holds its text too."""
    grid: list[list[str]] = []
    for row in rows:
        line: list[str] = []
        above = grid[-1] if grid else []
        for cell in row:
            text = cell.text
            if again and not text and cell.from_above and len(line) < len(above):
                text = again.text(above[len(line)], "tables")
            elif again and not text and cell.from_left and line:
                text = again.text(line[-1], "tables")
            size = len(text) + len(" | ")
            line += [text] * (1 + (again.times(size, cell.wide - 1, "tables") if again else 0))
        grid.append(line[:_COLUMNS])
    return grid


def _inside(node: ET.Element, name: str) -> Iterator[ET.Element]:
    """The rows of a table or cells of a row, also those in content controls and tracked insertions."""
    for inner in node:
        if tag(inner) == name:
            yield inner
        elif tag(inner) in _WRAPPERS:
            yield from _inside(inner, name)


def words_of(element: ET.Element) -> str:
    """The paragraphs of a comment in one line."""
    lines = ("".join(e.text or "" for e in descendants(p, "w:t")) for p in descendants(element, "w:p"))
    return " ".join(" ".join(lines).split())
