"""What a caller may use: calls a minute, calls at once, tokens a day. Times are the tests' own."""

from __future__ import annotations

import cProfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.admitted import once, unheard, why_not
from support.served import client_of, served
from support.toolkit import glm, text_of

from glm_mcp.errors import GLMError, QuotaError, RateLimited
from glm_mcp.server.app import App
from glm_mcp.server.callers.admission import MINUTE_S, MemoryAdmission, calls_left, next_arrival
from glm_mcp.server.callers.caller import Caller
from glm_mcp.server.http.auth.authenticator import Headers
from glm_mcp.simulator import Fault, Reply, Simulator

pytestmark = pytest.mark.anyio
NOON = 1_795_867_200.0  # 2026-11-28 12:00:00 UTC
ADA = Caller("ada", "a" * 16)


class Time:
    now = NOON

    def __call__(self) -> float:
        return self.now


async def test_a_minutes_calls_may_come_at_once_and_then_one_at_a_time() -> None:
    time, ada = Time(), replace(ADA, per_minute=5)
    admission = MemoryAdmission(time)
    for _ in range(5):
        await once(admission, ada)
    no = await why_not(admission, ada)
    assert isinstance(no, RateLimited)
    assert str(no) == "rate_limited: 5 calls a minute are used. The next at 12:00:12 UTC, in 12 s."
    time.now += 11.9
    await why_not(admission, ada)
    time.now += 0.1
    await once(admission, ada)
    await why_not(admission, ada)
    time.now += 3_600
    assert (await admission.standing(ada)).calls_left == 5


async def test_a_clock_that_is_set_back_costs_a_minute_at_most() -> None:
    time, ada = Time(), replace(ADA, per_minute=5)
    admission = MemoryAdmission(time)
    for _ in range(5):
        await once(admission, ada)
    time.now -= 86_400
    assert "in 12 s" in str(await why_not(admission, ada))
    time.now += 12
    await once(admission, ada)


@given(
    per_minute=st.integers(1, 1_000),
    gaps=st.lists(st.floats(0, 90, allow_nan=False), min_size=1, max_size=60),
)
def test_calls_let_through_never_exceed_a_minutes_worth_and_what_time_gives_back(
    per_minute: int, gaps: list[float]
) -> None:
    due, now, through, began = 0.0, NOON, 0, NOON
    for gap in gaps:
        now += gap
        left = calls_left(due, now, per_minute)
        after, wait = next_arrival(due, now, per_minute)
        assert (wait == 0.0) == (left >= 1), (left, wait)
        if wait == 0.0:
            due, through = after, through + 1
        else:
            assert next_arrival(due, now + wait + 1e-6, per_minute)[1] == 0.0, "what was promised is kept"
    assert through <= per_minute + (now - began) * per_minute / MINUTE_S + 1e-6


async def test_a_refused_call_uses_nothing_of_another_limit() -> None:
    time, ada = Time(), replace(ADA, per_minute=2, at_once=1, tokens_per_day=100)
    admission = MemoryAdmission(time)
    await once(admission, ada, tokens=100)
    for _ in range(10):
        assert isinstance(await why_not(admission, ada), QuotaError)
    assert (await admission.standing(ada)).calls_left == 1
    raised = replace(ada, tokens_per_day=1_000)
    await once(admission, raised)
    for _ in range(10):
        assert isinstance(await why_not(admission, raised), RateLimited)
    standing = await admission.standing(raised)
    assert (standing.running, standing.queued, standing.tokens_today) == (0, 0, 100)


async def test_a_new_caller_costs_no_look_at_each_of_the_thousands_before() -> None:
    async def looked(new: int) -> int:
        door, watch = MemoryAdmission(Time()), cProfile.Profile()
        watch.enable()
        for n in range(new):
            await once(door, replace(ADA, owner=f"{n:016}"), tokens=1)
        watch.disable()
        return sum(entry.callcount for entry in watch.getstats())

    assert await looked(3_000) < 4 * await looked(1_000)


async def test_a_days_tokens_may_be_overdrawn_once_and_begin_anew_at_midnight() -> None:
    time, ada = Time(), replace(ADA, tokens_per_day=1_000)
    admission = MemoryAdmission(time)
    await once(admission, ada, tokens=999)
    await once(admission, ada, tokens=5_000)
    no = await why_not(admission, ada)
    assert str(no).startswith(
        "quota: 5,999 of 1,000 tokens a day are used. The next call is possible at 00:00 UTC, in 12 h 0 min."
    )
    time.now += 12 * 3_600 - 1
    await why_not(admission, ada)
    time.now += 1
    await once(admission, ada, tokens=10)
    assert (await admission.standing(ada)).tokens_today == 10


async def test_a_call_over_midnight_counts_for_the_day_in_which_it_ends() -> None:
    time = Time()
    admission = MemoryAdmission(time)
    await once(admission, ADA, tokens=7)
    async with admission.admit(ADA, unheard) as charge:
        time.now += 13 * 3_600
        await charge(5)
    assert (await admission.standing(ADA)).tokens_today == 5


async def test_calls_at_once_wait_in_order_and_are_told_their_place() -> None:
    admission, ada = MemoryAdmission(Time()), replace(ADA, at_once=2)
    told: dict[int, list[int]] = {n: [] for n in range(5)}
    order: list[int] = []
    release = [anyio.Event() for _ in range(5)]

    async def run(number: int) -> None:
        async with admission.admit(ada, told[number].append):
            order.append(number)
            await release[number].wait()

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            for number in range(5):
                tasks.start_soon(run, number)
                await anyio.wait_all_tasks_blocked()
            assert order == [0, 1]
            assert (await admission.standing(ada)).queued == 3
            await once(admission, replace(ADA, owner="b" * 16))  # nobody else waits for them
            for number in range(5):
                release[number].set()
                await anyio.wait_all_tasks_blocked()
    assert order == [0, 1, 2, 3, 4]
    assert told == {0: [], 1: [], 2: [1], 3: [2, 1], 4: [3, 2, 1]}


async def test_a_call_that_gives_up_waiting_uses_nothing_and_others_move_up() -> None:
    admission, ada = MemoryAdmission(Time()), replace(ADA, at_once=1, per_minute=10)
    places: list[int] = []
    with anyio.fail_after(60):
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(admission.admit(ada, unheard))
            async with anyio.create_task_group() as tasks:
                first, second = anyio.CancelScope(), anyio.CancelScope()

                async def wait(scope: anyio.CancelScope, on_position: Callable[[int], None]) -> None:
                    with scope:
                        async with admission.admit(ada, on_position):
                            raise AssertionError

                tasks.start_soon(wait, first, unheard)
                await anyio.wait_all_tasks_blocked()
                tasks.start_soon(wait, second, places.append)
                await anyio.wait_all_tasks_blocked()
                assert (await admission.standing(ada)).calls_left == 7
                first.cancel()
                await anyio.wait_all_tasks_blocked()
                assert places == [2, 1]
                second.cancel()
        standing = await admission.standing(ada)
    assert (standing.calls_left, standing.running, standing.queued) == (9, 0, 0)


async def test_a_place_given_to_a_call_that_is_cancelled_at_that_moment_is_handed_on() -> None:
    admission, ada = MemoryAdmission(Time()), replace(ADA, at_once=1)
    ran: list[str] = []
    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            scope = anyio.CancelScope()

            async def one(name: str, within: anyio.CancelScope) -> None:
                with within:
                    async with admission.admit(ada, unheard):
                        await anyio.lowlevel.checkpoint()
                        ran.append(name)

            async with admission.admit(ada, unheard):
                tasks.start_soon(one, "cancelled", scope)
                await anyio.wait_all_tasks_blocked()
                tasks.start_soon(one, "next", anyio.CancelScope())
                await anyio.wait_all_tasks_blocked()
            scope.cancel()  # its place has been given to it, and it has not run yet
    assert ran == ["next"]
    assert (await admission.standing(ada)).running == 0


async def test_a_budget_that_ends_while_calls_wait_is_not_overdrawn_by_all_of_them() -> None:
    admission, ada = MemoryAdmission(Time()), replace(ADA, at_once=1, tokens_per_day=10, per_minute=100)
    refused: list[GLMError] = []
    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:

            async def wait() -> None:
                refused.append(await why_not(admission, ada))

            async with admission.admit(ada, unheard) as charge:
                for _ in range(5):
                    tasks.start_soon(wait)
                await anyio.wait_all_tasks_blocked()
                await charge(10)
    assert [type(e) for e in refused] == [QuotaError] * 5
    assert (await admission.standing(ada)).calls_left == 99


async def test_what_a_thousand_callers_left_behind_is_forgotten_but_for_today() -> None:
    time = Time()
    admission = MemoryAdmission(time)
    await once(admission, ADA, tokens=5)
    for number in range(5_000):
        await once(admission, replace(ADA, owner=f"{number:016x}", per_minute=60))
        time.now += 0.01
    assert (await admission.standing(ADA)).tokens_today == 5
    assert len(admission._owners) <= 2_000  # noqa: SLF001 - memory is what it is about


class Lets:
    """Lets everybody in, as this caller."""

    asks = True
    metadata: dict[str, object] | None = None
    metadata_path: str | None = None

    def __init__(self, caller: Caller) -> None:
        self.caller = caller

    async def authenticate(self, _: Headers) -> Caller:
        return self.caller


async def test_over_http_a_refusal_is_a_tool_error_that_says_when(app_of: Callable[..., App]) -> None:
    app = app_of(remote=True)
    time = Time()
    app.admission = MemoryAdmission(time)
    with anyio.fail_after(60):
        async with (
            served(app, authenticator=Lets(replace(ADA, per_minute=2))) as url,
            client_of(url) as client,
        ):
            for _ in range(2):
                assert not (await client.call_tool("chat", {"prompt": "hello"})).is_error
            no = await client.call_tool("chat", {"prompt": "hello"})
            assert no.is_error
            assert (
                text_of(no) == "rate_limited: 2 calls a minute are used. The next at 12:00:30 UTC, in 30 s."
            )
            assert glm(no)["error"]["kind"] == "rate_limited"
            time.now += 30
            assert not (await client.call_tool("chat", {"prompt": "hello"})).is_error


async def test_over_http_what_the_models_used_is_charged(app_of: Callable[..., App]) -> None:
    app, ada = app_of(remote=True), replace(ADA, tokens_per_day=1)
    with anyio.fail_after(60):
        async with served(app, authenticator=Lets(ada)) as url, client_of(url) as client:
            first = await client.call_tool("chat", {"prompt": "hello"})
            used = glm(first)["tokens"]
            assert (await app.admission.standing(ada)).tokens_today == used["in"] + used["out"] > 1
            no = await client.call_tool("chat", {"prompt": "hello"})
    assert text_of(no).startswith("quota: ")
    assert "00:00 UTC" in text_of(no)


async def test_what_a_call_used_is_charged_though_it_fails_in_the_end(
    app_of: Callable[..., App], sim: Simulator
) -> None:
    app, ada = app_of(remote=True), replace(ADA, tokens_per_day=10**6)
    sim.queue(Reply("no JSON"), Fault("error", code="1301"))
    with anyio.fail_after(60):
        async with served(app, authenticator=Lets(ada)) as url, client_of(url) as client:
            no = await client.call_tool("chat", {"prompt": "hello", "json": True})
            assert no.is_error, text_of(no)
            assert "tokens" not in glm(no)
            assert (await app.admission.standing(ada)).tokens_today > 0


async def test_who_hangs_up_before_the_end_is_charged_for_what_was_written(
    app_of: Callable[..., App], sim: Simulator
) -> None:
    app, ada = app_of(remote=True), replace(ADA, tokens_per_day=10**6)
    sim.queue(Fault("hang_mid", chunks=5))
    begun = anyio.Event()

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        if message and message.startswith("writing"):
            begun.set()

    with anyio.fail_after(20):
        async with served(app, authenticator=Lets(ada)) as url, client_of(url) as client:

            async def ask() -> None:
                await client.call_tool("chat", {"prompt": "word " * 300}, progress_callback=on_progress)

            async with anyio.create_task_group() as calls:
                calls.start_soon(ask)
                await begun.wait()
                calls.cancel_scope.cancel()
            while (await app.admission.standing(ada)).tokens_today < 300:  # noqa: ASYNC110 - once the server has heard of it
                await anyio.sleep(0.01)


async def test_who_hangs_up_before_the_first_word_is_charged_for_what_was_asked(
    app_of: Callable[..., App], sim: Simulator
) -> None:
    app, ada = app_of(remote=True), replace(ADA, tokens_per_day=10**6)
    sim.queue(Fault("hang"))
    with anyio.fail_after(20):
        async with served(app, authenticator=Lets(ada)) as url, client_of(url) as client:
            async with anyio.create_task_group() as calls:
                calls.start_soon(client.call_tool, "chat", {"prompt": "word " * 300})
                await anyio.to_thread.run_sync(sim.wait_received, 1)
                calls.cancel_scope.cancel()
            while (await app.admission.standing(ada)).tokens_today < 300:  # noqa: ASYNC110 - once the server has heard of it
                await anyio.sleep(0.01)


async def test_a_wrong_argument_and_a_failed_call_leave_no_place_behind(
    app_of: Callable[..., App], sim: Simulator
) -> None:
    app, ada = app_of(remote=True), replace(ADA, at_once=1)
    with anyio.fail_after(60):
        async with served(app, authenticator=Lets(ada)) as url, client_of(url) as client:
            assert (await client.call_tool("chat", {"nonsense": 1})).is_error
            sim.queue(Fault("error", code="1000", status=401))
            assert (await client.call_tool("chat", {"prompt": "hello"})).is_error
            assert not (await client.call_tool("chat", {"prompt": "hello"})).is_error
            standing = await app.admission.standing(ada)
    assert (standing.running, standing.queued) == (0, 0)


async def test_over_http_the_place_behind_ones_own_calls_is_shown_as_progress(
    app_of: Callable[..., App], sim: Simulator
) -> None:
    app, ada = app_of(remote=True), replace(ADA, at_once=1)
    sim.queue(Fault("hang"))
    heard: list[str | None] = []
    waits = anyio.Event()

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        heard.append(message)
        if message == "queued behind your own calls: place 1":
            waits.set()

    with anyio.fail_after(60):
        async with (
            served(app, authenticator=Lets(ada)) as url,
            client_of(url) as client,
            anyio.create_task_group() as tasks,
        ):
            scope = anyio.CancelScope()

            async def hang() -> None:
                with scope:
                    await client.call_tool("chat", {"prompt": "hello"})

            tasks.start_soon(hang)
            await anyio.to_thread.run_sync(sim.wait_received, 1)

            async def second() -> None:
                answer = await client.call_tool("chat", {"prompt": "hello"}, progress_callback=on_progress)
                assert not answer.is_error

            tasks.start_soon(second)
            await waits.wait()
            scope.cancel()
    assert "queued behind your own calls: place 1" in heard
