"""Tables that name one place again and again, or spread what they hold over more places than it has: read in a moment."""

from __future__ import annotations

import io
import time
from collections.abc import Callable

from support.cases import each
from support.format_samples import READ
from support.jobs import document_job
from support.made_documents import docx, para, zipped
from support.specimens import members

BEGINS = '<w:vMerge w:val="restart"/>'
MOST_S = (
    3.0  # of computing; each took from seven seconds to a minute and more, or more memory than a reader gets
)
HI, END = (
    '<c r="A1" t="inlineStr"><is><t>hi</t></is></c>',
    '<c r="CZ200" t="inlineStr"><is><t>end</t></is></c>',
)
TWO = f'<row r="1">{HI}</row><row r="200">{END}</row>'


def workbook(rows: str, behind: str = "") -> bytes:
    """The sample with these rows in its first sheet."""
    held = members(READ["xlsx"][1]())
    space = "http://schemas.openxmlformats.org"
    held["xl/worksheets/sheet1.xml"] = (
        f'<worksheet xmlns="{space}/spreadsheetml/2006/main" xmlns:r="{space}/officeDocument/2006/relationships">'
        f"<sheetData>{rows}</sheetData>{behind}</worksheet>"
    ).encode()
    held["xl/worksheets/_rels/sheet1.xml.rels"] = (
        f'<Relationships xmlns="{space}/package/2006/relationships"><Relationship Id="h1" '
        f'Type="{space}/officeDocument/2006/relationships/hyperlink" Target="https://a.example/" TargetMode="External"/>'
        "</Relationships>"
    ).encode()
    return zipped(held)


def merged_again() -> bytes:
    return workbook(TWO, "<mergeCells>" + '<mergeCell ref="A1:CV100"/>' * 100_000 + "</mergeCells>")


def linked_again() -> bytes:
    return workbook(TWO, "<hyperlinks>" + '<hyperlink ref="A1" r:id="h1"/>' * 100_000 + "</hyperlinks>")


def letters(column: int) -> str:
    first, second = divmod(column, 26)
    return (chr(64 + first) if first else "") + chr(65 + second)


def far_apart() -> bytes:
    """A long column, and below it cells so far from each other that each is a table of its own."""
    column = "".join(f'<row r="{n}"><c r="A{n}"><v>{n}</v></c></row>' for n in range(1, 200_000))
    last = "".join(f'<c r="{letters(at)}200000"><v>7</v></c>' for at in range(0, 700, 31))
    return workbook(f'{column}<row r="200000">{last}</row>')


def cell_of_word(wide: int, text: str, merged: str = "") -> str:
    return f'<w:tc><w:tcPr><w:gridSpan w:val="{wide}"/>{merged}</w:tcPr>{para(text) if text else "<w:p/>"}</w:tc>'


def wide_in_word() -> bytes:
    first = f"<w:tr>{cell_of_word(1000, 'word ' * 20, BEGINS)}</w:tr>"
    below = f"<w:tr>{cell_of_word(1000, '', '<w:vMerge/>')}</w:tr>"
    return docx(f"<w:tbl>{first}{below * 8_000}</w:tbl>")


def set_in_in_word() -> bytes:
    row = f'<w:tr><w:trPr><w:gridBefore w:val="1000"/></w:trPr><w:tc>{para("x")}</w:tc></w:tr>'
    return docx(f"<w:tbl>{row * 20_000}</w:tbl>")


MADE: dict[str, tuple[str, Callable[[], bytes]]] = {
    "cells merged again and again": ("a.xlsx", merged_again),
    "links of one cell": ("a.xlsx", linked_again),
    "cells far apart": ("a.xlsx", far_apart),
    "wide cells of Word, merged downwards": ("a.docx", wide_in_word),
    "rows of Word set in": ("a.docx", set_in_in_word),
}


@each("what", MADE)
def test_a_table_costs_what_it_holds(what: str) -> None:
    name, made = MADE[what]
    data = made()
    began = time.process_time()
    facts, _ = document_job(io.BytesIO(data), {"name": name, "pages": None})
    assert time.process_time() - began < MOST_S
    assert 0 < sum(len(page[2]) for page in facts["pages"]) < 6_000_000


def test_a_cell_leads_to_one_address_however_often_it_is_linked() -> None:
    facts, _ = document_job(io.BytesIO(linked_again()), {"name": "a.xlsx", "pages": None})
    assert "| [hi](https://a.example/) |" in facts["pages"][0][2]


def test_blocks_that_lie_apart_are_written_each_with_its_own_cells() -> None:
    rows = "".join(
        f'<row r="{r}">{"".join(f"<c r={chr(34)}{c}{r}{chr(34)}><v>{r}</v></c>" for c in ("A", "B", "BA"))}</row>'
        for r in (1, 2, 400)
    )
    facts, _ = document_job(io.BytesIO(workbook(rows)), {"name": "a.xlsx", "pages": None})
    text = facts["pages"][0][2]
    assert "[A1:B2]\n\n| 1 | 1 |\n| --- | --- |\n| 2 | 2 |" in text
    assert "[BA1:BA2]\n\n| 1 |\n| --- |\n| 2 |" in text
    assert "[A400:B400]\n\n| 400 | 400 |" in text
    assert "[BA400]\n\n| 400 |" in text


def test_a_merged_cell_of_word_still_stands_in_all_places_that_it_covers() -> None:
    first = f"<w:tr>{cell_of_word(2, 'head', BEGINS)}{cell_of_word(1, 'a')}</w:tr>"
    second = f"<w:tr>{cell_of_word(2, '', '<w:vMerge/>')}{cell_of_word(1, 'b')}</w:tr>"
    facts, _ = document_job(
        io.BytesIO(docx(f"<w:tbl>{first}{second}</w:tbl>")), {"name": "a.docx", "pages": None}
    )
    assert "| head | head | a |\n| --- | --- | --- |\n| head | head | b |" in facts["pages"][0][2]
