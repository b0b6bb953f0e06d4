"""Drawings of Windows: drawn as SVG is, with what is not drawn said."""

from __future__ import annotations

import struct

import pytest
from support.connect import Connect
from support.made_documents import para
from support.made_metafiles import emf
from support.made_shown import deck, in_word, said, scanned_docx, shown
from support.made_slides import pictured, show, slide
from support.toolkit import chats, fail, kinds, last, say

from glm_mcp.server.app import Folders
from glm_mcp.simulator import Reply, Simulator

pytest.importorskip("metafile_render")
pytestmark = pytest.mark.anyio


async def test_a_drawing_of_windows_is_described(connect: Connect, sim: Simulator, folders: Folders) -> None:
    (folders.cwd / "plan.emf").write_bytes(emf())
    async with connect() as client:
        text = await say(client, "describe_image", images="plan.emf")
    assert "mean colour #bfbfbf" in text, "a quarter is black"
    assert kinds(last(sim)).count("image_url") == 1


async def test_drawings_of_windows_within_documents_are_seen_as_other_pictures_are(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    (folders.cwd / "deck.pptx").write_bytes(deck([said("Plan") + shown("plan.emf")], {"plan.emf": emf()}))
    (folders.cwd / "scan.docx").write_bytes(
        scanned_docx(in_word("a.emf") + para("x"), {"a.emf": emf(400, 310)})
    )
    old = show([(slide(pictured(1, (0, 0, 5760, 4320))), b"")], pictures=[emf(400, 320)])
    (folders.cwd / "old.ppt").write_bytes(old)
    sim.queue(Reply("A square.", times=3))
    async with connect() as client:
        for name in ("deck.pptx", "scan.docx", "old.ppt"):
            assert "A square." in await say(client, "read_document", documents=name)
    assert [kinds(r) for r in chats(sim)] == [["image_url", "text"]] * 3


async def test_a_damaged_drawing_of_windows_is_an_error_that_says_what_to_do(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    whole = emf()
    async with connect() as client:
        broken = [whole[:at] + struct.pack("<I", 0xFFFFFFFF) + whole[at + 4 :] for at in (48, 52, 92, 116)]
        for data in (*broken, whole[:100]):
            (folders.cwd / "plan.emf").write_bytes(data)
            said = await fail(client, "describe_image", images="plan.emf")
            assert "Save it as PNG or JPEG" in said
    assert not sim.received


async def test_the_text_of_a_drawing_of_windows_may_hold_what_no_xml_does(
    connect: Connect, folders: Folders
) -> None:
    (folders.cwd / "plan.emf").write_bytes(emf(text="Plan\x01\x02</text>\ud800\uffff"))
    async with connect() as client:
        assert "mean colour" in await say(client, "describe_image", images="plan.emf")
