"""Standard input and output as lines of the protocol: read and written in threads, and bounded, for the SDK's transport."""

from __future__ import annotations

import json
import os
import re
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from mcp.types import INVALID_REQUEST, ErrorData, JSONRPCError, JSONRPCResponse

from glm_mcp.json_shape import MESSAGE_VALUES, Shape
from glm_mcp.threads import in_thread

LINE_BYTES = 32 * 1024 * 1024  # of one message, as over HTTP: a picture as base64 among the arguments
TOO_MANY = f"of more than {MESSAGE_VALUES:,} values, or millions of escaped letters; send less at once"
_CHUNK = 1 << 16
_END = 300  # bytes at the start and the end of a message that is not read, in one of which its id stands
_ID_FIRST = re.compile(rb'\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*(\d{1,15}|"[^"\\]{1,100}")\s*,')
_ID_LAST = re.compile(
    rb',\s*"id"\s*:\s*(\d{1,15}|"[^"\\]{1,100}")\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*\Z'
)
_ANSWERS = re.compile(r'\{"jsonrpc":"2\.0","id":(\d+|"(?:[^"\\]|\\.)*"),"(?:result|error)":')

Ident = int | str


@contextmanager
def standard_streams() -> Iterator[tuple[int, int]]:
    """Descriptors of our own for standard input and output. Meanwhile what else reads finds an end, and what else
    prints goes to stderr: a child or a library must not get into the protocol.
    """
    own = os.dup(0), os.dup(1)
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123 - a device, not a path
        _stand_in(nothing.fileno(), 0)
    _stand_in(2, 1)
    try:
        yield own
    finally:
        for private, number in zip(own, (0, 1), strict=True):
            _stand_in(private, number)


def _stand_in(descriptor: int, number: int) -> None:
    os.dup2(descriptor, number)
    if sys.platform == "win32":
        from mcp.os.win32.utilities import rebind_std_handle_to_fd

        with suppress(OSError):
            rebind_std_handle_to_fd(number)


class Input:
    """The lines that a client sends, as the SDK's transport iterates over them. A line that is too long, or holds too many
    values to be read at once, is passed over, and `refuse` hears of it.
    """

    def __init__(self, descriptor: int, refuse: Callable[[JSONRPCError], None]) -> None:
        self._descriptor, self._refuse = descriptor, refuse
        self._lines: deque[str] = deque()
        self._begun = bytearray()  # of the line that comes
        self._size = 0
        self._shape = Shape(MESSAGE_VALUES)
        self._ended = False

    def __aiter__(self) -> Input:
        return self

    async def __anext__(self) -> str:
        while not self._lines and not self._ended:
            await in_thread(self._read)
        if not self._lines:
            raise StopAsyncIteration
        return self._lines.popleft()

    def _read(self) -> None:
        """Blocks until there is a line, or none any more."""
        while not self._lines and not self._ended:
            chunk = os.read(self._descriptor, _CHUNK)
            self._ended = not chunk
            *finished, rest = chunk.split(b"\n")
            for piece in finished:
                self._add(piece)
                self._finish()
            self._add(rest)
            if self._ended and self._size:
                self._finish()

    def _add(self, piece: bytes) -> None:
        self._size += len(piece)
        self._shape.feed(piece)
        self._begun += piece
        if self._unreadable():
            del self._begun[_END:-_END]

    def _unreadable(self) -> str:
        if self._size > LINE_BYTES:
            return f"longer than {LINE_BYTES >> 20} MB; give the path of a file instead of its contents"
        if self._shape.too_many:
            return TOO_MANY
        return ""

    def _finish(self) -> None:
        line, why = self._begun, self._unreadable()
        self._begun, self._size, self._shape = bytearray(), 0, Shape(MESSAGE_VALUES)
        if not why:
            self._lines.append(line.decode("utf-8", "replace"))
            return
        found = _ID_FIRST.match(line) or _ID_LAST.search(line)
        error = ErrorData(code=INVALID_REQUEST, message=f"a message {why}")
        self._refuse(JSONRPCError(jsonrpc="2.0", id=json.loads(found[1]) if found else None, error=error))


class Output:
    """Where the SDK's transport writes lines; also open to threads, for an answer that must not wait for the event loop."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()
        self._answered: set[Ident] = set()

    async def write(self, line: str) -> None:
        await in_thread(self._write, line)

    async def flush(self) -> None:
        """Nothing is held back."""

    def answer(self, message: JSONRPCResponse | JSONRPCError) -> None:
        """Writes an answer from a thread; one to the same request that comes later is dropped."""
        with self._lock:
            if message.id is not None:
                self._answered.add(message.id)
            self._put(message.model_dump_json(by_alias=True, exclude_unset=True) + "\n")

    def _write(self, line: str) -> None:
        with self._lock:
            answers = _ANSWERS.match(line) if self._answered else None
            if answers and json.loads(answers[1]) in self._answered:
                self._answered.discard(json.loads(answers[1]))
                return
            self._put(line)

    def _put(self, line: str) -> None:
        rest = memoryview(line.encode("utf-8"))
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]
