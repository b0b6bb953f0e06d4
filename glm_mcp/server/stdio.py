"""Serving over stdin and stdout, as an agent starts it; and leaving when the agent does."""

from __future__ import annotations

import os
import threading
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress

import anyio
import anyio.from_thread
import anyio.lowlevel
import anyio.to_thread
from anyio.abc import ObjectReceiveStream, ObjectSendStream
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage
from mcp.types import JSONRPCError, JSONRPCMessage, JSONRPCNotification, JSONRPCRequest, JSONRPCResponse

from glm_mcp.glm.threads import few_heaps, in_thread, short_turns
from glm_mcp.server.app import App, build
from glm_mcp.server.deadlines import Deadlines
from glm_mcp.server.front.stdin import Stdin
from glm_mcp.server.garbage import look_at_few
from glm_mcp.server.jsonrpc import read
from glm_mcp.server.leaving import LINGER_S, Client, leave_soon, watch_end
from glm_mcp.server.pipes import Output, close_off
from glm_mcp.server.recorder import Recorder, behind_id

THREADS = 400
WAITING_BYTES = 16 << 20  # of answers that nobody reads, from which on no further request is begun
ANSWER_BYTES = 16 << 10  # at the least, with the task that waits to say it
LINE_BYTES = 1 << 10  # of a line that is held, besides its own
HELD_BYTES = 1 << 20  # of lines that are read on then, for a cancellation among them
LOOK_S = 0.1  # between two looks at whether answers are read again
SMALL_BYTES = 4 << 10  # of text in a message that is made into a line on the event loop
_CANCELLED = "notifications/cancelled"
SETTLE_S = 0.5  # after the end of stdin, for lists that were asked for just before


async def serve_stdio(app: App, stdin: Stdin) -> None:
    """Serves until stdin ends; the process is gone within a second of that, whatever a thread or the event loop is doing."""
    few_heaps()
    short_turns()
    look_at_few()
    # Calls that wait for a dead file system must not take the last of them.
    anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
    server = build(app)
    client = Client(lambda: stdin.parent or os.getppid())
    threading.Thread(target=client.watch, name="client", daemon=True).start()
    threading.Thread(target=watch_end, args=(stdin.descriptor,), name="end of stdin", daemon=True).start()
    recorder = Recorder(app, server, stdin.place, stdin.record) if stdin.place else None
    close_off()
    output = Output(stdin.output)
    app.deadlines = Deadlines(output.answer)
    outgoing, to_write = anyio.create_memory_object_stream[SessionMessage](0)
    # What is said last is still written: the writer ends when the server has closed its stream.
    async with app.glm.sharing(), anyio.create_task_group() as writing, anyio.create_task_group() as group:
        writing.start_soon(_write, to_write, output)
        if recorder:
            group.start_soon(recorder.run)
        answers = Outgoing(outgoing, stdin.said, recorder)
        try:
            incoming = Incoming(stdin, output, answers, client.spoke)
            await server.run(incoming, answers, server.create_initialization_options())
        finally:
            # Also when stdout broke: a thread that waits would keep the process.
            leave_soon()
            group.cancel_scope.cancel()


async def _write(messages: MemoryObjectReceiveStream[SessionMessage], output: Output) -> None:
    own = anyio.CapacityLimiter(1)  # those of calls may all wait
    async with messages:
        async for item in messages:
            if not (_is_small(item.message) and output.write_at_once(item.message)):
                await in_thread(output.write, item.message, among=own)


_Read = tuple[SessionMessage | JSONRPCError, int]  # with the length of its line


class Incoming(ObjectReceiveStream[SessionMessage]):
    """The SDK's read stream: what stdin says, each message waited for before the next is read. A line that is none is
    answered here. While many answers wait to be read, requests wait here, and then in the client's pipe.
    """

    def __init__(
        self, stdin: Stdin, output: Output, answers: Outgoing, on_message: Callable[[], None]
    ) -> None:
        self._answers, self._on_message = answers, on_message
        self._is_heard = True  # whether somebody reads our answers
        self._held, self._held_bytes = deque[_Read](), 0
        self._send, self._receive = anyio.create_memory_object_stream[_Read](0)
        self._token = anyio.lowlevel.current_token()
        lines, ended = stdin.take(self._take, output.line)
        self._first = deque((item, len(line)) for line in lines if (item := read(line)) is not None)
        if lines:
            on_message()
        if ended:
            self._send.close()

    def _take(self, line: bytes | bytearray | None) -> None:
        """Takes a line in the thread that reads: what is large is read there. It has come, however late the loop takes it."""
        if line is not None:
            self._on_message()
        with suppress(anyio.RunFinishedError, anyio.BrokenResourceError, anyio.ClosedResourceError):
            if line is None:
                anyio.from_thread.run_sync(self._send.close, token=self._token)
            elif (item := read(line)) is not None:
                self._hand_over((item, len(line)))

    def _hand_over(self, item: _Read) -> None:
        """Waits until the loop takes it: with a task of its own only where the loop does not wait for it already."""
        try:
            anyio.from_thread.run_sync(self._send.send_nowait, item, token=self._token)
        except anyio.WouldBlock:
            anyio.from_thread.run(self._send.send, item, token=self._token)

    async def receive(self) -> SessionMessage:
        try:
            while isinstance(item := await self._next(), JSONRPCError):
                if self._is_heard:
                    await self._refuse(item)
        except anyio.EndOfStream:
            leave_soon()
            await self._answers.settle()  # the SDK ends what is under way
            raise
        if isinstance(item.message, JSONRPCRequest):
            self._answers.asked(item.message.id)
        elif isinstance(item.message, JSONRPCNotification) and item.message.method == _CANCELLED:
            self._answers.taken_back((item.message.params or {}).get("requestId"))
        return item

    async def _next(self) -> SessionMessage | JSONRPCError:
        while self._answers.many():
            if self._held_bytes > HELD_BYTES:
                await anyio.sleep(LOOK_S)
                continue
            with anyio.move_on_after(LOOK_S):
                item, size = await self._come()
                self._held.append((item, size))
                self._held_bytes += size + LINE_BYTES
                # At once, for what runs, and again in its turn: it may take back what is held.
                if isinstance(item, SessionMessage) and isinstance(item.message, JSONRPCNotification):
                    return item
        if self._held:
            item, size = self._held.popleft()
            self._held_bytes -= size + LINE_BYTES
            return item
        return (await self._come())[0]

    async def _come(self) -> _Read:
        return self._first.popleft() if self._first else await self._receive.receive()

    async def _refuse(self, answer: JSONRPCError) -> None:
        # A client that sends and does not read must not keep us from seeing the end of stdin.
        with anyio.move_on_after(LINGER_S) as patience:
            with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
                await self._answers.send(SessionMessage(answer))
        self._is_heard = not patience.cancelled_caught

    async def aclose(self) -> None:
        await self._receive.aclose()


class Outgoing(ObjectSendStream[SessionMessage]):
    """The SDK's write stream: it knows which requests are still to be answered, and does not repeat what was said already.

    `said`: by the id of a request, its answer that the client has had; it shows whether the record is true.
    """

    def __init__(
        self, stream: MemoryObjectSendStream[SessionMessage], said: dict[str, str], recorder: Recorder | None
    ) -> None:
        self._stream, self._said, self._recorder = stream, dict(said), recorder
        self._open = Counter[str | int]()  # a client may use one id for several
        self._answered = anyio.Event()
        self._waiting = 0

    def many(self) -> bool:
        """Whether more waits to be written than a client leaves that reads."""
        return self._waiting > WAITING_BYTES

    def asked(self, ident: str | int) -> None:
        self._open[ident] += 1

    def taken_back(self, ident: object) -> None:
        """A request is cancelled, to which no answer need come."""
        if isinstance(ident, str | int) and self._open[ident] < 2:
            del self._open[ident]
        elif isinstance(ident, str | int):
            self._open[ident] -= 1

    async def settle(self) -> None:
        """Waits for the answers on their way, for as long as a list may take and no call does."""
        with anyio.move_on_after(SETTLE_S):
            while self._open:
                self._answered = anyio.Event()
                await self._answered.wait()

    async def send(self, item: SessionMessage) -> None:
        message = item.message
        if not isinstance(message, JSONRPCResponse | JSONRPCError):
            await self._stream.send(item)
            return
        said = self._said.pop(str(message.id), None)
        if said is None:
            try:
                self._stream.send_nowait(item)  # where the writer waits for it, as between calls
            except anyio.WouldBlock:
                await self._queue(item)
        elif self._recorder and behind_id(message) != said:
            self._recorder.differs()
        if self._recorder:
            self._recorder.spoke()
        self.taken_back(message.id)
        self._answered.set()

    async def _queue(self, item: SessionMessage) -> None:
        self._waiting += (size := _size(item.message))
        try:
            await self._stream.send(item)
        finally:
            self._waiting -= size

    async def aclose(self) -> None:
        await self._stream.aclose()


def _is_small(message: JSONRPCMessage) -> bool:
    """Whether it is a call's answer of a few words, or tells how one goes on."""
    if isinstance(message, JSONRPCResponse):
        result = message.result
        large = "content" not in result or "structuredContent" in result
        return not large and _size(message) <= ANSWER_BYTES + SMALL_BYTES
    return isinstance(message, JSONRPCNotification)


def _size(answer: JSONRPCMessage) -> int:
    """About the bytes that it holds while it waits."""
    result = answer.result if isinstance(answer, JSONRPCResponse) else {}
    parts = result.get("content") or result.get("contents") or []
    return ANSWER_BYTES + sum(
        len(part.get(name) or "") for part in parts for name in ("text", "data", "blob")
    )
