"""OpenDocument texts and slides, and e-books: everything that a reader of them sees, and the ones that cannot be read."""

from __future__ import annotations

import io
import re
import zipfile
from typing import Any

import pytest
from support.cases import each
from support.jobs import document_job
from support.made_documents import epub, odt, unzipped, zipped

from glm_mcp.errors import InvalidRequest, UnsupportedMedia


def pages(data: bytes, **params: Any) -> list[list[Any]]:
    facts, _ = document_job(io.BytesIO(data), {"name": "file", **params})
    return [list(row) for row in facts["pages"]]


def text(data: bytes) -> str:
    return str(pages(data)[0][2])


def test_an_odt_keeps_tabs_line_breaks_pictures_text_boxes_and_comments_and_not_what_was_deleted() -> None:
    body = (
        "<text:tracked-changes><text:p>deleted words</text:p></text:tracked-changes>"
        "<text:h>Without a level</text:h>"
        "<text:p>left<text:tab/>right<text:line-break/>below<office:annotation><text:p>a remark</text:p></office:annotation></text:p>"
        '<text:p><draw:frame><draw:image/><svg:title xmlns:svg="urn:s">the logo</svg:title></draw:frame></text:p>'
        "<text:p><draw:frame><draw:image/></draw:frame></text:p>"
        "<text:p><draw:frame><draw:text-box><text:p>boxed</text:p></draw:text-box></draw:frame></text:p>"
        "<draw:frame><draw:image/></draw:frame>"
    )
    assert text(odt(body)) == (
        "# Without a level\n\nleft\tright\nbelow [comment: a remark]\n\n[picture: the logo]\n\n[picture]\n\nboxed\n\n[picture]"
    )


def test_an_odt_list_goes_over_a_page_break_and_what_is_no_item() -> None:
    body = (
        "<text:list><text:list-item><text:p>one</text:p><text:soft-page-break/><text:p>more of it</text:p>"
        "</text:list-item><text:x/><text:list-item><text:p>two</text:p></text:list-item></text:list>"
    )
    assert text(odt(body)) == "- one\n  more of it\n- two"


def test_each_slide_of_an_odp_comes_with_its_notes() -> None:
    slide = (
        "<draw:page><draw:frame><draw:text-box><text:p>{}</text:p></draw:text-box></draw:frame>"
        "<presentation:notes><draw:frame><draw:text-box><text:p>say {}</text:p></draw:text-box></draw:frame>"
        "</presentation:notes></draw:page>"
    )
    deck = odt(slide.format("Plan", "hello") + slide.format("End", "goodbye"), kind="presentation")
    assert pages(deck) == [
        [1, "slide 1", "Plan\n\nNotes: say hello", ""],
        [2, "slide 2", "End\n\nNotes: say goodbye", ""],
    ]
    assert [row[0] for row in pages(deck, pages="2")] == [2]


def test_an_open_document_under_a_password_says_so() -> None:
    manifest = '<m xmlns:manifest="m"><manifest:encryption-data/></m>'
    kind = "application/vnd.oasis.opendocument.text"
    with pytest.raises(InvalidRequest, match="file is encrypted"):
        text(zipped({"mimetype": kind, "content.xml": "<x/>", "META-INF/manifest.xml": manifest}))


@pytest.mark.parametrize("parts", [{}, {"content.xml": "<x/>"}])
def test_an_open_document_without_contents_is_damaged(parts: dict[str, str]) -> None:
    with pytest.raises(UnsupportedMedia, match="file is damaged: it has no contents"):
        text(zipped({"mimetype": "application/vnd.oasis.opendocument.text", **parts}))


def test_a_drawing_and_a_stand_in_for_a_picture_are_chapters_of_an_epub_and_a_picture_alone_is_told() -> None:
    parts = unzipped(epub({"a": "<p>start</p>"}, ["drawn", "shown", "bare", "a"]))
    items = (
        '<item id="drawn" href="d.svg" media-type="image/svg+xml"/>'
        '<item id="shown" href="p.png" media-type="image/png" fallback="other"/>'
        '<item id="other" href="p.txt" media-type="text/plain" fallback="a"/>'
        '<item id="bare" href="q.png" media-type="image/png"/>'
    )
    parts["OPS/book.opf"] = parts["OPS/book.opf"].replace(b"<manifest>", b"<manifest>" + items.encode())
    parts["OPS/d.svg"] = (
        b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><text>The lake</text></svg>'
    )
    facts, _ = document_job(io.BytesIO(zipped(parts)), {"name": "file"})
    assert [row[2] for row in facts["pages"]] == [
        "[drawing: The lake]\n\n[title: A Book]",
        "start",
        "",
        "start",
    ]
    assert facts["notes"] == ["left out, chapters of another kind without a text: chapter 3"]


def test_what_is_no_chapter_is_passed_over_in_an_epub() -> None:
    book = epub({"a": "<p>start</p>", "b": "<p>end</p>"}, ["cover", "a", "b"])
    assert [row[2] for row in pages(book)] == ["start\n\n[title: A Book]", "end"]


def test_an_epub_under_copy_protection_is_refused_as_such() -> None:
    out = io.BytesIO(epub({"a": "<p>x</p>"}, ["a"]))
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr("META-INF/rights.xml", "<rights/>")
    with pytest.raises(InvalidRequest, match="file is copy-protected"):
        pages(out.getvalue())


@each("container", ["<container/>", '<container><rootfile full-path="gone.opf"/></container>', ""])
def test_an_epub_that_names_no_contents_is_damaged(container: str) -> None:
    with pytest.raises(UnsupportedMedia, match="file is damaged: it names no contents"):
        pages(zipped({"mimetype": "application/epub+zip", "META-INF/container.xml": container}))


def locked(way: str, *parts: str) -> bytes:
    """A book of two chapters of which these parts are said to be encrypted in such a way."""
    out = io.BytesIO(epub({"a": "<p>first</p>", "b": "<p>second</p>"}, ["a", "b"]))
    said = "".join(
        f'<EncryptedData><EncryptionMethod Algorithm="{way}"/><CipherData><CipherReference URI="{part}"/></CipherData>'
        "</EncryptedData>"
        for part in parts
    )
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr("META-INF/encryption.xml", f"<encryption>{said}</encryption>")
    return out.getvalue()


AES = "http://www.w3.org/2001/04/xmlenc#aes256-cbc"


def chapters_of(data: bytes) -> list[str]:
    return [name for name in zipfile.ZipFile(io.BytesIO(data)).namelist() if name.endswith("html")]


def test_an_epub_whose_chapters_are_encrypted_is_refused_as_copy_protected() -> None:
    parts = chapters_of(locked(AES))
    with pytest.raises(InvalidRequest, match="file is copy-protected"):
        pages(locked(AES, *parts))


def test_of_an_epub_of_which_a_chapter_is_encrypted_the_others_are_read() -> None:
    second = sorted(chapters_of(locked(AES)))[1]
    facts, _ = document_job(io.BytesIO(locked(AES, second)), {"name": "file", "pages": None})
    assert [row[2] for row in facts["pages"]] == ["first\n\n[title: A Book]", ""]
    assert facts["notes"] == ["left out, chapters under copy protection: chapter 2"]


def test_an_epub_of_which_only_the_fonts_are_encrypted_is_read() -> None:
    data = locked("http://www.idpf.org/2008/embedding", "EPUB/a.otf")
    assert [row[2] for row in pages(data)] == ["first\n\n[title: A Book]", "second"]


def test_texts_that_an_epub_has_beside_its_order_are_named() -> None:
    facts, _ = document_job(
        io.BytesIO(epub({"a": "<p>start</p>", "notes": "<p>of the author</p>"}, ["a"])),
        {"name": "file", "pages": None},
    )
    assert len(facts["notes"]) == 1
    assert re.fullmatch(r"left out, texts beside the order of the book: .*notes\.xhtml", facts["notes"][0])
