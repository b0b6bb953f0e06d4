"""The socket that takes connections: how it begins, and how it ends without losing one."""

from __future__ import annotations

import ctypes
import socket
import struct
import sys
from contextlib import suppress

from glm_mcp.errors import ConfigError

SO_ATTACH_FILTER = 26  # Linux's, which Python does not name
# In the kernel's language of packet filters: code, jump if so, jump if not, value. Takes all but a packet with SYN.
FLAGS, SYN = 13, 0x02  # the byte of TCP's header, and the bit of who opens a connection
NO_SYN = ((0x30, 0, 0, FLAGS), (0x45, 0, 1, SYN), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF))


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens, for an event loop. Raises ConfigError where the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio turns Nagle's delay (40 ms an answer) off only for a socket that says it is TCP.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform != "win32":  # where it would let two servers share a port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(256)
    except OSError as error:
        listening.close()
        raise ConfigError(
            f"{host}:{port} cannot be used ({error.strerror})",
            "Give another --port, or stop what listens there.",
        ) from None
    return listening


def turn_away(listening: socket.socket) -> None:
    """Lets nobody connect any more, while those who have can still be taken: closing a socket cuts whom it has not handed
    on. Who comes now asks again a second later, and is refused once it is closed. On Linux; elsewhere it does nothing.
    """
    if sys.platform != "linux":
        return
    program = b"".join(struct.pack("=HBBI", *line) for line in NO_SYN)
    held = ctypes.create_string_buffer(program, len(program))
    with suppress(OSError):  # a sandbox without such filters
        listening.setsockopt(
            socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("@HP", len(NO_SYN), ctypes.addressof(held))
        )
