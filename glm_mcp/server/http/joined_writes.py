"""What is written to one connection, in as few pieces as it can be."""

from __future__ import annotations

import asyncio
from typing import Any


class JoinedWrites:
    """A transport whose writes within one turn of the event loop go out as one: the head of an answer and its body would
    otherwise cost a system call each, a tenth of what a call costs.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._pieces: list[bytes] = []
        self._written = 0

    @property
    def taken(self) -> int:
        """Bytes of all that was written which the other side, or the system, has by now."""
        return self._written - self._transport.get_write_buffer_size()

    def write(self, data: bytes) -> None:
        if data and not self._pieces:
            self._loop.call_soon(self._flush)
        if data:
            self._pieces.append(data)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def get_write_buffer_size(self) -> int:
        return self._transport.get_write_buffer_size() + sum(map(len, self._pieces))

    def _flush(self) -> None:
        if self._pieces:
            data = b"".join(self._pieces)
            self._pieces.clear()
            self._written += len(data)
            self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
