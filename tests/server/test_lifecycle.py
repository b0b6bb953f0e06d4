"""How it ends: its host asks, is killed or vanishes, and within a second nothing of it is left. How files appear: whole."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from support import made_documents
from support.busy import slowness, within
from support.cases import each
from support.processes import (
    COMMAND,
    LIMIT_S,
    Process,
    Stdio,
    environment,
    gone,
    said,
    stuck_reader,
    until,
    workers,
)

from glm_mcp.simulator import Fault, Simulator

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

WITHIN_S = 1.0
SLACK_S = 0.5  # for this test's own look at it, on a busy machine


def all_gone(pids: list[int]) -> bool:
    return all(gone(pid) for pid in pids)


@linux
@each("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_signal_ends_the_server_and_its_worker_within_a_second(
    number: signal.Signals, sim: Simulator, tmp_path: Path
) -> None:
    env = environment(tmp_path / "home", sim, **stuck_reader(tmp_path))
    with Stdio(env, tmp_path) as server:
        server.initialize()
        server.start_call("read_document", {"documents": "paper.pdf"})
        pids = until(server.workers)
        with within(WITHIN_S + SLACK_S):
            with within(WITHIN_S):
                server.signal(number)
            until(lambda: all_gone(pids))
    assert not sim.received


# A host in between: it starts the server, passes our pipes on, says the server's pid, and waits to be killed. With
# `keep` a child of its own inherits the writing end of the server's stdin, as happens with careless hosts.
_HOST = """
import os, subprocess, sys
keep, command = sys.argv[1] == "keep", sys.argv[2:]
server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=sys.stdout)
if keep:
    other = subprocess.Popen(["sleep", "60"], stdout=subprocess.DEVNULL, pass_fds=[server.stdin.fileno()])
    print(other.pid, file=sys.stderr, flush=True)
print(server.pid, file=sys.stderr, flush=True)
for line in sys.stdin.buffer:
    server.stdin.write(line)
    server.stdin.flush()
"""


@linux
@pytest.mark.parametrize("stdin", ["closed with it", "keep"])
def test_the_death_of_its_host_ends_the_server_and_its_worker_within_a_second(
    stdin: str, sim: Simulator, tmp_path: Path
) -> None:
    env = environment(tmp_path / "home", sim, **stuck_reader(tmp_path))
    host = subprocess.Popen(
        [sys.executable, "-c", _HOST, stdin, *COMMAND],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=env,
        cwd=tmp_path,
        encoding="utf-8",
    )
    assert host.stdin
    assert host.stdout
    assert host.stderr
    other = 0
    try:
        other = int(host.stderr.readline()) if stdin == "keep" else 0
        server = int(host.stderr.readline())
        about = {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "x", "version": "1"},
        }
        call = {"name": "read_document", "arguments": {"documents": "paper.pdf"}}
        for message in (
            {"id": 1, "method": "initialize", "params": about},
            {"method": "notifications/initialized"},
            {"id": 2, "method": "tools/call", "params": call},
        ):
            host.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
            host.stdin.flush()
        pids = until(lambda: workers(server))
        host.kill()
        host.wait(LIMIT_S)
        with within(WITHIN_S + SLACK_S):
            until(lambda: all_gone([server, *pids]))
    finally:
        host.kill()
        host.wait(LIMIT_S)
        if other:
            os.kill(other, signal.SIGKILL)
        for pipe in (host.stdin, host.stdout, host.stderr):
            pipe.close()
    assert not sim.received


CONNECT = ("connect", "http://127.0.0.1:9")  # where nobody is


@linux
@pytest.mark.parametrize("arguments", [(), CONNECT], ids=["the server", "connect"])
def test_the_end_of_stdin_ends_it_although_nobody_reads_its_answers(
    arguments: tuple[str, ...], sim: Simulator, tmp_path: Path
) -> None:
    unread, output = os.pipe()
    with Process(environment(tmp_path / "home", sim), tmp_path, *arguments, stdout=output) as process:
        os.close(output)
        assert process.popen.stdin
        process.popen.stdin.write("x\n" * 8_000)  # each is refused, in more bytes than a pipe holds of all
        process.end()
        assert process.popen.returncode == 0
    os.close(unread)


@linux
def test_the_death_of_its_host_ends_connect_although_its_stdin_lives_on(tmp_path: Path) -> None:
    host = subprocess.Popen(
        [sys.executable, "-c", _HOST, "keep", *COMMAND, *CONNECT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(tmp_path / "home"),
        cwd=tmp_path,
        encoding="utf-8",
    )
    assert host.stdin
    assert host.stdout
    assert host.stderr
    others = [int(host.stderr.readline()), int(host.stderr.readline())]
    try:
        host.stdin.write('{"jsonrpc":"2.0","id":1,"method":"ping"}\n')
        host.stdin.flush()
        assert '"result"' in host.stdout.readline()
        host.kill()
        host.wait(LIMIT_S)
        until(lambda: gone(others[1]))
    finally:
        host.kill()
        host.wait(LIMIT_S)
        for pid in others:
            if not gone(pid):
                os.kill(pid, signal.SIGKILL)
        for pipe in (host.stdin, host.stdout, host.stderr):
            pipe.close()


# A launcher: it starts the server on its own pipes, says the server's pid, and leaves when it is told to.
_LAUNCHER = """
import signal, subprocess, sys
print(subprocess.Popen(sys.argv[1:]).pid, file=sys.stderr, flush=True)
signal.pause()
"""
LONG_ENOUGH_S = 1.2  # for the server to notice that its parent has gone, and to go too


@contextmanager
def launched(sim: Simulator, tmp_path: Path) -> Iterator[tuple[Stdio, int]]:
    """A server that a launcher has started, and its pid; the process of the block is the launcher."""
    command = (sys.executable, "-c", _LAUNCHER, *COMMAND)
    with Stdio(environment(tmp_path / "home", sim), tmp_path, command=command) as launcher:
        pid = int(launcher.err.next() or 0)
        try:
            yield launcher, pid
        finally:
            if not gone(pid):
                os.kill(pid, signal.SIGKILL)


@linux
@pytest.mark.extreme
def test_a_launcher_that_leaves_before_the_first_message_leaves_the_server_alone(
    sim: Simulator, tmp_path: Path
) -> None:
    with launched(sim, tmp_path) as (server, pid):
        until(lambda: len(list(Path(f"/proc/{pid}/task").iterdir())) >= 3)  # its own threads: it is ready
        server.signal(signal.SIGTERM)
        server.initialize()
        time.sleep(LONG_ENOUGH_S * slowness())
        assert "I received text" in said(server.call("chat", {"prompt": "hello"}))


@linux
@pytest.mark.extreme
def test_a_launcher_that_leaves_while_requests_come_leaves_the_server_alone(
    sim: Simulator, tmp_path: Path
) -> None:
    with launched(sim, tmp_path) as (server, _):
        server.initialize()
        server.signal(signal.SIGTERM)
        end = time.monotonic() + LONG_ENOUGH_S * slowness()
        while time.monotonic() < end:
            assert server.request("ping")["result"] == {}
        time.sleep(LONG_ENOUGH_S * slowness())
        assert "I received text" in said(server.call("chat", {"prompt": "hello"}))


@linux
def test_a_parent_that_is_gone_ends_a_silent_server_within_a_second(sim: Simulator, tmp_path: Path) -> None:
    with launched(sim, tmp_path) as (server, pid):
        server.initialize()
        server.signal(signal.SIGTERM)
        with within(WITHIN_S + SLACK_S):
            until(lambda: gone(pid))


_WRITER = """
import sys
from pathlib import Path
from glm_mcp.media.kept.outputs import Outputs
from glm_mcp.sandbox import Sandbox
folder = Path(sys.argv[1])
sandbox = Sandbox(cwd=folder, home=folder, temp=folder)
outputs = Outputs(folder=folder, cwd=None, data=folder, cache=folder / "cache")
print("ready", flush=True)
while True:
    outputs.write(folder / "picture.png", b"whole" * 4_000_000, sandbox=sandbox)
"""


@linux
def test_a_server_killed_while_it_writes_leaves_no_half_file(tmp_path: Path) -> None:
    size = len(b"whole" * 4_000_000)
    for _ in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(tmp_path)], stdout=subprocess.PIPE, encoding="utf-8"
        ) as writer:
            assert writer.stdout
            assert writer.stdout.readline() == "ready\n"
            until(lambda: [p for p in tmp_path.iterdir() if p.name.endswith(".part")])
            writer.kill()
    shown = [p for p in tmp_path.glob("*.png") if not p.name.startswith(".")]
    assert all(p.stat().st_size == size for p in shown)
    assert [p for p in tmp_path.iterdir() if p.name.endswith(".part")], "it was caught in the act"


def drawn(server: Stdio, count: int) -> list[str]:
    found = [server.call("generate_image", {"prompt": "a hill", "output": "hill.png"}) for _ in range(count)]
    assert not [said(f) for f in found if f.get("isError")]
    return [said(f).splitlines()[0] for f in found]


def test_two_servers_that_share_a_folder_overwrite_nothing(sim: Simulator, tmp_path: Path) -> None:
    env = environment(tmp_path / "home", sim, GLM_OUTPUT_DIR=str(tmp_path / "shared"))
    with Stdio(env, tmp_path) as one, Stdio(env, tmp_path) as other, ThreadPoolExecutor(2) as pool:
        for server in (one, other):
            server.initialize()
        named = [name for names in pool.map(lambda s: drawn(s, 4), (one, other)) for name in names]
    assert len(set(named)) == 8
    assert {Path(n).name for n in named} == {"hill.png", *(f"hill-{n}.png" for n in range(2, 9))}
    for name in named:
        with Image.open(name) as whole:
            whole.load()


@linux
def test_nothing_is_left_in_the_temporary_folder_whatever_the_end(sim: Simulator, tmp_path: Path) -> None:
    """A document that is being read, an answer that hangs, a call given up: then the end of stdin, or a signal."""
    work, temp = tmp_path / "home" / "work", tmp_path / "temp"
    work.mkdir(parents=True)
    temp.mkdir()
    env = environment(tmp_path / "home", sim, TMPDIR=str(temp), **stuck_reader(work))
    sim.queue(Fault("hang"))
    ends: list[Callable[[Stdio], Any]] = [Stdio.end, lambda s: s.signal(signal.SIGTERM)]
    for end in ends:
        with Stdio(env, work) as server:
            server.initialize()
            given_up = server.start_call("chat", {"prompt": "hello"})
            server.send("notifications/cancelled", {"requestId": given_up})
            server.start_call("chat", {"prompt": "hello"})
            server.start_call("read_document", {"documents": "paper.pdf"})
            until(server.workers)
            end(server)
        assert list(temp.iterdir()) == []


@linux
def test_what_a_server_killed_over_a_large_pdf_left_goes_with_the_next_one(
    sim: Simulator, tmp_path: Path
) -> None:
    """Large ones are read by a link in a folder of its own, which a killed server cannot take away."""
    work, temp = tmp_path / "home" / "work", tmp_path / "temp"
    old, new, elsewhere = temp / "glm-mcp-pdf-old", temp / "glm-mcp-pdf-new", tmp_path / "elsewhere"
    for folder in (work, old, new, elsewhere):
        folder.mkdir(parents=True)
        (folder / "input.pdf").symlink_to("/proc/self/fd/0")
    stranger = temp / "glm-mcp-pdf-stranger"
    stranger.symlink_to(elsewhere)
    for folder in (old, elsewhere, stranger):
        os.utime(folder, (1, 1), follow_symlinks=False)
    page = made_documents.lines(["The lake is calm."]) + " " * 17_000_000
    (work / "large.pdf").write_bytes(made_documents.pdf([page]))
    with Stdio(environment(tmp_path / "home", sim, TMPDIR=str(temp)), work) as server:
        server.initialize()
        assert "The lake is calm." in said(server.call("read_document", {"documents": "large.pdf"}))
    assert sorted(p.name for p in temp.iterdir()) == ["glm-mcp-pdf-new", "glm-mcp-pdf-stranger"]
    assert (elsewhere / "input.pdf").is_symlink()
