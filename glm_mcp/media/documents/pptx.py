"""PPTX and its kin (PPSX, POTX, PPTM, strict): slides with titles, bullets, tables, charts, diagrams, comments and
notes, one page a slide, from their own XML: one odd shape costs itself alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, BinaryIO
from xml.etree import ElementTree as ET

from glm_mcp.errors import UnsupportedMedia
from glm_mcp.media.documents.about import of_package, with_about
from glm_mcp.media.documents.common.shown import mark, why_shown
from glm_mcp.media.documents.common.slide_name import slide_name
from glm_mcp.media.documents.markdown import table
from glm_mcp.media.documents.ooxml.chart import chart_blocks, diagram_lines, hyperlink
from glm_mcp.media.documents.ooxml.deck import is_empty, slides_of
from glm_mcp.media.documents.ooxml.embedded import embedded, embedded_formula, embedded_text
from glm_mcp.media.documents.ooxml.formula import linear
from glm_mcp.media.documents.ooxml.package import (
    Package,
    child,
    descendants,
    relation,
    tag,
    texts,
    value,
    whole,
)
from glm_mcp.media.documents.ooxml.shown import SlidePictures, picture_words
from glm_mcp.media.documents.pages import LeftOut, choose, one_text, result
from glm_mcp.media.documents.slides.lines import DEEPEST, shape_lines
from glm_mcp.media.documents.word.runs import drawn_letters, standing
from glm_mcp.media.documents.zip_xml import attribute, open_zip

_TITLES = ("title", "ctrTitle")


def pptx_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Raises UnsupportedMedia, MediaTooLarge, InvalidRequest (pages)."""
    name, left_out = params["name"], LeftOut()
    package = Package(open_zip(file, name), name, left_out, params.get("depth", 0))
    slides = slides_of(package)
    if not slides and is_empty(package):
        empty = one_text(
            "pptx", "(the presentation has no slides)", params.get("pages"), name, left_out.notes()
        )
        return with_about(empty, of_package(package)), []
    if not slides:
        raise UnsupportedMedia(
            f"{name} holds no slides that can be read", "Save it again as PPTX, or as PDF."
        )
    chosen = choose(params.get("pages"), len(slides), name, unit="slide")
    told: set[str] = set()  # of what slides share
    pictures = SlidePictures(package, slides)
    rows = [_page(package, slides[n - 1], n, told, pictures) for n in chosen]
    return with_about(result("pptx", rows, len(slides), left_out.notes()), of_package(package)), []


def _page(
    package: Package, part: str, number: int, told: set[str], pictures: SlidePictures
) -> tuple[int, str, str, str]:
    place = f"slide {number}"
    tree = package.tree(part)
    if tree is None:
        package.left_out.add("slides that the file does not hold or that are damaged", place)
        return number, place, "", ""
    slide = _Slide(package, part, place)
    shapes = child(tree, "p:cSld", "p:spTree")
    blocks = [] if shapes is None else list(slide.shapes(shapes))
    if slide.title:
        blocks.insert(0, f"# {slide.title}")
    # Without notes, which are what is said.
    why = why_shown("\n".join(blocks), pictures.on(part, tree, place), 1.0)
    blocks += ["[picture]"] * bool(why and not any(blocks))  # some lie in shapes, or behind all
    blocks += slide.comments()
    blocks += slide.notes()
    if attribute(tree, "showMasterSp") not in ("0", "false"):
        blocks += slide.behind(told)
    blocks.append(slide_name(value(tree, "p:cSld", name="name") or "", "\n".join(blocks)))
    hidden = " (hidden)" if attribute(tree, "show") in ("0", "false") else ""
    return number, f"{place}{hidden}", "\n\n".join(filter(None, blocks)), why


@dataclass(slots=True)
class _Slide:
    package: Package
    part: str
    place: str
    title: str = ""
    counts: dict[int, int] = field(default_factory=dict)  # of numbered paragraphs, by level

    def shapes(self, tree: ET.Element) -> Iterator[str]:
        for shape in tree:
            match tag(shape):
                case "p:sp" | "p:cxnSp" | "wps:wsp" | "?:sp":
                    yield self._shape(shape)
                case "p:pic":
                    yield self._picture(shape)
                case "p:graphicFrame":
                    yield from self._frame(shape)
                case "mc:AlternateContent":  # the newest form that says something
                    yield from next(filter(any, (list(self.shapes(form)) for form in shape)), [])
                case "p:grpSp" | "p:contentPart":
                    yield from self.shapes(shape)
            if tag(shape) != "mc:AlternateContent":
                yield self._beside(shape)

    def _beside(self, shape: ET.Element) -> str:
        """What a shape has beside its words: a description, an address it leads to."""
        properties = next((e for part in shape for e in part if tag(e) == "p:cNvPr"), None)
        if properties is None:
            return ""
        alt = "" if tag(shape) == "p:pic" else " ".join(attribute(properties, "descr").split())
        link = self.package.link(self.part, value(properties, "a:hlinkClick", name="id") or "")
        leads = f"({link.target})" if link.external else ""
        return " ".join(filter(None, (f"[drawing: {alt}]" if alt else "", leads)))

    def _shape(self, shape: ET.Element) -> str:
        body = child(shape, "p:txBody")
        holder = next(descendants(shape, "p:ph"), None)
        kind = "" if holder is None else attribute(holder, "type") or "body"
        if body is None or kind == "sldNum" or _is_number(body):
            return ""
        if kind in _TITLES and not self.title:
            self.title = " ".join(" ".join(self.paragraph(p) for p in descendants(body, "a:p")).split())
            return ""
        return self._text(body, bulleted=kind not in ("", *_TITLES, "subTitle", "ftr", "dt", "hdr"))

    def _text(self, body: ET.Element, *, bulleted: bool) -> str:
        """Paragraphs; in a body placeholder or at a deeper level they are list items."""
        self.counts.clear()
        written = [(p, self.paragraph(p)) for p in descendants(body, "a:p")]
        written = [(p, text) for p, text in written if text.strip()]
        out = []
        for paragraph, text in written:
            level = min(whole(value(paragraph, "a:pPr", name="lvl")), DEEPEST)
            mark = self._mark(paragraph, level, listed=level > 0 or (bulleted and len(written) > 1))
            out.append((level, mark, text))
        return shape_lines(out)

    def _mark(self, paragraph: ET.Element, level: int, *, listed: bool) -> str:
        properties = child(paragraph, "a:pPr")
        numbers = child(properties, "a:buAutoNum")
        for deeper in [deep for deep in self.counts if deep > level or (deep == level and numbers is None)]:
            del self.counts[deeper]
        if numbers is not None:
            start = whole(attribute(numbers, "startAt"), 1)
            self.counts[level] = self.counts.get(level, start - 1) + 1
            return f"{self.counts[level]}."
        if child(properties, "a:buNone") is not None:
            return "-" if level else ""
        return "-" if listed or child(properties, "a:buChar") is not None else ""

    def paragraph(self, paragraph: ET.Element) -> str:
        """The words of a paragraph; line breaks stay, links and formulas are written out."""
        out: list[str] = []
        for run in paragraph:
            match tag(run):
                case "a:r" | "a:fld":
                    words = self._letters(run).replace("\v", "\n").replace("_x000B_", "\n")
                    if attribute(run, "type") == "slidenum" and not any(map(str.isdigit, words)):
                        words = self.place.rpartition(" ")[2]  # in place of <number> or ‹#›
                    raised = whole(value(run, "a:rPr", name="baseline"))  # thousandths of a percent
                    words = standing(words, raised) if raised else words
                    number = value(run, "a:rPr", "a:hlinkClick", name="id") or ""
                    out.append(
                        hyperlink(self.package, self.part, number, words, self.place) if number else words
                    )
                case "a:br":
                    out.append("\n")
                case "a14:m" | "?:m" | "m:oMathPara" | "m:oMath":
                    out.append(f" {linear(run)} ")
                case "mc:AlternateContent":
                    out.append(next(filter(None, (self.paragraph(form) for form in run)), ""))
        return "".join(out)

    def _letters(self, run: ET.Element) -> str:
        shown, lost = drawn_letters(run)
        if lost:
            self.package.left_out.add(f"signs of the font {lost}", self.place)
        return shown

    def _picture(self, shape: ET.Element) -> str:
        properties = next(descendants(shape, "p:cNvPr"), None)
        alt = "" if properties is None else picture_words(attribute(properties, "descr"))
        blip = next(descendants(shape, "a:blip"), None)
        number = "" if blip is None else attribute(blip, "embed") or attribute(blip, "link")
        link = self.package.link(self.part, number)
        if number and not (link.external or self.package.has(link.target)):
            self.package.left_out.add("pictures that the file does not hold", self.place)
        return mark(alt)

    def _frame(self, frame: ET.Element) -> Iterator[str]:
        for node in descendants(frame, "a:tbl", "c:chart", "cx:chart", "dgm:relIds", "p:oleObj"):
            match tag(node):
                case "a:tbl":
                    yield self._table(node)
                case "c:chart" | "cx:chart":
                    yield from chart_blocks(self.package, self._target(relation(node)), self.place)
                case "dgm:relIds":
                    yield diagram_lines(self.package, self._target(attribute(node, "dm")), self.place)
                case "p:oleObj":
                    yield embedded_formula(self.package, self.part, node) or embedded(node)
                    yield embedded_text(self.package, self.part, node, self.place)
                    return

    def _target(self, number: str) -> str:
        return self.package.link(self.part, number).target

    def _table(self, node: ET.Element) -> str:
        """Each place that a merged cell covers holds its text."""
        grid: list[list[str]] = []
        for row in (e for e in node if tag(e) == "a:tr"):
            line: list[str] = []
            for cell in (e for e in row if tag(e) == "a:tc"):
                text = "\n".join(filter(None, (self.paragraph(p).strip() for p in descendants(cell, "a:p"))))
                if not text and attribute(cell, "hMerge") in ("1", "true") and line:
                    text = self.package.in_tables.text(line[-1], self.place)
                elif (
                    not text
                    and attribute(cell, "vMerge") in ("1", "true")
                    and grid
                    and len(line) < len(grid[-1])
                ):
                    text = self.package.in_tables.text(grid[-1][len(line)], self.place)
                line.append(text)
            grid.append(line)
        return table(grid)

    def notes(self) -> Iterator[str]:
        for path, tree in self.package.trees(self.part, "notesSlide"):
            for frame in descendants(tree, "p:graphicFrame"):
                inner = _Slide(self.package, path, self.place)
                yield from (f"Notes:\n\n{block}" for block in inner._frame(frame) if block)
            for shape in descendants(tree, "p:sp"):
                holder = next(descendants(shape, "p:ph"), None)
                kind = "" if holder is None else attribute(holder, "type") or "body"
                body = child(shape, "p:txBody")
                lines = (
                    []
                    if body is None or kind == "sldNum" or _is_number(body)
                    else [self.paragraph(p) for p in descendants(body, "a:p")]
                )
                words = "\n".join(lines).strip()
                if words:
                    yield f"Notes: {words}"

    def behind(self, told: set[str]) -> Iterator[str]:
        """The words of the layout and the master that show on the slide: what is no place to fill in. `told`: parts and
        lines that earlier slides have brought.
        """
        for layout in self.package.linked(self.part, "slideLayout"):
            for path in (layout, *self.package.linked(layout, "slideMaster")):
                if path in told:
                    continue
                tree = self.package.tree(path)
                shapes = ET.Element("shapes")
                found = child(tree, "p:cSld", "p:spTree") if tree is not None else None
                shapes.extend(
                    e
                    for e in (found if found is not None else ())
                    if next(descendants(e, "p:ph"), None) is None
                )
                blocks = _Slide(self.package, path, self.place).shapes(shapes)
                words = " / ".join(" ".join(b.split()) for b in blocks if b and not b.startswith("[picture"))
                line = f"[slide master: {words}]"
                if words and line not in told:
                    yield line
                told |= {path, line}

    def comments(self) -> Iterator[str]:
        """Comments of both forms, with their answers."""
        for _, tree in self.package.trees(self.part, "comments"):
            for comment in tree.iter():
                if tag(comment).rpartition(":")[2] not in ("cm", "reply"):
                    continue
                author = _authors(self.package).get(attribute(comment, "authorId"), "")
                author = self.package.again.text(author, self.place)
                said = _said(comment)
                if said:
                    yield f"Comment{f', {author}' if author else ''}: {said}"


def _is_number(body: ET.Element) -> bool:
    """Whether it shows the number of the slide alone."""
    runs = [run for run in descendants(body, "a:r", "a:fld") if texts(run, "a:t").strip()]
    return bool(runs) and all(attribute(run, "type") == "slidenum" for run in runs)


def _said(comment: ET.Element) -> str:
    """Its own words, without those of the answers below it."""
    lines: list[str] = []
    for part in comment:
        name = tag(part).rpartition(":")[2]
        if name == "text":
            lines.append(part.text or "")
        elif name == "txBody":
            lines += [texts(p, "a:t") for p in descendants(part, "a:p")]
    return " ".join(" ".join(lines).split())


@lru_cache(1)
def _authors(package: Package) -> dict[str, str]:
    """Number to name, from the list of either form."""
    names: dict[str, str] = {}
    for kind in ("commentAuthors", "authors"):
        for _, tree in package.trees(package.main("ppt/presentation.xml"), kind):
            names |= {attribute(e, "id"): attribute(e, "name") for e in tree}
    return names
