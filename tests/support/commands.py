"""A command of ours to its end, in a process forked from one that has loaded the libraries: most of a start is loading
them, and a command that is tested for what it says is started some hundred times.

The program itself is loaded in each, in the environment and folder given, as `python -m glm_mcp` would. Servers, and
what is tested for how it starts, are started as a host does.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

FORKED = """
import gc, json, os, runpy, socket, sys, time
gc.disable()
import anyio, click, httpx, mcp, mcp.server.mcpserver, platformdirs, pydantic, tomlkit
gc.freeze()
asked = socket.socket(fileno=int(sys.argv[1]))
while True:
    request, given, _, _ = socket.recv_fds(asked, 1_000_000, 3)
    if not request:
        sys.exit()
    pid = os.fork()
    if not pid:
        break
    for number in given:
        os.close(number)
    asked.send(str(pid).encode())
    asked.send(str(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])).encode())
asked.close()
for number, one in enumerate(given):
    os.dup2(one, number)
    os.close(one)
arguments, variables, folder = json.loads(request)
os.environ.clear()
os.environ.update(variables)
time.tzset()
os.chdir(folder)
sys.path[0] = folder
sys.argv[1:] = arguments
gc.enable()
runpy.run_module("glm_mcp", run_name="__main__", alter_sys=True)
"""
START_S = 50  # for the libraries to be loaded, once; no command's own time
one_at_a_time = threading.Lock()


def can_fork(env: dict[str, str] | None) -> bool:
    """Whether a forked process is as one started with these variables. Python reads its own and the locale's once."""
    read_once = ("PYTHON", "LC_", "LANG", "COV")
    return (
        sys.platform == "linux"
        and "coverage" not in sys.modules
        and env is not None
        and not any(name.startswith(read_once) for name in env)
    )


@functools.cache
def _starter() -> socket.socket:
    """The connection to the process that is forked. It ends with the connection."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-c", FORKED, str(theirs.fileno())],
            env={"PATH": os.environ["PATH"]},
            pass_fds=[theirs.fileno()],
            stdin=subprocess.PIPE,  # pipes, as a command has them: what Python has found out of them is kept
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def end() -> None:
        ours.close()
        process.communicate(timeout=60)

    atexit.register(end)
    return ours


def forked(
    command: Sequence[str],
    env: dict[str, str],
    cwd: Path | None,
    limit_s: float,
    text: str | None,
) -> subprocess.CompletedProcess[str]:
    """What a command did whose arguments follow `python -m glm_mcp`; `text` is piped in, or nothing.

    The caller holds `one_at_a_time`. Raises subprocess.TimeoutExpired.
    """
    (out, its_out), (err, its_err) = os.pipe(), os.pipe()
    its_in, into = (os.open(os.devnull, os.O_RDONLY), None) if text is None else os.pipe()
    starter = _starter()
    with ThreadPoolExecutor(3) as threads:
        request = json.dumps([command[3:], env, str(cwd or Path.cwd())]).encode()
        socket.send_fds(starter, [request], [its_in, its_out, its_err])
        for number in (its_in, its_out, its_err):
            os.close(number)
        written = threads.submit(_write, into, text)
        said = [threads.submit(_read, number) for number in (out, err)]
        starter.settimeout(START_S)
        pid = int(starter.recv(100))
        starter.settimeout(limit_s)
        try:
            code = int(starter.recv(100))
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            starter.settimeout(None)
            starter.recv(100)
            raise subprocess.TimeoutExpired(command, limit_s) from None
        written.result()
        return subprocess.CompletedProcess(command, code, *(one.result() for one in said))


def _write(number: int | None, text: str | None) -> None:
    if number is None or text is None:
        return
    with suppress(BrokenPipeError), os.fdopen(number, "w", encoding="utf-8") as pipe:
        pipe.write(text)


def _read(number: int) -> str:
    with os.fdopen(number, encoding="utf-8") as pipe:
        return pipe.read()
