"""Bitmaps of Windows whose pixels are laid out in a way of their own, QOI pictures that begin with black, and GIFs whose
frames are taken away.
"""

from __future__ import annotations

import struct

import pytest
from PIL import Image
from support.cases import each
from support.pictures import RED, corners, save, seen, shown, source

from glm_mcp.errors import MediaTooLarge
from glm_mcp.media.images.prepare import prepare_images
from glm_mcp.media.types import Picture
from glm_mcp.registry import CARDS

pytestmark = pytest.mark.anyio


async def one(data: bytes, name: str) -> Picture:
    (picture,) = await prepare_images([source(data, name)], CARDS["glm-4.6v-flash"])
    return picture


def bitmap(masks: tuple[int, ...], bits: int, *, cover: int = 255, down: bool = False) -> bytes:
    """`corners` with each colour in the bits of its mask; `cover`: how far each pixel covers."""
    head, packing = (56, 3) if len(masks) == 4 else (40, 3)
    form = "H" if bits == 16 else "I"
    rows = []
    picture = corners().convert("RGBA")
    picture.putalpha(cover)
    for y in range(40) if down else reversed(range(40)):
        row = b""
        for x in range(60):
            colour: tuple[int, ...] = picture.getpixel((x, y))  # type: ignore[assignment]
            value = 0
            for band, mask in zip(colour, masks, strict=False):
                low = mask & -mask
                value |= band * (mask // low) // 255 * low
            row += struct.pack(f"<{form}", value)
        rows.append(row + bytes(-len(row) % 4))
    pixels = b"".join(rows)
    start = 14 + head + (12 if head == 40 else 0)
    said = struct.pack(
        "<IiiHHIIiiII", head, 60, -40 if down else 40, 1, bits, packing, len(pixels), 0, 0, 0, 0
    )
    whole = said + struct.pack(f"<{len(masks)}I", *masks) + pixels
    return b"BM" + struct.pack("<I4xI", 14 + len(whole), start) + whole


@each(
    ("masks", "bits"),
    [
        ((0xFF, 0xFF00, 0xFF0000), 32),
        ((0x3FF00000, 0xFFC00, 0x3FF), 32),
        ((0xFF, 0xFF00, 0xFF0000, 0xFF000000), 32),
        ((0xFF0000, 0xFF00, 0xFF000000, 0xFF), 32),
        ((0x3FF00000, 0xFFC00, 0x3FF, 0xC0000000), 32),
        ((0xF00, 0xF0, 0xF), 16),
        ((0xF00, 0xF0, 0xF, 0xF000), 16),
        ((0x7C00, 0x3E0, 0x1F, 0x8000), 16),
    ],
)
async def test_a_bitmap_is_read_wherever_its_colours_have_their_bits(
    masks: tuple[int, ...], bits: int
) -> None:
    for down in (False, True):
        picture = await one(bitmap(masks, bits, down=down), "a.bmp")
        assert (picture.original, seen(shown(picture)), picture.notes) == ((60, 40), "RGBY", ())


async def test_a_bitmap_of_sixteen_bits_that_covers_half_lies_on_white() -> None:
    image = shown(await one(bitmap((0xF00, 0xF0, 0xF, 0xF000), 16, cover=136), "a.bmp")).convert("RGB")
    assert image.getpixel((1, 1)) == (237, 128, 128)


async def test_a_bitmap_that_nowhere_covers_anything_is_shown_as_if_it_did() -> None:
    data = bitmap((0xF00, 0xF0, 0xF, 0xF000), 16, cover=0)
    assert seen(shown(await one(data, "a.bmp"))) == "RGBY"


async def test_a_bitmap_that_breaks_off_is_shown_as_far_as_it_goes_and_a_huge_one_refused() -> None:
    data = bitmap((0xFF, 0xFF00, 0xFF0000), 32, down=True)
    picture = await one(data[:-4800], "a.bmp")
    assert shown(picture).convert("RGB").getpixel((1, 1)) == RED
    assert picture.notes == ("file is truncated: the missing part is grey or black",)
    with pytest.raises(MediaTooLarge):
        await one(data[:18] + struct.pack("<ii", 100_000, 100_000) + data[26:], "a.bmp")


@each("run", [1, 2, 62])
async def test_black_is_black_in_a_qoi_that_begins_with_it(run: int) -> None:
    # A run of what was before the first pixel, one red pixel, and the black one that is remembered.
    data = b"qoif" + struct.pack(">IIBB", run + 2, 1, 4, 0) + bytes([0xBF + run])
    data += b"\xfe\xff\0\0" + bytes([255 * 11 % 64]) + bytes(7) + b"\1"
    image = shown(await one(data, "a.qoi")).convert("RGB")
    assert list(image.crop((run - 1, 0, run + 2, 1)).tobytes()) == [0, 0, 0, 255, 0, 0, 0, 0, 0]


def frame(size: tuple[int, int], colour: int, place: tuple[int, int]) -> bytes:
    """A frame of a GIF in one of its four colours."""
    image = Image.new("P", size, colour)
    image.putpalette([0, 0, 255, 0, 255, 0, 255, 0, 0, 9, 9, 9])
    data = save(image, "GIF", optimize=False)
    at = data.index(b"\x2c\0\0\0\0" + struct.pack("<HH", *size))
    return b"\x2c" + struct.pack("<HH", *place) + data[at + 5 : -1]


@each("said", [True, False])
async def test_the_place_of_a_frame_that_is_taken_away_is_empty(said: bool) -> None:
    # 40 pixels square; the first frame stays, the second goes, the third comes beside it.
    colours = bytes([0, 0, 255, 0, 255, 0, 255, 0, 0, 9, 9, 9])
    data = b"GIF89a" + struct.pack("<HHBBB", 40, 40, 0x81, 0, 0) + colours
    data += (b"\x21\xf9\4\x04\x14\0\0\0" if said else b"") + frame((40, 40), 1, (0, 0))
    data += b"\x21\xf9\4\x08\x14\0\0\0" + frame((10, 10), 2, (5, 5))
    data += b"\x21\xf9\4\x04\x14\0\0\0" + frame((10, 10), 3, (25, 5)) + b";"
    pictures = await prepare_images([source(data, "a.gif")], CARDS["glm-4.6v-flash"])
    places = [[shown(p).convert("RGB").getpixel(at) for at in ((8, 8), (28, 8), (20, 30))] for p in pictures]
    green, red, black, white = (0, 255, 0), (255, 0, 0), (9, 9, 9), (255, 255, 255)
    assert places == [[green, green, green], [red, green, green], [white, black, green]]
