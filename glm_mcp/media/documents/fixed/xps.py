"""XPS and OXPS: the texts that stand on the pages, line by line."""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple
from xml.etree import ElementTree as ET

from glm_mcp.errors import UnsupportedMedia
from glm_mcp.media.documents.pages import choose, result
from glm_mcp.media.documents.zip_xml import attribute, local, open_zip, parse

_SAVE = "Print it to a PDF."
_NUMBER = re.compile(r"-?\d{0,9}(?:\.\d{0,20})?(?:[eE][-+]?\d{1,3})?")
_UPRIGHT = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
_NARROW, _WIDE = "iljtfrI.,:;'|!()[] ", "mwMW@%"  # letters
_DEPTH = 50  # canvases in canvases

Matrix = tuple[float, ...]


class _Run(NamedTuple):
    """Letters on one line, and where they stand: their start, their end, the line, and their size."""

    text: str
    start: float
    end: float
    line: float
    size: float


def xps_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Raises UnsupportedMedia, MediaTooLarge, InvalidRequest (encrypted, pages)."""
    name = params["name"]
    archive = open_zip(file, name)
    pages = [
        page
        for sequence in archive.namelist()
        if sequence.lower().endswith(".fdseq")
        for document in _named(archive, sequence, "DocumentReference", name)
        for page in _named(archive, document, "PageContent", name)
    ]
    if not pages:
        raise UnsupportedMedia(f"{name} is damaged: it names no pages", _SAVE)
    rows = []
    for number in choose(params.get("pages"), len(pages), name):
        tree = parse(archive, pages[number - 1], name)
        text = "" if tree is None else _text(list(_runs(tree, _UPRIGHT, 0)))
        rows.append((number, f"page {number}", text, ""))
    silent = [str(number) for number, _, text, _ in rows if not text]
    notes = (
        [f"no text on the pages {', '.join(silent)}: print the file to a PDF to see them"] if silent else []
    )
    return result("xps", rows, len(pages), notes), []


def _named(archive: zipfile.ZipFile, part: str, tag: str, name: str) -> list[str]:
    """The parts that a part names, in order."""
    tree = parse(archive, part, name)
    places = [attribute(e, "Source") for e in tree.iter() if local(e) == tag] if tree is not None else []
    return [posixpath.normpath(posixpath.join("/", posixpath.dirname(part), place))[1:] for place in places]


def _runs(element: ET.Element, outer: Matrix, depth: int) -> Iterator[_Run]:
    matrix = _times(_matrix(element), outer)
    if local(element) == "Glyphs":
        yield from _run(element, matrix)
    elif depth < _DEPTH:
        for child in element:
            yield from _runs(child, matrix, depth + 1)


def _run(element: ET.Element, matrix: Matrix) -> Iterator[_Run]:
    text = attribute(element, "UnicodeString").removeprefix("{}")
    x, y, size = (_number(attribute(element, key)) for key in ("OriginX", "OriginY", "FontRenderingEmSize"))
    if not text.strip():
        return
    said = [piece.split(",")[1] if "," in piece else "" for piece in attribute(element, "Indices").split(";")]
    said += [""] * (len(text) - len(said))
    wide = sum(_number(s) / 100 if s else _width(c) for c, s in zip(text, said, strict=False)) * size
    scale = abs(matrix[3]) or abs(matrix[1]) or 1.0
    place = x * matrix[0] + y * matrix[2] + matrix[4]
    line = x * matrix[1] + y * matrix[3] + matrix[5]
    yield _Run(text, place, place + wide * (abs(matrix[0]) or scale), line, size * scale)


def _width(letter: str) -> float:
    """About how wide a letter is, of its size, where the file leaves that to the font."""
    if letter in _NARROW:
        return 0.28
    return 0.8 if letter in _WIDE else 0.65 if letter.isupper() else 1.0 if letter > "\u2e7f" else 0.5


def _text(runs: list[_Run]) -> str:
    """In the order of the file, which is that of reading where a program wrote it."""
    written = ""
    for before, run in zip([None, *runs], runs, strict=False):
        if before is None:
            written = run.text
            continue
        size = max(before.size, run.size)
        below = abs(run.line - before.line)
        if below < 0.4 * size and run.start > before.start:
            gap = run.start - before.end
            parted = written.endswith(" ") or run.text.startswith(" ")
            written += "\t" if gap > 2 * size else " " if gap > 0.15 * size and not parted else ""
        else:
            written += "\n\n" if below > 1.9 * size else "\n"
        written += run.text
    return "\n".join(line.rstrip() for line in written.split("\n"))


def _matrix(element: ET.Element) -> Matrix:
    """Where an element puts what is in it: said as an attribute or by an element of its own."""
    said = attribute(element, "RenderTransform")
    for child in element:
        if local(child).endswith(".RenderTransform"):
            said = next((attribute(e, "Matrix") for e in child.iter() if local(e) == "MatrixTransform"), said)
    numbers = tuple(_number(piece) for piece in re.split(r"[\s,]+", said.strip()))
    return numbers if len(numbers) == len(_UPRIGHT) else _UPRIGHT


def _times(inner: Matrix, outer: Matrix) -> Matrix:
    a, b, c, d, e, f = inner
    g, h, i, j, k, m = outer
    return a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j, e * g + f * i + k, e * h + f * j + m


def _number(text: str) -> float:
    try:
        return float(text) if _NUMBER.fullmatch(text) else 0.0
    except ValueError:
        return 0.0
