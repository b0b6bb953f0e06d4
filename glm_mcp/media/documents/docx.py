"""DOCX and its kin (DOCM, DOTX, strict): its text as Word shows it, from its own XML.

No library between: they lose text boxes, numbers, charts and whole parts, or give up where one part is broken.
"""

from __future__ import annotations

import re
import zipfile
from typing import Any, BinaryIO
from xml.etree import ElementTree as ET

from glm_mcp.errors import UnsupportedMedia
from glm_mcp.media.documents.about import Said, of_package, with_about
from glm_mcp.media.documents.common.shown import marked, why_shown
from glm_mcp.media.documents.common.sources import of_word, source_lines
from glm_mcp.media.documents.ooxml.package import Package, descendants, value
from glm_mcp.media.documents.ooxml.shown import in_text
from glm_mcp.media.documents.pages import LeftOut, one_text
from glm_mcp.media.documents.word.blocks import Blocks, words_of
from glm_mcp.media.documents.word.flat import flat_package
from glm_mcp.media.documents.word.inline import Story
from glm_mcp.media.documents.word.numbering import Numbering
from glm_mcp.media.documents.word.styles import Styles
from glm_mcp.media.documents.zip_xml import attribute, open_zip

_FURNITURE = re.compile(r"word/(header|footer)\d*\.xml")


def docx_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Raises UnsupportedMedia, MediaTooLarge, InvalidRequest (pages), MissingExtra (HTML within it)."""
    archive, said = word_archive(file, params)
    return with_about(read_word(archive, "docx", params), said), []


def word_archive(file: BinaryIO, params: dict[str, Any]) -> tuple[zipfile.ZipFile, Said]:
    """The parts, and what the file says of itself beside them. Raises UnsupportedMedia, MediaTooLarge, InvalidRequest."""
    name = params["name"]
    file.seek(0)
    if file.read(2) == b"PK":
        return open_zip(file, name), []
    file.seek(0)
    return flat_package(file.read(), name, params.get("encoding"))


def read_word(archive: zipfile.ZipFile, kind: str, params: dict[str, Any]) -> dict[str, Any]:
    name, left_out = params["name"], LeftOut()
    package = Package(archive, name, left_out, params.get("depth", 0))
    main, bodies = main_text(package)
    if not bodies:
        what = "is damaged: its main text cannot be read" if main else "holds no text document"
        raise UnsupportedMedia(f"{name} {what}", "Save it again as DOCX, or as PDF.")
    story = _story(package, main)
    blocks = [block for body in bodies for block in Blocks(story, main).texts(body)]
    shown = [picture for body in bodies for picture in in_text(package, main, body, "the text")]
    why = why_shown("\n".join(blocks), shown)
    blocks += _footnotes(story)
    blocks += _furniture(story, main)
    blocks += [story.remark(number) for number in story.comments if number not in story.remarked]
    blocks += source_lines(of_word(package, main), "\n\n".join(blocks))
    said = of_package(package)
    whole = one_text(kind, "\n\n".join(blocks), params.get("pages"), name, left_out.notes())
    return with_about(marked(whole, why), said)


def main_text(package: Package) -> tuple[str, list[ET.Element]]:
    """The part that holds the text, and its bodies: none where it cannot be read."""
    main = package.main("word/document.xml", *_named_otherwise(package))
    tree = package.tree(main)
    return main, list(descendants(tree, "w:body")) if tree is not None else []


def _named_otherwise(package: Package) -> list[str]:
    """Where a text may lie in a package whose relationships are lost."""
    return [
        path for path in package.parts() if re.fullmatch(r"word/[^/]*document[^/]*\.xml", path, re.IGNORECASE)
    ]


def _story(package: Package, main: str) -> Story:
    def tree_of(kind: str, usual: str) -> tuple[str, ET.Element | None]:
        path = next((p for p in package.linked(main, kind) if package.has(p)), usual)
        return path, package.tree(path)

    numbering, styles = (tree_of(kind, f"word/{kind}.xml")[1] for kind in ("numbering", "styles"))
    language = value(styles, "w:docDefaults", "w:rPrDefault", "w:rPr", "w:lang") or ""
    story = Story(
        package,
        Numbering(numbering, language),
        Styles(styles),
        footnotes={},
        comments={},
    )
    for kind in ("footnote", "endnote"):
        path, tree = tree_of(f"{kind}s", f"word/{kind}s.xml")
        for note in () if tree is None else descendants(tree, f"w:{kind}"):
            story.footnotes[kind, attribute(note, "id")] = path, note
    tree = tree_of("comments", "word/comments.xml")[1]
    for comment in () if tree is None else descendants(tree, "w:comment"):
        story.comments[attribute(comment, "id")] = attribute(comment, "author").strip(), words_of(comment)
    return story


def _footnotes(story: Story) -> list[str]:
    """The notes in the order of their marks, each once; one may hold the mark of another, or its own."""
    return [  # the list grows while it is read
        f"[^{number}]: " + "\n".join(Blocks(story, path).texts(element))
        for number, (path, element) in enumerate(story.notes, 1)
    ]


def _furniture(story: Story, main: str) -> list[str]:
    """The texts of page headers and footers, each once, their paragraphs and cells apart; a page number alone is none."""
    named = {path: kind for kind in ("header", "footer") for path in story.package.linked(main, kind)}
    for path in sorted(story.package.parts()):
        if match := _FURNITURE.fullmatch(path):
            named.setdefault(path, match[1])
    lines: dict[str, None] = {}
    for path, kind in sorted(named.items()):
        tree = story.package.tree(path)
        story.place = f"page {kind}"
        texts = [] if tree is None else Blocks(story, path).texts(tree)
        words = " / ".join(
            _row_words(line) for text in texts for line in text.split("\n") if line.strip(" |-")
        )
        if len(words) > 2:
            lines[f"[page {kind}: {words}]"] = None
    return list(lines)


def _row_words(line: str) -> str:
    """A row of a table as its cells, without the frame."""
    cells = line.strip().strip("|").split(" | ") if line.startswith("|") else [line]
    return " ; ".join(" ".join(cell.replace("<br>", " ").split()) for cell in cells if cell.strip())
