"""Visio since 2013 (VSDX)."""

from __future__ import annotations

import posixpath
import re
import zipfile
from typing import Any, BinaryIO
from xml.etree import ElementTree as ET

from glm_mcp.errors import UnsupportedMedia
from glm_mcp.media.documents.common.few_times import SaidAgain, few_times
from glm_mcp.media.documents.diagrams.graph import Arrow, Graph, Shape, label
from glm_mcp.media.documents.pages import LeftOut, choose, result
from glm_mcp.media.documents.zip_xml import attribute, local, open_zip, parse

_SAVE = "Export it as PDF or SVG."
_INCH = 72.0
_DEEP = 20  # shapes in shapes
_NUMBER = re.compile(r"-?\d{1,6}(?:\.\d{0,20})?(?:[eE]-?\d{1,2})?")


def visio_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Raises UnsupportedMedia, MediaTooLarge, InvalidRequest (encrypted, pages)."""
    name, left_out = params["name"], LeftOut()
    archive = open_zip(file, name)
    pages = _listed(archive, "visio/pages/pages.xml", "Page", name, left_out)
    if not pages:
        raise UnsupportedMedia(f"{name} is damaged: it names no pages", _SAVE)
    masters = {
        key: _usual(parse(archive, part, name))
        for key, _, part in _listed(archive, "visio/masters/masters.xml", "Master", name, left_out)
    }
    names = [title for _, title, _ in pages]
    chosen = choose(params.get("pages"), len(pages), name, names=names)
    rows, again = [], SaidAgain(left_out)
    for number in chosen:
        tree = parse(archive, pages[number - 1][2], name)
        text = "" if tree is None else _Page(tree, masters, again).graph.markdown()
        rows.append((number, label(number, names[number - 1]), text, ""))
    return result("visio", rows, len(pages), left_out.notes()), []


def _listed(
    archive: zipfile.ZipFile, part: str, tag: str, name: str, left_out: LeftOut
) -> list[tuple[str, str, str]]:
    """ID, name and part of each page or master."""
    tree = parse(archive, part, name)
    folder, file = posixpath.split(part)
    links = parse(archive, f"{folder}/_rels/{file}.rels", name)
    targets = {attribute(e, "Id"): attribute(e, "Target") for e in (links if links is not None else ())}
    found = []
    for e in tree if tree is not None else ():
        if local(e) == tag:
            link = next((attribute(rel, "id") for rel in e if local(rel) == "Rel"), "")
            target = targets.get(link, "")
            path = posixpath.normpath(posixpath.join("/", folder, target))[1:] if target else ""
            found.append(
                (
                    attribute(e, "ID"),
                    attribute(e, "NameU") if not attribute(e, "Name") else attribute(e, "Name"),
                    path,
                )
            )
    return list(few_times(found, lambda one: one[2], left_out))


class _Page:
    def __init__(self, tree: ET.Element, masters: dict[str, dict[str, str]], again: SaidAgain) -> None:
        self.graph = Graph()
        self._masters = masters
        self._again = again
        self._ends: dict[str, dict[str, str]] = {}
        for e in tree.iter():
            if local(e) == "Connect":
                self._ends.setdefault(attribute(e, "FromSheet"), {})[attribute(e, "FromCell")] = attribute(
                    e, "ToSheet"
                )
        self._take(tree, "", "", 0.0, 0.0, 0)

    def _take(self, node: ET.Element, parent: str, master: str, x: float, y: float, depth: int) -> None:
        """The shapes of a page or a group; `x`, `y`: the lower left corner of the group."""
        for shapes in (e for e in node if local(e) == "Shapes"):
            for e in shapes:
                own, kind = attribute(e, "ID"), attribute(e, "Master") or master
                cells = {attribute(c, "N"): attribute(c, "V") for c in e if local(c) == "Cell"}
                after = attribute(e, "MasterShape")
                text = _words(e)
                if not any(local(c) == "Text" for c in e) and (after or attribute(e, "Master")):
                    text = self._again.text(self._masters.get(kind, {}).get(after, ""), "shapes")
                if "BeginX" in cells or own in self._ends:
                    ends = self._ends.get(own, {})
                    heads = (
                        cells.get("BeginArrow", "0") not in ("0", ""),
                        cells.get("EndArrow", "1") not in ("0", ""),
                    )
                    self.graph.arrows.append(Arrow(ends.get("BeginX", ""), ends.get("EndX", ""), text, heads))
                    continue
                left, low = x + _number(cells, "PinX"), y + _number(cells, "PinY")
                self.graph.shapes[own] = Shape(text, left * _INCH, -low * _INCH, parent)
                if depth < _DEEP:
                    corner = left - _number(cells, "LocPinX"), low - _number(cells, "LocPinY")
                    self._take(e, own, kind, *corner, depth + 1)


def _usual(master: ET.Element | None) -> dict[str, str]:
    """The words that shapes have of the master they were made after, by its shapes' IDs; "": of the first."""
    shapes = [e for e in master.iter() if local(e) == "Shape"] if master is not None else []
    said = {attribute(e, "ID"): _words(e) for e in reversed(shapes)}
    return said | {"": _words(shapes[0]) if shapes else ""}


def _words(shape: ET.Element) -> str:
    return "".join("".join(e.itertext()) for e in shape if local(e) == "Text")


def _number(cells: dict[str, str], key: str) -> float:
    said = cells.get(key, "")
    return float(said) if _NUMBER.fullmatch(said) else 0.0
