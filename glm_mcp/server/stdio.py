"""Serving over stdin and stdout, as an agent starts it; and leaving when the agent does."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any, Self

import anyio
import anyio.from_thread
import anyio.lowlevel
import anyio.to_thread
from mcp.shared.message import SessionMessage
from mcp.types import INVALID_REQUEST, PARSE_ERROR, ErrorData, JSONRPCError, JSONRPCRequest, JSONRPCResponse
from pydantic import ValidationError

from glm_mcp.glm.threads import few_heaps, short_turns
from glm_mcp.server.app import App, build
from glm_mcp.server.deadlines import Deadlines
from glm_mcp.server.front.stdin import Stdin
from glm_mcp.server.leaving import LINGER_S, Client, leave_soon, watch_end
from glm_mcp.server.pipes import Output, close_off
from glm_mcp.server.recorder import Recorder, behind_id

THREADS = 400
SETTLE_S = 0.3  # after the end of stdin, for lists that were asked for just before


async def serve_stdio(app: App, stdin: Stdin) -> None:
    """Serves until stdin ends; the process is gone within a second of that, whatever a thread or the event loop is doing."""
    from mcp.server.stdio import stdio_server

    few_heaps()
    short_turns()
    # stdout is written on these threads too: calls that wait for a dead file system must not take the last.
    anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
    server = build(app)
    client = Client(lambda: stdin.parent or os.getppid())
    threading.Thread(target=client.watch, name="client", daemon=True).start()
    threading.Thread(target=watch_end, args=(stdin.descriptor,), name="end of stdin", daemon=True).start()
    recorder = Recorder(app, server, stdin.place, stdin.record) if stdin.place else None
    close_off()
    output = Output(stdin.output)
    app.deadlines = Deadlines(output.answer)
    # What the SDK wants of a file are lines to iterate over, and to write.
    streams: Any = _lines(stdin, output.line), output
    async with (
        app.glm.sharing(),
        stdio_server(*streams) as (incoming, outgoing),
        anyio.create_task_group() as group,
    ):
        if recorder:
            group.start_soon(recorder.run)
        answers = _Outgoing(outgoing, stdin.said, recorder)
        try:
            await server.run(
                _Watched(incoming, answers, client.spoke, leave_soon),
                answers,
                server.create_initialization_options(),
            )
        finally:
            # Also when stdout broke: a thread that waits would keep the process.
            leave_soon()
            group.cancel_scope.cancel()


async def _lines(stdin: Stdin, refuse: Callable[[str], None]) -> AsyncIterator[str]:
    """The lines of stdin, each waited for before the next is read."""
    send, receive = anyio.create_memory_object_stream[str](0)
    token = anyio.lowlevel.current_token()

    def take(line: str | None) -> None:
        with suppress(anyio.RunFinishedError, anyio.BrokenResourceError, anyio.ClosedResourceError):
            if line is None:
                anyio.from_thread.run_sync(send.close, token=token)
            else:
                anyio.from_thread.run(send.send, line, token=token)

    waiting, ended = stdin.take(take, refuse)
    for line in waiting:
        yield line
    if not ended:
        async for line in receive:
            yield line


class _Around:
    """One of the SDK's streams with something of ours about it."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    async def __aenter__(self) -> Self:
        await self._stream.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> bool | None:
        ended: bool | None = await self._stream.__aexit__(*error)
        return ended


class _Outgoing(_Around):
    """The SDK's write stream: it knows which requests are still to be answered, and does not repeat what was said already.

    `said`: by the id of a request, its answer that the client has had; it shows whether the record is true.
    """

    def __init__(self, stream: Any, said: dict[str, str], recorder: Recorder | None) -> None:
        super().__init__(stream)
        self._said, self._recorder = dict(said), recorder
        self._open: list[str | int | None] = []  # a client may use one id for several
        self._answered = anyio.Event()

    def asked(self, ident: str | int) -> None:
        self._open.append(ident)

    async def settle(self) -> None:
        """Waits for the answers on their way, for as long as a list may take and no call does."""
        with anyio.move_on_after(SETTLE_S):
            while self._open:
                self._answered = anyio.Event()
                await self._answered.wait()

    async def send(self, item: SessionMessage) -> None:
        message = item.message
        if not isinstance(message, JSONRPCResponse | JSONRPCError):
            await self._stream.send(item)
            return
        said = self._said.pop(str(message.id), None)
        if said is None:
            await self._stream.send(item)
        elif self._recorder and behind_id(message) != said:
            self._recorder.differs()
        if self._recorder:
            self._recorder.spoke()
        if message.id in self._open:
            self._open.remove(message.id)
        self._answered.set()


def refusal(error: ValidationError) -> JSONRPCError | None:
    """The answer to a line that the SDK could not read, for which its sender would wait; None for an empty line."""
    problems = error.errors(include_url=False)
    first = problems[0]
    if first["type"] != "json_invalid":
        # Of the kinds of message that it could have been, one misses a field and names the whole.
        whole = next((p["input"] for p in problems if p["type"] == "missing" and len(p["loc"]) == 2), None)
        return _refused(INVALID_REQUEST, "not a JSON-RPC 2.0 message (batches are not taken)", whole)
    if not first["input"].strip():
        return None
    said = f"not JSON: {first['ctx']['error']}"
    if "hex escape" in said:
        said += " (\\ud800 to \\udfff stand for a character in pairs alone)"
    try:
        # Python reads half a surrogate pair and deep nesting: enough to tell whose answer this is.
        whole = json.loads(first["input"])
    except (ValueError, RecursionError):
        whole = None
    return _refused(PARSE_ERROR, said, whole)


def _refused(code: int, said: str, message: Any) -> JSONRPCError:
    # What has an id and no method is the client's answer to a request of ours.
    ident = message.get("id") if isinstance(message, dict) and "method" in message else None
    known = type(ident) is int or (isinstance(ident, str) and ident.isascii())
    return JSONRPCError(jsonrpc="2.0", id=ident if known else None, error=ErrorData(code=code, message=said))


class _Watched(_Around):
    """The SDK's read stream, with an answer to lines that cannot be read, and a word when it ends."""

    def __init__(
        self, stream: Any, answers: _Outgoing, on_message: Callable[[], None], on_end: Callable[[], None]
    ) -> None:
        super().__init__(stream)
        self._answers, self._on_message, self._on_end = answers, on_message, on_end
        self._read = True  # whether somebody reads our answers

    def __aiter__(self) -> _Watched:
        return self

    async def __anext__(self) -> Any:
        try:
            while isinstance(item := await self._stream.__anext__(), ValidationError):
                if self._read and (answer := refusal(item)):
                    await self._refuse(answer)
        except StopAsyncIteration:
            self._on_end()
            await self._answers.settle()  # the SDK ends what is under way
            raise
        self._on_message()
        if isinstance(item, SessionMessage) and isinstance(item.message, JSONRPCRequest):
            self._answers.asked(item.message.id)
        return item

    async def _refuse(self, answer: JSONRPCError) -> None:
        # A client that sends and does not read must not keep us from seeing the end of stdin.
        with anyio.move_on_after(LINGER_S) as patience:
            with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
                await self._answers.send(SessionMessage(answer))
        self._read = not patience.cancelled_caught
