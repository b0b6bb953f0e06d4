"""XLS and XLSB: what a sheet shows, out of the records of the binary forms.

tests/data/shown.xls is what LibreOffice 7.4 made of a workbook of XlsxWriter's: number formats, a merged cell, a link, a
comment, a text box, a chart, a hidden sheet.
"""

from __future__ import annotations

import io
import struct
import zipfile
from typing import Any

import pytest
from support.cases import each
from support.jobs import document_job
from support.made_documents import workbook, zipped
from support.made_old_sheets import begin, number_cell, record, words, xls
from support.made_outlook import compound
from support.paths import DATA

from glm_mcp.errors import InvalidRequest

RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def job(data: bytes) -> dict[str, Any]:
    return document_job(io.BytesIO(data), {"name": "file"})[0]


def below_its_name(facts: dict[str, Any]) -> str:
    """What the only sheet holds."""
    return str(facts["pages"][0][2]).partition("]\n\n")[2]


def test_an_old_workbook_shows_what_its_program_shows() -> None:
    facts = job((DATA / "shown.xls").read_bytes())
    assert facts["notes"] == []
    shown, behind = facts["pages"]
    assert [shown[1], behind[1]] == ["sheet 'Shown'", "sheet 'Behind' (hidden)"]
    assert behind[2].endswith("| one cell |\n| --- |")
    at = 0
    for said in (
        *("| percent | 25.6% |", "| currency | $1,234.50 |", "| zip | 00123 |", "| date | 2024-03-09 |"),
        *("| duration | 26:30 |", "| half | 1/2 |", "| negative | (7) |", "| whole | 12345678901 |"),
        *("| formula | 00246 |", "| text | Größe 蘋果 😀 |", "| error | #DIV/0! |", "| truth | TRUE |"),
        *("| leading | 00742 |", "| over four places | over four places |"),
        *("| [price list](https://example.com/prices) |", "| North | 11.5 |", "Text box: in a box"),
        *("Chart: Sales by region", "Its data is in the cells F20:F21, E20:E21.", "- B2: Rises in May"),
    ):
        assert said in shown[2][at:], said
        at = shown[2].index(said, at)


# ── XLS by hand ─────────────────────────────────────────────────────────────────────────────────────────────────


def cells(data: bytes) -> str:
    facts = job(data)
    assert facts["notes"] == []
    return below_its_name(facts)


def test_a_text_that_goes_on_in_the_next_record_is_whole_whatever_its_letters_are() -> None:
    plain = struct.pack("<HB", 8, 0) + b"abcd"
    wide = "ефgh".encode("utf-16-le")
    strings = (
        record(0xFC, struct.pack("<II", 3, 3) + plain)
        + record(0x3C, b"\x01" + wide + struct.pack("<HB", 5, 0))  # narrow letters, then wide ones
        + record(0x3C, b"\x00na\xefve" + struct.pack("<HBH", 3, 8, 1) + b"run" + bytes(4))
    )
    sheet = b"".join(record(0xFD, struct.pack("<HHHI", 0, i, 0, i)) for i in range(3))
    assert cells(xls(strings, sheet)) == "| abcdефgh | naïve | run |\n| --- | --- | --- |"


def test_numbers_of_an_old_workbook_are_shown_by_their_formats_however_they_are_packed() -> None:
    hundredths = (1234 << 2 | 3) & 0xFFFFFFFF
    packed = (
        struct.pack("<HH", 1, 0) + struct.pack("<HIHI", 1, hundredths, 2, 7 << 2 | 2) + struct.pack("<H", 1)
    )
    sheet = (
        number_cell(0, 0, 0.256, 1)
        + number_cell(0, 1, 40000, 3)
        + record(0xBD, packed)
        + record(0x06, struct.pack("<HHHHIH", 2, 0, 0, 0, 0, 0xFFFF) + bytes(6))
        + record(0x207, words("out of a formula"))
        + record(0x06, struct.pack("<HHHBBBBHH", 2, 1, 0, 2, 0, 0x2A, 0, 0, 0xFFFF) + bytes(6))
    )
    assert cells(xls(b"", sheet, "0.0%", "000", "yyyy-mm-dd", since_1904=True)) == (
        "| 25.6% | 2013-07-07 |\n| --- | --- |\n| 1234.0% | 007 |\n| out of a formula | #N/A |"
    )


def test_formulas_that_nothing_has_calculated_show_the_texts_in_them_and_a_note() -> None:
    def formula(row: int, result: bytes, parsed: bytes) -> bytes:
        fixed = struct.pack("<HHH", row, 0, 0) + result + bytes(6)
        return record(0x06, fixed + struct.pack("<H", len(parsed)) + parsed)

    empty, said = (
        b"\3\0\0\0\0\0\xff\xff",
        b"\x17\x05\x00North\x17\x02\x01" + "北海".encode("utf-16-le") + b"\x08",
    )
    facts = job(xls(b"", formula(0, empty, said) + formula(1, empty, b"\x1e\1\0\x17")))
    assert below_its_name(facts) == '| ="North", "北海" |\n| --- |\n| = |'
    assert facts["notes"] == [
        "sheet 'Data': formulas without a stored result, of which only the texts in them are shown: 2"
    ]
    # Where others have results, an empty one is a result.
    mixed = job(xls(b"", formula(0, empty, said) + formula(1, struct.pack("<d", 2.0), b"")))
    assert (below_its_name(mixed), mixed["notes"]) == ("|  |\n| --- |\n| 2 |", [])


def test_a_name_that_stands_for_a_text_is_told() -> None:
    def name(parsed: bytes, flags: int = 0) -> bytes:
        return record(0x18, struct.pack("<HBBHHH4x", flags, 0, 5, len(parsed), 0, 0) + b"\0Motto" + parsed)

    none = name(b"\x17\x01\0a\x17\x01\0b\x08") + name(
        b"\x17\x01\0x", flags=0x20
    )  # two texts; one of Excel's own
    told = job(xls(name(b"\x17\x05\0north") + none, number_cell(0, 0, 7.0)))
    assert below_its_name(told) == "| 7 |\n| --- |\n\n[name Motto: north]"


def test_sheets_that_lie_at_one_place_are_read_once() -> None:
    head = begin(5)
    entries = [b"\x01\0" + name for name in (b"A", b"B")]
    at = len(head) + sum(len(record(0x85, bytes(6) + e)) for e in entries) + len(record(0x0A))
    head += b"".join(record(0x85, struct.pack("<IBB", at, 0, 0) + e) for e in entries) + record(0x0A)
    facts = job(compound({"Workbook": head + begin(0x10) + number_cell(0, 0, 7.0) + record(0x0A)}))
    assert [row[2] for row in facts["pages"]] == ["| 7 |\n| --- |", "(empty sheet)"]
    assert facts["notes"] == ["left out, sheets that lie where another does: 'B'"]


def test_a_chart_of_an_old_workbook_gives_the_data_that_it_keeps() -> None:
    named = record(0x1003) + record(0x1033) + record(0x100D, b"\0\0" + words("Q1", "B")) + record(0x1034)
    title = record(0x1025) + record(0x1033) + record(0x100D, b"\0\0" + words("Sales", "B")) + record(0x1034)
    data = record(0x1065, b"\1\0") + number_cell(0, 0, 11.5) + number_cell(1, 0, 33.5)
    labels = record(0x1065, b"\2\0") + b"".join(
        record(0x204, struct.pack("<HHH", i, 0, 0) + words(name)) for i, name in enumerate(("North", "East"))
    )
    chart = begin(0x20) + record(0x1033) + named + title + record(0x1034) + data + labels + record(0x0A)
    assert cells(xls(b"", chart)).endswith(
        "Chart: Sales\n\n|  | Q1 |\n| --- | --- |\n| North | 11.5 |\n| East | 33.5 |"
    )


def test_an_old_workbook_that_breaks_off_is_read_as_far_as_it_goes() -> None:
    facts = job(xls(b"", number_cell(0, 0, 5) + record(0x203, b"\1\0")))
    assert "| 5 |" in facts["pages"][0][2]
    assert facts["notes"] == ["left out, parts of sheets that are damaged: 'Data'"]


def test_a_cell_that_is_damaged_or_empty_costs_none_of_those_after_it() -> None:
    label = struct.pack("<HHH", 0, 1, 0)
    facts = job(xls(b"", number_cell(0, 0, 5) + record(0x204, label + b"\4\0") + number_cell(1, 0, 7)))
    assert below_its_name(facts) == "| 5 |\n| --- |\n| 7 |"
    assert facts["notes"] == ["left out, parts of sheets that are damaged: 'Data'"]
    facts = job(xls(b"", number_cell(0, 0, 5) + record(0x204, label + b"\0\0") + number_cell(1, 0, 7)))
    assert below_its_name(facts) == "| 5 |\n| --- |\n| 7 |"
    assert facts["notes"] == []


def test_a_workbook_before_excel_97_shows_what_its_program_shows() -> None:
    def short(text: str) -> bytes:
        return bytes([len(text.encode("gbk"))]) + text.encode("gbk")

    start = record(0x809, struct.pack("<HHHH", 0x500, 5, 0, 0)) + record(0x42, struct.pack("<H", 936))
    start += record(0x41E, struct.pack("<H", 164) + short('0.00"元"'))
    start += b"".join(record(0xE0, struct.pack("<HH", 0, n) + bytes(12)) for n in (0, 14, 164))
    at = len(start) + len(record(0x85, bytes(6) + short("价格"))) + len(record(0x0A))
    start += record(0x85, struct.pack("<IBB", at, 1, 0) + short("价格")) + record(0x0A)
    sheet = record(0x809, bytes(8)) + record(0x14, short("&C第一页的表"))
    for row, number in ((0, 0x204), (2, 0xD6)):
        sheet += record(number, struct.pack("<HHHH", row, 0, 0, 4) + "单价".encode("gbk"))
    sheet += number_cell(0, 1, 2.5, 2) + number_cell(1, 0, 45_000, 1)
    sheet += record(0x06, struct.pack("<HHHHIH", 1, 1, 0, 0, 0, 0xFFFF) + bytes(8))
    sheet += record(0x207, b"\4\0done")
    sheet += record(0x1C, struct.pack("<HHH", 0, 1, 4) + "含税".encode("gbk")) + record(0x0A)
    facts = job(compound({"Book": start + sheet}))
    assert facts["notes"] == []
    (page,) = facts["pages"]
    assert page[1] == "sheet '价格' (hidden)"
    for shown in (
        "| 单价 | 2.50元 |",
        "| 2023-03-15 | done |\n| 单价 |",
        "- B1: 含税",
        "[page header: 第一页的表]",
    ):
        assert shown in page[2]


@pytest.mark.parametrize("first", [record(0x09, bytes(4)), record(0x809, struct.pack("<4H", 0, 0x10, 0, 0))])
def test_a_workbook_that_is_nothing_but_records_is_read_in_the_letters_of_its_country(first: bytes) -> None:
    name = "产品名称，数量，单价（人民币）".encode("gbk")
    old = struct.pack("<HH3B", 0, 0, 0, 0, 0) + bytes([len(name)]) + name
    new = struct.pack("<HHHH", 1, 0, 0, len(name)) + name
    data = (
        first + record(0x04, old) + record(0x02, struct.pack("<HH3BH", 0, 1, 0, 0, 0, 7)) + record(0x204, new)
    )
    shown = name.decode("gbk")
    assert below_its_name(job(data + record(0x0A))) == f"| {shown} | 7 |\n| --- | --- |\n| {shown} |  |"


@pytest.mark.parametrize("version", [0x500, 0x600])
def test_an_old_workbook_that_is_encrypted_says_so_whichever_excel_wrote_it(version: int) -> None:
    start = record(0x809, struct.pack("<HHHH", version, 5, 0, 0) + bytes(8 * (version == 0x600)))
    name = {0x500: "Book", 0x600: "Workbook"}[version]
    with pytest.raises(InvalidRequest, match="is encrypted") as refused:
        job(compound({name: start + record(0x2F, bytes(4)) + bytes(2_000)}))
    assert refused.value.hint.startswith("Save it without a password")


# ── XLSB by hand ────────────────────────────────────────────────────────────────────────────────────────────────


def part(number: int, body: bytes = b"") -> bytes:
    head = bytes([number]) if number < 128 else bytes([number & 0x7F | 0x80, number >> 7])
    return head + bytes([len(body) & 0x7F | 0x80, len(body) >> 7]) + body


def long_words(text: str) -> bytes:
    return struct.pack("<I", len(text.encode("utf-16-le")) // 2) + text.encode("utf-16-le")


def relations(*rows: tuple[str, str, str]) -> str:
    outside = ' TargetMode="External"'
    written = "".join(
        f'<Relationship Id="{i}" Type="{OFFICE}/{kind}" Target="{target}"'
        f"{outside if '://' in target else ''}/>"
        for i, kind, target in rows
    )
    return f'<Relationships xmlns="{RELATIONS}">{written}</Relationships>'


def xlsb() -> bytes:
    def cell(number: int, column: int, body: bytes, style: int = 0) -> bytes:
        return part(number, struct.pack("<II", column, style) + body)

    sheet = (
        part(0, struct.pack("<I", 0) + bytes(8))
        + cell(5, 0, struct.pack("<d", 0.256), 1)
        + cell(7, 1, struct.pack("<I", 0))
        + cell(2, 2, struct.pack("<I", 742 << 2 | 2), 2)
        + part(0, struct.pack("<I", 1) + bytes(8))
        + cell(4, 0, b"\1")
        + cell(8, 1, long_words("out of a formula"))
        + cell(11, 2, b"\x07")
        + part(176, struct.pack("<4I", 1, 2, 0, 0))
        + part(494, struct.pack("<4I", 0, 0, 1, 1) + long_words("r1"))
    )
    styles = (
        part(44, struct.pack("<H", 164) + long_words("00000"))
        + part(617, b"\3\0\0\0")
        + b"".join(part(47, struct.pack("<HH", 0, n) + bytes(12)) for n in (0, 10, 164))
        + part(618)
    )
    book = part(153, bytes(8)) + part(156, struct.pack("<II", 0, 1) + long_words("r1") + long_words("Data"))
    remark = part(632, long_words("Ann")) + part(635, struct.pack("<5I", 0, 0, 0, 2, 2) + bytes(16))
    remark += part(637, b"\0" + long_words("Ann: too much"))
    return zipped(
        {
            "[Content_Types].xml": '<Types><Override PartName="/xl/workbook.bin" ContentType="application/vnd.ms-excel.sheet.binary.macroEnabled.main"/></Types>',
            "_rels/.rels": relations(("r1", "officeDocument", "xl/workbook.bin")),
            "xl/workbook.bin": book,
            "xl/_rels/workbook.bin.rels": relations(
                ("r1", "worksheet", "worksheets/sheet1.bin"),
                ("r2", "styles", "styles.bin"),
                ("r3", "sharedStrings", "sharedStrings.bin"),
            ),
            "xl/styles.bin": styles,
            "xl/sharedStrings.bin": part(19, b"\0" + long_words("shared 蘋果")),
            "xl/worksheets/sheet1.bin": sheet,
            "xl/worksheets/_rels/sheet1.bin.rels": relations(
                ("r1", "hyperlink", "https://example.com/a"), ("r2", "comments", "../comments1.bin")
            ),
            "xl/comments1.bin": remark,
        }
    )


def test_a_binary_workbook_shows_what_its_program_shows() -> None:
    facts = job(xlsb())
    assert facts["kind"] == "xlsb"
    assert facts["notes"] == []
    assert below_its_name(facts) == (
        "| 25.60% | [shared 蘋果](https://example.com/a) | 00742 |\n| --- | --- | --- |\n"
        "| TRUE | out of a formula | #DIV/0! |\n\nComments:\n\n- C1, Ann: too much"
    )


def test_a_binary_workbook_says_its_rules_its_printed_lines_and_the_labels_of_its_controls() -> None:
    none = b"\xff\xff\xff\xff"
    entries = "Low,R&D"
    listed = b"\x17" + struct.pack("<H", len(entries)) + entries.encode("utf-16-le")
    rule = struct.pack("<I", 0x83) + struct.pack("<5I", 1, 1, 8, 1, 1)
    rule += long_words("Wrong") + long_words("Take one.") + long_words("Level") + long_words("Choose a level")
    rule += struct.pack("<I", len(listed)) + listed + bytes(12)
    lines = long_words("&LKestrel&RConfidential") + long_words("Page &P of &N / Ledger") + none * 4
    shape = "<v:shape><v:textbox><div>Send</div></v:textbox><x:ClientData ObjectType='Button'/></v:shape>"
    parts: dict[str, str | bytes] = {
        **parts_of(xlsb()),
        "xl/worksheets/sheet1.bin": part(0, bytes(12)) + part(64, rule) + part(479, b"\4\0" + lines),
        "xl/worksheets/_rels/sheet1.bin.rels": relations(("r1", "vmlDrawing", "../drawings/vml1.vml")),
        "xl/drawings/vml1.vml": f'<xml xmlns:v="urn:schemas-microsoft-com:vml" xmlns:x="urn:x">{shape}</xml>',
    }
    facts = job(zipped(parts))
    assert facts["notes"] == []
    assert below_its_name(facts) == (
        "[control: Send]\n\nComments:\n\n- B2:B9, hint: Level: Choose a level\n- B2:B9, choices: Low, R&D\n"
        "- B2:B9, error: Wrong: Take one.\n\n[page header: Kestrel / Confidential]\n\n[page footer: Page of / Ledger]"
    )


def test_a_link_to_nowhere_is_its_text() -> None:
    parts = parts_of(xlsb())
    links = "xl/worksheets/_rels/sheet1.bin.rels"
    parts[links] = parts[links].replace(b"https://example.com/a", b"")
    assert "| shared 蘋果 |" in below_its_name(job(zipped(parts)))


def test_a_workbook_is_no_binary_one_because_its_types_name_one_for_an_ending() -> None:
    parts = parts_of(workbook())
    types = parts["[Content_Types].xml"]
    binary = (
        b'<Default Extension="bin" ContentType="application/vnd.ms-excel.sheet.binary.macroEnabled.main"/>'
    )
    parts["[Content_Types].xml"] = types.replace(b"<Default", binary + b"<Default", 1)
    assert job(zipped(parts))["kind"] == "xlsx"


def parts_of(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@each("cut", [10, 40, 90])
def test_a_binary_workbook_that_breaks_off_is_no_crash(cut: int) -> None:
    parts = parts_of(xlsb())
    parts["xl/worksheets/sheet1.bin"] = parts["xl/worksheets/sheet1.bin"][:cut]
    assert job(zipped(parts))["pages"][0][1] == "sheet 'Data'"
