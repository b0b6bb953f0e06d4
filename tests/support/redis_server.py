"""A Redis of the tests' own, on a socket in a folder of theirs; gone with the `with` block."""

from __future__ import annotations

import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest
from support.team_programs import needed

LIMIT_S = 10.0


class RedisServer:
    """It keeps nothing on disk: started again, it is empty."""

    def __init__(self, folder: Path) -> None:
        self.program = needed("redis")
        self.socket = folder / "redis.sock"
        self.url = f"unix://{self.socket}"
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process is not None:
            self.kill()

    def start(self) -> None:
        self.socket.unlink(missing_ok=True)
        command = [self.program, "--port", "0", "--unixsocket", str(self.socket), "--save", ""]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd=self.socket.parent
        )
        end = time.monotonic() + LIMIT_S
        while not self._listens():
            assert self.process.poll() is None, "redis-server did not start"
            assert time.monotonic() < end, "redis-server did not start in time"
            time.sleep(0.01)

    def _listens(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(str(self.socket)) == 0

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(LIMIT_S)
        self.process = None

    def follow(self) -> None:
        """It takes no writes any more, as the old master after a failover."""
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(self.socket))
            client.sendall(b"REPLICAOF 127.0.0.1 1\r\n")
            assert client.recv(100).startswith(b"+OK")

    def hang(self) -> None:
        """It answers nobody until `wake`."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """One for all tests that leave it alone: each takes names of its own."""
    with tempfile.TemporaryDirectory() as folder, RedisServer(Path(folder)) as server:
        yield server.url


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    """One that the test may end."""
    with tempfile.TemporaryDirectory() as folder, RedisServer(Path(folder)) as running:
        yield running
