"""Pictures that come along with a page: in its own addresses (`data:`), or beside it, as mails and saved pages hold them."""

from __future__ import annotations

import base64
import binascii
import html as markup
import re
import urllib.parse
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from glm_mcp.media.detect import detect
from glm_mcp.media.documents.common.picture_size import Sides, pixels
from glm_mcp.media.documents.common.shown import PagesShown, Parts, Shown, kept, mark
from glm_mcp.media.documents.containers.blips import Blip, Blips
from glm_mcp.media.documents.pages import LeftOut
from glm_mcp.media.documents.web.drawn import as_pictures
from glm_mcp.media.documents.web.layout import named
from glm_mcp.media.documents.web.shown import BookPictures

_SMALL = 0.08  # of a screen: below it are logos, portraits and buttons of signatures
_BANNER, _HIGH = 3.0, 200  # so many times as wide as high, and lower than that: a head or a foot of a mail
_LARGE = 0.3  # from which on a picture that is shown again is no logo
_HELD = re.compile(r"data:image|<svg", re.IGNORECASE)  # what a page holds itself
_SPACER = 40  # dots of its shorter side, however large a page shows it
_PICTURES, _BYTES = 2_000, 200_000_000  # of one page or mail that are looked at
_BEYOND = f"pictures beyond {_PICTURES:,}, or {_BYTES // 1_000_000} MB, of a page or mail"
_SHOWN = 100  # of one page to a model
_SOURCE = re.compile(r"""\bsrc\s{0,9}=\s{0,9}(?:"([^"]*+)"|'([^']*+)'|([^\s"'>]++))""", re.IGNORECASE)
_DATA = re.compile(r"\s*data:image/([\w.+-]{1,40})((?:;[^;,]{0,100}){0,9}),", re.IGNORECASE)
_SUFFIXES = {"jpeg": "jpg", "svg+xml": "svg", "x-emf": "emf", "x-wmf": "wmf", "x-icon": "ico"}
_UNSAFE = re.compile(r"[^\w.-]+")
_NAME = 60  # characters
_CONTENT = re.compile(r"cid:([^\s\"'<>()&;]{1,200})", re.IGNORECASE)
_PLAIN = re.compile(r"\[(?:cid|image): ?([^\]\s][^\]\n]{0,200})\]")  # where a plain text had a picture


class Along(NamedTuple):
    """A picture that counts: its file's name, what share of a screen it takes, and its bytes; none beyond what is looked at."""

    name: str
    share: float
    data: bytes


class PicturesAlong:
    """Those of one page or mail: first all that lies beside it, then its pages. `marks`, after `counted`: by part, what is
    said where one stands that has no words of its own.
    """

    def __init__(self) -> None:
        self._blips: dict[str, Blip] = {}
        self._room = _BYTES
        self._beyond: dict[str, None] = {}
        self._parts = Blips("", LeftOut(), self._blips)
        self._sizes = BookPictures(self._parts)
        self._names: dict[str, str] = {}
        self._at: dict[str, str] = {}
        self._attached: list[str] = []
        self._on_pages: list[Shown] = []
        self._placed: set[str] = set()
        self.marks: dict[str, str] = {}

    def add(self, name: str, data: bytes, addresses: Iterable[str] = (), *, attached: bool = True) -> str:
        """The part that it becomes, "" beyond what is looked at. `addresses`: by which pages name it. `attached`: it is to be
        seen also where no page names it.
        """
        if not data:
            return ""
        if len(self._blips) >= _PICTURES or len(data) > self._room:
            self._beyond[name or "picture"] = None
            return ""
        self._room -= len(data)
        part = f"along-{len(self._blips) + 1}/{_UNSAFE.sub('_', name)[-_NAME:] or 'picture'}"
        self._blips[part] = Blip("", data)
        self._names[part] = name if attached else ""  # the names of a page's own are those of machines
        self._at.update({urllib.parse.unquote(one): part for one in addresses if one})
        self._attached += [part] * attached
        return part

    def page(self, html: str, base: str = "") -> str:
        """The page with the parts in place of the addresses of what came along. `base`: its own address."""
        if not (self._blips or _HELD.search(html)):
            return html
        html = _SOURCE.sub(lambda found: self._named_part(found, base), html)
        shown = as_pictures(html, lambda data: self.add("drawing.svg", data, attached=False), icons=True)
        self._on_pages += self._sizes.on("", shown, fixed=False)
        self._placed |= {one.part for one in self._on_pages}
        if self._at:  # a background is no picture of the text
            self._placed |= {
                self._at.get(f"cid:{urllib.parse.unquote(one)}", "") for one in _CONTENT.findall(html)
            }
        return html

    def _named_part(self, found: re.Match[str], base: str) -> str:
        written = next(filter(None, found.groups()), "")
        if written not in self._at and (said := _DATA.match(written)):
            kind = said[1].lower()
            part = self.add(f"picture.{_SUFFIXES.get(kind, kind)}", _data(written, said), attached=False)
            self._at[written] = part
            return f'src="{part}"'
        part = self._at.get(written, "") or self._part(markup.unescape(written).strip(), base)
        return f'src="{part}"' if part else found[0]

    def _part(self, address: str, base: str) -> str:
        if not self._at or not address:
            return ""
        bare = urllib.parse.unquote(address)
        if bare[:4].lower() == "cid:":
            return self._at.get(f"cid:{bare[4:]}", "")
        try:
            whole = urllib.parse.unquote(urllib.parse.urljoin(base, address))
        except ValueError:
            whole = bare
        return self._at.get(whole) or self._at.get(bare, "")

    def counted(self) -> list[Along]:
        """Those that are more than decoration: large enough, no banner, and not shown again in each mail of a thread."""
        seen = Counter(self._parts.identity(one.part) for one in self._on_pages)
        beside = [
            one
            for part in self._attached
            if part not in self._placed
            for one in self._sizes.on("", f'<img src="{part}">', fixed=False)
        ]
        found: dict[tuple[int, int], tuple[str, float]] = {}
        looks: dict[tuple[int, int], bool] = {}
        for one in (*self._on_pages, *beside):
            key = self._parts.identity(one.part)
            is_again = seen[key] > 1 and one.share < _LARGE
            if one.share < _SMALL or is_again or key in found:
                continue
            if key not in looks:
                looks[key] = self._is_picture(one.part)
            if looks[key]:
                found[key] = one.part, one.share
        self.marks = {part: self._names[part] for part, _ in found.values()}
        counted = [
            Along(part.rpartition("/")[2], share, self._parts.read(part)) for part, share in found.values()
        ]
        return counted + [Along(name, 0.0, b"") for name in self._beyond]

    def _is_picture(self, part: str) -> bool:
        data = self._parts.read(part)
        sides: Sides | None = pixels(data)
        if sides is None:
            return detect(data, part).family == "image"
        is_banner = sides[1] < _HIGH and sides[0] >= _BANNER * sides[1]
        return min(sides) >= _SPACER and not is_banner

    def in_plain(self, text: str) -> str:
        """A plain text, in which programs say in their own ways where a picture stood."""
        names = set(self.marks.values())

        def said(found: re.Match[str]) -> str:
            part = self._at.get(f"cid:{found[1]}", "")
            name = self.marks.get(part) or (found[1] if found[1] in names else "")
            return f"[picture: {name}]" if name else found[0]

        return _PLAIN.sub(said, text) if self.marks else text

    def beside(self, part: str) -> str:
        """The mark of one that no page shows; "" where it does not count."""
        return mark(self.marks[part]) if part in self.marks and part not in self._placed else ""


def parts_of(
    pictures: Mapping[int, Sequence[Along]], name: str, left_out: LeftOut, place: str = ""
) -> tuple[Parts, dict[int, list[Shown]]]:
    """Pictures of one file by pages, as parts, and as `kept` has them, on each page each once."""
    blips: dict[str, Blip] = {}
    parts = Blips(name, left_out, blips)
    shown: dict[int, list[Shown]] = {}
    for page, some in pictures.items():
        first: dict[tuple[int, int], Shown] = {}
        for number, one in enumerate(some, 1):
            if not one.data:
                left_out.add(_BEYOND, one.name)
                continue
            part = f"{page}/{number}/{one.name}"
            blips[part] = Blip("", one.data)
            first.setdefault(parts.identity(part), Shown(part, one.share))
        shown[page] = kept(left_out, list(first.values()), place)
    return parts, shown


def pages_of(pictures: Mapping[int, Sequence[Along]], unit: str, name: str, left_out: LeftOut) -> PagesShown:
    """As of `pages_shown`, by the numbers of the pages. `unit`: what one is called, "" of a text without pages."""
    parts, shown = parts_of(pictures, name, left_out)
    pages = ((number, f"{unit} {number}" if unit else "the text", some) for number, some in shown.items())
    return PagesShown(parts, pages, _SHOWN, 1.0)


def name_pictures(soup: Any, along: Mapping[str, str]) -> None:
    """Pictures, drawings and places in them become what is said of them; of what is said short, its meaning is said.
    `along`: by their addresses, names of pictures that are marked also where nothing is said of them.
    """
    within: set[int] = set()
    for drawing in soup.find_all("svg"):
        if id(drawing) in within:
            continue
        within |= {id(inner) for inner in drawing.find_all("svg")}
        said = named(drawing, ("title", "desc", "text", "foreignobject", "foreignObject"))
        words = "; ".join(dict.fromkeys(filter(None, (" ".join(t.get_text(" ").split()) for t in said))))
        drawing.replace_with(f"[drawing: {words}]" if words else "")
    for image in named(soup, ("img", "area")):
        alt = str(image.get("alt") or image.get("title") or "").strip()
        held = along.get(str(image.get("src") or "")) if image.name == "img" else None
        if image.name == "area":
            image.replace_with(f"[place in the picture: {alt}]" if alt else "")
        else:
            image.replace_with(mark(alt or held or "") if alt or held is not None else "")
    for short in soup.find_all("abbr"):
        if (meant := str(short.get("title") or "").strip()) and meant not in short.get_text():
            short.append(f" ({meant})")


def _data(address: str, said: re.Match[str]) -> bytes:
    """What an address of `data:` holds; b"" where it is damaged."""
    body = address[said.end() :]
    if not said[2].lower().rstrip().endswith(";base64"):
        return urllib.parse.unquote_to_bytes(markup.unescape(body))
    body = urllib.parse.unquote(body) if "%" in body else body
    try:
        return base64.b64decode(body + "==")
    except (binascii.Error, ValueError):
        return b""
