"""Pictures in the formats of Office before XML, which a model sees as it sees those of the newer ones."""

from __future__ import annotations

import struct

import pytest
from support.connect import Connect
from support.made_old_sheets import number_cell, over, place, xls
from support.made_old_sheets import pictured as over_cells
from support.made_slides import blip, pictured, record, shape, show, slide
from support.made_slides import words as said_by
from support.made_word import drawn_shape, floats, in_line, plain, word
from support.made_word import pictured as in_data
from support.toolkit import chats, keep, kinds, png, say

from glm_mcp.server.app import Folders
from glm_mcp.simulator import Reply, Simulator

pytestmark = pytest.mark.anyio

PAGE = {"one.png": png((800, 450), "red"), "two.png": png((800, 450), "blue")}


async def test_slides_of_the_old_format_are_read_as_the_others(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    title = slide(shape(said_by("Sales", 0)), pictured(1, (500, 900, 5000, 4000)))
    small = slide(shape(said_by("Words.", 1)), pictured(2, (0, 0, 300, 300)))
    drawn = slide(shape(said_by("Plan", 1)), pictured(3, (0, 0, 5760, 4320)))
    keep(folders, "old.ppt", show([(s, b"") for s in (title, small, drawn)], pictures=[*PAGE.values(), b""]))
    sim.queue(Reply("North 40."))
    async with connect() as client:
        text = await say(client, "read_document", documents="old.ppt")
    assert "[slide 1]\n# Sales\n\nNorth 40.\n\n[slide 2]" in text
    assert [kinds(r) for r in chats(sim)] == [["image_url", "text"]]
    assert "left out, pictures whose records are damaged: slide 3" in text


async def test_damaged_records_of_pictures_cost_no_words_of_an_old_presentation(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    whole = show(
        [(slide(shape(said_by("Sales", 0)), pictured(1, (0, 0, 5760, 4320))), b"")],
        pictures=[PAGE["one.png"]],
    )
    store, entry = whole.index(b"\x01\xf0"), whole.index(b"\x07\xf0")
    async with connect(GLM_API_KEY=None) as client:
        for at in (store + 2, entry + 2, entry + 6 + 28, entry + 6 + 33):
            keep(folders, "old.ppt", whole[:at] + b"\xff\xff\xff\xff" + whole[at + 4 :])
            assert "Sales" in await say(client, "read_document", documents="old.ppt")
    assert not sim.received


async def test_scans_in_a_word_file_of_the_old_format_are_read_one_by_one(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    first, second = (in_data(blip(picture), 10_000, 14_000) for picture in PAGE.values())
    scans = [[("\x01", in_line(at)), ("\r", b"")] for at in (0, len(first))]
    keep(folders, "scan.doc", word([(runs, 0, b"") for runs in scans], data=first + second))
    sim.queue(Reply("Page one.", times=1), Reply("Page two.", times=1))
    async with connect(GLM_MAX_CONCURRENCY="1") as client:
        text = await say(client, "read_document", documents="scan.doc")
    assert [kinds(r) for r in chats(sim)] == [["image_url", "text"]] * 2
    assert text.startswith("Page one.\n\nPage two.")


async def test_pictures_that_float_over_an_old_word_file_are_read(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    entry = record(0xF007, bytes(36), blip(PAGE["one.png"]), instance=6, plain=True)
    drawn = floats([(0, 1026, 0, 0)], [], [drawn_shape(1026, picture=True)], 6, record(0xF001, entry), 9_000)
    keep(folders, "float.doc", word([plain("\x08Plan")], tables=drawn))
    sim.queue(Reply("A map."))
    async with connect() as client:
        text = await say(client, "read_document", documents="float.doc")
    assert "A map." in text
    assert len(sim.received) == 1


async def test_damaged_pictures_of_an_old_word_file_cost_no_words(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    picture = in_data(blip(PAGE["one.png"]), 10_000, 14_000)
    text = [plain("Words."), ([("\x01", in_line(0)), ("\x01", in_line(0xFFFFFFF0)), ("\r", b"")], 0, b"")]
    async with connect(GLM_API_KEY=None) as client:
        for at in (0, 4, 6, 28, 32, 68, 72, 80, 84, 92, 96):
            keep(
                folders,
                "a.doc",
                word(text, data=picture[:at] + struct.pack("<I", 0xFFFFFFFF) + picture[at + 4 :]),
            )
            assert "Words." in await say(client, "read_document", documents="a.doc")
        for size in (3, 30, 70, 90, 100):
            keep(folders, "a.doc", word(text, data=picture[:size]))
            assert "Words." in await say(client, "read_document", documents="a.doc")
    assert not sim.received


async def test_a_store_whose_entries_share_their_bytes_takes_no_more_than_the_file_has(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    heavy = PAGE["one.png"] + bytes(3_000_000)
    slides = [(slide(shape(said_by("Words.", 1)), pictured(n, (0, 0, 5760, 4320))), b"") for n in (1, 4_000)]
    keep(folders, "old.ppt", show(slides, pictures=[heavy], shared=4_000))
    async with connect() as client:
        text = await say(client, "read_document", documents="old.ppt")
    assert "[slide 2]\nWords." in text
    assert len(sim.received) == 1


async def test_screenshots_in_a_workbook_of_the_old_format_are_read_where_they_stand(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    sheet = number_cell(0, 0, 7)
    shapes = (
        over_cells(1, place(1, 39, 9, 60)),
        over_cells(2, place(1, 2, 9, 30), "The log"),
        over_cells(1, place(1, 80, 9, 99), flags=0x20002),  # hidden
        over_cells(2, place(20, 0, 21, 1)),
    )
    sim.queue(Reply("The form.", times=1), Reply("An error.", times=1))
    for more in (over(*shapes), over(over_cells(0, place(0, 0, 1, 1)), *shapes, boxed="A note")):
        keep(folders, "old.xls", xls(b"", sheet + more, pictures=list(PAGE.values())))
        async with connect(GLM_MAX_CONCURRENCY="1") as client:
            text = await say(client, "read_document", documents="old.xls")
        assert [kinds(r) for r in chats(sim)] == [["image_url", "text"]] * 2  # the second time they are known
        assert "[picture at U1]\n\n[picture at B3: The log]\n\n[picture at B40]" in text
        assert "[picture]" not in text
        assert "[picture at B3]\n\nThe form.\n\n[picture at B40]\n\nAn error." in text
        assert "left out" not in text
    assert "Text box: A note" in text


async def test_damaged_pictures_of_an_old_workbook_cost_no_cells(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    whole = xls(
        b"", number_cell(0, 0, 7) + over(over_cells(1, place(1, 2, 9, 30))), pictures=[PAGE["one.png"]]
    )
    marks = (
        b"\x00\xf0",
        b"\x01\xf0",
        b"\x07\xf0",
        b"\x02\xf0",
        b"\x03\xf0",
        b"\x04\xf0",
        b"\x0b\xf0",
        b"\x10\xf0",
    )
    async with connect(GLM_API_KEY=None) as client:
        for kind in marks:
            at = whole.index(kind)
            for start, value in ((at, b"\xff\xff"), (at + 2, b"\xff\xff\xff\xff"), (at + 2, bytes(4))):
                keep(folders, "old.xls", whole[:start] + value + whole[start + len(value) :])
                assert "| 7 |" in await say(client, "read_document", documents="old.xls")
    assert not sim.received
