"""Documents of every kind, from a file through read_document: as Markdown here, and to the model page by page."""

from __future__ import annotations

import io
import json
import re

import anyio
import pytest
from support.cases import each
from support.connect import Connect
from support.document_kinds import BODY, KINDS, report
from support.formats import chats_done, one_picture, pictures, put, said
from support.made_documents import (
    docx,
    lines,
    noise,
    para,
    pdf,
    presentation,
    text_at,
    workbook,
)
from support.paths import DATA
from support.toolkit import call as called
from support.toolkit import chats, fail, kinds, last, parts, say, text_of, words

from glm_mcp.server.app import Folders
from glm_mcp.simulator import Fault, Reply, Simulator

pytestmark = pytest.mark.anyio

xlsxwriter = pytest.importorskip("xlsxwriter")

SCAN = noise(0, 0, 595, 842)
ALL = 1_000_000


def in_order(text: str, wanted: list[str]) -> None:
    at = 0
    for word in wanted:
        found = text.find(word, at)
        assert found >= 0, (word, text[:3000])
        at = found + 1


@each("name", KINDS)
async def test_every_format_is_read_here_and_reaches_the_model_with_its_marks(
    connect: Connect, sim: Simulator, folders: Folders, name: str
) -> None:
    build, wanted = KINDS[name]
    put(folders.cwd / name, build())
    async with connect() as client:
        here = await say(client, "read_document", documents=name, max_chars=ALL)
        assert sim.received == []
        await say(client, "read_document", documents=name, prompt="What does it say?", mode="text")
    (request,) = chats(sim)
    assert request.model == "glm-4.7-flash"
    assert request.media == []
    sent = said(request)
    in_order(here, wanted)
    in_order(sent, [word.removesuffix("]") for word in wanted])
    assert sent.startswith(f"[{name}")
    assert "That was the document.\n\nWhat does it say?" in sent
    assert "cite the file and page or sheet" in sent
    assert "secret" not in here + sent
    assert "read on this machine, no model asked" in here


# ── PDF: what must be seen ──────────────────────────────────────────────────────────────────────────────────────


async def test_scanned_pages_of_a_mixed_pdf_go_as_pictures_in_the_same_call_as_the_text(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    put(
        folders.cwd / "mixed.pdf",
        pdf([text_at(72, 780, "Alpha") + BODY, SCAN, text_at(72, 780, "Omega") + BODY]),
    )
    async with connect() as client:
        text = await say(client, "read_document", documents="mixed.pdf", prompt="Summarise.")
    (request,) = chats(sim)
    assert kinds(request) == ["text", "text", "image_url", "text", "text"]
    one, two, _, three, _ = parts(request)
    assert one["text"].startswith("[mixed.pdf, page 1]\n")
    assert "Alpha" in one["text"]
    assert two["text"] == "[mixed.pdf, page 2]"
    assert "Omega" in three["text"]
    (page,) = pictures(request)
    assert 1560 <= max(page.image.size) <= 1570
    assert page.image.height > page.image.width
    assert words(request).startswith("That was the document.\n\nSummarise.")
    assert "1 of 3 pages went as pictures" in text


async def test_a_page_of_tables_and_text_is_not_taken_for_a_scan(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    put(folders.cwd / "report.pdf", report())
    async with connect() as client:
        await say(client, "read_document", documents="report.pdf", prompt="How many?")
    assert last(sim).media == []
    assert last(sim).model == "glm-4.7-flash"


async def test_several_pdfs_are_read_at_once_without_disturbing_each_other(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    for n in range(4):
        put(folders.cwd / f"{n}.pdf", pdf([lines([f"Paper {n}, page {page}."]) for page in (1, 2)]))
    texts: dict[int, str] = {}
    async with connect() as client:

        async def read(n: int) -> None:
            texts[n] = await say(client, "read_document", documents=f"{n}.pdf")

        async with anyio.create_task_group() as tasks:
            for n in range(4):
                tasks.start_soon(read, n)
    assert [re.findall(r"Paper \d, page \d", texts[n]) for n in range(4)] == [
        [f"Paper {n}, page {page}" for page in (1, 2)] for n in range(4)
    ]


async def test_scanned_pages_without_a_question_are_transcribed_by_the_model_and_it_is_said(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    put(folders.cwd / "mixed.pdf", pdf([text_at(72, 780, "Alpha") + BODY, SCAN, noise(0, 40, 595, 800)]))
    sim.queue(Reply("FIRST SCAN"), Reply("SECOND SCAN"))
    async with connect() as client:
        text = await say(client, "read_document", documents="mixed.pdf")
        sim.clear()
        again = await say(client, "read_document", documents="mixed.pdf")
        plain = await say(client, "read_document", documents="mixed.pdf", mode="text")
    in_order(text, ["[page 1]", "Alpha", "[page 2]", " SCAN", "[page 3]", " SCAN"])
    assert {"FIRST SCAN", "SECOND SCAN"} <= set(re.findall(r"[A-Z]+ SCAN", text))
    assert "2 scanned pages transcribed by the model" in text.splitlines()[-1]
    assert re.findall(r"[A-Z]+ SCAN", again) == re.findall(r"[A-Z]+ SCAN", text)  # kept from the first time
    assert sim.received == []
    assert "no text on page 2, page 3: scanned; mode=auto transcribes" in plain


async def test_garbled_and_thin_pages_are_seen_and_figures_go_as_text_and_picture(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    put(folders.cwd / "garbled.pdf", pdf([BODY], garbled=True))
    put(folders.cwd / "thin.pdf", pdf([SCAN + text_at(72, 20, "Scanned by X")]))
    put(folders.cwd / "figure.pdf", pdf([BODY + noise(300, 30, 250, 200), BODY]))
    async with connect() as client:
        for name in ("garbled", "thin", "figure"):
            await say(client, "read_document", documents=f"{name}.pdf", prompt="What?")
    garbled, thin, figure = chats(sim)
    assert (kinds(garbled), kinds(thin)) == (["text", "image_url", "text"],) * 2
    assert "Line 3" not in said(garbled)
    assert kinds(figure) == ["text", "image_url", "text", "text"]
    assert "Line 3 says" in parts(figure)[0]["text"]


async def test_what_the_text_of_a_page_leaves_out_is_said(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    put(folders.cwd / "figure.pdf", pdf([BODY + noise(300, 30, 250, 200), BODY]))
    put(folders.cwd / "thin.pdf", pdf([SCAN + text_at(72, 20, "Scanned by X"), BODY]))
    async with connect() as client:
        figure = await say(client, "read_document", documents="figure.pdf")
        chat = await say(client, "chat", prompt="What?", files="figure.pdf")
        thin = await say(client, "read_document", documents="thin.pdf", mode="text")
        seen = await say(client, "read_document", documents="thin.pdf")
    assert "pictures on page 1 are not in the text: read_document with a prompt or mode=vision" in figure
    assert "pictures on page 1 are not in the text" in chat
    assert "the text of page 1 is not what the page shows: leave mode out" in thin
    assert "is not what the page shows" not in seen
    assert "1 scanned page transcribed by the model" in seen


async def test_the_few_words_of_a_page_are_kept_where_no_model_reads_it(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    put(folders.cwd / "thin.pdf", pdf([SCAN + text_at(72, 20, "Scanned by X"), BODY]))
    sim.queue(Fault("error", code="1113", times=0))
    async with connect() as client:
        text = await say(client, "read_document", documents="thin.pdf")
    assert "Scanned by X" in text
    assert "not transcribed" in text


async def test_every_page_goes_as_a_picture_when_asked_and_a_long_one_in_tiles(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    put(folders.cwd / "a.pdf", pdf([BODY, BODY]))
    put(folders.cwd / "web.pdf", pdf([lines(["Some words"] * 300, top=5900, step=19)], size=(600, 6000)))
    async with connect() as client:
        await say(client, "read_document", documents="a.pdf", prompt="What?", mode="vision")
        await say(client, "read_document", documents="web.pdf", prompt="What?", mode="vision")
    plain, long = chats(sim)
    assert len(pictures(plain)) == 2
    assert "Line 3 says" not in said(plain)
    assert len(pictures(long)) > 3
    assert all(g.image.width > 900 and g.image.height <= 1568 for g in pictures(long))


@pytest.mark.parametrize("name", ["encrypted-rc4.pdf", "encrypted-aes256.pdf"])
async def test_a_locked_pdf_opens_with_its_password_alone(
    connect: Connect, sim: Simulator, folders: Folders, name: str
) -> None:
    put(folders.cwd / name, (DATA / name).read_bytes())
    put(folders.cwd / "edit.pdf", (DATA / "locked-for-editing.pdf").read_bytes())
    async with connect() as client:
        none = await fail(client, "read_document", documents=name)
        wrong = await fail(client, "read_document", documents=name, password="guess")
        here = await say(client, "read_document", documents=name, password="secret")
        await say(client, "read_document", documents=name, password="secret", prompt="What?", mode="vision")
        await say(client, "read_document", documents="edit.pdf")
    assert none.startswith(f"invalid_request: {name} is encrypted; pass password=")
    assert wrong.startswith(f"invalid_request: the password does not open {name}")
    assert "the secret page" in here
    assert max(one_picture(sim).image.size) > 1500
    assert "guess" not in wrong.replace("password", "")


async def test_pages_are_chosen_by_argument_fragment_and_name(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    put(folders.cwd / "long.pdf", pdf([text_at(72, 780, f"Chapter {n}.", 18) for n in range(1, 31)]))
    put(folders.cwd / "book.xlsx", workbook())
    put(folders.cwd / "deck.pptx", presentation())
    async with connect() as client:
        some = await say(client, "read_document", documents="long.pdf", pages="3,28-")
        part = await say(client, "read_document", documents="long.pdf#page=7-8")
        sheets = await say(client, "read_document", documents="book.xlsx", pages="s3, 5")
        slide = await say(client, "read_document", documents="deck.pptx", pages=[2])
        beyond = await fail(client, "read_document", documents="long.pdf", pages="31")
        await say(client, "read_document", documents="long.pdf", pages="9", prompt="What?")
    assert re.findall(r"Chapter (\d+)\.", some) == ["3", "28", "29", "30"]
    assert "4 of 30 pages of long.pdf" in some
    assert re.findall(r"\[page (\d+)\]", part) == ["7", "8"]
    assert re.findall(r"\[sheet '(\w+)'\]", sheets) == ["S3", "S5"]
    assert re.findall(r"\[slide (\d)\]", slide) == ["2"]
    assert beyond.startswith("invalid_request: pages='31' is out of range: long.pdf has 30 pages")
    assert re.findall(r"Chapter (\d+)\.", said(last(sim))) == ["9"]


# ── Long ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.extreme
async def test_five_hundred_pages_are_read_in_parts_with_their_numbers_and_it_is_said_how_much(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    filler = lines(
        [
            f"{i} alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi" * 2
            for i in range(20)
        ],
        size=5,
    )
    put(
        folders.cwd / "long.pdf", pdf([text_at(72, 790, f"Chapter {n}.", 18) + filler for n in range(1, 501)])
    )
    async with connect(client="claude-code") as client:
        text = await say(client, "read_document", 55, documents="long.pdf", prompt="Which chapter?")
    *pieces, joined = chats_done(sim)
    assert len(pieces) >= 2
    labels = sorted(int(n) for p in pieces for n in re.findall(r"\[long\.pdf, page (\d+)", said(p)))
    chapters = sorted(int(n) for p in pieces for n in re.findall(r"Chapter (\d+)\.", said(p)))
    assert chapters == labels == list(range(1, 501))
    assert all("That was the document.\n\nWhich chapter?" in said(p) for p in pieces)
    assert "Which chapter?" in said(joined)
    assert f"read in {len(pieces)} parts" in text.splitlines()[-1]


@pytest.mark.extreme
async def test_more_scanned_pages_than_a_call_takes_are_seen_in_parts(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    strips = [f"0.2 g {10 + n * 5} 100 60 400 re f 0.7 g 300 {100 + n * 5} 200 40 re f\n" for n in range(53)]
    put(folders.cwd / "scan.pdf", pdf(strips, size=(400, 600)))
    async with connect() as client:
        text = await say(client, "read_document", 50, documents="scan.pdf", prompt="What is drawn?")
    *pieces, joined = chats_done(sim)
    assert sorted(len(p.media) for p in pieces) == [11, 21, 21], "as many as the second model takes too"
    labels = {n for p in pieces for n in re.findall(r"\[scan\.pdf, page (\d+)\]", said(p))}
    assert labels == {str(n) for n in range(1, 54)}
    assert len({m.sha256 for p in pieces for m in p.media}) == 53
    assert joined.media == []
    assert "read in 3 parts" in text
    assert "53 of 53 pages went as pictures" in text


@pytest.mark.extreme
async def test_forty_thousand_rows_are_read_to_the_last_one_cursor_by_cursor(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"constant_memory": True})
    sheet = book.add_worksheet("Data")
    sheet.write_row(0, 0, ["n", "name", "half"])
    for n in range(40_000):
        sheet.write_row(n + 1, 0, [n, f"k{n}", n * 0.5])
    book.close()
    put(folders.cwd / "big.xlsx", out.getvalue())
    rows: list[str] = []
    source, cursor = "big.xlsx", "0"
    async with connect() as client:
        while source:
            text = await say(client, "read_document", documents=source, cursor=cursor, max_chars=270_000)
            rows += re.findall(r"^\| \d+ \| k\d+ \| [\d.]+ \|$", text, re.MULTILINE)
            on = re.search(r'documents="(glm://outputs/[^"]+)", cursor="(\d+)"', text)
            source, cursor = (on[1], on[2]) if on else ("", "")
    assert rows == [f"| {n} | k{n} | {n // 2}{'.5' * (n % 2)} |" for n in range(40_000)]
    assert sim.received == []


async def test_a_result_in_pieces_gives_the_whole_text_and_nothing_twice(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    whole = "\n".join(f"Line {n}: 文字 and words." for n in range(900))
    put(folders.cwd / "a.txt", whole)
    got, source, cursor, calls = "", "a.txt", "0", 0
    async with connect() as client:
        while source:
            result = await called(client, "read_document", documents=source, cursor=cursor)
            calls += 1
            text = text_of(result)
            assert len(result.model_dump_json(by_alias=True)) <= 7_800
            body, mark, rest = text.partition("\n\n[")
            on = re.search(r'documents="(glm://outputs/[^"]+)", cursor="(\d+)"', mark + rest)
            got += body
            source, cursor = (on[1], on[2]) if on else ("", "")
        beyond = await fail(client, "read_document", documents="a.txt", cursor="999999")
    assert got.replace("\n", "") == whole.replace("\n", "")
    assert calls > 2
    assert beyond.startswith("invalid_request: read_document: cursor is '999999'")
    assert sim.received == []


# ── Encodings ───────────────────────────────────────────────────────────────────────────────────────────────────

SIMPLIFIED = "这是一份关于产品价格的说明，请在月底之前确认订单。我们的客户都很满意。"
TRADITIONAL = "這是一份關於產品價格的說明，請在月底之前確認訂單。我們的客戶都很滿意。"
JAPANESE = "これは製品の価格に関する説明です。月末までに注文を確認してください。"
WESTERN = "Größe und Preis: 5 € für das Menü – café, naïve, über alles."


@each(
    ("text", "encoding", "named"),
    [
        (SIMPLIFIED, "utf-8", ""),
        (SIMPLIFIED, "utf-8-sig", ""),
        (SIMPLIFIED, "utf-16", ""),
        (WESTERN, "utf-16-le", "utf-16-le"),
        (SIMPLIFIED, "utf-16-le", "utf-16-le"),
        (JAPANESE, "utf-16-be", "utf-16-be"),
        (SIMPLIFIED, "gbk", "gb18030"),
        (SIMPLIFIED + "𠮷", "gb18030", "gb18030"),
        ("中文测试", "gbk", "gb18030"),
        (TRADITIONAL, "big5", "big5"),
        (JAPANESE, "shift_jis", "shift_jis"),
        (JAPANESE, "euc_jp", "euc-jp"),
        ("이것은 제품의 가격에 대한 설명입니다. 주문을 확인해 주세요.", "euc_kr", "euc-kr"),
        (WESTERN, "cp1252", "cp1252"),
        ("Größe für das Menü, café", "latin-1", "cp1252"),
    ],
)
async def test_text_in_any_encoding_is_right_and_a_guess_is_named(
    connect: Connect, sim: Simulator, folders: Folders, text: str, encoding: str, named: str
) -> None:
    put(folders.cwd / "note.txt", text.encode(encoding))
    async with connect() as client:
        here = await say(client, "read_document", documents="note.txt")
        answer = await say(client, "read_document", documents="note.txt", prompt="What?")
    assert here.startswith(text)
    assert text in said(last(sim))
    for shown in (here, answer):
        assert (f"decoded as {named}" in shown) == bool(named)


async def test_the_encoding_that_the_caller_names_overrules_the_guess(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    put(folders.cwd / "note.txt", TRADITIONAL.encode("big5"))
    put(folders.cwd / "list.csv", "價格,1\n".encode("big5"))
    put(folders.cwd / "page.html", f"<meta charset='gbk'><p>{TRADITIONAL}</p>".encode("big5"))
    async with connect() as client:
        wrong = await say(client, "read_document", documents="note.txt", encoding="gb18030")
        right = [
            await say(client, "read_document", documents=name, encoding="big5")
            for name in ("note.txt", "list.csv", "page.html")
        ]
        unknown = await fail(client, "read_document", documents="note.txt", encoding="klingon")
    assert TRADITIONAL not in wrong
    assert [t in text for t, text in zip((TRADITIONAL, "價格", TRADITIONAL), right, strict=True)] == [
        True
    ] * 3
    assert "guessed" not in right[0]
    assert unknown.startswith("invalid_request: ")
    assert "big5" in unknown


# ── Questions ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_several_documents_are_compared_under_their_names(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    put(folders.cwd / "v1.docx", docx(para("Price: 10")))
    put(folders.cwd / "v2.pdf", pdf([lines(["Price: 12"]), lines(["Signed."])]))
    async with connect() as client:
        await say(client, "read_document", documents=["v1.docx", "v2.pdf"], task="compare")
        await say(client, "read_document", documents="v*", prompt="Which is dearer?")
        alone = await fail(client, "read_document", documents="v1.docx", task="compare")
        both = await say(client, "read_document", documents=["v1.docx", "v2.pdf"])
    for request in chats(sim):
        in_order(
            said(request),
            ["[v1.docx]", "Price: 10", "[v2.pdf, page 1]", "Price: 12", "[v2.pdf, page 2]", "Signed."],
        )
    assert len(chats(sim)) == 2
    assert "two or more documents" in alone
    in_order(both, ["# v1.docx", "Price: 10", "# v2.pdf", "Price: 12"])


async def test_a_layout_is_restored_as_json_and_as_html(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    put(folders.cwd / "a.pdf", report())
    sim.queue(Reply('```json\n{"blocks": [1]}\n```'), Reply("```html\n<h1>Report</h1>\n```"))
    async with connect() as client:
        one = await say(client, "read_document", documents="a.pdf", output_format="json")
        two = await say(
            client, "read_document", documents="a.pdf", output_format="html", prompt="Keep the colours."
        )
    as_json, as_html = chats(sim)
    assert json.loads(one.rpartition("\n\n[")[0]) == {"blocks": [1]}
    assert two.startswith("<h1>Report</h1>\n")
    assert "| Widget 8 | 8 | 8.50 |" in said(as_json)
    assert as_json.body["response_format"] == {"type": "json_object"}
    assert "That was the document.\n\nKeep the colours.\n\nRestore the document's layout as one HTML" in said(
        as_html
    )


async def test_a_public_address_is_read_by_the_service_itself_when_asked(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    url = "https://papers.example.com/a.pdf"
    sim.web[url] = (report(), "application/pdf")
    put(folders.cwd / "a.pdf", report())
    async with connect() as client:
        await say(client, "read_document", documents=url, mode="native", prompt="What?")
        local = await fail(client, "read_document", documents="a.pdf", mode="native")
    (request,) = chats(sim)
    assert [(m.kind, m.form, m.format) for m in request.media] == [("file", "url", "pdf")]
    assert "public URLs only" in local


async def test_a_document_of_the_endpoints_own_host_is_downloaded_and_read(
    connect: Connect, sim: Simulator
) -> None:
    sim.keep_file("a.pdf", report(), None)  # the service serves only what it made
    async with connect() as client:
        text = await say(client, "read_document", documents=f"{sim.origin}/files/cogview/a.pdf#page=2")
    assert "| Widget 8 | 8 | 8.50 |" in text
    assert "[page 2]" in text
