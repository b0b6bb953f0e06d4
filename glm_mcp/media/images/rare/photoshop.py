"""Photoshop's files, as far as Pillow does not know them: its large documents, more channels than colours need (selections
that were saved, spot colours), light as numbers of 32 bits, and files without the picture of all layers.
"""

from __future__ import annotations

import struct
from typing import Any

from PIL import Image, ImageFile, ImageMath

MARK = b"8BPS"
_HEADER = 26
_COLOURS = {0: 1, 1: 1, 2: 1, 3: 3, 4: 4, 7: 3, 8: 1, 9: 3}  # channels by the number of the mode
_RGB = 3
_PACKED = 1  # as lines of PackBits, whose lengths come before them
_MODES = {(1, 1): "L", (3, 3): "RGB", (3, 4): "RGBA"}  # by the number of the mode, and of channels
_GAMMA = 1 / 2.2
_MERGED = b"8BIM\x04\x21\0\0"  # the entry that says, behind a version, whether that picture was written
_PREVIEW = b"8BIM\x04\x0c\0\0"  # the entry of a small JPEG, in the order of colours that JPEG has
_PREVIEW_HEAD = 28  # bytes before it


def simple(data: bytes) -> bytes:
    """The picture of all layers as a PSD of the channels that show it; as it is where that cannot be told."""
    try:
        version, channels, height, width, depth, mode = struct.unpack_from(">H6xHIIHH", data, 4)
        at = _resources_end(data)
        length = ">Q" if version == 2 else ">I"
        layers = at + struct.calcsize(length)
        pixels = layers + struct.unpack_from(length, data, at)[0]
        (packing,) = struct.unpack_from(">H", data, pixels)
        kept = _COLOURS[mode]
        if mode == _RGB and channels > kept and _is_transparent(data, layers, pixels):
            kept += 1
        lines = kept * height
        start, lengths = pixels + 2, b""
        size = lines * (width * depth + 7 >> 3)
        if packing == _PACKED:
            form = f">{channels * height}{'I' if version == 2 else 'H'}"
            numbers = struct.unpack_from(form, data, start)
            start += struct.calcsize(form)
            size, lengths = sum(numbers[:lines]), struct.pack(f">{lines}H", *numbers[:lines])
    except (struct.error, KeyError, OverflowError):
        return data
    head = MARK + struct.pack(">H6xHIIHH", 1, kept, height, width, depth, mode)
    return (
        head + data[_HEADER:at] + bytes(4) + data[pixels : pixels + 2] + lengths + data[start : start + size]
    )


def light(data: bytes, pixels: int) -> Image.Image | None:
    """The picture of a `simple` file of 32 bits a colour, which are light as it adds up, as a screen shows it; None for any
    other. Raises DecompressionBombError (more than `pixels`), ValueError (less of it than its head says).
    """
    try:
        channels, height, width, depth, number = struct.unpack_from(">12xHIIHH", data)
        start = _resources_end(data) + 6
    except struct.error:
        return None
    mode = _MODES.get((number, channels))
    if mode is None or depth != 32 or data[start - 2 : start] != b"\0\0":
        return None
    if width * height > pixels:
        raise Image.DecompressionBombError(f"{width * height} pixels")
    size = 4 * width * height
    if ImageFile.LOAD_TRUNCATED_IMAGES:
        data = data.ljust(start + size * channels, b"\0")
    bands = [
        _eight(data[at : at + size], (width, height), 1.0 if band == "A" else _GAMMA)
        for band, at in zip(mode, range(start, start + size * channels, size), strict=True)
    ]
    made = Image.merge(mode, bands)
    made.format = "PSD"
    return made


def _eight(values: bytes, size: tuple[int, int], power: float) -> Image.Image:
    """Numbers from 0 to 1, and what is brighter as that."""
    band: Any = ImageMath.lambda_eval(
        lambda v: v["convert"](v["min"](v["max"](v["a"], 0.0), 1.0) ** power * 255.0 + 0.5, "L"),
        a=Image.frombytes("F", size, values, "raw", "F;32BF"),
    )
    made: Image.Image = band
    return made


def is_without_picture(data: bytes) -> bool:
    """Whether it was saved without the picture of all layers, to be smaller: it is white then."""
    try:
        at = data.find(_MERGED, _HEADER, _resources_end(data))
    except struct.error:
        return False
    return at >= 0 and data[at + 16 : at + 17] == b"\0"


def preview(data: bytes) -> tuple[bytes, float] | None:
    """(the small JPEG that Photoshop keeps of all layers, its pixels by one of the picture); None where there is none."""
    try:
        end = _resources_end(data)
        at = data.find(_PREVIEW, _HEADER, end)
        if at < 0:
            return None
        (size,) = struct.unpack_from(">I", data, at + len(_PREVIEW))
        start = at + len(_PREVIEW) + 4
        form, width = struct.unpack_from(">II", data, start)
        (whole,) = struct.unpack_from(">I", data, 18)
    except struct.error:
        return None
    jpeg = data[start + _PREVIEW_HEAD : min(start + size, end)]
    return (jpeg, width / whole) if form == 1 and width and whole and jpeg[:2] == b"\xff\xd8" else None


def size(data: bytes) -> tuple[int, int]:
    """Width and height by the head of a file that has one."""
    height, width = struct.unpack_from(">II", data, 14)
    return width, height


def _resources_end(data: bytes) -> int:
    at = _HEADER
    for _ in ("colours", "resources"):
        at += 4 + int(struct.unpack_from(">I", data, at)[0])
    return at


def _is_transparent(data: bytes, layers: int, pixels: int) -> bool:
    """Whether the first channel after the colours is what can be seen through: then the number of layers is negative."""
    wide = 8 if data[5] == 2 else 4
    return pixels > layers + wide and struct.unpack_from(">h", data, layers + wide)[0] < 0
