"""Bookmarks that lead back to themselves, as damaged files have them: the parser follows them until its memory ends."""

from __future__ import annotations

import re
from collections.abc import Iterator

from glm_mcp.media.documents.page.objects import packed, packed_places, with_objects

_NAME = b"/Outlines"
_ROOT = re.compile(_NAME + rb"\s*(?:<<|\d)")
_LINK = re.compile(rb"/(?:Outlines|First|Next)\s+(\d{1,9})\s+\d{1,5}\s+R\b")
_NUMBER = re.compile(rb"(\d{1,9})\s+\d{1,5}\s+\Z")
_OBJECT = re.compile(rb"\b(\d{1,9})\s+\d{1,5}\s+obj\b")
_AROUND = 10_000  # bytes of one object


def without_circles(data: bytes) -> bytes:
    """The file with its bookmarks hidden, where one is met twice on the way through them; else the same object."""
    links: dict[int, list[int]] = {}
    roots: dict[int, bytes] = {}  # and what they are where they are packed
    for head, objects in packed(data):
        if b"/Next" in objects or b"/First" in objects or _NAME in objects:
            for number, start, end in packed_places(head, objects):
                own = objects[start:end]
                links[number] = [int(link[1]) for link in _LINK.finditer(own)]
                if _ROOT.search(own):
                    roots[number] = own
    # What stands in a file beside its packed objects is mostly newer than those; of one object what comes last.
    places: dict[int, int] = {}
    for number, place, link in _owned(data, _LINK):
        if places.get(number) != place:
            links[number] = []
        places[number] = place
        links[number].append(int(link[1]))
    roots |= {number: b"" for number, *_ in _owned(data, _ROOT)}
    if not any(_circular(root, links) for root in roots):
        return data
    for match in _OBJECT.finditer(data):  # one that was written anew may lead nowhere now
        if match.end() > places.get(int(match[1]), match.end()) + len(b"obj"):
            links[int(match[1])] = []
    if not any(_circular(root, links) for root in roots):
        return data
    hidden = _NAME.lower()
    changed = {number: own.replace(_NAME, hidden) for number, own in roots.items() if own}
    return with_objects(data.replace(_NAME, hidden), changed)


def _owned(data: bytes, pattern: re.Pattern[bytes]) -> Iterator[tuple[int, int, re.Match[bytes]]]:
    """What is found, with the number and the place of the object in which it stands."""
    for match in pattern.finditer(data):
        start = data.rfind(b"obj", max(0, match.start() - _AROUND), match.start())
        number = _NUMBER.search(data[max(0, start - 20) : max(0, start)])
        if number:
            yield int(number[1]), start, match


def _circular(root: int, links: dict[int, list[int]]) -> bool:
    met: set[int] = set()
    ahead = [root]
    while ahead:
        number = ahead.pop()
        if number in met:
            return True
        met.add(number)
        ahead += links.get(number, ())
    return False
