"""Several replicas of one upstream key: one queue, one limit, one memory of the models."""

from __future__ import annotations

import functools
import math
import secrets
import sys
import tracemalloc
from collections import Counter
from contextlib import suppress
from pathlib import Path

import anyio
import anyio.abc
import anyio.lowlevel
import pytest
from support.busy import within
from support.calls import T, ask, client_of
from support.limits import Caller, Crowd, grown, level, refuse, replicas, serve, settled, unheard, until
from support.paths import ROOT
from support.redis_server import RedisServer

from glm_mcp.glm.shared.health import EVENTS, MODELS
from glm_mcp.simulator import Simulator, Switches

sys.path.append(str(ROOT / "benchmarks"))
import replicas as processes

pytestmark = pytest.mark.anyio
MODEL = "model"


# One queue


async def test_calls_of_several_replicas_run_in_their_order_of_arrival_and_hear_their_place(
    redis_url: str,
) -> None:
    order: list[str] = []
    async with replicas(redis_url, 3) as found:
        limiters = [r.account.limiter(MODEL, 1, None) for r in found]
        callers = [Caller(str(n), order) for n in range(9)]
        with anyio.fail_after(60):
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
        with anyio.fail_after(60):
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
        with anyio.fail_after(60):
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
        with anyio.fail_after(60):
            async with anyio.create_task_group() as tasks:
                for _ in range(500):
                    tasks.start_soon(crowd.call, limiter, 0.001)
    assert (crowd.done, crowd.most) == (500, 4)


async def test_a_lost_message_costs_less_than_a_lease(redis_server: RedisServer) -> None:
    from redis.asyncio import Redis

    order: list[str] = []
    first, second = Caller("a", order), Caller("b", order)
    async with (
        replicas(redis_server.url, 2) as (here, there),
        Redis.from_url(redis_server.url, decode_responses=True) as redis,
    ):
        with anyio.fail_after(60):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(first.run, here.account.limiter(MODEL, 1, None))
                await first.inside.wait()
                tasks.start_soon(second.run, there.account.limiter(MODEL, 1, None))
                await until(lambda: second.places == [1])
                # In one step: those who listen are cut off, and the place is given to one who then does not hear of it.
                lost = "redis.call('DEL', KEYS[1]); redis.call('ZREM', KEYS[2], ARGV[1]); redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])"
                seconds, _ = await redis.time()
                [queue] = await _keys(redis_server.url, f"{there.account.prefix}:*:q")
                waits = str((await redis.zrange(queue, 0, -1))[0])
                await redis.eval(lost, 2, queue[:-1] + "l", queue, waits, (seconds + 3) * 1_000)
                with within(1.3):
                    await second.inside.wait()
                first.leave.set()
                second.leave.set()


@pytest.mark.parametrize("set_back_s", [0, 3_000])
async def test_the_places_of_a_replica_that_died_come_back_and_its_waiting_calls_block_nobody(
    redis_url: str, set_back_s: int
) -> None:
    """`set_back_s`: that Redis's clock was, since it died."""
    from redis.asyncio import Redis

    order: list[str] = []
    async with replicas(redis_url, 1, lease_s=0.6) as (one,), Redis.from_url(redis_url) as redis:
        limiter = one.account.limiter(MODEL, 2, None)
        first, second = Caller("a", order), Caller("b", order)
        with anyio.fail_after(60):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(first.run, limiter)
                await first.inside.wait()
                key = (await _keys(redis_url, f"{one.account.prefix}:*:l"))[0][:-1]
                began = anyio.current_time()
                seconds, micros = await redis.time()
                until_ms = (seconds + set_back_s) * 1_000 + micros // 1_000 + 600
                await redis.zadd(f"{key}l", {"dead:1": until_ms})
                await redis.zadd(f"{key}q", {f"dead:{n}": n for n in range(2, 9)})
                await redis.zadd(f"{key}w", {f"dead:{n}": until_ms for n in range(2, 9)})
                tasks.start_soon(second.run, limiter)
                with within(1.2 * 0.6):
                    await second.inside.wait()
                assert anyio.current_time() - began > 0.3
                first.leave.set()
                second.leave.set()
        await until(lambda: limiter.running == 0)
    left = await _keys(redis_url, f"{one.account.prefix}:*")
    assert [k for k in left if k[-2:] in {":q", ":w", ":l"}] == []


async def _keys(url: str, pattern: str) -> list[str]:
    from redis.asyncio import Redis

    async with Redis.from_url(url, decode_responses=True) as redis:
        return [str(key) for key in await redis.keys(pattern)]


@pytest.mark.extreme
def test_a_killed_replica_costs_a_lease_and_neither_the_cap_nor_the_order(redis_server: RedisServer) -> None:
    found = processes.run(redis_server.url, seed=1)
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


@pytest.mark.parametrize("later", [False, True], ids=["published", "kept"])
@pytest.mark.extreme
async def test_what_a_stranger_writes_into_redis_ends_no_server(redis_url: str, *, later: bool) -> None:
    from redis.asyncio import Redis

    key, deep = secrets.token_hex(8), "[" * 100_000
    said: list[str | bytes] = [
        "",
        "x",
        b"\xff\xfe \xff",
        '["spoke"]',
        "{}",
        deep,
        '["burnt","m",1]',
        '["hung",[],1]',
        '["hung",null,1]',
    ]
    said += [
        f'["{event}","model",{value}]'
        for event in EVENTS
        for value in ('"x"', "-1", "1e999", "NaN", "[]", "null")
    ]
    async with replicas(redis_url, 1, key=key) as (one,), Redis.from_url(url=redis_url) as stranger:
        limiter = one.account.limiter(MODEL, 1, None)
        await serve(limiter)
        events = f"{one.account.prefix}:health"
        tag = str(limiter._keys[0]).split(":")[-2]  # noqa: SLF001 - what a stranger would see
        for words in said:
            shown = words if isinstance(words, bytes) else words.encode()
            if later:
                await stranger.rpush(events, shown)
                await stranger.rpush(events, b"12 " + shown)
                continue
            for kind in (
                f"health {events}",
                f"health {events} other",
                f"given {tag}",
                f"pause {tag}",
                f"moved {tag}",
                "",
            ):
                await stranger.publish(one.shared.connection.channel, kind.encode() + b" " + shown)
        for number in range(1_000):
            await stranger.rpush(events, f'9 ["refused","made up {number}",0]')
        if later:
            async with replicas(redis_url, 1, key=key) as (late,):
                await serve(late.account.limiter(MODEL, 1, None))
                assert len(late.account.health.report()) <= MODELS
        one.account.health.lost("last", "it is told after all of these")
        await serve(limiter)
        assert one.shared.state()["redis"] == "up"
        assert math.isfinite(one.account.health.usual_s(MODEL))


async def test_a_replica_that_starts_reads_no_more_than_others_would_have_told(redis_url: str) -> None:
    from redis.asyncio import Redis

    key = secrets.token_hex(8)
    async with replicas(redis_url, 1, key=key) as (one,), Redis.from_url(url=redis_url) as stranger:
        one.account.health.lost(MODEL, "the model does not exist")
        await serve(one.account.limiter(MODEL, 1, None))
        for _ in range(50):
            await stranger.rpush(f"{one.account.prefix}:health", b"x" * 1_000_000)
        tracemalloc.start()
        try:
            async with replicas(redis_url, 1, key=key):
                assert tracemalloc.get_traced_memory()[1] < 20_000_000
        finally:
            tracemalloc.stop()
            await stranger.delete(f"{one.account.prefix}:health")


ODD_NUMBERS = ("nan", "inf", "-inf", "1e300", "-1", "0", "x", "1.5")
LEARNT = ("limit", "run", "epoch", "pause", "turns", "recovers", "wait:1", "opens:1")


@pytest.mark.parametrize("field", LEARNT)
async def test_what_a_stranger_writes_where_limits_are_kept_ends_no_server(
    redis_url: str, field: str
) -> None:
    from redis.asyncio import Redis

    async with replicas(redis_url, 1) as (one,), Redis.from_url(url=redis_url) as stranger:
        limiter = one.account.limiter(MODEL, 2, None)
        for number in ODD_NUMBERS:
            learnt = str(limiter._keys[3])  # noqa: SLF001 - what a stranger would see
            await stranger.hset(learnt, field, number)
            with anyio.fail_after(60):
                await serve(limiter)
                # Given back, with what it learnt: else that would come after the next number.
                while await stranger.exists(str(limiter._keys[2])):  # noqa: ASYNC110, SLF001 - another process
                    await anyio.sleep(0.002)
            await stranger.delete(learnt)
        with anyio.fail_after(60):
            await serve(limiter)
        assert 1 <= limiter.limit <= 4, "two of the numbers are a run that lets it grow by one"
        await until(lambda: one.shared.state()["redis"] == "up")


async def test_a_pause_of_before_the_clock_was_set_back_is_over(redis_url: str) -> None:
    from redis.asyncio import Redis

    async with replicas(redis_url, 1) as (one,), Redis.from_url(url=redis_url) as redis:
        limiter = one.account.limiter(MODEL, 2, None)
        seconds, _ = await redis.time()
        await redis.hset(str(limiter._keys[3]), "pause", (seconds + 3_000) * 1_000)  # noqa: SLF001 - as it was written
        with anyio.fail_after(60):
            await serve(limiter)


async def test_a_limit_that_was_refused_before_the_clock_was_set_back_is_tried_again(redis_url: str) -> None:
    from redis.asyncio import Redis

    async with replicas(redis_url, 1) as (one,), Redis.from_url(url=redis_url) as redis:
        limiter = one.account.limiter(MODEL, 1, 2)
        seconds, _ = await redis.time()
        await redis.hset(str(limiter._keys[3]), "opens:2", (seconds + 30_000) * 1_000)  # noqa: SLF001 - as it was written
        with anyio.fail_after(60):
            while limiter.limit == 1:
                await serve(limiter)


async def test_a_replica_that_died_before_the_clock_was_set_back_is_counted_no_longer(redis_url: str) -> None:
    from redis.asyncio import Redis

    async with Redis.from_url(url=redis_url) as redis:
        seconds, _ = await redis.time()
        await redis.zadd("glm:replicas", {"dead": (seconds + 3_000) * 1_000})
        async with replicas(redis_url, 1):
            assert await redis.zscore("glm:replicas", "dead") is None


async def test_between_messages_that_a_stranger_publishes_by_the_thousand_others_have_their_turn(
    redis_url: str,
) -> None:
    from redis.asyncio import Redis

    turn, heard = 0, list[int]()

    async def others() -> None:
        nonlocal turn
        while True:
            turn += 1
            await anyio.lowlevel.checkpoint()

    async with replicas(redis_url, 1) as (one,), Redis.from_url(url=redis_url) as stranger:
        one.shared.connection.on("a word", lambda _: heard.append(turn))
        flood = stranger.pipeline(transaction=False)
        for n in range(5_000):
            flood.publish(one.shared.connection.channel, f"a word {n}")
        with anyio.fail_after(60):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(others)
                await flood.execute()
                await until(lambda: len(heard) == 5_000)
                tasks.cancel_scope.cancel()
    assert max(Counter(heard).values()) < 10


@pytest.mark.parametrize("kind", range(5))
async def test_keys_of_another_kind_leave_a_replica_its_share(redis_url: str, kind: int) -> None:
    from redis.asyncio import Redis

    async with replicas(redis_url, 1) as (one,), Redis.from_url(url=redis_url) as stranger:
        limiter = one.account.limiter(MODEL, 2, None)
        key = str(limiter._keys[kind])  # noqa: SLF001 - what a stranger would see
        await stranger.set(key, "words")
        with anyio.fail_after(60):
            for _ in range(3):
                await serve(limiter)
        await stranger.delete(key)
        await until(lambda: one.shared.state()["redis"] == "up")
        with anyio.fail_after(60):
            await serve(limiter)


@pytest.mark.parametrize("words", [b"+\r\n", b":5\r\n", b"*0\r\n", b"*2\r\n$-1\r\n$-1\r\n"])
async def test_what_is_no_answer_of_redis_ends_no_server(
    words: bytes, redis_server: RedisServer, tmp_path: Path
) -> None:
    open_now: list[anyio.abc.SocketStream] = []

    async def passed_on(client: anyio.abc.SocketStream) -> None:
        async with client, await anyio.connect_unix(redis_server.socket) as server:
            open_now.append(client)
            with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(_pass_on, client, server)
                    await _pass_on(server, client)
            open_now.remove(client)

    listener = await anyio.create_unix_listener(tmp_path / "between")
    async with listener, anyio.create_task_group() as between:
        between.start_soon(listener.serve, passed_on)
        async with replicas(f"unix://{tmp_path}/between", 1) as (one,):
            limiter = one.account.limiter(MODEL, 2, None)
            with anyio.fail_after(60):
                await serve(limiter)
                for client in (*open_now,):
                    await client.send(words)
                await serve(limiter)
                await until(lambda: one.shared.state()["redis"] == "up")
                await serve(limiter)
        between.cancel_scope.cancel()


async def _pass_on(source: anyio.abc.SocketStream, target: anyio.abc.SocketStream) -> None:
    with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
        async for data in source:
            await target.send(data)
    await target.aclose()


async def test_a_call_costs_two_requests_of_redis_whatever_its_model_said(redis_server: RedisServer) -> None:
    from redis.asyncio import Redis

    async with replicas(redis_server.url, 1) as (one,), Redis.from_url(redis_server.url) as redis:
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
