"""PDF: text by pages, pages that must be seen, passwords, damage, size, and pictures of pages."""

from __future__ import annotations

import io
import itertools
import re

import anyio
import pytest
from PIL import Image
from support.cases import each
from support.made_documents import grid, large, lines, noise, pdf, source, text_at
from support.paths import DATA

from glm_mcp.errors import GLMError, InvalidRequest, MediaTooLarge, UnsupportedMedia
from glm_mcp.media.documents.page.text_layer import is_garbled
from glm_mcp.media.documents.pages import to_markdown
from glm_mcp.media.documents.pdf import BATCH, pdf_job, render_job
from glm_mcp.media.documents.read import read_document, render_pages
from glm_mcp.media.types import Document
from glm_mcp.registry import CARDS

pytestmark = pytest.mark.anyio
CARD = CARDS["glm-4.6v-flash"]
BODY = lines([f"Line {i} says that the quick brown fox jumps over the lazy dog." for i in range(30)])


async def opened(data: bytes, name: str = "a.pdf", **more: str | None) -> Document:
    with anyio.fail_after(60):
        return await read_document(source(name, data), **more)


async def test_each_page_keeps_its_number_its_words_and_its_table_rows() -> None:
    rows = [["Item", "Qty", "Price"], *([f"Widget {i}", str(i), f"{i}.50"] for i in range(1, 9))]
    document = await opened(pdf([lines(["Report of the year"], size=20) + BODY, grid(rows), BODY]))
    assert [p.number for p in document.pages] == [1, 2, 3]
    assert [p.label for p in document.pages] == ["page 1", "page 2", "page 3"]
    assert document.total == 3
    assert document.kind == "pdf"
    assert all(f"Line {i} says" in document.pages[0].text for i in range(30))
    table = [line for line in document.pages[1].text.splitlines() if line.startswith("|")]
    assert len(table) == 10
    for i in range(1, 9):
        assert f"| Widget {i} | {i} | {i}.50 |" in table
    assert not any(p.as_image for p in document.pages)
    assert "[page 2]\n\n| Item | Qty | Price |" in to_markdown(document)


async def test_a_drawing_that_its_program_wrote_as_a_pdf_is_read_as_one() -> None:
    own = b"<< /Private << /AIPrivateData1 1 0 R >> >>"
    data = pdf([BODY]).replace(b"/Type /Page ", b"/Type /Page /PieceInfo << /Illustrator %s >> " % own)
    assert b"AIPrivateData1" in data
    document = await opened(data, "logo.ai")
    assert "Line 29 says" in document.pages[0].text


async def test_two_columns_are_read_one_after_the_other() -> None:
    left = lines([f"left{i:02} words of a column that goes on" for i in range(24)], x=50, size=9)
    right = lines([f"right{i:02} words of a column that goes on" for i in range(24)], x=320, size=9)
    text = (await opened(pdf([left + right]))).pages[0].text
    order = [text.index(f"{side}{i:02}") for side in ("left", "right") for i in range(24)]
    assert order == sorted(order)


async def test_headings_that_repeat_with_a_number_on_every_page_are_kept() -> None:
    pages = [text_at(72, 780, f"Chapter page {n}", 18) + BODY for n in range(1, 61)]
    document = await opened(pdf(pages))
    assert all(f"Chapter page {p.number}" in p.text.splitlines()[0] for p in document.pages)


@each(
    ("spec", "numbers"),
    [
        ("2", [2]),
        ("2,4-5", [2, 4, 5]),
        ("58-", [58, 59, 60]),
        ("-2", [1, 2]),
        ("last", [60]),
        ("1-55", list(range(1, 56))),
    ],
)
async def test_only_the_pages_asked_for_are_read_and_the_total_is_known(
    spec: str, numbers: list[int]
) -> None:
    document = await opened(pdf([lines([f"This is number {n}."]) for n in range(1, 61)]), pages=spec)
    assert [p.number for p in document.pages] == numbers
    assert all(f"number {p.number}." in p.text for p in document.pages)
    assert document.total == 60


async def test_a_page_in_the_sources_fragment_is_taken_when_the_call_names_none() -> None:
    data = pdf([lines([f"This is number {n}."]) for n in range(1, 4)])
    with anyio.fail_after(60):
        document = await read_document(source("a.pdf", data, page="2"))
        other = await read_document(source("a.pdf", data, page="2"), pages="3")
    assert [p.number for p in document.pages] == [2]
    assert [p.number for p in other.pages] == [3]


async def test_a_page_beyond_the_end_is_refused_with_the_number_of_pages() -> None:
    with pytest.raises(InvalidRequest, match=r"out of range: a\.pdf has 3 pages"):
        await opened(pdf([BODY] * 3), pages="7")


async def test_pages_are_marked_by_what_is_on_them() -> None:
    dots = "".join(f"{60 + i * 13 % 450} {60 + i * 37 % 700} 9 7 re f\n" for i in range(400))
    strips = "".join(noise(0, 842 / 4 * i, 595, 842 / 4) for i in range(4))
    document = await opened(
        pdf(
            [
                noise(0, 0, 595, 842),
                noise(50, 60, 495, 722),
                strips,
                noise(0, 0, 595, 842) + text_at(30, 20, "Scanned by X 1/3"),
                noise(0, 0, 595, 842) + BODY,
                BODY,
                "",
                "50 50 m 500 50 l S\n",
                dots,
                lines(["Fig. 1"] * 12) + noise(100, 100, 300, 250),
            ]
        )
    )
    assert [p.as_image for p in document.pages] == [
        "scanned",
        "scanned",
        "scanned",
        "thin",
        "layer",
        "",
        "",
        "",
        "scanned",
        "figure",
    ]
    assert [p.number for p in document.pages if not p.text and not p.as_image] == [7, 8]  # truly blank


async def test_figures_are_marked_beside_their_text() -> None:
    chart = "".join(f"0.{i} 0.2 0.5 rg {100 + 50 * i} 100 40 {60 + 30 * i} re f\n" for i in range(6))
    data = pdf(
        [
            BODY,
            lines(["Words"] * 9) + noise(100, 100, 300, 250),
            lines(["Words of text"] * 9) + "0 g\n" + chart,
        ]
    )
    seen = await opened(data)
    assert [p.as_image for p in seen.pages] == ["", "figure", "figure"]
    assert "Words" in seen.pages[1].text


@pytest.mark.parametrize(
    ("share", "words", "why"),
    [
        (0.2, ["4"], "thin"),
        (0.2, ["Fig. 4: what is said of it"] * 3, "figure"),
        (0.4, ["Answers to the questions of the second week", "14"], "thin"),
        (0.4, ["Answers to the questions of the second week"] * 5, "figure"),
        (0.1, ["4"], "figure"),
    ],
)
async def test_a_page_that_says_little_beside_its_pictures_is_what_they_show(
    share: float, words: list[str], why: str
) -> None:
    height = round(share * 595 * 842 / 400)
    document = await opened(pdf([lines(words) + noise(100, 100, 400, height)]))
    assert document.pages[0].as_image == why


async def test_a_table_page_is_not_taken_for_a_figure() -> None:
    document = await opened(pdf([grid([["Item", "Qty"], *([f"Thing {i}", str(i)] for i in range(12))])]))
    assert document.pages[0].as_image == ""


async def test_a_text_layer_of_signs_is_garbled() -> None:
    document = await opened(pdf([BODY], garbled=True))
    assert document.pages[0].as_image == "garbled"


@each(
    ("text", "garbled"),
    [
        ("An ordinary page of text with figures 12.5 % and a table | a | b |", False),
        ("这是一个普通的中文页面,包含标点符号。以及数字 123。", False),
        ("• first \uf0b7 second \uf0b7 third point of an ordinary list with many words in it", False),
        (
            "Contents ............ 1\nIntroduction ........................... 5\nSummary ....................... 9",
            False,
        ),
        ("\ufffd\ufffd\ufffd\ufffd ab \ufffd\ufffd\ufffd", True),
        ("(cid:12)(cid:45)(cid:7)(cid:99)(cid:3) x", True),
        ("\ue000\ue001\ue002\ue003\ue004\ue005\ue006\ue007", True),
        ("Ã©tÃ© Ã  la plage dâ€\x99Ã©tÃ© Ã©Ã¨ Ã©Ã¨ Ã©", True),
        ("锟斤拷锟斤拷锟斤拷锟斤拷", True),
        ("!@#$ %^&* ()_+ {}|: <>?! @#$% ^&*( )_+{ }|:< >?!@ #$%^ &*()" * 2, True),
    ],
)
def test_garbled_text_is_told_from_unusual_text(text: str, garbled: bool) -> None:
    assert is_garbled(text) is garbled


async def test_form_values_are_in_the_text() -> None:
    widget = "<< /Type /Annot /Subtype /Widget /Rect [{}] {} >>"
    fields = [
        widget.format("100 100 300 120", "/FT /Tx /T (fullname) /V (Ada Lovelace)"),
        widget.format("100 60 112 72", "/FT /Btn /T (agree) /V /Yes /AS /Yes"),
        widget.format("100 40 112 52", "/FT /Btn /T (news) /V /Off /AS /Off"),
        widget.format("100 20 200 32", "/FT /Tx /T (phone)"),
    ]
    text = (await opened(pdf([BODY], fields=fields))).pages[0].text
    assert "- fullname: Ada Lovelace\n- agree: [x]\n- news: [ ]\n- phone: (empty)" in text


@pytest.mark.parametrize("name", ["encrypted-rc4.pdf", "encrypted-aes256.pdf"])
async def test_an_encrypted_file_opens_with_its_password_alone(name: str) -> None:
    data = (DATA / name).read_bytes()
    document = await opened(data, name, password="secret")
    assert "the secret page" in document.pages[0].text
    with pytest.raises(InvalidRequest, match=r"is encrypted; pass password=…"):
        await opened(data, name)
    with pytest.raises(InvalidRequest, match="the password does not open"):
        await opened(data, name, password="guess")
    document = await opened(data, name, password="ｓｅ\u00adｃｒｅｔ")
    assert "the secret page" in document.pages[0].text
    with anyio.fail_after(60):
        assert len((await render_pages(source(name, data), [1], CARD, password="secret"))[0]) == 1
    with pytest.raises(InvalidRequest, match="is encrypted"):
        await render_pages(source(name, data), [1], CARD)


async def test_a_file_locked_with_a_certificate_is_not_called_damaged() -> None:
    lock = "<< /Filter /Adobe.PubSec /SubFilter /adbe.pkcs7.s4 /V 1 /Length 128 /Recipients [<00>] >>"
    whole = pdf([BODY], fields=[lock])
    number = whole[: whole.index(b"/Adobe.PubSec")].rpartition(b" 0 obj")[0].split()[-1]
    data = whole.replace(b"trailer\n<<", b"trailer\n<< /ID [<00> <00>] /Encrypt %s 0 R" % number)
    with pytest.raises(UnsupportedMedia, match=r"a\.pdf is locked with something else than a password"):
        await opened(data)


async def test_a_password_for_a_file_that_needs_none_does_no_harm() -> None:
    assert (await opened(pdf([BODY]), password="anything")).total == 1
    assert (await opened((DATA / "locked-for-editing.pdf").read_bytes(), password="anything")).total == 1


async def test_a_file_cut_off_gives_the_pages_that_are_there_and_says_so() -> None:
    whole = pdf([lines([f"This is number {n}."]) for n in range(1, 31)])
    document = await opened(whole[: len(whole) * 3 // 4])
    assert 3 < document.total < 30
    assert "number 1." in document.pages[0].text
    assert any("cut off or damaged" in note for note in document.notes)


@pytest.mark.extreme
def test_a_file_cut_off_at_any_byte_gives_the_pages_that_are_whole() -> None:
    text = "<< /Type /Annot /Subtype /Widget /FT /Tx /T (a (nested) \\( name) /V <4142> /F 4 /Rect [50 600 250 620] >>"
    whole = pdf([lines([f"This is number {n}."]) for n in (1, 2)], fields=[text])
    page_ends = [whole.index(b"endobj", found.start()) + 6 for found in re.finditer(rb"/Type /Page ", whole)]
    content_ends = [whole.index(b"endobj", end + 1) for end in page_ends]
    for cut in range(page_ends[0], whole.rindex(b"%%EOF") + 5):
        facts, _ = pdf_job(io.BytesIO(whole[:cut]), {"name": "a.pdf"})
        assert facts["total"] >= sum(cut >= end for end in page_ends), cut
        text = " ".join(row[2] for row in facts["pages"])
        assert all(f"number {n}." in text for n in (1, 2) if cut >= content_ends[n - 1]), cut
        assert any("cut off or damaged" in note for note in facts["notes"]), cut


async def test_a_page_cut_in_its_middle_keeps_the_text_before_the_cut() -> None:
    whole = pdf([lines([f"This is number {n}." for n in range(20)])])
    document = await opened(whole[: whole.index(b"number 9.")])
    assert "number 8." in document.pages[0].text
    assert "number 10." not in document.pages[0].text


@each("data", [b"%PDF-1.7\n", b"%PDF-1.4\n" + bytes(range(256)) * 40, pdf([BODY])[:120]])
async def test_a_file_broken_beyond_use_is_an_error_with_a_mend(data: bytes) -> None:
    with pytest.raises(UnsupportedMedia, match=r"a\.pdf is cut off or damaged") as caught:
        await opened(data)
    assert caught.value.hint


async def test_the_parsers_own_words_go_to_the_log_alone(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="glm_mcp"), pytest.raises(UnsupportedMedia) as caught:
        await opened(b"%PDF-1.7\n")
    assert "the parser: PDF error: invalid PDF format" in caplog.text
    assert "PDF error" not in str(caught.value)


# A word stretched over thousands of kilometres, of which the parser makes columns a point wide: no machine has the memory.
TOO_WIDE = lines([f"left {i}" for i in range(30)], x=60) + lines([f"right {i}" for i in range(30)], x=320)
TOO_WIDE += "BT /F1 1200 Tf 1000000000 0 0 1 72 40 Tm (wide) Tj ET\n"


@pytest.mark.parametrize("at", [1, 2, 7])
async def test_a_page_that_takes_the_reader_down_does_not_cost_the_other_pages(at: int) -> None:
    pages = [lines([f"This is number {n}."]) for n in range(1, 8)]
    pages[at - 1] = TOO_WIDE
    document = await opened(pdf(pages))
    rest = [n for n in range(1, 8) if n != at]
    assert [p.number for p in document.pages] == rest
    assert all(f"number {p.number}." in p.text for p in document.pages)
    assert document.total == 7
    assert document.notes == (f"left out, as the reader gave way there: page {at}",)


async def test_beside_a_page_that_takes_the_reader_down_only_the_pages_asked_for_are_read() -> None:
    pages = [lines([f"This is number {n}."]) for n in range(1, 8)]
    pages[2] = pages[4] = TOO_WIDE
    data = pdf(pages)
    document = await opened(data, pages="2-3,5-6")
    assert [p.number for p in document.pages] == [2, 6]
    assert document.notes == ("left out, as the reader gave way there: pages 3,5",)
    with pytest.raises(MediaTooLarge, match="needs more memory"):
        await opened(data, pages="3,5")


async def test_junk_before_the_header_does_no_harm() -> None:
    assert (await opened(b"X-Mail: junk\r\n\r\n" + pdf([BODY] * 2))).total == 2


@pytest.mark.extreme
def test_pages_of_more_than_one_batch_are_all_read_in_order() -> None:
    data = pdf([text_at(72, 780, f"Chapter {n}", 18) + BODY for n in range(1, 121)])
    facts, _ = pdf_job(io.BytesIO(data), {"name": "long.pdf"})
    assert 2 * BATCH < len(facts["pages"]) == 120
    assert [row[0] for row in facts["pages"]] == list(range(1, 121))
    assert all(f"Chapter {row[0]}" in row[2] for row in facts["pages"])


@pytest.mark.extreme
def test_pages_beyond_the_thousandth_are_read() -> None:
    data = pdf([text_at(72, 780, f"Chapter {n}", 18) for n in range(1, 1_031)])
    facts, _ = pdf_job(io.BytesIO(data), {"name": "long.pdf"})
    assert [row[0] for row in facts["pages"]] == list(range(1, 1_031))
    assert "Chapter 1030" in facts["pages"][-1][2]


async def test_pages_are_drawn_at_a_legible_size_within_the_cards_limits() -> None:
    data = pdf([BODY, noise(0, 0, 595, 842), ""])
    with anyio.fail_after(60):
        pictures, _ = await render_pages(source("contract.pdf", data), [2, 1], CARD)
    assert [p.label for p in pictures] == ["contract.pdf page 2", "contract.pdf page 1"]
    for picture in pictures:
        assert picture.part.data is not None
        assert len(picture.part.data) <= CARD.image_bytes
        image = Image.open(io.BytesIO(picture.part.data))
        assert image.size == (picture.width, picture.height)
        assert 1560 <= max(image.size) <= 1570
        assert Image.MIME[image.format or ""] == picture.part.mime


async def test_a_page_like_a_long_web_page_is_drawn_in_tiles() -> None:
    data = pdf([lines(["Some words"] * 300, top=5900, step=19)], size=(600, 6000))
    with anyio.fail_after(60):
        pictures, _ = await render_pages(source("long.pdf", data), [1], CARD)
    assert len(pictures) > 3
    assert pictures[1].label == f"long.pdf page 1 (part 2 of {len(pictures)})"
    assert all(p.width > 900 and p.height <= 1568 for p in pictures)
    last = pictures[-1]
    assert last.top + last.height == last.original[1]
    assert all(b.top < a.top + a.height for a, b in itertools.pairwise(pictures))


async def test_drawing_what_has_no_pages_is_refused() -> None:
    with pytest.raises(UnsupportedMedia, match="no pages that can be drawn"):
        await render_pages(source("a.txt", b"text"), [1], CARD)
    with pytest.raises(InvalidRequest, match=r"a\.pdf has 1 page"):
        await render_pages(source("a.pdf", pdf([BODY])), [2], CARD)


async def test_files_with_flipped_bytes_are_errors_and_never_a_dead_server() -> None:
    whole = pdf(
        [BODY, grid([["a", "b"], ["c", "d"]])],
        fields=["<< /Type /Annot /Subtype /Widget /FT /Tx /T (x) /Rect [1 1 9 9] >>"],
    )
    for i in range(12):
        data = bytearray(whole)
        for place in range(40 + i * 7, len(data), 900 + i * 31):
            data[place] ^= 0x5A
        try:
            document = await opened(bytes(data))
        except GLMError as error:
            assert error.kind in ("unsupported_media", "media_too_large", "invalid_request")  # noqa: PT017 - either end is right
        else:
            assert document.total >= 1


async def test_radio_buttons_of_one_name_are_one_field() -> None:
    button = (
        "<< /Type /Annot /Subtype /Widget /FT /Btn /Ff 32768 /T ({}) /V /{} /AS /{} /Rect [{} 60 {} 72] "
        "/AP << /N << /{} 4 0 R /Off 4 0 R >> >> >>"
    )
    push = "<< /Type /Annot /Subtype /Widget /FT /Btn /Ff 65536 /T (send) /Rect [9 9 20 20] >>"
    fields = [
        button.format("size", "M", "Off", 100, 112, "S"),
        button.format("size", "M", "M", 130, 142, "M"),
        button.format("size", "M", "Off", 160, 172, "L"),
        button.format("gift", "Off", "Off", 200, 212, "Yes"),
        push,
    ]
    text = (await opened(pdf([BODY], fields=fields))).pages[0].text
    assert text.endswith("Form fields:\n\n- size: M\n- gift: (empty)")


def drawn(data: bytes, **params: object) -> list[list[object]]:
    given = {"name": "a.pdf", "numbers": [1], "max_side": 6000, "max_bytes": 5_000_000, **params}
    facts, _ = render_job(io.BytesIO(data), given)
    return list(facts["rows"])


def test_a_page_like_a_banner_is_drawn_as_one_picture() -> None:
    ((_, width, height, *_),) = drawn(pdf([lines(["Some words"], top=300, size=90)], size=(4000, 400)))
    assert (width, height) == (1568, 157)


def test_a_page_drawn_for_little_room_is_made_to_fit() -> None:
    scan = pdf([noise(0, 0, 595, 842)])
    rows, blobs = render_job(
        io.BytesIO(scan), {"name": "a.pdf", "numbers": [1], "max_side": 6000, "max_bytes": 60_000}
    )
    assert [row[6] for row in rows["rows"]] == ["image/jpeg"]
    least = len(blobs[0])
    _, blobs = render_job(
        io.BytesIO(scan), {"name": "a.pdf", "numbers": [1], "max_side": 6000, "max_bytes": 1}
    )
    assert len(blobs[0]) <= least  # the coarsest there is


def test_a_page_that_is_named_and_not_there_cannot_be_drawn() -> None:
    data = pdf([BODY, BODY]).replace(b"/Kids [6 0 R 8 0 R]", b"/Kids [6 0 R 99 0 R]")
    assert [row[0] for row in drawn(data, numbers=[1, 2])] == [1]


async def test_a_page_that_takes_the_drawer_down_does_not_cost_the_other_pages() -> None:
    pages = [lines([f"This is number {n}."]) for n in range(1, 8)]
    pages[4] = TOO_WIDE
    data = pdf(pages)
    with anyio.fail_after(60):
        pictures, empty = await render_pages(source("a.pdf", data), range(1, 8), CARD)
        assert [p.page for p in pictures] == [1, 2, 3, 4, 6, 7]
        assert empty == []
        with pytest.raises(MediaTooLarge, match="needs more memory"):
            await render_pages(source("a.pdf", data), [5], CARD)


async def test_every_page_is_tried_however_many_take_the_drawer_down() -> None:
    pages = [lines([f"This is number {n}."]) if n % 2 else TOO_WIDE for n in range(1, 26)]
    with anyio.fail_after(100):
        pictures, _ = await render_pages(source("a.pdf", pdf(pages)), range(1, 26), CARD)
    assert [p.page for p in pictures] == list(range(1, 26, 2))


async def test_a_large_file_without_a_name_on_this_machine_is_drawn() -> None:
    data = large(pdf([noise(0, 0, 595, 842)]))
    with anyio.fail_after(60):
        pictures, _ = await render_pages(source("a.pdf", data), [1], CARD)
    assert len(pictures) == 1


async def test_a_file_for_the_web_under_a_password_and_cut_off_is_not_guessed_at() -> None:
    whole = pdf([BODY] * 3)
    first = b"7 0 obj\n<< /Linearized 1 >>\nendobj\ntrailer\n<< /Encrypt 98 0 R /Root 99 0 R >>\n"
    with pytest.raises(GLMError, match=r"a\.pdf is (cut off or damaged|encrypted)"):
        await opened(whole[:9] + first + whole[9 : len(whole) * 2 // 3])


def table_page(names: list[str], *columns: list[str]) -> str:
    drawn = lines(names, x=72, top=700, step=14, size=10)
    return drawn + "".join(
        lines(values, x=260 + 60 * i, top=700, step=14, size=10) for i, values in enumerate(columns)
    )


async def test_amounts_stand_beside_their_names_where_the_parser_puts_them_below() -> None:
    names = [f"Item number {i} of all" for i in range(6)]
    amounts = [[f"{i + 2},5{j}0" for i in range(6)] for j in range(2)]
    text = (await opened(pdf([table_page(names, *amounts)]))).pages[0].text
    assert [" ".join(line.split()) for line in text.strip("`").split("\n")[1:7]] == [
        f"Item number {i} of all {i + 2},500 {i + 2},510" for i in range(6)
    ]
    labels = ["Basic salary:", "Overtime:", "Bonus:", "Paid to:", "Gross pay:", "Net pay:"]
    said = ["3200.00", "150.00", "200.00", "John Smith", "3550.00", "2700.00"]
    text = (await opened(pdf([table_page(labels, said)]))).pages[0].text
    assert all(
        any(label in line and value in line for line in text.split("\n"))
        for label, value in zip(labels, said, strict=True)
    )


async def test_a_page_whose_tables_are_whole_or_whose_text_is_in_columns_stays_as_it_is() -> None:
    whole = grid([["Item", "First", "Second"], *([f"Item {i}", f"{i}.50", f"{i}.75"] for i in range(6))])
    assert "| Item 3 | 3.50 | 3.75 |" in (await opened(pdf([whole]))).pages[0].text
    prose = [f"This is what stands in line {i}" for i in range(12)]
    columns = lines(prose, x=60, top=500) + lines(prose, x=330, top=500)
    numbers = [[f"{i + 2},5{j}0" for i in range(6)] for j in range(2)]
    both = table_page([f"Item number {i} of all" for i in range(6)], *numbers) + columns
    assert "```" not in (await opened(pdf([both]))).pages[0].text


async def test_a_blank_page_asked_for_alone_does_not_make_the_document_empty() -> None:
    blank = await opened(pdf([BODY, ""]), pages="2")
    assert (blank.pages[0].text, blank.notes) == ("", ())
    assert (await opened(pdf([""]))).notes == ("the document is empty",)
