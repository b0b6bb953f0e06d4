"""One picture of every format, all of the same four corners."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from typing import Any

from PIL import Image
from support.pictures import corners, save

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'


FOUR = (
    '<rect width="50%" height="50%" fill="rgb(230,20,20)"/><rect x="50%" width="50%" height="50%" fill="rgb(20,200,20)"/>'
    '<rect y="50%" width="50%" height="50%" fill="rgb(20,20,230)"/>'
    '<rect x="50%" y="50%" width="50%" height="50%" fill="rgb(230,220,20)"/>'
)


SVG = f'{HEAD} width="120" height="80">{FOUR}</svg>'


def heif(image: Image.Image, **options: Any) -> bytes:
    import pillow_heif

    out = io.BytesIO()
    pillow_heif.from_pillow(image).save(out, quality=95, **options)
    return out.getvalue()


def jxl(image: Image.Image) -> bytes:
    import pillow_jxl  # noqa: F401 - teaches Pillow the format

    return save(image, "JXL", lossless=True)


def plain(name: str, **options: Any) -> Callable[[], bytes]:
    return lambda: save(corners(120, 80), name, **options)


def mpo() -> bytes:
    """Two pictures of one scene in a JPEG, as stereo cameras and phones write them."""
    return save(
        corners(120, 80), "MPO", save_all=True, append_images=[Image.new("RGB", (120, 80))], quality=95
    )


FORMATS: dict[str, Callable[[], bytes]] = {
    "a.png": plain("PNG"),
    "a.jpg": plain("JPEG", quality=95),
    "progressive.jpeg": plain("JPEG", quality=95, progressive=True),
    "phone.mpo": mpo,
    "a.webp": plain("WEBP", quality=95),
    "lossless.webp": plain("WEBP", lossless=True),
    "a.avif": plain("AVIF", quality=95),
    "a.gif": plain("GIF"),
    "a.heic": lambda: heif(corners(120, 80)),
    "a.heif": lambda: heif(corners(120, 80)),
    "camera.hif": lambda: heif(corners(120, 80)),
    "a.tif": plain("TIFF"),
    "lzw.tiff": plain("TIFF", compression="tiff_lzw"),
    "jpeg.tiff": plain("TIFF", compression="jpeg", quality=95),
    "fax.tiff": lambda: save(corners(120, 80).convert("1"), "TIFF", compression="group4"),
    "a.bmp": plain("BMP"),
    "a.ico": plain("ICO", sizes=[(120, 80)]),
    "a.jp2": plain("JPEG2000"),
    "a.j2k": plain("JPEG2000", no_jp2=True),
    "a.ppm": plain("PPM"),
    "a.pgm": lambda: save(corners(120, 80).convert("L"), "PPM"),
    "a.tga": plain("TGA"),
    "rle.tga": plain("TGA", compression="tga_rle"),
    "a.qoi": plain("QOI"),
    "a.jxl": lambda: jxl(corners(120, 80)),
    "a.svg": SVG.encode,
    "a.svgz": lambda: gzip.compress(SVG.encode()),
}
