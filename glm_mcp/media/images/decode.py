"""Bytes of an image file, of any kind, into an upright image. Blocking: for threads and child processes."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image, UnidentifiedImageError

from glm_mcp.errors import GLMError, MediaTooLarge, UnsupportedMedia
from glm_mcp.media.colours import said
from glm_mcp.media.formats import KINDS
from glm_mcp.media.images import heif, metadata, tiff
from glm_mcp.media.images.flatten import flattener
from glm_mcp.media.images.rare import bitmap, gif, jxl, netpbm, packed, photoshop
from glm_mcp.media.images.tiling import MP

READABLE = "PNG, JPEG, WebP, GIF, HEIC, AVIF, JPEG XL, TIFF, BMP, ICO, CUR, JPEG 2000, PPM, SVG, PSD, PCX, TGA, QOI, SGI, DDS, ICNS, EXR, HDR, PAM, XBM, XPM, RAW, EMF, WMF, KRA, ORA, SKETCH, FIG, XD, PROCREATE"
# What Pillow may try; its other readers stay closed: EPS and WMF (run programs of the system), FITS, GRIB, HDF5 and
# BUFR (stubs), FLI and MPEG (films), and what nobody sends.
FORMATS = (
    *("PNG", "JPEG", "GIF", "WEBP", "AVIF", "TIFF", "BMP", "DIB", "ICO", "CUR", "JPEG2000", "PPM"),
    *("ICNS", "QOI", "PSD", "DDS", "SGI", "PCX", "XBM", "XPM"),
    "TGA",  # has no magic: the last to be tried
)
_READ = frozenset(kind.name for kind in KINDS.values() if kind.family == "image" and kind.reader)
# Pixels a file may claim, looked at before anything is decoded.
CAPS = {
    # Decoded at an eighth to a half; a progressive one still holds 3 bytes a pixel meanwhile.
    "JPEG": 300 * MP,
    "MPO": 300 * MP,
    "PNG": 200 * MP,  # 4 bytes a pixel at most, decoded whole: 800 MB of the child's 1,500
    "HEIF": 60 * MP,  # about 17 bytes a pixel (553 MB at 32.7 MP measured), and no scaled decoding
}
CAP = 120 * MP  # the others decode whole and may need a second copy
# Pillow's own limit is one for the process and below ours; ours is asked at every opening.
Image.MAX_IMAGE_PIXELS = max(CAPS.values())

_ORIENTATION = 0x0112  # of EXIF
_MAKE = 0x010F  # who made the camera
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_MAX_FRAMES = 5000  # looked for in a file that breaks off


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
        claimed = re.search(r"\d+", str(error))
        raise _too_many(name, int(claimed[0]) if claimed else 0, CAP) from error
    except Exception as error:
        raise Damaged(str(error)) from error


_SMALLER = "Make it smaller first, or name a part of a smaller version."


def _too_many(name: str, pixels: int, cap: int) -> MediaTooLarge:
    return MediaTooLarge(
        f"{name} has {pixels / MP:,.0f} million pixels, at most {cap // MP} are read", _SMALLER
    )


def unreadable(name: str, why: str = "") -> UnsupportedMedia:
    """`why`: what is wrong with a file of a kind that is read."""
    elsewhere = "If it opens elsewhere, save it as PNG or JPEG there"
    if why:
        return UnsupportedMedia(
            f"{name} cannot be read as a picture: {why}", f"{elsewhere}; if not, get the file anew."
        )
    return UnsupportedMedia(f"{name} cannot be read as a picture", f"Readable: {READABLE}. {elsewhere}.")


def open_lazily(data: bytes, name: str, kind: str | None = None) -> Image.Image:
    """The image with its header read and its pixels counted, not decoded. `kind`: its row of `formats`, where known.

    Raises UnsupportedMedia, MediaTooLarge, MissingExtra, Damaged.
    """
    if kind is None:
        from glm_mcp.media.detect import detect  # not for a child process, which is told: it starts faster

        kind = detect(data, name).name
    heic = kind == "heic"
    readers = [heif.register(name)] if heic else list(FORMATS)
    if kind in {"heic", "avif"} and metadata.boxes_cut(data):
        raise unreadable(name, "the file is truncated")
    with decoding(name):
        try:
            image = _opened(data, kind, readers, name)
        except UnidentifiedImageError:
            if kind in _READ:
                raise  # damaged
            raise unreadable(name) from None
        check_pixels(image, name)
    if transfer := said.transfer(data, kind):
        image.info[said.TRANSFER] = transfer
    return image


def _opened(data: bytes, kind: str, readers: list[str], name: str) -> Image.Image:
    """Damage in what says nothing of how it looks costs nothing more than that."""
    if kind == "png":
        return Image.open(io.BytesIO(metadata.sound_png(data)), formats=readers)
    if kind == "heic":
        return Image.open(io.BytesIO(heif.known(data)), formats=readers)
    if kind == "jxl":
        return jxl.read(data, name, CAP)
    if kind == "gif":
        return Image.open(io.BytesIO(gif.known(data)), formats=readers)
    if kind == "bmp" and (image := bitmap.read(data, CAP)) is not None:
        return image
    if kind == "psd" and (image := photoshop.light(data, CAP)) is not None:
        return image
    if kind in {"pnm", "pam"} and (image := netpbm.read(data, CAP)) is not None:
        return image
    try:
        return (
            tiff.opened(io.BytesIO(data)) if kind == "tiff" else Image.open(io.BytesIO(data), formats=readers)
        )
    except Exception:
        if kind == "tiff" and (image := packed.read(data, CAP)) is not None:
            return image
        plain = metadata.plain(data) if kind == "jpeg" else None
        if plain is None or plain.data is data:
            raise
        return Image.open(io.BytesIO(plain.data), formats=readers)


def count_frames(data: bytes, name: str, kind: str | None = None) -> int:
    """Frames or pages, on a copy, as a file that breaks off leaves the counting reader unusable.

    Of such a file: those that can be reached and the broken one.
    """
    image = open_lazily(data, name, kind)
    try:
        with decoding(name):
            return int(getattr(image, "n_frames", 1))
    except Damaged:
        image, count = open_lazily(data, name, kind), 1
        try:
            with decoding(name):
                while count < _MAX_FRAMES:
                    image.seek(count)
                    count += 1
        except Damaged:
            pass
        return count + 1


def check_pixels(image: Image.Image, name: str) -> None:
    """Raises MediaTooLarge."""
    pixels, cap = image.width * image.height, CAPS.get(image.format or "", CAP)
    if pixels > cap:
        raise _too_many(f"{name} ({image.width} x {image.height})", pixels, cap)


def said_turn(image: Image.Image) -> int | None:
    """EXIF orientation 1 to 8 that an opened file names. What else Pillow would follow, Adobe's words on the picture, no
    viewer does, and it outlives a turn of the pixels.
    """
    for words in ("xmp", "XML:com.adobe.xmp"):
        image.info.pop(words, None)
    try:
        turn = image.getexif().get(_ORIENTATION)
    except Exception:  # noqa: BLE001 - EXIF of any kind of brokenness says nothing
        return None
    return turn if isinstance(turn, int) and turn in (1, *_TURNS) else None


def is_from_camera(image: Image.Image) -> bool:
    """Whether an opened file says who made the camera."""
    try:
        return bool(image.getexif().get(_MAKE))
    except Exception:  # noqa: BLE001 - EXIF of any kind of brokenness says nothing
        return False


def orientation(image: Image.Image) -> int:
    """EXIF orientation 1 to 8 of an opened file; TIFF is turned by Pillow while it loads."""
    return 1 if image.format == "TIFF" else said_turn(image) or 1


def turned(size: tuple[int, int], orient: int) -> tuple[int, int]:
    return (size[1], size[0]) if orient >= 5 else size


def turn(image: Image.Image, orient: int) -> Image.Image:
    return image.transpose(_TURNS[orient]) if orient in _TURNS else image


def upright(data: bytes, name: str, kind: str | None = None) -> Image.Image:
    """Decoded and turned, in whatever mode it has; `format` is kept. Raises UnsupportedMedia, MediaTooLarge."""
    try:
        image = open_lazily(data, name, kind)
        orient = orientation(image)
        came_in = image.format
        with decoding(name):
            image.load()
            image = turn(image, orient)
            image.format = came_in
            return image
    except Damaged as error:
        raise unreadable(name, "the file is damaged") from error


def flat(data: bytes, name: str) -> Image.Image:
    """Decoded, turned, as RGB or L. Raises UnsupportedMedia, MediaTooLarge."""
    image = upright(data, name)
    return flattener(image)[0](image)
