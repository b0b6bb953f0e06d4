"""The tree of a page, by BeautifulSoup, no deeper than those who walk through it can go."""

from __future__ import annotations

import functools
from typing import Any

_DEEP = 250  # elements in each other; pages of newsletters have some sixty


def tree(html: str, parser: str) -> Any:
    """Raises FeatureNotFound (there is no such parser) or ParserRejectedMarkup of bs4."""
    soup, tag = _classes()
    made = soup(html, parser, element_classes=tag)
    _flatten(made)
    return made


def _flatten(soup: Any) -> None:
    """What lies too deep keeps its words and loses its form: to look at each with all that lies in it takes minutes."""
    depths, deep = {id(soup): 0}, []
    for element in soup.find_all(True):
        depth = depths[id(element)] = depths[id(element.parent)] + 1
        if depth == _DEEP and element.find(True, recursive=False):
            deep.append(element)
    for element in deep:
        element.string = element.get_text("\n", strip=True)


@functools.cache
def _classes() -> tuple[Any, dict[Any, Any]]:
    from bs4 import BeautifulSoup, Tag

    class Near:
        """Each change looks for its place among all neighbours: tens of thousands of comments in a row took minutes."""

        contents: list[Any]
        _near = 0  # where the last one was found; mostly the next one is beside it

        def index(self, element: Any) -> int:
            contents, near = self.contents, min(self._near, len(self.contents))
            for far in range(max(near, len(contents) - near) + 1):
                for at in (near - far, near + far):
                    if 0 <= at < len(contents) and contents[at] is element:
                        self._near = at
                        return at
            raise ValueError("no child of this element")

    class Soup(Near, BeautifulSoup):
        pass

    class Element(Near, Tag):
        pass

    return Soup, {Tag: Element}
