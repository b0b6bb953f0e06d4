"""What lies in an Outlook message as an object of another program: a file, or a picture pasted into its text ([MS-OLEDS])."""

from __future__ import annotations

import contextlib
import io
import struct
from collections.abc import Callable
from pathlib import PureWindowsPath
from typing import NamedTuple

from glm_mcp.errors import UnsupportedMedia
from glm_mcp.media.charset import decode
from glm_mcp.media.containers import OLE
from glm_mcp.media.documents.containers.compound import compound_file

_NATIVE, _CONTENTS, _SHOWN = "\x01Ole10Native", "CONTENTS", "\x02OlePres000"
STREAMS = (_NATIVE, _CONTENTS, _SHOWN)
_BITMAP = struct.pack("<I", 40)  # how the head of a bitmap without that of a file begins
_STANDARD, _CONTENT = 0xFFFFFFFF, 1  # a form by its number; what is seen, not an icon
_SUFFIXES = {3: "wmf", 8: "dib", 14: "emf"}  # by these numbers
_GUID = 16  # bytes that stand before an object in one property
_MAGICS = {
    b"BM": "bmp",
    b"\x89PNG": "png",
    b"\xff\xd8\xff": "jpg",
    b"GIF8": "gif",
    _BITMAP: "dib",
    b"%PDF": "pdf",
}


class Held(NamedTuple):
    """`name`: "" where it has none."""

    name: str = ""
    data: bytes = b""


def held_in(read: Callable[[str], bytes]) -> Held:
    """The file or the picture of an object. `read` gives its streams, b"" for one that it does not have."""
    with contextlib.suppress(struct.error, IndexError):
        if native := read(_NATIVE):
            return _native(native)
        if contents := read(_CONTENTS):
            return _picture(contents)
        return _presented(read(_SHOWN))
    return Held()


def held_whole(data: bytes, name: str) -> Held:
    """The same of an object that is one property."""
    data = data[_GUID:] if data[_GUID : _GUID + len(OLE)] == OLE else data
    if not data.startswith(OLE):
        return _picture(data)
    with (
        contextlib.suppress(OSError, ValueError, IndexError),
        compound_file(io.BytesIO(data), name) as container,
    ):
        return held_in(
            lambda stream: container.openstream(stream).read() if container.exists(stream) else b""
        )
    return Held()


def _native(data: bytes) -> Held:
    """A file with what it is called and where it lay; or a picture alone. Raises struct.error."""
    (size,) = struct.unpack_from("<I", data)
    if (found := _picture(data[4 : 4 + size])).data:
        return found
    label, _, rest = data[6:].partition(b"\0")
    _, _, rest = rest.partition(b"\0")  # where it lay
    (long,) = struct.unpack_from("<I", rest, 4)
    (size,) = struct.unpack_from("<I", rest, 8 + long)
    start = 12 + long
    try:
        name = PureWindowsPath(decode(label, "the name").text).name
    except UnsupportedMedia:  # no words
        name = ""
    return Held(name, rest[start : start + size])


def _picture(data: bytes) -> Held:
    suffix = next((suffix for magic, suffix in _MAGICS.items() if data.startswith(magic)), "")
    return Held(f"picture.{suffix}", data) if suffix else Held()


def _presented(data: bytes) -> Held:
    """What an object looks like, where its own program is not asked. Raises struct.error."""
    kind, form, target = struct.unpack_from("<III", data)
    if kind != _STANDARD or form not in _SUFFIXES:
        return Held()
    at = 8 + max(target, 4)
    if struct.unpack_from("<I", data, at)[0] != _CONTENT:
        return Held()
    (size,) = struct.unpack_from("<I", data, at + 24)
    return Held(f"picture.{_SUFFIXES[form]}", data[at + 28 : at + 28 + size])
