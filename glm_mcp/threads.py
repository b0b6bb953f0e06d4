"""Blocking work in a thread, without waiting for it once nobody wants its result."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import anyio.to_thread

T = TypeVar("T")


async def in_thread(work: Callable[..., T], *args: object) -> T:
    """What `work(*args)` gives. A cancelled call or a deadline leaves at once: a file system that does not answer would
    hold it for ever. The thread then ends on its own, and what it gives is dropped.
    """
    return await anyio.to_thread.run_sync(work, *args, abandon_on_cancel=True)
