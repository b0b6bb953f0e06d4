"""Which message goes where: each request of the client becomes one request over HTTP, and ends with it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import anyio

from glm_mcp import __version__
from glm_mcp.cli.connect.calls import ToolCalls
from glm_mcp.cli.connect.lines import INVALID_REQUEST, Lines, Message, error_of, result_of
from glm_mcp.cli.connect.memory import METHODS, Memory, version_of
from glm_mcp.cli.connect.upstream import NAMED, SessionLost, Upstream
from glm_mcp.errors import ForbiddenPath, GLMError, InternalError, NetworkError, NotFound, Overloaded
from glm_mcp.glm.threads import in_thread
from glm_mcp.text import plain

AT_ONCE = 256  # requests that run; and what their lines hold:
HELD_BYTES = 256 << 20
START_S = 2.0  # for what a client asks first; later than that many have given the server up
VERSIONS = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")  # with a handshake, the newest first
INVALID_PARAMS, INTERNAL_ERROR, RESOURCE_NOT_FOUND = -32602, -32603, -32002
SESSION = "Mcp-Session-Id"

log = logging.getLogger(__name__)


class Bridge:
    """One client of ours and one server."""

    def __init__(self, lines: Lines, upstream: Upstream, memory: Memory, calls: ToolCalls) -> None:
        self._lines, self._upstream, self._memory, self._calls = lines, upstream, memory, calls
        self._running: dict[object, anyio.CancelScope] = {}
        self._held = 0
        self._begun: Message | None = None  # the client's `initialize`
        self._version = VERSIONS[0]
        self._session = ""
        self._beginning = anyio.Lock()

    async def run(self) -> None:
        """Until stdin ends; what runs then is cancelled."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._lines.write)
            async with anyio.create_task_group() as requests:
                async for message, size in self._lines.incoming():
                    if "id" in message and "method" in message:
                        await self._start(requests, message, size)
                    elif message.get("method") == "notifications/cancelled":
                        params = message.get("params")
                        ident = params.get("requestId") if isinstance(params, dict) else None
                        scope = self._running.get(ident) if isinstance(ident, str | int) else None
                        if scope is not None:
                            scope.cancel()
                requests.cancel_scope.cancel()
            group.cancel_scope.cancel()

    async def _start(self, group: Any, message: Message, size: int) -> None:
        ident, method = message["id"], message["method"]
        known = _is_id(ident)
        if not known or not isinstance(method, str) or ident in self._running:
            said = "a request has a method, and an id that no other one has that still runs"
            await self._lines.send(error_of(ident if known else None, INVALID_REQUEST, said))
            return
        params = message.get("params")
        if not isinstance(params, dict | None) or not isinstance((params or {}).get("_meta"), dict | None):
            said = "params is an object, and so is _meta in it"
            await self._lines.send(error_of(ident, INVALID_PARAMS, said))
            return
        if len(self._running) >= AT_ONCE or (self._running and self._held + size > HELD_BYTES):
            # Said here, so that a client that reads nothing waits in its pipe.
            busy = Overloaded("too many requests run at once", "Send it again when one of them is answered.")
            await self._lines.send(_failure(message, busy))
            return
        scope = self._running[ident] = anyio.CancelScope()
        self._held += size
        group.start_soon(self._serve, message, scope, size)

    async def _serve(self, message: Message, scope: anyio.CancelScope, size: int) -> None:
        """Answers one request; one that is cancelled has no answer."""
        try:
            with scope:
                try:
                    answer = await self._answered(message)
                except GLMError as error:
                    answer = _failure(message, error)
                except Exception:  # the outer boundary: its traceback goes to the log
                    log.exception("a request failed")
                    defect = "glm-mcp connect failed by a defect of its own"
                    answer = _failure(message, InternalError(defect, "Please report it, with the log."))
                await self._lines.send(answer)
        finally:
            self._running.pop(message["id"], None)
            self._held -= size

    async def _answered(self, message: Message) -> Message:
        method = message["method"]
        if method == "ping":
            return result_of(message["id"], {})
        if method == "tools/call":
            return await self._called(message)
        if method == "resources/read" and (uri := _file_of(message)):
            return await self._read_here(message, uri)
        if method not in METHODS:
            return await self._forwarded(message)
        try:
            with anyio.fail_after(START_S):
                answer = await self._forwarded(message)
        except (TimeoutError, GLMError) as error:
            known = await in_thread(self._memory.recall, message) or _first_words(message)
            if known is None:
                if isinstance(error, GLMError):
                    raise
                raise NetworkError(f"{self._upstream.base} did not answer in time", "Call again.") from None
            log.warning(
                "%s was answered without the server: %s", method, str(error) or "it did not answer in time"
            )
            if method == "initialize":
                self._begun, self._version = message, str(known.get("protocolVersion"))
            return result_of(message["id"], known)
        if isinstance(answer.get("result"), dict):
            await in_thread(self._memory.remember, message, answer["result"])
        return answer

    async def _called(self, message: Message) -> Message:
        params = message.get("params")
        if not isinstance(params, dict):
            return await self._forwarded(message)
        token = (params.get("_meta") or {}).get("progressToken")
        steps = 0

        async def say(words: str) -> None:
            nonlocal steps
            steps += 1  # the server's own begin at 1, and none may be less than the one before
            told = {"progressToken": token, "progress": steps / 1_000_000, "message": words}
            if token is not None:
                await self._lines.send({"jsonrpc": "2.0", "method": "notifications/progress", "params": told})

        with self._upstream.in_time():
            sent, told = await self._calls.there(params, say)
        answer = await self._forwarded({**message, "params": sent})
        if isinstance(answer.get("result"), dict):
            answer = {**answer, "result": await self._calls.receiver.local(answer["result"], told)}
        return answer

    async def _read_here(self, message: Message, uri: str) -> Message:
        """A file to which a result has a link: it was written on this machine."""
        try:
            read = await in_thread(self._calls.receiver.linked, uri)
        except (NotFound, ForbiddenPath) as error:
            code = INVALID_PARAMS if version_of(message) else RESOURCE_NOT_FOUND
            return error_of(message["id"], code, str(error))
        return result_of(message["id"], read)

    async def _forwarded(self, message: Message) -> Message:
        """The server's answer. What it tells before goes on to the client."""
        try:
            return await self._once(message)
        except SessionLost:
            self._session = ""
        try:
            return await self._once(message)
        except SessionLost:
            raise NetworkError(
                f"{self._upstream.base} forgets its sessions",
                "Its replicas need the same GLM_SESSION_SECRET: tell whoever runs it.",
            ) from None

    async def _once(self, message: Message) -> Message:
        handshake = message["method"] == "initialize"
        headers = {} if handshake else await self._headers(message)
        async with self._upstream.asked(message, headers) as (response, messages):
            answer = await self._last(messages, message["id"])
            result = answer.get("result")
            if handshake and isinstance(result, dict):
                self._version = str(result.get("protocolVersion"))
                self._session = response.headers.get(SESSION, "")
                self._begun = message if self._session else None  # a server may have no use for sessions
            return answer

    async def _last(self, messages: AsyncIterator[Message], ident: Any) -> Message:
        async with aclosing(messages) as each:  # type: ignore[type-var]
            async for message in each:
                if "method" not in message and _answers(message, ident):
                    return {**message, "id": ident}
                if "method" in message and "id" not in message:
                    await self._lines.send(message)
        raise NetworkError(f"{self._upstream.base} broke off before it had answered", "Call again.")

    async def _headers(self, message: Message) -> dict[str, str]:
        """What says over HTTP what the message says too."""
        version = version_of(message)
        if not version:
            await self._begin()
            held = {SESSION: self._session} if self._session else {}
            return {"MCP-Protocol-Version": self._version, **held}
        method = message["method"]
        headers = {"MCP-Protocol-Version": version, "Mcp-Method": method}
        name = (message.get("params") or {}).get(NAMED.get(method, ""))
        return {**headers, "Mcp-Name": name} if isinstance(name, str) else headers

    async def _begin(self) -> None:
        """A session for an older client whose own `initialize` the server has not heard, or has forgotten."""
        async with self._beginning:
            if self._session or self._begun is None:
                return
            handshake = {**self._begun, "id": "connect"}
            async with self._upstream.asked(handshake, {}) as (response, messages):
                await self._last(messages, "connect")
                self._session = response.headers.get(SESSION, "")


def _is_id(ident: Any) -> bool:
    """Whether an answer can have it: true is no 1, and half a character cannot be written."""
    halves = isinstance(ident, str) and ident.encode("utf-8", "replace").decode() != ident
    return type(ident) in (str, int) and not halves


def _answers(message: Message, ident: Any) -> bool:
    """Whether it is the answer to the request of this id; what a server cannot read it refuses without one."""
    named = message.get("id")
    ident = plain(ident) if isinstance(ident, str) else ident  # as all that a server says is read
    return named == ident if "result" in message else "error" in message and named in (ident, None)


def _file_of(message: Message) -> str:
    """The address of the file of this machine that a client wants to read; empty for any other."""
    uri = (message.get("params") or {}).get("uri")
    return uri if isinstance(uri, str) and uri[:5].lower() == "file:" else ""


def _first_words(message: Message) -> dict[str, Any] | None:
    """What is said of a server that has never answered: this version's own tools, a call of which then says what is wrong.
    None for what cannot be said without it: a client of 2026-07-28 that hears nothing begins as an older one does.
    """
    if message["method"] == "initialize":
        asked = (message.get("params") or {}).get("protocolVersion")
        return {
            "protocolVersion": asked if asked in VERSIONS else VERSIONS[0],
            "capabilities": {"tools": {}, "prompts": {}, "resources": {}, "completions": {}},
            "serverInfo": {"name": "glm-mcp", "version": __version__, "title": "GLM tools"},
        }
    if message["method"] == "tools/list" and not version_of(message):
        from glm_mcp.server.app import TOOLS
        from glm_mcp.server.protocol import describe

        listed = (describe(t) for t in TOOLS.values())
        return {"tools": [t.model_dump(mode="json", by_alias=True, exclude_none=True) for t in listed]}
    return None


def _failure(message: Message, error: GLMError) -> Message:
    """A failed call is a result that can be read; anything else fails as the protocol has it."""
    if message["method"] != "tools/call":
        return error_of(message["id"], INTERNAL_ERROR, str(error))
    complete = {"resultType": "complete"} if version_of(message) else {}
    shown = {"content": [{"type": "text", "text": str(error)}], "isError": True}
    return result_of(message["id"], {**shown, "_meta": {"glm": {"error": error.as_meta()}}, **complete})
