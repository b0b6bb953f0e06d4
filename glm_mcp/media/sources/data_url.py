"""Sources that carry their bytes in the argument itself: `data:` URLs and raw base64. Blocking for large ones."""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import unquote_to_bytes

from glm_mcp.errors import InvalidRequest, MediaTooLarge
from glm_mcp.media.detect import detect
from glm_mcp.secret_paths import PATH_MAX

_SHORTEST = 64  # characters; the smallest picture there is takes more, most words and names less
_ALPHABET = re.compile(r"[A-Za-z0-9+/_\-\s]+")
_HEAD = 16_384  # bytes that tell what it is
_STEP = 1 << 18  # characters looked at, or decoded, at a time


def read_data_url(argument: str, max_bytes: int) -> bytes:
    """The bytes of a `data:` URL; the type that it claims is not looked at.

    Raises InvalidRequest when it is malformed, MediaTooLarge before anything is decoded.
    """
    header, comma, body = argument.partition(",")
    if not comma:
        raise InvalidRequest(
            "the data: URL has no comma before its contents", "Its form is data:image/png;base64,AAAA…"
        )
    if "base64" in [word.strip().lower() for word in header.split(";")[1:]]:
        # Percent-encoded base64 (%2B, %3D) is what a URL library makes of it.
        data = _whole(_unquoted(body).decode("ascii", "replace") if "%" in body else body, max_bytes)
        if data is None:
            raise InvalidRequest(
                "the data: URL does not hold valid base64", "Send it whole: it may have been cut."
            )
    else:
        _check_size(len(body) // 3, max_bytes)
        data = _unquoted(body)
        _check_size(len(data), max_bytes)
    if not data:
        raise InvalidRequest("the data: URL is empty", "Send the file's bytes in it, or a path.")
    return data


def read_base64(argument: str, max_bytes: int) -> bytes | None:
    """The bytes of raw base64 (also URL-safe, without padding, in lines); None when it is rather a path.

    Taken for base64 only when it is long enough, in the alphabet throughout, and decodes to a picture, video or
    document. Raises MediaTooLarge.
    """
    if len(argument) < _SHORTEST or not _in_alphabet(argument):
        return None
    start = "".join(argument[: 2 * _HEAD].split())
    if start.startswith("/") and not start.startswith("/9j/") and len(start) <= PATH_MAX:
        return None  # "/workspace/…" happens to decode to the two bytes of a JPEG XL; of pictures only JPEG begins so
    head = _decode(start[: _HEAD // 3 * 4])
    # Text is not taken: too many names and words would decode to some.
    if head is None or detect(head).family not in ("image", "video", "document", "audio"):
        return None if not start.startswith("UEsDB") else _whole(argument, max_bytes)
    return _whole(argument, max_bytes)


def looks_like_base64(argument: str) -> bool:
    """Whether an argument too long to be a name is in the alphabet of base64, for a message that says so."""
    return len(argument) > 255 and "." not in argument[:255] and _in_alphabet(argument)


def _in_alphabet(text: str) -> bool:
    """Whether there is nothing but base64, in pieces as in `decoded`."""
    end = len(text) - len(text[-2:]) + len(text[-2:].rstrip("="))
    pieces = (_ALPHABET.fullmatch(text, at, min(end, at + _STEP)) for at in range(0, end, _STEP))
    return all(pieces)


def _whole(text: str, max_bytes: int) -> bytes | None:
    if len(text) * 3 // 4 > max_bytes:
        _check_size(sum(map(len, text.split())) * 3 // 4, max_bytes)
    return _decode(text)


def _unquoted(text: str) -> bytes:
    """Percent-encoding undone, in pieces as in `decoded`, none of which ends within three characters that are one."""
    data, at = bytearray(), 0
    while at < len(text):
        end = min(len(text), at + _STEP)
        cut = text.rfind("%", end - 2, end) if end < len(text) else -1
        end = cut if cut > at else end
        data += unquote_to_bytes(text[at:end])
        at = end
    return bytes(data)


def decoded(text: str) -> bytes:
    """Base64 with nothing else in it, in pieces: one call for some megabytes would let no other thread run.

    Raises binascii.Error.
    """
    data = bytearray()
    for at in range(0, len(text), _STEP):
        data += base64.b64decode(text[at : at + _STEP], validate=True)
    return bytes(data)


def _decode(text: str) -> bytes | None:
    """Base64 as people paste it, in pieces as in `decoded`."""
    end = len(text.rstrip("= \t\r\n"))
    data, rest = bytearray(), ""
    try:
        for at in range(0, end, _STEP):
            piece = rest + "".join(text[at : min(end, at + _STEP)].split())
            whole = len(piece) // 4 * 4
            data += _plain(piece[:whole])
            rest = piece[whole:]
        if rest:
            data += _plain(rest + "=" * (-len(rest) % 4))
    except (binascii.Error, ValueError):
        return None
    return bytes(data)


def _plain(piece: str) -> bytes:
    return base64.b64decode(piece.replace("-", "+").replace("_", "/"), validate=True)


def _check_size(size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise MediaTooLarge(
            f"the data in the argument is {size / 1e6:.1f} MB, more than the {max_bytes / 1e6:.0f} MB taken",
            "Save it to a file and pass that, or send a smaller one.",
        )
