"""Boxes drawn into a copy of a picture, numbered, with their labels. Blocking."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, BinaryIO

from PIL import ImageDraw, ImageFont

from glm_mcp.media import fonts, glyphs
from glm_mcp.media.images import decode, encode

Marks = Sequence[tuple[tuple[int, int, int, int], str]]
AnyFont = ImageFont.FreeTypeFont | ImageFont.ImageFont

_COLOURS = ("#e6194b", "#0072d6", "#2a9d3a", "#c05a00", "#8a2be2", "#007f7f", "#b8008a", "#5c5c00")
_LABEL = 40  # characters


def packed(data: bytes, boxes: Marks) -> bytes:
    """What `draw_job` reads: the boxes on the first line, the picture behind it."""
    return json.dumps([(box, label[:_LABEL]) for box, label in boxes]).encode() + b"\n" + data


def draw_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:  # noqa: ARG001 - as of each job
    """`draw` in a child process."""
    boxes = [(tuple(box), label) for box, label in json.loads(file.readline())]
    return {}, [draw(file.read(), boxes)]


def draw(data: bytes, boxes: Marks) -> bytes:
    """The picture with the boxes, or crosses where a box has no extent, in pixels: PNG or JPEG.

    Raises UnsupportedMedia, MediaTooLarge, ConfigError.
    """
    plain = decode.flat(data, "the picture")
    photo = encode.is_photo(plain)
    image = plain.convert("RGB")
    pen = ImageDraw.Draw(image)
    size = max(14, min(48, max(image.size) // 50))
    line = max(2, size // 7)
    letters = _Fonts(size)
    for number, ((x1, y1, x2, y2), label) in enumerate(boxes, 1):
        colour = _COLOURS[(number - 1) % len(_COLOURS)]
        left, right = sorted((x1, x2))
        top, bottom = sorted((y1, y2))
        # White outside and inside keeps the line visible on its own colour.
        for grow, ink, thick in ((line, "white", 3 * line), (0, colour, line)):
            if (left, top) == (right, bottom):
                pen.line((left - size, top, left + size, top), ink, thick)
                pen.line((left, top - size, left, top + size), ink, thick)
            else:
                pen.rectangle(
                    (left - grow, top - grow, right + grow, bottom + grow), outline=ink, width=thick
                )
        aside = size if (left, top) == (right, bottom) else 0  # beside a cross, not on it
        font, text = letters.of(f"{number} {label}".strip()[:_LABEL])
        _tag(pen, image.size, (left + aside, top - aside // 2), text, colour, font, size)
    return encode.encode(image, limit=5 * 1024 * 1024, photo=photo, name="the picture").data


def _tag(
    pen: ImageDraw.ImageDraw,
    canvas: tuple[int, int],
    corner: tuple[int, int],
    text: str,
    colour: str,
    font: AnyFont,
    size: int,
) -> None:
    """The label above its box, inside the canvas, white on the box's colour."""
    left, top, right, bottom = pen.textbbox((0, 0), text, font=font)
    pad = max(2, size // 6)
    width, height = round(right - left) + 2 * pad, round(bottom - top) + 2 * pad
    x = max(0, min(corner[0], canvas[0] - width))
    y = max(0, min(corner[1] - height, canvas[1] - height))
    pen.rectangle((x, y, x + width, y + height), fill=colour)
    pen.text((x + pad - left, y + pad - top), text, fill="white", font=font)


class _Fonts:
    """The fonts of one picture's labels, each found and loaded once."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._own = ImageFont.load_default(size)
        # By whether it is for Chinese.
        self._system: dict[bool, tuple[str, ImageFont.FreeTypeFont] | None] = {}

    def of(self, text: str) -> tuple[AnyFont, str]:
        """A font and what it can write of the text: Pillow's own for Latin, else one of the system's, else the number
        alone.
        """
        if max(map(ord, text), default=0) < 0x250:
            return self._own, text
        chinese = fonts.is_cjk(text)
        if chinese not in self._system:
            chosen = fonts.choose(text, fonts.system_folders())
            self._system[chinese] = (
                (chosen[0].file, ImageFont.truetype(chosen[0].file, self._size)) if chosen else None
            )
        found = self._system[chinese]
        if found and not glyphs.cover(glyphs.visible(text), [found[0]])[1]:
            return found[1], text
        return self._own, text.split(" ", 1)[0]
