"""How large a picture is."""

from __future__ import annotations

import io

# For others Pillow may run a program of the system.
_READ = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "ICO")

Sides = tuple[float, float]


def pixels(data: bytes) -> Sides | None:
    """The sides of a picture, of which a beginning may be enough; None where they cannot be told."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=_READ) as image:
            return float(max(image.width, 1)), float(max(image.height, 1))
    except (
        OSError,
        ValueError,
        SyntaxError,
        EOFError,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
    ):
        return None
