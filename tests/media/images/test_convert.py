"""A generated picture on its way to the disk: checked as an input is, converted, previewed."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from typing import Any

import anyio
import pytest
from PIL import Image
from support.cases import each
from support.image_kinds import SVG
from support.pictures import corners, exif, photo, png_claiming, save, seen

from glm_mcp.errors import GLMError, InvalidRequest, MediaTooLarge, UnsupportedMedia
from glm_mcp.media.images.convert import Finished, Wanted
from glm_mcp.media.images.prepare import finish_image

pytestmark = pytest.mark.anyio


async def finished(data: bytes, suffix: str = "", **more: Any) -> Finished:
    with anyio.fail_after(60):
        return await finish_image(data, Wanted("the picture", suffix, **more))


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


async def test_a_preview_is_small_and_upright() -> None:
    stored = corners(1600, 1200).transpose(Image.Transpose.ROTATE_90)
    made = await finished(save(stored, "JPEG", exif=exif(6)), preview_side=512)
    image = opened(made.preview)
    assert (image.format, image.size, seen(image)) == ("JPEG", (512, 384), "RGBY")
    large = await finished(save(photo(1600, 1200), "PNG"), preview_side=512)
    assert 0 < len(large.preview) <= 30_000


@each("suffix", [".png", ".jpg", ".jpeg", ".webp", ".avif", ".bmp", ".tiff", ".gif", "PNG", ".jp2"])
async def test_a_picture_is_saved_by_suffix_at_the_exact_size(suffix: str) -> None:
    made = await finished(save(corners(640, 640), "PNG"), suffix, size=(300, 200))
    image = opened(made.data)
    assert image.size == made.size == (300, 200)
    assert made.drawn == (640, 640)
    assert seen(image) == "RGBY"
    assert made.mime == Image.MIME[image.format or ""]
    assert made.suffix == "." + suffix.lower().strip(".")


@each(("kind", "suffix"), [("PNG", ".png"), ("JPEG", ".jpg"), ("WEBP", ".webp"), ("GIF", ".png")])
async def test_a_picture_without_a_wanted_suffix_keeps_the_format_that_services_draw_in(
    kind: str, suffix: str
) -> None:
    data = save(corners(), kind, quality=95)
    made = await finished(data)
    assert made.suffix == suffix
    assert (made.data == data) == (kind != "GIF")
    assert seen(opened(made.data)) == "RGBY"


async def test_a_picture_that_is_already_right_keeps_its_bytes() -> None:
    data = save(photo(64, 64), "PNG")
    assert (await finished(data, ".png")).data == data
    assert (await finished(data, ".png", size=(64, 64))).data == data
    with pytest.raises(InvalidRequest, match=r"\.webp"):
        await finished(data, ".exe")


async def test_a_tiff_is_turned_in_a_preview_and_in_another_format() -> None:
    stored = save(corners().transpose(Image.Transpose.ROTATE_90), "TIFF", exif=exif(6))
    made = await finished(stored, "png", preview_side=60)
    assert seen(opened(made.data)) == seen(opened(made.preview)) == "RGBY"


@pytest.mark.parametrize(("side", "sent"), [(60, (60, 60)), (600, (256, 256))])
async def test_an_icon_is_saved_at_its_size_or_the_largest_that_icons_have(
    side: int, sent: tuple[int, int]
) -> None:
    icon = opened((await finished(save(corners(side, side), "PNG"), "ico")).data)
    assert (icon.format, icon.size, seen(icon)) == ("ICO", sent, "RGBY")


@pytest.mark.parametrize("kind", ["GIF", "TIFF"])
async def test_a_palette_or_print_colours_are_saved_in_a_format_without_them(kind: str) -> None:
    stored = corners().convert("P" if kind == "GIF" else "CMYK")
    assert seen(opened((await finished(save(stored, kind), "jpg")).data)) == "RGBY"


async def test_sixteen_bits_are_scaled_when_they_are_saved() -> None:
    ramp = Image.frombytes(
        "I;16", (256, 4), b"".join((v * 257).to_bytes(2, "little") for v in range(256)) * 4
    )
    image = opened((await finished(save(ramp, "PNG"), "jpg")).data).convert("L")
    assert image.getpixel((128, 2)) == pytest.approx(128, abs=2)


def psd(image: Image.Image) -> bytes:
    """The smallest Photoshop file: no layers, three channels, not packed."""
    header = b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, image.height, image.width, 8, 3)
    return header + bytes(12) + b"\0\0" + b"".join(band.tobytes() for band in image.split())


async def test_a_photoshop_file_is_saved_as_png() -> None:
    made = await finished(psd(corners()))
    assert (made.suffix, seen(opened(made.data))) == (".png", "RGBY")


@each(
    ("data", "kind"),
    [
        (SVG.encode(), "unsupported_media"),
        (b"nothing", "unsupported_media"),
        (save(corners(), "TIFF", compression="tiff_lzw")[:90], "unsupported_media"),
        (save(photo(200, 200), "PNG")[:9000], "unsupported_media"),
        (save(photo(200, 200), "JPEG")[:900], "unsupported_media"),
        (save(photo(200, 200), "WEBP")[:900], "unsupported_media"),
        (psd(corners())[:300], "unsupported_media"),
        (png_claiming(20_000, 20_000), "media_too_large"),
        (png_claiming(100_000, 100_000), "media_too_large"),
    ],
    ids=["svg", "text", "tiff", "png", "jpeg", "webp", "psd", "400 MP", "10,000 MP"],
)
async def test_what_is_no_whole_picture_is_a_plain_error(data: bytes, kind: str) -> None:
    with pytest.raises(GLMError) as caught:
        await finished(data, ".png", preview_side=64)
    assert caught.value.kind == kind
    assert caught.value.hint


async def test_more_pixels_than_were_asked_for_are_refused_before_decoding() -> None:
    with pytest.raises(
        MediaTooLarge, match="the picture has 3000 x 2000 pixels, far more than were asked for"
    ):
        await finished(png_claiming(3000, 2000), max_pixels=1_000_000)


async def test_a_size_that_a_format_does_not_have_is_said() -> None:
    with pytest.raises(
        UnsupportedMedia, match=r"17000 x 20 pixels, cannot be saved as \.webp.*Save it as \.png"
    ):
        await finished(save(corners(17_000, 20), "PNG"), ".webp")


@pytest.mark.skipif(sys.platform == "win32", reason="resource is POSIX")
@pytest.mark.extreme
def test_a_small_file_of_a_hundred_million_pixels_costs_the_server_no_memory() -> None:
    """One colour: 100 MP in some 300 KB, 400 MB when it is decoded."""
    code = (
        "import anyio, atexit, resource, sys\n"
        # Run last: what the workers took is known when they, and what they are forked from, have ended.
        "atexit.register(lambda: print(peak(resource.RUSAGE_CHILDREN)))\n"
        "from glm_mcp.errors import GLMError\n"
        "from glm_mcp.media.images.convert import Wanted\n"
        "from glm_mcp.media.images.prepare import finish_image\n"
        "def peak(who): return resource.getrusage(who).ru_maxrss\n"
        "data = sys.stdin.buffer.read()\n"
        "before = peak(resource.RUSAGE_SELF)\n"
        "made = anyio.run(finish_image, data, Wanted('a', '.jpg', (512, 512), 256))\n"
        "print(made.size, peak(resource.RUSAGE_SELF) - before)\n"
    )
    side = 10_000
    rows = zlib.compressobj(9)
    packed = rows.compress(bytes(side + 1) * side) + rows.flush()

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
    bomb = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    assert len(bomb) < 200_000
    ran = subprocess.run(
        [sys.executable, "-c", code], input=bomb, capture_output=True, timeout=50, check=True
    )
    size, grown, child = ran.stdout.decode().rsplit(maxsplit=2)
    assert size == "(512, 512)"
    unit = 1 if sys.platform == "darwin" else 1024
    assert int(grown) * unit < 60_000_000
    assert int(child) * unit > 90_000_000  # it was decoded, there
