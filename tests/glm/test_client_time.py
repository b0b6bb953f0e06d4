"""One deadline over everything, cancelling, and calls that wait for each other."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import anyio
import anyio.to_thread
import httpx
import pytest
from support.busy import slowness
from support.calls import PACE, V1, V6, L, T, answering, ask, client_of, draw, models_asked, png
from support.cases import each

from glm_mcp.deadline import OVERSLEPT_S
from glm_mcp.errors import GLMError, RateLimited, TimedOut
from glm_mcp.glm.client import GLMClient
from glm_mcp.glm.learnt.level import RUN
from glm_mcp.glm.policy import Pace
from glm_mcp.glm.progress import Progress
from glm_mcp.simulator import Fault, Received, Reply, Simulator, Switches

pytestmark = pytest.mark.anyio


def short_s() -> float:
    """A deadline that ends a call soon, and long before a second model would be asked beside a silent one."""
    return min(2.0, 0.8 * slowness())


def hurried() -> Pace:
    """A model that stops in the middle of its answer has half a second, and more where the machine is slow."""
    return replace(PACE, patience=0.2, stall_s=0.5 * slowness())


def late_s(deadline: float) -> float:
    """When a call whose deadline this is has ended too late."""
    return deadline + 2.0 * slowness()


class Heard(Progress):
    """Progress that lets a test wait for what is said."""

    def __init__(self) -> None:
        super().__init__()
        self.stages: list[str] = []
        self._said = anyio.Event()

    def say(self, message: str) -> None:
        super().say(message)
        self.stages.append(self.message)
        self._said.set()

    async def wait(self, words: str) -> None:
        with anyio.fail_after(10):
            while not any(words in stage for stage in self.stages):
                self._said = anyio.Event()
                await self._said.wait()


async def until(sim: Simulator, told: Callable[[list[Received]], object]) -> None:
    """Until the simulator's record says so."""
    await anyio.to_thread.run_sync(sim.wait, told)


async def left(sim: Simulator) -> None:
    """Until every request has ended, with the client gone."""
    await until(sim, lambda seen: seen and all(r.disconnected for r in seen))


async def timed_out(sim: Simulator, text: str = "hello", **wishes: Any) -> TimedOut:
    """The error of a call that must end at its deadline, and not much later."""
    async with client_of(sim) as client:
        short = short_s()
        with anyio.fail_after(late_s(short)), pytest.raises(TimedOut) as caught:
            await ask(client, text, within=short, **wishes)
    return caught.value


# The deadline


@pytest.mark.parametrize("free", [True, False])
async def test_silence_before_the_answer_ends_at_the_deadline(sim: Simulator, free: bool) -> None:
    sim.queue(Fault("hang", times=0))
    short = short_s()
    async with client_of(sim) as client:
        with anyio.fail_after(late_s(short)), pytest.raises(TimedOut, match="GLM_DEADLINE_S") as caught:
            await ask(client, within=short, free_text=free)
        assert client.limiter(T).running == 0
    assert caught.value.partial is None
    await left(sim)
    assert models_asked(sim) == [T]


async def test_free_text_is_returned_as_far_as_it_came_and_marked(sim: Simulator) -> None:
    sim.queue(Fault("hang_mid", chunks=3))
    async with client_of(sim) as client:
        short = short_s()
        with anyio.fail_after(late_s(short)):
            answer = await ask(client, "tell me a long story", within=short)
    assert answer.partial
    assert answer.text.startswith("[simulated")
    assert "Nobody" not in answer.text
    (note,) = answer.notes
    assert re.fullmatch(r"stopped at the deadline of [12] s: the answer is not complete", note)
    assert answer.model == T
    await left(sim)


async def test_an_exact_answer_that_stays_unfinished_is_an_error_that_carries_it(sim: Simulator) -> None:
    sim.queue(Fault("hang_mid", chunks=3))
    error = await timed_out(sim, "tell me a long story", free_text=False)
    assert error.partial
    assert error.partial.startswith("[simulated")
    await left(sim)


async def test_what_an_earlier_try_had_is_better_than_nothing(sim: Simulator) -> None:
    sim.queue(Fault("close", chunks=3), Fault("hang"))
    async with client_of(sim) as client:
        short = short_s()
        with anyio.fail_after(late_s(short)):
            answer = await ask(client, "tell me a long story", within=short)
    assert answer.partial
    assert answer.text.startswith("[simulated")
    assert len(sim.received) == 2


async def test_thinking_alone_is_no_answer(sim: Simulator) -> None:
    sim.queue(Fault("hang_mid", chunks=1))
    assert (await timed_out(sim, thinking=True)).partial is None


async def test_a_late_first_byte_is_waited_for(sim: Simulator) -> None:
    sim.queue(Fault("slow_first_byte", seconds=0.4))
    async with client_of(sim) as client:
        assert (await ask(client)).text.startswith("[simulated")
    assert len(sim.received) == 1


async def test_a_first_byte_that_is_too_late_ends_at_the_deadline(sim: Simulator) -> None:
    sim.queue(Fault("slow_first_byte", seconds=60))
    await timed_out(sim)
    await left(sim)


async def test_single_bytes_make_a_whole_answer(sim: Simulator) -> None:
    sim.queue(Fault("trickle", seconds=0))
    async with client_of(sim) as client:
        answer = await ask(client, "Füße 汉字")
    assert "Füße 汉字" in answer.text


async def test_single_bytes_do_not_stretch_the_deadline(sim: Simulator) -> None:
    sim.queue(Fault("trickle", seconds=0.1))
    await timed_out(sim)
    await left(sim)


async def test_tries_and_waits_together_stay_within_the_deadline(sim: Simulator) -> None:
    sim.queue(Fault("error", code="1302", times=0))
    async with client_of(sim, pace=Pace(waits=(0.25, 0.25))) as client:
        with anyio.fail_after(10), pytest.raises(GLMError):
            await ask(client, within=0.95)
    assert 2 <= len(sim.received) <= 5


async def test_a_wait_that_would_leave_no_time_for_an_answer_is_cut_short_and_the_model_asked_once_more(
    sim: Simulator,
) -> None:
    sim.queue(Fault("error", code="1302", times=0))
    async with client_of(sim, pace=Pace(waits=(30, 30)), chance=lambda: 1.0) as client:
        with anyio.fail_after(10 * slowness()), pytest.raises(RateLimited):
            await ask(client, model=T, within=3 * slowness())
    assert len(sim.received) == 2


async def test_a_wait_that_the_service_asks_for_is_not_cut_short(sim: Simulator) -> None:
    sim.queue(Fault("error", code="1302", retry_after="30", times=0))
    async with client_of(sim) as client:
        with anyio.fail_after(10 * slowness()), pytest.raises(RateLimited):
            await ask(client, model=T, within=3 * slowness())
    assert len(sim.received) == 1


async def test_the_time_out_tells_what_was_tried(sim: Simulator) -> None:
    sim.queue(Fault("error", code="1302"), Fault("hang"))
    assert re.search(rf"asked: {T} 1×, {V6} 1×; last: {V6} timeout", str(await timed_out(sim)))


async def test_drawing_has_the_same_deadline(sim: Simulator) -> None:
    sim.queue(Fault("hang"))
    async with client_of(sim) as client:
        short = short_s()
        with anyio.fail_after(late_s(short)), pytest.raises(TimedOut):
            await draw(client, within=short)
    await left(sim)
    assert len(sim.received) == 1


async def test_a_deadline_that_is_past_asks_nothing(sim: Simulator) -> None:
    async with client_of(sim) as client:
        with anyio.fail_after(3 * slowness()), pytest.raises(TimedOut):
            await ask(client, within=-1 + 1e-9, progress=Progress())
    assert sim.received == []


# Cancelling


@each("item", [Fault("hang"), Fault("hang_mid", chunks=2), Reply("late", delay_s=60)], ids=repr)
async def test_cancelling_closes_the_connection_at_once(sim: Simulator, item: Fault | Reply) -> None:
    sim.queue(item)
    async with client_of(sim) as client:
        with anyio.fail_after(10):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(ask, client)
                await until(
                    sim, lambda seen: seen and (seen[0].status or item != Fault("hang_mid", chunks=2))
                )
                tasks.cancel_scope.cancel()
        await left(sim)
        assert client.limiter(T).running == 0
        assert (await ask(client)).text.startswith("[simulated")
    assert len(sim.received) == 2


async def test_cancelling_a_waiting_call_asks_nothing_and_leaves_no_place_behind(sim: Simulator) -> None:
    sim.queue(Fault("hang"))
    queued = Heard()
    async with client_of(sim) as client:
        with anyio.fail_after(10):
            async with anyio.create_task_group() as first:
                first.start_soon(ask, client)
                await until(sim, lambda seen: seen)
                async with anyio.create_task_group() as second:
                    second.start_soon(lambda: ask(client, progress=queued))
                    await queued.wait("queued: place 1")
                    second.cancel_scope.cancel()
                assert len(sim.received) == 1
                first.cancel_scope.cancel()
        await left(sim)
        assert client.limiter(T).running == 0
        await ask(client)


async def test_cancelling_between_two_tries_ends_at_once(sim: Simulator) -> None:
    sim.queue(Fault("error", code="1302", times=0))
    told = Heard()
    async with client_of(sim, pace=Pace(waits=(30, 30)), chance=lambda: 1.0) as client:
        with anyio.fail_after(5 * slowness()):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(lambda: ask(client, within=100, model=T, progress=told))
                await told.wait("try 2 in 30 s")
                tasks.cancel_scope.cancel()
        assert client.limiter(T).running == 0
    assert len(sim.received) == 1


async def test_a_call_holds_no_place_while_it_waits_for_its_next_try(sim: Simulator) -> None:
    sim.queue(Fault("error", code="1302"))
    told = Heard()
    pace = Pace(waits=(30, 30), rest=(0.05, 0.05))
    async with client_of(sim, pace=pace, chance=lambda: 1.0) as client:
        with anyio.fail_after(5 * slowness()):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(lambda: ask(client, within=100, model=T, progress=told))
                await told.wait("try 2 in 30 s")
                assert (await ask(client, "another", model=T)).text.startswith("[simulated")
                tasks.cancel_scope.cancel()


# Calls at once


async def together(client: GLMClient, number: int, *parts: Any, **wishes: Any) -> list[str]:
    """The models that answered so many calls at once, in order of their ends."""
    answered: list[str] = []

    async def one(n: int) -> None:
        answered.append((await ask(client, f"call {n}", *parts, **wishes)).model)

    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            for n in range(number):
                tasks.start_soon(one, n)
    return answered


async def test_calls_beyond_the_limit_wait_in_order_and_are_told_their_place(sim: Simulator) -> None:
    told = [Heard() for _ in range(4)]
    answered: list[int] = []

    async def one(client: GLMClient, n: int) -> None:
        await ask(client, f"call {n}", model=T, progress=told[n])
        answered.append(n)

    async with client_of(sim) as client:
        with anyio.fail_after(10):
            async with anyio.create_task_group() as tasks:
                for n in range(4):
                    tasks.start_soon(one, client, n)
    assert answered == [0, 1, 2, 3]
    assert [r.text for r in sim.received] == [f"call {n}" for n in range(4)]
    assert {r.status for r in sim.received} == {200}
    assert [s for s in told[3].stages if s.startswith("queued")] == [
        "queued: place 3",
        "queued: place 2",
        "queued: place 1",
    ]


async def test_the_setting_is_start_and_ceiling(sim: Simulator) -> None:
    sim.switches = Switches(concurrency=20, first_byte_s=0.1)
    async with client_of(sim, GLM_MAX_CONCURRENCY="3") as client:
        assert client.limiter(T).limit == 3
        await together(client, 15, model=T)
        assert client.limiter(T).limit == 3
    assert max(r.in_flight for r in sim.received) == 3


async def test_calls_at_once_overlap_up_to_the_card_and_grow_with_success(sim: Simulator) -> None:
    sim.switches = Switches(concurrency=20, first_byte_s=0.2)
    async with client_of(sim) as client:
        assert (client.limiter(T).limit, client.limiter(V1).limit) == (1, 5)
        await together(client, RUN + 10, png(), model=V1)
        assert client.limiter(V1).limit > 5
        assert client.limiter(T).limit == 1
    assert max(r.in_flight for r in sim.received) >= 5
    assert {r.code for r in sim.received} == {""}


async def test_a_narrower_account_is_learnt_and_every_call_is_answered(sim: Simulator) -> None:
    sim.switches = Switches(concurrency=2, first_byte_s=0.15)
    # Waits as long as a call: what the service still counts as running is gone by then.
    async with client_of(sim, pace=Pace(waits=(0.15, 0.6))) as client:
        answered = await together(client, 12, png(), model=V1)
        assert client.limiter(V1).limit <= 2
    assert answered == [V1] * 12
    refused = [r for r in sim.received if r.code == "1302"]
    assert 1 <= len(refused) <= 6


async def test_a_limit_set_too_high_costs_refusals_and_no_call(sim: Simulator) -> None:
    sim.switches = Switches(concurrency=1, first_byte_s=0.1)
    # Hardly a wait: those that were refused come back while the first still runs.
    async with client_of(sim, pace=Pace(waits=(0.001, 0.001)), GLM_MAX_CONCURRENCY="16") as client:
        answered = await together(client, 24, model=T)
    assert answered == [T] * 24
    assert sum(r.code == "1302" for r in sim.received) >= 15


async def test_a_call_that_failed_twice_for_another_reason_waits_for_nobody(sim: Simulator) -> None:
    sim.switches = Switches(concurrency=5)
    sim.queue(Fault("hang"), Fault("error", code="500", times=2))
    async with client_of(sim, GLM_MAX_CONCURRENCY="5") as client:
        with anyio.fail_after(5 * slowness()):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(lambda: ask(client, within=60, model=T))
                await until(sim, lambda seen: seen)
                assert (await ask(client, model=T)).text.startswith("[simulated")
                tasks.cancel_scope.cancel()
    assert len(sim.received) == 4


async def test_a_call_that_would_come_too_late_takes_the_next_model(sim: Simulator) -> None:
    async with client_of(sim) as client:
        with anyio.fail_after(10):
            async with anyio.create_task_group() as tasks:
                await occupied(sim, client, tasks)
                answer = await ask(client, within=0.8)
                tasks.cancel_scope.cancel()
    assert answer.model == V6
    assert answer.fallback == f"{T} (busy)"


async def test_a_named_model_is_waited_for_to_the_deadline(sim: Simulator) -> None:
    async with client_of(sim) as client:
        with anyio.fail_after(10):
            async with anyio.create_task_group() as tasks:
                await occupied(sim, client, tasks)
                with pytest.raises(TimedOut, match="all were busy"):
                    await ask(client, within=0.8, model=T)
                tasks.cancel_scope.cancel()
    assert len(sim.received) == 2


async def test_a_call_whose_time_is_over_before_it_begins_is_told_so(sim: Simulator) -> None:
    async with client_of(sim) as client:
        with pytest.raises(TimedOut, match="time of this call was over before a model could be asked"):
            await ask(client, within=-0.2, model=T)
    assert not sim.received


async def test_a_place_that_comes_too_late_for_an_answer_is_not_taken(sim: Simulator) -> None:
    sim.queue(Reply("slow", delay_s=1), Fault("hang"))
    held = anyio.CancelScope()
    async with client_of(sim) as client:
        await ask(client, model=T)

        async def hold() -> None:
            with held:
                await ask(client, within=30, model=T)

        async def let_go() -> None:
            await anyio.sleep(0.7)
            held.cancel()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(hold)
            await until(sim, lambda seen: len(seen) == 2)
            tasks.start_soon(let_go)
            with pytest.raises(TimedOut, match="all were busy"):
                await ask(client, within=0.9, model=T)
    assert len(sim.received) == 2


async def test_where_every_model_hangs_one_is_asked_again_before_the_deadline(sim: Simulator) -> None:
    sim.queue(Fault("hang", model=T), Fault("hang", model=V6), Fault("hang", model=L))
    async with client_of(sim, pace=replace(PACE, patience=0.02)) as client:
        answer = await ask(client, within=4)
    assert answer.text.startswith("[simulated")
    assert models_asked(sim)[:4] == [T, V6, L, V6]
    assert (answer.attempts[0]["model"], answer.attempts[0]["outcome"]) == (V6, "silent")


async def test_a_model_that_stops_in_the_middle_of_its_answer_is_not_waited_for_to_the_deadline(
    sim: Simulator,
) -> None:
    sim.queue(Fault("hang_mid", chunks=3, model=T))
    heard = Heard()
    async with client_of(sim, pace=hurried()) as client:
        answer = await ask(client, within=30, progress=heard)
        rests = client.health.of(T).rests
    assert any(re.match(rf"{T} has said nothing for \d+ s; asking {V6} too", said) for said in heard.stages)
    assert (answer.model, answer.partial) == (V6, False)
    assert {a["model"]: a["outcome"] for a in answer.attempts} == {T: "silent", V6: "ok"}
    assert rests == 1
    await until(sim, lambda seen: seen[0].disconnected)


async def test_a_model_that_goes_on_before_another_begins_keeps_its_answer(sim: Simulator) -> None:
    # A byte at a time, so that an event takes twice as long as a model may be silent.
    slow = Fault("trickle", seconds=0.004 * slowness(), model=T)
    sim.queue(slow, *(Fault("hang", model=m, times=0) for m in (V6, L)))
    async with client_of(sim, pace=hurried()) as client:
        answer = await ask(client, within=110)  # so slow an answer takes long beside other work
    assert models_asked(sim)[:2] == [T, V6]
    assert (answer.model, answer.partial) == (T, False)
    # Where others keep the machine busy the model itself may seem to have stopped, and be asked anew.
    await until(sim, lambda seen: all(r.disconnected for r in seen if r.model != T))


async def test_a_named_model_that_stops_in_the_middle_of_its_answer_is_asked_again(sim: Simulator) -> None:
    sim.queue(Fault("hang_mid", chunks=3))
    async with client_of(sim, pace=hurried()) as client:
        answer = await ask(client, within=30, model=T)
    assert not answer.partial
    assert models_asked(sim) == [T, T]


async def test_what_came_before_a_model_stopped_is_kept_where_nothing_better_comes(sim: Simulator) -> None:
    sim.queue(Fault("hang_mid", chunks=3), Fault("hang_mid", chunks=1), Fault("hang", times=0))
    async with client_of(sim, pace=hurried()) as client:
        with anyio.fail_after(60):
            answer = await ask(client, "tell me a long story", within=3, model=T)
    assert answer.partial
    assert answer.text.startswith("[simulated")


async def test_a_drawing_that_hangs_is_not_asked_for_again(sim: Simulator) -> None:
    sim.queue(Fault("hang"))
    async with client_of(sim, pace=replace(PACE, patience=0.001)) as client:
        with pytest.raises(TimedOut, match="may have been made"):
            await draw(client, within=1)
    assert len(sim.received) == 1


async def occupied(sim: Simulator, client: GLMClient, tasks: Any) -> None:
    """The text model has learnt that an answer takes a second, and is busy."""
    sim.queue(Reply("slow", delay_s=1))
    await ask(client, model=T)
    sim.queue(Fault("hang"))
    tasks.start_soon(lambda: ask(client, within=30, model=T))
    await until(sim, lambda seen: len(seen) == 2)


# What is told meanwhile


async def test_a_change_while_a_message_is_being_sent_is_not_lost() -> None:
    sent: list[tuple[float, str]] = []
    both = anyio.Event()

    async def send(step: float, message: str) -> None:
        sent.append((step, message))
        if len(sent) == 1:
            progress.say("second")
        else:
            both.set()

    progress = Progress(send)
    with anyio.fail_after(3 * slowness()):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(progress.run)
            await both.wait()
            tasks.cancel_scope.cancel()
    assert sent == [(1, "starting"), (2, "second")]


async def test_a_model_is_not_called_silent_for_the_time_in_which_nobody_listened() -> None:
    asked: list[str] = []

    class Words(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield b'data: {"choices": [{"delta": {"content": "one "}}]}\n\n'
            await anyio.sleep(0.2)
            yield b'data: {"choices": [{"delta": {"content": "two"}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'

    def write(request: httpx.Request) -> httpx.Response:
        asked.append(json.loads(request.content)["model"])
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=Words())

    def stop(text: str) -> None:
        if text == "one ":
            time.sleep(hurried().stall_s + 3 * OVERSLEPT_S)  # nothing runs, as on a sleeping machine

    async with client_of(transport=answering(write), pace=hurried()) as client:
        answer = await ask(client, progress=Progress(on_text=stop), within=30)
    assert answer.text == "one two"
    assert asked == [T]


def test_a_deadline_holds_in_a_loop_that_another_program_started(sim: Simulator) -> None:
    sim.queue(Fault("endless_thinking", seconds=0.05, times=0))

    async def call() -> None:
        async with client_of(sim) as client:
            await ask(client, model=T, within=short_s())

    with pytest.raises(TimedOut):
        asyncio.run(call())
