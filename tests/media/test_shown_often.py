"""Parts that a document names again and again, and pages whose elements lie in each other: read once, or a few times."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable

import pytest
from support.cases import each
from support.format_samples import READ
from support.jobs import document_job
from support.made_documents import docx, para, zipped
from support.specimens import members

from glm_mcp.media.documents.html import html_markdown

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
EMPTY = "<zz/>" * 60_000  # of any part: much to read that says nothing
MOST_S = 2.0  # of computing; each took from eight seconds to as long as it was let


def read(data: bytes, name: str) -> tuple[list[str], list[str]]:
    facts, _ = document_job(io.BytesIO(data), {"name": name, "pages": None})
    return [page[2] for page in facts["pages"]], facts["notes"]


def again(row: str, naming: str, element: str, large: str = "") -> tuple[bytes, str]:
    """The sample of that row in which one part names another 300 times, which is large."""
    name, made = READ[row]
    held = members(made())
    one = re.search(rb"<%s\b(?:[^>]*/>|.*?</%s>)" % (element.encode(), element.encode()), held[naming])
    assert one
    held[naming] = held[naming].replace(one[0], one[0] * 300)
    if large:
        before, end, after = held[large].rpartition(b"</")
        held[large] = before + EMPTY.encode() + end + after
    return zipped(held), name


NAMED = {
    "slides": ("pptx", "ppt/presentation.xml", "p:sldId", "ppt/slides/slide1.xml"),
    "sheets": ("xlsx", "xl/workbook.xml", "sheet", "xl/worksheets/sheet1.xml"),
    "pages of Visio": ("visio", "visio/pages/pages.xml", "Page", "visio/pages/a.xml"),
    "pages of OFD": ("ofd", "Doc_0/Document.xml", "ofd:Page", "Doc_0/Pages/0.xml"),
    "pages of XPS": ("xps", "Documents/1/FixedDoc.fdoc", "PageContent", "Documents/1/Pages/0.fpage"),
    "documents of XPS": ("xps", "FixedDocSeq.fdseq", "DocumentReference", "Documents/1/FixedDoc.fdoc"),
}


@each("what", NAMED)
def test_a_part_that_is_named_again_and_again_is_read_ten_times(what: str) -> None:
    pages, notes = read(*again(*NAMED[what]))
    assert pages.count(pages[1]) in (9, 10), what  # the first may say more
    assert any("parts that are named more than 10 times" in note for note in notes), notes


def test_a_footnote_of_word_that_holds_its_own_mark_is_written_once() -> None:
    mark = '<w:p><w:r><w:t>seen</w:t><w:footnoteReference w:id="2"/></w:r></w:p>'
    notes = f'<w:footnotes {W}><w:footnote w:id="2">{mark}</w:footnote></w:footnotes>'
    (text,), _ = read(docx(mark * 3, {"word/footnotes.xml": notes}), "a.docx")
    assert text == "seen[^1]\n\nseen[^1]\n\nseen[^1]\n\n[^1]: seen[^1]"


def test_a_file_that_word_takes_in_again_and_again_stands_each_time() -> None:
    relations = '<Relationships><Relationship Id="c" Type="x/aFChunk" Target="c.htm"/></Relationships>'
    space = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    chunk = f'<w:altChunk xmlns:r="{space}" r:id="c"/>'
    parts = {"word/_rels/document.xml.rels": relations, "word/c.htm": "<p>taken in</p>"}
    (text,), _ = read(docx(chunk * 3 + para("own"), parts), "a.docx")
    assert text.split("\n\n") == ["taken in"] * 3 + ["own"]


def test_what_lies_too_deep_in_a_page_keeps_its_words() -> None:
    text = html_markdown(f"<p>first</p>{'<div>' * 2_000}<b>deep</b> words{'</div>' * 2_000}<p>last</p>")
    assert re.fullmatch(r"first\s+(\*\*)?deep(\*\*)?\s+words\s+last", text)


def test_a_page_that_says_what_stands_for_a_table_here_has_its_table_once() -> None:
    table = "<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>"
    assert html_markdown(f"{table}<p>{'GLMTABLE0ELBATMLG ' * 1_000}").count("| 1 | 2 |") == 1


def test_fields_of_a_page_find_the_list_of_their_entries_before_or_behind_them() -> None:
    entries = "<datalist id='{0}'><option>{0} one</option></datalist>"
    text = html_markdown(f"{entries.format('p')}<input list='p'> <input list='q'>{entries.format('q')}")
    assert "p one" in text
    assert "q one" in text


def test_a_header_of_a_mail_that_is_too_long_to_be_parsed_stands_as_it_is() -> None:
    people = ", ".join(f"=?utf-8?q?J=C3=BCrgen_{n}?= <j{n}@b.example>" for n in range(1_000))
    (text,), _ = read(f"From: a@b.example\nTo: {people}\nSubject: Many\n\nwords\n".encode(), "a.eml")
    assert "Jürgen 999 <j999@b.example>" in text
    assert text.endswith("words")


def _mail(header: str) -> tuple[bytes, str]:
    return f"From: a@b.example\n{header}\n\nwords\n".encode(), "a.eml"


def _page(body: str) -> tuple[bytes, str]:
    return f"<html><body><p>x</p>{body}".encode(), "a.html"


DEEP = 12_000
MUCH: dict[str, Callable[[], tuple[bytes, str]]] = {
    **{what: (lambda case=case: again(*case)) for what, case in NAMED.items()},  # type: ignore[misc]
    **{
        f"{tag} in each other": (lambda tag=tag: _page(f"<{tag}>" * DEEP + "w"))  # type: ignore[misc]
        for tag in ("svg", "abbr title='a'", "select><option", "ruby><rt", "object", "svg><text")
    },
    "a formula in many spans": lambda: _page("<span>" * DEEP + "<math><mi>x</mi></math>"),
    "fields with a list": lambda: _page("<datalist id='q'></datalist>" + "<input list='q'>w " * DEEP),
    "quotes in a list of people": lambda: _mail("To: " + '"' * 100_000),
    "comments in a list of people": lambda: _mail("Cc: " + "(a)" * 30_000),
    "comments in a type": lambda: _mail("Content-Type: text/plain; x=" + "(a)" * 30_000),
    "defects of an encoding": lambda: _mail("Content-Transfer-Encoding: " + "<" * 100_000),
}


@pytest.mark.extreme
@each("case", MUCH)
def test_what_is_named_or_nested_by_the_thousand_is_not_gone_through_each_time(case: str) -> None:
    data, name = MUCH[case]()
    begun = time.process_time()
    read(data, name)
    assert time.process_time() - begun < MOST_S
