"""The learnt concurrency and the queue in front of it, on a clock of its own."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glm_mcp.glm.limiter import CEILING, FIRST_PROBE_S, LONGEST_PROBE_S, RUN, Limiter


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

    def on_position(self, place: int) -> None:
        self.hear(place)

    async def run(self, limiter: Limiter, since: float = 0.0) -> None:
        with self.scope:
            async with limiter.slot(self.on_position, since=since):
                self.order.append(self.name)
                self.inside.set()
                await self.leave.wait()


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


async def one(limiter: Limiter, clock: Clock, seconds: float, *, fails: bool = False) -> None:
    """An attempt that took so long."""
    async with limiter.slot(lambda _: None, since=clock.now):
        clock.now += seconds
        if fails:
            raise ZeroDivisionError


def grown(limiter: Limiter, times: int = 20 * RUN) -> int:
    """The level after a long run of successes."""
    serve(limiter, times)
    return limiter.limit


def test_it_grows_by_one_after_a_run_of_successes() -> None:
    limiter = Limiter(2, clock=Clock())
    for level in (2, 3, 4):
        serve(limiter, RUN - 1)
        assert limiter.limit == level
        serve(limiter, 1)
        assert limiter.limit == level + 1


def test_a_run_is_at_least_one_of_each_place() -> None:
    limiter = Limiter(RUN + 8, clock=Clock())
    serve(limiter, RUN + 7)
    assert limiter.limit == RUN + 8
    serve(limiter, 1)
    assert limiter.limit == RUN + 9


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
    serve(limiter, RUN - 1)
    limiter.refused(burst)
    serve(limiter, RUN - 1)
    assert limiter.limit == 2
    serve(limiter, 1)
    assert limiter.limit == 3


def test_successes_of_another_level_say_nothing_about_this_one() -> None:
    limiter = Limiter(8, clock=Clock())
    before = limiter.grant
    refuse(limiter)
    for _ in range(2 * RUN):
        limiter.succeeded(before)
    assert limiter.limit == 4


def test_a_refusal_closes_the_level_it_was_sent_under_though_the_limit_has_grown_since() -> None:
    limiter = Limiter(3, clock=Clock())
    slow = limiter.grant
    serve(limiter, RUN)
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
        serve(limiter, RUN)
        assert limiter.limit == 2
        wait = min(LONGEST_PROBE_S, wait * 2)


def test_a_refusal_at_another_level_is_not_forgotten_over_one() -> None:
    clock = Clock()
    limiter = Limiter(2, clock=clock)
    refuse(limiter)
    refuse(limiter)
    clock.now += FIRST_PROBE_S + 1
    serve(limiter, RUN)
    assert limiter.limit == 2
    refuse(limiter)
    clock.now += FIRST_PROBE_S + 1
    assert grown(limiter) == 1
    clock.now += FIRST_PROBE_S
    serve(limiter, RUN)
    assert limiter.limit == 2


def test_levels_below_the_refused_one_are_open_at_once() -> None:
    limiter = Limiter(8, clock=Clock())
    refuse(limiter)
    assert grown(limiter) == 7


@given(
    st.lists(st.sampled_from(["served", "run", "refused", "late", "time"]), max_size=200), st.integers(1, 20)
)
def test_the_level_stays_between_one_and_the_ceiling_whatever_happens(events: list[str], start: int) -> None:
    clock = Clock()
    limiter = Limiter(start, 20, clock=clock)
    first = limiter.grant
    for event in events:
        if event == "served":
            serve(limiter, 1)
        elif event == "run":
            serve(limiter, 20)
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
            serve(limiter, RUN)
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
async def test_a_call_that_was_refused_comes_before_those_that_began_after_it() -> None:
    limiter, order = Limiter(1, clock=Clock()), list[str]()
    inside, third, fifth, second = (Caller(name, order) for name in ("first", "third", "fifth", "second"))
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            for caller, since in ((inside, 1.0), (third, 3.0), (fifth, 5.0), (second, 2.0)):
                tasks.start_soon(caller.run, limiter, since)
                await settled()
            assert [c.places for c in (second, third, fifth)] == [[1], [1, 2], [2, 3]]
            for caller in (inside, second, third, fifth):
                caller.leave.set()
    assert order == ["first", "second", "third", "fifth"]


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
            async with limiter.slot(lambda _: None, since=0.0):
                raise ZeroDivisionError
    assert limiter.running == 0


# How long the queue is going to take


@pytest.mark.anyio
async def test_where_there_is_a_place_nobody_waits() -> None:
    clock = Clock()
    limiter = Limiter(2, clock=clock)
    await one(limiter, clock, 10)
    async with limiter.slot(lambda _: None, since=0.0):
        assert limiter.queue_s() == 0


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("limit", "waiting", "seconds"),
    [
        (1, 0, 14),
        (1, 1, 24),
        (1, 2, 34),
        (2, 0, 4),
        (2, 1, 14),
        (2, 2, 14),
        (2, 3, 24),
        (5, 3, 4),
        (5, 4, 14),
    ],
)
async def test_a_queue_takes_what_is_left_of_the_oldest_and_an_answer_for_each_round_before(
    limit: int, waiting: int, seconds: float
) -> None:
    clock = Clock()
    limiter, order = Limiter(limit, clock=clock), list[str]()
    for _ in range(3):
        await one(limiter, clock, 10)
    callers = [Caller(f"{n}", order) for n in range(limit + waiting)]
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            for caller in callers:
                tasks.start_soon(caller.run, limiter)
            await settled()
            clock.now += 6
            assert limiter.queue_s() == seconds
            for caller in callers:
                caller.leave.set()
    assert limiter.queue_s() == 0


@pytest.mark.anyio
@pytest.mark.parametrize(("usual", "stuck_after"), [(0.2, 3.0), (1.0, 3.0), (4.0, 12.0)])
async def test_an_attempt_that_takes_far_longer_than_usual_may_take_for_ever(
    usual: float, stuck_after: float
) -> None:
    clock = Clock()
    limiter = Limiter(1, clock=clock)
    for _ in range(3):
        await one(limiter, clock, usual)
    async with limiter.slot(lambda _: None, since=0.0):
        clock.now += stuck_after - 0.01
        assert limiter.queue_s() < math.inf
        clock.now += 0.02
        assert limiter.queue_s() == math.inf


@pytest.mark.anyio
async def test_one_stuck_attempt_among_several_does_not_close_the_queue() -> None:
    clock = Clock()
    limiter = Limiter(2, clock=clock)
    await one(limiter, clock, 1)
    async with limiter.slot(lambda _: None, since=0.0):
        clock.now += 100
        async with limiter.slot(lambda _: None, since=0.0):
            assert limiter.queue_s() < 5


@pytest.mark.anyio
async def test_neither_a_failed_nor_a_single_slow_attempt_tells_how_long_one_takes() -> None:
    clock = Clock()
    limiter = Limiter(1, clock=clock)
    for seconds in (2, 3, 300):
        await one(limiter, clock, seconds)
    with pytest.raises(ZeroDivisionError):
        await one(limiter, clock, 900, fails=True)
    async with limiter.slot(lambda _: None, since=0.0):
        assert limiter.queue_s() == 2 * 3, "the middle one, for the one that runs and for its follower"
