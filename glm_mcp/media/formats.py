"""What a file is, by its bytes. Never by its name or by what a server claims; a name only tells kinds of text apart.

Own tables for what MIME libraries get wrong (HEIC, AVIF, SVG, every kind of text, office files), `filetype` for the
rest. No function here raises, whatever the bytes.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from pathlib import PurePath
from typing import IO

from glm_mcp.media.text_kinds import text_mime
from glm_mcp.media.types import Family

HEAD = 16_384  # bytes of the beginning that are looked at
_TAIL = 65_536  # bytes of the end, where a zip keeps its list of members

Kind = tuple[Family, str]

ZIP = (b"PK\x03\x04", b"PK\x05\x06")  # the second begins one without members

_OOXML = "application/vnd.openxmlformats-officedocument."
DOCX = _OOXML + "wordprocessingml.document"
XLSX = _OOXML + "spreadsheetml.sheet"
PPTX = _OOXML + "presentationml.presentation"
UNKNOWN: Kind = ("unknown", "application/octet-stream")

# (offset, bytes, family, mime): magics long or odd enough that no text begins so.
_MAGIC: tuple[tuple[int, bytes, Family, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", "image", "image/png"),
    (0, b"\xff\xd8\xff", "image", "image/jpeg"),
    (0, b"GIF87a", "image", "image/gif"),
    (0, b"GIF89a", "image", "image/gif"),
    (0, b"II*\0", "image", "image/tiff"),
    (0, b"MM\0*", "image", "image/tiff"),
    (0, b"II+\0", "image", "image/tiff"),
    (0, b"MM\0+", "image", "image/tiff"),
    (0, b"\0\0\1\0", "image", "image/x-icon"),
    (0, b"\0\0\2\0", "image", "image/x-icon"),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", "image", "image/jp2"),
    (0, b"\xff\x4f\xff\x51", "image", "image/j2k"),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", "image", "image/jxl"),
    (0, b"\xff\x0a", "image", "image/jxl"),
    (0, b"8BPS\0\1", "image", "image/vnd.adobe.photoshop"),
    (0, b"\x76\x2f\x31\x01", "image", "image/x-exr"),
    (0, b"qoif\0", "image", "image/qoi"),
    (0, b"icns\0", "image", "image/x-icns"),
    (0, b"DDS \x7c\0\0\0", "image", "image/vnd-ms.dds"),
    (128, b"DICM", "image", "application/dicom"),
    (0, b"FLV\x01", "video", "video/x-flv"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "video", "video/x-ms-asf"),
    (0, b"\0\0\1\xba", "video", "video/mpeg"),
    (0, b"\0\0\1\xb3", "video", "video/mpeg"),
    (0, b".RMF\0\0\0", "video", "application/vnd.rn-realmedia"),
    (0, b"fLaC\0", "audio", "audio/flac"),
    (0, b"ID3\x02", "audio", "audio/mpeg"),
    (0, b"ID3\x03", "audio", "audio/mpeg"),
    (0, b"ID3\x04", "audio", "audio/mpeg"),
    (0, b"#!AMR", "audio", "audio/amr"),
    (0, b"MThd\0\0\0\6", "audio", "audio/midi"),
    (0, b"caff\0\1", "audio", "audio/x-caf"),
    (8, b"AIFF", "audio", "audio/aiff"),
    (0, b"\x28\xb5\x2f\xfd", "unknown", "application/zstd"),
    (0, b"\x1f\x8b\x08", "unknown", "application/gzip"),
    (0, b"SQLite format 3\0", "unknown", "application/vnd.sqlite3"),
    (0, b"bplist00", "unknown", "application/x-bplist"),
    (0, b"\x7fELF", "unknown", "application/x-executable"),
)

_BRANDS: dict[bytes, Kind] = {
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis"), ("image", "image/heic")),
    **dict.fromkeys((b"hevc", b"hevx", b"hevm", b"hevs"), ("image", "image/heic-sequence")),
    b"mif1": ("image", "image/heif"),
    b"msf1": ("image", "image/heif-sequence"),
    b"avif": ("image", "image/avif"),
    b"avis": ("image", "image/avif"),
    b"crx ": ("image", "image/x-canon-cr3"),
    b"jxl ": ("image", "image/jxl"),
    b"qt  ": ("video", "video/quicktime"),
    **dict.fromkeys((b"M4V ", b"M4VH", b"M4VP"), ("video", "video/x-m4v")),
    **dict.fromkeys((b"M4A ", b"M4B ", b"M4P ", b"F4A ", b"F4B "), ("audio", "audio/mp4")),
}

_ZIP_MIMES = {
    b"application/epub+zip": "application/epub+zip",
    b"application/vnd.oasis.opendocument.text": "application/vnd.oasis.opendocument.text",
    b"application/vnd.oasis.opendocument.spreadsheet": "application/vnd.oasis.opendocument.spreadsheet",
    b"application/vnd.oasis.opendocument.presentation": "application/vnd.oasis.opendocument.presentation",
    b"application/vnd.oasis.opendocument.graphics": "application/vnd.oasis.opendocument.graphics",
}
_ZIP_MEMBERS = (
    (b"word/document", DOCX),
    (b"xl/workbook", XLSX),
    (b"ppt/presentation", PPTX),
    (b"META-INF/container.xml", "application/epub+zip"),
    (
        b"META-INF/manifest.xml",
        "application/vnd.oasis.opendocument.text",
    ),  # of any ODF whose first member is packed
)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OLE_STREAMS = (
    ("EncryptedPackage", "application/x-encrypted-ooxml"),
    ("WordDocument", "application/msword"),
    ("PowerPoint Document", "application/vnd.ms-powerpoint"),
    ("Workbook", "application/vnd.ms-excel"),
    ("Book", "application/vnd.ms-excel"),
    ("__substg1.0_", "application/vnd.ms-outlook"),
)
_OLE_NAMES = {
    ".doc": "application/msword",
    ".xls": "application/vnd.ms-excel",
    ".ppt": "application/vnd.ms-powerpoint",
    ".msg": "application/vnd.ms-outlook",
}


def sniff(head: bytes, name: str = "", tail: bytes = b"") -> Kind:
    """(family, mime) of a file that begins with `head`; ("unknown", …) for what no tool reads.

    `name` only tells text formats, old office files and Targa pictures apart. `tail`: the end of the file, where office files that are
    zips keep the list of their members; without it, the beginning decides.
    """
    strong = _strong(head)
    if strong == ("unknown", "application/gzip") and _packed_drawing(head):
        return "image", "image/svg+xml"
    if strong:
        return strong
    if head.startswith(ZIP):
        return _zip(head, tail)
    if head.startswith(_OLE):
        return _ole(head + tail, name)
    if head.startswith(b"{\\rtf"):
        return "document", "application/rtf"
    if head.startswith(b"%!PS"):
        return "unknown", "application/postscript"
    if _is_targa(head, name, tail):
        return "image", "image/x-tga"
    if re.match(rb"P[1-7]\s+(?:#[^\n]*\n\s*)?(?:\d+\s|WIDTH)", head):
        return "image", "image/x-portable-anymap"
    mime = text_mime(head[:HEAD], name)
    if mime:
        return ("image", mime) if mime == "image/svg+xml" else ("text", mime)
    return _fallback(head)


def sniff_file(file: IO[bytes], name: str = "") -> Kind:
    """`sniff` of an opened file, with its end and its directory where these decide. Leaves it at its start. Blocking."""
    try:
        file.seek(0)
        head = file.read(HEAD)
        tail = b""
        if head.startswith(ZIP):
            size = file.seek(0, io.SEEK_END)
            file.seek(max(0, size - _TAIL))
            tail = file.read(_TAIL)
        elif head.startswith(_OLE):
            # The number of the sector where the directory of streams begins; sectors are 512 or 4096 bytes.
            sector = 1 << min(int.from_bytes(head[30:32], "little"), 12)
            file.seek((int.from_bytes(head[48:52], "little") + 1) * sector)
            tail = file.read(_TAIL)
        elif head[:1] < b"\x20":  # possibly a Targa picture, known by its end
            size = file.seek(0, io.SEEK_END)
            file.seek(max(0, size - 26))
            tail = file.read(26)
        return sniff(head, name, tail)
    except (OSError, ValueError, OverflowError):
        return UNKNOWN
    finally:
        file.seek(0)


def sniff_bytes(data: bytes, name: str = "") -> Kind:
    """`sniff_file` of bytes in memory."""
    if data.startswith((*ZIP, _OLE)):
        return sniff_file(io.BytesIO(data), name)
    return sniff(data[:HEAD], name, data[-26:])


def is_media(head: bytes) -> bool:
    """Whether a file that begins so is a picture, video or PDF beyond doubt: no text, SVG or office file is."""
    family, mime = _strong(head) or UNKNOWN
    return family in ("image", "video") or mime == "application/pdf"


def is_tar(head: bytes) -> bool:
    return head[257:262] == b"ustar" and b"\0" in head[:512]  # a text may say "ustar" there


def pdf_at(head: bytes) -> int:
    """Where the header of a PDF stands, -1 where none does: readers allow junk before it, but a PDF that an archive
    holds is no reading of the archive.
    """
    return -1 if head.startswith(ZIP) or is_tar(head) else head.find(b"%PDF-", 0, 1024)


def _strong(head: bytes) -> Kind | None:
    for offset, magic, family, mime in _MAGIC:
        if head.startswith(magic, offset):
            return family, mime
    if head[4:8] == b"ftyp":
        return _ftyp(head)
    if head[:4] == b"RIFF":
        return _riff(head[8:12])
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return "video", "video/webm" if b"webm" in head[:128] else "video/x-matroska"
    if head[:4] == b"OggS":
        return ("video", "video/ogg") if b"theora" in head[:512] else ("audio", "audio/ogg")
    if pdf_at(head) >= 0 and (head.lstrip().startswith(b"%PDF-") or b"\0" in head[:4096]):
        return "document", "application/pdf"
    if head[4:8] in (b"moov", b"mdat", b"wide", b"pnot") and head[:1] == b"\0":
        return "video", "video/quicktime"
    if _is_bmp(head):
        return "image", "image/bmp"
    if _is_transport_stream(head):
        return "video", "video/mp2t"
    if (
        head[:1] == b"\xff"
        and len(head) > 1
        and head[1] & 0xE0 == 0xE0
        and head[1:2] not in (b"\xfe", b"\xff")
    ):
        return "audio", "audio/mpeg"
    return None


def _ftyp(head: bytes) -> Kind:
    """By the major brand; the general brands of HEIF say in their list of others what is inside."""
    size = min(int.from_bytes(head[:4], "big"), 256)
    brands = [head[i : i + 4] for i in range(16, max(16, min(size, len(head))), 4)]
    major = head[8:12]
    if major in (b"mif1", b"msf1", b"miaf", b"1pic"):
        for brand in brands:
            if brand[:2] in (b"av", b"he") and brand in _BRANDS:
                return _BRANDS[brand]
        return "image", "image/heif"
    if major[:3] in (b"3gp", b"3g2"):
        return "video", "video/3gpp"
    return _BRANDS.get(major, ("video", "video/mp4"))


def _riff(form: bytes) -> Kind | None:
    kinds: dict[bytes, Kind] = {
        b"WEBP": ("image", "image/webp"),
        b"AVI ": ("video", "video/x-msvideo"),
        b"WAVE": ("audio", "audio/wav"),
    }
    return kinds.get(form)


def _is_bmp(head: bytes) -> bool:
    """Whether it is a bitmap: "BM" alone may begin any text; the header's reserved bytes are zero and its size is one of a few."""
    return (
        head[:2] == b"BM"
        and head[6:10] == b"\0\0\0\0"
        and int.from_bytes(head[14:18], "little") in (12, 16, 40, 52, 56, 64, 108, 124)
    )


def _is_targa(head: bytes, name: str, tail: bytes) -> bool:
    """Whether it is a Targa picture: it has no magic, so a possible header counts only with the footer of its second
    version or with its name.
    """
    if len(head) < 18 or head[1] > 1 or head[2] not in (1, 2, 3, 9, 10, 11):
        return False
    sized = head[12:14] != b"\0\0" and head[14:16] != b"\0\0" and head[16] in (8, 16, 24, 32)
    named = PurePath(name).suffix.lower() in (".tga", ".icb", ".vda", ".vst")
    return sized and (named or tail.endswith(b"TRUEVISION-XFILE.\0"))


def _packed_drawing(head: bytes) -> bool:
    """Whether a gzip file holds an SVG: the one compressed kind that is a picture."""
    try:
        text = zlib.decompressobj(31).decompress(head, HEAD)
    except zlib.error:
        return False
    return text_mime(text) == "image/svg+xml"


def _is_transport_stream(head: bytes) -> bool:
    """A sync byte every 188 bytes (192 with time codes), which a text full of G would not have with its zeros."""
    return any(
        len(head) > start + 3 * step
        and all(head[start + i * step] == 0x47 for i in range(4))
        and b"\0" in head[:step]
        for start, step in ((0, 188), (4, 192))
    )


def _zip(head: bytes, tail: bytes) -> Kind:
    """An office file by its members. ODF and EPUB name themselves in their first, uncompressed member."""
    if head[30:38] == b"mimetype":
        start = 38 + int.from_bytes(head[28:30], "little")
        size = int.from_bytes(head[18:22], "little")
        claimed = head[start : start + (size or 80)]
        for mark, mime in sorted(_ZIP_MIMES.items(), key=lambda item: -len(item[0])):
            if claimed.startswith(mark):
                return "document", mime
    for member, mime in _ZIP_MEMBERS:
        if member in head or member in tail:
            return "document", mime
    return "unknown", "application/zip"


def _ole(data: bytes, name: str) -> Kind:
    for stream, mime in _OLE_STREAMS:
        if stream.encode("utf-16-le") in data:
            return "document", mime
    mime = _OLE_NAMES.get(PurePath(name).suffix.lower(), "")
    return ("document", mime) if mime else ("unknown", "application/x-ole-storage")


def _fallback(head: bytes) -> Kind:
    import filetype

    try:
        found = filetype.guess(head)
    except (TypeError, ValueError, IndexError, zipfile.BadZipFile):
        return UNKNOWN
    if found is None:
        return UNKNOWN
    mime = str(found.mime)
    top = mime.partition("/")[0]
    families: dict[str, Family] = {"image": "image", "video": "video", "audio": "audio"}
    return families.get(top, "unknown"), mime
