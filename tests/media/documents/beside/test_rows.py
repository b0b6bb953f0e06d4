"""Tables of a PDF without lines between their rows, as statements, payslips and reports of laboratories have them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from types import SimpleNamespace

from support.made_documents import pdf, text_at

from glm_mcp.media.documents.common.rows import in_rows
from glm_mcp.media.documents.pdf import pdf_job

_COLUMNS = (40, 100, -380, -460, -550)  # where each begins, or -where it ends
_HEAD = ("Date", "Description", "Paid out", "Paid in", "Balance")


def drawn(rows: Sequence[Sequence[str]], columns: Sequence[int] = _COLUMNS) -> str:
    """Rows 13 points apart. Numbers end where their column does; those of Helvetica are 0.556 of its size wide."""
    text = ""
    for n, row in enumerate(rows):
        for x, words in zip(columns, row, strict=True):
            wide = 9 * sum(0.278 if c in ",. " else 0.556 for c in words)
            text += text_at(x if x > 0 else -x - wide, 740 - 13 * n, words, 9) if words else ""
    return text


def read(*rows: Sequence[str], columns: Sequence[int] = _COLUMNS) -> list[str]:
    facts, _ = pdf_job(io.BytesIO(pdf([drawn(rows, columns)])), {"name": "a.pdf"})
    return [line for line in str(facts["pages"][0][2]).split("\n") if line]


def test_each_row_of_a_statement_stands_by_itself_with_its_amounts_in_their_columns() -> None:
    rows = [
        ("01 Jan", "Balance brought forward", "", "", "1,000.00"),
        ("01 Jan", "CARD PAYMENT", "56.34", "", "943.66"),
        ("02 Jan", "TRANSFER TO J SMITH", "104.26", "", ""),
        ("", "DIRECT DEBIT GAS", "190.48", "", "648.92"),
        ("04 Jan", "REFUND", "", "40.26", ""),
        ("05 Jan", "CARD PAYMENT", "174.81", "", "514.37"),
        ("", "DIRECT DEBIT GAS", "279.25", "", ""),
        ("07 Jan", "SALARY", "", "237.69", "472.81"),
    ]
    assert read(_HEAD, *rows)[2:] == [f"| {' | '.join(row)} |" for row in rows]


def test_the_first_entry_does_not_stand_in_the_head() -> None:
    rows = [
        ("", "Lidl 22 Ref 9", "", "797.40", ""),
        ("02 Jan", "TRANSFER TO J SMITH", "31.29", "", "1,866.11"),
        ("", "DIRECT DEBIT GAS", "367.53", "", ""),
        ("", "CARD PAYMENT", "552.20", "", "946.38"),
        ("05 Jan", "CARD PAYMENT", "59.29", "", "887.09"),
        ("06 Jan", "REFUND", "", "204.41", "1,091.50"),
    ]
    shown = read(_HEAD, *rows)
    assert (shown[0], shown[2:]) == (f"| {' | '.join(_HEAD)} |", [f"| {' | '.join(row)} |" for row in rows])


def test_sums_that_the_parser_put_into_one_cell_come_as_they_are_laid_out() -> None:
    rows = [
        ("Region", "Rate", "a day"),
        ("East", "26.19", "57.86"),
        ("West", "25.37", "8.40"),
        ("North", "5.25", "4.69"),
    ]
    items = [
        SimpleNamespace(text=text, x=x, y=20.0 * n, width=30.0, height=10.0, rotation=0)
        for n, row in enumerate(rows)
        for text, x in zip(row, (10.0, 110.0, 210.0), strict=True)
    ]
    page = SimpleNamespace(text="\n".join("   ".join(row) for row in rows), text_items=items)
    head, *below = [f"| {a} | {b} {c} |" for a, b, c in rows]
    shown = in_rows(page, "\n".join((head, "|---|---|", *below))).split("\n")[1:-1]
    assert [line.split() for line in shown] == [" ".join(row).split() for row in rows]
    assert len({line.index(row[2]) + len(row[2]) for line, row in zip(shown[1:], rows[1:], strict=True)}) == 1


def test_a_flag_stands_beside_the_value_that_is_too_high() -> None:
    rows = [
        ("Haemoglobin", "13.2", "g/dL", "13.0 - 17.0", ""),
        ("White cells", "11.9", "x10/L", "4.0 - 11.0", "H"),
        ("Platelets", "150", "x10/L", "150 - 400", ""),
        ("Sodium", "133", "mmol/L", "135 - 145", "L"),
        ("Filtration", "90", "mL/min", "60 - 120", ""),
    ]
    head = ("Test", "Result", "Unit", "Reference", "Flag")
    shown = read(head, *rows, columns=(40, -220, 240, 320, 450))
    assert shown[2:] == [f"| {' | '.join(row)} |" for row in rows]


def test_rows_that_could_be_parted_in_two_ways_come_as_they_are_laid_out() -> None:
    rows = [
        (f"0{n} Jan", words, *amounts)
        for n, (words, amounts) in enumerate(
            [("Shop", ("45.10", "", "")), ("Refund", ("", "45.10", ""))] * 4, 1
        )
    ]
    shown = read(_HEAD, *rows)
    assert shown[0] == "```text"
    assert [line.split() for line in shown[2:-1]] == [
        [word for cell in row for word in cell.split()] for row in rows
    ]
    ends = [line.index("45.10") for line in shown[2:-1]]
    assert ends[0] < ends[1]


def test_a_row_whose_words_take_two_lines_stays_one() -> None:
    rows = [("01 Jan", "Chairs, four of them, in", "56.34"), ("", "oak", ""), ("02 Jan", "A table", "104.26")]
    shown = read(("Date", "What", "Price"), *rows, ("03 Jan", "A lamp", "9.00"), columns=(40, 100, -380))
    assert "| 01 Jan | Chairs, four of them, in oak | 56.34 |" in shown


def test_what_came_in_and_what_went_out_stay_apart_though_no_row_has_both() -> None:
    shown = read(
        _HEAD,
        ("01 Jan", "Chairs, four of them, in", "56.34", "", "943.66"),
        ("", "oak", "", "", ""),
        ("02 Jan", "A table", "104.26", "", "839.40"),
        ("03 Jan", "Refund", "", "10.00", "849.40"),
    )
    out, into = (next(line for line in shown if word in line) for word in ("104.26", "10.00"))
    assert shown[0] == "```text"
    assert out.index("104.26") + len("104.26") < into.index("10.00")


def test_amounts_below_lines_of_words_stand_in_their_columns() -> None:
    row = [("01 Jan", "CARD PAYMENT", "56.34", "", "943.66"), ("02 Jan", "SALARY", "", "100.00", "")]
    rows = [line for one in row * 4 for line in (one, ("", "REF 4711/ABC 2023", "", "", ""))]
    shown = read(_HEAD, *rows)
    out, into = (next(line for line in shown if word in line).index(word) for word in ("56.34", "100.00"))
    assert shown[0] == "```text"
    assert out + len("56.34") < into


def test_values_of_a_ticket_stand_beside_their_names() -> None:
    rows = [
        ("Order number", "ABC123"),
        ("Outward", "12.05.2023"),
        ("from Berlin Hbf", "08:04, platform 5"),
        ("to Munich Hbf", "12:02, platform 18"),
        ("Train", "ICE 1001"),
        ("Coach and seat", "12 / 45"),
    ]
    shown = read(*rows, columns=(40, 200))
    assert all(any(name in line and value in line for line in shown) for name, value in rows)


def test_addresses_side_by_side_are_read_one_after_the_other() -> None:
    rows = [
        ("Bill to Anna", "Ship to Bert"),
        ("12 High Street", "7 Low Road"),
        ("Leeds LS1 4AP", "York YO1 7HH"),
    ] * 2
    assert "```" not in "".join(read(*rows, columns=(40, 200)))


def test_an_address_whose_postal_code_is_on_its_second_line_is_one_row() -> None:
    laid_out = [
        "1   Northern Tolls     820-12   Mr. Hill   4 Quay Lane, Perth   20.50",
        "2   Harbour Lamps      821-11   Mr. Dale   9 Mole Road, Leith -   31.25",
        "    Private Limited                        110032",
        "3   Ropes              821-05   Ms. Ford   7 Sail Street, Wick   17.00",
    ]
    table = [
        "| 1 | Northern Tolls | 820-12 | Mr. Hill | 4 Quay Lane, Perth | 20.50 |",
        "|---|---|---|---|---|---|",
        "| 2 | Harbour Lamps Private Limited | 821-11 | Mr. Dale | 9 Mole Road, Leith - 110032 | 31.25 |",
        "| 3 | Ropes | 821-05 | Ms. Ford | 7 Sail Street, Wick | 17.00 |",
    ]
    page = SimpleNamespace(text="\n".join(laid_out), text_items=[])
    assert in_rows(page, "\n".join(table)).split("\n") == table


def test_a_row_with_fewer_cells_than_its_head_stays_as_it_is() -> None:
    written = "| Date | InOut |\n| --- | --- |\n| January\n| February | 45 |"
    page = SimpleNamespace(text="Date  In  Out\nJanuary\nFebruary  4  5\n", text_items=[])
    assert in_rows(page, written) == written
