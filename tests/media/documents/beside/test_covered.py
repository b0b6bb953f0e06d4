"""Text that other text is drawn over: a label under a typed value, an amount under a stamp, words with dots of emphasis."""

from __future__ import annotations

import io
import random
import re

import pytest
from support.made_documents import lines, pdf, text_at

from glm_mcp.media.documents.pdf import pdf_job


def read(data: bytes) -> str:
    facts, _ = pdf_job(io.BytesIO(data), {"name": "a.pdf"})
    return str(facts["pages"][0][2])


def test_an_amount_under_a_stamp_is_read() -> None:
    text = read(pdf([text_at(120, 700, "Total amount due 123.45") + text_at(150, 695, "PAID", 30)]))
    assert "Total amount due 123.45" in text
    assert "PAID" in text


def test_a_label_is_read_whose_line_was_typed_over() -> None:
    form = lines(["Please fill in:", "Name: ____________________", "Town: ____________________"], step=30)
    text = read(pdf([form + text_at(120, 711, "John Smith") + text_at(118, 681, "Utrecht")]))
    places = [text.index(word) for word in ("Please", "Name:", "Town:")]
    assert places == sorted(places)
    assert "John Smith" in text
    assert "Utrecht" in text


def test_words_above_dots_of_emphasis_are_read_in_their_place() -> None:
    drawn = text_at(72, 700, "First comes this", 12) + text_at(72, 680, "then the ", 12)
    drawn += (
        text_at(120, 680, "formula", 12) + text_at(121, 675.5, "." * 12, 12) + text_at(166, 680, "here.", 12)
    )
    text = read(pdf([drawn + text_at(72, 660, "Last comes that", 12)]))
    places = [
        text.index(word) for word in ("First comes this", "then the", "formula", "here.", "Last comes that")
    ]
    assert places == sorted(places)


def test_a_label_under_an_amount_in_dollars_is_read() -> None:
    text = read(pdf([lines(["Rent: ______________"]) + text_at(105, 741, "$1,200.00")]))
    assert "Rent:" in text
    assert "1,200.00" in text


def test_a_bold_face_made_by_drawing_twice_is_read_once() -> None:
    text = read(pdf([text_at(72, 700, "Attention") + text_at(72.4, 700, "Attention")]))
    assert text.count("Attention") == 1


@pytest.mark.parametrize(
    "hidden",
    ["q 0 0 10 10 re W n {} Q\n", "q 1 1 1 rg {} Q\n", "{} q 60 690 300 30 re f Q\n"],
    ids=["outside a frame", "white on white", "under a bar"],
)
def test_what_nobody_sees_is_not_read_because_other_text_covers_it(hidden: str) -> None:
    secret = hidden.format(text_at(72, 700, "nothing for you to see"))
    assert "nothing for you" not in read(pdf([secret + text_at(100, 696, "a note above", 12)]))


def test_amounts_under_stamps_stand_in_the_row_of_each_where_the_rows_are_alike() -> None:
    rows = [(700 - 30 * n, f"{n}11.00") for n in range(1, 6)]
    drawn = "".join(
        text_at(72, y, "Amount due to the company in this month:")
        + text_at(300, y, amount)
        + text_at(310, y - 5, "PAID", 24)
        for y, amount in rows
    )
    said = read(pdf([drawn]))
    parts = said.split("Amount due")[1:]
    assert [amount in part for (_, amount), part in zip(rows, parts, strict=True)] == [True] * 5


def test_a_covered_text_after_lines_that_are_alike_stands_after_the_last_of_them() -> None:
    drawn = lines(["The same line again and again"] * 5, step=20) + text_at(72, 600, "Total due")
    said = read(pdf([drawn + text_at(80, 595, "PAID", 30)]))
    assert said.index("Total due") > said.rindex("again and again")


def test_a_stroke_in_a_covered_text_parts_no_cell_of_a_table() -> None:
    cells = [
        ("Item", "Qty", "Price"),
        ("Apple", "3 | 5", "1.50"),
        ("Pear", "12", "2.25"),
        ("Plum", "7", "0.99"),
    ]
    places = zip((72, 200, 300), zip(*cells, strict=True), strict=True)
    drawn = "".join(text_at(x, 700 - 16 * n, word) for x, column in places for n, word in enumerate(column))
    rows = read(pdf([drawn + text_at(203, 684, "44")])).split("\n")
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {4}


def test_labels_that_are_typed_over_are_all_read_where_a_form_repeats_them() -> None:
    tops = [740 - 120 * n for n in range(4)]
    form = "".join(
        lines(["Applicant", "Name: ____________________", "Town: ____________________"], top=top, step=25)
        for top in tops
    )
    typed = "".join(text_at(118, top - 24, "John Smith") + text_at(118, top - 49, "Utrecht") for top in tops)
    said = read(pdf([form + typed]))
    assert [said.count(word) for word in ("Name:", "Town:", "John Smith", "Utrecht")] == [4] * 4
    assert said.index("Name:") < said.index("Town:") < said.index("John Smith")


@pytest.mark.extreme
def test_a_document_of_costly_drawings_is_read_whole_and_says_where_it_was_not_looked_below() -> None:
    rng = random.Random(1)
    curve = " ".join(["%d"] * 2 + ["m"] + ["%d"] * 6 + ["c S\n"])
    drawing = "".join(curve % tuple(rng.randrange(600) for _ in range(8)) for _ in range(20_000))
    words = text_at(120, 700, "Total amount due 123.45") + text_at(150, 695, "PAID", 30)
    facts, _ = pdf_job(io.BytesIO(pdf([drawing + words] * 40)), {"name": "a.pdf"})
    texts = [page[2] for page in facts["pages"]]
    assert "Total amount due 123.45" in texts[0]
    assert all("PAID" in text for text in texts)
    assert re.fullmatch(r"from page \d+ on text below other text was not looked for: .*", facts["notes"][0])


def test_a_page_of_the_largest_size_is_read_too() -> None:
    drawn = text_at(120, 700, "Total amount due 123.45") + text_at(150, 695, "PAID", 30)
    assert "Total amount due 123.45" in read(pdf([drawn], size=(14_400, 14_400)))


@pytest.mark.parametrize("turned", [90, 180, 270])
def test_an_amount_under_a_stamp_is_read_on_a_turned_page(turned: int) -> None:
    across = {90: "0 1 -1 0", 180: "-1 0 0 -1", 270: "0 -1 1 0"}[turned]
    places = {90: [(142, 120), (147, 150)], 180: [(475, 142), (445, 147)], 270: [(453, 722), (448, 692)]}[
        turned
    ]
    said = [("Total amount due 123.45", 11), ("PAID", 30)]
    drawn = "".join(
        f"BT /F1 {size} Tf {across} {x} {y} Tm ({text}) Tj ET\n"
        for (text, size), (x, y) in zip(said, places, strict=True)
    )
    data = pdf([drawn]).replace(b"/Type /Page /Parent", b"/Type /Page /Rotate %d /Parent" % turned)
    assert "Total amount due 123.45" in read(data)
    assert read(data).count("PAID") == 1
