"""Objects of a PDF out of its bytes, for what the parser has no word for: the packed ones, and texts in them."""

from __future__ import annotations

import contextlib
import re
import struct
import zlib
from collections.abc import Iterator

_PACKED = re.compile(rb"/Type\s{0,9}/ObjStm\b")
_BEGINS = re.compile(rb"\bstream\r?\n")
# A text in round brackets, which may hold such, or as digits in angle ones: the two groups of `decoded`.
TEXT = rb"(?:\(((?:[^()\\]|\\.|\((?:[^()\\]|\\.){0,500}+\)){0,4000}+)\)|<([0-9A-Fa-f\s]{0,16000}+)>)"
_NUMBER = re.compile(rb"(\d{1,9})\s+\d{1,5}\s+\Z")
_ESCAPE = re.compile(rb"\\([0-7]{1,3}|\r\n|.)", re.DOTALL)
_ROOT = re.compile(rb"/Root\s+\d{1,9}\s+\d{1,5}\s+R")
_DIRECTORY = re.compile(rb"\s*(?:xref|\d{1,9}\s+\d{1,5}\s+obj)\b")
_SIZE = re.compile(rb"/Size\s+(\d{1,9})")
_UNPACKED = 50_000_000  # bytes of packed objects that are looked through
_OBJECTS = 100_000  # of one stream
_BEFORE, _BEHIND = 500, 2_000  # bytes of a dictionary before its type, and behind it
_PIECE = 65_536  # bytes that are unpacked at once


def packed(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The dictionary of each stream of packed objects, from wherever it begins, and the objects."""
    room, behind = _UNPACKED, 0
    for match in _PACKED.finditer(data):
        if match.start() < behind:  # within the packed bytes of the one before
            continue
        end = match.end() + _BEHIND
        ends = data.find(b"endobj", match.end(), end)
        at = data.find(b"stream", match.end(), ends if ends >= 0 else end)
        begins = _BEGINS.match(data, at) if at >= 0 else None
        if not begins:
            continue
        objects, behind, _ = unpacked(data, begins.end(), room)
        room -= len(objects)
        head = data[max(0, match.start() - _BEFORE) : match.start()].rpartition(b"obj")[2]
        yield head + data[match.start() : begins.end()], objects
        if room <= 0:
            return


def unpacked(data: bytes, start: int, most: int, taken: int = 10_000_000) -> tuple[bytes, int, bool]:
    """What lies packed from there on, at most so many bytes of at most so many that are `taken`; where that ends; and whether
    it is whole. A piece at a time: all that stands behind would be copied, for each of many.
    """
    unpacker, pieces, at, limit = zlib.decompressobj(), list[bytes](), start, min(len(data), start + taken)
    with contextlib.suppress(zlib.error):
        while at < limit and most > 0 and not unpacker.eof:
            ahead = min(at + _PIECE, limit)
            pieces.append(unpacker.decompress(data[at:ahead], most))
            most -= len(pieces[-1])
            at = ahead - len(unpacker.unused_data) - len(unpacker.unconsumed_tail)
    return b"".join(pieces), at, unpacker.eof


def packed_places(head: bytes, objects: bytes) -> list[tuple[int, int, int]]:
    """Number, start and end of each of packed objects, which begin with pairs of number and place."""
    first = re.search(rb"/First\s+(\d{1,9})", head)
    start = int(first[1]) if first else 0
    pairs = [
        int(word) for word in objects[:start].split()[: 2 * _OBJECTS] if word.isdigit() and len(word) < 10
    ]
    places = sorted((start + place, number) for number, place in zip(pairs[::2], pairs[1::2], strict=False))
    ends = [*(place for place, _ in places[1:]), len(objects)]
    return [(number, place, end) for (place, number), end in zip(places, ends, strict=False)]


def owner(data: bytes, at: int, around: int) -> tuple[bytes, int] | None:
    """The number of the object in which that place lies, and where its "obj" stands, at most so far before it."""
    begins = data.rfind(b"obj", max(0, at - around), at)
    number = _NUMBER.search(data, max(0, begins - 30), max(0, begins))
    return (number[1], begins) if number else None


def with_objects(data: bytes, changed: dict[int, bytes]) -> bytes:
    """The file with these objects written anew at its end, as a program writes them that changes it."""
    start = data.rfind(b"startxref")
    before = re.match(rb"startxref\s+(\d{1,12})", data[max(start, 0) :])
    if not changed or before is None or not (root := _root(data, int(before[1]))):
        return data
    size = max(max(map(int, _SIZE.findall(data)), default=1) - 1, *changed) + 2
    places, end, written = {}, len(data), [data]
    for number, own in changed.items():
        places[number] = end + 1
        written.append(b"\n%d 0 obj\n%s\nendobj" % (number, own))
        end += len(written[-1])
    places[size - 1] = end + 1
    rows = b"".join(struct.pack(">BIH", 1, place, 0) for place in places.values())
    index = b" ".join(b"%d 1" % number for number in places)
    written.append(
        b"\n%d 0 obj\n<< /Type /XRef /Size %d %s /Prev %s /W [1 4 2] /Index [%s] /Length %d >>\nstream\n%s\nendstream\nendobj\n"
        b"startxref\n%d\n%%%%EOF\n"
        % (size - 1, size, root, before[1], index, len(rows), rows, places[size - 1])
    )
    return b"".join(written)


def _root(data: bytes, place: int) -> bytes:
    """That of the directory there, since a PDF within the file has one too; where none is there, the last in the file."""
    own = _ROOT.search(data, place) if _DIRECTORY.match(data, place) else None
    return own[0] if own else next(reversed(_ROOT.findall(data)), b"")


def decoded(literal: bytes | None, digits: bytes) -> str:
    """A text of which one form is there: what stood in round brackets, or the digits that stood in angle ones."""
    if literal is not None:
        raw = _ESCAPE.sub(_character, literal)
    else:
        digits = re.sub(rb"\s", b"", digits)
        raw = bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode())
    marks = {b"\xfe\xff": "utf-16-be", b"\xff\xfe": "utf-16-le", b"\xef\xbb\xbf": "utf-8"}
    mark = next((mark for mark in marks if raw.startswith(mark)), b"")
    return " ".join(
        raw[len(mark) :].decode(marks.get(mark) or _unmarked(raw), "replace").replace("\0", "").split()
    )


def _unmarked(raw: bytes) -> str:
    """The encoding of a text without a mark: Latin letters by the standard, but programs write their system's own."""
    for encoding, fewest in (("utf-8", 1), ("gb2312", 4)):
        try:
            raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if sum(byte > 127 for byte in raw) >= fewest:
            return encoding
    return "latin-1"


def _character(escape: re.Match[bytes]) -> bytes:
    code = escape[1]
    if code.isdigit():
        return bytes([int(code, 8) & 255])
    return {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"\n": b"", b"\r\n": b"", b"\r": b""}.get(code, code)
