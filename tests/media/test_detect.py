"""What a file is, by its bytes."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image
from support.cases import each
from support.made_documents import zipped
from support.ole import Tree, ole

from glm_mcp.media.detect import detect, detect_file, is_media
from glm_mcp.media.formats import KINDS, UNKNOWN
from glm_mcp.media.text_kinds import decode_head


def ftyp(major: bytes, *others: bytes) -> bytes:
    body = b"ftyp" + major + b"\0\0\0\0" + b"".join(others)
    return (len(body) + 4).to_bytes(4, "big") + body + b"\0\0\0\x08free" * 4


def packed(*members: str, first: str = "") -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        if first:
            archive.writestr(zipfile.ZipInfo("mimetype"), first)
        for member in members:
            archive.writestr(member, "<xml/>" * 100)
    return held.getvalue()


def saved(form: str, **more: object) -> bytes:
    held = io.BytesIO()
    Image.new("RGB", (16, 16), "red").save(held, form, **more)
    return held.getvalue()


def ogg(packet: bytes, *, first: bool = True) -> bytes:
    """A page of it, of one packet; `first`: of its track."""
    return b"OggS\0" + bytes([2 * first]) + bytes(20) + bytes([1, len(packet)]) + packet


@each(
    ("data", "kind"),
    [
        (ftyp(b"heic", b"mif1"), "heic"),
        (ftyp(b"mif1", b"mif1", b"heic"), "heic"),
        (ftyp(b"mif1", b"avif", b"miaf"), "avif"),
        (ftyp(b"mif1"), "heic"),
        (ftyp(b"msf1", b"hevc"), "heic"),
        (ftyp(b"avif"), "avif"),
        (ftyp(b"avis"), "avif"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "svg"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- a > b -->\n<!DOCTYPE svg [<!ENTITY a 'b'>]>\n<svg:svg/>", "svg"),
        ("<?xml version='1.0'?><svg/>".encode("utf-16"), "svg"),
        (b"P6\n# made here\n8 8\n255\n" + bytes(192), "pnm"),
        *((saved(form), form.lower()) for form in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "AVIF")),
        (saved("JPEG2000"), "jp2"),
        (saved("ICO"), "ico"),
    ],
)  # fmt: skip
def test_pictures_are_known(data: bytes, kind: str) -> None:
    assert detect(data[:4096]).name == kind


@each(
    ("data", "kind"),
    [
        (ftyp(b"isom", b"mp41"), "mp4"),
        (ftyp(b"mp42"), "mp4"),
        (ftyp(b"qt  "), "mov"),
        (ftyp(b"M4V "), "m4v"),
        (ftyp(b"3gp5"), "3gp"),
        (b"\0\0\0\x08wide\0\0\0\0mdat", "mov"),
        (b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm", "webm"),
        (b"\x1a\x45\xdf\xa3\xa3\x42\x82\x88matroska", "mkv"),
        (b"RIFF\0\0\0\0AVI LIST", "avi"),
        (b"FLV\x01\x05\0\0\0\x09", "flv"),
        ((b"\x47" + b"\0" * 187) * 5, "ts"),
        (bytes(range(70, 171)) + (b"\x47" + bytes(191)) * 5, "ts"),  # begins within a packet
        ((b"\x47" + bytes(203)) * 5, "ts"),
        ((b"\x47" + b"\xff" * 187) * 12, "ts"),  # begins within a picture
        (ogg(b"\x80theora\3"), "ogv"),
        (ogg(b"OVP80\1"), "ogv"),
        (ogg(b"\1vorbis") + ogg(b"\1video\0\0\0"), "ogv"),  # after the sound
        (b"\0\0\1\xba\x44", "mpg"),
    ],
)
def test_videos_are_known(data: bytes, kind: str) -> None:
    assert detect(data).name == kind
    assert is_media(data)


def test_sound_is_told_from_video() -> None:
    for data in (
        ftyp(b"M4A "),
        b"ID3\x04\0",
        b"RIFF\0\0\0\0WAVEfmt ",
        ogg(b"\1vorbis" + bytes(40)) + ogg(b"\3vorbis title=theora", first=False),
        b"fLaC\0\0",
    ):
        assert detect(data).family == "audio"
        assert not is_media(data)


@each(
    ("data", "kind"),
    [
        (b"%PDF-1.7\n", "pdf"),
        (b"\n\n%PDF-1.4", "pdf"),
        (packed("[Content_Types].xml", "_rels/.rels", "word/document.xml"), "docx"),
        (packed("[Content_Types].xml", "xl/workbook.xml"), "xlsx"),
        (packed("[Content_Types].xml", "ppt/presentation.xml"), "pptx"),
        (packed(*(f"word/media/picture{i}.bin" for i in range(2000)), "word/document.xml"), "docx"),
        (packed("META-INF/container.xml", first="application/epub+zip"), "epub"),
        (packed("content.xml", first="application/vnd.oasis.opendocument.text"), "odt"),
        (packed("content.xml", first="application/vnd.oasis.opendocument.spreadsheet"), "ods"),
        (b"{\\rtf1\\ansi hello}", "rtf"),
    ],
)  # fmt: skip
def test_documents_are_known_by_what_is_in_them(data: bytes, kind: str) -> None:
    assert detect(data).name == kind


@each(
    ("tree", "name", "kind"),
    [
        (["\x01CompObj", "WordDocument", ("ObjectPool", [("_1", ["Workbook"])])], "", "doc"),
        (["Workbook", ("MBD1", ["WordDocument", "\x01Ole"])], "a.doc", "xls"),
        (["PowerPoint Document", "Current User"], "", "ppt"),
        (["EncryptionInfo", "EncryptedPackage"], "a.docx", "encrypted"),
        (["__nameid_version1.0", "__properties_version1.0", "__substg1.0_001A001F"], "", "msg"),
        (["FileHeader", ("BodyText", ["Section0"])], "", "hwp"),
        (["Something"], "a.xls", "xls"),
        (["Something"], "a.bin", "ole"),
    ],
)
def test_an_old_office_file_is_known_by_the_streams_at_its_root_then_by_its_name(
    tree: Tree, name: str, kind: str
) -> None:
    assert detect(ole(tree), name).name == kind


def test_a_damaged_container_of_old_office_files_is_told_by_the_names_that_are_left() -> None:
    whole = bytearray(ole(["WordDocument", "1Table"]))
    whole[1024 + 76 : 1024 + 80] = b"\xff" * 4  # the root has lost its children
    assert detect(bytes(whole)).name == "doc"
    round_and_round = bytearray(ole([f"Stream {n}" for n in range(40)]))
    round_and_round[512 + 8 : 512 + 12] = (1).to_bytes(4, "little")  # a chain that leads back
    assert detect(bytes(round_and_round)).name == "ole"
    assert detect(bytes(whole)[:600]).name == "ole"


OFFICE = "application/vnd.openxmlformats-officedocument."
TYPES = '<Types><Override PartName="/part.xml" ContentType="{}"/></Types>'
RELS = '<Relationships><Relationship Id="r1" Type="{}/officeDocument" Target="{}"/></Relationships>'
TRANSITIONAL = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
STRICT = "http://purl.oclc.org/ooxml/officeDocument/relationships"


@each(
    ("parts", "kind"),
    [
        ({"[Content_Types].xml": TYPES.format(OFFICE + "wordprocessingml.template.main+xml")}, "docx"),
        ({"[Content_Types].xml": TYPES.format("application/vnd.ms-word.document.macroEnabled.main+xml")}, "docx"),
        ({"[Content_Types].xml": TYPES.format(OFFICE + "presentationml.slideshow.main+xml")}, "pptx"),
        ({"[Content_Types].xml": TYPES.format("application/vnd.ms-powerpoint.slideshow.macroEnabled.main+xml")}, "pptx"),
        ({"[Content_Types].xml": TYPES.format(OFFICE + "presentationml.template.main+xml")}, "pptx"),
        ({"[Content_Types].xml": TYPES.format(OFFICE + "spreadsheetml.sheet.main+xml")}, "xlsx"),
        ({"[Content_Types].xml": TYPES.format("application/vnd.ms-excel.sheet.binary.macroEnabled.main")}, "xlsb"),
        ({"_rels/.rels": RELS.format(TRANSITIONAL, "word/document2.xml")}, "docx"),
        ({"_rels/.rels": RELS.format(STRICT, "/ppt/presentation.xml")}, "pptx"),
        ({"_rels\\.rels": RELS.format(TRANSITIONAL, "xl/workbook.xml")}, "xlsx"),
        ({"word\\document.xml": "<x/>"}, "docx"),
        ({"xl\\workbook.xml": "<x/>", "xl\\worksheets\\sheet1.xml": "<x/>"}, "xlsx"),
        ({"xl/workbook.bin": "x"}, "xlsb"),
        ({"Word/Document.xml": "<x/>"}, "docx"),
        ({"visio/document.xml": "<x/>"}, "visio"),
        ({"META-INF/container.xml": "<x/>"}, "epub"),
        ({"content.xml": "<x/>", "META-INF/manifest.xml": '<m media-type="application/vnd.oasis.opendocument.presentation"/>'}, "odp"),
        ({"Index/Document.iwa": "x", "Index/Slide-1.iwa": "x"}, "keynote"),
        ({"Index/Document.iwa": "x"}, "pages"),
        ({"a.txt": "x"}, "zip"),
    ],
)  # fmt: skip
def test_a_zip_is_known_by_its_types_or_its_relationships_or_its_folders(
    parts: dict[str, str], kind: str
) -> None:
    assert detect(zipped(parts)).name == kind
    assert detect(zipped({**{f"media/{n}.png": "x" for n in range(3000)}, **parts})).name == kind


@pytest.mark.extreme
def test_a_zip_of_64_bits_and_one_with_something_before_it_are_read_by_their_directory() -> None:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for number in range(66_000):  # more than the old directory can count
            archive.writestr(f"m/{number}", b"")
        archive.writestr("word/document.xml", "<x/>")
    assert detect(held.getvalue()).name == "docx"
    before = packed("a") + b"junk" + packed(*(f"{n}.bin" for n in range(900)), "ppt/presentation.xml")
    assert detect(before).name == "pptx"


def test_a_mind_map_is_no_damaged_text_document() -> None:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("content.xml", '<xmap-content xmlns="urn:xmind:xmap:xmlns:content:2.0"/>')
        archive.writestr("META-INF/manifest.xml", '<manifest xmlns="urn:xmind:xmap:xmlns:manifest:1.0"/>')
    assert detect(held.getvalue(), "a.xmind").name == "zip"


def test_what_office_keeps_beside_an_open_document_is_not_the_document() -> None:
    word = b"\5Alice".ljust(54, b"\0") + b"\5\0" + "Alice".encode("utf-16-le").ljust(106, b"\0")
    excel = b"\5Alice".ljust(55) + b"\5\0" + "Alice".ljust(54).encode("utf-16-le")
    assert [detect(word, "~$a.docx").name, detect(excel, "~$a.xlsx").name] == ["lock", "lock"]
    assert detect(b"\5".ljust(162, b"x")).name != "lock"


@each("name", ["a.pages", "a.numbers", "a.key"])
def test_apples_documents_are_known_by_their_name_among_themselves(name: str) -> None:
    assert detect(packed("Index/Document.iwa", "Index/Tables/Tile.iwa"), name).suffixes[0] == name[1:]


def test_a_drawing_is_known_behind_a_comment_of_any_length() -> None:
    for size in (6_000, 20_000, 400_000):
        drawing = (
            f"<?xml version='1.0'?><!--{'licence ' * (size // 8)}--><svg xmlns='http://www.w3.org/2000/svg'/>"
        )
        assert detect(drawing.encode()).name == "svg"
        assert detect(drawing.encode("utf-16")).name == "svg"
        assert detect(gzip.compress(drawing.encode())).name == "svg"
    assert detect(b"<!-- no drawing -->" * 2_000).name == "text"


def test_pictures_without_a_clear_mark_are_told_apart() -> None:
    icon = saved("ICO", bitmap_format="bmp")
    targa = saved("TGA")
    assert targa[:4] == b"\0\0\2\0", "as a cursor begins"
    assert [detect(data).name for data in (icon, icon[:2] + b"\2" + icon[3:], targa)] == ["ico", "cur", "tga"]
    footless = targa[: 18 + 16 * 16 * 3]
    assert [detect(footless).name, detect(footless + b"x", "a.tga").name] == ["tga", "tga"]
    assert detect(footless + b"x").name != "tga"
    assert [detect(saved("PCX")).name, detect(saved("BMP")[14:]).name] == ["pcx", "dib"]


def test_a_notebook_is_known_under_any_name() -> None:
    book = b'{"metadata": {}, "nbformat": 4, "cells": [{"cell_type": "code", "source": []}]}'
    for name in ("a.txt", "a.json", "a", "a.ipynb"):
        assert detect(book, name).name == "ipynb"
    assert detect(b'{"cells": 3}', "a.json").name == "json"


@each(
    "data",
    [
        b"abc\0def\nline two\n",
        b"one/path\0another/path\0" * 40,
        b"2026-01-01 started\n" * 20 + bytes(4096) + b"2026-01-02 started again\n" * 20,
        b"half of a log" + bytes(4096),
        b"good words " * 50 + b"\xff\xfe\x01" + b" and more" * 50,
    ],
)
def test_a_text_with_zeros_or_a_few_bad_bytes_is_a_text(data: bytes) -> None:
    assert detect(data).name == "text"


@each(
    ("text", "name", "kind"),
    [
        ("hello", "", "text"),
        ("hello", "lies.png", "text"),
        ("a,b\n1,2\n", "t.csv", "csv"),
        ("# T", "README.md", "markdown"),
        ("<!DOCTYPE html><html>", "", "html"),
        ("<html><body><svg/></body></html>", "", "html"),
        ("\n<!DOCTYPE html><html>", "page.mhtml", "html"),
        ("<?xml version='1.0'?><note/>", "", "xml"),
        ('{"cells": [{"cell_type": "code"}]}', "", "ipynb"),
        ('{"a": 1}', "a.json", "json"),
        ("From: a@b.c\nTo: d@e.f\nSubject: x\n\nhi", "", "mail"),
        ("#EXTM3U\n", "", "hls"),
        ("def f():\n    return '<svg>'\n", "f.py", "code"),
        ("BMW is a maker of cars\n", "", "text"),
        ("FORM of address, ID3 of what", "", "text"),
        ("GGGGGGGG" * 200, "", "text"),
        ("How to read %PDF-1.7 headers", "", "text"),
    ],
)
def test_texts_are_told_apart(text: str, name: str, kind: str) -> None:
    assert detect(text.encode(), name).name == kind
    assert not is_media(text.encode())


@each("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "gb18030", "shift_jis", "iso2022_jp", "cp1252"])  # fmt: skip
def test_text_in_any_encoding_is_text(encoding: str) -> None:
    text = "plain words, and again " * 4 + ("é" if encoding == "cp1252" else "日本")
    assert detect(text.encode(encoding)).family == "text"


def test_a_character_cut_by_the_end_of_the_head_is_no_damage() -> None:
    assert decode_head("文字".encode()[:-1]) == "文"


@each(
    "data",
    [b"", b"\0", b"\x7fELF\x02", b"\x1f\x8b\x08\0", b"SQLite format 3\0", bytes(range(256))],
)
def test_what_no_tool_reads_is_unknown(data: bytes) -> None:
    assert not detect(data).reader


@given(st.binary(max_size=600), st.text(max_size=12))
@example(b"\x8b", "")
def test_no_bytes_and_no_name_make_it_fail(data: bytes, name: str) -> None:
    assert detect(data, name) in KINDS.values()
    assert is_media(data) in (True, False)


MAGICS = [b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"\0\0\0\x20ftypmif1", b"RIFF", b"<?xml", b"<!DOCTYPE [", b"\xff\xfe", b"BM", b"P6 ", b"OggS", b"%PDF-"]  # fmt: skip


@given(st.sampled_from(MAGICS), st.binary(max_size=300))
def test_damaged_files_of_known_kinds_do_not_make_it_fail(magic: bytes, rest: bytes) -> None:
    assert detect_file(io.BytesIO(magic + rest)) in KINDS.values()


def test_looking_leaves_a_file_at_its_start(tmp_path: Path) -> None:
    path = tmp_path / "a.docx"
    path.write_bytes(packed("word/document.xml"))
    with path.open("rb") as file:
        assert detect_file(file).name == "docx"
        assert file.tell() == 0


def test_an_archive_that_begins_with_a_pdf_is_no_pdf() -> None:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a.pdf", b"%PDF-1.7\n")
    tape = io.BytesIO()
    with tarfile.open(fileobj=tape, mode="w") as tar:
        entry = tarfile.TarInfo("a.pdf")
        entry.size = 9
        tar.addfile(entry, io.BytesIO(b"%PDF-1.7\n"))
    for data, kind in ((held.getvalue(), "zip"), (tape.getvalue(), "tar")):
        assert detect(data, "a.pdf").name == kind
        assert not is_media(data)


def test_a_frame_of_sound_without_a_tag_is_sound() -> None:
    assert detect(b"\xff\xfb\x90\x44" + bytes(50)).name == "mp3"


def test_a_gzip_file_is_no_drawing_whether_whole_or_broken() -> None:
    for data in (gzip.compress(b"words"), b"\x1f\x8b\x08" + bytes(30)):
        assert detect(data).name == "gzip"


def test_a_file_that_can_no_longer_be_read_is_of_no_kind() -> None:
    class Gone(io.BytesIO):
        """A file whose storage went away."""

        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError(size)

    assert detect_file(Gone(b"x")) is UNKNOWN


def test_a_stream_description_is_told_from_other_xml() -> None:
    assert detect(b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"/>').name == "dash"
