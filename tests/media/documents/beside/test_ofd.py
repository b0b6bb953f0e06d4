"""OFD, as Chinese invoices and official papers come: read as they look, by way of a PDF."""

from __future__ import annotations

import io
import os
import struct
import sys
import zipfile
from pathlib import Path
from typing import Any, cast

import pytest
from PIL import Image, TiffImagePlugin
from support.connect import Connect
from support.formats import one_picture
from support.jobs import document_job
from support.made_documents import ofd, seal, zipped
from support.pictures import grain, save
from support.toolkit import last, say

from glm_mcp.errors import MediaTooLarge, UnsupportedMedia
from glm_mcp.media.fonts import font_files, system_folders
from glm_mcp.media.glyphs import cover, visible
from glm_mcp.server.app import Folders
from glm_mcp.simulator import Reply, Simulator


def read(data: bytes, **params: Any) -> dict[str, Any]:
    return document_job(io.BytesIO(data), {"name": "a.ofd", **params})[0]


def text(words: str, x: float, y: float, more: str = "", size: float = 3.2) -> str:
    code = f'<ofd:TextCode X="0" Y="{size}" {more}>{words}</ofd:TextCode>'
    return f'<ofd:TextObject Boundary="{x} {y} 90 6" Font="1" Size="{size}">{code}</ofd:TextObject>'


def line(left: float, top: float, right: float, bottom: float) -> str:
    steps = f"M {left} {top} L {right} {bottom}"
    return f'<ofd:PathObject Boundary="0 0 210 140"><ofd:AbbreviatedData>{steps}</ofd:AbbreviatedData></ofd:PathObject>'


def page(*objects: str, more: str = "") -> str:
    return f"{more}<ofd:Content><ofd:Layer>{''.join(objects)}</ofd:Layer></ofd:Content>"


def picture(resource: int) -> str:
    return f'<ofd:ImageObject Boundary="0 0 210 140" CTM="210 0 0 140 0 0" ResourceID="{resource}"/>'


def test_values_stand_beside_the_labels_of_the_form_below_them() -> None:
    form = page(
        text("购买方", 6, 20, 'DeltaY="4 4"'), text("名称：", 16, 20, 'DeltaX="3.2"'),
        text("单位", 16, 40, 'DeltaX="3.2"'), text("数量", 60, 40, 'DeltaX="3.2"'), text("金额", 100, 40, 'DeltaX="3.2"'),
        *(line(10, y, 130, y) for y in (39, 45, 51)), *(line(x, 39, x, 51) for x in (10, 50, 90, 130)),
    )  # fmt: skip
    values = page(
        text("2.50", 100, 46, 'DeltaX="g 3 1.92"'), text("次", 16, 46), text("4", 60, 46),
        text("91500106MA2CE71F65", 30, 20, 'DeltaX="1.92"'),
        more='<ofd:Template TemplateID="7" ZOrder="Background"/>',
    )  # fmt: skip
    data = ofd([values], common='<ofd:TemplatePage ID="7" BaseLoc="Form.xml"/>', Form=form)
    ((number, label, words, why),) = read(data)["pages"]
    assert (number, label, why) == (1, "page 1", "")
    assert words.startswith("购买方 名称： 91500106MA2CE71F65\n")
    assert "| 次 | 4 | 2.50 |" in words
    assert words.endswith("[title: Receipt]")


def test_drawings_within_drawings_and_remarks_are_read_and_what_is_left_out_is_named() -> None:
    unit = f'<ofd:CompositeGraphicUnit ID="5"><ofd:Content>{text("Within", 0, 0)}</ofd:Content></ofd:CompositeGraphicUnit>'
    notes = '<ofd:Annot Type="{}"><ofd:Appearance Boundary="10 60 90 9">{}</ofd:Appearance></ofd:Annot>'
    data = ofd(
        [page(text("Above", 10, 10), '<ofd:CompositeObject ResourceID="5" Boundary="10 40 90 9"/>', picture(8))],
        common="<ofd:PublicRes>Res.xml</ofd:PublicRes>",
        document="<ofd:Annotations>Notes.xml</ofd:Annotations><ofd:Attachments>Files.xml</ofd:Attachments>",
        Res=f'{unit}<ofd:MultiMedia ID="8"><ofd:MediaFile>seal.jb2</ofd:MediaFile></ofd:MultiMedia>',
        Notes='<ofd:Page PageID="0"><ofd:FileLoc>Note.xml</ofd:FileLoc></ofd:Page>',
        Note=notes.format("Stamp", text("Remark", 0, 0)) + notes.format("Watermark", text("Copy", 0, 0)),
        Files='<ofd:Attachment Name="invoice"/>',
        **cast("dict[str, Any]", {"seal.jb2": b"\x97JB2"}),
    )  # fmt: skip
    facts = read(data)
    assert facts["pages"][0][2].split()[:3] == ["Above", "Within", "Remark"]
    assert facts["notes"] == [
        "left out, pictures that cannot be read: seal.jb2",
        "left out, attached files: invoice",
        "watermark: Copy",
    ]


@pytest.mark.anyio
async def test_a_scanned_page_is_seen_by_the_model(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    scan = Image.new("RGB", (420, 280), "white")
    scan.paste("black", (40, 40, 200, 60))
    media = '<ofd:MultiMedia ID="8"><ofd:MediaFile>Res/a.png</ofd:MediaFile></ofd:MultiMedia>'
    parts: dict[str, Any] = {"Res": media, "Res/a.png": save(scan, "PNG")}
    data = ofd([page(picture(8))], common="<ofd:DocumentRes>Res.xml</ofd:DocumentRes>", **parts)
    (folders.cwd / "a.ofd").write_bytes(data)
    sim.queue(Reply(text="The scanned words."))
    async with connect() as client:
        text = await say(client, "read_document", documents="a.ofd")
    assert "The scanned words." in text
    shown = one_picture(sim).image.convert("L")
    wide, high = shown.size
    grey = shown.tobytes()
    assert grey[high * 50 // 280 * wide + wide * 100 // 420] < 60
    assert grey[high * 200 // 280 * wide + wide * 100 // 420] > 200


@pytest.mark.anyio
async def test_pages_of_a_second_document_in_the_file_are_seen(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    with zipfile.ZipFile(io.BytesIO(ofd([page(), page(line(0, 50, 210, 50))]))) as one:
        parts = {name: one.read(name).decode() for name in one.namelist()}
    body = parts["OFD.xml"].index("<ofd:DocBody>")
    bodies = parts["OFD.xml"][body:].replace("</ofd:OFD>", "")
    parts["OFD.xml"] = parts["OFD.xml"][:body] + bodies + bodies.replace("Doc_0", "Doc_1") + "</ofd:OFD>"
    parts |= {name.replace("Doc_0", "Doc_1"): part for name, part in parts.items() if "Doc_0" in name}
    seen = await drawn(zipped(parts), connect, sim, folders, "4")
    assert min(shade(seen, 100, 50 + step / 4) for step in range(-4, 5)) < 200


STAMP = '<ofd:StampAnnot PageRef="{}" Boundary="{}"/>'


async def drawn(
    data: bytes, connect: Connect, sim: Simulator, folders: Folders, pages: str = "1"
) -> Image.Image:
    """The page as the model sees it, in grey."""
    (folders.cwd / "a.ofd").write_bytes(data)
    sim.queue(Reply(text="Seen."))
    async with connect() as client:
        text = await say(client, "read_document", documents="a.ofd", mode="vision", prompt="?", pages=pages)
    assert "Seen." in text
    return one_picture(sim).image.convert("L")


def shade(page: Image.Image, x: float, y: float) -> int:
    """Of a page of 210 by 140 mm, 0 for black."""
    found: Any = page.getpixel((int(page.width * x / 210), int(page.height * y / 140)))
    return int(found)


@pytest.mark.anyio
@pytest.mark.parametrize("kind", ["a picture", "an OFD of its own"])
async def test_a_seal_is_named_and_drawn_over_what_it_stands_on(
    kind: str, connect: Connect, sim: Simulator, folders: Folders
) -> None:
    ring = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    ring.paste((0, 0, 0, 255), (0, 0, 40, 10))
    looks = save(ring, "PNG")
    if kind != "a picture":
        looks = ofd([page(line(0, 17, 210, 17), more="")])
    places = STAMP.format(1, "100 20 40 40") + STAMP.format(7, "0 0 9 9")
    data = ofd(
        [page(), page(text("合同", 10, 100), line(100, 50, 200, 50))],
        seals=places,
        Seal=seal("某某公司", looks),
    )
    assert read(data)["notes"][:1] == ["seal on page ?, 2, not verified: 某某公司"]
    seen = await drawn(data, connect, sim, folders, "2")
    top = 25 if kind == "a picture" else 20 + 40 * 17 / 140
    assert min(shade(seen, 120, top + step / 4) for step in range(-4, 5)) < 130  # the seal
    assert min(shade(seen, 120, 50 + step / 4) for step in range(-4, 5)) < 130  # the line below it
    assert shade(seen, 120, 56) > 200
    assert shade(seen, 160, 25) > 200


@pytest.mark.anyio
async def test_of_a_seal_over_the_edges_of_pages_each_shows_its_part(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    looks = save(Image.new("RGB", (40, 40), "black"), "PNG")
    place = '<ofd:StampAnnot PageRef="0" Boundary="100 20 40 40" Clip="0 0 20 40"/>'
    seen = await drawn(ofd([page()], seals=place, Seal=seal("某某公司", looks)), connect, sim, folders)
    assert shade(seen, 110, 40) < 60
    assert shade(seen, 130, 40) > 200


@pytest.mark.anyio
async def test_where_a_seal_cannot_be_drawn_its_frame_stands(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    data = ofd([page()], seals=STAMP.format(0, "100 20 40 40"), Seal=b"\x30\x84\xff\xff\xff\xff" * 9)
    assert read(data)["notes"][0] == "seal on page 1, without a name"
    seen = await drawn(data, connect, sim, folders)
    assert min(shade(seen, 100 + step / 4, 40) for step in range(-4, 5)) < 200


def test_where_what_seals_is_damaged_the_document_is_read() -> None:
    facts = read(ofd([page(text("Words", 6, 20))], seals="<ofd:StampAnnot", Seal=b"0"))
    assert facts["pages"][0][2].startswith("Words")
    assert facts["notes"] == ["its seals cannot be read"]


def test_a_signature_without_a_seal_is_none() -> None:
    assert read(ofd([page(text("Words", 6, 20))], seals="<ofd:Provider/>", Seal=b"0"))["notes"] == []


@pytest.mark.anyio
async def test_the_code_of_an_invoice_in_jbig2_is_seen(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    code = Image.new("1", (64, 64))
    code.paste(1, (0, 0, 32, 32))
    media = '<ofd:MultiMedia ID="8"><ofd:MediaFile>code.jb2</ofd:MediaFile></ofd:MultiMedia>'
    parts: dict[str, Any] = {"Res": media, "code.jb2": jbig2(code)}
    data = ofd([page(picture(8))], common="<ofd:PublicRes>Res.xml</ofd:PublicRes>", **parts)
    assert [row[3] for row in read(data)["pages"]] == ["scanned"]
    seen = await drawn(data, connect, sim, folders)
    assert [shade(seen, x, y) > 128 for x, y in ((50, 30), (160, 30), (50, 110))] == [False, True, True]


def jbig2(code: Image.Image) -> bytes:
    """One page and one region in it, which is coded as faxes are: 1 is black."""
    fax = TiffImagePlugin.ImageFileDirectory_v2()
    fax[278] = code.height  # in one strip
    packed = Image.open(io.BytesIO(save(code, "TIFF", compression="group4", tiffinfo=fax)))
    assert isinstance(packed, TiffImagePlugin.TiffImageFile)
    (offset,), (length,) = packed.tag_v2[273], packed.tag_v2[279]
    assert packed.fp is not None
    packed.fp.seek(offset)
    size = struct.pack(">II", *code.size)
    segments = (
        (48, size + bytes(8) + b"\x00" + bytes(2)),
        (38, size + bytes(8) + b"\x00" + b"\x01" + packed.fp.read(length)),
        (49, b""),
        (51, b""),
    )
    rows = (
        struct.pack(">IBBBI", n, kind, 0, kind != 51, len(data)) + data
        for n, (kind, data) in enumerate(segments)
    )
    return b"\x97JB2\r\n\x1a\n\x01\x00\x00\x00\x01" + b"".join(rows)


def test_a_scanned_book_is_read_however_large_its_pictures_are_together() -> None:
    media = '<ofd:MultiMedia ID="8"><ofd:MediaFile>Res/a.jpg</ofd:MediaFile></ofd:MultiMedia>'
    scan = save(grain(1200, 1200, 80), "JPEG", quality=95)
    parts: dict[str, Any] = {"Res": media, "Res/a.jpg": scan}
    data = ofd([page(picture(8))] * 120, common="<ofd:PublicRes>Res.xml</ofd:PublicRes>", **parts)
    assert 120 * len(scan) > 100_000_000
    assert {row[3] for row in read(data)["pages"]} == {"scanned"}


@pytest.mark.extreme
@pytest.mark.skipif(sys.platform == "win32", reason="a program there is no script")
def test_no_program_is_run_for_a_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program, ran = tmp_path / "gs", tmp_path / "ran"
    program.write_text(f"#!/bin/sh\necho > '{ran}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    media = '<ofd:MultiMedia ID="8"><ofd:MediaFile>Res/a.png</ofd:MediaFile></ofd:MultiMedia>'
    script = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n"
    parts: dict[str, Any] = {"Res": media, "Res/a.png": script}
    facts = read(ofd([page(picture(8))], common="<ofd:PublicRes>Res.xml</ofd:PublicRes>", **parts))
    assert facts["notes"] == [
        "left out, pictures that cannot be read: a.png",
        "no text on the pages 1: print the file to a PDF to see them",
    ]
    assert not ran.exists()


def test_what_cannot_be_read_is_refused_with_what_to_do() -> None:
    said = "<x><DocBody><DocRoot>d.xml</DocRoot></DocBody></x>"
    for parts, words in (
        ({"OFD.xml": "<x/>"}, "is damaged: it names no pages"),
        ({"OFD.xml": said, "Encryptions.xml": "<x/>"}, "is encrypted"),
    ):
        with pytest.raises(UnsupportedMedia, match=words) as refusal:
            read(zipped(parts))
        assert "save it as PDF" in str(refusal.value)


@pytest.mark.extreme
def test_drawings_that_hold_themselves_many_times_are_refused() -> None:
    again = '<ofd:CompositeObject ResourceID="5" Boundary="0 0 9 9"/>' * 40
    unit = f'<ofd:CompositeGraphicUnit ID="5"><ofd:Content>{text("Words", 0, 0)}{again}</ofd:Content></ofd:CompositeGraphicUnit>'
    data = ofd([page(again)], common="<ofd:PublicRes>Res.xml</ofd:PublicRes>", Res=unit)
    with pytest.raises(MediaTooLarge, match="draws too much"):
        read(data)


def test_a_page_without_text_is_said_to_be_empty_beside_the_title() -> None:
    unknown = page(f"<ofd:Strange>{text('words', 6, 20)}</ofd:Strange>")
    assert [row[2] for row in read(ofd([unknown]))["pages"]] == ["(empty)\n\n[title: Receipt]"]


@pytest.mark.anyio
async def test_what_no_font_here_has_goes_along_as_text_and_is_said(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    rare = "\U00013000 and \U00010380"  # Egyptian and Ugaritic, of two units of UTF-16 each
    assert read(ofd([page(text(rare, 10, 10))]))["pages"][0][2].startswith(rare)
    (folders.cwd / "a.ofd").write_bytes(ofd([page(text(rare, 10, 10))]))
    async with connect() as client:
        for arguments in ({"prompt": "What?"}, {}):
            said = await say(client, "read_document", documents="a.ofd", mode="vision", **arguments)
            assert "no font on this computer has \U00010380\U00013000" in said
            assert "\U00013000 and \U00010380" in str(last(sim).body["messages"][-1]["content"])


@pytest.mark.anyio
@pytest.mark.parametrize("where", ["object", "style", "style of the style"])
async def test_text_is_seen_in_its_colour(
    where: str, connect: Connect, sim: Simulator, folders: Folders
) -> None:
    colour = '<ofd:FillColor Value="#ee 32 0"/>'
    own = colour if where == "object" else ""
    letters = text("HHHH", 10, 10, size=40).replace("<ofd:TextCode", f"{own}<ofd:TextCode")
    letters = letters.replace("<ofd:TextObject", '<ofd:TextObject DrawParam="5"')
    style = f'<ofd:DrawParam ID="5" Relative="6">{colour if where == "style" else ""}</ofd:DrawParam>'
    parts = {"Res": f'{style}<ofd:DrawParam ID="6">{"" if where == "object" else colour}</ofd:DrawParam>'}
    data = ofd([page(letters)], common="<ofd:PublicRes>Res.xml</ofd:PublicRes>", **parts)
    (folders.cwd / "a.ofd").write_bytes(data)
    async with connect() as client:
        await say(client, "read_document", documents="a.ofd", mode="vision", prompt="What?")
    colours = one_picture(sim).image.convert("RGB").getcolors(1 << 20)
    assert colours is not None
    assert sorted(colours)[-2][1] == (238, 32, 0)


@pytest.mark.anyio
async def test_letters_are_seen_in_fonts_of_this_machine(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    words = "中文 한글 Ж é"
    if missing := cover(visible(words), font_files(system_folders()))[1]:
        pytest.skip(f"no font here has {''.join(missing)}")
    (folders.cwd / "a.ofd").write_bytes(ofd([page(text(words, 10, 10, size=20))]))
    async with connect() as client:
        said = await say(client, "read_document", documents="a.ofd", mode="vision", prompt="What?")
    assert "no font" not in said
    seen = one_picture(sim).image.convert("L")
    for left in (10, 30, 60, 80, 110, 140):  # where each letter begins, in millimetres
        square = tuple(mm * seen.width // 210 for mm in (left, 10, left + 10, 32))
        assert min(seen.crop((square[0], square[1], square[2], square[3])).tobytes()) < 130
