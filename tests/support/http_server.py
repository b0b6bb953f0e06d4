"""A server over HTTP in a thread of the test, with limits of its own; and callers told apart by a word in a header."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anyio
from support.processes import LIMIT_S, until

from glm_mcp.server.app import App
from glm_mcp.server.callers.caller import Caller, owner_of
from glm_mcp.server.http.app import application
from glm_mcp.server.http.auth.authenticator import Headers
from glm_mcp.server.http.auth.refusal import Refused
from glm_mcp.server.http.connections import server
from glm_mcp.server.http.limits import Limits
from glm_mcp.server.http.running import Running

ACCEPT = {"Accept": "application/json, text/event-stream"}
MODERN = "2026-07-28"


class Names:
    """Whoever sends `Authorization: Bearer NAME` is NAME; nobody else is let in."""

    asks = True
    metadata: dict[str, object] | None = None
    metadata_path: str | None = None
    has_marks = False

    def mark(self, token: str) -> str | None:  # noqa: ARG002 - as Authenticates has it
        return None

    async def marked(self, mark: str) -> Caller | None:  # noqa: ARG002 - as above
        return None

    async def authenticate(self, headers: Headers) -> Caller:
        name = dict(headers).get(b"authorization", b"").decode().removeprefix("Bearer ")
        if not name:
            raise Refused(401, None, "send a token", "Bearer")
        return Caller(name, owner_of(name))


@contextmanager
def served(app: App, limits: Limits | None = None, **given: Any) -> Iterator[str]:
    """The address of the application. `given`: as `application` takes it."""
    limits, running = limits or Limits(), Running()
    asgi = application(app, limits=limits, running=running, **given)
    with serving(asgi, limits, running) as address:
        yield address


@contextmanager
def serving(asgi: Any, limits: Limits, running: Running | None = None) -> Iterator[str]:
    """The address of any ASGI application behind connections that are watched."""
    made = server(asgi, running or Running(), limits)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=anyio.run, args=(made.serve, [listening]))
        thread.start()
        try:
            until(lambda: made.started or not thread.is_alive())
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            made.should_exit = True
            thread.join(LIMIT_S)
            assert not thread.is_alive()


def called(tool: str, ident: int = 1, **arguments: Any) -> dict[str, Any]:
    """The body of a call in an older version of the protocol."""
    params = {"name": tool, "arguments": arguments}
    return {"jsonrpc": "2.0", "id": ident, "method": "tools/call", "params": params}


def called_now(tool: str, **arguments: Any) -> dict[str, Any]:
    """A call of 2026-07-28: headers and body, as httpx takes them."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "a-client", "version": "1"},
    }
    body = called(tool, **arguments)
    body["params"]["_meta"] = meta
    headers = {**ACCEPT, "MCP-Protocol-Version": MODERN, "Mcp-Method": "tools/call", "Mcp-Name": tool}
    return {"json": body, "headers": headers}


def initialize(version: str, name: str = "a-client") -> dict[str, Any]:
    about = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": name, "version": "1"}}
    return {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": about}
