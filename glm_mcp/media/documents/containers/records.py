"""The records of presentations and of drawings in office files before XML ([MS-PPT], [MS-ODRAW]): one behind the other, and
within each other.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

# What later versions have added to a part.
_TAGS, _TAG, _HELD = 0x1388, 0x138A, 0x138B
_LONG = 0x8000  # flag of a property whose value is a length, and lies behind all


class Record(NamedTuple):
    kind: int
    instance: int
    is_container: bool
    start: int
    end: int


class Records:
    """Raises struct.error where no record can be."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def _at(self, at: int) -> Record:
        head, kind, size = struct.unpack_from("<HHI", self._data, at)
        return Record(kind, head >> 4, head & 15 == 15, at + 8, min(at + 8 + size, len(self._data)))

    def _inside(self, record: Record) -> Iterator[Record]:
        at = record.start
        while at + 8 <= record.end:
            inner = self._at(at)
            yield inner
            at = inner.end

    def _find(self, record: Record, kind: int) -> Record | None:
        return next((r for r in self._inside(record) if r.kind == kind), None)

    def _line(self, record: Record) -> str:
        return self._data[record.start : record.end].decode("utf-16-le", "replace")

    def _properties(self, record: Record | None) -> dict[int, int]:
        """Of a shape, as a record of its looks has them; none of none."""
        if record is None:
            return {}
        count = min(record.instance, (record.end - record.start) // 6)
        pairs = (struct.unpack_from("<HI", self._data, record.start + 6 * i) for i in range(count))
        return {code & 0x3FFF: number for code, number in pairs}

    def _said(self, record: Record | None, wanted: int) -> str:
        """A text among the looks of a shape, as which a record has them; "" where it has none."""
        if record is None:
            return ""
        count = min(record.instance, (record.end - record.start) // 6)
        at = record.start + 6 * count
        for i in range(count):
            code, size = struct.unpack_from("<HI", self._data, record.start + 6 * i)
            if code & 0x3FFF == wanted and code & _LONG:
                return (
                    self._data[at : min(at + size, record.end)]
                    .decode("utf-16-le", "replace")
                    .partition("\0")[0]
                )
            at += size if code & _LONG else 0
        return ""

    def _held(self, holder: Record | None, kind: int) -> Iterator[Record]:
        """Records of a kind that later versions have added to a part."""
        tags = self._find(holder, _TAGS) if holder else None
        for tag in self._inside(tags) if tags else ():
            if tag.kind == _TAG and (held := self._find(tag, _HELD)):
                yield from (r for r in self._inside(held) if r.kind == kind)
