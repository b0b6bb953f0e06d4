"""How a worker starts, the server's side: forked from the clean process of `worker_forks`, or as a Python of its own.

Forked where that is safe: on Linux. macOS has system libraries that do not survive a fork, Windows has none.
"""

from __future__ import annotations

import atexit
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from typing import IO, Protocol

import anyio
import anyio.lowlevel
from anyio.abc import Process

from glm_mcp.glm.threads import in_thread
from glm_mcp.media.worker_child import LEFT, SAID

FORKS = sys.platform == "linux"
_CHUNK = 1 << 20
_PATIENCE_S = 2.0  # with the clean process, which answers in milliseconds when it is well

# What a Python, its libraries and temporary files need; the rest of the environment (keys, HOME) stays here.
_PASSED = (
    *("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR"),
    *("PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"),
    *("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX"),
)

# -P keeps the working folder, which may be a stranger's repository, off the module path. The parent's own path is
# appended, so that the child finds the package wherever the parent found it, and never before the standard library.
_BOOT = (
    "import os, sys; "
    "sys.path.extend(p for p in os.environ['GLM_WORKER_PATH'].split(os.pathsep) if p not in sys.path); "
    "from glm_mcp.media.{} import main; main()"
)


class NotStarted(Exception):
    """No worker came to be; its words are what the clean process said at its end."""


class Worker(Protocol):
    """A process with one job."""

    @property
    def stdout(self) -> AsyncIterable[bytes]: ...
    @property
    def stderr(self) -> AsyncIterable[bytes]: ...
    async def wait(self) -> tuple[int, int]:
        """Its exit code (of a signal, the negative number), and the most memory it held, in KB; 0: not known."""

    async def leave(self) -> None:
        """Its result has come. A forked one ends while nobody waits for it but the next job."""

    def kill(self) -> None:
        """Ends it and what it started; nothing when it has ended."""


def _environment() -> dict[str, str]:
    passed = {name: os.environ[name] for name in _PASSED if name in os.environ}
    paths = os.pathsep.join(p for p in sys.path if p)
    # Fewer malloc arenas: each reserves 64 MiB of the address space that the memory limit counts.
    return {**passed, "GLM_WORKER_PATH": paths, "MALLOC_ARENA_MAX": "2"}


def _command(module: str) -> list[str]:
    return [sys.executable, "-P", "-X", "utf8", "-c", _BOOT.format(module)]


class _Spawned:
    """A Python of its own."""

    def __init__(self, process: Process) -> None:
        assert process.stdout  # noqa: S101 - they were asked for
        assert process.stderr  # noqa: S101
        self._process = process
        self.stdout, self.stderr = process.stdout, process.stderr

    async def wait(self) -> tuple[int, int]:
        return await self._process.wait(), 0

    async def leave(self) -> None:
        await self.wait()

    def kill(self) -> None:
        with suppress(ProcessLookupError, PermissionError):  # already gone
            if sys.platform == "win32":
                self._process.kill()
            else:
                os.killpg(self._process.pid, signal.SIGKILL)


@asynccontextmanager
async def spawned(spec: str, file: IO[bytes]) -> AsyncIterator[Worker]:
    """A worker with this job; killed at the end, and no zombie is left, also when we are cancelled."""
    process = await anyio.open_process(
        _command("worker_child"),
        stdin=file.fileno(),
        env={**_environment(), "GLM_WORKER_JOB": spec},
        start_new_session=True,
    )
    worker = _Spawned(process)
    try:
        yield worker
    finally:
        worker.kill()
        with anyio.CancelScope(shield=True):
            await process.wait()
            await process.aclose()


class _Forks:
    """The clean process, from outside."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        self._control, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
        self._control.setblocking(False)
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - this Python
                _command("worker_forks"),
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=environment,
                start_new_session=True,
            )

    def runs(self) -> bool:
        return self._process.poll() is None

    def send(self, *fds: int) -> None:
        """Raises OSError when it has gone, or is stuck with earlier ones."""
        if sys.platform != "linux":  # FORKS
            raise NotImplementedError
        socket.send_fds(self._control, [b"j"], fds)

    def last_words(self) -> str:
        """What it said of its own end; nothing when it goes on. Blocks for a moment."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(0.5)
            return self.close()
        return ""

    def leave(self) -> None:
        """It goes when its last worker has."""
        self._control.close()

    def kill(self) -> None:  # its workers go with it
        self._process.kill()

    def close(self) -> str:
        """Ends it, and its workers; what it said of its own end. Blocks, for a second where it will not go."""
        self.leave()
        try:
            said = self._process.communicate(timeout=1)[1]
        except subprocess.TimeoutExpired:
            self.kill()
            said = self._process.communicate()[1]
        return said.decode("utf-8", "replace")


class _Shared:
    """The one clean process of this process. Applications in it share that as they share its cores."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._forks: _Forks | None = None
        self._left: list[_Forks] = []
        atexit.register(self.close)

    def get(self) -> _Forks:
        """Started, or started again when it has ended or the environment it should have is another. Takes a moment."""
        environment = _environment()
        with self._lock:
            if self._forks and self._forks.runs() and self._forks.environment == environment:
                return self._forks
            self._let_go()
            for forks in [f for f in self._left if not f.runs()]:
                forks.close()
                self._left.remove(forks)
            self._forks = _Forks(environment)
            return self._forks

    def drop(self, forks: _Forks) -> None:
        """Not to be given again: it has ended, or starts no worker."""
        with self._lock:
            if self._forks is forks:
                self._let_go()

    def _let_go(self) -> None:
        if self._forks:
            self._forks.leave()
            self._left.append(self._forks)
            self._forks = None

    def close(self) -> None:
        for forks in (*self._left, *([self._forks] if self._forks else [])):
            forks.close()


_shared = _Shared()


class _Pipe:
    """What comes out of a pipe, in pieces."""

    def __init__(self, made: ExitStack) -> None:
        self._fd, self.other_end = os.pipe()
        made.callback(os.close, self._fd)
        made.callback(os.close, self.other_end)
        if sys.platform == "linux":  # FORKS
            import fcntl

            os.set_blocking(self._fd, False)
            with suppress(OSError):  # a user may have only so much of this
                fcntl.fcntl(self._fd, fcntl.F_SETPIPE_SZ, _CHUNK)

    def __aiter__(self) -> _Pipe:
        return self

    async def __anext__(self) -> bytes:
        await anyio.lowlevel.checkpoint()
        while True:
            try:
                piece = os.read(self._fd, _CHUNK)
            except BlockingIOError:
                await anyio.wait_readable(self._fd)
                continue
            if not piece:
                raise StopAsyncIteration
            return piece

    def close(self) -> None:
        os.close(self._fd)


class _Forked:
    def __init__(self, forks: _Forks) -> None:
        self.forks = forks
        with ExitStack() as made:  # a process that may open no more files keeps none of them
            self.stdout, self.stderr = _Pipe(made), _Pipe(made)
            self._channel, self._theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
            made.pop_all()
        self._channel.setblocking(False)
        self._pid: int | None = None
        self._ended: tuple[int, int] | None = None

    async def start(self, spec: str, file: IO[bytes]) -> bool:
        """Whether a worker came to be."""
        theirs = (self.stdout.other_end, self.stderr.other_end)
        try:
            self._channel.send(spec.encode())
            self.forks.send(self._theirs.fileno(), file.fileno(), *theirs)
        except OSError:
            return False
        finally:
            self._theirs.close()
            for fd in theirs:
                os.close(fd)
        self._pid, _ = await self._hear() or (None, 0)
        return self._pid is not None

    async def wait(self) -> tuple[int, int]:
        if sys.platform != "linux":  # FORKS
            raise NotImplementedError
        self._ended = self._ended or await self._hear()
        if self._ended is None:
            # The clean process was killed, and with it its worker, but not what that has started.
            self._ended = -signal.SIGKILL, 0
            if self._pid:  # 0 would be our own group
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._pid, signal.SIGKILL)
        return self._ended

    async def leave(self) -> None:
        with suppress(OSError):
            self._channel.send(LEFT)
        self._ended = 0, 0

    def kill(self) -> None:
        with suppress(OSError):
            self._channel.shutdown(socket.SHUT_WR)

    async def _hear(self) -> tuple[int, int] | None:
        while True:
            try:
                data = self._channel.recv(SAID.size)
            except BlockingIOError:
                await anyio.wait_readable(self._channel)
            except OSError:
                return None
            else:
                return SAID.unpack(data) if len(data) == SAID.size else None

    async def end(self) -> None:
        """Killed and gone, also when we are cancelled; or left to the clean process."""
        with anyio.CancelScope(shield=True):
            self.kill()
            with anyio.move_on_after(_PATIENCE_S) as late:
                while self._ended is None and await self._hear() is not None:
                    pass
            if late.cancelled_caught:
                self.forks.kill()
        for end in (self._channel, self.stdout, self.stderr):
            end.close()


@asynccontextmanager
async def forked(spec: str, file: IO[bytes]) -> AsyncIterator[Worker]:
    """A worker with this job, as of `spawned`. Raises NotStarted."""
    for again in (True, False):  # a clean process that was killed, or went for want of work, is started anew
        worker = _Forked(forks := _shared.get())
        try:
            if await worker.start(spec, file):
                yield worker
                return
        finally:
            await worker.end()
        _shared.drop(forks)
        if not again:
            raise NotStarted(await in_thread(forks.last_words))
