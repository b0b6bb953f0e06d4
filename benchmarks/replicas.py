"""Replicas as processes that share one upstream key through Redis, one of them killed in the middle."""

from __future__ import annotations

import json
import random
import secrets
import subprocess
import sys
import time
from dataclasses import dataclass, field
from itertools import combinations
from subprocess import PIPE
from typing import Any

import anyio
import anyio.to_thread

from glm_mcp.glm.shared.share import Shared

CAP = 4
JOBS = 60
JOB_S = (0.02, 0.06)
COME_S = 0.6  # all come within so long
LEASE_S = 3.0


@dataclass
class Job:
    """Times on the machine's clock. `ended`: at the kill for one that it interrupted, None for one that never ran."""

    replica: int
    since: float
    began: float | None = None
    ended: float | None = None


@dataclass
class Found:
    jobs: list[Job]
    killed: int
    killed_at: float
    state: dict[str, Any] = field(default_factory=dict)

    @property
    def living(self) -> list[Job]:
        return [j for j in self.jobs if j.replica != self.killed]

    @property
    def most_at_once(self) -> int:
        steps = sorted(
            step for j in self.jobs if j.began and j.ended for step in ((j.began, 1), (j.ended, -1))
        )
        running = most = 0
        for _, step in steps:
            running += step
            most = max(most, running)
        return most

    @property
    def out_of_order(self) -> float:
        """The share of pairs of calls of the living of which the one that came later began first."""
        pairs = list(combinations([j for j in self.living if j.began], 2))
        wrong = sum((a.since - b.since) * ((a.began or 0) - (b.began or 0)) < 0 for a, b in pairs)
        return wrong / len(pairs)

    @property
    def back_s(self) -> float:
        """Seconds from the kill until all places ran again."""
        steps = sorted(
            step for j in self.living if j.began and j.ended for step in ((j.began, 1), (j.ended, -1))
        )
        running = 0
        for at, step in steps:
            running += step
            if at > self.killed_at and running == CAP:
                return at - self.killed_at
        return float("inf")


async def replica(url: str, account: str, seed: int) -> None:
    """One replica: its calls come at random once a line on stdin says when, and each step of each is a line on stdout."""
    chance = random.Random(seed)
    shared = Shared(url, lease_s=LEASE_S)
    limiter = shared.account(account, (10.0, 300.0)).limiter("model", CAP, CAP)

    def say(number: int, what: str, at: float) -> None:
        print(json.dumps([number, what, at]), flush=True)

    async def job(number: int, comes_at: float) -> None:
        await anyio.sleep_until(comes_at)
        since = anyio.current_time()
        say(number, "since", since)
        async with limiter.slot(lambda _: None, since=since) as grant:
            say(number, "began", anyio.current_time())
            await anyio.sleep(chance.uniform(*JOB_S))
            grant.served = True
            say(number, "ended", anyio.current_time())

    async with shared.running(), anyio.create_task_group() as tasks:
        print("ready", flush=True)
        start_at = float(await anyio.to_thread.run_sync(sys.stdin.readline))
        for number in range(JOBS):
            tasks.start_soon(job, number, start_at + chance.uniform(0, COME_S))


def run(url: str, *, count: int = 3, seed: int = 0) -> Found:
    """So many replicas, the first of which is killed in the middle of a call when a quarter of its calls have run."""
    command = [sys.executable, __file__, url, secrets.token_hex(8)]
    started = [
        subprocess.Popen([*command, str(seed * 100 + n)], stdin=PIPE, stdout=PIPE, encoding="utf-8")
        for n in range(count)
    ]
    lines: list[list[str]] = [[] for _ in started]
    try:
        for process in started:
            assert _next(process) == "ready\n"
        start_at = time.monotonic() + 0.2
        for process in started:
            assert process.stdin
            process.stdin.write(f"{start_at}\n")
            process.stdin.flush()
        while sum('"ended"' in line for line in lines[0]) < JOBS // 4 or '"began"' not in lines[0][-1]:
            lines[0].append(_next(started[0]))
        started[0].kill()
        killed_at = time.monotonic()
        for said, process in zip(lines, started, strict=True):
            said.extend(process.communicate(timeout=60)[0].splitlines())
    finally:
        for process in started:
            process.kill()
            process.wait()
    jobs = [job for n, said in enumerate(lines) for job in _jobs(n, said, killed_at)]
    return Found(jobs, 0, killed_at)


def _next(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    line = process.stdout.readline()
    assert line, "a replica ended by itself"
    return line


def _jobs(replica: int, lines: list[str], killed_at: float) -> list[Job]:
    jobs: dict[int, Job] = {}
    for line in lines:
        number, what, at = json.loads(line)
        setattr(jobs.setdefault(number, Job(replica, at)), what, at)
    for job in jobs.values():
        if job.began and not job.ended:
            job.ended = killed_at
    return list(jobs.values())


if __name__ == "__main__":
    anyio.run(replica, sys.argv[1], sys.argv[2], int(sys.argv[3]))
