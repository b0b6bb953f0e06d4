"""Blocking work in a thread, without waiting for it once nobody wants its result; and how much of it at once."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import math
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import partial
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

import anyio
import anyio.to_thread
from anyio.lowlevel import RunVar

T = TypeVar("T")

TURN_S = 0.001  # of a thread that computes, before another may run
GIVE_BACK_S = 1.0  # after a large request
# Threads of one caller; beside twenty that compute the event loop takes seconds for its turn.
AT_ONCE = max(4, os.cpu_count() or 1)
_HEAPS = 2
_M_ARENA_MAX, _M_MMAP_THRESHOLD = -8, -3  # of glibc's malloc.h
# Bytes from which on a piece is given back as soon as it is freed; by itself glibc raises this to 32 MB.
_LARGE = 1 << 20
# The one state that applications in a process share: they share its cores and memory too. A limiter belongs to the
# event loop that it was made in.
_limiters: RunVar[dict[str, anyio.CapacityLimiter]] = RunVar("glm_mcp_limiters")


def short_turns() -> None:
    """To be called when a server starts. While a thread computes, the event loop waits for its turn some ten times a
    request, 5 ms each as Python has it: beside a text of 40 MB a ping over HTTP took 110 ms, and takes 83 so
    (`benchmarks/freeze.py`).
    """
    sys.setswitchinterval(TURN_S)


def few_heaps() -> None:
    """To be called when a server starts. glibc gives threads heaps of their own, eight for each core, and each keeps
    pieces of what was freed in it: pictures read on many threads would end up holding twice the memory.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
        if mallopt is not None:
            mallopt(_M_ARENA_MAX, _HEAPS)
            mallopt(_M_MMAP_THRESHOLD, _LARGE)


def give_back_soon() -> None:
    """To be called after a large request: when it has been answered, what it held goes back to the system. What failed
    is held by its own traceback until the collector comes by, and pieces that were freed by the C library.
    """
    global _giving_back  # noqa: PLW0603 - of the process, as its memory is
    if _giving_back is None or not _giving_back.is_alive():
        _giving_back = threading.Timer(GIVE_BACK_S, _give_back)
        _giving_back.daemon = True
        _giving_back.start()


_giving_back: threading.Timer | None = None


def _give_back() -> None:
    gc.collect(1)  # a few milliseconds; what is old was not made by a request
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)) is not None:
        trim(0)


class _Job(Generic[T]):
    """Work for a thread of the pool. An idle thread remembers what it last called, with what, and what came of it: that
    must not be what is large. `ended`: called once, when it has ended or will not begin.
    """

    def __init__(
        self, work: Callable[..., T], args: tuple[object, ...], ended: Callable[[], object] | None
    ) -> None:
        self._todo = [(work, args)]
        self._ended = ended
        self._done: list[T] = []
        self._error: BaseException | None = None

    def __call__(self) -> None:
        try:
            work, args = self._todo.pop()
        except IndexError:  # dropped
            return
        try:
            self._done.append(work(*args))
        except BaseException as error:  # noqa: BLE001 - raised again, where it is waited for
            self._error = error
        finally:
            if self._ended:
                self._ended()

    def drop(self) -> None:
        """Nobody waits for it any more: what has not begun never will."""
        with suppress(IndexError):
            self._todo.pop()
            if self._ended:
                self._ended()

    def result(self) -> T:
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        return self._done.pop()


async def in_thread(work: Callable[..., T], *args: object, among: anyio.CapacityLimiter | None = None) -> T:
    """What `work(*args)` gives. `among`: threads that are kept for such work. A cancelled call or a deadline leaves
    at once: a file system that does not answer would hold it for ever. The thread then ends on its own, and what it
    gives is dropped; it counts until it has ended, in its caller's share and among its kind.
    """
    share, held = _share.get(), list[Callable[[], object]]()
    job = _Job(work, args, _releasing(held) if share or among else None)
    try:
        if share is not None:
            await share.acquire()
            held.append(share.release)
        if among is not None:
            await among.acquire_on_behalf_of(job)
            held.append(partial(among.release_on_behalf_of, job))
        # Its own limiter would count it no longer once nobody waits for it.
        await anyio.to_thread.run_sync(
            job, abandon_on_cancel=True, limiter=among and limiter("counted elsewhere", math.inf)
        )
    finally:
        job.drop()
    return job.result()


_share: ContextVar[anyio.Semaphore | None] = ContextVar("glm_mcp_share_of_threads", default=None)
_own: WeakKeyDictionary[anyio.Semaphore, dict[str, anyio.CapacityLimiter]] = WeakKeyDictionary()


@contextmanager
def within_share(share: anyio.Semaphore) -> Iterator[None]:
    """Within the block `in_thread` works for a caller who has no more threads at once than `share` lets."""
    token = _share.set(share)
    try:
        yield
    finally:
        _share.reset(token)


@contextmanager
def outside_share() -> Iterator[None]:
    """Within the block `in_thread` waits for no thread of the caller's: who has a place at a model, for which others wait,
    must not hold it until their own other work is done.
    """
    token = _share.set(None)
    try:
        yield
    finally:
        _share.reset(token)


def _releasing(held: list[Callable[[], object]]) -> Callable[[], None]:
    """Gives back what is held then, from any thread."""
    loop = asyncio.get_running_loop()

    def release() -> None:
        with suppress(RuntimeError):  # the event loop has ended
            for give_back in held:
                loop.call_soon_threadsafe(give_back)

    return release


async def in_thread_if(much: bool, work: Callable[..., T], *args: object) -> T:
    """The same, in a thread only where there is much to do: it costs more than it spares the event loop elsewhere."""
    return await in_thread(work, *args) if much else work(*args)


def share_of_caller() -> anyio.Semaphore | None:
    """Of whoever this runs for, over HTTP; None where nobody has a share."""
    return _share.get()


def own_limiter(work: str, at_once: float) -> anyio.CapacityLimiter:
    """The limiter of one kind of work for the caller in whose share this runs; another each time where nobody has one.
    Whoever enters it before that of all leaves no more in the common queue than `at_once`.
    """
    share = _share.get()
    known = {} if share is None else _own.setdefault(share, {})
    return known.setdefault(work, anyio.CapacityLimiter(at_once))


def limiter(work: str, at_once: float) -> anyio.CapacityLimiter:
    """The limiter of one kind of work, that may be done `at_once` times in this process."""
    try:
        known = _limiters.get()
    except LookupError:
        known = {}
        _limiters.set(known)
    if work not in known:
        known[work] = anyio.CapacityLimiter(at_once)
    return known[work]
