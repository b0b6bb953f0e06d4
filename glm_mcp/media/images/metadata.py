"""What the bytes of an image say before anything decodes them: wholeness, and PNG and JPEG without their metadata."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

# Chunks that change how a PNG looks; all others (eXIf, tEXt, zTXt, iTXt, tIME, sPLT with its name, private ones) may say who,
# where, when.
_PNG_KEPT = frozenset(
    (
        *(b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB"),
        *(b"cICP", b"mDCV", b"cLLI", b"bKGD", b"pHYs"),
    )
)
# And of these the ancillary ones whose length is fixed: decoders refuse the file over another, where it means nothing.
_PNG_LENGTHS = {b"cHRM": 32, b"gAMA": 4, b"sRGB": 1, b"pHYs": 9, b"cICP": 4, b"mDCV": 24, b"cLLI": 8}
# What decoding needs: the above without what only a colour-managed screen uses, and the parts of an animation.
_PNG_DECODED = frozenset(
    (b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"iCCP", b"eXIf", b"acTL", b"fcTL", b"fdAT")
)
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Any marker inside entropy-coded data that is neither a stuffed 0xFF nor a restart.
_JPEG_MARKER = re.compile(rb"\xff([^\x00\xd0-\xd7\xff])", re.DOTALL)
PIECES = 20_000  # of a PNG or JPEG; encoders write one for each 4 KB or more
_GIF_BYTES = 1_000_000  # whose pieces have at most 255
SCANS = 50  # of a JPEG; encoders write some ten, for progressive ones
_BARE = frozenset(bytes((marker,)) for marker in (0, 1, *range(0xD0, 0xDA)))  # of a JPEG, without a length
_STEP = 1 << 18
_JFIF_BYTES, _ADOBE_BYTES, _ICC_BYTES = 14, 12, 15  # at least, after marker and length


@dataclass(frozen=True, slots=True)
class Plain:
    """A PNG or JPEG as it could be sent: `data` without metadata (the same object when there was none).

    `simple`: 8 bits a channel (or a palette), one picture, not interlaced, not CMYK, not arithmetic-coded, and of no more
    scans than an encoder writes.
    """

    data: bytes
    mime: str
    simple: bool


def box_end(data: bytes, at: int) -> int:
    """Where the ISO-BMFF box at `at` ends."""
    (size,) = struct.unpack_from(">I", data, at)
    if size == 1 and len(data) >= at + 16:
        (size,) = struct.unpack_from(">Q", data, at + 8)
    return len(data) if size == 0 else at + max(int(size), 8)


def boxes_cut(data: bytes) -> bool:
    """Whether an ISO-BMFF file (HEIC, AVIF) ends inside a box: decoders may show a thumbnail instead of failing."""
    at = 0
    while at + 8 <= len(data):
        at = box_end(data, at)
    return at > len(data)


def plain(data: bytes) -> Plain | None:
    """The PNG or JPEG without metadata; None for another kind, or when its structure is not whole or a check sum wrong."""
    if data.startswith(_PNG_SIGNATURE):
        return _plain_png(data)
    if data.startswith(b"\xff\xd8\xff"):
        return _plain_jpeg(data)
    return None


def _plain_png(data: bytes) -> Plain | None:
    kept = [memoryview(data)[:8]]
    animated = False
    for name, start, end in _chunks(data):
        right = _is_right(data, start, end)
        if end > len(data) or not (right or _is_ancillary(name)):
            return None
        animated = animated or name == b"acTL"
        if right and name in _PNG_KEPT and _PNG_LENGTHS.get(name) in {None, end - start - 12}:
            kept.append(memoryview(data)[start:end])
        if name == b"IEND":
            depth, colour, interlace = data[24], data[25], data[28]
            simple = (depth == 8 or colour == 3) and interlace == 0 and not animated
            whole = b"".join(kept)
            return Plain(data if len(whole) == len(data) else whole, "image/png", simple)
    return None


def has_wrong_sum(data: bytes) -> bool:
    """Whether a PNG's pixels, or what they need, are not those that were written: Pillow does not look."""
    return data.startswith(_PNG_SIGNATURE) and any(
        not _is_ancillary(name) and end <= len(data) and not _is_right(data, start, end)
        for name, start, end in _chunks(data)
    )


def sound_png(data: bytes) -> bytes:
    """The PNG with what decoding needs, and of that no ancillary chunk that is damaged: these cost nothing but
    themselves. The same object where there is nothing to leave out.
    """
    kept = [data[:8]]
    end = 8
    for name, start, end in _chunks(data):
        needed = not _is_ancillary(name) or name == b"fdAT"
        if name in _PNG_DECODED and (needed or _is_right(data, start, end)):
            kept.append(data[start:end])
    kept.append(data[end:])
    return data if sum(map(len, kept)) == len(data) else b"".join(kept)


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """(name, start, end) of each chunk of a PNG; the end of the last one may lie behind the data."""
    at = 8
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        name, end = data[at + 4 : at + 8], at + 12 + length
        yield name, at, end
        if name == b"IEND":
            return
        at = end


def of_many_pieces(data: bytes) -> bool:
    """Whether it may be of more pieces than an encoder writes: each costs its reader far more than its bytes."""
    if data.startswith(_PNG_SIGNATURE):
        return next(islice(_chunks(data), PIECES, None), None) is not None
    if data.startswith(b"\xff\xd8"):
        return not _reaches_pixels(data)
    return data.startswith(b"GIF8") and len(data) > _GIF_BYTES


def _reaches_pixels(data: bytes) -> bool:
    """Whether the pixels of a JPEG come behind segments alone, and not too many."""
    at = 2
    for _ in range(PIECES):
        start, marker = data[at : at + 1], data[at + 1 : at + 2]
        if start != b"\xff" or marker == b"\xda":
            return start == b"\xff"
        if marker == b"\xff":  # a fill byte
            at += 1
        elif marker in _BARE:
            return False
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return False


def _is_ancillary(name: bytes) -> bool:
    """Whether a decoder can do without it: its name begins in lower case."""
    return bool(name[0] & 0x20)


def _is_right(data: bytes, start: int, end: int) -> bool:
    """Whether the check sum of the chunk is that of its bytes."""
    with memoryview(data) as view:
        return zlib.crc32(view[start + 4 : end - 4]) == int.from_bytes(view[end - 4 : end], "big")


def _plain_jpeg(data: bytes) -> Plain | None:
    kept = [data[:2]]
    at, simple, framed = 2, True, False
    for _ in range(PIECES):
        if at + 4 > len(data):
            break
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker == 0xD9:
            if not framed:
                return None
            break
        (length,) = struct.unpack_from(">H", data, at + 2)
        end = at + 2 + length
        if end > len(data):
            return None
        if marker == 0xDA:  # a scan: entropy-coded data up to the next true marker
            marked = _next_marker(data, end)
            if marked is None:
                return None
            kept.append(data[at : marked.start(1) - 1])
            at = marked.start(1) - 1
            continue
        if 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:
            framed = True
            simple = simple and marker in {0xC0, 0xC1, 0xC2} and data[at + 4] == 8 and data[at + 9] in {1, 3}
        if _kept_in_jpeg(marker, data[at + 4 : min(end, at + 20)]):
            kept.append(data[at:end])
        at = end
    if data[at : at + 2] != b"\xff\xd9":
        return None
    # What follows the end of the picture (a second picture, a video, a vendor's trailer) stays behind.
    whole = b"".join((*kept, b"\xff\xd9"))
    return Plain(data if whole == data else whole, "image/jpeg", simple and scans(whole) <= SCANS)


def is_usual_jpeg(data: bytes) -> bool:
    """Whether it has eight bits a colour, and loses some, as all but a few."""
    at = 2
    while data[at : at + 1] == b"\xff" and at + 5 <= len(data):
        marker = data[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:
            return marker <= 0xC2 and data[at + 4] == 8
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return True


def scans(data: bytes) -> int:
    """How many scans a JPEG has at most. Each goes through all its pixels, and need hardly have a byte for that."""
    return data.count(b"\xff\xda")


def _next_marker(data: bytes, at: int) -> re.Match[bytes] | None:
    """In steps: one search through some megabytes would let no other thread run, the event loop's neither."""
    for start in range(at, len(data), _STEP):
        marked = _JPEG_MARKER.search(data, start, start + _STEP + 16)
        if marked is not None:
            return marked
    return None


def _kept_in_jpeg(marker: int, body: bytes) -> bool:
    """JFIF, a colour profile and Adobe's colour flag change how it looks, where they are whole; other APPn and comments
    do not.
    """
    if marker == 0xE0:
        return body.startswith(b"JFIF\0") and len(body) >= _JFIF_BYTES
    if marker == 0xE2:
        return body.startswith(b"ICC_PROFILE\0") and len(body) >= _ICC_BYTES
    if marker == 0xEE:
        return body.startswith(b"Adobe") and len(body) >= _ADOBE_BYTES
    return not (0xE1 <= marker <= 0xEF or marker == 0xFE)
