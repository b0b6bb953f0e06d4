"""Which of the transfers of HDR a picture says that its values have; Pillow shows them as if they were ordinary ones."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from glm_mcp.media.colours.hdr import TRANSFERS

TRANSFER = "transfer"  # where an opened image notes it among its info
_IN_META = 4  # bytes before the boxes in the box "meta": its version
_BOXES = 10_000  # looked at in one file


def transfer(data: bytes, kind: str) -> int:
    """By ITU-T H.273; 0 where it is none of HDR, or not said. `kind`: a row of `formats`."""
    try:
        said = _of_png(data) if kind == "png" else _of_boxes(data) if kind in {"avif", "heic"} else 0
    except (struct.error, IndexError, StopIteration):
        return 0
    return said if said in TRANSFERS else 0


def _of_png(data: bytes) -> int:
    at = data.find(b"cICP", 8, data.find(b"IDAT", 8))
    return data[at + 5] if at > 0 and data[at - 4 : at] == b"\0\0\0\4" else 0


def _of_boxes(data: bytes) -> int:
    """Of the picture that the file is about; one that only stands beside it, for brighter screens, may say another."""
    _, start, end = next(box for box in _boxes(data, 0, len(data)) if box[0] == b"meta")
    meta = {name: (begin, stop) for name, begin, stop in _boxes(data, start + _IN_META, end)}
    begin, _ = meta.get(b"pitm", (0, 0))
    primary = struct.unpack_from(">I" if data[begin] else ">H", data, begin + 4)[0]
    parts = {name: span for name, *span in _boxes(data, *meta.get(b"iprp", (0, 0)))}
    properties = list(_boxes(data, *parts.get(b"ipco", (0, 0))))
    for number in _properties(data, parts[b"ipma"][0] if b"ipma" in parts else -1, primary):
        name, at, _ = properties[number - 1]
        if name == b"colr" and data[at : at + 4] == b"nclx":
            return int(struct.unpack_from(">H", data, at + 6)[0])
    return 0


def _properties(data: bytes, at: int, item: int) -> Iterator[int]:
    """The numbers, from 1, of the properties that an item has."""
    if at < 0:
        return
    version, wide = data[at], data[at + 3] & 1
    (count,) = struct.unpack_from(">I", data, at + 4)
    at += 8
    for _ in range(min(count, _BOXES)):
        (number,) = struct.unpack_from(">I" if version else ">H", data, at)
        at += 4 if version else 2
        held, at = data[at], at + 1
        for _ in range(held):
            if number == item:
                yield (struct.unpack_from(">H", data, at)[0] & 0x7FFF) if wide else data[at] & 0x7F
            at += 2 if wide else 1


def _boxes(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(name, where its contents begin, where they end) of the boxes in a stretch."""
    for _ in range(_BOXES):
        if at + 8 > end:
            return
        size, begin = int.from_bytes(data[at : at + 4], "big"), at + 8
        if size == 1:
            size, begin = int.from_bytes(data[at + 8 : at + 16], "big"), at + 16
        stop = end if size == 0 else at + size
        if stop < begin or stop > end:
            return
        yield data[at + 4 : at + 8], begin, stop
        at = stop
