"""The fields of a user's own in files of Microsoft's older formats: the second section of a stream of properties."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from glm_mcp.media.documents.richtext.words import code_page

STREAM = "\x05DocumentSummaryInformation"
_KIND = bytes.fromhex("05d5cdd59c2e1b10939708002b2cf9ae")  # of the section
_SECTIONS, _FIELDS, _LONGEST = 8, 200, 10_000  # of a stream; of a section; bytes of a text
_TEXT, _WIDE_TEXT = 0x1E, 0x1F
_WIDE = 1200  # the code page of UTF-16


def own_fields(stream: bytes) -> list[tuple[str, str]]:
    """Names and texts, in the order of their numbers; what is damaged or no text is left out. [MS-OLEPS]."""
    start = _section(stream)
    if not start:
        return []
    try:
        places, page = _places(stream, start)
        names = dict(_names(stream, places[0], page)) if 0 in places else {}
        fields = [(names[n], _text(stream, places[n], page)) for n in sorted(names.keys() & places.keys())]
    except struct.error:  # cut off
        return []
    return [(name, text) for name, text in fields if text]


def first_fields(stream: bytes) -> dict[int, str]:
    """The texts of the first section by their numbers; what is damaged is left out."""
    found: dict[int, str] = {}
    try:
        places, page = _places(stream, struct.unpack_from("<I", stream, 44)[0])
        for number, place in places.items():
            found[number] = _text(stream, place, page)
    except struct.error:  # cut off
        pass
    return found


def _section(stream: bytes) -> int:
    """Where it begins; 0 when there is none."""
    for place in range(28, 28 + 20 * _SECTIONS, 20):
        if stream[place : place + 16] == _KIND and len(stream) >= place + 20:
            return int.from_bytes(stream[place + 16 : place + 20], "little")
    return 0


def _places(stream: bytes, start: int) -> tuple[dict[int, int], int]:
    """Where the fields of a section lie, by their numbers, and the code page of its texts. Raises struct.error."""
    (count,) = struct.unpack_from("<I", stream, start + 4)
    pairs = struct.iter_unpack("<II", stream[start + 8 : start + 8 + 8 * min(count, _FIELDS)])
    places = {number: start + offset for number, offset in pairs}
    return places, struct.unpack_from("<H", stream, places[1] + 4)[0] if 1 in places else 1252


def _names(stream: bytes, place: int, page: int) -> Iterator[tuple[int, str]]:
    (count,) = struct.unpack_from("<I", stream, place)
    place += 4
    for _ in range(min(count, _FIELDS)):
        number, length = struct.unpack_from("<II", stream, place)
        size = length * (2 if page == _WIDE else 1)
        yield number, _decoded(stream[place + 8 : place + 8 + min(size, _LONGEST)], page)
        place += 8 + size + (-size % 4 if page == _WIDE else 0)


def _text(stream: bytes, place: int, page: int) -> str:
    kind, length = struct.unpack_from("<HxxI", stream, place)
    if kind not in (_TEXT, _WIDE_TEXT):
        return ""
    size = min(length * (2 if kind == _WIDE_TEXT else 1), _LONGEST)
    return _decoded(stream[place + 8 : place + 8 + size], _WIDE if kind == _WIDE_TEXT else page)


def _decoded(raw: bytes, page: int) -> str:
    name = "utf-16-le" if page == _WIDE else code_page(page)
    return raw.decode(name, "replace").partition("\0")[0].strip()
