"""Kindle books: their chapters, however their text is packed."""

from __future__ import annotations

import io
import struct
from typing import Any

import pytest
from support.jobs import document_job
from support.made_mobi import exth, mobi, packed

from glm_mcp.errors import InvalidRequest, UnsupportedMedia


def read(data: bytes, **params: Any) -> dict[str, Any]:
    return document_job(io.BytesIO(data), {"name": "a.mobi", **params})[0]


OLD = "<html><body><h1>Erster Teil</h1><p>Grüße, Grüße, Grüße</p><mbp:pagebreak/><h1>Zweiter</h1><p>Ende</p></body></html>"
CHAPTERS = ["# Erster Teil\n\nGrüße, Grüße, Grüße", "# Zweiter\n\nEnde"]


@pytest.mark.parametrize(("code", "encoding"), [(65001, "utf-8"), (1252, "cp1252")])
@pytest.mark.parametrize("packing", [1, 2])
def test_a_book_is_read_by_chapters_with_what_it_says_of_itself(
    code: int, encoding: str, packing: int
) -> None:
    data = mobi(
        OLD.encode(encoding), code=code, packing=packing, about=exth({100: "A. Writer", 503: "Title"})
    )
    facts = read(data)
    first = f"{CHAPTERS[0]}\n\n[author: A. Writer]\n[title: Title]"
    assert [row[:3] for row in facts["pages"]] == [(1, "chapter 1", first), (2, "chapter 2", CHAPTERS[1])]
    assert [row[2] for row in read(data, pages="2")["pages"]] == CHAPTERS[1:]


def test_what_follows_the_text_in_a_record_and_after_its_records_is_no_text() -> None:
    text = OLD.encode()
    pieces = [text[:40], text[40:]]
    # A byte of the next record's first letter, and a block of three bytes whose size stands at its end.
    records = [packed(piece) + b"?\1" + b"xx\x83" for piece in pieces]
    assert [row[2] for row in read(mobi(b"", records=records, trailing=3))["pages"]] == CHAPTERS


def test_of_a_newer_book_the_files_are_chapters_and_styles_are_left_out() -> None:
    files = [
        f'<?xml version="1.0"?><html><head><title>x</title></head><body></body></html>{inner}'
        for inner in ("<h1>Erster Teil</h1><p>Grüße, Grüße, Grüße</p>", "<h1>Zweiter</h1><p>Ende</p>")
    ]
    text = "".join(files).encode()
    flows = b"FDST" + struct.pack(">2I4I", 12, 2, 0, len(text), len(text), len(text) + 9)
    facts = read(mobi(text + b"p{top:1}", version=8, more=[flows]))
    assert [row[2] for row in facts["pages"]] == CHAPTERS


def test_a_book_that_is_locked_or_cannot_be_unpacked_is_refused_with_what_to_do() -> None:
    for data, error, words in (
        (mobi(b"<p>x</p>", locked=2), InvalidRequest, "is copy-protected"),
        (mobi(b"<p>x</p>", packing=17480), UnsupportedMedia, "packed in a way that is not read here.*EPUB"),
        (mobi(b"", records=[b"\x80\x18"]), UnsupportedMedia, "is damaged.*EPUB"),
        (mobi(b"<p> </p>"), UnsupportedMedia, "holds no text.*EPUB"),
        (mobi(b"<p>x</p>")[:90], UnsupportedMedia, "is damaged.*EPUB"),
    ):
        with pytest.raises(error, match=words):
            read(data)
