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


COMMENTS = (
    '<comments xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><authors><author>x</author></authors>'
    f'<commentList><comment ref="A1" authorId="0"><text><t>said</t></text></comment></commentList>{EMPTY}</comments>'
)


def relations(kind: str, targets: list[str]) -> str:
    rows = (f'<Relationship Id="c{n}" Type="x/{kind}" Target="{to}"/>' for n, to in enumerate(targets))
    return f"<Relationships>{''.join(rows)}</Relationships>"


def in_other_words(part: str, count: int = 300) -> list[str]:
    """The name of a part, in other capitals each time."""
    return ["".join(c.upper() if n >> i & 1 else c for i, c in enumerate(part)) for n in range(count)]


def comments_of_a_sheet() -> tuple[bytes, str]:
    name, made = READ["xlsx"]
    beside = {
        "xl/worksheets/_rels/sheet1.xml.rels": relations("comments", ["../comments1.xml"] * 300).encode(),
        "xl/comments1.xml": COMMENTS.encode(),
    }
    return zipped({**members(made()), **beside}), name


def heads_in_capitals() -> tuple[bytes, str]:
    head = {
        "word/_rels/document.xml.rels": relations(
            "header", [f"{p}.xml" for p in in_other_words("abcdefghi")]
        ),
        "word/abcdefghi.xml": f"<w:hdr {W}>{para('head')}{EMPTY}</w:hdr>",
    }
    return docx(para("own"), head), "a.docx"


def taken_in(targets: list[str], page: str) -> tuple[bytes, str]:
    space = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    chunks = "".join(f'<w:altChunk xmlns:r="{space}" r:id="c{n}"/>' for n in range(len(targets)))
    parts = {"word/_rels/document.xml.rels": relations("aFChunk", targets), "word/abcdefghi.htm": page}
    return docx(chunks + para("own"), parts), "a.docx"


def ofd_otherwise(part: str, element: str, place: str) -> tuple[bytes, str]:
    """The sample of OFD, in which a part names another 300 times, each time by another way to it."""
    name, made = READ["ofd"]
    held = members(made())
    one = re.search(rb"<%s\b(?:[^>]*/>|.*?</%s>)" % (element.encode(), element.encode()), held[part])
    assert one
    ways = (one[0].replace(place.encode(), b"./" * n + place.encode()) for n in range(300))
    held[part] = held[part].replace(one[0], b"".join(ways))
    before, end, after = held["Doc_0/Pages/0.xml"].rpartition(b"</")
    held["Doc_0/Pages/0.xml"] = before + EMPTY.encode() + end + after
    return zipped(held), name


def dictionary_of_xps(pages: int, ways: int) -> tuple[bytes, str]:
    """Pages that name one dictionary, each in so many ways."""
    name, made = READ["xps"]
    held = members(made())
    begin, end, words = held["Documents/1/Pages/0.fpage"].decode().partition(">")
    sources = "".join(f'<ResourceDictionary Source="/{"./" * n}r.dict"/>' for n in range(ways))
    page = f"{begin}{end}<FixedPage.Resources>{sources}</FixedPage.Resources>{words}"
    held["r.dict"] = f"<ResourceDictionary>{EMPTY}</ResourceDictionary>".encode()
    held |= {f"Documents/1/Pages/p{n}.fpage": page.encode() for n in range(pages)}
    listed = "".join(f'<PageContent Source="Pages/p{n}.fpage"/>' for n in range(pages))
    document = held["Documents/1/FixedDoc.fdoc"].decode()
    held["Documents/1/FixedDoc.fdoc"] = re.sub("<PageContent[^>]*/>", listed, document).encode()
    return zipped(held), name


def object_of_a_text() -> tuple[bytes, str]:
    """A text that shows one object 300 times."""
    name, made = READ["odt"]
    held = members(made())
    frame = (
        '<d:frame xmlns:d="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0" xmlns:l="http://www.w3.org/1999/xlink">'
        '<d:object l:href="./Object 1"/></d:frame>'
    )
    held["content.xml"] = held["content.xml"].replace(b"</text:p>", frame.encode() * 300 + b"</text:p>", 1)
    held["Object 1/content.xml"] = (
        f"<o><chart><chart><title><p>A chart</p></title></chart></chart>{EMPTY}</o>".encode()
    )
    return zipped(held), name


def test_an_object_that_a_text_shows_again_and_again_stands_ten_times() -> None:
    (text,), notes = read(*object_of_a_text())
    assert text.count("A chart") == 10
    assert "left out, parts that are named more than 10 times: Object 1" in notes


def test_comments_that_a_sheet_names_again_and_again_are_read_ten_times() -> None:
    pages, notes = read(*comments_of_a_sheet())
    assert pages[0].count("said") == 10
    assert "left out, parts that are named more than 10 times: xl/comments1.xml" in notes


def test_a_part_is_one_however_its_name_is_written() -> None:
    (text,), _ = read(*heads_in_capitals())
    assert text.count("[page header: head]") == 1
    (text,), notes = read(*taken_in([f"{p}.htm" for p in in_other_words("abcdefghi")], "<p>taken in"))
    assert text.count("taken in") == 10
    assert "left out, parts that are named more than 10 times: word/abcdefghi.htm" in notes
    pages, _ = read(*ofd_otherwise("Doc_0/Document.xml", "ofd:Page", "Pages/0.xml"))
    assert len(pages) == 10
    pages, _ = read(*ofd_otherwise("OFD.xml", "ofd:DocRoot", "Doc_0/Document.xml"))
    assert len(pages) == 1


def test_pages_of_xps_may_share_what_they_use() -> None:
    pages, notes = read(*dictionary_of_xps(30, 3))
    assert len(pages) == 30
    assert all("Words" in page for page in pages)
    assert notes == []


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


def test_a_header_of_a_mail_that_is_too_long_to_be_parsed_stands_as_it_is() -> None:
    people = ", ".join(f"=?utf-8?q?J=C3=BCrgen_{n}?= <j{n}@b.example>" for n in range(1_000))
    (text,), _ = read(f"From: a@b.example\nTo: {people}\nSubject: Many\n\nwords\n".encode(), "a.eml")
    assert "Jürgen 999 <j999@b.example>" in text
    assert text.endswith("words")


@each("encoding", ["utf-8", "gb18030"])
def test_a_long_header_in_bare_letters_is_read_as_a_short_one(encoding: str) -> None:
    people = ", ".join(f"王小明{n} <j{n}@b.example>" for n in range(900))
    (text,), _ = read(f"From: a@b.example\nTo: {people}\nSubject: 锁\n\nwords\n".encode(encoding), "a.eml")
    assert "王小明899 <j899@b.example>" in text


def test_one_word_of_no_known_encoding_leaves_the_others_of_a_long_header_decoded() -> None:
    people = ", ".join(f"=?nonesuch?q?abc?= <j{n}@b.example>" for n in range(500))
    (text,), _ = read(
        f"From: a@b.example\nTo: {people}, =?utf-8?b?5p2O5Zub?= <l@x.example>\n\nw\n".encode(), "a.eml"
    )
    assert "李四 <l@x.example>" in text


@each(
    "header",
    [
        "To: x",
        "Content-Type: text/plain; x=",
        "Content-Disposition: inline; x=",
        "Content-Transfer-Encoding: ",
    ],
)
def test_brackets_in_brackets_of_a_header_do_not_cost_the_mail(header: str) -> None:
    (text,), _ = read(*_mail(header + "(" * 3_000))
    assert text.endswith("words")


def test_the_type_of_a_part_is_known_where_much_follows_it() -> None:
    (text,), _ = read(*_mail(f'Content-Type: text/html; charset=utf-8; x="{"a" * 6_000}"'))
    assert text.endswith("words")
    name = f'From: a@b.example\nContent-Type: text/html; x="{"(" * 6_000}"\n\n<b>bold</b>\n'
    (text,), _ = read(name.encode(), "a.eml")
    assert text.endswith("**bold**")


_QUOTES = '"' * 9_900


def _people(count: int) -> str:
    """Headers that each take long to parse."""
    return "".join(f"Content-Type: message/rfc822\n\nTo: {n}{_QUOTES}\n\nw\n--q\n" for n in range(count))


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
    "comments of a sheet": comments_of_a_sheet,
    "an object of a text": object_of_a_text,
    "heads in capitals": heads_in_capitals,
    "a page taken in, in capitals": lambda: taken_in(
        [f"{p}.htm" for p in in_other_words("abcdefghi")], "<p>w" + "<b></b>" * 20_000
    ),
    "a large text taken in": lambda: taken_in(["abcdefghi.htm"] * 2_000, "<p>" + "taken in " * 100_000),
    "pages of OFD by other ways": lambda: ofd_otherwise("Doc_0/Document.xml", "ofd:Page", "Pages/0.xml"),
    "a dictionary of XPS on many pages": lambda: dictionary_of_xps(300, 1),
    "a dictionary of XPS by other ways": lambda: dictionary_of_xps(1, 300),
    "a formula in many spans": lambda: _page("<span>" * DEEP + "<math><mi>x</mi></math>"),
    "fields with a list": lambda: _page("<datalist id='q'></datalist>" + "<input list='q'>w " * DEEP),
    "quotes in a list of people": lambda: _mail("To: " + '"' * 100_000),
    "comments in a list of people": lambda: _mail("Cc: " + "(a)" * 30_000),
    "comments in a type": lambda: _mail("Content-Type: text/plain; x=" + "(a)" * 30_000),
    "words of a long header": lambda: _mail("To: " + "=?utf-8?q?a?= " * 200_000),
    "many headers below the bounds": lambda: _mail(
        f"Content-Type: multipart/mixed; boundary=q\n\n--q\n{_people(20)}"
    ),
    "many mails below the bounds": lambda: (
        "".join(f"From a@b Mon Nov  2 10:00:00 2026\nTo: {n}{_QUOTES}\n\nw\n\n" for n in range(20)).encode(),
        "a.mbox",
    ),
    "types below the bounds": lambda: _mail(
        "Content-Type: multipart/mixed; boundary=q\n\n"
        + "".join(f"--q\nContent-Type: text/plain; x{n}={'(a)' * 1_600}\n\nw\n" for n in range(60))
    ),
    "defects of an encoding": lambda: _mail("Content-Transfer-Encoding: " + "<" * 100_000),
}


@pytest.mark.extreme
@each("case", MUCH)
def test_what_is_named_or_nested_by_the_thousand_is_not_gone_through_each_time(case: str) -> None:
    data, name = MUCH[case]()
    begun = time.process_time()
    read(data, name)
    assert time.process_time() - begun < MOST_S
