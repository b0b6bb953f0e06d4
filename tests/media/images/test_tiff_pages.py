"""The pages of a TIFF: any one of many, in every layout, of a file that breaks off too."""

from __future__ import annotations

import io
import struct
import time

import pytest
from PIL import Image
from support.cases import each

from glm_mcp.errors import NotFound
from glm_mcp.media.images.options import Options
from glm_mcp.media.images.pipeline import make
from glm_mcp.media.types import Fragment, Picture


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
    return make(data, Options("scan", "tiff", 2000, 10**7, 10**7, 16, fragment=Fragment(page=page)))


def grey(picture: Picture) -> object:
    return Image.open(io.BytesIO(picture.part.data or b"")).convert("L").getpixel((0, 0))


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
