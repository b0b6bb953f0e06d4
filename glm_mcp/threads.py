"""Blocking work in a thread, without waiting for it once nobody wants its result; and how much of it at once."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from typing import TypeVar

import anyio
import anyio.to_thread
from anyio.lowlevel import RunVar

T = TypeVar("T")

_M_MMAP_THRESHOLD = -3
_OWN_PAGES = (
    1 << 20
)  # bytes; what is larger goes back to the system when freed, rather than from 32 MB on once one was freed
_HEAPS = 2
_M_ARENA_MAX = -8  # of glibc's malloc.h
# The one state that applications in a process share: they share its cores and memory too. A limiter belongs to the
# event loop that it was made in.
_limiters: RunVar[dict[str, anyio.CapacityLimiter]] = RunVar("glm_mcp_limiters")


def few_heaps() -> None:
    """To be called when a server starts. glibc gives threads heaps of their own, eight for each core, and each keeps
    pieces of what was freed in it: pictures read on many threads would end up holding twice the memory.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
        if mallopt is not None:
            mallopt(_M_ARENA_MAX, _HEAPS)
            mallopt(_M_MMAP_THRESHOLD, _OWN_PAGES)


async def in_thread(work: Callable[..., T], *args: object) -> T:
    """What `work(*args)` gives. A cancelled call or a deadline leaves at once: a file system that does not answer would
    hold it for ever. The thread then ends on its own, and what it gives is dropped.
    """
    return await anyio.to_thread.run_sync(work, *args, abandon_on_cancel=True)


def limiter(work: str, at_once: int) -> anyio.CapacityLimiter:
    """The limiter of one kind of work, that may be done `at_once` times in this process."""
    try:
        known = _limiters.get()
    except LookupError:
        known = {}
        _limiters.set(known)
    return known.setdefault(work, anyio.CapacityLimiter(at_once))
