"""The connections of one way, kept in many small pools.

Imported where a connection is made, since httpx takes long to load.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator

import anyio
import httpx

from glm_mcp.glm.network.connect import KEEP_S, POOL, Connections, certificates
from glm_mcp.glm.network.proxy import Proxy

POOLS = 64  # beyond 256 requests at once they wait in these; the limiter is what limits


class Pools(httpx.AsyncBaseTransport):
    """Many small pools for one way, over one TLS context, whose certificates take some 30 ms to read. At 200 requests at once
    one pool would take 12 to 34 ms of CPU for each.

    `secure`: for https addresses. Raises ConfigError: certificates that the environment names cannot be read.
    """

    def __init__(self, proxy: Proxy | None, *, secure: bool) -> None:
        self._proxy = proxy
        self._context = certificates() if secure else False
        self._greeted = certificates() if proxy is not None and proxy.url.startswith("https:") else None
        self._pools: list[_Pool] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        now = anyio.current_time()
        pool = next((p for p in self._pools if p.busy < POOL), None)
        if pool is None and len(self._pools) < POOLS:
            pool = _Pool(Connections(self._proxy, self._context, self._greeted))
            self._pools.append(pool)
        pool = pool or min(self._pools, key=lambda p: p.busy)
        pool.busy += 1
        # The first are used first: the last is the first to fall idle, and nobody else would close its connections.
        if not self._pools[-1].busy and now - self._pools[-1].idle > KEEP_S:
            await self._pools.pop().connections.aclose()
        try:
            response = await pool.connections.handle_async_request(request)
        except BaseException:
            pool.leave()
            raise
        assert isinstance(response.stream, httpx.AsyncByteStream)  # noqa: S101 - of an asynchronous transport
        response.stream = _Answer(response.stream, pool)
        return response

    async def aclose(self) -> None:
        for pool in self._pools:
            await pool.connections.aclose()
        self._pools.clear()


class _Pool:
    """One pool, the requests that it has, and since when it has had none."""

    def __init__(self, connections: Connections) -> None:
        self.connections = connections
        self.busy = 0
        self.idle = math.inf

    def leave(self) -> None:
        self.busy -= 1
        self.idle = anyio.current_time()


class _Answer(httpx.AsyncByteStream):
    """The body of an answer, at whose end its place in the pool is free."""

    def __init__(self, stream: httpx.AsyncByteStream, pool: _Pool) -> None:
        self._stream = stream
        self._pool: _Pool | None = pool

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._stream.__aiter__()

    async def aclose(self) -> None:
        pool, self._pool = self._pool, None
        try:
            await self._stream.aclose()
        finally:
            if pool is not None:
                pool.leave()
