"""How many calls at once a model takes, learnt from its answers, and the queue in front of it."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from statistics import median_low

import anyio

FIRST_PROBE_S = 20.0  # wait before trying again a level that was refused; doubles with each refusal there
LONGEST_PROBE_S = 1_800.0
CEILING = 64
RUN = 50  # attempts served in a row before one more at once is tried: a refusal costs a request and a wait
REMEMBERED = 9  # attempts whose time is remembered
STUCK = 3.0  # an attempt that takes so many times what it usually does may take for ever


@dataclass(frozen=True, slots=True)
class Grant:
    """Under which limit an attempt went out. `epoch`: how often the limit had been halved before."""

    level: int
    epoch: int


@dataclass(slots=True, eq=False)
class _Waiter:
    on_position: Callable[[int], None]
    since: float
    event: anyio.Event = field(default_factory=anyio.Event)
    began: float | None = None  # when its place was given to it


class Limiter:
    """A queue in the order in which calls began, with a limit that grows by one after a run of successes and halves when refused."""

    def __init__(
        self, start: int, ceiling: int | None = None, *, clock: Callable[[], float] = anyio.current_time
    ) -> None:
        self._clock = clock
        self.limit = start
        self.ceiling = ceiling or CEILING
        self._running: list[float] = []  # when each began
        self._took: deque[float] = deque(maxlen=REMEMBERED)
        self._queue: deque[_Waiter] = deque()
        self._run = 0
        self._epoch = 0
        self._waits: dict[int, float] = {}  # level → how long its last refusal closed it
        self._opens: dict[int, float] = {}  # level → when it may be tried again

    @property
    def running(self) -> int:
        return len(self._running)

    @asynccontextmanager
    async def slot(self, on_position: Callable[[int], None], *, since: float) -> AsyncIterator[Grant]:
        """Holds one place. Yields what to hand to `succeeded` or `refused`.

        `on_position(place)` is called with the place in the queue, from 1, and at each change. `since`: when the call
        began, so that one that was refused comes before those that began after it.
        """
        if len(self._running) >= self.limit or self._queue:
            began = await self._wait(_Waiter(on_position, since))
        else:
            began = self._begin()
        try:
            yield self.grant
            self._took.append(self._clock() - began)
        finally:
            self._end(began)

    @property
    def grant(self) -> Grant:
        """What an attempt goes out under now."""
        return Grant(self.limit, self._epoch)

    def queue_s(self) -> float:
        """Seconds that a call would wait for a place now: 0 where there is one, infinite where those that run are stuck."""
        if len(self._running) < self.limit and not self._queue:
            return 0.0
        usual = median_low(self._took) if self._took else 1.0
        oldest = self._clock() - min(self._running, default=self._clock())
        if self.limit == 1 and oldest > STUCK * usual and oldest > STUCK:
            return math.inf
        return max(0.0, usual - oldest) + usual * ((len(self._queue) + 1) // self.limit)

    async def _wait(self, waiter: _Waiter) -> float:
        """When its place was given to it."""
        at = len(self._queue)
        while at and self._queue[at - 1].since > waiter.since:
            at -= 1
        self._queue.insert(at, waiter)
        self._tell(at)
        try:
            await waiter.event.wait()
        except BaseException:
            if waiter.began is None:
                self._queue.remove(waiter)
                self._tell(at)
            else:
                self._end(waiter.began)
            raise
        assert waiter.began is not None  # noqa: S101 - the event says so
        return waiter.began

    def _begin(self) -> float:
        now = self._clock()
        self._running.append(now)
        return now

    def _end(self, began: float) -> None:
        self._running.remove(began)
        self._hand_on()

    def _hand_on(self) -> None:
        given = False
        while self._queue and len(self._running) < self.limit:
            waiter, given = self._queue.popleft(), True
            waiter.began = self._begin()
            waiter.event.set()
        if given:
            self._tell(0)

    def _tell(self, start: int) -> None:
        for place, waiter in enumerate(tuple(self._queue)[start:], start=start + 1):
            waiter.on_position(place)

    def succeeded(self, grant: Grant) -> None:
        """One attempt was served. One that went out under another limit says nothing about this one."""
        if grant != self.grant:
            return
        self._run += 1
        level = self.limit + 1
        if level > self.ceiling or self._run < max(RUN, self.limit):
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
