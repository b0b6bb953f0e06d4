"""Turns for others, where much of an answer has come at once."""

from __future__ import annotations

import time

import anyio

AT_ONCE_S = 0.008  # of reading
PAUSE_S = 0.001


class Turns:
    def __init__(self) -> None:
        self._since = time.monotonic()

    async def let_others(self) -> None:
        """Between two steps: pauses where they have taken long. It does pause: from a loop that gives up Python's lock for a
        moment, however often, a thread that waits for it never gets it, as the one that reads what a client says.
        """
        if time.monotonic() - self._since > AT_ONCE_S:
            await anyio.sleep(PAUSE_S)
            self._since = time.monotonic()
