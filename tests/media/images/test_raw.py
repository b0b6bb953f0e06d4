"""A camera's raw picture is shown as the JPEG in it."""

from __future__ import annotations

import struct

import anyio
import pytest
from PIL import Image
from support.cases import each
from support.pictures import corners, photo, save, seen, shown, source

from glm_mcp.errors import UnsupportedMedia
from glm_mcp.media.images.prepare import prepare_images
from glm_mcp.media.types import Picture
from glm_mcp.registry import CARDS

pytestmark = pytest.mark.anyio

CARD = CARDS["glm-4.6v-flash"]
SHOWN_AS = "a camera's raw picture: shown as the JPEG in it"
LOSSLESS = b"\xff\xd8\xff\xc3\0\x0b\x0e\x10\0\x10\0\1\1\x11\0" + bytes(
    500
)  # as which some cameras write the mosaic


async def one(data: bytes, name: str) -> Picture:
    with anyio.fail_after(60):
        (picture,) = await prepare_images([source(data, name)], CARD)
    return picture


def large(turn: int = 1) -> bytes:
    """The JPEG in a raw picture, as it lies on the sensor of a camera that was turned."""
    image = corners(480, 320)
    return save(image.transpose(Image.Transpose.ROTATE_90) if turn == 6 else image, "JPEG", quality=95)


def tagged(*more: tuple[int, int], mosaic: bool = False) -> bytes:
    """A TIFF of a small grey picture that says of itself what else it is told."""
    tags = sorted({256: 8, 257: 8, 258: 8, 259: 1, 262: 32803 if mosaic else 1, 273: 8, 277: 1, 278: 8, 279: 64, **dict(more)}.items())  # fmt: skip
    rows = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0" + struct.pack("<I", 72) + bytes(64) + struct.pack("<H", len(tags)) + rows + bytes(4)


SMALL_OF_ANOTHER = (254, 1), (330, 8)
DNG = (50706, 0x00000401)


@each(
    ("name", "data"),
    [
        ("a.raf", b"FUJIFILMCCD-RAW 0201" + bytes(80) + large()),
        ("a.cr3", b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + b"\0\0\0\x10CMT1" + bytes(100) + large()),
        ("a.crw", b"II\x1a\0\0\0HEAPCCDR" + bytes(20) + large()),
        ("a.nef", tagged(*SMALL_OF_ANOTHER) + LOSSLESS + large()),
        ("a.dng", tagged(DNG) + save(photo(160, 120), "JPEG") + large() + LOSSLESS),
        ("a.pef", tagged(mosaic=True) + large()),
    ],
)
async def test_a_raw_picture_is_shown_as_the_largest_jpeg_in_it(name: str, data: bytes) -> None:
    picture = await one(data, name)
    assert (picture.original, seen(shown(picture)), picture.notes[:1]) == ((480, 320), "RGBY", (SHOWN_AS,))


@pytest.mark.parametrize("box", [b"", b"\0\0\0\x18ftypcrx \0\0\0\1crx isom\0\0\0\x10CMT1"])
async def test_a_raw_picture_is_turned_as_the_camera_was_held(box: bytes) -> None:
    picture = await one(box + tagged(*SMALL_OF_ANOTHER, (274, 6)) + large(turn=6), "a.raw")
    assert (picture.original, seen(shown(picture))) == ((480, 320), "RGBY")


async def test_a_raw_picture_that_says_nothing_right_of_itself_is_shown() -> None:
    picture = await one(b"II*\0\x10\0\0\0CR\2\0" + b"\xff" * 400 + large(), "a.cr2")
    assert seen(shown(picture)) == "RGBY"


async def test_a_scan_whose_pieces_are_jpegs_is_no_raw_picture() -> None:
    picture = await one(save(corners(480, 320), "TIFF", compression="jpeg", quality=95), "scan.tif")
    assert (picture.original, seen(shown(picture)), picture.notes) == ((480, 320), "RGBY", ())


async def test_a_raw_picture_without_a_jpeg_says_what_it_lacks() -> None:
    with pytest.raises(UnsupportedMedia, match="is a camera's raw picture without a JPEG in it"):
        await one(b"FUJIFILMCCD-RAW 0201" + bytes(80) + LOSSLESS, "a.raf")
