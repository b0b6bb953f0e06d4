"""Office files that are one XML file, as reporting tools write them, and what has another form than its name says."""

from __future__ import annotations

import io
from typing import Any

import pytest
from support.cases import each
from support.jobs import document_job

from glm_mcp.errors import UnsupportedMedia

SPACE = "urn:schemas-microsoft-com:office:spreadsheet"


def job(data: bytes, name: str = "report.xls") -> dict[str, Any]:
    return document_job(io.BytesIO(data), {"name": name})[0]


def text(data: bytes, name: str = "report.xls") -> str:
    return "\n\n".join(page[2] for page in job(data, name)["pages"])


def workbook(sheets: str, *, styles: str = "", encoding: str = "utf-8") -> bytes:
    return (
        f'<?xml version="1.0" encoding="{encoding}"?>\n<?mso-application progid="Excel.Sheet"?>\n'
        f'<Workbook xmlns="{SPACE}" xmlns:ss="{SPACE}" xmlns:x="urn:schemas-microsoft-com:office:excel">'
        f"<Styles>{styles}</Styles>{sheets}</Workbook>"
    ).encode(encoding)


def sheet(rows: str, name: str = "One", more: str = "") -> str:
    return f'<Worksheet ss:Name="{name}"><Table>{rows}</Table>{more}</Worksheet>'


def cell(written: object, kind: str = "String", attributes: str = "", more: str = "") -> str:
    return f'<Cell {attributes}><Data ss:Type="{kind}">{written}</Data>{more}</Cell>'


@each("name", ["report.xls", "report.xml", "report", "report.xlsx"])
def test_a_workbook_of_excel_2003_in_xml_is_read_under_any_name(name: str) -> None:
    facts = job(workbook(sheet(f"<Row>{cell('Item')}{cell(3, 'Number')}</Row>") + sheet("", "Spare")), name)
    assert facts["kind"] == "xls"
    assert [page[1] for page in facts["pages"]] == ["sheet 'One'", "sheet 'Spare'"]
    assert facts["pages"][0][2] == "| Item | 3 |\n| --- | --- |"


def test_its_cells_are_shown_by_their_formats() -> None:
    styles = "".join(
        f'<Style ss:ID="{name}"><NumberFormat ss:Format="{code}"/></Style>'
        for name, code in (
            ("p", "0.0%"),
            ("d", "Short Date"),
            ("t", "h:mm"),
            ("f", "#\\ ?/?"),
            ("m", "Standard"),
        )
    )
    cells = (
        cell(0.125, "Number", 'ss:StyleID="p"')
        + cell("2024-02-29T00:00:00.000", "DateTime", 'ss:StyleID="d"')
        + cell("1899-12-31T16:30:00.000", "DateTime", 'ss:StyleID="t"')
        + cell(2.5, "Number", 'ss:StyleID="f"')
        + cell(1234.5, "Number", 'ss:StyleID="m"')
        + cell(1, "Boolean")
        + cell("#DIV/0!", "Error")
    )
    said = text(workbook(sheet(f"<Row>{cells}</Row>"), styles=styles))
    assert "| 12.5% | 2024-02-29 | 16:30 | 2 1/2 | 1,234.50 | TRUE | #DIV/0! |" in said


def test_its_cells_stand_where_they_are_written() -> None:
    """Places that are skipped, cells over several, comments, links."""
    rows = (
        "<Row>" + cell("Head", attributes='ss:MergeAcross="1"') + cell("End") + "</Row>"
        '<Row ss:Index="3">' + cell("Far", attributes='ss:Index="3"') + "</Row>"
        "<Row>"
        + cell("Site", attributes='ss:HRef="https://a.example/"')
        + cell("Said", more='<Comment ss:Author="Ann"><ss:Data><B>Ann:</B> why?</ss:Data></Comment>')
        + "</Row>"
    )
    said = text(workbook(sheet(rows)))
    assert "| Head | Head | End |\n| --- | --- | --- |\n|  |  |  |\n|  |  | Far |" in said
    assert "| [Site](https://a.example/) | Said |  |" in said
    assert "- B4, Ann: why?" in said


def test_what_reporting_tools_write_wrongly_is_read_as_well() -> None:
    """An encoding of the East, an ampersand and a control character that XML does not allow, an end that is missing."""
    rows = f"<Row>{cell('库存 & 价格')}{cell(chr(11) + '苹果')}</Row>"
    data = workbook(sheet(rows), encoding="gb2312")
    assert "| 库存 & 价格 | 苹果 |" in text(data)
    cut = job(data[: data.index(b"</Table>")])
    assert "| 库存 & 价格 | 苹果 |" in cut["pages"][0][2]
    assert cut["notes"]


def test_a_hidden_sheet_and_the_lines_of_printing_are_named() -> None:
    options = '<x:WorksheetOptions><x:PageSetup><x:Header x:Data="&amp;CQuarter &amp;P"/></x:PageSetup><x:Visible>SheetHidden</x:Visible></x:WorksheetOptions>'
    facts = job(workbook(sheet(f"<Row>{cell('a')}</Row>", more=options)))
    assert facts["pages"][0][1] == "sheet 'One' (hidden)"
    assert "[page header: Quarter]" in facts["pages"][0][2]


def test_entities_in_it_are_refused() -> None:
    data = workbook(sheet("")).replace(b"<Workbook", b'<!DOCTYPE a [<!ENTITY b "c">]><Workbook', 1)
    with pytest.raises(UnsupportedMedia, match="entities"):
        job(data)


def test_a_workbook_that_is_a_text_is_read_as_the_table_that_it_is() -> None:
    assert text("品名\t数量\n苹果\t3\n".encode("gb18030")) == "| 品名 | 数量 |\n| --- | --- |\n| 苹果 | 3 |"
    assert text("Item;Qty\nTea;3\n".encode("utf-16")) == "| Item | Qty |\n| --- | --- |\n| Tea | 3 |"
    assert text(b"<html><table><tr><td>Item<td>Qty<tr><td>Tea<td>3</table>").count("|") > 4


def test_a_page_in_one_file_is_read_under_the_name_of_a_workbook() -> None:
    data = (
        b"MIME-Version: 1.0\r\nX-Document-Type: Workbook\r\nContent-Type: multipart/related; boundary=x\r\n\r\n"
        b"--x\r\nContent-Location: file:///C:/a.htm\r\nContent-Type: text/html; charset=us-ascii\r\n\r\n"
        b"<table><tr><td>Tea</td><td>3</td></tr></table>\r\n--x--\r\n"
    )
    assert "| Tea | 3 |" in text(data)


# ── Word ────────────────────────────────────────────────────────────────────────────────────────────────────────


def of_2003(body: str, more: str = "", encoding: str = "utf-8") -> bytes:
    spaces = (
        'xmlns:w="http://schemas.microsoft.com/office/word/2003/wordml" xmlns:aml="http://schemas.microsoft.com/aml/2001/core" '
        'xmlns:wx="http://schemas.microsoft.com/office/word/2003/auxHint" xmlns:o="urn:schemas-microsoft-com:office:office"'
    )
    document = f"<w:wordDocument {spaces}>{more}<w:body><wx:sect>{body}</wx:sect></w:body></w:wordDocument>"
    return f'<?xml version="1.0" encoding="{encoding}"?>{document}'.encode(encoding)


def run(words: str) -> str:
    return f"<w:r><w:t>{words}</w:t></w:r>"


def paragraph(inside: str, looks: str = "") -> str:
    return f"<w:p><w:pPr>{looks}</w:pPr>{inside}</w:p>"


@each("name", ["letter.doc", "letter.xml", "letter"])
def test_a_document_of_word_2003_in_xml_is_read_under_any_name(name: str) -> None:
    more = (
        "<o:DocumentProperties><o:Title>A letter</o:Title></o:DocumentProperties>"
        '<w:styles><w:style w:type="paragraph" w:styleId="a1"><w:name w:val="heading 1"/></w:style></w:styles>'
    )
    body = paragraph(run("Head"), '<w:pStyle w:val="a1"/>') + paragraph(run("价格 & 库存"))
    assert text(of_2003(body, more, "gb18030"), name) == "# Head\n\n价格 & 库存\n\n[title: A letter]"


def test_its_lists_tables_links_notes_and_remarks_are_read() -> None:
    more = (
        '<w:lists><w:listDef w:listDefId="3"><w:lvl w:ilvl="0"><w:start w:val="4"/><w:nfc w:val="4"/><w:lvlText w:val="%1)"/></w:lvl></w:listDef>'
        '<w:list w:ilfo="1"><w:ilst w:val="3"/></w:list></w:lists>'
    )
    item = '<w:listPr><w:ilvl w:val="0"/><w:ilfo w:val="1"/><wx:t wx:val="d)"/></w:listPr>'
    remark = f'<w:r><aml:annotation w:type="Word.Comment" aml:author="Ann"><aml:content>{paragraph(run("why?"))}</aml:content></aml:annotation></w:r>'
    gone = '<aml:annotation w:type="Word.Deletion"><aml:content><w:r><w:delText>old</w:delText></w:r></aml:content></aml:annotation>'
    new = f'<aml:annotation w:type="Word.Insertion"><aml:content>{run("new")}</aml:content></aml:annotation>'
    cells = "".join(f"<w:tc>{paragraph(run(words))}</w:tc>" for words in ("Tea", "3"))
    body = (
        paragraph(run("item"), item)
        + paragraph(f'<w:hlink w:dest="https://a.example/">{run("site")}</w:hlink>' + gone + new + remark)
        + paragraph(run("text") + f"<w:r><w:footnote>{paragraph(run('the note'))}</w:footnote></w:r>")
        + f"<w:tbl><w:tr>{cells}</w:tr></w:tbl>"
        + f'<w:sectPr><w:hdr w:type="odd">{paragraph(run("Draft"))}</w:hdr></w:sectPr>'
    )
    facts = job(of_2003(body, more), "a.doc")
    assert facts["pages"][0][2] == (
        "d) item\n\n[site](https://a.example/)new [comment, Ann: why?]\n\ntext[^1]\n\n| Tea | 3 |\n| --- | --- |\n\n"
        "[^1]: the note\n\n[page header: Draft]"
    )
    assert facts["notes"] == ["left out, words whose deletion is tracked: paragraph 2"]


def test_a_package_of_word_that_is_laid_flat_is_read() -> None:
    space = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    data = (
        '<?xml version="1.0"?><pkg:package xmlns:pkg="http://schemas.microsoft.com/office/2006/xmlPackage">'
        f'<pkg:part pkg:name="/word/document.xml"><pkg:xmlData><w:document xmlns:w="{space}"><w:body><w:p>{run("Flat words")}</w:p></w:body></w:document></pkg:xmlData></pkg:part>'
        '<pkg:part pkg:name="/word/media/a.png"><pkg:binaryData>QUJD</pkg:binaryData></pkg:part></pkg:package>'
    )
    for name in ("a.xml", "a.doc", "a.docx"):
        assert text(data.encode(), name) == "Flat words"


def test_a_document_in_xml_that_is_cut_off_is_called_damaged() -> None:
    with pytest.raises(UnsupportedMedia, match="damaged"):
        job(of_2003(paragraph(run("words")))[:-20], "a.doc")
