"""What users said of their documents in fields of their own."""

from __future__ import annotations

import io
import struct

import olefile
import pytest
from support.jobs import document_job
from support.made_outlook import compound
from support.paths import DATA

from glm_mcp.media.documents.containers.own_fields import STREAM, own_fields

_KIND = bytes.fromhex("05d5cdd59c2e1b10939708002b2cf9ae")


def stream(page: int, fields: dict[str, bytes], *, kind: int = 0x1E) -> bytes:
    """A stream of properties whose second section holds these."""
    wide = page == 1200
    encoded = [f"{name}\0".encode("utf-16-le" if wide else "utf-8") for name in fields]
    names = struct.pack("<I", len(fields))
    for number, name in enumerate(encoded, 2):
        padding = b"\0" * (-len(name) % 4) if wide else b""
        names += struct.pack("<II", number, len(name) // (2 if wide else 1)) + name + padding
    values = [names, struct.pack("<HxxHxx", 2, page)]
    for text in fields.values():
        held = text + (b"\0\0" if kind == 0x1F else b"\0")
        values.append(struct.pack("<HxxI", kind, len(held) // (2 if kind == 0x1F else 1)) + held)
    head, place = struct.pack("<II", 0, len(values)), 8 + 8 * len(values)
    for number, value in enumerate(values):
        head += struct.pack("<II", number, place)
        place += len(value)
    first = bytes.fromhex("02d5cdd59c2e1b10939708002b2cf9ae") + struct.pack("<I", 68)
    sections = struct.pack("<I", 2) + first + _KIND + struct.pack("<I", 76)
    return b"\xfe\xff" + bytes(22) + sections + struct.pack("<II", 8, 0) + head + b"".join(values)


def test_own_fields_of_an_old_office_file_are_read_in_its_code_page() -> None:
    assert own_fields(stream(65001, {"Client": "Löwe".encode(), "Site": b"Mere"})) == [
        ("Client", "Löwe"),
        ("Site", "Mere"),
    ]
    assert own_fields(stream(1200, {"客户": "湖边".encode("utf-16-le")}, kind=0x1F)) == [("客户", "湖边")]
    assert own_fields(stream(936, {"A": "湖边".encode("gbk")})) == [("A", "湖边")]
    assert own_fields(stream(10008, {"A": "湖边".encode("gbk")})) == [("A", "湖边")]
    assert own_fields(stream(65001, {"A": b"12"}, kind=3)) == []


def test_an_old_workbook_says_what_its_user_said_of_it() -> None:
    with olefile.OleFileIO(DATA / "excel97.xls") as old:
        book = old.openstream("Workbook").read()
    fields = {"Client": b"Lakeside", "AppVersion": b"12.0", "OOXMLCorePropertyCategory": b"Tolls"}
    data = compound({"Workbook": book, STREAM: stream(65001, fields)})
    facts, _ = document_job(io.BytesIO(data), {"name": "old.xls"})
    assert facts["pages"][0][2].endswith("\n\n[Client: Lakeside]\n[category: Tolls]")


def test_an_author_whose_length_some_program_gave_twice_ends_where_it_ends() -> None:
    with olefile.OleFileIO(DATA / "excel97.xls") as old:
        book = old.openstream("Workbook").read()
    kind = bytes.fromhex("e0859ff2f94f6810ab9108002b27b3d9")
    value = struct.pack("<HxxI", 0x1F, 8) + "段先生\0".encode("utf-16-le") + b"\x1f\0\0\0\x13\0P\0"
    section = struct.pack("<II", 16 + len(value), 1) + struct.pack("<II", 4, 16) + value
    about = b"\xfe\xff" + bytes(22) + struct.pack("<I", 1) + kind + struct.pack("<I", 48) + section
    facts, _ = document_job(
        io.BytesIO(compound({"Workbook": book, "\x05SummaryInformation": about})), {"name": "old.xls"}
    )
    assert facts["pages"][0][2].endswith("\n\n[author: 段先生]")


def test_a_title_in_the_chinese_letters_of_an_old_mac_is_read() -> None:
    with olefile.OleFileIO(DATA / "excel97.xls") as old:
        book = old.openstream("Workbook").read()
    kind, title = (
        bytes.fromhex("e0859ff2f94f6810ab9108002b27b3d9"),
        "期中考试\0".encode("gbk").ljust(12, b"\0"),
    )
    page, value = struct.pack("<IHxx", 2, 10008), struct.pack("<II", 0x1E, 9) + title
    section = struct.pack("<II", 24 + len(page + value), 2) + struct.pack("<4I", 1, 24, 2, 32) + page + value
    about = b"\xfe\xff" + bytes(22) + struct.pack("<I", 1) + kind + struct.pack("<I", 48) + section
    facts, _ = document_job(
        io.BytesIO(compound({"Workbook": book, "\x05SummaryInformation": about})), {"name": "old.xls"}
    )
    assert facts["pages"][0][2].endswith("\n\n[title: 期中考试]")


def test_a_list_of_fields_that_is_said_to_be_endless_costs_nothing() -> None:
    """Whoever believes its length goes through four thousand million entries."""
    with olefile.OleFileIO(DATA / "excel97.xls") as old:
        book = old.openstream("Workbook").read()
    kind = bytes.fromhex("e0859ff2f94f6810ab9108002b27b3d9")
    value = struct.pack("<III", 0x1002, 0x7FFFFFFF, 0) + struct.pack("<II", 0x1E, 4) + b"Ann\0"
    section = struct.pack("<II", 24 + len(value), 2) + struct.pack("<4I", 13, 24, 4, 36) + value
    about = b"\xfe\xff" + bytes(22) + struct.pack("<I", 1) + kind + struct.pack("<I", 48) + section
    facts, _ = document_job(
        io.BytesIO(compound({"Workbook": book, "\x05SummaryInformation": about})), {"name": "old.xls"}
    )
    assert facts["pages"][0][2].endswith("\n\n[author: Ann]")


def test_damaged_fields_cost_nothing_but_themselves() -> None:
    whole = stream(65001, {"Client": b"Lakeside", "Site": b"Mere"})
    for end in range(len(whole)):
        assert len(own_fields(whole[:end])) <= 2
    for place in range(24, len(whole) - 4):
        assert len(own_fields(whole[:place] + b"\xff\xff\xff\xff" + whole[place + 4 :])) <= 2


_OWN = (
    '<meta name="created" content="2026-01-01T10:00:00"/><meta name="changedby" content="Zed"/>'
    '<meta name="AppVersion" content="12.0000"/><meta name="Client" content="Lakeside &amp; Sons"/>'
    '<meta name="OOXMLCorePropertyCategory" content="Tolls"/><meta name="viewport" content="wide"/>'
)


@pytest.mark.parametrize(
    ("generator", "said"),
    [
        ("LibreOffice 7.4.7.2 (Linux)", "\n\n[Client: Lakeside & Sons]\n[category: Tolls]"),
        ("Hugo 0.1", ""),
    ],
)
def test_a_web_page_by_an_office_program_says_what_its_user_said_of_it(generator: str, said: str) -> None:
    head = f'{_OWN}<meta name="generator" content="{generator}"/>'
    page = f"<html><head>{head}</head><body><p>Some words.</p></body></html>"
    facts, _ = document_job(io.BytesIO(page.encode()), {"name": "page.html"})
    assert facts["pages"][0][2] == f"Some words.{said}"
