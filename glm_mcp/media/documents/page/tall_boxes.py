"""Fonts whose box is several times as tall as their letters, as Cambria's, which has mathematical signs in it: the parser
takes lines for written one over the other that are not, and leaves all but the last of them out.
"""

from __future__ import annotations

import re
import struct

from glm_mcp.media.documents.page.objects import packed, packed_places

_NUMBER = rb"-?\d{1,9}(?:\.\d{0,12})?"
_BOX = re.compile(rb"/FontBBox\s*\[(\s*%b\s+(%b)\s+%b\s+(%b)\s*)\]" % ((_NUMBER,) * 4))
_TALL = 2000  # thousandths of a letter's size; most fonts have 1200
_ROOT = re.compile(rb"/Root\s+\d{1,9}\s+\d{1,5}\s+R")
_SIZE = re.compile(rb"/Size\s+(\d{1,9})")


def lowered(data: bytes) -> bytes:
    """The file without such boxes; the same object where it has none."""
    if b"/Encrypt" not in data:
        data = _with(data, _packed(data))
    return _BOX.sub(_low, data)


def _packed(data: bytes) -> dict[int, bytes]:
    """The changed ones among packed objects, by their numbers."""
    changed = {}
    for head, objects in packed(data):
        if b"/FontBBox" in objects:
            for number, start, end in packed_places(head, objects):
                own = objects[start:end]
                if (low := _BOX.sub(_low, own)) != own:
                    changed[number] = low
    return changed


def _low(box: re.Match[bytes]) -> bytes:
    """A box of the same length that says nothing, where it was too tall."""
    if float(box[3]) - float(box[2]) <= _TALL:
        return box[0]
    return box[0].replace(box[1], b"0 0 0 0".ljust(len(box[1])))


def _with(data: bytes, changed: dict[int, bytes]) -> bytes:
    """The file with these objects written anew at its end, as a program writes them that changes it."""
    start = data.rfind(b"startxref")
    before, root = re.match(rb"startxref\s+(\d{1,12})", data[max(start, 0) :]), _ROOT.findall(data)
    if not changed or before is None or not root:
        return data
    size = max(int(n) for n in _SIZE.findall(data)) + 1
    places = {}
    for number, own in changed.items():
        places[number] = len(data) + 1
        data += b"\n%d 0 obj\n%s\nendobj" % (number, own)
    places[size - 1] = len(data) + 1
    rows = b"".join(struct.pack(">BIH", 1, place, 0) for place in places.values())
    index = b" ".join(b"%d 1" % number for number in places)
    return data + (
        b"\n%d 0 obj\n<< /Type /XRef /Size %d %s /Prev %s /W [1 4 2] /Index [%s] /Length %d >>\nstream\n%s\nendstream\nendobj\n"
        b"startxref\n%d\n%%%%EOF\n"
        % (size - 1, size, root[-1], before[1], index, len(rows), rows, places[size - 1])
    )
