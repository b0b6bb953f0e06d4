"""From the spawn to the answer of tools/list, and to that of the first tools/call: this server, its own start without a
record, the bare SDK and the official npm server, in turn in one run; quiet, and beside four busy processes.

    python benchmarks/start.py [--rounds 15]

The official server takes part when `zai-mcp-server` (npm: @z_ai/mcp-server) and node are on PATH.
Targets: quiet <= 0.5 x bare and not slower than the official server; under load <= 0.35 x bare; the first call not later
than without a record. Exit status 1 when one is missed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stdio import Server, bare, ours

BUSY = 4
RECORD_LIMIT_S = 20.0
SAME = 1.05  # two medians that differ by less are called equal: that much they do from run to run
HELLO: dict[str, Any] = {"name": "chat", "arguments": {"prompt": "hello"}}


def official() -> Server:
    return Server([str(shutil.which("zai-mcp-server"))], {"Z_AI_API_KEY": "id.secret", "Z_AI_MODE": "ZHIPU"})


def timed(make: Callable[[], Server], call: dict[str, Any] | None) -> tuple[float, float]:
    """Seconds from the spawn to the answer of tools/list, and to that of the first call."""
    server = make()
    try:
        server.open()
        server.ask("tools/list")
        listed = time.perf_counter() - server.started
        if call:
            server.ask("tools/call", call)
        return listed, time.perf_counter() - server.started
    finally:
        server.process.kill()
        server.process.wait()


@contextmanager
def busy(count: int) -> Iterator[None]:
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def recorded(cache: Path) -> Callable[[], Server]:
    """The server with a record in `cache`, which is made first."""
    env = {"XDG_CACHE_HOME": str(cache), "GLM_API_KEY": ""}
    server = ours(env)
    server.open()
    end = time.monotonic() + RECORD_LIMIT_S
    while not list(cache.glob("glm-mcp/start/*.json")):
        assert time.monotonic() < end, "nothing was recorded"
        time.sleep(0.05)
    server.close()
    return lambda: ours(env)


def measured(rounds: int, folder: Path) -> dict[str, tuple[float, float]]:
    """By server, the medians of both times."""
    fresh = iter(range(1_000_000))

    def unrecorded() -> Server:
        return ours({"XDG_CACHE_HOME": str(folder / f"fresh{next(fresh)}"), "GLM_API_KEY": ""})

    makes: dict[str, tuple[Callable[[], Server], dict[str, Any] | None]] = {
        "this server": (recorded(folder / "cache"), HELLO),
        "without a record": (unrecorded, HELLO),
        "bare SDK": (bare, None),
    }
    if shutil.which("zai-mcp-server"):
        makes["official (npm)"] = (official, None)
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in makes}
    for name, (make, call) in makes.items():
        timed(make, call)  # caches of the system
        times[name] = []
    for _ in range(rounds):
        for name, (make, call) in makes.items():
            times[name].append(timed(make, call))
    return {
        name: (statistics.median(t[0] for t in of), statistics.median(t[1] for t in of))
        for name, of in times.items()
    }


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    missed = 0

    def verdict(what: str, value: float, limit: float) -> None:
        nonlocal missed
        missed += value > limit
        print(f"  {'ok  ' if value <= limit else 'MISS'} {what}: {value:.2f} (target {limit:g})")

    for title, count, limit in (("quiet", 0, 0.5), (f"beside {BUSY} busy processes", BUSY, 0.35)):
        with tempfile.TemporaryDirectory() as folder, busy(count):
            found = measured(rounds, Path(folder))
        print(f"{title}, medians of {rounds} (load average {os.getloadavg()[0]:.1f})")
        for name, (listed, called) in found.items():
            both = f", first call {called * 1000:5.0f} ms" if called > listed else ""
            print(f"  {name:<18} tools/list {listed * 1000:5.0f} ms{both}")
        own, without = found["this server"], found["without a record"]
        verdict("tools/list, of the bare SDK's time", own[0] / found["bare SDK"][0], limit)
        if not count and "official (npm)" in found:
            verdict("tools/list, of the official server's time", own[0] / found["official (npm)"][0], 1)
        verdict("first call, of the time without a record", own[1] / without[1], SAME)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
