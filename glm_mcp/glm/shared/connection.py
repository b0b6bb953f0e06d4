"""The one connection of a replica to Redis: scripts, messages between replicas, and what happens while it is away.

`redis` is imported here alone, and only where GLM_REDIS_URL is set: it takes most of a second.
"""

from __future__ import annotations

import logging
import math
import os
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from importlib.resources import files
from typing import Any, TypedDict, TypeVar
from urllib.parse import urlsplit

import anyio
import anyio.abc
import anyio.lowlevel

from glm_mcp.errors import ConfigError, MissingExtra
from glm_mcp.glm.network.turns import Turns

T = TypeVar("T")

FIGURES = 7  # in an answer of a queue's scripts, before the places
REPLICAS = 10_000  # that are counted
MOST = 1 << 63  # of one: Redis has no larger ones, and no time is made of such
LEASE_S = 3.0  # how long a place outlives the replica that holds it
CONNECTIONS = 16  # a call more waits for one of them
ANSWER_S = 1.0  # without an answer Redis is as good as gone; it is asked twice
RETRY_S = 0.2  # between two tries to reach it again
CLOCK_READINGS = 8  # so that calls of several replicas come in their order to the millisecond
LEAVE_S = 1.0  # for what is given back at the end

log = logging.getLogger(__name__)

Hears = dict[str, Callable[[str], None]]
Run = Callable[[], Coroutine[Any, Any, None]]


# What reading a message of a stranger raises, by us or by the library.
BAD_WORDS = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)


class Lost(Exception):
    """Redis does not answer."""


class State(TypedDict):
    """What people are told. `replicas`: as many as were alive when Redis was last heard; `lost_s`: since when it is away."""

    redis: str
    replicas: int
    lost_s: float | None


class Connection:
    """Until `running` is entered, and while Redis is away, `up` is False and every replica keeps to its own share."""

    channel = "glm:said"

    def __init__(self, url: str, *, lease_s: float = LEASE_S) -> None:
        try:
            from redis import exceptions
            from redis.asyncio import BlockingConnectionPool, Redis
            from redis.asyncio.retry import Retry
            from redis.backoff import NoBackoff
        except ImportError:
            raise MissingExtra("team", "sharing limits over several replicas (GLM_REDIS_URL)") from None
        self.replica = secrets.token_hex(6)
        self.lease_s = lease_s
        self.up = False
        self.replicas = 1
        self.ahead_s = 0.0  # of Redis's clock before ours
        self._where = _shown(url)
        self._errors = (exceptions.RedisError, OSError, *BAD_WORDS)
        once = Retry(NoBackoff(), 1)  # a connection that Redis closed meanwhile
        try:
            pool = BlockingConnectionPool.from_url(
                url,
                max_connections=CONNECTIONS,
                timeout=ANSWER_S,
                socket_timeout=ANSWER_S,
                socket_connect_timeout=ANSWER_S,
                decode_responses=True,
                encoding_errors="replace",  # what others write there may be anything
                retry=once,
            )
        except ValueError:
            raise ConfigError(
                "GLM_REDIS_URL is no address of Redis", "It may be redis://[:password@]host:port/number."
            ) from None
        self._redis = Redis.from_pool(pool)
        self._scripts: dict[str, Any] = {}
        self._handlers: Hears = {}
        self._changes: list[Callable[[], None]] = []
        self._runs: list[Run] = []
        self._leaves: list[Run] = []
        self._tasks: anyio.abc.TaskGroup | None = None
        self._lost_at: float | None = None
        self._listening: anyio.CancelScope | None = None

    def state(self) -> State:
        away = None if self._lost_at is None else round(anyio.current_time() - self._lost_at, 1)
        return {"redis": "up" if self.up else "lost", "replicas": self.replicas, "lost_s": away}

    def on(self, kind: str, hear: Callable[[str], None]) -> None:
        """`hear(words)` is called with every message of a kind, our own too. A kind is two words."""
        self._handlers[kind] = hear

    def add(self, hears: Hears, changed: Callable[[], None], run: Run, leave: Run) -> None:
        """`hears`: as of `on`, by kind. `changed()` is called when Redis is lost and when it is there again. `run` runs as
        long as `running` is entered; `leave` gives back what it holds, at the end.
        """
        self._handlers |= hears
        self._changes.append(changed)
        self._runs.append(run)
        self._leaves.append(leave)
        if self._tasks is not None:
            self._tasks.start_soon(run)

    def take_out(self, hears: Hears, changed: Callable[[], None], run: Run, leave: Run) -> None:
        """What was added; its `run` has to end by itself."""
        for kind in hears:
            del self._handlers[kind]
        self._changes.remove(changed)
        self._runs.remove(run)
        self._leaves.remove(leave)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Connected.

        Raises ConfigError where Redis is not to be had: limits that others count on would not be kept.
        """
        try:
            await self._count()
        except self._errors as error:
            raise ConfigError(
                f"Redis at {self._where} (GLM_REDIS_URL) cannot be used: {_why(error)}",
                "Start it, check its address and password, or unset GLM_REDIS_URL where only one process serves.",
            ) from None
        listens = anyio.Event()
        async with anyio.create_task_group() as self._tasks:
            self._tasks.start_soon(self._listen, listens)
            self._tasks.start_soon(self._live)
            for run in self._runs:
                self._tasks.start_soon(run)
            await listens.wait()
            try:
                yield
            finally:
                with anyio.move_on_after(LEAVE_S, shield=True):
                    await self._leave()
                self._tasks.cancel_scope.cancel()
        self._tasks, self.up = None, False
        with anyio.CancelScope(shield=True):
            await self._redis.aclose()

    async def run(self, script: str, keys: Sequence[str], args: Sequence[Any], read: Callable[[Any], T]) -> T:
        """What a script answers; `script` names its file. `read` raises one of BAD_WORDS for what it never says: such a
        Redis is as good as none. Raises Lost.
        """
        if not self.up:
            raise Lost
        try:
            return read(await self._script(script)(keys=keys, args=args))
        except self._errors as error:
            self._lose(error)
            raise Lost from None

    async def say(self, kind: str, words: str) -> None:
        """Tells all replicas; nobody where Redis is away. A kind is two words."""
        try:
            if self.up:
                await self._redis.publish(self.channel, f"{kind} {words}")
        except self._errors as error:
            self._lose(error)

    async def finish(self, work: Run, within_s: float) -> None:
        """Does `work` to its end, also for a call that was cancelled, which waits for it no longer than that."""
        done = anyio.Event()

        async def run() -> None:
            await work()
            done.set()

        if self._tasks is None:
            await work()  # it is away: there is nothing to wait for
            return
        self._tasks.start_soon(run)
        with anyio.move_on_after(within_s, shield=True):
            await done.wait()

    def _script(self, name: str) -> Any:
        if name not in self._scripts:
            here = files(__package__)
            text = (here / f"{name}.lua").read_text("utf-8")
            if name in {"take", "keep", "give"}:
                text = (here / "common.lua").read_text("utf-8") + text
            self._scripts[name] = self._redis.register_script(text)
        return self._scripts[name]

    async def _count(self, lives_s: float | None = None) -> None:
        lives = self.lease_s if lives_s is None else lives_s
        args = [self.replica, round(lives * 1000)]
        count = await self._script("live")(keys=["glm:replicas"], args=args)
        self.replicas = max(1, min(REPLICAS, count))

    async def _live(self) -> None:
        while True:
            await anyio.sleep(self.lease_s / 3)
            try:
                if self.up:
                    await self._count()
            except self._errors as error:
                self._lose(error)

    async def _listen(self, listens: anyio.Event) -> None:
        """Hears the others; begins anew whenever the connection broke."""
        while True:
            try:
                async with self._redis.pubsub(ignore_subscribe_messages=True) as heard:
                    await heard.subscribe(self.channel)
                    await self._came()
                    listens.set()
                    turns = Turns()
                    with anyio.CancelScope() as self._listening:
                        async for message in heard.listen():
                            self._hear(message["data"])
                            await anyio.lowlevel.checkpoint()  # thousands may have come at once
                            await turns.let_others()
            except self._errors as error:
                self._lose(error)
            self._listening = None
            # Those that are open may lead to one that is no master any more, whatever its name means now.
            with suppress(*self._errors):
                await self._redis.connection_pool.disconnect(inuse_connections=False)
            await anyio.sleep(RETRY_S)

    def _hear(self, message: str) -> None:
        kind, words = _parted(message)
        hear = self._handlers.get(kind)
        try:
            if hear is not None:
                hear(words)
        except BAD_WORDS:
            log.warning("a message in Redis that no replica would send was left out: %s", kind[:60])

    async def _came(self) -> None:
        self.ahead_s = await self._read_clock()
        await self._count()
        if self._lost_at is not None:
            log.warning("Redis at %s is there again: limits are shared with the other replicas", self._where)
        self.up, self._lost_at = True, None
        for hear in self._changes:
            hear()

    async def _read_clock(self) -> float:
        """How far Redis's clock is ahead of ours; the answer that came soonest says it best."""
        best = (math.inf, 0.0)
        for _ in range(CLOCK_READINGS):
            before = anyio.current_time()
            seconds, micros = await self._redis.time()
            took = anyio.current_time() - before
            best = min(best, (took, seconds + micros / 1e6 - before - took / 2))
        return best[1]

    def _lose(self, error: Exception) -> None:
        if self._listening is not None:
            self._listening.cancel()
        if not self.up:
            return
        self.up, self._lost_at = False, anyio.current_time()
        log.warning(
            "Redis at %s is lost (%s): this replica keeps its share, one of %d, until it is there again",
            self._where,
            _why(error),
            self.replicas,
        )
        for hear in self._changes:
            hear()

    async def _leave(self) -> None:
        if not self.up:
            return
        try:
            for leave in self._leaves:
                await leave()
            await self._count(0)
        except (Lost, *self._errors):
            return  # what was held ends by itself


def _shown(url: str) -> str:
    """Where Redis is, without a password."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or 6379}" if parts.hostname else parts.path


def _parted(message: str) -> tuple[str, str]:
    """The kind of a message, two words, and the rest."""
    words = message.split(" ", 2)
    return " ".join(words[:2]), words[2] if len(words) > 2 else ""


def _why(error: Exception) -> str:
    cause = error.__cause__ or error.__context__
    # The library wraps the system's words in its own.
    if isinstance(cause, OSError) and cause.errno and cause.errno > 0:
        return os.strerror(cause.errno)
    return " ".join(str(error).split())[:200] or "no answer"


def figures_of(answer: Any) -> tuple[list[int], list[int]]:
    """What a queue's scripts answer: the figures, and the places. Raises some of BAD_WORDS."""
    *figures, places = answer
    limit, *others = map(int, figures)
    found = [max(1, limit), *others], list(map(int, places))
    if len(figures) != FIGURES or any(abs(figure) > MOST for part in found for figure in part):
        raise ValueError("it is no answer of these scripts")
    return found
