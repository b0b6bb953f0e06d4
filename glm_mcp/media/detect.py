"""Which row of `formats` a file is, by its bytes. Never by its name or by what a server claims; a name only tells apart
what has no other mark: kinds of text, Targa pictures, what the makers of an archive called a document.

No function here raises, whatever the bytes.
"""

from __future__ import annotations

import io
import re
import zlib
from pathlib import PurePath
from typing import IO

from glm_mcp.media.container_kinds import ole_kind, zip_kind
from glm_mcp.media.containers import OLE, ZIP, ole_names, open_zip
from glm_mcp.media.formats import KINDS, UNKNOWN, Kind
from glm_mcp.media.text_kinds import decode_head, is_undecided, text_kind

_HEAD = 16_384  # bytes of the beginning that are looked at
_FAR = 1 << 20  # and where these are one comment
_FOOTER = 26  # bytes of the end of a Targa picture

_MAGIC = tuple((offset, magic, kind) for kind in KINDS.values() for offset, magic in kind.magic)
_BRANDS = {
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"), "heic"),
    **dict.fromkeys((b"mif1", b"mif2", b"mif3", b"msf1", b"miaf", b"1pic"), "heic"),
    **dict.fromkeys((b"jpeg", b"j2ki", b"vvic", b"evbi", b"unif"), "heic"),
    **dict.fromkeys((b"avif", b"avis"), "avif"),
    **dict.fromkeys((b"M4V ", b"M4VH", b"M4VP"), "m4v"),
    **dict.fromkeys((b"M4A ", b"M4B ", b"M4P ", b"F4A ", b"F4B "), "m4a"),
    b"crx ": "raw",
    b"jxl ": "jxl",
    b"qt  ": "mov",
}
# Which say in their list of others what is inside, the third in the place before it.
_GENERAL = (b"mif1", b"mif2", b"mif3", b"msf1", b"miaf", b"1pic")
_FIRST_PAGE = 2  # of a track of Ogg
_OGG_FILMS = (b"\x80theora", b"OVP80", b"BBCD\0", b"\x01video\0")
_RIFF = {b"WEBP": "webp", b"AVI ": "avi", b"WAVE": "wav"}


def detect(data: bytes, name: str = "") -> Kind:
    """`detect_file` of bytes in memory, or of their beginning."""
    return detect_file(io.BytesIO(data), name)


def detect_file(file: IO[bytes], name: str = "") -> Kind:
    """The kind of an opened file; UNKNOWN for what no row fits. Leaves it at its start. Blocking."""
    try:
        file.seek(0)
        head = file.read(_HEAD)
        if len(head) == _HEAD and is_undecided(head):
            head += file.read(_FAR - _HEAD)
        return _detect(file, head, name)
    except (OSError, ValueError, OverflowError):
        return UNKNOWN
    finally:
        file.seek(0)


def is_media(head: bytes) -> bool:
    """Whether a file that begins so is a picture, video or PDF beyond doubt: no text, SVG or office file is."""
    kind = _strong(head)
    if kind is not None:
        return is_media_kind(kind)
    return _pdf_at(head) >= 0 and is_media_kind(_detect(io.BytesIO(head), head, ""))


def is_media_kind(kind: Kind) -> bool:
    """Whether these are read in hidden places, too."""
    return kind.name == "pdf" or (
        kind.name != "svg" and bool(kind.reader) and kind.family in ("image", "video")
    )


def _detect(file: IO[bytes], head: bytes, name: str) -> Kind:
    kind = _strong(head)
    if kind is not None:
        return KINDS["svg"] if kind.name == "gzip" and _packed_drawing(head) else kind
    if head.startswith(ZIP):
        return zip_kind(open_zip(file), head, name)
    if head.startswith(OLE):
        return ole_kind(ole_names(file), name)
    if _is_tar(head):
        return KINDS["tar"]
    if _is_lock(head):
        return KINDS["lock"]
    text = text_kind(head, name)
    if _is_pdf(head, name, text):
        return KINDS["pdf"]
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - _FOOTER))
    if _is_targa(head, name, file.read(_FOOTER), size):
        return KINDS["tga"]
    if re.match(rb"P[1-6]\s+(?:#[^\n]*\n\s*)*\d+\s", head):
        return KINDS["pnm"]
    return text or UNKNOWN


def _is_lock(head: bytes) -> bool:
    """Who has a document open: Word writes 162 bytes, Excel and PowerPoint 165, of which the first are a name's length,
    the name, and nothing up to where it comes again in 16 bits.
    """
    return len(head) in (162, 165) and head.count(0) > 40 and not head[1 + head[0] : 54].strip(b"\0 ")


def _strong(head: bytes) -> Kind | None:
    """A kind known by marks that no text has."""
    for offset, magic, kind in _MAGIC:
        if head.startswith(magic, offset):
            return kind
    for name, fits in _CLOSER:
        row = fits(head)
        if row:
            return KINDS[row if isinstance(row, str) else name]
    return None


def _ftyp(head: bytes) -> str:
    """By the major brand of an ISO container. A piece of a stream has none, or none that tells."""
    if head[:1] == b"\0" and head[4:8] in (b"styp", b"moof", b"sidx"):
        return "mp4"
    if head[4:8] != b"ftyp":
        return ""
    size = min(int.from_bytes(head[:4], "big"), 256)
    major = head[8:12]
    if major in _GENERAL:
        others = [head[i : i + 4] for i in range(12, max(16, min(size, len(head))), 4)]
        major = next((brand for brand in others if brand[:2] in (b"av", b"he") and brand in _BRANDS), major)
    return "3gp" if major[:3] in (b"3gp", b"3g2") else _BRANDS.get(major, "mp4")


def _riff(head: bytes) -> str:
    return _RIFF.get(head[8:12], "") if head[:4] == b"RIFF" else ""


def _matroska(head: bytes) -> str:
    if head[:4] != b"\x1a\x45\xdf\xa3":
        return ""
    return "webm" if b"webm" in head[:128] else "mkv"


def _ogg(head: bytes) -> str:
    """A film where one of its tracks, which all begin before the first goes on, holds pictures."""
    at = 0
    while head[at : at + 4] == b"OggS" and len(head) > at + 27 and head[at + 5] & _FIRST_PAGE:
        start = at + 27 + head[at + 26]
        if head.startswith(_OGG_FILMS, start):
            return "ogv"
        at = start + sum(head[at + 27 : start])
    return "ogg" if at or head[:4] == b"OggS" else ""


def _is_quicktime(head: bytes) -> bool:
    return head[4:8] in (b"moov", b"mdat", b"wide", b"pnot") and head[:1] == b"\0"


def _is_bmp(head: bytes) -> bool:
    """Whether it is a bitmap: "BM" alone may begin any text; the size of its header is one of a few."""
    return head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in (12, 16, 40, 52, 56, 64, 108, 124)


def _is_dib(head: bytes) -> bool:
    """Whether it is a bitmap without its file header, as clipboards hold it: one plane, a depth and a packing of a few."""
    return (
        head[:4] in (b"\x28\0\0\0", b"\x6c\0\0\0", b"\x7c\0\0\0")
        and head[12:14] == b"\1\0"
        and int.from_bytes(head[14:16], "little") in (1, 4, 8, 16, 24, 32)
        and int.from_bytes(head[16:20], "little") <= 6
    )


def _icon(head: bytes) -> str:
    """Icons and cursors: at least one picture, described by an entry whose reserved byte is zero and which lies behind
    them all. A Targa picture may begin with the same four bytes.
    """
    count, offset = int.from_bytes(head[4:6], "little"), int.from_bytes(head[18:22], "little")
    if head[:4] not in (b"\0\0\1\0", b"\0\0\2\0") or not 0 < count < 1024 or head[9:10] != b"\0":
        return ""
    if int.from_bytes(head[14:18], "little") == 0 or offset < 6 + 16 * count:
        return ""
    return "ico" if head[2] == 1 else "cur"


def _is_pcx(head: bytes) -> bool:
    box = [int.from_bytes(head[at : at + 2], "little") for at in (4, 6, 8, 10)]
    return (
        len(head) >= 128
        and head[:1] == b"\n"
        and head[1] in (0, 2, 3, 4, 5)
        and head[2] <= 1
        and head[3] in (1, 2, 4, 8)
        and head[64] == 0
        and 1 <= head[65] <= 4
        and box[0] <= box[2]
        and box[1] <= box[3]
    )


def _is_dbase(head: bytes) -> bool:
    """Whether it is a dBASE table: the day of its last change, and a head of fields that a line end closes where it says;
    behind that FoxPro has the path of a database.
    """
    end = int.from_bytes(head[8:10], "little")
    return (
        len(head) >= 65
        and head[:1] in (b"\x02", b"\x03", b"\x04", b"\x30", b"\x31", b"\x43", b"\x83", b"\x8b", b"\xf5")
        and 1 <= head[2] <= 12
        and 1 <= head[3] <= 31
        and end >= 65
        and b"\r" in (head[end - 1 : end], head[max(end - 264, 0) : end - 263])
    )


def _is_transport_stream(head: bytes) -> bool:
    """A sync byte every 188 bytes (192 with time codes, 204 with check sums), from the first whole packet on, as a
    recorder's file may begin within one; a text full of G would not have it with bytes that no plain text has.
    """
    head = head[:2048]
    return any(
        len(head) > start + 3 * step
        and set(head[start::step]) == {0x47}
        and (b"\0" in head[:step] or not head[:step].isascii())
        for step in (188, 192, 204)
        for start in range(step)
    )


def _is_sound_frame(head: bytes) -> bool:
    return head[:1] == b"\xff" and head[1:2] >= b"\xe0" and head[1:2] not in (b"\xfe", b"\xff")


# Looked at in this order, where no magic of a row fits: the row, and a function that knows it or names another.
_CLOSER = (
    ("mp4", _ftyp),
    ("webp", _riff),
    ("mkv", _matroska),
    ("ogg", _ogg),
    ("mov", _is_quicktime),
    ("bmp", _is_bmp),
    ("dib", _is_dib),
    ("ico", _icon),
    ("pcx", _is_pcx),
    ("table", _is_dbase),
    ("ts", _is_transport_stream),
    ("mp3", _is_sound_frame),
)


def _is_targa(head: bytes, name: str, footer: bytes, size: int) -> bool:
    """Whether it is a Targa picture: it has no magic, so a possible header counts only with the footer of its second
    version, with its name, or where an unpacked picture of that header just fills the file.
    """
    if len(head) < 18 or head[1] > 1 or head[2] not in (1, 2, 3, 9, 10, 11):
        return False
    width, height = int.from_bytes(head[12:14], "little"), int.from_bytes(head[14:16], "little")
    if not width or not height or head[16] not in (8, 15, 16, 24, 32):
        return False
    colours = int.from_bytes(head[5:7], "little") * ((head[7] + 7) // 8) if head[1] else 0
    unpacked = 18 + head[0] + colours + width * height * ((head[16] + 7) // 8)
    return (
        PurePath(name).suffix.lower() in KINDS["tga"].suffixes
        or footer.endswith(b"TRUEVISION-XFILE.\0")
        or (head[2] <= 3 and size == unpacked)
    )


def _packed_drawing(head: bytes) -> bool:
    """Whether a gzip file holds an SVG: the one compressed kind that is a picture."""
    try:
        text = zlib.decompressobj(31).decompress(head, _FAR)
    except zlib.error:
        return False
    kind = text_kind(text)
    return kind is not None and kind.name == "svg"


def _is_tar(head: bytes) -> bool:
    return head[257:262] == b"ustar" and b"\0" in head[:512]  # a text may say "ustar" there


def _pdf_at(head: bytes) -> int:
    """Where the header of a PDF stands, -1 where none does: readers allow junk before it, but a PDF that an archive
    holds is no reading of the archive.
    """
    return -1 if head.startswith(ZIP) or _is_tar(head) else head.find(b"%PDF-", 0, 1024)


def _is_pdf(head: bytes, name: str, text: Kind | None) -> bool:
    """Whether it is a PDF, perhaps with junk before its header, and no text that only mentions one."""
    at = _pdf_at(head)
    if at < 0:
        return False
    suffix = PurePath(name).suffix.lower()
    if not head[:at].strip() or suffix == ".pdf" or text is None:
        return True
    # Source code may hold a whole PDF; a PDF of text alone may come without a name.
    decoded = decode_head(head) or ""
    return b" obj" in head[at:] and not (suffix and decoded.encode("utf-8", "replace")[:64] == head[:64])
