"""What stands in a paragraph: runs, fields, notes, comments, formulas, pictures, and what is anchored in it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from xml.etree import ElementTree as ET

from glm_mcp.media.documents.common.choices import others
from glm_mcp.media.documents.common.fields import address, shown_without_result
from glm_mcp.media.documents.common.shown import mark
from glm_mcp.media.documents.ooxml.chart import chart_blocks, diagram_lines
from glm_mcp.media.documents.ooxml.embedded import embedded, embedded_formula, embedded_text
from glm_mcp.media.documents.ooxml.formula import linear
from glm_mcp.media.documents.ooxml.package import Package, child, descendants, is_on, tag, texts, value, whole
from glm_mcp.media.documents.ooxml.shown import picture_words
from glm_mcp.media.documents.word.numbering import Numbering
from glm_mcp.media.documents.word.runs import Look, Piece, letters_of, look_of, symbol
from glm_mcp.media.documents.word.styles import Styles
from glm_mcp.media.documents.zip_xml import attribute

_TRANSPARENT = frozenset(
    f"w:{name}"
    for name in (
        *("ins", "moveTo", "smartTag", "customXml", "fldSimple", "bdo", "dir", "sdtContent", "subDoc"),
        *("hyperlink", "r", "rubyBase"),
    )
)
# Of scripts whose words stand between blanks.
_REST_OF_WORD = re.compile("[^\\W\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\uffdc]{0,30}")
_GONE = frozenset(("w:moveFrom", "w:rPr", "w:pPr", "w:sdtPr", "w:sdtEndPr", "w:delText"))
_SIGNS = {
    "w:tab": "\t",
    "w:ptab": "\t",
    "w:br": "\n",
    "w:cr": "\n",
    "w:noBreakHyphen": "\u2011",
    "w:softHyphen": "",
}


@dataclass(slots=True)
class Story:
    """What all parts of one document share. `place`: where the reader is, for notes on what is left out."""

    package: Package
    numbering: Numbering
    styles: Styles
    footnotes: dict[tuple[str, str], tuple[str, ET.Element]]  # kind and number to part and element
    comments: dict[str, tuple[str, str]]  # number to author and text
    cited: dict[tuple[str, str], int] = field(default_factory=dict)  # numbers of footnotes
    notes: list[tuple[str, ET.Element]] = field(default_factory=list)  # those in their order
    remarked: set[str] = field(default_factory=set)  # comments whose mark was met
    paragraphs: int = 0
    place: str = ""

    def leave_out(self, what: str) -> None:
        self.package.left_out.add(what, self.place)

    def remark(self, number: str) -> str:
        self.remarked.add(number)
        author, text = (self.package.again.text(said, self.place) for said in self.comments[number])
        return f"[comment{f', {author}' if author else ''}: {text}]"


@dataclass(slots=True)
class _Field:
    """A field that is open: its instruction in pieces, whether its result has begun (behind how many pieces), where that
    leads, and what it shows without one.
    """

    codes: list[str] = field(default_factory=list)
    in_result: bool = False
    at: int = 0
    url: str = ""
    shows: str = ""
    usual: str = ""  # the text of one to type in, until a result begins


class Inline:
    """The pieces of one paragraph, and the blocks that are anchored in it (text boxes, charts, diagrams)."""

    def __init__(self, story: Story, part: str, blocks_of: Callable[[ET.Element], list[str]]) -> None:
        self.pieces: list[Piece] = []
        self.anchored: list[str] = []
        self._story = story
        self._part = part
        self._blocks_of = blocks_of
        self._fields: list[_Field] = []
        self._font = ""  # of the run that is read
        self._remarks = 0  # comments that the pieces end with

    def read(self, element: ET.Element, look: Look | None = None) -> None:
        look = look or Look()
        for node in element:
            self._node(node, tag(node), look)

    def _write(self, text: str, look: Look) -> None:
        if self._fields and (url := self._fields[-1].url):
            look = replace(look, url=url)
        if self._remarks and text:  # one on a part of a word stands behind the word
            at = len(self.pieces) - self._remarks
            rest = _REST_OF_WORD.match(text) if at and self.pieces[at - 1][0][-1:].isalnum() else None
            if rest and rest[0]:
                self.pieces.insert(at, (rest[0], look))
                text = text[rest.end() :]
            self._remarks = 0 if text else self._remarks
        self.pieces.append((text, look))

    def _node(self, node: ET.Element, name: str, look: Look) -> None:
        if name == "w:t":
            self._write(self._letters(node.text or ""), look)
        elif name == "w:instrText":
            if self._fields and not self._fields[-1].in_result:
                self._fields[-1].codes.append(node.text or "")
        elif name == "w:r":
            style = self._story.styles.character(value(node, "w:rPr", "w:rStyle") or "")
            fonts = child(node, "w:rPr", "w:rFonts")
            self._font = "" if fonts is None else attribute(fonts, "ascii") or attribute(fonts, "hAnsi")
            self.read(node, replace(look_of(child(node, "w:rPr"), style), url=look.url))
        elif name == "w:hyperlink":
            self.read(node, replace(look, url=self._address(node)))
        elif name in _SIGNS:
            if not (name == "w:br" and attribute(node, "type") in ("page", "column")):
                self._write(_SIGNS[name], look)
        elif name in _TRANSPARENT:
            if name == "w:subDoc":
                self._story.leave_out("parts that lie in files of their own")
            self.read(node, look)
        elif name == "mc:AlternateContent":
            self._alternatives(node, look)
        elif name.startswith("m:"):
            if words := linear(node):
                self._write(f" {words} ", Look())
        elif name not in _GONE:
            self._special(node, name, look)

    def _letters(self, text: str) -> str:
        shown, is_less = letters_of(text, self._font)
        if is_less:
            self._story.leave_out(f"signs of the font {self._font}")
        return shown

    def _special(self, node: ET.Element, name: str, look: Look) -> None:
        match name:
            case "w:sdt":
                box = next(descendants(node, "w14:checkbox"), None)
                if box is not None:
                    self._write("[x]" if is_on(box, "w14:checked") else "[ ]", look)
                elif (content := child(node, "w:sdtContent")) is not None:
                    self.read(content, look)
                    self._write(offered(node), Look())
            case "w:ruby":
                base, reading = (
                    texts(e, "w:t") if (e := child(node, n)) is not None else ""
                    for n in ("w:rubyBase", "w:rt")
                )
                self._write(f"{base}({reading})" if reading else base, look)
            case "w:sym":
                sign = symbol(attribute(node, "font"), attribute(node, "char"))
                if not sign:
                    self._story.leave_out(f"signs of the font {attribute(node, 'font') or 'of symbols'}")
                self._write(sign, look)
            case "w:fldChar":
                self._field(node, look)
            case "w:footnoteReference" | "w:endnoteReference":
                self._footnote(name.removeprefix("w:").removesuffix("Reference"), attribute(node, "id"))
            case "w:commentReference":
                self._comment(attribute(node, "id"))
            case "w:drawing" | "w:pict" | "w:object":
                self._drawing(node, look)
            case "w:txbxContent":
                self.anchored += self._blocks_of(node)
            case "w:del" if any(e.text for e in descendants(node, "w:delText")):
                self._story.leave_out("words whose deletion is tracked")

    def _alternatives(self, node: ET.Element, look: Look) -> None:
        """The first form of it that says something: the newest, else what stands there for older programs."""
        for form in node:
            before = len(self.pieces), len(self.anchored)
            self._read_drawn(form, look) if _is_drawn(form) else self.read(form, look)
            if (len(self.pieces), len(self.anchored)) != before:
                return

    def _address(self, node: ET.Element) -> str:
        number = attribute(node, "id")
        link = self._story.package.links(self._part).get(number)
        if number and link is None:
            self._story.leave_out("links whose target the file does not name")
        if link is None or not link.external:
            return ""
        return self._story.package.again.text(link.target, self._story.place)

    def _field(self, node: ET.Element, look: Look) -> None:
        match attribute(node, "fldCharType"):
            case "begin":
                around = self._fields[-1].url if self._fields else ""
                usual = value(node, "w:ffData", "w:textInput", "w:default") or ""
                self._fields.append(_Field(url=around, shows=_form_value(node), usual=usual))
            case "separate" if self._fields:
                begun = self._fields[-1]
                begun.in_result, begun.at, begun.usual = True, len(self.pieces), ""
                begun.url = address("".join(begun.codes)) or begun.url
            case "end" if self._fields:
                ended = self._fields.pop()
                has_result = ended.in_result and any(text.strip() for text, _ in self.pieces[ended.at :])
                instead = "" if has_result else shown_without_result("".join(ended.codes))
                if shown := ended.shows or ended.usual or instead:
                    self._write(shown, look)

    def _footnote(self, kind: str, number: str) -> None:
        key = kind, number
        if key not in self._story.footnotes:
            self._story.leave_out(f"{kind}s that the file does not hold")
            return
        if key not in self._story.cited:
            self._story.notes.append(self._story.footnotes[key])
            self._story.cited[key] = len(self._story.notes)
        self.pieces.append((f"[^{self._story.cited[key]}]", Look()))

    def _comment(self, number: str) -> None:
        if number not in self._story.comments:
            self._story.leave_out("comments that the file does not hold")
            return
        self.pieces.append((f" {self._story.remark(number)}", Look()))
        self._remarks += 1

    # ── Drawings ────────────────────────────────────────────────────────────────────────────────────────────────

    def _drawing(self, node: ET.Element, look: Look) -> None:
        for part in descendants(node, "o:OLEObject"):
            if formula := embedded_formula(self._story.package, self._part, part):
                self._write(f" {formula} ", Look())  # and no picture of it
                return
        alt = picture_words(next((_alt(e) for e in descendants(node, "wp:docPr")), ""))
        before = len(self.pieces)
        self._read_drawn(node, look, alt)
        if alt and not any(alt in text for text, _ in self.pieces[before:]):
            self._write(f"[drawing: {alt}]", look)

    def _read_drawn(self, node: ET.Element, look: Look, alt: str = "") -> None:
        for part in node:
            match tag(part):
                case "w:txbxContent" | "w14:txbxContent":
                    self.anchored += self._blocks_of(part)
                case "wpg:wgp" | "wpg:grpSp" | "wpc:wpc":
                    self._read_drawn(part, look)  # what is said of a group is said of none of its pictures
                case "mc:AlternateContent":
                    self._alternatives(part, look)
                case "w:drawing" | "w:pict" | "w:object":
                    self._drawing(part, look)
                case "pic:pic":
                    own = next(map(_alt, descendants(part, "pic:cNvPr")), "")  # often the name of its file
                    self._picture(part, alt or own, "a:blip", look)
                case "v:imagedata":
                    self._picture(part, attribute(part, "title") or alt, "v:imagedata", look)
                case "v:shape" | "v:rect" | "v:roundrect" | "v:group" | "v:oval":
                    self._read_drawn(part, look, attribute(part, "alt") or alt)
                case "v:textpath":
                    self._write(attribute(part, "string"), look)
                case "c:chart" | "cx:chart":
                    self.anchored += chart_blocks(
                        self._story.package, self._target(part, "id"), self._story.place
                    )
                case "dgm:relIds":
                    self.anchored.append(
                        diagram_lines(self._story.package, self._target(part, "dm"), self._story.place)
                    )
                case "o:OLEObject":
                    self._write(embedded(part), look)
                    text = embedded_text(self._story.package, self._part, part, self._story.place)
                    self.anchored += [text] if text else []
                case _:
                    self._read_drawn(part, look, alt)

    def _target(self, node: ET.Element, name: str) -> str:
        return self._story.package.link(self._part, attribute(node, name)).target

    def _picture(self, node: ET.Element, alt: str, holder: str, look: Look) -> None:
        blip = next(descendants(node, holder), None)
        number = (
            ""
            if blip is None
            else attribute(blip, "embed") or attribute(blip, "id") or attribute(blip, "link")
        )
        link = self._story.package.links(self._part).get(number)
        if number and (link is None or not (link.external or self._story.package.has(link.target))):
            self._story.leave_out("pictures that the file does not hold")
        self._write(mark(picture_words(alt)), Look(url=look.url))


def _is_drawn(form: ET.Element) -> bool:
    """Whether an alternative stands among shapes, not among runs."""
    first = next(iter(form), None)
    return first is not None and not tag(first).startswith(("w:", "m:"))


def _alt(properties: ET.Element) -> str:
    return attribute(properties, "descr") or attribute(properties, "title")


def _form_value(node: ET.Element) -> str:
    """What a form field of the older kind shows where its text does not say it: a check box, a chosen entry."""
    box = next(descendants(node, "w:checkBox"), None)
    if box is not None:
        holder = "w:checked" if child(box, "w:checked") is not None else "w:default"
        return "[x]" if is_on(box, holder) else "[ ]"
    choice = next(descendants(node, "w:ddList"), None)
    entries = [] if choice is None else [attribute(e, "val") for e in choice if tag(e) == "w:listEntry"]
    at = whole(value(choice, "w:result") if choice is not None else None)
    chosen = entries[at] if 0 <= at < len(entries) else ""
    return chosen + others(entries, chosen)


def offered(control: ET.Element) -> str:
    """The entries of a content control that is a drop-down; of those that only ask to choose, none."""
    properties = child(control, "w:sdtPr")
    items = () if properties is None else descendants(properties, "w:dropDownList", "w:comboBox")
    entries = (
        attribute(e, "displayText") or attribute(e, "value")
        for holder in items
        for e in holder
        if attribute(e, "value")
    )
    content = child(control, "w:sdtContent")
    return others(entries, "" if content is None else texts(content, "w:t"))
