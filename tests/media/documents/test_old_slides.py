"""Presentations before PPTX: each slide a page with its texts, tables and notes."""

from __future__ import annotations

import io
from typing import Any

import pytest
from support.jobs import document_job
from support.made_outlook import compound
from support.made_slides import grid, placeholder, shape, show, slide, words

from glm_mcp.errors import InvalidRequest, UnsupportedMedia


def job(data: bytes, **params: Any) -> dict[str, Any]:
    return document_job(io.BytesIO(data), {"name": "old.ppt", **params})[0]


def test_each_slide_is_a_page_with_its_title_first() -> None:
    first = slide(placeholder(1), placeholder(0)), words("Plan 计划", 0) + words("one\rtwo", 1)
    second = slide(shape(words("A box of its own", 4)), hidden=True), b""
    facts = job(show([first, second]))
    assert (facts["kind"], facts["total"]) == ("ppt", 2)
    assert [page[1] for page in facts["pages"]] == ["slide 1", "slide 2 (hidden)"]
    assert [page[2] for page in facts["pages"]] == ["# Plan 计划\n\none\ntwo", "A box of its own"]
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
