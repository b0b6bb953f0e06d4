"""Pictures of every kind, from a file through describe_image to the model: format, size, corners, count, words."""

from __future__ import annotations

import base64
import hashlib
import io
import itertools
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
from PIL import Image, ImageCms
from support.cases import each
from support.connect import Connect
from support.formats import Got, all_pictures, chats_done, near, one_picture, pictures, put
from support.image_kinds import FORMATS, FOUR, HEAD, heif
from support.pictures import BLUE, GREEN, RED, corners, exif, photo, save, screenshot, seen
from support.toolkit import call as called
from support.toolkit import chats, fail, last, links, say, words

from glm_mcp.server.app import Folders
from glm_mcp.simulator import Reply, Simulator, Switches

pytestmark = pytest.mark.anyio


GRAY = {"fax.tiff", "a.pgm"}


@each("name", FORMATS)
async def test_every_format_reaches_the_model_upright_and_whole(
    connect: Connect, sim: Simulator, folders: Folders, name: str
) -> None:
    put(folders.cwd / name, FORMATS[name]())
    async with connect() as client:
        text = await say(client, "describe_image", images=name, prompt="What is this?")
    got = one_picture(sim)
    svg = name.startswith("a.svg")
    assert got.image.size == ((1024, 683) if svg else (120, 80))
    if name in GRAY:
        assert got.image.mode in {"L", "P", "1"} or got.pixel(9, 9)[0] == got.pixel(9, 9)[1]
    else:
        assert seen(got.image) == "RGBY"
    assert words(last(sim)) == "What is this?"
    assert "truncated" not in text
    assert "shrunk" not in text


async def test_a_phone_picture_with_a_turn_in_its_heic_is_upright(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    stored = corners(160, 96).transpose(Image.Transpose.ROTATE_90)
    put(folders.cwd / "IMG_1.HEIC", heif(stored, exif=exif(6)))
    async with connect() as client:
        await say(client, "describe_image", images="IMG_1.HEIC")
    got = one_picture(sim)
    assert (got.image.size, seen(got.image)) == ((160, 96), "RGBY")
    assert b"SecretCam" not in got.data


async def test_a_picture_is_known_by_its_bytes_whatever_it_is_called(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    for name, kind in (
        ("real-webp.jpg", "WEBP"),
        ("real-jpeg.png", "JPEG"),
        ("real-png.heic", "PNG"),
        ("bare", "GIF"),
    ):
        put(folders.cwd / name, save(corners(), kind))
    async with connect() as client:
        await say(
            client, "describe_image", images=["real-webp.jpg", "real-jpeg.png", "real-png.heic", "bare"]
        )
    (request,) = chats(sim)
    assert [seen(g.image) for g in pictures(request)] == ["RGBY"] * 4


# ── Turned, coloured, clear ─────────────────────────────────────────────────────────────────────────────────────


TURNS: dict[int, Any] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@each("kind", ["JPEG", "PNG", "WEBP"])
async def test_all_eight_exif_orientations_arrive_upright_and_without_exif(
    connect: Connect, sim: Simulator, folders: Folders, kind: str
) -> None:
    for turn in range(1, 9):
        stored = corners(96, 64)
        stored = stored.transpose(TURNS[turn]) if turn in TURNS else stored
        put(folders.cwd / f"{turn}.{kind}", save(stored, kind, exif=exif(turn), quality=95))
    async with connect() as client:
        await say(client, "describe_image", images=[f"{turn}.{kind}" for turn in range(1, 9)])
    (request,) = chats(sim)
    found = pictures(request)
    assert [(g.image.size, seen(g.image)) for g in found] == [((96, 64), "RGBY")] * 8
    assert not [g for g in found if b"SecretCam" in g.data or b"Exif" in g.data or b"eXIf" in g.data]


def glass(mode: str) -> Image.Image:
    """Black on the left, nothing on the right."""
    image = Image.new("RGBA", (80, 40), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (0, 0, 40, 40))
    return image.convert(mode)


def clear_palette() -> bytes:
    image = Image.new("P", (80, 40), 1)
    image.putpalette([0, 0, 0, 0, 0, 255])
    image.paste(0, (0, 0, 40, 40))
    return save(image, "PNG", transparency=1)


@each(
    ("name", "data"),
    [
        ("rgba.png", save(glass("RGBA"), "PNG")),
        ("la.png", save(glass("LA"), "PNG")),
        ("palette.png", clear_palette()),
        ("rgba.webp", save(glass("RGBA"), "WEBP", lossless=True)),
        ("clear.gif", save(glass("RGBA"), "GIF")),
        ("rgba.tif", save(glass("RGBA"), "TIFF")),
        ("rgba.ico", save(glass("RGBA"), "ICO", sizes=[(80, 40)])),
        ("rgba.avif", save(glass("RGBA"), "AVIF", quality=95)),
        ("clear.svg", f'{HEAD} width="80" height="40"><rect width="40" height="40"/></svg>'.encode()),
    ],
)
async def test_what_is_transparent_becomes_white_and_black_on_it_stays_legible(
    connect: Connect, sim: Simulator, folders: Folders, name: str, data: bytes
) -> None:
    put(folders.cwd / name, data)
    async with connect() as client:
        await say(client, "describe_image", images=name)
    got = one_picture(sim)
    wide, high = got.image.size
    assert near(got.pixel(wide // 4, high // 2), (0, 0, 0))
    assert near(got.pixel(wide * 3 // 4, high // 2), (255, 255, 255))


@each(("kind", "order"), [("PNG", "little"), ("TIFF", "little"), ("TIFF", "big"), ("PPM", "little")])
async def test_sixteen_bits_are_scaled_so_that_middle_gray_stays_middle_gray(
    connect: Connect, sim: Simulator, folders: Folders, kind: str, order: Literal["little", "big"]
) -> None:
    values = b"".join((v * 257).to_bytes(2, order) for v in range(256)) * 32
    ramp = Image.frombytes("I;16" if order == "little" else "I;16B", (256, 32), values)
    put(folders.cwd / "ramp.x", save(ramp, kind))
    async with connect() as client:
        await say(client, "describe_image", images="ramp.x")
    got = one_picture(sim)
    assert [got.pixel(x, 9)[0] for x in (0, 64, 127, 128, 192, 255)] == [0, 64, 127, 128, 192, 255]


async def test_print_colours_palettes_and_wide_profiles_look_as_they_should(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    files = {
        "cmyk.jpg": save(corners().convert("CMYK"), "JPEG", quality=95),
        "cmyk.tif": save(corners().convert("CMYK"), "TIFF"),
        "palette.png": save(corners().quantize(16), "PNG"),
        "profile.webp": save(corners(), "WEBP", lossless=True, icc_profile=profile),
    }
    for name, data in files.items():
        put(folders.cwd / name, data)
    async with connect() as client:
        await say(client, "describe_image", images=list(files))
    (request,) = chats(sim)
    assert [seen(g.image) for g in pictures(request)] == ["RGBY"] * 4


# ── Untouched, and what is taken out ────────────────────────────────────────────────────────────────────────────


@each(
    ("name", "image"),
    [
        ("photo.jpg", lambda: photo(640, 480)),
        ("gray.jpg", lambda: photo(320, 240).convert("L")),
        ("shot.png", lambda: screenshot(1280, 800)),
        ("palette.png", lambda: screenshot(600, 400).convert("P")),
    ],
)
async def test_a_png_or_jpeg_within_the_limits_arrives_byte_for_byte(
    connect: Connect, sim: Simulator, folders: Folders, name: str, image: Callable[[], Image.Image]
) -> None:
    data = save(image(), {"jpg": "JPEG", "png": "PNG"}[name.partition(".")[2]], quality=90)
    put(folders.cwd / name, data)
    async with connect() as client:
        await say(client, "describe_image", images=name)
    assert last(sim).media[0].sha256 == hashlib.sha256(data).hexdigest()
    assert last(sim).media[0].form == "raw"


async def test_location_and_comments_are_cut_out_of_a_jpeg_and_its_pixels_are_not_touched(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    clean = save(photo(640, 480), "JPEG", quality=90)
    told = exif() + b"secret"
    dirty = (
        clean[:20]
        + b"\xff\xe1" + (len(told) + 2).to_bytes(2, "big") + told
        + b"\xff\xfe\x00\x08secret"
        + clean[20:]
        + b"secret tail"
    )  # fmt: skip
    assert Image.open(io.BytesIO(dirty)).getexif().get_ifd(0x8825)
    put(folders.cwd / "p.jpg", dirty)
    async with connect() as client:
        await say(client, "describe_image", images="p.jpg")
    assert one_picture(sim).digest == hashlib.sha256(clean).hexdigest()


async def test_location_and_texts_are_cut_out_of_a_png_and_its_pixels_are_not_touched(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    from PIL.PngImagePlugin import PngInfo

    text = PngInfo()
    text.add_text("Author", "secret name")
    text.add_itxt("XML:com.adobe.xmp", "secret place", zip=True)
    put(folders.cwd / "p.png", save(screenshot(300, 200), "PNG", exif=exif(), pnginfo=text))
    async with connect() as client:
        await say(client, "describe_image", images="p.png")
    assert one_picture(sim).digest == hashlib.sha256(save(screenshot(300, 200), "PNG")).hexdigest()


@each("kind", ["JPEG", "WEBP", "TIFF", "AVIF", "HEIC"])
async def test_no_location_leaves_with_a_picture_that_is_converted(
    connect: Connect, sim: Simulator, folders: Folders, kind: str
) -> None:
    data = heif(corners(), exif=exif(6)) if kind == "HEIC" else save(corners(), kind, exif=exif(6))
    put(folders.cwd / "p.x", data)
    async with connect() as client:
        await say(client, "describe_image", images="p.x")
    got = one_picture(sim)
    assert b"SecretCam" in data
    assert not [mark for mark in (b"SecretCam", b"Exif", b"eXIf", b"http://ns.adobe") if mark in got.data]
    assert not got.image.getexif()


async def test_photos_go_as_jpeg_and_flat_graphics_lossless(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    shot = screenshot(1400, 900)
    put(folders.cwd / "photo.webp", save(photo(1400, 900), "WEBP", quality=90))
    put(folders.cwd / "shot.webp", save(shot, "WEBP", lossless=True))
    async with connect() as client:
        await say(client, "describe_image", images=["photo.webp", "shot.webp"])
    seen_photo, seen_shot = pictures(last(sim))
    assert (seen_photo.image.format, seen_shot.image.format) == ("JPEG", "PNG")
    assert seen_shot.image.convert("RGB").tobytes() == shot.tobytes()
    assert len(seen_shot.data) < len(save(shot, "JPEG", quality=90, subsampling=0))


async def test_a_camera_picture_too_large_is_shrunk_and_the_answer_says_how_much(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    stored = corners(3072, 2304).transpose(Image.Transpose.ROTATE_90)
    stored.paste(photo(1000, 1000), (650, 1000))
    put(folders.cwd / "IMG_7.JPG", save(stored, "JPEG", quality=85, exif=exif(6)))
    async with connect() as client:
        text = await say(client, "describe_image", images="IMG_7.JPG")
    got = one_picture(sim)
    assert (got.image.size, got.image.format, seen(got.image)) == ((2048, 1536), "JPEG", "RGBY")
    assert "shrunk 1.5×" in text.splitlines()[-1]


# ── Several pictures in a file ──────────────────────────────────────────────────────────────────────────────────


@each("kind", ["GIF", "WEBP", "PNG"])
async def test_an_animation_gives_a_few_frames_with_their_times(
    connect: Connect, sim: Simulator, folders: Folders, kind: str
) -> None:
    frames = [Image.new("RGB", (60, 40), (i * 12, 0, 200)) for i in range(20)]
    more = {"lossless": True} if kind == "WEBP" else {}
    put(
        folders.cwd / "spin.x",
        save(frames[0], kind, save_all=True, append_images=frames[1:], duration=250, **more),
    )
    async with connect() as client:
        text = await say(client, "describe_image", images=["spin.x"])
        await say(client, "describe_image", images="spin.x#t=2,3")
    whole, part = chats(sim)
    assert "animation: 6 of 20 frames" in text
    for got in pictures(whole):
        moment = re.search(r"frame at (\d+\.\d\d) s\]$", got.said)
        assert moment
        assert abs(got.pixel(9, 9)[0] / 12 - float(moment[1]) / 0.25) < 0.6
    assert len(pictures(whole)) == 6
    assert [g.said for g in pictures(part)] == [f"[frame at {t:.2f} s]" for t in (2.0, 2.25, 2.5, 2.75)]


async def test_the_pages_of_a_tiff_arrive_in_order_with_their_numbers(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    sheets = [Image.new("RGB", (80 + i, 60), (i * 40, 0, 0)) for i in range(6)]
    put(folders.cwd / "fax.tif", save(sheets[0], "TIFF", save_all=True, append_images=sheets[1:]))
    async with connect() as client:
        await say(client, "describe_image", images="fax.tif", task="ocr")
        await say(client, "describe_image", images="fax.tif#page=2-3,6")
    whole, some = chats(sim)
    assert [(g.image.width, g.said) for g in pictures(whole)] == [
        (80 + i, f"[page {i + 1} of 6]") for i in range(6)
    ]
    assert [g.pixel(5, 5)[0] for g in pictures(some)] == [40, 80, 200]


# ── Long screenshots ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("tall", [True, False])
@pytest.mark.extreme
async def test_a_long_screenshot_arrives_in_overlapping_parts_at_full_sharpness(
    connect: Connect, sim: Simulator, folders: Folders, *, tall: bool
) -> None:
    shot = screenshot(600, 8000, step=300)
    shot = shot if tall else shot.transpose(Image.Transpose.ROTATE_90)
    put(folders.cwd / "page.png", save(shot, "PNG"))
    async with connect() as client:
        text = await say(client, "describe_image", images="page.png", task="ocr")
    found = pictures(last(sim))
    end = 0
    for number, got in enumerate(found, 1):
        place = re.search(r"part (\d+) of (\d+) \((rows|columns) (\d+)–(\d+) of 8000\)", got.said)
        assert place
        assert (int(place[1]), int(place[2]), place[3]) == (number, len(found), "rows" if tall else "columns")
        start, stop = int(place[4]), int(place[5])
        assert start <= end - (60 if number > 1 else 0)
        end = stop
        box = (0, start, 600, stop) if tall else (start, 0, stop, 600)
        assert got.image.convert("RGB").tobytes() == shot.crop(box).tobytes()
    assert end == 8000
    assert 5 <= len(found) <= 6
    assert f"{len(found)} pictures sent" in text


@pytest.mark.extreme
async def test_many_long_screenshots_together_stay_within_what_the_model_takes(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    data = save(screenshot(64, 8000, step=300), "PNG")
    for n in range(10):
        put(folders.cwd / f"{n}.png", data)
    async with connect() as client:
        await say(client, "describe_image", 40, images="*.png")
    (request,) = chats(sim)
    found = pictures(request)
    assert 40 <= len(found) <= 50
    assert {m.format for m in request.media} == {"png"}
    for n in range(10):
        rows = [re.search(r"(\d+)–(\d+) of 8000", g.said) for g in found if f"{n}.png" in g.said]
        spans = [(int(r[1]), int(r[2])) for r in rows if r]
        assert (spans[0][0], spans[-1][1]) == (0, 8000)
        assert all(b[0] < a[1] for a, b in itertools.pairwise(spans))


# ── SVG ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_drawing_shows_nothing_from_outside_and_asks_nobody(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    secret = put(folders.cwd / "secret.png", save(corners(100, 100), "PNG"))
    nested = base64.b64encode(
        f'{HEAD} width="9" height="9"><image href="{secret}" width="9" height="9"/></svg>'.encode()
    )
    hrefs = [
        f'href="{secret}"',
        f'xlink:href="{secret}"',
        f'href="file://{secret}"',
        'href="secret.png"',
        f'href="{sim.origin}/files/x.png"',
        f'href="data:image/svg+xml;base64,{nested.decode()}"',
    ]
    images = "".join(f'<image {href} width="100" height="100"/>' for href in hrefs)
    style = f"<style>@import url('{sim.origin}/a.css'); rect {{ fill: url('{sim.origin}/b.svg#p') }}</style>"
    put(folders.cwd / "spy.svg", f'{HEAD} width="100" height="100">{style}{images}</svg>')
    async with connect() as client:
        await say(client, "describe_image", images="spy.svg")
    assert one_picture(sim).image.convert("L").getextrema() == (255, 255)
    assert [r.method for r in sim.received] == ["POST"]


async def test_a_drawing_of_an_absurd_size_is_drawn_at_a_sane_one(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    put(folders.cwd / "huge.svg", f'{HEAD} width="100000" height="100000">{FOUR}</svg>')
    async with connect() as client:
        await say(client, "describe_image", images="huge.svg")
    got = one_picture(sim)
    assert (got.image.size, seen(got.image)) == ((2048, 2048), "RGBY")


# ── Parts, patterns, many ───────────────────────────────────────────────────────────────────────────────────────


@each(
    ("part", "size", "colours"),
    [
        ("#xywh=0,0,60,40", (60, 40), "RRRR"),
        ("#xywh=60,40,60,40", (60, 40), "YYYY"),
        ("#xywh=percent:25,25,50,50", (60, 40), "RGBY"),
        ("#xywh=pixel:0,40,120,40", (120, 40), "BYBY"),
    ],
)
async def test_a_fragment_sends_that_part_of_the_upright_picture(
    connect: Connect, sim: Simulator, folders: Folders, part: str, size: tuple[int, int], colours: str
) -> None:
    stored = corners(120, 80).transpose(Image.Transpose.ROTATE_90)
    data = save(stored, "PNG", exif=exif(6))
    put(folders.cwd / "a.png", data)
    async with connect() as client:
        await say(client, "describe_image", images="a.png" + part)
        await say(
            client, "describe_image", images=f"data:image/png;base64,{base64.b64encode(data).decode()}{part}"
        )
    for request in chats(sim):
        (got,) = pictures(request)
        assert (got.image.size, seen(got.image)) == (size, colours)


async def test_fifty_pictures_of_a_pattern_arrive_in_one_call_in_natural_order(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    for n in range(1, 51):
        put(
            folders.cwd / "shots" / f"shot{n}.png", save(Image.new("RGB", (20 + n, 16), (n * 5, 0, 0)), "PNG")
        )
    async with connect() as client:
        text = await say(client, "describe_image", images="shots/*.png", prompt="Count them.")
        (request,) = chats(sim)
        put(folders.cwd / "shots" / "shot51.png", save(Image.new("RGB", (9, 9)), "PNG"))
        refused = await fail(client, "describe_image", images="shots/*.png")
    assert [g.image.width for g in pictures(request)] == [20 + n for n in range(1, 51)]
    assert [g.said for g in pictures(request)] == [f"[shot{n}.png]" for n in range(1, 51)]
    assert "50 pictures sent" in text
    assert refused.startswith("invalid_request: ")
    assert "51" in refused
    assert "50" in refused
    assert len(chats(sim)) == 1


@pytest.mark.extreme
async def test_many_photos_share_the_room_of_one_request(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    data = save(photo(2000, 1500), "JPEG", quality=98, subsampling=0)
    for n in range(8):
        put(folders.cwd / f"{n}.jpg", data)
    assert 8 * len(data) * 4 / 3 > 20 * 1024 * 1024
    async with connect() as client:
        await say(client, "describe_image", 45, images="*.jpg")
    (request,) = chats(sim)
    assert len(request.media) == 8
    assert sum(m.size for m in request.media) * 4 / 3 < 20 * 1024 * 1024
    assert min(m.width for m in request.media) >= 1000


async def test_a_model_for_one_picture_is_asked_once_for_each(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    sim.switches = Switches(raw_base64_images="accept", data_url_images="accept")
    for name, colour in (("red", RED), ("green", GREEN), ("blue", BLUE)):
        put(folders.cwd / f"{name}.png", save(Image.new("RGB", (40, 40), colour), "PNG"))
    async with connect() as client:
        text = await say(
            client,
            "describe_image",
            images=["red.png", "green.png", "blue.png"],
            model="glm-4v-flash",
            prompt="Which colour?",
        )
        refused = await fail(
            client, "describe_image", images=["red.png", "blue.png"], model="glm-4v-flash", task="compare"
        )
    assert [r.model for r in chats_done(sim)] == ["glm-4v-flash"] * 3
    assert {g.pixel(5, 5) for g in all_pictures(sim)} == {RED, GREEN, BLUE}
    places = [text.index(f"[{name}.png]") for name in ("red", "green", "blue")]
    assert places == sorted(places)
    assert "one call each" in text.splitlines()[-1]
    assert "cannot compare" in refused


async def test_a_long_screenshot_for_a_model_of_one_picture_goes_as_one(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    sim.switches = Switches(raw_base64_images="accept")
    put(folders.cwd / "page.png", save(screenshot(600, 9000, step=300), "PNG"))
    async with connect() as client:
        text = await say(client, "describe_image", images="page.png", model="glm-4v-flash")
    assert one_picture(sim).image.size == (400, 6000)
    assert "shrunk 1.5×: small text may be lost" in text


# ── By address ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_address_goes_as_it_is_and_is_fetched_here_when_the_service_cannot(
    connect: Connect, sim: Simulator
) -> None:
    url = "https://pictures.example.com/a.png"
    sim.web[url] = (save(corners(), "PNG"), "image/png")
    async with connect() as client:
        await say(client, "describe_image", images=url)
        assert last(sim).body["messages"][0]["content"][0] == {"type": "image_url", "image_url": {"url": url}}
        made = await called(client, "generate_image", prompt="a hill", size="512x512", preview=False)
        assert not made.is_error
        drawn = next(r for r in sim.received if r.path.startswith("/files/"))
        sim.clear()
        # The service's own address is private here, so that it cannot fetch it itself; we can.
        await say(client, "describe_image", images=f"{sim.origin}{drawn.path}")
    refused, answered = chats(sim)
    assert (refused.status, refused.code) == (400, "1210")
    assert [m.form for m in answered.media] == ["raw"]
    assert pictures(answered)[0].image.size == (512, 512)


async def test_a_part_of_an_address_is_cut_here(connect: Connect, sim: Simulator) -> None:
    async with connect() as client:
        assert not (
            await called(client, "generate_image", prompt="a hill", size="512x512", preview=False)
        ).is_error
        path = next(r.path for r in sim.received if r.path.startswith("/files/"))
        sim.clear()
        await say(client, "describe_image", images=f"{sim.origin}{path}#xywh=0,0,200,100")
    assert one_picture(sim).image.size == (200, 100)


# ── Where things are ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "answer",
    [
        "[[250,500,750,1000]]",
        "[250,500,750,1000]",
        "The cat is at <|begin_of_box|>[250,500,750,1000]<|end_of_box|>.",
        "<|begin_of_box|>[[250,500,750,1000]]<|end_of_box|>",
        '```json\n[{"label": "cat", "bbox_2d": [250, 500, 750, 1000]}]\n```',
        '[{"bbox_2d": [250,500,750,1000], "label": "cat"}]',
        '{"cat": [[250,500,750,1000]]}',
    ],
)
async def test_a_box_in_any_form_comes_in_pixels_of_the_original_and_drawn(
    connect: Connect, sim: Simulator, folders: Folders, answer: str
) -> None:
    stored = corners(4000, 2000).transpose(Image.Transpose.ROTATE_90)
    put(folders.cwd / "IMG.jpg", save(stored, "JPEG", quality=80, exif=exif(6)))
    sim.queue(Reply(answer))
    async with connect() as client:
        result = await called(client, "describe_image", images="IMG.jpg", task="locate", prompt="cat")
    text = result.content[0].text  # type: ignore[union-attr]  # a text comes first
    sent = one_picture(sim).image.size
    assert 1900 <= sent[0] <= 2048
    assert sent[0] == 2 * sent[1]
    lines = text.splitlines()
    assert lines[0] == "1 found in 4000x2000 px"
    assert "[1000, 1000, 3000, 2000] px, centre (2000, 1500), 0-1000 [250, 500, 750, 1000]" in text
    drawn = Path(re.search(r"Drawn: (\S+)", text)[1])  # type: ignore[index]
    assert [link.uri for link in links(result)] == [drawn.as_uri()]
    with Image.open(drawn) as copy:
        assert copy.size == sent
        pixel = Got("", b"", copy.convert("RGB")).pixel
        # The first colour of the pen, on the left and upper sides; nothing in the middle.
        left, top = sent[0] // 4 + 2, sent[1] // 2 + 2
        assert near(pixel(left, top + 250), (230, 25, 75), 60)
        assert near(pixel(sent[0] // 2, top), (230, 25, 75), 60)
        assert near(pixel(left + 800, top + 250), (230, 220, 20), 30)


async def test_points_several_boxes_and_none_are_all_told(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    put(folders.cwd / "a.png", save(corners(400, 200), "PNG"))
    two = '[{"label": "dog", "bbox_2d": [0,0,100,100]}, {"label": "狗", "bbox_2d": [500,500,1000,1000], "bbox_3d": [1,2,3,4,5,6,7]}]'
    sim.queue(
        Reply(two), Reply('{"point_2d": [500, 250], "label": "button"}'), Reply("[]"), Reply("I see no cat.")
    )
    async with connect() as client:
        many, point, empty, none = [
            await say(client, "describe_image", images="a.png", task="locate", prompt=f"cat {n}")
            for n in range(4)
        ]
    assert many.startswith("2 found in 400x200 px")
    assert "1. dog: [0, 0, 40, 20] px, centre (20, 10)" in many
    assert "2. 狗: [200, 100, 400, 200] px, centre (300, 150)" in many
    assert "button: [200, 50, 200, 50] px, centre (200, 50)" in point
    assert empty.startswith("0 found")
    assert none.startswith("0 found")
    assert "Drawn" not in empty + none


async def test_a_box_in_a_part_of_a_picture_is_counted_in_the_whole(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    put(folders.cwd / "a.png", save(corners(400, 200), "PNG"))
    put(folders.cwd / "long.png", save(screenshot(300, 6000, step=300), "PNG"))
    sim.queue(Reply("[[0,0,500,500]]"), Reply("[[0,0,1000,500]]", times=0))
    async with connect() as client:
        part = await say(
            client, "describe_image", images="a.png#xywh=200,100,100,50", task="locate", prompt="x"
        )
        sim.clear()
        sim.queue(Reply("[[0,0,1000,500]]", times=0))
        tall = await say(client, "describe_image", images="long.png", task="locate", prompt="y")
    assert "[200, 100, 250, 125] px" in part
    assert "in 400x200 px" in part
    rows = {int(m[1]): int(m[2]) for m in re.finditer(r"\[0, (\d+), 300, (\d+)\] px", tall)}
    requests = chats_done(sim)  # one too many at once is refused, and asked again
    assert len(rows) == len(requests) > 3
    heights = {m.height for r in requests for m in r.media}
    assert min(rows) == 0
    assert all(any(abs(end - start - h / 2) <= 1 for h in heights) for start, end in rows.items())
    assert math.isclose(max(rows.values()), 6000, rel_tol=0.2)


async def test_boxes_in_any_other_answer_get_their_pixels(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    put(folders.cwd / "a.png", save(corners(400, 200), "PNG"))
    sim.queue(Reply("The button is at [[100,100,200,200]].", boxed=True))
    async with connect() as client:
        text = await say(client, "describe_image", images="a.png", prompt="Where is the button?")
    assert "In pixels of 400x200: " in text
    assert "[40, 20, 80, 40]" in text


async def test_a_truncated_picture_is_used_and_the_answer_says_so(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    for kind in ("JPEG", "PNG"):
        whole = photo(500, 400)
        whole.paste(BLUE, (0, 0, 500, 100))
        data = save(whole, kind)
        put(folders.cwd / f"cut.{kind}", data[: len(data) * 6 // 10])
    async with connect() as client:
        for kind in ("JPEG", "PNG"):
            sim.clear()
            text = await say(client, "describe_image", images=f"cut.{kind}")
            got = one_picture(sim)
            assert got.image.size == (500, 400)
            assert near(got.pixel(250, 50), BLUE, 30)
            assert "file is truncated: the missing part is grey or black" in text.splitlines()[-1]


async def test_a_picture_of_ninety_five_million_pixels_is_read_and_shrunk(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    plan = Image.new("1", (10_000, 9_500), 1)
    plan.paste(0, (0, 0, 5_000, 4_750))
    put(folders.cwd / "plan.png", save(plan, "PNG"))
    async with connect() as client:
        text = await say(client, "describe_image", 45, images="plan.png")
    got = one_picture(sim)
    assert 2000 <= got.image.width <= 6000
    wide, high = got.image.size
    assert (got.pixel(wide // 4, high // 4)[0], got.pixel(wide * 3 // 4, high // 4)[0]) == (0, 255)
    assert "shrunk" in text


async def test_reading_a_truncated_picture_makes_no_other_call_tolerant(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    from PIL import ImageFile

    data = save(photo(300, 300), "PNG")
    put(folders.cwd / "cut.png", data[: len(data) // 2])
    put(folders.cwd / "broken.png", data[:60])
    async with connect() as client:
        await say(client, "describe_image", images="cut.png")
        assert not ImageFile.LOAD_TRUNCATED_IMAGES  # it is one for the whole process
        assert (await fail(client, "describe_image", images="broken.png")).startswith(
            "unsupported_media: broken.png"
        )


# ── Files that people were refused or shown black ───────────────────────────────────────────────────────────────


def png_with_damaged_text() -> bytes:
    data = save(corners(120, 80), "PNG")
    text = b"\0\0\0\4tEXta\0bc" + bytes(4)  # its check sum is not that of its bytes
    return data[:33] + text + data[33:]


OKLCH = f'{HEAD} width="120" height="80"><rect width="120" height="80" fill="oklch(0.7 0.2 30)"/></svg>'
INSIDE = base64.b64encode(
    f'{HEAD} width="40" height="40"><circle cx="20" cy="20" r="20" fill="red"/></svg>'.encode()
)


@each(
    ("name", "data", "colour", "said"),
    [
        ("chat.png", png_with_damaged_text(), RED, ""),
        ("today.svg", OKLCH.encode(), (255, 97, 77), ""),
        (
            "icon.svg",
            f'{HEAD} width="60" height="60"><image width="60" height="60" '
            f'xlink:href="data:image/svg+xml;base64,{INSIDE.decode()}"/></svg>'.encode(),
            (255, 0, 0),
            "",
        ),
        (
            "lost.svg",
            f'{HEAD} width="60" height="60"><rect width="60" height="60" fill="red" '
            'style="fill: unheard-of(1)"/></svg>'.encode(),
            (255, 0, 0),
            "CSS not drawn: fill: unheard-of(1)",
        ),
        (
            "glyphs.svg",
            f'{HEAD} width="60" height="60"><rect width="60" height="60" fill="red"/><text x="0" y="9">\U0010fffd</text></svg>'.encode(),
            (255, 0, 0),
            "1 icon of a font that is not here: export as PNG",
        ),
    ],
)
async def test_what_others_refuse_or_draw_black_is_read_and_losses_are_said(
    connect: Connect, sim: Simulator, folders: Folders, name: str, data: bytes, colour: Any, said: str
) -> None:
    put(folders.cwd / name, data)
    async with connect() as client:
        text = await say(client, "describe_image", images=name)
    got = one_picture(sim)
    wide, high = got.image.size
    place = (wide // 8, high // 8) if name.endswith("png") else (wide // 2, high // 2)
    assert near(got.pixel(*place), colour)
    assert said in text
    assert ("not drawn" in text or "not here" in text) == bool(said)
