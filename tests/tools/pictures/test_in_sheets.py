"""Pictures in workbooks: screenshots over cells and in them reach a model, with where they stand."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
import xlsxwriter
from support.connect import Connect
from support.made_documents import unzipped, zipped
from support.made_shown import frame, open_sheets
from support.toolkit import call, chats, fail, glm, kinds, last, png, say

from glm_mcp.server.app import Folders
from glm_mcp.simulator import Reply, Simulator

pytestmark = pytest.mark.anyio

RED, BLUE = png((600, 700), "red"), png((600, 700), "blue")


def workbook(fill: Callable[[Any, Any], None], *, sheets: int = 1) -> bytes:
    """`fill` is given the workbook and its first sheet."""
    made = io.BytesIO()
    book = xlsxwriter.Workbook(made)
    first, *_ = [book.add_worksheet() for _ in range(sheets)]
    fill(book, first)
    book.close()
    return made.getvalue()


def over(sheet: Any, at: str, data: bytes, name: str = "a.png", **more: Any) -> None:
    sheet.insert_image(at, name, {"image_data": io.BytesIO(data), **more})


def keep(folders: Folders, data: bytes, name: str = "test.xlsx") -> None:
    (folders.cwd / name).write_bytes(data)


async def test_screenshots_in_a_sheet_are_transcribed_with_where_they_stand(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    def evidence(_: Any, sheet: Any) -> None:
        sheet.write("A1", "Case 7: log in")
        over(sheet, "B40", BLUE)
        over(sheet, "B3", RED)

    keep(folders, workbook(evidence))
    sim.queue(Reply("The form.", times=1), Reply("An error.", times=1))
    async with connect(GLM_MAX_CONCURRENCY="1") as client:
        text = await say(client, "read_document", documents="test.xlsx")
    assert [kinds(r) for r in chats(sim)] == [["image_url", "text"]] * 2
    assert "| Case 7: log in |" in text
    assert "[picture at B3]\n\nThe form.\n\n[picture at B40]\n\nAn error." in text


async def test_pictures_go_with_their_sheet_and_sheets_are_asked_for_by_name(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    def two(book: Any, _: Any) -> None:
        over(book.worksheets()[1], "C5", RED)

    keep(folders, workbook(two, sheets=2))
    async with connect() as client:
        await say(client, "read_document", documents="test.xlsx", pages="Sheet1")
        assert not sim.received
        sim.queue(Reply("A form."))
        text = await say(client, "read_document", documents="test.xlsx", pages="Sheet2")
    assert "[sheet 'Sheet2']" in text
    assert "A form." in text


async def test_pictures_in_cells_are_read_and_named_in_their_cells(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    def within(_: Any, sheet: Any) -> None:
        sheet.write("A1", "Damage")
        sheet.embed_image("B2", "a.png", {"image_data": io.BytesIO(RED)})

    keep(folders, workbook(within))
    sim.queue(Reply("A broken wing."))
    async with connect() as client:
        text = await say(client, "read_document", documents="test.xlsx")
    assert "|  | [picture] |" in text
    assert "[picture at B2]\n\nA broken wing." in text
    assert "#VALUE!" not in text


async def test_pictures_in_cells_of_wps_are_read_too(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    keep(folders, wps(RED))
    sim.queue(Reply("A broken wing."))
    async with connect() as client:
        text = await say(client, "read_document", documents="test.xlsx")
    assert "| Damage | [picture: Wing] |" in text
    assert "[picture at B1]\n\nA broken wing." in text
    assert "DISPIMG" not in text


def wps(picture: bytes) -> bytes:
    """A workbook of WPS whose cell B1 shows a picture."""

    def named(_: Any, sheet: Any) -> None:
        sheet.write("A1", "Damage")
        sheet.write_formula("B1", '=_xlfn.DISPIMG("ID_1",1)', None, '=DISPIMG("ID_1",1)')

    parts = unzipped(workbook(named))
    rels = "xl/_rels/workbook.xml.rels"
    more = '<Relationship Id="rId99" Type="http://www.wps.cn/officeDocument/2020/cellImage" Target="cellimages.xml"/></Relationships>'
    parts[rels] = parts[rels].replace(b"</Relationships>", more.encode())
    drawing, kind = (
        "http://schemas.openxmlformats.org/drawingml/2006",
        "http://schemas.openxmlformats.org/officeDocument/2006",
    )
    parts["xl/cellimages.xml"] = (
        f'<e:cellImages xmlns:e="http://www.wps.cn/officeDocument/2017/etCustomData" xmlns:xdr="{drawing}/spreadsheetDrawing"'
        f' xmlns:a="{drawing}/main" xmlns:r="{kind}/relationships"><e:cellImage><xdr:pic><xdr:nvPicPr>'
        '<xdr:cNvPr id="1" name="ID_1" descr="Wing"/></xdr:nvPicPr><xdr:blipFill><a:blip r:embed="rId1"/></xdr:blipFill>'
        '<xdr:spPr><a:xfrm><a:ext cx="6000000" cy="6000000"/></a:xfrm></xdr:spPr></xdr:pic></e:cellImage></e:cellImages>'
    ).encode()
    parts["xl/_rels/cellimages.xml.rels"] = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f'<Relationship Id="rId1" Type="{kind}/relationships/image" Target="media/w.png"/></Relationships>'
    ).encode()
    return zipped({**parts, "xl/media/w.png": picture})


async def test_pictures_in_sheets_of_open_document_go_with_theirs(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    cell = "<table:table-cell><text:p>Words</text:p></table:table-cell>"
    held = f"<table:table-cell>{frame('one.png', 14, 16)}</table:table-cell>"
    rows = f"<table:table-row>{cell}</table:table-row><table:table-row>{cell}{held}</table:table-row>"
    over_all = f"<table:shapes>{frame('two.png', 14, 16)}</table:shapes>"
    pictures = {"one.png": RED, "two.png": BLUE}
    keep(
        folders,
        open_sheets([f"<table:table-row>{cell}</table:table-row>", over_all + rows], pictures),
        "a.ods",
    )
    sim.queue(Reply("Over all.", times=1), Reply("In a cell.", times=1))
    async with connect(GLM_MAX_CONCURRENCY="1") as client:
        text = await say(client, "read_document", documents="a.ods")
    assert "pictures of sheet 'S2' transcribed by the model" in text
    assert "Over all.\n\n[picture at B2]\n\nIn a cell." in text


async def test_a_table_with_a_logo_asks_nobody_and_one_with_a_large_picture_names_it(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    def report(_: Any, sheet: Any) -> None:
        over(sheet, "A1", RED, x_scale=0.1, y_scale=0.1)
        for row in range(60):
            sheet.write_row(row + 4, 0, ["North and south", row, "some words beside it"])

    def figure(book: Any, sheet: Any) -> None:
        report(book, sheet)
        over(sheet, "F9", BLUE)

    keep(folders, workbook(report))
    keep(folders, workbook(figure), "figure.xlsx")
    async with connect() as client:
        text = await say(client, "read_document", documents="test.xlsx")
        named = await say(client, "read_document", documents="figure.xlsx")
        assert not sim.received
        await say(client, "read_document", documents="figure.xlsx", prompt="Which colour?")
    assert "[picture at A1: a.png]" in text
    assert (
        "large pictures of sheet 'Sheet1' are not in the text: read_document with a prompt sees them" in named
    )
    assert kinds(last(sim)).count("image_url") == 1


async def test_without_a_model_the_cells_stay_and_it_is_said(connect: Connect, folders: Folders) -> None:
    def evidence(book: Any, sheet: Any) -> None:
        sheet.write("A1", "Case 7")
        over(sheet, "B3", RED)
        over(book.worksheets()[1], "B3", BLUE)

    keep(folders, workbook(evidence, sheets=2))
    keep(folders, workbook(lambda _, sheet: over(sheet, "B3", RED)), "bare.xlsx")
    async with connect(GLM_API_KEY=None) as client:
        text = await say(client, "read_document", documents="test.xlsx")
        alone = await say(client, "read_document", documents="test.xlsx", mode="text")
        bare = await say(client, "read_document", documents="bare.xlsx")
        error = await fail(client, "read_document", documents="test.xlsx", mode="vision")
    for said in (text, bare):
        assert "[picture at B3: a.png]\n\n(pictures, not transcribed: config)" in said
    assert (
        "the pictures of sheet 'Sheet1', sheet 'Sheet2' say more than the words, and were not read" in alone
    )
    assert "has no pages that can be drawn. Leave mode out: the pictures in it are then sent" in error


async def test_values_that_lead_nowhere_or_to_each_other_cost_nothing(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    parts = unzipped(
        workbook(lambda _, sheet: sheet.embed_image("A1", "a.png", {"image_data": io.BytesIO(RED)}))
    )
    wild = {
        "xl/metadata.xml": [(b't="1" v="0"', b't="9" v="99999999999"'), (b'i="0"', b'i="-1"')],
        "xl/richData/rdrichvalue.xml": [(b"<v>0</v>", b"<v>77</v>"), (b's="0"', b's="1e9"')],
        "xl/worksheets/sheet1.xml": [(b'vm="1"', b'vm="0"'), (b'vm="1"', b'vm="9999999"')],
    }
    async with connect() as client:
        for name, changes in wild.items():
            for old, new in changes:
                assert old in parts[name]
                keep(folders, zipped({**parts, name: parts[name].replace(old, new)}))
                assert "#VALUE!" in await say(client, "read_document", documents="test.xlsx")
    assert not sim.received


async def test_anchors_by_the_thousand_and_beyond_all_measure_cost_their_pictures_alone(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    parts = unzipped(workbook(lambda _, sheet: over(sheet, "B3", RED)))
    name = "xl/drawings/drawing1.xml"
    head, anchor, tail = parts[name].partition(b"<xdr:twoCellAnchor")
    one, end, _ = tail.partition(b"</xdr:twoCellAnchor>")
    far = (anchor + one + end).replace(b"<xdr:row>2", b"<xdr:row>-9e300").replace(b'cx="', b'cx="9e300')
    keep(folders, zipped({**parts, name: head + (anchor + one + end) * 20_000 + far + b"</xdr:wsDr>"}))
    async with connect() as client:
        result = await call(client, "read_document", documents="test.xlsx")
    assert not result.is_error
    assert len(sim.received) == 1
    assert glm(result)["notes"]
