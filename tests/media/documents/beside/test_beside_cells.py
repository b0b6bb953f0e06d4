"""What a workbook says beside its cells: the rules of cells, and what is printed at the head and the foot of a page."""

from __future__ import annotations

import io
import time
import zipfile
from typing import Any

import pytest
from support.jobs import document_job
from support.made_documents import odt, zipped
from support.paths import DATA

xlsxwriter: Any = pytest.importorskip("xlsxwriter")

_FOOTER = """<x xmlns:style="s" xmlns:text="t"><style:master-page style:name="Lined"><style:header><style:region-left>
<text:p>Kestrel <text:sheet-name>???</text:sheet-name></text:p></style:region-left><style:region-right>
<text:p>Confidential</text:p></style:region-right></style:header><style:header-left style:display="false">
<text:p>hidden words</text:p></style:header-left><style:footer><text:p>Page <text:page-number>1</text:page-number> of
<text:page-count>9</text:page-count></text:p></style:footer></style:master-page><style:master-page style:name="Other">
<style:header><text:p>of no sheet</text:p></style:header></style:master-page></x>"""
_ODS_RULES = """<table:content-validations><table:content-validation table:name="v"
table:condition='of:cell-content-is-in-list("Low";"Very high")'><table:error-message table:title="Wrong"><text:p>Take one.</text:p>
</table:error-message></table:content-validation></table:content-validations>"""


def first_page(data: bytes) -> str:
    return str(document_job(io.BytesIO(data), {"name": "file"})[0]["pages"][0][2])


def test_the_rules_of_cells_say_their_choices_and_what_a_wrong_entry_is_told() -> None:
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    sheet = book.add_worksheet()
    sheet.write("A1", "x")
    told = {"error_title": "Wrong", "error_message": "Take one."}
    sheet.data_validation("B2:B9", {"validate": "list", "source": ["Low", "R&D"], **told})
    sheet.data_validation("C2", {"validate": "list", "source": "=$A$1:$A$1"})
    sheet.data_validation(
        "D2", {"validate": "integer", "criteria": ">", "value": 1, "error_message": "Above one."}
    )
    book.close()
    assert first_page(out.getvalue()).endswith(
        "Comments:\n\n- B2:B9, choices: Low, R&D\n- B2:B9, error: Wrong: Take one.\n- D2, error: Above one."
    )


def test_an_xls_says_its_rules_its_printed_lines_and_what_it_is_about() -> None:
    assert first_page((DATA / "rules.xls").read_bytes()) == (
        "| x |\n| --- |\n\nComments:\n\n- B2:B9, hint: Level: Choose a level\n- B2:B9, choices: Low, Medium, High\n"
        "- B2:B9, error: Wrong level: Pick one of three.\n- C2, error: One to nine only.\n\n"
        "[page header: Kestrel Confidential]\n\n[page footer: Page of / Ledger 2026]\n\n[title: Lake ledger]\n"
        "[author: Ann Otter]\n[subject: Tolls]\n[keywords: boats, 船]\n[description: Of tolls.]"
    )


def test_an_ods_says_its_choices_and_what_is_printed_with_its_sheet() -> None:
    style = '<style:style style:name="ta1" style:family="table" style:master-page-name="Lined"/>'
    cell = '<table:table-cell table:content-validation-name="v"><text:p>x</text:p></table:table-cell>'
    sheet = f'<table:table table:name="S" table:style-name="ta1"><table:table-row>{cell}</table:table-row></table:table>'
    data = odt(f"{style}{_ODS_RULES}{sheet}", kind="spreadsheet")
    parts = dict(_parts(data), **{"styles.xml": _FOOTER})
    assert first_page(zipped(parts)) == (
        "[sheet 'S']\n\n| x |\n| --- |\n\nComments:\n\n- A1, choices: Low, Very high\n- A1, error: Wrong: Take one.\n\n"
        "[page header: Kestrel / Confidential]"
    )


def test_a_printed_line_of_a_word_and_a_number_is_told_and_a_number_of_pages_alone_is_not() -> None:
    lines = {
        "&LKestrel&R&P": "[page header: Kestrel]",
        "&CSeite &P von &N": "",
        "&C&P / &N": "",
        "&L第&P页": "",
    }
    for written, told in lines.items():
        out = io.BytesIO()
        book = xlsxwriter.Workbook(out, {"in_memory": True})
        sheet = book.add_worksheet("S")
        sheet.write(0, 0, "x")
        sheet.set_header(written)
        book.close()
        assert first_page(out.getvalue()).partition("| --- |")[2].strip() == told


def test_the_labels_of_controls_and_the_tips_of_links_on_a_sheet_are_read() -> None:
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    sheet = book.add_worksheet("S")
    sheet.write_url("A1", "http://example.org/", string="map", tip="Opens the map")
    sheet.insert_button("D1", {"caption": "Count again"})
    sheet.write_comment("B2", "a remark")
    book.close()
    assert first_page(out.getvalue()).startswith(
        "[sheet 'S']\n\n| [map](http://example.org/) (Opens the map) |\n| --- |\n\n[control: Count again]\n\nComments:"
    )


def test_names_that_stand_for_a_text_are_told() -> None:
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    book.add_worksheet("S").write(0, 0, "x")
    book.define_name("Motto", '="say ""so"""')
    book.define_name("Place", "=S!$A$1")
    book.close()
    assert first_page(out.getvalue()).endswith('| --- |\n\n[name Motto: say "so"]')
    name = """<table:named-expressions><table:named-expression table:name="Motto" table:expression='of:="north"'/>
    <table:named-expression table:name="Sum" table:expression='of:="a"&amp;"b"'/></table:named-expressions>"""
    sheet = '<table:table table:name="S"><table:table-row><table:table-cell><text:p>x</text:p></table:table-cell></table:table-row></table:table>'
    assert first_page(odt(sheet + name, kind="spreadsheet")).endswith("| --- |\n\n[name Motto: north]")


def _parts(data: bytes) -> dict[str, str | bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.extreme
def test_rules_without_end_cost_no_more_than_their_bytes() -> None:
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    kinds = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    links = '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="s" Type="{}" Target="{}"/></Relationships>'
    rules = '<dataValidation sqref="A1"><formula1>"' * 50_000
    data = zipped(
        {
            "_rels/.rels": links.format(f"{kinds}/officeDocument", "xl/workbook.xml"),
            "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{kinds}"><sheets><sheet name="One" sheetId="1" r:id="s"/></sheets></workbook>',
            "xl/_rels/workbook.xml.rels": links.format(f"{kinds}/worksheet", "/xl/worksheets/sheet1.xml"),
            "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData/>{rules}',
        }
    )
    start = time.process_time()
    document_job(io.BytesIO(data), {"name": "file"})
    assert time.process_time() - start < 5
