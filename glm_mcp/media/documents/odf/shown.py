"""Which pictures the slides and texts of OpenDocument show, and how large."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from xml.etree import ElementTree as ET

from glm_mcp.media.documents.common.shown import Shown, belong_to_design, kept
from glm_mcp.media.documents.ooxml.package import Package
from glm_mcp.media.documents.zip_xml import attribute, local

_LENGTH = re.compile(r"([\d.]{1,12})(cm|mm|in|pt|pc|px)")
_CM = {"cm": 1.0, "mm": 0.1, "in": 2.54, "pt": 2.54 / 72, "pc": 2.54 / 6, "px": 2.54 / 96}
_SLIDE, _A4 = 28.0 * 15.75, 21.0 * 29.7
# Whose pictures stand for what is read as text, and what is no part of the page.
_OTHER = ("object", "object-ole", "table", "plugin")
_APART = ("notes", "tracked-changes", "annotation")


class FramePictures:
    """Those of one file. `slides`: none of a text or sheets, whose pictures are measured against a page of A4; `styles`:
    where the file says how large they are.
    """

    def __init__(
        self, package: Package, slides: Sequence[ET.Element] = (), styles: ET.Element | None = None
    ) -> None:
        self._package = package
        self._area = _slide_area(styles) if slides else _A4
        seen = Counter[str]()
        for slide in slides:
            seen.update({path for frame in _frames(slide) if (path := self._part(frame))})
        self._design = belong_to_design(seen, len(slides))

    def on(self, node: ET.Element, place: str = "") -> list[Shown]:
        """As of `kept`."""
        shown = [
            Shown(part, min(_length(frame, "width") * _length(frame, "height") / self._area, 1.0))
            for frame in _frames(node)
            if (part := self._part(frame)) and part not in self._design
        ]
        return kept(self._package.left_out, shown, place)

    def _part(self, frame: ET.Element) -> str:
        """The first of the forms of the picture that the file holds."""
        paths = (posixpath.normpath(attribute(e, "href")) for e in frame if local(e) == "image")
        return next(filter(self._package.has, paths), "")


def _frames(node: ET.Element) -> Iterator[ET.Element]:
    for e in node:
        name = local(e)
        if name == "frame" and not any(local(part) in _OTHER for part in e):
            yield e
        if name not in _APART:
            yield from _frames(e)


def _slide_area(styles: ET.Element | None) -> float:
    """In square centimetres, of the first layout of pages that says how large they are."""
    for e in styles.iter() if styles is not None else ():
        if local(e) == "page-layout-properties":
            area = _length(e, "page-width") * _length(e, "page-height")
            if area > 0:
                return area
    return _SLIDE


def _length(element: ET.Element, name: str) -> float:
    """In centimetres; 0 where it is not said so."""
    found = _LENGTH.fullmatch(attribute(element, name))
    try:
        return float(found[1]) * _CM[found[2]] if found else 0.0
    except ValueError:
        return 0.0
