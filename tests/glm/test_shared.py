"""Several replicas of one upstream key: one queue, one limit, one memory of the models; and Redis lost, back, and slow."""

from __future__ import annotations

import functools
import logging
import secrets
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from support.calls import T, ask, client_of
from support.limits import Caller, grown, level, refuse, replicas, serve, settled, unheard, until
from support.paths import ROOT
from support.redis_server import RedisServer

from glm_mcp.errors import ConfigError
from glm_mcp.glm.shared.share import Shared
from glm_mcp.simulator import Simulator, Switches

sys.path.append(str(ROOT / "benchmarks"))
import replicas as processes

pytestmark = pytest.mark.anyio
MODEL = "model"


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """A Redis that the test may end."""
    with tempfile.TemporaryDirectory() as folder, RedisServer(Path(folder)) as running:
        yield running


class Crowd:
    """Calls at several replicas that count how many run at once."""

    def __init__(self) -> None:
        self.running = self.most = self.done = 0

    async def call(self, limiter: object, seconds: float) -> None:
        async with limiter.slot(unheard, since=anyio.current_time()) as grant:  # type: ignore[attr-defined]
            self.running += 1
            self.most = max(self.most, self.running)
            try:
                await anyio.sleep(seconds)
            finally:
                self.running -= 1
            grant.served = True
        self.done += 1


# One queue


async def test_calls_of_several_replicas_run_in_their_order_of_arrival_and_hear_their_place(
    redis_url: str,
) -> None:
    order: list[str] = []
    async with replicas(redis_url, 3) as found:
        limiters = [r.account.limiter(MODEL, 1, None) for r in found]
        callers = [Caller(str(n), order) for n in range(9)]
        with anyio.fail_after(10):
            async with anyio.create_task_group() as tasks:
                for n, caller in enumerate(callers):
                    tasks.start_soon(caller.run, limiters[n % 3])
                    await until(lambda c=caller, n=n: c.places == [n] if n else c.inside.is_set())  # type: ignore[misc]
                for caller in callers:
                    caller.leave.set()
    assert order == [c.name for c in callers]
    assert callers[8].places == [8, 7, 6, 5, 4, 3, 2, 1]


async def test_a_call_that_gives_up_at_one_replica_lets_those_at_another_move_up(redis_url: str) -> None:
    order: list[str] = []
    first, second, third = (Caller(name, order) for name in "abc")
    async with replicas(redis_url, 2) as (here, there):
        with anyio.fail_after(10):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(first.run, here.account.limiter(MODEL, 1, None))
                await first.inside.wait()
                tasks.start_soon(second.run, here.account.limiter(MODEL, 1, None))
                await until(lambda: second.places == [1])
                tasks.start_soon(third.run, there.account.limiter(MODEL, 1, None))
                await until(lambda: third.places == [2])
                second.scope.cancel()
                await until(lambda: third.places == [2, 1])
                first.leave.set()
                third.leave.set()
    assert order == ["a", "c"]


async def test_the_cap_holds_over_replicas_and_is_used(redis_url: str) -> None:
    crowd = Crowd()
    async with replicas(redis_url, 3) as found:
        with anyio.fail_after(20):
            async with anyio.create_task_group() as tasks:
                for n in range(90):
                    tasks.start_soon(crowd.call, found[n % 3].account.limiter(MODEL, 4, 4), 0.02)
    assert (crowd.done, crowd.most) == (90, 4)


async def test_what_one_replica_learns_of_a_limit_holds_for_the_others(redis_url: str) -> None:
    async with replicas(redis_url, 2) as (here, there):
        one, other = (r.account.limiter(MODEL, 8, None) for r in (here, there))
        await refuse(one)
        assert await level(one) == await level(other) == 4
        assert await grown(other) == 7
        assert await level(one) == 7


async def test_five_hundred_calls_wait_on_few_connections(redis_url: str) -> None:
    crowd = Crowd()
    async with replicas(redis_url, 1) as (one,):
        limiter = one.account.limiter(MODEL, 4, 4)
        with anyio.fail_after(30):
            async with anyio.create_task_group() as tasks:
                for _ in range(500):
                    tasks.start_soon(crowd.call, limiter, 0.001)
    assert (crowd.done, crowd.most) == (500, 4)


async def test_a_lost_message_costs_less_than_a_lease(server: RedisServer) -> None:
    from redis.asyncio import Redis

    order: list[str] = []
    first, second = Caller("a", order), Caller("b", order)
    async with (
        replicas(server.url, 2) as (here, there),
        Redis.from_url(server.url, decode_responses=True) as redis,
    ):
        with anyio.fail_after(10):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(first.run, here.account.limiter(MODEL, 1, None))
                await first.inside.wait()
                tasks.start_soon(second.run, there.account.limiter(MODEL, 1, None))
                await until(lambda: second.places == [1])
                # In one step: those who listen are cut off, and the place is given to one who then does not hear of it.
                lost = "redis.call('DEL', KEYS[1]); redis.call('ZREM', KEYS[2], ARGV[1]); redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])"
                seconds, _ = await redis.time()
                [queue] = await _keys(server.url, f"{there.account.prefix}:*:q")
                waits = str((await redis.zrange(queue, 0, -1))[0])
                await redis.eval(lost, 2, queue[:-1] + "l", queue, waits, (seconds + 3) * 1_000)
                began = anyio.current_time()
                await second.inside.wait()
                assert anyio.current_time() - began < 1.3
                first.leave.set()
                second.leave.set()


async def test_the_places_of_a_replica_that_died_come_back_and_its_waiting_calls_block_nobody(
    redis_url: str,
) -> None:
    from redis.asyncio import Redis

    order: list[str] = []
    async with replicas(redis_url, 1, lease_s=0.6) as (one,), Redis.from_url(redis_url) as redis:
        limiter = one.account.limiter(MODEL, 2, None)
        first, second = Caller("a", order), Caller("b", order)
        with anyio.fail_after(10):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(first.run, limiter)
                await first.inside.wait()
                key = (await _keys(redis_url, f"{one.account.prefix}:*:l"))[0][:-1]
                seconds, micros = await redis.time()
                until_ms = seconds * 1_000 + micros // 1_000 + 600
                await redis.zadd(f"{key}l", {"dead:1": until_ms})
                await redis.zadd(f"{key}q", {f"dead:{n}": n for n in range(2, 9)})
                await redis.zadd(f"{key}w", {f"dead:{n}": until_ms for n in range(2, 9)})
                tasks.start_soon(second.run, limiter)
                began = anyio.current_time()
                await second.inside.wait()
                assert 0.3 < anyio.current_time() - began < 1.2 * 0.6
                first.leave.set()
                second.leave.set()
        await until(lambda: limiter.running == 0)
    left = await _keys(redis_url, f"{one.account.prefix}:*")
    assert [k for k in left if k[-2:] in {":q", ":w", ":l"}] == []


async def _keys(url: str, pattern: str) -> list[str]:
    from redis.asyncio import Redis

    async with Redis.from_url(url, decode_responses=True) as redis:
        return [str(key) for key in await redis.keys(pattern)]


def test_a_killed_replica_costs_a_lease_and_neither_the_cap_nor_the_order(server: RedisServer) -> None:
    found = processes.run(server.url, seed=1)
    assert found.most_at_once <= processes.CAP
    assert len([j for j in found.living if j.ended]) == 2 * processes.JOBS
    assert found.back_s <= 1.2 * processes.LEASE_S
    assert found.out_of_order <= 0.005


# What is known of the models


async def test_what_one_replica_meets_at_a_model_the_others_know(redis_url: str) -> None:
    key = secrets.token_hex(8)
    async with replicas(redis_url, 2, key=key) as (here, there):
        for replica in (here, there):
            await serve(replica.account.limiter(MODEL, 1, None))
        for seconds in (1.0, 2.0, 3.0):
            here.account.health.spoke(MODEL, seconds)
            here.account.health.answered(MODEL, 2 * seconds)
        here.account.health.refused(MODEL, 1.5)
        await serve(here.account.limiter(MODEL, 1, None))
        health = there.account.health
        await until(lambda: health.of(MODEL).rests == 1)
        assert list(health.of(MODEL).first_bytes) == [1.0, 2.0, 3.0]
        assert health.usual_s(MODEL) == 4.0
        rests = here.account.health.of(MODEL).rests_until
        assert health.of(MODEL).rests_until == pytest.approx(rests, abs=0.5)
        # It speaks again: that is told at once, not at the end of the answer.
        there.account.health.spoke(MODEL, 1.0)
        await until(lambda: here.account.health.of(MODEL).rests == 0)
        there.account.health.lost(MODEL, "the model does not exist")
        await serve(there.account.limiter(MODEL, 1, None))
        await until(lambda: here.account.health.gone(MODEL))
        async with replicas(redis_url, 1, key=key) as (late,):
            assert late.account.health.gone(MODEL) == "the model does not exist"
            assert late.account.health.report() == health.report()


async def test_a_call_costs_two_requests_of_redis_whatever_its_model_said(server: RedisServer) -> None:
    from redis.asyncio import Redis

    async with replicas(server.url, 1) as (one,), Redis.from_url(server.url) as redis:
        limiter, health = one.account.limiter(MODEL, 1, None), one.account.health
        await serve(limiter)
        await redis.config_resetstat()
        for _ in range(100):
            async with limiter.slot(unheard, since=anyio.current_time()) as grant:
                health.spoke(MODEL, 1.0)
                health.answered(MODEL, 2.0)
                grant.served = True
        await until(lambda: limiter.running == 0)
        calls = (await redis.info("commandstats"))["cmdstat_evalsha"]["calls"]
    assert 195 <= calls <= 215, "two a call, and the heartbeat"


# Redis gone


async def test_without_redis_at_the_start_nothing_starts_and_no_password_is_shown() -> None:
    with pytest.raises(
        ConfigError, match=r"Redis at 127\.0\.0\.1:1 \(GLM_REDIS_URL\) cannot be used"
    ) as said:
        async with Shared("redis://:hunter2@127.0.0.1:1/0").running():
            raise AssertionError
    assert "hunter2" not in str(said.value)


def test_an_address_with_an_option_that_cannot_be_is_said_and_not_shown() -> None:
    with pytest.raises(ConfigError, match="GLM_REDIS_URL is no address of Redis") as said:
        Shared("redis://:hunter2@redis.example/0?socket_timeout=soon")
    assert "hunter2" not in str(said.value)


async def test_while_redis_is_away_each_replica_keeps_its_share_and_then_they_share_again(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    crowds = [Crowd(), Crowd()]

    async def fill(limiters: list[object], calls: int) -> None:
        async with anyio.create_task_group() as tasks:
            for crowd, limiter in zip(crowds, limiters, strict=True):
                for _ in range(calls):
                    tasks.start_soon(crowd.call, limiter, 0.02)

    with anyio.fail_after(30):
        async with replicas(server.url, 2) as found:
            await until(lambda: [r.shared.state()["replicas"] for r in found] == [2, 2])
            limiters: list[object] = [r.account.limiter(MODEL, 5, 5) for r in found]
            await fill(limiters, 10)
            caplog.clear()
            server.kill()
            await until(lambda: [r.shared.state()["redis"] for r in found] == ["lost", "lost"])
            crowds[:] = [Crowd(), Crowd()]
            await fill(limiters, 10)
            assert [(c.done, c.most) for c in crowds] == [(10, 2), (10, 2)]
            assert all(r.shared.state()["lost_s"] for r in found)
            lost = [r for r in caplog.records if "is lost" in r.getMessage()]
            assert len(lost) == 2, "each says it once"
            server.start()
            await until(lambda: [r.shared.state()["redis"] for r in found] == ["up", "up"])
            crowds[:] = [Crowd(), Crowd()]
            await fill(limiters, 10)
            assert sum(c.done for c in crowds) == 20
            assert max(c.most for c in crowds) > 2
            assert len([r for r in caplog.records if "is there again:" in r.getMessage()]) == 2
            assert all(r.levelno == logging.WARNING for r in caplog.records)


async def test_a_restart_in_the_middle_loses_no_call_and_lets_no_crowd_through(server: RedisServer) -> None:
    crowd = Crowd()
    with anyio.fail_after(30):
        async with replicas(server.url, 2) as found:
            await until(lambda: [r.shared.state()["replicas"] for r in found] == [2, 2])
            async with anyio.create_task_group() as tasks:
                for n in range(120):
                    tasks.start_soon(crowd.call, found[n % 2].account.limiter(MODEL, 4, 4), 0.05)
                await until(lambda: crowd.done >= 20)
                server.kill()
                before = crowd.done
                await until(lambda: crowd.done >= before + 20)
                server.start()
                await until(lambda: [r.shared.state()["redis"] for r in found] == ["up", "up"])
                # Those that began alone have ended; from here on the cap is the old one.
                before = crowd.done
                await until(lambda: crowd.done >= before + 4)
                assert crowd.most <= 6, "at the most a share beside those that ran when it was lost"
                crowd.most = 0
    assert (crowd.done, crowd.most) == (120, 4)


async def test_a_redis_that_hangs_holds_calls_up_for_seconds_and_not_for_ever(server: RedisServer) -> None:
    crowd = Crowd()
    with anyio.fail_after(30):
        async with replicas(server.url, 1) as (one,):
            limiter = one.account.limiter(MODEL, 2, 2)
            await crowd.call(limiter, 0)
            server.hang()
            try:
                began = anyio.current_time()
                async with anyio.create_task_group() as tasks:
                    for _ in range(50):
                        tasks.start_soon(crowd.call, limiter, 0)
                assert anyio.current_time() - began < 5
                assert one.shared.state()["redis"] == "lost"
            finally:
                server.wake()
            await until(lambda: one.shared.state()["redis"] == "up")
            await crowd.call(limiter, 0)
    assert (crowd.done, crowd.most) == (52, 2)


# The whole way


async def test_the_calls_of_two_clients_never_meet_at_the_service(sim: Simulator, redis_url: str) -> None:
    sim.switches = Switches(concurrency=2, first_byte_s=0.01)
    given = {"GLM_REDIS_URL": redis_url, "GLM_MAX_CONCURRENCY": "2"}
    async with client_of(sim, **given) as here, client_of(sim, **given) as there:  # type: ignore[arg-type]
        async with anyio.create_task_group() as tasks:
            for n in range(60):
                tasks.start_soon(
                    functools.partial(ask, (here, there)[n % 2], f"call {n}", model=T, within=40)
                )
        await settled()
    assert len(sim.received) == 60
    assert {r.status for r in sim.received} == {200}
    assert max(r.in_flight for r in sim.received) == 2
