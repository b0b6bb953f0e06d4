"""What replicas share: for each upstream key a limiter a model and the models' health."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from glm_mcp.glm.learnt.names import Names
from glm_mcp.glm.shared.connection import BAD_WORDS, LEASE_S, Connection, Lost, State
from glm_mcp.glm.shared.health import SharedHealth
from glm_mcp.glm.shared.limiter import SharedLimiter


class Shared:
    """One per process."""

    def __init__(self, url: str, *, lease_s: float = LEASE_S) -> None:
        self.connection = Connection(url, lease_s=lease_s)
        self._accounts: dict[str, Account] = {}

    def state(self) -> State:
        return self.connection.state()

    def account(self, secret: str, rest: tuple[float, float], names: Names | None = None) -> Account:
        """What is shared of one upstream key; `secret` (its endpoint and itself) is hashed. `rest`, `names`: as of Health."""
        name = hashlib.sha256(secret.encode()).hexdigest()[:16]
        if name not in self._accounts:
            self._accounts[name] = Account(self.connection, name, rest, names)
        return self._accounts[name]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Connected, with what the others know. Raises ConfigError where Redis is not to be had."""
        async with self.connection.running():
            for account in self._accounts.values():
                await account.read_health()
            yield


class Account:
    """`name`: a hash, which names its keys in Redis."""

    def __init__(
        self, connection: Connection, name: str, rest: tuple[float, float], names: Names | None = None
    ) -> None:
        self.prefix = f"glm:{{{name}}}"
        self.health = SharedHealth(rest, self._tell, names)
        self._connection, self._name = connection, name
        self._events = f"{self.prefix}:health"
        self._limiters: dict[str, SharedLimiter] = {}
        connection.on(f"health {self._events}", self._told)

    def limiter(self, model: str, start: int, ceiling: int | None) -> SharedLimiter:
        if model not in self._limiters:
            tag = hashlib.sha256(f"{self._name} {model}".encode()).hexdigest()[:12]
            self._limiters[model] = SharedLimiter(self._connection, self.prefix, tag, start, ceiling)
        return self._limiters[model]

    async def read_health(self) -> None:
        """What the others met in the last hour."""
        try:
            now, events = await self._connection.run("recent", [self._events], [], _recent)
        except Lost:
            return  # it was there a moment ago: its return is waited for as ever
        for event in events:
            with suppress(*BAD_WORDS):  # written by a stranger
                at, words = event.split(" ", 1)
                self.health.hear(words, max(0.0, now - int(at) / 1e3))

    def _tell(self, model: str, words: str, soon: bool) -> None:
        limiter = self._limiters.get(model)
        if limiter is not None:  # a model that was never asked meets nothing
            limiter.note(words, soon=soon)

    def _told(self, said: str) -> None:
        replica, words = said.split(" ", 1)
        if replica != self._connection.replica:
            self.health.hear(words)


def _recent(answer: Any) -> tuple[float, list[str]]:
    """Seconds since 1970 on Redis's clock, and the events. Raises some of BAD_WORDS."""
    seconds, micros, events = answer
    return int(seconds) + int(micros) / 1e6, [str(event) for event in events]
