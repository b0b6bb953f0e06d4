"""Many calls at once: all answered in their order, or told at their deadline that there was no place, and nothing left."""

from __future__ import annotations

import asyncio
import functools
import gc
import itertools
import sys
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from mcp import Client
from support.busy import slowness
from support.calls import V6, L, T, ask, client_of, fresh
from support.paths import ROOT
from support.processes import environment, over_http
from support.toolkit import text_of

from glm_mcp.errors import GLMError, TimedOut
from glm_mcp.glm.client import GLMClient
from glm_mcp.glm.policy import Pace
from glm_mcp.simulator import Fault, Received, Reply, Simulator, Switches

sys.path.append(str(ROOT / "benchmarks"))
import soak

pytestmark = [pytest.mark.anyio, pytest.mark.extreme]

MANY = 500
ANSWER_S = 0.1
linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def number(request: Received) -> int:
    return int(request.body["messages"][0]["content"].split()[1])


async def test_five_hundred_calls_on_a_model_that_takes_one_are_all_answered(
    sim: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    answered: list[int] = []

    async def one(client: GLMClient, n: int) -> None:
        await ask(client, f"call {n}", model=T, within=50)
        answered.append(n)

    def held() -> int:
        gc.collect()
        return sys.getallocatedblocks()

    async with client_of(sim) as client:
        await ask(client, "warm up")  # with what is made once and kept
        fresh(sim)
        before, tasks = held(), asyncio.all_tasks()
        sim.switches = Switches(concurrency=1)
        sim.queue(Reply("fine", delay_s=0.003, times=0))
        async with anyio.create_task_group() as group:
            for n in range(MANY):
                group.start_soon(one, client, n)
        received = sim.received
        refused = [number(r) for r in received if r.code == "1302"]
        served = [number(r) for r in received if r.status == 200]
        del received
        fresh(sim)
        caplog.clear()  # its records hold the requests
        assert held() - before < 5 * MANY, (
            "a call that stays is hundreds of blocks; this test's own figures are three"
        )
        assert asyncio.all_tasks() == tasks
        assert client.limiter(T).running == 0
    assert sorted(answered) == sorted(served) == list(range(MANY))
    assert len(refused) <= MANY // 50
    # A level tried anew lets two go out together, and these may overtake each other on their way.
    orderly = [n for n in served if n not in refused]
    place = {n: at for at, n in enumerate(sorted(orderly))}
    assert max(abs(at - place[n]) for at, n in enumerate(orderly)) <= 1
    for n in refused:
        assert served.index(n) < n + 60, "a refused call comes back to its own place once it has waited"


@pytest.fixture(params=["memory", "redis"])
def kept(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Where the limits are kept: in the process, or in Redis."""
    return {} if request.param == "memory" else {"GLM_REDIS_URL": request.getfixturevalue("redis_url")}


async def in_order(client: GLMClient, calls: int) -> None:
    async with anyio.create_task_group() as group:
        for n in range(calls):
            group.start_soon(functools.partial(ask, client, f"call {n}", model=T, within=50))


async def test_calls_are_served_in_the_order_in_which_they_came(sim: Simulator, kept: dict[str, Any]) -> None:
    sim.switches = Switches(concurrency=1)
    # One on its way at a time: two could overtake each other between here and there.
    async with client_of(sim, GLM_MAX_CONCURRENCY="1", **kept) as client:
        await in_order(client, 200)
    assert [number(r) for r in sim.received if r.status == 200] == list(range(200))


async def test_calls_that_wait_while_a_model_is_left_in_peace_after_a_refusal_keep_their_order(
    sim: Simulator, kept: dict[str, Any]
) -> None:
    sim.switches = Switches(concurrency=1)
    refusals = Fault("error", code="1305", times=5)
    sim.queue(Reply("fine", times=3), refusals, Reply("fine", times=0))
    # Those refused come back before the pause that they brought about is over: nobody passes them.
    pace = Pace(waits=(0.4, 0.4), rest=(2.0, 2.0))
    async with client_of(sim, pace=pace, chance=lambda: 1.0, GLM_MAX_CONCURRENCY="1", **kept) as client:
        await in_order(client, 100)
    assert len([r for r in sim.received if r.code == "1305"]) == 5
    assert [number(r) for r in sim.received if r.status == 200] == list(range(100))


async def test_calls_that_a_named_model_cannot_serve_in_time_say_so_at_their_deadline(sim: Simulator) -> None:
    sim.switches = Switches(concurrency=1)
    sim.queue(Reply("fine", delay_s=ANSWER_S, times=0))
    within, many = 3.0, 120  # more than there is time for, and begun in little of it
    seconds: list[float] = []
    errors: list[GLMError] = []

    async def one(client: GLMClient, began: float) -> None:
        try:
            # One deadline for all: with one each, as many more begin at the edge as it takes long to start them.
            await ask(client, model=T, within=began + within - anyio.current_time())
        except GLMError as error:
            seconds.append(anyio.current_time() - began)
            errors.append(error)

    async with client_of(sim, GLM_MAX_CONCURRENCY="1") as client:
        async with anyio.create_task_group() as group:
            began = anyio.current_time()
            for _ in range(many):
                group.start_soon(one, client, began)
        assert client.limiter(T).running == 0
        assert client.limiter(T).queue_s() == 0
    served = many - len(errors)
    assert served <= 1.1 * within / ANSWER_S
    starts = sorted(r.started for r in sim.received)
    longest = max(later - earlier for earlier, later in itertools.pairwise(starts))
    assert began + within - starts[-1] <= 2 * longest, "one after another is served, to the end of their time"
    assert all(isinstance(e, TimedOut) for e in errors)
    told = [e for e in errors if "all were busy" in str(e)]
    assert len(errors) - len(told) <= 20, "those at the very edge may be begun and not finished"
    assert within - 0.1 <= min(seconds) <= max(seconds) < within + 2 * slowness()


async def test_calls_that_find_a_model_occupied_are_answered_by_the_others_meanwhile(sim: Simulator) -> None:
    sim.queue(Reply("fine", delay_s=0.4, times=0))
    answered: list[str] = []

    async def one(client: GLMClient) -> None:
        answered.append((await ask(client, within=30)).model)

    pace = Pace(waits=(0.01, 0.05), rest=(0.05, 0.2), patience=0.1)
    async with client_of(sim, pace=pace) as client:
        async with anyio.create_task_group() as group:
            for _ in range(60):
                group.start_soon(one, client)
        assert [client.limiter(m).running for m in (T, V6, L)] == [0, 0, 0]
    assert len(answered) == 60
    assert set(answered) == {T, V6, L}
    assert not [r for r in sim.received if r.code], "nobody was refused for being one too many"


async def test_two_hundred_calls_at_once_over_http_on_a_cap_of_fifty(sim: Simulator, tmp_path: Path) -> None:
    sim.switches = Switches(concurrency=50)
    sim.queue(Reply("fine", delay_s=0.2, times=0))
    texts: list[str] = []

    async def one(client: Client) -> None:
        result = await client.call_tool("chat", {"prompt": "hello"})
        assert not result.is_error, text_of(result)
        texts.append(text_of(result))

    env = environment(tmp_path / "home", sim, GLM_MAX_CONCURRENCY="50")
    with anyio.fail_after(60), over_http(env, tmp_path) as (url, _):
        async with Client(f"{url}/mcp", mode="2026-07-28") as client, anyio.create_task_group() as group:
            for _ in range(200):
                group.start_soon(one, client)
        async with httpx.AsyncClient(trust_env=False) as plain:
            assert (await plain.get(f"{url}/health")).json()["status"] == "ok"
    assert len(texts) == 200
    assert all(t.startswith("fine") for t in texts)
    assert 20 <= max(r.in_flight for r in sim.received) <= 50
    assert not [r for r in sim.received if r.code]


async def test_a_cancelled_call_in_a_long_queue_leaves_its_place_to_the_next(sim: Simulator) -> None:
    sim.switches = Switches(concurrency=1)
    sim.queue(Fault("hang"))
    answered: list[int] = []

    async with client_of(sim, GLM_MAX_CONCURRENCY="1") as client, anyio.create_task_group() as group:

        async def one(n: int) -> None:
            await ask(client, f"call {n}", model=T)
            answered.append(n)

        scopes = []
        for n in range(30):
            scope = anyio.CancelScope()
            scopes.append(scope)

            async def scoped(n: int = n, scope: anyio.CancelScope = scope) -> None:
                with scope:
                    await one(n)

            group.start_soon(scoped)
            await anyio.lowlevel.checkpoint()
        await anyio.to_thread.run_sync(sim.wait_received, 1)
        for n in range(0, 30, 2):  # among them the one that hangs at the service
            scopes[n].cancel()
    assert answered == list(range(1, 30, 2))
    assert client.limiter(T).running == 0


async def test_no_task_is_left_after_faults_and_cancellations(sim: Simulator) -> None:
    sim.queue(*(Fault(kind) for kind in ("hang", "reset", "hang_mid", "refuse", "truncated_frame", "close")))
    before = asyncio.all_tasks()
    async with client_of(sim) as client, anyio.create_task_group() as group:

        async def one(within: float) -> None:
            with anyio.move_on_after(within):
                await ask(client, within=1)

        for n in range(40):
            group.start_soon(one, 0.05 * (n % 8))
    assert asyncio.all_tasks() == before


@linux
@pytest.mark.timeout(240)  # it goes on until it has met what it is for
async def test_a_soak_with_faults_at_random_leaves_nothing_behind() -> None:
    for tally in await soak.all_ways(["stdio", "http"], 8, seed=7):
        assert tally.calls > 10
        assert tally.cancelled
        assert tally.failed
        assert tally.rests
        assert tally.storms
        assert tally.wrong == []
        assert tally.left == []
