"""Pictures whose values, profiles or structure are unusual: what is seen of them, and within which room."""

from __future__ import annotations

import io
import random
import struct
import subprocess
import sys
from typing import Any

import anyio
import PIL
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms
from support.cases import each
from support.pictures import BLUE, GREEN, RED, corners, exif, photo, save, seen, shown, source

from glm_mcp.errors import InvalidRequest, MediaTooLarge, NotFound
from glm_mcp.media.images import decode, encode, metadata, multiframe
from glm_mcp.media.images.options import Options
from glm_mcp.media.images.pipeline import make
from glm_mcp.media.images.prepare import prepare_images
from glm_mcp.media.types import Fragment, Picture
from glm_mcp.registry import CARDS

pytestmark = pytest.mark.anyio

CARD = CARDS["glm-4.6v-flash"]
MB = 1_000_000


def options(**more: Any) -> Options:
    given = {"side": CARD.image_side, "limit": 5 * MB, "budget": 9 * MB, "max_parts": 10, **more}
    return Options("shot", more.pop("kind", ""), **given)


def opened(picture: Picture) -> Image.Image:
    return Image.open(io.BytesIO(picture.part.data or b""))


def flat(data: bytes) -> Image.Image:
    return decode.flat(data, "shot")


def ramp(mode: str, values: list[float]) -> bytes:
    image = Image.new(mode, (len(values), 2))
    image.putdata(values * 2)
    return save(image, "TIFF")


@each(
    ("mode", "values"),
    [
        ("F", [0.0, 0.5, 1.0]),
        ("F", [0.0, 127.5, 255.0]),
        ("I", [0, 32767, 65535]),
        ("F", [float("nan"), -1.0, 0.0, 1.0]),  # what is no number says nothing about the range
        ("F", [float("inf"), 0.0, 500.0, 1000.0]),
    ],
)
def test_values_are_shown_by_the_range_that_they_have(mode: str, values: list[float]) -> None:
    image = flat(ramp(mode, values)).convert("L")
    got: list[Any] = [image.getpixel((x, 1)) for x in range(len(values))]
    assert got[-3:] == [0, pytest.approx(127, abs=1), 255]


@each(
    ("mode", "values", "seen", "notes"),
    [
        ("F", [-9999.0, 400.0, 950.0, 1500.0], [0, 0, 127, 255], ("values 400 to 1500", "-9999 is taken")),
        (
            "F",
            [-3.4028234663852886e38, 1.0, 2.0, 3.0],
            [0, 0, 127, 255],
            ("values 1 to 3", "-3.40282e+38 is"),
        ),
        ("F", [9999.0, 0.3, 0.4, 0.5], [255, 0, 127, 255], ("values 0.3 to 0.5", "9999 is taken")),
        ("F", [float("nan"), -9999.0, 3.0, 5.0], [0, 0, 0, 255], ("values 3 to 5", "-9999 is taken")),
        ("I", [-32768, 400, 950, 1500], [0, 0, 127, 255], ("values 400 to 1500", "-32768 is taken")),
        ("I", [400, 400, 950, 1500], [0, 0, 127, 255], ("values 400 to 1500",)),
        ("I;16", [65535, 0, 2047, 4095], [255, 0, 127, 255], ("only 12 of its 16 bits", "65535 is taken")),
        ("I;16", [0, 0, 32767, 65535], [0, 0, 127, 255], ()),
    ],
)
def test_the_number_that_stands_for_no_value_leaves_the_others_apart(
    mode: str, values: list[float], seen: list[int], notes: tuple[str, ...]
) -> None:
    (picture,) = make(ramp(mode, values), options())
    image = opened(picture).convert("L")
    assert [image.getpixel((x, 1)) for x in range(1, 4)] == [pytest.approx(v, abs=1) for v in seen[1:]]
    if values[0] == values[0]:  # what NaN is shown as is open
        assert image.getpixel((0, 1)) == seen[0]
    assert len(picture.notes) == len(notes)
    assert all(note.startswith(begin) for note, begin in zip(picture.notes, notes, strict=True))


def measured(order: str, form: str, sign: int, colours: int, values: tuple[float, ...]) -> list[object]:
    """What is seen of three numbers in a TIFF. `sign`: what kind they are; `colours`: 0 where the least of them is white."""
    pixels = struct.pack(f"{order}3{form}", *values)
    tags = {256: 3, 257: 1, 258: 8 * len(pixels) // 3, 259: 1, 262: colours, 273: 8, 277: 1, 278: 1, 279: len(pixels), 339: sign}  # fmt: skip
    rows = b"".join(struct.pack(order + "HHII", tag, 4, 1, value) for tag, value in tags.items())
    mark = b"II*\0" if order == "<" else b"MM\0*"
    data = (
        mark
        + struct.pack(order + "I", 8 + len(pixels))
        + pixels
        + struct.pack(order + "H", 10)
        + rows
        + bytes(4)
    )
    (picture,) = make(data, options())
    image = opened(picture).convert("L")
    return [image.getpixel((x, 0)) for x in range(3)]


@each("order", "<>")
@each(("form", "sign", "values"), [("d", 3, (0.0, 0.5, 1.0)), ("I", 1, (0, 1 << 31, 2**32 - 1))])
def test_numbers_of_programs_that_compute_are_shown(
    order: str, form: str, sign: int, values: tuple[float, ...]
) -> None:
    assert measured(order, form, sign, 1, values) == [0, pytest.approx(127, abs=1), 255]


@each("order", "<>")
@each(("form", "sign", "values"), [("H", 1, (0, 32767, 65535)), ("f", 3, (0.0, 0.5, 1.0))])
def test_the_least_is_white_where_a_tiff_says_so(
    order: str, form: str, sign: int, values: tuple[float, ...]
) -> None:
    assert measured(order, form, sign, 0, values) == [255, pytest.approx(127, abs=1), 0]


@each("order", "<>")
@each(
    ("colours", "extra", "values", "seen"),
    [
        (8, {}, (65535, 0, 0), (255, 255, 255)),
        (8, {}, (34000, 17000, 65536 - 17000), (184, 67, 240)),  # violet: L 52, a 66, b -66
        (1, {338: 2}, (20000, 65535), (78, 78, 78)),
        (1, {338: 2}, (20000, 0), (255, 255, 255)),
    ],
)
def test_lab_and_grey_with_transparency_of_sixteen_bits_are_read(
    order: str, colours: int, extra: dict[int, int], values: tuple[int, ...], seen: tuple[int, ...]
) -> None:
    pixels = struct.pack(f"{order}{len(values)}H", *values) * 4
    count = len(values)
    form = [
        (256, 4, 2),
        (257, 4, 2),
        (258, 3, None),
        (259, 3, 1),
        (262, 3, colours),
        (273, 4, 8),
        (277, 3, count),
    ]
    form += [(278, 4, 2), (279, 4, len(pixels)), *((tag, 3, value) for tag, value in extra.items())]
    bits = 8 + len(pixels)  # where they stand, being too many for a tag
    rows = b""
    for tag, kind, value in form:
        small = (
            struct.pack(order + "HH", value or 0, 0) if kind == 3 else struct.pack(order + "I", value or 0)
        )
        if value is None:
            small = struct.pack(order + "HH", 16, 16) if count == 2 else struct.pack(order + "I", bits)
        rows += struct.pack(order + "HHI", tag, kind, count if value is None else 1) + small
    mark = b"II*\0" if order == "<" else b"MM\0*"
    head = mark + struct.pack(order + "I", bits + 2 * count)
    data = (
        head
        + pixels
        + struct.pack(f"{order}{count}H", *[16] * count)
        + struct.pack(order + "H", len(form))
        + rows
        + bytes(4)
    )
    (picture,) = make(data, options())
    got: Any = opened(picture).convert("RGB").getpixel((1, 1))
    assert got == pytest.approx(seen, abs=3)


def test_values_that_are_no_numbers_at_all_are_still_a_picture() -> None:
    assert flat(ramp("F", [float("nan")] * 3)).size == (3, 2)


@pytest.mark.parametrize("profile", [b"no profile at all", "LAB"])
def test_a_colour_profile_that_is_broken_or_of_another_kind_is_left_out(profile: bytes | str) -> None:
    raw = (
        profile
        if isinstance(profile, bytes)
        else ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    )
    assert seen(flat(save(corners(), "PNG", icc_profile=raw))) == "RGBY"


def test_a_colour_named_as_transparent_becomes_white() -> None:
    image = flat(save(corners(), "PNG", transparency=BLUE))
    assert image.getpixel((5, 35)) == (255, 255, 255)
    assert image.getpixel((5, 5)) == RED


@pytest.mark.skipif(PIL.__version__ < "13", reason="Pillow reads such grey from 13 on")
def test_grey_weighed_by_its_transparency_becomes_white_where_it_is_transparent() -> None:
    image = Image.new("LA", (8, 4), (90, 255))
    image.paste((0, 0), (4, 0, 8, 4))
    tiff = bytearray(save(image, "TIFF"))
    at = tiff.index(struct.pack("<HHI", 338, 3, 1))  # ExtraSamples: 1 says that the grey is weighed
    tiff[at + 8] = 1
    with Image.open(io.BytesIO(tiff)) as opened:
        assert opened.mode == "La"
    shown_as = flat(bytes(tiff))
    assert (shown_as.getpixel((1, 1)), shown_as.getpixel((6, 1))) == (90, 255)


async def test_a_phone_picture_in_heic_is_read_at_half_its_size() -> None:
    heif = pytest.importorskip("pillow_heif")
    out = io.BytesIO()
    heif.from_pillow(corners(1300, 3800)).save(
        out, quality=50, exif=exif(8), enc_params={"preset": "ultrafast"}
    )
    with anyio.fail_after(60):
        (picture,) = await prepare_images([source(out.getvalue(), "IMG_1.HEIC")], CARD)
    assert seen(shown(picture)) == "GYRB"  # a quarter turn to the left
    assert picture.original == (3800, 1300)
    assert max(picture.width, picture.height) == 1900
    assert picture.notes == ("shrunk 2.0×",)


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (MemoryError(), "needs more memory to decode than is allowed"),
        (Image.DecompressionBombError("Image size (400000000 pixels) exceeds limit"), "400 million pixels"),
    ],
)
def test_a_decoder_out_of_memory_is_an_error_with_a_mend(raised: Exception, said: str) -> None:
    with pytest.raises(MediaTooLarge, match=said) as caught, decode.decoding("shot"):
        raise raised
    assert caught.value.hint


# ── Room ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_heavy_drawing_stays_lossless_where_that_is_hardly_heavier() -> None:
    grain = Image.frombytes("L", (1300, 1300), random.Random(1).randbytes(1300 * 1300))
    made = encode.encode(grain, limit=5 * MB, photo=False, name="scan")
    assert made.mime == "image/png"
    assert len(made.data) > 1_500_000
    shrunk = encode.encode(grain, limit=100_000, photo=False, name="scan")
    assert len(shrunk.data) <= 100_000
    assert shrunk.size[0] < 1300


def test_a_picture_that_fits_into_no_room_is_an_error_that_says_so() -> None:
    with pytest.raises(MediaTooLarge, match="shot does not fit into the room that is left in the request"):
        encode.encode(photo(300, 300), limit=700, photo=True, name="shot")


@given(st.integers(1, 256), st.integers(0, 10_000), st.booleans())
def test_a_picture_of_few_colours_is_sent_with_every_one_of_them(count: int, seed: int, near: bool) -> None:
    rng = random.Random(seed)
    most = 8 if near else 256
    colours = [(rng.randrange(most), rng.randrange(most), rng.randrange(most)) for _ in range(count)]
    image = Image.new("RGB", (40, 40))
    image.putdata([rng.choice(colours) for _ in range(1600)])
    made = encode.encode(image, limit=MB, photo=False, name="chart")
    with Image.open(io.BytesIO(made.data)) as sent:
        assert sent.mode == "P"
        assert sent.convert("RGB").tobytes() == image.tobytes()


def test_a_line_of_one_pixel_is_a_picture() -> None:
    (picture,) = make(save(Image.new("RGB", (1, 50), RED), "BMP"), options())
    assert (picture.width, picture.height) == (1, 50)


def test_the_parts_of_a_long_picture_share_the_room_of_one() -> None:
    long = photo(500, 5000)
    long.paste("white", (0, 0, 500, 1500))
    made = make(save(long, "JPEG", quality=90), options(budget=200_000))
    assert len(made) >= 3
    assert sum(len(p.part.data or b"") for p in made) <= 200_000
    assert [p.width for p in made[:1]] == [500]


def test_a_large_drawing_is_shrunk_in_bands_as_in_one_piece() -> None:
    drawing = corners(4200, 3000).convert("L")
    for x in range(0, 4200, 300):
        drawing.paste(0, (x, 0, x + 9, 3000))
    (picture,) = make(save(drawing, "PNG"), options(side=3000))
    got = opened(picture).convert("L")
    whole = drawing.resize(got.size, Image.Resampling.LANCZOS)
    worst = max(high for _, high in _bands(got, whole))
    assert got.size == (3000, 2143)
    assert worst <= 2
    assert picture.notes == ("shrunk 1.4×",)


def _bands(a: Image.Image, b: Image.Image) -> list[tuple[int, int]]:
    from PIL import ImageChops, ImageStat

    return [(int(low), int(high)) for low, high in ImageStat.Stat(ImageChops.difference(a, b)).extrema]


# ── Several pictures in a file ──────────────────────────────────────────────────────────────────────────────────


def animated(count: int, kind: str = "GIF") -> bytes:
    frames = [photo(20, 20, i) for i in range(count)]
    return save(frames[0], kind, save_all=True, append_images=frames[1:], duration=100)


def test_a_short_animation_comes_whole_and_an_endless_one_is_for_the_video_tool() -> None:
    pictures = make(animated(3), options())
    assert [p.label for p in pictures] == ["frame at 0.00 s", "frame at 0.10 s", "frame at 0.20 s"]
    assert pictures[0].notes == ()
    big = Image.new("P", (16_000, 16_000))
    with pytest.raises(MediaTooLarge, match="shot has 9 frames of 16000 x 16000 pixels") as caught:
        multiframe.animation(b"", big, 9, options(), [])
    assert "analyze_video" in caught.value.hint


def test_a_picture_for_viewers_that_know_no_animated_png_is_none_of_its_frames() -> None:
    poster, *frames = (photo(20, 20, i) for i in range(4))
    data = save(poster, "PNG", save_all=True, append_images=frames, duration=100, default_image=True)
    pictures = make(data, options())
    assert [p.label for p in pictures] == ["frame at 0.00 s", "frame at 0.10 s", "frame at 0.20 s"]
    assert [_bands(opened(p), f) for p, f in zip(pictures, frames, strict=True)] == [[(0, 0)] * 3] * 3
    assert pictures[0].notes == ()


def test_an_animated_png_of_few_colours_keeps_them() -> None:
    frames = []
    for colour in (1, 2, 3):
        frame = Image.new("P", (20, 20), colour)
        frame.putpalette(bytes((0, 0, 0, *RED, *GREEN, *BLUE)))
        frames.append(frame)
    data = save(frames[0], "PNG", save_all=True, append_images=frames[1:], duration=100)
    assert Image.open(io.BytesIO(data)).mode == "P"
    shown = [opened(picture).convert("RGB").getpixel((9, 9)) for picture in make(data, options())]
    assert shown == [RED, GREEN, BLUE]


def test_one_moment_of_an_animation_is_the_frame_then_shown() -> None:
    assert multiframe.choose_frames([0.0, 0.1, 0.2], 0.3, (0.1, 0.1), 6) == [1]


def test_an_animation_broken_in_its_first_frame_is_damaged() -> None:
    data = bytearray(animated(3, "PNG"))
    data[data.index(b"IDAT") + 30] ^= 0xFF
    with pytest.raises(decode.Damaged):
        make(bytes(data), options())


def test_an_animation_cut_off_anywhere_shows_the_frames_before_the_cut() -> None:
    frames = [corners(20, 20), corners(20, 20).rotate(90), corners(20, 20).rotate(180)]
    data = save(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=100)
    second = data.index(b"!\xf9", data.index(b"!\xf9") + 1)
    notes: set[str] = set()
    for end in range(second + 1, second + 20):
        first, *_ = make(data[:end], options())
        assert seen(opened(first)) == "RGBY"
        notes.update(first.notes)
    assert "file is truncated: only its first 1 frames are whole" in notes


def test_a_tiff_is_asked_for_pages_and_not_for_times() -> None:
    pages = save(corners(), "TIFF", save_all=True, append_images=[corners()] * 4)
    made = make(pages, options(max_parts=2))
    assert [p.label for p in made] == ["page 1 of 5", "page 2 of 5"]
    assert made[0].notes == ("2 of 5 pages; name others with #page=",)
    with pytest.raises(InvalidRequest, match="shot is not animated"):
        make(pages, options(fragment=Fragment(t=(0.0, None))))
    with pytest.raises(NotFound, match="shot has no page 9: it has 5"):
        make(pages, options(fragment=Fragment(page="9")))


def test_a_smaller_copy_in_a_tiff_is_no_page() -> None:
    small = corners(12, 8)
    out = io.BytesIO()
    from PIL import TiffImagePlugin

    reduced = TiffImagePlugin.ImageFileDirectory_v2()
    reduced[254] = 1
    small.encoderinfo = {"tiffinfo": reduced}
    corners().save(out, "TIFF", save_all=True, append_images=[small])
    made = make(out.getvalue(), options())
    assert [(p.width, p.height, p.label, p.notes) for p in made] == [(60, 40, "", ())]


# ── What the bytes say ──────────────────────────────────────────────────────────────────────────────────────────


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def test_a_jpeg_with_fill_bytes_goes_as_it_is_and_one_that_is_not_whole_does_not() -> None:
    jpeg = save(corners(), "JPEG")
    filled = jpeg[:2] + b"\xff\xff" + jpeg[2:]
    found = metadata.plain(filled)
    assert found is not None
    assert seen(Image.open(io.BytesIO(found.data))) == "RGBY"
    for broken in (
        jpeg[: jpeg.index(b"\xff\xdb")] + b"junk" + jpeg[jpeg.index(b"\xff\xdb") :],
        b"\xff\xd8\xff\xd9\xff\xd9",  # an end without a picture
        jpeg[:2] + b"\xff\xe1\xff\xff",  # a part that is longer than the file
        jpeg[: jpeg.index(b"\xff\xda")],  # no picture after its headers
        jpeg[:-2],
    ):
        assert metadata.plain(broken) is None


def test_a_png_without_its_end_is_not_whole() -> None:
    png = save(corners(), "PNG")
    assert metadata.plain(png[:-12]) is None
    assert metadata.plain(b"GIF89a") is None


def test_a_box_may_give_its_length_in_eight_bytes() -> None:
    assert metadata.box_end(struct.pack(">I4sQ", 1, b"mdat", 5_000_000_000), 0) == 5_000_000_000


def test_a_missing_library_names_the_extra_to_install() -> None:
    code = (
        "import io, sys\n"
        "for name in ('pillow_heif', 'pillow_jxl', 'resvg_py', 'av'): sys.modules[name] = None\n"
        "from glm_mcp.errors import MissingExtra\n"
        "from glm_mcp.media.images import decode\nfrom glm_mcp.media.images.svg import draw\nfrom glm_mcp.media.video import job\n"
        "heic = b'\\0\\0\\0\\x18ftypheic\\0\\0\\0\\0mif1heic'\n"
        "for read in (lambda: decode.flat(heic, 'a.heic'), lambda: decode.flat(b'\\xff\\x0a', 'a.jxl'), lambda: draw.render(b'<svg/>', 'a.svg'),\n"
        "             lambda: job.video_job(io.BytesIO(b'x'), {'name': 'a.mp4'})):\n"
        "    try: read()\n"
        "    except MissingExtra as error: print(error.extra, 'pip install' in str(error))\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=True)
    assert ran.stdout.decode().splitlines() == ["heic True", "jxl True", "svg True", "video True"]
