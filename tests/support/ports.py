"""A port of 127.0.0.1 that belongs to one test."""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def held_port() -> Iterator[int]:
    """A port at which nobody listens, and which nobody else is given, until this test lets somebody listen there.

    It is bound and does not listen, so whoever comes is refused. On Linux a server that reuses addresses
    may listen there as well; elsewhere it could not, and the port is free at once.
    """
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        if sys.platform != "linux":
            held.close()
        yield port
