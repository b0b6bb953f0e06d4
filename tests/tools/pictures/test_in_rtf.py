r"""Pictures in RTF: scans and screenshots reach a model, whether they are written as digits or as bytes."""

from __future__ import annotations

import pytest
from support.connect import Connect
from support.toolkit import call, chats, glm, kinds, last, png, say

from glm_mcp.server.app import Folders
from glm_mcp.simulator import Reply, Simulator

pytestmark = pytest.mark.anyio

LARGE, SMALL = rb"\picwgoal9000\pichgoal12000", rb"\picwgoal1500\pichgoal450"
PROSE = b"What is told here is long enough to be read by itself, whatever stands beside it. " * 8


def pict(picture: bytes, sides: bytes = LARGE, kind: bytes = rb"\pngblip", *, raw: bool = False) -> bytes:
    r"""A group of \pict. `raw`: with the bytes as they are."""
    digits = picture.hex().encode()
    lines = b"\r\n".join(digits[at : at + 128] for at in range(0, len(digits), 128))
    body = rb"\bin%d " % len(picture) + picture if raw else b"\r\n" + lines
    name = rb"{\*\picprop{\sp{\sn wzDescription}{\sv a plan}}}"
    return (
        rb"{\*\shppict{\pict"
        + name
        + kind
        + sides
        + rb"{\*\blipuid 00ff}"
        + body
        + b"}}{\\nonshppict{\\pict 01}}"
    )


def keep(folders: Folders, body: bytes, name: str = "a.rtf") -> None:
    (folders.cwd / name).write_bytes(rb"{\rtf1\ansi " + body + b"}")


async def test_scans_are_transcribed_one_by_one(connect: Connect, sim: Simulator, folders: Folders) -> None:
    scans = pict(png((600, 800), "red")), pict(png((600, 800), "blue"), raw=True)
    keep(folders, rb"Before\par " + rb"\par ".join(scans) + rb"\par After")
    sim.queue(Reply("First words.", times=1), Reply("Second words.", times=1))
    async with connect(GLM_MAX_CONCURRENCY="1") as client:
        text = await say(client, "read_document", documents="a.rtf")
    assert [kinds(r) for r in chats(sim)] == [["image_url", "text"]] * 2
    assert "[picture: a plan]\n\nAfter\n\nFirst words.\n\nSecond words." in text


async def test_a_picture_without_a_size_is_as_large_as_its_dots(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    keep(folders, b"Words" + pict(png((700, 900)), b""))
    sim.queue(Reply("Read."))
    async with connect() as client:
        assert "Read." in await say(client, "read_document", documents="a.rtf")


async def test_logos_and_pictures_at_the_head_of_pages_do_not_count(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    large = pict(png((600, 801)))
    scaled = pict(png((600, 802)), LARGE + rb"\picscalex10\picscaley10")
    keep(
        folders,
        rb"{\header "
        + large
        + rb"}{\deleted "
        + large
        + b"}Words"
        + scaled
        + pict(png((200, 60)), SMALL) * 9,
    )
    async with connect() as client:
        assert "no model asked" in await say(client, "read_document", documents="a.rtf")
    assert not sim.received


async def test_pictures_beside_much_text_are_named_and_go_with_a_question(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    keep(folders, PROSE + pict(png((600, 803))))
    async with connect() as client:
        text = await say(client, "read_document", documents="a.rtf")
        assert not sim.received
        await say(client, "read_document", documents="a.rtf", prompt="What does it show?")
    assert "large pictures of the text are not in the text: read_document with a prompt sees them" in text
    assert kinds(last(sim)).count("image_url") == 1


async def test_without_a_key_or_in_mode_text_the_words_stay(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    keep(folders, b"Words" + pict(png((600, 804))))
    async with connect(GLM_API_KEY=None) as client:
        text = await say(client, "read_document", documents="a.rtf")
        alone = await say(client, "read_document", documents="a.rtf", mode="text")
    assert "Words[picture: a plan]\n\n(pictures, not transcribed: config)" in text
    assert alone.startswith("Words[picture: a plan]\n")
    assert not sim.received


async def test_hostile_pictures_cost_themselves_alone(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    bomb = bytearray(png((600, 805)))
    bomb[16:24] = (60_000).to_bytes(4, "big") * 2
    body = (
        b"Words"
        + pict(bytes(bomb))
        + rb"{\pict\pngblip\picwgoal-5\pichgoal99999999999 zz0}" * 50
        + rb"{\pict\pngblip\bin99999 \bin7 " * 500
        + b"{\\pict\\pngblip" * 20_000
    )
    keep(folders, body)
    async with connect() as client:
        result = await call(client, "read_document", documents="a.rtf")
    assert not result.is_error
    assert "left out: picture.png of a.rtf" in " ".join(glm(result)["notes"])
