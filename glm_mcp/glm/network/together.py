"""What goes over a connection, in turns of the event loop: the head and the body of a request are written in one, and an
answer of nothing but short lines is read in many.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import anyio
import anyio.lowlevel
import httpcore

LOOKS = 10  # turns of the event loop; what TLS has taken is seen in four
LARGE = 65_536  # bytes from which on a piece goes out by itself, rather than be copied
# Lines that are milliseconds of work where each is a chunk; 64 KB have 256 by chance.
_TURN = re.compile(rb"(?:[^\n]*\n){64}")


class Together(httpcore.AnyIOBackend):
    """The network as httpcore has it, but for what is written, which goes out when an answer is read, and for crumbs of an
    answer: whoever takes it apart lets nobody else run until all that was read at once is told, and 64 KB of chunks of one
    byte, or of answers before the answer, take most of a second.
    """

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - of the class that this stands in for
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        return Stream(await super().connect_tcp(host, port, timeout, local_address, socket_options))


class Stream(httpcore.AsyncNetworkStream):
    def __init__(self, stream: httpcore.AsyncNetworkStream, *, packed: bool = False) -> None:
        """`packed`: it takes more from the system than it gives, as TLS does record by record."""
        self._stream = stream
        self._packed, self._cut = packed or sys.platform == "win32", False
        self._held = b""
        self._unread = b""

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - as above
        if len(buffer) < LARGE:
            self._held += buffer
            return
        await self._flush(timeout)
        await self._stream.write(buffer, timeout)

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - as above
        found = self._unread
        if found:
            await anyio.lowlevel.checkpoint()
        else:
            with suppress(httpcore.WriteError):  # the reason may be there to be read
                await self._flush(timeout)
            found = await self._stream.read(max_bytes, timeout)
            self._cut = len(found) == max_bytes
        turn = _TURN.match(found)
        end = turn.end() if turn else len(found)
        self._unread = found[end:]
        return found[:end]

    async def is_quiet(self) -> bool:
        """Whether nothing that came is held here, in the streams below or in TLS, and nobody has read it. It does not wait."""
        if self._unread:
            return False
        if not (self._packed or self._cut):  # then the system has the rest
            return True
        # A group of tasks, and turns that can be cancelled, would take three times as long, once for each answer.
        look = asyncio.ensure_future(self._stream.read(1))
        try:
            for _ in range(LOOKS):
                await asyncio.sleep(0)
        finally:
            look.cancel()
        await asyncio.wait((look,))
        if not look.cancelled():
            look.exception()  # asyncio tells of one that nobody asks for
        return look.cancelled()

    async def _flush(self, timeout: float | None) -> None:  # noqa: ASYNC109 - as above
        held, self._held = self._held, b""
        if held:
            await self._stream.write(held, timeout)

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - as above
    ) -> httpcore.AsyncNetworkStream:
        secure = await self._stream.start_tls(ssl_context, server_hostname, timeout)
        return Stream(secure, packed=True)

    async def aclose(self) -> None:
        await self._stream.aclose()

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
