"""The stdio server as a host runs it: what is on stdout, and how it ends."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import signal
import sys
import termios
from pathlib import Path
from typing import Any

import pytest
from support.busy import within
from support.processes import (
    COMMAND,
    LIMIT_S,
    Process,
    Stdio,
    environment,
    gone,
    ran,
    said,
    stuck_reader,
    unreadable_result,
    until,
)

from glm_mcp.media.kept.outputs import project_owner
from glm_mcp.simulator import Fault, Simulator

WITHIN_S = 1.5  # the promise is one second; the machine that tests run on is shared
linux = pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")


def protocol_only(server: Stdio) -> list[dict[str, Any]]:
    """Every line on stdout as JSON-RPC, after the end."""
    messages = [json.loads(line) for line in server.out.rest().splitlines()]
    assert messages
    assert all(m["jsonrpc"] == "2.0" for m in messages)
    return messages


@pytest.mark.parametrize(
    ("options", "variables"),
    [
        pytest.param((), {"GLM_SIMULATE": "1"}, id="simulated"),
        pytest.param(("--log-level", "debug"), {}, id="no key, debug log"),
        pytest.param(("--log-level", "debug"), {"GLM_SIMULATE": "1"}, id="simulated, debug log"),
        pytest.param((), {"GLM_BASE_URL": "http://127.0.0.1:9/v1", "GLM_DEADLINE_S": "1"}, id="nobody there"),
    ],
)
def test_stdout_holds_nothing_but_the_protocol_whatever_happens(
    options: tuple[str, ...], variables: dict[str, str], tmp_path: Path
) -> None:
    with Stdio(environment(tmp_path / "home", **variables), tmp_path, *options) as server:
        server.initialize()
        server.write("this is no JSON")
        server.write('{"jsonrpc": "1.0"}')
        server.request("no/such/method")
        server.request("tools/list")
        server.call("chat", {"prompt": "hello"})
        server.call("chat", {"wrong": 1})
        server.call("describe_image", {"images": "no-such-file.png"})
        server.call("generate_image", {"prompt": "a hill"})
        server.request("tools/call", {"name": "none", "arguments": {}})
        server.end()
        protocol_only(server)
        assert server.popen.returncode == 0
        assert "Traceback" not in "".join(server.err.seen)


def test_without_a_key_it_lists_its_tools_and_a_call_says_how_to_get_one(tmp_path: Path) -> None:
    with Stdio(environment(tmp_path / "home"), tmp_path) as server:
        server.initialize()
        assert len(server.request("tools/list")["result"]["tools"]) == 5
        for tool, arguments in (("chat", {"prompt": "hello"}), ("generate_image", {"prompt": "a hill"})):
            result = server.call(tool, arguments)
            assert result["isError"]
            assert said(result).startswith("config: no API key is set")
            assert "https://bigmodel.cn/usercenter/proj-mgmt/apikeys" in said(result)
            assert "GLM_SIMULATE=1" in said(result)


def test_it_starts_in_a_folder_that_was_deleted(tmp_path: Path) -> None:
    env = environment(tmp_path / "home", GLM_SIMULATE="1")
    folder = tmp_path / "deleted"
    folder.mkdir()
    command = ["sh", "-c", 'rmdir "$PWD"; exec "$0" "$@"', *COMMAND]
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}
    line = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello})
    done = ran(command, env, folder, input=line + "\n")
    assert json.loads(done.stdout)["result"]["serverInfo"]["name"] == "glm-mcp"
    assert done.stderr == ""


def test_a_wrong_setting_is_one_line_on_stderr_and_ends_nothing(tmp_path: Path) -> None:
    env = environment(tmp_path / "home", GLM_DEADLINE_S="soon")
    done = ran(COMMAND, env, tmp_path, input="")
    assert done.returncode == 0
    assert done.stdout == ""
    assert done.stderr.startswith("config: GLM_DEADLINE_S is 'soon'; it may be seconds, 1 to 3600.")
    assert len(done.stderr.splitlines()) == 1


def test_requests_that_were_piped_in_are_answered_before_the_end(tmp_path: Path) -> None:
    with Stdio(environment(tmp_path / "home"), tmp_path) as server:
        server.initialize()
        server.start("tools/list")
        server.end()
        assert len(protocol_only(server)[-1]["result"]["tools"]) == 5


def test_the_end_of_stdin_ends_it_when_idle(sim: Simulator, tmp_path: Path) -> None:
    with Stdio(environment(tmp_path / "home", sim), tmp_path) as server:
        server.initialize()
        server.call("chat", {"prompt": "hello"})
        with within(WITHIN_S):
            server.end()
        assert server.popen.returncode == 0
        assert server.err.rest() == ""


def test_the_end_of_stdin_ends_it_while_the_service_is_silent(sim: Simulator, tmp_path: Path) -> None:
    sim.queue(Fault("hang"))
    with Stdio(environment(tmp_path / "home", sim), tmp_path) as server:
        server.initialize()
        server.start_call("chat", {"prompt": "hello"})
        sim.wait_received(1)
        with within(WITHIN_S):
            server.end()
        sim.wait(lambda received: received[-1].disconnected)
        assert server.err.rest() == ""


@linux
def test_the_end_of_stdin_ends_it_and_its_child_while_media_is_prepared(
    sim: Simulator, tmp_path: Path
) -> None:
    with Stdio(environment(tmp_path / "home", sim, **stuck_reader(tmp_path)), tmp_path) as server:
        server.initialize()
        server.start_call("read_document", {"documents": "paper.pdf"})
        workers = until(server.workers)
        with within(WITHIN_S):
            server.end()
        until(lambda: all(gone(pid) for pid in workers))
    assert not sim.received


@linux
def test_threads_that_cannot_be_stopped_hold_nothing_up_and_do_not_outlive_stdin(tmp_path: Path) -> None:
    env = environment(tmp_path / "home")
    with unreadable_result(tmp_path / "home", project_owner(tmp_path)) as uri, Stdio(env, tmp_path) as server:
        server.initialize()
        # More than the pool has; stdin and stdout have threads of their own.
        idents = [server.start("resources/read", {"uri": uri}) for _ in range(450)]
        assert server.request("ping")["result"] == {}
        with within(WITHIN_S):
            server.end()
        assert server.popen.returncode == 0
        answered = [m["id"] for m in protocol_only(server) if "result" in m]
        assert not set(idents) & set(answered), "they were still waiting"


@linux
def test_pipes_that_let_nobody_wait_are_waited_for(tmp_path: Path) -> None:
    stdin, asking = os.pipe()
    answering, stdout = os.pipe()
    for end in (stdin, stdout):
        os.set_blocking(end, False)
    about = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "a", "version": "1"}}
    requests = [("initialize", about), *(("tools/list", {}) for _ in range(40))]
    with Process(environment(tmp_path / "home"), tmp_path, stdin=stdin, stdout=stdout) as server:
        os.close(stdin)
        os.close(stdout)
        for ident, (method, params) in enumerate(requests):
            message = {"jsonrpc": "2.0", "id": ident, "method": method, "params": params}
            os.write(asking, json.dumps(message).encode() + b"\n")
        until(lambda: waiting_in(answering) > 60_000)  # a pipe takes no more
        with open(answering, encoding="utf-8") as answers:  # noqa: PTH123 - a descriptor
            idents = [json.loads(answers.readline())["id"] for _ in requests]
        assert sorted(idents) == list(range(len(requests)))
        os.close(asking)
        server.popen.wait(LIMIT_S)
        assert server.popen.returncode == 0


@linux
def test_calls_are_answered_though_nobody_reads_the_log(tmp_path: Path) -> None:
    os.mkfifo(log := tmp_path / "log")
    unread = os.open(log, os.O_RDWR)
    fcntl.fcntl(unread, fcntl.F_SETPIPE_SZ, 4_096)
    env = environment(tmp_path / "home", GLM_SIMULATE="1", GLM_LOG_LEVEL="info", GLM_LOG_FORMAT="json")
    command = ("sh", "-c", f'exec "$0" "$@" 2>"{log}"', *COMMAND)
    try:
        with Stdio(env, tmp_path, command=command) as server:
            server.initialize()
            for _ in range(60):
                assert said(server.call("chat", {"prompt": "hello"}))
            full = os.read(unread, 1 << 20)
            server.call("chat", {"prompt": "hello"})
            assert b'"level": "info"' in full
            first, *more = os.read(unread, 1 << 20).decode().splitlines()
            assert more
            if not first.startswith("{"):  # the rest of one that was torn
                first = more[0]
            assert json.loads(first)["message"].startswith("records left out here, as stderr was not read: ")
    finally:
        os.close(unread)


def waiting_in(pipe: int) -> int:
    """How many bytes lie there to be read."""
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


@linux
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_at_once_without_a_traceback(
    number: signal.Signals, sim: Simulator, tmp_path: Path
) -> None:
    sim.queue(Fault("hang"))
    with Stdio(environment(tmp_path / "home", sim, **stuck_reader(tmp_path)), tmp_path) as server:
        server.initialize()
        server.start_call("chat", {"prompt": "hello"})
        sim.wait_received(1)
        server.start_call("read_document", {"documents": "paper.pdf"})
        workers = until(server.workers)
        # stdin stays open: nothing but the signal ends it.
        with within(WITHIN_S):
            server.signal(number)
        assert server.err.rest() == ""
        sim.wait(lambda received: received[0].disconnected)
        until(lambda: all(gone(pid) for pid in workers))


def test_a_host_that_stops_reading_does_not_leave_it_behind(tmp_path: Path) -> None:
    read, write = os.pipe()
    with Process(environment(tmp_path / "home"), tmp_path, stdout=write) as process:
        os.close(write)
        os.close(read)
        assert process.popen.stdin
        process.popen.stdin.write('{"jsonrpc": "2.0", "id": 1, "method": "ping"}\n')
        process.popen.stdin.flush()
        process.popen.wait(LIMIT_S)  # stdin is still open
        assert "Traceback" not in process.err.rest()


def test_by_hand_on_a_terminal_it_says_what_it_is_and_ctrl_c_ends_it_quietly(tmp_path: Path) -> None:
    controller, terminal = pty.openpty()
    try:
        with Process(environment(tmp_path / "home"), tmp_path, stdin=terminal) as process:
            said = [process.err.next(), process.err.next()]
            assert "an agent starts it. Ctrl-C ends it." in str(said[0])
            assert "glm-mcp demo" in str(said[1])
            process.signal(signal.SIGINT)
            assert process.popen.returncode in {-signal.SIGINT, 130}
            assert process.err.rest() == "".join(map(str, said))
            assert process.out.rest() == ""
    finally:
        os.close(terminal)
        os.close(controller)
