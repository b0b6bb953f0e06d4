"""A contact sheet: the frames of a video on one page, each with its time."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence

from glm_mcp.media.types import Frame
from glm_mcp.media.video.timecode import stamp

WIDTH = 1600  # pixels; a page that fits a screen and stays under 1 MB
CELL = 400  # pixels, the widest cell
_GAP = 6
_STRIP = 22
_QUALITY = 82


def contact_sheet(frames: Sequence[Frame]) -> bytes:
    """A JPEG of all frames in rows, in the given order, each time written below its picture. Blocking.

    Raises: ValueError without frames.
    """
    from PIL import Image, ImageDraw, ImageFont

    if not frames:
        raise ValueError("a contact sheet needs at least one frame")
    columns, cell = grid(len(frames), frames[0].picture.width / max(1, frames[0].picture.height))
    rows = math.ceil(len(frames) / columns)
    size = (columns * (cell[0] + _GAP) + _GAP, rows * (cell[1] + _STRIP + _GAP) + _GAP)
    page = Image.new("RGB", size, (24, 24, 24))
    draw = ImageDraw.Draw(page)
    font = ImageFont.load_default(_STRIP - 8)
    for i, frame in enumerate(frames):
        left = _GAP + i % columns * (cell[0] + _GAP)
        top = _GAP + i // columns * (cell[1] + _STRIP + _GAP)
        with Image.open(io.BytesIO(frame.picture.part.data or b"")) as opened:
            opened.draft("RGB", cell)
            small = opened.convert("RGB")
        small.thumbnail(cell)
        page.paste(small, (left + (cell[0] - small.width) // 2, top + (cell[1] - small.height) // 2))
        draw.text((left + 3, top + cell[1] + 2), f"{i + 1}  {stamp(frame.time, 2)}", font=font, fill="white")
    out = io.BytesIO()
    page.save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()


def grid(count: int, aspect: float) -> tuple[int, tuple[int, int]]:
    """How many columns, and the size of a cell, for `count` pictures of `aspect` (width by height)."""
    wanted = math.ceil(math.sqrt(count / min(max(aspect, 0.2), 5.0)))
    columns = max(1, min(count, max(wanted, 2 if count > 1 else 1), 8))
    width = min(CELL, (WIDTH - _GAP) // columns - _GAP)
    return columns, (width, max(24, round(width / min(max(aspect, 0.2), 5.0))))
