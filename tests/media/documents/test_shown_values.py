"""Numbers, dates and durations as a sheet shows them; what lies on a sheet beside its cells; sideways PDF pages."""

from __future__ import annotations

import io
import re
import zipfile
from typing import Any

import anyio
import pytest
from support.cases import each
from support.jobs import document_job
from support.made_documents import assemble, docx, grid, large, lines, odt, para, pdf, source, text_at, zipped

from glm_mcp.media.documents.html import html_markdown
from glm_mcp.media.documents.ooxml.number_format import display, display_text
from glm_mcp.media.documents.pdf import pdf_job
from glm_mcp.media.documents.read import read_document

xlsxwriter: Any = pytest.importorskip("xlsxwriter")
WIKI = (
    "<p>so <span><span style='display:none'><math><annotation encoding='tex'>x_1</annotation></math></span>"
    "<img alt='x_1' aria-hidden=true></span></p>"
)
ACCOUNT = '_(* #,##0.00_);_(* (#,##0.00);_(* "-"??_);_(@_)'


@each(
    ("number", "code", "shown"),
    [
        (0.256, "0.0%", "25.6%"),
        (0.07, "0%", "7%"),
        (1234.5, "$#,##0.00", "$1,234.50"),
        (1234.5, "#,##0.00 [$€-407]", "1,234.50 €"),
        (1234567.891, "# ##0.00", "1 234 567.89"),
        (123, "00000", "00123"),
        (2.675, "0.00", "2.68"),
        (-0.001, "0.00", "0.00"),
        (-5.5, "#,##0.00;(#,##0.00)", "(5.50)"),
        (-1.5, "#,##0.0;[Red]-#,##0.0", "-1.5"),
        (0.5, ACCOUNT, "0.50"),
        (0, ACCOUNT, "-"),
        (0, "0;-0;;@", ""),
        (1.5, "0.###", "1.5"),
        (1234567, "0.0,,", "1.2"),
        (12500, '0.0,"k"', "12.5k"),
        (12345, "0.00E+00", "1.23E+04"),
        (0.00012, "0.0E+0", "1.2E-4"),
        (45356.75, "##0.0E+0", "45.4E+3"),
        (366.25, "##0.0E+0", "366.3E+0"),
        (0.00012, "##0.0E+0", "120.0E-6"),
        (999960, "##0.0E+0", "1.0E+6"),
        (0, "##0.0E+0", "0.0E+0"),
        (-99995, "0.00E+00", "-1.00E+05"),
        (2.5, "# ?/?", "2 1/2"),
        (2.5, "#\\ ?/?", "2 1/2"),
        (0.5, "?/8", "4/8"),
        (3, "# ?/?", "3"),
        (5551234567, "(000) 000-0000", "(555) 123-4567"),
        (5, '[<10]"low";"high"', "low"),
        (50, '[<10]"low";"high"', "high"),
        (50, "[>100]0;[>200]0", "50"),
        (12, '0" h"', "12 h"),
        (3, "@", "3"),
        (4006381333931, "General", "4006381333931"),
        (1e22, "General", "1e+22"),
        (7, "GENERAL", "7"),
        (7, "", "7"),
        (2.5, 'general" kg"', "2.5 kg"),
        (44927, "d/m/yyyy", "2023-01-01"),
        (44927.5, "dd/mm/yyyy hh:mm", "2023-01-01 12:00"),
        (44927.75, "m/d/yy h:mm AM/PM", "2023-01-01 6:00 PM"),
        (44927, "mmm-yy", "Jan-23"),
        (44927, "mmmmm", "J"),
        (44927, "dddd", "Sunday"),
        (44927, "d mmm", "1 Jan"),
        (46022, 'yyyy"年"m"月"d"日"', "2025-12-31"),
        (44927, "gge", "2023"),
        (0.6041666667, "h:mm AM/PM", "2:30 PM"),
        (0.5, "hh:mm:ss", "12:00:00"),
        (1 + 2.5 / 24, "[h]:mm", "26:30"),
        (1.5 / 24, "[mm]:ss", "90:00"),
        (0.0001, "[ss].0", "08.6"),
        (1234.567, "hh:mm:ss.000", "13:36:28.800"),
        (1234.567, "h:mm:ss", "13:36:29"),
        (1234.567, "[h]:mm:ss", "29629:36:29"),
        (1234.567, "[ss].00", "106666588.80"),
        (45356.123456, "yyyy-mm-dd hh:mm:ss.000", "2024-03-05 02:57:46.598"),
        (59.96 / 86400, "mm:ss.0", "01:00.0"),
        (0.7999999999999999, "[h]:mm", "19:12"),
        (-1, "[h]:mm", "-24:00"),
        (-1, "yyyy-mm-dd", "-1"),
        (9_999_999, "yyyy", "9999999"),
    ],
)
def test_a_number_is_shown_as_its_format_says(number: float, code: str, shown: str) -> None:
    assert display(number, code) == shown


def test_dates_of_a_sheet_that_counts_from_1904_are_right() -> None:
    assert display(0, "yyyy-mm-dd", since_1904=True) == "1904-01-01"


@pytest.mark.parametrize("number", [12.5, 1e300, float("inf"), float("nan")])
@pytest.mark.parametrize(
    "code", ["0" + "%" * 300, "0." + "0" * 500, "0E+" + "0" * 300, "?/" + "?" * 300, "0" * 300]
)
def test_a_format_or_number_beyond_all_measure_costs_nothing_but_its_form(number: float, code: str) -> None:
    assert display(number, code, "as written")


def test_text_is_shown_with_what_its_format_adds() -> None:
    assert display_text("x", '0;0;0;"<"@">"') == "<x>"
    assert display_text("x", ";;;") == "x"
    assert display_text("x", "0.00") == "x"


def test_a_sheet_shows_its_text_boxes_charts_merged_cells_and_a_page_of_its_own_for_a_chart_sheet() -> None:
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    sheet = book.add_worksheet("Data")
    sheet.merge_range("A1:C1", "A title over all")
    sheet.merge_range("A2:A3", "both rows")
    sheet.write("B2", 1)
    sheet.write("B3", 2)
    sheet.write("C3", "end")
    sheet.insert_textbox("E2", "read me first")
    chart = book.add_chart({"type": "column"})
    chart.add_series({"name": "Sales", "categories": ["Data", 1, 2, 2, 2], "values": ["Data", 1, 1, 2, 1]})
    chart.set_title({"name": "By row"})
    sheet.insert_chart("E6", chart)
    alone = book.add_chart({"type": "line"})
    alone.add_series({"values": ["Data", 1, 1, 2, 1]})
    book.add_chartsheet("Plot").set_chart(alone)
    book.close()
    facts, _ = document_job(io.BytesIO(out.getvalue()), {"name": "a.xlsx"})
    one, two = facts["pages"]
    assert one[2].startswith(
        "| A title over all |  |  |\n| --- | --- | --- |\n| both rows | 1 |  |\n| both rows | 2 | end |\n\n"
    )
    assert "Text box at E2: read me first" in one[2]
    assert "Chart: By row" in one[2]
    assert two[1] == "sheet 'Plot' (chart)"
    assert two[2].startswith("Chart:")


def test_comments_of_both_forms_are_read_each_once() -> None:
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    kinds = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    rels = '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{}</Relationships>'
    one = f'<Relationship Id="{{0}}" Type="{kinds}/{{0}}" Target="{{1}}"/>'
    thread = "http://schemas.microsoft.com/office/spreadsheetml/2018/threadedcomments"
    data = zipped(
        {
            "_rels/.rels": rels.format(one.format("officeDocument", "xl/workbook.xml")),
            "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{kinds}"><sheets><sheet name="S" r:id="worksheet"/></sheets></workbook>',
            "xl/_rels/workbook.xml.rels": rels.format(
                one.format("worksheet", "s.xml") + one.format("person", "p.xml")
            ),
            "xl/s.xml": f'<worksheet xmlns="{main}"><sheetData><row><c><v>1</v></c></row></sheetData></worksheet>',
            "xl/_rels/s.xml.rels": rels.format(
                one.format("comments", "c.xml") + one.format("threadedComment", "t.xml")
            ),
            "xl/c.xml": f'<comments xmlns="{main}"><authors><author>Ann</author></authors><commentList>'
            '<comment ref="A1" authorId="0"><text><t>[Threaded comment] hm</t></text></comment>'
            '<comment ref="B2" authorId="0"><text><r><t>Ann:</t></r><r><t> older</t></r></text></comment></commentList></comments>',
            "xl/t.xml": f'<ThreadedComments xmlns="{thread}"><threadedComment ref="A1" personId="b"><text>newer</text></threadedComment></ThreadedComments>',
            "xl/p.xml": f'<personList xmlns="{thread}"><person id="b" displayName="Bob"/></personList>',
        }
    )
    (page,) = document_job(io.BytesIO(data), {"name": "a.xlsx"})[0]["pages"]
    assert page[2].endswith("| 1 |\n| --- |\n\nComments:\n\n- A1, Bob: newer\n- B2, Ann: older")


def test_an_ods_shows_what_its_cells_show_its_comments_and_where_cells_lie_far_apart() -> None:
    cell = '<table:table-cell office:value-type="percentage" office:value="0.256"><text:p>25.6%</text:p></table:table-cell>'
    date = '<table:table-cell office:date-value="2026-04-03"><text:p>03/04/26</text:p></table:table-cell>'
    noted = "<table:table-cell><office:annotation><text:p>why so high?</text:p></office:annotation><text:p>9</text:p></table:table-cell>"
    gap = '<table:table-row table:number-rows-repeated="1000000"><table:table-cell/></table:table-row>'
    rows = f"<table:table-row>{cell}{date}{noted}</table:table-row>{gap}<table:table-row>{cell}</table:table-row>"
    data = odt(f'<table:table table:name="One">{rows}</table:table>', kind="spreadsheet")
    facts, _ = document_job(io.BytesIO(data), {"name": "a.ods"})
    (page,) = facts["pages"]
    assert page[2] == (
        "[sheet 'One']\n\n[A1:C1]\n\n| 25.6% | 2026-04-03 | 9 |\n| --- | --- | --- |\n\n"
        "[A1000002]\n\n| 25.6% |\n| --- |\n\nComments:\n\n- C1: why so high?"
    )
    assert "is written by its used blocks: A1:C1, A1000002" in facts["notes"][0]


def test_a_table_of_excel_within_a_word_document_is_read_where_it_stands_and_once() -> None:
    inner = io.BytesIO()
    with xlsxwriter.Workbook(inner) as made:
        made.add_worksheet("Costs").write_row("A1", ["Rent", 1_200])
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    thing = f'<w:p><w:r><w:object><o:OLEObject xmlns:o="urn:schemas-microsoft-com:office:office" xmlns:r="{office}" ProgID="Excel.Sheet.12" r:id="r9"/></w:object></w:r></w:p>'
    related = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f'<Relationship Id="r9" Type="{office}/package" Target="embeddings/Sheet.xlsx"/></Relationships>'
    )
    more: dict[str, str | bytes] = {"word/_rels/document.xml.rels": related}
    deep = docx("<w:p>" + "<w:ins>" * 20_000 + "</w:ins>" * 20_000 + "</w:p>")  # more than its reader follows
    table = "\n\n| Rent | 1200 |\n| --- | --- |"
    for data, shown in ((inner.getvalue(), table), (b"no office file", ""), (deep, "")):
        more["word/embeddings/Sheet.xlsx"] = data
        facts, _ = document_job(io.BytesIO(docx(thing + thing + para("after"), more)), {"name": "a.docx"})
        text = "".join(facts["pages"][0][2].split("[sheet 'Costs']\n\n"))
        assert text == f"[embedded: Excel.Sheet.12]{shown}\n\n[embedded: Excel.Sheet.12]\n\nafter"


def test_the_points_of_a_chart_have_the_labels_that_were_taken_from_cells() -> None:
    book = io.BytesIO()
    with xlsxwriter.Workbook(book) as made:
        sheet = made.add_worksheet()
        sheet.write_column("A1", [3, 7])
        chart = made.add_chart({"type": "column"})
        chart.add_series({"name": "Sales", "values": ["Sheet1", 0, 0, 1, 0], "data_labels": {"value": True}})
        sheet.insert_chart("C1", chart)
    points = "".join(f'<c:pt idx="{i}"><c:v>{city}</c:v></c:pt>' for i, city in enumerate(("Ulm", "Bonn")))
    cells = f'<c:extLst><c:ext uri="x"><e:datalabelsRange xmlns:e="http://schemas.microsoft.com/office/drawing/2012/chart"><e:dlblRangeCache>{points}</e:dlblRangeCache></e:datalabelsRange></c:ext></c:extLst></c:ser>'
    field = '<c:dLbls><c:dLbl><c:tx><c:rich><a:p><a:fld type="CELLRANGE"><a:t>[CELLRANGE]</a:t></a:fld></a:p></c:rich></c:tx></c:dLbl>'
    with zipfile.ZipFile(book) as archive:
        parts: dict[str, str | bytes] = {name: archive.read(name) for name in archive.namelist()}
        chart_part = archive.read("xl/charts/chart1.xml").decode()
    parts["xl/charts/chart1.xml"] = chart_part.replace("</c:ser>", cells).replace("<c:dLbls>", field)
    facts, _ = document_job(io.BytesIO(zipped(parts)), {"name": "a.xlsx"})
    text = facts["pages"][0][2]
    assert "| 1 | 3 (Ulm) |\n| 2 | 7 (Bonn) |" in text
    assert "CELLRANGE" not in text


def test_a_chart_in_an_odt_is_its_table() -> None:
    chart = (
        '<d xmlns:chart="c" xmlns:text="t" xmlns:table="b"><chart:chart><chart:title><text:p>Rain</text:p></chart:title>'
        "<table:table><table:table-rows><table:table-row><table:table-cell><text:p>May</text:p></table:table-cell>"
        "<table:table-cell><text:p>7</text:p></table:table-cell></table:table-row></table:table-rows></table:table></chart:chart></d>"
    )
    frame = '<text:p><draw:frame><draw:object xlink:href="./Object 1" xmlns:xlink="x"/><draw:image/></draw:frame></text:p>'
    parts = {"Object 1/content.xml": chart, "mimetype": "application/vnd.oasis.opendocument.text"}
    import zipfile

    with zipfile.ZipFile(io.BytesIO(odt(f"<text:p>before</text:p>{frame}"))) as archive:
        parts |= {name: archive.read(name).decode() for name in archive.namelist()}
    facts, _ = document_job(io.BytesIO(zipped(parts)), {"name": "a.odt"})
    assert facts["pages"][0][2] == "before\n\nChart: Rain\n\n| May | 7 |\n| --- | --- |"


# ── PDF ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def upward(x: float, y: float, words: str) -> str:
    return f"BT /F1 11 Tf 0 1 -1 0 {x} {y} Tm ({words}) Tj ET\n"


def read_pdf(data: bytes) -> dict[str, Any]:
    return pdf_job(io.BytesIO(data), {"name": "a.pdf"})[0]


def test_a_sideways_page_is_read_upright_in_its_order() -> None:
    content = "".join(upward(60 + 16 * i, 60, f"Line {i} of a page that lies on its side.") for i in range(6))
    content += "".join(upward(300 + 16 * i, 60 + 120 * j, f"c{i}{j}") for i in range(3) for j in range(3))
    (page,) = read_pdf(pdf([content]))["pages"]
    paragraph = " ".join(f"Line {i} of a page that lies on its side." for i in range(6))
    rows = "| c00 | c01 | c02 |\n|---|---|---|\n| c10 | c11 | c12 |\n| c20 | c21 | c22 |"
    assert page[2] == f"{paragraph}\n\n{rows}"


@pytest.mark.parametrize("side", [90, 180, 270])
def test_words_of_a_page_that_lies_on_its_side_stay_whole_and_in_order(side: int) -> None:
    said = ["Titles with little illicit fillings, in all", "and one of it is filled until it is full."]
    data = pdf([lines(said)]).replace(b"/Type /Page /Parent", b"/Type /Page /Rotate %d /Parent" % side)
    (page,) = read_pdf(data)["pages"]
    assert " ".join(page[2].split()) == " ".join(said)


def test_an_upright_footer_of_a_page_that_lies_on_its_side_is_read_whole() -> None:
    content = "".join(upward(60 + 16 * i, 60, f"Line {i} of a page that lies on its side.") for i in range(6))
    footer = "Strengthening the Core, Powering Energy Transition"
    (page,) = read_pdf(pdf([content + lines([footer], top=30)]))["pages"]
    assert "Line 5 of a page" in page[2]
    assert page[2].endswith(f"\n\n{footer}")


def test_a_sideways_line_on_an_upright_page_is_read_too() -> None:
    body = lines([f"An upright line, number {i}, with words enough." for i in range(12)])
    (page,) = read_pdf(pdf([body + upward(40, 200, "In the margin: sierra 5")]))["pages"]
    assert "number 11" in page[2]
    assert page[2].endswith("[sideways text]\n\nIn the margin: sierra 5")


def slanted(x: float, y: float, words: str, matrix: str) -> str:
    return f"BT /F1 9 Tf {matrix} {x} {y} Tm ({words}) Tj ET\n"


def test_slanted_words_of_a_chart_and_a_stamp_across_the_page_are_read() -> None:
    body = lines([f"An upright, confidential line, number {i}, with words enough." for i in range(12)])
    dates = [slanted(100 + 60 * i, 300, f"Week {i} of May", "0.5 0.866 -0.866 0.5") for i in range(3)]
    stamp = "BT /F1 40 Tf 0.707 0.707 -0.707 0.707 100 100 Tm (CONFIDENTIAL) Tj ET\n"
    (page,) = read_pdf(pdf([body + "".join(dates) + stamp]))["pages"]
    body, _, rest = page[2].partition("[sideways text]")
    assert "number 11" in body
    assert [line for line in rest.splitlines() if line] == [
        "Week 0 of May",
        "Week 1 of May",
        "Week 2 of May",
        "CONFIDENTIAL",
    ]


def test_letters_that_lean_stand_on_a_level_line() -> None:
    words = (("Scale", 60), ("one", 110), ("to", 150), ("twenty", 180))
    (page,) = read_pdf(pdf(["".join(slanted(x, 400, word, "1 0 0.364 1") for word, x in words)]))["pages"]
    assert " ".join(page[2].split()).endswith("Scale one to twenty")


def test_lines_whose_letters_lean_stand_between_those_around_them() -> None:
    said = [f"Line {i} of the agreement, with words enough to tell." for i in range(9)]
    drawn = [text_at(72, 740 - 16 * i, line) for i, line in enumerate(said)]
    for i in (2, 3, 6):
        drawn[i] = slanted(72, 740 - 16 * i, said[i], "1 0 0.21 1")
    rows = [["Item", "Price"], ["Chair", "120.00"], ["Table", "310.50"]]
    note = slanted(72, 500, "All prices are without tax.", "1 0 0.21 1")
    last = text_at(72, 470, "The prices hold for one year from today.")
    (page,) = read_pdf(pdf(["".join(drawn) + grid(rows, top=580) + note + last]))["pages"]
    table = "| Item | Price |\n|---|---|\n| Chair | 120.00 |\n| Table | 310.50 |"
    assert page[2].endswith(
        f"\n\n{table}\n\nAll prices are without tax.\n\n---\n\nThe prices hold for one year from today."
    )
    assert " ".join(page[2].split()).startswith(" ".join(said))


def test_no_word_is_lost_of_a_page_with_a_hundred_lines_that_lean_and_more() -> None:
    said = [f"{number:03} {'leans' if number % 2 else 'stands'} among the others" for number in range(285)]
    drawn = "".join(
        slanted(20 + 190 * (i % 3), 800 - 8 * (i // 3), line, "1 0 0.21 1" if i % 2 else "1 0 0 1")
        for i, line in enumerate(said)
    )
    (page,) = read_pdf(pdf([drawn]))["pages"]
    shown = " ".join(page[2].replace("|", " ").split())
    assert [line for line in said if line not in shown] == []


def test_italics_that_go_on_in_the_next_line_are_one_piece() -> None:
    said = [
        ("F1", "The tenant pays the rent of each month at its beginning, and"),
        ("F2", "the landlord keeps the house and the garden around it in good"),
        ("F2", "order, mends what is broken and paints it every five years."),
        ("F1", "Both of them may end this lease with three months of notice."),
    ]
    drawn = "".join(
        f"BT /{f} 11 Tf 72 {740 - 14 * i} Td ({line}) Tj ET\n" for i, (f, line) in enumerate(said)
    )
    fonts = "<< /F1 5 0 R /F2 6 0 R >>"
    data = assemble(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font {fonts} >> >>".encode(),
            f"<< /Length {len(drawn)} >>\nstream\n{drawn}\nendstream".encode(),
            b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
            b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Oblique >>",
        ]
    )
    (page,) = read_pdf(data)["pages"]
    first, *slanted_lines, last = (line for _, line in said)
    assert page[2] == f"{first} *{' '.join(slanted_lines)}* {last}"


def test_a_number_alone_in_the_middle_of_a_page_is_no_page_number() -> None:
    said = [f"Line {i} of the agreement, with words enough to tell." for i in range(12)]
    for number in ("99", "7"):
        (page,) = read_pdf(pdf([lines(said) + text_at(300, 500, number) + text_at(300, 40, "3")]))["pages"]
        assert page[2].endswith(f"to tell.\n\n{number}")


def test_a_line_with_a_letter_that_leans_keeps_its_other_words() -> None:
    body = lines([f"A line above, number {i}, with words enough." for i in range(12)])
    formula = slanted(60, 400, "c", "0.947 0 0.324 0.947") + text_at(
        80, 400, "5.281, v = 3, probability 0.152", 9
    )
    (page,) = read_pdf(pdf([body + formula]))["pages"]
    assert "\n5.281, v = 3, probability 0.152" in page[2]


def test_a_short_number_beside_such_words_comes_with_them_though_it_stands_elsewhere_too() -> None:
    body = lines([f"Line 0{i} above, of week 12, with words enough." for i in range(12)])
    date = slanted(60, 400, "c", "0.947 0 0.324 0.947") + text_at(80, 400, "Issued on the day of: 2022", 9)
    apart = text_at(260, 400, "05", 9) + text_at(300, 400, "12", 9)
    (page,) = read_pdf(pdf([body + date + apart]))["pages"]
    assert "Issued on the day of: 2022 05 12" in " ".join(page[2].split())


def in_no_font() -> bytes:
    places = [
        (50, 800, "项目名称"),
        (200, 800, "单位"),
        (300, 800, "数量"),
        (50, 780, "餐饮服务"),
        (200, 780, "次"),
    ]
    places += [(300, 780, "4"), (50, 760, "螺丝"), (200, 760, "批"), (300, 760, "1")]
    places += [(20, 780 - 10 * i, letter) for i, letter in enumerate("购买方")]
    text = "".join(f"BT /F 10 Tf {x} {y} Td <{t.encode('utf-16-be').hex()}> Tj ET\n" for x, y, t in places)
    stream = f"<< /Length {len(text)} >>\nstream\n{text}\nendstream"
    face = "/BaseFont /STSong-Light"
    system = "/CIDSystemInfo << /Registry (Adobe) /Ordering (GB1) /Supplement 4 >>"
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F 5 0 R >> >> >>",
        stream,
        f"<< /Type /Font /Subtype /Type0 {face} /Encoding /UniGB-UCS2-H /DescendantFonts [6 0 R] >>",
        f"<< /Type /Font /Subtype /CIDFontType0 {face} /DW 1000 /FontDescriptor 7 0 R {system} >>",
        "<< /Type /FontDescriptor /FontName /STSong-Light /Flags 6 /FontBBox [-25 -254 1000 880] /Ascent 880 /Descent -120 >>",
    ]
    return assemble([one.encode() for one in objects])


def test_single_letters_of_a_font_that_is_not_in_the_file_are_read() -> None:
    (page,) = read_pdf(in_no_font())["pages"]
    assert set("项目名称单位数量餐饮服务次4螺丝批1购买方") <= set(page[2])
    assert re.search(r"螺丝\W+批\W+1", page[2]), page[2]


@pytest.mark.anyio
async def test_they_are_read_in_a_large_file_too() -> None:
    with anyio.fail_after(60):
        (page,) = (await read_document(source("a.pdf", large(in_no_font())))).pages
    assert re.search(r"螺丝\W+批\W+1", page.text), page.text


def test_such_a_file_is_read_by_its_own_directory_where_another_lies_in_it() -> None:
    data = in_no_font()
    within = pdf(["x"]).replace(b"/Root 1 0 R", b"/Root 4 0 R")
    (page,) = read_pdf(data + within + data[data.rindex(b"startxref") :])["pages"]
    assert "项目名称" in page[2]


@pytest.mark.parametrize(
    ("words", "encoding"),
    [
        ("Накладная № 7: Получатель груза, Ижевск", "cp1251"),
        ("Café, où l'été à Genève plaît déjà à Zoë", "latin-1"),
    ],
)
def test_cyrillic_words_of_a_font_without_a_map_are_read_as_such(words: str, encoding: str) -> None:
    data = pdf([text_at(72, 700, words.encode(encoding).decode("latin-1"))])
    data = data.replace(b"/BaseFont /Helvetica", b"/BaseFont /Helvetica /Encoding /WinAnsiEncoding")
    (page,) = read_pdf(data)["pages"]
    assert page[2] == words


def test_the_files_that_a_pdf_carries_are_named() -> None:
    file = "<< /Type /Filespec /F (a\\(1\\).xlsx) /UF <FEFF62A5544A002E0078006C0073> /EF << /F 99 0 R >> >>"
    facts = read_pdf(pdf([text_at(72, 700, "See the attached files.")], fields=[file]))
    assert facts["notes"] == ["files attached to the PDF are not read: a(1).xlsx"]


# ── HTML ────────────────────────────────────────────────────────────────────────────────────────────────────────


@each(
    ("page", "text"),
    [
        ("<p>x <math><mfrac><mi>a</mi><mi>b</mi></mfrac></math> y</p>", "x (a)/(b) y"),
        (
            "<p><math><msup><mi>c</mi><mn>2</mn></msup><mo>=</mo><msqrt><mi>d</mi></msqrt></math></p>",
            "c^2 = sqrt(d)",
        ),
        (
            WIKI,
            "so x_1",
        ),
        ("<p>by <script type='math/tex'>a+b</script></p>", "by a+b"),
        ("<p>Size <select><option>S<option selected>M</select></p>", "Size M [choices: S, M]"),
        ("<p>Say <textarea>hello you</textarea></p>", "Say hello you"),
        (
            "<p><input type=radio checked> Yes <input type=radio> No <input type=password value=secret></p>",
            "(x) Yes ( ) No",
        ),
        (
            "<aside>left</aside><footer>below</footer><fieldset><legend>Who</legend>me</fieldset>",
            "left\n\nbelow\n\nWho\n\nme",
        ),
        (
            "<p>Name <input placeholder='as in it'> <input list=l value=b><datalist id=l><option value=a><option>b</datalist></p>",
            "Name as in it b [choices: a, b]",
        ),
        (
            "<p><select><optgroup label=South><option label=lake></optgroup><option>sea</select> <input type=submit value=Send></p>",
            "lake [choices: South: lake, sea] Send",
        ),
        (
            '<p><abbr title="as soon as possible">asap</abbr></p><object><p>no player</p></object><iframe srcdoc="&lt;p&gt;inner&lt;/p&gt;"></iframe>',
            "asap (as soon as possible)\n\nno player\n\ninner",
        ),
        (
            '<p><img title="a boat"></p><map><area alt=pier></map><svg><title>Map</title><desc>of the lake</desc></svg>',
            "[picture: a boat]\n\n[place in the picture: pier][drawing: Map; of the lake]",
        ),
        ('<aside epub:type="footnote" hidden>see below</aside><p hidden>gone</p>', "see below"),
        ("<p>a</p><svg><text>North</text><text>South</text></svg>", "a\n\n[drawing: North; South]"),
        ("<table role=presentation><tr><td>one</td><td>two</td></tr></table>", "one\n\ntwo"),
        (
            "<table border=1><tr><td>a</td><td>b</td></tr><tr><td>1</td><td>2</td></tr></table>",
            "| a | b |\n| --- | --- |\n| 1 | 2 |",
        ),
        (
            "<table><tr><th>a</th></tr><tr><td><ul><li>x</li></ul></td></tr></table>",
            "| a |\n| --- |\n| - x |",
        ),
        # Heads without their row, a form around cells, words outside of cells.
        (
            "<table><thead><th>Rank<th>Flaw<tbody><tr><td>1<td>XSS</table>",
            "| Rank | Flaw |\n| --- | --- |\n| 1 | XSS |",
        ),
        (
            "<table>Words <b>here</b><tr><form><td>a</td><td>b</td></form></tr><tr>there<td>c<td>d</table>",
            "Words **here** there\n\n| a | b |\n| --- | --- |\n| c | d |",
        ),
    ],
)
def test_a_page_is_read_as_its_reader_sees_it(page: str, text: str) -> None:
    assert html_markdown(page) == text


@each(
    ("text", "script", "said"),
    [("", "show()", True), ("Words. " * 40, "show()", False), ("Thanks", "", False)],
)
def test_a_page_that_says_little_without_its_scripts_says_so(text: str, script: str, said: bool) -> None:
    page = f"<title>Chats</title><p>{text}</p>" + (f"<script>var all = 1;{script}</script>" if script else "")
    facts, _ = document_job(io.BytesIO(page.encode()), {"name": "page.html"})
    assert ["scripts of the page would show is not read" in note for note in facts["notes"]] == [True] * said


def test_a_page_that_only_a_script_would_show_is_read() -> None:
    words = "Everything that this page says, which is enough to be believed. " * 5
    page = f"<body style='display:none'><script>show()</script><p>{words}</p></body>"
    assert html_markdown(page) == words.strip()
