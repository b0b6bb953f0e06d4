"""A decoded image as PNG or JPEG bytes. Blocking.

Whole files go by way of a temporary one: only then does Pillow encode without the lock that other threads, the event
loop's too, need.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from glm_mcp.media.tempfiles import file_of, no_room

_END = {"JPEG": b"\xff\xd9", "PNG": b"IEND\xaeB`\x82"}  # the last bytes of a whole file
_HOPELESS = 4  # times too large: no lower quality mends that
_QUALITIES = (85, 75, 65)


@dataclass(frozen=True, slots=True)
class Encoded:
    """A file and its size in pixels."""

    data: bytes
    mime: str
    size: tuple[int, int]


def png(image: Image.Image) -> Encoded:
    """Lossless; with a palette when an RGB image has at most 256 colours. Raises ConfigError (no room on the disk)."""
    colours = image.getcolors(256) if image.mode == "RGB" else None
    if colours is not None:
        image = image.convert("P", palette=Image.Palette.ADAPTIVE, colors=256)  # exact for so few
    # Without the profile that it came with: it is applied, or was of no use, and some readers refuse a large one.
    return Encoded(_written(image, "PNG", icc_profile=None), "image/png", image.size)


def jpeg(image: Image.Image, quality: int = _QUALITIES[0], *, sharp: bool = False) -> Encoded:
    """Of an RGB or L image. `sharp`: colours at full resolution, as small coloured text needs them. Raises ConfigError."""
    data = _written(image, "JPEG", quality=quality, optimize=True, subsampling=0 if sharp else 2)
    return Encoded(data, "image/jpeg", image.size)


def jpeg_within(
    image: Image.Image,
    limit: int,
    *,
    qualities: Sequence[int] = _QUALITIES,
    sharp: bool = False,
    min_side: int = 64,
) -> Encoded:
    """JPEG of an RGB or L image in at most `limit` bytes: at lower quality first, then smaller.

    Never with a long side below `min_side` pixels (a large one: never smaller): then the last one tried, which is over
    the limit. Raises ConfigError.
    """
    while True:
        for quality in qualities:
            made = jpeg(image, quality, sharp=sharp)
            if len(made.data) <= limit:
                return made
            smaller = _smaller(image.size, limit / len(made.data))
            if len(made.data) > _HOPELESS * limit and max(smaller) >= min_side:
                break
        if max(smaller) < min_side:
            return made
        image = image.resize(smaller, Image.Resampling.LANCZOS, reducing_gap=3)


def _smaller(size: tuple[int, int], share: float) -> tuple[int, int]:
    """The size that takes about this share of the bytes."""
    factor = min(0.85, max(0.2, 0.95 * math.sqrt(share)))
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def _written(image: Image.Image, kind: str, **options: object) -> bytes:
    """Raises ConfigError when the file did not take it all, which Pillow does not notice."""
    try:
        with file_of(b"") as out:
            image.save(out, kind, **options)
            out.seek(0)
            data = out.read()
    except OSError as error:
        raise no_room(error) from error
    if not data.endswith(_END[kind]):
        raise no_room(None)
    return data
