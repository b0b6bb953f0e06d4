"""draw.io: its pages, packed or not."""

from __future__ import annotations

import base64
import re
import urllib.parse
import zlib
from typing import Any, BinaryIO
from xml.etree import ElementTree as ET

from glm_mcp.errors import MediaTooLarge, UnsupportedMedia
from glm_mcp.media.documents.diagrams.graph import Arrow, Graph, Shape, label
from glm_mcp.media.documents.pages import choose, result
from glm_mcp.media.documents.zip_xml import local, mended, outermost, xml
from glm_mcp.text import unescaped

_UNPACKED = 50 * 1024 * 1024  # bytes of a page
_SAVE = "Export it as PNG, SVG or PDF in draw.io."
_BREAKS = re.compile(r"<(?:br|/?p|/?div|/?li|/?tr|/?h\d|hr)\b[^<>]{0,500}>", re.IGNORECASE)
_TAGS = re.compile(r"</?[A-Za-z][^<>]{0,2000}>")
_DEEP = 50  # shapes in shapes


def drawio_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Raises UnsupportedMedia, MediaTooLarge, InvalidRequest (pages)."""
    name = params["name"]
    root = xml(mended(file.read(), name, params.get("encoding")), name)
    pages = list(outermost(root, "diagram")) or [root]
    names = [page.get("name") or "" for page in pages]
    chosen = choose(params.get("pages"), len(pages), name, names=names)
    rows = [(n, label(n, names[n - 1]), _graph(pages[n - 1], name).markdown(), "") for n in chosen]
    return result("drawio", rows, len(pages)), []


def _graph(page: ET.Element, name: str) -> Graph:
    if not len(page) and (page.text or "").strip():
        page = xml(_unpacked(page.text or "", name), name)
    graph = Graph()
    places: dict[str, tuple[float, float, str]] = {}
    arrows: dict[str, Arrow] = {}
    beside: dict[str, list[str]] = {}  # words of an arrow, in cells of their own
    for e in page.iter():
        # What was given data of its own stands around its cell, with its words.
        cell = (
            next((c for c in e if local(c) == "mxCell"), None) if local(e) in ("object", "UserObject") else e
        )
        if cell is None or local(cell) != "mxCell":
            continue
        own = e.get("id") or cell.get("id")
        if own is None or (cell is e and own in places):
            continue
        style = cell.get("style") or ""
        text = _words(e.get("label") or e.get("value") or "", style)
        box = next((c for c in cell if local(c) == "mxGeometry"), ET.Element("none"))
        x, y = (_number(box.get(key)) for key in ("x", "y"))
        parent = cell.get("parent") or ""
        places[own] = (x, y, parent)
        if cell.get("edge") == "1":
            heads = _has_head(style, "startArrow", "none"), _has_head(style, "endArrow", "classic")
            arrows[own] = Arrow(cell.get("source") or "", cell.get("target") or "", text, heads)
        elif parent in arrows:
            beside.setdefault(parent, []).append(text)
        elif parent:
            graph.shapes[own] = Shape(text, parent=parent)
    for own, shape in graph.shapes.items():
        at, deep = own, 0
        while at in places and deep < _DEEP:
            x, y, at = places[at]
            shape.x, shape.y, deep = shape.x + x, shape.y + y, deep + 1
    for own, words in beside.items():
        arrows[own].text = " ".join([arrows[own].text, *words])
    graph.arrows = list(arrows.values())
    return graph


def _unpacked(text: str, name: str) -> bytes:
    try:
        packer = zlib.decompressobj(-15)
        data = packer.decompress(base64.b64decode(text), _UNPACKED + 1)
    except (ValueError, zlib.error):
        raise UnsupportedMedia(f"{name} is damaged: a page of it cannot be unpacked", _SAVE) from None
    if len(data) > _UNPACKED:
        raise MediaTooLarge(f"{name} holds a part of more than {_UNPACKED >> 20} MB", _SAVE)
    return urllib.parse.unquote_to_bytes(data)


def _words(value: str, style: str) -> str:
    if not re.search(r"(?:^|;)html=1(?:;|$)", style):
        return value  # as it is: a List<Order>
    return unescaped(_TAGS.sub("", _BREAKS.sub(" ", _without_comments(value))))


def _without_comments(value: str) -> str:
    """One that does not end stays: looked for from each beginning, a label of megabytes took minutes."""
    kept, at = list[str](), 0
    while (start := value.find("<!--", at)) >= 0 and (end := value.find("-->", start + 4)) >= 0:
        kept.append(value[at:start])
        at = end + 3
    return "".join([*kept, value[at:]])


def _has_head(style: str, key: str, usual: str) -> bool:
    said = re.search(rf"(?:^|;){key}=([^;]*)", style)
    return (said[1] if said else usual) not in ("none", "")


def _number(said: str | None) -> float:
    return float(said) if said and re.fullmatch(r"-?\d{1,7}(?:\.\d{0,20})?", said) else 0.0
