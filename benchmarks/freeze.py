"""How long the server is silent while it is given what is too large: the longest time that a ping waits, over stdio and HTTP.

    python benchmarks/freeze.py [--only WORDS] [--rounds 2]

Bounds: no ping waits 100 ms longer than the longest beside an ordinary call of the same run, not counting the time in which the
machine ran other processes (the better of the rounds counts); a call ends 0.3 s after its deadline at the latest; the process ends 1 s after the end of
stdin. Exit status 1 where one is broken.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from freeze_inputs import BASELINE, INPUTS, Input

HERE = Path(__file__).parent
BOUND_S = 0.1
DEADLINE_S = 15.0
LATE_S = 0.3
GRACE_S = 0.5  # that a call has for its own words about its deadline
END_S = 1.0
VERSION = "2025-06-18"
TOKEN = "a-token-of-the-benchmark"  # noqa: S105 - of a server that lives for seconds
CALL = 2  # its id
ABOUT = {
    "protocolVersion": VERSION,
    "capabilities": {},
    "clientInfo": {"name": "freeze", "version": "1"},
}


def packed(message: dict[str, Any]) -> bytes:
    return json.dumps({"jsonrpc": "2.0", **message}).encode()


class Stdio:
    def __init__(self, env: dict[str, str], folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "glm_mcp"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=env,
            cwd=folder,
        )
        self._answers: dict[int, dict[str, Any]] = {}
        self._arrived = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()
        self.ask(1, "initialize", ABOUT)
        self.write(packed({"method": "notifications/initialized"}))

    def write(self, message: bytes) -> None:
        assert self.process.stdin
        self.process.stdin.write(message + b"\n")
        self.process.stdin.flush()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            message = json.loads(line)
            with self._arrived:
                self._answers[message.get("id")] = message
                self._arrived.notify_all()

    def answered(self, ident: int, seconds: float) -> dict[str, Any] | None:
        with self._arrived:
            self._arrived.wait_for(lambda: ident in self._answers, seconds)
            return self._answers.pop(ident, None)

    def ask(self, ident: int, method: str, params: dict[str, Any]) -> dict[str, Any]:
        self.write(packed({"id": ident, "method": method, "params": params}))
        return self._answer(ident, method)

    def _answer(self, ident: int, method: str) -> dict[str, Any]:
        answer = self.answered(ident, 60)
        assert answer is not None, f"{method} was not answered"
        return answer

    def call(self, request: bytes) -> dict[str, Any]:
        self.write(request)
        return self._answer(CALL, "tools/call")

    def loaded(self) -> None:
        """Returns when the program is there, which takes longer than the answers that are recorded."""
        self.ask(3, "resources/read", {"uri": "glm://models"})

    def ping(self, number: int) -> float:
        """The seconds from when the pipe has taken it: what stands before it in the pipe is no silence of the server."""
        self.write(packed({"id": 1000 + number, "method": "ping", "params": {}}))
        asked = time.monotonic()
        self._answer(1000 + number, "ping")
        return time.monotonic() - asked

    def close(self) -> float:
        """Ends stdin; the seconds until the process has gone."""
        assert self.process.stdin
        began = time.monotonic()
        self.process.stdin.close()
        try:
            self.process.wait(30)
        finally:
            self.process.kill()
        return time.monotonic() - began


class Http:
    def __init__(self, env: dict[str, str], folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "glm_mcp", "serve", "--http", "--port", "0"],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            # Without a token no folder is read over HTTP.
            env={**env, "GLM_ALLOWED_DIRS": str(folder), "GLM_HTTP_TOKEN": TOKEN},
            cwd=folder,
            encoding="utf-8",
        )
        assert self.process.stderr
        line = self.process.stderr.readline()
        self._place = urlsplit("http" + line.partition(" at http")[2].split()[0])
        threading.Thread(target=self.process.stderr.read, daemon=True).start()
        self._session = ""
        self._pings = self._connection()
        self._post(self._pings, packed({"id": 1, "method": "initialize", "params": ABOUT}))
        self._post(self._pings, packed({"method": "notifications/initialized"}))

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self._place.hostname or "", self._place.port, timeout=60)

    def _post(self, connection: http.client.HTTPConnection, message: bytes) -> bytes:
        headers: dict[str, str] = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": VERSION,
            "Authorization": f"Bearer {TOKEN}",
        } | ({"Mcp-Session-Id": self._session} if self._session else {})
        connection.request("POST", "/mcp", message, headers)
        response = connection.getresponse()
        self._session = response.headers.get("Mcp-Session-Id") or self._session
        return response.read()

    def call(self, request: bytes) -> dict[str, Any]:
        answer = self._post(self._connection(), request)
        data = [line[5:] for line in answer.splitlines() if line.startswith(b"data:") and line[5:].strip()]
        return dict(json.loads(data[-1] if data else answer))

    def loaded(self) -> None:
        """It listens when it is."""

    def ping(self, number: int) -> float:
        asked = time.monotonic()
        self._post(self._pings, packed({"id": 1000 + number, "method": "ping"}))
        return time.monotonic() - asked

    def close(self) -> float:
        self.process.terminate()
        try:
            self.process.wait(30)
        finally:
            self.process.kill()
        return 0.0


def waits(pid: int) -> dict[str, float]:
    """Seconds that each thread of a process was ready to run while the machine ran others (Linux; elsewhere nothing)."""
    found: dict[str, float] = {}
    for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with contextlib.suppress(OSError):
            found[task.parent.name] = int(task.read_text(encoding="ascii").split()[1]) / 1e9
    return found


def measured(server: Stdio | Http, tool: str, arguments: dict[str, Any]) -> tuple[float, float, str]:
    """(the longest wait of a ping in seconds, seconds of the call, how the answer begins)."""
    done: dict[str, Any] = {}
    # Made before anything is measured: while Python writes 20 MB of JSON none of our own threads runs.
    request = packed({"id": CALL, "method": "tools/call", "params": {"name": tool, "arguments": arguments}})

    def call() -> None:
        try:
            done["answer"] = server.call(request)
        except (OSError, http.client.HTTPException, AssertionError, ValueError) as error:
            done["answer"] = {"error": {"message": f"no answer: {error!r}"}}

    thread = threading.Thread(target=call)
    began = time.monotonic()
    thread.start()
    worst, number = 0.0, 0
    while thread.is_alive() or not number:
        number += 1
        kept_waiting = waits(server.process.pid)
        silent = server.ping(number)
        after = waits(server.process.pid)
        others = max((after[t] - kept_waiting.get(t, 0.0) for t in after), default=0.0)
        worst = max(worst, silent - others)
        time.sleep(0.005)
    took = time.monotonic() - began
    answer = done["answer"]
    if "error" in answer:
        return worst, took, str(answer["error"]["message"])
    return worst, took, str(answer["result"]["content"][0]["text"]).split("\n", 1)[0]


@contextlib.contextmanager
def upstream() -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, str(HERE / "freeze_upstream.py")], stdout=subprocess.PIPE, encoding="utf-8"
    )
    assert process.stdout
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.kill()
        process.wait()


def environment(base: str, scenario: str, folder: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GLM_API_KEY": "0123456789abcdef0123456789abcdef.0123456789abcdef",
        "GLM_BASE_URL": f"{base}/{scenario}/v4",
        "GLM_DEADLINE_S": str(int(DEADLINE_S)),
        "GLM_LANG": "en",
        "GLM_IMAGE_MODEL": "cogview-3-flash",
    }


def once(kind: type[Stdio | Http], given: Input, base: str, folder: Path) -> tuple[float, float, float, str]:
    """(longest wait of a ping, seconds of the call, seconds until the process ended, how the answer begins)."""
    arguments = given.arguments(folder)
    server = kind(environment(base, given.upstream, folder), folder)
    try:
        server.loaded()
        worst, took, said = measured(server, given.tool, arguments)
    finally:
        ended = server.close()
    return worst, took, ended, said


def unread(base: str, folder: Path) -> float:
    """Seconds from the end of stdin to the end of a process whose stdout nobody reads, with thousands of requests before."""
    process = subprocess.Popen(
        [sys.executable, "-m", "glm_mcp"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment(base, "hello", folder),
        cwd=folder,
    )
    assert process.stdin
    lines = [json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": ABOUT})]
    lines += [json.dumps({"jsonrpc": "2.0", "id": n, "method": "tools/list"}) for n in range(2, 3_000)]
    whole = ("\n".join(lines) + "\n").encode()

    os.set_blocking(process.stdin.fileno(), False)  # the server takes no more than it can answer
    for _ in range(20):
        with contextlib.suppress(BlockingIOError):
            whole = whole[os.write(process.stdin.fileno(), whole) :]
        time.sleep(0.1)
    began = time.monotonic()
    process.stdin.close()
    try:
        process.wait(30)
    finally:
        process.kill()
    return time.monotonic() - began


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="", help="inputs whose name holds these words")
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    broken = 0
    with upstream() as base, tempfile.TemporaryDirectory() as temp:
        folder = Path(temp)
        allowed: dict[type[Stdio | Http], float] = {}
        for kind in (Stdio, Http):
            allowed[kind] = BOUND_S + max(once(kind, BASELINE, base, folder)[0] for _ in range(2))
        print(f"{'input':<46} {'stdio ms':>9} {'HTTP ms':>9} {'bound ms':>9} {'call s':>7} {'end s':>6}  ok")
        limits = f"{allowed[Stdio] * 1000:.0f}/{allowed[Http] * 1000:.0f}"
        for given in (BASELINE, *(i for i in INPUTS if options.only in i.name)):
            rounds = [[once(k, given, base, folder) for k in (Stdio, Http)] for _ in range(options.rounds)]
            (stdio, http_) = (min(r[i][0] for r in rounds) for i in (0, 1))
            took = min(max(row[1] for row in r) for r in rounds)
            ended = min(r[0][2] for r in rounds)
            ok = stdio <= allowed[Stdio] and http_ <= allowed[Http]
            ok = ok and took <= DEADLINE_S + GRACE_S + LATE_S and ended <= END_S
            broken += not ok
            print(
                f"{given.name:<46} {stdio * 1000:>9.0f} {http_ * 1000:>9.0f} {limits:>9} {took:>7.1f} {ended:>6.2f}"
                f"  {'yes' if ok else 'NO'}  {rounds[0][0][3][:60]}",
                flush=True,
            )
        if options.only in "a client that never reads":
            ended = min(unread(base, folder) for _ in range(options.rounds))
            broken += ended > END_S
            print(
                f"{'a client that never reads':<46} {'':>37} {ended:>6.2f}  {'yes' if ended <= END_S else 'NO'}"
            )
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
