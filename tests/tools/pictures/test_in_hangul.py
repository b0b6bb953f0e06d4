"""Pictures in Hangul documents: scans reach a model, and a text says where pictures stand."""

from __future__ import annotations

import pytest
from support.connect import Connect
from support.made_hangul import hwp, hwpx, paragraph, picture, run, sign, t
from support.toolkit import chats, fail, keep, kinds, png, say

from glm_mcp.server.app import Folders
from glm_mcp.simulator import Reply, Simulator

pytestmark = pytest.mark.anyio

RED, BLUE = png((600, 800), "red"), png((600, 800), "blue")
WIDE, HIGH = 50_000, 70_000


def shown(name: str, width: int = WIDE, height: int = HIGH) -> str:
    return run(f'<hp:pic><img binaryItemIDRef="{name}"/><hp:sz width="{width}" height="{height}"/></hp:pic>')


def in_text(number: int, width: int = WIDE, height: int = HIGH) -> bytes:
    return paragraph(0, sign(11), picture(number, width, height))


async def test_scans_in_both_formats_are_transcribed_one_by_one(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    keep(folders, "a.hwp", hwp(in_text(1) + in_text(2), pictures=[RED, BLUE]))
    keep(
        folders,
        "a.hwpx",
        hwpx(
            shown("image1"), shown("image2"), pictures={"image1": png((600, 801)), "image2": png((600, 802))}
        ),
    )
    for name in ("a.hwp", "a.hwpx"):
        sim.clear()
        async with connect(GLM_MAX_CONCURRENCY="1") as client:
            sim.queue(Reply("Page one.", times=1), Reply("Page two.", times=1))
            text = await say(client, "read_document", documents=name)
        assert text.startswith("Page one.\n\nPage two."), name
        assert [kinds(r) for r in chats(sim)] == [["image_url", "text"]] * 2


async def test_seals_beside_words_ask_nobody_and_say_where_they_stand(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    keep(folders, "a.hwp", hwp(paragraph(0, "Signed") + in_text(1, 5_000, 5_000), pictures=[RED]))
    keep(folders, "a.hwpx", hwpx(run(t("Signed")) + shown("image1", 5_000, 5_000), pictures={"image1": RED}))
    async with connect() as client:
        for name in ("a.hwp", "a.hwpx"):
            assert "Signed\n\n[picture]" in await say(client, "read_document", documents=name)
    assert not sim.received


async def test_pictures_that_are_missing_or_damaged_cost_no_words(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    words = paragraph(0, "Words.")
    keep(folders, "a.hwp", hwp(words + in_text(7) + in_text(0) + in_text(2), pictures=[RED, b"no picture"]))
    keep(folders, "a.hwpx", hwpx(run(t("Words.")) + shown("gone") + shown("i", 10**11), pictures={"i": b"?"}))
    keep(folders, "bare.hwp", hwp(in_text(1), pictures=[RED]))
    async with connect(GLM_API_KEY=None) as client:
        for name in ("a.hwp", "a.hwpx"):
            assert "Words." in await say(client, "read_document", documents=name)
        error = await fail(client, "read_document", documents="bare.hwp")
    assert error.startswith("config: no API key is set")
    assert not sim.received


@pytest.mark.extreme
async def test_a_picture_of_more_than_is_taken_is_told_from_one_that_is_damaged(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    keep(folders, "a.hwp", hwp(in_text(1) + in_text(2), pictures=[RED, BLUE + bytes(70_000_000)]))
    sim.queue(Reply("Page one.", times=1))
    async with connect() as client:
        text = await say(client, "read_document", documents="a.hwp")
    assert text.startswith("Page one.")
    assert "left out, pictures beyond 100, 64 MB or 20 MB each (ask for fewer pages): the text" in text
    assert "damaged" not in text
