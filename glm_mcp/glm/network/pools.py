"""The connections of one way, each in a pool of its own.

Imported where a connection is made, since httpx takes long to load.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import anyio
import httpx

from glm_mcp.errors import ConfigError
from glm_mcp.glm.network.connect import KEEP_S, Connection
from glm_mcp.glm.network.failures import why
from glm_mcp.glm.network.proxy import Proxy, proxy_for


class Pools(httpx.AsyncBaseTransport):
    """As many connections as there are requests at once, over one TLS context, whose certificates take some 30 ms to read. A
    pool looks through all that it has, twice a request: one for all would take 12 to 34 ms of CPU for each of 200.

    `secure`: for https addresses. Raises ConfigError: certificates that the environment names cannot be read.
    """

    def __init__(self, proxy: Proxy | None, *, secure: bool) -> None:
        self._proxy = proxy
        # One that nobody uses: for each connection without it another would be made.
        self._context = certificates() if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._greeted = certificates() if proxy is not None and proxy.url.startswith("https:") else None
        self._idle: list[
            tuple[float, Connection]
        ] = []  # and since when; the last is the first to be used again

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self._idle:
            _, connection = self._idle.pop()
        else:
            connection = Connection(self._proxy, self._context, self._greeted)
        try:
            await self._close_old()
            response = await connection.handle_async_request(request)
        except BaseException:
            # httpcore keeps the place of one whose way through a proxy failed or was cancelled.
            with anyio.CancelScope(shield=True):
                await connection.aclose()
            raise
        assert isinstance(response.stream, httpx.AsyncByteStream)  # noqa: S101 - of an asynchronous transport
        response.stream = _Answer(response.stream, self, connection)
        return response

    async def rests(self, connection: Connection) -> None:
        """The answer has been read, or nobody wants it any more."""
        if await connection.is_quiet():
            self._idle.append((anyio.current_time(), connection))
        else:
            await connection.aclose()

    async def _close_old(self) -> None:
        while self._idle and anyio.current_time() - self._idle[0][0] > KEEP_S:
            _, connection = self._idle.pop(0)
            await connection.aclose()

    async def aclose(self) -> None:
        while self._idle:
            _, connection = self._idle.pop()
            await connection.aclose()


class _Answer(httpx.AsyncByteStream):
    """The body of an answer, at whose end its connection is free."""

    def __init__(self, stream: httpx.AsyncByteStream, pools: Pools, connection: Connection) -> None:
        self._stream = stream
        self._pools = pools
        self._connection: Connection | None = connection

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._stream.__aiter__()

    async def aclose(self) -> None:
        connection, self._connection = self._connection, None
        try:
            await self._stream.aclose()
        finally:
            if connection is not None:
                with anyio.CancelScope(shield=True):
                    await self._pools.rests(connection)


def asking(url: str, **given: Any) -> httpx.AsyncClient:
    """A client for one address that the user has set, through the proxy that the environment names for it: httpx would read
    that by rules of its own, and repeat a part of a login. It keeps no cookies. Raises ConfigError.
    """
    none = CookieJar(DefaultCookiePolicy(allowed_domains=()))
    way = Pools(proxy_for(url), secure=url.startswith("https:"))
    return httpx.AsyncClient(transport=way, trust_env=False, cookies=none, **given)


def certificates() -> ssl.SSLContext:
    try:
        return httpx.create_ssl_context()
    except OSError as error:
        raise ConfigError(
            f"the certificates of the environment cannot be read{why(error)}",
            "Check SSL_CERT_FILE and SSL_CERT_DIR.",
        ) from error
