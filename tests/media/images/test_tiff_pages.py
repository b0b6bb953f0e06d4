"""The pages of a TIFF: any one of many, in every layout, of a file that breaks off too."""

from __future__ import annotations

import io
import struct
import time
from dataclasses import replace

import pytest
from PIL import Image
from support.cases import each

from glm_mcp.errors import InvalidRequest, NotFound
from glm_mcp.media.images.options import Options
from glm_mcp.media.images.pipeline import make
from glm_mcp.media.types import Fragment, Picture
from glm_mcp.tools.boxes import Box
from glm_mcp.tools.locate import to_pixels

OPTIONS = Options("scan", "tiff", 2000, 10**7, 10**7, 16)


def tiff(pages: int, *, order: str = "<", big: bool = False) -> bytes:
    """Grey pages of 2 x 2; page n is of the colour n modulo 200."""
    count, link, head = ("Q", "Q", 16) if big else ("H", "I", 8)
    mark = b"II" if order == "<" else b"MM"
    data = bytearray(mark + struct.pack(order + "H", 43 if big else 42))
    data += struct.pack(order + "HHQ", 8, 0, head) if big else struct.pack(order + "I", head)
    for n in range(1, pages + 1):
        tags = [(256, 2), (257, 2), (258, 8), (259, 1), (262, 1), (273, 0), (277, 1), (278, 2), (279, 4)]  # fmt: skip
        body = len(data) + struct.calcsize(order + count) + len(tags) * (20 if big else 12) + struct.calcsize(order + link)  # fmt: skip
        data += struct.pack(order + count, len(tags))
        for tag, value in tags:
            data += struct.pack(order + ("HHQQ" if big else "HHII"), tag, 16 if big else 4, 1, body if tag == 273 else value)  # fmt: skip
        data += struct.pack(order + link, body + 4 if n < pages else 0)
        data += bytes([n % 200] * 4)
    return bytes(data)


def read(data: bytes, page: str | None = None) -> list[Picture]:
    return make(data, replace(OPTIONS, fragment=Fragment(page=page)))


def grey(picture: Picture, at: tuple[int, int] = (0, 0)) -> object:
    return Image.open(io.BytesIO(picture.part.data or b"")).convert("L").getpixel(at)


@each(("order", "big"), [("<", False), (">", False), ("<", True)])
def test_pages_of_every_layout_are_read(order: str, big: bool) -> None:
    made = read(tiff(5, order=order, big=big), "4,1-3")
    assert [p.label for p in made] == [f"page {n} of 5" for n in (4, 1, 2, 3)]
    assert [grey(p) for p in made] == [4, 1, 2, 3]


def test_the_last_of_many_thousand_pages_is_found_at_once() -> None:
    data = tiff(30_000)
    began = time.process_time()
    assert [(p.label, grey(p)) for p in read(data, "29999")] == [("page 29999 of 30000", 199)]
    assert len(read(data, "1-30000,1-30000")) == 16
    with pytest.raises(NotFound, match="scan has no page 30001: it has 30000"):
        read(data, "30001")
    assert time.process_time() - began < 4, "seconds of computing"


def test_the_pages_before_the_break_are_read() -> None:
    whole = tiff(6)
    made = read(whole[: len(whole) - 100])
    assert [grey(p) for p in made] == [1, 2, 3, 4, 5]
    assert made[0].notes == ("file is truncated: only its first 5 pages can be reached",)


def test_pages_that_lead_back_to_an_earlier_one_end_there() -> None:
    data = bytearray(tiff(3))
    data[-8:-4] = struct.pack("<I", 8)  # the last page's link to the next
    assert [p.label for p in read(bytes(data))] == [f"page {n} of 3" for n in (1, 2, 3)]


def fax(size: tuple[int, int], dpi: tuple[int, int], orientation: int = 1) -> bytes:
    """A sheet of square halves if it is shown as it is printed: its upper one black. `size`: as stored."""
    sheet = Image.new("1", size, 1)
    sheet.paste(0, (0, 0, size[0], size[1] // 2))
    file = io.BytesIO()
    sheet.save(file, "TIFF", compression="group4", dpi=dpi, tiffinfo={274: orientation})
    return file.getvalue()


@each(
    ("dpi", "orientation", "sent", "original"),
    [
        ((204, 98), 1, (800, 833), (800, 400)),
        ((204, 391), 1, (800, 209), (800, 400)),
        ((204, 98), 6, (400, 384), (400, 800)),
        ((204, 196), 1, (800, 400), (800, 400)),  # nearly square: not touched
        ((600, 1), 1, (800, 400), (800, 400)),  # no scanner has that
    ],
)
def test_a_fax_of_fewer_lines_than_dots_an_inch_is_shown_as_it_is_printed(
    dpi: tuple[int, int], orientation: int, sent: tuple[int, int], original: tuple[int, int]
) -> None:
    (made,) = read(fax((800, 400), dpi, orientation))
    assert ((made.width, made.height), made.original) == (sent, original)


def test_places_in_a_fax_are_told_in_pixels_of_its_file() -> None:
    (made,) = read(fax((800, 400), (204, 98)))
    assert to_pixels(Box("", 250, 0, 500, 500), made) == (200, 0, 400, 200)
    options = replace(OPTIONS, fragment=Fragment(xywh=(0, 200, 800, 200)))
    (lower,) = make(fax((800, 400), (204, 98)), options)
    assert ((lower.width, lower.height), lower.original) == ((800, 417), (800, 400))
    assert to_pixels(Box("", 0, 500, 1000, 1000), lower) == (0, 300, 800, 400)
    assert grey(lower, (0, 10)) == 255
    with pytest.raises(InvalidRequest, match="which is 800 x 400 pixels"):
        make(fax((800, 400), (204, 98)), replace(OPTIONS, fragment=Fragment(xywh=(0, 600, 800, 200))))


def test_the_parts_of_a_roll_of_fax_paper_are_counted_in_pixels_of_its_file() -> None:
    made = read(fax((800, 4000), (204, 98)))
    assert made[0].label.startswith("part 1 of ")
    assert made[-1].label.endswith("–4000 of 4000)")
    assert to_pixels(Box("", 0, 1000, 1000, 1000), made[-1]) == (0, 4000, 800, 4000)
