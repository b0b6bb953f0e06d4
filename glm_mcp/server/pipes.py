"""Standard output as the server and its threads write to it, a line at a time; and out of everybody else's way."""

from __future__ import annotations

import os
import sys
import threading

from mcp.types import JSONRPCError, JSONRPCMessage, JSONRPCResponse

from glm_mcp.server.front import patient

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
    """Where messages are written, a line each; open to threads, for an answer that must not wait for the event loop."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()
        self._answered: set[Ident] = set()
        self._takes = patient.room(descriptor)

    def write(self, message: JSONRPCMessage) -> None:
        """Writes a message from a thread, unless it answers what was answered by `answer`."""
        with self._lock:
            if not self._is_answered(message):
                patient.write(self._descriptor, _line(message))

    def write_at_once(self, message: JSONRPCMessage) -> bool:
        """Writes a small message from the event loop where nothing has to be waited for; False where it is left to a
        thread. Raises OSError.
        """
        if not self._lock.acquire(blocking=False):
            return False
        try:
            line = _line(message)
            if self._takes is None or not self._takes(len(line), 0):
                return False
            if not self._is_answered(message):
                patient.write(self._descriptor, line)
            return True
        finally:
            self._lock.release()

    def _is_answered(self, message: JSONRPCMessage) -> bool:
        """Whether it answers what was answered by `answer`; to be asked once for each."""
        if isinstance(message, JSONRPCResponse | JSONRPCError) and message.id in self._answered:
            self._answered.discard(message.id)
            return True
        return False

    def answer(self, message: JSONRPCResponse | JSONRPCError) -> None:
        """Writes an answer from a thread; one to the same request that comes by `write` later is dropped."""
        with self._lock:
            if message.id is not None:
                self._answered.add(message.id)
            patient.write(self._descriptor, _line(message))

    def line(self, line: bytes) -> None:
        """Writes a line from a thread."""
        with self._lock:
            patient.write(self._descriptor, line)


def _line(message: JSONRPCMessage) -> bytes:
    return message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n"
