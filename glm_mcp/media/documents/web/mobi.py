"""Kindle books (MOBI, AZW, AZW3): their text, which is HTML in packed records, by chapters."""

from __future__ import annotations

import itertools
import re
import struct
from collections import Counter
from typing import Any, BinaryIO

from glm_mcp.errors import InvalidRequest, UnsupportedMedia
from glm_mcp.media.charset import decode
from glm_mcp.media.documents.about import Said, with_about
from glm_mcp.media.documents.common.shown import PagesShown, Shown, belong_to_design, kept, why_shown, within
from glm_mcp.media.documents.containers.blips import Blip, Blips
from glm_mcp.media.documents.html import html_markdown
from glm_mcp.media.documents.pages import LeftOut, choose, result
from glm_mcp.media.documents.web.shown import BookPictures, Row, without_covers

_CONVERT = "Convert it to EPUB (for instance with Calibre)."
_RECORD = 1 << 16  # bytes; they are counted in two bytes
_LONGEST = 100_000_000  # bytes of the text
_ABOUT = {100: "author", 101: "publisher", 103: "description", 105: "subject", 503: "title"}
_UNPACKED, _PALMDOC = 1, 2
_PICTURES = 100  # of one chapter
_RECORDS = 20_000  # that may be pictures
_KINDS = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM")
# In an older book the number of the picture, in a newer one that to the base of 32.
_PICTURE = re.compile(
    rb"""(?:recindex=["']?(\d{1,6})["']?|src=["']kindle:embed:([0-9A-V]{1,6})[^"']{0,100}["'])""",
    re.IGNORECASE,
)
# A new page, or in later books a new file, of those that the book was made of.
_CHAPTER = re.compile(
    rb"<mbp:pagebreak[^<>]{0,200}>|(?=<\?xml[ ])|(?=<!DOCTYPE)|(?=<html[ >])", re.IGNORECASE
)
_TAG = re.compile(rb"<[^<>]*>|&nbsp;")
# The pieces of a file stand behind its frame, so that it would end before them.
_FRAME = re.compile(
    rb"<head>(?:(?!<head>).){0,20000}?</head>|</?(?:html|body)\b[^<>]{0,2000}>|<\?xml[^<>]{0,200}\?>|<!DOCTYPE[^<>]{0,300}>",
    re.IGNORECASE | re.DOTALL,
)


def mobi_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Raises UnsupportedMedia, InvalidRequest (pages, copy protection), MissingExtra."""
    name, left_out = params["name"], LeftOut()
    book = _opened(file, name)
    pictures = _Pictures(book, name, left_out)
    rows = list[Row]()
    for number in choose(params.get("pages"), len(book.chapters), name, unit="chapter"):
        html = decode(book.chapters[number - 1], name, params.get("encoding") or book.encoding).text
        text = html_markdown(html, what=f"reading {name}")
        why = why_shown(text, pictures.on(number, f"chapter {number}"))
        rows.append((number, f"chapter {number}", text or "[picture]" * bool(why), why))
    rows, notes = without_covers(rows, {1})
    return with_about(result("mobi", rows, len(book.chapters), [*left_out.notes(), *notes]), book.about), []


def pictures_of_mobi(file: BinaryIO, params: dict[str, Any], left_out: LeftOut) -> PagesShown:
    """As of `pages_shown`. Raises UnsupportedMedia, InvalidRequest."""
    book = _opened(file, params["name"])
    pictures = _Pictures(book, params["name"], left_out)
    numbers = within(params["numbers"], len(book.chapters), params["name"], "chapter")
    pages = ((n, f"chapter {n}", pictures.on(n, f"chapter {n}")) for n in numbers)
    return PagesShown(pictures.parts, pages, _PICTURES, 1.0)


def _opened(file: BinaryIO, name: str) -> _Book:
    file.seek(0)
    try:
        book = _Book(file.read(), name)
    except (struct.error, IndexError, ValueError):
        raise UnsupportedMedia(f"{name} is damaged: its text cannot be read", _CONVERT) from None
    if not book.chapters:
        raise UnsupportedMedia(f"{name} holds no text", _CONVERT)
    return book


class _Pictures:
    """Those of the chapters, without those that many chapters show."""

    def __init__(self, book: _Book, name: str, left_out: LeftOut) -> None:
        self.parts = Blips(name, left_out, {path: Blip("", data) for path, data in book.pictures.items()})
        self._shown = BookPictures(self.parts)
        self._pages = [_with_addresses(chapter) for chapter in book.chapters]
        seen = Counter(part for page in self._pages for part in self._shown.parts("", page))
        self._design = belong_to_design(seen, len(self._pages))

    def on(self, number: int, place: str) -> list[Shown]:
        """As of `kept`."""
        found = self._shown.on("", self._pages[number - 1], fixed=False)
        return kept(self.parts.left_out, [one for one in found if one.part not in self._design], place)


def _with_addresses(chapter: bytes) -> str:
    """The pictures in it by their numbers, in the way of other pages."""

    def numbered(found: re.Match[bytes]) -> bytes:
        number = int(found[1]) if found[1] else int(found[2], 32)
        return b'src="%d"' % number

    return _PICTURE.sub(numbered, chapter).decode("latin-1")


class _Book:
    """`text`: of its first or only edition; `chapters`: its pieces, of which each says or shows something. Raises struct.error, IndexError, ValueError for a damaged one."""

    def __init__(self, data: bytes, name: str) -> None:
        (count,) = struct.unpack_from(">H", data, 76)
        self._data = data
        self._places = [*(struct.unpack_from(">I", data, 78 + 8 * n)[0] for n in range(count)), len(data)]
        head = self._head = self._record(0)
        packing, length, texts, _, locked = struct.unpack_from(">H2xI3H", head)
        if locked:
            raise InvalidRequest(
                f"{name} is copy-protected", "Only books without copy protection can be read."
            )
        if packing not in (_UNPACKED, _PALMDOC):
            raise UnsupportedMedia(f"{name} is packed in a way that is not read here", _CONVERT)
        # Before Mobipocket there was the text alone.
        size, code, version = (
            struct.unpack_from(">I4xI4xI", head, 20) if head[16:20] == b"MOBI" else (0, 1252, 0)
        )
        self.encoding = "utf-8" if code == 65001 else "cp1252"
        trailing = struct.unpack_from(">H", head, 242)[0] if size >= 228 else 0
        pieces, total, room = [], 0, len(data)
        for number in range(1, texts + 1):
            record = self._record(number)
            room -= len(record)
            if room < 0:
                raise ValueError("records that lie over each other")
            body = _without_trailing(record, trailing)
            pieces.append(_unpacked(body) if packing == _PALMDOC else body)
            total += len(pieces[-1])
            if total > _LONGEST:
                raise UnsupportedMedia(f"{name} has more text than is read here", _CONVERT)
        self.text = b"".join(pieces)[: self._flow(total) if version >= 8 else length]
        self.about = list(self._about())
        pieces = [_FRAME.sub(b"", piece) for piece in _CHAPTER.split(self.text)]
        self.chapters = [p for p in pieces if _TAG.sub(b"", p).strip() or _PICTURE.search(p)]
        # By their numbers from 1, as the text has them.
        first = struct.unpack_from(">I", head, 108)[0] if size >= 112 - 16 else count
        self.pictures: dict[str, bytes] = {}
        room = len(data)  # records that lie over each other would make more of it
        for number, (start, end) in enumerate(itertools.pairwise(self._places[first:][: _RECORDS + 1]), 1):
            if data.startswith(_KINDS, start) and 0 < end - start <= room:
                self.pictures[str(number)] = data[start:end]
                room -= end - start

    def _record(self, number: int) -> bytes:
        start, end = self._places[number : number + 2]
        return self._data[start : min(end, start + _RECORD)]

    def _flow(self, end: int) -> int:
        """Where the text ends, and styles and drawings begin."""
        (at,) = struct.unpack_from(">I", self._head, 192)
        record = self._record(at) if at + 1 < len(self._places) else b""
        return (
            int(struct.unpack_from(">I", record, 16)[0])
            if record.startswith(b"FDST") and len(record) >= 20
            else end
        )

    def _about(self) -> Said:
        at = 16 + (struct.unpack_from(">I", self._head, 20)[0] if len(self._head) > 24 else 0)
        if self._head[at : at + 4] != b"EXTH":
            return []
        (count,) = struct.unpack_from(">I", self._head, at + 8)
        said: Said = []
        at += 12
        for _ in range(min(count, 500)):
            kind, size = struct.unpack_from(">II", self._head, at)
            if kind in _ABOUT:
                said.append((_ABOUT[kind], self._head[at + 8 : at + size].decode("utf-8", "replace")))
            at += max(size, 8)
        return said


def _without_trailing(record: bytes, flags: int) -> bytes:
    """Each bit says that something follows the text, and how long that is stands at its end."""
    for bit in range(15, 0, -1):
        if flags >> bit & 1:
            size = 0
            for byte in record[-4:]:
                size = byte & 0x7F if byte & 0x80 else size << 7 | byte
            record = record[: len(record) - size] if size else record
    return record[: len(record) - (record[-1] & 3) - 1] if flags & 1 and record else record


def _unpacked(data: bytes) -> bytes:
    out = bytearray()
    at = 0
    while at < len(data):
        byte = data[at]
        at += 1
        if 1 <= byte <= 8:
            out += data[at : at + byte]
            at += byte
        elif byte < 0x80:
            out.append(byte)
        elif byte >= 0xC0:
            out += bytes((0x20, byte ^ 0x80))
        elif at < len(data):
            pair = byte << 8 | data[at]
            at += 1
            back, length = pair >> 3 & 0x7FF, (pair & 7) + 3
            if not 0 < back <= len(out):
                raise ValueError("a copy of what is not there")
            copied = out[len(out) - back :][: min(back, length)]
            out += (copied * length)[:length]
    return bytes(out)
