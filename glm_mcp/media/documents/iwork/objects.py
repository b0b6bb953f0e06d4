"""What iWork files consist of since 2013: numbered objects, each a message of Protocol Buffers, in streams that
Snappy packs.
"""

from __future__ import annotations

import itertools
import struct
import zipfile
from collections.abc import Iterator

from glm_mcp.errors import MediaTooLarge
from glm_mcp.media.documents.zip_xml import UNPACKED, member

_BROKEN = (ValueError, IndexError)
_SIZES = {1: 8, 5: 4}  # bytes of a value, by its form
_VARINT, _BYTES = 0, 2
_RATIO = 64  # Snappy copies so many bytes at most for two or three


class Message:
    """The fields of a message by their numbers; of a broken one those before the break."""

    def __init__(self, data: bytes = b"") -> None:
        self._fields: dict[int, list[int | bytes]] = {}
        self._inner: dict[int, Message] = {}  # each read once: a thing may be asked for on every page
        at = 0
        try:
            while at < len(data):
                key, at = _varint(data, at)
                form, size = key & 7, 0
                if form == _VARINT:
                    value, at = _varint(data, at)
                    self._fields.setdefault(key >> 3, []).append(value)
                    continue
                size, at = _varint(data, at) if form == _BYTES else (_SIZES.get(form, len(data)), at)
                if at + size > len(data):
                    break
                self._fields.setdefault(key >> 3, []).append(data[at : at + size])
                at += size
        except _BROKEN:
            pass

    def numbers(self, field: int, most: int | None = None) -> list[int]:
        """All of them, or the first."""
        numbers = (value for value in self._fields.get(field, ()) if isinstance(value, int))
        return list(itertools.islice(numbers, most))

    def number(self, field: int, default: int = 0) -> int:
        return next(iter(self.numbers(field, 1)), default)

    def data(self, field: int) -> bytes:
        return next(self._bytes(field), b"")

    def real(self, field: int) -> float:
        data = self.data(field)
        return float(struct.unpack("<f" if len(data) == 4 else "<d", data)[0]) if len(data) in (4, 8) else 0.0

    def texts(self, field: int) -> list[str]:
        return [value.decode("utf-8", "replace") for value in self._bytes(field)]

    def text(self, field: int, most: int | None = None) -> str:
        """The whole of it, or what is in its first bytes."""
        return self.data(field)[:most].decode("utf-8", "replace")

    def one(self, *path: int) -> Message:
        """The message in that field, in its field of the next number, and so on; an empty one where there is none."""
        here = self
        for field in path:
            if field not in here._inner:
                here._inner[field] = Message(here.data(field))
            here = here._inner[field]
        return here

    def all(self, field: int) -> list[Message]:
        return [Message(value) for value in self._bytes(field)]

    def links(self, field: int) -> list[int]:
        """The numbers of the objects that a field names."""
        return [link.number(1) for link in self.all(field)]

    def link(self, field: int) -> int:
        return self.one(field).number(1)

    def _bytes(self, field: int) -> Iterator[bytes]:
        return (value for value in self._fields.get(field, ()) if isinstance(value, bytes))


class Objects:
    """Raises MediaTooLarge, UnsupportedMedia. `damaged`: the streams that could not be read to their ends."""

    def __init__(self, archive: zipfile.ZipFile, name: str) -> None:
        self._found: dict[int, tuple[int, bytes]] = {}
        self._read: dict[int, Message] = {}
        self._room = UNPACKED
        self.damaged: list[str] = []
        for path in archive.namelist():
            if path.endswith(".iwa"):
                packed = member(archive, path, name)
                try:
                    self._add(b"".join(self._unpacked(packed, name)))
                except _BROKEN:
                    self.damaged.append(path)

    def kind(self, number: int) -> int:
        return self._found.get(number, (0, b""))[0]

    def get(self, number: int) -> Message:
        if number not in self._read:
            self._read[number] = Message(self._found.get(number, (0, b""))[1])
        return self._read[number]

    def all(self, kind: int) -> list[Message]:
        return [self.get(number) for number, found in self._found.items() if found[0] == kind]

    def _add(self, data: bytes) -> None:
        at = 0
        while at < len(data):
            size, at = _varint(data, at)
            about = Message(data[at : at + size])
            at += size
            for i, part in enumerate(about.all(2)):
                if not i:  # what follows changes it
                    self._found[about.number(1)] = part.number(1), data[at : at + part.number(3)]
                at += part.number(3)

    def _unpacked(self, packed: bytes, name: str) -> Iterator[bytes]:
        """Blocks, each after a zero and three bytes of length. Raises ValueError, IndexError."""
        at = 0
        while at + 4 <= len(packed):
            size = int.from_bytes(packed[at + 1 : at + 4], "little")
            block = packed[at + 4 : at + 4 + size]
            claimed = _varint(block, 0)[0]
            if claimed > _RATIO * len(block):
                raise ValueError(at)
            self._room -= claimed
            if self._room < 0:
                raise MediaTooLarge(
                    f"{name} unpacks to more than {UNPACKED >> 20:,} MB, which is not opened",
                    "Send a part of it, or the sheets needed as CSV or the pages needed as PDF.",
                )
            yield _snappy(block)
            at += 4 + size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """The number at a place, and the place after it. Raises ValueError, IndexError."""
    number = 0
    for shift in range(0, 70, 7):
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
    raise ValueError(at)


def _snappy(block: bytes) -> bytes:
    """Raises ValueError, IndexError."""
    size, at = _varint(block, 0)
    out = bytearray()
    while at < len(block) and len(out) <= size:
        tag, at = block[at], at + 1
        form, length = tag & 3, (tag >> 2) + 1
        if form == 0:  # bytes as they are
            more = max(length - 60, 0)
            length = int.from_bytes(block[at : at + more], "little") + 1 if more else length
            at += more
            out += block[at : at + length]
            at += length
            continue
        width = (0, 1, 2, 4)[form]
        back = int.from_bytes(block[at : at + width], "little")
        at += width
        if form == 1:
            length, back = (tag >> 2 & 7) + 4, (tag >> 5) << 8 | back
        start = len(out) - back
        if not 0 <= start < len(out):
            raise ValueError(at)
        piece = out[start : start + length]
        out += (piece * (length // len(piece) + 1))[:length]  # it may reach into itself
    if len(out) != size:
        raise ValueError(at)
    return bytes(out)
