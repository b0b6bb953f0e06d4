"""A server on the other end of two pipes, spoken to in plain JSON lines, so that the client costs next to nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Self

HERE = Path(__file__).parent


class Server:
    """Starts a server and speaks the 2025-11-25 protocol. Times in seconds."""

    def __init__(self, command: list[str], env: dict[str, str] | None = None) -> None:
        self.started = time.perf_counter()
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **(env or {})},
        )
        self._next = 0

    def send(self, method: str, params: dict[str, Any] | None = None, *, notify: bool = False) -> int:
        message: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "params": params or {}}
        if not notify:
            self._next += 1
            message["id"] = self._next
        assert self.process.stdin
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()
        return self._next

    def receive(self) -> dict[str, Any]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("the server went away")
        found: dict[str, Any] = json.loads(line)
        return found

    def ask(self, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        ident = self.send(method, params)
        while True:
            answer = self.receive()
            if answer.get("id") == ident:
                if "error" in answer:
                    raise RuntimeError(answer["error"])
                found: dict[str, Any] = answer["result"]
                return found

    def open(self) -> Self:
        info = {"name": "benchmark", "version": "1"}
        self.ask("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": info})
        self.send("notifications/initialized", notify=True)
        return self

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        try:
            self.process.wait(5)
        finally:
            self.process.kill()

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(self, *_: object) -> None:
        self.close()


def ours(env: dict[str, str] | None = None) -> Server:
    return Server([sys.executable, "-m", "glm_mcp"], env)


def bare(env: dict[str, str] | None = None) -> Server:
    return Server([sys.executable, str(HERE / "bare_server.py")], env)


class Upstream:
    """The simulator in a process of its own, so that it shares no interpreter with what is measured."""

    def __init__(self, *, first_byte_s: float = 0.0, concurrency: int = 1000) -> None:
        code = (
            "from glm_mcp.simulator import serve, Switches\n"
            f"serve(switches=Switches(concurrency={concurrency}, first_byte_s={first_byte_s}, keep=10),"
            " ready=lambda s: print(s.url, s.key, flush=True))"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )
        assert self.process.stdout
        self.url, self.key = self.process.stdout.readline().split()

    @property
    def env(self) -> dict[str, str]:
        return {"GLM_BASE_URL": self.url, "GLM_API_KEY": self.key, "BARE_URL": self.url, "BARE_KEY": self.key}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        threading.Timer(3, self.process.kill).start()
        self.process.wait()
