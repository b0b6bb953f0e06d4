"""The names of the files that a PDF carries (attachments, portfolios), out of its bytes: the parser has no word for them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from glm_mcp.media.documents.page.objects import decoded, packed

_EMBEDDED = re.compile(rb"/EF\s*(?:<<|\d)")
_NAME = re.compile(rb"/(?:UF|F)\s*(?:\(((?:[^()\\]|\\.){0,1000})\)|<([0-9A-Fa-f\s]{0,4000})>)", re.DOTALL)
_AROUND = 1_500  # bytes of a file's dictionary
_READ = 5_000  # files that are looked at


def attachment_notes(data: bytes) -> list[str]:
    """What a careful reader must know of the files in a PDF; [] when it carries none."""
    names: dict[str, None] = {}
    portfolio = False
    for objects in _objects(data):
        portfolio = portfolio or re.search(rb"/Collection\s*(?:<<|\d)", objects) is not None
        for match in itertools.islice(_EMBEDDED.finditer(objects), _READ):
            before = objects[max(0, match.start() - _AROUND) : match.start()].rpartition(b"obj")[2]
            own = before + objects[match.start() : match.end() + _AROUND].partition(b"endobj")[0]
            name = _NAME.search(own)
            names[decoded(name[1], name[2]) if name else "a file without a name"] = None
    if not names:
        return []
    listed = ", ".join(list(names)[:50]) + (f" and {len(names) - 50} more" if len(names) > 50 else "")
    if b"/Encrypt" in data:
        listed = f"{len(names)} files"
    what = (
        "the PDF is a portfolio; its files are not read"
        if portfolio
        else "files attached to the PDF are not read"
    )
    return [f"{what}: {listed}"]


def _objects(data: bytes) -> Iterator[bytes]:
    """The bytes of the file, then what its packed objects hold."""
    if b"/EF" in data or b"/Collection" in data:
        yield data
    yield from (objects for _, objects in packed(data) if b"/EF" in objects or b"/Collection" in objects)
