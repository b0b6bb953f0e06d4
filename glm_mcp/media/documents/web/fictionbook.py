"""FictionBook (FB2), an e-book in one XML file, as a web page."""

from __future__ import annotations

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
_LINES = ("v", "text-author", "empty-line")  # of poems and sayings


def book_soup(html: str) -> Any:
    """The tree of a book with the elements of a page; None where it is none, or nothing is there that reads XML."""
    start = html.find("<FictionBook")
    if start < 0 or root_element(html) != "fictionbook":
        return None
    from bs4 import FeatureNotFound

    try:
        soup = tree(html[start:], "xml")  # without definitions before it, which may name other files
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
