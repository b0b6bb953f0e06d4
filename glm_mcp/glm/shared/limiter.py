"""`Limits` over several replicas: the queue and what was learnt are in Redis, the calls that wait and run are here.

One task a limiter speaks with Redis, so that the calls of a replica come in their order and many of them go in one
request. Waiting calls hear of their place by a message; one that got lost is made up for within a third of a lease.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from statistics import median_low

import anyio

from glm_mcp.glm.learnt.level import CEILING, FIRST_PROBE_S, LONGEST_PROBE_S, RUN, Grant
from glm_mcp.glm.learnt.limiter import REMEMBERED, Hear, unheard, wait_s
from glm_mcp.glm.shared.connection import Connection, Lost, figures_of
from glm_mcp.glm.shared.order import Call, due_of

STALE_S = 2.0  # what was last heard of the others says nothing after so long
LONGEST_PAUSE_S = 60.0  # that another replica can ask for
ALONE = -1  # the epoch of a place that no other replica knows of


@dataclass(slots=True)
class _Others:
    """What Redis last said of all replicas together."""

    limit: int
    epoch: int = 0
    running: int = 0
    waiting: int = 0
    turns: int = 0
    at: float = -math.inf


class SharedLimiter:
    """`Limits` of one model, or of one caller. `prefix`: of its keys, with the hash tag; `tag`: what it is called in them
    and in messages, by no other limiter and without a space.
    """

    def __init__(
        self, shared: Connection, prefix: str, tag: str, start: int, ceiling: int | None = None
    ) -> None:
        self._shared, self._tag = shared, tag
        self.ceiling, self._open = ceiling or CEILING, True
        self._keys = [f"{prefix}:{tag}:{part}" for part in "qwls"] + [f"{prefix}:health"]
        self._others = _Others(start)
        self._share = start
        self._waiting: dict[str, Call] = {}
        self._held: dict[str, Call] = {}
        self._new: list[Call] = []
        self._given: list[Call] = []
        self._notes: list[str] = []
        self._took: deque[float] = deque(maxlen=REMEMBERED)
        self._opens = -math.inf
        self._soon = math.inf
        self._kept = -math.inf
        self._count = 0
        self._changed = anyio.Event()
        hears = {f"given {tag}": self._given_to, f"pause {tag}": self._paused, f"moved {tag}": self._moved}
        self._parts = (hears, self._up_or_down, self.run, self.leave)
        shared.add(*self._parts)

    def close(self) -> bool:
        """Takes it out of its connection, where no call needs it; whether it did."""
        if self._waiting or self._held or self._given or self._notes:
            return False
        self._open = False
        self._changed.set()
        self._shared.take_out(*self._parts)
        return True

    @property
    def limit(self) -> int:
        return self._others.limit if self._shared.up else self._share

    @property
    def running(self) -> int:
        return len(self._held)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def everywhere(self) -> tuple[int, int]:
        """(running, waiting) over all replicas, as far as is known."""
        running, waiting = len(self._held), len(self._waiting)
        if self._shared.up and anyio.current_time() - self._others.at < STALE_S:
            return max(running, self._others.running), max(waiting, self._others.waiting)
        return running, waiting

    def resize(self, limit: int) -> None:
        """Another limit, where none is learnt."""
        self._others.limit = self.ceiling = limit

    @asynccontextmanager
    async def slot(
        self, on_position: Hear, *, since: float, on_pause: Callable[[], None] = unheard
    ) -> AsyncIterator[Grant]:
        self._count += 1
        call = Call(f"{self._shared.replica}:{self._count:012}", since, on_position, on_pause)
        self._waiting[call.id] = call
        self._new.append(call)
        self._changed.set()
        if not self._shared.up:
            self._alone()
        try:
            if call.grant is None:
                await call.event.wait()
            assert call.grant is not None  # noqa: S101 - the event says so
            yield call.grant
            self._took.append(anyio.current_time() - call.began)
        finally:
            self._end(call)

    def queue_s(self) -> float:
        now = anyio.current_time()
        pause = max(0.0, self._opens - now)
        limit, (running, waiting) = self.limit, self.everywhere
        if running < limit and not waiting:
            return pause
        ages = [now - call.began for call in self._held.values()]
        return pause + wait_s(limit=limit, waiting=waiting, ages=ages, took=self._took)

    def note(self, event: str, *, soon: bool) -> None:
        """An event of the model's health, for the other replicas: at once, or with the next place that is given back."""
        if self._shared.up:
            self._notes.append(event)
            if soon:
                self._changed.set()

    # What the calls do

    def _end(self, call: Call) -> None:
        """It gives its place back, held or waited for."""
        self._held.pop(call.id, None)
        self._waiting.pop(call.id, None)
        if call in self._new:
            self._new.remove(call)
        else:
            self._given.append(call)
        if self._shared.up:
            self._changed.set()
        else:
            self._learn_alone(call.grant)
            self._alone()

    def _begin(self, call: Call, grant: Grant) -> None:
        del self._waiting[call.id]
        self._held[call.id] = call
        call.grant, call.began = grant, anyio.current_time()
        call.event.set()

    def _tell(self) -> None:
        for call in list(self._waiting.values()):
            if call.ticket is not None:
                place = max(1, call.ticket - self._others.turns)
                if place != call.told:
                    call.told = place
                    call.on_position(place)

    # With Redis

    async def run(self) -> None:
        """Speaks with Redis, until it is closed."""
        while self._open:
            with anyio.move_on_after(max(0.0, self._due() - anyio.current_time())):
                await self._changed.wait()
            self._changed = anyio.Event()
            if not self._shared.up:
                self._alone()
                continue
            try:
                await self._speak()
            except Lost:
                continue

    def _due(self) -> float:
        if not self._shared.up:
            # A place that is free is given at the end of the pause, which may have come since it was looked for.
            paused = self._opens > anyio.current_time() or len(self._held) < self._share
            return self._opens if self._waiting and paused else math.inf
        if not self._waiting and not self._held:
            return math.inf
        return min(self._kept + self._shared.lease_s / 3, self._soon)

    async def _speak(self) -> None:
        if self._given or self._notes:
            await self._give()
        if self._new:
            await self._take()
        if self._due() <= anyio.current_time():
            await self._keep()

    def _due_of_callers(self) -> Callable[[Call], float]:
        usual = median_low(self._took) if self._took else 1.0
        turn_s = usual / max(1, self.limit) * self._shared.replicas
        return due_of([*self._held.values(), *self._waiting.values()], turn_s)

    async def leave(self) -> None:
        """Gives everything back."""
        self._given += [*self._held.values(), *self._waiting.values()]
        await self._give()

    async def _take(self) -> None:
        calls, self._new = self._new, []
        ahead_s, due = self._shared.ahead_s, self._due_of_callers()
        args = [word for c in calls for word in (c.id, round((due(c) + ahead_s) * 1e6))]
        self._heard(calls, await self._ask("take", args))

    async def _keep(self) -> None:
        waiting = [call for call in self._waiting.values() if call not in self._new]
        ids = [*self._held, *(call.id for call in waiting)]
        self._kept, self._soon = anyio.current_time(), math.inf
        self._heard(waiting, await self._ask("keep", [len(self._held), *ids]))

    async def _give(self) -> None:
        calls, self._given = self._given, []
        notes, self._notes = self._notes, []
        args: list[str | int] = [round(FIRST_PROBE_S * 1e3), round(LONGEST_PROBE_S * 1e3), RUN]
        args += [len(notes), *notes]
        for call in calls:
            grant = call.grant or Grant(0, ALONE)
            outcome = "refused" if grant.refused else "served" if grant.served else "none"
            args += [call.id, outcome, grant.level, grant.epoch, max(0, round(grant.pause_s * 1e3))]
        self._heard([], await self._ask("give", args))

    async def _ask(self, script: str, args: list[str | int]) -> tuple[list[int], list[int]]:
        """Seven figures, and the places of those that were asked for."""
        mine = [self._shared.channel, self._tag, self._shared.replica]
        limits = [self._others.limit, self.ceiling, round(self._shared.lease_s * 1e3)]
        return await self._shared.run(script, self._keys, [*mine, *limits, *args], figures_of)

    def _heard(self, calls: list[Call], answer: tuple[list[int], list[int]]) -> None:
        (limit, epoch, running, waiting, turns, pause, soon), places = answer
        now = anyio.current_time()
        self._others = _Others(limit, epoch, running, waiting, max(turns, self._others.turns), now)
        if pause:
            self._opens = now + pause / 1e3
        if soon >= 0:
            self._soon = now + soon / 1e3 + 0.002
        for call, place in zip(calls, places, strict=False):
            if call.id not in self._waiting:
                continue
            if place == 0:
                self._begin(call, Grant(limit, epoch))
            elif place > 0:
                call.ticket = place + turns
            elif call not in self._new:
                self._new.append(call)
                self._changed.set()
        self._tell()

    # What the others say

    def _given_to(self, words: str) -> None:
        """Places were given: `limit epoch turns id id …`."""
        said, epoch, turns, *ids = words.split(" ")
        limit = max(1, min(self.ceiling, int(said)))
        others = self._others
        if int(turns) > others.turns:
            others.limit, others.epoch, others.turns = limit, int(epoch), int(turns)
        for ident in ids:
            if ident in self._waiting:
                self._begin(self._waiting[ident], Grant(limit, int(epoch)))
        self._tell()

    def _paused(self, words: str) -> None:
        """Nobody is given a place for so many milliseconds."""
        self._pause(min(int(words) / 1e3, LONGEST_PAUSE_S))

    def _moved(self, _: str) -> None:
        """Somebody came into the middle of the queue, or left it: places are other ones now."""
        if self._waiting:
            self._kept = -math.inf
            self._changed.set()

    def _pause(self, seconds: float) -> None:
        self._opens = max(self._opens, anyio.current_time() + seconds)
        self._soon = min(self._soon, self._opens + 0.002)
        self._changed.set()
        for call in list(self._waiting.values()):
            call.on_pause()

    # Without Redis

    def _up_or_down(self) -> None:
        if self._shared.up:
            # Redis may be new, or have forgotten us: it is told what runs here, and says who is unknown to it.
            self._kept, self._soon = -math.inf, math.inf
            self._others.turns = 0
            for call in self._waiting.values():
                call.ticket = None
            self._changed.set()
            return
        self._share = max(1, self._others.limit // self._shared.replicas)
        self._given.clear()
        self._notes.clear()
        self._alone()

    def _alone(self) -> None:
        """Gives the places of this replica's own share, in the order in which its calls began."""
        queue = sorted(self._waiting.values(), key=self._due_of_callers())
        while queue and len(self._held) < self._share and anyio.current_time() >= self._opens:
            call = queue.pop(0)
            if call in self._new:
                self._new.remove(call)
            self._begin(call, Grant(self._share, ALONE))
        for place, call in enumerate(queue, start=1):
            if place != call.told:
                call.told = place
                call.on_position(place)

    def _learn_alone(self, grant: Grant | None) -> None:
        if grant is not None and grant.refused:
            self._share = max(1, min(self._share, grant.level // 2))
        if grant is not None and grant.pause_s > 0:
            self._pause(grant.pause_s)
