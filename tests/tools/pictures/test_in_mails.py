"""Pictures in mails: screenshots reach a model, pasted or attached; logos, buttons and tracking pixels do not."""

from __future__ import annotations

import io
import struct
from typing import Any

import pytest
from PIL import Image
from support.connect import Connect
from support.made_mail import mail, outlook
from support.made_outlook import compound, message, packed, text
from support.toolkit import call, chats, fail, glm, kinds, last, png, say

from glm_mcp.server.app import Folders
from glm_mcp.simulator import Fault, Reply, Simulator

pytestmark = pytest.mark.anyio

SHOT, LOGO = png((1200, 800), "red"), png((200, 60), "green")
PAGE, OTHER = png((600, 800), "red"), png((600, 800), "blue")
PROSE = "What is told here is long enough to be read by itself, whatever stands beside it. " * 8
SHOWN = '<p>See below:</p><img src="cid:{}"><p>Ann</p>'


def keep(folders: Folders, data: bytes, name: str = "bug.eml") -> None:
    (folders.cwd / name).write_bytes(data)


async def test_a_screenshot_pasted_into_a_mail_is_transcribed_behind_its_words(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    keep(folders, mail("See below:\n[cid:one.png]\nAnn", SHOWN.format("one.png"), {"one.png": SHOT}))
    sim.queue(Reply("Error 0x80070005"))
    async with connect() as client:
        text = await say(client, "read_document", documents="bug.eml")
    assert "Subject: It fails" in text
    assert "See below:\n[picture: one.png]\nAnn" in text
    assert text.index("[picture: one.png]") < text.index("Error 0x80070005")
    assert [kinds(r) for r in chats(sim)] == [["image_url", "text"]]


async def test_a_mail_in_html_alone_says_where_its_screenshot_stands(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    keep(folders, mail(" ", SHOWN.format("one.png"), {"one.png": SHOT}))
    async with connect() as client:
        text = await say(client, "read_document", documents="bug.eml", mode="text")
    assert "See below:\n\n[picture: one.png]\n\nAnn" in text
    assert not sim.received


async def test_attached_screenshots_go_one_by_one(connect: Connect, sim: Simulator, folders: Folders) -> None:
    keep(folders, mail("Two screenshots.", attached={"one.png": PAGE, "two.png": OTHER}))
    sim.queue(Reply("First words.", times=1), Reply("Second words.", times=1))
    async with connect(GLM_MAX_CONCURRENCY="1") as client:
        text = await say(client, "read_document", documents="bug.eml")
    assert "- two.png (image/png" in text
    assert "First words." in text
    assert "Second words." in text


async def test_a_picture_that_stands_between_the_texts_of_a_mail_is_marked_there(
    connect: Connect, folders: Folders
) -> None:
    made = mail("Before it.", attached={"one.png": SHOT}).replace(
        b"attachment; filename", b"inline; filename"
    )
    keep(folders, made)
    async with connect() as client:
        text = await say(client, "read_document", documents="bug.eml", mode="text")
    assert "Before it.\n\n[picture: one.png]\n\nAttachments:" in text


async def test_logos_buttons_banners_and_pixels_are_no_pictures_of_a_mail(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    decoration = {
        "logo.png": LOGO,
        "banner.png": png((800, 190)),
        "pixel.png": png((1, 1)),
        "face.png": png((150, 150)),
        "large.png": png((1600, 1200), "navy"),
        "wall.png": png((900, 900), "grey"),
        **{f"button{n}.png": png((32, 32), colour) for n, colour in enumerate(("red", "blue", "navy"))},
    }
    html = (
        "<body background='cid:wall.png'><p>Thanks</p>"
        + "".join(f'<img src="cid:{name}">' for name in list(decoration)[:4])
        + '<img src="cid:large.png" width=120><img src="cid:pixel.png" width="600" height="500">'
        + "".join(f'<img src="cid:button{n}.png">' for n in range(3))
    )
    keep(folders, mail("Thanks", html, decoration))
    signed = '<p>Yes</p><img src="cid:a.png">' + '<hr><p>No</p><img src="cid:b.png">' * 2
    keep(folders, mail(" ", signed, dict.fromkeys(("a.png", "b.png"), png((300, 250)))), "thread.eml")
    async with connect() as client:
        for name in ("bug.eml", "thread.eml"):
            text = await say(client, "read_document", documents=name)
            assert "no model asked]" in text
            assert "[picture" not in text
    assert not sim.received


async def test_screenshots_of_a_long_mail_are_named_and_go_with_a_question(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    keep(folders, mail(PROSE, SHOWN.format("one.png"), {"one.png": SHOT, "logo.png": LOGO}))
    async with connect() as client:
        text = await say(client, "read_document", documents="bug.eml")
        assert not sim.received
        await say(client, "read_document", documents="bug.eml", prompt="Which error?")
    assert "large pictures of the text are not in the text: read_document with a prompt sees them" in text
    assert kinds(last(sim)).count("image_url") == 1


async def test_pictures_of_mails_within_a_mail_are_its_own(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    inner = mail("Look", SHOWN.format("one.png"), {"one.png": SHOT})
    border = b"--x\r\nContent-Type: message/rfc822\r\n\r\n" + inner + b"\r\n--x--\r\n"
    keep(folders, b"Subject: Fwd\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n" + border)
    sim.queue(Reply("Error 5."))
    async with connect() as client:
        text = await say(client, "read_document", documents="bug.eml")
    assert "[attached mail: It fails]" in text
    assert "Error 5." in text
    assert len(sim.received) == 1


async def test_screenshots_in_messages_of_outlook_are_read_as_in_other_mails(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    html = SHOWN.format("one.png") + '<img src="cid:logo.png">'
    cases = (
        ("plain.msg", "See below:\r\n[cid:one.png]\r\nAnn", html),
        ("rich.msg", "", html),
        ("attached.msg", "Attached.", ""),
    )
    for number, (name, plain, html) in enumerate(cases):
        keep(folders, outlook(plain, html, {"one.png": png((1200, 801 + number)), "logo.png": LOGO}), name)
        sim.clear()
        sim.queue(Reply("Error 0x80070005"))
        async with connect() as client:
            text = await say(client, "read_document", documents=name)
        assert "Error 0x80070005" in text
        assert ("[picture: one.png]" in text) == (name != "attached.msg")
        assert [kinds(r) for r in chats(sim)] == [["image_url", "text"]]


async def test_sizes_are_those_of_the_page_that_outlook_keeps_as_rtf(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    page = rb'{\rtf1\ansi\fromhtml1 {\*\htmltag84 <img width=120 src="cid:large.png">}Thanks}'
    keep(folders, outlook("Thanks", pictures={"large.png": png((1600, 1200))}, rtf=page), "bug.msg")
    async with connect() as client:
        assert "no model asked" in await say(client, "read_document", documents="bug.msg")
    assert not sim.received


async def test_pictures_packed_by_outlook_are_those_of_the_mail(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    attached = (0x69002, bytes(14)), (0x18010, b"one.png\0"), (0x6800F, png((1200, 810)))
    keep(folders, packed((0x2800C, b"See below\0"), *attached), "winmail.dat")
    sim.queue(Reply("Error 5."))
    async with connect() as client:
        text = await say(client, "read_document", documents="winmail.dat")
    assert "See below" in text
    assert "Error 5." in text


async def test_an_attachment_named_as_a_secret_is_not_sent_for_a_picture(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    keep(folders, mail("Look", attached={".env": SHOT}))
    keep(folders, outlook("Look", "", {".env": SHOT}), "bug.msg")
    async with connect() as client:
        for name in ("bug.eml", "bug.msg"):
            assert "a file of this name holds secrets" in await say(client, "read_document", documents=name)
    assert not sim.received


async def test_each_mail_of_a_mailbox_has_its_own_pictures(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    first = b"From a@b Mon Jan  5 10:00:00 2026\n" + mail("Hello")
    second = b"\nFrom a@b Mon Jan  5 11:00:00 2026\n" + mail("Look", attached={"one.png": SHOT})
    keep(folders, first + second, "all.mbox")
    sim.queue(Reply("Error 5."))
    async with connect() as client:
        text = await say(client, "read_document", documents="all.mbox")
    assert text.index("[mail 2]") < text.index("Error 5.")
    assert "pictures of mail 2 transcribed by the model" in text
    assert len(sim.received) == 1


async def test_without_a_model_for_pictures_the_words_of_a_mail_stay(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    keep(folders, mail("See below", SHOWN.format("one.png"), {"one.png": SHOT}))
    async with connect(GLM_API_KEY=None) as client:
        text = await say(client, "read_document", documents="bug.eml")
        alone = await say(client, "read_document", documents="bug.eml", mode="text")
        assert "mode=vision" not in alone
        assert "no pages that can be drawn" in await fail(
            client, "read_document", documents="bug.eml", mode="vision"
        )
    assert "See below" in text
    assert "(pictures, not transcribed: config)" in text
    assert "the pictures of the text say more than the words, and were not read: leave mode out" in alone
    async with connect() as client:
        text = await say(client, "read_document", documents="bug.eml", model="glm-4.7-flash", prompt="What?")
    assert "takes no pictures" in text
    assert "See below" in last(sim).text


async def test_pictures_elsewhere_cost_nothing(connect: Connect, sim: Simulator, folders: Folders) -> None:
    addresses = (
        "https://a.example/a.png",
        "//a.example/b.png",
        "cid:gone",
        "file:///etc/passwd",
        "../../a.png",
    )
    html = "<p>Words</p>" + "".join(f'<img src="{one}" width=600 height=800>' for one in addresses)
    keep(folders, mail(" ", html, {"logo.png": LOGO}))
    async with connect() as client:
        text = await say(client, "read_document", documents="bug.eml")
    assert "Words" in text
    assert not sim.received


async def test_hostile_pictures_of_a_mail_cost_themselves_alone(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    bomb = bytearray(SHOT)
    bomb[16:24] = (60_000).to_bytes(4, "big") * 2
    html = (
        '<img src="cid:bomb.png"><img src="cid:noise.png"><img src="cid:one.png">'
        + '<img src="cid:one.png' * 5_000
        + "<img src='data:image/png;base64,====' src=\"" * 5_000
        + '<img src="data:image/png;base64,AAAA' * 5_000
    )
    held = {"bomb.png": bytes(bomb), "noise.png": b"\0\1\2" * 99, "one.png": SHOT}
    keep(folders, mail("Words", html, held))
    many = {f"{n}.png": png((300 + n, 300)) for n in range(150)}
    keep(folders, mail("Words", attached=many), "many.eml")
    async with connect() as client:
        result = await call(client, "read_document", documents="bug.eml")
        assert not result.is_error
        assert "left out: bomb.png of bug.eml" in " ".join(glm(result)["notes"])
        sim.clear()
        result = await call(client, "read_document", documents="many.eml", prompt="What?")
    assert not result.is_error
    assert "left out, all but the 100 largest pictures: the text" in glm(result)["notes"]


async def test_drawings_that_are_written_into_a_mail_are_seen(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    bars = "".join(f'<rect x="{9 * n}" y="9" width="5" height="300"/>' for n in range(60))
    html = f'<p>Sales</p><svg width="600" height="400">{bars}</svg>'
    keep(folders, outlook(html=html), "bug.msg")
    keep(folders, mail("", html))
    sim.queue(Reply("South 30.", times=1))
    async with connect() as client:
        for name in ("bug.msg", "bug.eml"):  # the second time it is known
            assert "South 30." in await say(client, "read_document", documents=name)
    assert [kinds(r) for r in chats(sim)] == [["image_url", "text"]]


async def test_pictures_pasted_into_a_mail_of_outlook_as_objects_are_seen(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    bitmap = io.BytesIO()
    Image.open(io.BytesIO(SHOT)).convert("RGB").save(bitmap, "BMP")
    held = [
        {"CONTENTS": bitmap.getvalue()[14:]},  # without the head of a file
        {"\x01Ole10Native": struct.pack("<I", len(OTHER)) + OTHER},
        {
            "\x02OlePres000": struct.pack("<IIIIiIIIII", 0xFFFFFFFF, 3, 4, 4, -1, 0, 0, 1, 1, 9) + bytes(9)
        },  # an icon
    ]
    parts: dict[str, Any] = {**text("0037", "It fails")}
    rtf = b"{\\rtf1\\ansi See {\\objattph  } and {\\objattph  }}"
    parts["__substg1.0_10090102"] = struct.pack("<II4sI", len(rtf) + 12, len(rtf), b"MELA", 0) + rtf
    for number, streams in enumerate(held):
        place = bytes(8) + struct.pack("<HHII4x", 3, 0x370B, 6, 4 + number)
        parts[f"__attach_version1.0_#{number:08X}"] = {
            "__properties_version1.0": place,
            "__substg1.0_3701000D": streams,
        }
    keep(folders, compound(message(parts)), "bug.msg")
    sim.queue(Reply("Error 5.", times=1), Reply("Error 6.", times=1))
    async with connect(GLM_MAX_CONCURRENCY="1") as client:
        said = await say(client, "read_document", documents="bug.msg")
    assert "See [picture: picture.dib]  and [picture: picture.png]" in said
    assert said.index("Error 5.") < said.index("Error 6.")


async def test_of_pictures_of_which_one_was_read_it_says_that_the_others_were_not(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    keep(folders, mail("Two screenshots.", attached={"one.png": PAGE, "two.png": OTHER}))
    sim.queue(Reply("First words."), Fault("error", code="1305", times=0))
    async with connect(GLM_MAX_CONCURRENCY="1", GLM_DEADLINE_S="3") as client:
        text = await say(client, "read_document", documents="bug.eml")
    assert "First words.\n\n(other pictures, not transcribed: overloaded)" in text
    assert "some pictures of the text not transcribed: overloaded: " in text
    assert "1 of 2 parts are done and kept. Call again in a minute" in text
    assert "The same call goes on from there." in text
