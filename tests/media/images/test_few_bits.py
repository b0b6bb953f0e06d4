"""Pictures of 16 bits that use fewer: shown by those that they use, and it is said when that is a guess."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import anyio
import pytest
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2
from support.pictures import save, shown, source

from glm_mcp.media.images.prepare import prepare_images
from glm_mcp.media.types import Picture
from glm_mcp.registry import CARDS

pytestmark = pytest.mark.anyio

CARD = CARDS["glm-4.6v-flash"]
CHANNELS = {0: 1, 2: 3, 6: 4}  # of the colour types of PNG


async def one(data: bytes) -> Picture:
    with anyio.fail_after(30):
        (picture,) = await prepare_images([source(data)], CARD)
    return picture


def png(values: list[int], colour: int) -> bytes:
    """One row of 16-bit values, big-endian as PNG has them."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    width = len(values) // CHANNELS[colour]
    row = b"\0" + struct.pack(f">{len(values)}H", *values)
    header = struct.pack(">IIBBBBB", width, 1, 16, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(row))
        + chunk(b"IEND", b"")
    )


def tiff12(values: list[int]) -> bytes:
    """Twelve bits a value, packed, as the header says."""
    packed = bytearray()
    for a, b in zip(values[::2], values[1::2], strict=True):
        packed += bytes((a >> 4, (a & 15) << 4 | b >> 8, b & 255))
    tags = ImageFileDirectory_v2()
    for tag, value in ((256, len(values)), (257, 1), (258, 12), (259, 1), (262, 1), (277, 1), (278, 1)):
        tags[tag] = value
    tags[273], tags[279] = 0, len(packed)  # counted from the end of the directory
    out = io.BytesIO()
    out.write(b"II*\0\x08\0\0\0")
    tags.save(out)
    return out.getvalue() + bytes(packed)


@pytest.mark.parametrize(("bits", "top"), [(8, 255), (10, 1023), (12, 4095)])
@pytest.mark.parametrize("colour", CHANNELS)
async def test_fewer_bits_in_sixteen_are_shown_by_what_they_use(bits: int, top: int, colour: int) -> None:
    values: list[int] = []
    for value in (0, top // 2 + 1, top, 7):
        values += [value] * min(3, CHANNELS[colour]) + [65535] * (colour == 6)
    picture = await one(png(values, colour))
    image = shown(picture).convert("L")
    got: list[Any] = [image.getpixel((x, 0)) for x in range(3)]
    assert got == [0, pytest.approx(128, abs=1), pytest.approx(255, abs=1)]
    assert picture.notes == (f"only {bits} of its 16 bits are used: shown as {bits} bits",)


@pytest.mark.parametrize("colour", CHANNELS)
async def test_all_sixteen_bits_are_shown_as_they_are(colour: int) -> None:
    values: list[int] = []
    for value in (0, 32768, 65535):
        values += [value] * min(3, CHANNELS[colour]) + [65535] * (colour == 6)
    picture = await one(png(values, colour))
    image = shown(picture).convert("L")
    assert [image.getpixel((x, 0)) for x in range(3)] == [0, pytest.approx(128, abs=1), 255]
    assert picture.notes == ()


async def test_black_stays_black_without_a_word() -> None:
    for colour in (0, 2):
        picture = await one(png([0] * 6, colour))
        assert shown(picture).convert("L").getextrema() == (0, 0)
        assert picture.notes == ()


async def test_twelve_bits_that_the_file_speaks_of_are_no_guess() -> None:
    picture = await one(tiff12([0, 1024, 2048, 200]))
    image = shown(picture).convert("L")
    assert [image.getpixel((x, 0)) for x in range(3)] == [0, 63, 127]
    assert picture.notes == ()


async def test_twelve_bits_in_a_sixteen_bit_tiff_are_shown_by_what_they_use() -> None:
    ramp = Image.frombytes("I;16", (3, 1), struct.pack("<3H", 0, 2048, 4095))
    picture = await one(save(ramp, "TIFF"))
    image = shown(picture).convert("L")
    assert [image.getpixel((x, 0)) for x in range(3)] == [0, 127, 255]
    assert picture.notes == ("only 12 of its 16 bits are used: shown as 12 bits",)
