"""HTML to Markdown: what a reader sees, with tables whose merged cells are repeated."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from glm_mcp.errors import MissingExtra
from glm_mcp.media.charset import IN_META, IN_XML, Decoded, decode
from glm_mcp.media.documents.common.few_times import IN_TABLES, SaidAgain
from glm_mcp.media.documents.markdown import flat, table
from glm_mcp.media.documents.web.along import name_pictures
from glm_mcp.media.documents.web.fictionbook import book_soup
from glm_mcp.media.documents.web.items import converter, set_apart
from glm_mcp.media.documents.web.layout import fill_in, named, put_in_rows, table_of, unwrap_layout
from glm_mcp.media.documents.web.mathml import formula
from glm_mcp.media.documents.web.tree import tree

_GONE = frozenset(
    "script style nav template noscript iframe input textarea select datalist embed canvas link meta".split()
)
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_XHTML = re.compile(r"<\?xml|http://www\.w3\.org/1999/xhtml")
# Declarations within that of the document, at whose first bracket the parsers believe that it ends.
_SUBSET = re.compile(r"(<!DOCTYPE[^<>\[]{0,1000})\[.{0,20000}?\]\s{0,100}>", re.IGNORECASE | re.DOTALL)
_CELLS = 200_000  # of one table after spans are repeated
_POPPING_UP = ("footnote", "endnote", "rearnote", "note")  # of books, whose readers open them
_SPAN = 1000
_FILE_NAME = re.compile(r"\S+\.x?html?", re.IGNORECASE)  # a title that a program wrote for want of one
BARE = 200  # characters; a page that shows fewer is empty until its script runs
# Stand apart, which the converter knows of others only.
_BLOCKS = ("address", "aside", "audio", "center", "dialog", "fieldset", "footer", "form", "header", "hgroup", "legend", "main", "marquee", "video")  # fmt: skip
_INLINE = ("b", "strong", "i", "em", "u", "s", "span", "font", "sup", "sub", "code", "a", "small", "mark")
_FORMED = ("p", "ul", "ol", "a", "b", "strong", "em", "i", "br", "code", "div", "table", "sup", "sub")


def decode_html(data: bytes, name: str, encoding: str | None = None, declared: str | None = None) -> Decoded:
    """Its text: the caller's encoding, a byte-order mark, UTF-8, the page's own word, a guess. Raises as `decode`."""
    said = IN_META.search(data[:8192]) or IN_XML.search(data[:1024])
    return decode(data, name, encoding, declared=said[1].decode("ascii", "replace") if said else declared)


def html_markdown(
    html: str, *, what: str = "reading HTML", along: Mapping[str, str] = MappingProxyType({})
) -> str:
    """Markdown of a page or a fragment. A page that a script would make visible is shown as if it had. `along`: as of
    `name_pictures`. Raises MissingExtra.
    """
    try:
        import bs4  # noqa: F401 - what is needed below, asked for once
    except ImportError:
        raise MissingExtra("office", what) from None
    if subset := _SUBSET.match(html, max(html[:5000].lower().find("<!doctype"), 0)):
        html = f"{html[: subset.end(1)]}>{html[subset.end() :]}"
    text = _read(html, along, scripted=False)
    if len(text) < BARE <= len(html):
        shown = _read(html, along, scripted=True)
        text = shown if len(shown) > max(BARE, 5 * len(text)) else text
    return text


def _read(html: str, along: Mapping[str, str], *, scripted: bool) -> str:
    """`scripted`: with what a script would show, what is there for readers without one, and menus: the page may be one."""
    soup = _soup(html)
    there = _names(soup)
    title = soup.title.get_text(" ", strip=True) if "title" in there else ""
    title = "" if _FILE_NAME.fullmatch(title) else title
    if there & {"math", "script"}:
        _write_formulas(soup)
    if there & {"iframe", "object"}:
        _open_frames(soup)
        there = _names(soup)
    _drop_declarations(soup)
    hidden: Callable[[Any], bool] = (lambda _: False) if scripted else _hidden
    if there & {"input", "textarea", "select", "button"}:
        fill_in(soup, hidden)
    for element in soup.find_all(True):
        gone = element.name in _GONE and not (scripted and element.name in ("noscript", "nav"))
        if element.name in _BLOCKS:
            element.name = "div"
        if gone or hidden(element):
            element.extract()  # what lies in it stays as it is and may be taken out of it; whether it is decomposed is a search
    if "head" in there and soup.head is not None:
        for element in soup.head.find_all(("title", "base"), recursive=False):
            element.decompose()
        soup.head.unwrap()  # a parser that knows no `section` leaves it there where no body begins
    if there & {"svg", "img", "area", "abbr"}:
        name_pictures(soup, along)
    if "ruby" in there:
        _write_readings(soup)
    if there.intersection(_INLINE):
        _drop_empty(soup)
    set_apart(soup, there)
    try:
        soup.smooth()
        if "table" in there:
            put_in_rows(soup)
            unwrap_layout(soup)
        text = _convert(soup)
    except RecursionError:
        text = soup.get_text("\n", strip=True)  # nested beyond reason: its words without its form
    return f"# {title}\n\n{text}" if title and title not in text[:400] else text


def _write_readings(soup: Any) -> None:
    """Furigana and pinyin, behind the word over which they stand: 漢字(かんじ). It stays whole, whose signs may each have a
    reading of their own.
    """
    for ruby in reversed(soup.find_all("ruby")):  # within another before that one
        readings, brackets = list[str](), list[str]()
        for part in list(ruby.children):
            if part.name in ("rt", "rtc", "rp"):
                said = brackets if part.name == "rp" else readings
                # `get_text` passes over what stands in an `rt` of it.
                said += filter(None, (text.strip() for text in part.find_all(string=True)))
                part.extract()
        if readings:
            # Syllables of Latin letters are words of their own, Japanese ones are not.
            between = " " if all(text[0] < "\u2e80" for text in readings) else ""
            opening, closing = (brackets[0], brackets[-1]) if len(brackets) > 1 else ("(", ")")
            ruby.append(f"{opening}{between.join(readings)}{closing}")
        ruby.name = "span"


def _names(soup: Any) -> set[str]:
    """What elements there are: each look for one that is not there costs a walk through the whole page."""
    return {element.name for element in soup.find_all(True)}


def _open_frames(soup: Any) -> None:
    """What a page holds of other pages becomes a part of it; of objects, what is shown where the object is not."""
    for frame in soup.find_all("iframe", srcdoc=True):
        frame.replace_with(*_soup(str(frame["srcdoc"])).find_all(True, recursive=False))
    for holder in soup.find_all("object"):
        holder.unwrap()


def _drop_empty(soup: Any) -> None:
    for element in named(soup, _INLINE):
        if all(isinstance(part, str) for part in element.contents) and not element.get_text().strip():
            if element.get_text():
                element.replace_with(" ")  # a bold space still parts two words
            else:
                element.decompose()


def _write_formulas(soup: Any) -> None:
    """Before hidden elements go: pages hide the formula and show a picture of it."""
    for math in soup.find_all("math"):
        text = formula(math)
        wrappers = []
        for wrapper in math.parents:
            if wrapper.name != "span" or wrapper.get_text(strip=True) != math.get_text(strip=True):
                break
            wrappers.append(wrapper)
        math.replace_with(f" {text} " if str(math.get("display")) != "block" else f"\n{text}\n")
        for wrapper in wrappers:
            wrapper.unwrap()
    for script in soup.find_all("script", type=re.compile(r"^math/tex")):
        script.replace_with(f" {' '.join(script.get_text().split())} ")


def _drop_declarations(soup: Any) -> None:
    """Comments, document types, XML declarations and instructions; marked sections are text."""
    from bs4 import CData
    from bs4.element import PreformattedString

    for string in [part for part in soup.descendants if isinstance(part, PreformattedString)]:
        if isinstance(string, CData):
            string.replace_with(str(string))
        else:
            string.extract()


def _soup(html: str) -> Any:
    """The tree by lxml, which knows what end tags may be left out; XHTML leaves out none but closes more than HTML can."""
    from bs4 import FeatureNotFound, ParserRejectedMarkup

    if (book := book_soup(html)) is not None:
        return book
    if not _XHTML.search(html[:2000]):
        try:
            return tree(html, "lxml")
        except (FeatureNotFound, ParserRejectedMarkup, UnicodeError):
            pass  # not installed, or a page that it does not take
    return tree(html, "html.parser")


def _hidden(element: Any) -> bool:
    if not element.attrs:
        return False
    if str(element.get("epub:type")) in _POPPING_UP:
        return False
    return (
        element.has_attr("hidden")
        # Of a label that is seen: the field says the same to those who hear the page.
        or (str(element.get("aria-hidden")).lower() == "true" and element.name != "label")
        or bool(_HIDDEN.search(str(element.get("style") or "")))
    )


def _convert(soup: Any) -> str:
    """Tables are taken out, written by us and put back: the converter knows no merged cells and leaves pipes alone."""
    tables: dict[str, str] = {}
    again = SaidAgain(room=IN_TABLES)
    # All chosen before the first is taken out: with it go those that lie in its cells.
    for element in [outer for outer in soup.find_all("table") if table_of(outer) is None]:
        mark = f"GLMTABLE{len(tables)}ELBATMLG"
        tables[mark] = _table(element, again)
        paragraph = soup.new_tag("p")
        paragraph.string = mark
        element.replace_with(paragraph)
    text = _markdown(soup)
    if not tables:
        return text
    written = re.sub(
        r"(?:(?<!\s)\s+)?GLMTABLE\d+ELBATMLG\s*", lambda m: f"\n\n{tables.pop(m[0].strip(), '')}\n\n", text
    )
    return re.sub(r"\n{3,}", "\n\n", written).strip()


def _markdown(element: Any) -> str:
    written = converter()(
        heading_style="ATX",
        bullets="-",
        escape_underscores=False,
        escape_asterisks=False,
        sup_symbol="^",  # 10^6^ and H~2~O: without a sign they read 106 and H2O
        sub_symbol="~",
        code_language_callback=_code,
        strip_pre=None,  # done there
    )
    text = re.sub(r"(?<![ \t])[ \t]+\n", "\n", written.convert_soup(element))
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def _code(element: Any) -> str:
    names = [*(element.get("class") or ()), *((element.code.get("class") or ()) if element.code else ())]
    return next((n.partition("-")[2] for n in names if n.startswith(("language-", "lang-"))), "")


def _table(element: Any, again: SaidAgain) -> str:
    """A Markdown table in which each place that a merged cell covers holds its text."""
    grid: list[list[str]] = []
    pending: dict[int, tuple[int, str]] = {}  # column: (rows still covered, text)
    room = _CELLS
    for row in element.find_all("tr"):
        if table_of(row) is not element or room <= 0:
            continue
        line: list[str] = []
        for cell in (part for part in row.children if part.name in ("td", "th")):
            _fill(line, pending)
            text = _cell(cell)
            size = len(text) + len(" | ")
            wide = 1 + again.times(size, _span(cell, "colspan") - 1, "tables")
            deep = 1 + again.times(size * wide, _span(cell, "rowspan") - 1, "tables")
            for _ in range(wide):
                if deep > 1:
                    pending[len(line)] = (deep - 1, text)
                line.append(text)
        _fill(line, pending)
        room -= len(line)
        grid.append(line)
    caption = element.find("caption")
    written = table(grid)
    return f"{caption.get_text(' ', strip=True)}\n\n{written}" if caption else written


def _fill(line: list[str], pending: dict[int, tuple[int, str]]) -> None:
    while len(line) in pending:
        left, text = pending.pop(len(line))
        if left > 1:
            pending[len(line)] = (left - 1, text)
        line.append(text)


def _span(cell: Any, name: str) -> int:
    value = str(cell.get(name) or "1")
    return min(max(int(value), 1), _SPAN) if value.isdecimal() else 1


def _cell(cell: Any) -> str:
    if not any(part.name in _FORMED for part in cell.descendants):
        return " ".join(cell.get_text().split())
    for inner in reversed(cell.find_all("table")):  # the deepest first: each word is written once
        rows = [[_inline(c) for c in r.find_all(("td", "th"))] for r in inner.find_all("tr")]
        inner.replace_with(flat(rows))
    cell.name = "div"  # the converter would write a table's pipe
    return re.sub(r"\n+", "\n", _markdown(cell))


def _inline(cell: Any) -> str:
    """The words of a cell of a table within a cell, with its links."""
    if cell.find("a") is None:
        return str(cell.get_text(" ", strip=True))
    cell.name = "div"
    return _markdown(cell)
