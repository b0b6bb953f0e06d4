"""JSON-RPC over stdin and stdout, a message a line, in threads of its own: no reader or writer that waits holds the
loop up.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import anyio
import anyio.from_thread
import anyio.to_thread

from glm_mcp.glm.json_shape import too_deep, too_many_values
from glm_mcp.glm.threads import in_thread_if
from glm_mcp.server.front import lines as front
from glm_mcp.server.front import patient
from glm_mcp.text import keyless, plain

Message = dict[str, Any]

PARSE_ERROR, INVALID_REQUEST = -32700, -32600
LARGE = 256 * 1024  # bytes of a line that is read in a thread
VALUES = 1_000_000  # of a message of the server; a list of 20,000 kept files has some 400,000
_CHUNK = 1 << 16


class Lines:
    """The two ends of a client of ours. Lines are read by a daemon thread, since nothing can end a read of stdin.
    `spoke`: told of each piece that comes, in that thread.
    """

    def __init__(self, spoke: Callable[[], None]) -> None:
        self._spoke = spoke
        self._out = anyio.create_memory_object_stream[Message | front.Refusal](0)

    async def incoming(self) -> AsyncIterator[tuple[Message, int]]:
        """Each message until stdin ends, and the bytes of its line. What is none is answered here."""
        send, receive = anyio.create_memory_object_stream[bytes | bytearray](0)
        async with anyio.create_task_group() as group:
            group.start_soon(self._read, send)
            async with receive:
                async for line in receive:
                    if isinstance(line, front.Refusal):
                        await self._out[0].send(line)
                        continue
                    message = await in_thread_if(len(line) > LARGE, _message, line)
                    if isinstance(message, str):
                        if message:
                            await self.send(error_of(None, PARSE_ERROR, message))
                        continue
                    yield message, len(line)
            group.cancel_scope.cancel()

    async def _read(self, send: Any) -> None:
        def read() -> None:
            lines = front.Lines()
            while chunk := patient.read(sys.stdin.fileno(), _CHUNK):
                self._spoke()
                for line in lines.feed(chunk):
                    anyio.from_thread.run(send.send, line)
            for line in lines.end():
                anyio.from_thread.run(send.send, line)

        async with send:
            with suppress(anyio.BrokenResourceError):
                await anyio.to_thread.run_sync(read, abandon_on_cancel=True)

    async def send(self, message: Message) -> None:
        await self._out[0].send(message)

    async def write(self) -> None:
        """Writes what is sent until cancelled."""
        own = anyio.CapacityLimiter(1)  # the threads of calls may all wait for a dead file system
        async for message in self._out[1]:
            await anyio.to_thread.run_sync(_write, message, abandon_on_cancel=True, limiter=own)


def packed(message: Message, clean: Callable[[str], str] = str) -> bytes:
    """`clean`: what is done to the JSON text; to decode the bytes again would stop all else for half a second of 30 MB."""
    return clean(json.dumps(message, ensure_ascii=False, separators=(",", ":"))).encode("utf-8", "replace")


def error_of(ident: Any, code: int, said: str) -> Message:
    return {"jsonrpc": "2.0", "id": ident, "error": {"code": code, "message": said}}


def result_of(ident: Any, result: dict[str, Any]) -> Message:
    return {"jsonrpc": "2.0", "id": ident, "result": result}


def read_json(text: str | bytes) -> Any:
    """What a text of somebody else's says, such that it can be written again. Raises ValueError."""
    if too_many_values(text, VALUES):
        raise ValueError("it has too many values")
    try:
        found = json.loads(text, parse_constant=_finite, parse_float=_finite)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if too_deep(found):
        raise ValueError("it is nested too deeply")
    return found


def read_plain(text: str | bytes) -> Any:
    """`read_json` of what a server says, as data: its texts `plain`, and so without our token, which it may repeat. What a
    model wrote for a program stays as it was.
    """
    return _said(read_json(text), plain)


def is_whole(message: Message) -> bool:
    """Whether a client can take it: it would wait for ever for an answer that it cannot read."""
    if message.get("jsonrpc") != "2.0":
        return False
    if "method" in message:
        return isinstance(message["method"], str) and isinstance(message.get("params", {}), dict)
    if "result" in message:
        return isinstance(message["result"], dict) and "error" not in message
    error = message.get("error")
    return (
        isinstance(error, dict) and type(error.get("code")) is int and isinstance(error.get("message"), str)
    )


def _said(value: Any, said: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return said(value)
    if isinstance(value, list):
        return [_said(inner, said) for inner in value]
    if not isinstance(value, dict):
        return value
    return {
        said(name): inner
        if name == "progressToken" and isinstance(inner, str | int)  # the client's own
        else _said(inner, keyless if name == "structuredContent" else said)
        for name, inner in value.items()
    }


def _finite(word: str) -> float:
    if not math.isfinite(number := float(word)):
        raise ValueError("JSON has no such number")
    return number


def _write(message: Message | front.Refusal) -> None:
    line = message if isinstance(message, bytes) else packed(message) + b"\n"
    try:
        patient.write(sys.stdout.fileno(), line)
    except OSError:  # our client has gone
        os._exit(0)


def _message(line: bytes | bytearray) -> Message | str:
    """The message of a line; else why it is none, and nothing for an empty line."""
    if not line or line.isspace():
        return ""
    try:
        message = read_json(line.decode("utf-8", "replace"))
    except ValueError:
        return "the line is no JSON"
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        return "not a JSON-RPC 2.0 message (batches are not taken)"
    return message
