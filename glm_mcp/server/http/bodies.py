"""The body of a request, bounded: its bytes, its pace, and what all requests hold of bodies at once."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio

from glm_mcp.server.http.answers import Answer, refusal
from glm_mcp.server.http.limits import MIB, SMALL, Limits

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

GONE: Message = {"type": "http.disconnect"}


class Bounded:
    """One request's `receive` and `send`. What breaks a limit is answered here; to the application the client has then gone,
    and what it sends is dropped.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send, limits: Limits) -> None:
        self.most = limits.body(scope["path"])
        self.started = False
        self.refused = False
        self._receive, self._send = receive, send
        self._pace_s = limits.body_s
        self._whole = False
        self._size = 0
        self._mark = 0
        self._waited = 0.0

    async def receive(self) -> Message:
        if self.refused:
            return GONE
        if self._whole:
            return await self._receive()
        begun = anyio.current_time()
        with anyio.move_on_after(self._pace_s - self._waited) as time:
            message = await self._receive()
        if time.cancelled_caught:
            return await self._refuse(too_slow(f"did not get on for {self._pace_s:g} s"))
        if message["type"] != "http.request":
            return message
        self._size += len(message.get("body", b""))
        self._whole = not message.get("more_body", False)
        if self._size > self.most:
            return await self._refuse(too_large(self.most))
        self._waited += anyio.current_time() - begun
        if self._size - self._mark >= SMALL:
            self._mark, self._waited = self._size, 0.0
        return message

    async def send(self, message: Message) -> None:
        if not self.refused:
            self.started = True
            await self._send(message)

    async def _refuse(self, answer: Answer) -> Message:
        self.refused = True
        if not self.started:
            await answer.send(self._send)
        return GONE


@dataclass(slots=True, eq=False)
class _Waiter:
    owner: str
    size: int
    granted: anyio.Event = field(default_factory=anyio.Event)


class InFlight:
    """The bytes of large bodies that all requests hold together. Room is given whole and in order, so that two halves never
    wait for each other; whoever has their share waits without holding up those behind.
    """

    def __init__(self, limits: Limits) -> None:
        self._free = limits.in_flight
        self._share = max(limits.in_flight // 2, limits.body("/mcp"))
        self._wait_s = limits.admit_s
        self._held = Counter[str]()
        self._met: set[str] = set()  # the first two callers
        self._waiting: deque[_Waiter] = deque()

    def meet(self, owner: str) -> None:
        """A caller is there: where there are two, nobody has more than their share."""
        if len(self._met) < 2:
            self._met.add(owner)

    @asynccontextmanager
    async def room(self, owner: str, size: int) -> AsyncIterator[bool]:
        """Whether there is room for so many bytes, for as long as the block runs."""
        entry = _Waiter(owner, size)
        try:
            await self._wait(entry)
            yield entry.granted.is_set()
        finally:  # who is cancelled in the very moment in which it was given room has it too
            if entry.granted.is_set():
                self._free += size
                self._held[owner] -= size
                if not self._held[owner]:
                    del self._held[owner]
                self._pass_on()

    async def _wait(self, entry: _Waiter) -> None:
        self._waiting.append(entry)
        self._pass_on()
        try:
            with anyio.move_on_after(self._wait_s):
                await entry.granted.wait()
        finally:
            if not entry.granted.is_set():
                self._waiting.remove(entry)
                self._pass_on()

    def _pass_on(self) -> None:
        for entry in tuple(self._waiting):
            if len(self._met) > 1 and self._held[entry.owner] + entry.size > self._share:
                continue
            if entry.size > self._free:
                return
            self._waiting.remove(entry)
            self._free -= entry.size
            self._held[entry.owner] += entry.size
            entry.granted.set()


class Shares:
    """How many of one kind each owner has at once, and no more than `most`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held = Counter[str]()

    @contextmanager
    def one(self, owner: str) -> Iterator[bool]:
        """Whether the owner may have one more, for as long as the block runs."""
        given = self._held[owner] < self._most
        self._held[owner] += given
        try:
            yield given
        finally:
            self._held[owner] -= given
            if not self._held[owner]:
                del self._held[owner]


def too_large(most: int) -> Answer:
    shown = f"{most / MIB:g} MB" if most >= MIB else f"{most} bytes"
    return refusal(413, "too_large", f"A request here may have {shown}.")


def too_slow(how: str) -> Answer:
    return refusal(408, "too_slow", f"The body {how}.")


def no_room(limits: Limits) -> Answer:
    said = f"overloaded: {limits.in_flight / MIB:g} MB of large requests are being worked on. Send it again in a moment."
    return refusal(503, "overloaded", said, retry_after="5")


def no_more() -> Answer:
    """Said to whoever has their share of what all use together."""
    said = "overloaded: as many of your requests as one caller may have at once are open. Send it again in a moment."
    return refusal(503, "overloaded", said, retry_after="5")
