"""What the calls of one upstream key share over replicas: a limiter a model, the models' health, and the connection."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from glm_mcp.glm.shared.connection import LEASE_S, Connection, Lost, State
from glm_mcp.glm.shared.health import SharedHealth
from glm_mcp.glm.shared.limiter import SharedLimiter


class Shared:
    """`account`: a hash of the endpoint and its key, which names the keys in Redis. `rest`: as of Health."""

    def __init__(
        self, url: str, account: str, *, rest: tuple[float, float], lease_s: float = LEASE_S
    ) -> None:
        self.connection = Connection(url, account, lease_s=lease_s)
        self.health = SharedHealth(rest, self._tell)
        self._limiters: dict[str, SharedLimiter] = {}
        self.connection.on("health event", self._told)

    def state(self) -> State:
        return self.connection.state()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Connected, with what the others know. Raises ConfigError where Redis is not to be had."""
        async with self.connection.running(self._leave):
            await self._read_health()
            yield

    def limiter(self, name: str, start: int, ceiling: int | None) -> SharedLimiter:
        """The limiter of a model, or of whatever else has a name."""
        if name not in self._limiters:
            tag = hashlib.sha256(name.encode()).hexdigest()[:8]
            self._limiters[name] = SharedLimiter(self.connection, tag, start, ceiling)
        return self._limiters[name]

    def _tell(self, model: str, words: str, soon: bool) -> None:
        limiter = self._limiters.get(model)
        if limiter is not None:  # a model that was never asked meets nothing
            limiter.note(words, soon=soon)

    def _told(self, said: str) -> None:
        replica, words = said.split(" ", 1)
        if replica != self.connection.replica:
            self.health.hear(words)

    async def _read_health(self) -> None:
        try:
            now, events = await self.connection.fetch(f"{self.connection.prefix}:health")
        except Lost:
            return  # gone again: it is not the first thing to wait for
        for event in events:
            at, words = event.split(" ", 1)
            self.health.hear(words, max(0.0, now - int(at) / 1e3))

    async def _leave(self) -> None:
        for limiter in self._limiters.values():
            await limiter.leave()
