"""Small files, each for a kind of loss that programs of this kind are known for: what must be read from it, and what
must not be there.
"""

from __future__ import annotations

import io
import shutil
from typing import Any

import pytest
from support.cases import each
from support.connect import Connect
from support.jobs import document_job
from support.paths import DATA
from support.toolkit import call, text_of

from glm_mcp.server.app import Folders

pytestmark = pytest.mark.anyio

CASES = DATA / "cases"
# File, what is read word for word and in this order, what is not in the answer.
READ: list[tuple[str, list[str], list[str]]] = [
    (
        "docx_numbered_clauses_with_prose.docx",
        [
            "# Contract",
            "1. Scope",
            "\n\nProse",
            "2. Fees",
            "\n\nProse",
            "3. Term",
            "\n\nProse",
            "4. Liability",
        ],
        [],
    ),
    (
        "docx_image_no_rel.docx",
        [
            "Text one",
            "[picture: Graph of sales]",
            "Text two",
            "pictures that the file does not hold: paragraph 2",
        ],
        ["KeyError"],
    ),
    (
        "docx_bad_link.docx",
        ["See dangling link now", "links whose target the file does not name: paragraph 1"],
        ["KeyError"],
    ),
    (
        "docx_note_missing.docx",
        ["Text one Text two", "footnotes that the file does not hold: paragraph 1"],
        ["KeyError"],
    ),
    ("docx_main_part_named_otherwise.docx", ["# Stored elsewhere", "foxtrot-8812"], []),
    ("docx_textbox.docx", ["Body before", "pay by 4 May", "room 7B", "gate 12", "Body after"], []),
    (
        "docx_chart.docx",
        ["Sales by region:", "Chart:", "|  | Q1 |", "| North | 11.5 |", "| East | 33.5 |"],
        [],
    ),
    (
        "docx_header_glued.docx",
        ["Body text.", "[page header: ACME Corporation / Confidential / Doc no. 4711 ; Rev B / Draft stamp]"],
        ["CorporationConfidential"],
    ),
    ("html_bold_space.html", ["This line includes all charges and fees, one *two*."], []),
    (
        "html_newsletter_nested_tables.html",
        [
            "# Spring news",
            "[Read where](https://example.com/move)",
            "## Offers",
            "- Tea, 3 euros\n- Coffee, 4 euros",
            "[All offers](https://example.com/offers)",
        ],
        ["| "],
    ),
    ("html_mathml.html", ["The energy E=mc^{2} is known.", r"\frac{a+b}{\sqrt{c}}"], ["mc2", "E=mc^{2}E"]),
    (
        "eml_html_body_plain_footer.eml",
        ["Subject: Budget decision", "**480,000 euros** november-3390", "listinfo/dev"],
        [],
    ),
    (
        "eml_forwarded_as_attachment.eml",
        [
            "Please check.",
            "- Invoice overdue.eml",
            "[attached mail: Invoice overdue.eml]",
            "From: c@example.net",
            "oscar-8827",
        ],
        [],
    ),
    (
        "epub_xml_declaration.epub",
        ["# Chapter a", "Text of chapter a.", "author: Jane Q. Author", "description: What it is about."],
        ["xml version"],
    ),
    ("pptx_as_ppsx.ppsx", ["# Slide show yankee-66", "Body"], []),
    ("pptx_strict.pptx", ["# Bullets", "- Level one\n  - Level two"], []),
    (
        "pptx_shape_without_geometry.pptx",
        [
            "# Roadmap alpha-7731",
            "odd shape delta-5560",
            "# Sales bravo-2204",
            "| East | 33.5 |",
            "# Closing charlie-9918",
        ],
        [],
    ),
    (
        "pptx_chart_pie3d.pptx",
        ["# Roadmap alpha-7731", "Chart:", "| North | 11.5 |", "| East | 33.5 |", "# Closing charlie-9918"],
        [],
    ),
    ("pptx_alternate_content.pptx", ["# Physics", "The law of motion states F=ma"], []),
    (
        "pptx_charts.pptx",
        [
            "Chart: Revenue by region",
            "| Q2 | 20 | 7 |",
            "| series | x | y |",
            "| pts | 3 | 4.5 |",
            "| series | x | y | size |",
            "| bub | 1 | 2 | 10 |",
            "| B | 0.7 |",
        ],
        [],
    ),
    ("pptx_table.pptx", ["| H\\|1 | H2 |", "| a<br>b | c<br>d |", "| merged | merged |"], []),
    (
        "xlsx_formats.xlsx",
        [
            *("| percent | 25.6% |", "| currency | $1,234.50 |", "| euro | 1,234.50 € |", "| zip | 00123 |"),
            *(
                "| date | 2024-03-09 |",
                "| duration26h | 26:30 |",
                "| duration90m | 90:00 |",
                "| fraction | 1/2 |",
            ),
            *(
                "| sci | 6.02E+23 |",
                "| thousands | 12.5k |",
                "| neg_paren | (7) |",
                "| bigint | 123456789012345700 |",
            ),
            *(
                "| id_text | 110101199003078888 |",
                "| leading0 | 00742 |",
                "| float | 0.3 |",
                "| month | Mar-24 |",
            ),
        ],
        ["0.256", "1 day"],
    ),
    (
        "xlsx_far_row.xlsx",
        ["[A1]", "| start |", "[B1048576]", "| deep |", "used blocks: A1, B1048576; the empty area"],
        ["|  |  |"],
    ),
    (
        "xlsx_comment_and_single_sheet_name.xlsx",
        ["[sheet 'Budget 2026 kilo-4402']", "| Rent | 1200 |", "- B2, Ann: Rises in May: lima-7719"],
        [],
    ),
    (
        "pdf_typed_on_freetext.pdf",
        [
            "Name: Amount:",
            "Typed on the page:",
            "- Victor Hugo victor-31",
            "- 9,450 euros",
            "Notes on the page:",
            "whiskey-44",
        ],
        [],
    ),
    ("pdf_annots.pdf", ["500 francs.", "Typed on page: approved", "Sticky: price must be 550"], []),
    (
        "pdf_rotated_table_on_portrait_page.pdf",
        [
            "Table 4: Results by region quebec-6120",
            "| Region | 2023 | 2024 | 2025 |",
            "| East | 303 | 313 | 323 |",
            "page 17",
        ],
        [],
    ),
]


@each(("name", "wanted", "unwanted"), READ, ids=[row[0] for row in READ])
async def test_nothing_of_it_is_lost_without_a_word(
    connect: Connect, folders: Folders, name: str, wanted: list[str], unwanted: list[str]
) -> None:
    shutil.copy(CASES / name, folders.cwd / name)
    async with connect() as client:
        result: Any = await call(client, "read_document", documents=name, max_chars=100_000)
    text = text_of(result)
    assert not result.is_error, text
    at = 0
    for words in wanted:
        place = text.find(words, at)
        assert place >= 0, (words, text)
        at = place + 1
    assert [words for words in unwanted if words in text] == []


def test_a_workbook_whose_parts_are_named_with_backslashes_is_read() -> None:
    facts, _ = document_job(io.BytesIO((CASES / "xlsx_backslash.xlsx").read_bytes()), {"name": "a.xlsx"})
    (page,) = facts["pages"]
    assert page[1] == "sheet 'S'"
    assert "| TRUE | 12 | 2026-01-05 | 1 |" in page[2]
