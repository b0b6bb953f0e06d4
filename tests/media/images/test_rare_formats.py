"""Pictures that few programs write, and ordinary ones with damage in what says nothing of how they look."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import anyio
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from support.cases import each
from support.format_samples import layered
from support.pictures import GREEN, RED, corners, exif, photo, save, seen, shown, source

from glm_mcp.errors import MediaTooLarge, UnsupportedMedia
from glm_mcp.media.detect import detect
from glm_mcp.media.images import decode, metadata
from glm_mcp.media.images.prepare import prepare_images
from glm_mcp.media.types import Picture
from glm_mcp.registry import CARDS

pytestmark = pytest.mark.anyio

CARD = CARDS["glm-4.6v-flash"]


async def one(data: bytes, name: str = "shot.png") -> Picture:
    with anyio.fail_after(60):
        (picture,) = await prepare_images([source(data, name)], CARD)
    return picture


def cursor() -> bytes:
    """A Windows cursor: an icon whose two planes are the place that points."""
    icon = bytearray(save(corners(), "ICO", sizes=[(60, 40)], bitmap_format="bmp"))
    icon[2:4] = b"\2\0"
    return bytes(icon)


def psd() -> bytes:
    """Photoshop: no layers, three channels, not packed."""
    header = b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, 40, 60, 8, 3)
    return header + bytes(12) + b"\0\0" + b"".join(band.tobytes() for band in corners().split())


def deep_psd() -> bytes:
    """Photoshop of sixteen bits a channel."""
    header = b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, 40, 60, 16, 3)
    return (
        header
        + bytes(12)
        + b"\0\0"
        + b"".join(bytes(b for v in band.tobytes() for b in (v, v)) for band in corners().split())
    )


def portable(kind: str, most: int) -> bytes:
    """A portable map whose brightest value is `most`; of PAM with a transparency that is nowhere used."""
    values = [round(value * most / 255) for value in corners().convert("RGBA").tobytes()]
    if kind == "P6":
        head = f"P6\n# by a scanner\n60 40\n{most}\n"
        values = [value for at, value in enumerate(values) if at % 4 < 3]
    else:
        head = f"P7\nWIDTH 60\nHEIGHT 40\nDEPTH 4\nMAXVAL {most}\nTUPLTYPE RGB_ALPHA\nENDHDR\n"
    return head.encode() + struct.pack(f">{len(values)}{'B' if most < 256 else 'H'}", *values)


def xpm() -> bytes:
    """Source code in C: a letter a pixel, after the colour of each letter."""
    raw = corners().tobytes()
    pixels = list(zip(raw[::3], raw[1::3], raw[2::3], strict=True))
    colours = dict(zip(sorted(set(pixels)), "abcd", strict=True))
    named = "".join(f'"{letter} c #{r:02X}{g:02X}{b:02X}",\n' for (r, g, b), letter in colours.items())
    letters = "".join(colours[pixel] for pixel in pixels)
    rows = ",\n".join(f'"{letters[at : at + 60]}"' for at in range(0, 2400, 60))
    return f'/* XPM */\nstatic char *a[] = {{\n"60 40 4 1",\n{named}{rows}\n}};\n'.encode()


RARE: dict[str, Callable[[], bytes]] = {
    "a.pcx": lambda: save(corners(), "PCX"),
    "palette.pcx": lambda: save(corners().quantize(16), "PCX"),
    "a.cur": cursor,
    "a.dib": lambda: save(corners(), "DIB"),
    "a.dds": lambda: save(corners(), "DDS"),
    "packed.dds": lambda: save(corners(64, 48), "DDS", pixel_format="DXT1"),
    "a.sgi": lambda: save(corners(), "SGI"),
    "a.psd": psd,
    "a.icns": lambda: save(corners(128, 128), "ICNS"),
    "a.qoi": lambda: save(corners(), "QOI"),
    "a.tga": lambda: save(corners(), "TGA"),
    "a.xpm": xpm,
    "a.pam": lambda: portable("P7", 255),
    "dim.pam": lambda: portable("P7", 7),
    "deep.pam": lambda: portable("P7", 1023),
    "dim.ppm": lambda: portable("P6", 63),
    "deep.ppm": lambda: portable("P6", 4095),
}


def runs_over_rows() -> bytes:
    """A Targa picture whose runs of equal pixels go on from one row to the next."""
    image = Image.new("RGB", (60, 40), RED)
    image.paste(GREEN, (0, 10, 60, 40))
    raw = b"".join(image.getchannel(band).tobytes() for band in "BGR")
    pixels = [raw[at::2400] for at in range(2400)]
    packed = b""
    while pixels:
        count = next((n for n, pixel in enumerate(pixels[:128]) if pixel != pixels[0]), min(128, len(pixels)))
        packed += bytes([0x80 | count - 1]) + pixels[0]
        del pixels[:count]
    return struct.pack("<3B5x4H2B", 0, 0, 10, 0, 0, 60, 40, 24, 0x20) + packed


def light(image: Image.Image) -> list[float]:
    """The light that each value of the picture stands for, from 0 to 1, pixel by pixel."""
    return [(value / 255) ** 2.2 for value in image.tobytes()]


def of_floats() -> bytes:
    """A TIFF of three floating numbers a pixel."""
    values = struct.pack("<7200f", *(value / 255 for value in corners().tobytes()))
    tags = [(256, 4, 1, 60), (257, 4, 1, 40), (258, 3, 3, 8), (259, 3, 1, 1), (262, 3, 1, 2), (273, 4, 1, 20)]
    tags += [(277, 3, 1, 3), (278, 4, 1, 40), (279, 4, 1, len(values)), (339, 3, 3, 14)]
    head = b"II*\0" + struct.pack("<I6H", 20 + len(values), 32, 32, 32, 3, 3, 3)
    return (
        head
        + values
        + struct.pack("<H", 10)
        + b"".join(struct.pack("<HHII", *tag) for tag in tags)
        + bytes(4)
    )


def radiance() -> bytes:
    raw = bytes(min(255, round(256 * value)) for value in light(corners()))
    pixels = b"".join(raw[at : at + 3] + b"\x80" for at in range(0, len(raw), 3))
    return b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 40 +X 60\n" + pixels


def open_exr() -> bytes:
    av = pytest.importorskip("av")
    frame = av.VideoFrame(60, 40, "gbrpf32le")
    values = light(corners())
    for plane, band in zip(frame.planes, (1, 2, 0), strict=True):
        rows = (values[band::3][60 * y : 60 * y + 60] for y in range(40))
        plane.update(b"".join(struct.pack("<60f", *row).ljust(plane.line_size, b"\0") for row in rows))
    frame.pts = 0
    encoder = av.CodecContext.create("exr", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = 60, 40, "gbrpf32le", Fraction(1, 25)
    return b"".join(map(bytes, [*encoder.encode(frame), *encoder.encode(None)]))


def without_loss() -> bytes:
    """A JPEG without loss, as machines in hospitals write it."""
    av = pytest.importorskip("av")
    encoder = av.CodecContext.create("ljpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = 60, 40, "bgr24", Fraction(1, 25)
    frame = av.VideoFrame.from_image(corners()).reformat(format="bgr24")
    frame.pts = 0
    return b"".join(map(bytes, [*encoder.encode(frame), *encoder.encode(None)]))


def weighed_texture() -> bytes:
    """A texture whose colours are multiplied by their transparency."""
    return save(corners(64, 48), "DDS", pixel_format="DXT3").replace(b"DXT3", b"DXT2", 1)


def avif_as_first_written() -> bytes:
    """An AVIF with transparency that has two lists of properties where one is allowed, as an early encoder wrote it."""
    clear = corners().convert("RGBA")
    clear.putpixel((30, 20), (0, 0, 0, 128))
    data = bytearray(save(clear, "AVIF", quality=95))
    more = struct.pack(">I4s8x", 16, b"ipma")
    end = data.index(b"ipma") - 4
    end += int.from_bytes(data[end : end + 4], "big")
    first = (
        data.index(b"iloc") + 4 + 8
    )  # behind its version, the sizes of its numbers, and how many there are
    for at in (data.index(b"meta") - 4, data.index(b"iprp") - 4, first + 6, first + 14 + 6):
        data[at : at + 4] = (int.from_bytes(data[at : at + 4], "big") + len(more)).to_bytes(4, "big")
    return bytes(data[:end] + more + data[end:])


OTHERS: dict[str, Callable[[], bytes]] = {
    "floats.tif": of_floats,
    "light.hdr": radiance,
    "older.hdr": lambda: radiance().replace(b"RADIANCE\n", b"RGBE\nGAMMA=1.0\n"),
    "light.exr": open_exr,
    "old.avif": avif_as_first_written,
    "deep.psd": deep_psd,
    "lossless.jpg": without_loss,
    "weighed.dds": weighed_texture,
}


@pytest.mark.parametrize("name", OTHERS)
async def test_what_the_library_of_pictures_refuses_is_read_by_that_of_films(name: str) -> None:
    pytest.importorskip("av")
    data = OTHERS[name]()
    with pytest.raises(decode.Damaged):
        decode.open_lazily(data, name).load()
    picture = await one(data, name)
    size = (64, 48) if name.endswith(".dds") else (60, 40)
    assert (picture.original, seen(shown(picture)), picture.notes) == (size, "RGBY", ())


@pytest.mark.parametrize("form", ["rgb48le", "rgba64le", "ya16le"])
async def test_white_of_sixteen_bits_in_a_jpeg_2000_is_white(form: str) -> None:
    av = pytest.importorskip("av")
    frame = av.VideoFrame(60, 40, form)
    for plane in frame.planes:
        plane.update(b"\xff" * plane.buffer_size)
    encoder = av.CodecContext.create("jpeg2000", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = 60, 40, form, Fraction(1, 25)
    data = b"".join(bytes(packet) for packet in (*encoder.encode(frame), *encoder.encode(None)))
    place = data.index(b"jp2c") - 4
    said = struct.pack(">I4s16s", 24, b"uuid", b"of a camera, map") * 12  # words on the picture before it
    for made in (data, data[:place] + said + data[place:]):
        image = shown(await one(made, "a.jp2")).convert("RGB")
        assert image.getextrema() == ((255, 255),) * 3


async def test_a_portable_map_that_breaks_off_is_shown_as_far_as_it_goes() -> None:
    picture = await one(portable("P7", 1023)[:-600], "a.pam")
    assert (seen(shown(picture)), picture.notes) == (
        "RGBY",
        ("file is truncated: the missing part is grey or black",),
    )
    claims = portable("P7", 255).replace(b"WIDTH 60", b"WIDTH 60000000")
    with pytest.raises(MediaTooLarge, match="2,400 million pixels"):
        await one(claims, "a.pam")


@each(
    ("colour", "written"),
    [
        ((255, 0, 0), "c red"),
        ((18, 52, 86), "c #123434565678 m black"),
        ((255, 255, 255), "s background c None g4 #fff"),
        ((128, 128, 128), "m white c gray50"),
        ((170, 187, 204), "\tc\t#abc"),
        ((47, 79, 79), "s dark slate gray"),
    ],
)
async def test_colours_of_an_xpm_are_read_as_programs_write_them(
    colour: tuple[int, int, int], written: str
) -> None:
    rows = ",\n".join('  "' + "ab" * 4 + '"' for _ in range(8))
    text = f'/* XPM */\n/* drawn by hand */\nstatic char * a_xpm[] = {{\n/* columns rows */\n"8 8 2 1",\n"a {written}", "b c #000",\n/* pixels */\n{rows}}};'
    image = shown(await one(text.encode(), "a.xpm")).convert("RGB")
    assert (image.getpixel((0, 0)), image.getpixel((1, 0))) == (colour, (0, 0, 0))


def light_on(cover: float, brightness: float) -> bytes:
    """An OpenEXR picture: its left half is nothing, its right half of this brightness and cover."""
    av = pytest.importorskip("av")
    frame = av.VideoFrame(60, 40, "gbrapf32le")
    for plane, value in zip(frame.planes, (brightness, 0.0, 0.0, cover), strict=True):
        row = struct.pack("<60f", *(0.0 if x < 30 else value for x in range(60)))
        plane.update(row.ljust(plane.line_size, b"\0") * 40)
    frame.pts = 0
    encoder = av.CodecContext.create("exr", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = 60, 40, "gbrapf32le", Fraction(1, 25)
    return b"".join(map(bytes, [*encoder.encode(frame), *encoder.encode(None)]))


@each(
    ("cover", "brightness", "left", "right"),
    [
        (1.0, 1.0, (255, 255, 255), (0, 255, 0)),
        (1.0, 0.0, (255, 255, 255), (0, 0, 0)),
        (0.5, 0.5, (255, 255, 255), (127, 255, 127)),
        (0.0, 1.0, (0, 0, 0), (0, 255, 0)),  # a light that covers nothing
    ],
)
async def test_an_open_exr_is_seen_through_where_it_is_transparent(
    cover: float, brightness: float, left: tuple[int, ...], right: tuple[int, ...]
) -> None:
    image = shown(await one(light_on(cover, brightness), "a.exr")).convert("RGB")
    for place, expected in (((5, 5), left), ((50, 5), right)):
        found: Any = image.getpixel(place)
        assert max(abs(a - b) for a, b in zip(found, expected, strict=True)) <= 2


@each("kind", ["AVIF", "JPEG", "WEBP", "PNG"])
async def test_what_a_note_in_a_picture_says_of_its_turn_is_not_followed(kind: str) -> None:
    note = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="3"/></rdf:RDF></x:xmpmeta>'
    )
    held = PngInfo()
    held.add_itxt("XML:com.adobe.xmp", note)
    more = {"pnginfo": held} if kind == "PNG" else {"xmp": note.encode()}
    picture = await one(save(corners(), kind, quality=95, **more), f"a.{kind.lower()}")
    assert seen(shown(picture)) == "RGBY"
    turned = await one(save(corners(), kind, quality=95, exif=exif(3), **more), f"a.{kind.lower()}")
    assert seen(shown(turned)) == "YBGR"


async def test_a_bitmap_in_source_code_is_read_as_a_picture_and_other_source_code_is_not() -> None:
    # The left half is set, which is ink.
    rows = ", ".join(["0xff, 0x00"] * 16)
    data = f"#define a_width 16\n#define a_height 16\nstatic char a_bits[] = {{\n{rows} }};\n".encode()
    for name in ("a.xbm", "a.h"):
        image = shown(await one(data, name)).convert("L")
        assert (image.getpixel((3, 5)), image.getpixel((12, 5))) == (0, 255)
    assert detect(b"#define a_width 60\n#define a_height 40\nint main;", "a.h").name == "code"


async def test_an_old_bitmap_that_says_where_it_points_is_read() -> None:
    data = bytearray(save(corners(), "BMP"))
    data[6:10] = b"\x1d\0\x27\0"
    assert seen(shown(await one(bytes(data), "a.bmp"))) == "RGBY"


async def test_a_targa_whose_runs_go_on_from_row_to_row_is_whole() -> None:
    pytest.importorskip("av")
    picture = await one(runs_over_rows(), "a.tga")
    image = shown(picture).convert("RGB")
    assert [image.getpixel(place) for place in ((0, 0), (59, 9), (0, 10), (59, 39))] == [
        RED,
        RED,
        GREEN,
        GREEN,
    ]
    assert picture.notes == ()


@pytest.mark.parametrize("point", [0, 32])
async def test_a_cursor_is_seen_through_where_it_is_transparent(point: int) -> None:
    """One of two colours, all of it black where it is not transparent: the right half of it is."""
    mask, pixels = b"\0\0\xff\xff" * 32, bytes(128)
    bitmap = struct.pack("<IiiHHIIiiII", 40, 32, 64, 1, 1, 0, 0, 0, 0, 0, 0) + bytes(3) + b"\0\xff\xff\xff\0"
    entry = struct.pack("<4BHHII", 32, 32, 2, 0, 3, point, len(bitmap) + 256, 22)
    data = struct.pack("<3H", 0, 2, 1) + entry + bitmap + pixels + mask
    image = shown(await one(data, "a.cur")).convert("L")
    assert (image.size, image.getpixel((5, 5)), image.getpixel((28, 5))) == ((32, 32), 0, 255)


async def test_colours_of_eight_bits_in_the_palette_of_a_tiff_are_as_bright_as_they_are() -> None:
    data = save(corners().quantize(4), "TIFF")
    colours = Image.open(io.BytesIO(data)).getpalette() or []
    values = [value for band in range(3) for value in colours[band::3]]
    usual = struct.pack(f"<{len(values)}H", *(256 * value for value in values))
    assert usual in data
    data = data.replace(usual, struct.pack(f"<{len(values)}H", *values))
    assert seen(shown(await one(data, "a.tif"))) == "RGBY"


@each(("form", "bits"), [(3, 24), (5, 32), (6, 64)])  # the last two in two parts, one imaginary
async def test_numbers_that_no_library_knows_are_refused_and_not_taken_for_others(
    form: int, bits: int
) -> None:
    data = of_floats().replace(struct.pack("<HHII", 339, 3, 3, 14), struct.pack("<HHII", 339, 3, 1, form))
    data = data.replace(struct.pack("<3H", 32, 32, 32), struct.pack("<3H", bits, bits, bits), 1)
    with pytest.raises(UnsupportedMedia, match="the file is damaged, or of a form that is not known here"):
        await one(data, "a.tif")


@each(
    ("name", "mimetype", "picture", "others", "notes"),
    [
        ("a.kra", "application/x-krita", "mergedimage.png", ("preview.png",), ()),
        ("a.kra", "application/x-kra", "preview.png", (), ("shown as the preview in the file",)),
        ("a.ora", "image/openraster", "mergedimage.png", ("stack.xml",), ()),
        ("a.xd", "application/vnd.adobe.sparkler.project+dcxucf", "preview.png", (), ("shown as",)),
        ("a.fig", "", "thumbnail.png", ("canvas.fig", "meta.json"), ("shown as the preview in the file",)),
        ("a.sketch", "", "previews/preview.png", ("document.json", "meta.json", "user.json"), ("shown as",)),
        ("a.procreate", "", "QuickLook/Thumbnail.png", ("Document.archive",), ("shown as",)),
    ],
)
async def test_a_drawing_in_layers_is_shown_as_its_program_keeps_it(
    name: str, mimetype: str, picture: str, others: tuple[str, ...], notes: tuple[str, ...]
) -> None:
    data = layered(mimetype, picture, *(other for other in others if other != "preview.png"))
    made = await one(data, name)
    assert seen(shown(made)) == "RGBY"
    assert [note[: len(begin)] for note, begin in zip(made.notes, notes, strict=True)] == list(notes)


@pytest.mark.extreme
async def test_of_a_drawing_in_layers_no_more_is_unpacked_than_a_picture_has() -> None:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/x-krita")
        archive.writestr("mergedimage.png", bytes(300_000_000))
    with pytest.raises(UnsupportedMedia, match="the file is damaged"):
        await one(held.getvalue(), "a.kra")


async def test_a_drawing_in_layers_without_a_picture_says_what_to_do() -> None:
    empty = layered("application/x-krita", "", "maindoc.xml")
    broken = layered("image/openraster", "mergedimage.png").replace(b"IDAT", b"IDXX")
    for data, said in ((empty, "holds no picture of what was drawn"), (broken, "the file is damaged")):
        with pytest.raises(UnsupportedMedia, match=said) as raised:
            await one(data, "a.kra")
        assert "PNG" in (raised.value.hint or "")


async def test_a_jpeg_of_a_rare_form_that_cannot_be_read_is_not_just_called_damaged() -> None:
    with pytest.raises(UnsupportedMedia, match="the file is damaged, or of a form that is not known here"):
        await one(without_loss()[:-1200], "a.jpg")


async def test_a_tiff_that_ends_with_its_tags_is_read() -> None:
    pixels = corners().tobytes()
    tags = {256: 60, 257: 40, 258: 8, 259: 1, 262: 2, 273: 8, 277: 3, 278: 40, 279: len(pixels)}
    rows = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    data = b"II*\0" + struct.pack("<I", 8 + len(pixels)) + pixels + struct.pack("<H", len(tags)) + rows
    assert seen(shown(await one(data, "a.tif"))) == "RGBY"


def of_the_first_form(jpeg: bytes) -> bytes:
    """A grey TIFF of JPEG in its first form, whose tables are not where its tags say: all of them stand in the JPEG."""
    tags = {256: 60, 257: 40, 258: 8, 259: 6, 262: 1, 273: 8, 277: 1, 278: 40, 279: len(jpeg), 512: 1, 513: 8}
    tags |= {514: len(jpeg), 519: 9, 520: 9, 521: 9}
    rows = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return b"II*\0" + struct.pack("<I", 8 + len(jpeg)) + jpeg + struct.pack("<H", len(tags)) + rows + bytes(4)


async def test_jpeg_of_the_first_form_in_a_tiff_is_read_or_refused_and_never_black() -> None:
    grey = Image.new("L", (60, 40), 200)
    grey.paste(40, (32, 0, 60, 40))
    jpeg = save(grey, "JPEG", quality=95)
    image = shown(await one(of_the_first_form(jpeg), "a.tif")).convert("L")
    found: list[Any] = [image.getpixel(place) for place in ((5, 5), (50, 30))]
    assert max(abs(a - b) for a, b in zip(found, (200, 40), strict=True)) <= 3
    with pytest.raises(UnsupportedMedia, match="or of a form that is not known here"):
        await one(of_the_first_form(jpeg).replace(b"\xff\xd8\xff", b"JFIF", 1), "a.tif")


async def test_an_icon_of_macos_with_a_palette_is_read_in_its_colours() -> None:
    png = save(corners(128, 128).quantize(5), "PNG")
    part = b"ic07" + struct.pack(">I", len(png) + 8) + png
    data = b"icns" + struct.pack(">I", len(part) + 8) + part
    assert seen(shown(await one(data, "a.icns"))) == "RGBY"


@each("brand", [b"mif2", b"miaf"])
async def test_a_heic_of_a_later_edition_is_read(brand: bytes) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    out = io.BytesIO()
    pillow_heif.from_pillow(corners(120, 80)).save(out, quality=95)
    data = out.getvalue()
    assert seen(shown(await one(data[:8] + brand + data[12:], "a.heic"))) == "RGBY"


@each("name", RARE)
async def test_a_format_that_few_programs_write_is_read(name: str) -> None:
    assert seen(shown(await one(RARE[name](), name))) == "RGBY"


@each("kind", ["EPS", "PDF", "MSP"])
def test_a_format_that_is_not_on_the_list_is_not_opened(kind: str) -> None:
    image = corners() if kind in {"EPS", "PDF"} else corners().convert("1")
    with pytest.raises(UnsupportedMedia, match="Readable: PNG, JPEG"):
        decode.open_lazily(save(image, kind), "a.x")


# ── Damage in what says nothing of how it looks ─────────────────────────────────────────────────────────────────


def chunk(name: bytes, body: bytes, check: bytes | None = None) -> bytes:
    return struct.pack(">I", len(body)) + name + body + (check or struct.pack(">I", zlib.crc32(name + body)))


def png_with(*chunks: bytes, image: Image.Image | None = None) -> bytes:
    """The chunks come after the header."""
    data = save(image or corners(120, 80), "PNG")
    return data[:33] + b"".join(chunks) + data[33:]


BAD = b"\0\0\0\0"
TURNED = exif(6)[6:]


@each(
    "data",
    [
        png_with(chunk(b"tEXt", b"a\0bc", BAD), chunk(b"eXIf", TURNED, BAD)),
        png_with(
            chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(3_000_000)))
        ),  # more text than a decoder takes
        png_with(chunk(b"zTXt", b"a\0\0not packed at all")),
        png_with(chunk(b"iTXt", b"a\0\1\0\0\0not packed at all")),
        png_with(chunk(b"sPLT", b"who and where\0\x08")),
        png_with(chunk(b"tIME", b"\0", BAD)),
        png_with(chunk(b"gAMA", b"\0\1")),
        png_with(chunk(b"cHRM", b"\0" * 5)),
        png_with(chunk(b"pHYs", b"\0" * 3)),
        png_with(chunk(b"sRGB", b"")),
        png_with(chunk(b"sRGB", b"\0", BAD), chunk(b"prVt", b"whatever", BAD)),
        png_with(chunk(b"iCCP", b"name\0\0not packed at all")),
        png_with(chunk(b"iCCP", b"name\0\0" + zlib.compress(b"no profile"), BAD)),
    ],
    ids=[
        "text",
        "text bomb",
        "zTXt",
        "iTXt",
        "sPLT",
        "tIME",
        "gAMA",
        "cHRM",
        "pHYs",
        "sRGB",
        "check sums",
        "iCCP",
        "iCCP sum",
    ],
)
async def test_damage_in_what_a_png_says_beside_its_pixels_costs_nothing_else(data: bytes) -> None:
    picture = await one(data)
    assert (picture.original, seen(shown(picture)), picture.notes) == ((120, 80), "RGBY", ())
    for name in (b"tEXt", b"zTXt", b"iTXt", b"tIME", b"sPLT", b"hIST", b"prVt", b"eXIf"):
        assert name not in (picture.part.data or b"")


async def test_a_sound_turn_in_a_png_is_honoured_beside_damaged_text() -> None:
    stored = corners(120, 80).transpose(Image.Transpose.ROTATE_90)
    data = png_with(chunk(b"tEXt", b"a\0bc", BAD), chunk(b"eXIf", TURNED), image=stored)
    picture = await one(data)
    assert (picture.original, seen(shown(picture))) == ((120, 80), "RGBY")


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


@each(
    "part",
    [
        segment(0xE0, b"JFIF\0\1"),
        segment(0xEE, b"Adobe\0"),
        segment(0xED, b"Photoshop 3.0\08BIM\x03\xed\0\0\xff\xff"),
        segment(0xE1, b"Exif\0\0II*\0\xff\xff\xff\xff"),
        segment(0xE2, b"ICC_PROFILE\0\1"),
    ],
    ids=["JFIF", "Adobe", "Photoshop", "Exif", "profile"],
)
async def test_damage_in_what_a_jpeg_says_beside_its_pixels_costs_nothing_else(part: bytes) -> None:
    data = save(corners(120, 80), "JPEG", quality=95)
    picture = await one(data[:2] + part + data[2:], "a.jpg")
    assert (picture.original, seen(shown(picture)), picture.notes) == ((120, 80), "RGBY", ())


# ── What only a tolerant reading accepts ────────────────────────────────────────────────────────────────────────


def broken_sum() -> bytes:
    """A PNG whose pixels are whole but for their check sum."""
    data = bytearray(save(photo(90, 60), "PNG"))
    end = data.index(b"IEND") - 4
    data[end - 4 : end] = BAD
    return bytes(data)


def flipped(kind: str) -> bytes:
    data = bytearray(save(photo(300, 200), kind))
    for at in range(len(data) // 2, len(data) // 2 + 40):
        data[at] ^= 0xFF
    return bytes(data)


@each(
    ("data", "said"),
    [
        (broken_sum(), "file is damaged"),
        (flipped("PNG"), "file is damaged"),
        (save(photo(300, 200), "PNG")[:-40], "file is truncated"),
        (save(photo(300, 200), "PNG")[:-12], ""),  # only the mark of its end is missing
        (save(photo(300, 200), "JPEG")[:-200], "file is truncated"),
    ],
    ids=["sum", "flipped", "cut", "no end", "jpeg"],
)
async def test_what_only_a_tolerant_reading_accepts_is_written_anew(data: bytes, said: str) -> None:
    picture = await one(data)
    sent = picture.part.data or b""
    assert not metadata.has_wrong_sum(sent)
    plain = metadata.plain(sent)
    assert plain is not None
    assert plain.data != data
    with Image.open(io.BytesIO(sent)) as strict:
        strict.load()
    assert "".join(picture.notes).startswith(said)
    assert bool(picture.notes) == bool(said)


@each("kind", ("of another format", "packed with errors", "a bomb"))
async def test_a_design_is_shown_as_its_preview_where_its_picture_is_damaged(kind: str) -> None:
    whole = b"\x89PNG\r\n\x1a\n" + bytes(40_000_000 if kind == "a bomb" else 4_000)
    held = io.BytesIO()
    with zipfile.ZipFile(
        held, "w", zipfile.ZIP_LZMA if kind == "packed with errors" else zipfile.ZIP_DEFLATED
    ) as archive:
        archive.writestr("mimetype", "application/x-krita", zipfile.ZIP_STORED)
        archive.writestr("preview.png", save(corners(120, 80), "PNG"))
        archive.writestr("mergedimage.png", whole)
    data = bytearray(held.getvalue())
    if kind == "packed with errors":
        at = data.find(b"mergedimage.png") + 15
        data[at + 9 : at + 40] = b"\xff" * 31
    picture = await one(bytes(data), "a.kra")
    assert seen(shown(picture)) == "RGBY"
    assert "shown as the preview in the file" in picture.notes
