"""What lies behind the marks and places of a document is read: cited sources, names of slides, bookmarks."""

from __future__ import annotations

import io
import re
import time
import zipfile
import zlib

import pytest
from support.jobs import document_job
from support.made_documents import docx, lines, odt, para, pdf, presentation, zipped

_MARK = (
    '<text:p>{}<text:bibliography-mark text:identifier="K{n}" text:bibliography-type="book" text:author="Ann Otter" '
    'text:title="On Ferries {n}" text:year="1999">[K{n}]</text:bibliography-mark>.</text:p>'
)
_WORD = """<b:Sources xmlns:b="http://schemas.openxmlformats.org/officeDocument/2006/bibliography"><b:Source>
<b:Tag>Ott99</b:Tag><b:SourceType>Book</b:SourceType><b:Guid>{1}</b:Guid><b:Title>On Ferries</b:Title><b:Year>1999</b:Year>
<b:Author><b:Author><b:NameList><b:Person><b:Last>Otter</b:Last><b:First>Ann</b:First></b:Person><b:Person>
<b:Last>Reed</b:Last></b:Person></b:NameList></b:Author></b:Author></b:Source></b:Sources>"""


def first_page(data: bytes) -> str:
    facts, _ = document_job(io.BytesIO(data), {"name": "file"})
    return str(facts["pages"][0][2])


def test_a_source_that_a_text_cites_by_a_mark_is_read_once() -> None:
    mark = _MARK.format("As told", n=1)
    assert first_page(odt(mark + mark)).split("\n\n", 2)[2] == "[source K1: Ann Otter. On Ferries 1. 1999]"


def test_a_source_that_the_list_of_the_text_names_is_not_said_again() -> None:
    listed = "<text:p>K1: Ann Otter, On Ferries 1, 1999</text:p>"
    assert "[source" not in first_page(odt(_MARK.format("As told", n=1) + listed))


def test_more_sources_than_anybody_cites_are_counted() -> None:
    text = first_page(odt("".join(_MARK.format("", n=n) for n in range(1003))))
    assert text.count("[source") == 1000
    assert text.endswith("\n\n[and 3 more sources]")


def repacked(data: bytes, path: str, old: str, new: str, **more: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    text = parts[path].decode()
    assert old in text
    return zipped({**parts, path: text.replace(old, new, 1), **more})


def test_the_sources_beside_a_word_text_are_read() -> None:
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/customXml"
    link = f'<Relationship Id="cx" Type="{kind}" Target="item1.xml"/></Relationships>'
    data = docx(para("As told (Otter)."))
    data = repacked(
        data, "word/_rels/document.xml.rels", "</Relationships>", link, **{"word/item1.xml": _WORD}
    )
    assert first_page(data).endswith("[source Ott99: Otter Ann, Reed. On Ferries. 1999]")


def test_the_name_that_somebody_gave_a_slide_is_read() -> None:
    slide = '<draw:page draw:name="{}"><draw:frame><draw:text-box><text:p>The pier</text:p></draw:text-box></draw:frame></draw:page>'
    named = "".join(map(slide.format, ("Opening", "page2", "Folie 3", "The pier")))
    facts, _ = document_job(io.BytesIO(odt(named, kind="presentation")), {"name": "file.odp"})
    texts = [row[2] for row in facts["pages"]]
    assert texts == ["The pier\n\n[slide name: Opening]", "The pier", "The pier", "The pier"]


def test_the_name_of_a_slide_of_powerpoint_is_read() -> None:
    for name, told in (("Opening", ["[slide name: Opening]"]), ("Slide 1", []), ("Plan", [])):
        data = repacked(presentation(), "ppt/slides/slide1.xml", "<p:cSld", f'<p:cSld name="{name}"')
        assert re.findall(r"\[slide name.*", first_page(data)) == told


def with_bookmarks(titles: list[bytes], *, is_packed: bool = False) -> bytes:
    """A PDF of a page that says "The pier", with these bookmarks, as objects of their own or packed."""
    items = [b"<< /Dest [6 0 R /Fit] /Parent 90 0 R /Title %s >>" % title for title in titles]
    data = pdf([lines(["The pier"])])
    held = b"".join(b"%d 0 obj\n%s\nendobj\n" % (100 + n, item) for n, item in enumerate(items))
    if is_packed:
        heads, places = b"", 0
        for n, item in enumerate(items):
            heads += b"%d %d " % (100 + n, places)
            places += len(item)
        stream = zlib.compress(heads + b"".join(items))
        head = b"<< /Type /ObjStm /Filter /FlateDecode /First %d /Length %d >>" % (len(heads), len(stream))
        held = b"99 0 obj\n%s\nstream\n%s\nendstream\nendobj\n" % (head, stream)
    start = data.rindex(b"xref\n0 ")
    moved = b"startxref\n%d" % (start + len(held))
    return re.sub(rb"startxref\n\d+", moved, data[:start] + held + data[start:])


def notes(data: bytes) -> list[str]:
    facts, _ = document_job(io.BytesIO(data), {"name": "file.pdf"})
    return list(facts["notes"])


@pytest.mark.parametrize("is_packed", [False, True])
def test_bookmarks_of_a_pdf_that_its_text_does_not_say_are_told(is_packed: bool) -> None:
    titles = [b"(Tolls \\(1902\\))", b"(the  Pier)", b"<FEFF6E560000>", b"()", b"(Slide 4)", b"(12)"]
    assert notes(with_bookmarks(titles, is_packed=is_packed)) == [
        "bookmarks that say what the text does not: Tolls (1902); 湖"
    ]
    assert notes(with_bookmarks([b"(The pier)"], is_packed=is_packed)) == []


@pytest.mark.parametrize("is_packed", [False, True])
@pytest.mark.extreme
def test_many_and_endless_bookmarks_are_bounded(is_packed: bool) -> None:
    titles = [b"(%05d %s)" % (n, b"a" * 300) for n in range(5000)]
    start = time.process_time()
    (note,) = notes(with_bookmarks(titles, is_packed=is_packed))
    assert len(note) < 50 * 160
    assert note.endswith(" and 4950 more")
    assert notes(with_bookmarks([b"(the pier) endobj 7 0 obj << /Title "] * 200_000)) == []
    assert notes(with_bookmarks([b"(" * 20_000, b"/Title (" * 20_000], is_packed=is_packed)) == []
    assert time.process_time() - start < 10
