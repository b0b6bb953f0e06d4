"""Pictures whose values are those of HDR arrive in the colours of an ordinary screen."""

from __future__ import annotations

import random
import struct
import zlib
from typing import Any

import anyio
import pytest
from PIL import Image
from support.cases import each
from support.image_kinds import heif
from support.pictures import save, shown, source

from glm_mcp.media.colours.said import transfer
from glm_mcp.media.images.prepare import prepare_images
from glm_mcp.media.types import Picture
from glm_mcp.registry import CARDS

pytestmark = pytest.mark.anyio

CARD = CARDS["glm-4.6v-flash"]
PQ, HLG = 16, 18
NOTE = "HDR picture: shown in the colours of an ordinary screen"
_MARK = b"colrnclx\0\1\0\x0d"  # sRGB, in what the libraries write


async def one(data: bytes, name: str) -> Picture:
    with anyio.fail_after(60):
        (picture,) = await prepare_images([source(data, name)], CARD)
    return picture


def colour(picture: Picture) -> Any:
    return shown(picture).convert("RGB").getpixel((30, 20))


def marked(image: Image.Image, kind: str, mark: int) -> bytes:
    if kind == "png":
        plain = save(image, "PNG")
        said = b"cICP" + bytes((9, mark, 0, 1))
        return plain[:33] + struct.pack(">I", 4) + said + struct.pack(">I", zlib.crc32(said)) + plain[33:]
    plain = heif(image) if kind == "heic" else save(image, "AVIF", quality=100, subsampling="4:4:4")
    assert _MARK in plain
    return plain.replace(_MARK, b"colrnclx" + struct.pack(">HH", 9, mark))


# White of paper, and the red of BT.709 as bright, by ST 2084 and BT.2100 in the colours of BT.2020.
@each("kind", ["png", "avif", "heic"])
@each(("mark", "white", "red"), [(PQ, (148,) * 3, (136, 83, 56)), (HLG, (191,) * 3, (181, 68, 33))])
async def test_an_hdr_picture_is_shown_in_the_colours_of_an_ordinary_screen(
    kind: str, mark: int, white: tuple[int, ...], red: tuple[int, ...]
) -> None:
    picture = await one(marked(Image.new("RGB", (60, 40), white), kind, mark), f"a.{kind}")
    assert min(colour(picture)) > 180
    assert picture.notes == (NOTE,)
    brightest, *rest = colour(await one(marked(Image.new("RGB", (60, 40), red), kind, mark), f"a.{kind}"))
    assert brightest > 185
    assert max(rest) < 70


@each("kind", ["png", "avif", "heic"])
async def test_what_is_transparent_in_an_hdr_picture_stays_it(kind: str) -> None:
    clear = Image.new("RGBA", (60, 40), (100, 100, 100, 0))
    clear.paste((0, 0, 0, 255), (0, 0, 10, 40))
    assert min(colour(await one(marked(clear, kind, PQ), f"a.{kind}"))) > 250


@each("kind", ["png", "avif", "heic"])
async def test_an_ordinary_picture_stays_as_it_is(kind: str) -> None:
    for mark in (1, 13):
        picture = await one(marked(Image.new("RGB", (60, 40), (148,) * 3), kind, mark), f"a.{kind}")
        assert picture.notes == ()
        assert abs(colour(picture)[0] - 148) <= 3


@each("kind", ["png", "avif", "heic"])
def test_marks_that_are_broken_say_nothing(kind: str) -> None:
    data = marked(Image.new("RGB", (60, 40)), kind, PQ)
    assert transfer(data, kind) == PQ
    assert {transfer(data[:end], kind) for end in range(300)} <= {0, PQ}
    chance = random.Random(5)
    for _ in range(500):
        broken = bytearray(data)
        for _ in range(3):
            broken[chance.randrange(min(400, len(data)))] = chance.randrange(256)
        assert transfer(bytes(broken), kind) in {0, PQ, HLG}
