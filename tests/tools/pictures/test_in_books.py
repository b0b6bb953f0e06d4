"""Pictures in books: comics, scans and pages laid out as they are reach a model, ornaments and logos do not."""

from __future__ import annotations

import pytest
from support.connect import Connect
from support.made_books import Held, book, drawing
from support.made_documents import zipped
from support.made_mobi import mobi
from support.toolkit import call, chats, fail, glm, kinds, last, png, say

from glm_mcp.server.app import Folders
from glm_mcp.simulator import Reply, Simulator

pytestmark = pytest.mark.anyio

PAGES: Held = {"one.png": png((600, 800), "red"), "two.png": png((600, 800), "blue")}
PROSE = (
    "<p>" + "What is told here is long enough to be read by itself, whatever stands beside it. " * 20 + "</p>"
)


def shown(name: str, more: str = "") -> str:
    return f'<img src="{name}" {more}/>'


def keep(folders: Folders, data: bytes, name: str = "book.epub") -> None:
    (folders.cwd / name).write_bytes(data)


async def test_a_comic_is_transcribed_page_by_page(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    parts: Held = {"a.xhtml": shown("one.png"), "b.xhtml": shown("two.png"), **PAGES}
    keep(folders, book(parts, ["a.xhtml", "b.xhtml"]))
    sim.queue(Reply("First words.", times=1), Reply("Second words.", times=1))
    async with connect(GLM_MAX_CONCURRENCY="1") as client:
        text = await say(client, "read_document", documents="book.epub")
    assert [kinds(r) for r in chats(sim)] == [["image_url", "text"]] * 2
    assert "[chapter 1]\nFirst words.\n\n[chapter 2]\nSecond words." in text


async def test_pages_of_a_comic_are_asked_for_by_their_numbers(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    parts: Held = {"a.xhtml": PROSE, "b.xhtml": shown("two.png"), "c.xhtml": shown("one.png"), **PAGES}
    keep(folders, book(parts, ["a.xhtml", "b.xhtml", "c.xhtml"]))
    sim.queue(Reply("The third."))
    async with connect() as client:
        text = await say(client, "read_document", documents="book.epub", pages="3")
    assert len(sim.received) == 1
    assert text.startswith("[chapter 3]\nThe third.")


async def test_of_many_scans_in_one_chapter_each_is_read_by_itself(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    scans: Held = {f"s{n}.png": png((600, 800 + n)) for n in range(12)}
    keep(folders, book({"a.xhtml": "".join(map(shown, scans)), **scans}, ["a.xhtml"]))
    async with connect() as client:
        await say(client, "read_document", documents="book.epub")
    assert [kinds(r) for r in chats(sim)] == [["image_url", "text"]] * 12


async def test_pictures_in_drawings_objects_and_the_spine_are_pages(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    held = drawing('<image width="600" height="800" xlink:href="one.png"/>')
    parts: Held = {
        "a.xhtml": held,
        "b.svg": held.replace("one.png", "two.png"),
        "c.xhtml": '<object data="three.png" type="image/png"></object>',
        "d.xhtml": shown("e.svg"),
        "e.svg": drawing('<path d="M0 0L600 800"/>'),
        "f.svg": drawing('<path d="M9 9L60 80"/>'),
        "three.png": png((600, 801)),
        "four.png": png((600, 802)),
        **PAGES,
    }
    spine = ["a.xhtml", "b.svg", "c.xhtml", "d.xhtml", "f.svg", "four.png"]
    keep(folders, book(parts, spine))
    async with connect() as client:
        text = await say(client, "read_document", documents="book.epub")
    assert [kinds(r) for r in chats(sim)] == [["image_url", "text"]] * len(spine)
    assert "pictures of chapter 1, chapter 2, chapter 3, chapter 4, chapter 5, … transcribed" in text


async def test_what_lies_behind_a_page_of_fixed_layout_is_a_picture_of_it(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    head = '<html><head><meta name="viewport" content="width=600, height=800"/><link rel="stylesheet" href="s.css"/></head>'
    parts: Held = {
        "a.xhtml": head + '<body><div class="page left">Good night</div></body></html>',
        "b.xhtml": head + "<body><div style=\"background-image: url('two.png')\">The end</div></body></html>",
        "s.css": "/* .left */ div.page { background: #fff url(one.png) no-repeat } .other { background: url(two.png) }",
        **PAGES,
    }
    keep(folders, book(parts, ["a.xhtml", "b.xhtml"], fixed=True))
    sim.queue(Reply("A moon.", times=1), Reply("A star.", times=1))
    async with connect(GLM_MAX_CONCURRENCY="1") as client:
        text = await say(client, "read_document", documents="book.epub")
    assert "[chapter 1]\nGood night\n\nA moon.\n\n[chapter 2]\nThe end\n\nA star." in text
    assert [kinds(r) for r in chats(sim)] == [["image_url", "text"]] * 2


async def test_logos_ornaments_and_separators_are_no_pages(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    parts: Held = {
        **{f"c{n}.xhtml": f"<h1>{n}</h1>{shown('ornament.png')}" for n in range(5)},
        "d.xhtml": f"<p>Part two</p>{shown('line.png')}",
        "e.xhtml": '<p>Ours</p><img src="one.png" width="60"/>',
        "f.xhtml": '<p>Theirs</p><img src="two.png" style="height: 2em"/>',
        "ornament.png": png((500, 500)),
        "line.png": png((600, 40)),
        **PAGES,
    }
    keep(folders, book(parts, [name for name in parts if name.endswith("xhtml")]))
    async with connect() as client:
        text = await say(client, "read_document", documents="book.epub")
    assert "no model asked]" in text
    assert not sim.received


async def test_the_cover_of_a_book_of_words_costs_no_call_and_is_read_where_it_is_asked_for(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    parts: Held = {"a.xhtml": shown("one.png"), "cover.xhtml": shown("two.png"), "b.xhtml": PROSE, **PAGES}
    keep(folders, book(parts, ["cover.xhtml", "b.xhtml"]))
    keep(folders, book(parts | {"two.png": png((600, 810))}, ["cover.xhtml", "a.xhtml"]), "comic.epub")
    async with connect() as client:
        text = await say(client, "read_document", documents="book.epub")
        assert "the cover is a picture and was not read: pages=1 has it read" in text
        assert not sim.received
        sim.queue(Reply("A Book of Words"))
        assert "A Book of Words" in await say(client, "read_document", documents="book.epub", pages="1")
        sim.clear()
        await say(client, "read_document", documents="comic.epub")
    assert len(sim.received) == 2


async def test_pictures_of_a_long_chapter_are_named_and_go_with_a_question(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    keep(
        folders,
        book({"a.xhtml": PROSE + shown("one.png"), "b.xhtml": PROSE, **PAGES}, ["a.xhtml", "b.xhtml"]),
    )
    async with connect() as client:
        text = await say(client, "read_document", documents="book.epub")
        assert not sim.received
        await say(client, "read_document", documents="book.epub", prompt="Which colour?")
    assert "large pictures of chapter 1 are not in the text: read_document with a prompt sees them" in text
    assert kinds(last(sim)).count("image_url") == 1


async def test_without_a_model_the_words_of_a_picture_book_stay(connect: Connect, folders: Folders) -> None:
    parts: Held = {"a.xhtml": "<p>Good night</p>" + shown("one.png"), "b.xhtml": PROSE, **PAGES}
    keep(folders, book(parts, ["a.xhtml", "b.xhtml"]))
    keep(folders, book(parts | {"a.xhtml": shown("one.png")}, ["a.xhtml"]), "bare.epub")
    async with connect(GLM_API_KEY=None) as client:
        text = await say(client, "read_document", documents="book.epub")
        alone = await say(client, "read_document", documents="book.epub", mode="text")
        error = await fail(client, "read_document", documents="bare.epub")
    assert (
        "[chapter 1]\nGood night\n\n(pictures, not transcribed: config)\n\n[chapter 2]\nWhat is told" in text
    )
    assert "the pictures of chapter 1 say more than the words, and were not read: leave mode out" in alone
    assert error.startswith("config: no API key is set")


async def test_pictures_elsewhere_and_such_as_the_book_does_not_hold_cost_nothing(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    addresses = (
        "https://example.com/a.png",
        "//example.com/b.png",
        "../../../etc/passwd",
        "gone.png",
        "file:///a.png",
    )
    keep(folders, book({"a.xhtml": "<p>Words</p>" + "".join(map(shown, addresses))}, ["a.xhtml"]))
    async with connect() as client:
        text = await say(client, "read_document", documents="book.epub")
    assert text.startswith("Words")
    assert not sim.received


async def test_comics_of_kindle_in_both_forms_are_transcribed_page_by_page(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    old = b'<p>Words</p><mbp:pagebreak/><img recindex="00001"/><mbp:pagebreak/><p><img recindex="00002"/></p>'
    new = old.replace(b'recindex="00001"', b'src="kindle:embed:0001?mime=image/png"')
    for name, text, first in (("a.mobi", old, png((600, 810))), ("a.azw3", new, png((600, 820)))):
        keep(folders, mobi(text, more=[first, png((600, 830 + len(text)))]), name)
        sim.clear()
        sim.queue(Reply("First words.", times=1), Reply("Second words.", times=1))
        async with connect(GLM_MAX_CONCURRENCY="1") as client:
            said = await say(client, "read_document", documents=name)
        assert "[chapter 1]\nWords\n\n[chapter 2]\nFirst words.\n\n[chapter 3]\nSecond words." in said
        assert [kinds(r) for r in chats(sim)] == [["image_url", "text"]] * 2


async def test_the_pages_of_a_comic_book_are_its_pictures_in_the_order_of_their_numbers(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    about = "<ComicInfo><Title>The Lake</Title><Writer>Kim</Writer></ComicInfo>"
    pages = {f"v1/p{n}.png": png((600, 840 + n)) for n in (10, 9, 2)}
    noise: Held = {"__MACOSX/v1/._p2.png": b"", "v1/.hidden.png": b"", "ComicInfo.xml": about}
    keep(folders, zipped({**pages, **noise}), "lake.cbz")
    keep(folders, zipped({"a.txt": "no page"}), "none.cbz")
    sim.queue(*(Reply(f"Page {n}.", times=1) for n in (1, 2, 3)))
    async with connect(GLM_MAX_CONCURRENCY="1") as client:
        text = await say(client, "read_document", documents="lake.cbz")
        assert "none.cbz holds no pictures" in await fail(client, "read_document", documents="none.cbz")
        sim.clear()
        asked = await say(client, "read_document", documents="lake.cbz", pages="2", prompt="Who is seen?")
    assert "[title: The Lake]\n[author: Kim]\n\nPage 1.\n\n[page 2]\nPage 2.\n\n[page 3]\nPage 3." in text
    assert "2.png" not in text
    assert kinds(last(sim)).count("image_url") == 1
    assert "1 of 3 pages of lake.cbz" in asked


async def test_a_comic_book_is_read_whatever_is_wrong_with_what_it_says_of_itself(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    entity = '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><ComicInfo><Title>&e;</Title></ComicInfo>'
    keep(folders, zipped({"p1.png": png((600, 850)), "ComicInfo.xml": entity}), "entity.cbz")
    keep(folders, zipped({"p1.png": png((600, 850)), "ComicInfo.xml": "<ComicInfo><Title>"}), "open.cbz")
    sim.queue(Reply("A page.", times=0))
    async with connect() as client:
        for name in ("entity.cbz", "open.cbz"):
            text = await say(client, "read_document", documents=name)
            assert "A page." in text
            assert "left out" in text.splitlines()[-1]
            assert "ComicInfo.xml" in text.splitlines()[-1]


async def test_hostile_pages_cost_themselves_alone(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    bomb = bytearray(png((10, 10)))
    bomb[16:24] = (60_000).to_bytes(4, "big") * 2
    ring = drawing(
        '<image xlink:href="r.svg" width="9e999" height="1"/><image xlink:href="q.svg"/>', sides=""
    )
    parts: Held = {
        "a.xhtml": shown("bomb.png") + shown("one.png", 'width="1e400" height="-5" style="width:..px"'),
        "b.xhtml": "<p>Words</p>" + "<img <img '\"" * 50_000 + "<!--" * 50_000,
        "c.xhtml": shown("q.svg") + shown("two.png") * 30_000,
        "q.svg": ring,
        "r.svg": ring.replace("r.svg", "q.svg"),
        "bomb.png": bytes(bomb),
        **PAGES,
    }
    keep(folders, book(parts, ["a.xhtml", "b.xhtml", "c.xhtml"], fixed=True))
    async with connect() as client:
        result = await call(client, "read_document", documents="book.epub")
    assert not result.is_error
    assert "left out: bomb.png of book.epub" in " ".join(glm(result)["notes"])
