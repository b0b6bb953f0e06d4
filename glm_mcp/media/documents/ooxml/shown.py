"""Which pictures a slide or a Word text shows, and how large."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from xml.etree import ElementTree as ET

from glm_mcp.media.documents.common.shown import Box, Shown, belong_to_design, kept
from glm_mcp.media.documents.ooxml.package import Package, child, descendants, tag, value, whole
from glm_mcp.media.documents.zip_xml import attribute

_SLIDE = 12_192_000, 6_858_000  # in the format's own units, 914,400 an inch, where the file does not say
_A4 = 7_560_000 * 10_692_000
_POINT = 12_700
_FAR = 10**10
_PALE = 35_000  # thousandths of a percent: a watermark
_UNKNOWN = 0.25  # of a slide, where a picture's place is not said
_LENGTH = re.compile(r"(width|height):\s*([\d.]{1,12})\s*(pt|in|cm|mm|px)?")
_FOLDERS = re.compile(r"\A(?:[A-Za-z]:[\\/]|\\\\)(?:[^\\/:]*[\\/])*")
_UNITS = {"pt": _POINT, "in": 914_400, "cm": 360_000, "mm": 36_000, "px": 9_525}


class SlidePictures:
    """Those of one presentation, without what is drawn on its slides by the master or by most of them."""

    def __init__(self, package: Package, slides: Sequence[str]) -> None:
        self._package = package
        size = child(package.tree(package.main("ppt/presentation.xml")), "p:sldSz")
        across, down = (0, 0) if size is None else (_units(attribute(size, n)) for n in ("cx", "cy"))
        self._size = (across, down) if across > 0 and down > 0 else _SLIDE
        self._places: dict[str, dict[str, ET.Element]] = {}  # of the places to fill, by layout and number
        seen = Counter[tuple[int, int]]()
        for slide, count in Counter(slides).items():
            links = package.links(slide).values()
            images = {package.identity(link.target) for link in links if link.kind == "image"}
            seen.update(dict.fromkeys(images, count))
        self._design = belong_to_design(seen, len(slides))

    def on(self, part: str, tree: ET.Element, place: str = "") -> list[Shown]:
        """In the order in which they lie over each other, as of `kept`."""
        background = child(tree, "p:cSld", "p:bg", "p:bgPr")
        shapes = child(tree, "p:cSld", "p:spTree")
        drawn = [] if background is None else [self._shown(part, background, 1.0)]
        drawn += [] if shapes is None else self._within(part, shapes, (1.0, 1.0, 0.0, 0.0))
        return kept(self._package.left_out, [shown for shown in drawn if shown], place)

    def _within(self, part: str, shapes: ET.Element, frame: Box) -> Iterator[Shown | None]:
        """`frame`: how places in a group become places on the slide, as factors and offsets."""
        for shape in shapes:
            name = tag(shape)
            if name == "mc:AlternateContent":
                yield from next(filter(any, (list(self._within(part, form, frame)) for form in shape)), [])
            elif name in ("p:pic", "p:sp", "p:grpSp") and not _is_hidden(shape):
                if name == "p:grpSp":
                    yield from self._within(part, shape, _inner(shape, frame))
                else:
                    yield self._shown(part, shape, self._share(part, shape, frame))

    def _share(self, part: str, shape: ET.Element, frame: Box) -> float:
        """What of the slide the shape takes."""
        form = child(shape, "p:spPr", "a:xfrm")
        holder = next(descendants(shape, "p:ph"), None)
        if form is None and holder is not None:
            form = self._place_of(part, holder)
        if form is None:
            return _UNKNOWN
        left, top, width, height = _box(form, "a:off", "a:ext")
        across, down, right, lower = frame
        size = self._size
        start, above = left * across + right, top * down + lower
        end, below = start + width * across, above + height * down
        wide, high = min(end, size[0]) - max(start, 0), min(below, size[1]) - max(above, 0)
        return max(wide, 0) * max(high, 0) / (size[0] * size[1])

    def _place_of(self, part: str, holder: ET.Element) -> ET.Element | None:
        """Where the layout puts what fills this place of it."""
        path = next(iter(self._package.linked(part, "slideLayout")), "")
        if path not in self._places:
            layout = self._package.tree(path)
            self._places[path] = {
                attribute(own, "idx"): form
                for shape in ([] if layout is None else descendants(layout, "p:sp", "p:pic"))
                if (own := next(descendants(shape, "p:ph"), None)) is not None
                and (form := child(shape, "p:spPr", "a:xfrm")) is not None
            }
        return self._places[path].get(attribute(holder, "idx"))

    def _shown(self, part: str, shape: ET.Element, share: float) -> Shown | None:
        fill = next(
            (f for f in (*_fills(shape), *_fills(child(shape, "p:spPr"))) if child(f, "a:tile") is None), None
        )
        shown = picture_of(self._package, part, fill, share)
        return None if shown and self._package.identity(shown.part) in self._design else shown


def _is_hidden(shape: ET.Element) -> bool:
    properties = next((e for part in shape for e in part if tag(e) == "p:cNvPr"), None)
    return properties is not None and attribute(properties, "hidden") in ("1", "true")


def _fills(holder: ET.Element | None) -> list[ET.Element]:
    return [] if holder is None else [e for e in holder if tag(e) in ("p:blipFill", "a:blipFill")]


def _inner(group: ET.Element, frame: Box) -> Box:
    form = child(group, "p:grpSpPr", "a:xfrm")
    if form is None:
        return frame
    left, top, width, height = _box(form, "a:off", "a:ext")
    inner_left, inner_top, inner_width, inner_height = _box(form, "a:chOff", "a:chExt")
    across = width / inner_width if inner_width else 1.0
    down = height / inner_height if inner_height else 1.0
    return (
        frame[0] * across,
        frame[1] * down,
        frame[2] + frame[0] * (left - inner_left * across),
        frame[3] + frame[1] * (top - inner_top * down),
    )


def _box(form: ET.Element, place: str, size: str) -> Box:
    x, y = (_units(value(form, place, name=name)) for name in ("x", "y"))
    width, height = (_units(value(form, size, name=name)) for name in ("cx", "cy"))
    return x, y, max(width, 0), max(height, 0)


def _units(text: str | None) -> int:
    """A length that can be reckoned with, whatever the file claims."""
    return max(-_FAR, min(whole(text), _FAR))


def picture_of(package: Package, part: str, fill: ET.Element | None, share: float) -> Shown | None:
    """The picture that fills a shape; None for what the file does not hold, and for a watermark."""
    blip = child(fill, "a:blip")
    if fill is None or blip is None:
        return None
    link = package.link(part, attribute(blip, "embed"))
    opaque = whole(value(blip, "a:alphaModFix", name="amt"), 100_000)
    if link.external or not package.has(link.target) or opaque < _PALE:
        return None
    sides = child(fill, "a:srcRect")
    cut = [0 if sides is None else max(0, whole(attribute(sides, n))) / 1000 for n in "ltrb"]
    crop = cut[0], cut[1], 100 - cut[0] - cut[2], 100 - cut[1] - cut[3]
    return Shown(link.target, share, crop if sum(cut) > 1 and min(crop[2:]) > 1 else None)


def picture_words(text: str) -> str:
    """What is said of a picture, in one line; of a place in somebody's folders, which programs put there, the name of the
    file.
    """
    return _FOLDERS.sub("", " ".join(text.split()))


def in_text(package: Package, part: str, tree: ET.Element, place: str = "") -> list[Shown]:
    """Those of a Word text in its order, as of `kept`; their shares are of a page of A4."""
    return kept(package.left_out, list(_in_text(package, part, tree)), place)


def _in_text(package: Package, part: str, node: ET.Element) -> Iterator[Shown]:
    for e in node:
        match tag(e):
            case "mc:AlternateContent":
                yield from next(filter(None, (list(_in_text(package, part, form)) for form in e)), [])
            case "wp:inline" | "wp:anchor":
                pictures = list(descendants(e, "pic:blipFill"))
                whole_share = extent_share(child(e, "wp:extent"))
                for fill in pictures:
                    if shown := picture_of(package, part, fill, whole_share / len(pictures)):
                        yield shown
            case "v:shape" | "v:rect" | "v:group":
                images = list(descendants(e, "v:imagedata"))
                for link in (package.link(part, attribute(image, "id")) for image in images):
                    if not link.external and package.has(link.target):
                        yield Shown(link.target, _styled(attribute(e, "style")) / len(images))
            # What is deleted, and the pictures of objects whose own text is read.
            case "w:del" | "w:moveFrom" | "w:object":
                pass
            case _:
                yield from _in_text(package, part, e)


def extent_share(extent: ET.Element | None) -> float:
    """What of a page of A4 an element that says its sides takes; 0 where there is none."""
    return 0.0 if extent is None else page_share(*(_units(attribute(extent, name)) for name in ("cx", "cy")))


def page_share(across: float, down: float) -> float:
    """What of a page of A4 these sides take, which are in the format's own units."""
    return min(max(across, 0) * max(down, 0) / _A4, 1.0)


def _styled(style: str) -> float:
    sizes = {}
    for name, number, unit in _LENGTH.findall(style):
        try:
            sizes[name] = float(number) * _UNITS[unit or "px"]
        except ValueError:
            continue
    return min(sizes.get("width", 0.0) * sizes.get("height", 0.0) / _A4, 1.0)
