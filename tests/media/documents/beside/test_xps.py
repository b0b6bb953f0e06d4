"""XPS: the words of a page in their lines, whatever order of transforms they stand under."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image, ImageOps
from support.jobs import document_job
from support.made_documents import xps, zipped
from support.pictures import save

from glm_mcp.errors import InvalidRequest, UnsupportedMedia
from glm_mcp.media.documents.fixed.xps import render_job


def read(data: bytes, **params: Any) -> dict[str, Any]:
    return document_job(io.BytesIO(data), {"name": "a.xps", **params})[0]


def glyphs(text: str, x: float, y: float, indices: str = "", more: str = "") -> str:
    place = f'OriginX="{x}" OriginY="{y}" FontRenderingEmSize="10"'
    return f'<Glyphs {place} UnicodeString="{text}" Indices="{indices}" {more}/>'


def line(left: float, top: float, right: float, bottom: float) -> str:
    return f'<Path Data="M {left},{top} L{right} {bottom}" Stroke="#FF000000" StrokeThickness="1"/>'


def test_words_of_a_line_are_joined_and_lines_kept_in_their_order() -> None:
    page = (
        glyphs("T", 10, 20, "55,60")
        + glyphs("olls", 16, 20, ",50;,30;,30;,40")
        + glyphs("of 1902", 34, 20)
        + glyphs("{}{A} last paragraph", 10, 70)
        + glyphs("were low", 10, 32)
    )
    ((number, label, text, why),) = read(xps([page]))["pages"]
    assert (number, label, why) == (1, "page 1", "")
    assert text.split() == "Tolls of 1902 were low {A} last paragraph".split()


def test_cells_between_lines_are_a_table() -> None:
    thick = '<PathFigure StartPoint="250,10" IsClosed="true"><PolyLineSegment Points="251,10 251,50 250,50"/></PathFigure>'
    page = "".join(
        (
            *(glyphs(words, 12 + 80 * n, 24) for n, words in enumerate(("Ship", "Tons", "Toll"))),
            *(glyphs(words, 12 + 80 * n, 44) for n, words in enumerate(("Sirius", "703", "28.12"))),
            *(line(10, y, 250, y) for y in (10, 30, 50)),
            *(f'<Path Data="m {x},10 v 40" Stroke="#000000"/>' for x in (10, 90, 170)),
            f'<Path Fill="#FF000000"><Path.Data><PathGeometry>{thick}</PathGeometry></Path.Data></Path>',
        )
    )
    assert (
        read(xps([page]))["pages"][0][2] == "| Ship | Tons | Toll |\n|---|---|---|\n| Sirius | 703 | 28.12 |"
    )


def test_writing_from_the_right_and_letters_that_are_drawn_together_keep_their_order() -> None:
    page = (
        glyphs("שלום", 200, 20, ",50;,50;,50;,50", 'BidiLevel="1"')
        + glyphs("office", 10, 60, ",50;(3:1)5,80;,45;,45")
        + glyphs("tea", 10, 90, "(1:2)7,40;8,0;,50;,50")
    )
    assert read(xps([page]))["pages"][0][2].split() == ["שלום", "office", "tea"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_canvases_move_and_turn_what_is_on_them(encoding: str) -> None:
    moved = f'<Canvas RenderTransform="1.1,0,0,1.1,100,18">{glyphs("right", 0, 20)}</Canvas>'
    said = '<Canvas.RenderTransform><MatrixTransform Matrix="1 0 0 1 5 20"/></Canvas.RenderTransform>'
    page = moved + glyphs("left", 10, 40) + f"<Canvas>{said}{glyphs('below', 5, 40)}</Canvas>"
    assert read(xps([page], encoding))["pages"][0][2].split() == ["left", "right", "below"]


def test_pages_are_chosen_and_those_on_which_nothing_is_are_named() -> None:
    data = xps([glyphs("one", 0, 9), "<Path/>", glyphs("three", 0, 9)])
    facts = read(data, pages="2-3")
    assert [row[2] for row in facts["pages"]] == ["", "three"]
    assert facts["total"] == 3
    assert facts["notes"] == ["no text on the pages 2: print the file to a PDF to see them"]
    with pytest.raises(InvalidRequest, match="has 3 pages"):
        read(data, pages="4")


def test_letters_without_their_codes_are_told() -> None:
    facts = read(xps([glyphs("one", 0, 9) + glyphs("", 0, 30, "55;60;61")]))
    assert facts["notes"] == ["left out, letters without their codes, on the pages: 1"]


def test_what_the_document_says_of_itself_is_told() -> None:
    core = '<p xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>Tolls</dc:title></p>'
    facts = read(xps([glyphs("one", 0, 9)], **{"docProps/core.xml": core}))
    assert facts["pages"][0][2] == "one\n\n[title: Tolls]"


@pytest.mark.parametrize("named", ["in the path", "in a dictionary"])
def test_a_scan_is_a_page_to_be_seen(named: str) -> None:
    """Half a page of red, at its place."""
    image = save(Image.new("RGB", (40, 40), "red"), "PNG")
    box = 'Viewport="408,0,408,1056" ViewportUnits="Absolute" ImageSource="/Resources/red.png"'
    data = 'Data="M408,0 L816,0 816,1056 408,1056 Z"'
    if named == "in the path":
        page = f"<Path {data}><Path.Fill><ImageBrush {box}/></Path.Fill></Path>"
        more: dict[str, Any] = {"Resources/red.png": image}
    else:
        page = (
            '<FixedPage.Resources><ResourceDictionary Source="/Resources/d.dict"/></FixedPage.Resources>'
            f'<Path {data} Fill="{{StaticResource b0}}"/>'
        )
        names = 'xmlns="http://schemas.microsoft.com/xps/2005/06" xmlns:x="http://schemas.microsoft.com/xps/2005/06/resourcedictionary-key"'
        brush = f'<ResourceDictionary {names}><ImageBrush x:Key="b0" {box}/></ResourceDictionary>'
        more = {"Resources/red.png": image, "Resources/d.dict": brush.encode()}
    file = xps([page, glyphs("words", 0, 9)], **more)
    assert [(row[2], row[3]) for row in read(file)["pages"]] == [("", "scanned"), ("words", "")]
    (seen,) = render_job(
        io.BytesIO(file), {"name": "a.xps", "numbers": [1], "max_side": 200, "max_bytes": 100_000}
    )[1]
    shown = Image.open(io.BytesIO(seen)).convert("RGB")
    assert shown.getpixel((shown.width // 4, shown.height // 2)) == (255, 255, 255)
    assert shown.getpixel((shown.width * 3 // 4, shown.height // 2)) == pytest.approx((255, 0, 0), abs=5)


def test_letters_are_seen_where_the_file_puts_them() -> None:
    file = xps([glyphs("ii", 100, 500, ",6000;")])
    (seen,) = render_job(
        io.BytesIO(file), {"name": "a", "numbers": [1], "max_side": 1056, "max_bytes": 100_000}
    )[1]
    ink = ImageOps.invert(Image.open(io.BytesIO(seen)).convert("L")).getbbox()
    assert ink
    assert ink[2] - ink[0] == pytest.approx(600, abs=10)


@pytest.mark.parametrize("where", ["attribute", "brush"])
def test_letters_are_seen_in_their_colour(where: str) -> None:
    if where == "attribute":
        letters = glyphs("HHHH", 10, 500, more='Fill="#FF0000EE"').replace('Size="10"', 'Size="200"')
    else:
        brush = '<Glyphs.Fill><SolidColorBrush Color="#0000EE"/></Glyphs.Fill>'
        letters = (
            glyphs("HHHH", 10, 500).replace('Size="10"', 'Size="200"').replace("/>", f">{brush}</Glyphs>", 1)
        )
    (seen,) = render_job(
        io.BytesIO(xps([letters])), {"name": "a", "numbers": [1], "max_side": 1056, "max_bytes": 200_000}
    )[1]
    colours = Image.open(io.BytesIO(seen)).convert("RGB").getcolors(1 << 20)
    assert colours is not None
    assert sorted(colours)[-2][1] == (0, 0, 238)


def test_a_file_without_its_pages_is_an_error_with_a_mend() -> None:
    for parts in ({"a.fdseq": "<x/>"}, {"a.fdseq": "<x"}):
        with pytest.raises(UnsupportedMedia, match="is damaged"):
            read(zipped(parts))


def test_what_is_nested_without_end_or_placed_nowhere_does_no_harm() -> None:
    deep = "<Canvas>" * 900 + glyphs("deep", 0, 9) + "</Canvas>" * 900
    wild = glyphs("words", 0, 9).replace('OriginX="0"', 'OriginX="1e999"').replace('"10"', '"-x"')
    assert read(xps([deep + wild]))["pages"][0][2] == "words"
