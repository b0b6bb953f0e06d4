"""SVG into pixels, only ever in a child process: its renderer aborts the process on sizes that do not fit in memory."""

from __future__ import annotations

import gzip
import io
import math
import re
import xml.etree.ElementTree as ET
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from glm_mcp.errors import MediaTooLarge, MissingExtra, UnsupportedMedia
from glm_mcp.media.images import fonts

_TEXT_BYTES = 20_000_000
_SIDE_MIN, _SIDE_MAX = 1024, 2048  # an icon is drawn larger, as its lines are sharp at any size
_LONG_MAX = 6000
# The renderer reads absolute hrefs from the disk. Pictures inside the file stay, SVG inside them does not.
_INLINE = re.compile(r"\s*(#|data:image/(png|jpe?g|gif|webp)\b)", re.IGNORECASE)
_UNITS = {"": 1.0, "px": 1.0, "pt": 4 / 3, "pc": 16.0, "mm": 96 / 25.4, "cm": 96 / 2.54, "in": 96.0}


def svg_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Params and result as `pipeline.image_job`; pixels of `original` are units of the drawing."""
    from glm_mcp.media.images import pipeline
    from glm_mcp.media.images.options import Options

    options = Options.of(params)
    png, size, factor, notes = render(file.read(), options.name)
    pictures = pipeline.make(png, replace(options, units=factor))
    return pipeline.pack(pipeline.with_notes([replace(p, original=size) for p in pictures], notes))


def render(data: bytes, name: str) -> tuple[bytes, tuple[int, int], float, list[str]]:
    """(PNG, transparent as the drawing is, the drawing's own size, pixels per unit, notes on what is left out).

    Raises MissingExtra, UnsupportedMedia, MediaTooLarge.
    """
    try:
        import resvg_py
    except ImportError:
        raise MissingExtra("svg", f"reading {name} (SVG)") from None
    root, notes = clean_tree(_text(data, name), name)
    families, said = font_options(root, fonts.system_folders())
    width, height = drawing_size(root)
    long = max(width, height)
    factor = min(max(long, _SIDE_MIN), _SIDE_MAX) / long
    if long > 3 * min(width, height):  # a stripe: as large as its short side is useful, cut into parts later
        factor = min(_SIDE_MAX / min(width, height), max(1.0, factor), _LONG_MAX / long)
    pixels = max(1, round(width * factor)), max(1, round(height * factor))
    # The size is also written into the root, as the renderer allocates what the file says when a target is partial.
    root.set("width", f"{width:g}")
    root.set("height", f"{height:g}")
    try:
        png = resvg_py.svg_to_bytes(
            svg_string=ET.tostring(root, encoding="unicode"),
            width=pixels[0],
            height=pixels[1],
            **families,
        )
    except ValueError as error:
        raise _bad(name) from error
    return bytes(png), (max(1, round(width)), max(1, round(height))), factor, notes + said


def _text(data: bytes, name: str) -> bytes:
    if data[:2] == b"\x1f\x8b":
        try:
            with gzip.open(io.BytesIO(data)) as packed:
                data = packed.read(_TEXT_BYTES + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise _bad(name) from error
    if len(data) > _TEXT_BYTES:
        raise MediaTooLarge(
            f"{name} has more than {_TEXT_BYTES // 1_000_000} MB of SVG text", "Save it as PNG and send that."
        )
    return data


def clean_tree(data: bytes, name: str) -> tuple[ET.Element, list[str]]:
    """The drawing without anything that points outside of it, and notes on that. Raises UnsupportedMedia."""
    try:
        root = ET.fromstring(data)  # noqa: S314 - as at the import
    except (ET.ParseError, ValueError, LookupError) as error:
        raise _bad(name) from error
    if _local(root.tag) != "svg":
        raise _bad(name)
    linked = 0
    for element in root.iter():
        for key, value in list(element.attrib.items()):
            if _local(key) in {"href", "src", "base"} and not _INLINE.match(value):
                del element.attrib[key]
                linked += _local(element.tag) in {"image", "feimage"} and _local(key) == "href"
    left_out = [(_html_labels(root), "HTML label"), (linked, "linked picture")]
    found = [f"{count} {what}{'s' if count > 1 else ''}" for count, what in left_out if count]
    verb = "is" if linked + left_out[0][0] == 1 else "are"
    return root, [f"{' and '.join(found)} {verb} not drawn: export as PNG"] if found else []


def _html_labels(root: ET.Element) -> int:
    """How many pieces of HTML with text in them have no plain text beside them to be drawn instead."""
    count = 0
    for parent in root.iter():
        instead = _local(parent.tag) == "switch" and any(
            _local(child.tag) != "foreignobject" for child in parent
        )
        if not instead:
            count += sum(_local(child.tag) == "foreignobject" and _has_text(child) for child in parent)
    return count


def _has_text(element: ET.Element) -> bool:
    return any(text.strip() for text in element.itertext())


def font_options(root: ET.Element, folders: list[Path]) -> tuple[dict[str, Any], list[str]]:
    """What the renderer is told of fonts, as its own choice is Windows' and what it lacks it leaves out; and a note."""
    texts = [element for element in root.iter() if _local(element.tag) == "text" and _has_text(element)]
    if not texts:
        return {}, []
    chosen = fonts.choose("".join("".join(text.itertext()) for text in texts), folders)
    if chosen is None:
        return {}, ["the text in it may be missing: no fonts found on this computer"]
    plain, mono = chosen
    kinds = ("font_family", "serif_family", "sans_serif_family", "cursive_family", "fantasy_family")
    told: dict[str, Any] = dict.fromkeys(kinds, plain.family)
    return {**told, "monospace_family": mono.family, "font_files": sorted({plain.file, mono.file})}, []


def drawing_size(root: ET.Element) -> tuple[float, float]:
    """Width and height in CSS pixels: from the attributes, else the viewBox, else 300 x 150 as in browsers."""
    width, height = _length(root.get("width")), _length(root.get("height"))
    box = [
        float(v)
        for v in re.findall(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?", root.get("viewBox", ""), re.IGNORECASE)
    ]
    ratio = box[3] / box[2] if len(box) == 4 and box[2] > 0 and box[3] > 0 else None
    if width and height:
        return width, height
    if ratio is not None and math.isfinite(ratio):
        if width:
            return width, width * ratio
        return (height / ratio, height) if height else (box[2], box[3])
    return width or 300.0, height or 150.0


def _length(text: str | None) -> float | None:
    found = re.fullmatch(r"\s*\+?(\d+\.?\d*|\.\d+)(e[-+]?\d{1,2})?\s*([a-z]*)\s*", text or "", re.IGNORECASE)
    if not found or found[3].lower() not in _UNITS:
        return None
    value = float(found[1] + (found[2] or "")) * _UNITS[found[3].lower()]
    return value if 0 < value < 1e9 else None


def _local(tag: object) -> str:
    return str(tag).rsplit("}", 1)[-1].lower()


def _bad(name: str) -> UnsupportedMedia:
    return UnsupportedMedia(
        f"{name} is not an SVG that can be drawn",
        "Check that it is whole, well-formed and draws something, or save it as PNG.",
    )
