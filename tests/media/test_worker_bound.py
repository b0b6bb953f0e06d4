"""How many workers run at once: never more than the cores and the free memory bear, and the rest wait their turn."""

from __future__ import annotations

import os
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from support.cases import each

from glm_mcp.glm.threads import AT_ONCE, limiter, within_share
from glm_mcp.media.worker import run_job
from glm_mcp.media.worker_bound import at_once, cores, free_bytes

GB = 1_000_000_000
MACHINE = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def machine(root: Path, free: int | None, files: dict[str, str] | None = None) -> Path:
    """A root with what Linux would say of `free` bytes of memory, and of its control groups."""
    written = dict(files or {})
    if free is not None:
        written["proc/meminfo"] = f"MemTotal: 99999999 kB\nMemAvailable: {free // 1024} kB\nSwapFree: 0 kB\n"
    for name, text in written.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="ascii")
    return root


@each(
    ("free", "running", "expected"),
    [
        (None, 0, max(2, MACHINE)),  # a system that does not say
        (400 * GB, 0, max(2, MACHINE)),
        (2 * GB, 0, 1),
        (2 * GB, 1, 2),  # the one that runs has its share already
        (1 * GB, 0, 1),  # one always: a document must be read some time
        (1 * GB, 1, 1),
        (0, 2, 2),
    ],
)
def test_as_many_as_cores_and_free_memory_bear(
    tmp_path: Path, free: int | None, running: int, expected: int
) -> None:
    assert at_once(running, machine(tmp_path, free)) == expected


@pytest.mark.parametrize(
    "files",
    [
        {
            "proc/self/cgroup": "0::/pod/a\n",
            "sys/fs/cgroup/pod/a/memory.max": "max\n",
            "sys/fs/cgroup/pod/a/memory.current": "1000\n",
            "sys/fs/cgroup/pod/memory.max": "3000000000\n",
            "sys/fs/cgroup/pod/memory.current": "2500000000\n",
            "sys/fs/cgroup/pod/memory.stat": "anon 5\ninactive_file 500000000\n",
        },
        {
            "proc/self/cgroup": "4:memory:/a\n3:cpu,cpuacct:/\n",
            "sys/fs/cgroup/memory/a/memory.limit_in_bytes": "3000000000\n",
            "sys/fs/cgroup/memory/a/memory.usage_in_bytes": "2500000000\n",
            "sys/fs/cgroup/memory/a/memory.stat": "total_inactive_file 500000000\n",
        },
    ],
    ids=["one hierarchy", "one for each controller"],
)
def test_a_container_with_less_memory_than_its_machine_counts(tmp_path: Path, files: dict[str, str]) -> None:
    root = machine(tmp_path, 99 * GB, files)
    assert free_bytes(root) == 1 * GB
    assert at_once(0, root) == 1


@pytest.mark.parametrize(
    "files",
    [
        {"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/cpu.max": "50000 100000\n"},
        {
            "proc/self/cgroup": "3:cpu,cpuacct:/a\n",
            "sys/fs/cgroup/cpu/a/cpu.cfs_quota_us": "50000\n",
            "sys/fs/cgroup/cpu/a/cpu.cfs_period_us": "100000\n",
        },
    ],
    ids=["one hierarchy", "one for each controller"],
)
def test_a_container_with_a_share_of_the_cores_has_no_more(tmp_path: Path, files: dict[str, str]) -> None:
    assert cores(machine(tmp_path, 99 * GB, files)) == 1


@pytest.mark.anyio
async def test_of_twenty_jobs_at_once_never_more_run_than_the_bound() -> None:
    spans: list[tuple[float, float]] = []

    async def one() -> None:
        facts, _ = await run_job("support.worker_jobs:span", b"", {})
        spans.append((facts["began"], facts["ended"]))

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(one)
    together = [sum(began <= moment < ended for began, ended in spans) for moment, _ in spans]
    assert len(spans) == 20
    assert max(together) <= max(2, MACHINE)


@pytest.mark.anyio
async def test_the_work_that_one_caller_has_waiting_does_not_go_before_anothers(tmp_path: Path) -> None:
    first, rest = tmp_path / "first", tmp_path / "rest"
    ended = []
    another_ended = anyio.Event()

    async def work(until: Path, share: anyio.Semaphore) -> None:
        with within_share(share):
            await run_job("support.worker_jobs:told_to_end", b"", {"file": str(until)}, timeout_s=50)
        ended.append(share)
        if share is another:
            another_ended.set()

    theirs, another = anyio.Semaphore(AT_ONCE), anyio.Semaphore(AT_ONCE)
    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(work, first, theirs)
            for _ in range(4 * max(2, MACHINE)):
                tasks.start_soon(work, rest, theirs)
            places = limiter("children", 1)
            while not places.borrowed_tokens or places.available_tokens:
                await anyio.lowlevel.checkpoint()
            await anyio.wait_all_tasks_blocked()
            tasks.start_soon(work, first, another)
            await anyio.wait_all_tasks_blocked()
            first.touch()
            await another_ended.wait()
            assert ended.count(theirs) <= 1
            rest.touch()
