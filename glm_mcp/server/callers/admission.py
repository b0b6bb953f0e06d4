"""Whether a caller may make one more call now: calls a minute, calls at once, tokens a day, decided in one step.

Calls a minute are counted by the generic cell rate algorithm: a full minute's worth may come at once, then one each
60/N seconds. Calls at once wait in the order in which they came. Tokens are known only after a call, so a budget may be
overdrawn by the calls that were running when it ended. A call that is refused or gives up waiting uses nothing.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import anyio

from glm_mcp.errors import GLMError, QuotaError, RateLimited
from glm_mcp.glm.learnt.limiter import Limiter
from glm_mcp.server.callers.caller import Caller

MINUTE_S = 60.0
DAY_S = 86_400
REMEMBERED = 1_000  # callers from which on those without a trace of today are forgotten

OnPosition = Callable[[int], None]
Charge = Callable[[int], Awaitable[None]]  # counts the tokens that a call used against its caller's day


@dataclass(frozen=True, slots=True)
class Standing:
    """What a caller uses. `calls_left`: of this minute, None where that has no limit."""

    calls_left: int | None
    running: int
    queued: int
    tokens_today: int


class Admission(Protocol):
    """The limits of callers, over one process or several."""

    def admit(self, caller: Caller, on_position: OnPosition) -> AbstractAsyncContextManager[Charge]:
        """Holds one of the caller's places. `on_position(place)`: its place in the caller's queue, from 1, at each change.

        Raises RateLimited or QuotaError, which say when to come back.
        """

    async def standing(self, caller: Caller) -> Standing: ...


# The arithmetic. Times are seconds since 1970.


def next_arrival(due: float, now: float, per_minute: int) -> tuple[float, float]:
    """(when the next call would be due, seconds until this one may go): it may go where the second is 0.

    `due`: what the first was after the caller's last call; 0 for a new one.
    """
    interval = MINUTE_S / per_minute
    after = max(due, now) + interval
    wait = after - MINUTE_S - now
    return after, wait if wait > 1e-9 else 0.0


def calls_left(due: float, now: float, per_minute: int) -> int:
    """How many calls may go at once."""
    return max(0, math.floor((MINUTE_S - max(0.0, due - now)) * per_minute / MINUTE_S + 1e-6))


def day_of(now: float) -> int:
    """The number of the day, in UTC."""
    return int(now // DAY_S)


def minute_is_used(caller: Caller, now: float, wait: float) -> GLMError:
    at = time.strftime("%H:%M:%S", time.gmtime(now + wait))
    return RateLimited(
        f"{caller.per_minute:,} calls a minute are used",
        f"The next at {at} UTC, in {math.ceil(wait)} s.",
        retry_after=wait,
    )


def day_is_used(caller: Caller, now: float, used: int) -> GLMError:
    wait = (day_of(now) + 1) * DAY_S - now
    hours, minutes = divmod(math.ceil(wait / 60), 60)
    return QuotaError(
        f"{used:,} of {caller.tokens_per_day:,} tokens a day are used",
        f"The next call is possible at 00:00 UTC, in {hours} h {minutes} min. Who runs this server can raise the limit.",
        retry_after=wait,
    )


# In the memory of one process


@dataclass(slots=True, eq=False)
class _Used:
    """What one owner uses."""

    due: float = 0.0
    at_once: Limiter = field(default_factory=lambda: Limiter(sys.maxsize))
    day: int = 0
    tokens: int = 0

    def today(self, now: float) -> int:
        return self.tokens if self.day == day_of(now) else 0

    def counts(self, now: float) -> bool:
        """Whether it makes a difference to the owner's next call."""
        return bool(self.at_once.running or self.at_once.waiting or self.due > now or self.today(now))


class MemoryAdmission:
    """The limits of the callers of one process. `clock`: seconds since 1970."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._owners: dict[str, _Used] = {}
        self._sweep_at = REMEMBERED  # as many again are let in before all are looked at again

    @asynccontextmanager
    async def admit(self, caller: Caller, on_position: OnPosition) -> AsyncIterator[Charge]:
        """See Admission."""
        used = self._of(caller)
        self._count(caller, used)
        admitted = False
        try:
            async with used.at_once.slot(on_position, since=anyio.current_time()):
                self._within_day(caller, used)  # it may have been used up in the queue
                admitted = True
                yield partial(self._charge, used)
        except BaseException:
            if not admitted:
                self._uncount(caller, used)
            raise

    async def standing(self, caller: Caller) -> Standing:
        used, now = self._owners.get(caller.owner, _Used()), self._clock()
        left = calls_left(used.due, now, caller.per_minute) if caller.per_minute else None
        return Standing(left, used.at_once.running, used.at_once.waiting, used.today(now))

    async def _charge(self, used: _Used, tokens: int) -> None:
        now = self._clock()
        used.tokens, used.day = used.today(now) + tokens, day_of(now)

    def _of(self, caller: Caller) -> _Used:
        if caller.owner not in self._owners and len(self._owners) >= self._sweep_at:
            now = self._clock()
            self._owners = {owner: used for owner, used in self._owners.items() if used.counts(now)}
            self._sweep_at = max(REMEMBERED, 2 * len(self._owners))
        used = self._owners.setdefault(caller.owner, _Used())
        used.at_once.resize(caller.at_once or sys.maxsize)
        return used

    def _count(self, caller: Caller, used: _Used) -> None:
        self._within_day(caller, used)
        if caller.per_minute is not None:
            now = self._clock()
            used.due = min(used.due, now + MINUTE_S)  # more only after the clock was set back
            due, wait = next_arrival(used.due, now, caller.per_minute)
            if wait:
                raise minute_is_used(caller, now, wait)
            used.due = due

    def _uncount(self, caller: Caller, used: _Used) -> None:
        if caller.per_minute is not None:
            used.due -= MINUTE_S / caller.per_minute

    def _within_day(self, caller: Caller, used: _Used) -> None:
        now = self._clock()
        if caller.tokens_per_day is not None and used.today(now) >= caller.tokens_per_day:
            raise day_is_used(caller, now, used.today(now))
