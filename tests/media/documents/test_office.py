"""Office files and e-books: every heading, row, sheet, slide and chapter, in order; bombs refused."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from support.cases import each
from support.jobs import document_job
from support.made_documents import (
    W,
    docx,
    epub,
    odt,
    para,
    presentation,
    source,
    word_table,
    workbook,
    xlsxwriter,
    zipped,
)
from support.ole import ole
from support.paths import DATA, TESTS

from glm_mcp.errors import InvalidRequest, MediaTooLarge, UnsupportedMedia
from glm_mcp.media.documents.pages import to_markdown
from glm_mcp.media.documents.read import read_document
from glm_mcp.media.formats import KINDS
from glm_mcp.media.types import Document, Source

pptx: Any = pytest.importorskip("pptx")

pytestmark = pytest.mark.anyio


async def opened(name: str, data: bytes, **more: str | None) -> Document:
    with anyio.fail_after(60):
        return await read_document(source(name, data), **more)


def merged(text: str, properties: str) -> str:
    return f"<w:tc><w:tcPr>{properties}</w:tcPr>{para(text)}</w:tc>"


# ── DOCX ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_docx_keeps_headings_lists_and_order() -> None:
    body = (
        para("Annual report", "T")
        + para("First", "H1")
        + para("Sub", "H2")
        + para("中文标题", "C1")
        + para("Hello world")
    )
    body += para("apple", number=1) + para("green", number=1, level=1) + para("pear", number=1)
    body += para("one", number=2) + para("two", number=2) + para("The end")
    document = await opened("a.docx", docx(body))
    text = document.pages[0].text
    assert document.kind == "docx"
    wanted = [
        "# Annual report",
        "# First",
        "## Sub",
        "# 中文标题",
        "Hello world",
        "- apple",
        "  - green",
        "- pear",
        "1. one",
        "2. two",
        "The end",
    ]
    places = [text.index(w) for w in wanted]
    assert places == sorted(places)


async def test_a_docx_table_repeats_what_a_merged_cell_covers() -> None:
    rows = [
        ["A", "B", "C"],
        [merged("wide|x", '<w:gridSpan w:val="2"/>'), "c1"],
        [merged("tall", '<w:vMerge w:val="restart"/>'), "b2", "c2"],
        [merged("", "<w:vMerge/>"), "b3", "c3"],
    ]
    text = (await opened("a.docx", docx(word_table(rows)))).pages[0].text
    assert text.splitlines() == [
        "| A | B | C |",
        "| --- | --- | --- |",
        "| wide\\|x | wide\\|x | c1 |",
        "| tall | b2 | c2 |",
        "| tall | b3 | c3 |",
    ]


async def test_a_docx_keeps_footnotes_formulas_page_headers_and_pictures() -> None:
    body = '<w:p><w:r><w:t>see</w:t></w:r><w:r><w:footnoteReference w:id="1"/></w:r></w:p>'
    fraction = "<m:f><m:num><m:r><m:t>a</m:t></m:r></m:num><m:den><m:r><m:t>b</m:t></m:r></m:den></m:f>"
    power = "<m:sSup><m:e><m:r><m:t>x</m:t></m:r></m:e><m:sup><m:r><m:t>2</m:t></m:r></m:sup></m:sSup>"
    body += f"<w:p><w:r><w:t>inline</w:t></w:r><m:oMath>{fraction}</m:oMath></w:p>"
    body += f"<w:p><m:oMathPara><m:oMath>{power}</m:oMath></m:oMathPara></w:p>"
    header = f"<w:hdr {W}>{para('Confidential')}</w:hdr>"
    text = (await opened("a.docx", docx(body, {"word/header1.xml": header}))).pages[0].text
    assert "see[^1]" in text
    assert "The fine print." in text
    assert "inline (a)/(b)" in text
    assert "x^(2)" in text
    assert "[page header: Confidential]" in text
    assert "↑" not in text


async def test_the_format_is_told_by_content_and_not_by_the_suffix() -> None:
    assert (await opened("report.pdf", docx(para("Words")))).kind == "docx"
    assert (await opened("report.docx", zipped({"a.txt": "x"}))).kind == "zip"


# ── PPTX ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_pptx_gives_each_slide_with_bullets_tables_charts_groups_and_notes() -> None:
    document = await opened("deck.pptx", presentation())
    assert [p.label for p in document.pages] == ["slide 1", "slide 2", "slide 3 (hidden)"]
    one, two, three = (p.text for p in document.pages)
    assert one == "# Plan\n\n- first point\n  - deeper\n- second point\n\nNotes: say hello"
    assert two.startswith("# Numbers\n\n")
    assert "| Item | Qty |\n| --- | --- |\n| Apple | 3 |" in two
    assert "|  | Sales | Cost |\n| --- | --- | --- |\n| Q1 | 10 | 7 |\n| Q2 | 12.5 |  |" in two
    assert three == "inside the group\n\n[picture: the logo]"


async def test_slides_can_be_chosen() -> None:
    document = await opened("deck.pptx", presentation(), pages="2-")
    assert [p.number for p in document.pages] == [2, 3]
    assert document.total == 3
    with pytest.raises(InvalidRequest, match=r"deck\.pptx has 3 slides"):
        await opened("deck.pptx", presentation(), pages="4")


# ── Workbooks ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_every_sheet_of_a_workbook_is_read_hidden_ones_too() -> None:
    document = await opened("a.xlsx", workbook())
    assert document.total == 41
    assert [p.label for p in document.pages[:40]] == [
        f"sheet 'S{n}'" + (" (hidden)" if n == 7 else "") for n in range(1, 41)
    ]
    for n, page in enumerate(document.pages[:40], 1):
        assert page.text.splitlines()[0] == "| id | name\\|pipe | when | ok | value |"
        flag = "TRUE" if n % 2 == 0 else "FALSE"
        assert (
            page.text.splitlines()[2]
            == f"| {n} | row of {n} | 2026-01-{n % 28 + 1:02} | {flag} | {n + 0.1} |"
        )
    assert document.pages[40].text == "(empty sheet)"


async def test_formulas_without_a_result_are_shown_and_noted() -> None:
    document = await opened("a.xlsx", workbook(), pages="S9")
    assert [p.number for p in document.pages] == [9]
    assert '=SUM(E2:E2)&"<"' in document.pages[0].text
    assert "| 18.2 |" in document.pages[0].text
    assert document.notes == ("sheet 'S9': formulas without a stored result, shown as written: 1",)


async def test_a_sheet_is_chosen_by_name_or_number() -> None:
    assert [p.label for p in (await opened("a.xlsx", workbook(), pages="s3, 5")).pages] == [
        "sheet 'S3'",
        "sheet 'S5'",
    ]
    with pytest.raises(InvalidRequest, match=r"'Sales' is not a sheet of a\.xlsx") as caught:
        await opened("a.xlsx", workbook(), pages="Sales")
    assert "S1, S2" in caught.value.hint


async def test_a_very_wide_sheet_and_a_stray_far_cell_are_read() -> None:
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    book.add_worksheet("Wide").write_row(0, 0, list(range(3000)))
    far = book.add_worksheet("Far")
    far.write(1_000_000, 16_000, "lonely")
    book.close()
    wide, lonely = (await opened("w.xlsx", out.getvalue())).pages
    assert "| 2999 |" in wide.text
    assert "lonely" in lonely.text


async def test_rows_of_a_sheet_that_is_a_grid_for_a_drawing_end_with_their_last_word() -> None:
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    sheet = book.add_worksheet("Screens")
    for row, column, words in ((0, 1, "Home"), (2, 0, "Go"), (11, 19, "End")):
        sheet.write(row, column, words)
    book.close()
    (page,) = (await opened("w.xlsx", out.getvalue())).pages
    head, rule, *rows = page.text.strip().partition("|")[2].split("\n")
    assert (head.count("|"), rule) == (20, "|" + " --- |" * 20)
    assert rows == ["|  |", "| Go |", *["|  |"] * 8, "|" + "  |" * 19 + " End |"]


async def test_an_ods_is_read_as_a_workbook() -> None:
    cell = '<table:table-cell office:value-type="{}" {}><text:p>{}</text:p></table:table-cell>'
    row = (
        "<table:table-row>"
        + cell.format("string", "", "Name")
        + cell.format("float", 'office:value="3"', "3")
        + "</table:table-row>"
    )
    document = await opened(
        "a.ods", odt(f'<table:table table:name="One">{row}</table:table>', kind="spreadsheet")
    )
    assert document.pages[0].label == "sheet 'One'"
    assert "| Name | 3 |" in document.pages[0].text


# ── ODT, EPUB ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_odt_keeps_headings_lists_spaces_notes_and_merged_cells() -> None:
    body = '<text:h text:outline-level="2">Head</text:h><text:p>Some <text:span>bold</text:span> text<text:s text:c="2"/>end'
    body += "<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>Fine print</text:p></text:note-body></text:note></text:p>"
    body += '<text:list text:style-name="N"><text:list-item><text:p>one</text:p><text:list><text:list-item><text:p>sub</text:p>'
    body += "</text:list-item></text:list></text:list-item><text:list-item><text:p>two</text:p></text:list-item></text:list>"

    def cell(text: str, more: str = "") -> str:
        return f"<table:table-cell {more}><text:p>{text}</text:p></table:table-cell>"

    rows = [
        cell("A") + cell("B"),
        cell("tall", 'table:number-rows-spanned="2"') + cell("b|1"),
        "<table:covered-table-cell/>" + cell("b2"),
    ]
    body += (
        "<table:table>" + "".join(f"<table:table-row>{r}</table:table-row>" for r in rows) + "</table:table>"
    )
    text = (await opened("a.odt", odt(body))).pages[0].text
    assert text == (
        "## Head\n\nSome bold text  end [note: Fine print]\n\n1. one\n  - sub\n2. two\n\n"
        "| A | B |\n| --- | --- |\n| tall | b\\|1 |\n| tall | b2 |"
    )


async def test_an_epub_is_read_in_the_order_of_its_spine() -> None:
    chapters = {
        "z": "<h1>One</h1><p>alpha &nbsp; beta</p>",
        "a": "<h1>Two</h1><table><tr><td>x</td><td>y</td></tr></table>",
    }
    document = await opened("b.epub", epub(chapters, ["z", "a"]))
    assert [p.label for p in document.pages] == ["chapter 1", "chapter 2"]
    assert document.pages[0].text.startswith("# One")
    assert "| x | y |" in document.pages[1].text
    assert document.pages[0].text.endswith("\n\n[title: A Book]")
    assert document.notes == ()
    assert [p.number for p in (await opened("b.epub", epub(chapters, ["z", "a"]), pages="last")).pages] == [2]
    assert re.match(r"\[chapter 1\]\n\n# One", to_markdown(document))


# ── Guards ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_zip_bomb_is_refused_by_its_directory() -> None:
    out = io.BytesIO()
    with (
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("word/document.xml", "w", force_zip64=True) as part,
    ):
        for _ in range(300):
            part.write(bytes(1_000_000))
    with pytest.raises(MediaTooLarge, match="unpacks to 286 MB"):
        await opened("bomb.docx", out.getvalue())


@pytest.mark.extreme
async def test_an_archive_of_very_many_members_is_refused() -> None:
    with pytest.raises(MediaTooLarge, match="holds 20,001 files"):
        await opened("many.docx", zipped({f"word/{i}": "" for i in range(20_001)}))


_LAUGHS = (
    '<!DOCTYPE lolz [<!ENTITY lol0 "lol">'
    + "".join(f'<!ENTITY lol{i} "{f"&lol{i - 1};" * 10}">' for i in range(1, 10))
    + "]>"
)


@each(
    ("name", "data"),
    [
        ("a.docx", docx(para("&lol9;"), prolog=_LAUGHS)),
        ("a.odt", odt("<text:p>&lol9;</text:p>", prolog=_LAUGHS)),
        ("b.docx", docx(para("x"), {"word/header1.xml": f"{_LAUGHS}<w:hdr {W}>&lol9;</w:hdr>"})),
        ("c.docx", docx(para("x"), {"word/header1.xml": ("\ufeff" + _LAUGHS + "<x/>").encode("utf-16-le")})),
        ("d.docx", docx(para("&x;"), prolog='<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]>')),
    ],
)
async def test_xml_with_entities_is_refused(name: str, data: bytes) -> None:
    with pytest.raises(UnsupportedMedia, match="declares XML entities"):
        await opened(name, data)


@each(
    ("stream", "hint"), [("WordDocument", "DOCX"), ("PowerPoint Document", "PPTX"), ("Other", "DOCX, PPTX")]
)
async def test_the_old_formats_are_refused_with_the_format_to_save_as(stream: str, hint: str) -> None:
    with pytest.raises(UnsupportedMedia, match="old") as caught:
        await opened("old", ole([stream]))
    assert hint in caught.value.hint


async def test_an_encrypted_office_file_says_so() -> None:
    with pytest.raises(UnsupportedMedia, match="is an encrypted Office file") as caught:
        await opened("a.docx", ole(["EncryptionInfo", "EncryptedPackage"]))
    assert "without a password" in caught.value.hint


@each("name", ["a.docx", "deck.pptx", "a.xlsx", "b.epub", "a.odt"])
async def test_a_damaged_office_file_is_an_error_with_a_mend(name: str) -> None:
    makers: dict[str, Callable[[], bytes]] = {
        "a.docx": lambda: docx(para("word " * 500)),
        "deck.pptx": presentation,
        "a.xlsx": workbook,
        "b.epub": lambda: epub({"a": "x"}, ["a"]),
        "a.odt": lambda: odt("<text:p>x</text:p>"),
    }
    whole = makers[name]()
    with pytest.raises(UnsupportedMedia) as cut:
        await opened(name, whole[: len(whole) // 2])
    assert cut.value.hint
    holed = bytearray(whole)
    for place in range(30, len(holed) // 2, 3):
        holed[place] ^= 0x55
    try:  # what is whole in it is read, and the rest is named
        read = await opened(name, bytes(holed))
        assert any("cannot be unpacked" in note for note in read.notes)
    except UnsupportedMedia as broken:
        assert name in str(broken)  # noqa: PT017 - either is right


async def test_a_deeply_nested_document_is_no_crash() -> None:
    deep = "<w:sdt><w:sdtContent>" * 3000 + para("bottom") + "</w:sdtContent></w:sdt>" * 3000
    try:
        document = await opened("deep.docx", docx(deep))
    except UnsupportedMedia as error:
        assert "nested too deep" in str(error)  # noqa: PT017 - either end is right
    else:
        assert "bottom" in document.pages[0].text


@pytest.mark.parametrize(
    ("library", "what", "name"),
    [("bs4", "HTML", "page.html"), ("olefile", "old.xls", "old.xls")],
)
def test_a_missing_library_names_the_extra_to_install(
    library: str, what: str, name: str, tmp_path: Path
) -> None:
    made = {"page.html": b"<p>x</p>", "old.xls": (DATA / "excel97.xls").read_bytes()}[name]
    (tmp_path / name).write_bytes(made)
    code = (
        f"import sys; sys.path.append(sys.argv[2]); sys.modules['{library}'] = None\n"
        "from glm_mcp.errors import MissingExtra\nfrom support.jobs import document_job\n"
        "try: document_job(open(sys.argv[1], 'rb'), {'name': sys.argv[3]})\n"
        "except MissingExtra as error: print(error)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / name), str(TESTS), name],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=True,
    )
    assert ran.stdout.startswith(f"missing_extra: reading {what} needs the optional part 'office'")
    assert "pip install" in ran.stdout


async def test_a_file_is_read_by_its_open_handle(tmp_path: Path) -> None:
    path = tmp_path / "a.docx"
    path.write_bytes(docx(para("from the disk")))
    with path.open("rb") as handle, anyio.fail_after(60):
        opened_once = Source("a.docx", KINDS["docx"], path.stat().st_size, path=path, handle=handle)
        path.unlink()
        assert (await read_document(opened_once)).pages[0].text == "from the disk"
        assert (await read_document(opened_once)).pages[0].text == "from the disk"


def test_a_text_on_a_slide_keeps_its_line_breaks_its_indentation_and_its_columns() -> None:
    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[1])
    slide.placeholders[1].text = "Look at\vthis  list\nNext"
    deep = slide.placeholders[1].text_frame.add_paragraph()
    deep.text = "Deep"
    deep._p.get_or_add_pPr().set("lvl", "999999999")  # noqa: SLF001 - no program goes below level 8
    for words in ("def f(x):\n    if x:\n\treturn x\xa0", "  T1\t\tT2\n  go", "One  two\nThree"):
        slide.shapes.add_textbox(0, 0, 100, 100).text_frame.text = words
    out = io.BytesIO()
    deck.save(out)
    facts, _ = document_job(io.BytesIO(out.getvalue()), {"name": "a.pptx"})
    code = "def f(x):\n    if x:\n    return x"
    assert (
        facts["pages"][0][2]
        == f"- Look at\n  this list\n- Next\n{' ' * 16}- Deep\n\n{code}\n\nT1\t\tT2\n\ngo\n\nOne two\n\nThree"
    )


def test_a_number_of_a_slide_that_is_no_placeholder_is_left_out_and_within_words_it_is_counted() -> None:
    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[6])
    notes = slide.notes_slide
    for shapes, words in ((slide.shapes, ""), (slide.shapes, "Page "), (notes.shapes, "")):
        box = slide.shapes.add_textbox(0, 0, 100, 100)
        paragraph = box.text_frame.paragraphs[0]
        paragraph.add_run().text = words
        shown = paragraph.add_run()
        shown.text = "<number>"
        shown._r.tag = shown._r.tag.removesuffix("}r") + "}fld"  # noqa: SLF001 - the library makes no fields
        shown._r.set("type", "slidenum")  # noqa: SLF001 - as above
        shapes._spTree.append(box._element)  # noqa: SLF001 - the library adds to slides alone
    out = io.BytesIO()
    deck.save(out)
    facts, _ = document_job(io.BytesIO(out.getvalue()), {"name": "a.pptx"})
    assert facts["pages"][0][2] == "Page 1"


def test_words_behind_the_slides_and_tables_among_the_notes_are_read_once() -> None:
    deck = pptx.Presentation()
    one, two = (deck.slides.add_slide(deck.slide_layouts[6]) for _ in range(2))
    box = one.shapes.add_textbox(0, 0, 100, 100)
    box.text_frame.text = "Confidential"
    deck.slide_master.shapes._spTree.append(box._element)  # noqa: SLF001 - the library adds to slides alone
    grid = two.shapes.add_table(1, 2, 0, 0, 100, 100)
    grid.table.cell(0, 0).text, grid.table.cell(0, 1).text = "said", "meant"
    two.notes_slide.shapes._spTree.append(grid._element)  # noqa: SLF001 - as above
    out = io.BytesIO()
    deck.save(out)
    facts, _ = document_job(io.BytesIO(out.getvalue()), {"name": "a.pptx"})
    assert [row[2] for row in facts["pages"]] == [
        "[slide master: Confidential]",
        "Notes:\n\n| said | meant |\n| --- | --- |",
    ]
