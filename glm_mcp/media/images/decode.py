"""Bytes of a picture, of any kind, into upright 8-bit pixels without transparency. Blocking: for threads and child processes."""

from __future__ import annotations

import io
import math
import re
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from PIL import Image, ImageCms, ImageFile, UnidentifiedImageError

from glm_mcp.errors import GLMError, MediaTooLarge, MissingExtra, UnsupportedMedia
from glm_mcp.media.detect import detect
from glm_mcp.media.images.metadata import boxes_cut

READABLE = "PNG, JPEG, WebP, GIF, HEIC, AVIF, TIFF, BMP, ICO, JPEG 2000, PPM, SVG"
# What Pillow may try. Not EPS (runs Ghostscript) and not the kinds that nobody sends.
_FORMATS = [
    "PNG",
    "JPEG",
    "GIF",
    "WEBP",
    "AVIF",
    "TIFF",
    "BMP",
    "DIB",
    "ICO",
    "CUR",
    "JPEG2000",
    "PPM",
    "ICNS",
    "QOI",
    "PSD",
    "PCX",
    "TGA",  # has no magic: the last to be tried
]

MP = 1_000_000
# Pixels a file may claim, looked at before anything is decoded.
CAPS = {
    "jpeg": 300
    * MP,  # decoded at an eighth to a half; a progressive one still holds 3 bytes a pixel meanwhile
    "png": 200 * MP,  # 4 bytes a pixel at most, decoded whole: 800 MB of the child's 1,500
    "heic": 60 * MP,  # about 17 bytes a pixel (553 MB at 32.7 MP measured), and no scaled decoding
}
CAP = 120 * MP  # the others decode whole and may need a second copy
# Pillow's own limit is one for the process and below ours; ours is asked at every opening.
Image.MAX_IMAGE_PIXELS = max(CAPS.values())

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

Flatten = Callable[[Image.Image], Image.Image]

_WHITE, _GREY = 255, 118  # on this grey both white and black have a contrast of 4.5


class Damaged(Exception):
    """A decoder gave up on the file."""


@contextmanager
def decoding(name: str) -> Iterator[None]:
    """Whatever a decoder raises on a bad file becomes MediaTooLarge or Damaged."""
    try:
        yield
    except (GLMError, Damaged):
        raise
    except MemoryError as error:
        raise MediaTooLarge(f"{name} needs more memory to decode than is allowed", _SMALLER) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        found = re.search(r"\d+", str(error))
        raise _too_many(name, int(found[0]) if found else 0, CAP) from error
    except Exception as error:
        raise Damaged(str(error)) from error


_SMALLER = "Make it smaller first, or name a part of a smaller version."


def _too_many(name: str, pixels: int, cap: int) -> MediaTooLarge:
    return MediaTooLarge(
        f"{name} has {pixels / MP:,.0f} million pixels, at most {cap // MP} are read", _SMALLER
    )


def unreadable(name: str, why: str = "") -> UnsupportedMedia:
    return UnsupportedMedia(
        f"{name} cannot be read as a picture" + (f": {why}" if why else ""),
        f"Readable: {READABLE}. If it opens elsewhere, save it as PNG or JPEG there.",
    )


def open_lazily(data: bytes, name: str) -> Image.Image:
    """The picture with its header read and its pixels counted, not decoded.

    Raises UnsupportedMedia, MediaTooLarge, MissingExtra, Damaged.
    """
    found = detect(data)
    kind = found.name
    formats = _FORMATS
    if kind == "heic":
        formats = [_register_heif(name)]
    if kind in {"heic", "avif"} and boxes_cut(data):
        raise unreadable(name, "the file is truncated")
    with decoding(name):
        try:
            image = Image.open(io.BytesIO(data), formats=formats)
        except UnidentifiedImageError:
            raise unreadable(name, "the file is damaged" if found.family == "image" else "") from None
        check_pixels(image, kind, name)
    return image


def count_frames(data: bytes, name: str) -> int:
    """Frames or pages, on a copy, as a file that breaks off leaves the counting reader unusable.

    Of such a file: those that can be reached and the broken one.
    """
    image = open_lazily(data, name)
    try:
        with decoding(name):
            return int(getattr(image, "n_frames", 1))
    except Damaged:
        image, count = open_lazily(data, name), 1
        try:
            with decoding(name):
                while count < 5000:
                    image.seek(count)
                    count += 1
        except Damaged:
            pass
        return count + 1


def check_pixels(image: Image.Image, kind: str, name: str) -> None:
    pixels, cap = image.width * image.height, CAPS.get(kind, CAP)
    if pixels > cap:
        raise _too_many(f"{name} ({image.width} x {image.height})", pixels, cap)


def _register_heif(name: str) -> str:
    try:
        import pillow_heif
    except ImportError:
        raise MissingExtra("heic", f"reading {name} (HEIC)") from None
    pillow_heif.register_heif_opener()
    return "HEIF"


def smaller_heif(data: bytes, image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """An opened HEIC photo at a half (a third …) of its size, about `size`; itself where that is too small.

    The library decodes it whole in any case; so at least Pillow's copy is never as large.
    """
    step = min(round(image.width * 1.1) // max(1, size[0]), round(image.height * 1.1) // max(1, size[1]))
    if step < 2 or ImageFile.LOAD_TRUNCATED_IMAGES:
        return image
    import pillow_heif

    opened = pillow_heif.open_heif(data, convert_hdr_to_8bit=True)
    found = opened[opened.primary_index]
    pixels: Any = memoryview(found.data)
    line, mode = found.stride, found.mode
    width, height = found.size
    done = Image.new(mode, (math.ceil(width / step), math.ceil(height / step)))
    rows = 256 // step * step
    for y in range(0, height, rows):
        part = pixels[y * line : min(height, y + rows) * line]
        band = Image.frombuffer(mode, (width, min(rows, height - y)), part, "raw", mode, line, 1)
        done.paste(band.reduce(step), (0, y // step))
    done.info = dict(image.info)
    return done


def orientation(image: Image.Image) -> int:
    """EXIF orientation 1 to 8 of an opened file; TIFF is turned by Pillow while it loads."""
    if image.format == "TIFF":
        return 1
    try:
        found = image.getexif().get(0x0112, 1)
    except Exception:  # noqa: BLE001 - EXIF of any kind of brokenness means: as it is
        return 1
    return found if isinstance(found, int) and found in _TURNS else 1


def turned(size: tuple[int, int], orient: int) -> tuple[int, int]:
    return (size[1], size[0]) if orient >= 5 else size


def turn(image: Image.Image, orient: int) -> Image.Image:
    return image.transpose(_TURNS[orient]) if orient in _TURNS else image


def upright(data: bytes, name: str, *, draft: tuple[int, int] | None = None) -> Image.Image:
    """Decoded and turned, in whatever mode it has; `format` is kept. Raises UnsupportedMedia, MediaTooLarge."""
    try:
        image = open_lazily(data, name)
        orient = orientation(image)
        kind = image.format
        with decoding(name):
            if draft:
                image.draft(image.mode, draft)
            image.load()
            image = turn(image, orient)
            image.format = kind
            return image
    except Damaged as error:
        raise unreadable(name, "the file is damaged") from error


def flat(data: bytes, name: str, *, draft: tuple[int, int] | None = None) -> Image.Image:
    """Decoded, turned, as RGB or L. Raises UnsupportedMedia, MediaTooLarge."""
    image = upright(data, name, draft=draft)
    return flattener(image)[0](image)


def flattener(image: Image.Image) -> tuple[Flatten, list[str]]:
    """A function that makes RGB or L of this picture or of any part cut from it, and notes on what it changes.

    16-bit and float values are scaled by what the whole picture holds, so that parts agree with each other.
    """
    mode, icc = image.mode, image.info.get("icc_profile")
    if mode.startswith("I") or mode == "F":
        return _scaler(image)
    ground, notes = (_GREY, ["transparent: shown on grey"]) if _light_on_nothing(image) else (_WHITE, [])
    if mode in {"CMYK", "LAB"} or (mode in {"RGB", "RGBA", "RGBX", "P"} and icc):
        return _with_profile(image, icc, ground), notes
    return partial(on_white, ground=ground), notes


def _light_on_nothing(image: Image.Image) -> bool:
    """Whether what is seen of a partly transparent picture is nearly all so light that white would swallow it."""
    if not image.has_transparency_data:
        return False
    step = math.ceil(max(image.size) / 1000)  # every n-th pixel tells enough
    sample = _with_alpha(
        image.resize((max(1, image.width // step), max(1, image.height // step)), Image.Resampling.NEAREST)
    )
    alpha = sample.getchannel("A").point(lambda a: 255 if a >= 16 else 0)
    seen = sample.convert("L").histogram(alpha)
    visible, light = sum(seen), sum(seen[216:])
    return 0 < visible < 0.95 * sample.width * sample.height and light >= 0.98 * visible


def _with_alpha(image: Image.Image) -> Image.Image:
    """RGBA or LA where there is transparency of any kind, else as it is."""
    if image.mode in {"P", "PA"}:
        try:
            image = image.convert("RGBA" if image.has_transparency_data else "RGB")
        except (
            ValueError
        ):  # transparency of colours that the palette does not have: damage, which costs no more than that
            image = image.copy()
            image.info.pop("transparency", None)
            image = image.convert("RGB").convert("RGBA")
    elif image.mode in {"RGB", "L", "1"} and "transparency" in image.info:
        image = image.convert("RGBA")
    elif image.mode in {"RGBa", "La"}:
        image = image.convert(image.mode.upper())
    return image


def on_white(image: Image.Image, *, ground: int = _WHITE) -> Image.Image:
    """RGB or L; transparent parts white, or of another grey."""
    image = _with_alpha(image)
    if image.mode in {"RGBA", "LA"}:
        plain = image.convert("RGB" if image.mode == "RGBA" else "L")
        base = Image.new(plain.mode, image.size, ground if plain.mode == "L" else (ground,) * 3)
        base.paste(plain, mask=image.getchannel("A"))
        return base
    if image.mode == "1":
        return image.convert("L")
    return image if image.mode in {"RGB", "L"} else image.convert("RGB")


def _scaler(image: Image.Image) -> tuple[Flatten, list[str]]:
    """16-bit by 257 (a plain convert clips everything above 255); wider ranges by what they hold."""
    notes: list[str] = []
    low, high = 0.0, 65535.0
    if not (
        image.mode.startswith("I;16") or (image.mode == "I" and image.format in {"PNG", "PPM", "JPEG2000"})
    ):
        low, high = _range(image)
        if low >= 0 and high <= 1 and image.mode == "F":
            low, high = 0.0, 1.0
        elif low >= 0 and high <= 255:
            low, high = 0.0, 255.0
        elif image.mode == "I" and low >= 0 and high <= 65535:
            low, high = 0.0, 65535.0
        else:
            notes.append(f"values {low:g} to {high:g} shown as black to white")
    scale = 255 / (high - low) if high > low else 1.0
    offset = -low * scale

    def flatten(part: Image.Image) -> Image.Image:
        if part.mode.startswith("I"):
            part = part.convert("I").convert("F")
        return part.point(lambda v: v * scale + offset).convert("L")

    return flatten, notes


def _range(image: Image.Image) -> tuple[float, float]:
    found: Any = image.getextrema()
    low, high = float(found[0]), float(found[1])
    if math.isfinite(low) and math.isfinite(high):
        return low, high
    values = [v for v in array("f", image.tobytes()) if math.isfinite(v)]
    return (min(values), max(values)) if values else (0.0, 1.0)


def _with_profile(image: Image.Image, icc: bytes | None, ground: int) -> Flatten:
    """Colours to sRGB by the embedded profile; without one, or with a bad one, by Pillow's plain arithmetic."""
    transform = None
    mode = "RGB" if image.mode in {"P", "RGBA", "RGBX"} else image.mode
    try:
        if mode == "LAB":
            source: Any = ImageCms.createProfile("LAB")
        else:
            source = ImageCms.ImageCmsProfile(io.BytesIO(icc)) if icc else None
        if source is not None and (mode != "RGB" or "sRGB" not in ImageCms.getProfileDescription(source)):
            transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        transform = None

    def flatten(part: Image.Image) -> Image.Image:
        if mode == "RGB":
            part = on_white(part, ground=ground)
        if transform is not None and part.mode == mode:
            return transform.apply(part)
        return on_white(part, ground=ground)

    return flatten
