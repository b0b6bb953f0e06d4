"""Presentations before PPTX: each slide a page with its texts, tables and notes."""

from __future__ import annotations

import io
from typing import Any

import pytest
from support.jobs import document_job
from support.made_documents import docx, para
from support.made_formulas import SHOWN, a_little_of_all
from support.made_outlook import compound
from support.made_slides import (
    added,
    datasheet,
    deep,
    grid,
    looks,
    numbered,
    of_object,
    placeholder,
    record,
    shape,
    show,
    slide,
    words,
)

from glm_mcp.errors import InvalidRequest, UnsupportedMedia


def job(data: bytes, **params: Any) -> dict[str, Any]:
    return document_job(io.BytesIO(data), {"name": "old.ppt", **params})[0]


def test_each_slide_is_a_page_with_its_title_first() -> None:
    first = slide(placeholder(1), placeholder(0)), words("Plan 计划", 0) + words("one\rtwo", 1)
    second = slide(shape(words("A box of its own", 4)), hidden=True), b""
    facts = job(show([first, second]))
    assert (facts["kind"], facts["total"]) == ("ppt", 2)
    assert [page[1] for page in facts["pages"]] == ["slide 1", "slide 2 (hidden)"]
    assert [page[2] for page in facts["pages"]] == ["# Plan 计划\n\n- one\n- two", "A box of its own"]
    assert job(show([first, second]), pages="2")["pages"][0][2] == "A box of its own"


def test_a_table_notes_and_a_footer_that_slides_share_are_read() -> None:
    data = show(
        [
            (slide(grid([["Item", "Qty"], ["Tea", "3"]]), notes=500, footer="Secret"), b""),
            (slide(footer="Secret"), b""),
        ],
        [slide(shape(words("Say hello", 2)))],
    )
    first, second = (page[2] for page in job(data)["pages"])
    assert first == "| Item | Qty |\n| --- | --- |\n| Tea | 3 |\n\nNotes: Say hello\n\n[page footer: Secret]"
    assert second == ""


_FONTS = ["Times New Roman", "Symbol", "Wingdings", "Webdings"]


def test_signs_of_symbol_fonts_and_what_stands_high_or_low_are_read() -> None:
    text = words("x2 \uf0ce A\uf0e0\U00020bb7\uf0ceb1", 1) + looks(
        (1, None, 0),
        (1, None, 30),
        (3, 1, 0),
        (1, None, 0),
        (1, 2, 0),
        (4, 1, 0),
        (1, None, -25),
        (1, None, 0),
    )
    cell = words("a2", 4) + looks((1, None, 0), (1, None, 30), (1, None, 0))
    title = words("\uf047 function", 0) + looks((11, 1, 0))
    data = show([(slide(placeholder(0), placeholder(1), shape(cell)), title + text)], fonts=_FONTS)
    assert job(data)["pages"][0][2] == "# Γ function\n\n- x^2^ ∈ A→𠮷∈b~1~\n\n- a^2^"


def test_signs_without_a_letter_are_told_and_a_text_that_is_only_moved_is_not_marked() -> None:
    sign = words("a\uf0ffb", 4) + looks((1, None, 0), (1, 3, 0), (2, None, 0))
    moved = words("Part one", 4) + looks((9, None, 20))
    facts = job(show([(slide(shape(sign), shape(moved)), b"")], fonts=_FONTS))
    assert facts["pages"][0][2] == "- ab\n\n- Part one"
    assert "left out, signs of the font Webdings: slide 1" in facts["notes"]


def test_paragraphs_have_their_numbers() -> None:
    """Counted by depth and scheme, not over paragraphs that say nothing, in a shape and in the list of slides."""
    text = words("one\rdeep\rdeeper\r\rtwo\rplain\rfresh", 4)
    said = deep((4, 0, 0), (5, 1, 1), (7, 1, 1), (1, 0, 2), (4, 0, 2), (6, 0, 3), (6, 0, 4))
    box = shape(text, said, about=added(numbered((2, 1), (18, 3), (2, 1), None, (16, 10))))
    body = words("x\ry", 1) + deep((2, 0, 0), (2, 0, 0))
    data = show([(slide(box, placeholder(0)), body)], numbers=[(256, 1, numbered((9, 27)))])
    assert job(data)["pages"][0][2] == (
        "1) one\n  ③ deep\n  ④ deeper\n2) two\nplain\n十 fresh\n\naa) x\nbb) y"
    )


def test_deeper_paragraphs_are_items_and_code_keeps_its_indentation() -> None:
    levels = words("one\rdeep", 4) + deep((4, 0, 0), (5, 1, 0))
    code = words("  SELECT name\x0b    FROM t\r  \tWHERE a=1", 4)
    page = job(show([(slide(shape(levels), shape(code)), b"")]))["pages"][0][2]
    assert page == "one\n  - deep\n\nSELECT name\n  FROM t\n  WHERE a=1"


def test_numbers_of_more_groups_than_a_text_can_name_are_right_and_damaged_ones_cost_nothing_else() -> None:
    text = words("\r".join("abcdefghijklmnopqrst"), 4) + deep(*((2, 0, i) for i in range(20)))
    whole = numbered(*(None if i % 2 else (3, i) for i in range(20)))
    page = job(show([(slide(shape(text, about=added(whole))), b"")]))["pages"][0][2]
    assert page.split("\n")[-4:] == ["16. q", "r", "18. s", "t"]
    for end in range(8, len(whole), 7):
        cut = record(0x0FAC, whole[8:end], plain=True)
        page = job(show([(slide(shape(text, about=added(cut))), b"")]))["pages"][0][2]
        assert page.endswith("s\nt")


def test_a_text_whose_looks_are_cut_off_or_of_no_text_is_read() -> None:
    for end in range(8, 40):
        said = record(0x0FA1, looks((1, None, 0), (1, None, 30), (1, None, 0))[8:][: end - 8], plain=True)
        page = job(show([(slide(shape(said, words("x2", 4), said, said)), b"")]))["pages"][0][2]
        assert page.removeprefix("- ") in ("x2", "x^2^")


def test_a_text_of_a_slide_that_no_shape_shows_is_read_too() -> None:
    assert job(show([(slide(), words("Only in the list", 1))]))["pages"][0][2] == "Only in the list"


def test_a_presentation_that_cannot_be_read_says_what_to_do() -> None:
    with pytest.raises(InvalidRequest, match="without a password"):
        job(show([(slide(), b"")], locked=True))
    with pytest.raises(UnsupportedMedia, match="PowerPoint before 97"):
        job(compound({"PP40": b"x"}))
    with pytest.raises(UnsupportedMedia, match="damaged"):
        job(compound({"PowerPoint Document": b"x", "Current User": b"x"}))


def test_a_presentation_without_slides_says_so() -> None:
    assert job(show([]))["pages"][0][2] == "(the presentation has no slides)"


def with_objects(*objects: tuple[str, bytes]) -> bytes:
    return show([(slide(*(of_object(1 + i) for i in range(len(objects)))), b"")], objects=objects)


def test_formulas_and_files_of_other_programs_stand_on_their_slides() -> None:
    formula = compound({"Equation Native": a_little_of_all(new=True)})
    inner = show([(slide(shape(words("Slide within", 4))), b"")])
    package = compound({"Package": docx(para("Text within"))})
    data = with_objects(
        ("Equation.DSMT4", formula), ("PowerPoint.Show.8", inner), ("Word.Document.12", package)
    )
    assert job(data)["pages"][0][2].split("\n\n") == [
        SHOWN,
        "[embedded: PowerPoint.Show.8]",
        "Slide within",
        "[embedded: Word.Document.12]",
        "Text within",
    ]


@pytest.mark.parametrize(("words_in_cells", "wide"), [("1st Qtr", False), ("第一季度", True)])
def test_the_data_of_a_chart_stands_on_its_slide(words_in_cells: str, wide: bool) -> None:
    stream = datasheet(words_in_cells, wide=wide)
    page = job(with_objects(("MSGraph.Chart.8", compound({"Workbook": stream}))))["pages"][0][2]
    assert page == (
        "[embedded: MSGraph.Chart.8]\n\n[sheet 'Datasheet']\n\n"
        f"|  | {words_in_cells} |\n| --- | --- |\n| Rent | 12.5 |"
    )


def test_an_object_that_cannot_be_read_is_named_and_said() -> None:
    broken = compound({"Workbook": b"no records of a workbook"})
    facts = job(with_objects(("Equation.3", b"nothing"), ("Excel.Sheet.8", broken)))
    assert facts["pages"][0][2] == "[embedded: Equation.3]\n\n[embedded: Excel.Sheet.8]"
    assert "left out, embedded files that cannot be read: slide 1" in facts["notes"]
