"""Connections, bounded: uvicorn has no time limit for headers, for the rest of a refused body, or for a client that reads
nothing, and no bound on how many wait.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, cast

import anyio
import h11
import uvicorn
from h11._receivebuffer import ReceiveBuffer
from uvicorn.protocols.http.flow_control import CLOSE_HEADER
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from glm_mcp.server.http.joined_writes import JoinedWrites
from glm_mcp.server.http.limits import Limits
from glm_mcp.server.http.listening import turn_away
from glm_mcp.server.http.running import Running

# Whose records are about connections and what comes on them
LIBRARIES = ("uvicorn.error", "mcp", "python_multipart")
GRACE_S = 1  # for what has been ended to say so
STOP_S = 3.0  # from a signal to the end, whatever a thread is doing
# Between two requests. Longer than who asks keeps it (httpx 5 s, undici 4, a balancer of AWS 60): who closes a connection
# while the other sends loses a call, which is sent no second time.
KEEP_S = 75
# That a replica leaves to connections without a request while it stops: a balancer has then used those that it uses, or
# found that the replica is not ready.
IDLE_S = 2.0
LOOK_S = 0.05  # how often it is looked whether the last request has ended
HEAD_BYTES = 32_768  # of a request's line and headers; a token and a cookie have 8 KB
HEAD_LINES = 128  # also behind a body; reading many short ones takes longer than it takes to send them
BEHIND_BYTES = 1024 * 1024  # sent behind a request that is not answered yet
PIECES = 2_000  # of a body, however small; of more, each has as many bytes as this in the middle:
PIECE_BYTES = 64
TAKEN_BYTES = 1024 * 1024  # that a client takes within the time for that
TICKS = 4  # looks at the connections within the shortest of the times


class Watch:
    """Closes the connections of one server that stay too long in one of the places where nobody else looks."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.leaving = False  # each connection ends with the answer to what comes on it
        self._seen: dict[Connection, tuple[tuple[str, int], float]] = {}

    async def run(self) -> None:
        limits = self.limits
        most = {"headers": limits.header_s, "rest": limits.linger_s, "unread": limits.send_s}
        tick = min(1.0, *(s / TICKS for s in most.values()))
        while True:
            await asyncio.sleep(tick)
            now = asyncio.get_running_loop().time()
            for connection in list(self._seen):
                before, since = self._seen[connection]
                place = connection.place()
                if place != before:
                    self._seen[connection] = place, now
                elif now - since > most.get(place[0], float("inf")):
                    connection.transport.abort()

    def add(self, connection: Connection) -> bool:
        """Whether there is room. The oldest for which nothing is being done gives way."""
        if len(self._seen) >= self.limits.connections:
            idle = next((c for c in self._seen if c.place()[0] in ("headers", "between", "rest")), None)
            if idle is None:
                return False
            idle.transport.abort()
            self.remove(idle)
        self._seen[connection] = (("headers", 0), asyncio.get_running_loop().time())
        return True

    def remove(self, connection: Connection) -> None:
        self._seen.pop(connection, None)


class Connection(H11Protocol):
    """One connection, which tells where it stands. `watch` is set in the class that `server` makes."""

    watch: Watch
    conn: _Reading
    writes: JoinedWrites

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.writes = JoinedWrites(transport)
        super().connection_made(cast("asyncio.Transport", self.writes))
        if not self.watch.add(self):
            self._say(
                503, "overloaded", "overloaded: too many connections are open. Connect again in a moment."
            )

    def connection_lost(self, exc: Exception | None) -> None:
        self.watch.remove(self)
        super().connection_lost(exc)

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.conn = _Reading(h11.SERVER, HEAD_BYTES)

    def leave(self) -> None:
        """Ends it with the answer to the request that runs, which says so where it has not begun: who asks keeps connections,
        and would lose what it sends on one that is just being closed.
        """
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete and cycle.keep_alive:
            cycle.keep_alive = False
            cycle.scope["headers"] = [*cycle.scope["headers"], CLOSE_HEADER]  # as if it had been asked for

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.watch.leaving:
            self.leave()
        # Each look whether the client has gone reads on, and one that reads no answers could send for ever.
        if self.conn.their_state is h11.DONE and len(self.conn.trailing_data[0]) > BEHIND_BYTES:
            self.transport.abort()

    def place(self) -> tuple[str, int]:
        """What it waits for, and a number that changes with each request: "headers", "between" two requests, the "rest" of a
        body whose answer has been given, a client that leaves it "unread", or anything "else". One that reads slowly gets on:
        there the number changes with what it has taken.
        """
        number = id(self.cycle)
        if self.flow.write_paused or (self.transport.is_closing() and self.transport.get_write_buffer_size()):
            return "unread", self.writes.taken // TAKEN_BYTES
        if self.conn.their_state is h11.IDLE:
            partly = bool(self.conn.trailing_data[0])
            return ("headers" if self.cycle is None or partly else "between"), number
        if self.conn.our_state is h11.ERROR:  # its answer broke off: a file became shorter
            return "rest", number
        answered = self.cycle is not None and self.cycle.response_complete
        return ("rest" if answered and self.conn.their_state is h11.SEND_BODY else "else"), number

    def send_400_response(self, msg: str) -> None:
        if self.conn.lines.too_many:
            self._say(431, "too_large", f"A request may have {HEAD_LINES} headers.")
        else:
            self._say(400, "invalid_request", msg)

    def _say(self, status: int, error: str, description: str) -> None:
        body = json.dumps({"error": error, "error_description": description}).encode()
        head = f"HTTP/1.1 {status} \r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
        self.transport.write(head.encode() + b"connection: close\r\n\r\n" + body)
        self.transport.close()


class _Reading(h11.Connection):
    """What reads requests. A body in crumbs is refused: each piece costs some ten microseconds, and all that have come at
    once are read in one go.
    """

    def __init__(self, role: Any, most: int) -> None:
        super().__init__(role, most)
        self.lines = self._receive_buffer = _Lines()
        self._pieces = self._bytes = 0

    def next_event(self) -> Any:
        event = super().next_event()
        if isinstance(event, h11.Data):
            self._pieces += 1
            self._bytes += len(event.data)
            if self._pieces > PIECES and self._bytes < self._pieces * PIECE_BYTES:
                raise h11.RemoteProtocolError("a body in crumbs")
        elif isinstance(event, h11.Request):
            # Of two lengths a proxy in front may believe the other one, and what is left begins a request of nobody's.
            if {b"content-length", b"transfer-encoding"} <= {name for name, _ in event.headers}:
                raise h11.RemoteProtocolError("two lengths")
            self._pieces = self._bytes = 0
        return event


class _Lines(ReceiveBuffer):
    """Where h11 takes headers from, of a request and behind a body, which it would read however many they are."""

    too_many = False

    def maybe_extract_lines(self) -> list[bytearray] | None:
        lines = super().maybe_extract_lines()
        if lines is not None and len(lines) > HEAD_LINES:
            self.too_many = True
            raise h11.RemoteProtocolError("too many headers")
        return lines


class Server(uvicorn.Server):
    """A uvicorn server whose connections are watched, and which gives each request an answer before it ends.

    `alone`: no other replica can take its place. It then goes on listening while it is drained, so as to say what it is
    doing; else it stops, and a balancer that finds no connection asks another.
    """

    def __init__(self, config: uvicorn.Config, watch: Watch, running: Running, *, alone: bool) -> None:
        super().__init__(config)
        self._watch = watch
        self._running = running
        self._alone = alone
        self._at_once = False
        self._watching: asyncio.Task[None] | None = None

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """A terminal that is closed ends it as gently as any other signal; under nohup that signal stays ignored."""
        number = getattr(signal, "SIGHUP", None)
        main = threading.current_thread() is threading.main_thread()
        heard = number if main and number and signal.getsignal(number) is signal.SIG_DFL else None
        with super().capture_signals():
            if heard:
                signal.signal(heard, self.handle_exit)
            try:
                yield
            finally:
                if heard:
                    signal.signal(heard, signal.SIG_DFL)

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self._watching = asyncio.create_task(self._watch.run())

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # What is said of calls cut short is no news any more.
        for name in LIBRARIES:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._at_once = self.should_exit  # told again
        drain_s = 0.0 if self._at_once else self._watch.limits.drain_s
        # Where another replica takes over, what still comes before this one stops listening has time enough here.
        self._running.close(refuses=self._alone or not drain_s)
        end = threading.Timer(STOP_S + drain_s, os._exit, [128 + sig])
        end.daemon = True
        end.start()
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: Any = None) -> None:
        with anyio.move_on_after(self._watch.limits.drain_s):
            await self._drain()
        self._stop_listening()
        with anyio.move_on_after(GRACE_S):
            await self._running.stop()
        if self._watching is not None:
            self._watching.cancel()
        await super().shutdown(sockets)

    async def _drain(self) -> None:
        """Until what callers have asked is answered, or a second signal comes. What nobody's name stands for is waited for as
        long as it may take to tell who asks, and what comes yet is not: either could hold the server for all of the time.
        """
        if not self._alone:
            await self._leave()
        begun = [c.cycle for c in self._connections() if c.cycle is not None]
        told = anyio.current_time() + GRACE_S
        while not self._at_once:
            known = anyio.current_time() > told
            if not any(_runs(cycle, known=known) for cycle in begun):
                break
            await anyio.sleep(LOOK_S)

    async def _leave(self) -> None:
        """Leaves all that is new to another replica, and loses no request that a balancer has sent to this one."""
        for listening in [s for server in self.servers for s in server.sockets]:
            turn_away(listening)
        for _ in range(2):  # those who wait are taken, and their connections begun
            await anyio.sleep(LOOK_S)
        self._stop_listening()
        self._watch.leaving = True
        for connection in self._connections():
            connection.leave()
        # For a request that is on its way, or comes on a connection that was kept.
        with anyio.move_on_after(IDLE_S):
            while self._waiting() and not self._at_once:  # noqa: ASYNC110
                await anyio.sleep(LOOK_S)
        for connection in self._waiting():
            connection.shutdown()

    def _waiting(self) -> list[Connection]:
        return [c for c in self._connections() if c.place()[0] in ("headers", "between")]

    def _connections(self) -> list[Connection]:
        return [c for c in self.server_state.connections if isinstance(c, Connection)]

    def _stop_listening(self) -> None:
        for server in self.servers:
            server.close()


def _runs(cycle: RequestResponseCycle, *, known: bool) -> bool:
    """Whether a request is not answered yet; `known`: and is a caller's."""
    ended = cycle.response_complete or cycle.disconnected
    return not ended and ("caller" in cycle.scope["state"] or not known)


def server(asgi: Any, running: Running, limits: Limits, *, alone: bool = True) -> Server:
    """A server of an ASGI application, to be run with its sockets. `running`: what it ends when it is told to."""
    watch = Watch(limits)
    watched = type("WatchedConnection", (Connection,), {"watch": watch})
    config = uvicorn.Config(
        asgi,
        http=watched,
        timeout_keep_alive=KEEP_S,
        ws="none",  # where a library for it is installed, a web socket would leave the watch and hold its place for ever
        log_level=None,  # whoever serves has set it
        timeout_graceful_shutdown=GRACE_S,  # a client may hold its stream open for ever
        log_config=None,
        access_log=False,  # the guard writes one line a request, without what stands in its address behind the path
        server_header=False,
    )
    return Server(config, watch, running, alone=alone)
