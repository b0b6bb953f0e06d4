"""The picture that design programs keep of a drawing in layers, in the zip that its file is. Blocking: in a child process."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from typing import Any, BinaryIO

from glm_mcp.errors import GLMError, UnsupportedMedia
from glm_mcp.media.containers import DAMAGED, is_bomb
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
    """Params and result as `pipeline.image_job`. Raises UnsupportedMedia, MediaTooLarge."""
    failure: GLMError | None = None
    for member, png in _pictures(file, params["name"]):
        try:
            facts, blobs = pipeline.image_job(io.BytesIO(png), {**params, "kind": "png"})
        except UnsupportedMedia as error:  # a smaller one may be whole
            failure = failure or error
            continue
        if member != _WHOLE:
            first = facts["pictures"][0]
            first["notes"] = ["shown as the preview in the file", *first["notes"]]
        return facts, blobs
    raise failure or UnsupportedMedia(
        f"{params['name']} holds no picture of what was drawn", "Export it as PNG."
    )


def _pictures(file: BinaryIO, name: str) -> Iterator[tuple[str, bytes]]:
    """The best first; b"" for one that cannot be unpacked. Raises UnsupportedMedia."""
    try:
        archive = zipfile.ZipFile(file)
    except DAMAGED:
        raise decode.unreadable(name, "the file is damaged") from None
    for member in (_WHOLE, *_PREVIEWS):
        if info := archive.NameToInfo.get(member):
            try:
                with archive.open(info) as opened:
                    yield member, b"" if is_bomb(info.file_size, info.compress_size) else opened.read(_BYTES)
            except DAMAGED:
                yield member, b""
