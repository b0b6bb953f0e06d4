"""TIFFs of more channels and of rarer numbers than cameras write: drones, satellites, programs that compute."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import anyio
import pytest
from support.cases import each
from support.formats import near
from support.pictures import BLUE, GREEN, RED, YELLOW, corners, seen, shown, source

from glm_mcp.errors import MediaTooLarge, UnsupportedMedia
from glm_mcp.media.images.prepare import prepare_images
from glm_mcp.media.types import Picture
from glm_mcp.registry import CARDS

pytestmark = pytest.mark.anyio

CARD = CARDS["glm-4.6v-flash"]
SIDE = 32
UNSIGNED, SIGNED, POINT = 1, 2, 3
GREY, RGB = 1, 2


async def one(data: bytes) -> Picture:
    with anyio.fail_after(60):
        (picture,) = await prepare_images([source(data, "a.tif")], CARD)
    return picture


def pixels(scale: float) -> list[tuple[float, ...]]:
    """Four colours in the corners, as numbers."""
    flat = corners(SIDE, SIDE).tobytes()
    return [tuple(v * scale for v in flat[at : at + 3]) for at in range(0, len(flat), 3)]


def colour(picture: Picture, x: int, y: int) -> tuple[int, int, int]:
    found: Any = shown(picture).convert("RGB").getpixel((x, y))
    red, green, blue = found
    return red, green, blue


def tiff(
    values: list[tuple[float, ...]],
    code: str,
    sign: int,
    *,
    order: str = "<",
    planes: bool = False,
    tile: int = 0,
    predictor: int = 1,
    colours: int = RGB,
    more: dict[int, int] | None = None,
) -> bytes:
    """A picture of 32 x 32 of these numbers. `tile`: the side of one, 0 for strips; packed where `predictor` is not 1."""
    count, size = len(values[0]), struct.calcsize(code)
    channels = [[pixel[k] for pixel in values] for k in range(count)]
    layers = [[[v] for v in channel] for channel in channels] if planes else [list(map(list, values))]
    side = tile or SIDE
    pieces = []
    for layer in layers:
        for top in range(0, SIDE, side):
            for left in range(0, SIDE, side):
                lines = [layer[y * SIDE + left : y * SIDE + left + side] for y in range(top, top + side)]
                rows = [[v for pixel in line for v in pixel] for line in lines]
                packed = b"".join(_row(row, code, order, predictor, len(layer[0])) for row in rows)
                pieces.append(packed if predictor == 1 else zlib.compress(packed))
    starts = [8 + sum(map(len, pieces[:k])) for k in range(len(pieces))]
    tags: dict[int, list[int]] = {
        256: [SIDE],
        257: [SIDE],
        258: [8 * size] * count,
        259: [1 if predictor == 1 else 8],
        262: [colours],
        277: [count],
        284: [2 if planes else 1],
        317: [predictor],
        339: [sign] * count,
        **({322: [side], 323: [side], 324: starts} if tile else {273: starts, 278: [SIDE]}),
        (325 if tile else 279): [len(piece) for piece in pieces],
        **{tag: [value] for tag, value in (more or {}).items()},
    }
    begin = 8 + sum(map(len, pieces))
    behind = begin + 2 + 12 * len(tags) + 4
    entries, held = b"", b""
    for tag, numbers in sorted(tags.items()):
        packed = struct.pack(f"{order}{len(numbers)}I", *numbers)
        entries += struct.pack(order + "HHI", tag, 4, len(numbers))
        entries += packed if len(numbers) == 1 else struct.pack(order + "I", behind + len(held))
        held += packed if len(numbers) > 1 else b""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", begin)
    return head + b"".join(pieces) + struct.pack(order + "H", len(tags)) + entries + bytes(4) + held


def _row(row: list[float], code: str, order: str, predictor: int, step: int) -> bytes:
    numbers: list[Any] = row if code in "efd" else [round(v) for v in row]
    if predictor == 2:
        mask = (1 << 8 * struct.calcsize(code)) - 1
        numbers = [v - (numbers[i - step] if i >= step else 0) & mask for i, v in enumerate(numbers)]
        code = code.upper()
    if predictor == 3:
        single = struct.pack(f">{len(row)}{code}", *numbers)
        size = struct.calcsize(code)
        split = b"".join(single[k::size] for k in range(size))
        return bytes((v - (split[i - step] if i >= step else 0)) & 255 for i, v in enumerate(split))
    return struct.pack(f"{order}{len(row)}{code}", *numbers)


@each("order", "<>")
@each("tile", [0, 16])
@each("planes", [False, True])
@each(
    ("code", "sign", "scale", "predictor"),
    [
        ("e", POINT, 1 / 255, 1),
        ("f", POINT, 1 / 255, 1),
        ("f", POINT, 1 / 255, 3),
        ("d", POINT, 1 / 255, 1),
        ("d", POINT, 1 / 255, 3),
        ("h", SIGNED, 1, 1),
        ("h", SIGNED, 1, 2),
        ("H", UNSIGNED, 257, 2),
    ],
)
async def test_colours_of_any_numbers_are_seen(
    code: str, sign: int, scale: float, predictor: int, planes: bool, tile: int, order: str
) -> None:
    data = tiff(pixels(scale), code, sign, order=order, planes=planes, tile=tile, predictor=predictor)
    picture = await one(data)
    assert seen(shown(picture)) == "RGBY"
    places = zip(((4, 4), (28, 4), (4, 28), (28, 28)), (RED, GREEN, BLUE, YELLOW), strict=True)
    assert all(near(colour(picture, *at), wanted, 2) for at, wanted in places)


@each(("code", "scale"), [("B", 1), ("H", 257), ("f", 1 / 255)])
async def test_of_more_channels_than_eyes_have_the_colours_are_shown_and_it_is_said(
    code: str, scale: float
) -> None:
    values = [(*pixel, 0.0, 0.0) for pixel in pixels(scale)]
    sign = POINT if code == "f" else UNSIGNED
    picture = await one(tiff(values, code, sign))
    assert seen(shown(picture)) == "RGBY"
    assert picture.notes == ("3 of its 5 channels shown",)
    grey = await one(tiff(values, code, sign, colours=GREY))
    assert grey.notes[0] == "1 of its 5 channels shown"
    assert colour(grey, 4, 4) > colour(grey, 4, 28)


async def test_values_of_colours_are_shown_by_one_measure_and_without_the_number_for_none() -> None:
    values: list[tuple[float, ...]] = [(100.0, 300.0, 500.0)] * (SIDE * SIDE)
    values[0] = (-9999.0, -9999.0, -9999.0)
    values[1] = (900.0, 900.0, 900.0)
    picture = await one(tiff(values, "f", POINT))
    assert picture.notes == ("-9999 is taken for no value", "values 100 to 900 shown as black to white")
    assert near(colour(picture, 9, 9), (0, 64, 128), 2)


async def test_numbers_that_are_damaged_are_refused_and_of_those_cut_off_the_rest_is_shown() -> None:
    tags = tiff(pixels(1 / 255), "d", POINT, more={273: 4096})
    picture = await one(tags[: len(tags) - len(tags) % 8].ljust(4096 + SIDE * 20 * 24, b"\0"))
    assert "file is truncated: the missing part is grey or black" in picture.notes
    data = tiff(pixels(1 / 255), "d", POINT, predictor=3)
    at = data.index(b"\x78", 8)
    with pytest.raises(UnsupportedMedia, match="the file is damaged"):
        await one(data[: at + 9] + bytes(40) + data[at + 49 :])


async def test_more_numbers_than_are_unpacked_are_refused_with_what_to_do() -> None:
    for more in ({256: 3000, 257: 3000}, {322: 3000, 323: 3000}):
        data = tiff(pixels(1 / 255), "d", POINT, tile=16, more=more)
        with pytest.raises(MediaTooLarge, match=r"21\d MB of numbers") as raised:
            await one(data)
        assert "channels needed" in (raised.value.hint or "")
