"""How many calls at once a model takes, learnt from its answers, and the queue in front of it."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from statistics import median_low

import anyio

from glm_mcp.errors import Again, RateLimited

FIRST_PROBE_S = 20.0  # wait before trying again a level that was refused; doubles with each refusal there
LONGEST_PROBE_S = 1_800.0
CEILING = 64
SURE_S = 1.0  # a first answer that took so long was not slow for want of a turn of the event loop
REMEMBERED = 9  # answers whose time is remembered
TRUST = (
    8  # turns that one remembered answer speaks for: the first may have been slow to connect, or just slow
)


@dataclass(frozen=True, slots=True)
class Grant:
    """Under which limit an attempt went out. `epoch`: how often the limit had been halved before."""

    level: int
    epoch: int


@dataclass(slots=True, eq=False)
class _Waiter:
    deadline: float
    told: Callable[[int], None]
    since: float
    last: bool
    event: anyio.Event = field(default_factory=anyio.Event)
    granted: bool = False
    hopeless: bool = False


class Limiter:
    """A queue in the order in which calls began, with a limit that grows by one after a run of successes and halves when refused."""

    def __init__(
        self,
        start: int,
        ceiling: int | None = None,
        *,
        clock: Callable[[], float] = anyio.current_time,
    ) -> None:
        self._clock = clock
        self.limit = start
        self.ceiling = ceiling or CEILING
        self.running = 0
        self._took: deque[float] = deque(maxlen=REMEMBERED)
        self._queue: deque[_Waiter] = deque()
        self._run = 0
        self._epoch = 0
        self._waits: dict[int, float] = {}  # level → how long its last refusal closed it
        self._opens: dict[int, float] = {}  # level → when it may be tried again

    @asynccontextmanager
    async def slot(
        self,
        deadline: float,
        told: Callable[[int], None],
        *,
        since: float | None = None,
        last: bool = False,
    ) -> AsyncIterator[Grant]:
        """Holds one place. Yields what to hand to `succeeded` or `refused`.

        `told(place)` hears the place in the queue, from 1. `deadline`: on anyio's clock. `since`: when the call began,
        so that one that was refused comes before those that began after it. `last`: another refusal would end the
        call, so that it goes out when no other runs; the refusals before have made the limit small, so that little is lost.
        Raises RateLimited at once when the queue is too long for the deadline.
        """
        if self.running >= self._room(last) or self._queue:
            await self._wait(_Waiter(deadline, told, self._clock() if since is None else since, last))
        else:
            self.running += 1
        started = self._clock()
        try:
            yield self.grant
            # A refusal at once or a silence up to the deadline says nothing about how long an answer takes.
            took = self._clock() - started
            self._took.append(took)
        finally:
            self.running -= 1
            self._hand_on()

    @property
    def grant(self) -> Grant:
        """What an attempt goes out under now."""
        return Grant(self.limit, self._epoch)

    @property
    def seconds(self) -> float | None:
        """What an attempt that was served usually takes: the middle of the last, so that one slow answer turns nobody away."""
        return median_low(self._took) if self._took else None

    def _room(self, last: bool) -> int:
        return 1 if last else self.limit

    async def _wait(self, waiter: _Waiter) -> None:
        at = len(self._queue)
        while at and self._queue[at - 1].since > waiter.since:
            at -= 1
        self._queue.insert(at, waiter)
        place = at + 1
        if self._hopeless(waiter, place):
            self._queue.remove(waiter)
            raise self._too_long(place)
        waiter.told(place)
        try:
            await waiter.event.wait()
        except BaseException:
            if waiter.granted:
                self.running -= 1
            elif waiter in self._queue:
                self._queue.remove(waiter)
            self._hand_on()
            raise
        if waiter.hopeless:
            raise self._too_long(place)

    def _hopeless(self, waiter: _Waiter, place: int) -> bool:
        if self.seconds is None:
            return False
        # One short answer says little: the first is measured while a burst of calls is still being queued.
        trusted = 1 if len(self._took) == 1 and self.seconds < SURE_S else TRUST * len(self._took)
        turns = min(math.ceil(place / self.limit), trusted)
        return self._clock() + turns * self.seconds > waiter.deadline

    def _too_long(self, place: int) -> RateLimited:
        return RateLimited(
            f"{place} calls wait for this model, which takes {self.limit} at a time and {self.seconds or 0:.1f} s each: this one could not be served in time",
            "Call again when fewer calls are running, or allow more time with GLM_DEADLINE_S.",
            again=Again.NEXT,
        )

    def _hand_on(self) -> None:
        while self._queue and self.running < self._room(self._queue[0].last):
            waiter = self._queue.popleft()
            waiter.granted = True
            self.running += 1
            waiter.event.set()
        for place, waiter in enumerate(tuple(self._queue), start=1):
            if self._hopeless(waiter, place):
                self._queue.remove(waiter)
                waiter.hopeless = True
                waiter.event.set()
            else:
                waiter.told(place)

    def succeeded(self, grant: Grant) -> None:
        """One attempt was served. One that went out under another limit says nothing about this one."""
        if grant != self.grant:
            return
        self._run += 1
        level = self.limit + 1
        if level > self.ceiling or self._run < max(3, self.limit):
            return
        now = self._clock()
        if any(now < opens for refused, opens in self._opens.items() if refused <= level):
            return
        self._run = 0
        self.limit = level
        self._hand_on()

    def refused(self, grant: Grant) -> None:
        """The service refused an attempt for too many at once. Refusals of one burst count once."""
        self._run = 0
        if grant.epoch != self._epoch:
            return
        self._epoch += 1
        level = grant.level  # the limit may have grown while the refusal was on its way
        wait = min(LONGEST_PROBE_S, self._waits[level] * 2) if level in self._waits else FIRST_PROBE_S
        self._waits[level] = wait
        self._opens[level] = self._clock() + wait
        self.limit = max(1, level // 2)
