"""Pictures that few programs write, and ordinary ones with damage in what says nothing of how they look."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import anyio
import pytest
from PIL import Image
from support.pictures import corners, exif, photo, save, seen, shown, source

from glm_mcp.errors import UnsupportedMedia
from glm_mcp.media.images import decode, metadata
from glm_mcp.media.images.prepare import prepare_images
from glm_mcp.media.types import Picture
from glm_mcp.registry import CARDS

pytestmark = pytest.mark.anyio

CARD = CARDS["glm-4.6v-flash"]


async def one(data: bytes, name: str = "shot.png") -> Picture:
    with anyio.fail_after(60):
        (picture,) = await prepare_images([source(data, name)], CARD)
    return picture


def cursor() -> bytes:
    """A Windows cursor: an icon whose two planes are the place that points."""
    icon = bytearray(save(corners(), "ICO", sizes=[(60, 40)], bitmap_format="bmp"))
    icon[2:4] = b"\2\0"
    return bytes(icon)


def psd() -> bytes:
    """Photoshop: no layers, three channels, not packed."""
    header = b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, 40, 60, 8, 3)
    return header + bytes(12) + b"\0\0" + b"".join(band.tobytes() for band in corners().split())


RARE: dict[str, Callable[[], bytes]] = {
    "a.pcx": lambda: save(corners(), "PCX"),
    "palette.pcx": lambda: save(corners().quantize(16), "PCX"),
    "a.cur": cursor,
    "a.dib": lambda: save(corners(), "DIB"),
    "a.dds": lambda: save(corners(), "DDS"),
    "packed.dds": lambda: save(corners(64, 48), "DDS", pixel_format="DXT1"),
    "a.sgi": lambda: save(corners(), "SGI"),
    "a.psd": psd,
    "a.icns": lambda: save(corners(128, 128), "ICNS"),
    "a.qoi": lambda: save(corners(), "QOI"),
    "a.tga": lambda: save(corners(), "TGA"),
}


@pytest.mark.parametrize("name", RARE)
async def test_a_format_that_few_programs_write_is_read(name: str) -> None:
    assert seen(shown(await one(RARE[name](), name))) == "RGBY"


@pytest.mark.parametrize("kind", ["EPS", "PDF", "MSP", "XBM"])
def test_a_format_that_is_not_on_the_list_is_not_opened(kind: str) -> None:
    image = corners() if kind in {"EPS", "PDF"} else corners().convert("1")
    with pytest.raises(UnsupportedMedia, match="Readable: PNG, JPEG"):
        decode.open_lazily(save(image, kind), "a.x")


# ── Damage in what says nothing of how it looks ─────────────────────────────────────────────────────────────────


def chunk(name: bytes, body: bytes, check: bytes | None = None) -> bytes:
    return struct.pack(">I", len(body)) + name + body + (check or struct.pack(">I", zlib.crc32(name + body)))


def png_with(*chunks: bytes, image: Image.Image | None = None) -> bytes:
    """The chunks come after the header."""
    data = save(image or corners(120, 80), "PNG")
    return data[:33] + b"".join(chunks) + data[33:]


BAD = b"\0\0\0\0"
TURNED = exif(6)[6:]


@pytest.mark.parametrize(
    "data",
    [
        png_with(chunk(b"tEXt", b"a\0bc", BAD), chunk(b"eXIf", TURNED, BAD)),
        png_with(
            chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(3_000_000)))
        ),  # more text than a decoder takes
        png_with(chunk(b"zTXt", b"a\0\0not packed at all")),
        png_with(chunk(b"iTXt", b"a\0\1\0\0\0not packed at all")),
        png_with(chunk(b"tIME", b"\0", BAD)),
        png_with(chunk(b"gAMA", b"\0\1")),
        png_with(chunk(b"cHRM", b"\0" * 5)),
        png_with(chunk(b"pHYs", b"\0" * 3)),
        png_with(chunk(b"sRGB", b"")),
        png_with(chunk(b"sRGB", b"\0", BAD), chunk(b"prVt", b"whatever", BAD)),
        png_with(chunk(b"iCCP", b"name\0\0not packed at all")),
        png_with(chunk(b"iCCP", b"name\0\0" + zlib.compress(b"no profile"), BAD)),
    ],
    ids=[
        "text",
        "text bomb",
        "zTXt",
        "iTXt",
        "tIME",
        "gAMA",
        "cHRM",
        "pHYs",
        "sRGB",
        "check sums",
        "iCCP",
        "iCCP sum",
    ],
)
async def test_damage_in_what_a_png_says_beside_its_pixels_costs_nothing_else(data: bytes) -> None:
    picture = await one(data)
    assert (picture.original, seen(shown(picture)), picture.notes) == ((120, 80), "RGBY", ())
    for name in (b"tEXt", b"zTXt", b"iTXt", b"tIME", b"prVt", b"eXIf"):
        assert name not in (picture.part.data or b"")


async def test_a_sound_turn_in_a_png_is_honoured_beside_damaged_text() -> None:
    stored = corners(120, 80).transpose(Image.Transpose.ROTATE_90)
    data = png_with(chunk(b"tEXt", b"a\0bc", BAD), chunk(b"eXIf", TURNED), image=stored)
    picture = await one(data)
    assert (picture.original, seen(shown(picture))) == ((120, 80), "RGBY")


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


@pytest.mark.parametrize(
    "part",
    [
        segment(0xE0, b"JFIF\0\1"),
        segment(0xEE, b"Adobe\0"),
        segment(0xED, b"Photoshop 3.0\08BIM\x03\xed\0\0\xff\xff"),
        segment(0xE1, b"Exif\0\0II*\0\xff\xff\xff\xff"),
        segment(0xE2, b"ICC_PROFILE\0\1"),
    ],
    ids=["JFIF", "Adobe", "Photoshop", "Exif", "profile"],
)
async def test_damage_in_what_a_jpeg_says_beside_its_pixels_costs_nothing_else(part: bytes) -> None:
    data = save(corners(120, 80), "JPEG", quality=95)
    picture = await one(data[:2] + part + data[2:], "a.jpg")
    assert (picture.original, seen(shown(picture)), picture.notes) == ((120, 80), "RGBY", ())


# ── What only a tolerant reading accepts ────────────────────────────────────────────────────────────────────────


def broken_sum() -> bytes:
    """A PNG whose pixels are whole but for their check sum."""
    data = bytearray(save(photo(90, 60), "PNG"))
    end = data.index(b"IEND") - 4
    data[end - 4 : end] = BAD
    return bytes(data)


def flipped(kind: str) -> bytes:
    data = bytearray(save(photo(300, 200), kind))
    for at in range(len(data) // 2, len(data) // 2 + 40):
        data[at] ^= 0xFF
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (broken_sum(), "file is damaged"),
        (flipped("PNG"), "file is damaged"),
        (save(photo(300, 200), "PNG")[:-40], "file is truncated"),
        (save(photo(300, 200), "PNG")[:-12], ""),  # only the mark of its end is missing
        (save(photo(300, 200), "JPEG")[:-200], "file is truncated"),
    ],
    ids=["sum", "flipped", "cut", "no end", "jpeg"],
)
async def test_what_only_a_tolerant_reading_accepts_is_written_anew(data: bytes, said: str) -> None:
    picture = await one(data)
    sent = picture.part.data or b""
    assert not metadata.has_wrong_sum(sent)
    plain = metadata.plain(sent)
    assert plain is not None
    assert plain.data != data
    with Image.open(io.BytesIO(sent)) as strict:
        strict.load()
    assert "".join(picture.notes).startswith(said)
    assert bool(picture.notes) == bool(said)
