"""Seals on the pages of an OFD: whose they are, what they look like and where they stand. They are not verified."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import NamedTuple
from xml.etree import ElementTree as ET

from glm_mcp.media.documents.fixed.numbers import numbers
from glm_mcp.media.documents.zip_xml import attribute, local

# A tree, and the bytes, of a part that another one names: (path of the naming part, name) -> (path, content).
Tree = Callable[[str, str], tuple[str, ET.Element | None]]
Bytes = Callable[[str, str], bytes]

_STAMPS = 500  # of one document
_DEPTH = 8  # of a seal's data
_PARTS = 10_000  # that are looked at in them
_NAME = 100
_TEXT, _SEQUENCE, _UTF8 = (0x0C, 0x13, 0x16), 0x30, 0x0C


class Seal(NamedTuple):
    """`name`: "" where it has none. `picture`: in a format of its own, an OFD too; b"" where none was found."""

    name: str
    picture: bytes


class Stamp(NamedTuple):
    """A seal on a page, by its ID; in millimetres from the page's corner, and from its own for what is seen of it."""

    seal: Seal
    page: str
    box: list[float]
    clip: list[float] | None


def stamps(root: str, place: str, tree: Tree, content: Bytes) -> Iterator[Stamp]:
    """`place`: of the list of signatures, as the part `root` names it. A signature without a seal is none.

    Raises UnsupportedMedia, MediaTooLarge.
    """
    return itertools.islice(_stamps(root, place, tree, content), _STAMPS)


def _stamps(root: str, place: str, tree: Tree, content: Bytes) -> Iterator[Stamp]:
    base, listed = tree(root, place)
    signatures = [e for e in (listed.iter() if listed is not None else ()) if local(e) == "Signature"]
    for signature in signatures[:_STAMPS]:
        path, said = tree(base, attribute(signature, "BaseLoc"))
        elements = list(said.iter()) if said is not None else []
        found = [e for e in elements if local(e) == "StampAnnot"]
        places = [e.text or "" for e in elements if local(e) in ("SignedValue", "BaseLoc")]
        seal = next(filter(None, (seal_in(content(path, p)) for p in places if found)), Seal("", b""))
        for e in found:
            box, clip = (numbers(attribute(e, word), 4) for word in ("Boundary", "Clip"))
            yield Stamp(seal, attribute(e, "PageRef"), box, clip if attribute(e, "Clip") else None)


def seal_in(data: bytes) -> Seal | None:
    """The seal of a signature or of a seal's own file (GB/T 38540, in DER): a picture is a word for its format, its bytes,
    its width and its height; what stands before it says the name.
    """
    left = itertools.count(_PARTS, -1)

    def look(start: int, end: int, depth: int) -> Seal | None:
        before = (0, 0)
        for tag, first, last in _parts(data, start, end):
            if next(left) < 0 or depth > _DEPTH:
                return None
            if tag != _SEQUENCE:
                continue
            inner = list(itertools.islice(_parts(data, first, last), 4))
            if len(inner) == 4 and inner[0][0] in _TEXT and [t for t, _, _ in inner[1:]] == [4, 2, 2]:
                names = (data[a:b] for tag, a, b in _parts(data, *before) if tag == _UTF8)
                return Seal(
                    next(names, b"").decode("utf-8", "replace")[:_NAME].strip(), data[slice(*inner[1][1:])]
                )
            if seal := look(first, last, depth + 1):
                return seal
            before = first, last
        return None

    return look(0, len(data), 0)


def _parts(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """The tag of each value, and where its content begins and ends; up to where they make no sense."""
    while at + 2 <= end:
        tag, length, first = data[at], data[at + 1], at + 2
        if length & 0x80:
            first += length & 0x7F
            length = int.from_bytes(data[at + 2 : first], "big") if first <= min(end, at + 6) else end
        at = first + length
        if at > end:
            return
        yield tag, first, at
