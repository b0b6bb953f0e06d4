"""TIFF of twelve bits a colour, packed without gaps, which Pillow refuses. Blocking."""

from __future__ import annotations

import io

from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _COLOURS, _OFFSETS, _LENGTHS, _PLANES = (
    256,
    257,
    258,
    259,
    262,
    273,
    279,
    284,
)


def twelve_bits(data: bytes, pixels: int) -> Image.Image | None:
    """The picture of a file of one page, RGB, not compressed, of `pixels` at most; None for
    any other.
    """
    tags = ImageFileDirectory_v2(data[:8])
    file = io.BytesIO(data)
    file.seek(tags.next)
    tags.load(file)
    said = [tags.get(tag) for tag in (_BITS, _COMPRESSION, _COLOURS, _PLANES)]
    if said != [(12, 12, 12), 1, 2, 1] or tags.next:
        return None
    width, height = int(tags[_WIDTH]), int(tags[_HEIGHT])
    if width * height > pixels:
        return None
    pieces = zip(tags[_OFFSETS], tags[_LENGTHS], strict=True)
    rows = b"".join(data[start : start + length] for start, length in pieces)
    row = Image.frombytes("I;16", (3 * width, height), rows, "raw", "I;12")
    flat = row.convert("I").convert("F").point(lambda v: v * (255 / 4095)).convert("L")
    # Each third value of a row, from the first, the second and the third on.
    bands = [
        flat.transform((width, height), Image.Transform.AFFINE, (3, 0, band, 0, 1, 0)) for band in (-1, 0, 1)
    ]
    made = Image.merge("RGB", bands)
    made.format = "TIFF"
    return made
