"""What a job costs beside its time: memory of a process and all it starts, and how long an event loop stood still."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path
from typing import Self

import anyio
import anyio.abc

POLL_S = 0.02
TICK_S = 0.005


class Memory:
    """The highest sum of PSS (memory, shared pages counted in shares) over a process tree, in bytes, and the highest number
    of its processes; Linux.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.idle = tree_bytes(pid)
        self.peak = self.idle
        self.processes = 1
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._poll, daemon=True)

    def _poll(self) -> None:
        while not self._over.wait(POLL_S):
            pids = tree(self.pid)
            self.processes = max(self.processes, len(pids))
            self.peak = max(self.peak, sum(map(_bytes, pids)))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    @property
    def above_idle(self) -> int:
        return self.peak - self.idle


def tree(pid: int) -> list[int]:
    """The process and all that it and these have started."""
    found, waiting = [], [pid]
    while waiting:
        one = waiting.pop()
        found.append(one)
        with contextlib.suppress(OSError, ValueError):  # it has ended meanwhile
            for task in Path(f"/proc/{one}/task").iterdir():
                waiting += map(int, (task / "children").read_text(encoding="ascii").split())
    return found


def tree_bytes(pid: int) -> int:
    return sum(map(_bytes, tree(pid)))


def tree_cpu_s(pid: int) -> float:
    """Computing time of the process and all that it and these have started, those that have ended too; to 10 ms."""
    ticks = 0
    for one in tree(pid):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            words = Path(f"/proc/{one}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            ticks += sum(map(int, words[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def _bytes(pid: int) -> int:
    with contextlib.suppress(OSError, ValueError):  # it has ended meanwhile
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


class Ticks:
    """Sleeps a few milliseconds over and over in the running event loop. `worst` is what one sleep took too long, in
    seconds, but for the time that the loop's thread was ready and other processes had the cores (Linux); `late` is with
    that time.
    """

    def __init__(self) -> None:
        self.worst = 0.0
        self.late = 0.0

    async def run(self, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        task_status.started()
        with _Waits() as waits:
            while True:
                began, before = time.perf_counter(), waits.seconds()
                await anyio.sleep(TICK_S)
                late = time.perf_counter() - began - TICK_S
                self.late = max(self.late, late)
                self.worst = max(self.worst, late - (waits.seconds() - before))


class _Waits:
    """How long the thread that made it has waited for a core while it was ready to run; 0 where the system does not say."""

    def __init__(self) -> None:
        self._fd = -1
        with contextlib.suppress(OSError):
            self._fd = os.open(f"/proc/self/task/{threading.get_native_id()}/schedstat", os.O_RDONLY)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._fd >= 0:
            os.close(self._fd)

    def seconds(self) -> float:
        return int(os.pread(self._fd, 100, 0).split()[1]) / 1e9 if self._fd >= 0 else 0.0
