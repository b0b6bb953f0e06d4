"""Standard output as the SDK's transport and our threads write to it, a line at a time; and out of everybody else's way."""

from __future__ import annotations

import json
import os
import re
import sys
import threading

from mcp.types import JSONRPCError, JSONRPCResponse

from glm_mcp.glm.threads import in_thread

_ANSWERS = re.compile(r'\{"jsonrpc":"2.0","id":(\d+|"(?:[^"\\]|\\.)*"),"(?:result|error)":')

Ident = int | str


def close_off() -> None:
    """From now on what a child or a library prints goes to stderr, and what it reads has ended: neither gets into the
    protocol, whose descriptors are `front.stdin`'s.
    """
    os.dup2(2, 1)
    if sys.platform == "win32":
        from mcp.os.win32.utilities import rebind_std_handle_to_fd

        for number in (0, 1):
            rebind_std_handle_to_fd(number)


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

    def line(self, line: str) -> None:
        """Writes a line from a thread."""
        with self._lock:
            self._put(line)

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
