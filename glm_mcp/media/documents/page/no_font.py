"""Chinese, Japanese and Korean in a font that is not in the file: where the machine has none either, the parser passes over
each text of a single letter (a unit in a table, a label written downwards), and lines have no height.
"""

from __future__ import annotations

import itertools
import re
import struct

from glm_mcp.media.documents.fixed.boxes import NARROW, WIDE, font, stream
from glm_mcp.media.documents.page.objects import owner, packed, packed_places, with_objects

_KINDS = re.compile(rb"/CIDFontType[02]\b|/Type\s*/FontDescriptor\b")
_LINK = re.compile(rb"/FontDescriptor\s+(\d{1,9})\s+\d{1,5}\s+R\b")
_MAP = re.compile(rb"/CIDToGIDMap\s*(?:/Identity|\d+\s+\d+\s+R)")
_AROUND = 4_000  # bytes of one object
_MOST = 5_000  # names of fonts that are looked at
_BLANKS = (0, 1, 3, 96, 99, 101, 633)  # of those lists, and of fonts with their own: text may stand on them
_LATIN = 232  # codes from the first on that the lists of Adobe have for letters of half a width


def with_boxes(data: bytes) -> bytes:
    """The file with boxes for the letters of such fonts; the same object where it has none. To be read, not to be seen."""
    if (b"/CIDFontType" not in data and b"/ObjStm" not in data) or b"/Encrypt" in data:
        return data
    found = _objects(data)
    first = max(found, default=0) + 1 + max(map(int, re.findall(rb"/Size\s+(\d{1,9})", data)), default=0)
    changed: dict[int, bytes] = {}
    for number, own in found.items():
        link = _LINK.search(own) if b"/CIDFontType" in own else None
        told = found.get(int(link[1]), b"/FontFile") if link else b"/FontFile"
        if link and b"/FontFile" not in told:
            plain = _MAP.sub(b"", own.replace(b"/CIDFontType0", b"/CIDFontType2"))
            changed[number] = _with(plain, b"/CIDToGIDMap %d 0 R" % (first + 1))
            changed[int(link[1])] = _with(told, b"/FontFile2 %d 0 R" % first)
    if not changed:
        return data
    glyphs = [NARROW] * _LATIN + [WIDE] * (0x10000 - _LATIN)
    for code in _BLANKS:
        glyphs[code] = 0
    boxes = struct.pack(f">{len(glyphs)}H", *glyphs)
    return with_objects(data, {**changed, first: stream(font()), first + 1: stream(boxes)})


def _objects(data: bytes) -> dict[int, bytes]:
    """Those that say something of fonts, by their numbers; of one number the last."""
    found: dict[int, bytes] = {}
    for head, objects in packed(data):
        if _KINDS.search(objects):
            found |= {number: objects[start:end] for number, start, end in packed_places(head, objects)}
    for kind in itertools.islice(_KINDS.finditer(data), _MOST):
        ends = data.find(b"endobj", kind.end(), kind.end() + _AROUND)
        if ends > 0 and (own := owner(data, kind.start(), _AROUND)):
            found[int(own[0])] = data[own[1] + len(b"obj") : ends]
    return found


def _with(own: bytes, more: bytes) -> bytes:
    end = own.rfind(b">>")
    return own[:end] + more + own[end:] if end >= 0 else own
