"""The end of a call's time as the event loop sees it, which is late where the process was stopped or its machine asleep."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import anyio

OVERSLEPT_S = 1.0  # no event loop of ours is held up for so long
AWAKE_S = 1.0  # to read what came in the meantime


@contextmanager
def ends_at(
    deadline: float, *, grace_s: float = 0.0, put_off: Callable[[float], None] = lambda _: None
) -> Iterator[None]:
    """Cancels what is in it `grace_s` after the deadline. Where that is seen late there is some time more, until the moment
    that `put_off` is told.
    """
    loop = asyncio.get_running_loop()
    since = loop.time()
    with anyio.CancelScope() as scope:

        def seen() -> None:
            now = loop.time()  # anyio knows no loop in a callback of a process that it did not start
            overslept = now - max(since, deadline) > OVERSLEPT_S
            ends = now + grace_s + AWAKE_S * overslept
            if overslept:
                put_off(ends)
            scope.deadline = ends

        timer = loop.call_at(deadline, seen)
        try:
            yield
        finally:
            timer.cancel()
