"""What is looked for in texts is found, or not, in the time that one reading takes, whatever the text repeats.

A regular expression lets no other thread run: one that goes through a text again and again would stop the server.
"""

from __future__ import annotations

import io
import struct
import time
import xml.etree.ElementTree as ET
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.cases import each
from support.jobs import document_job
from support.made_books import book
from support.made_metafiles import emf
from support.made_mobi import mobi, overlaid
from support.made_outlook import compound, message
from support.made_outlook import packed as tnef
from support.made_slides import looks, shape, show, slide, words
from support.much_work import (
    drawing_of_arrows,
    drawing_of_comments,
    drawing_of_labels,
    field_in_pieces,
    fields_in_fields,
    list_of_word,
    much_drawn,
    much_shown,
    much_typed,
    narrow_bitmap,
    narrow_tiff,
    old_workbook_of_one_place,
    old_workbook_of_parts,
    page_of_texts,
    sheets_of_pictures,
    short_texts_beside_long,
)

from glm_mcp.cli.terminal.table import fitted
from glm_mcp.clients.table import splits_prompts
from glm_mcp.errors import GLMError, NotFound
from glm_mcp.glm.error_codes import from_response
from glm_mcp.glm.stream import Shown
from glm_mcp.media.charset import declaration, decode
from glm_mcp.media.detect import detect
from glm_mcp.media.documents.common import shown as in_pages
from glm_mcp.media.documents.containers.blips import Blips
from glm_mcp.media.documents.html import html_markdown
from glm_mcp.media.documents.markdown import table_job
from glm_mcp.media.documents.ooxml.package import Package
from glm_mcp.media.documents.page.attachments import attachment_notes
from glm_mcp.media.documents.page.fonts import with_plain_fonts
from glm_mcp.media.documents.page.lines.list_marks import with_list_marks
from glm_mcp.media.documents.page.lines.sideways import upright
from glm_mcp.media.documents.page.repair import with_directory, without_circles
from glm_mcp.media.documents.pages import LeftOut, choose
from glm_mcp.media.documents.plaintext import text_job
from glm_mcp.media.documents.sheets.book import Sheet
from glm_mcp.media.documents.sheets.shown import SheetPictures
from glm_mcp.media.documents.slides.ppt import ppt_job
from glm_mcp.media.documents.web.evernote import notes_job
from glm_mcp.media.documents.web.mobi import mobi_job
from glm_mcp.media.documents.web.shown import BookPictures
from glm_mcp.media.documents.zip_xml import archive_of, mended
from glm_mcp.media.images import metadata
from glm_mcp.media.images.options import Options
from glm_mcp.media.images.rare import bitmap, packed, pixmap
from glm_mcp.media.images.rare.metafile import metafile_job
from glm_mcp.media.images.svg.needs import has_css
from glm_mcp.media.images.svg.tree import size_of
from glm_mcp.media.sources.pasted import tidy
from glm_mcp.media.sources.paths import expand, find_files
from glm_mcp.media.video.subtitles import parse_subtitles
from glm_mcp.sandbox import Sandbox
from glm_mcp.secret_texts import secret_in
from glm_mcp.setting_values import parted_folders
from glm_mcp.text import clean, one_line, plain, without_secrets
from glm_mcp.tools.analyze_video import times_in
from glm_mcp.tools.base import noted
from glm_mcp.tools.boxes import parse_boxes
from glm_mcp.tools.sources import with_public_addresses
from glm_mcp.tools.structured import first_fence, unfenced
from glm_mcp.tools.words.chinese import in_chinese

pytestmark = pytest.mark.extreme

MOST_S = 2.0  # of computing; each took from ten seconds to hours where it went through its text again
MILLION = 1_000_000


_SCAN = b"\xff\xd8\xff\xc0\0\x0b\x08\0\x01\0\x01\x01\x01\x11\0\xff\xda\0\x08\x01\x01\0\0\x3f\0"  # of a JPEG, to where its pixels begin


def _package(packed: tuple[str, bytes]) -> Any:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(*packed)
    return detect(out.getvalue())


def _cells(text: str) -> Any:
    return table_job(io.BytesIO(text.encode()), {"name": "a.csv"})


def _json(text: str) -> Any:
    return text_job(io.BytesIO(text.encode()), {"name": "a.json", "kind": "json"})


def _slides(data: bytes) -> Any:
    return ppt_job(io.BytesIO(data), {"name": "a.ppt"})


def _marked(text: str) -> Any:
    """A page with this text, and a list of two entries that begin with a blank to fill in."""
    words = [(2, "1."), (9, "_" * 9 + "yes"), (2, "2."), (9, "_" * 9 + "yes")]
    items = [
        SimpleNamespace(text=word, x=x, y=n // 2 * 20, width=5, height=9) for n, (x, word) in enumerate(words)
    ]
    return with_list_marks(SimpleNamespace(text_items=items), text)


def _notes(text: str) -> Any:
    notes = f"<en-export><note><title>a</title><content><![CDATA[{text}]]></content></note></en-export>"
    return notes_job(io.BytesIO(notes.encode()), {"name": "a.enex"})


def _left_out(names: list[str]) -> Any:
    left_out = LeftOut()
    for name in names:
        left_out.add("attached files", name)
    return left_out.notes()


def _page(text: str) -> Any:
    return html_markdown(f"<pre>{text}</pre>")


def _boxes(text: str) -> Any:
    return parse_boxes(text)


def _shown(pieces: list[str]) -> Any:
    shown = Shown()
    return [shown.add(piece) for piece in pieces]


def _closing_line(notes: list[str]) -> Any:
    said: Any = SimpleNamespace(said=in_chinese)
    return noted(said, notes)


def _addresses(value: Any) -> Any:
    deps: Any = None
    return with_public_addresses(deps, value)


def _book(text: str) -> bytes:
    said = 'xmlns="http://www.gribuser.ru/xml/fictionbook/2.0"'
    return f"<FictionBook {said}><body><section>{text}</section></body></FictionBook>".encode()


def _read_as(name: str) -> Callable[[bytes], object]:
    return lambda data: document_job(io.BytesIO(data), {"name": name})


CASES: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "a page's encoding": (declaration, b"<a>" + b"<meta charset=" * 14 + b" " * 8_000 + b"!"),
    "an XML's encoding": (declaration, b"<a>" + b"<?xml encoding" * 14 + b" " * 8_000 + b"!"),
    "words of an unknown encoding": (lambda data: decode(data, "a.txt"), b"d" * 60_000 + b"\xe9\xe8 " * 3),
    "JSON whose texts do not end": (_json, '["' + '"\\' * (MILLION // 2)),
    "JSON of open texts": (_json, '["a' * (MILLION // 3)),
    "a chapter that a book names again and again": (
        _read_as("a.epub"),
        book({"a.xhtml": "<img src='one.png'/>" * 500}, ["a.xhtml"] * 5_000),
    ),
    "blanks of a page": (_page, " " * 300_000),
    "tabs of a page": (_page, "\t" * 300_000),
    "a length of an SVG": (lambda text: size_of(ET.Element("svg", width=text)), "1" * MILLION + "!"),
    "blanks in a length of an SVG": (
        lambda text: size_of(ET.Element("svg", width=text)),
        "1" + " " * 100_000 + "!",
    ),
    "blanks in the rule of a table": (lambda text: fitted(["|a|b|", text], 80), "|--" + " " * 100_000 + "x|"),
    "fill bytes of a JPEG": (metadata.plain, _SCAN + b"\xff" * MILLION),
    "breaks after a drive": (tidy, "C:\t" + "\r" * MILLION),
    "blanks in Markdown": (tidy, "[](" + " " * 4_990),
    "a line of digits": (times_in, "1" * MILLION),
    "lines of stars": (times_in, f"{'*' * 200}\n" * 20_000),
    "lines of digits": (times_in, f"{'1' * 200}\n" * 1_000),
    "lines with a time of their own each": (times_in, "".join(f"{n}s\n" for n in range(100_000))),
    **{
        f"{unit!r} in {name}": (_package, (name, unit * (MILLION // len(unit))))
        for name, unit in (
            ("[Content_Types].xml", b"wordprocessingml."),
            ("[Content_Types].xml", b"ms-visio."),
            ("_rels/.rels", b'Target="a/'),
            ("_rels/.rels", b'/officeDocument"'),
            ("_rels/.rels", b'/officeDocument"Target="'),
            ("_rels/.rels", b'Target="' + b"a" * 100),
        )
    },
    "styles of a list": (html_markdown, f"<ol style='{'list-style:' * 20_000}'><li>x</ol>"),
    "definitions before the first element": (
        detect,
        b"<!--" + b"a" * 17_000 + b"-->" + b"<!>" * (MILLION // 3),
    ),
    "open definitions": (detect, b"<!--" + b"a" * 17_000 + b"-->" + b"<![>" * (MILLION // 4)),
    "blanks before the first element": (detect, b"<!-- -->" + b" <?a?>" * (MILLION // 6) + b"<!--"),
    "families of emoji": (
        plain,
        "\U0001f468\u200d\U0001f469\u200d\U0001f467 \u2764\ufe0f\u200d\U0001f525" * 400_000,
    ),
    "beginnings of an age plugin's key": (secret_in, "AGE-PLUGIN-" * 23_000),
    "a table with one long row": (_cells, "a\n" * 20_000 + "," * 20_000 + "x\n"),
    "boxes of digits": (_boxes, "1" * 100_000),
    "boxes of brackets": (_boxes, "[1," * 100_000),
    "a text that begins as many of ours go on": (
        in_chinese,
        "part 1" + " of " * 100 + " (rows " * 60 + "–" * 400 + " of " * 100,
    ),
    "names of fields that are nearly those of an address": (
        _addresses,
        [{"url" * 5 * MILLION + "x": "a"}] * 3,
    ),
    "what begins as an address does": (_addresses, ["a" * 30 * MILLION] * 5),
    "notes of many documents": (_closing_line, [f"{n}: part of " * 150 for n in range(200)]),
    "a text of many parts": (in_chinese, "part ab: part cd; part ef, " * 74),
    "what clients call themselves": (
        lambda name: [splits_prompts(name) for _ in range(10)],
        "İ" * 14 * MILLION,
    ),
    "blanks in a list of folders": (parted_folders, "a" + " " * 100_000 + "b"),
    "blanks in a file of XML": (lambda data: mended(data, "a.xml", None), b"\n" * 100_000 + b"x"),
    "blanks in a list of pages": (lambda text: choose(text, 5, "a.csv"), "1" + " " * 100_000 + "1"),
    "what an engine calls its refusal": (
        lambda sort: from_response(400, None, "no", sort=sort),
        "model " * MILLION,
    ),
    "two subtitles of many lines": (
        parse_subtitles,
        "".join("0:01 --> 0:03\n" + f"{end}\n".join(map(str, range(20_000))) + "\n\n" for end in "ab"),
    ),
    "ends of lines that do not end in subtitles": (parse_subtitles, "WEBVTT" + "\r" * 5 * MILLION),
    "a subtitle of megabytes of half drawings": (
        parse_subtitles,
        "0:01 --> 0:03\n" + ("{" + r"\p1" * 133) * 25_000,
    ),
    **{
        f"a pixmap of {unit!r}": (pixmap.simple, b'/* XPM */ "1 1 1 1", ' + unit * 500_000)
        for unit in (b'\\"', b"/* ")
    },
    "a style of a drawing": (lambda style: has_css(ET.Element("svg", {"style": style})), "a-" * 500_000),
    **{
        f"{unit} between words of a page": (html_markdown, "<html><body>" + f"{unit}b" * 20_000)
        for unit in ("<!--a-->", "<script>a</script>", "<math><mi>a</mi></math>")
    },
    "blanks to fill in beside the marks of a list": (_marked, "1.\n2.\n" + "\\_" * 60 + " no\n"),
    **{
        f"texts of a page that {what}": (
            lambda given: upright(given[0], given[1], None),
            (page_of_texts(turn), written),
        )
        for what, turn, written in (
            ("the parser left out", 0, ""),
            ("stand in every direction", 1, "|word|x|\n" * 40_000),
        )
    },
    "nodes of a PDF that do not end": (
        with_directory,
        b"%PDF-1.4\n1 0 obj<</Type /Page>>endobj\n" + b"/Kids[ " * 100_000,
    ),
    "packed objects of a PDF that unpack to little": (
        without_circles,
        b"%PDF-1.7\n" + (b"/Type/ObjStm stream\n" + zlib.compress(b"1 0 ")) * (MILLION // 8),
    ),
    "packed objects of a PDF that are none": (
        lambda data: [without_circles(data) for _ in range(3)],
        b"%PDF-1.7\n" + b"/Type/ObjStm" * (MILLION // 12),
    ),
    "maps of fonts that open lists": (
        with_plain_fonts,
        b"%PDF-1.7\n"
        + (b"stream\n" + zlib.compress(b"/CIDInit beginbfrange " + b"<><>[" * 90_000 + b"endbfrange")) * 30,
    ),
    "files in a PDF without names": (attachment_notes, b"/EF<</F(a" * (MILLION // 4)),
    "objects of a PDF that was cut off": (
        with_directory,
        b"%PDF-1.7\n" + b"1 0 obj " * (MILLION // 4) + b"endobj",
    ),
    "an old slide that says of one text again and again how it looks": (
        _slides,
        show([(slide(shape(words("a b " * 50_000, 4) + looks((9, None, 0)) * 5_000)), b"")]),
    ),
    "an old slide with thousands of texts that no shape names": (
        _slides,
        show([(slide(*[shape(words(f"a {n}", 4)) for n in range(15_000)]), words("b", 4) * 15_000)]),
    ),
    "a bitmap of a single column": (lambda data: bitmap.read(data, 9 * MILLION), narrow_bitmap(MILLION)),
    "a TIFF of a single column": (lambda data: packed.read(data, 9 * MILLION), narrow_tiff(2 * MILLION, 1)),
    "a TIFF whose strips are all the same": (
        lambda data: packed.read(data, 9 * MILLION),
        narrow_tiff(100_000, 20_000),
    ),
    "marks of pictures on a slide": (
        lambda text: in_pages.why_shown(text, [in_pages.Shown("a.png", 1.0)]),
        "[picture: a" * 60_000,
    ),
    "the style of lines in an OFD": (
        _read_as("a.ofd"),
        much_drawn(
            '<ofd:PathObject Boundary="1 1 9 9" DrawParam="1"/>' * 3_000,
            f'<ofd:DrawParam ID="1">{"<a/>" * 30_000}</ofd:DrawParam>',
        ),
    ),
    "what shows nothing in the drawings of an OFD": (
        _read_as("a.ofd"),
        much_drawn(
            '<ofd:CompositeObject Boundary="1 1 9 9" ResourceID="1"/>' * 3_000,
            f'<ofd:CompositeGraphicUnit ID="1">{"<a/>" * 30_000}</ofd:CompositeGraphicUnit>',
        ),
    ),
    "one slide shown again and again": (_read_as("a.pptx"), much_shown()),
    "the name of a font": (_read_as("a.docx"), much_typed()),
    "short texts beside long ones": (lambda page: upright(page, "", None), short_texts_beside_long()),
    "heads of a Kindle book": (
        lambda data: mobi_job(io.BytesIO(data), {"name": "a.mobi"}),
        mobi(b"<head>" * 170_000),
    ),
    "a drawing of Windows that is drawn in dots beside": (
        lambda data: metafile_job(
            io.BytesIO(data), asdict(Options("a.emf", "emf", 6_000, 5_000_000, 8_000_000, 8))
        ),
        emf(squares=600),
    ),
    "cells of a sheet that do not end": (
        lambda data: SheetPictures(Package(zipfile.ZipFile(archive_of({})), "a.xlsx", LeftOut()), "").on(
            Sheet("S", ""), data
        ),
        b'<c vm="1" ' * 200_000 + b'DISPIMG("',
    ),
    "blanks between two words of a page": (html_markdown, f"<p>a{' ' * 100_000}b"),
    "blanks between two words where lines stand as they are written": (
        html_markdown,
        f"<pre>a{' ' * 100_000}b</pre>",
    ),
    "names without values in the tags of a book": (
        lambda page: BookPictures(Blips("a.epub", LeftOut(), {})).on("a.xhtml", page, fixed=False),
        f"<img {'a' * 5_900}>" * 1_500,
    ),
    "records of a Kindle book that lie over each other": (
        lambda data: mobi_job(io.BytesIO(data), {"name": "a.mobi"}),
        overlaid(b"abcdefgh" + b"\x80\x0f" * 32_000, 250),
    ),
    **{
        f"notes of {unit!r}": (_notes, unit * (150_000 // len(unit)))
        for unit in ("<en-todo", "<en-media ", "<en-crypt>", "<li ", "<li --en-checked:true")
    },
    **{
        made.__name__: (_read_as("a.drawio"), made())
        for made in (drawing_of_comments, drawing_of_arrows, drawing_of_labels)
    },
    **{
        f"{tag} in a book": (_read_as("a.fb2"), _book(tag * 40_000))
        for tag in ("<coverpage>", "<binary></binary><coverpage>")
    },
    **{
        made.__name__: (_read_as("a.docx"), made())
        for made in (field_in_pieces, fields_in_fields, list_of_word)
    },
    **{
        made.__name__: (_read_as("a.xls"), made())
        for made in (old_workbook_of_parts, old_workbook_of_one_place)
    },
    sheets_of_pictures.__name__: (_read_as("a.numbers"), sheets_of_pictures()),
    "attachments of a message": (
        _read_as("a.msg"),
        compound(
            message({f"__attach_version1.0_#{n:08X}": {"__substg1.0_3704001F": b""} for n in range(4_000)})
        ),
    ),
    "attachments of a winmail.dat": (
        _read_as("winmail.dat"),
        tnef(*((0x69002, bytes(14)), (0x18010, b"a.txt\0"), (0x6800F, b"said")) * 4_000),
    ),
    "properties of a winmail.dat": (
        _read_as("winmail.dat"),
        tnef((0x69003, struct.pack("<I", 200_000) + struct.pack("<HHI", 3, 0x17, 1) * 200_000)),
    ),
    "names of attached files that are not read": (_left_out, [f"file {n}" for n in range(60_000)]),
    "marks of other turns that are talked about": (_shown, ["`<|user|>\n" * 5 * MILLION]),
    "pieces of an answer that end in nearly a mark": (_shown, ["<|aa|>" * 330 + "x"] * 1_000),
    "fences": (first_fence, "```" * 100_000),
    "open fences": (unfenced, "```\n" * 100_000),
    **{
        f"{work.__name__} of {unit!r}": (work, unit * (50_000 // len(unit)))
        for work in (plain, one_line, without_secrets, clean)
        for unit in (" ", "\r", "\x1b[", "\u200d", "<", "<script", "Bearer ", "a.", "x\ufe0f")
    },
}


@each("case", CASES)
def test_a_text_is_not_gone_through_again_and_again(case: str) -> None:
    work, text = CASES[case]
    begun = time.process_time()
    with suppress(GLMError):
        work(text)
    assert time.process_time() - begun < MOST_S


def test_braces_within_braces_are_counted_before_they_are_written_out(tmp_path: Path) -> None:
    sandbox = Sandbox(cwd=tmp_path, home=tmp_path, temp=tmp_path)
    begun = time.process_time()
    with pytest.raises(GLMError, match="has too many braces"):
        expand("{a," * 60 + "b" + "}" * 60, sandbox)
    assert time.process_time() - begun < MOST_S


def test_names_like_the_one_that_is_not_there_are_compared_within_bounds(tmp_path: Path) -> None:
    for n in range(1_000):
        (tmp_path / f"{'a' * 90}{n:012b}{'a' * 90}".translate({48: "a", 49: "b"})).touch()
    sandbox = Sandbox(cwd=tmp_path, home=tmp_path, temp=tmp_path)
    begun = time.process_time()
    with pytest.raises(NotFound, match="Did you mean"):
        find_files("a" * 95 + "c" + "a" * 95, sandbox)
    assert time.process_time() - begun < MOST_S
