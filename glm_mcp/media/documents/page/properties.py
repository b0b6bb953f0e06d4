"""What a PDF says of itself: the texts of its information dictionary, and of its XMP where that says more."""

from __future__ import annotations

import re

from glm_mcp.errors import UnsupportedMedia
from glm_mcp.media.documents.about import Said
from glm_mcp.media.documents.page.objects import TEXT, decoded, packed, packed_places
from glm_mcp.media.documents.zip_xml import local, xml

_INFO = re.compile(rb"/Info\s+(\d{1,9})\s+(\d{1,5})\s+R")
_SAID = re.compile(rb"/(Title|Author|Subject|Keywords)\s*" + TEXT, re.DOTALL)
_LONGEST = 40_000  # bytes of the dictionary
# Of XMP; what its schema calls the subject are words to find it by.
_XMP = {"title": "title", "creator": "author", "description": "subject", "subject": "keywords"}


def properties(data: bytes, xmp: str | None) -> Said:
    """Of the bytes of a file (b"" where they are too many) and its XMP. Of an encrypted file the XMP alone."""
    said = [] if b"/Encrypt" in data else _of_info(data)
    known = {word for word, _ in said}
    return [*said, *((word, text) for word, text in _of_xmp(xmp or "") if word not in known)]


def _of_info(data: bytes) -> Said:
    named = _INFO.findall(data, max(0, data.rfind(b"/Info") - _LONGEST))
    if not named:
        return []
    number, generation = named[-1]
    # The last is the valid one. The pattern begins with its letters, which are searched for at the speed of memory.
    begin = rb"%s[ \r\n]{1,9}%s[ \r\n]{1,9}obj\b" % (number, generation)
    starts = [m.end() for m in re.finditer(begin, data) if not data[m.start() - 1 : m.start()].isdigit()]
    if starts:
        info = data[starts[-1] : starts[-1] + _LONGEST]
        end = info.find(b"endobj")
        info = info[:end] if end >= 0 else info
    else:
        info = next((found for objects in packed(data) if (found := _packed_one(*objects, int(number)))), b"")
    return [(match[1].decode().lower(), decoded(match[2], match[3])) for match in _SAID.finditer(info)]


def _packed_one(head: bytes, objects: bytes, number: int) -> bytes:
    """The object of that number among packed ones."""
    place = next((place for place in packed_places(head, objects) if place[0] == number), (number, 0, 0))
    return objects[place[1] : min(place[2], place[1] + _LONGEST)]


def _of_xmp(text: str) -> Said:
    start, end = text.find("<x:xmpmeta"), text.rfind(">")
    try:
        tree = xml(text[max(start, 0) : end + 1].encode(), "the PDF")
    except UnsupportedMedia:
        return []
    said: Said = []
    for element in tree.iter():
        if local(element) in _XMP and "purl.org/dc/" in str(element.tag):
            # One text in several languages: the first stands for all.
            alternatives = any(local(e) == "Alt" for e in element)
            texts = [t for e in element.iter() if (t := (e.text or "").strip())]
            said.append((_XMP[local(element)], ", ".join(texts[:1] if alternatives else texts)))
    return said
