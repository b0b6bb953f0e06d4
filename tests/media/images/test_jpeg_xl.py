"""JPEG XL: upright, in its colours, as the JPEG that was packed in it; bounded before it is decoded."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import anyio
import pytest
from PIL import Image
from support.cases import each
from support.pictures import corners, exif, save, seen, shown, source

from glm_mcp.errors import MediaTooLarge, UnsupportedMedia
from glm_mcp.media.images.prepare import prepare_images
from glm_mcp.media.types import Picture
from glm_mcp.registry import CARDS

pytest.importorskip("pillow_jxl", reason="not built for this Python")
pytestmark = pytest.mark.anyio

# Both by cjxl 0.7: two pictures of a tenth of a second, red and blue; and four corners with a turn in the header.
ANIMATED = "/wpYMMEAAopLAggCkgkAAFwASxiLFQDUjDEYxwtEALBIJNviD0DYjwYIApIFAEQASxiLFYBd1P8CEQAQtzOd+AM="
TURNED = (
    "AAAADEpYTCANCocKAAAAFGZ0eXBqeGwgAAAAAGp4bCAAAAA/anhsY/8KWDALBBSXBAgCAQCgAEsYk46DgwCoe8cYL8ZeIAiAhtkqBsQlQYo2+k8JSTr"
    "6SLDM+nJwNQE="
)


async def one(data: bytes) -> Picture:
    with anyio.fail_after(60):
        (picture,) = await prepare_images([source(data, "a.jxl")], CARDS["glm-4.6v-flash"])
    return picture


@each("mode", ["RGB", "RGBA"])
@each("contained", [False, True])
async def test_its_corners_are_in_place(mode: str, contained: bool) -> None:
    picture = await one(save(corners(120, 80).convert(mode), "JXL", lossless=True, use_container=contained))
    assert seen(shown(picture)) == "RGBY"
    assert picture.original == (120, 80)
    assert picture.notes == ()


@each(
    "grey",
    [
        Image.linear_gradient("L"),
        Image.linear_gradient("L").convert("LA"),
        Image.linear_gradient("L").convert("F").point(lambda value: value / 255),
        Image.linear_gradient("L").convert("I").point(lambda value: value * 257).convert("I;16"),
    ],
)
async def test_grey_of_any_depth_goes_from_black_to_white(grey: Image.Image) -> None:
    image = shown(await one(save(grey, "JXL", lossless=True))).convert("L")
    values: list[Any] = [image.getpixel((100, y)) for y in (5, 128, 250)]
    assert values == pytest.approx([5, 128, 250], abs=12)


async def test_a_turn_in_its_header_is_honoured() -> None:
    image = shown(await one(base64.b64decode(TURNED)))
    assert seen(image.resize((120, 160), Image.Resampling.NEAREST)) == "BRYG"


async def test_a_jpeg_packed_in_it_is_turned_as_that_jpeg_says(tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    stored = corners(160, 96).transpose(Image.Transpose.ROTATE_90)
    file.write_bytes(save(stored, "JPEG", quality=95, exif=exif(6)))
    out = io.BytesIO()
    with Image.open(file) as image:
        image.save(out, "JXL", lossless_jpeg=True)
    picture = await one(out.getvalue())
    assert seen(shown(picture)) == "RGBY"
    assert picture.original == (160, 96)


async def test_of_an_animation_the_last_picture_is_shown_and_that_is_said() -> None:
    picture = await one(base64.b64decode(ANIMATED))
    assert picture.notes == ("an animation: its last picture is shown",)
    red, _, blue = shown(picture).convert("RGB").getpixel((8, 6))  # type: ignore[misc]
    assert blue - red > 150


def boxed(*parts: bytes) -> bytes:
    """A stream in a container, in parts."""
    boxes = [(b"JXL ", b"\r\n\x87\n"), (b"ftyp", b"jxl \0\0\0\0jxl ")]
    last = len(parts) - 1
    for number, part in enumerate(parts):
        boxes.append((b"jxlp", (number | (number == last) << 31).to_bytes(4, "big") + part))
    return b"".join((8 + len(body)).to_bytes(4, "big") + kind + body for kind, body in boxes)


@each("cut", [0, 1, 2, 3, 5])
async def test_one_that_claims_too_many_pixels_is_refused_before_it_is_decoded(cut: int) -> None:
    bits = (
        0 | 3 << 1 | (1 << 30) - 1 << 3 | 1 << 33
    )  # no small one; a height of 30 bits; as wide as it is high
    stream = b"\xff\x0a" + bits.to_bytes(40, "little")
    with pytest.raises(MediaTooLarge, match="million pixels"):
        await one(boxed(stream[:cut], stream[cut:]) if cut else stream)


@each("cut", [1, 3, 40])
async def test_one_in_parts_is_read(cut: int) -> None:
    whole = save(corners(160, 96), "JXL", use_container=False)
    assert whole[:2] == b"\xff\x0a"
    assert (await one(boxed(whole[:cut], whole[cut:]))).original == (160, 96)


@each("kept", [2, 5, 30, 200])
async def test_one_that_is_cut_off_is_refused_by_its_name(kept: int) -> None:
    whole = save(corners(300, 200), "JXL", use_container=True)
    with pytest.raises(UnsupportedMedia, match=r"a\.jxl") as refused:
        await one(b"\xff\x0a" + whole[-100:] if kept == 2 else whole[:kept])
    assert "Readable:" not in refused.value.hint
