"""The runs of OpenDocument paragraphs: emphasis, links, notes, formulas, readings, and what is only named in its line."""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from xml.etree import ElementTree as ET

from glm_mcp.errors import UnsupportedMedia
from glm_mcp.media.documents.common.choices import others
from glm_mcp.media.documents.common.few_times import SaidAgain
from glm_mcp.media.documents.common.shown import mark
from glm_mcp.media.documents.odf.forms import controls
from glm_mcp.media.documents.ooxml.package import whole
from glm_mcp.media.documents.web.mathml import linear
from glm_mcp.media.documents.word.runs import Look, Piece, letters_of, markdown
from glm_mcp.media.documents.zip_xml import attribute, local, outermost, parse

# Elements whose words are no text of the document.
SILENT = frozenset(
    "tracked-changes forms table-of-content-source sequence-decls bookmark binary-data title desc".split()
)
DRAWN = ("custom-shape", "rect", "ellipse", "circle", "polygon", "path", "line", "caption")
_SPACES = 100  # of one element


class Inline:
    """`archive`: where formulas lie that are objects of their own. `trees`: where the text styles are."""

    def __init__(self, archive: zipfile.ZipFile | None, name: str, trees: Iterable[ET.Element]) -> None:
        self._archive = archive
        self._name = name
        self.again = SaidAgain()
        self._formulas: dict[str, str] = {}  # by the objects that frames show
        trees = list(trees)
        self.controls = {number: text for tree in trees for number, text in controls(tree).items()}
        self._looks = {
            attribute(style, "name"): properties
            for tree in trees
            for style in tree.iter()
            if local(style) == "style" and attribute(style, "family") == "text"
            for properties in style
            if local(properties) == "text-properties"
        }

    def text(self, node: ET.Element, *, heading: bool = False) -> str:
        """The words of a paragraph in their line, without what hangs in it."""
        return markdown(self._pieces(node, Look()), heading=heading).strip(" ")

    def control(self, node: ET.Element) -> str:
        """What the field of a form that stands there shows."""
        return self.again.text(self.controls.get(attribute(node, "control"), ""), "forms")

    def comment(self, node: ET.Element) -> str:
        author = next((e.text or "" for e in node if local(e) == "creator"), "").strip()
        words = " ".join(filter(None, (self.text(p) for p in outermost(node, "p"))))
        return f"[comment{f', {author}' if author else ''}: {words}]"

    def _pieces(self, node: ET.Element, look: Look) -> Iterator[Piece]:
        yield _plain(node.text), look
        for child in node:
            yield from self._piece(child, local(child), look)
            yield _plain(child.tail), look

    def _piece(self, node: ET.Element, name: str, look: Look) -> Iterator[Piece]:
        match name:
            case "s":
                yield " " * min(whole(attribute(node, "c"), 1), _SPACES), look
            case "tab":
                yield "\t", look
            case "line-break":
                yield "\n", look
            case "span":
                yield from self._span(node, attribute(node, "style-name"), look)
            case "a":
                target = attribute(node, "href")
                leads = re.match(r"(?:https?|mailto|ftp):", target) is not None
                yield from self._pieces(node, replace(look, url=target) if leads else look)
            case "ruby":
                base, reading = (
                    "".join(t for t, _ in self._ruby(node, part)) for part in ("ruby-base", "ruby-text")
                )
                yield f"{base}({reading})" if reading.strip() else base, look
            case "note":
                body = next((e for e in node if local(e) == "note-body"), None)
                words = "" if body is None else " ".join(self.text(p) for p in outermost(body, "p", "h"))
                yield f" [note: {words}]" if words else "", Look()
            case "annotation":
                yield f" {self.comment(node)}", Look()
            case "frame":
                yield self._framed(node), Look(url=look.url)
            case "dropdown" | "drop-down":
                chosen = "".join(node.itertext())
                entries = (attribute(e, "value") for e in node if local(e) == "label")
                yield chosen + others(entries, chosen), look
            case "control":
                yield f" {self.control(node)} ", Look()
            case _ if name not in SILENT and name not in DRAWN:
                yield from self._pieces(node, look)

    def _span(self, node: ET.Element, style: str, look: Look) -> Iterator[Piece]:
        """Signs of a symbol font as the letters that they show, where each of them has one."""
        properties = self._looks.get(style)
        font = "" if properties is None else attribute(properties, "font-name")
        font = re.sub(r"(?<=\w)\d+$", "", font)  # programs number fonts that they declare twice
        for text, drawn in self._pieces(node, self._look(style, look)):
            shown, is_less = letters_of(text, font)
            yield text if is_less else shown, drawn

    def _ruby(self, node: ET.Element, part: str) -> Iterator[Piece]:
        for child in node:
            if local(child) == part:
                yield from self._pieces(child, Look())

    def _look(self, style: str, look: Look) -> Look:
        properties = self._looks.get(style)
        if properties is None:
            return look
        place = attribute(properties, "text-position")
        return replace(
            look,
            bold=look.bold or attribute(properties, "font-weight") == "bold",
            italic=look.italic or attribute(properties, "font-style") == "italic",
            struck=look.struck or attribute(properties, "text-line-through-style") not in ("", "none"),
            place=_place(place) or look.place,
        )

    def _framed(self, frame: ET.Element) -> str:
        """A formula or a picture; what else a frame holds stands apart."""
        if formula := self.formula(frame):
            return f" {formula} "
        names = {local(e) for e in frame}
        return picture(frame) if "image" in names and not names & {"text-box", "object", "table"} else ""

    def formula(self, frame: ET.Element) -> str:
        """That of the object in a frame; "" where it is none."""
        holder = next((e for e in frame if local(e) == "object"), None)
        if holder is None:
            return ""
        if (tree := next((e for e in holder if local(e) == "math"), None)) is not None:
            return linear(tree)
        target = posixpath.normpath(attribute(holder, "href")).removeprefix("./")
        if self._archive is None or not target or target.startswith((".", "/")):
            return ""
        if target not in self._formulas:
            try:
                tree = parse(self._archive, f"{target}/content.xml", self._name)
            except UnsupportedMedia:
                tree = None  # said where the object itself is looked for
            self._formulas[target] = linear(tree) if tree is not None and local(tree) == "math" else ""
        return self.again.text(self._formulas[target], "formulas")


def _place(position: str) -> str:
    """`super 58%`, `-33% 58%`, to where it stands."""
    first = position.partition(" ")[0]
    if first in ("super", "sub"):
        return f"{first}script"
    share = first.removesuffix("%")
    if not re.fullmatch(r"-?\d{1,3}", share) or int(share) == 0:
        return ""
    return "superscript" if int(share) > 0 else "subscript"


def picture(frame: ET.Element) -> str:
    alt = next((e.text for e in frame if local(e) in ("title", "desc") and e.text), "")
    return mark(alt or "")


def described(shape: ET.Element) -> Iterator[str]:
    """The description of a shape that is no picture, where it has one."""
    words = " ".join(" ".join(e.text or "" for e in shape if local(e) in ("title", "desc")).split())
    if words:
        yield f"[drawing: {words}]"


def _plain(text: str | None) -> str:
    """White space in the file is one space; what is meant stands in elements of its own."""
    return re.sub(r"\s+", " ", text) if text else ""
