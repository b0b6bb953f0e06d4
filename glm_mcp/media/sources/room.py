"""How much the downloads of a call hold, in memory and in files, and those of all calls of one caller over HTTP."""

from __future__ import annotations

from typing import Self
from weakref import WeakKeyDictionary

import anyio

from glm_mcp.errors import MediaTooLarge, Overloaded
from glm_mcp.glm.threads import share_of_caller
from glm_mcp.media.kept.uploads import LARGEST, MIB

CALL_BYTES = 5 * LARGEST
CALLER_BYTES = 2 * CALL_BYTES

_held: WeakKeyDictionary[anyio.Semaphore, int] = WeakKeyDictionary()


class Room:
    """What is counted is given back at the end of the call, within which it is entered. For the event loop alone."""

    def __init__(self) -> None:
        self._caller = share_of_caller()
        self._bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._caller is not None and self._bytes:
            _held[self._caller] -= self._bytes
        self._bytes = 0

    def add(self, size: int) -> None:
        """So many bytes more. Raises MediaTooLarge, Overloaded."""
        if self._bytes + size > CALL_BYTES:
            raise MediaTooLarge(
                f"the addresses of one call lead to more than {CALL_BYTES // MIB:,} MB",
                "Send them in several calls.",
            )
        if self._caller is not None:
            held = _held.get(self._caller, 0) + size
            if held > CALLER_BYTES:
                raise Overloaded(
                    f"your calls hold {CALLER_BYTES // MIB:,} MB of downloads",
                    "Call again when one of them has ended.",
                )
            _held[self._caller] = held
        self._bytes += size
