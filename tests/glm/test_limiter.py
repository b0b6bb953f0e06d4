"""The learnt concurrency and the queue in front of it, in one process and over several."""

from __future__ import annotations

import asyncio
import itertools
import math
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from random import Random

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cases import each
from support.clock import Clock
from support.limits import (
    Caller,
    InMemory,
    Kept,
    grown,
    in_redis,
    level,
    refuse,
    serve,
    settled,
    unheard,
    until,
)

from glm_mcp.glm.learnt.level import CEILING, FIRST_PROBE_S, LONGEST_PROBE_S, RUN, Grant, Level
from glm_mcp.glm.learnt.limiter import GAP_S, Limiter, Limits
from glm_mcp.glm.threads import within_share

pytestmark = pytest.mark.anyio
PAUSE_S = 1.0  # of a model; a test on a busy machine must come in it


@pytest.fixture(params=["memory", "redis"])
async def kept(request: pytest.FixtureRequest) -> AsyncIterator[Kept]:
    if request.param == "memory":
        yield InMemory()
        return
    async with in_redis(request.getfixturevalue("redis_url")) as found:
        yield found


async def one(limiter: Limiter, clock: Clock, seconds: float, *, fails: bool = False) -> None:
    """An attempt that took so long."""
    async with limiter.slot(unheard, since=clock.now):
        clock.now += seconds
        if fails:
            raise ZeroDivisionError


# What is learnt


async def test_it_grows_by_one_after_a_run_of_successes(kept: Kept) -> None:
    limiter = kept.limiter(2)
    for expected in (2, 3, 4):
        await serve(limiter, RUN - 1)
        assert await level(limiter) == expected
        await serve(limiter)
        assert await level(limiter) == expected + 1


async def test_a_run_is_at_least_one_of_each_place(kept: Kept) -> None:
    limiter = kept.limiter(RUN + 8)
    await serve(limiter, RUN + 7)
    assert await level(limiter) == RUN + 8
    await serve(limiter)
    assert await level(limiter) == RUN + 9


async def test_it_grows_no_further_than_its_ceiling(kept: Kept) -> None:
    assert await grown(kept.limiter(2, 4)) == 4
    assert await grown(kept.limiter(CEILING - 1)) == CEILING


async def test_a_refusal_halves_it_and_never_below_one(kept: Kept) -> None:
    limiter = kept.limiter(9)
    for expected in (4, 2, 1, 1):
        await refuse(limiter)
        assert await level(limiter) == expected


async def test_refusals_of_one_burst_count_once(kept: Kept) -> None:
    limiter = kept.limiter(8)
    async with AsyncExitStack() as burst:
        for _ in range(5):
            grant = await burst.enter_async_context(limiter.slot(unheard, since=0.0))
            grant.refused = True
    assert await level(limiter) == 4


async def test_a_refusal_ends_the_run_of_successes_also_a_late_one_of_a_burst(kept: Kept) -> None:
    limiter = kept.limiter(4)
    async with limiter.slot(unheard, since=0.0) as late:
        late.refused = True
        await refuse(limiter)
        await serve(limiter, RUN - 1)
    await serve(limiter, RUN - 1)
    assert await level(limiter) == 2
    await serve(limiter)
    assert await level(limiter) == 3


async def test_successes_of_another_level_say_nothing_about_this_one(kept: Kept) -> None:
    limiter = kept.limiter(8)
    async with AsyncExitStack() as before:
        for _ in range(7):
            grant = await before.enter_async_context(limiter.slot(unheard, since=0.0))
            grant.served = True
        await refuse(limiter)
    await serve(limiter, RUN - 1)
    assert await level(limiter) == 4
    await serve(limiter)
    assert await level(limiter) == 5


async def test_a_refusal_closes_the_level_it_was_sent_under_though_the_limit_has_grown_since(
    kept: Kept,
) -> None:
    limiter = kept.limiter(3)
    async with limiter.slot(unheard, since=0.0) as slow:
        slow.refused = True
        await serve(limiter, RUN)
        assert await level(limiter) == 4
    assert await level(limiter) == 1
    assert await grown(limiter) == 2


async def test_a_refused_level_is_tried_again_after_a_wait_that_doubles(kept: Kept) -> None:
    limiter = kept.limiter(2)
    wait = FIRST_PROBE_S
    for _ in range(9):
        await refuse(limiter)
        assert await level(limiter) == 1
        await kept.passes(wait - 5)
        assert await grown(limiter, RUN) == 1
        await kept.passes(6)
        await serve(limiter, RUN)
        assert await level(limiter) == 2
        wait = min(LONGEST_PROBE_S, wait * 2)


async def test_a_refusal_at_another_level_is_not_forgotten_over_one(kept: Kept) -> None:
    limiter = kept.limiter(2)
    await refuse(limiter)
    await refuse(limiter)
    await kept.passes(FIRST_PROBE_S + 1)
    await serve(limiter, RUN)
    assert await level(limiter) == 2
    await refuse(limiter)
    await kept.passes(FIRST_PROBE_S + 1)
    assert await grown(limiter) == 1
    await kept.passes(FIRST_PROBE_S)
    await serve(limiter, RUN)
    assert await level(limiter) == 2


async def test_levels_below_the_refused_one_are_open_at_once(kept: Kept) -> None:
    limiter = kept.limiter(8)
    await refuse(limiter)
    assert await grown(limiter) == 7


@pytest.mark.extreme
async def test_the_limiter_over_replicas_learns_word_for_word_as_the_one_in_memory(redis_url: str) -> None:
    chance = Random(7)
    memory = InMemory()
    async with in_redis(redis_url) as shared:
        for start in (1, 3, 9):
            both: list[tuple[Kept, Limits]] = [(k, k.limiter(start, 12)) for k in (memory, shared)]
            for _ in range(60):
                event, times = chance.choice(["served", "run", "refused", "time"]), chance.randrange(2, 40)
                told = []
                for kept, limiter in both:
                    if event == "refused":
                        await refuse(limiter)
                    elif event == "time":
                        await kept.passes(times)
                    else:
                        await serve(limiter, RUN if event == "run" else times)
                    told.append(await level(limiter))
                assert told[0] == told[1], event


@given(
    st.lists(st.sampled_from(["served", "run", "refused", "late", "time"]), max_size=200), st.integers(1, 20)
)
def test_the_level_stays_between_one_and_the_ceiling_whatever_happens(events: list[str], start: int) -> None:
    clock = Clock()
    learnt = Level(start, 20, clock)
    first = Grant(start, 0, refused=True)
    for event in events:
        if event == "time":
            clock.now += 30
        elif event == "late":
            learnt.learn(first)
        else:
            for _ in range(20 if event == "run" else 1):
                grant = learnt.grant()
                grant.refused = event == "refused"
                grant.served = not grant.refused
                learnt.learn(grant)
        assert 1 <= learnt.limit <= 20


# The queue


async def test_callers_are_served_in_order_of_arrival_and_hear_their_place(kept: Kept) -> None:
    limiter, order = kept.limiter(1), list[str]()
    callers = [Caller(name, order) for name in "abcd"]
    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(callers[0].run, limiter)
            await callers[0].inside.wait()
            for place, caller in enumerate(callers[1:], start=1):
                tasks.start_soon(caller.run, limiter)
                await until(lambda c=caller, p=place: c.places == [p])  # type: ignore[misc]
            assert order == ["a"]
            for caller, follows in itertools.pairwise(callers):
                caller.leave.set()
                await follows.inside.wait()
                await settled()
            callers[-1].leave.set()
    assert order == list("abcd")
    assert [c.places for c in callers] == [[], [1], [2, 1], [3, 2, 1]]
    assert limiter.running == 0


async def test_a_newcomer_does_not_overtake_those_who_wait(kept: Kept) -> None:
    limiter, order = kept.limiter(2), list[str]()
    callers = [Caller(name, order) for name in "abcde"]
    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            for caller in callers[:4]:
                tasks.start_soon(caller.run, limiter)
                await settled()
            await until(lambda: callers[3].places == [2])
            callers[0].leave.set()
            tasks.start_soon(callers[4].run, limiter)
            await callers[2].inside.wait()
            await until(lambda: callers[4].places[-1:] == [2])
            assert order == ["a", "b", "c"]
            for caller in callers:
                caller.leave.set()
    assert sorted(order) == list("abcde")
    assert order[:3] == ["a", "b", "c"]


async def test_a_pause_that_ends_while_a_call_comes_holds_nobody_up() -> None:
    """Whichever of its looks at the clock is the first one after the end: each is a hundredth of a second later."""
    looks = itertools.count()
    limiter = Limiter(1, clock=lambda: next(looks) / 100)
    with anyio.fail_after(20):
        for pause in range(1, 20):
            async with limiter.slot(unheard, since=0.0) as refused:
                refused.pause_s = pause / 100
            async with limiter.slot(unheard, since=0.0):
                pass


async def test_growth_lets_the_next_one_in_at_once(kept: Kept) -> None:
    limiter, order = kept.limiter(2), list[str]()
    callers = [Caller(name, order) for name in "abcd"]
    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            async with limiter.slot(unheard, since=0.0) as last:
                await serve(limiter, RUN - 1)
                tasks.start_soon(callers[0].run, limiter)
                await callers[0].inside.wait()
                for caller in callers[1:]:
                    tasks.start_soon(caller.run, limiter)
                    await settled()
                await until(lambda: callers[3].places == [3])
                last.served = True
            await callers[2].inside.wait()
            await until(lambda: callers[3].places[-1] == 1)
            assert order == ["a", "b", "c"]
            for caller in callers:
                caller.leave.set()


async def test_after_a_refusal_those_inside_finish_and_fewer_follow(kept: Kept) -> None:
    limiter, order = kept.limiter(4), list[str]()
    callers = [Caller(name, order) for name in "abcdefgh"]
    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            async with limiter.slot(unheard, since=0.0) as refused:
                for caller in callers:
                    tasks.start_soon(caller.run, limiter)
                    await settled()
                await until(lambda: callers[7].places == [5])
                refused.refused = True
            callers[0].leave.set()
            await until(lambda: limiter.running == limiter.limit == 2)
            callers[1].leave.set()
            await callers[3].inside.wait()
            assert (order, limiter.running) == (list("abcd"), 2)
            for caller in callers:
                caller.leave.set()
    assert limiter.running == 0
    assert sorted(order) == list("abcdefgh")


async def test_a_call_that_was_refused_comes_before_those_that_began_after_it(kept: Kept) -> None:
    limiter, order = kept.limiter(1), list[str]()
    inside, third, fifth, second = (Caller(name, order) for name in ("first", "third", "fifth", "second"))
    began = anyio.current_time()
    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(inside.run, limiter, began)
            await inside.inside.wait()
            for caller, since in ((third, 0.3), (fifth, 0.5), (second, 0.2)):
                tasks.start_soon(caller.run, limiter, began + since)
                await until(lambda c=caller: c.places)  # type: ignore[misc]
            await until(lambda: [c.places for c in (second, third, fifth)] == [[1], [1, 2], [2, 3]])
            for caller in (inside, second, third, fifth):
                caller.leave.set()
    assert order == ["first", "second", "third", "fifth"]


async def test_callers_over_http_are_given_places_in_turn(kept: Kept) -> None:
    limiter, order = Limiter(1) if isinstance(kept, InMemory) else kept.limiter(1), list[str]()
    many = [Caller(f"many {n}", order) for n in range(20)]
    few = [Caller(f"few {n}", order) for n in range(2)]
    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            for callers in (many, few):
                with within_share(anyio.Semaphore(9)):
                    for caller in callers:
                        tasks.start_soon(caller.run, limiter, anyio.current_time())
                        await until(lambda c=caller: c.places or c.inside.is_set())  # type: ignore[misc]
            for caller in (*many, *few):
                caller.leave.set()
    assert max(order.index(caller.name) for caller in few) < 8
    assert [name for name in order if name.startswith("many")] == [caller.name for caller in many]


async def test_two_who_ask_for_one_place_after_another_do_not_take_those_of_others() -> None:
    limiter, order, all_there = Limiter(1), list[str](), anyio.Event()

    async def ask(name: str, share: anyio.Semaphore) -> None:
        with within_share(share):
            async with limiter.slot(lambda _: None, since=anyio.current_time()):
                order.append(name)
                await all_there.wait()
                for _ in range(9):  # in which the other one asks
                    await anyio.lowlevel.checkpoint()

    async def ask_on(name: str) -> None:
        for _ in range(20):
            await ask(name, anyio.Semaphore(9))  # as of one who has been away

    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            many = anyio.Semaphore(9)
            for _ in range(5):
                tasks.start_soon(ask, "many", many)
            await until(lambda: limiter.waiting == 4)
            tasks.start_soon(ask_on, "one")
            tasks.start_soon(ask_on, "another")
            await until(lambda: limiter.waiting == 6)
            all_there.set()
    last = max(n for n, name in enumerate(order) if name == "many")
    assert last < 5 * 3


async def test_a_pause_holds_up_all_and_costs_nobody_its_place(kept: Kept) -> None:
    limiter, order = Limiter(1) if isinstance(kept, InMemory) else kept.limiter(1), list[str]()
    callers = [Caller(str(n), order) for n in range(20)]
    callers[0].pause_s = PAUSE_S
    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            for caller in callers:
                tasks.start_soon(caller.run, limiter)
                await settled()
            await until(lambda: callers[19].places == [19])
            for caller in callers:
                caller.leave.set()
            began = anyio.current_time()
            await until(lambda: all(c.pauses for c in callers[1:]))
            assert limiter.queue_s() > 0
            await callers[1].inside.wait()
            assert anyio.current_time() - began > PAUSE_S - 0.05
    assert order == [c.name for c in callers]


async def test_after_a_pause_calls_come_one_after_another_until_one_was_answered(kept: Kept) -> None:
    limiter = Limiter(8) if isinstance(kept, InMemory) else kept.limiter(8)
    refused, *callers = (Caller(str(n), []) for n in range(20))
    began: list[float] = []

    async def call(caller: Caller) -> None:
        async with limiter.slot(caller.on_position, since=0.0) as grant:
            began.append(anyio.current_time())
            await caller.leave.wait()
            grant.served = True

    refused.pause_s = PAUSE_S
    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(refused.run, limiter)
            await refused.inside.wait()
            refused.leave.set()
            await until(lambda: limiter.queue_s() > 0)
            for caller in callers:
                tasks.start_soon(call, caller)
            await until(lambda: len(began) == 4)
            assert began[3] - began[0] > 2.5 * GAP_S
            for caller in callers:
                caller.leave.set()
    assert len(began) == len(callers)


async def test_a_call_that_comes_in_a_pause_waits_for_its_end_behind_those_who_were_there(kept: Kept) -> None:
    limiter, order = Limiter(1) if isinstance(kept, InMemory) else kept.limiter(1), list[str]()
    first, waiting, late = (Caller(name, order) for name in "abc")
    first.pause_s = PAUSE_S
    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            for caller in (first, waiting):
                tasks.start_soon(caller.run, limiter)
                await settled()
            await until(lambda: waiting.places == [1])
            first.leave.set()
            await until(lambda: waiting.pauses)
            tasks.start_soon(late.run, limiter)
            await until(lambda: late.places == [2])
            for caller in (waiting, late):
                caller.leave.set()
    assert order == ["a", "b", "c"]


async def test_a_cancelled_caller_leaves_no_slot_behind(kept: Kept) -> None:
    limiter, order = kept.limiter(1), list[str]()
    first, second, third = (Caller(name, order) for name in "abc")
    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            for caller in (first, second, third):
                tasks.start_soon(caller.run, limiter)
                await settled()
            await until(lambda: third.places == [2])
            second.scope.cancel()
            await until(lambda: third.places == [2, 1])
            first.leave.set()
            await third.inside.wait()
            assert limiter.running == 1
            third.leave.set()
    assert (order, limiter.running) == (["a", "c"], 0)


async def test_a_caller_cancelled_in_the_moment_of_its_turn_leaves_no_slot_behind(kept: Kept) -> None:
    limiter, order = kept.limiter(1), list[str]()
    first, second, third = (Caller(name, order) for name in "abc")
    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(first.run, limiter)
            await first.inside.wait()
            native = asyncio.create_task(second.run(limiter))
            await until(lambda: second.places)
            tasks.start_soon(third.run, limiter)
            await until(lambda: third.places)
            # The third hears that it moved up when the second was given its slot, and before that one runs.
            third.hear = lambda _: native.cancel()
            first.leave.set()
            await third.inside.wait()
            assert limiter.running == 1
            third.leave.set()
    assert native.cancelled()
    assert (order, limiter.running) == (["a", "c"], 0)


async def test_a_failing_caller_gives_its_slot_back(kept: Kept) -> None:
    limiter = kept.limiter(1)
    for _ in range(3):
        with anyio.fail_after(60), pytest.raises(ZeroDivisionError):
            async with limiter.slot(unheard, since=0.0):
                raise ZeroDivisionError
    assert limiter.running == 0


# How long the queue is going to take


async def test_where_there_is_a_place_nobody_waits() -> None:
    clock = Clock()
    limiter = Limiter(2, clock=clock)
    await one(limiter, clock, 10)
    async with limiter.slot(unheard, since=0.0):
        assert limiter.queue_s() == 0


@each(
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
    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            for caller in callers:
                tasks.start_soon(caller.run, limiter)
            await settled()
            clock.now += 6
            assert limiter.queue_s() == seconds
            for caller in callers:
                caller.leave.set()
    assert limiter.queue_s() == 0


@each(("usual", "stuck_after"), [(0.2, 3.0), (1.0, 3.0), (4.0, 12.0)])
async def test_an_attempt_that_takes_far_longer_than_usual_may_take_for_ever(
    usual: float, stuck_after: float
) -> None:
    clock = Clock()
    limiter = Limiter(1, clock=clock)
    for _ in range(3):
        await one(limiter, clock, usual)
    async with limiter.slot(unheard, since=0.0):
        clock.now += stuck_after - 0.01
        assert limiter.queue_s() < math.inf
        clock.now += 0.02
        assert limiter.queue_s() == math.inf


async def test_one_stuck_attempt_among_several_does_not_close_the_queue() -> None:
    clock = Clock()
    limiter = Limiter(2, clock=clock)
    await one(limiter, clock, 1)
    async with limiter.slot(unheard, since=0.0):
        clock.now += 100
        async with limiter.slot(unheard, since=0.0):
            assert limiter.queue_s() < 5


async def test_neither_a_failed_nor_a_single_slow_attempt_tells_how_long_one_takes() -> None:
    clock = Clock()
    limiter = Limiter(1, clock=clock)
    for seconds in (2, 3, 300):
        await one(limiter, clock, seconds)
    with pytest.raises(ZeroDivisionError):
        await one(limiter, clock, 900, fails=True)
    async with limiter.slot(unheard, since=0.0):
        assert limiter.queue_s() == 2 * 3, "the middle one, for the one that runs and for its follower"
