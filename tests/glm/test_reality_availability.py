"""What people see when models are silent, overloaded, busy or gone, as the real service's are: one test a behaviour.

First-byte budgets are some tenths of a second here, everything else is as in use.
"""

from __future__ import annotations

import asyncio
import functools
import re
import time
from collections.abc import Callable
from dataclasses import replace

import anyio
import anyio.to_thread
import pytest
from mcp import Client
from support.busy import slowness, within
from support.calls import PACE, V6, L, T, counted, models_asked
from support.cases import each
from support.connect import Connect
from support.toolkit import call, chats, fail, glm, picture, say, text_of

from glm_mcp.glm.learnt.health import REST_S
from glm_mcp.glm.policy import Pace
from glm_mcp.server.app import App, Folders
from glm_mcp.simulator import Fault, Received, Simulator, Switches
from glm_mcp.simulator.script import GONE

pytestmark = pytest.mark.anyio

# A budget of 6 s is 0.18 s.
QUICK = Pace(waits=PACE.waits, rest=PACE.rest, patience=0.03)
HUNG_S = 60.0  # how long a silent model is silent: far beyond every deadline here


def quick() -> Pace:
    """As QUICK, where a model that answers must not be taken for a silent one on a busy machine."""
    return replace(QUICK, patience=min(0.5, QUICK.patience * slowness()))


def silent(model: str, times: int = 1) -> Fault:
    return Fault("slow_first_byte", seconds=HUNG_S, model=model, times=times)


def busy(model: str | None = None, times: int = 0) -> Fault:
    return Fault("error", code="1305", model=model, times=times)


async def met(sim: Simulator, faults: int) -> None:
    """So many requests have met their fault, and every request has ended at the service."""

    def all_ended(received: list[Received]) -> bool:
        return sum(bool(r.fault) for r in received) >= faults and all(r.ended for r in received)

    await anyio.to_thread.run_sync(sim.wait, all_ended)


def nothing_left(app: App) -> None:
    assert [app.glm.limiter(m).running for m in (T, V6, L)] == [0, 0, 0]


# Silence


@each("kind", ["slow_first_byte", "slow_first_frame", "hang"])
async def test_a_model_that_hangs_before_its_first_byte_costs_its_budget_and_no_more(
    sim: Simulator, connect: Connect, kind: str
) -> None:
    sim.queue(Fault(kind, seconds=HUNG_S, model=T))  # type: ignore[arg-type]  # a literal
    async with connect(pace=quick()) as client:
        with within(5):
            result = await call(client, "chat", prompt="hello")
    assert not result.is_error
    assert glm(result)["model"] == V6
    assert f"instead of {T} (silent)" in text_of(result)
    assert models_asked(sim) == [T, V6]
    await met(sim, 1)


async def test_the_first_that_says_something_is_the_answer_and_the_others_socket_is_closed_at_once(
    sim: Simulator, app_of: Callable[..., App], connect: Connect
) -> None:
    sim.queue(silent(T), Fault("slow_answer", delay_s=0, seconds=min(2.0, slowness()), model=V6))
    app = app_of(pace=quick())
    async with connect(app=app) as client:
        tasks = asyncio.all_tasks()
        answered = await say(client, "chat", prompt="hello")
        hung, other = sim.received
        await met(sim, 2)
        assert asyncio.all_tasks() <= tasks | {asyncio.current_task()}
    assert answered.startswith("[simulated glm-4.6v-flash")
    assert (hung.model, hung.disconnected) == (T, True)
    assert (other.model, other.disconnected) == (V6, False)
    assert hung.ended is not None
    assert other.ended is not None
    assert hung.ended < other.ended - 0.3, "at the first word of the other, not at its last"
    nothing_left(app)


async def test_a_slow_model_that_speaks_before_its_stand_in_is_the_answer(
    sim: Simulator, connect: Connect
) -> None:
    sim.queue(Fault("slow_first_byte", seconds=0.3, model=T), silent(V6), silent(L))
    async with connect(pace=QUICK) as client:
        result = await call(client, "chat", prompt="hello")
    assert glm(result)["model"] == T
    assert "instead of" not in text_of(result)
    await met(sim, 2)
    first, second, *third = sim.received  # a third one where the machine was slow
    assert [first.disconnected, second.disconnected] == [False, True]
    assert all(r.disconnected for r in third)


async def test_progress_says_who_has_not_begun_and_who_is_asked_too(sim: Simulator, connect: Connect) -> None:
    sim.queue(silent(T), Fault("slow_first_byte", seconds=0.2, model=V6))
    told: list[str] = []

    async def listen(progress: float, total: float | None, message: str | None) -> None:
        told.append(message or "")

    async with connect(pace=QUICK) as client:
        with anyio.fail_after(10):
            await client.call_tool("chat", {"prompt": "hello"}, progress_callback=listen)
    assert any(re.search(rf"{T} has not begun after \d+ s; asking {V6} too", m) for m in told), told
    await met(sim, 2)


async def test_a_named_model_that_hangs_is_not_replaced_and_has_the_whole_deadline(
    sim: Simulator, connect: Connect
) -> None:
    sim.queue(silent(T))
    async with connect(pace=QUICK, GLM_DEADLINE_S="1.5") as client:
        said = await fail(client, "chat", prompt="hello", model=T)
    assert re.match(rf"timeout: no complete answer within \d s; asked: {T} 1×", said)
    assert models_asked(sim) == [T]
    await met(sim, 1)


async def test_a_call_that_hangs_does_not_hold_up_those_behind_it(
    sim: Simulator, app_of: Callable[..., App], connect: Connect
) -> None:
    sim.queue(silent(T, times=0))
    app = app_of(pace=QUICK)
    seconds: list[float] = []

    async def one(client: Client) -> None:
        began = time.monotonic()
        await say(client, "chat", prompt="hello")
        seconds.append(time.monotonic() - began)

    async with connect(app=app) as client, anyio.create_task_group() as tasks:
        for _ in range(6):
            tasks.start_soon(one, client)
    assert max(seconds) < 6 * slowness(), "of a deadline of 55 s"
    await met(sim, 1)
    assert counted(sim)[T] < 6, "those that found it occupied went to the next at once"
    nothing_left(app)


async def test_a_model_that_hung_a_moment_ago_goes_behind_the_others_in_the_next_call(
    sim: Simulator, connect: Connect
) -> None:
    sim.queue(silent(T))
    async with connect(pace=replace(quick(), rest=REST_S)) as client:
        await say(client, "chat", prompt="hello")
        await say(client, "chat", prompt="and now")
    assert models_asked(sim) == [T, V6, V6]
    await met(sim, 1)


# Overload


@pytest.mark.parametrize("seconds", [0.4, 1.2])
async def test_an_overload_of_both_chat_models_ends_in_an_answer_as_soon_as_one_takes_the_call(
    sim: Simulator, connect: Connect, seconds: float
) -> None:
    # Tenths of the 10 s and 30 s of the real thing, as the waits are.
    sim.queue(busy())
    async with (
        connect(pace=Pace(waits=(0.05, 0.4), rest=PACE.rest)) as client,
        anyio.create_task_group() as tasks,
    ):

        async def ends() -> None:
            await anyio.sleep(seconds)
            sim.clear()

        tasks.start_soon(ends)
        began = time.monotonic()
        result = await call(client, "chat", prompt="hello")
        took = time.monotonic() - began
    assert not result.is_error, text_of(result)
    assert seconds - 0.1 < took < seconds + 1.5 * slowness()
    assert {a["outcome"] for a in glm(result)["attempts"][:-1]} == {"overloaded 1305"}


async def test_the_last_resort_takes_a_chat_that_both_others_refuse(sim: Simulator, connect: Connect) -> None:
    sim.queue(busy(T), Fault("error_in_200", code="1305", model=V6, times=0))
    async with connect() as client:
        result = await call(client, "chat", prompt="hello")
    assert glm(result)["model"] == L
    assert f"instead of {T} (overloaded 1305)" in text_of(result)
    assert models_asked(sim) == [T, V6, L]
    assert [r.fault for r in sim.received] == ["error", "error_in_200", ""]


async def test_the_last_resort_is_not_asked_while_a_better_model_may_answer(
    sim: Simulator, connect: Connect
) -> None:
    sim.queue(busy(T))
    async with connect() as client:
        for _ in range(3):
            await say(client, "chat", prompt="hello")
    assert L not in models_asked(sim)


async def test_an_overload_beyond_the_deadline_says_which_models_were_asked_and_how_long(
    sim: Simulator, connect: Connect
) -> None:
    sim.queue(busy())
    async with connect(GLM_DEADLINE_S="2") as client:
        with within(3):
            said = await fail(client, "chat", prompt="hello")
    times = r"\d+×"
    assert re.match(
        rf"overloaded: .*; asked for 1 s: {T} {times}, {V6} {times}, {L} {times} \(code 1305", said
    )
    assert all(r.code == "1305" for r in sim.received)


@pytest.mark.parametrize("options", [{"model": T}, {}])
async def test_a_model_that_may_not_be_replaced_is_asked_until_it_answers(
    sim: Simulator, connect: Connect, options: dict[str, str]
) -> None:
    sim.queue(busy(times=12))
    fallback = None if options else "0"
    async with connect(GLM_FALLBACK=fallback) as client:
        result = await call(client, "chat", prompt="hello", **options)
    assert not result.is_error
    assert counted(sim) == {T: 13}


async def test_a_limit_of_the_account_is_waited_out(sim: Simulator, connect: Connect) -> None:
    sim.queue(Fault("error", code="1302", times=6))
    async with connect() as client:
        result = await call(client, "chat", prompt="hello", model=T)
    assert not result.is_error
    times = [r.started for r in sim.received]
    assert len(times) == 7
    assert times[-1] - times[0] >= 6 * 0.0025, "none of the waits is nothing"


async def test_a_wait_that_the_service_asks_for_delays_nobody_beyond_his_time(
    sim: Simulator, connect: Connect
) -> None:
    sim.queue(Fault("error", code="1302", retry_after="3600", model=T))
    async with connect() as client:
        result = await call(client, "chat", 10, prompt="hello")
    assert glm(result)["model"] == V6
    assert models_asked(sim) == [T, V6]


async def test_at_most_one_call_at_a_time_is_with_a_model_that_takes_one(
    sim: Simulator, connect: Connect, folders: Folders
) -> None:
    sim.switches = Switches(first_byte_s=0.1)  # and the concurrency of the console's tables
    shot = picture(folders.cwd / "a.png")
    async with connect() as client, anyio.create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(functools.partial(say, client, "chat", prompt="hello"))
            tasks.start_soon(functools.partial(say, client, "describe_image", images=str(shot)))
    assert not [r for r in sim.received if r.code], "nothing was refused for being one too many"
    assert max(r.in_flight for r in sim.received if r.model in {T, V6}) == 1
    assert len(sim.received) == 8


# Models that are gone


@each(
    "fault",
    [
        *(Fault("gone", code=code, model=T, times=0) for code in GONE if code != "1113"),
        Fault("body", status=402, message='{"detail": "Payment required"}', model=T, times=0),
    ],
)
async def test_a_model_of_our_own_choice_that_is_gone_is_left_for_an_hour_with_a_note(
    sim: Simulator, connect: Connect, fault: Fault
) -> None:
    sim.queue(fault)
    async with connect() as client:
        first = await call(client, "chat", prompt="hello")
        second = await say(client, "chat", prompt="and now")
    assert glm(first)["model"] == V6
    assert f"{T} is not to be had" in text_of(first)
    assert "not asked for an hour" in text_of(first)
    assert second.startswith(f"[simulated {V6}")
    assert models_asked(sim) == [T, V6, V6]
    assert [r.fault for r in sim.received] == [fault.kind, "", ""]


async def test_the_memory_of_a_model_that_is_gone_is_seen_among_the_figures_of_use(
    sim: Simulator, connect: Connect
) -> None:
    sim.queue(Fault("gone", model=T, times=0))
    async with connect() as client:
        await say(client, "chat", prompt="hello")
        seen = await client.read_resource("glm://usage")
    report = seen.contents[0].text  # type: ignore[union-attr]  # a text
    assert '"gone"' in report
    assert "does not exist" in report


async def test_what_is_said_of_all_models_is_forgotten_with_the_call(
    sim: Simulator, connect: Connect, folders: Folders
) -> None:
    sim.queue(Fault("body", status=404, message="<html>Hotel</html>", content_type="text/html", times=0))
    shot = picture(folders.cwd / "a.png")
    async with connect() as client:
        await fail(client, "chat", prompt="hello")
        sim.clear()
        answer = await call(client, "describe_image", images=str(shot))
    assert glm(answer)["model"] == V6, "it was not there for the chat, no more than any other"


async def test_a_model_that_was_gone_and_answers_is_asked_first_again(
    sim: Simulator, connect: Connect
) -> None:
    sim.queue(Fault("gone", model=T))
    async with connect() as client:
        assert glm(await call(client, "chat", prompt="hello"))["model"] == V6
        await say(client, "chat", prompt="there?", model=T)
        assert glm(await call(client, "chat", prompt="hello"))["model"] == T


async def test_where_every_model_asks_for_payment_it_is_the_account_and_told_as_that(
    sim: Simulator, connect: Connect
) -> None:
    sim.queue(Fault("body", status=402, message='{"detail": "Payment required"}', times=0))
    async with connect() as client:
        said = await fail(client, "chat", prompt="hello")
        assert said.startswith("quota: the service asks for payment: Payment required")
        sim.clear()
        assert glm(await call(client, "chat", prompt="hello"))["model"] == T, "it is paid now"


async def test_when_all_models_are_gone_the_error_says_what_to_check(
    sim: Simulator, connect: Connect
) -> None:
    sim.queue(Fault("gone", code="1211", times=0))
    async with connect() as client:
        for _ in range(2):  # the second call asks again, since there is nobody else
            said = await fail(client, "chat", prompt="hello")
            assert said.startswith("invalid_request: the model does not exist")
            assert "glm-mcp models" in said
    assert models_asked(sim) == [T, V6, L] * 2


@each("code", [c for c in GONE if c not in {"1113", "404", "1220", "1311"}])
async def test_a_model_that_the_caller_named_and_that_is_gone_is_an_error_that_leads_to_another(
    sim: Simulator, connect: Connect, code: str
) -> None:
    sim.queue(Fault("gone", code=code, model=T, times=0))
    async with connect() as client:
        said = await fail(client, "chat", prompt="hello", model=T)
        assert said.startswith("invalid_request: ")
        assert code in said
        assert f"Try {V6}." in said
        # The caller's own choice says nothing about the chain of others before it was tried there.
        assert not (await call(client, "chat", prompt="hello")).is_error
    assert models_asked(sim)[0] == T


@each(
    ("code", "kind"),
    [("1000", "auth"), ("1113", "quota"), ("1112", "auth"), ("1309", "quota"), ("1301", "content_blocked")],
)
async def test_trouble_with_key_account_or_content_is_told_once_and_at_once(
    sim: Simulator, connect: Connect, code: str, kind: str
) -> None:
    sim.queue(Fault("error", code=code, times=0))
    async with connect() as client:
        with within(3):
            said = await fail(client, "chat", prompt="hello")
    assert said.startswith(f"{kind}: ")
    assert len(chats(sim)) == 1


async def test_the_model_that_answered_is_named_where_it_is_not_the_one_that_was_asked(
    sim: Simulator, connect: Connect
) -> None:
    other = "glm-5.3-flash"
    sim.switches = Switches(routing={T: other})
    async with connect() as client:
        result = await call(client, "chat", prompt="hello")
        plain = await call(client, "chat", prompt="hello", model=V6)
    # The other one always thinks: its refusal of `thinking: disabled` is the first sign of it.
    assert [(r.model, r.code) for r in sim.received] == [(T, "1210"), (T, ""), (V6, "")]
    assert glm(result)["model"] == T
    assert glm(result)["answered_as"] == other
    assert f"[{other} (asked: {T})" in text_of(result).rpartition("\n")[2]
    assert "answered_as" not in glm(plain)
