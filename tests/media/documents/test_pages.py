"""Which pages are meant, how pages become one text, and how they are cut into parts."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cases import each

from glm_mcp.errors import InvalidRequest
from glm_mcp.glm.messages import count_tokens
from glm_mcp.media.documents.markdown import table
from glm_mcp.media.documents.pages import choose, pieces, to_markdown
from glm_mcp.media.types import Document, Page


@each(
    ("spec", "numbers"),
    [
        (None, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        ("", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        ("all", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        ("3", [3]),
        ("1-5", [1, 2, 3, 4, 5]),
        ("2,5-7", [2, 5, 6, 7]),
        ("2，5–7、9", [2, 5, 6, 7, 9]),
        ("10-", [10]),
        ("-3", [1, 2, 3]),
        ("last", [10]),
        ("9-last", [9, 10]),
        ("7, 3, 3", [3, 7]),
        ("5-3", [3, 4, 5]),
        ("8-99", [8, 9, 10]),
        ("page 4", [4]),
        ("pages 4-5", [4, 5]),
        ("第4页", [4]),
    ],
)
def test_pages_are_understood(spec: str | None, numbers: list[int]) -> None:
    assert choose(spec, 10, "a.pdf") == numbers


@each("spec", ["0", "-0", "0-3", "11", "11-12", "20-", "--3", "1-2-3", "two", "1.5", "-", ",", "²"])
def test_pages_that_are_not_there_are_refused_with_a_hint(spec: str) -> None:
    if spec == "-":
        assert len(choose(spec, 10, "a.pdf")) == 10
        return
    with pytest.raises(InvalidRequest, match="pages=") as caught:
        choose(spec, 10, "a.pdf")
    assert "'1-5'" in caught.value.hint


def test_a_name_is_taken_before_a_number() -> None:
    names = ["Summary", "2021", "Q1, Q2"]
    assert choose("2021", 3, "a.xlsx", unit="sheet", names=names) == [2]
    assert choose("q1, q2", 3, "a.xlsx", unit="sheet", names=names) == [3]
    assert choose("summary,3", 3, "a.xlsx", unit="sheet", names=names) == [1, 3]


def test_out_of_range_names_the_number_of_pages() -> None:
    with pytest.raises(InvalidRequest, match=r"a\.pdf has 10 pages"):
        choose("11", 10, "a.pdf")


def document(*pages: Page) -> Document:
    return Document("a.pdf", "pdf", pages, len(pages))


def test_marks_say_where_a_page_begins_and_a_single_page_needs_none() -> None:
    two = document(Page(1, "page 1", "one"), Page(2, "page 2", "", "scanned"))
    assert (
        to_markdown(two)
        == "[page 1]\n\none\n\n[page 2]\n\n(no text layer: a picture of the page is needed)\n"
    )
    assert to_markdown(document(Page(1, "text", "alone"))) == "alone\n"


def test_a_page_too_long_is_cut_between_rows_and_the_head_is_repeated() -> None:
    rows = [["id", "name"], *([str(i), f"name of {i}"] for i in range(2000))]
    cut = pieces(Page(1, "sheet 'A'", table(rows), "figure"), 1000)
    assert len(cut) > 5
    assert all(count_tokens(p.text) <= 1000 for p in cut)
    assert all(p.text.startswith("| id | name |\n| --- | --- |\n") for p in cut)
    assert [p.as_image for p in cut] == ["figure", *[""] * (len(cut) - 1)]
    assert cut[1].label == f"sheet 'A', piece 2 of {len(cut)}"
    seen = [line for p in cut for line in p.text.splitlines()[2:]]
    assert seen == [f"| {i} | name of {i} |" for i in range(2000)]


def test_a_code_block_that_is_cut_stays_a_code_block_in_each_piece() -> None:
    code = "```python\n" + "\n".join(f"x{i} = {i}" for i in range(2000)) + "\n```"
    cut = pieces(Page(1, "text", code), 800)
    assert len(cut) > 3
    assert all(p.text.startswith("```python\n") and p.text.endswith("\n```") for p in cut)


@each(
    "head",
    ["| " + "w" * 3_000 + " |\n| --- |", "```" + "w" * 3_000, "`" * 3_000, "```" + "w " * 3_000],
    ids=["table", "info", "fence", "words"],
)
def test_a_head_as_long_as_a_piece_does_not_make_a_page_many_times_as_long(head: str) -> None:
    row = "| " + "row " * 30 + "|\n"
    page = Page(1, "text", f"{head}\n{row * 2_000}")
    cut = pieces(page, 1_000)
    assert sum(len(p.text) for p in cut) < 3 * len(page.text)


@settings(max_examples=60)
@given(st.lists(st.text("ab 中\n|#`", max_size=400), min_size=1, max_size=6), st.integers(40, 200))
def test_no_character_is_lost_when_pages_are_cut(texts: list[str], budget: int) -> None:
    pages = [Page(n, f"page {n}", text) for n, text in enumerate(texts, 1)]
    for page in pages:
        got = "".join(p.text for p in pieces(page, budget))
        for char in "ab中#":
            assert got.count(char) >= page.text.count(char)
