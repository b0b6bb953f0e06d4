"""SVG: drawn in a child process, sharp, and blind to everything outside the file."""

from __future__ import annotations

import base64
import gzip
import shutil
from pathlib import Path
from typing import Any

import anyio
import pytest
from support.cases import each
from support.pictures import corners, save, seen, shown, source

from glm_mcp.errors import GLMError, InvalidRequest, MediaTooLarge, UnsupportedMedia
from glm_mcp.media.fonts import choose, system_folders
from glm_mcp.media.images.prepare import prepare_images
from glm_mcp.media.images.svg.draw import font_options, render
from glm_mcp.media.images.svg.tree import size_of
from glm_mcp.media.types import Picture
from glm_mcp.registry import CARDS

pytestmark = pytest.mark.anyio
pytest.importorskip("resvg_py")

CARD = CARDS["glm-4.6v-flash"]
HEAD = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
FOUR = (
    '<rect width="50%" height="50%" fill="rgb(230,20,20)"/><rect x="50%" width="50%" height="50%" fill="rgb(20,200,20)"/>'
    '<rect y="50%" width="50%" height="50%" fill="rgb(20,20,230)"/><rect x="50%" y="50%" width="50%" height="50%" fill="rgb(230,220,20)"/>'
)

FONTS = choose("Hello", system_folders())
needs_fonts = pytest.mark.skipif(FONTS is None, reason="this machine has no fonts")

# Nine rounds of ten: a gigabyte of text.
LAUGHS = (
    '<!DOCTYPE svg [<!ENTITY l0 "aaaaaaaaaa">'
    + "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 9))
    + "]><svg xmlns='http://www.w3.org/2000/svg'><text>&l8;</text></svg>"
)


async def drawn(text: str | bytes, **fragment: Any) -> list[Picture]:
    data = text.encode() if isinstance(text, str) else text
    with anyio.fail_after(60):
        return await prepare_images([source(data, "logo.svg", **fragment)], CARD)


async def test_a_small_drawing_is_drawn_large_and_maps_back_to_its_own_units() -> None:
    (picture,) = await drawn(f'{HEAD} width="60" height="40">{FOUR}</svg>')
    assert seen(shown(picture)) == "RGBY"
    assert picture.original == (60, 40)
    assert picture.width == 1024
    assert picture.scale == pytest.approx(1024 / 60)
    assert picture.notes == ()


@each("half", ["0.5in", "12.7mm", "1.27cm", "36pt", "3pc", "48px", "3em"])
async def test_lengths_in_a_drawing_may_have_any_unit(half: str) -> None:
    rows = (
        ("230,20,20", "0", "0"),
        ("20,200,20", half, "0"),
        ("20,20,230", "0", half),
        ("230,220,20", half, half),
    )
    rects = "".join(
        f'<rect x="{x}" y="{y}" width="{half}" height="{half}" fill="rgb({colour})"/>'
        for colour, x, y in rows
    )
    (picture,) = await drawn(f'{HEAD} width="96" height="96" font-size="16">{rects}</svg>')
    assert seen(shown(picture)) == "RGBY"


async def test_of_what_a_drawing_holds_in_several_languages_english_is_shown() -> None:
    rest = '<rect width="100%" height="100%" fill="rgb(20,20,230)"/>'
    choice = f'<switch><g systemLanguage="ru">{rest}</g><g systemLanguage="en">{FOUR}</g>{rest}</switch>'
    (picture,) = await drawn(f'{HEAD} width="60" height="40">{choice}</svg>')
    assert seen(shown(picture)) == "RGBY"


async def test_a_part_of_a_drawing_is_named_in_its_own_units() -> None:
    (picture,) = await drawn(f'{HEAD} width="60" height="40">{FOUR}</svg>', xywh=(30, 20, 30, 20))
    assert seen(shown(picture)) == "YYYY"
    assert picture.left == pytest.approx(30, abs=0.1)
    assert picture.top == pytest.approx(20, abs=0.1)
    with pytest.raises(InvalidRequest, match=r"logo\.svg"):
        await drawn(f'{HEAD} width="60" height="40">{FOUR}</svg>', xywh=(70, 0, 10, 10))


async def test_transparency_is_white() -> None:
    (picture,) = await drawn(
        f'{HEAD} width="200" height="100"><rect x="100" width="100" height="100"/></svg>'
    )
    image = shown(picture).convert("L")
    assert (image.getpixel((2, 2)), image.getpixel((1000, 2))) == (255, 0)
    assert picture.notes == ()


async def test_white_on_nothing_is_shown_on_grey_and_it_is_said() -> None:
    (picture,) = await drawn(
        f'{HEAD} width="200" height="100"><circle cx="100" cy="50" r="40" fill="#fff"/></svg>'
    )
    assert shown(picture).convert("L").getextrema() == (118, 255)
    assert picture.notes == ("transparent: shown on grey",)


@needs_fonts
@each(
    "font",
    [
        "",
        'font-family="Arial, sans-serif"',
        'style="font-family:Helvetica"',
        'font-family="serif"',
        'font-family="monospace"',
        'font-family="No Such Font"',
        'font-family="Inter, system-ui" font-weight="bold"',
    ],
)
async def test_text_of_every_family_is_drawn(font: str) -> None:
    (picture,) = await drawn(
        f'{HEAD} viewBox="0 0 200 100"><text x="10" y="60" font-size="40" {font}>Hello</text></svg>'
    )
    image = shown(picture).convert("L")
    dark = image.crop((50, 150, 600, 320)).histogram()[:64]
    assert sum(dark) > 5000
    assert picture.notes == ()


def test_without_any_font_what_text_lacks_is_said_and_how_to_have_it(tmp_path: Path) -> None:
    (tmp_path / "Arial.ttf").write_bytes(b"no font at all")
    options, (note,) = font_options("Hello \U0010fffd", [tmp_path, tmp_path / "none"])
    assert options == {}
    assert note.startswith("no font on this computer has Helo (not legible in the picture): install ")
    assert note.endswith("; 1 icon of a font that is not here: export as PNG")
    assert font_options(" ", [tmp_path]) == ({}, [])


@needs_fonts
def test_a_font_is_chosen_by_its_file_name_and_for_chinese_one_that_has_it(tmp_path: Path) -> None:
    assert FONTS is not None
    for name in (
        "NotoColorEmoji.ttf",
        "Zapf.ttf",
        "NotoSansArabic.ttf",
        "DejaVuSans.ttf",
        "DejaVuSansMono.ttf",
    ):
        shutil.copy(FONTS[0].file, tmp_path / name)
    shutil.copy(FONTS[0].file, tmp_path / "NotoSansCJK-Regular.ttc")

    def names(text: str) -> list[str]:
        return [Path(font.file).name for font in choose(text, [tmp_path]) or ()]

    assert names("Hello") == ["DejaVuSans.ttf", "DejaVuSansMono.ttf"]
    assert names("Hello 世界") == ["NotoSansCJK-Regular.ttc", "DejaVuSansMono.ttf"]


HTML = '<foreignObject width="9" height="9"><p xmlns="http://www.w3.org/1999/xhtml">Start</p></foreignObject>'


@each(
    ("body", "notes"),
    [
        (HTML, ("1 HTML label is not drawn: export as PNG",)),
        (HTML * 3, ("3 HTML labels are not drawn: export as PNG",)),
        ('<image href="https://x.example/a.png"/>' * 2, ("2 linked pictures are not drawn: export as PNG",)),
        (
            HTML + '<image href="a.png"/>',
            (
                "1 HTML label is not drawn: export as PNG",
                "1 linked picture is not drawn: export as PNG",
            ),
        ),
        (f"<switch>{HTML}<path d='M0 0h9'/></switch>", ()),  # what is drawn instead
        ('<foreignObject width="0" height="0"><p/></foreignObject>', ()),
        ('<a href="https://x.example"><rect width="9" height="9"/></a>', ()),
    ],
)
async def test_what_is_left_out_of_a_drawing_is_said(body: str, notes: tuple[str, ...]) -> None:
    (picture,) = await drawn(f'{HEAD} width="60" height="40">{FOUR}{body}</svg>')
    assert picture.notes == notes


async def test_a_label_of_which_only_the_beginning_stands_beside_its_html_is_drawn_whole() -> None:
    def label(html: str, beside: str) -> str:
        return (
            f'<switch><foreignObject width="100%" height="100%"><div xmlns="http://www.w3.org/1999/xhtml" style="width: 78px">'
            f'{html}</div></foreignObject><text x="50" y="24" font-size="12px" text-anchor="middle">{beside}</text></switch>'
        )

    (short,) = await drawn(f'{HEAD} width="100" height="60">{label("Lamp<br/>plugged in?", "Lamp...")}</svg>')
    (whole,) = await drawn(
        f'{HEAD} width="100" height="60"><text x="50" font-size="12px" text-anchor="middle">'
        '<tspan x="50" y="16.8">Lamp plugged</tspan><tspan x="50" y="31.2">in?</tspan></text></svg>'
    )
    assert short.part.data == whole.part.data
    (same,) = await drawn(f'{HEAD} width="100" height="60">{label("Lamp", "Lamp")}</svg>')
    (dots,) = await drawn(f'{HEAD} width="100" height="60">{label("Other", "Lamp...")}</svg>')
    assert len({short.part.data, same.part.data, dots.part.data}) == 3
    no_html = label("Lamp<br/>plugged in?", "[Not supported by viewer]")  # as draw.io wrote it before 2021
    (old,) = await drawn(f'{HEAD} width="100" height="60">{no_html}</svg>')
    assert old.part.data == whole.part.data


@each(
    ("said", "same"),
    [
        ('direction="rtl"', "end"),
        ('direction="rtl" text-anchor="end"', "start"),
        ('style="direction: rtl; text-anchor: middle"', "middle"),
        ('class="arabic"', "end"),
        ('direction="ltr"', "start"),
    ],
)
async def test_text_from_right_to_left_stands_on_the_side_that_it_names(said: str, same: str) -> None:
    style = "<style>.arabic {direction: rtl}</style>"

    def text(attributes: str) -> str:
        return f'{HEAD} width="200" height="60">{style}<g {attributes}><text x="100" y="40">سلام</text></g></svg>'

    (made,) = await drawn(text(said))
    (wanted,) = await drawn(text(f'text-anchor="{same}"'))
    assert made.part.data == wanted.part.data


async def test_a_local_picture_is_not_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(save(corners(100, 100), "PNG"))
    nested = base64.b64encode(
        f'{HEAD} width="9" height="9"><image href="{secret}" width="9" height="9"/></svg>'.encode()
    ).decode()
    for href in (
        f'href="{secret}"',
        f'xlink:href="{secret}"',
        f'href="file://{secret}"',
        f'href="&#47;{str(secret)[1:]}"',
        f'href="data:image/svg+xml;base64,{nested}"',
        f'xmlns:q="http://www.w3.org/1999/xlink" q:href="{secret}"',
    ):
        (picture,) = await drawn(
            f'{HEAD} width="100" height="100"><image {href} width="100" height="100"/></svg>'
        )
        assert shown(picture).convert("L").getextrema() == (255, 255)


async def test_a_local_picture_by_an_entity_is_not_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(save(corners(100, 100), "PNG"))
    text = f'<!DOCTYPE svg [<!ENTITY p "{secret}">]>{HEAD} width="100" height="100"><image href="&p;" width="100" height="100"/></svg>'
    (picture,) = await drawn(text)
    assert shown(picture).convert("L").getextrema() == (255, 255)


async def test_an_inline_picture_is_drawn() -> None:
    inline = base64.b64encode(save(corners(100, 100), "PNG")).decode()
    (picture,) = await drawn(
        f'{HEAD} width="100" height="100"><image href="data:image/png;base64,{inline}" width="100" height="100"/></svg>'
    )
    assert seen(shown(picture)) == "RGBY"


@each(
    "text",
    [
        '<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><text>&x;</text></svg>',
        LAUGHS,
        '<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"><rect',
        "<html><svg width='1'/></html>",
    ],
)
async def test_entities_from_outside_bombs_and_broken_files_are_refused(text: str) -> None:
    with pytest.raises(UnsupportedMedia, match=r"logo\.svg"):
        await drawn(text)


async def test_a_huge_size_is_drawn_small() -> None:
    (picture,) = await drawn(f'{HEAD} width="100000" height="100000">{FOUR}</svg>')
    assert seen(shown(picture)) == "RGBY"
    assert (picture.width, picture.original) == (2048, (100_000, 100_000))


@each(
    "size",
    [
        'width="1" height="900000000"',
        'width="1e9" height="1e9"',
        'viewBox="0 0 1e30 1"',
        'width="0" height="0"',
    ],
)
async def test_an_absurd_size_is_an_answer_or_an_error_and_the_server_lives(size: str) -> None:
    try:
        pictures = await drawn(f"{HEAD} {size}>{FOUR}</svg>")
    except GLMError:
        pictures = []
    assert all(max(p.width, p.height) <= CARD.image_side for p in pictures)


async def test_a_packed_and_a_utf16_drawing_are_read() -> None:
    text = f'<?xml version="1.0" encoding="utf-16"?>{HEAD} width="60" height="40">{FOUR}</svg>'
    for data in (
        gzip.compress(f'{HEAD} width="60" height="40">{FOUR}</svg>'.encode()),
        text.encode("utf-16"),
    ):
        (picture,) = await drawn(data)
        assert seen(shown(picture)) == "RGBY"


@each(
    ("attributes", "expected"),
    [
        ('width="10" height="20"', (10, 20)),
        ('width="1in" height="25.4mm"', (96, 96)),
        ('viewBox="0 0 30 40"', (30, 40)),
        ('width="60" viewBox="0 0 30 40"', (60, 80)),
        ('width="100%" height="100%" viewBox="0,0,30,40"', (30, 40)),
        ('width="6em" viewBox="0 0 30 40"', (96, 128)),
        ("", (300, 150)),
        ('width="-5" height="nonsense"', (300, 150)),
    ],
)
def test_the_size_is_read_as_browsers_do(attributes: str, expected: tuple[float, float]) -> None:
    import xml.etree.ElementTree as ET

    assert size_of(ET.fromstring(f"<svg {attributes}/>")) == pytest.approx(expected)  # noqa: S314 - written here


@each(
    ("attributes", "size"),
    [
        ("", (500, 400)),
        ('height="800"', (500, 800)),
        ('width="600" height="400"', (600, 400)),
        ('viewBox="0 0 500 400"', (500, 400)),
    ],
)
async def test_a_drawing_that_names_no_size_is_shown_whole(attributes: str, size: tuple[int, int]) -> None:
    sides = '<rect width="20" height="20"/><rect x="480" y="380" width="20" height="20"/>'
    (picture,) = await drawn(f"{HEAD} {attributes}>{sides}</svg>")
    assert picture.original == pytest.approx(size, abs=3)
    scale = picture.width / picture.original[0]
    shades = shown(picture).convert("L")
    places = [(10, 10), (490, 390), (250, 200)]
    assert [shades.getpixel((round(x * scale), round(y * scale))) for x, y in places] == [0, 0, 255]


@each("unit", ["", "em"])
async def test_a_drawing_of_few_units_is_shown_to_its_edges(unit: str) -> None:
    size = f'width="6{unit}"' if unit else ""
    sides = (
        '<rect x="-0.2" y="-0.2" width="0.1" height="0.1"/><rect x="1.1" y="1.1" width="0.1" height="0.1"/>'
    )
    (picture,) = await drawn(f'{HEAD} {size} viewBox="-0.2 -0.2 1.4 1.4">{sides}</svg>')
    shades = shown(picture).convert("L")
    assert (shades.getpixel((20, 20)), shades.getpixel((1000, 1000))) == (0, 0)


@each(
    "data",
    [
        gzip.compress(b"<svg/>" * 400)[:-30],
        b"\x1f\x8b\x08" + bytes(40),
        b'<x:svg xmlns:x="urn:x" width="9" height="9"/>',
    ],
    ids=["cut off", "no archive", "another name"],
)
async def test_a_packed_drawing_that_is_not_whole_and_one_by_name_alone_are_refused(data: bytes) -> None:
    with pytest.raises(UnsupportedMedia, match=r"logo\.svg is (not an SVG that can be drawn|an archive)"):
        await drawn(data)


def test_a_packed_drawing_that_unpacks_to_too_much_is_refused() -> None:
    packed = gzip.compress(b"<svg>" + b" " * 20_000_001, 1)
    assert len(packed) < 200_000
    with pytest.raises(MediaTooLarge, match=r"logo\.svg has more than 20 MB of SVG text"):
        render(packed, "logo.svg")
