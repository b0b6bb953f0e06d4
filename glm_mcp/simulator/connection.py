"""One client's connection, and the protocol class that gives a request its connection.

A service that resets, hangs and trickles needs what ASGI hides: the socket, and the moment the client goes.
"""

import asyncio
import contextlib
import socket
import struct
from typing import Any, cast

from uvicorn.protocols.http.h11_impl import H11Protocol

# SO_LINGER on, with no seconds: closing sends RST.
_RESET = struct.pack("ii", 1, 0)


class Connection:
    """A client's connection. `gone` is set when either side has ended it, or when the simulator stops."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.gone = asyncio.Event()
        self.ended_here = False

    @property
    def left(self) -> bool:
        """Whether the client closed, and not this side."""
        return self.gone.is_set() and not self.ended_here

    async def pause(self, seconds: float) -> bool:
        """Wait; False when the connection has gone meanwhile."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.gone.wait(), seconds)
        return not self.gone.is_set()

    async def end(self, *, reset: bool) -> None:
        """Cut the connection, after what was written has left: with RST, or with FIN."""
        if self.gone.is_set():
            return
        while self.transport.get_write_buffer_size() and await self.pause(0.005):
            pass
        self.ended_here = True
        if reset:
            peer: socket.socket | None = self.transport.get_extra_info("socket")
            if peer is not None:
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self.transport.abort()
        else:
            self.transport.close()
        await self.gone.wait()

    def stop(self) -> None:
        """The simulator stops."""
        self.ended_here = True
        self.transport.abort()


def protocol_class(connections: set[Connection]) -> type[H11Protocol]:
    """Uvicorn's protocol, with `connection` in the state of each request; `connections` holds those that are open."""

    class Protocol(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self.connection = Connection(transport)
            connections.add(self.connection)
            self.app_state = {**self.app_state, "connection": self.connection}

        def connection_lost(self, exc: Exception | None) -> None:
            self.connection.gone.set()
            connections.discard(self.connection)
            super().connection_lost(exc)

    return Protocol


def connection_of(scope: Any) -> Connection:
    return cast("Connection", scope["state"]["connection"])
