"""Drawings of Windows (EMF, WMF) into pixels: made into SVG first, whose renderer knows the fonts of this machine. Only ever in
a child process, as that renderer is.
"""

from __future__ import annotations

import functools
import importlib
import re
from typing import Any, BinaryIO

from glm_mcp.errors import MediaTooLarge, MissingExtra, UnsupportedMedia
from glm_mcp.media.images.svg.draw import draw_job

_NONE = re.compile(rb"[\0-\x08\x0b\x0c\x0e-\x1f]|\xef\xbf[\xbe\xbf]")  # what XML does not hold and texts may
_SAVE = "Save it as PNG or JPEG in a program that opens it."


def metafile_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Params and result as `pipeline.image_job`; pixels of `original` are units of the drawing. Raises MissingExtra,
    UnsupportedMedia, MediaTooLarge.
    """
    name = params["name"]
    try:
        from metafile_render import MetafileError, MetafileResourceLimitError, render_metafile

        _without_dots()
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
    return draw_job(_NONE.sub(b"", made.data), params, notes)


@functools.cache
def _without_dots() -> None:
    """Beside a drawing the library puts the same in dots, which nobody sees here and which takes it most of the time."""
    svg: Any = importlib.import_module("metafile_render.backends.svg")
    dots = getattr(svg, "_png_fallback_bytes", None)
    if dots is None:  # of another version
        return

    def needed(*document: Any, **how: Any) -> bytes:
        """Of a drawing that is nothing but dots no scale is named."""
        return b"" if "pixel_scale" in how else bytes(dots(*document, **how))

    svg._png_fallback_bytes = needed  # noqa: SLF001 - nothing public keeps it from that
