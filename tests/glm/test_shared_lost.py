"""Replicas whose Redis is not there, is lost, comes back, or hangs."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

import anyio
import pytest
from support.busy import within
from support.limits import Crowd, replicas, settled, unheard, until
from support.redis_server import RedisServer

from glm_mcp.errors import ConfigError
from glm_mcp.glm.learnt.limiter import Limits
from glm_mcp.glm.shared.connection import figures_of
from glm_mcp.glm.shared.share import Shared

pytestmark = pytest.mark.anyio
MODEL = "model"


async def test_without_redis_at_the_start_nothing_starts_and_no_password_is_shown() -> None:
    with pytest.raises(
        ConfigError, match=r"Redis at 127\.0\.0\.1:1 \(GLM_REDIS_URL\) cannot be used"
    ) as said:
        async with Shared("redis://:hunter2@127.0.0.1:1/0").running():
            raise AssertionError
    assert "hunter2" not in str(said.value)


def test_an_address_with_an_option_that_cannot_be_is_said_and_not_shown() -> None:
    with pytest.raises(ConfigError, match="GLM_REDIS_URL is no address of Redis") as said:
        Shared("redis://:hunter2@redis.example/0?socket_timeout=soon")
    assert "hunter2" not in str(said.value)


def test_figures_that_no_redis_has_count_as_a_redis_that_is_away() -> None:
    assert figures_of(["0", "2", "3", "4", "5", "6", "-1", ["0", "7"]]) == ([1, 2, 3, 4, 5, 6, -1], [0, 7])
    for at in (0, 5):  # the limit, a pause
        answer: list[object] = ["1"] * 7
        answer[at] = "9" * 400
        with pytest.raises(ValueError, match="no answer of these scripts"):
            figures_of([*answer, []])
    with pytest.raises(ValueError, match="no answer of these scripts"):
        figures_of([*["1"] * 7, ["9" * 400]])


async def test_while_redis_is_away_each_replica_keeps_its_share_and_then_they_share_again(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    crowds = [Crowd(), Crowd()]

    async def fill(limiters: list[Limits], calls: int) -> None:
        async with anyio.create_task_group() as tasks:
            for crowd, limiter in zip(crowds, limiters, strict=True):
                for _ in range(calls):
                    tasks.start_soon(crowd.call, limiter, 0.02)

    with anyio.fail_after(60):
        async with replicas(redis_server.url, 2) as found:
            await until(lambda: [r.shared.state()["replicas"] for r in found] == [2, 2])
            limiters: list[Limits] = [r.account.limiter(MODEL, 5, 5) for r in found]
            await fill(limiters, 10)
            caplog.clear()
            redis_server.kill()
            await until(lambda: [r.shared.state()["redis"] for r in found] == ["lost", "lost"])
            crowds[:] = [Crowd(), Crowd()]
            await fill(limiters, 10)
            assert [(c.done, c.most) for c in crowds] == [(10, 2), (10, 2)]
            assert all(r.shared.state()["lost_s"] for r in found)
            lost = [r for r in caplog.records if "is lost" in r.getMessage()]
            assert len(lost) == 2, "each says it once"
            redis_server.start()
            await until(lambda: [r.shared.state()["redis"] for r in found] == ["up", "up"])
            crowds[:] = [Crowd(), Crowd()]
            await fill(limiters, 10)
            assert sum(c.done for c in crowds) == 20
            assert max(c.most for c in crowds) > 2
            assert len([r for r in caplog.records if "is there again:" in r.getMessage()]) == 2
            assert all(r.levelno == logging.WARNING for r in caplog.records)


async def test_a_restart_in_the_middle_loses_no_call_and_lets_no_crowd_through(
    redis_server: RedisServer,
) -> None:
    crowd = Crowd()
    with anyio.fail_after(60):
        async with replicas(redis_server.url, 2) as found:
            await until(lambda: [r.shared.state()["replicas"] for r in found] == [2, 2])
            async with anyio.create_task_group() as tasks:
                for n in range(120):
                    tasks.start_soon(crowd.call, found[n % 2].account.limiter(MODEL, 4, 4), 0.05)
                await until(lambda: crowd.done >= 20)
                redis_server.kill()
                before = crowd.done
                await until(lambda: crowd.done >= before + 20)
                redis_server.start()
                await until(lambda: [r.shared.state()["redis"] for r in found] == ["up", "up"])
                # Those that began alone have ended; from here on the cap is the old one.
                before = crowd.done
                await until(lambda: crowd.done >= before + 4)
                assert crowd.most <= 6, "at the most a share beside those that ran when it was lost"
                crowd.most = 0
    assert (crowd.done, crowd.most) == (120, 4)


async def test_a_redis_that_hangs_holds_calls_up_for_seconds_and_not_for_ever(
    redis_server: RedisServer,
) -> None:
    crowd = Crowd()
    with anyio.fail_after(60):
        async with replicas(redis_server.url, 1) as (one,):
            limiter = one.account.limiter(MODEL, 2, 2)
            await crowd.call(limiter, 0)
            redis_server.hang()
            try:
                with within(5):
                    async with anyio.create_task_group() as tasks:
                        for _ in range(50):
                            tasks.start_soon(crowd.call, limiter, 0)
                assert one.shared.state()["redis"] == "lost"
            finally:
                redis_server.wake()
            await until(lambda: one.shared.state()["redis"] == "up")
            await crowd.call(limiter, 0)
    assert (crowd.done, crowd.most) == (52, 2)


async def test_after_a_failover_the_new_master_is_found_where_the_old_one_was(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    """The old one still answers on the connections that are open; the address leads to another by now."""
    named, crowd = tmp_path / "redis.sock", Crowd()
    with tempfile.TemporaryDirectory() as folder, RedisServer(Path(folder)) as other, anyio.fail_after(60):
        named.symlink_to(redis_server.socket)
        async with replicas(f"unix://{named}", 1) as (one,):
            limiter = one.account.limiter(MODEL, 2, 2)
            await crowd.call(limiter, 0)
            named.unlink()
            named.symlink_to(other.socket)
            redis_server.follow()
            await crowd.call(limiter, 0)
            await until(lambda: one.shared.state()["redis"] == "lost")
            await until(lambda: one.shared.state()["redis"] == "up")
            await crowd.call(limiter, 0)
    assert (crowd.done, crowd.most) == (3, 1)


async def test_a_call_that_comes_in_a_pause_while_redis_is_away_goes_on_at_its_end(
    redis_server: RedisServer,
) -> None:
    with anyio.fail_after(60):
        async with replicas(redis_server.url, 1) as (one,):
            limiter = one.account.limiter(MODEL, 2, 2)
            await Crowd().call(limiter, 0)
            redis_server.kill()
            await until(lambda: one.shared.state()["redis"] == "lost")
            for _ in range(3):
                async with limiter.slot(unheard, since=0.0) as refused:
                    refused.pause_s = 0.05
                await settled()  # what gives the places has nothing to do now
