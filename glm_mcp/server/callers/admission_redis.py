"""Admission over several replicas: what a caller uses is in Redis, with the rules and the arithmetic of the one in memory.

Calls a minute and tokens a day, which refuse, are decided in one script; calls at once, which only wait, are the queue
that limits a model. While Redis is away each replica admits its share of the minute and of the day.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio

from glm_mcp.server.callers.admission import (
    MINUTE_S,
    REMEMBERED,
    Admission,
    Charge,
    MemoryAdmission,
    OnPosition,
    Standing,
    calls_left,
    day_is_used,
    minute_is_used,
)
from glm_mcp.server.callers.caller import Caller

if TYPE_CHECKING:
    from glm_mcp.glm.shared.connection import Connection
    from glm_mcp.glm.shared.limiter import SharedLimiter
    from glm_mcp.glm.shared.share import Shared

WRITTEN_S = 0.2  # that a call waits at its end until Redis knows of it


@dataclass(frozen=True, slots=True)
class _Used:
    """Times in seconds since 1970 on Redis's clock."""

    verdict: str
    now: float
    wait_s: float
    tokens: int


class SharedAdmission:
    """The limits of callers, over all replicas. `remembered`: callers beyond whom the queues that stand empty are
    forgotten.
    """

    def __init__(self, connection: Connection, *, remembered: int = REMEMBERED) -> None:
        self._remembered = self._sweep_at = remembered
        self._connection = connection
        self._alone = MemoryAdmission()
        self._limiters: dict[str, SharedLimiter] = {}

    @asynccontextmanager
    async def admit(self, caller: Caller, on_position: OnPosition) -> AsyncIterator[Charge]:
        """See Admission."""
        async with AsyncExitStack() as held:
            used = await self._ask(caller, "admit")
            if used is None:
                yield await held.enter_async_context(self._admitted_alone(caller, on_position))
                return
            _refuse(caller, used)
            try:
                if await self._waited_for_place(caller, on_position, held):
                    again = await self._ask(caller, "look")  # the day may have been used up in the queue
                    if again is not None:
                        _refuse(caller, again)
            except BaseException:
                await self._connection.finish(partial(self._give_back, caller), WRITTEN_S)
                raise
            yield partial(self._charge, caller)

    async def _give_back(self, caller: Caller) -> None:
        await self._ask(caller, "back")

    async def _charge(self, caller: Caller, tokens: int) -> None:
        await self._connection.finish(partial(self._write_down, caller, tokens), WRITTEN_S)

    async def _write_down(self, caller: Caller, tokens: int) -> None:
        alone = replace(caller, per_minute=None, at_once=None, tokens_per_day=None)
        if await self._ask(caller, "charge", tokens) is None:
            async with self._alone.admit(alone, lambda _: None) as charge:
                await charge(tokens)

    async def standing(self, caller: Caller) -> Standing:
        """See Admission. Where calls at once have no limit, nobody counts them over the replicas."""
        used = await self._ask(caller, "look")
        if used is None:
            return await self._alone.standing(self._share(caller))
        left = calls_left(used.now + used.wait_s, used.now, caller.per_minute) if caller.per_minute else None
        limiter = self._limiters.get(caller.owner)
        running, queued = limiter.everywhere if limiter else (0, 0)
        return Standing(left, running, queued, used.tokens)

    @asynccontextmanager
    async def _admitted_alone(self, caller: Caller, on_position: OnPosition) -> AsyncIterator[Charge]:
        async with AsyncExitStack() as held:
            share = replace(self._share(caller), at_once=None)
            charge = await held.enter_async_context(self._alone.admit(share, on_position))
            await self._waited_for_place(caller, on_position, held)
            yield charge

    async def _waited_for_place(self, caller: Caller, on_position: OnPosition, held: AsyncExitStack) -> bool:
        if caller.at_once is None:
            return False
        waited = False

        def hear(place: int) -> None:
            nonlocal waited
            waited = True
            on_position(place)

        limiter = self._limiter(caller.owner, caller.at_once)
        await held.enter_async_context(limiter.slot(hear, since=anyio.current_time()))
        return waited

    def _limiter(self, owner: str, at_once: int) -> SharedLimiter:
        from glm_mcp.glm.shared.limiter import SharedLimiter

        if owner not in self._limiters:
            if len(self._limiters) >= self._sweep_at:
                self._limiters = {name: known for name, known in self._limiters.items() if not known.close()}
                self._sweep_at = max(self._remembered, 2 * len(self._limiters))
            prefix = f"glm:{{{owner}}}"
            self._limiters[owner] = SharedLimiter(self._connection, prefix, owner, at_once, at_once)
        limiter = self._limiters[owner]
        limiter.resize(at_once)
        return limiter

    def _share(self, caller: Caller) -> Caller:
        """What this replica lets through where it hears of no other."""
        replicas = self._connection.replicas
        minute, day = caller.per_minute, caller.tokens_per_day
        return replace(
            caller,
            per_minute=minute and max(1, minute // replicas),
            tokens_per_day=day and max(1, day // replicas),
        )

    async def _ask(self, caller: Caller, asked: str, tokens: int = 0) -> _Used | None:
        """None where Redis is away."""
        from glm_mcp.glm.shared.connection import Lost

        args = [asked, caller.per_minute or 0, caller.tokens_per_day or 0, tokens]
        try:
            return await self._connection.run("admit", [f"glm:{{{caller.owner}}}:used"], args, _read)
        except Lost:
            return None


def _read(answer: Any) -> _Used:
    verdict, now, wait, today = answer
    return _Used(str(verdict), int(now) / 1e6, min(MINUTE_S, int(wait) / 1e6), max(0, int(today)))


def _refuse(caller: Caller, used: _Used) -> None:
    if used.verdict == "day":
        raise day_is_used(caller, used.now, used.tokens)
    if used.verdict == "minute":
        raise minute_is_used(caller, used.now, used.wait_s)


def admission_over(shared: Shared | None) -> Admission:
    """What admits calls: in this process alone, or over all replicas that share a Redis."""
    return MemoryAdmission() if shared is None else SharedAdmission(shared.connection)
