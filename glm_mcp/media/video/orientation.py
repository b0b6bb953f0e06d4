"""Decoded frames as images: upright, with square pixels, in the right colours."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from glm_mcp.media.colours import hdr

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from PIL import Image

THUMB = (64, 36)
SWAPS = frozenset({"ROTATE_90", "ROTATE_270", "TRANSPOSE", "TRANSVERSE"})

# Signs of a, b, c, d of the display matrix (x' = ax + cy, y' = bx + dy) to what Pillow calls the same.
_TURNS = {
    (1, 0, 0, 1): "",
    (0, -1, 1, 0): "ROTATE_90",
    (-1, 0, 0, -1): "ROTATE_180",
    (0, 1, -1, 0): "ROTATE_270",
    (-1, 0, 0, 1): "FLIP_LEFT_RIGHT",
    (1, 0, 0, -1): "FLIP_TOP_BOTTOM",
    (0, 1, 1, 0): "TRANSPOSE",
    (0, -1, -1, 0): "TRANSVERSE",
}


def transposition(frame: VideoFrame) -> str:
    """Pillow's name of the transposition that sets the frame upright; "" when it is."""
    try:
        matrix: Any = frame.side_data.get("DISPLAYMATRIX")
    except ValueError:
        # The library refuses all side data of a frame that has a kind it does not know, such as EXIF.
        return _by_degrees(frame.rotation)
    if matrix is None:
        return ""
    a, b, _, c, d = struct.unpack("=5i", bytes(matrix)[:20])
    largest = max(abs(a), abs(b), abs(c), abs(d), 1)
    signs = tuple(0 if abs(v) * 2 < largest else (1 if v > 0 else -1) for v in (a, b, c, d))
    return _TURNS.get(signs, "")  # type: ignore[arg-type]  # always four


def _by_degrees(counterclockwise: int) -> str:
    quarters = round(counterclockwise / 90) % 4
    return f"ROTATE_{quarters * 90}" if quarters else ""


def upright(frame: VideoFrame, turn: str, sar: float, side: int | None = None) -> Image.Image:
    """The frame in RGB, upright (`turn` is its `transposition`), with square pixels (`sar`: how wide one is), its longer
    side at most `side` pixels; what is transparent becomes white.

    Raises: ValueError or an error of the library for a pixel format that cannot be converted.
    """
    from PIL import Image

    width, height = frame.width * sar, float(frame.height)
    scale = min(1.0, side / max(width, height)) if side else 1.0
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    clear = any(c.is_alpha for c in frame.format.components) or frame.format.name == "pal8"
    mode = "RGBA" if clear else "RGB"
    plane = scaled(frame, size, "rgba" if clear else "rgb24").planes[0]
    image = Image.frombuffer(mode, size, bytes(plane), "raw", mode, plane.line_size, 1)
    if clear:
        paper = Image.new("RGB", size, "white")
        paper.paste(image, mask=image.getchannel("A"))
        image = paper
    if frame.color_trc in hdr.TRANSFERS:
        image = hdr.shown(image, frame.color_trc)
    return image.transpose(Image.Transpose[turn]) if turn else image


def scaled(frame: VideoFrame, size: tuple[int, int], form: str) -> VideoFrame:
    """In RGB, or in "yuv420p" as what is not marked is understood: small, so BT.601 (5), and of a limited range (1)."""
    # Nothing says which colours an unmarked file means; by convention HD is BT.709 (1) and the rest BT.601.
    unmarked = frame.colorspace == 2 and frame.height >= 720 and frame.format.name.startswith("yuv")
    plain = form == "yuv420p"
    return frame.reformat(
        *size,
        form,
        interpolation="AREA",
        src_colorspace=1 if unmarked else None,
        dst_colorspace=5 if plain else None,
        dst_color_range=1 if plain else None,
        threads=1,
    )


def thumb(frame: VideoFrame) -> bytes:
    """64 x 36 gray bytes, lying as stored."""
    plane = frame.reformat(*THUMB, "gray", interpolation="AREA", threads=1).planes[0]
    data, line = bytes(plane), plane.line_size
    return b"".join(data[y * line : y * line + THUMB[0]] for y in range(THUMB[1]))
