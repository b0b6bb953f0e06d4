"""Windows bitmaps that say themselves which bits of a pixel are red, green, blue, and how far it covers. Pillow knows the
usual ones of these, and none of 16 bits that cover in part.
"""

from __future__ import annotations

import struct
from typing import Any

from PIL import Image, ImageFile, ImageMath

_OWN_BITS, _OWN_BITS_COVERED = 3, 6  # in the place of how it is compressed
_USUAL = {
    (16, 0xF800, 0x7E0, 0x1F, 0),
    (16, 0x7C00, 0x3E0, 0x1F, 0),
    (32, 0xFF0000, 0xFF00, 0xFF, 0),
    (32, 0xFF0000, 0xFF00, 0xFF, 0xFF000000),
}
_RAW = {16: "I;16", 32: "I;32"}
_LONG_HEAD = 56  # bytes, from which on it has a place for what covers
_PIXELS = 1 << 18  # at once: while they are parted, they take many times their size


def read(data: bytes, pixels: int) -> Image.Image | None:
    """The picture, RGB or RGBA; None for what Pillow reads itself, and for what is no such file.

    Raises DecompressionBombError (more than `pixels`), ValueError (less of it than its head says).
    """
    if len(data) < 70:
        return None
    start, head, width, height, bits, packing = struct.unpack_from("<10xIIii2xHI", data)
    count = 4 if packing == _OWN_BITS_COVERED or head >= _LONG_HEAD else 3
    masks = [*struct.unpack_from(f"<{count}I", data, 54), 0][:4]
    if packing not in {_OWN_BITS, _OWN_BITS_COVERED} or bits not in _RAW or (bits, *masks) in _USUAL:
        return None
    if width <= 0 or not height or max(masks) >= 1 << bits:
        return None
    rows = abs(height)
    if width * rows > pixels:
        raise Image.DecompressionBombError(f"{width * rows} pixels")
    line = (width * bits + 31) // 32 * 4
    if ImageFile.LOAD_TRUNCATED_IMAGES:
        data = data.ljust(start + line * rows, b"\0")
    mode = "RGBA" if masks[3] else "RGB"
    image = Image.new(mode, (width, rows))
    step = max(1, _PIXELS // width)
    for top in range(0, rows, step):
        size = width, min(step, rows - top)
        part = data[start + top * line : start + (top + size[1]) * line]
        values = Image.frombytes("I", size, part, "raw", _RAW[bits], line, 1)
        image.paste(Image.merge(mode, [_band(values, mask) for mask in masks[: len(mode)]]), (0, top))
    if mode == "RGBA" and not image.getchannel("A").getbbox():  # the program did not mean it
        image = image.convert("RGB")
    if height > 0:
        image = image.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    image.format = "BMP"
    return image


def _band(values: Image.Image, mask: int) -> Image.Image:
    """Those bits of each value, as 0 to 255."""
    shift = (mask & -mask).bit_length() - 1 if mask else 0
    most = mask >> shift or 1
    # Of a number with its sign the bits above the mask are no more than that.
    bits: Any = ImageMath.lambda_eval(
        lambda v: v["convert"](v["float"]((v["a"] >> shift) & (mask >> shift)) * (255 / most) + 0.5, "L"),
        a=values,
    )
    band: Image.Image = bits
    return band
