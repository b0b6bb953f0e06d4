"""The pictures of a `.doc`: those in its lines, and those that float over it, as elements of DOCX ([MS-DOC], [MS-ODRAW])."""

from __future__ import annotations

import contextlib
import struct
from xml.etree import ElementTree as ET

from glm_mcp.media.documents.containers.blips import STORE, Blip, blip, stored
from glm_mcp.media.documents.word.binary import Binary
from glm_mcp.media.documents.word.drawn import DRAWINGS, Placed

_V = "urn:schemas-microsoft-com:vml"
_R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_DRAWINGS, _SHAPE = 0xF000, 0xF004  # records
_NAMED = 0x66  # of a picture that a name comes before
_SIZE = 28  # where it stands in what comes before a picture
_TWENTIETHS = 20.0  # of a point
_MOST, _ALL = 2_000, 100 * 1024 * 1024  # pictures of a text, and bytes of all


class Pictures:
    """`held`: those that elements were made of, by the names of their parts; empty ones unless `with_bytes`."""

    def __init__(self, binary: Binary, *, with_bytes: bool) -> None:
        self._binary = binary
        self._with_bytes = with_bytes
        self.held: dict[str, bytes] = {}
        self._room = _ALL
        self._store = _store(binary)

    def floating(self, placed: Placed) -> ET.Element:
        """That of the store which is placed there."""
        found = self._store[placed.picture - 1] if 0 < placed.picture <= len(self._store) else None
        return self._element(found, placed.width / _TWENTIETHS, placed.height / _TWENTIETHS)

    def in_line(self, packed: bytes | None) -> ET.Element:
        """That of the data stream. `packed`: where it lies there, as the properties of its sign have it."""
        if packed is None:
            return self._element(None, 0, 0)
        data, at = self._binary.data, int.from_bytes(packed, "little")
        try:
            size, head, form = struct.unpack_from("<IHH", data, at)
            sides = struct.unpack_from("<4H", data, at + _SIZE)
            place = at + head + (1 + data[at + head] if form == _NAMED else 0)
            kind, shape = struct.unpack_from("<2xHI", data, place)
        except (struct.error, IndexError):
            return self._element(None, 0, 0)
        inner = place + 8 + shape
        found = blip(data, inner, self._room) if kind == _SHAPE and inner < at + size else None
        across, down = (
            side * scale / 1000 / _TWENTIETHS for side, scale in zip(sides[:2], sides[2:], strict=True)
        )
        return self._element(found, across, down)

    def _element(self, found: Blip | None, across: float, down: float) -> ET.Element:
        image = ET.Element(f"{{{_V}}}imagedata")
        if found is None or len(self.held) == _MOST or self._room <= 0:
            return image
        data = found.data() if self._with_bytes else b""
        self._room -= len(data)
        name = f"media/picture{len(self.held) + 1}{found.suffix}"
        self.held[name] = data
        image.set(f"{{{_R}}}id", name)
        shape = ET.Element(f"{{{_V}}}shape", style=f"width:{across:.1f}pt;height:{down:.1f}pt")
        shape.append(image)
        return shape


def _store(binary: Binary) -> list[Blip | None]:
    """The pictures that shapes name by number; none where it is damaged: the text is whole, and says where pictures are."""
    data = binary.part(DRAWINGS)
    with contextlib.suppress(struct.error):
        kind, size = struct.unpack_from("<2xHI", data)
        at, end = 8, min(8 + size, len(data)) if kind == _DRAWINGS else 0
        while at + 8 <= end:
            kind, size = struct.unpack_from("<2xHI", data, at)
            if kind == STORE:
                return list(stored(data, at + 8, min(at + 8 + size, end), binary.stream))
            at += 8 + size
    return []
