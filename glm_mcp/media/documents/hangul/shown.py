"""Which pictures a Hangul document shows, and how large."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from xml.etree import ElementTree as ET

from glm_mcp.media.documents.common.shown import Shown
from glm_mcp.media.documents.zip_xml import attribute, local

_A4 = 59_528 * 84_188  # in the format's own units, 7,200 an inch
_FAR = 10**7


def shown_in(section: ET.Element, parts: Mapping[str, str]) -> Iterator[Shown]:
    """In their order. `parts`: by the numbers that pictures name."""
    for picture in (e for e in section.iter() if local(e) == "pic"):
        inner = {local(e): e for e in picture}
        image, size = inner.get("img"), inner.get("sz")
        path = parts.get(attribute(image, "binaryItemIDRef"), "") if image is not None else ""
        if path:
            across, down = (
                (0, 0) if size is None else (_units(attribute(size, n)) for n in ("width", "height"))
            )
            yield Shown(path, min(across * down / _A4, 1.0))


def _units(text: str) -> int:
    return min(int(text), _FAR) if text.isdecimal() and len(text) < 12 else 0
