"""Promises in seconds, on a machine that has other things to do too: what is late there is not what is slow."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

SAMPLE_S = 0.03  # of computing: some ten turns of a scheduler
FRESH_S = 1.0  # for which a measurement holds: many tests are over in a tenth of it

_measured: list[tuple[float, float]] = [(-FRESH_S, 1.0)]


def slowness() -> float:
    """How many times longer a piece of computing takes at present than with a processor for itself; 1 at the least."""
    at, known = _measured[0]
    return known if time.monotonic() - at < FRESH_S else _slowness_now()


def _slowness_now() -> float:
    began, used = time.monotonic(), time.thread_time()
    while time.thread_time() - used < SAMPLE_S:
        pass
    found = max(1.0, (time.monotonic() - began) / (time.thread_time() - used))
    _measured[0] = time.monotonic(), found
    return found


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Fails when the block took longer than `seconds`, or than as many times that as the machine is slowed down by others
    just before it or just after.
    """
    before = slowness()
    began = time.monotonic()
    yield
    took = time.monotonic() - began
    if took >= seconds:
        most = seconds * max(before, _slowness_now())
        assert took < most, f"{took:.2f} s, where {most:.2f} s are the most"
