"""Pictures of 16 bits that use fewer: shown by those that they use, and it is said when that is a guess."""

from __future__ import annotations

import functools
import io
import operator
import struct
import zlib
from collections.abc import Iterable
from typing import Any

import anyio
import pytest
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2
from support.cases import each
from support.pictures import save, shown, source

from glm_mcp.media.images.prepare import prepare_images
from glm_mcp.media.types import Picture
from glm_mcp.registry import CARDS

pytestmark = pytest.mark.anyio

CARD = CARDS["glm-4.6v-flash"]
CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}  # of the colour types of PNG


def pixel(value: int, colour: int) -> list[int]:
    """Opaque where that can be said."""
    return [value] * (3 if colour & 2 else 1) + [65535] * (colour & 4 > 0)


async def one(data: bytes) -> Picture:
    with anyio.fail_after(60):
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


def tiff(
    body: bytes, *, size: tuple[int, int], bits: tuple[int, ...], planes: int = 1, order: str = "II"
) -> bytes:
    """A file of one page that is not compressed: grey, or of red, green and blue."""
    tags = ImageFileDirectory_v2(prefix=order.encode())
    for tag, value in (
        (256, size[0]),
        (257, size[1]),
        (258, bits),
        (259, 1),
        (277, len(bits)),
        (278, size[1]),
    ):
        tags[tag] = value
    tags[262], tags[284] = (2 if len(bits) == 3 else 1), planes
    lengths = [len(body) // 3] * 3 if planes == 2 else [len(body)]
    tags[273], tags[279] = (
        tuple(sum(lengths[:i]) for i in range(len(lengths))),
        tuple(lengths),
    )  # from the directory's end
    out = io.BytesIO()
    out.write(b"II*\0\x08\0\0\0" if order == "II" else b"MM\0*\0\0\0\x08")
    tags.save(out)
    return out.getvalue() + body


def packed(values: Iterable[int]) -> bytes:
    """Twelve bits a value without gaps."""
    bits = "".join(f"{value:012b}" for value in values)
    return bytes(int(bits[i : i + 8].ljust(8, "0"), 2) for i in range(0, len(bits), 8))


def tiff12(values: list[int]) -> bytes:
    """Twelve bits a value, packed, as the header says."""
    return tiff(packed(values), size=(len(values), 1), bits=(12,))


@each(("bits", "top"), [(8, 255), (10, 1023), (12, 4095)])
@each("colour", CHANNELS)
async def test_fewer_bits_in_sixteen_are_shown_by_what_they_use(bits: int, top: int, colour: int) -> None:
    values: list[int] = []
    for value in (0, top // 2 + 1, top, 7):
        values += pixel(value, colour)
    picture = await one(png(values, colour))
    image = shown(picture).convert("L")
    got: list[Any] = [image.getpixel((x, 0)) for x in range(3)]
    assert got == [0, pytest.approx(128, abs=1), pytest.approx(255, abs=1)]
    assert picture.notes == (f"only {bits} of its 16 bits are used: shown as {bits} bits",)


@each("colour", CHANNELS)
async def test_all_sixteen_bits_are_shown_as_they_are(colour: int) -> None:
    values: list[int] = []
    for value in (0, 32768, 65535):
        values += pixel(value, colour)
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


COLOURS = [(0, 2048, 4095), (4095, 0, 100), (7, 1000, 3000)]
SEEN = [(0, 128, 255), (255, 0, 6), (0, 62, 187)]


def pixels(picture: Picture, count: int = 3) -> list[Any]:
    image = shown(picture).convert("RGB")
    return [pytest.approx(image.getpixel((x, 0)), abs=1) for x in range(count)]


@each("order", ["II", "MM"])
@each("planes", [1, 2])
async def test_a_colour_tiff_of_twelve_bits_in_sixteen_is_as_bright_as_it_was_taken(
    order: str, planes: int
) -> None:
    rows = [list(colour) for colour in COLOURS]
    values = (
        functools.reduce(operator.iadd, rows, [])
        if planes == 1
        else [row[band] for band in range(3) for row in rows]
    )
    body = struct.pack(f"{'<' if order == 'II' else '>'}9H", *values)
    picture = await one(tiff(body, size=(3, 1), bits=(16, 16, 16), planes=planes, order=order))
    assert pixels(picture) == SEEN
    assert picture.notes == ("only 12 of its 16 bits are used: shown as 12 bits",)


@pytest.mark.parametrize("planes", [1, 2])
async def test_a_colour_tiff_of_sixteen_bits_is_shown_as_it_is(planes: int) -> None:
    rows = [(0, 32768, 65535), (65535, 0, 1600), (100, 16000, 48000)]
    values = (
        functools.reduce(operator.iadd, map(list, rows), [])
        if planes == 1
        else [row[band] for band in range(3) for row in rows]
    )
    picture = await one(tiff(struct.pack("<9H", *values), size=(3, 1), bits=(16, 16, 16), planes=planes))
    assert pixels(picture) == [(0, 128, 255), (255, 0, 6), (0, 62, 187)]
    assert picture.notes == ()


async def test_a_colour_tiff_of_twelve_packed_bits_is_read() -> None:
    picture = await one(
        tiff(packed(functools.reduce(operator.iadd, map(list, COLOURS), [])), size=(3, 1), bits=(12, 12, 12))
    )
    assert pixels(picture) == SEEN
    assert picture.notes == ()
