"""A record of answers as bytes: what the real server said, whole or not at all.

eras        version of the protocol → method → the answer behind its id
splitting   the same for clients that give a prompt one word an argument: `starts` of their names, `eras`
resources   the list of resources, good for one state of what is kept: `state`, `since` and `until` (seconds since
            1970; `until` null where nothing expires), `eras`: version → the answer behind its id
"""

from __future__ import annotations

import json
import os
import stat
import sys
import zlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_BYTES = 400_000
START = '{"jsonrpc":"2.0","id":'


def pack(record: dict[str, Any], digest: str) -> bytes:
    body = json.dumps({"digest": digest, **record}).encode("ascii")
    return b"%08x\n%s" % (zlib.crc32(body), body)


def unpack(data: bytes, digest: str) -> dict[str, Any] | None:
    """None for what is damaged or belongs to other conditions."""
    check, _, body = data.partition(b"\n")
    if check != b"%08x" % zlib.crc32(body):
        return None
    try:
        record: dict[str, Any] = json.loads(body)
        return record if record["digest"] == digest else None
    except (ValueError, RecursionError, TypeError, KeyError):
        return None


def read(file: str, digest: str) -> dict[str, Any] | None:
    """The record; None without one. It is this user's own, and no other can write it (POSIX)."""
    flags = (
        os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
    )
    try:
        descriptor = os.open(file, flags)
    except OSError:
        return None
    try:
        info = os.fstat(descriptor)
        own = sys.platform == "win32" or (info.st_uid == os.getuid() and not info.st_mode & 0o022)
        if not stat.S_ISREG(info.st_mode) or not own or info.st_size > MAX_BYTES:
            return None
        with open(descriptor, "rb", closefd=False) as opened:
            return unpack(opened.read(MAX_BYTES), digest)
    except OSError:
        return None
    finally:
        os.close(descriptor)
