"""Serving over stdin and stdout, as an agent starts it; and leaving when the agent does."""

from __future__ import annotations

import json
import os
import select
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Self

import anyio
import anyio.to_thread
from mcp.shared.message import SessionMessage
from mcp.types import INVALID_REQUEST, PARSE_ERROR, ErrorData, JSONRPCError
from pydantic import ValidationError

from glm_mcp.server.app import App, build
from glm_mcp.server.deadlines import Deadlines
from glm_mcp.server.pipes import Input, Output, standard_streams
from glm_mcp.threads import few_heaps

THREADS = 400
PARENT_S = 0.3  # between two looks at who our parent is
QUIET_S = 0.4  # after its death, for somebody else to speak
LINGER_S = 0.7  # after the end of stdin, for answers on their way; clients expect the exit within a second
READ_ON_S = 0.2  # from the end of stdin, for what was sent before it to be read
_ENDED = getattr(select, "POLLHUP", 0) | getattr(select, "POLLERR", 0) | getattr(select, "POLLRDHUP", 0)


async def serve_stdio(app: App) -> None:
    """Serves until stdin ends; the process is gone within a second of that, whatever a thread or the event loop is doing."""
    from mcp.server.stdio import stdio_server

    few_heaps()
    # stdin is read and stdout written on these threads too: calls that wait for a dead file system must not take the last.
    anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
    server = build(app)
    client = _Client()
    threading.Thread(target=client.watch, name="client", daemon=True).start()
    with standard_streams() as (stdin, stdout):
        threading.Thread(target=_watch_end, args=(stdin,), name="end of stdin", daemon=True).start()
        output = Output(stdout)
        app.deadlines = Deadlines(output.answer)
        # What the SDK wants of a file are lines to iterate over, and to write.
        streams: Any = Input(stdin, output.answer), output
        async with stdio_server(*streams) as (incoming, outgoing):
            try:
                await server.run(
                    _Watched(incoming, outgoing, client.spoke, _leave_soon),
                    outgoing,
                    server.create_initialization_options(),
                )
            finally:
                # Also when stdout broke: the thread that reads stdin would keep the process until the next line.
                _leave_soon()


def _leave_soon(seconds: float = LINGER_S) -> None:
    """A thread that waits on a decoder or a name server cannot be stopped; the process can."""
    timer = threading.Timer(seconds, os._exit, [0])
    timer.daemon = True
    timer.start()


def _watch_end(stdin: int) -> None:
    """Sees the end of stdin before what came last is read, and while the event loop is held up."""
    if not hasattr(select, "poll"):  # Windows
        return
    ends = select.poll()
    ends.register(stdin, getattr(select, "POLLRDHUP", 0))
    with suppress(OSError):
        while not any(event & _ENDED for _, event in ends.poll()):
            pass
        _leave_soon(LINGER_S + READ_ON_S)


class _Client:
    """A client that was killed may leave our stdin open in another child of its own: then its death is all there is to see.

    Our parent need not be the client. A launcher that starts us and leaves on purpose has done so when the first message
    comes; one that leaves later is told from a client by the messages that still come.
    """

    def __init__(self) -> None:
        self._messages = 0
        self._first = threading.Event()

    def spoke(self) -> None:
        self._messages += 1
        self._first.set()

    def watch(self) -> None:
        self._first.wait()
        parent = os.getppid()
        while parent > 1 and os.getppid() == parent:
            time.sleep(PARENT_S)
        before = self._messages
        time.sleep(QUIET_S)
        if parent > 1 and self._messages == before:
            os._exit(0)


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


class _Watched:
    """The SDK's read stream, with an answer to lines that cannot be read, and a word when it ends."""

    def __init__(
        self, stream: Any, answers: Any, on_message: Callable[[], None], on_end: Callable[[], None]
    ) -> None:
        self._stream, self._answers = stream, answers
        self._on_message, self._on_end = on_message, on_end
        self._read = True  # whether somebody reads our answers

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __aiter__(self) -> _Watched:
        return self

    async def __anext__(self) -> Any:
        try:
            while isinstance(item := await self._stream.__anext__(), ValidationError):
                if self._read and (answer := refusal(item)):
                    await self._refuse(answer)
        except StopAsyncIteration:
            self._on_end()
            raise
        self._on_message()
        return item

    async def _refuse(self, answer: JSONRPCError) -> None:
        # A client that sends and does not read must not keep us from seeing the end of stdin.
        with anyio.move_on_after(LINGER_S) as patience:
            with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
                await self._answers.send(SessionMessage(answer))
        self._read = not patience.cancelled_caught

    async def __aenter__(self) -> Self:
        await self._stream.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> bool | None:
        ended: bool | None = await self._stream.__aexit__(*error)
        return ended
