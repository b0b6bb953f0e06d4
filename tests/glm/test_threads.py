"""Blocking work in threads: whose it is, and what counts as at work."""

from __future__ import annotations

import threading
from functools import partial

import anyio
import anyio.from_thread
import anyio.lowlevel
import pytest
from support.calls import V6, T, ask, client_of, png

from glm_mcp.glm.messages import LONG_TEXT, Image
from glm_mcp.glm.threads import in_thread, within_share
from glm_mcp.media.detect import detect
from glm_mcp.media.images.prepare import prepare_image
from glm_mcp.media.types import Source
from glm_mcp.registry import CARDS
from glm_mcp.samples import FOLDER
from glm_mcp.simulator import Simulator

pytestmark = pytest.mark.anyio
LIMIT_S = 10.0


async def test_a_thread_that_nobody_waits_for_any_more_counts_until_it_has_ended() -> None:
    share, begun, end = anyio.Semaphore(1), anyio.Event(), threading.Event()

    def work() -> None:
        anyio.from_thread.run_sync(begun.set)
        end.wait(LIMIT_S)

    with anyio.fail_after(LIMIT_S), within_share(share):
        async with anyio.create_task_group() as group:
            group.start_soon(in_thread, work)
            await begun.wait()
            group.cancel_scope.cancel()
        assert share.value == 0
        end.set()
        assert await in_thread(lambda: "the next") == "the next"
    with anyio.fail_after(LIMIT_S):
        await share.acquire()


async def test_work_that_was_given_up_before_it_began_takes_no_place() -> None:
    share = anyio.Semaphore(1)
    with within_share(share):
        with anyio.CancelScope() as scope:
            scope.cancel()
            await in_thread(lambda: None)
        with anyio.fail_after(LIMIT_S):
            assert await in_thread(lambda: "the next") == "the next"


async def test_a_thread_that_nobody_waits_for_any_more_keeps_its_place_among_its_kind() -> None:
    kind, begun, end = anyio.CapacityLimiter(1), anyio.Event(), threading.Event()

    def work() -> None:
        anyio.from_thread.run_sync(begun.set)
        end.wait(LIMIT_S)

    with anyio.fail_after(LIMIT_S):
        async with anyio.create_task_group() as group:
            group.start_soon(partial(in_thread, work, among=kind))
            await begun.wait()
            group.cancel_scope.cancel()
        assert kind.borrowed_tokens == 1
        assert await in_thread(lambda: "of another kind", among=anyio.CapacityLimiter(1))
        end.set()
        assert await in_thread(lambda: "the next", among=kind) == "the next"


async def test_whoever_gives_up_the_wait_for_a_place_takes_none() -> None:
    kind, share = anyio.CapacityLimiter(1), anyio.Semaphore(1)
    await kind.acquire_on_behalf_of(kind)
    with anyio.fail_after(LIMIT_S), within_share(share):
        async with anyio.create_task_group() as group:
            group.start_soon(partial(in_thread, lambda: None, among=kind))
            while not kind.statistics().tasks_waiting:
                await anyio.lowlevel.checkpoint()
            group.cancel_scope.cancel()
    kind.release_on_behalf_of(kind)
    with anyio.fail_after(LIMIT_S), within_share(share):
        assert await in_thread(lambda: "the next", among=kind) == "the next"


async def test_a_picture_that_is_decoded_counts_among_its_callers_threads() -> None:
    share, photo = anyio.Semaphore(0), FOLDER / "photo.jpg"
    data = photo.read_bytes()
    source = Source("photo.jpg", detect(data, "photo.jpg"), len(data), data=data)
    with anyio.fail_after(LIMIT_S), within_share(share):
        async with anyio.create_task_group() as group:
            card = CARDS["glm-4.6v-flash"]
            group.start_soon(partial(prepare_image, source, card, max_parts=1, budget=10_000_000))
            while not share.statistics().tasks_waiting:
                await anyio.lowlevel.checkpoint()
            share.release()


async def test_nobody_waits_until_the_threads_of_another_are_free() -> None:
    share = anyio.Semaphore(0)
    with Simulator() as sim, anyio.fail_after(LIMIT_S):
        async with client_of(sim) as client, anyio.create_task_group() as group:
            with within_share(share):
                group.start_soon(ask, client.counted_apart(), "word " * LONG_TEXT)
            while not share.statistics().tasks_waiting:
                await anyio.lowlevel.checkpoint()
            assert (await ask(client.counted_apart(), "hello", model=T)).text
            group.cancel_scope.cancel()


async def test_a_place_at_a_model_is_not_held_until_threads_of_its_caller_are_free() -> None:
    with Simulator() as sim, anyio.fail_after(LIMIT_S):
        async with client_of(sim, GLM_MAX_CONCURRENCY="1") as client:
            with within_share(anyio.Semaphore(0)):
                assert (await ask(client, "what is it", png(), model=V6)).text


async def test_a_place_at_a_model_is_not_held_while_a_picture_is_fetched() -> None:
    fetching, fetched = anyio.Event(), anyio.Event()

    async def inline(_: object) -> Image:
        fetching.set()
        await fetched.wait()
        return png()

    far = Image("far.png", url="https://far.example/a.png")
    with Simulator() as sim, anyio.fail_after(LIMIT_S):
        async with client_of(sim, GLM_MAX_CONCURRENCY="1") as client, anyio.create_task_group() as group:
            group.start_soon(partial(ask, client, "what is it", far, model=V6, inline=inline))
            await fetching.wait()
            assert (await ask(client, "and this", png(), model=V6)).text
            fetched.set()
