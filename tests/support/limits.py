"""The limiter of one process and the one over replicas behind the same few calls, so that one test holds for both."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Protocol

import anyio
import anyio.lowlevel
from support.clock import Clock

from glm_mcp.glm.learnt.level import RUN
from glm_mcp.glm.learnt.limiter import Limiter, Limits
from glm_mcp.glm.shared.share import Account, Shared

REST = (10.0, 300.0)


class Kept(Protocol):
    """Where limiters are kept."""

    def limiter(self, start: int, ceiling: int | None = None) -> Limits: ...

    async def passes(self, seconds: float) -> None:
        """As far as learning goes, so much time has passed."""


class InMemory:
    def __init__(self) -> None:
        self.clock = Clock()

    def limiter(self, start: int, ceiling: int | None = None) -> Limits:
        return Limiter(start, ceiling, clock=self.clock)

    async def passes(self, seconds: float) -> None:
        self.clock.now += seconds


class InRedis:
    def __init__(self, account: Account, redis: Any) -> None:
        self._account, self._redis = account, redis
        self._made = 0

    def limiter(self, start: int, ceiling: int | None = None) -> Limits:
        self._made += 1
        return self._account.limiter(f"model {self._made}", start, ceiling)

    async def passes(self, seconds: float) -> None:
        # Its clock cannot be moved; what was written down by it can.
        for key in await self._redis.keys(f"{self._account.prefix}:*:s"):
            for field, value in (await self._redis.hgetall(key)).items():
                if field.startswith(b"opens:"):
                    await self._redis.hset(key, field, float(value) - seconds * 1_000)


@asynccontextmanager
async def in_redis(url: str) -> AsyncIterator[InRedis]:
    """A replica of its own, with nothing in Redis yet."""
    from redis.asyncio import Redis

    async with replicas(url, 1) as (one,), Redis.from_url(url) as redis:
        yield InRedis(one.account, redis)


class Replica:
    """One of several that have an upstream key in common."""

    def __init__(self, url: str, key: str, lease_s: float) -> None:
        self.shared = Shared(url, lease_s=lease_s)
        self.account = self.shared.account(key, REST)


@asynccontextmanager
async def replicas(
    url: str, count: int, *, lease_s: float = 3.0, key: str = ""
) -> AsyncIterator[list[Replica]]:
    """So many replicas of one upstream key in this process; a new one where none is named."""
    key = key or secrets.token_hex(8)
    async with AsyncExitStack() as stack:
        found = [Replica(url, key, lease_s) for _ in range(count)]
        for replica in found:
            await stack.enter_async_context(replica.shared.running())
        yield found


class Caller:
    """Somebody who wants a slot: where it stands, and a way to let it finish."""

    def __init__(self, name: str, order: list[str]) -> None:
        self.name, self.order = name, order
        self.places: list[int] = []
        self.pauses = 0
        self.hear: Callable[[int], object] = self.places.append
        self.inside = anyio.Event()
        self.leave = anyio.Event()
        self.scope = anyio.CancelScope()
        self.pause_s = 0.0  # said when it leaves

    def on_position(self, place: int) -> None:
        self.hear(place)

    def on_pause(self) -> None:
        self.pauses += 1

    async def run(self, limiter: Limits, since: float | None = None) -> None:
        since = anyio.current_time() if since is None else since
        with self.scope:
            async with limiter.slot(self.on_position, since=since, on_pause=self.on_pause) as grant:
                self.order.append(self.name)
                self.inside.set()
                await self.leave.wait()
                grant.pause_s = self.pause_s


class Crowd:
    """Calls at several replicas that count how many run at once."""

    def __init__(self) -> None:
        self.running = self.most = self.done = 0

    async def call(self, limiter: Limits, seconds: float) -> None:
        async with limiter.slot(unheard, since=anyio.current_time()) as grant:
            self.running += 1
            self.most = max(self.most, self.running)
            try:
                await anyio.sleep(seconds)
            finally:
                self.running -= 1
            grant.served = True
        self.done += 1


def unheard(_: int) -> None:
    """Nobody asks for the place."""


async def until(condition: Callable[[], Any], limit_s: float = 30.0) -> None:
    """Something happens that no event tells; the test fails when it does not."""
    with anyio.fail_after(limit_s):
        while not condition():  # noqa: ASYNC110 - that is how it is asked
            await anyio.sleep(0.002)


async def settled() -> None:
    """Everything in this process that can run has run."""
    for _ in range(20):
        await anyio.lowlevel.checkpoint()


async def serve(limiter: Limits, times: int = 1) -> None:
    for _ in range(times):
        async with limiter.slot(unheard, since=anyio.current_time()) as grant:
            grant.served = True


async def refuse(limiter: Limits) -> None:
    """An attempt that has just gone out is refused."""
    async with limiter.slot(unheard, since=anyio.current_time()) as grant:
        grant.refused = True


async def grown(limiter: Limits, times: int = 9 * RUN) -> int:
    """The level after a long run of successes."""
    await serve(limiter, times)
    return await level(limiter)


async def level(limiter: Limits) -> int:
    """The limit, once all that was said of it is known."""
    async with limiter.slot(unheard, since=anyio.current_time()) as grant:
        return grant.level
