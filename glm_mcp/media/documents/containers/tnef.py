"""What Outlook packs into `winmail.dat` ([MS-OXTNEF]): laid out as the container of a .msg, and read as one."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import Any, BinaryIO

from glm_mcp.media.documents.common.shown import PagesShown
from glm_mcp.media.documents.containers.mail import Mail
from glm_mcp.media.documents.containers.outlook import Message, damaged
from glm_mcp.media.documents.pages import LeftOut

MAGIC = b"\x78\x9f\x3e\x22"
DAMAGED = (OSError, ValueError, IndexError, struct.error)
_DEPTH = 5  # messages within messages
_CODE_PAGE, _PROPERTIES, _ATTACHED, _ITS_PROPERTIES = 0x69007, 0x69003, 0x69002, 0x69005
# What also stands outside of the properties: the property that it is.
_PLAIN = {0x18004: "0037001E", 0x2800C: "1000001E", 0x18010: "3704001E", 0x6800F: "37010102"}
_FIXED = {2: 4, 3: 4, 4: 4, 0xA: 4, 0xB: 4, 5: 8, 6: 8, 7: 8, 0x14: 8, 0x40: 8, 0x48: 16}  # bytes by type
_OBJECT, _MANY, _NAMED = 0xD, 0x1000, 0x8000

Streams = dict[tuple[str, ...], bytes]


def tnef_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Raises MissingExtra, UnsupportedMedia, InvalidRequest (pages)."""
    name = params["name"]
    try:
        mail = tnef_mail(file.read(), name, 0)
    except DAMAGED:
        raise damaged(name) from None
    return mail.facts("msg", params.get("pages"), name), []


def pictures_of_tnef(file: BinaryIO, params: dict[str, Any], left_out: LeftOut) -> PagesShown:
    """As of `pages_shown`. Raises MissingExtra, UnsupportedMedia."""
    file.seek(0)
    try:
        return tnef_mail(file.read(), params["name"], 0).shown(params["name"], left_out)
    except DAMAGED:
        raise damaged(params["name"]) from None


def tnef_mail(data: bytes, name: str, depth: int) -> Mail:
    """Raises one of DAMAGED, MissingExtra."""
    streams: Streams = {}
    _lay_out(data, (), streams, depth)
    return Message(_Container(streams), [], name).read(depth)


class _Container:
    """As `compound_file` gives one."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self._inside: dict[tuple[str, ...], dict[str, None]] = {}
        for path in streams:
            for end, name in enumerate(path):
                self._inside.setdefault(path[:end], {})[name] = None

    def exists(self, path: list[str]) -> bool:
        return tuple(path) in self._streams or tuple(path) in self._inside

    def openstream(self, path: list[str]) -> io.BytesIO:
        return io.BytesIO(self._streams[tuple(path)])

    def inside(self, path: list[str]) -> list[str]:
        return list(self._inside.get(tuple(path), ()))


def _lay_out(data: bytes, path: tuple[str, ...], streams: Streams, depth: int) -> None:
    if not data.startswith(MAGIC):
        raise ValueError("no TNEF")
    own: Streams = {}
    fixed = {path: bytearray(24 if path else 32)}
    page, at, count = b"", path, 0
    for number, value in _attributes(data):
        if number == _ATTACHED:
            at = (*path, f"__attach_version1.0_#{count:08X}")
            fixed[at] = bytearray(8)
            count += 1
        elif number == _CODE_PAGE:
            page = struct.pack("<HHI4s4x", 3, 0x3FFD, 6, value[:4])
        elif number in _PLAIN:
            own[*at, f"__substg1.0_{_PLAIN[number]}"] = value
        elif number in (_PROPERTIES, _ITS_PROPERTIES):
            for kind, name, raw in _properties(value):
                if kind in _FIXED:
                    fixed[at] += struct.pack("<HHI8s", kind, name, 6, raw[:8])
                elif kind == _OBJECT and raw[16:20] == MAGIC and depth < _DEPTH:
                    _lay_out(raw[16:], (*at, f"__substg1.0_{name:04X}000D"), streams, depth + 1)
                else:
                    streams[*at, f"__substg1.0_{name:04X}{kind:04X}"] = raw
    fixed[path] += page
    streams |= {where: value for where, value in own.items() if where not in streams}
    streams |= {(*where, "__properties_version1.0"): bytes(table) for where, table in fixed.items()}


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 6
    while at == 6 or at + 9 <= len(data):
        number, size = struct.unpack_from("<II", data, at + 1)
        value = data[at + 9 : at + 9 + size]
        if len(value) < size:
            raise ValueError("cut off")
        yield number, value
        at += 11 + size  # with a sum of its bytes


def _properties(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Type, number and value of each; of several values the first."""
    at = 4
    for _ in range(min(struct.unpack_from("<I", data)[0], len(data) // 8)):
        kind, number = struct.unpack_from("<HH", data, at)
        at += 4
        if number >= _NAMED:
            by_name, length = struct.unpack_from("<II", data, at + 16)
            at += 24 + (_padded(length) if by_name else 0)
        many = bool(kind & _MANY)
        kind &= ~_MANY
        size = _FIXED.get(kind)
        count = 1
        if many or size is None:
            count = min(struct.unpack_from("<I", data, at)[0], len(data) // 4)
            at += 4
        for i in range(count):
            length = size or struct.unpack_from("<I", data, at)[0]
            at += 0 if size else 4
            if i == 0:
                yield kind, number, data[at : at + length]
            at += _padded(length)


def _padded(length: int) -> int:
    return (length + 3) // 4 * 4
