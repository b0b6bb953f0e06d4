"""Pictures that web pages and books in FB2 hold themselves, or that were saved with them, reach a model."""

from __future__ import annotations

import base64
import hashlib
import io
import plistlib

import pytest
from PIL import Image
from support.connect import Connect
from support.made_books import book as epub
from support.toolkit import chats, kinds, last, parts, png, say

from glm_mcp.media.documents.containers.blips import Blips
from glm_mcp.media.documents.pages import LeftOut
from glm_mcp.media.documents.web.drawn import WithDrawings, as_pictures
from glm_mcp.server.app import Folders
from glm_mcp.simulator import Reply, Simulator

pytestmark = pytest.mark.anyio

PROSE = (
    "<p>" + "What is told here is long enough to be read by itself, whatever stands beside it. " * 8 + "</p>"
)


def data(picture: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(picture).decode()}"


def saved(page: str, place: str, picture: bytes, address: str) -> bytes:
    """A page as a browser saves it in one file."""
    return (
        f"From: <Saved by a browser>\r\nSubject: Report\r\nMIME-Version: 1.0\r\n"
        f'Content-Type: multipart/related; boundary="x"\r\n\r\n'
        f"--x\r\nContent-Type: text/html\r\nContent-Location: {place}\r\n\r\n{page}\r\n"
        f"--x\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\nContent-Location: {address}\r\n\r\n"
        f"{base64.b64encode(picture).decode()}\r\n--x--\r\n"
    ).encode()


def book(*blocks: str, **pictures: bytes) -> str:
    held = "".join(
        f'<binary content-type="image/png" id="{name}">\n{base64.b64encode(picture).decode()}\n</binary>'
        for name, picture in pictures.items()
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?><FictionBook xmlns="http://www.gribuser.ru/xml/fictionbook/2.0" '
        'xmlns:l="http://www.w3.org/1999/xlink"><description><title-info><book-title>Plans</book-title>'
        f'<coverpage><image l:href="#cover"/></coverpage></title-info></description><body>{"".join(blocks)}</body>{held}</FictionBook>'
    )


async def test_pictures_in_the_addresses_of_a_page_are_transcribed(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    page = f"<p>Sales</p><img src='{data(png((700, 500)))}'><p>End</p><img src=\"{data(png((60, 60)))}\">"
    (folders.cwd / "page.html").write_text(page)
    sim.queue(Reply("North 40."))
    async with connect() as client:
        text = await say(client, "read_document", documents="page.html")
    assert text.startswith("Sales\n\n[picture]\n\nEnd\n\nNorth 40.")
    assert [kinds(r) for r in chats(sim)] == [["image_url", "text"]]


BARS = "".join(
    f'<rect class="bar" x="{60 * n}" y="{300 - 40 * n}" width="40" height="{40 * n}"/>' for n in range(1, 7)
)


async def test_drawings_that_are_written_into_a_page_are_seen_with_its_styles(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    icon = '<svg viewBox="0 0 512 512"><defs/><path d="M0 0h512v512z"/></svg>'
    logo = f'<svg width="900" height="500">{BARS}<text x="9" y="90">Acme</text></svg>'
    chart = f'<svg width="600" height="400"><defs/>{BARS}<foreignObject><div>North<br></div></foreignObject><text x="9" y="390">10</text></svg>'
    page = f"<style>.bar > x, .bar {{ fill: red }}</style><p>Sales&nbsp;now</p>{icon}{logo}{chart}<p>End</p>"
    (folders.cwd / "page.html").write_text(page)
    sim.queue(Reply("South 30."))
    async with connect() as client:
        text = await say(client, "read_document", documents="page.html")
    assert "[drawing: North; 10]" in text
    assert "South 30." in text
    assert [kinds(r) for r in chats(sim)] == [["image_url", "text"]]
    sent = next(p["image_url"]["url"] for p in parts(last(sim)) if p["type"] == "image_url")
    seen = Image.open(io.BytesIO(base64.b64decode(sent.rpartition(",")[2]))).convert("RGB")
    assert seen.getpixel((seen.width * 80 // 600, seen.height * 280 // 400)) == (255, 0, 0)


async def test_damaged_and_endless_drawings_cost_no_words(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    drawings = (
        f'<svg width="600" height="400">{BARS}',
        f'<svg width="600" height="400" a="{BARS}</svg>',
        "<svg>" * 9_000,
    )
    unbound = f'<svg width="600" height="400" b:c="1" @click="d">{BARS}&nope;</svg>'
    async with connect(GLM_API_KEY=None) as client:
        for drawing in (unbound, f'<svg width="600" height="400">{BARS}<defs></svg>', *drawings):
            (folders.cwd / "page.html").write_text(f"<p>Sales</p>{drawing}")
            assert "Sales" in await say(client, "read_document", documents="page.html", mode="text")
    assert not sim.received


async def test_drawings_in_the_chapters_of_a_book_are_seen(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    chart = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 600 400">{BARS}</svg>'
    chapters = {"a.xhtml": f"<p>Sales</p>{chart}", "b.xhtml": f"<p>Costs</p>{chart.replace('40', '50')}"}
    made = epub(chapters, list(chapters))
    (folders.cwd / "book.epub").write_bytes(made)
    sim.queue(Reply("South 30.", times=1), Reply("North 40.", times=1))
    async with connect(GLM_MAX_CONCURRENCY="1") as client:
        text = await say(client, "read_document", documents="book.epub")
    assert text.index("Sales") < text.index("South 30.") < text.index("Costs") < text.index("North 40.")
    assert [kinds(r) for r in chats(sim)] == [["image_url", "text"]] * 2


async def test_drawings_of_a_book_that_each_hold_all_of_its_styles_take_no_more_than_some_of_it() -> None:
    many = "".join(
        f'<svg width="600" height="400">{BARS}<text>{n}</text><text>.</text></svg>' for n in range(200)
    )
    page = f"<style>{'.a{fill:red}' * 17_000}</style>{many}"
    drawn = list[bytes]()

    def keep(data: bytes) -> str:
        drawn.append(data)
        return f"{len(drawn)}.svg"

    shown = as_pictures(page, keep)
    assert sum(map(len, drawn)) <= 30 * len(page)
    assert shown.count("<img") == len(drawn) > 20
    assert shown.count("<svg") == 200 - len(drawn)
    held = WithDrawings(Blips("a.epub", LeftOut(), {}))
    places = [held.put("a.xhtml", bytes([n]) * 30_000_000) for n in range(4)]
    assert [held.has(place) for place in places] == [True, True, True, False]


async def test_pictures_of_notes_of_evernote_are_transcribed(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    pictures = {"board.png": png((900, 700), "red"), "icon.png": png((40, 40)), "beside.png": png((700, 500))}
    held = "".join(
        f"<resource><data>{base64.b64encode(picture).decode()}</data><mime>image/png</mime>"
        f"<resource-attributes><file-name>{name}</file-name></resource-attributes></resource>"
        for name, picture in pictures.items()
    )
    shown = "".join(
        f'<en-media type="image/png" hash="{hashlib.md5(picture, usedforsecurity=False).hexdigest()}"/>'
        for picture in list(pictures.values())[:2]
    )
    page = f"<![CDATA[<en-note><div>Meeting</div><div>{shown}</div><div>End</div></en-note>]]>"
    note = f"<note><title>Plan</title><content>{page}</content>{held}</note>"
    (folders.cwd / "notes.enex").write_text(f"<en-export>{note}</en-export>")
    sim.queue(Reply("North 40.", times=1), Reply("South 30.", times=1))
    async with connect(GLM_MAX_CONCURRENCY="1") as client:
        text = await say(client, "read_document", documents="notes.enex")
    assert "Meeting\n\n[picture: board.png][picture: icon.png]\n\nEnd" in text
    assert text.index("End") < text.index("North 40.") < text.index("South 30.")
    assert [kinds(r) for r in chats(sim)] == [["image_url", "text"]] * 2


async def test_pictures_of_a_long_page_are_named_and_those_elsewhere_are_not(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    blank = data(png((1, 1)))
    (folders.cwd / "page.html").write_text(PROSE + f'<img alt="Chart" src="{data(png((701, 500)))}">')
    (folders.cwd / "lazy.html").write_text(f'<p>Hi</p><img src="{blank}" width="600" height="800">')
    (folders.cwd / "far.html").write_text(
        '<p>Hi</p><img src="https://a.example/a.png" width="600" height="800">'
    )
    async with connect() as client:
        text = await say(client, "read_document", documents="page.html")
        for name in ("lazy.html", "far.html"):
            assert "no model asked]" in await say(client, "read_document", documents=name)
        assert not sim.received
        await say(client, "read_document", documents="page.html", prompt="What does it show?")
    assert "[picture: Chart]" in text
    assert "large pictures of the text are not in the text: read_document with a prompt sees them" in text
    assert kinds(last(sim)).count("image_url") == 1


async def test_pictures_saved_with_a_page_are_found_by_their_addresses(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    address = "https://a.example/pictures/my%20chart.png"
    relative = "<p>Sales</p><img src='../pictures/my%20chart.png'><p>End</p>"
    place = "https://a.example/reports/index.html"
    (folders.cwd / "page.mhtml").write_bytes(saved(relative, place, png((710, 500)), address))
    archive = {
        "WebMainResource": {"WebResourceData": relative.encode(), "WebResourceURL": place},
        "WebSubresources": [
            {
                "WebResourceData": png((720, 500)),
                "WebResourceURL": address,
                "WebResourceMIMEType": "image/png",
            },
            "damaged",
        ],
    }
    (folders.cwd / "page.webarchive").write_bytes(plistlib.dumps(archive, fmt=plistlib.FMT_BINARY))
    for name in ("page.mhtml", "page.webarchive"):
        sim.clear()
        sim.queue(Reply("North 40."))
        async with connect() as client:
            text = await say(client, "read_document", documents=name)
        assert "Sales\n\n[picture]\n\nEnd" in text
        assert "North 40." in text
        assert len(sim.received) == 1


async def test_pictures_of_a_saved_page_that_it_does_not_show_are_none(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    page = saved("<p>Sales</p>", "https://a.example/", png((730, 500)), "https://a.example/sprites.png")
    (folders.cwd / "page.mhtml").write_bytes(page)
    async with connect() as client:
        await say(client, "read_document", documents="page.mhtml")
    assert not sim.received


async def test_pictures_of_a_book_in_fb2_are_transcribed_and_its_cover_is_not(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    shown = '<section><p>Floor</p><image l:href="#plan"/><p>End</p></section>'
    pictures = {"plan": png((740, 500)), "cover": png((600, 800))}
    (folders.cwd / "book.fb2").write_text(book(shown, **pictures))
    (folders.cwd / "words.fb2").write_text(book(f"<section>{PROSE}</section>", **pictures))
    (folders.cwd / "broken.fb2").write_text(book(shown, plan=b"\0\1").replace("AAE=", "A!"))
    sim.queue(Reply("Two rooms."))
    async with connect() as client:
        text = await say(client, "read_document", documents="book.fb2")
        assert len(sim.received) == 1
        for name in ("words.fb2", "broken.fb2"):
            assert "no model asked]" in await say(client, "read_document", documents=name)
    assert "Floor\n\n[picture]\n\nEnd" in text
    assert "Two rooms." in text
