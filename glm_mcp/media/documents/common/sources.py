"""The sources that a text cites, out of the data behind its marks: who wrote what, where it appeared, one line a source."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterable, Iterator
from xml.etree import ElementTree as ET

from glm_mcp.errors import MediaTooLarge, UnsupportedMedia
from glm_mcp.media.documents.markdown import solid
from glm_mcp.media.documents.ooxml.package import Package
from glm_mcp.media.documents.zip_xml import attribute, local

_MOST, _LONGEST = 1_000, 500  # sources; characters of one field
_LOOKED_FOR = 5_000  # in the whole text
_PARTS = 30  # of a package's own data
_FIRST = ("author", "title")
_NO_WORDS = ("identifier", "bibliography-type", "Tag", "SourceType", "Guid", "LCID", "RefOrder")

Source = tuple[str, list[str]]  # its mark in the text, and what is known of it, author and title first


def source_lines(sources: Iterable[Source], text: str) -> list[str]:
    """One line a source, each once, without what `text` says anyway, as where it has a list of its sources."""
    known = solid(text)
    told: dict[str, list[str]] = {}
    more = 0
    for mark, fields in itertools.islice(sources, _LOOKED_FOR):
        unsaid = [field for field in fields if solid(field) not in known]
        if not unsaid or mark in told:
            continue
        if len(told) >= _MOST:
            more += 1
            continue
        told[mark] = fields if fields[0] in unsaid else unsaid  # a year alone would not say whose it is
    lines = [f"[source {mark}: {'. '.join(fields)}]" for mark, fields in told.items()]
    return [*lines, f"[and {more} more sources]"] if more else lines


def of_marks(body: ET.Element) -> Iterator[Source]:
    """Of the bibliography marks of an OpenDocument text."""
    for mark in body.iter():
        if local(mark) == "bibliography-mark":
            names = {name.rpartition("}")[2]: value for name, value in mark.attrib.items()}
            yield _source(attribute(mark, "identifier"), names.items())


def of_word(package: Package, main: str) -> Iterator[Source]:
    """Of the list of sources that Word keeps beside a text."""
    for path in package.linked(main, "customXml")[:_PARTS]:
        with contextlib.suppress(UnsupportedMedia, MediaTooLarge):  # other data of a program's own
            tree = package.tree(path) if b"/bibliography" in package.read(path) else None
            for one in () if tree is None else tree:
                if local(one) == "Source":
                    tag = next((e.text or "" for e in one if local(e) == "Tag"), "")
                    yield _source(tag, ((local(e), _words(e)) for e in one))


def _source(mark: str, fields: Iterable[tuple[str, str]]) -> Source:
    said = [
        (name.lower(), " ".join(text.split())[:_LONGEST]) for name, text in fields if name not in _NO_WORDS
    ]
    first = [text for wanted in _FIRST for name, text in said if name == wanted]
    rest = [text for name, text in said if name not in _FIRST]
    return " ".join(mark.split())[:_LONGEST], [text for text in (*first, *rest) if text]


def _words(field: ET.Element) -> str:
    people = [" ".join("".join(e.itertext()) for e in p) for p in field.iter() if local(p) == "Person"]
    return ", ".join(people) or " ".join(field.itertext())
