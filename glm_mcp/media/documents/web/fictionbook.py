"""FictionBook (FB2), an e-book in one XML file, as a web page."""

from __future__ import annotations

import base64
import contextlib
import itertools
import re
from typing import Any

from glm_mcp.media.documents.web.tree import tree
from glm_mcp.media.text_kinds import root_element

_MEANT = {
    "title": "h2",
    "subtitle": "h3",
    "emphasis": "em",
    "style": "span",
    "epigraph": "blockquote",
    "cite": "blockquote",
}
_BINARY = re.compile(r"<binary\b([^<>]{0,500})>([^<]*+)</binary\s{0,9}>")
_ID = re.compile(r"""\bid\s{0,9}=\s{0,9}["']([^"']{1,300})["']""")
_COVER = re.compile(r"<coverpage\b[^<>]{0,200}>(?:(?!<coverpage).){0,2000}?</coverpage>", re.DOTALL)
_IMAGE = re.compile(r"<image\b([^<>]{0,2000}?)\b(?:\w{1,20}:)?href(?=\s{0,9}=)")
_OPEN_OR_END = re.compile(r"<(/?)[A-Za-z][^<>]*(?<!/)>")
_DEEP = 1_000  # elements in elements, each of which the tree is built through to know what its name means
_LINES = ("v", "text-author", "empty-line")  # of poems and sayings


def without_binaries(html: str) -> tuple[str, list[tuple[str, bytes]]]:
    """A book with its pictures but the cover as those of a page, and what they hold by name; of other pages nothing."""
    if "<binary" not in html or root_element(html) != "fictionbook":
        return html, []
    held = []
    for attributes, body in _BINARY.findall(html):
        if name := _ID.search(attributes):
            with contextlib.suppress(ValueError):
                held.append((name[1], base64.b64decode(body + "==")))
    html = _IMAGE.sub(r"<img\1src", _COVER.sub("", _BINARY.sub("", html)))
    return html.replace("</image>", "</img>"), held


def book_soup(html: str) -> Any:
    """The tree of a book with the elements of a page; None where it is none, or nothing is there that reads XML."""
    start = html.find("<FictionBook")
    if start < 0 or root_element(html) != "fictionbook":
        return None
    from bs4 import FeatureNotFound

    try:
        # Without definitions before it, which may name other files.
        soup = tree(html[start:], "lxml" if _is_deep(html) else "xml")
    except FeatureNotFound:
        return None
    for gone in soup.find_all(("binary", "document-info")):  # pictures, and what wrote the file
        gone.decompose()
    about = soup.find("description")
    for fact in about.find_all(True) if about else ():
        fact.name = fact.name if fact.find(True) else "p"
    for element in soup.find_all((*_MEANT, *_LINES)):
        element.name = _MEANT.get(element.name, "p")
    return soup


def _is_deep(html: str) -> bool:
    depths = itertools.accumulate(-1 if tag[1] else 1 for tag in _OPEN_OR_END.finditer(html))
    return any(depth > _DEEP for depth in depths)
