"""What lies in a zip or in a container of old Office files, by its own directory: enough to tell what the whole is.

Readers open them with care of their own; here a few kilobytes are looked at, of whatever bytes, and nothing is raised.
"""

from __future__ import annotations

import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

ZIP = (b"PK\x03\x04", b"PK\x05\x06")  # the second begins one without members
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

# What a damaged zip raises, opened or unpacked.
DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, EOFError, ValueError, RuntimeError)
_RATIO, _RATIO_FROM = 200, 20 * 1024 * 1024  # unpacked to packed; sheets of zeros come to 100, bombs to 1,000
_END = 65_557  # bytes of the end of a zip in which its directory is named: a record of 22 and a comment
_DIRECTORY = 4 << 20  # bytes of a directory that are looked at: some 50,000 members
_MEMBER = 1 << 20  # bytes of a member
_SECTORS = 4_096  # of an OLE directory, of 512 bytes or more
_NONE = 0xFFFF_FFFA  # numbers from here on mean no sector


def is_bomb(unpacked: int, packed: int) -> bool:
    """Whether so many bytes unpack to more than anything but a trap does."""
    return unpacked > _RATIO_FROM and unpacked > _RATIO * packed


@dataclass(frozen=True, slots=True)
class Zip:
    """The members of a zip, by their names with forward slashes: where each begins, how it is packed, its packed size."""

    file: IO[bytes]
    members: dict[str, tuple[int, int, int]]

    def read(self, name: str) -> bytes:
        """The beginning of a member; b"" when there is none or it cannot be unpacked."""
        offset, method, size = self.members.get(name, (0, -1, 0))
        if method not in (0, 8):
            return b""
        self.file.seek(offset)
        header = self.file.read(30)
        if len(header) < 30 or not header.startswith(ZIP[0]):
            return b""
        self.file.seek(sum(struct.unpack_from("<HH", header, 26)), io.SEEK_CUR)
        data = self.file.read(min(size, _MEMBER))
        try:
            return data if method == 0 else zlib.decompressobj(-15).decompress(data, _MEMBER)
        except zlib.error:
            return b""


def open_zip(file: IO[bytes]) -> Zip:
    """A zip by its central directory, also one with 64-bit sizes or with something before it; no members when it has none."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - _END))
    tail = file.read(_END)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) < at + 22:
        return Zip(file, {})
    end = size - len(tail) + at
    length, start = struct.unpack_from("<II", tail, at + 12)
    if at >= 20 and tail.startswith(b"PK\x06\x07", at - 20):
        file.seek(*_bounded(struct.unpack_from("<Q", tail, at - 12)[0], size))
        record = file.read(56)
        if len(record) == 56 and record.startswith(b"PK\x06\x06"):
            end -= 76
            length, start = struct.unpack_from("<QQ", record, 40)
    before = end - length - start  # what was put before the whole
    file.seek(*_bounded(start + max(0, before), size))
    return Zip(file, dict(_members(file.read(min(length, _DIRECTORY)), max(0, before))))


def _bounded(place: int, size: int) -> tuple[int]:
    return (min(max(0, place), size),)


def _members(directory: bytes, before: int) -> Iterator[tuple[str, tuple[int, int, int]]]:
    at = 0
    while len(directory) >= at + 46 and directory.startswith(b"PK\x01\x02", at):
        method, packed = struct.unpack_from("<H8xI", directory, at + 10)
        name, extra, comment = struct.unpack_from("<HHH", directory, at + 28)
        offset = struct.unpack_from("<I", directory, at + 42)[0] + before
        raw = directory[at + 46 : at + 46 + name]
        yield raw.decode("utf-8", "replace").replace("\\", "/"), (offset, method, packed)
        at += 46 + name + extra + comment


def ole_names(file: IO[bytes]) -> set[str]:
    """The names at the root of an OLE container; what is embedded deeper does not count. Of a damaged one, all names."""
    file.seek(0)
    header = file.read(512)
    if len(header) < 512:
        return set()
    size = 1 << min(max(int.from_bytes(header[30:32], "little"), 9), 12)
    entries = [e for sector in _directory(file, header, size) for e in _entries(sector)]
    names = set()
    waiting = [entries[0][3]] if entries else []
    seen: set[int] = set()
    while waiting:
        number = waiting.pop()
        if number >= len(entries) or number in seen:
            continue
        seen.add(number)
        name, left, right, _ = entries[number]
        names.add(name)
        waiting += [left, right]
    return names or {name for name, *_ in entries if name}


def _entries(sector: bytes) -> Iterator[tuple[str, int, int, int]]:
    """(name, number of the left, of the right, of the first child) of each entry."""
    for at in range(0, len(sector) - 127, 128):
        length = int.from_bytes(sector[at + 64 : at + 66], "little")
        name = sector[at : at + max(0, min(length, 64) - 2)].decode("utf-16-le", "replace")
        yield name, *struct.unpack_from("<III", sector, at + 68)


def _directory(file: IO[bytes], header: bytes, size: int) -> Iterator[bytes]:
    """The sectors of the directory, along their chain in the allocation table."""
    tables = _table_sectors(file, header, size)
    number, seen = int.from_bytes(header[48:52], "little"), set[int]()
    while number < _NONE and number not in seen and len(seen) < _SECTORS:
        seen.add(number)
        sector = _sector(file, number, size)
        if not sector:
            return
        yield sector
        table, place = divmod(number, size // 4)
        if table >= len(tables):
            return
        number = int.from_bytes(_sector(file, tables[table], size)[4 * place :][:4] or b"\xff" * 4, "little")


def _table_sectors(file: IO[bytes], header: bytes, size: int) -> list[int]:
    """Where the allocation table lies: 109 of its sectors stand in the header, the others in a chain of their own."""
    tables = [n for n in struct.unpack_from("<109I", header, 76) if n < _NONE]
    number, count = struct.unpack_from("<II", header, 68)
    seen: set[int] = set()
    for _ in range(min(count, _SECTORS)):
        sector = _sector(file, number, size) if number < _NONE and number not in seen else b""
        if len(sector) < size:
            break
        seen.add(number)
        *more, number = struct.unpack(f"<{size // 4}I", sector)
        tables += [n for n in more if n < _NONE]
    return tables


def _sector(file: IO[bytes], number: int, size: int) -> bytes:
    file.seek((number + 1) * size)
    return file.read(size)
