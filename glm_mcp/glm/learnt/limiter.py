"""The queue in front of a model, for the calls of one process."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from itertools import takewhile
from operator import is_
from statistics import median_low
from time import monotonic
from typing import TYPE_CHECKING, Protocol
from weakref import WeakKeyDictionary

import anyio

from glm_mcp.glm.learnt.level import Grant, Level
from glm_mcp.glm.threads import share_of_caller

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

REMEMBERED = 9  # attempts whose time is remembered
GAP_S = 0.05  # between two places after a pause, until one that was given was answered: else all would come back together
STUCK = 3.0  # an attempt that takes so many times what it usually does may take for ever

Hear = Callable[[int], None]


def unheard() -> None:
    """A pause concerns only those who can go elsewhere."""


class Limits(Protocol):
    """What limits the calls at once of one model, and in which order they come: in this process, or over several."""

    @property
    def limit(self) -> int: ...

    @property
    def running(self) -> int:
        """Places held by this process."""

    @property
    def waiting(self) -> int:
        """Calls of this process that wait for one."""

    @property
    def everywhere(self) -> tuple[int, int]:
        """(running, waiting) over all processes that share the limit."""

    def slot(
        self, on_position: Hear, *, since: float, on_pause: Callable[[], None] = unheard
    ) -> AbstractAsyncContextManager[Grant]:
        """Holds one place, given in the order in which calls began (`since`), whoever asks first; in one process to callers
        over HTTP in turn.

        `on_position(place)` is called with the place in the queue, from 1, and at each change; `on_pause()` when all who
        wait are held up. The holder writes into the grant what became of its attempt.
        """

    def queue_s(self) -> float:
        """Seconds that a call would wait for a place now: 0 where there is one, infinite where those that run are stuck."""


def wait_s(*, limit: int, waiting: int, ages: Sequence[float], took: Sequence[float]) -> float:
    """Seconds that one who comes now waits where no place is free. `ages`: how long those inside have been there; `took`:
    what the last ones took.
    """
    usual = median_low(took) if took else 1.0
    oldest = max(ages, default=0.0)
    if limit == 1 and oldest > STUCK * usual and oldest > STUCK:
        return math.inf
    return max(0.0, usual - oldest) + usual * ((waiting + 1) // limit)


@dataclass(slots=True, eq=False)
class _Waiter:
    on_position: Hear
    on_pause: Callable[[], None]
    since: float
    caller: anyio.Semaphore | None = field(default_factory=share_of_caller)
    event: anyio.Event = field(default_factory=anyio.Event)
    began: float | None = None  # when its place was given to it


class Limiter:
    """`Limits` for the calls of one process."""

    def __init__(
        self, start: int, ceiling: int | None = None, *, clock: Callable[[], float] = monotonic
    ) -> None:
        self._clock = clock
        self._level = Level(start, ceiling, clock)
        self._running: list[float] = []  # when each began
        self._took: deque[float] = deque(maxlen=REMEMBERED)
        self._queue: deque[_Waiter] = deque()
        self._given = 0
        self._last = WeakKeyDictionary[anyio.Semaphore, float]()  # of `_given`, to each caller
        self._opens = -math.inf  # nobody is given a place before
        self._recovers = False  # it paused, and nothing has been answered since

    @property
    def limit(self) -> int:
        return self._level.limit

    @property
    def running(self) -> int:
        return len(self._running)

    @property
    def waiting(self) -> int:
        return len(self._queue)

    @property
    def everywhere(self) -> tuple[int, int]:
        return self.running, self.waiting

    @asynccontextmanager
    async def slot(
        self, on_position: Hear, *, since: float, on_pause: Callable[[], None] = unheard
    ) -> AsyncIterator[Grant]:
        if self._queue or not self._free():
            began = await self._wait(_Waiter(on_position, on_pause, since))
        else:
            began = self._begin(share_of_caller())
        grant = self._level.grant()
        try:
            yield grant
            self._took.append(self._clock() - began)
        finally:
            self._level.learn(grant)
            self._recovers = self._recovers and not grant.served
            if grant.pause_s > 0:
                self._pause(grant.pause_s)
            self._end(began)

    def queue_s(self) -> float:
        pause = max(0.0, self._opens - self._clock())
        if len(self._running) < self.limit and not self._queue:
            return pause
        ages = [self._clock() - began for began in self._running]
        return pause + wait_s(limit=self.limit, waiting=len(self._queue), ages=ages, took=self._took)

    def resize(self, limit: int) -> None:
        """Another limit, where none is learnt."""
        self._level.limit = self._level.ceiling = limit
        self._hand_on()

    def _free(self) -> bool:
        return len(self._running) < self.limit and self._clock() >= self._opens

    async def _wait(self, waiter: _Waiter) -> float:
        """When its place was given to it."""
        if waiter.caller is not None:
            # Whoever is new, or has had nothing here for a while and is forgotten, comes behind those who wait for their turn:
            # two who ask for one place after another would take all of them.
            self._last.setdefault(waiter.caller, self._given - 0.5)
        self._line_up([*self._queue, waiter])
        try:
            while waiter.began is None:
                with anyio.move_on_after(self._pause_s()):
                    await waiter.event.wait()
                if waiter.began is None:  # a pause has begun, or is over
                    waiter.event = anyio.Event()
                    self._hand_on()
        except BaseException:
            if waiter.began is None:
                self._line_up([other for other in self._queue if other is not waiter])
            else:
                self._end(waiter.began)
            raise
        return waiter.began

    def _pause_s(self) -> float | None:
        left = self._opens - self._clock()
        if left > 0:
            return left
        # A pause that was over just after a place was looked for: nobody who leaves would hand that place on.
        return 0.0 if len(self._running) < self.limit else None

    def _pause(self, seconds: float) -> None:
        """Nobody leaves the queue or overtakes in it."""
        self._opens, self._recovers = max(self._opens, self._clock() + seconds), True
        for waiter in self._queue:
            waiter.event.set()
            waiter.on_pause()

    def _begin(self, caller: anyio.Semaphore | None) -> float:
        now = self._clock()
        if caller is not None:
            self._given += 1
            self._last[caller] = self._given
        self._running.append(now)
        if self._recovers:
            self._opens = now + GAP_S
        return now

    def _end(self, began: float) -> None:
        self._running.remove(began)
        self._hand_on()

    def _hand_on(self) -> None:
        given = False
        while self._queue and self._free():
            waiter, given = self._queue.popleft(), True
            waiter.began = self._begin(waiter.caller)
            waiter.event.set()
            self._queue = deque(self._in_turn(self._queue))
        if given:
            self._tell(0)
        for waiter in self._queue if given and self._recovers else ():
            waiter.event.set()  # they wait for another time now

    def _line_up(self, waiting: Sequence[_Waiter]) -> None:
        """A queue of these, who hear their places as far as these change."""
        before, self._queue = self._queue, deque(self._in_turn(waiting))
        self._tell(sum(1 for _ in takewhile(bool, map(is_, before, self._queue))))

    def _in_turn(self, waiting: Sequence[_Waiter]) -> list[_Waiter]:
        """In the order in which they began. Of several callers each has one in turn, whoever was given a place last behind
        the others: hundreds of calls of one would take all the time of another's.
        """
        ordered = sorted(waiting, key=lambda waiter: waiter.since)
        if len({waiter.caller for waiter in waiting}) < 2:
            return ordered
        turns = Counter[anyio.Semaphore | None]()
        ranks: list[tuple[int, float, float]] = []
        for waiter in ordered:
            last = 0 if waiter.caller is None else self._last.get(waiter.caller, 0)
            ranks.append((turns[waiter.caller], last, waiter.since))
            turns[waiter.caller] += 1
        return [ordered[n] for n in sorted(range(len(ordered)), key=ranks.__getitem__)]

    def _tell(self, start: int) -> None:
        for place, waiter in enumerate(tuple(self._queue)[start:], start=start + 1):
            waiter.on_position(place)
