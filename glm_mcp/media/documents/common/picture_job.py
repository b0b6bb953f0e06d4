"""The pictures that slides and texts of office files show, as they lie in the file, for a model to see."""

from __future__ import annotations

import math
import posixpath
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO
from xml.etree import ElementTree as ET

from glm_mcp.errors import InvalidRequest
from glm_mcp.media.documents import opendocument
from glm_mcp.media.documents.docx import main_text, word_archive
from glm_mcp.media.documents.odf.container import open_container
from glm_mcp.media.documents.odf.shown import FramePictures
from glm_mcp.media.documents.ooxml.deck import slides_of
from glm_mcp.media.documents.ooxml.package import Package
from glm_mcp.media.documents.ooxml.shown import Box, Shown, SlidePictures, in_text
from glm_mcp.media.documents.pages import LeftOut
from glm_mcp.media.documents.zip_xml import open_zip

_EACH, _ALL = 20_000_000, 64_000_000  # bytes of one picture, and of all; they are held by the server
_PICTURES = 100  # of one call
TEXT = "the text"  # what a page is called that is all of a text
_TOGETHER = 8  # of one question, and of a slide


def pictures_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """The pictures of the pages `params["numbers"]` of a file of `params["kind"]`, at most
    `params["together"]` of them in one question.

    Hands back one row a picture (page, question of that page, name, region in percent or None) and the bytes; under
    "again", page and earlier page of those that an earlier page has shown; notes on what is left out.
    Raises UnsupportedMedia, MediaTooLarge, InvalidRequest.
    """
    name, left_out = params["name"], LeftOut()
    package = Package(_ARCHIVES[params["kind"]](file, params), name, left_out)
    pages = list(_PAGES[params["kind"]](package, params["numbers"]))
    together = max(1, min(_TOGETHER, params["together"]))
    rows, blobs = list[list[Any]](), list[bytes]()
    again = list[tuple[int, int]]()
    first = dict[tuple[tuple[int, int], Box | None], int]()
    room = _ALL
    for number, place, shown in pages:
        of_slides = place != TEXT
        chosen = _largest(shown, _TOGETHER if of_slides else _PICTURES, place, left_out)
        questions = _Questions(together, math.inf if of_slides else 1.0)
        for picture in chosen:
            key = package.identity(picture.part), picture.crop
            if first.setdefault(key, number) != number:
                again.append((number, first[key]))
                continue
            size, path = key[0][1], posixpath.basename(picture.part)
            if size > _EACH or size > room or len(rows) == _PICTURES:
                left_out.add(
                    f"pictures beyond {_PICTURES}, {_ALL // 10**6} MB or {_EACH // 10**6} MB each (ask for fewer pages)",
                    place,
                )
            elif data := package.read(picture.part):
                room -= len(data)
                rows.append([number, questions.next(picture.share), path, picture.crop])
                blobs.append(data)
    return {"rows": rows, "again": sorted(set(again)), "notes": left_out.notes()}, blobs


Pages = Iterator[tuple[int, str, list[Shown]]]  # number, name and pictures of each page that can be read


def _of_word(package: Package, _: Sequence[int]) -> Pages:
    main, bodies = main_text(package)
    yield 1, TEXT, [picture for body in bodies for picture in in_text(package, main, body)]


def _of_powerpoint(package: Package, numbers: Sequence[int]) -> Pages:
    slides = slides_of(package)
    pictures = SlidePictures(package, slides)
    for number in _within(numbers, len(slides), package.name):
        tree = package.tree(slides[number - 1])
        if tree is not None:
            yield number, f"slide {number}", pictures.on(slides[number - 1], tree)


def _of_open_document(package: Package, numbers: Sequence[int]) -> Pages:
    body = opendocument.body_of(package.tree("content.xml"))
    if body is None:
        return
    styles = package.tree("styles.xml")
    slides = opendocument.slides_of(body)
    pictures = FramePictures(package, slides, ET.Element("none") if styles is None else styles)
    if not slides:
        yield 1, TEXT, pictures.on(body)
        return
    for number in _within(numbers, len(slides), package.name):
        yield number, f"slide {number}", pictures.on(slides[number - 1])


def _within(numbers: Sequence[int], total: int, name: str) -> Sequence[int]:
    """The numbers. Raises InvalidRequest."""
    if outside := [number for number in numbers if not 1 <= number <= total]:
        raise InvalidRequest(
            f"slide {outside[0]} is out of range: {name} has {total} slides", "Ask for slides it has."
        )
    return numbers


_ARCHIVES = {
    "docx": lambda file, params: word_archive(file, params)[0],
    "pptx": lambda file, params: open_zip(file, params["name"]),
    **dict.fromkeys(("odt", "odp", "odg"), lambda file, params: open_container(file, params["name"])),
}
_PAGES = {
    "docx": _of_word,
    "pptx": _of_powerpoint,
    **dict.fromkeys(("odt", "odp", "odg"), _of_open_document),
}


def _largest(shown: Sequence[Shown], most: int, place: str, left_out: LeftOut) -> list[Shown]:
    """The largest, in their own order."""
    if len(shown) > most:
        left_out.add(f"all but the {most} largest pictures", place)
    ranked = sorted(range(len(shown)), key=lambda at: -shown[at].share)[:most]
    return [shown[at] for at in sorted(ranked)]


class _Questions:
    """Pictures go in one question until they fill `pages`: of two scans in a text each is read by itself."""

    def __init__(self, together: int, pages: float) -> None:
        self._together, self._pages = together, pages
        self._number = self._count = 0
        self._filled = 0.0

    def next(self, share: float) -> int:
        """The number of the question, from 0, that a picture of this share goes with."""
        if self._count and (self._filled + share > self._pages or self._count == self._together):
            self._number, self._count, self._filled = self._number + 1, 0, 0.0
        self._count += 1
        self._filled += share
        return self._number
