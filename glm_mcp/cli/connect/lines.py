"""JSON-RPC over stdin and stdout, a message a line, in threads of its own: no reader or writer that waits holds the loop up."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import anyio
import anyio.from_thread
import anyio.to_thread

Message = dict[str, Any]

PARSE_ERROR, INVALID_REQUEST = -32700, -32600
LARGE = 256 * 1024  # bytes of a line that is read in a thread
_WAITING = 256  # messages that a slow reader of ours may leave lying


class Lines:
    """The two ends of a client of ours. Lines are read by a daemon thread, since nothing can end a read of stdin."""

    def __init__(self) -> None:
        self._out = anyio.create_memory_object_stream[Message](_WAITING)

    async def incoming(self) -> AsyncIterator[Message]:
        """Each message until stdin ends. What is none is answered here."""
        send, receive = anyio.create_memory_object_stream[bytes](_WAITING)
        async with anyio.create_task_group() as group:
            group.start_soon(self._read, send)
            async with receive:
                async for line in receive:
                    large = len(line) > LARGE
                    message = await anyio.to_thread.run_sync(_message, line) if large else _message(line)
                    if isinstance(message, str):
                        if message:
                            await self.send(error_of(None, PARSE_ERROR, message))
                        continue
                    yield message
            group.cancel_scope.cancel()

    async def _read(self, send: Any) -> None:
        def read() -> None:
            for line in sys.stdin.buffer:
                anyio.from_thread.run(send.send, line)

        async with send:
            with suppress(anyio.BrokenResourceError):
                await anyio.to_thread.run_sync(read, abandon_on_cancel=True)

    async def send(self, message: Message) -> None:
        await self._out[0].send(message)

    async def write(self) -> None:
        """Writes what is sent until cancelled."""
        async for message in self._out[1]:
            line = json.dumps(message, ensure_ascii=False, separators=(",", ":")) + "\n"
            await anyio.to_thread.run_sync(_write, line.encode("utf-8", "replace"), abandon_on_cancel=True)


def error_of(ident: Any, code: int, said: str) -> Message:
    return {"jsonrpc": "2.0", "id": ident, "error": {"code": code, "message": said}}


def result_of(ident: Any, result: dict[str, Any]) -> Message:
    return {"jsonrpc": "2.0", "id": ident, "result": result}


def _write(line: bytes) -> None:
    try:
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()
    except OSError:  # our client has gone
        os._exit(0)


def _message(line: bytes) -> Message | str:
    """The message of a line; else why it is none, and nothing for an empty line."""
    if not line.strip():
        return ""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return "the line is no JSON"
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        return "not a JSON-RPC 2.0 message (batches are not taken)"
    return message
