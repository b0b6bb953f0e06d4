"""Leaving with a client over stdio: seen by threads, while the event loop is held up or nobody reads what is written."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable
from contextlib import suppress

PARENT_S = 0.3  # between two looks at who our parent is
QUIET_S = 0.4  # after its death, for somebody else to speak
LINGER_S = 0.7  # after the end of stdin, for answers on their way; clients expect the exit within a second
READ_ON_S = 0.2  # from the end of stdin, for what was sent before it to be read
_ENDED = getattr(select, "POLLHUP", 0) | getattr(select, "POLLERR", 0) | getattr(select, "POLLRDHUP", 0)


def leave_soon() -> None:
    """A thread that waits on a decoder or a name server cannot be stopped; the process can."""
    timer = threading.Timer(LINGER_S, os._exit, [0])
    timer.daemon = True
    with suppress(RuntimeError):  # no thread more may be started: it ends as it can
        timer.start()


def watch_end(stdin: int) -> None:
    """Sees the end of stdin before what came last is read, and while the event loop is held up."""
    if not hasattr(select, "poll"):  # Windows
        return
    ends = select.poll()
    ends.register(stdin, getattr(select, "POLLRDHUP", 0))
    with suppress(OSError):
        while not any(event & _ENDED for _, event in ends.poll()):
            pass
        time.sleep(LINGER_S + READ_ON_S)
        os._exit(0)


class Client:
    """A client that was killed may leave our stdin open in another child of its own: then its death is all there is to see.

    Our parent need not be the client. A launcher that starts us and leaves on purpose has done so when the first message
    comes; one that leaves later is told from a client by the messages that still come.
    """

    def __init__(self, started_by: Callable[[], int] = os.getppid) -> None:
        """`started_by`: our parent when the first message came; asked as that is read, since the parent may go right
        after.
        """
        self._started_by = started_by
        self._parent = 0
        self._messages = 0
        self._first = threading.Event()

    def spoke(self) -> None:
        """Whoever reads a message says so, before anybody can answer it."""
        self._parent = self._parent or self._started_by()
        self._messages += 1
        self._first.set()

    def watch(self) -> None:
        self._first.wait()
        parent = self._parent
        while parent > 1 and os.getppid() == parent:
            time.sleep(PARENT_S)
        before = self._messages
        time.sleep(QUIET_S)
        if parent > 1 and self._messages == before:
            os._exit(0)
