"""The streamable-HTTP application, the protocol at /mcp behind the guard, and its server."""

from __future__ import annotations

import gc
import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import anyio

from glm_mcp import __version__
from glm_mcp.errors import ConfigError, MissingExtra
from glm_mcp.glm.threads import few_heaps, short_turns
from glm_mcp.server.app import App, build
from glm_mcp.server.garbage import look_at_few
from glm_mcp.server.http import files
from glm_mcp.server.http.answers import DEFECT
from glm_mcp.server.http.auth.authenticator import Authenticator
from glm_mcp.server.http.endpoint import Endpoint
from glm_mcp.server.http.guard import Authenticates, Guard
from glm_mcp.server.http.hosts import Hosts
from glm_mcp.server.http.limits import Limits
from glm_mcp.server.http.listening import listen
from glm_mcp.server.http.metrics import Metrics
from glm_mcp.server.http.page.routes import Page
from glm_mcp.server.http.readiness import Readiness, ready
from glm_mcp.server.http.replicas import Replicas
from glm_mcp.server.http.running import Elsewhere, Running
from glm_mcp.server.http.sessions import Sessions
from glm_mcp.settings import Settings
from glm_mcp.settings_team import LOOPBACK

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

log = logging.getLogger(__name__)

# Open at once, as many as the system lets us: 1,000 connections with 200 files each.
FILES = (262_144, 16_384)


def application(
    app: App,
    *,
    host: str = "127.0.0.1",
    limits: Limits = Limits(),  # noqa: B008 - frozen
    authenticator: Authenticates | None = None,
    running: Running | None = None,
    readiness: Readiness | None = None,
    elsewhere: Elsewhere | None = None,
) -> Guard:
    """The ASGI application. `elsewhere`: as of Endpoint. `readiness` tells what is not ready, by name and why;
    nothing where all is.

    Raises ConfigError for an address beyond loopback, or folders to read, without a token.
    """
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.requests import ClientDisconnect
    from starlette.routing import Route

    authenticator = authenticator or Authenticator(app.settings)
    _secured(app.settings, host, asks=authenticator.asks)
    running = running or Running()
    if app.glm.shared is not None:
        others = Replicas(app.glm.shared, running)
        elsewhere, readiness = elsewhere or others.cancel, readiness or others.readiness
    server = build(app)
    server.middleware.append(running)
    endpoint = Endpoint(server, sessions=_sessions(app), running=running, limits=limits, elsewhere=elsewhere)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with endpoint.manager.run():
            yield

    routes = [
        *(Route(path, endpoint) for path in ("/mcp", "/mcp/")),
        *(Route(path, _health(app), methods=["GET"]) for path in ("/health", "/healthz")),
        *files.routes(app, limits.uploads),
        Route("/readyz", ready(app.kept_in, readiness, running), methods=["GET"]),
        Route("/metrics", Metrics(app, running), methods=["GET"]),
        *Page(app, authenticator).routes(),
    ]
    starlette = Starlette(
        routes=routes,
        lifespan=lifespan,
        exception_handlers={HTTPException: _not_served, ClientDisconnect: _gone, Exception: _defect},
    )
    starlette.router.redirect_slashes = False  # a client behind TLS loses its body or its header on the way
    return Guard(
        starlette,
        settings=app.settings,
        authenticator=authenticator,
        hosts=Hosts.of(app.settings, host),
        limits=limits,
    )


def _sessions(app: App) -> Sessions:
    secret = app.settings.session_secret
    if app.glm.shared is not None and secret is None:
        log.warning(
            "GLM_SESSION_SECRET is not set: sessions of older clients and sign-ins at the page hold on one replica alone. "
            "Set the same one, of 32 or more characters, on all."
        )
    return Sessions(secret.get_secret_value() if secret else None)


def _secured(settings: Settings, host: str, *, asks: bool) -> None:
    if asks:
        return
    mend = "Give tokens with `glm-mcp token add NAME`, set GLM_HTTP_TOKEN (16 or more characters), or"
    if host not in LOOPBACK:
        raise ConfigError(
            f"serving at {host} would let anybody on the network use the key", f"{mend} serve at 127.0.0.1."
        )
    if settings.allowed_dirs:
        raise ConfigError(
            "without a token every program of this machine could read the folders of GLM_ALLOWED_DIRS",
            f"{mend} take GLM_ALLOWED_DIRS out.",
        )


def _health(app: App) -> Callable[[Request], Awaitable[Response]]:
    from starlette.responses import JSONResponse

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "ok", "version": __version__, "tools": [t.name for t in app.tools]})

    return health


async def _not_served(_: Request, error: Exception) -> Response:
    from starlette.exceptions import HTTPException
    from starlette.responses import JSONResponse

    assert isinstance(error, HTTPException)  # noqa: S101 - what it is registered for
    words = {404: "Nothing is served here. The protocol is at /mcp, uploads go to /files."}
    name = error.detail.lower().replace(" ", "_")
    shown = {"error": name, "error_description": words.get(error.status_code, error.detail)}
    return JSONResponse(shown, error.status_code, error.headers)


async def _gone(_: Request, __: Exception) -> Response:
    """Nobody hears it."""
    from starlette.responses import Response

    return Response(status_code=400)


async def _defect(_: Request, __: Exception) -> Response:
    """The library would answer in plain words; the guard writes the trace into its log."""
    from starlette.responses import JSONResponse

    return JSONResponse(DEFECT.body, DEFECT.status)


def serve(
    app: App,
    host: str,
    port: int,
    ready: Callable[[str], None],
    *,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> None:
    """Serves until interrupted; `ready` hears the address once connections are taken.

    Raises ConfigError when the address, or what replicas share, cannot be used.
    """
    try:
        from sse_starlette.sse import AppStatus
    except ImportError:
        raise MissingExtra("http", "serving over HTTP") from None
    few_heaps()
    short_turns()
    _many_files()
    # It would cut the streams of older clients; here each is ended with an answer.
    AppStatus.disable_automatic_graceful_drain()  # type: ignore[no-untyped-call]
    from glm_mcp.server.http.connections import LIBRARIES, server

    if not log.isEnabledFor(logging.INFO):
        # They warn of all that a peer should not have sent: a flood must not fill the log.
        for name in LIBRARIES:
            logging.getLogger(name).setLevel(logging.ERROR)

    gc.collect()
    look_at_few()
    running, limits = Running(), replace(limits, drain_s=app.settings.drain_s)
    asgi = application(app, host=host, limits=limits, running=running)
    listening = listen(host, port)
    serving = server(asgi, running, limits, alone=app.glm.shared is None)

    async def begin() -> None:
        async with app.glm.sharing():
            ready(f"http://{f'[{host}]' if ':' in host else host}:{listening.getsockname()[1]}")
            await serving.serve([listening])

    # By anyio, which then need not look for its event loop each time: a tenth of a call's CPU.
    anyio.run(begin)


def _many_files() -> None:
    """Lets this process open as many files as it may: each connection is one, and macOS begins with 256."""
    if sys.platform == "win32":
        return
    import resource

    for wanted in FILES:
        with suppress(OSError, ValueError):
            _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, wanted) if most > 0 else wanted, most))
            return
