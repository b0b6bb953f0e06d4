"""Which pictures the pages of a book show, and how large."""

from __future__ import annotations

import html
import itertools
import posixpath
import re
import urllib.parse
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from glm_mcp.media.documents.common.picture_size import Sides, pixels
from glm_mcp.media.documents.common.shown import Parts, Shown

_PAGE = 600.0, 800.0  # of a reader's screen, in the dots that pages count in
_HEAD = 1 << 16  # bytes of a picture that say how large it is, of most
_TAG = re.compile(r"<(?:\w{1,20}:)?(img|image|object|svg|body|meta)\b", re.IGNORECASE)
_REST = re.compile(r"((?:[^<>\"']|\"[^\"]*\"|'[^']*')*+)>")
_LONGEST, _TAGS = 6_000, 20_000  # characters of a tag; tags of a page that are looked at
_ATTRIBUTE = re.compile(
    r"(?<![\w:-])([\w:-]{1,40})\s{0,9}=\s{0,9}(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'<>]{1,2000}))"
)
_LENGTH = re.compile(r"\s*([\d.]{1,12})\s*(px|%|pt|in|cm|mm|em|rem|ex)?\s*")
_DOTS = {"": 1.0, "px": 1.0, "pt": 96 / 72, "in": 96.0, "cm": 96 / 2.54, "mm": 9.6 / 2.54, "em": 16.0, "rem": 16.0, "ex": 8.0}  # fmt: skip
_SIDE = re.compile(r"(?:^|;)\s*(width|height)\s*:([^;]{1,40})")
_VIEWPORT = re.compile(r"(width|height)\s*=\s*([\d.]{1,9})")
_BACKGROUND = re.compile(r"background(?:-image)?\s*:[^;{}]{0,200}?url\(\s*[\"']?([^\"')]{1,300})")
_SHEET = re.compile(r"<link\b[^>]{0,500}>", re.IGNORECASE)
_SHEETS, _STYLES = 10, 500_000  # style sheets of a page, and characters of one
_NAMED = re.compile(r"\b(?:id|class)\s*=\s*[\"']([^\"']{1,500})[\"']")
_CHOSEN = re.compile(r"[#.]([\w-]{1,200})")
_ALIKE = 0.05  # of a side
_WITHIN = 3  # drawings within drawings

Row = tuple[int, str, str, str]  # of a chapter: its number, its label, its text, why it is to be seen


class _Place(NamedTuple):
    """Of a picture in a page: its part, and its sides as far as the page says them."""

    part: str
    sides: tuple[float | None, float | None]
    frame: Sides  # in which it lies
    share: float  # of the page, that the frame takes


class BookPictures:
    """Those of one book. `fixed`: the sides of its pages, where they are no text that flows."""

    def __init__(self, package: Parts, fixed: Sides | None = None) -> None:
        self._package = package
        self._fixed = fixed
        self._sides: dict[str, Sides | None] = {}
        self._inner: dict[str, list[str]] = {}  # the pictures in drawings

    def on(self, path: str, page: str, *, fixed: bool) -> list[Shown]:
        """Those of a page in its order. `fixed`: of one that is laid out as it is."""
        if not re.search("<(?:\\w+:)?(?:img|image|object)|url\\(|<link", page, re.IGNORECASE):
            return []
        page = _without(page, "<!--", "-->")
        shown = [self._shown(place) for place in self._places(path, page, fixed=fixed)]
        if fixed:
            shown = [Shown(part, 1.0) for part in self._behind(path, page)] + shown
        return shown

    def parts(self, path: str, page: str) -> set[str]:
        """Of the pictures in a page, however large."""
        return {place.part for place in self._places(path, page, fixed=False)}

    def alone(self, path: str) -> list[Shown]:
        """A picture that is a page by itself."""
        return [Shown(part, 1.0) for part in self._within(path)]

    def _shown(self, place: _Place) -> Shown:
        across, down = place.sides
        own = self._size(place.part) or place.frame
        if across is None and down is None:
            across, down = own
        elif across is None and down is not None:
            across = own[0] * down / max(own[1], 1)
        elif down is None and across is not None:
            down = own[1] * across / max(own[0], 1)
        across, down = across or 0.0, down or 0.0
        # One that is larger than the page is shown smaller.
        fits = min(1.0, place.frame[0] / max(across, 1), place.frame[1] / max(down, 1))
        area = across * fits * down * fits / (place.frame[0] * place.frame[1])
        return Shown(place.part, min(area, 1.0) * place.share)

    def _places(self, path: str, page: str, *, fixed: bool) -> Iterator[_Place]:
        sides = self._fixed if fixed and self._fixed else _PAGE
        frame, share = sides, 1.0
        for name, said in _tags(page):
            if name == "body":
                frame, share = sides, 1.0
            elif name == "meta":
                if fixed and said.get("name", "").lower() == "viewport":
                    view = dict(_VIEWPORT.findall(said.get("content", "")))
                    if (size := _sides(view.get("width"), view.get("height"))) is not None:
                        sides = frame = size
            elif name == "svg":
                frame, share = _drawing(said, sides, fixed=fixed)
            else:
                address = said.get("src") or said.get("data") or said.get("href") or ""
                if name == "object" and not _is_picture(said, address):
                    continue
                in_drawing = name == "image"
                for part in self._within(_path(path, address)):
                    place = frame if in_drawing else sides
                    yield _Place(part, _said(said, place), place, share if in_drawing else 1.0)

    def _within(self, part: str, depth: int = 0) -> list[str]:
        """The part, or of a drawing that holds pictures of other parts these."""
        if not part or not self._package.has(part):
            return []
        if not part.lower().endswith(".svg") or depth > _WITHIN:
            return [part]
        if part not in self._inner:
            self._inner[part] = [part]  # of drawings that hold each other
            page = _without(self._package.read(part).decode("utf-8", "replace"), "<!--", "-->")
            addresses = [said.get("href", "") for name, said in _tags(page) if name == "image"]
            inner = [p for a in addresses[:_SHEETS] for p in self._within(_path(part, a), depth + 1)]
            self._inner[part] = list(dict.fromkeys(inner)) or [part]
        return self._inner[part]

    def _behind(self, path: str, page: str) -> list[str]:
        """Pictures behind all of a page or a part of it, as its styles have them."""
        names = {name for found in _NAMED.finditer(page) for name in found[1].split()}
        sheets = [(path, style.partition(">")[2]) for style in between(page, "<style", "</style")]
        for link in _SHEET.findall(page)[:_SHEETS]:
            said = _attributes(link)
            sheet = _path(path, said.get("href", "")) if "stylesheet" in said.get("rel", "").lower() else ""
            if sheet and self._package.has(sheet):
                sheets.append((sheet, self._package.read(sheet, _STYLES).decode("utf-8", "replace")))
        found = [(path, address) for address in _BACKGROUND.findall(_without(page, "<style", "</style"))]
        for place, style in sheets[: 2 * _SHEETS]:
            for rule in _without(style[:_STYLES], "/*", "*/").split("}") if "url(" in style else ():
                who, _, what = rule.rpartition("{")
                if "url(" in what and any(_chooses(one, names) for one in who.split(",")):
                    found += [(place, address) for address in _BACKGROUND.findall(what)]
        parts = (_path(place, html.unescape(address)) for place, address in found)
        return list(dict.fromkeys(part for part in parts if part and self._package.has(part)))

    def _size(self, part: str) -> Sides | None:
        """In dots; None where it cannot be told."""
        if part not in self._sides:
            if part.lower().endswith(".svg"):
                page = self._package.read(part, _HEAD).decode("utf-8", "replace")
                said = next((said for name, said in _tags(page) if name == "svg"), {})
                self._sides[part] = _sides(said.get("width"), said.get("height")) or _view(said)
            else:
                self._sides[part] = pixels(self._package.read(part, _HEAD)) or pixels(
                    self._package.read(part)
                )
        return self._sides[part]


def without_covers(rows: Sequence[Row], covers: Collection[int]) -> tuple[list[Row], list[str]]:
    """The rows of chapters, and notes. `covers`: numbers of those that are a cover. What a cover says is a reason to look at
    it only where one looks at other pictures too, or at nothing else.
    """
    unseen = [str(number) for number, *_, why in rows if number in covers and why == "pictures"]
    if len(unseen) < sum(why == "pictures" for *_, why in rows) or len(unseen) == len(rows):
        return list(rows), []
    kept = [(n, label, text, "" if str(n) in unseen else why) for n, label, text, why in rows]
    notes = [f"the cover is a picture and was not read: pages={','.join(unseen)} has it read"]
    return kept, notes * bool(unseen)


def _tags(page: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Those that matter here, by their local names, and what they say."""
    for begun in itertools.islice(_TAG.finditer(page), _TAGS):
        if rest := _REST.match(page, begun.end(), begun.end() + _LONGEST):
            yield begun[1].lower(), _attributes(rest[1])


def between(text: str, start: str, end: str) -> list[str]:
    """What stands between each of the one and the next of the other."""
    return [part.partition(end)[0] for part in text.split(start)[1:]]


def _without(text: str, start: str, end: str) -> str:
    first, *others = text.split(start)
    return first + "".join(part.partition(end)[2] for part in others)


def _chooses(selector: str, names: set[str]) -> bool:
    """Whether it may mean something on a page that has these names."""
    last = selector.strip().rpartition(" ")[2]
    chosen = _CHOSEN.findall(last)
    return names.issuperset(chosen) if chosen else last in ("body", "html")


def _attributes(text: str) -> dict[str, str]:
    """By local names, the first of each."""
    said: dict[str, str] = {}
    for name, double, single, bare in _ATTRIBUTE.findall(text):
        said.setdefault(name.lower().rpartition(":")[2], html.unescape(double or single or bare))
    return said


def _is_picture(said: dict[str, str], address: str) -> bool:
    return said.get("type", "").startswith("image/") or address.lower().endswith(
        (".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg")
    )


def _path(page: str, address: str) -> str:
    """The part that an address in a page leads to; "" where it leads out of the file."""
    if not address or re.match(r"[a-z][a-z0-9+.-]*:|//", address, re.IGNORECASE):
        return ""
    bare = urllib.parse.unquote(address.partition("#")[0].partition("?")[0])
    return posixpath.normpath(posixpath.join(posixpath.dirname(page), bare)).lstrip("/")


def _dots(text: str | None, whole: float) -> float | None:
    found = _LENGTH.fullmatch(text or "")
    try:
        number = float(found[1]) if found else 0.0
    except ValueError:
        return None
    if found is None or number <= 0:
        return None
    return number * whole / 100 if found[2] == "%" else number * _DOTS[found[2] or ""]


def _sides(across: str | None, down: str | None) -> Sides | None:
    sides = _dots(across, 0.0), _dots(down, 0.0)
    return (sides[0], sides[1]) if sides[0] and sides[1] else None


def _said(said: dict[str, str], frame: Sides) -> tuple[float | None, float | None]:
    styled = {name.lower(): length for name, length in _SIDE.findall(said.get("style", ""))}
    across, down = (
        _dots(styled.get(name) or said.get(name), whole)
        for name, whole in zip(("width", "height"), frame, strict=True)
    )
    return across, down


def _view(said: dict[str, str]) -> Sides | None:
    numbers = re.split(r"[\s,]+", said.get("viewbox", "").strip())
    return _sides(numbers[2], numbers[3]) if len(numbers) == 4 else None


def _drawing(said: dict[str, str], page: Sides, *, fixed: bool) -> tuple[Sides, float]:
    """The frame of a drawing in its own units, and what it takes of the page."""
    across, down = _said(said, page)
    inner = _view(said) or ((across, down) if across and down else page)
    if across is None and down is None:
        return inner, 1.0
    across = across or inner[0] * (down or 0) / inner[1]
    down = down or inner[1] * across / inner[0]
    # Of the shape of a page, it is that page, whatever it is measured in.
    if fixed and abs(across * page[1] / (down * page[0]) - 1) < _ALIKE:
        return inner, 1.0
    return inner, min(across / page[0], 1.0) * min(down / page[1], 1.0)
