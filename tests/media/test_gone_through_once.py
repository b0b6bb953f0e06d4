"""Parts of documents that lie in each other, are named by many, or lie over one another: each is gone through once."""

from __future__ import annotations

import io
import struct
import time
from collections.abc import Callable

from support.cases import each
from support.jobs import document_job
from support.made_documents import W, docx, odt, para, unzipped, zipped
from support.made_hangul import control, hwp, paragraph, sign
from support.made_iwork import box, cell, iwork, link, message, model, numbers, pages, row, steps, story
from support.made_related import chart, on_a_slide, relations, slide_paragraph
from support.made_word import plain, word

MOST_S = 3.0  # of computing; each took from eight seconds to as long as it was let


def paragraphs_in_each_other() -> bytes:
    text = "<a:p><a:r><a:t>x</a:t>" * 6_000 + "</a:r></a:p>" * 6_000
    return on_a_slide(f"<p:sp><p:txBody>{text}</p:txBody></p:sp>")


def titles_in_each_other() -> bytes:
    return chart(f"{'<c:title><c:tx><a:p>' * 6_000}{slide_paragraph('x')}{'</a:p></c:tx></c:title>' * 6_000}")


def levels_of_a_slide() -> bytes:
    levels = (
        f'<a:p><a:pPr lvl="{n}"><a:buAutoNum/></a:pPr><a:r><a:t>x</a:t></a:r></a:p>' for n in range(40_000)
    )
    return on_a_slide(f"<p:sp><p:txBody>{''.join(levels)}</p:txBody></p:sp>")


def runs_of_one_look() -> bytes:
    run = f"<w:r><w:t>{'x' * 400}</w:t></w:r>"
    return docx(f"<w:p>{run * 60_000}</w:p>")


def lists_of_one_definition() -> bytes:
    levels = '<w:lvl w:ilvl="0"><w:lvlText w:val="%1"/></w:lvl>' * 2_000
    lists = "".join(f'<w:num w:numId="{n}"><w:abstractNumId w:val="0"/></w:num>' for n in range(2_000))
    numbering = (
        f'<w:numbering {W}><w:abstractNum w:abstractNumId="0">{levels}</w:abstractNum>{lists}</w:numbering>'
    )
    parts = {
        "word/_rels/document.xml.rels": relations(("n", "numbering", "numbering.xml")),
        "word/numbering.xml": numbering,
    }
    return docx(para("x"), parts)


def notes_in_notes() -> bytes:
    note, end = "<text:note><text:note-body><text:p>a", "</text:p></text:note-body></text:note>"
    return odt(f"<text:p>{note * 60}{end * 60}</text:p>")


def remarks_in_remarks() -> bytes:
    remark, end = "<office:annotation><text:p>a", "</text:p></office:annotation>"
    return odt(f"<text:p>{remark * 60}{end * 60}</text:p>")


def with_styles(body: str, kind: str, inside: str) -> bytes:
    held = unzipped(odt(body, kind=kind))
    page = f'<style:master-page style:name="M">{inside}</style:master-page>'
    held["styles.xml"] = f'<styles xmlns:style="s" xmlns:text="t" xmlns:draw="d">{page}</styles>'.encode()
    return zipped(held)


def slides_before_one_page() -> bytes:
    shapes = "<draw:frame><draw:text-box><text:p>w</text:p></draw:text-box></draw:frame>" * 3_000
    return with_styles('<draw:page draw:master-page-name="M"/>' * 1_500, "presentation", shapes)


def sheets_of_one_head() -> bytes:
    style = '<style:style style:name="T" style:master-page-name="M"/>'
    sheets = '<table:table table:style-name="T"/>' * 1_000
    head = f"<style:header>{'<text:p>w</text:p>' * 5_000}</style:header>"
    return with_styles(style + sheets, "spreadsheet", head)


def slides_of_one_place() -> bytes:
    things = {20_000 + n: box(50_000 + n) for n in range(3_000)}
    nodes = {100 + n: (4, message({2: link(19_000)})) for n in range(3_000)}
    tree = message({2: [link(number) for number in nodes]})
    shown = {19_000: (5, message({7: [link(number) for number in things]}))}
    return iwork(
        {1: (1, message({2: link(3)})), 3: (2, message({3: tree})), **nodes, **shown, **things}, Slide=b""
    )


def sheets_of_one_place() -> bytes:
    things = {20_000 + n: box(50_000 + n) for n in range(2_000)}
    sheet = (2, message({1: "s", 2: [link(number) for number in things]}))
    return iwork({1: (1, message({1: [link(10)] * 2_000})), 10: sheet, **things})


def dates_of_a_long_form() -> bytes:
    dates = [row(n, [cell(5, 4 | 1 << 16, struct.pack("<d", n), struct.pack("<I", 1))]) for n in range(4_000)]
    return numbers({"s": [100]}, model("t", dates, {}, {1: message({14: "y" * 1_000_000})}))


def paragraphs_of_a_long_list() -> bytes:
    style = (2023, message({11: [3] * 30_000, 15: [0] * 30_000}))
    return pages(story("x\n" * 40_000, f7=steps((0, 50))), {50: style})


def names_of_who_remarks() -> bytes:
    count = 1_000
    about = bytes(20) + struct.pack("<H", 60_000) + bytes(8)
    tables = {
        4: struct.pack(f"<{count + 1}i", *range(0, 2 * count + 2, 2)) + about * count,
        5: struct.pack(f"<{count + 2}i", *range(count + 2)),
        36: "\1a".encode("utf-16-le") * 70_000,
    }
    return word([plain("\x05x" * count), plain("x" * (count + 1))], counts=[0, 0, 0, count], tables=tables)


def notes_over_each_other() -> bytes:
    count, size = 12_000, 30_000
    tables = {
        2: struct.pack(f"<{count + 1}i", *range(0, 2 * count + 2, 2)) + b"\1\0" * count,
        3: struct.pack(f"<{count + 2}i", *[0, size] * (count // 2 + 1)),
    }
    return word([plain("\x02x" * count), plain("y" * size)], counts=[size], tables=tables)


def controls_of_hangul() -> bytes:
    return hwp(paragraph(0, sign(11) * 400_000, *[control(1, b"gso ")] * 400_000))


def columns_of_2003() -> bytes:
    columns = '<Column Index="1" Span="16383"/>' * 20_000
    cells = '<Row><Cell><Data Type="String">x</Data></Cell></Row>'
    return f'<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"><Worksheet Name="a"><Table>{columns}{cells}</Table></Worksheet></Workbook>'.encode()


ONCE: dict[str, tuple[Callable[[], bytes], str]] = {
    "paragraphs in each other": (paragraphs_in_each_other, "a.pptx"),
    "titles of a chart in each other": (titles_in_each_other, "a.pptx"),
    "levels of a slide": (levels_of_a_slide, "a.pptx"),
    "runs of one look": (runs_of_one_look, "a.docx"),
    "lists of one definition": (lists_of_one_definition, "a.docx"),
    "notes in notes": (notes_in_notes, "a.odt"),
    "remarks in remarks": (remarks_in_remarks, "a.odt"),
    "slides before one page": (slides_before_one_page, "a.odp"),
    "sheets of one head": (sheets_of_one_head, "a.ods"),
    "slides of one place": (slides_of_one_place, "a.key"),
    "sheets of one place": (sheets_of_one_place, "a.numbers"),
    "dates of a long form": (dates_of_a_long_form, "a.numbers"),
    "paragraphs of a long list": (paragraphs_of_a_long_list, "a.pages"),
    "names of who remarks": (names_of_who_remarks, "a.doc"),
    "notes over each other": (notes_over_each_other, "a.doc"),
    "controls of Hangul": (controls_of_hangul, "a.hwp"),
    "columns of 2003": (columns_of_2003, "a.xls"),
}


@each("made,name", ONCE.values(), ids=ONCE)
def test_each_part_is_gone_through_once(made: Callable[[], bytes], name: str) -> None:
    data = made()
    began = time.process_time()
    facts, _ = document_job(io.BytesIO(data), {"name": name, "pages": None})
    assert time.process_time() - began < MOST_S
    assert facts["pages"]
