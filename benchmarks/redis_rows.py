#!/usr/bin/env python3
"""What Redis costs a call, and what a killed replica costs the others: `python benchmarks/redis_rows.py [URL]`.

Without an address it starts a redis-server of its own. A call takes a place before it goes out and gives it back when it
has ended; the second nobody waits for, and it is counted all the same.
"""

from __future__ import annotations

import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

import anyio
import replicas

from glm_mcp.glm.shared.share import Account, Shared
from glm_mcp.server.callers.admission_redis import SharedAdmission
from glm_mcp.server.callers.caller import Caller

CALLS = 500
WAITING = 500
REST = (10.0, 300.0)


class Row(NamedTuple):
    """A figure beside its target."""

    what: str
    measured: str
    target: str
    reached: bool


async def _measured(url: str) -> list[Row]:
    from redis.asyncio import Redis

    shared = Shared(url)
    account = shared.account(secrets.token_hex(8), REST)
    async with Redis.from_url(url) as redis, shared.running():
        pings, takes, wholes, admits = [], [], [], []
        admission = SharedAdmission(shared.connection)
        caller = Caller("bench", secrets.token_hex(8), per_minute=10**6, at_once=8, tokens_per_day=10**9)
        limiter = account.limiter("model", 1, 1)
        for _ in range(CALLS):
            at = time.perf_counter()
            await redis.ping()
            pings.append(time.perf_counter() - at)
            at = time.perf_counter()
            async with limiter.slot(lambda _: None, since=anyio.current_time()):
                takes.append(time.perf_counter() - at)
            wholes.append(time.perf_counter() - at)
            at = time.perf_counter()
            async with admission.admit(caller, lambda _: None):
                admits.append(time.perf_counter() - at)
        waiting = await _crowd(account)
    ping, take, admit = (1e3 * median(found) for found in (pings, takes, admits))
    return [
        Row("Redis: ping, median", f"{ping:.2f} ms", "", reached=True),
        Row("Redis's part of a call, median: a place taken", f"{take:.2f} ms", "≤ 2 ms", take <= 2),
        Row("a caller's limits beside it: minute, day and place", f"{admit:.2f} ms", "", reached=True),
        Row(f"{WAITING} calls on 4 places, each", f"{1e3 * waiting / WAITING:.2f} ms", "", reached=True),
    ]


async def _crowd(account: Account) -> float:
    limiter = account.limiter("crowd", 4, 4)

    async def one() -> None:
        async with limiter.slot(lambda _: None, since=anyio.current_time()):
            pass

    began = time.perf_counter()
    async with anyio.create_task_group() as tasks:
        for _ in range(WAITING):
            tasks.start_soon(one)
    return time.perf_counter() - began


async def _back_to_back(url: str) -> Row:
    """Both requests, one after the other, as if each call waited for the second too."""
    shared = Shared(url)
    limiter = shared.account(secrets.token_hex(8), REST).limiter("model", 1, 1)
    found = []
    async with shared.running():
        for _ in range(CALLS):
            at = time.perf_counter()
            async with limiter.slot(lambda _: None, since=anyio.current_time()):
                pass
            found.append(time.perf_counter() - at)
    both = 1e3 * median(found)
    return Row("the same, given back before the next is taken", f"{both:.2f} ms", "≤ 2 ms", both <= 2)


def rows(url: str) -> list[Row]:
    """The rows of this file, against a Redis at `url`; about a minute."""
    found = [*anyio.run(_measured, url), anyio.run(_back_to_back, url)]
    kills = [replicas.run(url, seed=seed) for seed in range(3)]
    most = max(k.most_at_once for k in kills)
    back = max(k.back_s for k in kills)
    wrong = max(k.out_of_order for k in kills)
    done = all(len([j for j in k.living if j.ended]) == 2 * replicas.JOBS for k in kills)
    what = "3 replicas, one killed, 3 times: "
    longest = 1.2 * replicas.LEASE_S
    return [
        *found,
        Row(f"{what}calls at once", str(most), f"≤ {replicas.CAP}", most <= replicas.CAP),
        Row(f"{what}its places back after", f"{back:.2f} s", f"≤ {longest:.1f} s", back <= longest),
        Row(f"{what}pairs out of order", f"{wrong:.2%}", "≤ 0.5 %", wrong <= 0.005),
        Row(f"{what}calls of the living done", "all" if done else "not all", "all", done),
    ]


@contextmanager
def server() -> Iterator[str]:
    """The address of a redis-server of our own."""
    program = shutil.which("redis-server")
    if program is None:
        sys.exit("redis-server is not installed; give the address of one")
    with tempfile.TemporaryDirectory() as folder:
        socket = Path(folder) / "redis.sock"
        command = [program, "--port", "0", "--unixsocket", str(socket), "--save", ""]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=folder) as process:
            try:
                while not socket.exists():
                    time.sleep(0.02)
                time.sleep(0.1)
                yield f"unix://{socket}"
            finally:
                process.kill()


def _shown(found: list[Row]) -> int:
    for row in found:
        print(f"{'  ' if row.reached else '✗ '}{row.what:<60} {row.measured:>10}  {row.target}")
    return 0 if all(row.reached for row in found) else 1


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit(_shown(rows(sys.argv[1])))
    with server() as address:
        status = _shown(rows(address))
    sys.exit(status)
