"""The tree of a drawing without anything that points outside of it; drawings inside it cleaned in the same way."""

from __future__ import annotations

import base64
import binascii
import gzip
import io
import itertools
import math
import re
import textwrap
import xml.etree.ElementTree as ET
import zlib
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from glm_mcp.errors import GLMError, MediaTooLarge, UnsupportedMedia
from glm_mcp.media.images.svg import direction
from glm_mcp.media.images.svg.needs import Losses, has_css

_TEXT_BYTES = 20_000_000
_MAX_DEPTH = 3  # drawings within drawings; the renderer draws no more
# The renderer reads absolute hrefs from the disk. Pictures inside the file stay.
_INLINE = re.compile(r"\s*(#|data:image/(png|jpe?g|gif|webp)\b)", re.IGNORECASE)
_DRAWING = re.compile(r"\s*data:image/svg\+xml(?P<parameters>[^,]*),(?P<data>.*)", re.IGNORECASE | re.DOTALL)
_WIDTH = re.compile(r"\bwidth:\s*(\d{1,6}(?:\.\d{0,6})?)px")
_NO_HTML = "[Not supported by viewer]"  # in the place of a label, by draw.io before 2021
_HREFS = frozenset(("href", "src", "base"))
_UNITS = {
    "": 1.0,
    "px": 1.0,
    "pt": 4 / 3,
    "pc": 16.0,
    "mm": 96 / 25.4,
    "cm": 96 / 2.54,
    "in": 96.0,
    "em": 16.0,
    "rem": 16.0,
    "ex": 8.0,
}
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?"


@dataclass(slots=True)
class Drawing:
    """`text`: all that is written in it; `labels`, `linked`: how many pieces of HTML and pictures of other files are
    not drawn; `losses`: what its CSS asks for and does not get.
    """

    root: ET.Element
    text: list[str] = field(default_factory=list)
    labels: int = 0
    linked: int = 0
    losses: Losses = field(default_factory=Losses)

    def notes(self) -> list[str]:
        notes = []
        if self.labels:
            are = "s are" if self.labels > 1 else " is"
            notes.append(f"{self.labels} HTML label{are} not drawn: export as PNG")
        if self.linked:
            are = "s are" if self.linked > 1 else " is"
            notes.append(f"{self.linked} linked picture{are} not drawn: export as PNG")
        said = self.losses.note()
        return [*notes, said] if said else notes


def read(data: bytes, name: str) -> Drawing:
    """Raises UnsupportedMedia, MediaTooLarge."""
    drawing = Drawing(_root(data, name))
    drawing.losses.imports += data.count(b"<?xml-stylesheet")
    _clean(drawing, drawing.root, name, 1)
    return drawing


def _root(data: bytes, name: str) -> ET.Element:
    try:
        root = ET.fromstring(_unpacked(data, name))  # noqa: S314 - expat refuses entity bombs and opens no other file
    except (ET.ParseError, ValueError, LookupError) as error:
        raise bad(name) from error
    if local(root.tag) != "svg":
        raise bad(name)
    return root


def _unpacked(data: bytes, name: str) -> bytes:
    if data[:2] == b"\x1f\x8b":
        try:
            with gzip.open(io.BytesIO(data)) as packed:
                data = packed.read(_TEXT_BYTES + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise bad(name) from error
    if len(data) > _TEXT_BYTES:
        raise MediaTooLarge(
            f"{name} has more than {_TEXT_BYTES // 1_000_000} MB of SVG text", "Save it as PNG and send that."
        )
    return data


def _clean(drawing: Drawing, root: ET.Element, name: str, depth: int) -> None:
    for element in root.iter():
        tag = local(element.tag)
        for key, value in list(element.attrib.items()):
            if local(key) not in _HREFS or _INLINE.match(value):
                continue
            embedded = _embedded(drawing, value, name, depth) if tag == "image" else None
            if embedded:
                element.set(key, embedded)
                continue
            del element.attrib[key]
            drawing.linked += tag in {"image", "feimage"} and local(key) == "href"
    drawing.labels += _html_labels(root)
    _complete_labels(root)
    drawing.text += ["".join(e.itertext()) for e in root.iter() if local(e.tag) == "text"]
    if has_css(root):
        from glm_mcp.media.images.svg import css  # most drawings do without, and start faster

        css.resolve(root, size_of(root)[0], drawing.losses)
    direction.settle(root)


def _embedded(drawing: Drawing, href: str, name: str, depth: int) -> str | None:
    """A data URL of a drawing with what it holds cleaned; None for anything else, and what cannot be drawn."""
    inline = _DRAWING.match(href)
    if inline is None or depth == _MAX_DEPTH:
        return None
    raw = unquote_to_bytes(inline["data"])
    try:
        if "base64" in inline["parameters"].lower():
            raw = base64.b64decode(raw)
        inner = _root(raw, name)
    except (GLMError, binascii.Error, ValueError):
        return None
    _clean(drawing, inner, name, depth + 1)
    return "data:image/svg+xml;base64," + base64.b64encode(ET.tostring(inner)).decode()


def _html_labels(root: ET.Element) -> int:
    """How many pieces of HTML with text in them have no plain text beside them to be drawn instead."""
    count = 0
    for parent in root.iter():
        instead = local(parent.tag) == "switch" and any(
            local(child.tag) != "foreignobject" for child in parent
        )
        if not instead:
            count += sum(local(child.tag) == "foreignobject" and _has_text(child) for child in parent)
    return count


def _complete_labels(root: ET.Element) -> None:
    """draw.io puts a label's beginning and dots beside the HTML of the whole, which is not drawn, and in its first years
    the same few words beside each: the whole in its place.
    """
    for switch in root.iter():
        children = list(switch) if local(switch.tag) == "switch" else []
        for label, short in itertools.pairwise(children):
            if local(label.tag) != "foreignobject" or local(short.tag) != "text":
                continue
            whole = " ".join(" ".join(label.itertext()).split())
            begins = (short.text or "").removesuffix("...")
            if short.text == _NO_HTML or (begins != short.text and whole.startswith(begins)):
                _write(short, textwrap.wrap(whole, _line_length(label)))


def _line_length(label: ET.Element) -> int:
    """Letters of a line of the label, by the width of its box at the usual size; a box of one pixel is not broken."""
    widths = (_WIDTH.search(element.get("style", "")) for element in label.iter())
    width = next((float(match[1]) for match in widths if match), 0)
    return max(int(width / 6.5), 8) if width > 1 else 200


def _write(text: ET.Element, lines: list[str]) -> None:
    text.text = ""
    for i, line in enumerate(lines):
        dy = f"{-0.6 * (len(lines) - 1):g}em" if not i else "1.2em"
        row = ET.SubElement(text, text.tag.replace("text", "tspan"), {"x": text.get("x", "0"), "dy": dy})
        row.text = line


def _has_text(element: ET.Element) -> bool:
    return any(text.strip() for text in element.itertext())


def size_of(root: ET.Element) -> tuple[float, float]:
    """Width and height in CSS pixels: from the attributes, else the viewBox, else 300 x 150 as in browsers."""
    width, height = named_size(root)
    box = _box(root)
    if width and height:
        return width, height
    if box:
        ratio = box[1] / box[0]
        if width:
            return width, width * ratio
        return (height / ratio, height) if height else box
    return width or 300.0, height or 150.0


def named_size(root: ET.Element) -> tuple[float | None, float | None]:
    """Width and height in CSS pixels as the attributes have them."""
    return _length(root.get("width")), _length(root.get("height"))


def has_box(root: ET.Element) -> bool:
    """Whether it says which part of its plane is shown."""
    return _box(root) is not None


def _box(root: ET.Element) -> tuple[float, float] | None:
    """Width and height of the viewBox."""
    box = [float(v) for v in re.findall(_NUMBER, root.get("viewBox", ""), re.IGNORECASE)]
    if len(box) == 4 and box[2] > 0 and box[3] > 0 and math.isfinite(box[3] / box[2]):
        return box[2], box[3]
    return None


def _length(text: str | None) -> float | None:
    match = re.fullmatch(
        r"\s*\+?(\d+(?:\.\d*)?|\.\d+)(e[-+]?\d{1,2})?\s*+([a-z]*)\s*", text or "", re.IGNORECASE
    )
    if not match or match[3].lower() not in _UNITS:
        return None
    value = float(match[1] + (match[2] or "")) * _UNITS[match[3].lower()]
    return value if 0 < value < 1e9 else None


def local(tag: object) -> str:
    return str(tag).rsplit("}", 1)[-1].lower()


def bad(name: str) -> UnsupportedMedia:
    return UnsupportedMedia(
        f"{name} is not an SVG that can be drawn",
        "Check that it is whole, well-formed and draws something, or save it as PNG.",
    )
