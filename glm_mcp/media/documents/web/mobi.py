"""Kindle books (MOBI, AZW, AZW3): their text, which is HTML in packed records, by chapters."""

from __future__ import annotations

import re
import struct
from typing import Any, BinaryIO

from glm_mcp.errors import InvalidRequest, UnsupportedMedia
from glm_mcp.media.charset import decode
from glm_mcp.media.documents.about import Said, with_about
from glm_mcp.media.documents.html import html_markdown
from glm_mcp.media.documents.pages import choose, result

_CONVERT = "Convert it to EPUB (for instance with Calibre)."
_RECORD = 1 << 16  # bytes; they are counted in two bytes
_LONGEST = 100_000_000  # bytes of the text
_ABOUT = {100: "author", 101: "publisher", 103: "description", 105: "subject", 503: "title"}
_UNPACKED, _PALMDOC = 1, 2
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
    name = params["name"]
    file.seek(0)
    try:
        book = _Book(file.read(), name)
    except (struct.error, IndexError, ValueError):
        raise UnsupportedMedia(f"{name} is damaged: its text cannot be read", _CONVERT) from None
    chapters = [
        piece
        for piece in (_FRAME.sub(b"", p) for p in _CHAPTER.split(book.text))
        if _TAG.sub(b"", piece).strip()
    ]
    if not chapters:
        raise UnsupportedMedia(f"{name} holds no text", _CONVERT)
    rows = []
    for number in choose(params.get("pages"), len(chapters), name, unit="chapter"):
        html = decode(chapters[number - 1], name, params.get("encoding") or book.encoding).text
        rows.append((number, f"chapter {number}", html_markdown(html, what=f"reading {name}"), ""))
    return with_about(result("mobi", rows, len(chapters)), book.about), []


class _Book:
    """`text`: of its first or only edition. Raises struct.error, IndexError, ValueError for a damaged one."""

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
        pieces, total = [], 0
        for number in range(1, texts + 1):
            body = _without_trailing(self._record(number), trailing)
            pieces.append(_unpacked(body) if packing == _PALMDOC else body)
            total += len(pieces[-1])
            if total > _LONGEST:
                raise UnsupportedMedia(f"{name} has more text than is read here", _CONVERT)
        self.text = b"".join(pieces)[: self._flow(total) if version >= 8 else length]
        self.about = list(self._about())

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
            for _ in range(length):
                out.append(out[-back])
    return bytes(out)
