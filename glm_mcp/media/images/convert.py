"""A generated image into the file that is saved and a small preview, guarded as an input is. Blocking."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any, BinaryIO

from PIL import Image, ImageOps

from glm_mcp.errors import InvalidRequest, MediaTooLarge, UnsupportedMedia
from glm_mcp.media.detect import detect
from glm_mcp.media.images import decode, metadata
from glm_mcp.media.images.flatten import flattener, on_white
from glm_mcp.media.raster import jpeg_within

# Suffix: Pillow's name, and how it is written.
FORMATS: dict[str, tuple[str, dict[str, object]]] = {
    ".png": ("PNG", {}),
    ".jpg": ("JPEG", {"quality": 92, "subsampling": 0}),
    ".jpeg": ("JPEG", {"quality": 92, "subsampling": 0}),
    ".webp": ("WEBP", {"quality": 90}),
    ".avif": ("AVIF", {"quality": 85}),
    ".bmp": ("BMP", {}),
    ".tif": ("TIFF", {"compression": "tiff_lzw"}),
    ".tiff": ("TIFF", {"compression": "tiff_lzw"}),
    ".gif": ("GIF", {}),
    ".ico": ("ICO", {}),
    ".jp2": ("JPEG2000", {}),
}
_KEPT = {"PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp"}  # what a service may draw in; others become PNG
_NO_ALPHA = frozenset(("JPEG", "BMP", "JPEG2000"))
_ICON_SIDE = 256  # the largest that the format has
_PREVIEW_BYTES = 30_000
# A PNG or JPEG up to here is decoded in the server's process: four bytes a pixel, 16 MB.
_LIGHT_PIXELS = 2048 * 2048


@dataclass(frozen=True, slots=True)
class Wanted:
    """`suffix`: of the file to save, "" for the format that the image came in (else PNG). `size`: pixels, scaled and
    cropped to cover them exactly, None for its own. `preview_side`: pixels of a JPEG preview, 0 for none.
    `max_pixels`: more are refused before decoding.
    """

    name: str
    suffix: str = ""
    size: tuple[int, int] | None = None
    preview_side: int = 0
    max_pixels: int = decode.CAP


@dataclass(frozen=True, slots=True)
class Finished:
    """`drawn`: the size in which it came."""

    data: bytes
    suffix: str
    mime: str
    size: tuple[int, int]
    drawn: tuple[int, int]
    preview: bytes = b""


def check_suffix(suffix: str) -> str:
    """The suffix with its dot, in lower case. Raises InvalidRequest."""
    dotted = suffix.lower() if suffix.startswith(".") else f".{suffix.lower()}"
    if dotted not in FORMATS:
        raise InvalidRequest(
            f"pictures cannot be saved as '{suffix}'", f"Use one of: {', '.join(sorted(FORMATS))}."
        )
    return dotted


def is_light(data: bytes, wanted: Wanted) -> bool:
    """Whether it may be finished outside a child process: a small, whole, plain PNG or JPEG.

    Raises UnsupportedMedia (a drawing), MediaTooLarge.
    """
    if detect(data).name == "svg":
        raise UnsupportedMedia(
            f"{wanted.name} is an SVG drawing, which is not saved as a picture",
            "Ask for it again, or fetch it yourself and open it in a browser.",
        )
    plain = metadata.plain(data)
    if plain is None or not plain.simple:
        return False
    try:
        image = decode.open_lazily(data, wanted.name)
    except decode.Damaged:
        return False
    _check(image, wanted)
    return image.width * image.height <= _LIGHT_PIXELS and max(wanted.size or (0,)) <= max(image.size) * 2


def convert_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """`finish` in a child process."""
    size = params["size"]
    done = finish(file.read(), Wanted(**{**params, "size": tuple(size) if size else None}))
    facts = {"suffix": done.suffix, "mime": done.mime, "size": done.size, "drawn": done.drawn}
    return facts, [done.data, done.preview]


def finish(data: bytes, wanted: Wanted) -> Finished:
    """Bytes that are already right stay as they are.

    Raises InvalidRequest (suffix), UnsupportedMedia, MediaTooLarge, MissingExtra.
    """
    suffix = check_suffix(wanted.suffix) if wanted.suffix else ""
    try:
        _check(decode.open_lazily(data, wanted.name), wanted)
    except decode.Damaged as error:
        raise decode.unreadable(wanted.name, "the file is damaged") from error
    if metadata.has_wrong_sum(data):
        raise decode.unreadable(wanted.name, "the file is damaged")
    image = decode.upright(data, wanted.name)
    drawn = image.size
    came_in = "JPEG" if image.format == "MPO" else image.format or ""
    suffix = suffix or _KEPT.get(came_in, ".png")
    fmt, options = FORMATS[suffix]
    if came_in != fmt or wanted.size not in {None, drawn}:
        image = _plain_mode(image)
        if wanted.size is not None and drawn != wanted.size:
            image = ImageOps.fit(image, wanted.size, Image.Resampling.LANCZOS)
        data = _saved(image, fmt, options, wanted.name, suffix)
    size = image.size
    preview = _preview(image, wanted.preview_side) if wanted.preview_side else b""
    return Finished(data, suffix, Image.MIME[fmt], size, drawn, preview)


def _check(image: Image.Image, wanted: Wanted) -> None:
    if image.width * image.height > wanted.max_pixels:
        raise MediaTooLarge(
            f"{wanted.name} has {image.width} x {image.height} pixels, far more than were asked for",
            "Ask for it again, or fetch it yourself.",
        )


def _plain_mode(image: Image.Image) -> Image.Image:
    """RGB, L or RGBA: transparency stays, for the formats that have it."""
    if image.mode in {"RGB", "L", "RGBA"}:
        return image
    if image.mode in {"1", "P", "PA", "LA", "La", "RGBa"}:
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    return flattener(image)[0](image)


def _saved(image: Image.Image, fmt: str, options: dict[str, object], name: str, suffix: str) -> bytes:
    if fmt in _NO_ALPHA:
        image = on_white(image)
    if fmt == "ICO":
        scale = min(1.0, _ICON_SIDE / max(image.size))
        options = {"sizes": [tuple(max(1, round(side * scale)) for side in image.size)]}
    out = io.BytesIO()
    try:
        image.save(out, fmt, **options)
    except (OSError, ValueError) as error:  # more pixels than the format has, most of all
        raise UnsupportedMedia(
            f"{name}, {image.width} x {image.height} pixels, cannot be saved as {suffix}", "Save it as .png."
        ) from error
    return out.getvalue()


def _preview(image: Image.Image, side: int) -> bytes:
    image = flattener(image)[0](image)
    image.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=3)
    return jpeg_within(image, _PREVIEW_BYTES).data
