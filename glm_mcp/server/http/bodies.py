"""The body of a request, bounded: its bytes, its pace, and what all requests hold of bodies at once."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
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
            said = f"The body did not get on for {self._pace_s:g} s."
            return await self._refuse(refusal(408, "too_slow", said))
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


class InFlight:
    """The bytes of large bodies that all requests hold together. Room is given whole and in order, so that two halves never
    wait for each other.
    """

    def __init__(self, limits: Limits) -> None:
        self._free = limits.in_flight
        self._wait_s = limits.admit_s
        self._waiting: deque[tuple[int, anyio.Event]] = deque()

    @asynccontextmanager
    async def room(self, size: int) -> AsyncIterator[bool]:
        """Whether there is room for so many bytes, for as long as the block runs."""
        given = await self._take(size)
        try:
            yield given
        finally:
            if given:
                self._free += size
                self._pass_on()

    async def _take(self, size: int) -> bool:
        if not self._waiting and size <= self._free:
            self._free -= size
            return True
        entry = (size, anyio.Event())
        self._waiting.append(entry)
        try:
            with anyio.move_on_after(self._wait_s):
                await entry[1].wait()
        finally:
            if not entry[1].is_set():
                self._waiting.remove(entry)
                self._pass_on()
        return entry[1].is_set()

    def _pass_on(self) -> None:
        while self._waiting and self._waiting[0][0] <= self._free:
            size, granted = self._waiting.popleft()
            self._free -= size
            granted.set()


def too_large(most: int) -> Answer:
    shown = f"{most / MIB:g} MB" if most >= MIB else f"{most} bytes"
    return refusal(413, "too_large", f"A request here may have {shown}.")


def no_room(limits: Limits) -> Answer:
    said = f"overloaded: {limits.in_flight / MIB:g} MB of large requests are being worked on. Send it again in a moment."
    return refusal(503, "overloaded", said, retry_after="5")
