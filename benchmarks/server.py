"""Start, one call, many calls, size of the list: this server against the bare SDK, in one run, as ratios.

    python benchmarks/server.py [--rounds 15]

Targets: the first start to tools/list <= 1.10 x bare, each later one, answered from the record of the first, <= 0.25 x;
one chat <= 1.25 x bare; 32 calls of 500 ms <= 0.65 s with 95 % of pings within 50 ms; tools/list <= 6,000 bytes. Exit
status 1 when one is missed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from stdio import Server, Upstream, bare, ours

from glm_mcp.server.front.conditions import place_of

CALLS = 32
RECORD_S = 20.0  # until a start has surely been recorded
PINGS_EVERY_S = 0.01


def record() -> Path:
    """Where the answers of a start lie for the next."""
    place = place_of([])
    assert place is not None
    return Path(place.file)


def first() -> Server:
    """A start of which nothing is on record."""
    record().unlink(missing_ok=True)
    return ours()


def recorded() -> None:
    """Leaves the answers of a start on record."""
    with first():
        until = time.monotonic() + RECORD_S
        while not record().exists() and time.monotonic() < until:
            time.sleep(0.05)


def start(make: Callable[[], Server]) -> tuple[float, int]:
    """Seconds from the spawn to the answer of tools/list, and the bytes of that list."""
    server = make()
    try:
        server.open()
        tools = server.ask("tools/list")["tools"]
        took = time.perf_counter() - server.started
        return took, len(json.dumps(tools, separators=(",", ":"), ensure_ascii=False).encode())
    finally:
        server.close()


def chat(server: Server) -> float:
    began = time.perf_counter()
    result = server.ask("tools/call", {"name": "chat", "arguments": {"prompt": "hello"}})
    took = time.perf_counter() - began
    assert not result.get("isError"), result
    return took


def many(server: Server) -> tuple[float, list[float]]:
    """Seconds for all calls at once, and of each ping answered while they wait."""
    chat(server)
    began = time.perf_counter()
    waiting = {
        server.send("tools/call", {"name": "chat", "arguments": {"prompt": f"hello {n}"}})
        for n in range(CALLS)
    }
    pings: list[float] = []
    while waiting:
        sent = time.perf_counter()
        ping = server.send("ping")
        while True:
            answer = server.receive()
            if answer.get("id") == ping:
                pings.append(time.perf_counter() - sent)
                break
            assert not answer["result"].get("isError"), answer
            waiting.discard(answer["id"])
        time.sleep(PINGS_EVERY_S)
    return time.perf_counter() - began, pings


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    missed = 0

    def verdict(what: str, value: float, limit: float, unit: str = "") -> None:
        nonlocal missed
        missed += value > limit
        print(f"{'ok  ' if value <= limit else 'MISS'} {what}: {value:.3f}{unit} (target {limit:g}{unit})")

    start(bare), start(first)
    for which, make, limit in (("first", first, 1.10), ("later", ours, 0.25)):
        if make is ours:
            recorded()
        pairs = [(start(make), start(bare)) for _ in range(rounds)]
        own, base = ([p[i][0] for p in pairs] for i in (0, 1))
        print(
            f"{which} start to tools/list: {statistics.median(own):.3f} s, bare {statistics.median(base):.3f} s"
        )
        ratio = statistics.median(a / b for a, b in zip(own, base, strict=True))
        verdict(f"{which} start, ratio", ratio, limit)
    verdict("tools/list", pairs[0][0][1], 6000, " bytes")

    with Upstream() as upstream, ours(upstream.env) as server, bare(upstream.env) as baseline:
        for _ in range(20):
            chat(server), chat(baseline)
        times = [(chat(server), chat(baseline)) for _ in range(rounds * 20)]
    own, base = ([t[i] for t in times] for i in (0, 1))
    print(f"one chat: {statistics.median(own) * 1000:.2f} ms, bare {statistics.median(base) * 1000:.2f} ms")
    verdict("one chat, ratio of medians", statistics.median(own) / statistics.median(base), 1.25)

    with Upstream(first_byte_s=0.5) as upstream:
        with ours({**upstream.env, "GLM_MAX_CONCURRENCY": str(CALLS)}) as server:
            runs = [many(server) for _ in range(5)]
        with bare(upstream.env) as baseline:
            base_runs = [many(baseline) for _ in range(5)]
    whole = statistics.median(r[0] for r in runs)
    pings = sorted(p for r in runs for p in r[1])
    print(
        f"{CALLS} calls of 500 ms: {whole:.3f} s, bare {statistics.median(r[0] for r in base_runs):.3f} s; {len(pings)} pings"
    )
    verdict(f"{CALLS} calls", whole, 0.65, " s")
    verdict("95 % of pings within", pings[int(len(pings) * 0.95)] * 1000, 50, " ms")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
