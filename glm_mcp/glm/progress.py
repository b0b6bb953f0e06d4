"""What a call is doing at the moment, told to the client: at a change, and at least every five seconds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio

from glm_mcp.text import Pieces, plain

EVERY_S = 5.0
PAUSE_S = 0.25  # a stream of tokens must not become a stream of notifications
TAIL = 80
LARGE = 10_000  # characters of one piece, whose end is not told
AGAIN = "\n[the answer broke off; asking again]\n"  # given to `on_text` before the pieces of another try

Send = Callable[[float, str], Awaitable[None]]


class Progress:
    """Stages are said synchronously and cost nothing; `run` sends them on while a client listens."""

    def __init__(self, send: Send | None = None, on_text: Callable[[str], None] | None = None) -> None:
        self._send = send
        self._on_text = on_text
        self._message = "starting"
        self._written = 0
        self._tail = ""
        self._pieces = Pieces()
        self._changed = anyio.Event()
        self._step = 0

    def say(self, message: str) -> None:
        self._message = message
        self._changed.set()

    def thinking(self, characters: int) -> None:
        self.say(f"thinking ({characters:,} characters)")

    def text(self, piece: str) -> None:
        """A piece of the answer has arrived. What may be the beginning of a key is told with the next."""
        if not piece:
            return
        if len(piece) > LARGE and not self._on_text:
            # Nobody writes as much at once, and cleaning it takes a while: of its end it is seen what may begin a key.
            self._pieces.add(piece[-LARGE:])
            said = self._tail = ""
        else:
            said = self._pieces.add(piece)
        if self._on_text and said:
            self._on_text(said)
        self._written += len(piece)
        self._tail = (self._tail + said)[-TAIL:]
        self.say("")

    def start_text(self) -> None:
        """A new attempt begins: what was written before does not count."""
        if self._written and self._on_text:
            self._on_text(AGAIN)
        self._written, self._tail, self._pieces = 0, "", Pieces()

    def of_parts(self, count: int) -> Progress:
        """What the parts of one work say of themselves, which are asked at once; of a single one as of a whole."""
        return Parts(self, count) if count > 1 else self

    def done(self, count: int) -> None:
        """So many of the parts are."""

    @property
    def message(self) -> str:
        """One line; a file's name or the model's text in it cannot act on a terminal."""
        note = self._message or f"writing ({self._written:,} characters): …{self._tail}"
        return " ".join(plain(note).split())

    @asynccontextmanager
    async def told(self) -> AsyncIterator[None]:
        """While entered, the client is told."""
        async with anyio.create_task_group() as group:
            group.start_soon(self.run)
            yield
            group.cancel_scope.cancel()

    async def run(self) -> None:
        """Sends until cancelled."""
        if self._send is None:
            return
        while True:
            self._step += 1
            self._changed = anyio.Event()  # before sending, so that a change meanwhile is not lost
            await self._send(float(self._step), self.message)
            await anyio.sleep(PAUSE_S)
            with anyio.move_on_after(EVERY_S - PAUSE_S):
                await self._changed.wait()


class Parts(Progress):
    """Progress of answers that are written at once: how many are done and what goes on, since a line of several texts
    would be none.
    """

    def __init__(self, whole: Progress, count: int) -> None:
        super().__init__()
        self._whole, self._count, self._done = whole, count, 0

    def say(self, message: str) -> None:
        self._whole.say(f"{self._done} of {self._count} parts done" + (f"; {message}" if message else ""))

    def done(self, count: int) -> None:
        self._done = count
        self.say("")

    def text(self, piece: str) -> None:
        if piece:
            self._written += len(piece)
            self.say(f"writing ({self._written:,} characters)")

    def start_text(self) -> None:
        """What others have written counts on."""
