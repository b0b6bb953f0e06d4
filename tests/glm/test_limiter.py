"""The learnt concurrency and the queue in front of it, on a clock of its own."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glm_mcp.errors import Again, RateLimited
from glm_mcp.glm.limiter import CEILING, FIRST_PROBE_S, LONGEST_PROBE_S, Limiter

NEVER = float("inf")


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Caller:
    """Somebody who wants a slot: where it stands, and a way to let it finish."""

    def __init__(self, name: str, order: list[str]) -> None:
        self.name, self.order = name, order
        self.places: list[int] = []
        self.hear: Callable[[int], object] = self.places.append
        self.inside = anyio.Event()
        self.leave = anyio.Event()
        self.scope = anyio.CancelScope()
        self.error: RateLimited | None = None

    def told(self, place: int) -> None:
        self.hear(place)

    async def run(self, limiter: Limiter, deadline: float = NEVER, *, last: bool = False) -> None:
        with self.scope:
            try:
                async with limiter.slot(deadline, self.told, last=last):
                    self.order.append(self.name)
                    self.inside.set()
                    await self.leave.wait()
            except RateLimited as error:
                self.error = error


async def settled() -> None:
    """Everything that can run has run."""
    for _ in range(20):
        await anyio.lowlevel.checkpoint()


def serve(limiter: Limiter, times: int) -> None:
    for _ in range(times):
        limiter.succeeded(limiter.grant)


def refuse(limiter: Limiter) -> None:
    """An attempt that has just gone out is refused."""
    limiter.refused(limiter.grant)


async def one(limiter: Limiter, clock: Clock, seconds: float, error: RateLimited | None = None) -> None:
    """An attempt that took so long."""
    async with limiter.slot(NEVER, lambda _: None):
        clock.now += seconds
        if error:
            raise error


def grown(limiter: Limiter, most: int = 200) -> int:
    """The level after a long run of successes."""
    serve(limiter, most)
    return limiter.limit


def test_it_grows_by_one_after_a_run_of_successes() -> None:
    limiter = Limiter(2, clock=Clock())
    serve(limiter, 2)
    assert limiter.limit == 2
    serve(limiter, 1)
    assert limiter.limit == 3
    serve(limiter, 3)
    assert limiter.limit == 4
    serve(limiter, 3)
    assert limiter.limit == 4
    serve(limiter, 1)
    assert limiter.limit == 5


def test_it_grows_no_further_than_its_ceiling() -> None:
    assert grown(Limiter(2, 4, clock=Clock())) == 4
    assert grown(Limiter(1, clock=Clock()), 5_000) == CEILING


def test_a_refusal_halves_it_and_never_below_one() -> None:
    limiter = Limiter(9, clock=Clock())
    for level in (4, 2, 1, 1):
        refuse(limiter)
        assert limiter.limit == level


def test_refusals_of_one_burst_count_once() -> None:
    limiter = Limiter(8, clock=Clock())
    burst = limiter.grant
    for _ in range(5):
        limiter.refused(burst)
    assert limiter.limit == 4


def test_a_refusal_ends_the_run_of_successes_also_a_late_one_of_a_burst() -> None:
    limiter = Limiter(4, clock=Clock())
    burst = limiter.grant
    limiter.refused(burst)
    serve(limiter, 2)
    limiter.refused(burst)
    serve(limiter, 2)
    assert limiter.limit == 2
    serve(limiter, 1)
    assert limiter.limit == 3


def test_successes_of_another_level_say_nothing_about_this_one() -> None:
    limiter = Limiter(8, clock=Clock())
    before = limiter.grant
    refuse(limiter)
    for _ in range(20):
        limiter.succeeded(before)
    assert limiter.limit == 4


def test_a_refusal_closes_the_level_it_was_sent_under_though_the_limit_has_grown_since() -> None:
    limiter = Limiter(3, clock=Clock())
    slow = limiter.grant
    serve(limiter, 3)
    assert limiter.limit == 4
    limiter.refused(slow)
    assert limiter.limit == 1
    assert grown(limiter) == 2


def test_a_refused_level_is_tried_again_after_a_wait_that_doubles() -> None:
    clock = Clock()
    limiter = Limiter(2, clock=clock)
    wait = FIRST_PROBE_S
    for _ in range(9):
        refuse(limiter)
        assert limiter.limit == 1
        clock.now += wait - 0.1
        assert grown(limiter) == 1
        clock.now += 0.2
        serve(limiter, 3)
        assert limiter.limit == 2
        wait = min(LONGEST_PROBE_S, wait * 2)


def test_a_refusal_at_another_level_is_not_forgotten_over_one() -> None:
    clock = Clock()
    limiter = Limiter(2, clock=clock)
    refuse(limiter)
    refuse(limiter)
    clock.now += FIRST_PROBE_S + 1
    serve(limiter, 3)
    assert limiter.limit == 2
    refuse(limiter)
    clock.now += FIRST_PROBE_S + 1
    assert grown(limiter) == 1
    clock.now += FIRST_PROBE_S
    serve(limiter, 3)
    assert limiter.limit == 2


def test_levels_below_the_refused_one_are_open_at_once() -> None:
    limiter = Limiter(8, clock=Clock())
    refuse(limiter)
    assert grown(limiter) == 7


@given(st.lists(st.sampled_from(["served", "refused", "late", "time"]), max_size=200), st.integers(1, 20))
def test_the_level_stays_between_one_and_the_ceiling_whatever_happens(events: list[str], start: int) -> None:
    clock = Clock()
    limiter = Limiter(start, 20, clock=clock)
    first = limiter.grant
    for event in events:
        if event == "served":
            serve(limiter, 1)
        elif event == "refused":
            refuse(limiter)
        elif event == "late":
            limiter.refused(first)
        else:
            clock.now += 30
        assert 1 <= limiter.limit <= 20


@pytest.mark.anyio
async def test_callers_are_served_in_order_of_arrival_and_hear_their_place() -> None:
    limiter, order = Limiter(1, clock=Clock()), list[str]()
    callers = [Caller(name, order) for name in "abcd"]
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            for caller in callers:
                tasks.start_soon(caller.run, limiter)
                await settled()
            assert order == ["a"]
            assert [c.places for c in callers] == [[], [1], [2], [3]]
            for number, caller in enumerate(callers, start=1):
                caller.leave.set()
                await settled()
                assert order == list("abcd"[: number + 1])
    assert [c.places for c in callers] == [[], [1], [2, 1], [3, 2, 1]]
    assert limiter.running == 0


@pytest.mark.anyio
async def test_a_newcomer_does_not_overtake_those_who_wait() -> None:
    limiter, order = Limiter(2, clock=Clock()), list[str]()
    callers = [Caller(name, order) for name in "abcde"]
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            for caller in callers[:4]:
                tasks.start_soon(caller.run, limiter)
            await settled()
            callers[0].leave.set()
            tasks.start_soon(callers[4].run, limiter)
            await settled()
            assert order == ["a", "b", "c"]
            for caller in callers:
                caller.leave.set()
    assert order == list("abcde")


@pytest.mark.anyio
async def test_growth_lets_the_next_one_in_at_once() -> None:
    limiter, order = Limiter(1, clock=Clock()), list[str]()
    callers = [Caller(name, order) for name in "abc"]
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            for caller in callers:
                tasks.start_soon(caller.run, limiter)
            await settled()
            serve(limiter, 3)
            await settled()
            assert order == ["a", "b"]
            assert callers[2].places == [2, 1]
            for caller in callers:
                caller.leave.set()


@pytest.mark.anyio
async def test_after_a_refusal_those_inside_finish_and_fewer_follow() -> None:
    limiter, order = Limiter(4, clock=Clock()), list[str]()
    callers = [Caller(name, order) for name in "abcdefgh"]
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            for caller in callers:
                tasks.start_soon(caller.run, limiter)
            await settled()
            refuse(limiter)
            callers[0].leave.set()
            callers[1].leave.set()
            await settled()
            assert limiter.running == limiter.limit == 2
            callers[2].leave.set()
            await settled()
            assert (order[-1], limiter.running) == ("e", 2)
            for caller in callers:
                caller.leave.set()
    assert (order, limiter.running) == (list("abcdefgh"), 0)


@pytest.mark.anyio
@pytest.mark.parametrize("limit", [1, 2, 5])
async def test_a_last_try_goes_out_alone_and_those_behind_it_wait_as_long(limit: int) -> None:
    limiter, order = Limiter(limit, clock=Clock()), list[str]()
    inside = [Caller(f"{n}", order) for n in range(limit)]
    careful, behind = Caller("careful", order), Caller("behind", order)
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            for caller in inside:
                tasks.start_soon(caller.run, limiter)
                await settled()
            tasks.start_soon(functools.partial(careful.run, limiter, last=True))
            await settled()
            tasks.start_soon(behind.run, limiter)
            await settled()
            for caller in inside:
                assert len(order) == limit
                caller.leave.set()
                await settled()
            assert order[limit] == "careful"
            for caller in (careful, behind):
                caller.leave.set()
    assert order[limit:] == ["careful", "behind"]
    assert limiter.running == 0


@pytest.mark.anyio
async def test_a_cancelled_caller_leaves_no_slot_behind() -> None:
    limiter, order = Limiter(1, clock=Clock()), list[str]()
    first, second, third = (Caller(name, order) for name in "abc")
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            for caller in (first, second, third):
                tasks.start_soon(caller.run, limiter)
            await settled()
            second.scope.cancel()
            await settled()
            assert third.places == [2, 1]
            first.leave.set()
            await third.inside.wait()
            assert limiter.running == 1
            third.leave.set()
    assert (order, limiter.running) == (["a", "c"], 0)


@pytest.mark.anyio
async def test_a_caller_cancelled_in_the_moment_of_its_turn_leaves_no_slot_behind() -> None:
    limiter, order = Limiter(1, clock=Clock()), list[str]()
    first, second, third = (Caller(name, order) for name in "abc")
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(first.run, limiter)
            await settled()
            native = asyncio.create_task(second.run(limiter))
            await settled()
            tasks.start_soon(third.run, limiter)
            await settled()
            # The third hears that it moved up when the second was given its slot, and before that one runs.
            third.hear = lambda _: native.cancel()
            first.leave.set()
            await third.inside.wait()
            assert limiter.running == 1
            third.leave.set()
    assert native.cancelled()
    assert (order, limiter.running) == (["a", "c"], 0)


@pytest.mark.anyio
async def test_a_failing_caller_gives_its_slot_back() -> None:
    limiter = Limiter(1, clock=Clock())
    for _ in range(3):
        with anyio.fail_after(5), pytest.raises(ZeroDivisionError):
            async with limiter.slot(NEVER, lambda _: None):
                raise ZeroDivisionError
    assert limiter.running == 0


@pytest.mark.anyio
async def test_a_caller_that_cannot_be_served_in_time_hears_so_at_once() -> None:
    clock = Clock()
    limiter = Limiter(1, clock=clock)
    await one(limiter, clock, 10)
    order: list[str] = []
    first, patient, hurried = (Caller(name, order) for name in "abc")
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(first.run, limiter)
            tasks.start_soon(patient.run, limiter, clock.now + 11)
            await settled()
            tasks.start_soon(hurried.run, limiter, clock.now + 15)
            await settled()
            assert hurried.error is not None
            assert hurried.error.again is Again.NEXT
            assert "2 calls wait" in str(hurried.error)
            assert "10.0 s each" in str(hurried.error)
            assert "GLM_DEADLINE_S" in str(hurried.error)
            assert patient.error is None
            first.leave.set()
            patient.leave.set()
    assert order == ["a", "b"]


@pytest.mark.anyio
async def test_a_first_short_answer_turns_nobody_away() -> None:
    clock = Clock()
    limiter, order = Limiter(1, clock=clock), list[str]()
    await one(limiter, clock, 0.6)
    callers = [Caller(f"{n}", order) for n in range(30)]
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            for caller in callers:
                tasks.start_soon(caller.run, limiter, clock.now + 4)
            await settled()
            assert not any(caller.error for caller in callers)
            clock.now += 0.6  # the second took as long: now it counts
            callers[0].leave.set()
            await settled()
            assert sum(caller.error is not None for caller in callers) == 30 - 2 - 5, (
                "one was served, one is, five wait"
            )
            for caller in callers:
                caller.leave.set()


@pytest.mark.anyio
async def test_a_waiting_caller_hears_when_its_turn_will_come_too_late() -> None:
    clock = Clock()
    limiter = Limiter(1, clock=clock)
    await one(limiter, clock, 10)
    order: list[str] = []
    first, second, third = (Caller(name, order) for name in "abc")
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(first.run, limiter)
            tasks.start_soon(second.run, limiter)
            await settled()
            tasks.start_soon(third.run, limiter, clock.now + 25)
            await settled()
            assert third.places == [2]
            clock.now += 60
            first.leave.set()
            await settled()
            assert third.error is not None
            second.leave.set()
    assert (order, limiter.running) == (["a", "b"], 0)


@pytest.mark.anyio
async def test_only_answers_tell_how_long_an_answer_takes() -> None:
    clock = Clock()
    limiter = Limiter(1, clock=clock)
    await one(limiter, clock, 2)
    with pytest.raises(RateLimited):
        await one(limiter, clock, 300, RateLimited("x"))
    assert limiter.seconds == 2
    await one(limiter, clock, 7)
    await one(limiter, clock, 3)
    assert limiter.seconds == 3, "the middle one: a slow answer turns nobody away"
