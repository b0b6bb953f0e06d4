"""A picture of a page, as the page is drawn anew with it."""

from __future__ import annotations

import io
from typing import NamedTuple


class Made(NamedTuple):
    """`says`: what a PDF has to say of the data."""

    data: bytes
    pixels: tuple[int, int]
    says: bytes = b"/ColorSpace/DeviceRGB/BitsPerComponent 8/Filter/DCTDecode"


_PIXELS = 50_000_000
_SIDE = 2_000  # pixels of one that is to be seen; models see less of a page
_SIGN = 200  # of one that only says that there is a picture
_READ = ("PNG", "JPEG", "BMP", "TIFF", "GIF")  # for others Pillow may run a program of the system
_JBIG2 = b"\x97JB2\r\n\x1a\n"


def for_pdf(data: bytes, *, seen: bool) -> Made | None:
    """None where it is of a kind that is not read. `seen`: large enough for it."""
    return _jbig2(data) if data.startswith(_JBIG2) else _jpeg(data, seen=seen)


def _jbig2(data: bytes) -> Made | None:
    """Black and white, as the codes of invoices are. A PDF takes the same without the head of its file (ITU-T T.88,
    annex D): None where that keeps the data apart from what it says of them.
    """
    flags = data[len(_JBIG2) : len(_JBIG2) + 1]
    if not flags or not flags[0] & 1:
        return None
    at = start = len(_JBIG2) + (1 if flags[0] & 2 else 5)
    while len(head := data[at : at + 11]) == 11:
        number, count = int.from_bytes(head[:4], "big"), head[5] >> 5
        at += 6
        if count == 7:  # the count is too long for its bits
            count = int.from_bytes(head[5:9], "big") & (1 << 29) - 1
            at += 3 + (count + 8) // 8
        at += count * (1 if number <= 0x100 else 2 if number <= 0x10000 else 4)
        at += 8 if head[4] & 0x40 else 5
        if head[4] & 0x3F == 48:  # it says how large the page is
            width, height = (int.from_bytes(data[n : n + 4], "big") for n in (at, at + 4))
            if not 0 < width * height <= _PIXELS:
                return None
            return Made(
                data[start:], (width, height), b"/ColorSpace/DeviceGray/BitsPerComponent 1/Filter/JBIG2Decode"
            )
        at += int.from_bytes(data[at - 4 : at], "big")
    return None


def _jpeg(data: bytes, *, seen: bool) -> Made | None:
    """On white."""
    from PIL import Image

    side = _SIDE if seen else _SIGN
    try:
        with Image.open(io.BytesIO(data), formats=_READ) as image:
            if image.width * image.height > _PIXELS:
                return None
            image.draft("RGB", (side, side))
            clear = (image.convert("RGB") if image.mode == "CMYK" else image).convert("RGBA")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    clear.thumbnail((side, side))
    paper = Image.new("RGB", clear.size, "white")
    paper.paste(clear, mask=clear.getchannel("A"))
    out = io.BytesIO()
    paper.save(out, "JPEG", quality=90)
    return Made(out.getvalue(), paper.size)
