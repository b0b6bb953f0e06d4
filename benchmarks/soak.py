"""Calls of all kinds at one server for a long time, with faults at random; then whether anything is left behind.

    python benchmarks/soak.py --minutes 60 [--seed 1]

Bad, with exit status 1: a call that came to no result, a failure without a sentence of ours, a server that died; at the
end a child process, a socket or file handle more than before, a file in its temporary folder, or memory that grew from
the second quarter of the time to the last. Linux: it looks into /proc.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parent))
from stdio import Server, ours

from glm_mcp.samples import FOLDER
from glm_mcp.simulator import Fault, Simulator

CALLS_AT_ONCE = 6
DEADLINE_S = 5
SETTLE_S = 10.0  # after the last call, for handles to be closed
GROWTH = 24_000_000  # bytes; what the allocator keeps differs by so much between two quiet moments
HANDLES = 4  # kept-alive connections come and go
FAULTS = (
    *(
        "refuse",
        "reset",
        "close",
        "hang",
        "hang_mid",
        "glued_frames",
        "truncated_frame",
        "wrong_content_type",
    ),
    *("error_in_200", "error_frame", "no_done", "no_finish", "no_end", "invalid_utf8", "duplicate_chunks"),
    *("empty_choices", "reasoning_only", "sensitive_mid", "network_error", "context_exceeded", "html"),
)
CODES = ("500", "1120", "1234", "1302", "1303", "1305", "1301", "1113", "1210", "1261")


@dataclass
class Tally:
    """What came of all calls, and memory (bytes) over time."""

    calls: int = 0
    failed: dict[str, int] = field(default_factory=dict)
    cancelled: int = 0
    wrong: list[str] = field(default_factory=list)
    memory: list[tuple[float, int]] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


def _calls(chance: random.Random) -> tuple[str, dict[str, Any]]:
    photo, report = str(FOLDER / "photo.jpg"), str(FOLDER / "report.pdf")
    calls: list[tuple[str, dict[str, Any]]] = [
        ("chat", {"prompt": "hello"}),
        ("chat", {"prompt": "hello", "json": True}),
        ("describe_image", {"images": photo}),
        ("describe_image", {"images": str(FOLDER / "no-such.jpg")}),
        ("read_document", {"documents": report}),
        ("read_document", {"documents": report, "prompt": "What is it?"}),
        ("analyze_video", {"video": str(FOLDER / "clip.mp4")}),
        ("generate_image", {"prompt": "a hill", "size": "512x512"}),
    ]
    return chance.choice(calls)


def _fault(chance: random.Random) -> Fault:
    if chance.random() < 0.4:
        return Fault("error", code=chance.choice(CODES))
    kind: Any = chance.choice(FAULTS)
    return Fault(kind)


def handles(pid: int) -> list[str]:
    """What a process holds open, by kind: a socket's number means nothing."""
    found = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found.append(str(entry.readlink()).partition(":[")[0])
        except OSError:
            continue
    return sorted(found)


def resident(pid: int) -> int:
    """The memory of the server itself, in bytes: its workers come and go."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS:"))


def children(pid: int) -> list[int]:
    return [
        int(word)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for word in (task / "children").read_text(encoding="ascii").split()
    ]


def soak(seconds: float, seed: int) -> Tally:
    """Runs for about `seconds`."""
    chance = random.Random(seed)
    tally = Tally()
    folder = Path(tempfile.mkdtemp(prefix="glm-soak-"))
    (folder / "temp").mkdir()
    try:
        with Simulator() as simulator:
            env = {
                "GLM_BASE_URL": simulator.url,
                "GLM_API_KEY": simulator.key,
                "GLM_DEADLINE_S": str(DEADLINE_S),
                "GLM_ALLOWED_DIRS": str(FOLDER),
                "GLM_OUTPUT_DIR": str(folder / "output"),
                "GLM_LANG": "en",
                "HOME": str(folder),
                "TMPDIR": str(folder / "temp"),
            }
            with ours(env) as server:
                _run(server, simulator, tally, chance, seconds, folder)
            assert server.process.stdout
            server.process.stdout.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return tally


def _run(
    server: Server, simulator: Simulator, tally: Tally, chance: random.Random, seconds: float, folder: Path
) -> None:
    pid = server.process.pid
    for tool, arguments in (
        ("chat", {"prompt": "hello"}),
        ("describe_image", {"images": str(FOLDER / "photo.jpg")}),
    ):
        server.ask("tools/call", {"name": tool, "arguments": arguments})
    before = handles(pid)
    # A call that never ends would leave `receive` waiting: then the server is ended, and that is what is wrong.
    watchdog = threading.Timer(seconds + 20 * DEADLINE_S, server.process.kill)
    watchdog.start()
    began = time.monotonic()
    waiting: set[int] = set()
    try:
        while time.monotonic() - began < seconds or waiting:
            if time.monotonic() - began < seconds and len(waiting) < CALLS_AT_ONCE:
                _start(server, simulator, waiting, tally, chance)
                continue
            _hear(server.receive(), waiting, tally)
            if len(simulator.received) > 1_000:
                simulator.clear()
            if not tally.memory or time.monotonic() - began - tally.memory[-1][0] > seconds / 40:
                tally.memory.append((time.monotonic() - began, resident(pid)))
    except RuntimeError:
        tally.wrong.append("the server went away, or a call came to no end")
        return
    finally:
        watchdog.cancel()
    simulator.clear()
    _look(server, tally, before, folder)


def _start(
    server: Server, simulator: Simulator, waiting: set[int], tally: Tally, chance: random.Random
) -> None:
    if chance.random() < 0.5:
        simulator.queue(_fault(chance))
    tool, arguments = _calls(chance)
    ident = server.send("tools/call", {"name": tool, "arguments": arguments})
    tally.calls += 1
    if chance.random() < 0.1:
        server.send("notifications/cancelled", {"requestId": ident}, notify=True)
        tally.cancelled += 1
        return
    waiting.add(ident)


def _hear(message: dict[str, Any], waiting: set[int], tally: Tally) -> None:
    if message.get("id") not in waiting:
        return
    waiting.discard(message["id"])
    result = message.get("result")
    if not isinstance(result, dict):
        tally.wrong.append(f"no result: {message.get('error')}")
    elif result.get("isError"):
        kind = ((result.get("_meta") or {}).get("glm") or {}).get("error", {}).get("kind", "")
        tally.failed[kind] = tally.failed.get(kind, 0) + 1
        if kind in {"", "internal"}:
            tally.wrong.append(result["content"][0]["text"][:200])


def _look(server: Server, tally: Tally, before: list[str], folder: Path) -> None:
    """What is left when all is quiet."""
    pid = server.process.pid
    end = time.monotonic() + SETTLE_S
    while time.monotonic() < end and (children(pid) or len(handles(pid)) > len(before) + HANDLES):
        time.sleep(0.1)
    if children(pid):
        tally.left.append(f"{len(children(pid))} child processes")
    if len(handles(pid)) > len(before) + HANDLES:
        tally.left.append(f"{len(handles(pid))} handles, {len(before)} before: {handles(pid)}")
    if files := [p.name for p in (folder / "temp").rglob("*") if p.is_file()]:
        tally.left.append(f"files {files}")
    if parts := [p.name for p in folder.rglob("*.part")]:
        tally.left.append(f"half files {parts}")
    if not server.ask("tools/list")["tools"]:
        tally.wrong.append("no tools any more")


def growth(memory: list[tuple[float, int]]) -> int:
    """Bytes from the least of the second quarter of the time to the least of the last."""
    if len(memory) < 8:
        return 0
    quarter = len(memory) // 4
    sizes = [size for _, size in memory]
    return min(sizes[-quarter:]) - min(sizes[quarter : 2 * quarter])


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    tally = soak(given.minutes * 60, given.seed)
    grown = growth(tally.memory)
    if grown > GROWTH:
        tally.left.append(f"{grown / 1e6:.0f} MB of memory")
    print(f"{tally.calls} calls, {tally.cancelled} given up, failed as they should: {tally.failed}")
    print(f"memory: {grown / 1e6:+.1f} MB from the second quarter to the last")
    for what, found in (("wrong", tally.wrong), ("left behind", tally.left)):
        for line in found:
            print(f"BAD, {what}: {line}")
    return 1 if tally.wrong or tally.left else 0


if __name__ == "__main__":
    sys.exit(main())
