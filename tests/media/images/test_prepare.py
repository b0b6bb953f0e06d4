"""Every kind of picture file, upright and faithful, within the limits of the API."""

from __future__ import annotations

import io
import struct
import sys
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from PIL import Image, ImageCms
from support.cases import each
from support.pictures import RED, corners, exif, photo, save, screenshot, seen, shown, source

from glm_mcp.errors import InvalidRequest, NotFound, UnsupportedMedia
from glm_mcp.media.formats import KINDS
from glm_mcp.media.images import decode
from glm_mcp.media.images.prepare import prepare_image, prepare_images
from glm_mcp.media.types import Picture, Source
from glm_mcp.registry import CARDS

pytestmark = pytest.mark.anyio

CARD = CARDS["glm-4.6v-flash"]
SMALL = CARDS["glm-4v-flash"]


async def one(data: bytes, name: str = "shot.png", **fragment: Any) -> Picture:
    with anyio.fail_after(60):
        pictures = await prepare_images([source(data, name, **fragment)], CARD)
    assert len(pictures) == 1
    return pictures[0]


async def many(data: bytes, **fragment: Any) -> list[Picture]:
    with anyio.fail_after(60):
        return await prepare_images([source(data, **fragment)], CARD)


FORMATS: dict[str, tuple[str, dict[str, Any]]] = {
    "webp": ("WEBP", {"quality": 95}),
    "webp-lossless": ("WEBP", {"lossless": True}),
    "avif": ("AVIF", {"quality": 95}),
    "gif": ("GIF", {}),
    "tiff": ("TIFF", {}),
    "tiff-lzw": ("TIFF", {"compression": "tiff_lzw"}),
    "tiff-jpeg": ("TIFF", {"compression": "jpeg"}),
    "bmp": ("BMP", {}),
    "ico": ("ICO", {"sizes": [(60, 40)]}),
    "jp2": ("JPEG2000", {}),
    "ppm": ("PPM", {}),
    "png": ("PNG", {}),
    "jpeg": ("JPEG", {"quality": 95}),
    "jpeg-progressive": ("JPEG", {"quality": 95, "progressive": True}),
}


@each("kind", FORMATS)
async def test_every_format_arrives_with_its_corners_in_place(kind: str) -> None:
    name, options = FORMATS[kind]
    picture = await one(save(corners(), name, **options), "wrong.extension.txt")
    assert seen(shown(picture)) == "RGBY"
    assert (picture.original, picture.scale, picture.left, picture.top) == ((60, 40), 1.0, 0, 0)
    assert picture.notes == ()


async def test_heic_arrives_with_its_corners_in_place() -> None:
    heif = pytest.importorskip("pillow_heif")
    out = io.BytesIO()
    heif.from_pillow(corners(128, 96)).save(out, quality=95)
    picture = await one(out.getvalue(), "IMG_1.HEIC")
    assert seen(shown(picture)) == "RGBY"
    assert picture.original == (128, 96)
    with pytest.raises(UnsupportedMedia, match=r"IMG_1\.HEIC.*truncated"):
        await one(out.getvalue()[:-200], "IMG_1.HEIC")


@each("orientation", range(1, 9))
@each("kind", ["JPEG", "WEBP", "PNG", "TIFF", "AVIF"])
async def test_orientation_is_honoured(kind: str, orientation: int) -> None:
    turns: dict[int, Any] = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = corners(64, 48).transpose(turns[orientation]) if orientation in turns else corners(64, 48)
    picture = await one(save(stored, kind, exif=exif(orientation), quality=95))
    assert seen(shown(picture)) == "RGBY"
    assert picture.original == (64, 48)


@each(
    ("image", "fmt"),
    [
        (lambda: photo(800, 600), "JPEG"),
        (lambda: photo(800, 600).convert("L"), "JPEG"),
        (lambda: screenshot(1280, 800), "PNG"),
        (lambda: screenshot(600, 400).convert("P"), "PNG"),
        (lambda: screenshot(600, 400).convert("L"), "PNG"),
        (lambda: screenshot(600, 400).convert("RGBA"), "PNG"),
        (lambda: screenshot(2560, 1600), "PNG"),
    ],
)
async def test_a_picture_within_the_limits_goes_untouched(image: Callable[[], Image.Image], fmt: str) -> None:
    data = save(image(), fmt, quality=90)
    picture = await one(data)
    assert picture.part.data == data
    assert picture.notes == ()


async def test_location_and_text_are_removed_from_a_jpeg_without_touching_its_pixels() -> None:
    clean = save(photo(640, 480), "JPEG", quality=90)
    secret = exif() + b"secret"
    segment = b"\xff\xe1" + (len(secret) + 2).to_bytes(2, "big") + secret
    comment = b"\xff\xfe\x00\x08secret"
    adobe = b"\xff\xed\x00\x08secret"
    dirty = clean[:20] + segment + comment + adobe + clean[20:] + b"\0\0trailer with a secret"
    assert Image.open(io.BytesIO(dirty)).getexif()[0x010F] == "SecretCam"
    assert (await one(dirty, "p.jpg")).part.data == clean


async def test_location_and_text_are_removed_from_a_png_without_touching_its_pixels() -> None:
    from PIL.PngImagePlugin import PngInfo

    text = PngInfo()
    text.add_text("Author", "secret name")
    text.add_itxt("XML:com.adobe.xmp", "secret place", zip=True)
    shot = screenshot(300, 200)
    dirty = save(shot, "PNG", exif=exif(), pnginfo=text) + b"secret tail"
    picture = await one(dirty)
    data = picture.part.data or b""
    assert data == save(shot, "PNG")
    assert b"secret" not in data


async def test_a_colour_profile_stays_in_an_untouched_jpeg() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    dirty = save(photo(320, 200), "JPEG", icc_profile=profile, exif=exif())
    assert shown(await one(dirty)).info["icc_profile"] == profile


@each("kind", ["JPEG", "WEBP", "PNG", "TIFF"])
async def test_no_location_leaves_with_a_converted_picture(kind: str) -> None:
    data = (await one(save(corners(), kind, exif=exif(6)))).part.data or b""
    assert b"SecretCam" not in data
    assert b"Exif" not in data
    assert b"eXIf" not in data


async def test_transparency_becomes_white() -> None:
    glass = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    glass.paste((0, 0, 0, 255), (0, 0, 20, 40))
    palette = glass.convert("P")
    palette.info["transparency"] = palette.getpixel((30, 20))
    for data in (
        save(glass, "PNG"),
        save(glass, "WEBP", lossless=True),
        save(glass.convert("LA"), "PNG"),
        save(glass, "GIF"),
        save(glass, "TIFF"),
    ):
        image = shown(await one(data)).convert("L")
        assert image.getpixel((5, 20)) == 0
        assert image.getpixel((30, 20)) == 255


@each(
    ("ink", "ground"),
    [
        ((255, 255, 255, 255), 118),
        ((240, 235, 225, 90), 118),
        ((0, 0, 0, 255), 255),
        ((230, 20, 20, 255), 255),
    ],
)
async def test_only_light_things_on_nothing_are_put_on_grey(ink: tuple[int, ...], ground: int) -> None:
    glass = Image.new("RGBA", (400, 300), (0, 0, 0, 0))
    glass.paste(ink, (100, 100, 200, 200))
    for kind in ("PNG", "WEBP", "TIFF"):
        picture = await one(save(glass, kind))
        image = shown(picture).convert("RGB")
        assert image.getpixel((image.width // 10, image.height // 10)) == pytest.approx((ground,) * 3, abs=2)
        assert image.getpixel((image.width // 3, image.height // 2)) != (ground,) * 3
        assert ("transparent: shown on grey" in picture.notes) == (ground == 118)


async def test_a_light_page_with_rounded_corners_stays_on_white() -> None:
    page = Image.new("RGBA", (600, 400), "white")
    page.paste((0, 0, 0, 0), (0, 0, 8, 8))
    page.paste((0, 0, 0, 255), (100, 100, 120, 110))
    picture = await one(save(page, "PNG"))
    assert shown(picture).convert("L").getpixel((2, 2)) == 255
    assert picture.notes == ()


async def test_a_transparent_palette_becomes_white() -> None:
    image = Image.new("P", (40, 20), 1)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.paste(0, (0, 0, 20, 20))
    picture = shown(await one(save(image, "PNG", transparency=1))).convert("RGB")
    assert picture.getpixel((5, 5)) == (255, 0, 0)
    assert picture.getpixel((30, 5)) == (255, 255, 255)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
async def test_sixteen_bits_are_scaled_and_not_clipped(kind: str) -> None:
    ramp = Image.frombytes(
        "I;16", (256, 8), b"".join((v * 257).to_bytes(2, "little") for v in range(256)) * 8
    )
    image = shown(await one(save(ramp, kind))).convert("L")
    assert [image.getpixel((x, 4)) for x in (0, 64, 127, 128, 255)] == [0, 64, 127, 128, 255]


async def test_float_values_are_shown_from_the_least_to_the_most_and_it_is_said() -> None:
    ramp = Image.new("F", (101, 4))
    for x in range(101):
        for y in range(4):
            ramp.putpixel((x, y), -50.0 + x * 10)
    ramp.putpixel((3, 3), float("nan"))
    picture = await one(save(ramp, "TIFF"))
    image = shown(picture).convert("L")
    assert [image.getpixel((x, 1)) for x in (0, 40, 100)] == [0, 102, 255]
    assert picture.notes == ("values -50 to 950 shown as black to white",)


async def test_cmyk_is_not_inverted() -> None:
    for data in (
        save(corners().convert("CMYK"), "JPEG", quality=95),
        save(corners().convert("CMYK"), "TIFF"),
    ):
        assert seen(shown(await one(data))) == "RGBY"


async def test_one_bit_and_interlaced_pictures_are_made_ordinary() -> None:
    bits = Image.new("1", (64, 32))
    bits.paste(1, (32, 0, 64, 32))
    image = shown(await one(save(bits, "PNG")))
    assert (image.getpixel((10, 10)), image.getpixel((50, 10))) == (0, 255)
    assert image.mode in {"L", "RGB"}


async def test_a_wide_profile_is_brought_to_plain_colours() -> None:
    lab = ImageCms.applyTransform(
        Image.new("RGB", (32, 32), RED),
        ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"),
    )
    assert lab is not None
    pixel: Any = shown(await one(save(lab, "TIFF"))).convert("RGB").getpixel((9, 9))
    assert max(abs(a - b) for a, b in zip(pixel, RED, strict=True)) < 12


async def test_a_photo_of_twelve_megapixels_is_turned_and_shrunk() -> None:
    stored = corners(4000, 3000).transpose(Image.Transpose.ROTATE_90)
    stored.paste(photo(1500, 1000), (800, 800))
    picture = await one(save(stored, "JPEG", quality=92, exif=exif(6)), "IMG.jpg")
    assert seen(shown(picture)) == "RGBY"
    assert picture.original == (4000, 3000)
    assert max(picture.width, picture.height) == 2000  # half its size, as it was decoded
    assert picture.scale == pytest.approx(0.5, abs=0.001)
    assert picture.notes == ("shrunk 2.0×",)
    assert picture.part.mime == "image/jpeg"


async def test_an_ordinary_screenshot_is_never_shrunk_and_stays_sharp() -> None:
    shot = screenshot(2560, 1600)
    picture = await one(save(shot, "WEBP", lossless=True))
    assert picture.part.mime == "image/png"
    assert shown(picture).convert("RGB").tobytes() == shot.tobytes()


@pytest.mark.extreme
async def test_pictures_over_the_limits_of_the_card_fit_after_conversion() -> None:
    for data in (save(photo(6100, 2100), "JPEG", quality=85), save(photo(2000, 1500), "PNG")):
        picture = await one(data)
        assert len(picture.part.data or b"") <= CARD.image_bytes
        assert max(picture.width, picture.height) <= CARD.image_side
        assert max(shown(picture).size) <= 2048


@pytest.mark.parametrize(("size", "tall"), [((1080, 16000), True), ((16000, 1080), False)])
@pytest.mark.extreme
async def test_a_long_screenshot_is_cut_into_parts_that_cover_it_and_overlap(
    size: tuple[int, int], tall: bool
) -> None:
    shot = screenshot(*size, step=400)
    pictures = await many(save(shot, "PNG"))
    long = max(size)
    assert 6 <= len(pictures) <= 8
    ends = [0.0]
    for number, picture in enumerate(pictures, 1):
        start = picture.top if tall else picture.left
        assert picture.scale == 1.0
        assert picture.original == size
        assert start <= ends[-1] - (64 if number > 1 else 0)
        ends.append(start + (picture.height if tall else picture.width))
        where = f"{'rows' if tall else 'columns'} {start:.0f}–{ends[-1]:.0f} of {long}"
        assert picture.label == f"part {number} of {len(pictures)} ({where})"
        box = (picture.left, picture.top, picture.left + picture.width, picture.top + picture.height)
        expected = shot.crop((int(box[0]), int(box[1]), int(box[2]), int(box[3])))
        assert shown(picture).convert("RGB").tobytes() == expected.tobytes()
    assert ends[-1] == long
    assert all(p.notes == () for p in pictures)


async def test_with_few_parts_allowed_each_shows_more_and_the_scale_is_said() -> None:
    data = save(screenshot(1080, 24000, step=400), "PNG")
    with anyio.fail_after(60):
        pictures = await prepare_image(source(data), CARD, max_parts=3, budget=CARD.body_bytes)
    assert len(pictures) == 3
    assert pictures[-1].top + pictures[-1].height / pictures[-1].scale == pytest.approx(24000, abs=2)
    assert all(max(p.width, p.height) <= CARD.image_side for p in pictures)
    assert "shrunk" in pictures[0].notes[0]
    assert pictures[1].notes == ()


@pytest.mark.parametrize("card", [CARD, SMALL])
@pytest.mark.extreme
async def test_without_tiles_a_long_screenshot_is_shrunk_and_it_is_said(card: Any) -> None:
    data = save(screenshot(1080, 18000, step=400), "PNG")
    with anyio.fail_after(60):
        pictures = await prepare_images([source(data)], card, tiles=card is SMALL)
    assert [(p.width, p.height) for p in pictures] == [(360, 6000)]
    assert pictures[0].notes == ("shrunk 3.0×: small text may be lost",)


async def test_an_animation_gives_frames_spread_over_its_time() -> None:
    frames = [Image.new("RGB", (40, 30), (i * 8, 0, 200)) for i in range(30)]
    times = [100 + (i % 3) * 50 for i in range(30)]
    starts = [sum(times[:i]) / 1000 for i in range(30)]
    for kind, extra in (
        ("GIF", {"loop": 0}),
        ("WEBP", {"lossless": True}),
        ("PNG", {}),
        ("AVIF", {"quality": 95}),
    ):
        data = save(frames[0], kind, save_all=True, append_images=frames[1:], duration=times, **extra)
        pictures = await many(data)
        assert len(pictures) == 6
        assert pictures[0].notes[0] == "animation: 6 of 30 frames"
        assert pictures[0].label == "frame at 0.00 s"
        assert pictures[-1].label == f"frame at {starts[-1]:.2f} s"
        for picture in pictures:
            index = [f"frame at {s:.2f} s" for s in starts].index(picture.label)
            pixel: Any = shown(picture).convert("RGB").getpixel((20, 15))
            assert abs(pixel[0] - index * 8) <= 6


async def test_a_time_chooses_within_an_animation() -> None:
    frames = [Image.new("RGB", (40, 30), (i * 20, 0, 200)) for i in range(10)]
    data = save(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=1000)
    assert [p.label for p in await many(data, t=(4.5, 7.0))] == [f"frame at {s}.00 s" for s in (4, 5, 6)]
    with pytest.raises(InvalidRequest, match=r"shot\.png lasts 10\.00 s"):
        await many(data, t=(11.0, None))
    with pytest.raises(InvalidRequest, match="not animated"):
        await many(save(corners(), "PNG"), t=(1.0, None))


async def test_one_picture_of_an_animation_for_a_card_that_takes_one() -> None:
    frames = [Image.new("RGB", (40, 30), (i * 20, 0, 200)) for i in range(10)]
    data = save(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=100)
    pictures = await prepare_images([source(data)], SMALL)
    assert len(pictures) == 1
    assert pictures[0].notes == ("animation: 1 of 10 frames",)


async def test_a_tiff_of_several_pages_gives_each_and_a_fragment_chooses() -> None:
    pages = [Image.new("RGB", (50 + i, 40), (i * 50, 0, 0)) for i in range(5)]
    data = save(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    pictures = await many(data)
    assert [p.label for p in pictures] == [f"page {n} of 5" for n in range(1, 6)]
    assert [p.original for p in pictures] == [(50 + i, 40) for i in range(5)]
    assert [p.label for p in await many(data, page="2,4-5")] == ["page 2 of 5", "page 4 of 5", "page 5 of 5"]
    with pytest.raises(NotFound, match="it has 5"):
        await many(data, page="6")
    with pytest.raises(InvalidRequest, match="no page numbers"):
        await many(data, page="x")


async def test_a_crop_maps_back_to_the_whole_upright_picture() -> None:
    stored = corners(400, 300).transpose(Image.Transpose.ROTATE_90)
    data = save(stored, "JPEG", quality=95, exif=exif(6))
    picture = await one(data, xywh=(200, 0, 200, 150))
    assert seen(shown(picture)) == "GGGG"
    assert (picture.left, picture.top, picture.scale, picture.original) == (200, 0, 1.0, (400, 300))
    half = await one(data, xywh=(0, 50, 50, 50), percent=True)
    assert seen(shown(half)) == "BBBB"
    assert (half.left, half.top, half.width, half.height) == (0, 150, 200, 150)


@each("xywh", [(400, 0, 10, 10), (0, 0, 500, 10), (-5, 0, 10, 10), (0, 0, 0, 10), (0, 0, float("nan"), 1)])
async def test_a_crop_outside_names_the_size(xywh: tuple[float, float, float, float]) -> None:
    with pytest.raises(InvalidRequest, match=r"shot\.png, which is 400 x 300 pixels upright"):
        await one(save(corners(400, 300), "PNG"), xywh=xywh)


@pytest.mark.extreme
async def test_a_very_large_picture_is_read_in_a_child_and_shrunk() -> None:
    big = corners(6400, 4800)
    for stored, colours in ((big, "RGBY"), (big.convert("L").convert("1"), None)):
        picture = await one(save(stored, "PNG"))
        assert picture.original == (6400, 4800)
        assert picture.width * picture.height <= 28 * 28 * 12_288 * 1.01
        assert colours is None or seen(shown(picture)) == colours


async def test_several_pictures_share_the_budget_fairly_and_keep_their_order() -> None:
    small = save(corners(50, 50), "PNG")
    large = [save(photo(1200, 1000, seed), "JPEG", quality=95) for seed in (1, 2, 3)]
    budget = 600_000
    with anyio.fail_after(60):
        pictures = await prepare_images(
            [source(large[0], "0"), source(small, "1"), source(large[1], "2"), source(large[2], "3")],
            CARD,
            budget=budget,
        )
    assert [p.part.name for p in pictures] == ["0", "1", "2", "3"]
    assert sum(len(p.part.data or b"") * 4 / 3 for p in pictures) <= budget
    assert pictures[1].part.data == small
    assert all(len(p.part.data or b"") > budget / 12 for i, p in enumerate(pictures) if i != 1)


async def test_more_pictures_than_the_model_takes_are_refused_with_the_numbers() -> None:
    tiny = source(save(corners(), "PNG"))
    with pytest.raises(InvalidRequest, match="2 pictures given; glm-4v-flash takes at most 1"):
        await prepare_images([tiny, tiny], SMALL)
    with pytest.raises(InvalidRequest, match=r"glm-4\.7-flash takes none"):
        await prepare_images([tiny], CARDS["glm-4.7-flash"])
    assert await prepare_images([], CARD) == []


@pytest.mark.extreme
async def test_long_screenshots_share_the_number_of_pictures_the_model_takes() -> None:
    long = save(screenshot(300, 9000, step=400), "PNG")
    few = replace(CARD, images=7)
    with anyio.fail_after(60):
        pictures = await prepare_images(
            [source(long, "a"), source(save(corners(), "PNG"), "b"), source(long, "c")], few
        )
    assert [p.part.name for p in pictures] == ["a"] * 3 + ["b"] + ["c"] * 3


async def test_a_url_that_was_not_fetched_goes_as_it_is() -> None:
    remote = Source("cat.png", KINDS["png"], 0, url="https://example.org/cat.png")
    pictures = await prepare_images([remote], CARD)
    assert pictures[0].part.url == "https://example.org/cat.png"


async def test_an_open_file_is_read_by_its_handle(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(save(corners(), "TIFF"))
    with path.open("rb") as handle:
        opened = Source("a.tif", KINDS["tiff"], path.stat().st_size, path=path, handle=handle)
        pictures = await prepare_images([opened, opened], CARD)
    assert [seen(shown(p)) for p in pictures] == ["RGBY", "RGBY"]


@pytest.mark.extreme
async def test_the_event_loop_keeps_turning_while_pictures_are_prepared() -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await anyio.lowlevel.checkpoint()
            turns += 1

    data = save(photo(3000, 2000), "JPEG", quality=90, exif=exif(3))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(count)
        await prepare_images([source(data)], CARD)
        tasks.cancel_scope.cancel()
    assert turns > 50


def test_pillow_is_not_imported_by_the_module_alone() -> None:
    import subprocess

    code = "import sys, glm_mcp.media.images.prepare, glm_mcp.tools.boxes; print('PIL' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=60)
    assert done.stdout.strip() == b"False"


def test_a_palette_with_transparency_of_colours_that_it_has_not_is_still_a_picture() -> None:
    whole = Image.new("P", (40, 30), 1)
    whole.putpalette([255, 0, 0, 0, 0, 255])
    out = io.BytesIO()
    whole.save(out, "PNG", transparency=b"\x80" * 2, bits=1)
    data = out.getvalue()
    at = data.index(b"tRNS")
    held = b"tRNS" + b"\x80" * 300
    data = (
        data[: at - 4] + struct.pack(">I", 300) + held + struct.pack(">I", zlib.crc32(held)) + data[at + 10 :]
    )
    assert decode.flat(data, "a.png").mode in {"RGB", "L"}
