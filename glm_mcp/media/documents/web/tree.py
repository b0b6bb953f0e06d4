"""The tree of a page, by BeautifulSoup, no deeper than those who walk through it can go."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

_DEEP = 250  # elements in each other; pages of newsletters have some sixty
_WHOLE = 40  # of what lies deeper and stays as it is


def tree(html: str, parser: str) -> Any:
    """Raises FeatureNotFound (there is no such parser) or ParserRejectedMarkup of bs4."""
    soup, tag = _classes()
    made = soup(html, parser, element_classes=tag)
    _flatten(made)
    return made


def _flatten(soup: Any) -> None:
    """Of what lies too deep the outer elements go: to look at each with all that lies in it takes minutes. Tables, links and
    pictures in them stay.
    """
    depths, heights, deep = {id(soup): 0}, dict[int, int](), []
    elements = soup.find_all(True)
    for element in elements:
        depth = depths[id(element)] = depths[id(element.parent)] + 1
        if depth == _DEEP:
            deep.append(element)
    for element in reversed(elements):
        outer = id(element.parent)
        heights[outer] = max(heights.get(outer, 0), heights.get(id(element), 0) + 1)
    for element in deep:
        if heights.get(id(element), 0) > _WHOLE:
            pieces = [piece.extract() for piece in list(_pieces(element, heights))]
            element.clear()
            for piece in pieces:
                element.append("\n")
                element.append(piece)


def _pieces(element: Any, heights: dict[int, int]) -> Iterator[Any]:
    """What lies in it, in order, in pieces that are not too deep."""
    waiting = list(reversed(element.contents))
    while waiting:
        part = waiting.pop()
        if heights.get(id(part), 0) > _WHOLE:
            waiting += reversed(part.contents)
        else:
            yield part


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
