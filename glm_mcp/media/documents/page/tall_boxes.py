"""Fonts whose box is several times as tall as their letters, as Cambria's, which has mathematical signs in it: the parser
takes lines for written one over the other that are not, and leaves all but the last of them out.
"""

from __future__ import annotations

import re

from glm_mcp.media.documents.page.objects import packed, packed_places, with_objects

_NUMBER = rb"-?\d{1,9}(?:\.\d{0,12})?"
_BOX = re.compile(rb"/FontBBox\s*\[(\s*%b\s+(%b)\s+%b\s+(%b)\s*)\]" % ((_NUMBER,) * 4))
_TALL = 2000  # thousandths of a letter's size; most fonts have 1200


def lowered(data: bytes) -> bytes:
    """The file without such boxes; the same object where it has none."""
    if b"/Encrypt" not in data:
        data = with_objects(data, _packed(data))
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
