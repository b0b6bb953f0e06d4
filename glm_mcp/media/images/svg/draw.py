"""SVG into pixels, only ever in a child process: its renderer aborts the process on sizes that do not fit in memory."""

from __future__ import annotations

import copy
import io
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image

from glm_mcp.errors import MissingExtra
from glm_mcp.media import fonts, glyphs
from glm_mcp.media.images.svg import tree

_SIDE_MIN, _SIDE_MAX = 1024, 2048  # an icon is drawn larger, as its lines are sharp at any size
_LONG_MAX = 6000
# How far a drawing that names no size is looked at, in its units, and with how many pixels.
_REACHES, _LOOK = (2000, 20_000), 1000


def svg_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Params and result as `pipeline.image_job`; pixels of `original` are units of the drawing."""
    return draw_job(file.read(), params)


def draw_job(
    data: bytes, params: dict[str, Any], said: Sequence[str] = ()
) -> tuple[dict[str, Any], list[bytes]]:
    """As `svg_job`, with notes of who made the drawing."""
    from glm_mcp.media.images import pipeline
    from glm_mcp.media.images.options import Options

    options = Options.of(params)
    png, size, factor, notes = render(data, options.name)
    pictures = pipeline.make(png, replace(options, kind="png", units=factor))
    return pipeline.pack(pipeline.with_notes([replace(p, original=size) for p in pictures], [*said, *notes]))


def render(data: bytes, name: str) -> tuple[bytes, tuple[int, int], float, list[str]]:
    """(PNG, transparent as the drawing is, the drawing's own size, pixels per unit, notes on what is left out).

    Raises MissingExtra, UnsupportedMedia, MediaTooLarge.
    """
    try:
        import resvg_py  # noqa: F401 - whether it is there

        drawing = tree.read(data, name)
    except ImportError:
        raise MissingExtra("svg", f"reading {name} (SVG)") from None
    chosen, said = font_options("".join(drawing.text), fonts.system_folders())
    width, height = _size(drawing.root, chosen, name)
    long = max(width, height)
    factor = min(max(long, _SIDE_MIN), _SIDE_MAX) / long
    if long > 3 * min(width, height):  # a stripe: as large as its short side is useful, cut into parts later
        factor = min(_SIDE_MAX / min(width, height), max(1.0, factor), _LONG_MAX / long)
    pixels = max(1, round(width * factor)), max(1, round(height * factor))
    png = _pixels(drawing.root, pixels, chosen, name)
    size = max(1, round(width)), max(1, round(height))
    return png, size, factor, [*drawing.notes(), *said]


def _size(root: ET.Element, chosen: dict[str, Any], name: str) -> tuple[float, float]:
    """The drawing's own size. One that names neither a size nor a box is as large as what is drawn: the 300 x 150 of
    browsers would cut it off. Gives the root a box where it has none.
    """
    size, named = tree.size_of(root), tree.named_size(root)
    if tree.has_box(root):
        return size
    for reach in () if all(named) else _REACHES:
        sides = [side or reach for side in named]
        scale = _LOOK / max(sides)
        looked = max(1, round(sides[0] * scale)), max(1, round(sides[1] * scale))
        root.set("viewBox", f"0 0 {sides[0]} {sides[1]}")
        drawn = (
            Image.open(io.BytesIO(_pixels(copy.copy(root), looked, chosen, name))).getchannel("A").getbbox()
        )
        if drawn is None:
            break
        # A background of 100 % reaches as far as one looks, and tells nothing.
        if all(side or end < edge for side, end, edge in zip(named, drawn[2:], looked, strict=True)):
            width, height = (side or end / scale for side, end in zip(named, drawn[2:], strict=True))
            size = width, height
            break
    root.set("viewBox", f"0 0 {size[0]} {size[1]}")
    return size


def _pixels(root: ET.Element, size: tuple[int, int], chosen: dict[str, Any], name: str) -> bytes:
    """A PNG of `size` of what the root's box holds. Raises UnsupportedMedia."""
    import resvg_py

    # Written into the root, as the renderer allocates what the file says, and cuts off what is beyond its whole units.
    root.set("width", str(size[0]))
    root.set("height", str(size[1]))
    svg = ET.tostring(root, encoding="unicode")
    try:
        # Of itself it takes a millimetre and a point for nothing, and no language for one that is read.
        png = resvg_py.svg_to_bytes(
            svg_string=svg, width=size[0], height=size[1], dpi=96.0, languages=["en"], **chosen
        )
    except ValueError as error:
        raise tree.bad(name) from error
    return bytes(png)


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
