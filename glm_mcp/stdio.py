"""Serving over stdin and stdout, as an agent starts it; and leaving when the agent does."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Any, Self

import anyio
import anyio.to_thread

from glm_mcp.server import App, build

THREADS = 400
PARENT_S = 0.3  # between two looks at who our parent is
LINGER_S = 0.7  # after the end of stdin, for answers on their way; hosts expect the exit within a second


async def serve_stdio(app: App) -> None:
    """Serves until stdin ends; the process is gone within a second of that, whatever a thread is doing."""
    from mcp.server.stdio import stdio_server

    # The SDK reads stdin and writes stdout on these threads too: calls that wait for a dead file system must not take the last.
    anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
    server = build(app)
    threading.Thread(target=_watch_parent, name="parent", daemon=True).start()
    async with stdio_server() as (incoming, outgoing):
        try:
            await server.run(
                _Watched(incoming, _leave_soon), outgoing, server.create_initialization_options()
            )
        finally:
            # Also when stdout broke: the thread that reads stdin would keep the process until the next line.
            _leave_soon()


def _leave_soon() -> None:
    """A thread that waits on a decoder or a name server cannot be stopped; the process can."""
    timer = threading.Timer(LINGER_S, os._exit, [0])
    timer.daemon = True
    timer.start()


def _watch_parent() -> None:
    """A host that was killed may leave our stdin open in another child of its own: then its death is all there is to see."""
    parent = os.getppid()
    while parent > 1 and os.getppid() == parent:
        time.sleep(PARENT_S)
    if parent > 1:
        os._exit(0)


class _Watched:
    """The SDK's read stream, with a word when it ends."""

    def __init__(self, stream: Any, ended: Callable[[], None]) -> None:
        self._stream, self._ended = stream, ended

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __aiter__(self) -> _Watched:
        return self

    async def __anext__(self) -> Any:
        try:
            return await self._stream.__anext__()
        except StopAsyncIteration:
            self._ended()
            raise

    async def __aenter__(self) -> Self:
        await self._stream.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> bool | None:
        ended: bool | None = await self._stream.__aexit__(*error)
        return ended
