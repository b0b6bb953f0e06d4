"""Blocking work in threads: whose it is, and what counts as at work."""

from __future__ import annotations

import threading

import anyio
import anyio.from_thread
import pytest

from glm_mcp.glm.threads import in_thread, within_share

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
