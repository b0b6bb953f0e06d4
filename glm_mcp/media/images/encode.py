"""Pictures into bytes: PNG or JPEG for the models, previews, and files of any wanted kind."""

from __future__ import annotations

import io
import math
import tempfile
from dataclasses import dataclass

from PIL import Image, ImageChops, ImageOps, ImageStat

from glm_mcp.errors import InvalidRequest, MediaTooLarge
from glm_mcp.media.images import decode
from glm_mcp.media.tempfiles import no_room

# A PNG up to this size goes as it is; a larger one must be worth its bytes beside a JPEG.
_PNG_FREE = 1_500_000
_SMALL = 256 * 1024  # pixels: of so small a picture nothing need be lost, whatever it shows
_LEAST_SIDE = 64
SURELY = 0.3  # for `is_photo` of a reduced picture: photos have 0.04 to 0.15 there, pages of text 0.5 to 0.8

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
_END = {"JPEG": b"\xff\xd9", "PNG": b"IEND\xaeB`\x82"}  # the last bytes of a whole file
_NO_ALPHA = frozenset(("JPEG", "BMP", "JPEG2000"))


@dataclass(frozen=True, slots=True)
class Encoded:
    data: bytes
    mime: str
    size: tuple[int, int]


def is_photo(image: Image.Image, *, equal_share: float = 0.5) -> bool:
    """Whether an RGB or L picture is a photo rather than flat graphics (a screenshot, a scan of text, a chart).

    Looked at in full-size samples: in graphics most pixels equal their right neighbour, in photos few do
    (`equal_share` at most).
    """
    width, height = image.size
    side = 128
    equal = seen = 0
    for row in range(4):
        for column in range(4):
            left = max(0, (width - side) * column // 3)
            top = max(0, (height - side) * row // 3)
            sample = image.crop((left, top, min(width, left + side), min(height, top + side)))
            if sample.width < 2:
                continue
            a = sample.crop((0, 0, sample.width - 1, sample.height))
            b = sample.crop((1, 0, sample.width, sample.height))
            bands = ImageChops.difference(a, b).split()
            most = bands[0]
            for band in bands[1:]:
                most = ImageChops.lighter(most, band)
            histogram = most.histogram()
            equal += histogram[0]
            seen += sum(histogram)
    return seen > 0 and equal < equal_share * seen


def encode(image: Image.Image, *, limit: int, photo: bool, name: str) -> Encoded:
    """An RGB or L picture as PNG (graphics) or JPEG (photos) of at most `limit` bytes, shrunk when nothing else helps.

    Raises MediaTooLarge when even a tiny picture does not fit.
    """
    best = b""
    if not photo or image.width * image.height <= _SMALL:
        png = _png(image)
        if len(png) <= min(limit, _PNG_FREE):
            return Encoded(png, "image/png", image.size)
        best = png if len(png) <= limit else b""
    return _jpeg_within(image, limit=limit, photo=photo, name=name, png=best)


def _jpeg_within(image: Image.Image, *, limit: int, photo: bool, name: str, png: bytes = b"") -> Encoded:
    """JPEG, first of lower quality, then smaller; or `png`, which fits, when it is hardly larger."""
    while True:
        jpeg = b""
        for quality in (85, 75, 65) if photo else (90, 80, 70):
            jpeg = _jpeg(image, quality, full=not photo)
            if png and len(png) <= 1.5 * len(jpeg):
                return Encoded(png, "image/png", image.size)
            if len(jpeg) <= limit:
                return Encoded(jpeg, "image/jpeg", image.size)
            if len(jpeg) > 4 * limit:  # no quality mends that
                break
        factor = min(0.85, max(0.2, 0.95 * math.sqrt(limit / len(jpeg))))
        size = max(1, round(image.width * factor)), max(1, round(image.height * factor))
        if max(size) < _LEAST_SIDE:
            raise MediaTooLarge(
                f"{name} does not fit into the room that is left in the request",
                "Send fewer pictures at once.",
            )
        image = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3)


def _png(image: Image.Image) -> bytes:
    """Lossless; with a palette when the picture has at most 256 colours."""
    colours = image.getcolors(256) if image.mode == "RGB" else None
    if colours is not None:
        image = image.convert("P", palette=Image.Palette.ADAPTIVE, colors=256)  # exact for so few
    return _saved(image, "PNG")


def _jpeg(image: Image.Image, quality: int, *, full: bool) -> bytes:
    return _saved(image, "JPEG", quality=quality, optimize=True, subsampling=0 if full else 2)


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    """By way of a file: only then does Pillow encode without the lock that other threads, the event loop's too, need.

    Raises ConfigError when the file did not take it all, which Pillow does not notice.
    """
    try:
        with tempfile.TemporaryFile() as out:
            image.save(out, kind, **options)
            out.seek(0)
            data = out.read()
    except OSError as error:
        raise no_room(error) from error
    if not data.endswith(_END[kind]):
        raise no_room(None)
    return data


def thumbnail(data: bytes, side: int = 512, max_bytes: int = 30_000) -> bytes:
    """A JPEG preview of any readable picture: long side at most `side`, at most `max_bytes`.

    Raises UnsupportedMedia, MediaTooLarge.
    """
    image = decode.flat(data, "the picture", draft=(side * 2, side * 2))
    image.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=3)
    return _jpeg_within(image, limit=max_bytes, photo=True, name="the preview").data


def convert(data: bytes, fmt_suffix: str, *, size: tuple[int, int] | None) -> bytes:
    """The picture in the format of a file suffix, scaled and cropped to cover `size` (pixels) exactly.

    Unchanged bytes when it is already so. Raises InvalidRequest for an unknown suffix, UnsupportedMedia.
    """
    suffix = fmt_suffix.lower() if fmt_suffix.startswith(".") else f".{fmt_suffix.lower()}"
    if suffix not in FORMATS:
        raise InvalidRequest(
            f"pictures cannot be saved as '{fmt_suffix}'", f"Use one of: {', '.join(sorted(FORMATS))}."
        )
    name, options = FORMATS[suffix]
    image = decode.upright(data, "the picture")
    if image.format == name and (size is None or image.size == size):
        return data
    if image.mode not in {"RGB", "L", "RGBA"}:
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    if size is not None and image.size != size:
        image = ImageOps.fit(image, size, Image.Resampling.LANCZOS)
    if name in _NO_ALPHA:
        image = decode.on_white(image)
    out = io.BytesIO()
    if name == "ICO":
        options = {"sizes": [image.size if max(image.size) <= 256 else _within(image.size, 256)]}
    image.save(out, name, **options)
    return out.getvalue()


def _within(size: tuple[int, int], side: int) -> tuple[int, int]:
    scale = side / max(size)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def one_colour(image: Image.Image) -> bool:
    """Whether every pixel is the same: what a tolerant decoder makes of a file of which nothing is left."""
    return all(low == high for low, high in ImageStat.Stat(image).extrema)
