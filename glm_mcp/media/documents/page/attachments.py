"""The names of the files that a PDF carries (attachments, portfolios), out of its bytes: the parser has no word for them."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator

_PACKED = re.compile(rb"/Type\s*/ObjStm\b(?:(?!endobj).){0,2000}?\bstream\r?\n", re.DOTALL)
_EMBEDDED = re.compile(rb"/EF\s*(?:<<|\d)")
_NAME = re.compile(rb"/(?:UF|F)\s*(?:\(((?:[^()\\]|\\.){0,1000})\)|<([0-9A-Fa-f\s]{0,4000})>)", re.DOTALL)
_ESCAPE = re.compile(rb"\\([0-7]{1,3}|\r\n|.)", re.DOTALL)
_UNPACKED = 50_000_000  # bytes of packed objects that are looked through
_AROUND = 1_500  # bytes of a file's dictionary


def attachment_notes(data: bytes) -> list[str]:
    """What a careful reader must know of the files in a PDF; [] when it carries none."""
    names: dict[str, None] = {}
    portfolio = False
    for objects in _objects(data):
        portfolio = portfolio or re.search(rb"/Collection\s*(?:<<|\d)", objects) is not None
        for match in _EMBEDDED.finditer(objects):
            before = objects[max(0, match.start() - _AROUND) : match.start()].rpartition(b"obj")[2]
            own = before + objects[match.start() : match.end() + _AROUND].partition(b"endobj")[0]
            name = _NAME.search(own)
            names[_decoded(name) if name else "a file without a name"] = None
    if not names:
        return []
    listed = ", ".join(list(names)[:50]) + (f" and {len(names) - 50} more" if len(names) > 50 else "")
    if b"/Encrypt" in data:
        listed = f"{len(names)} files"
    what = (
        "the PDF is a portfolio; its files are not read"
        if portfolio
        else "files attached to the PDF are not read"
    )
    return [f"{what}: {listed}"]


def _objects(data: bytes) -> Iterator[bytes]:
    """The bytes of the file, then what its packed objects hold."""
    if b"/EF" in data or b"/Collection" in data:
        yield data
    room = _UNPACKED
    for match in _PACKED.finditer(data):
        try:
            objects = zlib.decompressobj().decompress(data[match.end() : match.end() + 10_000_000], room)
        except zlib.error:
            continue
        room -= len(objects)
        if b"/EF" in objects or b"/Collection" in objects:
            yield objects
        if room <= 0:
            return


def _decoded(match: re.Match[bytes]) -> str:
    if match[1] is not None:
        raw = _ESCAPE.sub(_character, match[1])
    else:
        digits = re.sub(rb"\s", b"", match[2])
        raw = bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode())
    text = raw[2:].decode("utf-16-be", "replace") if raw.startswith(b"\xfe\xff") else raw.decode("latin-1")
    return " ".join(text.split())


def _character(escape: re.Match[bytes]) -> bytes:
    code = escape[1]
    if code.isdigit():
        return bytes([int(code, 8) & 255])
    return {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"\n": b"", b"\r\n": b"", b"\r": b""}.get(code, code)
