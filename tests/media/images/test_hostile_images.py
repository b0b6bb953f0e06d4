"""Truncated, broken and lying picture files: used as far as they go, or refused by name."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from support.cases import each
from support.pictures import BLUE, corners, photo, png_claiming, save, shown, source

from glm_mcp.errors import MediaTooLarge, UnsupportedMedia
from glm_mcp.media.images import decode
from glm_mcp.media.images.prepare import prepare_images
from glm_mcp.media.types import Picture
from glm_mcp.registry import CARDS

pytestmark = pytest.mark.anyio

CARD = CARDS["glm-4.6v-flash"]


async def one(data: bytes, name: str = "shot.png", **fragment: Any) -> Picture:
    with anyio.fail_after(60):
        pictures = await prepare_images([source(data, name, **fragment)], CARD)
    assert len(pictures) == 1
    return pictures[0]


async def many(data: bytes, **fragment: Any) -> list[Picture]:
    with anyio.fail_after(60):
        return await prepare_images([source(data, **fragment)], CARD)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
async def test_a_truncated_file_is_used_and_it_is_said(kind: str) -> None:
    whole = photo(400, 400)
    whole.paste(BLUE, (0, 0, 400, 100))
    data = save(whole, kind)
    picture = await one(data[: len(data) * 6 // 10])
    assert picture.notes == ("file is truncated: the missing part is grey or black",)
    image = shown(picture).convert("RGB")
    pixel: Any = image.getpixel((200, 50))
    assert max(abs(a - b) for a, b in zip(pixel, BLUE, strict=True)) < 30
    assert image.size == (400, 400)


@each(
    "data",
    [
        b"",
        b"no picture at all",
        b"\x89PNG\r\n\x1a\n" + b"\0" * 50,
        b"\xff\xd8\xff\xe0" + b"\0" * 50,
        b"GIF89a" + b"\xff" * 30,
        b"RIFF\x10\0\0\0WEBPVP8 ",
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
        b"\0\0\0\x18ftypavif\0\0\0\0mif1avif",
        b"II*\0\x08\0\0\0\xff\xff",
        b"\0\0\0\x0cjP  \r\n\x87\n" + b"\0" * 9,
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",
        save(corners(), "PNG")[:60],
        save(corners(), "WEBP")[:60],
        save(corners(300, 300), "AVIF")[:300],
        save(photo(100, 100), "JPEG2000")[:90],
    ],
)
async def test_a_broken_file_is_refused_by_its_name(data: bytes) -> None:
    with anyio.fail_after(60), pytest.raises(UnsupportedMedia, match=r"bad\.png"):
        await prepare_images([source(data, "bad.png")], CARD)


async def test_every_shortened_picture_is_an_answer_or_a_plain_refusal() -> None:
    refused = 0
    for kind in ("PNG", "JPEG", "GIF", "WEBP", "BMP"):
        data = save(corners(), kind)
        for part in range(1, 8):
            try:
                await one(data[: len(data) * part // 8])
            except UnsupportedMedia:
                refused += 1
    assert 0 < refused < 35


@each(("width", "height"), [(100_000, 100_000), (20_000, 20_000), (15_000, 14_000)])
async def test_a_header_that_claims_too_much_is_refused_before_decoding(width: int, height: int) -> None:
    with anyio.fail_after(10), pytest.raises(MediaTooLarge, match=r"bomb\.png"):
        await prepare_images([source(png_claiming(width, height), "bomb.png")], CARD)


def test_caps_are_asked_per_format() -> None:
    assert decode.CAPS["JPEG"] > decode.CAPS["PNG"] > decode.CAP > decode.CAPS["HEIF"]


async def test_a_truncated_animation_shows_the_frames_that_are_left() -> None:
    frames = [photo(80, 60, i) for i in range(12)]
    data = save(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=200)
    pictures = await many(data[: len(data) // 2])
    assert 2 <= len(pictures) <= 6
    assert "file is truncated" in pictures[0].notes[0] or "animation: 6 of" in pictures[0].notes[0]


async def test_one_bad_picture_is_one_plain_error() -> None:
    with pytest.raises(UnsupportedMedia, match=r"bad\.png"):
        await prepare_images([source(save(corners(), "PNG")), source(b"bad", "bad.png")], CARD)
