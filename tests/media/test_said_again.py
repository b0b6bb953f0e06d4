"""A long text that a small file keeps once and names again and again: told as often as there is room, and that is said."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import pytest
from support.cases import each
from support.format_samples import READ
from support.jobs import document_job
from support.made_documents import W, docx, odt, para, unzipped, zipped
from support.made_hangul import hwpx, run, t
from support.made_iwork import cell, keynote, link, message, model, numbers, pages, row, steps, story
from support.made_old_sheets import begin as begin_of_part
from support.made_old_sheets import number_cell, record, xls
from support.made_related import chart, on_a_slide, relations, slide_paragraph
from support.made_slides import placeholder, shape, show, slide, words
from support.made_slides import record as part_of_show
from support.specimens import members

LONG = "long " * 100_000
TIMES = 100
SHARED = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
MOST = 25_000_000  # characters; each said fifty million or more, or took gigabytes


def merged_on_a_slide() -> bytes:
    first = f"<a:tc><a:txBody>{slide_paragraph(LONG)}</a:txBody></a:tc>"
    cells = first + '<a:tc hMerge="1"/>' * TIMES
    return on_a_slide(f"<p:graphicFrame><a:tbl><a:tr>{cells}</a:tr></a:tbl></p:graphicFrame>")


def links_on_a_slide() -> bytes:
    texts = slide_paragraph("x", '<a:rPr><a:hlinkClick r:id="h"/></a:rPr>') * TIMES
    address = ("h", "hyperlink", f"http://a.b/{LONG.replace(' ', '')}")
    return on_a_slide(f"<p:sp><p:txBody>{texts}</p:txBody></p:sp>", address)


def workbook(rows: str, more: str = "", links: str = "", strings: str = "") -> bytes:
    _, made = READ["xlsx"]
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    sheet = f'<worksheet xmlns="{space}" xmlns:r="{SHARED}"><sheetData>{rows}</sheetData>{more}</worksheet>'
    held = {
        "xl/worksheets/sheet1.xml": sheet,
        "xl/worksheets/_rels/sheet1.xml.rels": links or relations(),
        "xl/sharedStrings.xml": f'<sst xmlns="{space}"><si><t>{strings}</t></si></sst>',
    }
    return zipped({**members(made()), **held})


def shared_by_cells() -> bytes:
    cells = (f'<row r="{n}"><c r="A{n}" t="s"><v>0</v></c></row>' for n in range(1, TIMES + 1))
    return workbook("".join(cells), strings=LONG)


def links_of_cells() -> bytes:
    cells = (f'<row r="{n}"><c r="A{n}"><v>1</v></c></row>' for n in range(1, TIMES + 1))
    named = (f'<hyperlink ref="A{n}" r:id="h"/>' for n in range(1, TIMES + 1))
    links = relations(("h", "hyperlink", f"http://a.b/{LONG.replace(' ', '')}"))
    return workbook("".join(cells), f"<hyperlinks>{''.join(named)}</hyperlinks>", links)


def links_of_word() -> bytes:
    one = f'<w:hyperlink xmlns:r="{SHARED}" r:id="h"><w:r><w:t>x</w:t></w:r></w:hyperlink>'
    rels = relations(("h", "hyperlink", f"http://a.b/{LONG.replace(' ', '')}"))
    return docx(f"<w:p>{one}</w:p>" * TIMES, {"word/_rels/document.xml.rels": rels})


def remarks_of_word() -> bytes:
    comments = f'<w:comment w:id="0" w:author="{LONG}">{para("said")}</w:comment>'
    marks = '<w:r><w:t>x</w:t></w:r><w:r><w:commentReference w:id="0"/></w:r>' * TIMES
    parts = {
        "word/_rels/document.xml.rels": relations(("c", "comments", "comments.xml")),
        "word/comments.xml": f"<w:comments {W}>{comments}</w:comments>",
    }
    return docx(f"<w:p>{marks}</w:p>", parts)


def numbers_of_word() -> bytes:
    level = f'<w:lvl w:ilvl="0"><w:numFmt w:val="decimal"/><w:lvlText w:val="%1 {LONG}"/></w:lvl>'
    shared = f'<w:abstractNum w:abstractNumId="0">{level}</w:abstractNum>'
    listed = f'{shared}<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>'
    parts = {
        "word/_rels/document.xml.rels": relations(("n", "numbering", "numbering.xml")),
        "word/numbering.xml": f"<w:numbering {W}>{listed}</w:numbering>",
    }
    return docx(para("item", number=1) * TIMES, parts)


def many_tables_of_word() -> bytes:
    merged = "<w:tc><w:tcPr><w:hMerge/></w:tcPr><w:p/></w:tc>" * 900
    return docx(f"<w:tbl><w:tr><w:tc>{para('x' * 5_000)}</w:tc>{merged}</w:tr></w:tbl>" * 20)


def shapes_of_visio() -> bytes:
    _, made = READ["visio"]
    page = '<Rel xmlns:r="http://r/relationships" r:id="a"/>'
    shapes = "".join(f'<Shape ID="{n}" Master="2"/>' for n in range(TIMES))
    parts = {
        "visio/masters/masters.xml": f'<Masters><Master ID="2">{page}</Master></Masters>',
        "visio/masters/_rels/masters.xml.rels": relations(("a", "master", "m.xml")),
        "visio/masters/m.xml": f'<M><Shapes><Shape ID="5"><Text>{LONG}</Text></Shape></Shapes></M>',
        "visio/pages/a.xml": f"<Page><Shapes>{shapes}</Shapes></Page>",
    }
    return zipped({**members(made()), **parts})


def repeated_rows(kind: str) -> bytes:
    one = f"<table:table-cell><text:p>{LONG}</text:p></table:table-cell>"
    rows = f'<table:table-row table:number-rows-repeated="{TIMES}">{one}</table:table-row>'
    return odt(f"<table:table>{rows}</table:table>", kind=kind)


def cells_over_many() -> bytes:
    one = '<table:table-cell table:number-rows-spanned="1000"/>' * 15_000
    return odt(f"<table:table><table:table-row>{one}</table:table-row></table:table>")


def repeated_tables_in_cells() -> bytes:
    row, end = (
        '<table:table><table:table-row table:number-rows-repeated="40"><table:table-cell>',
        "</table:table-cell></table:table-row></table:table>",
    )
    return odt(row * 5 + "<text:p>x</text:p>" + end * 5)


def fields_of_forms() -> bytes:
    space = "urn:oasis:names:tc:opendocument:xmlns:form:1.0"
    button = f'<form:button form:id="c" form:label="{LONG}"/>'
    forms = f'<office:forms><form:form xmlns:form="{space}">{button}</form:form></office:forms>'
    return odt(forms + '<text:p><draw:control draw:control="c"/></text:p>' * TIMES)


def heads_of_sheets() -> bytes:
    sheets = '<table:table table:style-name="T"/>' * TIMES
    style = '<style:style style:name="T" style:master-page-name="M"/>'
    held = unzipped(odt(style + sheets, kind="spreadsheet"))
    head = f'<style:header xmlns:text="t"><text:p>{LONG}</text:p></style:header>'
    page = f'<style:master-page style:name="M">{head}</style:master-page>'
    held["styles.xml"] = f'<styles xmlns:style="s">{page}</styles>'.encode()
    return zipped(held)


def links_of_pages() -> bytes:
    marks = [message({1: 2 * n, 2: link(50)}) for n in range(TIMES)]
    ends = [message({1: 2 * n + 1}) for n in range(TIMES)]
    address = message({2: f"http://a/{LONG.replace(' ', '')}"})
    return pages(story("x" * 2 * TIMES, f11=message({1: [*marks, *ends]})), {50: (2032, address)})


def texts_of_numbers() -> bytes:
    rows = [row(n, [cell(3, 8, struct.pack("<I", 1))]) for n in range(TIMES)]
    return numbers({"s": [100]}, model("t", rows, {1: LONG}, {}))


def placeholders_of_old_slides() -> bytes:
    kind = part_of_show(0x0F9F, struct.pack("<I", 1), plain=True)
    return show([(slide(*[placeholder(0)] * TIMES), kind + part_of_show(0x0FA8, LONG.encode(), plain=True))])


def notes_of_old_slides() -> bytes:
    return show([(slide(notes=500), b"")] * TIMES, [slide(shape(words(LONG, 4)))])


def cells_of_a_page() -> bytes:
    wide = f'<td colspan="100" rowspan="100">{"x" * 10_000}</td>'
    return f"<table><tr>{wide}</tr>{'<tr></tr>' * 100}</table>".encode()


def far_points(holder: str) -> bytes:
    return chart(*[f'<c:{holder}><c:pt idx="99999"><c:v>1</c:v></c:pt></c:{holder}>'] * 300)


def chart_of_old_sheets() -> bytes:
    points = b"".join(number_cell(n, n, 1.0) for n in range(10_000))
    return xls(b"", begin_of_part(0x20) + record(0x1065, struct.pack("<H", 1)) + points + record(0x0A))


def archive() -> bytes:
    return zipped({f"{n}.xlsx": shared_by_cells() for n in range(5)})


AGAIN: dict[str, tuple[Callable[[], bytes], str]] = {
    "cells merged on a slide": (merged_on_a_slide, "a.pptx"),
    "links on a slide": (links_on_a_slide, "a.pptx"),
    "a text that cells share": (shared_by_cells, "a.xlsx"),
    "links of cells": (links_of_cells, "a.xlsx"),
    "links of Word": (links_of_word, "a.docx"),
    "names of who remarks": (remarks_of_word, "a.docx"),
    "tables of Word, each with little": (many_tables_of_word, "a.docx"),
    "shapes after one master": (shapes_of_visio, "a.vsdx"),
    "rows of a table of OpenDocument": (lambda: repeated_rows("text"), "a.odt"),
    "rows of a sheet of OpenDocument": (lambda: repeated_rows("spreadsheet"), "a.ods"),
    "rows of tables in tables": (repeated_tables_in_cells, "a.odt"),
    "fields of forms": (fields_of_forms, "a.odt"),
    "heads of sheets": (heads_of_sheets, "a.ods"),
    "links of Pages": (links_of_pages, "a.pages"),
    "a text that cells of Numbers share": (texts_of_numbers, "a.numbers"),
    "placeholders of old slides": (placeholders_of_old_slides, "a.ppt"),
    "notes of old slides": (notes_of_old_slides, "a.ppt"),
}
# Bounded without a word: what is beyond says nothing that is not said before.
QUIET: dict[str, tuple[Callable[[], bytes], str]] = {
    "numbers of a list of Word": (numbers_of_word, "a.docx"),
    "cells over many": (cells_over_many, "a.odt"),
    "cells of a page": (cells_of_a_page, "a.html"),
    "far points": (lambda: far_points("val"), "a.pptx"),
    "far points of x and y": (lambda: far_points("yVal"), "a.pptx"),
    "a chart of an old sheet": (chart_of_old_sheets, "a.xls"),
}


def read(data: bytes, name: str) -> tuple[str, str]:
    """What it says, and the notes on it."""
    facts, _ = document_job(io.BytesIO(data), {"name": name, "pages": None})
    return "\n".join(page[2] for page in facts["pages"]), "\n".join(facts["notes"])


@each("made,name", AGAIN.values(), ids=AGAIN)
def test_a_long_text_is_told_again_as_long_as_there_is_room_and_that_is_said(
    made: Callable[[], bytes], name: str
) -> None:
    text, notes = read(made(), name)
    assert 0 < len(text) < MOST
    assert "again and again" in notes or "more than 10 times" in notes


@each("made,name", QUIET.values(), ids=QUIET)
def test_what_a_small_file_multiplies_is_bounded(made: Callable[[], bytes], name: str) -> None:
    text, _ = read(made(), name)
    assert 0 < len(text) < 6_000_000


def test_an_archive_is_read_until_its_files_have_said_much() -> None:
    text, notes = read(archive(), "a.zip")
    assert len(text) < 4 * MOST
    assert "files beyond the first 50,000,000 characters: 3.xlsx, 4.xlsx" in notes


def test_texts_that_files_do_repeat_stay_whole() -> None:
    said = "The same remark stands in a thousand cells of an honest list, and is longer than a hundred characters, as here."
    cells = (f'<row r="{n}"><c r="A{n}" t="s"><v>0</v></c></row>' for n in range(1, 1_001))
    text, notes = read(workbook("".join(cells), strings=said), "a.xlsx")
    assert text.count(said) >= 1_000  # in all of its sheets
    assert "again" not in notes


def test_a_chart_shows_the_points_that_it_has_and_the_gaps_between_their_labels() -> None:
    one = '<c:cat><c:pt idx="0"><c:v>May</c:v></c:pt><c:pt idx="1"><c:v>June</c:v></c:pt></c:cat><c:val><c:pt idx="1"><c:v>4</c:v></c:pt></c:val>'
    text, _ = read(chart(one, '<c:val><c:pt idx="7"><c:v>9</c:v></c:pt></c:val>'), "a.pptx")
    assert "| May |  |  |" in text
    assert "| June | 4 |  |" in text
    assert "| 8 |  | 9 |" in text


def test_a_bullet_of_any_length_stands_short_before_its_items() -> None:
    head = f'<hh:paraPr id="0"><hh:heading type="BULLET" idRef="1" level="0"/></hh:paraPr><hh:bullet id="1" char="{LONG}"/>'
    text, _ = read(hwpx(run(t("item")) * TIMES, head=head), "a.hwpx")
    assert text.count("item") == TIMES
    assert len(text) < 300 * TIMES


def test_the_words_of_a_text_box_in_a_remark_of_word_stand_once() -> None:
    inner = f"<w:txbxContent>{para('in a box')}</w:txbxContent>"
    boxed = f'<w:r><w:pict><v:shape xmlns:v="urn:schemas-microsoft-com:vml"><v:textbox>{inner}</v:textbox></v:shape></w:pict></w:r>'
    remark = f'<w:comment w:id="0" w:author="A"><w:p><w:r><w:t>said </w:t></w:r>{boxed}</w:p></w:comment>'
    parts = {
        "word/_rels/document.xml.rels": relations(("c", "comments", "comments.xml")),
        "word/comments.xml": f"<w:comments {W}>{remark}</w:comments>",
    }
    text, _ = read(docx('<w:p><w:r><w:commentReference w:id="0"/></w:r></w:p>', parts), "a.docx")
    assert "[comment, A: said in a box]" in text


@pytest.mark.parametrize("count", [1, 3])
def test_a_footnote_of_a_presentation_stands_below_its_own_slide_alone(count: int) -> None:
    slides = [{5: link(60 + 10 * n)} for n in range(count)]
    objects: dict[int, tuple[int, bytes]] = {}
    for n in range(count):
        at = 60 + 10 * n
        objects |= {
            at: (2011, message({4: link(at + 1)})),
            at + 1: story("word\x0e", f16=steps((4, at + 2))),
            at + 2: (2008, message({2: link(at + 3)})),
            at + 3: story(f"note {n}"),
        }
    text, _ = read(keynote(slides, objects), "a.key")
    assert [text.count(f"]: note {n}") for n in range(count)] == [1] * count
