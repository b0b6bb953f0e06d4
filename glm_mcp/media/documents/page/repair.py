"""Files that the parser cannot take as they are: one that was cut off, and one whose bookmarks lead back to themselves, as
damaged files have them; the parser follows those until its memory ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from glm_mcp.media.documents.page.objects import owner, packed, packed_places, with_objects

_TYPE = re.compile(rb"/Type\s{0,9}/Page\b")
_BEGINS = re.compile(rb"(\d{1,9}) (\d{1,5}) \Z")
_BEFORE = 2_000  # bytes of a page before its type
_KIDS = re.compile(rb"/Kids\s*\[([^\[\]]{0,100000})\]")
_DEEP = 50  # nodes in nodes
_STREAM = re.compile(rb">>\s*stream\r?\n")
_NAME = b"/Outlines"
_ROOT = re.compile(_NAME + rb"\s*(?:<<|\d)")
_LINK = re.compile(rb"/(?:Outlines|First|Next)\s+(\d{1,9})\s+\d{1,5}\s+R\b")
_OBJECT = re.compile(rb"\b(\d{1,9})\s+\d{1,5}\s+obj\b")
_AROUND = 10_000  # bytes of one object


def with_directory(data: bytes) -> bytes:
    """A file (of up to 100 MB) cut off before its directory, with a new one of the pages that are there; b"" when none is."""
    if len(data) > 100_000_000 or not data.startswith(b"%PDF-") or b"/Encrypt" in data:
        return b""
    end = data.rfind(b"endobj") + len(b"endobj")
    pages = _in_order(data, dict(_pages(data[:end])))
    if not pages:
        return b""
    # What was cut goes: its open string, dictionary or comment would take in what follows. A cut stream can be read.
    if not _STREAM.search(data, end):
        data = data[:end]
    kids = b" ".join(b"%s %s R" % page for page in pages.items())
    free = max(int(number) for number in re.findall(rb"(\d{1,9}) \d{1,5} obj\b", data)) + 1
    added = (
        b"\nendstream\nendobj\n"  # of the stream that was cut, if any
        b"%d 0 obj\n<< /Type /Pages /Kids [%s] /Count %d >>\nendobj\n" % (free, kids, len(pages)),
        b"%d 0 obj\n<< /Type /Catalog /Pages %d 0 R >>\nendobj\n" % (free + 1, free),
        b"trailer\n<< /Root %d 0 R /Size %d >>\nstartxref\n0\n%%%%EOF\n" % (free + 1, free + 2),
    )
    return data + b"".join(added)


def _pages(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Numbers and generations of the objects that are pages."""
    for said in _TYPE.finditer(data):
        begins = data.rfind(b"obj", max(0, said.start() - _BEFORE), said.start())
        number = _BEGINS.search(data, max(0, begins - 20), max(0, begins))
        if number and data.find(b"endobj", begins, said.start()) < 0:
            yield number[1], number[2]


def _in_order(data: bytes, pages: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """Page objects, which lie in a file as they were written, in the order that the nodes above them say, where these are."""
    kids: dict[bytes, list[bytes]] = {}
    for said in _KIDS.finditer(data):
        if node := owner(data, said.start(), _AROUND):
            kids[node[0]] = re.findall(rb"(\d{1,9})\s+\d{1,5}\s+R", said[1])
    above = {kid: node for node, said in kids.items() for kid in said}
    ordered: dict[bytes, bytes] = {}

    def take(node: bytes, depth: int) -> None:
        if node in pages and node not in ordered:
            ordered[node] = pages[node]
        elif node not in pages and depth < _DEEP:
            for kid in kids.pop(node, ()):
                take(kid, depth + 1)

    for page in pages:
        top = page
        for _ in range(_DEEP):
            top = above.get(top, top)
        take(top, 0)
        take(page, 0)
    return ordered


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
        if own := owner(data, match.start(), _AROUND):
            yield int(own[0]), own[1], match


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
