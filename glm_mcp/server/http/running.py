"""The requests that run now: each can be ended, by its client's word or because the server stops."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import anyio
from mcp import types
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError

from glm_mcp.errors import NetworkError
from glm_mcp.server.http.sessions import Session

if TYPE_CHECKING:
    from mcp.server.context import CallNext, HandlerResult

CANCELLED = -32800  # the SDK's code for it on versions that want every request answered
STOPPING = NetworkError("this server is being stopped, and the call was ended", "Call again in a moment.")
CLOSED = NetworkError("this server is being stopped, and takes no new calls", "Call again in a moment.")
# Tells the other replicas, one of which may run what is cancelled here: each calls `Running.cancel` with the key.
Elsewhere = Callable[[str], Awaitable[None]]


class _Request:
    """One request that runs. `stopped`: ended by the server rather than by its client."""

    def __init__(self) -> None:
        self.scope = anyio.CancelScope()
        self.stopped = False


class Running:
    """A middleware of the protocol's server. A request of an older client's session is found by `key_of`, and by nothing
    that another caller could send. `stopped`: the server ends; `refuses`: it takes no more.
    """

    def __init__(self) -> None:
        self.stopped = False
        self.refuses = False
        self._requests: dict[object, _Request] = {}
        self._none_left = anyio.Event()

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        if ctx.request_id is None or ctx.request is None:
            return await call_next(ctx)
        if self.refuses:
            return _refused(ctx, CLOSED)
        # Has been read; a large one would be held as long as the call runs.
        vars(ctx.request).pop("_body", None)
        session = ctx.request.scope["state"]["session"]
        key = key_of(session, ctx.request_id) if session else object()
        if key in self._requests:
            said = f"The request id {json.dumps(ctx.request_id)} belongs to a request that still runs. Use another."
            raise MCPError(types.INVALID_REQUEST, said)
        request = self._requests[key] = _Request()
        try:
            with request.scope:
                return await call_next(ctx)
        finally:
            del self._requests[key]
            if request.stopped and not self._requests:
                self._none_left.set()
        if request.stopped:
            return _refused(ctx, STOPPING)
        raise MCPError(CANCELLED, "Request cancelled")

    def cancel(self, key: str) -> bool:
        """Ends a request; whether one of this process had that key."""
        request = self._requests.get(key)
        if request is not None:
            request.scope.cancel()
        return request is not None

    def close(self, *, refuses: bool = True) -> None:
        """What runs goes on. `refuses`: what comes from now on is refused."""
        self.stopped = True
        self.refuses = self.refuses or refuses

    async def stop(self) -> None:
        """Ends all, each with an answer that says why, and refuses what comes after."""
        self.close()
        for request in self._requests.values():
            request.stopped = True
            request.scope.cancel()
        if self._requests:
            await self._none_left.wait()


def key_of(session: Session, request_id: object) -> str:
    return f"{session.owner}/{session.nonce}/{json.dumps(request_id)}"


def _refused(ctx: ServerRequestContext[Any, Any], why: NetworkError) -> HandlerResult:
    if ctx.method != "tools/call":
        raise MCPError(types.INTERNAL_ERROR, str(why))
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=str(why))],
        is_error=True,
        _meta={"glm": {"error": why.as_meta()}},
    )
