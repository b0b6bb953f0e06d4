"""One line on stderr that says what is pending and for how long, gone when something is to be read."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from glm_mcp.cli.terminal.cells import cells, cut
from glm_mcp.cli.terminal.screen import columns, is_terminal, painted

EVERY_S = 0.12
TURNS = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
PLAIN_TURNS = "-\\|/"  # for a terminal that is not UTF-8
CLEAR = "\r\x1b[K"


class Moving:
    """`shows`: stderr is a terminal; nothing is shown where it is none."""

    def __init__(self, *, shows: bool) -> None:
        self._shows = shows
        self._message = ""
        self._started = time.monotonic()
        self._turn = 0
        self._shown = False
        self._lock = threading.Lock()
        encoding = (sys.stderr.encoding or "") if sys.stderr else ""
        self._turns = TURNS if encoding.lower().startswith("utf") else PLAIN_TURNS

    def say(self, message: str) -> None:
        """What is pending from now on; empty: nothing is shown until the next."""
        self._message = message
        if not message:
            self.clear()
        elif self._shows and not self._shown:
            self.draw()  # the first at once, however soon it is over

    def clear(self) -> None:
        with self._lock:
            if self._shown:
                sys.stderr.write(CLEAR)
                sys.stderr.flush()
                self._shown = False

    def draw(self) -> None:
        with self._lock:
            if not self._message:
                return
            self._turn += 1
            mark = self._turns[self._turn % len(self._turns)]
            since = f" · {time.monotonic() - self._started:.0f} s"
            room = columns() - 1 - len(mark) - 1 - cells(since)
            said = f"{mark} {cut(self._message, room)}{since}"
            sys.stderr.write(CLEAR + painted(said, "dim", sys.stderr))
            sys.stderr.flush()
            self._shown = True


@contextmanager
def moving() -> Iterator[Moving]:
    """The line moves by itself in this block, and is gone after it, whatever happens."""
    line = Moving(shows=is_terminal(sys.stderr))
    if not is_terminal(sys.stderr):
        yield line
        return
    ended = threading.Event()

    def move() -> None:
        while not ended.wait(EVERY_S):
            line.draw()

    thread = threading.Thread(target=move, daemon=True)
    thread.start()
    try:
        yield line
    finally:
        ended.set()
        thread.join()
        line.clear()
