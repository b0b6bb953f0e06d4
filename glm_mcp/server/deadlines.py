"""The deadlines of calls, watched from a thread: a call is answered also while the event loop is held up."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from mcp.types import CallToolResult, JSONRPCResponse

from glm_mcp.deadline import AWAKE_S, OVERSLEPT_S

Ident = int | str
LATE_S = 0.2  # after the time at which a call is ended on the event loop


@dataclass(frozen=True, slots=True)
class _Watched:
    ends_at: float
    late: Callable[[], CallToolResult]


class Deadlines:
    """`answer`: writes a response, from a thread, in the place of the one that comes too late."""

    def __init__(self, answer: Callable[[JSONRPCResponse], None]) -> None:
        self._answer = answer
        self._calls: dict[Ident, _Watched] = {}
        self._changed = threading.Condition()
        # The thread by itself: 0 before its first look; it sleeps on when the call has ended.
        self._wakes_at = 0.0
        threading.Thread(target=self._watch, name="deadlines", daemon=True).start()

    @contextmanager
    def watching(self, ident: Ident, ends_at: float, late: Callable[[], CallToolResult]) -> Iterator[None]:
        """Until the block ends, which is at `ends_at` (of `time.monotonic`) unless the event loop is held up: then the
        call is answered with what `late` gives.
        """
        with self._changed:
            self._calls[ident] = _Watched(ends_at + LATE_S, late)
            if ends_at + LATE_S < self._wakes_at:  # to wake it costs as much as a thread for the call
                self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                self._calls.pop(ident, None)

    def _watch(self) -> None:
        while True:
            with self._changed:
                first = min(self._calls, key=lambda ident: self._calls[ident].ends_at, default=None)
                self._wakes_at = self._calls[first].ends_at if first is not None else math.inf
                left = self._wakes_at - time.monotonic()
                if first is None or left > 0:
                    self._changed.wait(left if first is not None else None)
                    if time.monotonic() > self._wakes_at + OVERSLEPT_S:
                        self._changed.wait(LATE_S + 2 * AWAKE_S)  # the event loop has its own words
                    continue
                call = self._calls.pop(first)
            result = call.late().model_dump(by_alias=True, exclude_none=True, mode="json")
            self._answer(JSONRPCResponse(jsonrpc="2.0", id=first, result=result))
