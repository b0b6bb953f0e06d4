"""Text in any encoding, source code, CSV, HTML, mail, notebooks, JSON, RTF: what is there, and what is said about it."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile

import anyio
import pytest
from support.cases import each
from support.jobs import document_job
from support.made_documents import RTF, mail, pdf, source

from glm_mcp.errors import InvalidRequest, MediaTooLarge, UnsupportedMedia
from glm_mcp.media.charset import decode
from glm_mcp.media.documents.pages import to_markdown
from glm_mcp.media.documents.read import read_document
from glm_mcp.media.formats import KINDS
from glm_mcp.media.types import Document, Source

pytestmark = pytest.mark.anyio


async def opened(name: str, data: bytes, **more: str | None) -> Document:
    with anyio.fail_after(60):
        return await read_document(source(name, data), **more)


async def text_of(name: str, data: bytes, **more: str | None) -> str:
    return (await opened(name, data, **more)).pages[0].text


CHINESE = "今天天气很好,我们去公园散步。订单编号: 12345"
RUSSIAN = "Привет, это русский текст для проверки кодировки. Ещё немного слов."


@each(
    ("text", "encoding", "guess"),
    [
        (CHINESE, "gbk", "gb18030"),
        (CHINESE + "𠀀㐂", "gb18030", "gb18030"),
        ("中文", "gbk", "gb18030"),
        ("测试文本", "gbk", "gb18030"),
        ("姓名,年龄\n张三,25\n李四,30\n", "gbk", "gb18030"),
        ("魑魅魍魉,饕餮混沌", "gbk", "gb18030"),
        ("def f():\n    # 打印结果\n    print('ok')\n", "gbk", "gb18030"),
        ("今天天氣很好,我們去公園散步。訂單編號", "big5", "big5"),
        ("測試文字", "big5", "big5"),
        ("これは日本語のテキストです。漢字とカタカナ。", "shift_jis", "shift_jis"),
        ("テスト文書", "shift_jis", "shift_jis"),
        ("これは日本語のテキストです。", "euc_jp", "euc-jp"),
        ("これは日本語のテキストです。", "iso2022_jp", "iso-2022-jp"),
        ("안녕하세요. 이것은 한국어 텍스트입니다.", "euc_kr", "euc-kr"),
        ("Voilà un été à la française, où l’on déjeune.", "cp1252", "cp1252"),
        ("Größe: 5 Stück für Käufer", "latin-1", "cp1252"),
        ("café", "latin-1", "cp1252"),
        ("price 5€ – ok", "cp1252", "cp1252"),
        (RUSSIAN, "cp1251", "cp1251"),
        (RUSSIAN, "koi8_r", "koi8-r"),
        ("Zażółć gęślą jaźń. To jest zwykły polski tekst, który ma dużo znaków.", "cp1250", "cp1250"),
        ("Αυτό είναι ένα ελληνικό κείμενο για δοκιμή.", "cp1253", "cp1253"),
        ("hello world text", "utf-16-le", "utf-16-le"),
        ("hello 世界 text", "utf-16-be", "utf-16-be"),
        (CHINESE, "utf-16-le", "utf-16-le"),
    ],
)
async def test_an_encoding_is_guessed_and_the_guess_is_said(text: str, encoding: str, guess: str) -> None:
    document = await opened("a.txt", text.encode(encoding))
    assert document.pages[0].text == text.strip("\n")
    assert f"decoded as {guess} (guessed" in document.notes[0]


@each(
    ("text", "encoding"),
    [(CHINESE, "utf-8"), (CHINESE, "utf-8-sig"), ("Hi " + CHINESE, "utf-16"), (CHINESE, "utf-32")],
)
async def test_what_is_certain_needs_no_note(text: str, encoding: str) -> None:
    document = await opened("a.txt", text.encode(encoding))
    assert document.pages[0].text == text
    assert document.notes == ()


async def test_the_callers_encoding_overrules_the_guess() -> None:
    assert await text_of("a.txt", "é".encode("cp850") + b" cafe", encoding="cp850") == "é cafe"
    assert await text_of("a.txt", CHINESE.encode("gbk"), encoding="GB2312") == CHINESE
    document = await opened("a.txt", b"ok \xff\xfe\xff ok and some more text", encoding="utf-8")
    assert document.notes == ("3 characters could not be decoded as utf-8",)


@each("encoding", ["klingon", "hex", "rot13", "x" * 300, "a\x00b", "../../etc"])
async def test_an_unknown_encoding_is_refused_with_examples(encoding: str) -> None:
    with pytest.raises(InvalidRequest, match="is not known") as caught:
        await opened("a.txt", b"text", encoding=encoding)
    assert "gb18030" in caught.value.hint


async def test_a_few_wrong_bytes_do_not_make_utf8_something_else() -> None:
    document = await opened("a.log", (CHINESE * 5).encode() + b"\xff\n" + CHINESE.encode())
    assert CHINESE in document.pages[0].text
    assert document.notes == ("1 character could not be decoded as utf-8",)


@each("data", [bytes(range(256)) * 8, b"\x00\x01\x02\x03" * 100, b"\x7fELF\x02\x01\x01" + bytes(300)])
async def test_binary_data_is_refused_rather_than_shown(data: bytes) -> None:
    with pytest.raises(UnsupportedMedia, match=r"a\.bin is (of a kind that no tool here reads|a program)"):
        await opened("a.bin", data)


@pytest.mark.parametrize(
    ("head", "tool"),
    [(b"\x89PNG\r\n\x1a\n", "describe_image"), (b"\x00\x00\x00\x18ftypmp42", "analyze_video")],
)
async def test_pictures_and_videos_are_sent_to_their_tools(head: bytes, tool: str) -> None:
    with pytest.raises(UnsupportedMedia, match=", not a document") as caught:
        await opened("a.txt", head + bytes(100))
    assert tool in caught.value.hint


async def test_terminal_escapes_and_control_characters_are_removed() -> None:
    raw = b"a\x1b[31mred\x1b[0m\x1b]0;title\x07 b\x08c\r\nd\te\x0cf\xc2\x9b\n"
    assert await text_of("a.log", raw) == "ared bc\nd\te\nf"


async def test_an_empty_file_and_one_too_large_are_refused() -> None:
    with pytest.raises(UnsupportedMedia, match="is empty"):
        await opened("a.txt", b"")
    with pytest.raises(MediaTooLarge, match="more than the 50 MB"), anyio.fail_after(60):
        await read_document(Source("a.txt", KINDS["text"], KINDS["text"].limit_mb * 2**20 + 1, data=b"text"))


async def test_code_is_fenced_with_its_language_and_a_fence_it_cannot_break() -> None:
    assert await text_of("a.py", b"print('hi')\n") == "```python\nprint('hi')\n```"
    assert await text_of("Dockerfile", b"FROM x\n") == "```dockerfile\nFROM x\n```"
    assert (await text_of("a.rs", b"// ```` here\n")).startswith("`````rust\n")


async def test_plain_text_and_markdown_stay_as_they_are() -> None:
    text = "# Title\n\n| a | b |\n| - | - |\n"
    assert await text_of("a.md", text.encode()) == text.strip()
    assert to_markdown(await opened("a.txt", b"one\ntwo\n")) == "one\ntwo\n"


async def test_a_contact_of_a_phone_shows_its_words_and_how_large_its_picture_is() -> None:
    name = "".join(f"={byte:02X}" for byte in "张三".encode())
    note = "".join(f"={byte:02X}" for byte in "第一行\r\n第二行".encode("gbk"))
    card = (
        f"BEGIN:VCARD\r\nVERSION:2.1\r\nFN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:{name[:9]}=\r\n{name[9:]}\r\n"
        f"NOTE;ENCODING=QUOTED-PRINTABLE;CHARSET=GBK:{note}\r\nTEL;CELL:13800138000\r\n"
        "PHOTO;ENCODING=BASE64;JPEG:AAAA\r\n BBBB\r\n\r\nEND:VCARD\r\n"
    )
    text = await text_of("contacts.vcf", card.encode())
    for line in ("FN:张三", "NOTE:第一行\n  第二行", "TEL;CELL:13800138000", "PHOTO;JPEG:[6 bytes]"):
        assert f"\n{line}\n" in text
    assert await text_of("contacts.vcf", card.replace("\r\n", "\r\r\n").encode()) == text


async def test_a_calendar_is_read_without_its_folds_and_escapes() -> None:
    event = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nSUMMARY:Budget 20\r\n 27\\, part one\\nBring figures\r\nEND:VCALENDAR\r\n"
    assert "\nSUMMARY:Budget 2027, part one\n  Bring figures\n" in await text_of("a.ics", event.encode())
    assert await text_of("a.txt", b"C:\\new\n folded\n") == "C:\\new\n folded"


async def test_a_long_text_is_cut_at_line_borders_and_nothing_is_lost() -> None:
    lines = [f"line {i} of a long text" for i in range(30_000)]
    data = "\n".join(lines).encode()
    last = await opened("a.txt", data, pages="last")
    assert last.total > 2
    assert [p.number for p in last.pages] == [last.total]
    assert "has no pages" in last.notes[0]
    before = await opened("a.txt", data, pages=f"1-{last.total - 1}")
    assert [p.label for p in before.pages][:2] == ["part 1", "part 2"]
    assert "\n".join(p.text for p in (*before.pages, *last.pages)).split("\n") == lines


@pytest.mark.parametrize("pages", [None, "1-9"])
async def test_a_long_text_asked_for_whole_stays_in_one_piece(pages: str | None) -> None:
    for text in ("word " * 60_000 + "end", "# Code\n\n```\n" + "line\n" * 60_000 + "```"):
        document = await opened("a.md", text.encode(), pages=pages)
        assert [p.text for p in document.pages] == [text]
        assert (document.total, document.notes) == (1, ())


async def test_a_csv_becomes_a_table_whatever_its_delimiter_and_encoding() -> None:
    document = await opened("a.csv", '姓名;年龄|岁;备注\n张三;25;"一;二"\n"李\n四";30;\n'.encode("gbk"))
    assert document.pages[0].text.splitlines() == [
        "| 姓名 | 年龄\\|岁 | 备注 |",
        "| --- | --- | --- |",
        "| 张三 | 25 | 一;二 |",
        "| 李<br>四 | 30 |  |",
    ]
    assert "gb18030" in document.notes[0]
    assert "| a | b,c |" in await text_of("a.tsv", b"x\ty\na\tb,c\n")
    assert await text_of("a.csv", b"only\none\n") == "| only |\n| --- |\n| one |"
    assert "| 2,5 | 3 |" in await text_of("a.csv", b'"x","y"\n"2,5",3\n')


@pytest.mark.extreme
async def test_a_csv_loses_the_empty_rows_and_columns_at_its_end_alone() -> None:
    text = await text_of("a.csv", b"a,b,,\n,,,\n\nc, d ,,\n,,,\n,,\n")
    assert text == "| a | b |\n| --- | --- |\n|  |  |\n| c | d |"
    assert "rows have 3 to 4 fields" in (await opened("a.csv", b"a,b,,\nc,d,,\n,,\n")).notes


async def test_a_large_csv_keeps_every_row() -> None:
    rows = "id,name\n" + "".join(f"{i},name {i}\n" for i in range(60_000))
    (whole,) = (await opened("a.csv", rows.encode())).pages
    last = await opened("a.csv", rows.encode(), pages="last")
    before = await opened("a.csv", rows.encode(), pages=f"1-{last.total - 1}")
    parts = [*before.pages, *last.pages]
    for text, heads in ((whole.text, 1), ("\n".join(p.text for p in parts), last.total)):
        assert all(f"| {i} | name {i} |" in text for i in range(0, 60_000, 997))
        assert text.count(" | name ") == 60_000 + heads
    # Each part can be read on its own: it begins with the head of the table.
    assert all(p.text.startswith("| id | name |\n| --- | --- |") for p in parts)


HTML = """<html><head><meta charset="gb2312"><title>标题</title><style>p{}</style></head><body><nav>menu</nav>
<h1>你好</h1><p hidden>secret1</p><p style="display: none">secret2</p><!-- secret3 --><script>secret4()</script>
<ul><li>a<ul><li>b</li></ul></li></ul><p>snake_case and a <a href="http://x.y/z">link</a></p>
<table><tr><th rowspan=2>R</th><th colspan=2>W</th></tr><tr><td>1|2</td><td><b>3</b></td></tr></table>
<pre><code class="language-py">x = 1
y = 2</code></pre><img alt="Logo" src=x></body></html>"""


async def test_html_is_decoded_by_its_meta_and_shows_what_a_reader_sees() -> None:
    text = await text_of("a.html", HTML.encode("gbk"))
    for wanted in (
        "# 标题",
        "# 你好",
        "- a\n  - b",
        "snake_case and a [link](http://x.y/z)",
        "[picture: Logo]",
        "```py\nx = 1\ny = 2\n```",
    ):
        assert wanted in text
    assert "| R | W | W |\n| --- | --- | --- |\n| R | 1\\|2 | **3** |" in text
    assert "secret" not in text
    assert "menu" not in text
    assert (await opened("page", HTML.encode("gbk"))).kind == "html"


async def test_html_nested_beyond_reason_still_gives_its_words() -> None:
    text = await text_of("a.html", b"<div>" * 5000 + b"bottom" + b"</div>" * 5000)
    assert "bottom" in text


async def test_a_mail_shows_headers_text_and_attachments() -> None:
    text = await text_of("a.eml", mail())
    for wanted in (
        "Subject: 中文主题",
        "From: 张三 <a@b.example>",
        "To: x@y.example",
        "正文\nsecond line",
        "- 报告.pdf (application/pdf, 5 bytes)",
    ):
        assert wanted in text
    assert "Rich" not in text
    assert "Rich **text**" in await text_of("b.eml", mail(html=True))
    assert (await opened("message", mail())).kind == "eml"


async def test_a_mail_in_an_unnamed_or_wrong_encoding_is_read() -> None:
    head = b"From: a@b.c\nSubject: =?gbk?B?1tDOxA==?=\nContent-Type: text/plain; charset=%s\nContent-Transfer-Encoding: 8bit\n\n"
    for named in (b"gb2312", b"x-unknown"):
        text = await text_of("a.eml", head % named + CHINESE.encode("gbk"))
        assert "Subject: 中文" in text
        assert CHINESE in text


async def test_a_notebook_shows_cells_with_what_they_printed() -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# Title\n", "words"]},
        {
            "cell_type": "code",
            "source": "print('hi')",
            "outputs": [
                {"output_type": "stream", "text": ["\x1b[31mhi\x1b[0m\n"]},
                {"output_type": "execute_result", "data": {"text/plain": "2", "image/png": "x"}},
                {
                    "output_type": "error",
                    "ename": "ValueError",
                    "evalue": "bad",
                    "traceback": ["line 1", "line 2"],
                },
                {
                    "output_type": "display_data",
                    "data": {
                        "text/plain": "<IPython.core.display.HTML object>",
                        "text/html": "<style>p {}</style><table><tr><td>lake &amp; pier</td><td>9</td></tr></table><!-- cut",
                    },
                },
                {"output_type": "display_data", "data": {"application/json": {"depth": 7}}},
                {"output_type": "display_data", "data": {"application/vnd.plotly.v1+json": {"data": []}}},
            ],
        },
    ]
    book = json.dumps(
        {"nbformat": 4, "metadata": {"language_info": {"name": "python"}}, "cells": cells}
    ).encode()
    text = await text_of("a.ipynb", book)
    wanted = [
        "# Title\nwords",
        "```python\nprint('hi')\n```",
        "```text\nhi\n```",
        "```text\n2\n```",
        "[picture output]",
        "ValueError: bad",
        "[its traceback of 2 parts is left out]",
        "Output:\n\nlake & pier | 9\n\nOutput:",
        '{"depth": 7}',
        "[output: application/vnd.plotly.v1+json]",
    ]
    places = [text.index(w) for w in wanted]
    assert places == sorted(places)
    with pytest.raises(UnsupportedMedia, match="not a readable notebook"):
        await opened("b.ipynb", b"{broken")


async def test_json_keeps_its_numbers_and_one_long_line_is_broken_up() -> None:
    assert await text_of("a.json", b'{"a": 1.10}') == '```json\n{"a": 1.10}\n```'
    rows = [{"id": i, "text": "a, b {c}", "price": f"{i}.10"} for i in range(200)]
    text = await text_of("a.json", json.dumps(rows).replace('.10"', '.10"').encode())
    assert len(text.splitlines()) > 400
    assert json.loads(text.removeprefix("```json\n").removesuffix("\n```")) == rows
    assert (await opened("a.jsonl", b'{"a":1}\n{"a":2}\n')).kind == "jsonl"


async def test_rtf_gives_text_tables_and_characters_of_any_kind() -> None:
    document = await opened("a.rtf", RTF)
    assert document.kind == "rtf"
    assert (
        document.pages[0].text
        == "中文\n\ncafé € 😀 done{}\n\n| A | B<br>b2 |\n| --- | --- |\n| 1 | 2 |\n\nafter[picture]\n\n[link](x)"
    )


def test_a_guess_for_a_long_text_looks_at_a_part_and_decodes_the_whole() -> None:
    decoded = decode((CHINESE * 20_000).encode("gbk"), "a.txt")
    assert decoded.text == CHINESE * 20_000


def archives(member: bytes) -> dict[str, bytes]:
    """Archives whose first member is this, unpacked."""
    made: dict[str, bytes] = {}
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_STORED) as packed:
        packed.writestr("first.pdf", member)
        packed.writestr("second.txt", "more")
    made["a.zip"] = held.getvalue()
    for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        held = io.BytesIO()
        with tarfile.open(fileobj=held, mode="w", format=form) as tape:
            entry = tarfile.TarInfo("first.pdf")
            entry.size = len(member)
            tape.addfile(entry, io.BytesIO(member))
        made[f"a{form}.tar"] = held.getvalue()
    return made


async def test_an_archive_that_begins_with_a_pdf_is_an_archive() -> None:
    for name, data in archives(pdf(["BT ET"])).items():
        assert b"%PDF-" in data[:1024]
        for called in (name, "a.pdf"):
            if name == "a.zip":
                read = await opened(called, data)
                assert [page.label for page in read.pages] == ["files", "file 'second.txt'"]
                continue
            with pytest.raises(UnsupportedMedia, match=r"is an archive \(.*not a document") as caught:
                await opened(called, data)
            assert "Unpack it" in caught.value.hint


@each(
    ("name", "text"),
    [
        ("sniffer.py", 'if data.startswith(b"%PDF-"):\n    return "pdf"'),
        ("test_pdf.py", 'DATA = b"""%PDF-1.4\n1 0 obj\n<<>>\nendobj\n"""  # ä'),
        ("notes.md", "A PDF begins with %PDF-1.7"),
        ("README", "A PDF begins with %PDF-1.7"),
        ("long.txt", "The header %PDF- is\n" + "文" * 3000),
    ],
)
async def test_a_text_that_mentions_the_header_of_a_pdf_is_read_as_text(name: str, text: str) -> None:
    assert text in (await opened(name, text.encode())).pages[0].text


@each("name", ["a.pdf", "download", "a.dat"])
async def test_a_pdf_with_the_junk_of_a_mail_before_it_is_a_pdf_by_any_name(name: str) -> None:
    data = pdf(["BT ET"]).replace(b"\n", b"\n%\xe2\xe3\xcf\xd3\n", 1)
    assert (await opened(name, b"X-Mail: junk\r\n\r\n" + data)).kind == "pdf"


async def test_a_text_that_begins_with_the_letters_of_a_zip_is_read_as_text() -> None:
    assert await text_of("a.csv", b"PK,Name\n1,Anna") == "| PK | Name |\n| --- | --- |\n| 1 | Anna |"
    assert await text_of("a.txt", b"PK is a key") == "PK is a key"


async def test_a_text_with_the_mark_of_a_tape_archive_is_read_as_text() -> None:
    text = "x" * 257 + "ustar"
    assert await text_of("a.txt", text.encode()) == text


@each("between", ["", "\n", " <!-- next --> ", "<br>"])
def test_tables_of_html_that_follow_one_another_are_all_read(between: str) -> None:
    data = between.join(f"<table><tr><td>a{n}</td><td>b{n}</td></tr></table>" for n in range(3)).encode()
    facts, _ = document_job(io.BytesIO(b"<html><body>" + data + b"</body></html>"), {"name": "a.html"})
    assert facts["pages"][0][2] == "\n\n".join(f"| a{n} | b{n} |\n| --- | --- |" for n in range(3))
