"""The command `glm-mcp`, and on SIGUSR1 a file that says what is alive inside it.

    python benchmarks/inside.py REPORT.json [arguments of glm-mcp …]

`tasks` by name and function, `threads` that do something (those of a pool that wait for work do not count), `objects`
known to the collector and `resident` bytes, both after a collection, with freed memory given back. POSIX.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import json
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

POOL = ("threading.py", "queue.py", "_backends/_asyncio.py", "concurrent/futures/thread.py")
WAITS = ("wait", "get", "_worker")  # where a thread of a pool stands when it has nothing to do
PAGE = os.sysconf("SC_PAGE_SIZE")
LIBC = ctypes.CDLL(None)


def alive() -> dict[str, Any]:
    """Runs in the main thread, between two steps of its event loop."""
    gc.collect()
    if hasattr(LIBC, "malloc_trim"):
        LIBC.malloc_trim(0)
    try:
        tasks = [
            f"{task.get_name()} {task.get_coro()}".partition(" at 0x")[0] for task in asyncio.all_tasks()
        ]
    except RuntimeError:  # no loop runs yet, or none any more
        tasks = []
    busy = sys._current_frames()  # noqa: SLF001 - the one way to see what a thread does
    return {
        "pid": os.getpid(),
        "tasks": sorted(tasks),
        "threads": sorted(t.name for t in threading.enumerate() if _works(busy.get(t.ident or 0))),
        "objects": len(gc.get_objects()),
        "resident": int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * PAGE,
    }


def _works(frame: FrameType | None) -> bool:
    if frame is not None and frame.f_code.co_name not in WAITS:
        return True
    while frame is not None:
        if not frame.f_code.co_filename.endswith(POOL):
            return True
        frame = frame.f_back
    return False


def main() -> None:
    report = Path(sys.argv.pop(1))

    def tell(*_: object) -> None:
        part = report.with_suffix(".part")
        part.write_text(json.dumps(alive()), encoding="utf-8")
        part.replace(report)

    signal.signal(signal.SIGUSR1, tell)
    tell()
    from glm_mcp.cli.main import main as serve

    serve()


if __name__ == "__main__":
    main()
