"""What one server bears: sizes, times and numbers that no request goes beyond."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from glm_mcp.media.kept.uploads import LARGEST

MIB = 1024 * 1024
SMALL = 64 * 1024  # bytes; a body up to here is taken without being counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`bodies`: bytes of a request's body, by path; `other_bodies` where no path is named. `in_flight`: bytes of the large
    bodies that are held at once, over all requests, of which a caller has at most half where there are others; one that
    finds no room waits for `admit_s`, and has then to come at `pace` bytes a second. A caller has at most half of the
    `connections`, requests without a token that bring a body have an eighth, and `uploads` of one caller come in at once.

    `header_s`: from a connection's first byte to the end of its headers. `body_s`: in which a body must get on by
    `SMALL` bytes or end. `send_s`: for a client to take 1 MB of what has been written. `linger_s`: for the rest of a body that
    has been refused, whose client would otherwise not hear why. `drain_s`: for calls in flight after a signal.
    """

    bodies: Mapping[str, int] = field(default_factory=lambda: {"/mcp": 32 * MIB, "/files": LARGEST + SMALL})
    other_bodies: int = SMALL
    in_flight: int = 128 * MIB
    admit_s: float = 30.0
    pace: int = 128 * 1024
    connections: int = 1_000
    uploads: int = 32
    header_s: float = 10.0
    body_s: float = 30.0
    send_s: float = 30.0
    linger_s: float = 5.0
    drain_s: float = 0.0

    def body(self, path: str) -> int:
        return self.bodies.get(path.rstrip("/"), self.other_bodies)
