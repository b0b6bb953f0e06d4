"""The server over HTTP: throughput, many calls at once, memory of a large argument, cancelling, start; against a bare SDK
tool that posts the same, in one run, as ratios.

    python benchmarks/over_http.py [--only chat,many,stdio,memory,cancel,lasting,start] [--rounds 5]

Exit status 1 when a target is missed. On a machine that does other work the wall times of one round say little: the ratio
of CPU times, printed beside each, is steady.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import io
import random
import statistics
import sys
import time
from collections.abc import Callable

import stdio
from http_wire import MODERN, Canned, Client, HTTPServer, bare, ours
from server import CALLS, many
from watch import Memory, tree_bytes

from glm_mcp.simulator import Fault, Simulator

CONNECTIONS, CHATS = 16, 640
AT_ONCE = 200
LASTING, CALLS_EACH = 500, 4  # sessions, and calls in each
ERAS = (MODERN, "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
BARE_PORT = 18_765
missed = 0


def verdict(what: str, value: float, limit: float, *, least: bool = False, unit: str = "") -> None:
    global missed  # noqa: PLW0603 - the exit status
    good = value >= limit if least else value <= limit
    missed += not good
    sign = "≥" if least else "≤"
    print(f"{'ok  ' if good else 'MISS'} {what}: {value:.2f}{unit} (target {sign} {limit:g}{unit})")


async def chats(server: HTTPServer, number: int, connections: int) -> tuple[float, float]:
    """Seconds, and CPU seconds of the server, for so many chats."""
    clients = [await server.opened() for _ in range(connections)]

    async def some(client: Client) -> None:
        for _ in range(number // connections):
            await client.chat("hello")

    cpu, began = server.cpu_s(), time.perf_counter()
    await asyncio.gather(*map(some, clients))
    took, used = time.perf_counter() - began, server.cpu_s() - cpu
    for client in clients:
        client.close()
    return took, used


async def beside(
    first_byte_s: float, number: int, connections: int, rounds: int
) -> list[tuple[float, float, float, float]]:
    """(our seconds, bare seconds, our CPU seconds, bare CPU seconds) a round, after one that warms up."""
    found = []
    with Canned(first_byte_s) as up, ours(up.env) as own, bare(up.env, BARE_PORT) as base:
        for _ in range(rounds + 1):
            (a, a_cpu), (b, b_cpu) = (
                await chats(own, number, connections),
                await chats(base, number, connections),
            )
            found.append((a, b, a_cpu, b_cpu))
    return found[1:]


async def throughput(rounds: int) -> None:
    found = await beside(0.0, CHATS, CONNECTIONS, rounds)
    for a, b, a_cpu, b_cpu in found:
        each = f"{a_cpu / CHATS * 1000:.2f} and {b_cpu / CHATS * 1000:.2f} ms of CPU"
        print(f"     {CHATS / a:.0f} chats a second, bare {CHATS / b:.0f}; {each}")
    ratios = [b / a for a, b, _, _ in found]
    verdict("chats a second beside bare, median", statistics.median(ratios), 1.0, least=True, unit=" ×")
    verdict("the worst round", min(ratios), 0.8, least=True, unit=" ×")
    cpu = statistics.median(b_cpu / a_cpu for _, _, a_cpu, b_cpu in found)
    print(f"     by CPU time: {cpu:.2f} ×")


async def at_once(rounds: int) -> None:
    found = await beside(0.5, AT_ONCE, AT_ONCE, rounds)
    for a, b, *_ in found:
        print(f"     {AT_ONCE} at once: {a:.2f} s, bare {b:.2f} s")
    verdict(
        f"{AT_ONCE} calls of 500 ms at once, median", statistics.median(f[0] for f in found), 1.5, unit=" s"
    )
    faster = statistics.median(f[1] / f[0] for f in found)
    verdict("faster than bare, median", faster, 3.0, least=True, unit=" ×")


def over_stdio(rounds: int) -> None:
    with Canned(0.5) as up, stdio.ours({**up.env, "GLM_MAX_CONCURRENCY": str(CALLS)}) as server:
        took = [many(server)[0] for _ in range(rounds)]
    verdict(f"{CALLS} calls of 500 ms at once on stdio, median", statistics.median(took), 0.6, unit=" s")


def picture(width: int, height: int) -> str:
    """A PNG of noise, as base64: four bytes a pixel."""
    from PIL import Image

    pixels = random.Random(1).randbytes(width * height * 3)
    made = io.BytesIO()
    Image.frombytes("RGB", (width, height), pixels).save(made, "PNG", compress_level=0)
    return base64.b64encode(made.getvalue()).decode()


async def memory() -> None:
    """Above a server that has seen a small picture, so that what it loads for one does not count."""
    small, body = picture(8, 8), picture(2900, 2320)
    for version in (MODERN, "2025-11-25"):
        with Canned() as up, ours(up.env) as server:
            for number in (1, 4):
                clients = [await server.opened(version) for _ in range(number)]
                await asyncio.gather(*(describe(c, small) for c in clients))
                with Memory(server.process.pid) as used:
                    await asyncio.gather(*(describe(c, body) for c in clients))
                what = f"{number} × a picture of {len(body) / 1e6:.0f} MB as argument, {version}"
                each = used.above_idle / len(body) / number
                verdict(f"{what}, each", each, 5.0, unit=" × the body")
                for client in clients:
                    client.close()


async def describe(client: Client, image: str) -> None:
    arguments = {"images": image, "prompt": "What is it?"}
    await client.ask("tools/call", {"name": "describe_image", "arguments": arguments})


async def cancelling() -> None:
    asked = {"name": "chat", "arguments": {"prompt": "hello"}}
    with Simulator() as sim:
        up = {"GLM_BASE_URL": sim.url, "GLM_API_KEY": sim.key}
        with ours(up) as server:
            for version in ERAS:
                ways = ("closed request",) if version == MODERN else ("closed request", "notification")
                for way in ways:
                    sim.clear()
                    sim.queue(Fault("hang"))
                    client, other = await server.opened(version), Client(server.port, version)
                    other.session = client.session
                    ident = await client.send("tools/call", {**asked})
                    await asyncio.to_thread(sim.wait_received, 1)
                    began = time.perf_counter()
                    if way == "notification":
                        await other.send("notifications/cancelled", {"requestId": ident}, ident=False)
                    else:
                        client.close()
                    await asyncio.to_thread(sim.wait, lambda received: received[-1].disconnected)
                    took = (time.perf_counter() - began) * 1000
                    verdict(f"cancel to the service, {version}, {way}", took, 250, unit=" ms")
                    client.close()
                    other.close()


async def lasting() -> None:
    """Calls and sessions of every version, over and over: what is held after a tenth of them, half and all."""
    with Canned() as up, ours(up.env) as server:
        await _sessions(server, LASTING // 10)
        idle, handles, left = tree_bytes(server.process.pid), 0, await _settled(server, 0)
        for part in (1, 2):
            # Up to a connection to the service for each of the calls at once is kept: those that the first half needed count for
            # none of the second.
            handles = left
            await _sessions(server, LASTING // 2)
            held, left = tree_bytes(server.process.pid), await _settled(server, handles)
            what = f"{part * LASTING // 2 * CALLS_EACH} calls in {part * LASTING // 2} sessions"
            print(
                f"     after {what}: {held / 1e6:.1f} MB, after the first {idle / 1e6:.1f}; {left} handles, {handles}"
            )
        verdict(f"memory after {what}", (held - idle) / 1e6, 3.0, unit=" MB more")
        verdict(f"handles after {what}", left - handles, 0, unit=" more")


async def _sessions(server: HTTPServer, number: int) -> None:
    numbers = iter(range(number))

    async def some() -> None:
        for n in numbers:
            version = ERAS[n % len(ERAS)]
            client = await server.opened(version)
            for _ in range(CALLS_EACH):
                await client.chat("hello")
            if version != MODERN:
                await client.end()
            client.close()

    await asyncio.gather(*(some() for _ in range(CONNECTIONS)))


async def _settled(server: HTTPServer, most: int) -> int:
    """Its handles, once it has seen that its clients are gone."""
    for _ in range(20):
        found = server.handles()
        if found <= most:
            break
        await asyncio.sleep(0.1)
    return found


async def _start(make: HTTPServer) -> float:
    with make as server:
        (await server.opened()).close()
        return time.perf_counter() - server.started


async def starts(rounds: int) -> None:
    env = {"GLM_API_KEY": "a.key", "BARE_KEY": "a.key"}
    pairs = [(await _start(ours(env)), await _start(bare(env, BARE_PORT))) for _ in range(rounds)]
    own, base = ([p[i] for p in pairs] for i in (0, 1))
    print(f"     start over HTTP: {statistics.median(own):.2f} s, bare {statistics.median(base):.2f} s")
    verdict("start over HTTP, ratio", statistics.median(a / b for a, b in pairs), 1.2, unit=" ×")
    from server import start

    stdio_pairs = [(start(stdio.ours)[0], start(stdio.bare)[0]) for _ in range(rounds)]
    verdict("start over stdio, ratio", statistics.median(a / b for a, b in stdio_pairs), 1.1, unit=" ×")


def main() -> int:
    rows: dict[str, Callable[[int], None]] = {
        "chat": lambda n: asyncio.run(throughput(n)),
        "many": lambda n: asyncio.run(at_once(n)),
        "stdio": over_stdio,
        "memory": lambda _: asyncio.run(memory()),
        "cancel": lambda _: asyncio.run(cancelling()),
        "lasting": lambda _: asyncio.run(lasting()),
        "start": lambda n: asyncio.run(starts(n)),
    }
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default=",".join(rows))
    given = parser.parse_args()

    for name in given.only.split(","):
        rows[name](given.rounds)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
