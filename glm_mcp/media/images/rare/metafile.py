"""Drawings of Windows (EMF, WMF) into pixels: made into SVG first, whose renderer knows the fonts of this machine. Only ever in
a child process, as that renderer is.
"""

from __future__ import annotations

from typing import Any, BinaryIO

from glm_mcp.errors import MediaTooLarge, MissingExtra, UnsupportedMedia
from glm_mcp.media.images.svg.draw import draw_job

_SAVE = "Save it as PNG or JPEG in a program that opens it."


def metafile_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Params and result as `pipeline.image_job`; pixels of `original` are units of the drawing. Raises MissingExtra,
    UnsupportedMedia, MediaTooLarge.
    """
    name = params["name"]
    try:
        from metafile_render import MetafileError, MetafileResourceLimitError, render_metafile
    except ImportError:
        raise MissingExtra("emf", f"reading {name} (EMF, WMF)") from None
    try:
        made = render_metafile(file.read(), output_format="svg", backend="replay")
    except MetafileResourceLimitError:
        raise MediaTooLarge(f"{name} is more to draw than is drawn here", _SAVE) from None
    except (MetafileError, ValueError, ArithmeticError, LookupError):
        raise UnsupportedMedia(
            f"{name} is damaged, or holds what cannot be drawn without Windows", _SAVE
        ) from None
    notes = [f"not all of {name} is drawn: it holds what only Windows draws"] * made.partial
    return draw_job(made.data, params, notes)
