"""SVG into pixels, only ever in a child process: its renderer aborts the process on sizes that do not fit in memory."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from glm_mcp.errors import MissingExtra
from glm_mcp.media import fonts, glyphs
from glm_mcp.media.images.svg import tree

_SIDE_MIN, _SIDE_MAX = 1024, 2048  # an icon is drawn larger, as its lines are sharp at any size
_LONG_MAX = 6000


def svg_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Params and result as `pipeline.image_job`; pixels of `original` are units of the drawing."""
    from glm_mcp.media.images import pipeline
    from glm_mcp.media.images.options import Options

    options = Options.of(params)
    png, size, factor, notes = render(file.read(), options.name)
    pictures = pipeline.make(png, replace(options, kind="png", units=factor))
    return pipeline.pack(pipeline.with_notes([replace(p, original=size) for p in pictures], notes))


def render(data: bytes, name: str) -> tuple[bytes, tuple[int, int], float, list[str]]:
    """(PNG, transparent as the drawing is, the drawing's own size, pixels per unit, notes on what is left out).

    Raises MissingExtra, UnsupportedMedia, MediaTooLarge.
    """
    try:
        import resvg_py

        drawing = tree.read(data, name)
    except ImportError:
        raise MissingExtra("svg", f"reading {name} (SVG)") from None
    chosen, said = font_options("".join(drawing.text), fonts.system_folders())
    width, height = tree.size_of(drawing.root)
    long = max(width, height)
    factor = min(max(long, _SIDE_MIN), _SIDE_MAX) / long
    if long > 3 * min(width, height):  # a stripe: as large as its short side is useful, cut into parts later
        factor = min(_SIDE_MAX / min(width, height), max(1.0, factor), _LONG_MAX / long)
    pixels = max(1, round(width * factor)), max(1, round(height * factor))
    # The size is also written into the root, as the renderer allocates what the file says when a target is partial.
    drawing.root.set("width", f"{width:g}")
    drawing.root.set("height", f"{height:g}")
    svg = ET.tostring(drawing.root, encoding="unicode")
    try:
        # Of itself it takes a millimetre and a point for nothing, and no language for one that is read.
        png = resvg_py.svg_to_bytes(
            svg_string=svg, width=pixels[0], height=pixels[1], dpi=96.0, languages=["en"], **chosen
        )
    except ValueError as error:
        raise tree.bad(name) from error
    size = max(1, round(width)), max(1, round(height))
    return bytes(png), size, factor, [*drawing.notes(), *said]


def font_options(text: str, folders: list[Path]) -> tuple[dict[str, Any], list[str]]:
    """What the renderer is told of fonts, as its own choice is Windows' and what it lacks it leaves out; and notes."""
    characters = glyphs.visible(text)
    if not characters:
        return {}, []
    chosen = fonts.choose(text, folders)
    if chosen is None:
        return {}, [glyphs.missing_note(characters)]
    plain, mono = chosen
    used, missing = glyphs.cover(characters, [plain.file, *fonts.font_files(folders)])
    kinds = ("font_family", "serif_family", "sans_serif_family", "cursive_family", "fantasy_family")
    options: dict[str, Any] = dict.fromkeys(kinds, plain.family)
    options |= {"monospace_family": mono.family, "font_files": sorted({plain.file, mono.file, *used})}
    note = glyphs.missing_note(missing)
    return options, [note] if note else []
