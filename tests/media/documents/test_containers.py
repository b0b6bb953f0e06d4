"""Outlook messages, zip archives, feeds and mails: what is in them is read, what is not is named."""

from __future__ import annotations

import base64
import email
import io
import re
import struct
import zipfile
from email.message import EmailMessage, Message
from typing import Any
from urllib.parse import quote

import anyio
import pytest
from support.cases import each
from support.jobs import document_job
from support.made_documents import docx, para, pdf, source, text_at, zipped
from support.made_outlook import compound, message, packed, properties, text
from support.paths import DATA

from glm_mcp.errors import InvalidRequest, UnsupportedMedia
from glm_mcp.media.documents.containers.archive import zip_job
from glm_mcp.media.documents.containers.outlook import msg_job
from glm_mcp.media.documents.eml import read_mail
from glm_mcp.media.documents.read import read_document


def msg(tree: Any) -> str:
    return str(msg_job(io.BytesIO(compound(tree)), {"name": "a.msg"})[0]["pages"][0][2])


def test_an_outlook_message_is_read_with_the_mail_attached_to_it_and_names_its_files() -> None:
    inner = message({**text("0037", "Invoice"), **text("1000", "It is overdue.")}, head=24)
    tree = message(
        {
            **text("0037", "Offer"),
            **text("0C1A", "Ann"),
            **text("5D01", "ann@a.example"),
            **text("0E04", "Bob"),
            **text("1000", "Hello\r\nBob"),
            "__attach_version1.0_#00000000": {
                **text("3707", "报告.pdf"),
                "__substg1.0_37010102": b"5" * 5_000,
            },
            "__attach_version1.0_#00000001": {**text("3001", "Invoice"), "__substg1.0_3701000D": inner},
        }
    )
    assert msg(tree) == (
        "Subject: Offer  \nFrom: Ann <ann@a.example>  \nTo: Bob  \nDate: 2026-01-05 10:00:00 UTC  \n\nHello\nBob\n\n"
        "Attachments:\n\n- 报告.pdf (5,000 bytes)\n- Invoice (a mail)\n\n[attached mail: Invoice]\n\n"
        "Subject: Invoice  \nDate: 2026-01-05 10:00:00 UTC  \n\nIt is overdue."
    )


def fixed(*rows: tuple[int, bytes], head: int = 32) -> dict[str, bytes]:
    """Properties of eight bytes and less."""
    written = b"".join(struct.pack("<HHI", 0x40, number, 2) + value.ljust(8, b"\0") for number, value in rows)
    return {"__properties_version1.0": bytes(head) + written}


def receiver(role: int, name: str, address: str) -> dict[str, bytes]:
    return {**fixed((0x0C15, bytes([role])), head=8), **text("3001", name), **text("39FE", address)}


def test_an_outlook_message_names_the_addresses_of_those_it_went_to() -> None:
    tree = message(
        {
            **text("0E04", "Bob; Cy"),
            **text("0E03", "Distant colleagues"),
            "__recip_version1.0_#00000000": receiver(1, "Bob", "bob@b.example"),
            "__recip_version1.0_#00000001": receiver(1, "'cy@c.example'", "cy@c.example"),
            "__recip_version1.0_#00000002": receiver(2, "Distant colleagues", ""),
        }
    )
    assert msg(tree).startswith("To: Bob <bob@b.example>; cy@c.example  \nCc: Distant colleagues  \n")


def test_an_outlook_contact_appointment_and_task_say_what_they_are_for() -> None:
    names = b"".join(
        struct.pack("<IHH", name, 0, index)
        for index, name in enumerate((0x8083, 0x8208, 0x820D, 0x8105, 0x8102))
    )
    named = {"__nameid_version1.0": {"__substg1.0_00030102": names}}
    start = struct.pack("<Q", 134_120_808_000_000_000)
    contact = {
        **fixed(),
        **text("3A1C", "+86 10 1234"),
        **text("8000", "ann@a.example"),
        **text("8001", "a hall"),
    }
    assert msg({**named, **text("001A", "IPM.Contact"), **contact}) == (
        "Phone (mobile): +86 10 1234  \nE-mail: ann@a.example  "
    )
    meeting = {**fixed((0x8002, start)), **text("8001", "Room 5")}
    assert msg({**named, **text("001A", "IPM.Schedule.Meeting.Request"), **meeting}) == (
        "Start: 2026-01-05 10:00:00 UTC  \nPlace: Room 5  "
    )
    task = fixed((0x8003, start), (0x8004, struct.pack("<d", 0.25)))
    assert msg({**named, **text("001A", "IPM.Task"), **task}) == "Due: 2026-01-05 10:00:00 UTC  \nDone: 25%  "


def test_an_outlook_message_in_html_or_in_packed_rtf_is_read_too() -> None:
    assert "Pay **now**" in msg(message({"__substg1.0_10130102": b"<p>Pay <b>now</b></p>"}))
    rtf = b"{\\rtf1 Pay by Friday. Pay by Friday.}"
    # Flags of zero before each eight bytes: all stand for themselves.
    whole = b"\0" + b"".join(rtf[i : i + 8] + b"\0" for i in range(0, len(rtf), 8))
    packed = (
        (len(whole) + 12).to_bytes(4, "little") + len(rtf).to_bytes(4, "little") + b"LZFu" + bytes(4) + whole
    )
    assert "Pay by Friday. Pay by Friday." in msg(message({"__substg1.0_10090102": packed}))


def test_the_html_of_an_outlook_message_is_read_whose_plain_text_lost_the_rows_of_its_table() -> None:
    rows = [["Item", "Paid", "State"], ["Flight", "906.00", "paid"], ["Hotel", "1,280.50", "open"]]
    table = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    plain = "\r\n".join(cell for row in rows for cell in row)
    both = {"__substg1.0_10130102": f"<p>Costs</p><table border=1>{table}</table>".encode()}
    text = msg(message(both | {"__substg1.0_1000001F": plain.encode("utf-16-le")}))
    assert "| Hotel | 1,280.50 | open |" in text


def test_a_broken_outlook_message_says_what_to_do() -> None:
    with pytest.raises(UnsupportedMedia, match=r"a\.msg is damaged.*Save it again from Outlook"):
        msg_job(io.BytesIO(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(900)), {"name": "a.msg"})


# ── Archives ────────────────────────────────────────────────────────────────────────────────────────────────────


def unzip(files: dict[str, str | bytes], **params: Any) -> dict[str, Any]:
    return zip_job(io.BytesIO(zipped(files)), {"name": "a.zip", **params})[0]


def test_the_files_of_an_archive_are_listed_and_read_in_turn() -> None:
    facts = unzip(
        {
            "notes/a.txt": "plain words",
            "b.docx": docx(para("letter words")),
            "c.pdf": pdf([text_at(72, 700, "paper words")]),
            "d.png": b"\x89PNG\r\n\x1a\n" + bytes(40),
            "__MACOSX/._a.txt": "noise",
        }
    )
    assert [row[1] for row in facts["pages"]] == ["files", "file 'b.docx'", "file 'c.pdf'", "file 'd.png'"]
    first, *others = (row[2] for row in facts["pages"])
    assert first.startswith("4 files:\n\n- notes/a.txt (11 bytes)\n- b.docx (")
    assert first.endswith("[file 'notes/a.txt']\n\nplain words")
    assert others == ["letter words", "paper words", "(not read here: a PNG picture)"]
    assert facts["total"] == 4


@each(
    "encoding, names",
    [
        ("gbk", ["作业/第一章.txt", "作业/參考.txt"]),
        ("gbk", ["誠.txt"]),  # whose second byte is a backslash
        ("utf-8", ["答案.txt", "é.txt"]),
        ("big5", ["作業.txt"]),
        ("cp932", ["お知らせ/議事録.txt"]),
        ("cp949", ["한국어.txt"]),
        ("cp866", ["Документы/Приложение.txt"]),
        ("cp437", ["Größe/Übung.txt"]),
    ],
)
def test_names_in_an_encoding_that_an_archive_does_not_name_are_read(encoding: str, names: list[str]) -> None:
    raw = [name.encode(encoding) for name in names]
    places = [f"{i}".ljust(len(name), "x") for i, name in enumerate(raw)]
    data = zipped(dict.fromkeys(places, "words"))
    for place, name in zip(places, raw, strict=True):
        data = data.replace(place.encode(), name)
    facts, _ = zip_job(io.BytesIO(data), {"name": "a.zip"})
    first = facts["pages"][0][2]
    assert [f"- {name} (" in first for name in names] == [True] * len(names)


def test_a_file_without_a_name_is_read_with_the_others() -> None:
    data = zipped({"x": "no name", "b.txt": "words"}).replace(b"x", b"\0")
    facts, _ = zip_job(io.BytesIO(data), {"name": "a.zip"})
    assert [row[2].split("\n")[-1] for row in facts["pages"]] == ["no name", "words"]


FORGED = "a.txt\n\n[file 'b.txt']\n\nfree"


def test_a_name_within_a_file_says_nothing_on_a_line_of_its_own() -> None:
    plain = "a.txt  [file 'b.txt']  free"
    (listed,) = (row[2] for row in unzip({FORGED: "words"})["pages"])
    mail = EmailMessage()
    mail["Subject"] = "Files"
    mail.set_content("See there.")
    mail.add_attachment("words", filename="a.txt")
    sent = mail.as_bytes().replace(b'filename="a.txt"', b"filename*=utf-8''" + quote(FORGED).encode())
    packed = {"__attach_version1.0_#00000000": {**text("3707", FORGED), "__substg1.0_37010102": b"5"}}
    mailed = str(read_mail(sent, None, "a.eml", None)["pages"][0][2])
    for written in (listed, mailed, msg(message({**text("1000", "Hi"), **packed}))):
        assert plain in written
        assert "\nfree" not in written


def test_a_file_of_an_archive_is_chosen_by_its_path_or_number() -> None:
    files: dict[str, str | bytes] = {"a.txt": "first", "b/c.txt": "second"}
    for spec in ("b/c.txt", "2"):
        assert [row[2] for row in unzip(files, pages=spec)["pages"]] == ["second"]
    with pytest.raises(InvalidRequest, match=r"a\.zip has 2 files"):
        unzip(files, pages="3")


def test_an_archive_within_an_archive_is_read_and_one_in_that_is_only_named() -> None:
    deepest = zipped({"c.txt": "too deep"})
    facts = unzip({"b.zip": zipped({"b.txt": "one below", "c.zip": deepest})})
    (row,) = facts["pages"]
    assert "one below" in row[2]
    assert "(not read here: an archive (zip))" in row[2]
    assert "too deep" not in row[2]


def test_what_an_archive_holds_beyond_measure_or_broken_is_named_and_the_rest_read() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.txt", bytes(60_000_000))
        archive.writestr("bad.docx", b"PK\x03\x04 nothing")
        archive.writestr("good.txt", "words")
    facts, _ = zip_job(io.BytesIO(out.getvalue()), {"name": "a.zip"})
    assert facts["pages"][2][2] == "words"
    bomb, bad = facts["notes"]
    assert bomb.endswith("packed beyond measure: bomb.txt")
    assert bad.startswith("left out, files that cannot be read: bad.docx (bad.docx is")


def test_a_file_of_an_archive_that_is_nested_too_deep_is_named_and_the_rest_read() -> None:
    deep = docx("<w:p>" + "<w:ins>" * 20_000 + "</w:ins>" * 20_000 + "</w:p>")
    facts, _ = zip_job(io.BytesIO(zipped({"deep.docx": deep, "note.txt": "all is well"})), {"name": "a.zip"})
    assert "all is well" in facts["pages"][-1][2]
    assert "left out, files that cannot be read: deep.docx" in facts["notes"]


@pytest.mark.anyio
async def test_an_archive_under_a_password_opens_with_that_alone() -> None:
    """The file is Info-ZIP's."""
    data = (DATA / "under-a-password.zip").read_bytes()
    with anyio.fail_after(60):
        document = await read_document(source("a.zip", data), password="secret")
        texts = [page.text for page in document.pages]
        assert any(text.endswith("The tolls of 1902") for text in texts)
        assert any("| ferry | 3 |" in text for text in texts)
        with pytest.raises(InvalidRequest, match=r"is encrypted; pass password=…"):
            await read_document(source("a.zip", data))
        with pytest.raises(InvalidRequest, match="the password does not open"):
            await read_document(source("a.zip", data), password="guess")


def test_an_archive_locked_with_aes_is_to_be_unpacked_elsewhere() -> None:
    data = (DATA / "under-a-password.zip").read_bytes()
    # The method stands 8 bytes into the head of a file and 10 into its row of the directory.
    for mark, at in ((b"PK\3\4", 8), (b"PK\1\2", 10)):
        data = re.sub(b"(%s.{%d}).." % (re.escape(mark), at - 4), b"\\g<1>c\0", data, flags=re.DOTALL)
    with pytest.raises(InvalidRequest, match="is encrypted") as caught:
        zip_job(io.BytesIO(data), {"name": "a.zip", "password": "secret"})
    assert "Unpack it" in caught.value.hint


@each("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_file_of_an_archive_is_named_and_the_rest_read(method: int) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr("good.txt", "words")
        archive.writestr("bad.txt", "other words, " * 300)
    data = bytearray(out.getvalue())
    start = data.index(b"bad.txt") + len(b"bad.txt") + 10 * (method == zipfile.ZIP_LZMA)
    data[start : start + 12] = b"\xff" * 12
    facts, _ = zip_job(io.BytesIO(bytes(data)), {"name": "a.zip"})
    assert facts["pages"][0][2].endswith("words")
    assert facts["notes"] == ["left out, files that cannot be unpacked: bad.txt"]


@pytest.mark.parametrize("data", [b"PK\x03\x04", b"PK\x05\x06" + bytes(18)])
def test_a_broken_or_empty_archive_is_refused_with_what_to_do(data: bytes) -> None:
    with pytest.raises(UnsupportedMedia, match=r"a\.zip is (?:cut off or damaged|an empty archive)"):
        zip_job(io.BytesIO(data), {"name": "a.zip"})


# ── Feeds and mails ─────────────────────────────────────────────────────────────────────────────────────────────

ATOM = (
    '<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom"><title>News</title>'
    '<link href="https://a.example/"/><entry><title>One</title><link href="https://a.example/1"/>'
    "<updated>2026-01-01</updated><author><name>Ann</name></author><summary>short</summary>"
    '<content type="html">&lt;p&gt;the &lt;b&gt;whole&lt;/b&gt; text&lt;/p&gt;</content></entry></feed>'
)
RSS = (
    '<rss version="2.0"><channel><title>News</title><link>https://a.example/</link><item><title>One</title>'
    "<link>https://a.example/1</link><pubDate>2026-01-01</pubDate><author>Ann</author>"
    "<description>&lt;p&gt;the &lt;b&gt;whole&lt;/b&gt; text&lt;/p&gt;</description></item></channel></rss>"
)


@pytest.mark.parametrize("feed", [ATOM, RSS])
def test_a_feed_is_a_list_of_its_entries(feed: str) -> None:
    facts, _ = document_job(io.BytesIO(feed.encode()), {"name": "news.xml"})
    assert facts["pages"][0][2] == (
        "# News\n\nhttps://a.example/\n\n## One\n\n2026-01-01 · Ann · https://a.example/1\n\nthe **whole** text"
    )


def test_of_a_feed_without_end_the_first_entries_are_read_and_the_rest_is_counted() -> None:
    entries = "".join(f"<item><title>Number {n}</title></item>" for n in range(1, 5_003))
    feed = f'<rss version="2.0"><channel><title>News</title>{entries}</channel></rss>'
    facts, _ = document_job(io.BytesIO(feed.encode()), {"name": "news.rss"})
    assert facts["pages"][0][2].endswith("## Number 5000")
    assert facts["notes"] == ["entries: 5002", "left out, entries beyond the first 5,000: 2 of 5,002"]


def test_a_damaged_feed_is_read_as_it_is_written() -> None:
    feed = '<rss version="2.0"><channel><item><title>Tea & milk</title><own:text>fresh</own:text></item></channel></rss>'
    facts, _ = document_job(io.BytesIO(feed.encode()), {"name": "news.xml"})
    assert facts["pages"][0][2] == feed
    assert facts["notes"] == ["the feed is damaged: here it is as it is written"]


def test_xml_that_is_no_feed_stays_as_it_is() -> None:
    facts, _ = document_job(io.BytesIO(b"<feed><a>1</a></feed>"), {"name": "a.xml"})
    assert facts["pages"][0][2] == "```xml\n<feed><a>1</a></feed>\n```"


def read(mail: Message) -> str:
    return str(read_mail(bytes(mail), None, "a.eml", None)["pages"][0][2])


def test_of_a_mail_of_thousands_of_parts_the_first_are_read_and_the_rest_is_counted() -> None:
    parts = "".join(
        f'--x\nContent-Type: image/png\nContent-Disposition: attachment; filename="{n} (1).png"\n\nP\n'
        for n in range(1, 2_004)
    )
    mail = f"Content-Type: multipart/mixed; boundary=x\n\n{parts}--x--\n"
    text = str(read_mail(mail.encode(), None, "a.eml", None)["pages"][0][2])
    assert text.endswith("\n- 2000 (1).png (image/png, 1 bytes)\n- … and 3 more parts, not read")


@pytest.mark.parametrize(("between", "torn"), [("", True), ("\n", True), ("  ", False)])
def test_a_plain_text_whose_tables_lost_their_rows_gives_way_to_the_html(between: str, torn: bool) -> None:
    rows = [["项目", "金额", "状态"], ["机票", "906.00", "已付"], ["酒店", "1,280.50", "未付"]]
    mail = EmailMessage()
    mail.set_content("本周费用：\n" + "\n".join(between.join(row) for row in rows) + "\n请确认。" * 20)
    table = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    mail.add_alternative(f"<p>本周费用：</p><table border=1>{table}</table><p>请确认。</p>", subtype="html")
    assert ("| 酒店 | 1,280.50 | 未付 |" in read(mail)) == torn


@each(
    ("plain", "shown"),
    [
        ("Your program shows no HTML.", "<p>" + "The offer in full. " * 20 + "</p>"),
        (f"See it in a browser: https://shop.example/{'a1' * 300}", "<p>The offer in full: 12 chairs.</p>"),
        (
            "Thank you for your order.",
            "<p>Thank you for your order.</p><p>The offer in full: chair, 12.00</p>",
        ),
    ],
)
def test_a_plain_text_that_only_says_there_is_html_gives_way_to_it(plain: str, shown: str) -> None:
    mail = EmailMessage()
    mail.set_content(plain)
    mail.add_alternative(shown, subtype="html")
    assert "The offer in full" in read(mail)
    assert "HTML" not in read(mail)
    assert "browser" not in read(mail)


def test_a_plain_text_that_says_what_the_html_shows_is_read() -> None:
    mail = EmailMessage()
    mail.set_content("*The offer* in full: 12 chairs <https://shop.example/chairs>")
    mail.add_alternative(
        '<p><b>The offer</b> in full: <a href="https://shop.example/chairs">12 chairs</a></p>', subtype="html"
    )
    assert "*The offer* in full: 12 chairs <" in read(mail)


def test_an_attached_text_is_read_below_its_name_and_a_style_sheet_is_not() -> None:
    mail = EmailMessage()
    mail.set_content("see the list")
    mail.add_attachment("tea\ncoffee\n", filename="list.txt")
    mail.add_attachment("p {}", subtype="css", filename="a.css")
    shown = read(mail)
    assert shown.endswith("[attached: list.txt]\n\ntea\ncoffee")
    assert "- a.css (text/css" in shown


def test_a_mail_whose_border_and_names_lack_their_quotes_is_read_whole() -> None:
    mail = (
        "Content-Type: multipart/mixed; boundary=----=_Next_0\n\n------=_Next_0\n\nThe words.\n"
        "------=_Next_0\nContent-Type: text/plain\nContent-Disposition: attachment; filename=The plan for May.txt\n\nTea.\n"
        "------=_Next_0\nContent-Type: image/png; name==?gbk?B?1tDOxA==?=\n\nP\n------=_Next_0--\n"
    )
    text = str(read_mail(mail.encode(), None, "a.eml", None)["pages"][0][2])
    assert text.startswith("The words.")
    assert "- The plan for May.txt (text/plain" in text
    assert "- 中文 (image/png" in text


def test_an_invitation_among_the_forms_of_a_mail_is_read() -> None:
    mail = EmailMessage()
    mail.set_content("You are invited.")
    mail.add_alternative("<p>You are invited.</p>", subtype="html")
    mail.add_alternative("BEGIN:VCALENDAR\r\nLOCATION:Room 7\r\nEND:VCALENDAR\r\n", subtype="calendar")
    assert "LOCATION:Room 7" in read(mail)


def test_a_report_of_a_failed_delivery_says_why() -> None:
    report = (
        b"Subject: Undelivered\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\n"
        b"It came back.\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\n"
        b"Final-Recipient: rfc822; ann@example.net\nDiagnostic-Code: smtp; 550 no such user\n\n--b--\n"
    )
    text = str(read_mail(report, None, "a.eml", None)["pages"][0][2])
    assert "It came back.\n\nReporting-MTA: dns; mx.example" in text
    assert "Diagnostic-Code: smtp; 550 no such user" in text


def test_an_attached_text_that_is_none_costs_a_mail_no_more_than_itself() -> None:
    data = bytes(range(256)) * 20
    mail = EmailMessage()
    mail.set_content("Hello")
    mail.add_attachment(data, maintype="text", subtype="plain", filename="a.log")
    told = "Attachments:\n\n- a.log ({}5,120 bytes)\n\n[attached: a.log]\n\n[not read: its bytes are binary data, no text]"
    assert read(mail).endswith("Hello\n\n" + told.format("text/plain, "))
    attached = {**text("3707", "a.log"), "__substg1.0_37010102": data}
    tree = message({**text("1000", "Hello"), "__attach_version1.0_#00000000": attached})
    assert msg(tree).endswith("Hello\n\n" + told.format(""))


def test_a_damaged_receiver_costs_an_outlook_message_no_more_than_the_addresses() -> None:
    broken = {**receiver(1, "Bob", "bob@b.example"), "__properties_version1.0": b"\1"}
    odd = {"__substg1.0_3001001E": bytes(range(1, 256)) * 20}
    tree = message(
        {**text("0E04", "Bob"), **text("1000", "Hello"), "__recip_version1.0_#00000000": {**broken, **odd}}
    )
    assert msg(tree).endswith("Hello")


def test_a_report_of_a_failed_delivery_in_words_of_its_own_is_read() -> None:
    report = (
        b"Subject: Undelivered\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n"
        b"Content-Type: message/delivery-status\n\nIt came back for this reason:\n\n<ann@example.net> takes no mail\n"
        b"--b\nContent-Type: message/delivery-status\n\nAction: failed\n--b--\n"
    )
    text = str(read_mail(report, None, "a.eml", None)["pages"][0][2])
    assert "It came back for this reason:\n\n<ann@example.net> takes no mail\n\nAction: failed" in text


def der(tag: int, content: bytes) -> bytes:
    """One value of ASN.1, with a length of four bytes."""
    return bytes((tag, 0x84)) + len(content).to_bytes(4, "big") + content


_SIGNED, _DATA = bytes.fromhex("06092a864886f70d010702"), bytes.fromhex("06092a864886f70d010701")
_MAIL = b"Content-Type: text/plain; charset=utf-8\r\n\r\nThe signed words.\r\n"


@each(
    "octets",
    [
        der(0x04, _MAIL),
        der(0x24, der(0x04, _MAIL[:20]) + der(0x04, _MAIL[20:])),
        b"\x24\x80" + der(0x04, _MAIL) + b"\0\0",  # as programs write what they sign while it comes
    ],
)
def test_a_mail_that_is_signed_as_a_whole_is_read(octets: bytes) -> None:
    inner = der(0x30, b"\x02\x01\x01" + der(0x31, b"") + der(0x30, _DATA + der(0xA0, octets)))
    mail = EmailMessage()
    mail["Subject"] = "Sealed"
    mail.set_content(
        der(0x30, _SIGNED + der(0xA0, inner)),
        maintype="application",
        subtype="pkcs7-mime",
        filename="smime.p7m",
    )
    assert read(mail).startswith("Subject: Sealed  \n\nThe signed words.")


def test_pieces_within_pieces_cost_a_mail_no_more_than_that_text() -> None:
    deep = b"\xa0\x80" + b"\x24\x83\x0f\xff\xff" * 3_000
    mail = EmailMessage()
    mail["Subject"] = "Deep"
    mail.set_content("The other words.")
    sealed = der(0x30, _SIGNED + _DATA + deep)
    mail.add_attachment(sealed, maintype="application", subtype="pkcs7-mime", filename="smime.p7m")
    assert "The other words." in read(mail)


def test_a_mail_that_is_encrypted_with_pgp_says_so() -> None:
    mail = EmailMessage()
    mail["Content-Type"] = 'multipart/encrypted; protocol="application/pgp-encrypted"'
    for kind, data in (("pgp-encrypted", b"Version: 1"), ("octet-stream", b"-----BEGIN PGP MESSAGE-----")):
        part = EmailMessage()
        part.set_content(data, maintype="application", subtype=kind, filename=f"{kind}.asc")
        mail.attach(part)
    assert "[the text of this mail is encrypted (PGP)]\n\nAttachments:\n\n- octet-stream.asc" in read(mail)


@each("data", [b"\x30\x03abc", der(0x30, _SIGNED + _DATA), der(0x30, _SIGNED + _DATA + b"\xa0\x05\x24")])
def test_a_mail_that_is_encrypted_says_so(data: bytes) -> None:
    mail = EmailMessage()
    mail.set_content(data, maintype="application", subtype="pkcs7-mime", filename="smime.p7m")
    assert "[the text of this mail is encrypted (S/MIME)]" in read(mail)


def winmail() -> bytes:
    """A message with a file that is a text, and with another message in it."""
    inner = packed((0x69003, properties((0x1F, 0x0037, wide("Inner")), (0x1F, 0x1000, wide("Words within")))))
    return packed(
        (0x69007, struct.pack("<II", 1251, 0)),
        (0x69003, properties((3, 0x0E07, bytes(4)), (0x1E, 0x9000, b"named"), (0x1F, 0x0037, wide("Order")), (0x1E, 0x1000, "Привет".encode("cp1251")))),
        (0x69002, bytes(14)),
        (0x18010, b"LIST~1.TXT\0"),
        (0x6800F, b"tea, 3"),
        (0x69005, properties((0x1F, 0x3707, wide("list of all.txt")))),
        (0x69002, bytes(14)),
        (0x69005, properties((0x1F, 0x3001, wide("Old mail")), (0x0D, 0x3701, bytes(16) + inner))),
    )  # fmt: skip


def wide(words: str) -> bytes:
    return (words + "\0").encode("utf-16-le")


def test_a_winmail_dat_is_read_with_what_is_packed_in_it() -> None:
    text = document_job(io.BytesIO(winmail()), {"name": "winmail.dat"})[0]["pages"][0][2]
    assert text.startswith("Subject: Order")
    assert "Привет" in text
    assert "- list of all.txt (6 bytes)" in text
    assert "[attached: list of all.txt]\n\ntea, 3" in text
    assert "[attached mail: Old mail]\n\nSubject: Inner" in text
    assert "Words within" in text


def test_a_mail_that_brings_its_file_as_raw_bytes_is_a_mail() -> None:
    head = (
        "From: a@b.example\r\nTo: c@d.example\r\nSubject: Order\r\nMIME-Version: 1.0\r\n"
        'Content-Type: application/ms-tnef; name="winmail.dat"\r\nContent-Transfer-Encoding: binary\r\n\r\n'
    )
    text = document_job(io.BytesIO(head.encode() + winmail()), {"name": "a.eml"})[0]["pages"][0][2]
    assert text.startswith("Subject: Order")
    assert "Привет" in text


def test_a_mail_shows_what_outlook_packed_into_winmail_dat_as_its_own() -> None:
    """Its text stands once, whichever part it comes from."""
    for own, words in (("Words of the mail", "Words of the mail"), ("", "Привет")):
        mail = EmailMessage()
        mail.set_content(own)
        mail.add_attachment(winmail(), maintype="application", subtype="ms-tnef", filename="winmail.dat")
        text = read(mail)
        assert words in text
        assert ("Привет" in text) != bool(own)
        assert "- list of all.txt (6 bytes)" in text
        assert "winmail.dat" not in text


@pytest.mark.parametrize("data", [b"\x78\x9f\x3e\x22", winmail()[:150]])
def test_a_damaged_winmail_dat_costs_a_mail_no_more_than_itself(data: bytes) -> None:
    mail = EmailMessage()
    mail.set_content("short")
    mail.add_attachment(data, maintype="application", subtype="ms-tnef", filename="winmail.dat")
    text = read(mail)
    assert "short" in text
    assert "winmail.dat, which is damaged" in text
    assert f"- winmail.dat (application/ms-tnef, {len(data)} bytes)" in text


def headers(*lines: bytes) -> str:
    data = b"\r\n".join([b"To: b@c.d", b"Date: Mon, 1 Jan 2024 10:00:00 +0000", *lines, b"", b"words"])
    facts, _ = document_job(io.BytesIO(data), {"name": "a.eml"})
    return str(facts["pages"][0][2])


@each("charset", ["gb18030", "utf-8", "koi8-r"])
def test_letters_that_stand_in_a_header_as_they_are_are_read_in_the_encoding_of_the_mail(
    charset: str,
) -> None:
    words = "Отчёт за март" if charset == "koi8-r" else "三月报告与价格"
    text = headers(
        b"Subject: " + words.encode(charset),
        b"From: " + words.encode(charset) + b" <a@b.c>",
        f"Content-Type: text/plain; charset={charset}".encode(),
    )
    assert f"Subject: {words}" in text
    assert f"From: {words} <a@b.c>" in text


@pytest.mark.parametrize("way", ["B", "Q"])
def test_a_letter_that_begins_in_one_encoded_word_and_ends_in_the_next_is_whole(way: str) -> None:
    raw = "三月报告".encode()
    halves = [raw[:4], raw[4:]]
    written = [
        base64.b64encode(h).decode() if way == "B" else "".join(f"={b:02X}" for b in h) for h in halves
    ]
    subject = "\r\n ".join(f"=?utf-8?{way}?{word}?=" for word in written)
    assert "Subject: 三月报告" in headers(f"Subject: {subject}".encode(), b"From: a@b.c")


def test_a_saved_page_names_its_pictures_and_not_what_makes_it_look_as_it_does() -> None:
    kinds = ("text/html", "text/css", "font/woff2", "application/javascript", "image/png")
    parts = "".join(f"--x\nContent-Type: {kind}\n\nseen\n" for kind in kinds)
    page = f"From: <Saved by Blink>\nContent-Type: multipart/related; boundary=x\n\n{parts}--x--\n"
    assert read(email.message_from_string(page)).endswith(
        "seen\n\nAttachments:\n\n- unnamed (image/png, 4 bytes)"
    )
