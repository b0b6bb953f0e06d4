"""HEIC, by an optional library. Blocking: always in a child process."""

from __future__ import annotations

import contextlib
import math
import sys
from typing import Any

from PIL import Image, ImageFile

from glm_mcp.errors import MissingExtra

_LATER = (b"mif2", b"mif3", b"miaf", b"1pic")
_ROWS = 256  # copied at once
_MMAP_THRESHOLD = -3  # of mallopt
_OWN_PAGES = 1 << 20  # bytes


def register(name: str) -> str:
    """Teaches Pillow the format, and gives its name there. Raises MissingExtra."""
    try:
        import pillow_heif
    except ImportError:
        raise MissingExtra("heic", f"reading {name} (HEIC)") from None
    _give_planes_back()
    pillow_heif.register_heif_opener()
    return "HEIF"


def known(data: bytes) -> bytes:
    """The file under a brand that the library's door knows; it opens those of later editions too."""
    later = data[4:8] == b"ftyp" and data[8:12] in _LATER
    return data[:8] + b"mif1" + data[12:] if later else data


def _give_planes_back() -> None:
    """Lets a freed plane leave the process at once, of which the decoder has several one after the other.

    After the first large one that is freed, glibc keeps the next ones in its heap: half a decoded photo more at the
    peak. Of the whole process: for a child.
    """
    if sys.platform == "linux":
        import ctypes

        with contextlib.suppress(OSError, AttributeError):  # another C library has no such setting
            ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, _OWN_PAGES)


def smaller(data: bytes, image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """An opened photo at a half (a third …) of its size, about `size`; itself where that is too small.

    The library decodes it whole in any case; so at least Pillow's copy is never as large.
    """
    step = min(round(image.width * 1.1) // max(1, size[0]), round(image.height * 1.1) // max(1, size[1]))
    if step < 2 or ImageFile.LOAD_TRUNCATED_IMAGES:
        return image
    import pillow_heif

    opened = pillow_heif.open_heif(data, convert_hdr_to_8bit=True)
    primary = opened[opened.primary_index]
    pixels: Any = memoryview(primary.data)
    line, mode = primary.stride, primary.mode
    width, height = primary.size
    done = Image.new(mode, (math.ceil(width / step), math.ceil(height / step)))
    rows = _ROWS // step * step
    for y in range(0, height, rows):
        part = pixels[y * line : min(height, y + rows) * line]
        band = Image.frombuffer(mode, (width, min(rows, height - y)), part, "raw", mode, line, 1)
        done.paste(band.reduce(step), (0, y // step))
    done.info = dict(image.info)
    return done
