"""Pictures that the tests make: corners of known colours, photos, screenshots, and sources that hold them."""

from __future__ import annotations

import io
import random
import statistics
import struct
import zlib
from typing import Any

from PIL import Image, ImageDraw, ImageFilter

from glm_mcp.media.detect import detect
from glm_mcp.media.types import Fragment, Picture, Source

RED, GREEN, BLUE, YELLOW = (230, 20, 20), (20, 200, 20), (20, 20, 230), (230, 220, 20)


def corners(width: int = 60, height: int = 40) -> Image.Image:
    """Red top left, green top right, blue bottom left, yellow bottom right."""
    image = Image.new("RGB", (width, height))
    for x, y, colour in ((0, 0, RED), (1, 0, GREEN), (0, 1, BLUE), (1, 1, YELLOW)):
        box = (x * width // 2, y * height // 2, (x + 1) * width // 2, (y + 1) * height // 2)
        image.paste(colour, box)
    return image


def seen(image: Image.Image) -> str:
    """The colours of the four corners in reading order, such as "RGBY"; "." for none of them."""
    w, h = image.size
    plain = image.convert("RGB")
    names = ""
    for x, y in (
        (w // 8, h // 8),
        (w - 1 - w // 8, h // 8),
        (w // 8, h - 1 - h // 8),
        (w - 1 - w // 8, h - 1 - h // 8),
    ):
        pixel: Any = plain.getpixel((x, y))
        far = {
            n: max(abs(a - b) for a, b in zip(pixel, c, strict=True))
            for n, c in zip("RGBY", (RED, GREEN, BLUE, YELLOW), strict=True)
        }
        best = min(far, key=far.__getitem__)
        names += best if far[best] < 60 else "."
    return names


def grain(width: int, height: int, spread: float, seed: int = 1) -> Image.Image:
    """Grey noise about 128 with the standard deviation `spread`, the same each time: Pillow's own cannot be seeded."""
    normal = statistics.NormalDist(128, spread)
    levels = [min(max(round(normal.inv_cdf((n + 0.5) / 256)), 0), 255) for n in range(256)]
    raw = random.Random(seed).randbytes(width * height)
    return Image.frombytes("L", (width, height), raw).point(levels)


def photo(width: int, height: int, seed: int = 1) -> Image.Image:
    """Noise of several sizes: hardly two neighbours alike, as from a camera."""
    rng = random.Random(seed)
    small = Image.frombytes("RGB", (64, 64), rng.randbytes(64 * 64 * 3))
    coarse = small.resize((width, height), Image.Resampling.BICUBIC)
    fine = grain(width, height, 40, seed).convert("RGB")
    return Image.blend(coarse, fine, 0.3).filter(ImageFilter.GaussianBlur(0.6))


def screenshot(width: int, height: int, *, step: int = 40) -> Image.Image:
    """Lines of small text on a light ground; each line says where it stands."""
    image = Image.new("RGB", (width, height), (250, 250, 248))
    pen = ImageDraw.Draw(image)
    for y in range(0, height, step):
        pen.text((10, y + 5), f"line at {y} " * 8, fill=(20, 20, 30))
        pen.rectangle((0, y, 6, y + 6), fill=((y * 7) % 255, 90, 160))
    return image


def save(image: Image.Image, fmt: str, **options: Any) -> bytes:
    """A PNG is packed loosely: how small it is matters to no test, and packing it takes most of the time."""
    out = io.BytesIO()
    if fmt == "PNG":
        options.setdefault("compress_level", 1)
    image.save(out, fmt, **options)
    return out.getvalue()


def source(data: bytes, name: str = "shot.png", **fragment: Any) -> Source:
    return Source(name, detect(data, name), len(data), Fragment(**fragment), data=data)


def shown(picture: Picture) -> Image.Image:
    """What the model gets to see, checked to be what the picture says of itself."""
    data = picture.part.data
    assert data is not None
    image = Image.open(io.BytesIO(data))
    assert picture.part.mime == f"image/{(image.format or '').lower()}"
    assert image.format in {"PNG", "JPEG"}
    assert image.size == (picture.width, picture.height)
    image.load()
    return image


def exif(orientation: int = 1, *, gps: bool = True) -> bytes:
    found = Image.Exif()
    found[0x010F] = "SecretCam"
    found[0x0112] = orientation
    if gps:
        found[0x8825] = {1: "N", 2: (48.0, 51.0, 30.0), 3: "E", 4: (2.0, 17.0, 40.0)}
    return found.tobytes()


def png_claiming(width: int, height: int) -> bytes:
    """A PNG whose header claims a size that its few bytes do not hold."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 99))
        + chunk(b"IEND", b"")
    )
