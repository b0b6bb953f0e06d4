"""What a file is, by its bytes."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from glm_mcp.media.formats import DOCX, PPTX, UNKNOWN, XLSX, is_media, sniff, sniff_bytes, sniff_file
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
    Image.new("RGB", (8, 8), "red").save(held, form, **more)
    return held.getvalue()


@pytest.mark.parametrize(
    ("data", "mime"),
    [
        (ftyp(b"heic", b"mif1"), "image/heic"),
        (ftyp(b"mif1", b"mif1", b"heic"), "image/heic"),
        (ftyp(b"mif1", b"avif", b"miaf"), "image/avif"),
        (ftyp(b"mif1"), "image/heif"),
        (ftyp(b"msf1", b"hevc"), "image/heic-sequence"),
        (ftyp(b"avif"), "image/avif"),
        (ftyp(b"avis"), "image/avif"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- a > b -->\n<!DOCTYPE svg [<!ENTITY a 'b'>]>\n<svg:svg/>", "image/svg+xml"),
        ("<?xml version='1.0'?><svg/>".encode("utf-16"), "image/svg+xml"),
        (b"P6\n# made here\n8 8\n255\n" + bytes(192), "image/x-portable-anymap"),
        *((saved(form), f"image/{form.lower()}") for form in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "AVIF")),
        (saved("JPEG2000"), "image/jp2"),
        (saved("ICO"), "image/x-icon"),
    ],
)  # fmt: skip
def test_pictures_are_known(data: bytes, mime: str) -> None:
    assert sniff(data[:4096]) == ("image", mime)


@pytest.mark.parametrize(
    ("data", "mime"),
    [
        (ftyp(b"isom", b"mp41"), "video/mp4"),
        (ftyp(b"mp42"), "video/mp4"),
        (ftyp(b"qt  "), "video/quicktime"),
        (ftyp(b"M4V "), "video/x-m4v"),
        (ftyp(b"3gp5"), "video/3gpp"),
        (b"\0\0\0\x08wide\0\0\0\0mdat", "video/quicktime"),
        (b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm", "video/webm"),
        (b"\x1a\x45\xdf\xa3\xa3\x42\x82\x88matroska", "video/x-matroska"),
        (b"RIFF\0\0\0\0AVI LIST", "video/x-msvideo"),
        (b"FLV\x01\x05\0\0\0\x09", "video/x-flv"),
        ((b"\x47" + b"\0" * 187) * 5, "video/mp2t"),
        (b"\0\0\1\xba\x44", "video/mpeg"),
    ],
)
def test_videos_are_known(data: bytes, mime: str) -> None:
    assert sniff(data) == ("video", mime)
    assert is_media(data)


def test_sound_is_told_from_video() -> None:
    for data in (
        ftyp(b"M4A "),
        b"ID3\x04\0",
        b"RIFF\0\0\0\0WAVEfmt ",
        b"OggS\0\2" + b"\0" * 22 + b"\x01vorbis",
        b"fLaC\0\0",
    ):
        assert sniff(data)[0] == "audio"
        assert not is_media(data)


@pytest.mark.parametrize(
    ("data", "mime"),
    [
        (b"%PDF-1.7\n", "application/pdf"),
        (b"\n\n%PDF-1.4", "application/pdf"),
        (packed("[Content_Types].xml", "_rels/.rels", "word/document.xml"), DOCX),
        (packed("[Content_Types].xml", "xl/workbook.xml"), XLSX),
        (packed("[Content_Types].xml", "ppt/presentation.xml"), PPTX),
        (packed(*(f"word/media/picture{i}.bin" for i in range(2000)), "word/document.xml"), DOCX),
        (packed("META-INF/container.xml", first="application/epub+zip"), "application/epub+zip"),
        (packed("content.xml", first="application/vnd.oasis.opendocument.text"), "application/vnd.oasis.opendocument.text"),
        (packed("content.xml", first="application/vnd.oasis.opendocument.spreadsheet"), "application/vnd.oasis.opendocument.spreadsheet"),
        (b"{\\rtf1\\ansi hello}", "application/rtf"),
    ],
)  # fmt: skip
def test_documents_are_known_by_what_is_in_them(data: bytes, mime: str) -> None:
    assert sniff_bytes(data) == ("document", mime)


def test_an_old_office_file_is_known_by_its_streams_then_by_its_name() -> None:
    head = bytearray(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504))
    head[30:32] = (9).to_bytes(2, "little")
    head[48:52] = (40).to_bytes(4, "little")
    far = bytes(head) + bytes(40 * 512) + "WordDocument".encode("utf-16-le") + bytes(500)
    assert sniff_bytes(far) == ("document", "application/msword")
    assert sniff_bytes(bytes(head), "a.xls") == ("document", "application/vnd.ms-excel")
    assert sniff_bytes(bytes(head), "a.bin")[0] == "unknown"


@pytest.mark.parametrize(
    ("text", "name", "mime"),
    [
        ("hello", "", "text/plain"),
        ("hello", "lies.png", "text/plain"),
        ("a,b\n1,2\n", "t.csv", "text/csv"),
        ("# T", "README.md", "text/markdown"),
        ("<!DOCTYPE html><html>", "", "text/html"),
        ("<html><body><svg/></body></html>", "", "text/html"),
        ("<?xml version='1.0'?><note/>", "", "application/xml"),
        ('{"cells": [{"cell_type": "code"}]}', "", "application/x-ipynb+json"),
        ('{"a": 1}', "a.json", "application/json"),
        ("From: a@b.c\nTo: d@e.f\nSubject: x\n\nhi", "", "message/rfc822"),
        ("#EXTM3U\n", "", "application/vnd.apple.mpegurl"),
        ("def f():\n    return '<svg>'\n", "f.py", "text/plain"),
        ("BMW is a maker of cars\n", "", "text/plain"),
        ("FORM of address, ID3 of what", "", "text/plain"),
        ("GGGGGGGG" * 200, "", "text/plain"),
        ("How to read %PDF-1.7 headers", "", "text/plain"),
    ],
)
def test_texts_are_told_apart(text: str, name: str, mime: str) -> None:
    assert sniff(text.encode(), name) == ("text", mime)
    assert not is_media(text.encode())


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "gb18030", "shift_jis", "iso2022_jp", "cp1252"])  # fmt: skip
def test_text_in_any_encoding_is_text(encoding: str) -> None:
    text = "plain words, and again " * 4 + ("é" if encoding == "cp1252" else "日本")
    assert sniff(text.encode(encoding))[0] == "text"


def test_a_character_cut_by_the_end_of_the_head_is_no_damage() -> None:
    assert decode_head("文字".encode()[:-1]) == "文"


@pytest.mark.parametrize(
    "data",
    [b"", b"\0", b"\x7fELF\x02", packed("a.txt"), b"\x1f\x8b\x08\0", b"SQLite format 3\0", bytes(range(256))],
)
def test_what_no_tool_reads_is_unknown(data: bytes) -> None:
    assert sniff_bytes(data)[0] == "unknown"


@given(st.binary(max_size=600), st.text(max_size=12))
def test_no_bytes_and_no_name_make_it_fail(data: bytes, name: str) -> None:
    family, mime = sniff(data, name)
    assert "/" in mime
    assert sniff_bytes(data, name)[0] in ("image", "video", "audio", "document", "text", "unknown")
    assert is_media(data) in (True, False)
    assert family


MAGICS = [b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"\0\0\0\x20ftypmif1", b"RIFF", b"<?xml", b"<!DOCTYPE [", b"\xff\xfe", b"BM", b"P6 ", b"OggS", b"%PDF-"]  # fmt: skip


@given(st.sampled_from(MAGICS), st.binary(max_size=300))
def test_damaged_files_of_known_kinds_do_not_make_it_fail(magic: bytes, rest: bytes) -> None:
    assert sniff_file(io.BytesIO(magic + rest))[1]


def test_looking_leaves_a_file_at_its_start(tmp_path: Path) -> None:
    path = tmp_path / "a.docx"
    path.write_bytes(packed("word/document.xml"))
    with path.open("rb") as file:
        assert sniff_file(file) == ("document", DOCX)
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
    for data, mime in ((held.getvalue(), "application/zip"), (tape.getvalue(), "application/x-tar")):
        assert sniff_bytes(data, "a.pdf") == ("unknown", mime)
        assert not is_media(data)


def test_a_frame_of_sound_without_a_tag_is_sound() -> None:
    assert sniff(b"\xff\xfb\x90\x44" + bytes(50)) == ("audio", "audio/mpeg")


def test_a_gzip_file_is_no_drawing_whether_whole_or_broken() -> None:
    for data in (gzip.compress(b"words"), b"\x1f\x8b\x08" + bytes(30)):
        assert sniff(data) == ("unknown", "application/gzip")


def test_a_file_that_can_no_longer_be_read_is_of_no_kind() -> None:
    class Gone(io.BytesIO):
        """A file whose storage went away."""

        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError(size)

    assert sniff_file(Gone(b"x")) == UNKNOWN


def test_a_stream_description_is_told_from_other_xml() -> None:
    assert (
        sniff(b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"/>')[1]
        == "application/dash+xml"
    )
