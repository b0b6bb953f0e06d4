"""What a document says of itself beside its text is read: who wrote it, what it is about; each once."""

from __future__ import annotations

import io
import json
import re
import time
import zipfile
import zlib

import pytest
from support.cases import each
from support.jobs import document_job
from support.made_documents import docx, epub, lines, odt, para, pdf, presentation, workbook, zipped

_CORE = """<cp:coreProperties xmlns:cp="c" xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:title>The Ferry</dc:title><dc:creator>Ann Otter; Bo Reed</dc:creator><dc:subject>Lake traffic</dc:subject>
<cp:keywords>boats, tolls</cp:keywords><dc:description>About a ferry.</dc:description>
<cp:lastModifiedBy>Zed</cp:lastModifiedBy><cp:revision>3</cp:revision></cp:coreProperties>"""
_CUSTOM = """<Properties xmlns:vt="v"><property name="abstract"><vt:lpwstr>It crosses twice a day.</vt:lpwstr></property>
<property name="Client"><vt:lpwstr>Lakeside</vt:lpwstr></property><property name="lang"><vt:lpwstr>en</vt:lpwstr></property>
<property name="MSIP_Label_1"><vt:lpwstr>General use</vt:lpwstr></property>
<property name="Checked"><vt:bool>true</vt:bool></property><property name="Key"><vt:lpwstr>{a: 1}</vt:lpwstr></property>
<property name="ContentTypeId"><vt:lpwstr>0x0101</vt:lpwstr></property></Properties>"""
_TYPE = "http://schemas.openxmlformats.org"
_LINKS = (
    f'<Relationship Id="c1" Type="{_TYPE}/package/2006/relationships/metadata/core-properties" Target="docProps/a.xml"/>'
    f'<Relationship Id="c2" Type="{_TYPE}/officeDocument/2006/relationships/custom-properties" Target="/docProps/b.xml"/>'
)
_META = """<x xmlns:meta="m" xmlns:dc="d" xmlns:office="o"><office:meta><dc:title>The Ferry</dc:title>
<meta:initial-creator>Ann Otter</meta:initial-creator><dc:creator>Zed</dc:creator><meta:keyword>boats</meta:keyword>
<meta:keyword>tolls</meta:keyword><meta:user-defined meta:name="Client">Lakeside</meta:user-defined></office:meta></x>"""


def with_parts(data: bytes, parts: dict[str, str]) -> bytes:
    """A package with other core and custom properties."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        kept = {name: archive.read(name) for name in archive.namelist()}
    links = kept.get("_rels/.rels", b"").decode()
    if "core-properties" in links:
        kept["docProps/core.xml"] = parts.pop("docProps/a.xml").encode()
    kept["_rels/.rels"] = links.replace("</Relationships>", f"{_LINKS}</Relationships>").encode()
    return zipped({**kept, **parts})


def first_page(data: bytes, pages: str | None = None) -> str:
    facts, _ = document_job(io.BytesIO(data), {"name": "file", "pages": pages})
    return str(facts["pages"][0][2])


@each("build", [lambda: docx(para("Some words.")), presentation, workbook])
def test_an_office_file_says_who_wrote_it_and_what_it_is_about(build: object) -> None:
    assert callable(build)
    text = first_page(with_parts(build(), {"docProps/a.xml": _CORE, "docProps/b.xml": _CUSTOM}))
    assert text.endswith(
        "\n\n[title: The Ferry]\n[author: Ann Otter, Bo Reed]\n[subject: Lake traffic]\n[keywords: boats, tolls]\n"
        "[description: About a ferry.]\n[abstract: It crosses twice a day.]\n[Client: Lakeside]"
    )


def test_what_the_text_says_anyway_is_not_said_again() -> None:
    body = para("The Ferry", "Title") + para("by Ann Otter and Bo Reed") + para("About a ferry.")
    text = first_page(with_parts(docx(body), {"docProps/a.xml": _CORE, "docProps/b.xml": "<Properties/>"}))
    assert text.endswith("About a ferry.\n\n[subject: Lake traffic]\n[keywords: boats, tolls]")


def test_damaged_properties_cost_nothing_but_themselves() -> None:
    data = with_parts(docx(para("Some words.")), {"docProps/a.xml": "<cp:core", "docProps/b.xml": _CUSTOM})
    facts, _ = document_job(io.BytesIO(data), {"name": "file"})
    assert facts["pages"][0][2].startswith("Some words.\n\n[abstract: It crosses")
    assert facts["notes"] == ["left out, parts whose XML is damaged: docProps/a.xml"]


def test_an_open_document_names_its_first_author() -> None:
    data = odt("<text:p>Some words.</text:p>")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    text = first_page(zipped({**parts, "meta.xml": _META}))
    assert text == (
        "Some words.\n\n[title: The Ferry]\n[author: Ann Otter]\n[keywords: boats, tolls]\n[Client: Lakeside]"
    )


def test_only_the_first_chapter_of_a_book_says_what_the_book_is() -> None:
    book = epub({"a": "<p>start</p>", "b": "<p>end</p>"}, ["a", "b"])
    assert first_page(book) == "start\n\n[title: A Book]"
    assert first_page(book, "2") == "end"


def test_the_contents_of_a_book_are_a_page_of_it() -> None:
    book = epub({"a": "<nav><ol><li>The Pier</li></ol></nav>", "b": "<p>end</p>"}, ["a", "b"])
    assert first_page(book) == "1. The Pier\n\n[title: A Book]"


def test_the_name_of_a_file_is_no_title_of_a_chapter() -> None:
    page = "<html><head><title>{}</title></head><body><p>start</p></body></html>"
    assert first_page(page.format("ch001.xhtml").encode()) == "start"
    assert first_page(page.format("On ch001.xhtml").encode()) == "# On ch001.xhtml\n\nstart"


INFO = rb"<< /Title (The \050old\051 Ferry) /Author <FEFF0041006E006E00E9> /Subject (Tolls (of 1902)) /Keywords () /Creator (Calc) >>"


def with_info(info: bytes, *, packed: bool) -> bytes:
    """A PDF of one page with this information dictionary, as an object of its own or packed with others."""
    data = pdf([lines(["Some words."])])
    number, start = data.count(b" obj\n") + 1, data.rindex(b"xref\n0 ")
    objects = b"99 0 %d 9 << /A 1 >> " % number
    objects += info
    first = objects.index(b"<<")
    stream = zlib.compress(objects)
    held = b"%d 0 obj\n%s\nendobj\n" % (number, info)
    if packed:
        head = b"<< /First %d /N 2 /Type /ObjStm /Filter /FlateDecode /Length %d >>" % (first, len(stream))
        held = b"%d 0 obj\n%s\nstream\n%s\nendstream\nendobj\n" % (number + 1, head, stream)
    return re.sub(
        rb"startxref\n\d+",
        b"startxref\n%d" % (start + len(held)),
        (data[:start] + held + data[start:]).replace(b"/Root 1 0 R", b"/Root 1 0 R /Info %d 0 R" % number),
    )


@pytest.mark.parametrize("packed", [False, True])
def test_a_pdf_says_who_wrote_it_and_what_it_is_about(packed: bool) -> None:
    assert first_page(with_info(INFO, packed=packed)) == (
        "Some words.\n\n[title: The (old) Ferry]\n[author: Anné]\n[subject: Tolls (of 1902)]"
    )


@pytest.mark.parametrize("encoding", ["utf-8", "gb2312"])
def test_what_a_pdf_says_of_itself_is_read_in_the_encoding_of_the_system_that_wrote_it(encoding: str) -> None:
    info = b"<< /Title (%s) /Author (%s) >>" % ("利用料请求书".encode(encoding), "Zoë".encode("latin-1"))
    assert first_page(with_info(info, packed=False)) == "Some words.\n\n[title: 利用料请求书]\n[author: Zoë]"


def test_a_pdf_that_says_nothing_of_itself_but_what_a_library_wrote_is_its_text() -> None:
    assert (
        first_page(with_info(b"<< /Title (untitled) /Author (anonymous) >>", packed=False)) == "Some words."
    )


def test_a_scanned_pdf_does_not_pass_its_title_off_as_words_of_the_page() -> None:
    data = pdf(["q 595 0 0 842 0 0 cm /Im1 Do Q"]).replace(
        b"/Root 1 0 R", b"/Root 1 0 R /Info << /Title (X) >>"
    )
    assert first_page(data) == ""


def test_a_web_page_says_who_wrote_it_and_what_it_is_about() -> None:
    head = (
        "<meta content='It crosses &amp; returns.' name=description ><meta name=\"description\" content='It crosses &amp; returns.'>"
        '<META NAME="Author" CONTENT="Ann Otter"><meta name="dc.creator" content="Bo Reed"/><meta name="viewport" content="wide">'
        '<meta name="keywords" content="a > b, boats">'
    )
    assert first_page(f"<html><head>{head}</head><body><p>Some words.</p></body></html>".encode()) == (
        "Some words.\n\n[description: It crosses & returns.]\n[author: Ann Otter, Bo Reed]\n[keywords: a > b, boats]"
    )


def test_the_declarations_of_a_page_are_none_of_its_words() -> None:
    page = (
        '<?xml version="1.0"?><!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0//EN" "x.dtd" [\n<!ENTITY lake "Mere">\n'
        '<!ATTLIST p kind CDATA "a">\n] ><html xmlns="http://www.w3.org/1999/xhtml"><body><p>Some words.</p></body></html>'
    )
    facts, _ = document_job(io.BytesIO(page.encode()), {"name": "page.xhtml"})
    assert facts["pages"][0][2] == "Some words."


def test_a_notebook_says_its_title_and_authors() -> None:
    about = {"title": "The Ferry", "authors": [{"name": "Ann Otter"}, {"name": "Bo Reed"}]}
    book = {"nbformat": 4, "metadata": about, "cells": [{"cell_type": "markdown", "source": ["Some words."]}]}
    assert (
        first_page(json.dumps(book).encode())
        == "Some words.\n\n[title: The Ferry]\n[author: Ann Otter, Bo Reed]"
    )


@each(
    "piece",
    ['<meta "', '<meta name="', "<!DOCTYPE a [", "<!DOCTYPE a []", "<meta a=' ", "/Title ((", "/Title <"],
)
def test_what_a_file_says_of_itself_without_end_costs_little(piece: str) -> None:
    data = (
        with_info(b"<< " + piece.encode() * 20_000, packed=False)
        if piece[0] == "/"
        else piece.encode() * 50_000
    )
    start = time.process_time()
    document_job(io.BytesIO(data), {"name": "file.pdf" if piece[0] == "/" else "page.html"})
    assert time.process_time() - start < 10
