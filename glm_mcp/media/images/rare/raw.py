"""The JPEG that a camera puts into its raw picture: what its screen and most programs show. Blocking."""

from __future__ import annotations

import io
import re
import struct

from PIL import Image

from glm_mcp.media.images import decode
from glm_mcp.media.images.tiff import first_tags

_ORIENTATION = 0x0112  # of EXIF and of TIFF
_SUBFILE, _DEEPER, _COLOURS, _DNG = 254, 330, 262, 50706  # tags of TIFF
_MOSAICS = (32803, 34892)  # of one colour a pixel: nothing but a raw picture has these
_START = re.compile(rb"\xff\xd8\xff[\xc0-\xfe]")
_STARTS = 1000  # looked at in one file, which has up to five
_PARTS = 200  # of a JPEG, before its size is told
_BOXES = 1 << 16  # bytes in which Canon says what it is


def preview(data: bytes, kind: str) -> bytes | None:
    """The largest JPEG in a raw picture, with its turn; None where the file is none, or holds none."""
    tags = _tags(data)
    if kind != "raw" and not _is_raw(tags):
        return None
    found = [(_pixels(data, start.start()), start.start()) for start in _starts(data)]
    pixels, at = max(found, default=(0, 0))
    return _turned(data[at:], tags.get(_ORIENTATION)) if pixels else None


def _starts(data: bytes) -> list[re.Match[bytes]]:
    return [start for _, start in zip(range(_STARTS), _START.finditer(data), strict=False)]


def _tags(data: bytes) -> dict[int, object]:
    """What a raw picture says of itself in the form of a TIFF, as which most are written."""
    if data[4:8] == b"ftyp":
        at = data.find(b"CMT1", 0, _BOXES) + 4  # Canon's, in boxes
        data = data[at : at + _BOXES]
    mark = {b"II": b"II*\0", b"MM": b"MM\0*"}.get(data[:2])
    if mark is None:
        return {}
    try:
        tags = first_tags(data, mark)
        return {tag: tags.get(tag) for tag in (_SUBFILE, _COLOURS, _ORIENTATION, _DEEPER, _DNG)}
    except Exception:  # noqa: BLE001 - tags of any kind of brokenness tell nothing
        return {}


def _is_raw(tags: dict[int, object]) -> bool:
    """Whether a TIFF is one: a mosaic, or Adobe's, or a small picture of another that stands deeper in the file."""
    small = tags.get(_SUBFILE) == 1 and tags.get(_DEEPER) is not None
    return small or tags.get(_DNG) is not None or tags.get(_COLOURS) in _MOSAICS


def _pixels(data: bytes, at: int) -> int:
    """Of the JPEG that begins here; 0 where none does, or one without loss, as which some cameras write the raw picture."""
    at += 2
    for _ in range(_PARTS):
        if len(data) < at + 9 or data[at] != 0xFF:
            return 0
        marker, length = data[at + 1], *struct.unpack_from(">H", data, at + 2)
        if marker in {0xC0, 0xC1, 0xC2}:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return int(width * height)
        if 0xC0 <= marker <= 0xDA and marker not in {0xC4, 0xCC}:
            return 0
        at += 2 + length
    return 0


def _turned(jpeg: bytes, turn: object) -> bytes:
    """With what the camera says of the whole picture, where the JPEG says nothing of its own."""
    try:
        said = decode.said_turn(Image.open(io.BytesIO(jpeg), formats=["JPEG"]))
    except Exception:  # noqa: BLE001 - a preview of any kind of brokenness says nothing
        said = None
    if said or turn not in range(2, 9):
        return jpeg
    exif = Image.Exif()
    exif[_ORIENTATION] = turn
    body = exif.tobytes()
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]
