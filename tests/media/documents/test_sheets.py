"""Workbooks beyond a plain table: old ones, times, formulas far out, passwords; and tables out of CSV."""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import time
import zipfile
from typing import Any

import pytest
from support.cases import each
from support.jobs import document_job
from support.made_documents import odt, zipped
from support.paths import DATA

from glm_mcp.errors import InvalidRequest, UnsupportedMedia
from glm_mcp.media.documents.markdown import read_csv

xlsxwriter: Any = pytest.importorskip("xlsxwriter")


def job(data: bytes, **params: Any) -> dict[str, Any]:
    return document_job(io.BytesIO(data), {"name": "file", **params})[0]


def text(data: bytes) -> str:
    """What the only sheet holds, below its name."""
    return str(job(data)["pages"][0][2]).partition("]\n\n")[2]


def test_a_workbook_of_excel_97_is_read() -> None:
    facts = job((DATA / "excel97.xls").read_bytes())
    assert facts["kind"] == "xls"
    assert [row[1] for row in facts["pages"]] == ["sheet 'Stock'", "sheet 'Spare' (hidden)"]
    assert facts["pages"][0][2] == (
        "| Item | Qty | Since |\n| --- | --- | --- |\n| 苹果 | 3 | 2003-04-05 06:30 |"
    )


def test_days_times_and_lengths_of_time_are_written_as_such() -> None:
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    sheet = book.add_worksheet()
    for column, (form, value) in enumerate(
        (
            ("yyyy-mm-dd", dt.datetime(2026, 1, 2)),  # noqa: DTZ001 - sheets have no time zones
            ("yyyy-mm-dd hh:mm", dt.datetime(2026, 1, 2, 3, 4)),  # noqa: DTZ001
            ("[h]:mm:ss", dt.timedelta(hours=30)),
        )
    ):
        sheet.write_datetime(0, column, value, book.add_format({"num_format": form}))
    book.close()
    assert text(out.getvalue()).splitlines()[0] == "| 2026-01-02 | 2026-01-02 03:04 | 30:00:00 |"


def plain(cells: str, more: dict[str, str] | None = None) -> bytes:
    """A workbook of one sheet with these cells, as a program writes it that calculates nothing."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    kinds = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    return zipped(
        {
            "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
            f'<Relationship Id="b" Type="{kinds}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
            "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{kinds}"><sheets><sheet name="One" sheetId="1" r:id="s"/></sheets></workbook>',
            "xl/_rels/workbook.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
            f'<Relationship Id="s" Type="{kinds}/worksheet" Target="/xl/worksheets/sheet1.xml"/></Relationships>',
            "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{cells}</sheetData></worksheet>',
            **(more or {}),
        }
    )


def test_a_formula_without_a_result_is_shown_where_it_stands() -> None:
    cells = (
        '<row r="1"><c r="A1"><v>2</v></c><c r="B1"><f>A1*2</f></c></row>'
        '<row r="3"><c r="C3"><f>A1&amp;"&lt;"</f><v></v></c></row>'
        '<row r="1000000"><c r="A1000000"><f>A1</f></c></row>'
    )
    facts = job(plain(cells))
    near, far = facts["pages"][0][2].removeprefix("[sheet 'One']\n\n").split("\n\n[A1000000]\n\n")
    assert near.splitlines() == [
        "[A1:C3]",
        "",
        "| 2 | =A1*2 |  |",
        "| --- | --- | --- |",
        "|  |  |  |",
        '|  |  | =A1&"<" |',
    ]
    assert far == "| =A1 |\n| --- |"
    blocks, formulas = facts["notes"]
    assert "is written by its used blocks: A1:C3, A1000000; the empty area" in blocks
    assert formulas == "sheet 'One': formulas without a stored result, shown as written: 3"


def test_a_pivot_table_that_a_program_left_without_cells_is_said_to_be_there() -> None:
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/pivotTable"
    relation = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f'<Relationship Id="p" Type="{kind}" Target="../pivotTables/pivotTable1.xml"/></Relationships>'
    )
    facts = job(plain("", {"xl/worksheets/_rels/sheet1.xml.rels": relation}))
    assert facts["notes"] == [
        "sheet 'One': a pivot table without its cells, which Excel fills in: open and save it there"
    ]


def test_a_cell_with_an_error_shows_the_error() -> None:
    cells = (
        '<row r="1"><c r="A1" s="0" t="e"><f>1/0</f><v>#DIV/0!</v></c><c r="B1"><v>3</v></c>'
        '<c t="e" r="C1"><v>#N/A</v></c></row><row r="2"><c r="A2" t="e"/><c r="B2"><v>4</v></c></row>'
    )
    facts = job(plain(cells))
    assert facts["pages"][0][2] == "[sheet 'One']\n\n| #DIV/0! | 3 | #N/A |\n| --- | --- | --- |\n|  | 4 |  |"
    assert facts["notes"] == []


def test_letters_that_stand_as_codes_in_a_cell_are_read_those_of_two_halves_too() -> None:
    words = "a_x0009_b _xD83D__xDE00_ 5_xD83D_"
    facts = job(plain(f'<row r="1"><c r="A1" t="inlineStr"><is><t>{words}</t></is></c></row>'))
    assert facts["pages"][0][2] == "[sheet 'One']\n\n| a\tb 😀 5\ufffd |\n| --- |"


@each("piece", ["<c ", '<c t="e" ', '<c r="A1" ', '<c r="A1" t="e"><f', '<c r="A1" t="e"><f>', "&#32;", " "])
@pytest.mark.extreme
def test_a_sheet_of_broken_cells_is_searched_in_one_go(piece: str) -> None:
    start = time.process_time()
    with contextlib.suppress(UnsupportedMedia):
        job(plain('<row r="1"><c r="A1" t="e"><f/>' + piece * 300_000 + "</row>"))
    assert time.process_time() - start < 5


@each("length", [4, 6, 54, 126, 200, 206])
@each("write_protected", [False, True])
def test_however_an_old_workbook_is_encrypted_it_says_so(length: int, write_protected: bool) -> None:
    """Obscured by a number, by RC4, or by RC4 of a library, whose names make the record longer."""
    xls = bytearray((DATA / "excel97.xls").read_bytes())
    second = xls.index(b"\x09\x08\x10\0") + 20
    between = b"\x86\0\0\0" if write_protected else b""
    says = between + b"\x2f\0" + length.to_bytes(2, "little")
    xls[second : second + len(says)] = says
    with pytest.raises(InvalidRequest, match="file is encrypted") as caught:
        job(bytes(xls))
    assert "Protect Workbook" in caught.value.hint


def test_a_workbook_that_only_holds_an_encrypted_one_is_read() -> None:
    held = b"\x09\x08\x10\0\0\x06\x05\0" + bytes(12) + b"\x2f\0\x36\0"
    assert job((DATA / "excel97.xls").read_bytes() + held)["pages"]


def test_a_workbook_under_a_password_says_so() -> None:
    manifest = (
        '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
        '<manifest:file-entry manifest:full-path="content.xml"><manifest:encryption-data/></manifest:file-entry></manifest:manifest>'
    )
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    ods = zipped({"mimetype": kind, "content.xml": "secret", "META-INF/manifest.xml": manifest})
    xls = bytearray((DATA / "excel97.xls").read_bytes())
    second = xls.index(b"\x09\x08\x10\0") + 20
    xls[second : second + 4] = b"\x2f\0\6\0"  # FILEPASS, of six bytes
    for data in (ods, bytes(xls)):
        with pytest.raises(InvalidRequest, match="file is encrypted"):
            job(data)


def test_names_of_parts_in_other_letters_are_taken() -> None:
    with zipfile.ZipFile(io.BytesIO(plain('<row r="1"><c r="A1"><v>2</v></c></row>'))) as whole:
        parts = {name.replace("workbook", "Workbook"): whole.read(name) for name in whole.namelist()}
    assert text(zipped(parts)) == "| 2 |\n| --- |"


def test_a_workbook_without_its_list_of_parts_is_damaged() -> None:
    with pytest.raises(UnsupportedMedia, match="file is damaged"):
        job(zipped({"xl/workbook.xml": "<workbook/>"}))


def test_an_empty_ods_table_is_an_empty_sheet() -> None:
    assert text(odt('<table:table table:name="One"/>', kind="spreadsheet")) == "(empty sheet)"


def test_a_csv_loses_its_empty_last_rows_and_says_when_rows_differ() -> None:
    facts = read_csv("a,b,\n1,2,\n,,\n,,\n", "a.csv", None, [])
    assert facts["pages"][0][2] == "| a | b |\n| --- | --- |\n| 1 | 2 |"
    assert facts["notes"] == []
    assert read_csv("a,b\n1,2,3\n", "a.csv", None, [])["notes"] == ["rows have 2 to 3 fields"]


def test_a_csv_with_a_quote_that_never_ends_is_refused_by_its_size() -> None:
    with pytest.raises(UnsupportedMedia, match=r"a\.csv is not a readable CSV: field larger than"):
        read_csv('a,"' + "x" * 10_000_001, "a.csv", None, [])


@each(
    ("text", "row"),
    [
        ("x;y\n" + "0,5;0,25\n1,5;2,25\n" * 20, "| 0,5 | 0,25 |"),
        ("id;text\n" + "1;first, second, third\n2;one, two, three\n" * 1000, "| 1 | first, second, third |"),
        ("id\ttext\n1\ta, b\n2\tc, d\n", "| 1 | a, b |"),
        ("a,b\n1,2;3\n4,5;6\n", "| 1 | 2;3 |"),
        ("a,b,c\n1,2,3\n4,5\n", "| 1 | 2 | 3 |"),
        ("a,b\tc,d\te,f\n1,2\t3,4\t5,6\n", "| a,b | c,d | e,f |"),
        ("1;0,5;0,25\n2;1,5;2,25\n", "| 1 | 0,5 | 0,25 |"),
        ("one column\nof words\nwith a tab\there\n", "| of words |"),
    ],
)
def test_a_csv_is_split_where_every_row_is_split_alike(text: str, row: str) -> None:
    assert row in read_csv(text, "a.csv", None, [])["pages"][0][2].splitlines()


@each(
    ("text", "row"),
    [
        ('a,b\n"says \\"no, never\\" twice","2"\n', '| says "no, never" twice | 2 |'),
        ('a,b\n"C:\\\\","2"\n"x \\"y\\" z","3"\n', "| C:\\\\ | 2 |"),
        ('a,b\n"C:\\new\\","2"\n', "| C:\\new\\ | 2 |"),
        ('a,b\n"of ""5\\"" pipe","2"\n', '| of "5\\" pipe | 2 |'),
        ('a,b\n"x \\""y\\"" z","2"\n', '| x \\"y\\" z | 2 |'),
        ('a,b\n"ends \\""","2"\n', '| ends \\" | 2 |'),
        ('a,b\n"5\\"","2"\n', '| 5" | 2 |'),
        ('a, "b, c", d\n1, "2, 3", 4\n', "| 1 | 2, 3 | 4 |"),
        ('a,"b, c",d\n1,"2, ""3""",4\n', '| 1 | 2, "3" | 4 |'),
    ],
)
def test_quotes_in_a_csv_are_those_of_its_program(text: str, row: str) -> None:
    assert row in read_csv(text, "a.csv", None, [])["pages"][0][2].splitlines()


@each("line", ["sep=;\r\n", '"sep=;"\n', "SEP=;\n"])
def test_the_delimiter_that_a_first_line_names_is_taken_and_the_line_not_shown(line: str) -> None:
    facts = read_csv(line + "a,b;c,d\n1,2;3,4\n", "a.csv", None, [])
    assert facts["pages"][0][2] == "| a,b | c,d |\n| --- | --- |\n| 1,2 | 3,4 |"


def test_a_first_line_that_names_no_delimiter_is_shown() -> None:
    for text in ("sep=x\n1\n", "sep=,more\n1,2\n"):
        assert "sep=" in read_csv(text, "a.csv", None, [])["pages"][0][2]


def test_a_sheet_tells_its_hints_its_printed_lines_and_what_stands_high() -> None:
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    sheet = book.add_worksheet()
    high, low = book.add_format({"font_script": 1}), book.add_format({"font_script": 2})
    sheet.write_rich_string("A1", "m", high, "2", " of H", low, "2", "O")
    sheet.data_validation(
        "B2", {"validate": "any", "input_title": "Colour", "input_message": 'red & "green"'}
    )
    sheet.set_header('&L&"Arial,Bold"&14Lake && Sons&C&A&R&D')
    sheet.set_footer("&CPage &P of &N")
    sheet.insert_textbox("D4", "boxed", {"description": "a note about boats"})
    book.close()
    assert text(out.getvalue()) == (
        "| m^2^ of H~2~O |\n| --- |\n\n[drawing: a note about boats]\n\nText box at D4: boxed\n\n"
        'Comments:\n\n- B2, hint: Colour: red & "green"\n\n[page header: Lake & Sons]'
    )


def test_a_new_workbook_without_a_sheet_is_empty_and_one_without_its_body_damaged() -> None:
    office = "urn:oasis:names:tc:opendocument:xmlns:office:1.0"
    for body, is_whole in (
        ("<o:spreadsheet/>", True),
        ("<o:spreadsheet>\n</o:spreadsheet>", True),
        ("", False),
    ):
        content = f'<o:document-content xmlns:o="{office}"><o:body>{body}</o:body></o:document-content>'
        made = {"mimetype": "application/vnd.oasis.opendocument.spreadsheet", "content.xml": content}
        params = {"name": "new.ods", "pages": None}
        if is_whole:
            facts, _ = document_job(io.BytesIO(zipped(made)), params)
            assert facts["pages"] == [(1, "sheet 'Sheet1'", "[sheet 'Sheet1']\n\n(empty sheet)", "")]
        else:
            with pytest.raises(UnsupportedMedia, match="holds no sheets"):
                document_job(io.BytesIO(zipped(made)), params)
