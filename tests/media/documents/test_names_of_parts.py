"""Parts whose names have signs that no address has: written as numbers in the archive, in what names them, or in both."""

from __future__ import annotations

import io

from support.cases import each
from support.format_samples import READ
from support.jobs import document_job
from support.made_books import book
from support.made_documents import zipped
from support.specimens import members


def text(data: bytes, name: str) -> str:
    facts, _ = document_job(io.BytesIO(data), {"name": name, "pages": None})
    assert not facts["notes"]
    return "\n".join(page[2] for page in facts["pages"])


@each("named", ["slides/my%20slide.xml", "slides/my slide.xml"])
@each("held", ["my%20slide.xml", "my slide.xml"])
def test_a_slide_is_found_however_the_blank_in_its_name_is_written(held: str, named: str) -> None:
    name, made = READ["pptx"]
    parts = members(made())
    before = text(zipped(parts), name)
    parts[f"ppt/slides/{held}"] = parts.pop("ppt/slides/slide1.xml")
    beside = parts.pop("ppt/slides/_rels/slide1.xml.rels", None)
    if beside is not None:
        parts[f"ppt/slides/_rels/{held}.rels"] = beside
    links = "ppt/_rels/presentation.xml.rels"
    parts[links] = parts[links].replace(b"slides/slide1.xml", named.encode())
    assert text(zipped(parts), name) == before


def test_a_chapter_is_found_whose_name_is_written_with_numbers_in_the_archive_too() -> None:
    assert "The chapter." in text(book({"a%20b.xhtml": "<p>The chapter.</p>"}, ["a%20b.xhtml"]), "a.epub")


def test_of_two_parts_whose_names_are_alike_so_written_both_are_read() -> None:
    chapters = {"a b.xhtml": "<p>First.</p>", "a%2520b.xhtml": "<p>none</p>", "a%20b.xhtml": "<p>Second.</p>"}
    held = members(book(chapters, ["a b.xhtml", "a%2520b.xhtml"]))
    del held["OPS/a%2520b.xhtml"]
    assert text(zipped(held), "a.epub").split() == ["First.", "Second."]
