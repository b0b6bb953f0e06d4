"""The bookmarks of a PDF (its outline) whose words no page says, out of its bytes: the parser has no word for them."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator

from glm_mcp.media.documents.common.slide_name import UNNAMED
from glm_mcp.media.documents.page.objects import TEXT, decoded, owner, packed, packed_places

_TITLE = re.compile(rb"/Title\s*" + TEXT, re.DOTALL)
_PARENT = re.compile(rb"/Parent\s+\d")  # what has a title but is no bookmark has none
_AROUND = 10_000  # bytes of one bookmark
_READ, _SHOWN, _LONGEST = 5_000, 50, 150  # titles; of these in a note; characters of one


def bookmark_notes(data: bytes, texts: Iterable[str]) -> list[str]:
    """What the bookmarks of a file say that its pages' `texts` do not; [] when nothing, or the file is encrypted."""
    if b"/Encrypt" in data:
        return []
    titles: dict[int, str] = {}
    # A bookmark that was changed stands in the file again, further on.
    for number, title in _titles(data):
        titles[number] = title
        if len(titles) >= _READ:
            break
    known = _bare(" ".join(texts)) if titles else ""
    unsaid = list(dict.fromkeys(title for title in titles.values() if _bare(title) not in known))
    if not unsaid:
        return []
    listed = "; ".join(title[:_LONGEST] for title in unsaid[:_SHOWN])
    more = f" and {len(unsaid) - _SHOWN} more" if len(unsaid) > _SHOWN else ""
    return [f"bookmarks that say what the text does not: {listed}{more}"]


def _titles(data: bytes) -> Iterator[tuple[int, str]]:
    """Numbers and titles of the objects that are bookmarks."""
    for match in itertools.islice(re.finditer(rb"/Title\b", data), _READ):
        if found := owner(data, match.start(), _AROUND):
            own = data[found[1] + len(b"obj") : match.start() + _AROUND].partition(b"endobj")[0]
            yield from _one(int(found[0]), own)
    for head, objects in packed(data):
        if b"/Title" in objects:
            for number, start, end in packed_places(head, objects):
                yield from _one(number, objects[start : min(end, start + _AROUND)])


def _one(number: int, own: bytes) -> Iterator[tuple[int, str]]:
    title = _TITLE.search(own) if _PARENT.search(own) else None
    text = decoded(title[1], title[2]) if title else ""
    if re.search(r"[^\W\d_]", text) and not UNNAMED.fullmatch(text):
        yield number, text


def _bare(text: str) -> str:
    """Its letters and digits alone, however they are written."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text)).casefold()
