"""The server as a process of its own: over stdio in raw JSON-RPC, and over HTTP. Every wait has a limit."""

from __future__ import annotations

import io
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from support import canary, commands

from glm_mcp.simulator import Simulator

GRACE_S = 2.0  # for a server to leave by itself, with what it has to say of itself written
LIMIT_S = 40.0  # for any one answer; the machine may be slow, and busy with other things
VERSIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
COMMAND = (sys.executable, "-m", "glm_mcp")


def environment(home: Path, sim: Simulator | None = None, /, **variables: str) -> dict[str, str]:
    """What a host passes: little, and a home folder of its own. With `sim`: its address and key."""
    home.mkdir(parents=True, exist_ok=True)
    passed = {n: v for n, v in os.environ.items() if n == "PATH" or n.startswith("COV")}
    service = {"GLM_BASE_URL": sim.url, "GLM_API_KEY": sim.key} if sim else {}
    return {**passed, "HOME": str(home), "GLM_LANG": "en", **service, **variables}


def ran(
    command: Sequence[str],
    env: dict[str, str] | None = None,
    cwd: Path | None = None,
    *,
    limit_s: float = LIMIT_S,
    **given: Any,
) -> subprocess.CompletedProcess[str]:
    """A command to its end. Tests start their processes by this or by `Process`, so that what comes out is looked at.

    One of ours is forked (support/commands.py) where that makes no difference.
    """
    if tuple(command[:3]) == COMMAND and commands.can_fork(env) and given.keys() <= {"input", "stdin"}:
        canary.saw("command line", repr(command))
        stdin = given.get("stdin", subprocess.DEVNULL)
        return _looked_at(commands.forked(command, env or {}, cwd, limit_s, given.get("input"), stdin))
    options = {"capture_output": True, "encoding": "utf-8", "check": False, **given}
    if "input" not in given:
        options.setdefault("stdin", subprocess.DEVNULL)
    done = subprocess.run(command, env=env, cwd=cwd, timeout=limit_s, **options)  # noqa: PLW1510 - in the options
    return _looked_at(done)


def _looked_at(done: subprocess.CompletedProcess[str]) -> subprocess.CompletedProcess[str]:
    for name in ("stdout", "stderr"):
        canary.saw(f"{name} of {done.args[-1]}", getattr(done, name) or "")
    return done


class Lines:
    """The lines of a pipe, read by a thread, so that waiting for one can be given up."""

    def __init__(self, pipe: IO[str]) -> None:
        self.seen: list[str] = []
        self._queue: queue.Queue[str | None] = queue.Queue()
        self._thread = threading.Thread(target=self._read, args=(pipe,), daemon=True)
        self._thread.start()

    def _read(self, pipe: IO[str]) -> None:
        with pipe:
            for line in pipe:
                self.seen.append(line)
                canary.saw("output of a server", line)
                self._queue.put(line)
        self._queue.put(None)

    def next(self, limit_s: float = LIMIT_S) -> str | None:
        """The next line; None at the end. Raises queue.Empty when there is none in time."""
        line = self._queue.get(timeout=limit_s)
        if line is None:
            self._queue.put(None)
        return line

    def rest(self) -> str:
        """Everything, once the writer has gone."""
        self._thread.join(LIMIT_S)
        assert not self._thread.is_alive()
        return "".join(self.seen)


class Process:
    """A command of ours that is killed at the end of the `with` block, whatever happened."""

    def __init__(
        self,
        env: dict[str, str],
        cwd: Path,
        *args: str,
        stdin: int = subprocess.PIPE,
        stdout: int | None = None,
        command: Sequence[str] = COMMAND,
        anew: bool = False,
    ) -> None:
        """Forked, as by `ran`, where that makes no difference. `stdout`: where it writes to instead of to `out`. `anew`: it
        loads the program for itself.
        """
        self.popen: subprocess.Popen[str] | commands.Forked
        if command == COMMAND and commands.can_fork(env):
            canary.saw("command line", repr(args))
            self.popen = commands.Forked(args, env, cwd, stdin, stdout=stdout, anew=anew)
        else:
            self.popen = subprocess.Popen(
                [*command, *args],
                stdin=stdin,
                stdout=subprocess.PIPE if stdout is None else stdout,
                stderr=subprocess.PIPE,
                env=env,
                cwd=cwd,
                encoding="utf-8",
            )
        assert self.popen.stderr
        self.out, self.err = Lines(self.popen.stdout or io.StringIO()), Lines(self.popen.stderr)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        canary.look_at_process(self.popen.pid)
        self.popen.terminate()
        try:
            self.popen.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait(LIMIT_S)
        self.out.rest()
        self.err.rest()
        if self.popen.stdin:
            with suppress(BrokenPipeError):
                self.popen.stdin.close()

    def end(self) -> float:
        """Closes stdin; the seconds until the process has gone."""
        assert self.popen.stdin
        started = time.monotonic()
        self.popen.stdin.close()
        self.popen.wait(LIMIT_S)
        return time.monotonic() - started

    def signal(self, number: signal.Signals) -> float:
        """Sends a signal; the seconds until the process has gone."""
        started = time.monotonic()
        self.popen.send_signal(number)
        self.popen.wait(LIMIT_S)
        return time.monotonic() - started

    def workers(self) -> list[int]:
        """As `workers` of its pid."""
        return workers(self.popen.pid)


class Stdio(Process):
    """A server over stdio, spoken to as a host without any library would."""

    def __init__(
        self, env: dict[str, str], cwd: Path, *args: str, command: Sequence[str] = COMMAND, anew: bool = False
    ) -> None:
        super().__init__(env, cwd, *args, command=command, anew=anew)
        self.heard: list[dict[str, Any]] = []
        self._last = 0

    def send(self, method: str, params: dict[str, Any] | None = None, **more: Any) -> None:
        self.write(json.dumps({"jsonrpc": "2.0", "method": method, "params": params or {}, **more}))

    def write(self, line: str) -> None:
        assert self.popen.stdin
        self.popen.stdin.write(line + "\n")
        self.popen.stdin.flush()

    def start(self, method: str, params: dict[str, Any] | None = None) -> int:
        """Sends a request; its id."""
        self._last += 1
        self.send(method, params, id=self._last)
        return self._last

    def answer(self, ident: int) -> dict[str, Any]:
        """The whole answer to a request, whichever came first of several; what else comes is in `heard`."""
        while True:
            for message in self.heard:
                if message.get("id") == ident and "method" not in message:
                    self.heard.remove(message)
                    return message
            line = self.out.next()
            assert line is not None, "".join(self.err.seen)
            self.heard.append(json.loads(line))

    def request(self, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        return self.answer(self.start(method, params))

    def initialize(self, version: str = "2025-06-18", name: str = "a-client") -> dict[str, Any]:
        about = {
            "protocolVersion": version,
            "capabilities": {},
            "clientInfo": {"name": name, "version": "1"},
        }
        found = self.request("initialize", about)
        self.send("notifications/initialized")
        return dict(found["result"])

    def start_call(self, tool: str, arguments: dict[str, Any], token: str | None = None) -> int:
        meta = {"_meta": {"progressToken": token}} if token else {}
        return self.start("tools/call", {"name": tool, "arguments": arguments, **meta})

    def call(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        found = self.answer(self.start_call(tool, arguments))
        assert "result" in found, found
        return dict(found["result"])


def said(result: dict[str, Any]) -> str:
    """All text of a result as it is on the wire."""
    return "\n".join(block["text"] for block in result["content"] if block["type"] == "text")


def workers(pid: int) -> list[int]:
    """What a server has started for a job: the process that workers are forked from, and the workers; nothing before
    there is one (Linux).
    """
    clean = _children(pid)
    forked = [worker for one in clean for worker in _children(one)]
    return [*clean, *forked] if forked else []


def _children(pid: int) -> list[int]:
    try:
        path = Path(f"/proc/{pid}/task/{pid}/children")
        return [int(word) for word in path.read_text(encoding="ascii").split()]
    except OSError:
        return []


def gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody has waited for has."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state == "Z"


def until(condition: Any, limit_s: float = LIMIT_S) -> Any:
    """Asks until something true comes back. For what no event tells: another process's children."""
    end = time.monotonic() + limit_s
    while not (found := condition()):
        assert time.monotonic() < end, "it did not come to that in time"
        time.sleep(0.01)
    return found


def stuck_reader(folder: Path) -> dict[str, str]:
    """Makes paper.pdf in `folder`. With the variables given back, the child that reads it waits until it is killed."""
    from support import made_documents

    (folder / "paper.pdf").write_bytes(made_documents.pdf([made_documents.lines(["Words."])]))
    stuck = folder / "stuck"
    stuck.mkdir()
    (stuck / "liteparse.py").write_text("import time\n\ntime.sleep(600)\n", encoding="utf-8")
    return {"PYTHONPATH": str(stuck)}


KEPT = "0123456789abcdef01234567"


@contextmanager
def unreadable_result(home: Path, owner: str) -> Iterator[str]:
    """The URI of an owner's kept result at which a thread of the server waits in `open`, as on a dead file system (Linux).

    The lease holds whoever opens the file up until this block ends, or for 45 s.
    """
    import fcntl

    folder = home / ".cache" / "glm-mcp" / "outputs" / owner
    folder.mkdir(parents=True, mode=0o700)
    for above in (folder.parent, folder.parent.parent):
        above.chmod(0o700)
    file = folder / f"{KEPT}.result.md"
    file.write_text("kept", encoding="utf-8")
    before = signal.signal(signal.SIGIO, signal.SIG_IGN)  # how the kernel says that somebody waits
    held = os.open(file, os.O_RDWR)
    try:
        fcntl.fcntl(held, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        yield f"glm://outputs/{KEPT}"
    finally:
        os.close(held)
        signal.signal(signal.SIGIO, before)


@contextmanager
def over_http(env: dict[str, str], cwd: Path, args: Sequence[str] = ()) -> Iterator[tuple[str, Process]]:
    """A server over HTTP on a free port: its address (without /mcp) and the process."""
    with Process(env, cwd, "serve", "--http", "--port", "0", *args, stdin=subprocess.DEVNULL) as process:
        line: str | None = ""
        while line is not None and "serves at http://" not in line:  # a warning may come before
            line = process.err.next()
        assert line, "".join(process.err.seen)
        yield line.partition("serves at ")[2].partition("/mcp")[0], process
