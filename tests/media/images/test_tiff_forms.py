"""TIFFs whose values, colours or tiles lie in them as few programs write them."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterable
from typing import Any

import anyio
import pytest
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2
from support.cases import each
from support.pictures import corners, seen, shown, source

from glm_mcp.errors import MediaTooLarge, UnsupportedMedia
from glm_mcp.media.images.prepare import prepare_images
from glm_mcp.media.types import Picture
from glm_mcp.registry import CARDS

pytestmark = pytest.mark.anyio


async def one(data: bytes) -> Picture:
    with anyio.fail_after(60):
        (picture,) = await prepare_images([source(data, "a.tif")], CARDS["glm-4.6v-flash"])
    return picture


def tiff(
    pieces: list[bytes],
    size: tuple[int, int],
    bits: tuple[int, ...],
    *,
    order: str = "II",
    **more: Any,
) -> bytes:
    """A file of one page, whose strips are `pieces`. `more`: `t262=0` sets that tag."""
    tags = ImageFileDirectory_v2(prefix=order.encode())
    lengths = [len(piece) for piece in pieces]
    starts = tuple(sum(lengths[:i]) for i in range(len(lengths)))
    values: dict[int, Any] = {256: size[0], 257: size[1], 258: bits, 259: 1, 277: len(bits), 278: size[1]}
    values |= {262: 2 if len(bits) > 1 else 1, 284: 1, 273: starts, 279: tuple(lengths)}
    values |= {int(name[1:]): value for name, value in more.items()}
    for tag, value in values.items():
        tags[tag] = value
    out = io.BytesIO()
    out.write(b"II*\0\x08\0\0\0" if order == "II" else b"MM\0*\0\0\0\x08")
    tags.save(out)
    return out.getvalue() + b"".join(pieces)


def packed(values: Iterable[int], bits: int, order: str = "II") -> bytes:
    """A row of them without gaps, or as whole bytes in their order."""
    if bits % 8 == 0:
        return b"".join(value.to_bytes(bits // 8, "little" if order == "II" else "big") for value in values)
    text = "".join(f"{value:0{bits}b}" for value in values)
    return bytes(int(text[i : i + 8].ljust(8, "0"), 2) for i in range(0, len(text), 8))


def rows(picture: Image.Image, bits: int, order: str, bands: Iterable[int]) -> bytes:
    """The colours `bands` of the picture, row after row."""
    top = (1 << bits) - 1
    found = b""
    for y in range(picture.height):
        pixels: list[Any] = [picture.getpixel((x, y)) for x in range(picture.width)]
        found += packed((pixel[band] * top // 255 for pixel in pixels for band in bands), bits, order)
    return found


@each("order", ["II", "MM"])
@each("bits", [3, 5, 6, 10, 12, 14, 24])
@each("least_is_white", [True, False])
async def test_grey_of_any_number_of_bits_is_as_bright_as_it_is(
    order: str, bits: int, least_is_white: bool
) -> None:
    top = (1 << bits) - 1
    values = [0, top // 3, top // 2, top]
    data = tiff(
        [packed(values, bits, order)] * 2,
        (4, 2),
        (bits,),
        order=order,
        t262=0 if least_is_white else 1,
        t278=1,
    )
    picture = await one(data)
    got = list(shown(picture).convert("L").crop((0, 1, 4, 2)).tobytes())
    wanted = [255 * value / top for value in values]
    assert got == pytest.approx([255 - v for v in wanted] if least_is_white else wanted, abs=2)
    assert picture.notes == ()


async def test_packed_grey_of_twelve_bits_whose_least_is_white_is_no_black_page() -> None:
    body = zlib.compress(packed([0, 1365, 2730, 4095], 12))
    image = shown(await one(tiff([body], (4, 1), (12,), t259=8, t262=0))).convert("L")
    assert list(image.tobytes()) == pytest.approx([255, 170, 85, 0], abs=2)


@each("order", ["II", "MM"])
@each("bits", [2, 4, 10, 12, 14, 24, 32])
@each("planes", [True, False])
async def test_colours_of_any_number_of_bits_are_read(order: str, bits: int, planes: bool) -> None:
    picture = corners(30, 20)
    pieces = [rows(picture, bits, order, part) for part in (((0,), (1,), (2,)) if planes else ((0, 1, 2),))]
    made = await one(tiff(pieces, (30, 20), (bits,) * 3, order=order, t284=2 if planes else 1))
    assert (made.original, made.notes) == ((30, 20), ())
    if bits > 2:
        assert seen(shown(made)) == "RGBY"
    else:
        assert shown(made).convert("RGB").getpixel((1, 1)) == (170, 0, 0)


async def test_colours_of_four_bits_that_cover_half_lie_on_white() -> None:
    picture = corners(30, 20).convert("RGBA")
    picture.putalpha(136)
    data = tiff([rows(picture, 4, "II", (0, 1, 2, 3))], (30, 20), (4,) * 4, t338=2)
    assert shown(await one(data)).convert("RGB").getpixel((1, 1)) == (237, 128, 128)


async def test_print_of_sixteen_bits_in_planes_is_read() -> None:
    bands = [Image.eval(band, lambda v: 255 - v).tobytes() for band in corners(30, 20).split()]
    planes = [b"".join(struct.pack("<H", v * 257) for v in band) for band in (*bands, bytes(600))]
    made = await one(tiff(planes, (30, 20), (16,) * 4, t262=5, t284=2))
    assert seen(shown(made)) == "RGBY"


async def test_print_that_is_seen_through_is_shown_and_that_this_is_left_out_is_said() -> None:
    bands = [Image.eval(band, lambda v: 255 - v).tobytes() for band in corners(30, 20).split()]
    pixels = b"".join(bytes(five) for five in zip(*bands, bytes(600), b"\xff" * 600, strict=True))
    made = await one(tiff([pixels], (30, 20), (8,) * 5, t262=5, t338=2))
    assert (seen(shown(made)), made.notes) == ("RGBY", ("where it is transparent is not shown",))


async def test_colours_that_two_neighbours_share_are_theirs() -> None:
    light, *colours = (band.tobytes() for band in corners(30, 20).convert("YCbCr").split())
    pixels = b"".join(
        bytes((light[at], light[at + 1], colours[0][at], colours[1][at])) for at in range(0, 600, 2)
    )
    made = await one(tiff([pixels], (30, 20), (8,) * 3, t262=6, t530=(2, 1)))
    assert seen(shown(made)) == "RGBY"


async def test_tiles_that_stand_in_the_place_of_strips_are_put_where_they_belong() -> None:
    picture = corners(48, 32).convert("L")
    tiles = [picture.crop((x, y, x + 16, y + 16)).tobytes() for y in (0, 16) for x in (0, 16, 32)]
    made = await one(tiff(tiles, (48, 32), (8,), t322=16, t323=16))
    assert shown(made).convert("L").tobytes() == picture.tobytes()


async def test_grey_and_transparency_in_planes_is_grey_rather_than_white() -> None:
    values = bytes(range(200)) * 3
    grey, cover = zlib.compress(values), zlib.compress(b"\xff" * 600)
    picture = await one(tiff([grey, cover], (30, 20), (8, 8), t259=8, t262=1, t284=2, t338=1))
    assert shown(picture).convert("L").tobytes() == values
    assert picture.notes == ("where it is transparent is not shown",)


async def test_packed_values_that_break_off_are_shown_so_far_and_too_many_refused() -> None:
    data = tiff([rows(corners(30, 20), 10, "MM", (0, 1, 2))], (30, 20), (10,) * 3, order="MM")
    made = await one(data[:-200])
    assert shown(made).convert("RGB").getpixel((1, 1))[0] > 200  # type: ignore[index]
    assert made.notes
    with pytest.raises(MediaTooLarge):
        await one(tiff([b"\0" * 99], (60_000, 60_000), (10,) * 3))


async def test_a_page_without_rows_is_damaged() -> None:
    with pytest.raises(UnsupportedMedia, match="the file is damaged"):
        await one(tiff([b"\x80" * 12], (4, 0), (8, 8, 8)))
