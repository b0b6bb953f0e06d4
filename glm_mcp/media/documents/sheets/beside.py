"""What lies on a sheet of an office package beside its cells: text boxes, charts, diagrams, pictures, comments."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from xml.etree import ElementTree as ET

from glm_mcp.media.documents.common.page_lines import only_counts
from glm_mcp.media.documents.common.shown import mark
from glm_mcp.media.documents.ooxml.chart import chart_blocks, diagram_lines
from glm_mcp.media.documents.ooxml.embedded import embedded, embedded_text
from glm_mcp.media.documents.ooxml.package import Package, child, descendants, relation, tag, texts, whole
from glm_mcp.media.documents.sheets.grid import place
from glm_mcp.media.documents.sheets.shown import corner
from glm_mcp.media.documents.zip_xml import attribute, local
from glm_mcp.text import unescaped

_PRINTED = re.compile(rb"<(?:\w{1,20}:)?(?:odd|even|first)(Header|Footer)[^>]{0,100}>([^<]{1,2000})</")
# Of a printed line: what a program fills in, and how it looks.
_CODE = re.compile(
    r'&(?:"[^"]*"|K[0-9A-Fa-f]{2}[+-]?[0-9A-Fa-f]{3,4}|\d{1,3} ?|[PN](?:[+-]\d+)?|[A-JM-QS-Zacf])'
)


def printed_on(data: bytes) -> Iterator[str]:
    """The words that are printed at the head and the foot of each page of a sheet, each once."""
    lines: dict[str, None] = {}
    for kind, written in _PRINTED.findall(data):
        said = unescaped(written.decode("utf-8", "replace"))
        lines |= dict.fromkeys(printed_line(kind.decode().lower(), said))
    yield from lines


def printed_line(kind: str, said: str) -> Iterator[str]:
    """The words of a header or a footer as Excel keeps it, where there are any."""
    said = said.replace("&&", "\0")
    parts = (_CODE.sub("", part).replace("\0", "&").split() for part in re.split("&[LCR]", said))
    words = " / ".join(" ".join(part) for part in parts if part)
    if not only_counts(words):
        yield f"[page {kind}: {words}]"


def drawn_on(package: Package, part: str, title: str) -> Iterator[str]:
    for path, tree in package.trees(part, "drawing"):
        for anchor in tree:
            yield from _anchored(package, anchor, path, title)


def _anchored(package: Package, anchor: ET.Element, part: str, title: str) -> Iterator[str]:
    start = child(anchor, "xdr:from")
    at = place(*corner(start)) if start is not None else ""
    where = f"sheet '{title}'"
    seen: set[int] = set()  # of the newer and the older form of one thing, the first
    for node in anchor.iter():
        match tag(node):
            case _ if id(node) in seen:
                pass
            case "mc:Fallback":
                seen |= {id(e) for e in node.iter()}
            case "xdr:txBody":
                seen |= {id(e) for e in node.iter()}
                lines = (" ".join(texts(p, "a:t").split()) for p in descendants(node, "a:p"))
                if words := "\n".join(filter(None, lines)):
                    yield f"Text box{f' at {at}' if at else ''}: {words}"
            case "c:chart" | "cx:chart" | "dgm:relIds":
                if tag(node) == "dgm:relIds":
                    yield diagram_lines(package, package.link(part, attribute(node, "dm")).target, where)
                else:
                    yield from chart_blocks(package, package.link(part, relation(node)).target, where)
            case "xdr:pic":
                alt = next((attribute(e, "descr") for e in descendants(node, "xdr:cNvPr")), "")
                yield mark(" ".join(alt.split()), at)
                seen |= {id(e) for e in descendants(node, "xdr:cNvPr")}
            case "xdr:cNvPr" if words := " ".join(attribute(node, "descr").split()):
                yield f"[drawing: {words}]"
            case "p:oleObj":
                yield embedded(node)
                yield embedded_text(package, part, node, where)


def controls_on(package: Package, part: str) -> Iterator[str]:
    """The labels of buttons, check boxes and other controls of the older kind, which lie with the comments' frames."""
    for _, tree in package.trees(part, "vmlDrawing"):
        for shape in tree:
            facts = next((e for e in shape if local(e) == "ClientData"), None)
            if local(shape) != "shape" or facts is None or attribute(facts, "ObjectType") in ("Note", "Pict"):
                continue
            words = " ".join(" ".join("".join(e.itertext()) for e in shape if local(e) == "textbox").split())
            ticks = (
                {"Checkbox": "[x] ", "Radio": "(x) "}
                if any(local(e) == "Checked" for e in facts)
                else {"Checkbox": "[ ] ", "Radio": "( ) "}
            )
            if words:
                yield f"[control: {ticks.get(attribute(facts, 'ObjectType'), '')}{words}]"


def people(package: Package, main: str) -> dict[str, str]:
    """The names of those who comment."""
    trees = package.trees(main, "person")
    return {attribute(e, "id"): attribute(e, "displayName") for _, tree in trees for e in tree}


def comments_on(package: Package, part: str, names: Mapping[str, str]) -> Iterator[str]:
    """Those of the newer form with their answers; of the older form those that do not stand for a newer one."""
    threaded: set[str] = set()
    for _, tree in package.trees(part, "threadedComment"):
        for comment in tree:
            threaded.add(attribute(comment, "ref"))
            author = names.get(attribute(comment, "personId"), "")
            yield _comment(comment, package.again.text(author, "comments"))
    for path in package.linked(part, "comments"):
        is_read = path.endswith(".xml") and package.named.has_not_met(path)
        older = package.tree(path) if is_read else None
        authors = [] if older is None else [e.text or "" for e in descendants(older, "x:author")]
        for comment in () if older is None else descendants(older, "x:comment"):
            at = whole(attribute(comment, "authorId"), -1)
            if attribute(comment, "ref") not in threaded:
                author = authors[at] if 0 <= at < len(authors) else ""
                yield _comment(comment, package.again.text(author, "comments"))


def _comment(element: ET.Element, author: str) -> str:
    words = "".join(e.text or "" for e in element.iter() if local(e) in ("t", "text"))
    return comment_line(attribute(element, "ref"), author, words)


def comment_line(at: str, author: str, words: str) -> str:
    """Excel begins the words of the older form with the author's name."""
    author, words = author.strip(), " ".join(words.split())
    words = words.removeprefix(f"{author}:").strip() if author else words
    return f"- {at}{f', {author}' if author else ''}: {words}"


def comment_block(lines: list[str]) -> list[str]:
    return ["\n".join(["Comments:", "", *lines])] if lines else []
