"""S/MIME (RFC 8551): the mail within one that is signed as a whole. Its signature is not checked."""

from __future__ import annotations

_SIGNED = bytes.fromhex("06092a864886f70d010702")  # the object identifiers of CMS (RFC 5652)
_DATA = bytes.fromhex("06092a864886f70d010701")
_INDEFINITE = 0x80  # a length that two zero bytes end
_CONTENT, _OCTETS, _PIECES = 0xA0, 0x04, 0x24  # tags: what is signed; bytes; bytes in pieces


def signed_content(data: bytes) -> bytes:
    """The bytes that were signed; b"" of what is encrypted, signs from outside, or is damaged."""
    at = data.find(_DATA)
    if _SIGNED not in data[:64] or at < 0:
        return b""
    try:
        at += len(_DATA)
        if data[at] != _CONTENT:
            return b""
        return _octets(data, _length(data, at)[0])
    except IndexError:
        return b""


def _length(data: bytes, at: int) -> tuple[int, int]:
    """Where the content begins of what stands at `at`, and where it ends; -1 for one that two zero bytes end."""
    first, start = data[at + 1], at + 2
    if first < _INDEFINITE:
        return start, start + first
    if first == _INDEFINITE:
        return start, -1
    size = first - _INDEFINITE
    return start + size, start + size + int.from_bytes(data[start : start + size], "big")


def _octets(data: bytes, at: int) -> bytes:
    """A string of bytes, which may come in pieces; pieces of pieces, which no program writes, are not read."""
    kind, (start, end) = data[at], _length(data, at)
    if kind == _OCTETS:
        return data[start : max(end, start)]
    pieces: list[bytes] = []
    while kind == _PIECES and (start < end or end < 0) and data[start] == _OCTETS:
        begin, stop = _length(data, start)
        pieces.append(data[begin:stop])
        start = max(begin, stop)
    return b"".join(pieces)
