"""Photoshop's files: large documents, channels that are no colours, transparency, and what has no picture of its layers."""

from __future__ import annotations

import struct
from typing import Any

import anyio
import pytest
from PIL import Image
from support.cases import each
from support.pictures import corners, save, seen, shown, source

from glm_mcp.errors import UnsupportedMedia
from glm_mcp.media.images.prepare import prepare_images
from glm_mcp.media.types import Picture
from glm_mcp.registry import CARDS

pytestmark = pytest.mark.anyio

CARD = CARDS["glm-4.6v-flash"]
WITHOUT_PICTURE = b"8BIM\x04\x21\0\0" + struct.pack(">II?x", 6, 1, False) + bytes(4)
RGB, BITMAP = 3, 0


async def one(data: bytes, name: str) -> Picture:
    with anyio.fail_after(60):
        (picture,) = await prepare_images([source(data, name)], CARD)
    return picture


def photoshop(
    *bands: Image.Image,
    version: int = 1,
    packed: bool = False,
    layers: int = 0,
    said: bytes = b"",
    mode: int = RGB,
) -> bytes:
    """A file of these channels. `layers`: their number, below zero where the one after the colours is transparency."""
    (width, height), depth = bands[0].size, 1 if mode == BITMAP else 8
    head = b"8BPS" + struct.pack(">H6xHIIHH", version, len(bands), height, width, depth, mode) + bytes(4)
    large = version == 2
    inner = struct.pack(">Qh" if large else ">Ih", 2, layers)
    layered = struct.pack(">Q" if large else ">I", len(inner)) + inner
    head += struct.pack(">I", len(said)) + said + layered
    raw = [band.tobytes() for band in bands]
    if not packed:
        return head + b"\0\0" + b"".join(raw)
    rows = [channel[at : at + width] for channel in raw for at in range(0, len(channel), width)]
    runs = [bytes((width - 1,)) + row for row in rows]
    lengths = b"".join(struct.pack(">I" if large else ">H", len(run)) for run in runs)
    return head + b"\0\1" + lengths + b"".join(runs)


@each("packed", [False, True])
@each("more", [0, 1, 2, 4])
@each(("name", "version"), [("a.psd", 1), ("a.psb", 2)])
async def test_channels_that_are_no_colours_change_nothing(
    name: str, version: int, more: int, packed: bool
) -> None:
    selections = [Image.new("L", (60, 40), 0)] * more
    data = photoshop(*corners().split(), *selections, version=version, packed=packed)
    picture = await one(data, name)
    assert (picture.original, seen(shown(picture)), picture.notes) == ((60, 40), "RGBY", ())


def on_white(colour: int, alpha: int) -> tuple[Image.Image, ...]:
    """A square of this grey and transparency in the middle of nothing, its colours laid on white as Photoshop does."""
    grey, clear = Image.new("L", (60, 40), 255), Image.new("L", (60, 40), 0)
    grey.paste((colour * alpha + 255 * (255 - alpha)) // 255, (15, 10, 45, 30))
    clear.paste(alpha, (15, 10, 45, 30))
    return grey, grey, grey, clear


@each(("colour", "alpha", "seen_as"), [(0, 128, 127), (0, 255, 0), (255, 255, 255)])
async def test_what_can_be_seen_through_is_as_dark_as_in_photoshop(
    colour: int, alpha: int, seen_as: int
) -> None:
    picture = await one(photoshop(*on_white(colour, alpha), layers=-1), "a.psd")
    image = shown(picture).convert("L")
    ground = 118 if colour == 255 else 255  # white on nothing would be lost on white
    assert image.getpixel((30, 20)) == pytest.approx(seen_as, abs=1)
    assert image.getpixel((2, 2)) == pytest.approx(ground, abs=1)


async def test_a_file_of_another_program_is_seen_through_as_a_png_is() -> None:
    """Red of one strength everywhere, half of it seen in the middle, nothing round that."""
    red, none, clear = Image.new("L", (60, 40), 255), Image.new("L", (60, 40), 0), on_white(0, 128)[3]
    image = shown(await one(photoshop(red, none, none, clear, layers=-1), "a.psd")).convert("RGB")
    pink: Any = image.getpixel((30, 20))
    assert pink == pytest.approx((255, 127, 127), abs=2)
    assert image.getpixel((2, 2)) == (255, 255, 255)


async def test_one_bit_a_pixel_is_black_where_it_is_set() -> None:
    bits = Image.new("1", (64, 40), 1)
    bits.paste(0, (0, 0, 32, 40))
    image = shown(await one(photoshop(bits, mode=BITMAP), "a.psd")).convert("L")
    assert (image.getpixel((5, 5)), image.getpixel((60, 5))) == (255, 0)


async def test_a_file_without_the_picture_of_its_layers_says_how_to_save_it() -> None:
    white = Image.new("L", (60, 40), 255)
    with pytest.raises(UnsupportedMedia, match="was saved without the picture of its layers"):
        await one(photoshop(white, white, white, said=WITHOUT_PICTURE), "a.psd")
    words = Image.new("L", (60, 40))
    words.paste(255, (10, 10, 40, 20))
    with pytest.raises(UnsupportedMedia, match="was saved without the picture of its layers"):
        await one(photoshop(words, words, words, said=WITHOUT_PICTURE), "a.psd")
    assert shown(await one(photoshop(words, words, words), "a.psd")).convert("L").getpixel((20, 15)) == 255
    picture = await one(photoshop(*corners().split(), said=WITHOUT_PICTURE), "a.psd")
    assert seen(shown(picture)) == "RGBY"


async def test_a_file_without_the_picture_of_its_layers_is_shown_as_its_preview_where_it_has_one() -> None:
    white = Image.new("L", (600, 400), 255)
    small = save(corners(150, 100), "JPEG", quality=95)
    body = struct.pack(">II20x", 1, 150) + small
    entry = b"8BIM\x04\x0c\0\0" + struct.pack(">I", len(body)) + body + bytes(len(body) % 2)
    picture = await one(photoshop(white, white, white, said=entry + WITHOUT_PICTURE), "a.psd")
    assert seen(shown(picture)) == "RGBY"
    assert (picture.original, picture.scale) == ((600, 400), 0.25)
    assert "saved without the picture of its layers" in picture.notes[0]
    broken = entry.replace(struct.pack(">II", 1, 150), bytes(8))
    with pytest.raises(UnsupportedMedia, match="was saved without the picture of its layers"):
        await one(photoshop(white, white, white, said=broken + WITHOUT_PICTURE), "a.psd")


@each(("layers", "cover"), [(0, None), (-1, 1.0), (-1, 0.0)])
@each(("name", "version"), [("a.psd", 1), ("a.psb", 2)])
async def test_light_of_32_bits_is_shown_as_on_a_screen(
    name: str, version: int, layers: int, cover: float | None
) -> None:
    bands = [[(v / 255) ** 2.2 for v in band.tobytes()] for band in corners().split()]
    bands += [[cover] * 2400] if cover is not None else []
    if layers == 0:
        bands[0][0] = 40.0  # brighter than white
    small = photoshop(*[Image.new("L", (1, 1))] * len(bands), version=version, layers=layers)
    head = small[:14] + struct.pack(">IIHH", 40, 60, 32, RGB) + small[26 : -len(bands)]
    data = head + b"".join(struct.pack(">2400f", *band) for band in bands)
    picture = await one(data, name)
    assert picture.notes == ()
    if cover == 0.0:
        assert shown(picture).convert("L").getextrema() == (255, 255)
    else:
        assert seen(shown(picture)) == "RGBY"
    if layers == 0:
        assert shown(picture).convert("RGB").getpixel((0, 0)) == (255, 20, 20)


async def test_a_large_document_whose_layers_are_longer_than_any_file_is_damaged() -> None:
    whole = photoshop(*corners(60, 40).split(), version=2, layers=3)
    head = whole.index(struct.pack(">Qh", 2, 3)) - 8
    broken = whole[:head] + b"\xff" * 8 + whole[head + 8 :]
    with pytest.raises(UnsupportedMedia, match="the file is damaged"):
        await one(broken, "a.psb")


@each("end", [20, 30, 44, 60])
async def test_a_large_document_that_breaks_off_is_damaged(end: int) -> None:
    with pytest.raises(UnsupportedMedia, match="the file is damaged"):
        await one(photoshop(*corners().split(), version=2, packed=True)[:end], "a.psb")
