"""The picture that design programs keep of a drawing in layers, in the zip that its file is. Blocking: in a child process."""

from __future__ import annotations

import io
import zipfile
from typing import Any, BinaryIO

from glm_mcp.errors import UnsupportedMedia
from glm_mcp.media.images import decode, pipeline

# Of OpenRaster and Krita in full size; of Sketch, Figma, Adobe XD and Procreate smaller than what was drawn.
_WHOLE = "mergedimage.png"
_PREVIEWS = (
    "previews/preview.png",
    "preview.png",
    "thumbnail.png",
    "QuickLook/Thumbnail.png",
    "Thumbnails/thumbnail.png",
)
_BYTES = 100_000_000  # of the picture, packed as a PNG


def layered_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Params and result as `pipeline.image_job`."""
    member, png = _picture(file, params["name"])
    facts, blobs = pipeline.image_job(io.BytesIO(png), {**params, "kind": "png"})
    if member != _WHOLE:
        first = facts["pictures"][0]
        first["notes"] = ["shown as the preview in the file", *first["notes"]]
    return facts, blobs


def _picture(file: BinaryIO, name: str) -> tuple[str, bytes]:
    """Raises UnsupportedMedia."""
    try:
        with zipfile.ZipFile(file) as archive:
            held = set(archive.namelist())
            for member in (_WHOLE, *_PREVIEWS):
                if member in held:
                    with archive.open(member) as opened:
                        return member, opened.read(_BYTES)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError, EOFError):
        raise decode.unreadable(name, "the file is damaged") from None
    raise UnsupportedMedia(f"{name} holds no picture of what was drawn", "Export it as PNG.")
