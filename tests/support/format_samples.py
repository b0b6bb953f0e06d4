"""A file of every row of the formats."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable

from PIL import Image
from support.made_documents import odt, ofd, webarchive, xps, zipped
from support.made_hangul import hwp, hwpx, paragraph, run, t
from support.made_iwork import box, keynote, link, numbers, pages, story
from support.made_metafiles import emf
from support.made_mobi import mobi
from support.made_outlook import compound, message, packed, text
from support.made_slides import shape, show, slide, words
from support.made_word import plain, word
from support.ole import ole
from support.pictures import corners, save
from support.specimens import SPECIMENS

WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml"
LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"


def ftyp(brand: bytes) -> bytes:
    return b"\0\0\0\x18ftyp" + brand + b"\0\0\0\0isommp42" + bytes(64)


def cursor() -> bytes:
    icon = save(corners(32, 32), "ICO", bitmap_format="bmp")
    return icon[:2] + b"\2" + icon[3:]


def layered(mimetype: str, picture: str, *others: str) -> bytes:
    """The file of a design program, which holds this picture."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        if mimetype:
            archive.writestr("mimetype", mimetype)
        for name in others:
            archive.writestr(name, "{}")
        if picture:
            archive.writestr(picture, save(corners(120, 80), "PNG"))
    return held.getvalue()


def tar() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        entry = tarfile.TarInfo("a.txt")
        entry.size = 5
        archive.addfile(entry, io.BytesIO(b"hello"))
    return out.getvalue()


def at(offset: int, magic: bytes) -> bytes:
    return bytes(range(1, offset + 1)) + magic + bytes(200)


def _specimen(name: str) -> Callable[[], bytes]:
    return lambda: SPECIMENS[name].data


def _visio() -> bytes:
    link = 'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships" r:id="a"'
    return zipped(
        {
            "visio/pages/pages.xml": f"<Pages><Page><Rel {link}/></Page></Pages>",
            "visio/pages/_rels/pages.xml.rels": '<Relationships><Relationship Id="a" Target="a.xml"/></Relationships>',
            "visio/pages/a.xml": '<Page><Shapes><Shape ID="1"><Text>Words</Text></Shape></Shapes></Page>',
        }
    )


# By the name of the row: the name of the file, and what makes it. What is read is a whole file that its reader opens.
READ: dict[str, tuple[str, Callable[[], bytes]]] = {
    **{
        row: (name, _specimen(f"image-{name}"))
        for row, name in (
            ("png", "a.png"), ("jpeg", "a.jpg"), ("webp", "a.webp"), ("gif", "a.gif"), ("heic", "a.heic"), ("avif", "a.avif"),
            ("tiff", "a.tif"), ("bmp", "a.bmp"), ("ico", "a.ico"), ("icns", "icon.icns"), ("jp2", "a.jp2"), ("pnm", "a.ppm"),
            ("tga", "a.tga"), ("qoi", "a.qoi"), ("jxl", "a.jxl"), ("pcx", "a.pcx"), ("svg", "a.svg"),
        )
    },
    "pages": ("a.pages", lambda: pages(story("Words"), {})),
    "numbers": ("a.numbers", lambda: numbers({"One": []}, {})),
    "keynote": ("a.key", lambda: keynote([{5: link(60)}], {60: box(61), 61: story("Words")})),
    "layered": ("a.kra", lambda: layered("application/x-krita", "mergedimage.png")),
    "dib": ("a.dib", lambda: save(corners(), "DIB")),
    "cur": ("a.cur", cursor),
    "raw": ("a.cr2", lambda: at(0, b"II*\0\x10\0\0\0CR\2\0") + save(corners(), "JPEG")),
    "psd": ("a.psd", lambda: b"8BPS\0\1" + bytes(6) + b"\0\1" + b"\0\0\0\2\0\0\0\2\0\x08\0\1" + bytes(14) + b"\0\x40\x80\xff"),
    **{
        row: (name, _specimen(f"video-{name}"))
        for row, name in (
            ("mp4", "a.mp4"), ("mov", "a.mov"), ("mkv", "a.mkv"), ("webm", "a.webm"), ("avi", "a.avi"), ("flv", "a.flv"),
            ("wmv", "a.wmv"), ("mpg", "a.mpg"), ("ts", "a.ts"), ("3gp", "a.3gp"),
        )
    },
    "m4v": ("a.m4v", lambda: SPECIMENS["video-a.mp4"].data.replace(b"ftypisom", b"ftypM4V ", 1)),
    **{
        row: (name, _specimen(f"document-{name}"))
        for row, name in (
            ("pdf", "report.pdf"), ("docx", "letter.docx"), ("pptx", "deck.pptx"), ("xlsx", "book.xlsx"), ("xls", "excel97.xls"),
            ("ods", "book.ods"), ("odt", "text.odt"), ("odp", "slides.odp"), ("epub", "novel.epub"), ("rtf", "old.rtf"),
            ("html", "page.html"), ("mail", "note.eml"), ("ipynb", "study.ipynb"), ("csv", "list.csv"), ("tsv", "list.tsv"),
            ("markdown", "readme.md"), ("text", "bare"), ("json", "data.json"), ("code", "code.py"), ("subrip", "subtitles.srt"),
            ("vtt", "subtitles.vtt"),
        )
    },
    "odg": ("a.odg", lambda: odt("<draw:page><draw:frame><draw:text-box><text:p>In a drawing</text:p></draw:text-box></draw:frame></draw:page>", kind="graphics")),
    "doc": ("a.doc", lambda: word([plain("Words of old")])),
    "ppt": ("a.ppt", lambda: show([(slide(shape(words("Words of old", 4))), b"")])),
    "tnef": ("a.tnef", lambda: packed((0x18004, b"A subject"))),
    "msg": ("a.msg", lambda: compound(message(text("1000", "Words of a mail")))),
    "mbox": ("a.mbox", lambda: b"From a@b.c Mon Jan  1 00:00:00 2024\nSubject: One\n\nWords\n"),
    "zip": ("a.zip", lambda: zipped({"a.txt": "hello"})),
    "webarchive": ("a.webarchive", lambda: webarchive(b"<p>Words</p>")),
    "drawio": ("a.drawio", lambda: b'<mxfile><diagram><mxGraphModel><root><mxCell id="2" value="Words" parent="1"/></root></mxGraphModel></diagram></mxfile>'),
    "visio": ("a.vsdx", _visio),
    "mobi": ("a.mobi", lambda: mobi(b"<p>Words</p>")),
    "cbz": ("a.cbz", lambda: zipped({"1.png": save(Image.new("RGB", (8, 8)), "PNG"), "ComicInfo.xml": "<ComicInfo/>"})),
    "caj": ("a.caj", lambda: b"CAJ\0" + bytes(60) + _specimen("document-report.pdf")()),
    "hwp": ("a.hwp", lambda: hwp(paragraph(0, "Words"))),
    "hwpx": ("a.hwpx", lambda: hwpx(run(t("Words")))),
    "ofd": ("a.ofd", lambda: ofd(['<ofd:Content><ofd:TextObject Boundary="9 9 90 9" Size="4"><ofd:TextCode X="0" Y="4">Words</ofd:TextCode></ofd:TextObject></ofd:Content>'])),
    "xps": ("a.xps", lambda: xps(['<Glyphs OriginX="9" OriginY="9" FontRenderingEmSize="12" UnicodeString="Words"/>'])),
    "emf": ("a.emf", emf),
    "xbm": ("a.xbm", lambda: save(Image.new("1", (8, 8)), "XBM")),
    "xpm": ("a.xpm", lambda: b'/* XPM */\nstatic char *a[] = {\n"2 1 1 1",\n"a c #FF0000",\n"aa"\n};\n'),
    "xml2003": ("a.xls", lambda: b'<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"><Worksheet Name="a"/></Workbook>'),
    "feed": ("a.rss", lambda: b"<rss><channel><title>News</title></channel></rss>"),
    "evernote": ("a.enex", lambda: b"<en-export><note><title>Words</title></note></en-export>"),
    "xml": ("a.xml", lambda: b"<?xml version='1.0'?><note>words</note>"),
    "hls": ("a.m3u8", lambda: b"#EXTM3U\n#EXT-X-VERSION:3\n"),
    "dash": ("a.mpd", lambda: b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"/>'),
}  # fmt: skip

# Files that only detection looks at: of kinds that no tool reads, or that no library here writes.
REFUSED: dict[str, tuple[str, Callable[[], bytes]]] = {
    "ogv": ("a.ogv", lambda: b"OggS\0\2" + bytes(20) + b"\1\x43" + b"\x80theora" + bytes(60)),
    "mxf": ("a.mxf", lambda: at(0, b"\x06\x0e\x2b\x34\2\5\1\1\x0d\1\2\1\1\2")),
    "dv": ("a.dv", lambda: at(0, b"\x1f\7\0\xbf")),
    "ivf": ("a.ivf", lambda: at(0, b"DKIF\0\0 \0VP80")),
    "h26x": ("a.h264", lambda: at(0, b"\0\0\0\1\x67\x64\0\x1e")),
    "rm": ("a.rm", lambda: at(0, b".RMF\0\0\0\x12")),
    "xlsb": ("a.xlsb", lambda: zipped({"[Content_Types].xml": '<Override ContentType="application/vnd.ms-excel.sheet.binary.macroEnabled.main"/>', "xl/workbook.bin": "x"})),
    "m4a": ("a.m4a", lambda: ftyp(b"M4A ")),
    "mp3": ("a.mp3", lambda: at(0, b"ID3\4")),
    "aac": ("a.aac", lambda: at(0, b"\xff\xf1P")),
    "wav": ("a.wav", lambda: at(0, b"RIFF\0\0\0\0WAVEfmt ")),
    "flac": ("a.flac", lambda: at(0, b"fLaC\0")),
    "ogg": ("a.ogg", lambda: b"OggS\0\2" + bytes(20) + b"\1\x43" + b"\1vorbis" + bytes(60)),
    "amr": ("a.amr", lambda: at(0, b"#!AMR\n")),
    "midi": ("a.mid", lambda: at(0, b"MThd\0\0\0\6")),
    "caf": ("a.caf", lambda: at(0, b"caff\0\1")),
    "aiff": ("a.aiff", lambda: at(0, b"FORM\0\0\0\0AIFF")),
    "exr": ("a.exr", lambda: at(0, b"\x76\x2f\x31\x01")),
    "hdr": ("a.hdr", lambda: at(0, b"#?RADIANCE\n")),
    "pam": ("a.pam", lambda: at(0, b"P7\nWIDTH 4\n")),
    "dcx": ("a.dcx", lambda: at(0, b"\xb1\x68\xde\x3a")),
    "dds": ("a.dds", lambda: save(Image.new("RGBA", (8, 8)), "DDS")),
    "sgi": ("a.sgi", lambda: save(corners(), "SGI")),
    "xcf": ("a.xcf", lambda: at(0, b"gimp xcf v011\0")),
    "jxr": ("a.jxr", lambda: at(0, b"II\xbc\1")),
    "dicom": ("a.dcm", lambda: bytes(128) + b"DICM" + bytes(60)),
    "postscript": ("a.eps", lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n"),
    "write": ("a.doc", lambda: at(0, b"\x31\xbe\0\0")),
    "wordperfect": ("a.wpd", lambda: at(0, b"\xffWPC")),
    "encrypted": ("a.docx", lambda: ole(["EncryptedPackage"])),
    "pst": ("a.pst", lambda: at(0, b"!BDN")),
    "vsd": ("a.vsd", lambda: ole(["VisioDocument"])),
    "publisher": ("a.pub", lambda: ole([("Quill", ["CONTENTS"])])),
    "indesign": ("a.indd", lambda: at(0, b"\x06\x06\xed\xf5\xd8\x1d\x46\xe5")),
    "project": ("a.mpp", lambda: ole(["Props12"])),
    "hwp3": ("a.hwp", lambda: at(0, b"HWP Document File V3.00")),
    "djvu": ("a.djvu", lambda: at(0, b"AT&TFORM\0\0\0\0DJVU")),
    "chm": ("a.chm", lambda: at(0, b"ITSF\3\0\0\0")),
    "onenote": ("a.one", lambda: at(0, b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d")),
    "ole": ("a.bin", lambda: ole(["Something"])),
    "lfs": ("photo.png", LFS.encode),
    "tar": ("a.tar", tar),
    "gzip": ("a.gz", _specimen("document-pack.gz")),
    "7z": ("a.7z", _specimen("document-pack.7z")),
    "rar": ("a.rar", lambda: at(0, b"Rar!\x1a\x07\1\0")),
    "xz": ("a.xz", lambda: at(0, b"\xfd7zXZ\0")),
    "bzip2": ("a.bz2", lambda: at(0, b"BZh91AY&SY")),
    "zstd": ("a.zst", lambda: at(0, b"\x28\xb5\x2f\xfd")),
    "lz4": ("a.lz4", lambda: at(0, b"\x04\x22\x4d\x18")),
    "cab": ("a.cab", lambda: at(0, b"MSCF\0\0\0\0")),
    "ar": ("a.deb", lambda: b"!<arch>\ndebian-binary   1 0 0 100644 4 `\n2.0\n"),
    "rpm": ("a.rpm", lambda: at(0, b"\xed\xab\xee\xdb\3")),
    "sqlite": ("a.sqlite", lambda: at(0, b"SQLite format 3\0")),
    "access": ("a.mdb", lambda: at(0, b"\0\1\0\0Standard Jet DB\0")),
    "table": ("a.dbf", lambda: bytes((3, 105, 7, 26, 1, 0, 0, 0, 65, 0, 11, 0)) + bytes(52) + b"\r an entry  \x1a"),
    "parquet": ("a.parquet", lambda: at(0, b"PAR1\x15")),
    "plist": ("a.plist", lambda: at(0, b"bplist00")),
    "dwg": ("a.dwg", lambda: at(0, b"AC1032\0")),
    "font": ("a.ttf", lambda: at(0, b"\0\1\0\0\0")),
    "program": ("a.exe", lambda: at(0, b"MZ\x90\0")),
    "lock": ("~$a.docx", lambda: b"\5Alice".ljust(54, b"\0") + b"\5\0" + "Alice".encode("utf-16-le").ljust(106, b"\0")),
    "unknown": ("a.bin", lambda: bytes(range(256)) * 4),
}  # fmt: skip
