"""Pictures in the files of Pages, Numbers and Keynote, which lie beside their objects."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

import pytest
from support.connect import Connect
from support.made_documents import unzipped, zipped
from support.made_iwork import (
    GROUP,
    Things,
    around,
    box,
    keynote,
    link,
    message,
    numbers,
    pages,
    steps,
    story,
)
from support.toolkit import chats, keep, kinds, png, say

from glm_mcp.server.app import Folders
from glm_mcp.simulator import Reply, Simulator

pytestmark = pytest.mark.anyio

RED, BLUE = png((800, 600), "red"), png((800, 600), "blue")


def sides(across: float, down: float) -> bytes:
    return b"\x0d" + struct.pack("<f", across) + b"\x15" + struct.pack("<f", down)


def about(across: float, down: float) -> bytes:
    return message({1: message({1: sides(0, 0), 2: sides(across, down)})})


def picture(file: int, across: float, down: float, *, mask: int = 0) -> tuple[int, bytes]:
    """`mask`: the number of the object that cuts it."""
    return 3005, message({1: about(across, down), 11: link(file), **({5: link(mask)} if mask else {})})


def catalogue(names: Mapping[int, str]) -> Things:
    return {900: (11006, message({4: [message({1: n, 3: name, 4: name}) for n, name in names.items()]}))}


def holding(made: bytes, **files: bytes) -> bytes:
    """The file with these beside its objects."""
    return zipped({**unzipped(made), **{f"Data/{name}.png": data for name, data in files.items()}})


async def test_a_slide_of_keynote_that_is_a_picture_is_transcribed(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    objects = {
        60: box(61),
        61: story("Plan"),
        70: picture(5, 900, 600),
        71: picture(6, 900, 600, mask=72),  # of which a corner is seen
        72: (3006, message({1: about(50, 50)})),
        73: (GROUP, message({1: around(), 2: [link(74)]})),
        74: picture(6, 900, 600),
        **catalogue({5: "map.png"}),
    }
    slides: list[Mapping[int, Any]] = [{5: link(60), 42: [link(70)]}, {42: [link(71)]}, {42: [link(73)]}]
    keep(folders, "a.key", holding(keynote(slides, objects), map=RED, **{"other-6": BLUE}))
    sim.queue(Reply("A map.", times=1), Reply("A form.", times=1))
    async with connect(GLM_MAX_CONCURRENCY="1") as client:
        text = await say(client, "read_document", documents="a.key")
    assert "# Plan\n\n[picture]" in text
    assert "A map." in text.partition("[slide 2]")[0]
    assert "A form." in text.partition("[slide 3]")[2]
    assert [kinds(r) for r in chats(sim)] == [["image_url", "text"]] * 2


async def test_scans_in_the_lines_of_pages_and_over_them_are_read_one_by_one(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    objects = {
        30: (2003, message({1: link(31)})),
        31: picture(5, 500, 700),
        40: (10001, message({1: [message({1: 0, 2: [message({1: link(41)})]})]})),
        41: picture(6, 500, 700),
    }
    made = pages(story("See \ufffc", f9=steps((4, 30))), objects, f3=link(40))
    keep(folders, "a.pages", holding(made, **{"one-5": RED, "two-6": BLUE}))
    sim.queue(Reply("Page one.", times=1), Reply("Page two.", times=1))
    async with connect(GLM_MAX_CONCURRENCY="1") as client:
        text = await say(client, "read_document", documents="a.pages")
    assert "See [picture]" in text
    assert text.index("Page one.") < text.index("Page two.")
    assert [kinds(r) for r in chats(sim)] == [["image_url", "text"]] * 2


async def test_screenshots_on_a_sheet_of_numbers_go_with_it(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    objects = {70: picture(5, 500, 600), 71: picture(6, 30, 30), 72: picture(7, 500, 600)}
    made = numbers({"Log": [70, 71], "Gone": [72]}, objects)
    keep(folders, "a.numbers", holding(made, **{"one-5": RED, "icon-6": BLUE}))
    async with connect() as client:
        await say(client, "read_document", documents="a.numbers", pages="Gone")
        assert not sim.received
        sim.queue(Reply("Error 7."))
        text = await say(client, "read_document", documents="a.numbers", pages="Log")
    assert "[sheet 'Log']" in text
    assert "Error 7." in text
    assert len(sim.received) == 1


async def test_pictures_that_hold_each_other_end(connect: Connect, sim: Simulator, folders: Folders) -> None:
    objects = {
        60: (GROUP, message({1: around(), 2: [link(60), link(61)]})),
        61: box(62),
        62: story("See \ufffc", f9=steps((4, 63))),
        63: (2003, message({1: link(61)})),
    }
    keep(folders, "a.key", keynote([{42: [link(60)]}], objects))
    async with connect(GLM_API_KEY=None) as client:
        assert "See" in await say(client, "read_document", documents="a.key")
    assert not sim.received
