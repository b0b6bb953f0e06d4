"""What is let in of an opened file: its size, its kind, and no text that holds a secret."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from glm_mcp.errors import MediaTooLarge, UnsupportedMedia
from glm_mcp.media.detect import detect_file
from glm_mcp.media.formats import Kind, Want, check_fits
from glm_mcp.secret_texts import OVERLAP, holds_secret, secret_in

_SCAN = 1 << 18  # bytes of a text looked at in one go
_ORDERS = (b"\xff\xfe", b"\xfe\xff")  # with which UTF-16 begins: they would be letters of its first word


def admitted(
    file: IO[bytes], size: int, name: str, want: Want, max_bytes: int, *, allowed: bool = False
) -> Kind:
    """The kind of an opened file that may be read: of a size and kind that are taken where this is wanted, and no text
    that holds a secret. `allowed`: the settings name this very file. Leaves it at its start. Blocking.

    Raises UnsupportedMedia, MediaTooLarge, ForbiddenPath.
    """
    kind = fitting(file, size, name, want, max_bytes)
    if kind.family == "text":
        refuse_secrets(file, size, name, allowed=allowed)
    return kind


def fitting(file: IO[bytes], size: int, name: str, want: Want, max_bytes: int) -> Kind:
    """The kind of an opened file, of a size and kind that are taken there. Raises UnsupportedMedia, MediaTooLarge."""
    check_size(size, name, max_bytes)
    kind = detect_file(file, name)
    check_fits(kind, size, name, want)
    return kind


@contextmanager
def closed_where_refused(file: IO[bytes]) -> Iterator[None]:
    try:
        yield
    except BaseException:
        file.close()
        raise


def check_size(size: int, name: str, max_bytes: int) -> None:
    if size == 0:
        raise UnsupportedMedia(f"{name} is empty (0 bytes)", "Check that it was written completely.")
    if size > max_bytes:
        raise MediaTooLarge(
            f"{name} is {_megabytes(size)}, more than the {_megabytes(max_bytes)} taken",
            "Send a part of it, or a smaller version.",
        )


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size} bytes"


def refuse_secrets(file: IO[bytes], size: int, name: str, *, allowed: bool) -> None:
    """Raises ForbiddenPath for a text that holds a secret. Leaves the file at its start."""
    file.seek(0)
    begin = file.seek(2 if file.read(2) in _ORDERS else 0)
    kept, said, left = b"", "", size - begin  # no more of a log: it may grow faster than it is looked through
    while not said and left > 0 and (chunk := file.read(min(left, _SCAN))):
        left -= len(chunk)
        piece = kept + chunk
        plain = piece.replace(b"\0", b"")  # UTF-16 of ASCII is ASCII and zeros
        said = secret_in(plain.decode("latin-1"), allowed=allowed)
        kept = piece[-OVERLAP:]
    file.seek(0)
    if said:
        raise holds_secret(name, said)
