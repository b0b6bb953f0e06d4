"""An upload of 200 MB to the server over HTTP: memory above idle and CPU of the server, as a form and as bare bytes.

    python benchmarks/uploads.py [--rounds 3]

Exit status 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import http.client
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator

from http_wire import TOKEN, HTTPServer, ours
from watch import Memory

SIZE = 200 * 1024 * 1024 - 10_000
PIECE = 1 << 20
MEMORY_MB, CPU_S = 16.0, 0.8


def film() -> Iterator[bytes]:
    """Bytes that begin as a film does."""
    noise = random.Random(1).randbytes(PIECE)
    yield b"\0\0\0\x18ftypisom\0\0\2\0isomiso2"
    left = SIZE - 24
    while left > 0:
        yield noise[: min(left, PIECE)]
        left -= PIECE


def send(server: HTTPServer, kind: str, number: int) -> None:
    head, tail, more = b"", b"", {}
    if kind == "form":
        head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="%d.mp4"\r\n\r\n' % number
        tail, more = b"\r\n--x--\r\n", {"Content-Type": "multipart/form-data; boundary=x"}
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.putrequest("POST", f"/files?name={number}.mp4")
    for name, value in {
        **more,
        "Authorization": f"Bearer {TOKEN}",
        "Content-Length": str(len(head) + SIZE + len(tail)),
    }.items():
        connection.putheader(name, value)
    connection.endheaders(head or None)
    for piece in film():
        connection.send(piece)
    connection.send(tail)
    answer = connection.getresponse()
    said = answer.read()
    assert answer.status == 200, said
    connection.close()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    missed = 0

    def verdict(what: str, value: float, limit: float, unit: str) -> None:
        nonlocal missed
        missed += value > limit
        print(f"{'ok  ' if value <= limit else 'MISS'} {what}: {value:.2f}{unit} (target {limit:g}{unit})")

    for kind in ("bytes", "form"):
        cpu, memory, wall = [], [], []
        with (
            tempfile.TemporaryDirectory() as cache,
            ours({"GLM_API_KEY": "a.key", "GLM_UPLOADS_MB": "10000", "GLM_CACHE_DIR": cache}) as server,
        ):
            send(server, kind, 0)  # what it loads for the first does not count
            for number in range(1, rounds + 1):
                before, began = server.cpu_s(), time.perf_counter()
                with Memory(server.process.pid) as used:
                    send(server, kind, number)
                wall.append(time.perf_counter() - began)
                cpu.append(server.cpu_s() - before)
                memory.append(used.above_idle / 1024 / 1024)
        print(f"     200 MB as {kind}: {statistics.median(wall):.2f} s")
        verdict(f"memory above idle, {kind}, most", max(memory), MEMORY_MB, " MB")
        verdict(f"CPU of the server, {kind}, median", statistics.median(cpu), CPU_S, " s")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
