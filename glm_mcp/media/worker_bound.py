"""How many workers may run at once: as many as the cores and the free memory of this machine, or its container, bear."""

from __future__ import annotations

import math
import os
import sys
from contextlib import suppress
from pathlib import Path

MEMORY_MB = 1500  # that a worker may take, unless its file is large

_MB = 1024 * 1024


def at_once(running: int, root: Path = Path("/")) -> int:
    """For a machine on which `running` of them run: their share of the memory is taken already. At least 1; at least 2
    for the cores, since a worker also waits for its disk. `root`: where /proc and /sys are. Blocking.
    """
    free = free_bytes(root)
    bound = max(2, cores(root))
    return bound if free is None else max(1, min(bound, running + free // (MEMORY_MB * _MB)))


def cores(root: Path = Path("/")) -> int:
    """That this process may use: its affinity, and the quota of its container."""
    count = (sys.platform == "linux" and len(os.sched_getaffinity(0))) or os.cpu_count() or 1
    for folder in _groups(root, "cpu"):
        with suppress(OSError, ValueError):
            quota, period = map(int, (folder / "cpu.max").read_text(encoding="ascii").split())
            count = min(count, math.ceil(quota / period))
        with suppress(OSError, ValueError):  # the older layout, -1 for none
            quota, period = (_number(folder / f"cpu.cfs_{name}_us") for name in ("quota", "period"))
            count = min(count, math.ceil(quota / period)) if quota > 0 else count
    return count


def free_bytes(root: Path = Path("/")) -> int | None:
    """Memory to be had without swapping, of the machine or of its container, whichever has less; None: not known."""
    found = []
    with suppress(OSError, ValueError, IndexError):
        said = (root / "proc" / "meminfo").read_text(encoding="ascii")
        found.append(int(said.split("MemAvailable:")[1].split()[0]) * 1024)
    for folder in _groups(root, "memory"):
        for limit, used, cache in (
            ("memory.max", "memory.current", "inactive_file"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        ):
            with suppress(OSError, ValueError):
                held = _number(folder / used) - _field(folder / "memory.stat", cache)
                found.append(max(0, _number(folder / limit) - held))
    return min(found, default=None)


def _groups(root: Path, controller: str) -> list[Path]:
    """The folders that limit this process, the container's own and those above it; both layouts of Linux."""
    folders = []
    with suppress(OSError, ValueError):
        for line in (root / "proc" / "self" / "cgroup").read_text(encoding="utf-8").splitlines():
            _, names, path = line.split(":", 2)
            if names and controller not in names.split(","):
                continue
            top = root / "sys" / "fs" / "cgroup" / (controller if names else "")
            below = [part for part in path.split("/") if part not in ("", "..")]
            folders += [top.joinpath(*below[:n]) for n in range(len(below) + 1)]
    return folders


def _number(file: Path) -> int:
    return int(file.read_text(encoding="ascii"))  # "max" is no number: no limit


def _field(file: Path, name: str) -> int:
    for line in file.read_text(encoding="ascii").splitlines():
        key, _, value = line.partition(" ")
        if key == name:
            return int(value)
    return 0
