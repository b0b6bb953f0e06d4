"""Elements of HTML and SVG as text, in which whatever is no element is escaped."""

from __future__ import annotations

from html import escape

_EMPTY = frozenset({"meta", "link", "input", "wbr"})


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


def element(name: str, /, *content: str | Markup, **attributes: str | float | bool | None) -> Markup:
    """One element. Attributes: `_` stands for `-`, one at the end is dropped (`class_`); None and False are left out."""
    shown = ""
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        word = key.rstrip("_").replace("_", "-")
        shown += f" {word}" if value is True else f' {word}="{escape(str(value))}"'
    inner = together(*content)
    return Markup(f"<{name}{shown}>" if name in _EMPTY else f"<{name}{shown}>{inner}</{name}>")


def together(*content: str | Markup) -> Markup:
    return Markup("".join(c if isinstance(c, Markup) else escape(c) for c in content))


def word(text: str) -> Markup:
    """A name that may go on in the next line behind each of its `_`."""
    return Markup(escape(text).replace("_", "_<wbr>"))


def table(caption: str, heads: list[str], rows: list[list[str | Markup]], *, numbers: set[int]) -> Markup:
    """A table whose rows are named by their first cell. `numbers`: the columns of figures."""

    def cell(at: int, content: str | Markup) -> Markup:
        kind = "number" if at in numbers else None
        return element("td" if at else "th", content, scope=None if at else "row", class_=kind)

    head = together(
        *(
            element("th", h, scope="col", class_="number" if n in numbers else None)
            for n, h in enumerate(heads)
        )
    )
    body = together(*(element("tr", *(cell(n, c) for n, c in enumerate(row))) for row in rows))
    parts = element("thead", element("tr", head)), element("tbody", body)
    whole = element("table", element("caption", caption), *parts)
    # Where the screen is too narrow it scrolls by itself, by the keyboard too.
    return element("div", whole, class_="wide", role="region", tabindex=0, aria_label=caption)
