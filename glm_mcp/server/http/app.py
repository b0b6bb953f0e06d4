"""The streamable-HTTP application: the protocol at /mcp, health at /health, a bearer token where one is set."""

from __future__ import annotations

import hmac
import logging
import os
import socket
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any

from glm_mcp import __version__
from glm_mcp.errors import ConfigError, MissingExtra
from glm_mcp.server.app import App, build
from glm_mcp.server.http.values import BoundedValues
from glm_mcp.threads import few_heaps

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.types import ASGIApp, Receive, Scope, Send

GRACE_S = 1  # for calls in flight after a signal, before they are cancelled
STOP_S = 3.0  # from a signal to the end, whatever a thread is doing
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
BODY_BYTES = (
    32 * 1024 * 1024
)  # of one request: a picture as base64 among the arguments; the SDK's own limit is 4 MiB


def application(app: App, *, host: str = "127.0.0.1") -> Starlette:
    """The ASGI application.

    Raises ConfigError for an address beyond loopback without a token.
    """
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    token = app.settings.http_token
    if host not in LOOPBACK and token is None:
        raise ConfigError(
            f"serving at {host} would let anybody on the network use the key",
            "Set GLM_HTTP_TOKEN (16 or more characters), or serve at 127.0.0.1.",
        )

    async def health(_: Request) -> JSONResponse:
        return JSONResponse({"status": "ok", "version": __version__, "tools": [t.name for t in app.tools]})

    starlette = build(app).streamable_http_app(
        host=host,
        max_request_body_size=BODY_BYTES,
        custom_starlette_routes=[Route("/health", health, methods=["GET"])],
    )
    starlette.add_middleware(BoundedValues)
    if token is not None:
        starlette.add_middleware(_Bearer, token=token.get_secret_value())
    return starlette


class _Bearer:
    """Asks for `Authorization: Bearer <token>` everywhere but at /health."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self.app, self.expected = app, token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] != "/health":
            given = dict(scope["headers"]).get(b"authorization", b"")
            scheme, _, rest = given.partition(b" ")
            if scheme.lower() != b"bearer" or not hmac.compare_digest(rest.strip(), self.expected):
                from starlette.responses import JSONResponse

                refused = JSONResponse(
                    {
                        "error": "unauthorized",
                        "message": "Send the header Authorization: Bearer <GLM_HTTP_TOKEN>.",
                    },
                    401,
                    {"WWW-Authenticate": "Bearer"},
                )
                await refused(scope, receive, send)
                return
        await self.app(scope, receive, send)


def serve(
    app: App, host: str, port: int, ready: Callable[[str], None], *, log_level: str = "warning"
) -> None:
    """Serves until interrupted; `ready` hears the address once connections are taken.

    Raises ConfigError when the address cannot be used.
    """
    try:
        import uvicorn
    except ImportError:
        raise MissingExtra("http", "serving over HTTP") from None
    few_heaps()
    asgi: Any = application(app, host=host)
    listening = _listen(host, port)
    # A client may hold its stream open for ever; what still runs after the grace is cancelled.
    config = uvicorn.Config(asgi, log_level=log_level, timeout_graceful_shutdown=GRACE_S, log_config=None)

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            # What is said of calls cut short is no news any more.
            for name in ("uvicorn.error", "mcp"):
                logging.getLogger(name).setLevel(logging.CRITICAL)
            end = threading.Timer(STOP_S, os._exit, [128 + sig])
            end.daemon = True
            end.start()
            super().handle_exit(sig, frame)

    ready(f"http://{f'[{host}]' if ':' in host else host}:{listening.getsockname()[1]}")
    Server(config).run(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        if sys.platform != "win32":  # where it would let two servers share a port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(256)
    except OSError as error:
        listening.close()
        raise ConfigError(
            f"{host}:{port} cannot be used ({error.strerror})",
            "Give another --port, or stop what listens there.",
        ) from None
    return listening
