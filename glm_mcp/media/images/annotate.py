"""Boxes drawn into a copy of a picture, numbered, with their labels."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import ImageDraw, ImageFont

from glm_mcp.media import fonts, glyphs
from glm_mcp.media.images import decode, encode

_COLOURS = ("#e6194b", "#0072d6", "#2a9d3a", "#c05a00", "#8a2be2", "#007f7f", "#b8008a", "#5c5c00")


def draw(data: bytes, boxes: Sequence[tuple[tuple[int, int, int, int], str]]) -> bytes:
    """As `boxes.draw`."""
    plain = decode.flat(data, "the picture")
    photo = encode.is_photo(plain)
    image = plain.convert("RGB")
    pen = ImageDraw.Draw(image)
    size = max(14, min(48, max(image.size) // 50))
    line = max(2, size // 7)
    for number, ((x1, y1, x2, y2), label) in enumerate(boxes, 1):
        colour = _COLOURS[(number - 1) % len(_COLOURS)]
        left, right = sorted((x1, x2))
        top, bottom = sorted((y1, y2))
        # White outside and inside keeps the line visible on its own colour.
        for grow, ink, thick in ((line, "white", 3 * line), (0, colour, line)):
            if (left, top) == (right, bottom):
                arm = size
                pen.line((left - arm, top, left + arm, top), ink, thick)
                pen.line((left, top - arm, left, top + arm), ink, thick)
            else:
                pen.rectangle(
                    (left - grow, top - grow, right + grow, bottom + grow), outline=ink, width=thick
                )
        aside = size if (left, top) == (right, bottom) else 0  # beside a cross, not on it
        _tag(pen, image.size, (left + aside, top - aside // 2), f"{number} {label}".strip(), colour, size)
    return encode.encode(image, limit=5 * 1024 * 1024, photo=photo, name="the picture").data


def _tag(
    pen: ImageDraw.ImageDraw,
    canvas: tuple[int, int],
    corner: tuple[int, int],
    text: str,
    colour: str,
    size: int,
) -> None:
    """The label above its box, inside the canvas, white on the box's colour."""
    font, text = _font(size, text[:40])
    left, top, right, bottom = pen.textbbox((0, 0), text, font=font)
    pad = max(2, size // 6)
    width, height = round(right - left) + 2 * pad, round(bottom - top) + 2 * pad
    x = max(0, min(corner[0], canvas[0] - width))
    y = max(0, min(corner[1] - height, canvas[1] - height))
    pen.rectangle((x, y, x + width, y + height), fill=colour)
    pen.text((x + pad - left, y + pad - top), text, fill="white", font=font)


def _font(size: int, text: str) -> tuple[ImageFont.FreeTypeFont | ImageFont.ImageFont, str]:
    """A font and what it can write of the text: Pillow's own for Latin, else one of the system's, else the number alone."""
    if max(map(ord, text), default=0) < 0x250:
        return ImageFont.load_default(size), text
    chosen = fonts.choose(text, fonts.system_folders())
    if chosen and not glyphs.cover(glyphs.visible(text), [chosen[0].file])[1]:
        return ImageFont.truetype(chosen[0].file, size), text
    return ImageFont.load_default(size), text.split(" ", 1)[0]
