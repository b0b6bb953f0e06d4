"""OFD of which a part is damaged, or whose parts are used very often."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest
from PIL import Image
from support.cases import each
from support.jobs import document_job
from support.made_documents import ofd

from glm_mcp.errors import MediaTooLarge, UnsupportedMedia

WORDS = (
    '<ofd:Content><ofd:Layer><ofd:TextObject Boundary="6 20 90 6" Size="3.2">'
    '<ofd:TextCode X="0" Y="3.2">Words</ofd:TextCode></ofd:TextObject></ofd:Layer></ofd:Content>'
)
SIDE: dict[str, dict[str, Any]] = {
    "resources": {"common": "<ofd:PublicRes>Side.xml</ofd:PublicRes>"},
    "a template": {"common": '<ofd:TemplatePage ID="7" BaseLoc="Side.xml"/>'},
    "remarks": {"document": "<ofd:Annotations>Side.xml</ofd:Annotations>"},
    "a list of attached files": {"document": "<ofd:Attachments>Side.xml</ofd:Attachments>"},
}


def read(data: bytes) -> dict[str, Any]:
    return document_job(io.BytesIO(data), {"name": "a.ofd"})[0]


@each("case", SIDE)
def test_a_document_is_read_without_a_part_that_is_damaged(case: str) -> None:
    page = f'<ofd:Template TemplateID="7"/>{WORDS}'
    facts = read(ofd([page], **SIDE[case], Side="<bad"))
    assert facts["pages"][0][2].startswith("Words")
    assert facts["notes"] == ["left out, parts that are damaged: Doc_0/Side.xml"]


def test_a_picture_that_cannot_be_unpacked_is_left_out() -> None:
    shown = '<ofd:Content><ofd:ImageObject Boundary="0 0 50 50" ResourceID="9"/></ofd:Content>'
    media = '<ofd:MultiMedia ID="9"><ofd:MediaFile>p.png</ofd:MediaFile></ofd:MultiMedia>'
    made = io.BytesIO()
    Image.new("L", (20, 20)).save(made, "PNG")
    picture = made.getvalue()
    parts: dict[str, Any] = {"p.png": picture}
    data = ofd(
        [WORDS + shown],
        common="<ofd:PublicRes>Res.xml</ofd:PublicRes>",
        Res=media,
        **parts,
    )
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        begin = archive.getinfo("Doc_0/p.png").header_offset + 30 + len("Doc_0/p.png")
    facts = read(data[:begin] + b"\xff" * 20 + data[begin + 20 :])
    assert facts["pages"][0][2].startswith("Words")
    assert facts["notes"] == ["left out, pictures that cannot be read: p.png"]


def test_pages_keep_their_numbers_where_one_is_damaged() -> None:
    facts = read(ofd(["<bad", WORDS]))
    assert [number for number, _, said, _ in facts["pages"] if "Words" in said] == [2]
    assert "left out, parts that are damaged: Doc_0/Pages/0.xml" in facts["notes"]
    with pytest.raises(UnsupportedMedia, match="none of its pages can be read"):
        read(ofd(["<bad", "<bad"]))


def test_notes_that_pages_share_are_read_once() -> None:
    data = ofd(
        [WORDS],
        document="<ofd:Annotations>List.xml</ofd:Annotations>",
        List=f'<ofd:Page PageID="0">{"<ofd:FileLoc>Notes.xml</ofd:FileLoc>" * 300}</ofd:Page>',
        Notes=f"<x>{' ' * 1_000_000}</x>",
    )
    facts = read(data)
    assert facts["pages"][0][2].startswith("Words")
    assert facts["notes"] == []


def test_seals_that_are_named_again_and_again_do_not_cost_the_document() -> None:
    stamp = '<ofd:StampAnnot PageRef="0" Boundary="0 0 9 9"/>'
    signed = f"{stamp}{'<ofd:SignedValue>Seal</ofd:SignedValue>' * 300}"
    facts = read(ofd([WORDS], seals=signed, Seal=b"0" * 1_000_000))
    assert facts["pages"][0][2].startswith("Words")
    assert "its seals cannot be read" in facts["notes"]


@pytest.mark.extreme
def test_what_shows_nothing_is_drawn_up_to_a_bound() -> None:
    unit = f'<ofd:CompositeGraphicUnit ID="5"><ofd:Content>{"<a/>" * 30_000}</ofd:Content></ofd:CompositeGraphicUnit>'
    many = '<ofd:CompositeObject ResourceID="5" Boundary="0 0 9 9"/>' * 200
    page = f"<ofd:Content>{many}</ofd:Content>"
    with pytest.raises(MediaTooLarge, match="draws too much"):
        read(ofd([page], common="<ofd:PublicRes>Res.xml</ofd:PublicRes>", Res=unit))
