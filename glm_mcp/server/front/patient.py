"""A descriptor read and written to its end, though somebody who shares it lets nobody wait for it: a launcher that
made its own pipes so hands them on so.
"""

from __future__ import annotations

import os
import sys


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


def _wait(descriptor: int, *, writing: bool) -> None:
    if sys.platform == "win32":  # there a pipe always lets one wait
        return
    import select  # hardly ever needed

    ready = select.poll()
    ready.register(descriptor, select.POLLOUT if writing else select.POLLIN)
    ready.poll()
