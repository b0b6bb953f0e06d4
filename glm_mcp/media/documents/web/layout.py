"""Tables that lay out a page, as newsletters do, told from tables of data; and forms as they are filled in."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from glm_mcp.media.documents.common.choices import others

_BLOCKS = tuple("table h1 h2 h3 h4 h5 h6 ul ol hr form article section blockquote".split())
_DATA = ("th", "caption", "thead", "colgroup", "tfoot")
_WIDE = 5  # columns, which no layout has
_CELLS = ("td", "th")
_OF_ROWS = ("table", "tbody", "thead", "tfoot")
_PARTS = (*_OF_ROWS, "tr", *_CELLS)


# The library's own searches for several names, or upwards, build and try rules for each element: three times slower.


def named(element: Any, names: Collection[str]) -> list[Any]:
    """All below an element that have one of these names."""
    return [tag for tag in element.find_all(True) if tag.name in names]


def table_of(element: Any) -> Any:
    """The nearest table around an element, or None."""
    return next((parent for parent in element.parents if parent.name == "table"), None)


def put_in_rows(soup: Any) -> None:
    """As browsers do: cells outside of rows are rows, and words outside of cells stand before their table."""
    for cell in named(soup, _CELLS):
        while cell.parent.name not in _PARTS:  # a form around cells
            if next((p for p in cell.parents if p.name in ("tr", "table")), None) is None:
                break
            cell.parent.unwrap()
        if cell.parent.name in _OF_ROWS:
            beside = [cell]
            for part in cell.next_siblings:
                if part.name not in _CELLS and (part.name or part.strip()):
                    break
                beside.append(part)
            cell.insert_before(row := soup.new_tag("tr"))
            for part in beside:
                row.append(part.extract())
    for table in soup.find_all("table"):
        strays: list[Any] = [part for part in table.descendants if isinstance(part, str) and part.strip()]
        for words in strays:
            around: Any = next((p for p in words.parents if p.name in (*_CELLS, "caption", "table")), None)
            if around is table:
                apart = words
                while apart.parent.name not in _PARTS:
                    apart = apart.parent
                table.insert_before(apart.extract(), "" if words[-1].isspace() else " ")


def unwrap_layout(soup: Any) -> None:
    """Turns the tables that only lay out the page into blocks, the outer before the inner."""
    for element in soup.find_all("table"):
        if _lays_out(element):
            own = [part for part in named(element, _PARTS) if table_of(part) is element]
            for part in (element, *(part for part in own if part.name != "table")):
                part.name = "div"
                part.attrs = {}


def _lays_out(element: Any) -> bool:
    role = str(element.get("role") or "").lower()
    if role in ("presentation", "none"):
        return True
    if role in ("table", "grid") or element.get("summary"):
        return False
    if any(table_of(e) is element for e in named(element, _DATA)):
        return False
    rows = [row for row in element.find_all("tr") if table_of(row) is element]
    cells = [[c for c in row.children if c.name == "td"] for row in rows]
    if any(_number(c.get("rowspan")) > 1 for row in cells for c in row):
        return False
    widest = max(map(len, cells), default=0)
    if widest <= 1:
        return True
    return widest < _WIDE and bool(named(element, _BLOCKS))


def _number(text: Any) -> int:
    written = str(text or "")
    return int(written) if written.isdecimal() and len(written) < 6 else 1


def fill_in(soup: Any, is_hidden: Any) -> None:
    """Fields of a form become what stands in them; check boxes and radio buttons whether they are chosen."""
    lists = {str(one.get("id")): one for one in reversed(soup.find_all("datalist", id=True))}
    within = {id(inner) for field in soup.find_all("select") for inner in field.find_all("select", limit=1)}
    for field in named(soup, ("input", "textarea", "select")):
        if is_hidden(field) or id(field) in within:
            continue
        text = _value(field, lists)
        if text:
            before, after = field.previous_sibling, field.next_sibling
            glued = isinstance(before, str) and before[-1:].strip()
            spaced = isinstance(after, str) and after[:1].isspace()
            field.replace_with(f"{' ' if glued else ''}{text}{'' if spaced else ' '}")
    for button in soup.find_all("button"):
        button.unwrap()


def _value(field: Any, lists: Mapping[str, Any]) -> str:
    kind = str(field.get("type") or "text").lower()
    if field.name == "textarea":
        return str(field.get_text() or field.get("placeholder") or "")
    if field.name == "select":
        options = field.find_all("option")
        chosen = [o for o in options if o.has_attr("selected")] or (
            [] if field.has_attr("multiple") else options[:1]
        )
        text = ", ".join(_label(o, "label") for o in chosen)
        groups = {
            id(o): f"{_label(g, 'label')}: "
            for g in field.find_all("optgroup")
            for o in g.find_all("option")[:1]
        }
        return text + others((groups.get(id(o), "") + _label(o, "label") for o in options), text)
    if kind in ("checkbox", "radio"):
        signs = {"checkbox": ("[ ]", "[x]"), "radio": ("( )", "(x)")}[kind]
        return signs[field.has_attr("checked")]
    if kind in ("hidden", "password"):
        return ""
    text = str(field.get("value") or field.get("alt") or field.get("placeholder") or "")
    entries = lists.get(str(field.get("list")))
    options = [] if entries is None else entries.find_all("option")
    return text + others((_label(o, "value") for o in options), text)


def _label(option: Any, name: str) -> str:
    return " ".join(str(option.get(name) or option.get_text()).split())
