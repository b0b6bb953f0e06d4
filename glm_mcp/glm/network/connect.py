"""Connections out of this machine, directly or through a proxy. What a proxy does wrong is an `httpx.ProxyError`.

Imported where a connection is made, since httpx takes long to load.
"""

from __future__ import annotations

import math
import ssl
from typing import Any

import anyio
import httpx
from socksio.exceptions import SOCKSError

from glm_mcp.glm.network.proxy import Proxy
from glm_mcp.glm.network.together import Stream, Together

CONNECT_S = 10.0  # the vendor's SDK waits 8
KEEP_S = 30.0  # an idle connection


class ProxyUnreached(httpx.ProxyError):
    """Nobody answers at the proxy's address."""


class Connection(httpx.AsyncHTTPTransport):
    """One connection, opened anew where it was closed. `context`: for TLS with the service; `greeted`: for TLS with a proxy
    that wants it.
    """

    def __init__(self, proxy: Proxy | None, context: ssl.SSLContext, greeted: ssl.SSLContext | None) -> None:
        self._proxy = proxy
        through = httpx.Proxy(proxy.url, auth=proxy.login, ssl_context=greeted) if proxy is not None else None
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=1, keepalive_expiry=KEEP_S)
        super().__init__(verify=context, proxy=through, limits=limits, trust_env=False)
        self._pool._network_backend = Together()  # noqa: SLF001 - httpx hands none on

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        with anyio.CancelScope() as scope:
            steps = _Steps(self._proxy, scope, request.extensions.get("trace"))
            request.extensions = {**request.extensions, "trace": steps}
            try:
                return await super().handle_async_request(request)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                if steps.reaching:
                    raise ProxyUnreached(str(error) or "no answer", request=request) from error
                raise
            # The SOCKS library asserts what it expects and lets the rest fail as it comes.
            except (httpx.ProxyError, httpx.TransportError, SOCKSError, ValueError, AssertionError) as error:
                if not steps.talking or isinstance(error, httpx.ProxyError):
                    raise
                raise httpx.ProxyError(steps.says(), request=request) from error
        raise httpx.ProxyError(f"it opened no way within {CONNECT_S:.0f} s", request=request)

    async def is_quiet(self) -> bool:
        """Whether nothing came behind the last answer: it would be taken for the answer to the next request, which may be of
        another caller.
        """
        for kept in self._pool.connections:
            inner: Any = kept
            while hasattr(inner, "_connection"):  # that of a proxy holds another
                inner = inner._connection  # noqa: SLF001 - httpcore tells nobody what it has read
            parser, stream = getattr(inner, "_h11_state", None), getattr(inner, "_network_stream", None)
            if parser is not None and parser.trailing_data[0]:
                return False
            if isinstance(stream, Stream) and kept.is_idle() and not await stream.is_quiet():
                return False
        return True


class _Steps:
    """Hears of a connection's steps. Bounds the talk with a proxy, for which httpcore waits as long as for an answer, and
    closes what httpcore leaves open until it is collected as garbage: a connection whose TLS greeting was cancelled, and
    one that a SOCKS proxy refused.
    """

    def __init__(self, proxy: Proxy | None, scope: anyio.CancelScope, listener: Any = None) -> None:
        self.reaching = False
        self.talking = False
        self._proxy = proxy
        self._scope = scope
        self._listener = listener
        self._raw: Any = None

    def says(self) -> str:
        kind = "a SOCKS5" if self._proxy and self._proxy.socks else "an HTTP"
        return f"it does not answer as {kind} proxy does"

    async def __call__(self, step: str, info: dict[str, Any]) -> None:
        if self._listener is not None:
            await self._listener(step, info)
        if step.endswith("connect_tcp.started"):
            self.reaching = self._proxy is not None
        elif step.endswith("connect_tcp.complete"):
            self._raw = info["return_value"]
            self.reaching = self._proxy is not None and self._proxy.url.startswith("https:")
        elif step.endswith("start_tls.complete"):
            self.reaching = False
        elif step.endswith("setup_socks5_connection.started") or (
            step == "http11.send_request_headers.started" and info["request"].method == b"CONNECT"
        ):
            self._talk(on=True)
        elif self.talking and step.endswith(
            ("setup_socks5_connection.complete", "receive_response_headers.complete")
        ):
            self._talk(on=False)
        elif step.endswith(("start_tls.failed", "setup_socks5_connection.failed")) and self._raw is not None:
            with anyio.CancelScope(shield=True):
                await self._raw.aclose()

    def _talk(self, *, on: bool) -> None:
        self.talking = on
        self._scope.deadline = anyio.current_time() + CONNECT_S if on else math.inf
