"""A descriptor read and written to its end, though somebody who shares it lets nobody wait for it: a launcher that
made its own pipes so hands them on so.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable


def read(descriptor: int, most: int) -> bytes:
    """The next bytes, none at the end. Raises OSError."""
    while True:
        try:
            return os.read(descriptor, most)
        except BlockingIOError:
            _wait(descriptor, writing=False)


def write(descriptor: int, line: bytes) -> None:
    """All of the line. Raises OSError."""
    rest = memoryview(line)
    while rest:
        try:
            rest = rest[os.write(descriptor, rest) :]
        except BlockingIOError:
            _wait(descriptor, writing=True)


def room(descriptor: int) -> Callable[[int, int], bool] | None:
    """Tells whether so many bytes are surely written without waiting, after so many milliseconds at most; None where that
    cannot be told. Raises OSError.
    """
    if sys.platform == "win32":
        return None
    mode = os.fstat(descriptor).st_mode
    # Python promises it of pipes; Linux holds it for the sockets, too, that Node gives its children.
    if not (stat.S_ISFIFO(mode) or (sys.platform == "linux" and stat.S_ISSOCK(mode))):
        return None
    import select

    asked = select.poll()
    asked.register(descriptor, select.POLLOUT)
    return lambda size, within: (
        size <= select.PIPE_BUF and asked.poll(within) == [(descriptor, select.POLLOUT)]
    )


def _wait(descriptor: int, *, writing: bool) -> None:
    if sys.platform == "win32":  # there a pipe always lets one wait
        return
    import select  # hardly ever needed

    ready = select.poll()
    ready.register(descriptor, select.POLLOUT if writing else select.POLLIN)
    ready.poll()
