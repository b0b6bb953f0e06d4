"""OFD, as Chinese invoices and official papers come: read as they look, by way of a PDF."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from support.connect import Connect
from support.formats import one_picture
from support.jobs import document_job
from support.made_documents import ofd, zipped
from support.pictures import grain, save
from support.toolkit import say

from glm_mcp.errors import MediaTooLarge, UnsupportedMedia
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
        **{"seal.jb2": b"\x97JB2", "Signs/SignedValue.dat": b"\x30"},
    )  # fmt: skip
    facts = read(data)
    assert facts["pages"][0][2].split()[:3] == ["Above", "Within", "Remark"]
    assert facts["notes"] == [
        "left out, pictures that cannot be read: seal.jb2",
        "left out, attached files: invoice",
        "watermark: Copy",
        "its seals are not shown",
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
