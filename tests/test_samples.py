"""The sample media of the demo are what the demo says they are."""

import itertools
import re
import unicodedata
from typing import Any

import av
import pytest
from liteparse import LiteParse
from PIL import Image, ImageOps, ImageStat
from support.cases import each

from glm_mcp.samples import FOLDER

ORIENTATION, GPS = 0x0112, 0x8825


@pytest.fixture(scope="module")
def pages() -> list[Any]:
    parser = LiteParse(ocr_enabled=False, quiet=True, output_format="markdown", include_complexity=True)
    return list(parser.parse(FOLDER / "report.pdf").pages)


@pytest.fixture(scope="module")
def film() -> list[tuple[float, Image.Image]]:
    with av.open(FOLDER / "clip.mp4") as container:
        decoded = container.decode(video=0)
        return [(float(f.time or 0), f.to_image()) for f in decoded]  # type: ignore[no-untyped-call]


def table_of(markdown: str) -> dict[str, list[int]]:
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in markdown.splitlines() if "|" in line
    ]
    return {row[0]: [int(cell) for cell in row[1:]] for row in rows if row[-1].isdigit()}


def difference(one: Image.Image, other: Image.Image) -> float:
    means = [ImageStat.Stat(picture.convert("RGB")).mean for picture in (one, other)]
    return float(sum(abs(a - b) for a, b in zip(*means, strict=True)))


@each(
    ("name", "most"),
    [
        ("photo.jpg", 350_000),
        ("chart.png", 120_000),
        ("clip.mp4", 300_000),
        ("report.pdf", 400_000),
        ("minutes.docx", 10_000),
    ],
)
def test_each_sample_is_small_enough_to_ship(name: str, most: int) -> None:
    assert 1_000 < (FOLDER / name).stat().st_size < most


def test_the_folder_holds_the_samples_and_nothing_else() -> None:
    held = {path.name for path in FOLDER.iterdir() if path.name != "__pycache__"}
    assert held == {
        "__init__.py",
        "photo.jpg",
        "chart.png",
        "clip.mp4",
        "second.mp4",
        "report.pdf",
        "minutes.docx",
    }


def test_the_photo_is_stored_on_its_side_and_says_so() -> None:
    with Image.open(FOLDER / "photo.jpg") as photo:
        assert (photo.format, photo.size) == ("JPEG", (1600, 1200))
        assert photo.getexif()[ORIENTATION] == 6


def test_the_photo_turned_upright_has_the_sunlit_sky_above_the_dark_table() -> None:
    with Image.open(FOLDER / "photo.jpg") as photo:
        upright = ImageOps.exif_transpose(photo).convert("L")
    assert upright.size == (1200, 1600)
    bright, dark = (ImageStat.Stat(upright.crop((0, top, 1200, top + 200))).mean[0] for top in (500, 1400))
    assert bright > 2 * dark


def test_the_photo_tells_a_place_in_the_open_sea() -> None:
    with Image.open(FOLDER / "photo.jpg") as photo:
        place = photo.getexif().get_ifd(GPS)
    assert (place[1], place[2], place[3], place[4]) == ("S", (12, 34, 56), "W", (123, 45, 6))


def test_the_chart_is_a_graphic_of_few_colours_on_white() -> None:
    with Image.open(FOLDER / "chart.png") as chart:
        assert (chart.format, chart.size) == ("PNG", (1200, 800))
        picture = chart.convert("RGB")
    colours = picture.getcolors(256)
    assert colours is not None
    assert max(colours)[1] == (255, 255, 255)


def test_the_clip_is_six_seconds_of_h264_that_any_player_shows() -> None:
    with av.open(FOLDER / "clip.mp4") as container:
        stream = container.streams.video[0]
        assert container.duration == 6 * av.time_base
        assert (stream.width, stream.height, float(stream.average_rate or 0)) == (640, 360, 15.0)
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert not container.streams.audio


def test_the_shortest_film_lasts_a_second_and_is_small() -> None:
    assert (FOLDER / "second.mp4").stat().st_size < 5_000
    with av.open(FOLDER / "second.mp4") as container:
        assert container.duration == av.time_base
        assert container.streams.video[0].codec_context.name == "h264"


def test_the_clip_starts_before_it_is_all_there() -> None:
    data = (FOLDER / "clip.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_the_clip_cuts_hard_after_two_and_after_four_seconds(film: list[tuple[float, Image.Image]]) -> None:
    cuts = [
        round(time, 3)
        for (_, before), (time, after) in itertools.pairwise(film)
        if difference(before, after) > 30
    ]
    assert len(film) == 90
    assert cuts == [2.0, 4.0]


def test_the_first_page_of_the_report_has_a_heading_and_a_table_that_adds_up(pages: list[Any]) -> None:
    text = pages[0].markdown
    assert text.startswith("# Lakeside Brewery: Annual Report 2025")
    table = table_of(text)
    assert list(table) == ["Q1", "Q2", "Q3", "Q4", "2025"]
    quarters = [table[f"Q{n}"] for n in range(1, 5)]
    assert table["2025"] == [sum(column) for column in zip(*quarters, strict=True)]
    assert all(pilsner + stout == total for pilsner, stout, total in table.values())
    assert f"sold {table['2025'][2]} thousand bottles" in text


def test_the_second_page_says_the_same_four_plans_in_english_and_chinese(pages: list[Any]) -> None:
    text = unicodedata.normalize(
        "NFKC", pages[1].markdown
    )  # which form of 年 is read depends on this machine's fonts
    assert re.findall(r"^(\d)\. ", text, re.MULTILINE) == ["1", "2", "3", "4"]
    assert "2026年计划" in text
    assert re.findall("([一二三四])、", text) == ["一", "二", "三", "四"]


def test_the_third_page_is_a_scan_without_text(pages: list[Any]) -> None:
    assert len(pages) == 3
    assert not re.sub(r"```\w*", "", pages[2].markdown).strip()
    assert pages[2].complexity.full_page_image


def test_the_samples_tell_nothing_of_the_machine_that_made_them() -> None:
    for path in FOLDER.glob("*.*"):
        data = path.read_bytes()
        assert not [mark for mark in (b"/home/", b"/Users/", b"/tmp/", b"CreationDate") if mark in data]
