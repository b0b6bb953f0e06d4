"""Processes of ours, forked from one that has loaded the libraries and the program: most of a start is loading them, and
the tests start hundreds of commands and servers.

No module of the program looks at the environment, the folder or the clock while it is loaded; what it does then is done
in each process, as `python -m glm_mcp` would. Where the loading is what is tested it is loaded anew.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

# Each connection asks for one process: its arguments, variables and folder, and whether it loads the program anew, with
# its stdin, stdout and stderr. Answered are its number and, at its end, its exit status.
FORKED = """
import atexit, contextlib, gc, importlib, json, os, pkgutil, runpy, select, socket, sys, threading, time
gc.disable()
import anyio, click, h11, httpcore, httpx, mcp, mcp.server.mcpserver, PIL.Image, platformdirs, pydantic, tomlkit, uvicorn
import anyio._backends._asyncio, uvicorn.lifespan.off, uvicorn.loops.asyncio, uvicorn.protocols.http.h11_impl
import PIL.ImageChops, PIL.ImageDraw, PIL.ImageSequence, PIL.PngImagePlugin, click._textwrap, click.shell_completion
import glm_mcp
for module in pkgutil.walk_packages(glm_mcp.__path__, "glm_mcp."):
    if not module.name.endswith("__main__"):
        with contextlib.suppress(ImportError):  # what is not installed
            importlib.import_module(module.name)
# What a process works out once, whatever it was started with: patterns that take long to compile, and schemas.
glm_mcp.cli.terminal.cells.wrapped("a", 1)
for tool in glm_mcp.server.app.TOOLS.values():
    tool.schema()
gc.freeze()
listening = socket.socket(fileno=int(sys.argv[1]))
running = {}
pid = -1
while pid:
    for ready in select.select([0, listening, *running], [], [])[0]:
        if ready == 0:
            sys.exit()
        if ready is listening:
            asked = listening.accept()[0]
            request, given, _, _ = socket.recv_fds(asked, 1_000_000, 3)
            pid = os.fork()
            if not pid:
                break
            for number in given:
                os.close(number)
            running[os.pidfd_open(pid)] = pid, asked
            said = pid
        else:
            os.close(ready)
            ended, asked = running.pop(ready)
            said = os.waitstatus_to_exitcode(os.waitpid(ended, 0)[1])
        try:
            asked.send(str(said).encode())
        except OSError:
            pass
for number, one in enumerate(given):
    os.dup2(one, number)
listening.detach(), asked.detach(), [asked.detach() for _, asked in running.values()]
os.closerange(3, 1_000)
arguments, variables, folder, anew = json.loads(request)
for name in [name for name in sys.modules if anew and name.partition(".")[0] == "glm_mcp"]:
    del sys.modules[name]
os.environ.clear()
os.environ.update(variables)
sys.dont_write_bytecode = "PYTHONDONTWRITEBYTECODE" in variables
time.tzset()
os.chdir(folder)
sys.path[0] = folder
sys.argv[1:] = arguments
gc.enable()
code = None
try:
    runpy.run_module("glm_mcp", run_name="__main__", alter_sys=True)
except SystemExit as left:
    if not isinstance(left.code, int | None):
        raise
    code = left.code
# As Python ends, but for taking the modules apart, for which the memory shared with the starter is copied page by page.
threading._shutdown()
atexit._run_exitfuncs()
gc.collect()  # what was left open, or never waited for, says so
try:
    sys.stdout.flush(), sys.stderr.flush()
except OSError:
    sys.exit(code)
os._exit((code or 0) & 255)
"""
# The same for whoever starts a program of ours by its name, as a shell and a client do.
PROGRAM = """
import json, os, signal, socket, sys
asked = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
asked.connect(bytes.fromhex(sys.argv[1]))
request = json.dumps([sys.argv[2:], dict(os.environ), os.getcwd(), False]).encode()
socket.send_fds(asked, [request], [0, 1, 2])
pid = int(asked.recv(20))
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda number, _: os.kill(pid, number))
code = int(asked.recv(20))
sys.exit(code if code >= 0 else 128 - code)
"""
START_S = 50  # for the libraries to be loaded, once; no command's own time


def can_fork(env: Mapping[str, str] | None) -> bool:
    """Whether a forked process is as one started with these variables. Python reads its own and the locale's once; whether
    to write bytecode can be set later, and what stands in for libraries of workers, who start anew, is read by them.
    """
    read_once = ("PYTHON", "LC_", "LANG", "COV")
    return (
        sys.platform == "linux"
        and "coverage" not in sys.modules
        and env is not None
        and not any(
            name.startswith(read_once) and name != "PYTHONDONTWRITEBYTECODE" and not _for_workers(name, value)
            for name, value in env.items()
        )
    )


def _for_workers(name: str, value: str) -> bool:
    return name == "PYTHONPATH" and [path.name for path in Path(value).glob("*.py")] == ["liteparse.py"]


@functools.cache
def _starter() -> bytes:
    """Where the process that is forked listens. It ends with this one."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind("")  # a name that Linux chooses, and no file
        listening.listen()
        address: bytes = listening.getsockname()
        process = subprocess.Popen(
            [sys.executable, "-c", FORKED, str(listening.fileno())],
            env={"PATH": os.environ["PATH"]},
            pass_fds=[listening.fileno()],
            stdin=subprocess.PIPE,  # pipes, as a command has them: what Python has found out of them is kept
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    atexit.register(process.communicate, timeout=60)
    return address


class Forked:
    """A process of ours, with what the tests use of `subprocess.Popen`."""

    def __init__(
        self,
        arguments: Sequence[str],
        env: Mapping[str, str],
        cwd: Path | None,
        stdin: Any,
        *,
        stdout: int | None = None,
        anew: bool = False,
    ) -> None:
        self.args = arguments
        self.returncode: int | None = None
        its_in, into = os.pipe() if stdin == subprocess.PIPE else (_readable(stdin), None)
        out, its_out = os.pipe() if stdout is None else (None, os.dup(stdout))
        err, its_err = os.pipe()
        self.stdin = None if into is None else os.fdopen(into, "w", encoding="utf-8")
        self.stdout = None if out is None else os.fdopen(out, encoding="utf-8")
        self.stderr = os.fdopen(err, encoding="utf-8")
        self._asked = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._asked.settimeout(START_S)
        self._asked.connect(_starter())
        request = json.dumps([arguments, dict(env), str(cwd or Path.cwd()), anew]).encode()
        socket.send_fds(self._asked, [request], [its_in, its_out, its_err])
        for number in (its_in, its_out, its_err):
            os.close(number)
        self.pid = int(self._asked.recv(20))

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            self._asked.settimeout(timeout)
            try:
                self.returncode = int(self._asked.recv(20))
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired(self.args, timeout or 0) from None
            self._asked.close()
        return self.returncode

    def poll(self) -> int | None:
        with suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):  # ended just now
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def _readable(stdin: Any) -> int:
    if stdin == subprocess.DEVNULL:
        return os.open(os.devnull, os.O_RDONLY)
    return os.dup(stdin if isinstance(stdin, int) else stdin.fileno())


def program(folder: Path, env: Mapping[str, str]) -> str:
    """A `glm-mcp` in a folder: it starts a process that is forked, where it is called with such variables and that makes
    no difference.
    """
    command = [sys.executable, "-m", "glm_mcp"]
    if can_fork(env):
        command = [sys.executable, "-ISc", PROGRAM, _starter().hex()]
    path = folder / "glm-mcp"
    path.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n', encoding="utf-8")
    path.chmod(0o700)
    return str(path)


def forked(
    command: Sequence[str],
    env: Mapping[str, str],
    cwd: Path | None,
    limit_s: float,
    text: str | None = None,
    stdin: Any = subprocess.DEVNULL,
) -> subprocess.CompletedProcess[str]:
    """What a command did whose arguments follow `python -m glm_mcp`; `text` is piped in. Raises subprocess.TimeoutExpired."""
    process = Forked(command[3:], env, cwd, stdin if text is None else subprocess.PIPE)
    with ThreadPoolExecutor(3) as threads:
        said = [threads.submit(_all_of, pipe) for pipe in (process.stdout, process.stderr) if pipe]
        written = threads.submit(_write, process.stdin, text or "")
        try:
            code = process.wait(limit_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
    written.result()
    return subprocess.CompletedProcess(command, code, *(one.result() for one in said))


def _all_of(pipe: IO[str]) -> str:
    with pipe:
        return pipe.read()


def _write(pipe: IO[str] | None, text: str) -> None:
    if pipe:
        with suppress(BrokenPipeError), pipe:
            pipe.write(text)
