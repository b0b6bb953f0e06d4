"""The protocol at /mcp, in every version and without sessions that anybody keeps."""

from __future__ import annotations

import math
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import anyio
from mcp.server import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.exceptions import MCPError
from mcp.types import (
    INTERNAL_ERROR,
    INVALID_REQUEST,
    PARSE_ERROR,
    JSONRPCError,
    JSONRPCNotification,
    JSONRPCRequest,
)
from mcp.types.version import HANDSHAKE_PROTOCOL_VERSIONS

from glm_mcp.glm.json_shape import MESSAGE_VALUES, Shape
from glm_mcp.glm.threads import in_thread_if
from glm_mcp.server.front.lines import BOM, LONG_NAME, TOO_MANY
from glm_mcp.server.http.answers import Answer, not_allowed, refusal
from glm_mcp.server.http.bodies import InFlight, no_room, too_slow
from glm_mcp.server.http.limits import SMALL, Limits
from glm_mcp.server.http.running import Elsewhere, Running, key_of
from glm_mcp.server.http.sessions import Session, Sessions
from glm_mcp.server.jsonrpc import read, utf8
from glm_mcp.server.resources import READ_BYTES

if TYPE_CHECKING:
    from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
    from starlette.types import Message, Receive, Scope, Send

_SESSION = b"mcp-session-id"
_VERSION = b"mcp-protocol-version"
_CANCELLED = "notifications/cancelled"
_READING = 4 * READ_BYTES  # what an answer with a resource takes of memory: as bytes, as base64, as a message


class Endpoint:
    """`/mcp`. The SDK's manager serves each request by itself; what ties the requests of an older client together is the
    signed id, found in `scope["state"]["session"]`.

    `elsewhere`: tells the other replicas of a cancel whose request does not run here.
    """

    def __init__(
        self,
        server: Server[Any],
        *,
        sessions: Sessions,
        running: Running,
        limits: Limits,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        # The guard has looked at Host and Origin, and bounds the body.
        self.manager = StreamableHTTPSessionManager(server, stateless=True)
        self._serve = self.manager.asgi_app.app  # behind its own limit, which would copy the body twice
        self._sessions = sessions
        self._running = running
        self._limits = limits
        self._elsewhere = elsewhere
        self._in_flight = InFlight(limits)
        server.middleware.append(self._with_room)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        version = headers.get(_VERSION, b"").decode("latin-1")
        older = not version or version in HANDSHAKE_PROTOCOL_VERSIONS
        # What a client would read from a stream of its own is never sent, and an idle one is cut by proxies.
        methods = ("POST", "DELETE") if older else ("POST",)
        if scope["method"] not in methods:
            await not_allowed(*methods).send(send)
            return
        owner = scope["state"]["caller"].owner
        self._in_flight.meet(owner)
        session = None
        if older and _SESSION in headers:
            session = self._sessions.of(headers[_SESSION].decode("latin-1"), owner)
            if session is None:
                await _unknown_session().send(send)
                return
        scope["state"]["session"] = session
        if scope["method"] == "DELETE":
            if session is not None:
                self._sessions.end(session)
            await Answer(200, {}).send(send)
            return
        if not headers.get(b"content-type", b"").lower().startswith(b"application/json"):
            await _not_json().send(send)  # the SDK's refusal is no JSON
            return
        if session and not version:
            scope["headers"] = [*scope["headers"], (_VERSION, session.version.encode())]
        async with AsyncExitStack() as held:
            scope["state"]["held"] = held
            body = await self._body(owner, int(headers.get(b"content-length", 0)), receive, held)
            if isinstance(body, Answer):
                await body.send(send)
                return
            if body is None:
                return
            body = await in_thread_if(len(body) > SMALL, utf8, body)
            # The SDK answers what it cannot read in the words of its library, and an odd id not at all.
            asked = await in_thread_if(len(body) > SMALL, read, body)
            if isinstance(asked, JSONRPCError):
                await Answer(400, asked.model_dump(by_alias=True, exclude_unset=True)).send(send)
                return
            message = asked.message if asked else None
            if older and session is None and isinstance(message, JSONRPCRequest):
                send = self._beginning(scope, message, send)
            elif session and isinstance(message, JSONRPCNotification):
                await self._cancelled(session, message)
            waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
            del body, asked, message  # from here on the SDK alone holds it

            async def replayed() -> Message:
                return waiting.pop() if waiting else await receive()

            await self._serve(scope, replayed, send)

    async def _with_room(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """What a resource holds counts as a large body does, until its client has read it. A message without an id holds
        none, and has had its answer: nothing would give its room back.
        """
        if ctx.method == "resources/read" and ctx.request is not None and ctx.request_id is not None:
            state = ctx.request.scope["state"]
            room = self._in_flight.room(state["caller"].owner, _READING)
            if not await state["held"].enter_async_context(room):
                raise MCPError(INTERNAL_ERROR, no_room(self._limits).body["error_description"])
        return await call_next(ctx)

    async def _body(
        self, owner: str, declared: int, receive: Receive, held: AsyncExitStack
    ) -> bytes | bytearray | Answer | None:
        """The whole body; what is said where there is no room for it or it holds too much; None where the client has
        gone. A large one keeps its room until `held` ends.
        """
        pieces: list[bytes] = []
        shape = Shape(MESSAGE_VALUES)
        size = room = 0
        more, until = True, math.inf
        while more:
            if room == 0 and max(declared, size) > SMALL:
                room = declared or self._limits.body("/mcp")
                if not await held.enter_async_context(self._in_flight.room(owner, room)):
                    return no_room(self._limits)
                until = anyio.current_time() + self._limits.body_s + room / self._limits.pace
            with anyio.move_on_at(until) as time:
                message = await receive()
            if time.cancelled_caught:
                return too_slow(f"came at less than {self._limits.pace // 1024} KB a second")
            if message["type"] != "http.request":
                return None
            pieces.append(message.get("body", b""))
            shape.feed(pieces[-1])
            if shape.too_many or shape.long_name:
                return _unread(TOO_MANY if shape.too_many else LONG_NAME)
            size += len(pieces[-1])
            more = message.get("more_body", False)
        whole = (pieces[0] if len(pieces) == 1 else b"".join(pieces)).removeprefix(BOM)
        return _unread("is empty", PARSE_ERROR, 400) if not whole or whole.isspace() else whole

    def _beginning(self, scope: Scope, request: JSONRPCRequest, send: Send) -> Send:
        """Gives the answer to an `initialize` its session id."""
        if request.method != "initialize":
            return send
        asked = request.params or {}
        about = asked.get("clientInfo")
        name = about.get("name") if isinstance(about, dict) else None
        owner = scope["state"]["caller"].owner
        session, ident = self._sessions.begin(owner, str(name or ""), str(asked.get("protocolVersion")))
        scope["state"]["session"] = session

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 200:
                message = {**message, "headers": [*message["headers"], (_SESSION, ident.encode())]}
            await send(message)

        return named

    async def _cancelled(self, session: Session, message: JSONRPCNotification) -> None:
        """Ends what a `notifications/cancelled` names, wherever it runs."""
        ident = (message.params or {}).get("requestId") if message.method == _CANCELLED else None
        if isinstance(ident, str | int):
            key = key_of(session, ident)
            if not self._running.cancel(key) and self._elsewhere is not None:
                await self._elsewhere(key)


def _unknown_session() -> Answer:
    said = "This session id is not one of this server for this caller. Begin a new one with initialize."
    return refusal(404, "unknown_session", said)


def _not_json() -> Answer:
    said = "A message is sent with the header Content-Type: application/json."
    return refusal(415, "unsupported_media_type", said)


def _unread(why: str, code: int = INVALID_REQUEST, status: int = 413) -> Answer:
    error = {"code": code, "message": f"a message {why}"}
    return Answer(status, {"jsonrpc": "2.0", "id": None, "error": error})
