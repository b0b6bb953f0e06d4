"""A picture of a page, as the page is drawn anew with it."""

from __future__ import annotations

import io

Made = tuple[bytes, tuple[int, int]]  # a JPEG, and its pixels

_PIXELS = 50_000_000
_SIDE = 2_000  # pixels of one that is to be seen; models see less of a page
_SIGN = 200  # of one that only says that there is a picture
_READ = ("PNG", "JPEG", "BMP", "TIFF", "GIF")  # for others Pillow may run a program of the system


def jpeg(data: bytes, *, seen: bool) -> Made | None:
    """As a JPEG on white; None where it is of a kind that is not read. `seen`: large enough for it."""
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
    return out.getvalue(), paper.size
