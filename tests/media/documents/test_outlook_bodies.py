"""Bodies that Outlook keeps as RTF: pages that were made RTF, texts of RTF, and the objects that lie in them."""

from __future__ import annotations

import io
import struct
import tracemalloc
from typing import Any

from support.cases import each
from support.jobs import document_job
from support.made_outlook import Tree, compound, message, packed, properties, text

ROWS = ("Part", "Price", "Stock"), ("A4", "7", "some"), ("A5", "9", "none"), ("A6", "12", "many")


def _row(cells: tuple[str, ...]) -> bytes:
    inner = rb"{\*\htmltag0 </td><td>}".join(cell.encode() for cell in cells)
    return (
        rb"{\*\htmltag0 <tr><td>}\htmlrtf {\htmlrtf0 "
        + inner
        + rb"\htmlrtf }\htmlrtf0 {\*\htmltag0 </td></tr>}"
    )


TABLE = rb"{\*\htmltag64 <table>}" + b"".join(map(_row, ROWS)) + rb"{\*\htmltag0 </table>}"


def in_rtf(body: bytes, plain: str = "", attached: list[Tree] | None = None) -> bytes:
    rtf = b"{\\rtf1\\ansi" + body + b"}"
    parts: dict[str, Any] = {**text("0037", "It fails"), **text("1000", plain)}
    parts["__substg1.0_10090102"] = struct.pack("<II4sI", len(rtf) + 12, len(rtf), b"MELA", 0) + rtf
    for number, tree in enumerate(attached or []):
        parts[f"__attach_version1.0_#{number:08X}"] = tree
    return compound(message(parts))


def page(body: bytes, head: bytes = rb"\ansicpg1252") -> bytes:
    return head + rb"\fromhtml1{\fonttbl{\f0\fcharset0 Arial;}{\f1\fcharset204 Arial;}}\uc1 " + body


def attached(name: str, place: int, **parts: Any) -> Tree:
    rendered = bytes(8) + struct.pack("<HHII4x", 3, 0x370B, 6, place)
    return {"__properties_version1.0": rendered, **text("3707", name), **parts}


def package(name: str, data: bytes) -> bytes:
    """A file as OLE packs it, with the places where it lay."""
    lay = b"C:\\Users\\Temp\\" + name.encode() + b"\0"
    inner = struct.pack("<H", 2) + name.encode() + b"\0" + lay + struct.pack("<II", 0x30000, len(lay)) + lay
    inner += struct.pack("<I", len(data)) + data
    return struct.pack("<I", len(inner)) + inner


def read(data: bytes) -> str:
    facts, _ = document_job(io.BytesIO(data), {"name": "a.msg", "pages": None})
    return str(facts["pages"][0][2])


def test_a_table_of_a_page_that_was_made_rtf_has_its_rows() -> None:
    torn = "".join(f"{cell}\r\n\r\n" for row in ROWS for cell in row)
    assert "| Part | Price | Stock |\n| --- | --- | --- |\n| A4 | 7 | some |" in read(
        in_rtf(page(TABLE), torn)
    )


@each(
    "written, shown",
    [
        (rb"caf\'e9", "café"),
        (rb"\f1 \'e4\'e0\f0", "да"),
        (rb"a\u8594?b", "a→b"),
        (rb"\u-10179?\u-8704?", "😀"),
        (rb"{\*\htmltag84 &lt;}\htmlrtf <\htmlrtf0 x", "<x"),
        (rb"\{x\}\~y", "{x}\u00a0y"),
        (rb"{\*\mhtmltag0 <a href='x'>}\lquote x\rquote", "‘x’"),
        (rb"one{\*\htmltag0 <br>}\htmlrtf\line\htmlrtf0 two", "one\ntwo"),
    ],
)
def test_letters_of_a_page_that_was_made_rtf_are_what_they_were(written: bytes, shown: str) -> None:
    assert shown in read(in_rtf(page(rb"{\*\htmltag64 <p>}" + written + rb"{\*\htmltag72 </p>}"))).replace(
        "\\", ""
    )


def test_a_western_letter_in_a_page_of_another_alphabet_is_no_stranger() -> None:
    said = read(in_rtf(page(rb"{\f0 Time\'a0now \f2 \'d6\'d0\'a0 }", rb"\ansicpg936")))
    assert "Time\u00a0now \u4e2d" in said


@each("cut", range(0, 240, 7))
def test_a_page_in_damaged_rtf_is_read_as_far_as_it_goes(cut: int) -> None:
    whole = page(TABLE)
    assert "It fails" in read(in_rtf(whole[:cut]))
    assert "It fails" in read(in_rtf(whole[:cut] + b"}{\\'zz\\u99999999\\*\\f99999 " + whole[cut:]))


def test_what_is_attached_is_named_where_it_stands_in_rtf() -> None:
    things = [attached("late.pdf", 90), attached("early.pdf", 20), attached("beside.pdf", 0xFFFFFFFF)]
    said = read(in_rtf(rb" See {\objattph  } and {\objattph  } here", attached=things))
    assert "See [attached: early.pdf]" in said
    assert said.index("[attached: early.pdf]") < said.index("[attached: late.pdf]") < said.index("here")
    assert "[attached: beside.pdf]" not in said


def test_a_file_that_is_packed_as_an_object_is_called_by_its_name_and_read() -> None:
    held = {"__substg1.0_3701000D": {"\x01Ole10Native": package("notes.txt", b"The pump leaks.")}}
    said = read(in_rtf(b" See {\\objattph  }", attached=[attached("Package", 4, **held)]))
    assert "See [attached: notes.txt]" in said
    assert "- notes.txt (15 bytes)" in said
    assert "[attached: notes.txt]\n\nThe pump leaks." in said
    assert "Package" not in said
    assert "Temp" not in said


def test_a_packed_file_whose_name_is_no_text_is_called_as_its_message_calls_it() -> None:
    whole = package("notes.txt", b"The pump leaks.").replace(b"\2\0notes.txt", b"\2\0\1\2\3\4\5\6.txt")
    held = {"__substg1.0_3701000D": {"\x01Ole10Native": whole}}
    assert "- Package (15 bytes)" in read(in_rtf(b" See", attached=[attached("Package", 4, **held)]))


def test_a_packed_file_that_is_called_as_a_secret_is_not_read() -> None:
    held = {"__substg1.0_3701000D": {"\x01Ole10Native": package("id_rsa.txt", b"a word of the file")}}
    said = read(in_rtf(b" See", attached=[attached("Package", 4, **held)]))
    assert "- id_rsa.txt" in said
    assert "a word of the file" not in said


def test_an_object_in_winmail_is_called_by_its_name_too() -> None:
    whole = bytes(16) + compound({"\x01Ole10Native": package("notes.txt", b"The pump leaks.")})
    held = (0x69005, properties((0x1E, 0x3704, b"Untitled\0"), (0x0D, 0x3701, whole)))
    said = read(packed((0x18004, b"It fails\0"), (0x69002, bytes(14)), held))
    assert "- notes.txt (15 bytes)" in said
    assert "The pump leaks." in said


@each("size", [0, 3, 7, 20, 40, 60])
def test_a_damaged_object_costs_no_words(size: int) -> None:
    for stream, data in {
        "\x01Ole10Native": package("notes.txt", b"The pump leaks.")[:size],
        "\x02OlePres000": struct.pack("<IIIIiIIIII", 0xFFFFFFFF, 8, 0xFFFFFFFF, 1, -1, 0, 0, 1, 1, 99)[:size],
        "CONTENTS": b"\x89PNG"[:size],
    }.items():
        held = {"__substg1.0_3701000D": {stream: data}}
        assert "Words." in read(in_rtf(b" Words.", attached=[attached("Package", 4, **held)]))


def test_objects_that_share_their_bytes_are_not_held_as_often() -> None:
    held = [b"%PDF".ljust(2_000_000, b"x"), *[b"%PDF"] * 39]
    things = [attached("Package", 4, **{"__substg1.0_3701000D": {"CONTENTS": one}}) for one in held]
    data = bytearray(in_rtf(b" Words.", attached=things))
    name = "CONTENTS".encode("utf-16-le").ljust(64, b"\0")
    entries = [at for at in range(0, len(data), 128) if data[at : at + 64] == name]
    # Where a stream begins, and how long it is.
    longest = max((bytes(data[at + 116 : at + 128]) for at in entries), key=lambda end: end[4:8][::-1])
    for at in entries:
        data[at + 116 : at + 128] = longest
    tracemalloc.start()
    try:
        said = read(bytes(data))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert said.count("picture.pdf (2,000,000 bytes)") == 40
    assert peak < 10 * len(data)
