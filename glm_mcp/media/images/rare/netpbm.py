"""Portable maps that Pillow reads slowly or not at all: of another greatest value than 255 and 65535, and PAM."""

from __future__ import annotations

import re

from PIL import Image, ImageFile

_GAP = rb"(?:\s|#[^\n]*\n)+"
_GREY_OR_COLOUR = re.compile(rb"P([56])" + _GAP + rb"(\d+)" + _GAP + rb"(\d+)" + _GAP + rb"(\d+)\s")
_PAM = re.compile(rb"P7\n(.*?\n)ENDHDR\n", re.DOTALL)
_FIELD = re.compile(rb"^(WIDTH|HEIGHT|DEPTH|MAXVAL)\s+(\d+)\s*$", re.MULTILINE)
_HEAD_BYTES = 10_000  # looked at
_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
_READ_BY_PILLOW = frozenset((255, 65535))


def read(data: bytes, pixels: int) -> Image.Image | None:
    """The picture in eight bits; None for what Pillow reads itself, and for what is no such file.

    Raises DecompressionBombError (more than `pixels`), ValueError (less of it than its head says).
    """
    found = _form(data[:_HEAD_BYTES])
    if found is None:
        return None
    start, width, height, bands, most = found
    if width * height > pixels:
        raise Image.DecompressionBombError(f"{width * height} pixels")
    line, depth = width * bands, 1 if most < 256 else 2
    raw = data[start : start + line * height * depth]
    if ImageFile.LOAD_TRUNCATED_IMAGES:
        raw = raw.ljust(line * height * depth, b"\0")
    if depth == 1:
        values = Image.frombytes("L", (line, height), raw)
        flat = values.point([min(255, (value * 255 + most // 2) // most) for value in range(256)])
    else:
        wide = Image.frombytes("I;16", (line, height), raw, "raw", "I;16B").convert("I").convert("F")
        flat = wide.point(lambda value: value * (255 / most) + 0.5).convert("L")
    image = Image.frombytes(_MODES[bands], (width, height), flat.tobytes())
    image.format = "PPM"
    return image


def _form(head: bytes) -> tuple[int, int, int, int, int] | None:
    """Where the values begin, width, height, values a pixel, the greatest value."""
    found = _GREY_OR_COLOUR.match(head)
    if found:
        kind, width, height, most = map(int, found.groups())
        form = found.end(), width, height, 1 if kind == 5 else 3, most
        return form if 0 < most < 65536 and most not in _READ_BY_PILLOW else None
    named = _PAM.match(head)
    if named is None:
        return None
    fields = {name: int(value) for name, value in _FIELD.findall(named[1])}
    if len(fields) < 4 or fields[b"DEPTH"] not in _MODES or not 0 < fields[b"MAXVAL"] < 65536:
        return None
    return named.end(), fields[b"WIDTH"], fields[b"HEIGHT"], fields[b"DEPTH"], fields[b"MAXVAL"]
