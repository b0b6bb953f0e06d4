"""What the simulated service received: one entry a request, with a condition to wait on."""

import copy
import hashlib
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Colour = tuple[int, int, int]
_LONG = 4_096


@dataclass(frozen=True, kw_only=True)
class Media:
    """One picture, video or file as it arrived; `size` in bytes, colours 0-255, corners from top left clockwise."""

    kind: str
    form: str
    format: str
    size: int
    sha256: str
    width: int = 0
    height: int = 0
    duration_s: float | None = None
    mean_rgb: Colour | None = None
    corners: tuple[Colour, ...] = ()


@dataclass(kw_only=True)
class Received:
    """One request. `status` is None until it is answered, and stays None when the connection was cut before a header.

    Times are seconds of the monotonic clock; `in_flight` counts the requests of its account and model in flight, this one
    included, also when it was refused for being one too many. `disconnected`: the client closed before the end.
    `fault`: the kind of the fault that met it. `tokens`: what the answer that was begun cost, whatever of it arrived.
    """

    method: str
    path: str
    headers: dict[str, str]
    model: str = ""
    body: dict[str, Any] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)
    ended: float | None = None
    status: int | None = None
    code: str = ""
    fault: str = ""
    tokens: int = 0
    in_flight: int = 0
    disconnected: bool = False
    media: list[Media] = field(default_factory=list)
    text: str = ""


class Ledger:
    """The requests in order of arrival. Written by the server's thread, read by any."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self._entries: deque[Received] = deque()
        self._total = 0

    def add(self, entry: Received, keep: int, *, whole: bool) -> None:
        if not whole:
            entry.body = shortened(entry.body)
        with self.changed:
            self._entries.append(entry)
            self._total += 1
            while len(self._entries) > keep:
                self._entries.popleft()
            self.changed.notify_all()

    def end(self, entry: Received, *, disconnected: bool = False) -> None:
        """The answer is complete, or the client has gone."""
        with self.changed:
            if entry.ended is None:
                entry.ended = time.monotonic()
                entry.disconnected = disconnected
                self.changed.notify_all()

    def touch(self) -> None:
        """An entry has changed: whoever waits looks again."""
        with self.changed:
            self.changed.notify_all()

    def entries(self) -> list[Received]:
        with self.changed:
            return list(self._entries)

    def clear(self) -> None:
        with self.changed:
            self._entries.clear()
            self._total = 0
            self.changed.notify_all()

    def wait_count(self, number: int, timeout: float) -> list[Received]:
        with self.changed:
            if not self.changed.wait_for(lambda: self._total >= number, timeout):
                raise TimeoutError(f"{self._total} of {number} requests arrived within {timeout} s")
            return list(self._entries)

    def wait(self, predicate: Callable[[list[Received]], object], timeout: float) -> list[Received]:
        with self.changed:
            if not self.changed.wait_for(lambda: predicate(list(self._entries)), timeout):
                raise TimeoutError(f"not so within {timeout} s; {len(self._entries)} requests arrived")
            return list(self._entries)


def shortened(value: Any) -> Any:
    """A copy in which long strings give way to their length and digest."""
    if isinstance(value, Mapping):
        return {name: shortened(item) for name, item in value.items()}
    if isinstance(value, list):
        return [shortened(item) for item in value]
    if isinstance(value, str) and len(value) > _LONG:
        digest = hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()
        return f"{value[:60]}… ({len(value)} characters, sha256 {digest[:16]})"
    return copy.copy(value)
