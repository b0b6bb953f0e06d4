"""Numbers of the items of a list as a browser shows them: `type`, `start`, `value`, `reversed`; and what stands apart by style
alone.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from typing import Any

from glm_mcp.media.documents.word.written_numbers import written

_LABEL = "data-label"
_TYPES = {"a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman"}
_STYLE = re.compile(r"list-style(?:-type)?\s*:[^;]{0,40}?\b(lower|upper)-(alpha|latin|roman)", re.IGNORECASE)
_STYLE_CHARS = 1_000  # of one element
_COUNT = re.compile(r"\s*([+-]?\d{1,9})")
_AROUND_PARTS = ("div", "li", "td", "th", "dt", "dd", "figcaption")
_BLANKS = re.compile(r"[ \t]{2,}")
_CODE = ("pre", "code", "samp", "kbd")


def set_apart(soup: Any, there: Collection[str]) -> None:
    """`there`: the names of the elements that the page has."""
    if "ol" in there:
        _number_items(soup)
    if "span" in there:
        _part_spans(soup)


def _number_items(soup: Any) -> None:
    """Writes to each item of an ordered list its number: the converter counts those before it anew for each, and from one
    alone.
    """
    for ordered in soup.find_all("ol"):
        items = [part for part in ordered.children if part.name == "li"]
        step = -1 if ordered.has_attr("reversed") else 1
        number = _count(ordered.get("start"), 1 if step > 0 else len(items))
        form = _form(ordered, "decimal")
        for item in items:
            number = _count(item.get("value"), number)
            item[_LABEL] = f"{written(number, _form(item, form)) if number > 0 else number}."
            number += step


def _count(value: Any, usual: int) -> int:
    found = _COUNT.match(str(value or ""))
    return int(found[1]) if found else usual


def _form(element: Any, usual: str) -> str:
    style = _STYLE.search(str(element.get("style") or "")[:_STYLE_CHARS])
    if style:
        return f"{style[1].lower()}{'Roman' if style[2].lower() == 'roman' else 'Letter'}"
    return _TYPES.get(str(element.get("type") or ""), usual)


def _part_spans(soup: Any) -> None:
    """A blank between spans that fill a block with nothing between them: a style sets them apart, as names and numbers in
    columns. Not between single letters, nor in code.
    """
    for block in soup.find_all(True):
        if block.name not in _AROUND_PARTS or len(block.contents) < 2:
            continue
        parts = list(block.contents)
        if any(part.name != "span" for part in parts) or any(p.name in _CODE for p in block.parents):
            continue
        words = [part.get_text() for part in parts]
        for earlier, before, after in zip(parts, words, words[1:], strict=False):
            if _is_word(before) and _is_word(after) and not any(map(str.isspace, (before[-1], after[0]))):
                earlier.append(" ")


def _is_word(text: str) -> bool:
    return len(text.strip()) > 1 or text.strip().isdigit()


@lru_cache(maxsize=1)
def converter() -> Any:
    """The class of the library's converter, with the items of lists as `set_apart` has numbered them."""
    from markdownify import MarkdownConverter

    class Converter(MarkdownConverter):
        def process_text(self, el: Any, parent_tags: Any = None) -> str:
            # For line breaks the library looks from each blank of a run to its end.
            if "pre" not in (parent_tags or ()) and _BLANKS.search(el):
                fewer = type(el)(_BLANKS.sub(" ", el))
                el.replace_with(fewer)
                el = fewer
            usual = super().process_text  # type: ignore[misc]  # the library has no types
            return str(usual(el, parent_tags))

        def convert_pre(self, el: Any, text: str, parent_tags: Any) -> str:
            usual = super().convert_pre  # type: ignore[misc]  # as above
            return str(usual(el, _without_edges(text or ""), parent_tags))

        def convert_li(self, el: Any, text: str, parent_tags: Any) -> str:
            label, text = el.get(_LABEL), (text or "").strip()
            if label is None or not text:
                usual = super().convert_li  # type: ignore[misc]  # the library has no types
                return str(usual(el, text, parent_tags))
            indent = " " * (len(label) + 1)
            return f"{label} " + re.sub(r"\n(?=[^\n])", f"\n{indent}", text) + "\n"

    return Converter


def _without_edges(text: str) -> str:
    """Without the empty lines before and the blanks behind, for which the library's own pattern begins at every blank."""
    text = text.rstrip(" \n")
    begins = len(text) - len(text.lstrip(" \n"))
    return text[text.rfind("\n", 0, begins) + 1 :]
