"""Pictures in presentations and Word files: where they say more than the words beside them, a model sees them."""

from __future__ import annotations

import random
import re
import shutil

import pytest
from support.connect import Connect
from support.made_documents import para, zipped
from support.made_shown import deck, filled, frame, in_word, open_deck, open_text, said, scanned_docx, shown
from support.paths import SAMPLES
from support.toolkit import call, chats, fail, glm, keep, kinds, last, png, say, words

from glm_mcp.server.app import Folders
from glm_mcp.simulator import Reply, Simulator
from glm_mcp.tools.tasks import PICTURES

pytestmark = pytest.mark.anyio

PAGE = {"one.png": png((800, 450), "red"), "two.png": png((800, 450), "blue")}
TALK = "What is said here is long enough to be the slide itself, and its picture only stands beside it. " * 4


async def test_a_deck_of_pictures_is_transcribed_slide_by_slide(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    keep(folders, "deck.pptx", deck([shown("one.png"), shown("two.png")], PAGE))
    sim.queue(Reply("First words.", times=1), Reply("Second words.", times=1))
    async with connect(GLM_MAX_CONCURRENCY="1") as client:
        text = await say(client, "read_document", documents="deck.pptx")
    assert [kinds(r) for r in chats(sim)] == [["image_url", "text"]] * 2
    assert {words(r) for r in chats(sim)} == {PICTURES["en"]}
    assert "[slide 1]\nFirst words.\n\n[slide 2]\nSecond words." in text
    assert "pictures of slide 1, slide 2 transcribed by the model" in text.splitlines()[-1]


async def test_what_a_slide_says_stays_before_what_its_picture_says(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    keep(folders, "deck.pptx", deck([said("Sales in 2025") + filled("one.png", (10, 20, 80, 70))], PAGE))
    sim.queue(Reply("North 40, South 60."))
    async with connect() as client:
        text = await say(client, "read_document", documents="deck.pptx")
    assert text.startswith("Sales in 2025\n\nNorth 40, South 60.")


async def test_the_background_of_a_slide_is_a_picture_of_it(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    keep(folders, "deck.pptx", deck(["", said("Words.")], PAGE, backgrounds={1: "one.png"}))
    sim.queue(Reply("All of the slide."))
    async with connect() as client:
        text = await say(client, "read_document", documents="deck.pptx")
    assert "[slide 1]\nAll of the slide.\n\n[slide 2]\nWords." in text
    assert len(sim.received) == 1


async def test_a_word_file_of_scans_is_transcribed_scan_by_scan(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    keep(folders, "scan.docx", scanned_docx(in_word("one.png") + in_word("two.png"), PAGE))
    sim.queue(Reply("Page one.", times=1), Reply("Page two.", times=1))
    async with connect(GLM_MAX_CONCURRENCY="1") as client:
        text = await say(client, "read_document", documents="scan.docx")
    assert [kinds(r) for r in chats(sim)] == [["image_url", "text"]] * 2
    assert text.startswith("Page one.\n\nPage two.")
    assert "pictures of the text transcribed by the model" in text


async def test_open_documents_are_read_as_the_others(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    words_of = "<draw:frame><draw:text-box><text:p>Sales</text:p></draw:text-box></draw:frame>"
    keep(folders, "deck.odp", open_deck([words_of + frame("c.png", 26, 14), words_of], {"c.png": png()}))
    scans = "".join(f"<text:p>{frame(name, 19, 27)}</text:p>" for name in PAGE)
    keep(folders, "scan.odt", open_text(scans, PAGE))
    keep(folders, "letter.odt", open_text(f"<text:p>Dear reader {frame('one.png', 4, 2)}</text:p>", PAGE))
    sim.queue(Reply("A chart.", times=1), Reply("Page one.", times=1), Reply("Page two.", times=1))
    async with connect(GLM_MAX_CONCURRENCY="1") as client:
        slides = await say(client, "read_document", documents="deck.odp")
        scan = await say(client, "read_document", documents="scan.odt")
        letter = await say(client, "read_document", documents="letter.odt")
    assert "[slide 1]\nSales\n\n[picture]\n\nA chart.\n\n[slide 2]\nSales" in slides
    assert scan.startswith("Page one.\n\nPage two.")
    assert "no model asked]" in letter
    assert len(sim.received) == 3


async def test_logos_icons_and_what_most_slides_show_are_no_pictures(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    icon = shown("two.png", (90, 2, 8, 10))
    keep(folders, "deck.pptx", deck([shown("one.png", alt="Wave") + icon + said("Hello")] * 5, PAGE))
    keep(folders, "letter.docx", scanned_docx(in_word("one.png", (20, 6)) + para("Dear reader"), PAGE))
    async with connect() as client:
        slides = await say(client, "read_document", documents="deck.pptx")
        letter = await say(client, "read_document", documents="letter.docx")
    assert "[slide 5]\n[picture: Wave]" in slides
    assert "no model asked]" in slides
    assert "no model asked]" in letter
    assert not sim.received


async def test_large_pictures_beside_much_text_are_named_and_go_with_a_question(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    keep(folders, "deck.pptx", deck([said("Short."), said(TALK) + shown("one.png", (50, 20, 50, 60))], PAGE))
    async with connect() as client:
        text = await say(client, "read_document", documents="deck.pptx")
        assert not sim.received
        asked = await say(client, "read_document", documents="deck.pptx", prompt="Which colour?")
    assert "large pictures of slide 2 are not in the text: read_document with a prompt sees them" in text
    assert kinds(last(sim)) == ["text", "text", "image_url", "text"]
    assert "the pictures of slide 2 went along" in asked


async def test_with_a_prompt_text_and_pictures_go_together(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    keep(folders, "deck.pptx", deck([said("Sales") + shown("one.png")], PAGE))
    async with connect() as client:
        await say(client, "read_document", documents="deck.pptx", prompt="How many?")
        await say(client, "chat", files=["deck.pptx"], prompt="How many?")
    for request in chats(sim):
        assert "Sales" in request.text
        assert kinds(request).count("image_url") == 1
    assert "[deck.pptx slide 1]" in last(sim).text


async def test_mode_text_asks_nobody_and_says_how_the_pictures_are_read(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    keep(folders, "deck.pptx", deck([shown("one.png"), said("Words.")], PAGE))
    async with connect(GLM_LANG="en") as client:
        text = await say(client, "read_document", documents="deck.pptx", mode="text")
        asked = await say(client, "read_document", documents="deck.pptx", mode="text", prompt="What?")
    said_so = "the pictures of slide 1 say more than the words, and were not read: leave mode out"
    assert said_so in text
    assert said_so in asked
    assert not any(
        "image_url" in kinds(r) for r in chats(sim) if isinstance(r.body["messages"][-1]["content"], list)
    )


async def test_without_a_model_the_text_stays_and_it_is_said(connect: Connect, folders: Folders) -> None:
    keep(folders, "deck.pptx", deck([said("Sales") + shown("one.png"), said("The end")], PAGE))
    keep(folders, "bare.pptx", deck([shown("one.png")], PAGE))
    async with connect(GLM_API_KEY=None) as client:
        text = await say(client, "read_document", documents="deck.pptx")
        error = await fail(client, "read_document", documents="bare.pptx")
    assert (
        "[slide 1]\nSales\n\n[picture]\n\n(pictures, not transcribed: config)\n\n[slide 2]\nThe end" in text
    )
    assert "pictures of slide 1 not transcribed: config: no API key is set" in text
    assert error.startswith("config: no API key is set")


async def test_a_model_that_takes_no_pictures_has_the_text_alone_and_it_is_said(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    keep(folders, "deck.pptx", deck([said("Sales") + shown("one.png")], PAGE))
    wish = {"prompt": "What?", "model": "glm-4.7-flash"}
    async with connect() as client:
        asked = await say(client, "read_document", documents="deck.pptx", **wish)
        chatted = await say(client, "chat", files=["deck.pptx"], **wish)
    assert all("Sales" in request.text for request in chats(sim))
    for text in (asked, chatted):
        assert "glm-4.7-flash takes no pictures: those of slide 1 did not go along" in text


@pytest.mark.parametrize("words", ["", "Sales"])
async def test_mode_vision_says_that_auto_sends_the_pictures(
    words: str, connect: Connect, folders: Folders
) -> None:
    keep(folders, "deck.pptx", deck([said(words) + shown("one.png")], PAGE))
    async with connect() as client:
        error = await fail(client, "read_document", documents="deck.pptx", mode="vision")
    assert (
        "deck.pptx has no pages that can be drawn. Leave mode out: the pictures in it are then sent" in error
    )


async def test_a_damaged_picture_costs_itself_alone(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    both = shown("one.png", (0, 0, 50, 100)) + shown("two.png", (50, 0, 50, 100))
    keep(folders, "deck.pptx", deck([both], {"one.png": b"no picture", "two.png": PAGE["two.png"]}))
    sim.queue(Reply("What is left."))
    async with connect() as client:
        text = await say(client, "read_document", documents="deck.pptx")
    assert "What is left." in text
    assert kinds(last(sim)) == ["image_url", "text"]
    assert "1 left out: one.png of deck.pptx" in text


async def test_pictures_that_nothing_here_draws_are_said(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    keep(
        folders, "deck.pptx", deck([said("Plan") + shown("plan.wmz")], {"plan.wmz": b"\x1f\x8b" + bytes(60)})
    )
    async with connect() as client:
        text = await say(client, "read_document", documents="deck.pptx")
    assert (
        "left out, drawings of Windows that are not drawn here, which the file saved as PDF would show: slide 1"
        in text
    )
    assert not sim.received


async def test_what_was_cut_off_a_picture_is_not_sent(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    keep(folders, "deck.pptx", deck([shown("one.png", cut='<a:srcRect l="50000" b="20000"/>')], PAGE))
    async with connect() as client:
        text = await say(client, "read_document", documents="deck.pptx")
    assert "400×360" in text


async def test_the_same_picture_is_sent_once(connect: Connect, sim: Simulator, folders: Folders) -> None:
    twice = {"one.png": PAGE["one.png"], "copy.png": PAGE["one.png"]}
    slides = [shown("one.png"), said("Again") + shown("copy.png"), said("Words.")]
    keep(folders, "deck.pptx", deck(slides, twice))
    sim.queue(Reply("Once."))
    async with connect() as client:
        text = await say(client, "read_document", documents="deck.pptx")
    assert len(sim.received) == 1
    assert "[slide 2]\nAgain\n\n[picture]\n\n(a picture of slide 1 again)" in text


async def test_of_many_pictures_on_a_slide_the_largest_go(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    many = {f"p{n}.png": png((100 + n, 60)) for n in range(12)}
    shapes = "".join(shown(name, (8 * n, 0, 15 + n / 10, 40)) for n, name in enumerate(many))
    keep(folders, "deck.pptx", deck([shapes], many))
    async with connect() as client:
        text = await say(client, "read_document", documents="deck.pptx")
    assert kinds(last(sim)).count("image_url") == 8
    assert "left out, all but the 8 largest pictures: slide 1" in text


async def test_pictures_elsewhere_are_not_fetched(connect: Connect, sim: Simulator, folders: Folders) -> None:
    linked = deck([said("Words.") + shown("far.png")], {}, links={"far.png": "https://example.com/far.png"})
    keep(folders, "deck.pptx", linked)
    async with connect() as client:
        text = await say(client, "read_document", documents="deck.pptx")
    assert "Words." in text
    assert "no model asked]" in text
    assert not sim.received


async def test_a_picture_of_hostile_size_costs_itself_alone(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    bomb = bytearray(png((10, 10)))
    bomb[16:24] = (60_000).to_bytes(4, "big") * 2
    heavy = png((10, 10)) + random.Random(1).randbytes(20_500_000)
    three = {"bomb.png": bytes(bomb), "heavy.png": heavy, "two.png": PAGE["two.png"]}
    shapes = "".join(shown(name, (33 * n, 0, 33, 100)) for n, name in enumerate(three))
    keep(folders, "deck.pptx", deck([shapes], three))
    sim.queue(Reply("The third."))
    async with connect() as client:
        result = await call(client, "read_document", documents="deck.pptx")
    notes = " ".join(glm(result)["notes"])
    assert kinds(last(sim)) == ["image_url", "text"]
    assert "1 left out: bomb.png of deck.pptx" in notes
    assert "left out, pictures beyond 100, 64 MB or 20 MB each (ask for fewer pages): slide 1" in notes


async def test_scans_and_pictures_are_told_apart(connect: Connect, folders: Folders) -> None:
    shutil.copy(SAMPLES / "report.pdf", folders.cwd)
    keep(folders, "deck.pptx", deck([shown("one.png")], PAGE))
    async with connect() as client:
        text = await say(client, "read_document", documents=["report.pdf", "deck.pptx"])
    assert (
        "1 scanned page transcribed by the model; pictures of slide 1 transcribed by the model" in text
        or ("1 scanned page transcribed by the model · pictures of slide 1 transcribed by the model" in text)
    )


async def test_a_deck_in_an_archive_says_that_it_is_to_be_sent_by_itself(
    connect: Connect, folders: Folders
) -> None:
    keep(folders, "talk.zip", zipped({"deck.pptx": deck([said("Sales") + shown("one.png")], PAGE)}))
    async with connect() as client:
        text = await say(client, "read_document", documents="talk.zip")
    assert "Sales\n\n[picture]\n\n(pictures that say more: send the file by itself)" in text


async def test_the_marks_of_pictures_say_nothing_of_a_language(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    keep(folders, "deck.pptx", deck([shown("one.png")], PAGE))
    async with connect(GLM_LANG="zh") as client:
        await say(client, "read_document", documents="deck.pptx")
    assert words(last(sim)) == PICTURES["zh"]


async def test_sizes_beyond_all_measure_cost_nothing(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    far = '<a:xfrm><a:off x="0" y="-9e300"/><a:ext cx="9e300" cy="9e300"/></a:xfrm>'
    wild = re.sub("<a:xfrm>.*</a:xfrm>", far, shown("one.png"))
    keep(folders, "deck.pptx", deck([said("Words.") + wild], PAGE))
    body = re.sub('c[xy]="[0-9]*"', lambda side: f'{side[0][:2]}="1e308"', in_word("one.png"))
    keep(folders, "wild.docx", scanned_docx(body + para("Words."), PAGE))
    async with connect() as client:
        for name in ("deck.pptx", "wild.docx"):
            assert "Words." in await say(client, "read_document", documents=name)
