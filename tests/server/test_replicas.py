"""Two servers of one upstream key: a caller's limits, a cancel and readiness over both."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import httpx
import pytest
from support.admitted import once, unheard, why_not
from support.busy import within
from support.http_server import ACCEPT, called, initialize
from support.limits import replicas, until
from support.processes import COMMAND, environment, over_http, ran
from support.redis_server import RedisServer

from glm_mcp.errors import GLMError, QuotaError, RateLimited
from glm_mcp.server.callers.admission import DAY_S, Admission, MemoryAdmission
from glm_mcp.server.callers.admission_redis import SharedAdmission
from glm_mcp.server.callers.caller import Caller
from glm_mcp.simulator import Fault, Simulator

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["memory", "redis"])
async def doors(request: pytest.FixtureRequest) -> AsyncIterator[list[Admission]]:
    """The two doors through which a caller may come: of one process, or of two replicas."""
    if request.param == "memory":
        yield [MemoryAdmission()] * 2
        return
    async with replicas(request.getfixturevalue("redis_url"), 2) as found:
        yield [SharedAdmission(r.shared.connection) for r in found]


@pytest.fixture
def ada() -> Caller:
    return Caller("ada", secrets.token_hex(8))


async def test_the_calls_of_a_minute_are_those_at_all_doors(doors: list[Admission], ada: Caller) -> None:
    ada = replace(ada, per_minute=4)
    for n in range(4):
        await once(doors[n % 2], ada)
    for door in doors:
        no = await why_not(door, ada)
        assert isinstance(no, RateLimited)
        assert "4 calls a minute are used. The next at" in str(no)
        assert no.retry_after == pytest.approx(15, abs=1)
        assert (await door.standing(ada)).calls_left == 0


async def test_a_minutes_calls_come_back_one_by_one(doors: list[Admission], ada: Caller) -> None:
    ada = replace(ada, per_minute=60)
    no: GLMError | None = None
    with anyio.fail_after(60):
        while no is None:
            try:
                await once(doors[0], ada)
            except RateLimited as error:
                no = error
        assert no.retry_after is not None
        await anyio.sleep(no.retry_after + 0.01)
        await once(doors[1], ada)


async def test_a_refused_call_uses_nothing_of_another_limit(doors: list[Admission], ada: Caller) -> None:
    ada = replace(ada, per_minute=3, at_once=1, tokens_per_day=100)
    await once(doors[0], ada, tokens=250)
    for n in range(6):
        no = await why_not(doors[n % 2], ada)
        assert isinstance(no, QuotaError)
        assert "250 of 100 tokens a day are used" in str(no)
    assert (await doors[1].standing(ada)).calls_left == 2
    raised = replace(ada, tokens_per_day=1_000)
    for n in range(2):
        await once(doors[n], raised)
    for n in range(6):
        assert isinstance(await why_not(doors[n % 2], raised), RateLimited)
    standing = await doors[1].standing(raised)
    assert (standing.running, standing.queued, standing.tokens_today) == (0, 0, 250)


async def test_calls_at_once_wait_in_order_over_the_doors_and_are_told_their_place(
    doors: list[Admission], ada: Caller
) -> None:
    ada = replace(ada, at_once=2)
    told: dict[int, list[int]] = {n: [] for n in range(5)}
    order: list[int] = []
    release = [anyio.Event() for _ in range(5)]

    async def run(number: int) -> None:
        async with doors[number % 2].admit(ada, told[number].append):
            order.append(number)
            await release[number].wait()

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            for number in range(5):
                tasks.start_soon(run, number)
                await until(lambda n=number: n in order if n < 2 else told[n] == [n - 1])  # type: ignore[misc]
            await once(doors[0], replace(ada, owner=secrets.token_hex(8)))  # nobody else waits for them
            for number in range(5):
                release[number].set()
                await until(lambda n=number: len(order) >= min(5, n + 3))  # type: ignore[misc]
    assert order == [0, 1, 2, 3, 4]
    assert told == {0: [], 1: [], 2: [1], 3: [2, 1], 4: [3, 2, 1]}


async def test_a_call_that_gives_up_waiting_uses_nothing(doors: list[Admission], ada: Caller) -> None:
    ada = replace(ada, at_once=1, per_minute=10)
    places: list[int] = []
    with anyio.fail_after(60):
        async with AsyncExitStack() as held:
            await held.enter_async_context(doors[0].admit(ada, unheard))
            async with anyio.create_task_group() as tasks:
                scope = anyio.CancelScope()

                async def wait() -> None:
                    with scope:
                        async with doors[1].admit(ada, places.append):
                            raise AssertionError

                tasks.start_soon(wait)
                await until(lambda: places == [1])
                assert (await doors[0].standing(ada)).calls_left == 8
                scope.cancel()
        await once(doors[1], ada)
        standing = await doors[0].standing(ada)
    assert (standing.calls_left, standing.queued) == (8, 0)


async def test_a_budget_that_ends_while_calls_wait_is_not_overdrawn_by_all_of_them(
    doors: list[Admission], ada: Caller
) -> None:
    ada = replace(ada, at_once=1, tokens_per_day=10, per_minute=100)
    refused: list[GLMError] = []
    places: list[int] = []

    async def wait(number: int) -> None:
        with pytest.raises(QuotaError) as caught:
            async with doors[number % 2].admit(ada, places.append):
                raise AssertionError
        refused.append(caught.value)

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks, doors[0].admit(ada, unheard) as charge:
            for number in range(5):
                tasks.start_soon(wait, number)
            await until(lambda: 5 in places)
            await charge(10)
    assert len(refused) == 5
    assert (await doors[1].standing(ada)).calls_left == 99


async def test_another_limit_of_calls_at_once_counts_from_the_next_call_on(
    doors: list[Admission], ada: Caller
) -> None:
    with anyio.fail_after(60):
        async with AsyncExitStack() as held:
            for at_once in (1, 2, 3):
                await held.enter_async_context(doors[0].admit(replace(ada, at_once=at_once), unheard))
        async with AsyncExitStack() as held:
            await held.enter_async_context(doors[0].admit(replace(ada, at_once=1), unheard))
            with anyio.move_on_after(0.2) as waits:
                await held.enter_async_context(doors[1].admit(replace(ada, at_once=1), unheard))
            assert waits.cancelled_caught


async def test_while_redis_is_away_a_caller_has_a_share_at_each_door(
    redis_server: RedisServer, ada: Caller
) -> None:
    ada = replace(ada, per_minute=4, at_once=1)
    with anyio.fail_after(60):
        async with replicas(redis_server.url, 2) as found:
            await until(lambda: [r.shared.state()["replicas"] for r in found] == [2, 2])
            doors = [SharedAdmission(r.shared.connection) for r in found]
            redis_server.kill()
            await until(lambda: [r.shared.state()["redis"] for r in found] == ["lost", "lost"])
            for door in doors:
                for _ in range(2):
                    await once(door, ada)
                assert isinstance(await why_not(door, ada), RateLimited)
            redis_server.start()
            await until(lambda: [r.shared.state()["redis"] for r in found] == ["up", "up"])
            for door in doors:
                await once(door, ada)


async def test_a_call_that_ends_while_redis_hangs_is_not_held_up_and_what_it_used_is_counted(
    redis_server: RedisServer, ada: Caller
) -> None:
    ada = replace(ada, tokens_per_day=1_000)
    with anyio.fail_after(60):
        async with replicas(redis_server.url, 1) as (one,):
            door = SharedAdmission(one.shared.connection)
            async with door.admit(ada, unheard) as charge:
                redis_server.hang()
                try:
                    with within(0.5), anyio.CancelScope() as ended:
                        ended.cancel()
                        await charge(10)
                finally:
                    redis_server.wake()
            while (await door.standing(ada)).tokens_today != 10:  # noqa: ASYNC110 - that is how it is asked
                await anyio.sleep(0.01)


async def test_a_call_that_gives_up_waiting_while_redis_hangs_is_not_held_up(
    redis_server: RedisServer, ada: Caller
) -> None:
    ada = replace(ada, at_once=1, per_minute=10)
    places: list[int] = []
    with anyio.fail_after(60):
        async with replicas(redis_server.url, 1) as (one,):
            door = SharedAdmission(one.shared.connection)
            async with door.admit(ada, unheard), anyio.create_task_group() as tasks:
                scope, left = anyio.CancelScope(), anyio.Event()

                async def wait() -> None:
                    with scope:
                        async with door.admit(ada, places.append):
                            raise AssertionError
                    left.set()

                tasks.start_soon(wait)
                await until(lambda: places == [1])
                redis_server.hang()
                try:
                    with within(0.5):
                        scope.cancel()
                        await left.wait()
                finally:
                    redis_server.wake()


async def test_what_calls_used_is_counted_where_redis_went_away_and_their_day_is_used_up(
    redis_server: RedisServer, ada: Caller
) -> None:
    ada = replace(ada, tokens_per_day=10)
    with anyio.fail_after(60):
        async with replicas(redis_server.url, 1) as (one,):
            door = SharedAdmission(one.shared.connection)
            async with door.admit(ada, unheard) as first, door.admit(ada, unheard) as second:
                redis_server.kill()
                await until(lambda: one.shared.state()["redis"] == "lost")
                await first(10)
                await second(10)
            assert "20 of 10 tokens a day are used" in str(await why_not(door, ada))


@pytest.mark.parametrize(
    ("field", "number"),
    [(f, n) for f in ("due", "day", "tokens") for n in ("nan", "inf", "-inf", "1e300", "-1e18", "1.5", "x")],
)
async def test_what_a_stranger_writes_of_a_caller_is_read_as_data(
    redis_url: str, ada: Caller, field: str, number: str
) -> None:
    from redis.asyncio import Redis

    ada = replace(ada, per_minute=4, tokens_per_day=1_000)
    async with replicas(redis_url, 1) as (one,), Redis.from_url(url=redis_url) as stranger:
        today = int(time.time() // DAY_S)
        await stranger.hset(f"glm:{{{ada.owner}}}:used", mapping={"day": today, field: number})
        door = SharedAdmission(one.shared.connection)
        with suppress(RateLimited, QuotaError):
            await once(door, ada)
        standing = await door.standing(ada)
        assert standing.tokens_today >= 0
        assert 0 <= (standing.calls_left or 0) <= 4


# Servers

SECRET = "a secret that all replicas share, and nobody else"


async def test_a_cancel_reaches_the_replica_that_runs_the_call(
    redis_url: str, sim: Simulator, tmp_path: Path
) -> None:
    env = environment(tmp_path / "home", sim, GLM_REDIS_URL=redis_url, GLM_SESSION_SECRET=SECRET)
    with over_http(env, tmp_path) as (here, _), over_http(env, tmp_path) as (there, _):
        with anyio.fail_after(60):
            async with httpx.AsyncClient(trust_env=False, timeout=60, headers=ACCEPT) as http:
                begun = await http.post(f"{here}/mcp", json=initialize("2025-06-18"))
                session = {
                    "Mcp-Session-Id": begun.headers["mcp-session-id"],
                    "MCP-Protocol-Version": "2025-06-18",
                }
                sim.queue(Fault("hang"))
                async with anyio.create_task_group() as tasks:

                    async def call() -> None:
                        body = called("chat", 7, prompt="hello")
                        answer = await http.post(f"{here}/mcp", json=body, headers=session)
                        assert "-32800" in answer.text

                    tasks.start_soon(call)
                    await anyio.to_thread.run_sync(sim.wait_received, 1)
                    params = {"requestId": 7}
                    said = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}
                    with within(2):
                        assert (
                            await http.post(f"{there}/mcp", json=said, headers=session)
                        ).status_code == 202
                        await anyio.to_thread.run_sync(sim.wait, lambda received: received[-1].disconnected)


async def test_readyz_says_that_redis_is_away_and_calls_go_on(
    redis_server: RedisServer, sim: Simulator, tmp_path: Path
) -> None:
    env = environment(tmp_path / "home", sim, GLM_REDIS_URL=redis_server.url)
    with over_http(env, tmp_path) as (url, _):
        async with httpx.AsyncClient(trust_env=False, timeout=60, headers=ACCEPT) as http:

            async def ready() -> dict[str, Any]:
                return dict((await http.get(f"{url}/readyz")).json())

            async def becomes(status: str) -> dict[str, Any]:
                while (found := await ready())["status"] != status:  # noqa: ASYNC110 - that is how it is asked
                    await anyio.sleep(0.02)
                return found

            with anyio.fail_after(60):
                await becomes("ready")
                redis_server.kill()
                found = await becomes("not ready")
                assert found["missing"]["redis"].endswith("this replica keeps one share of 1")
                begun = await http.post(f"{url}/mcp", json=initialize("2025-06-18"))
                session = {"Mcp-Session-Id": begun.headers["mcp-session-id"]}
                answer = await http.post(f"{url}/mcp", json=called("chat", prompt="hello"), headers=session)
                assert '"isError":false' in answer.text
                redis_server.start()
                await becomes("ready")


@pytest.mark.parametrize("command", [("serve", "--http", "--port", "0"), ()])
def test_without_redis_at_its_start_a_server_says_so_and_ends(
    command: tuple[str, ...], sim: Simulator, tmp_path: Path
) -> None:
    env = environment(tmp_path / "home", sim, GLM_REDIS_URL="redis://:hunter2-hunter2@127.0.0.1:1/0")
    ended = ran([*COMMAND, *command], env, tmp_path)
    assert ended.returncode != 0
    assert "config: Redis at 127.0.0.1:1 (GLM_REDIS_URL) cannot be used" in ended.stderr
    assert "hunter2" not in ended.stderr + ended.stdout
    assert "Traceback" not in ended.stderr


def test_redis_and_the_library_of_the_metrics_are_loaded_where_somebody_asks_for_them(tmp_path: Path) -> None:
    look = (
        "import sys; from glm_mcp.server.app import App; from glm_mcp.server.http.app import application;"
        "from glm_mcp.settings import load; application(App(load(), remote=True));"
        "print([name for name in ('redis', 'prometheus_client') if name in sys.modules])"
    )
    ended = ran([COMMAND[0], "-c", look], environment(tmp_path / "home"), tmp_path)
    assert ended.stdout.strip() == "[]", ended.stderr


async def test_the_queues_of_callers_who_came_once_are_given_up(redis_url: str) -> None:
    async with replicas(redis_url, 1) as (one,):
        door = SharedAdmission(one.shared.connection, remembered=3)
        before = len(asyncio.all_tasks())
        async with door.admit(Caller("held", secrets.token_hex(8), at_once=1), unheard):
            for n in range(20):
                await once(door, Caller(f"caller {n}", secrets.token_hex(8), at_once=1))
            await until(lambda: len(asyncio.all_tasks()) <= before + 4)
        again = Caller("caller 0", secrets.token_hex(8), at_once=1)
        await once(door, again)
        with anyio.fail_after(60):
            while (await door.standing(again)).running:  # noqa: ASYNC110 - until its place is given back at Redis
                await anyio.sleep(0.01)
