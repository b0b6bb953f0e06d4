"""Messages of any size: refused or worked on, while the server goes on answering; deadlines and ends are kept meanwhile."""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.busy import slowness
from support.cases import each
from support.http_server import ACCEPT, served
from support.processes import LIMIT_S, Process, Stdio, environment, over_http, said, until

from glm_mcp.deadline import OVERSLEPT_S
from glm_mcp.glm.json_shape import DIGITS, MESSAGE_VALUES
from glm_mcp.server.app import App
from glm_mcp.server.front.lines import LINE_BYTES, Lines, Refusal
from glm_mcp.simulator import Fault, Simulator

pytestmark = pytest.mark.extreme

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

MB = 1_000_000


@pytest.fixture
def server(sim: Simulator, tmp_path: Path) -> Any:
    with Stdio(environment(tmp_path / "home", sim), tmp_path) as started:
        started.initialize()
        yield started


@pytest.mark.parametrize(
    ("tool", "arguments", "refusal"),
    [
        ("chat", {"prompt": "x", "y" * 10 * MB: 1}, "chat has no argument 'yyyy"),
        ("chat", {"prompt": "x", "temperature": "1," * 5 * MB}, "chat: temperature is"),
        ("chat", {"prompt": "x", "thinking": "on" * 5 * MB}, "chat: thinking is"),
        ("chat", {"prompt": "x", "history": "[" + "1," * 2 * MB + "1]"}, "chat: history is"),
        ("chat", {"prompt": "x", "files": ["a"] * 5_000}, "chat: files is"),
        ("chat", {"prompt": "x", "functions": [{"name": "a"}] * 5_000}, "chat: 5000 functions"),
        ("chat", {"prompt": "x", "json": {"description": "d" * 5 * MB}}, "json is a schema of 5,000,0"),
        ("describe_image", {"images": "a.png", "task": "aB" * 5 * MB}, "describe_image: task is"),
        ("generate_image", {"prompt": "x", "size": "1" * 5 * MB}, "generate_image: size is"),
        ("read_document", {"documents": "a", "password": "x" * 5 * MB}, "read_document: password is"),
        ("chat", {"prompt": "x", "files": "a.b/" * MB}, "a path of 4000000 characters is too long"),
        ("chat", {"prompt": "x", "files": "%41/../" * MB}, "a path of 7000000 characters is too long"),
        ("chat", {"prompt": "x", "files": "a#" + "t=1&" * MB}, "a path of 4000002 characters is too long"),
    ],
    ids=["name", "number", "flag", "list as a text", "files", "functions", "schema", "task", "size", "password", "path", "escapes", "fragment"],
)  # fmt: skip
def test_what_is_beyond_all_measure_is_refused_by_name(
    tool: str, arguments: dict[str, Any], refusal: str, server: Stdio, sim: Simulator
) -> None:
    result = server.call(tool, arguments)
    assert result["isError"]
    assert said(result).startswith("invalid_request: ")
    assert refusal in said(result)
    assert len(said(result)) < 2_000
    assert not sim.received


VALUES = "[" + "1," * MESSAGE_VALUES + "1]"
NUMBER = "[" + "9" * (DIGITS + 1) + "]"
LONG = '"' + "x" * LINE_BYTES + '"'
FIRST = '{"jsonrpc": "2.0", "id": 70, "method": "tools/call", "params": {"name": "chat", "arguments": {"prompt": %s}}}'
LAST = '{"method": "tools/call", "params": {"name": "chat", "arguments": {"prompt": %s}}, "jsonrpc": "2.0", "id": 70}'


@pytest.mark.parametrize("line", [FIRST, LAST], ids=["its id first", "its id last"])
@pytest.mark.parametrize(
    ("prompt", "why"),
    [(VALUES, "values"), (LONG, "longer than 32 MB"), (NUMBER, "digits")],
    ids=["values", "bytes", "digits"],
)
def test_a_message_that_is_not_read_is_answered_under_its_id(
    line: str, prompt: str, why: str, server: Stdio
) -> None:
    server.write(line % prompt)
    error = server.answer(70)["error"]
    assert error["code"] == -32600
    assert why in error["message"]
    assert server.request("ping")["result"] == {}


@pytest.mark.parametrize("length", [1, DIGITS, 1 << 16])
def test_a_number_is_bounded_however_it_is_cut_into_pieces(length: int) -> None:
    def refused(digits: int) -> bool:
        lines, line = (
            Lines(),
            b'{"id": 1, "n": 0.' + b"9" * digits + b', "s": "' + b"9" * 2 * digits + b'"}\n',
        )
        pieces = [line[at : at + length] for at in range(0, len(line), length)]
        return any(isinstance(found, Refusal) for piece in pieces for found in lines.feed(piece))

    assert not refused(DIGITS)
    assert refused(DIGITS + 1)


@pytest.mark.parametrize(("prompt", "why"), [(VALUES, "values"), (NUMBER, "digits")])
def test_a_message_of_too_many_values_is_refused_over_http_too(
    prompt: str, why: str, sim: Simulator, tmp_path: Path
) -> None:
    body = (FIRST % prompt).encode()
    with over_http(environment(tmp_path / "home", sim), tmp_path) as (url, _):
        answer = httpx.post(
            f"{url}/mcp",
            content=body,
            headers={"Content-Type": "application/json", "Accept": "application/json, text/event-stream"},
            timeout=LIMIT_S,
        )
    assert answer.status_code == 413
    assert why in answer.json()["error"]["message"]


NAME = "x" * 5 * MB
LONG_NAMES = [
    {"jsonrpc": "2.0", "id": NAME, "method": "ping"},
    {"jsonrpc": "2.0", "id": 1, "method": NAME},
    {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"arguments": {"prompt": NAME}, "name": NAME},
    },
    {"params": {"a": ["[", {}]}, "jsonrpc": "2.0", "id": NAME + '"', "method": "tools/list"},
]


@pytest.mark.parametrize("message", LONG_NAMES, ids=["id", "method", "tool", "behind other values"])
def test_a_name_that_would_be_repeated_is_refused_where_it_is_long(
    message: dict[str, Any], server: Stdio
) -> None:
    server.write(json.dumps(message))
    line = server.out.next()
    assert line is not None
    assert "id, method or name has more than 1,000 characters" in line
    assert len(line) < 300


@each("message", LONG_NAMES, ids=["id", "method", "tool", "behind other values"])
def test_a_long_name_is_refused_over_http_too(
    message: dict[str, Any], app_of: Callable[..., App], sim: Simulator
) -> None:
    with served(app_of(remote=True)) as url:
        answer = httpx.post(f"{url}/mcp", json=message, headers=ACCEPT, timeout=LIMIT_S, trust_env=False)
    assert answer.status_code == 413
    assert "id, method or name has more than" in answer.json()["error"]["message"]
    assert len(answer.content) < 300


def test_progress_is_told_under_no_name_of_megabytes(server: Stdio) -> None:
    call = server.start_call("chat", {"prompt": "hello"}, token=NAME)
    assert not server.answer(call)["result"].get("isError")
    assert server.heard == []
    call = server.start_call("chat", {"prompt": "hello"}, token="x" * 1_000)
    server.answer(call)
    assert server.heard


def test_a_text_of_ten_megabytes_is_counted_and_what_comes_behind_it_is_answered(server: Stdio) -> None:
    call = server.start_call("chat", {"prompt": "word " * 30_000 + "x" * 10 * MB, "model": "glm-4.7-flash"})
    ping = server.start("ping")
    assert server.answer(ping)["result"] == {}
    assert said(server.answer(call)["result"]).startswith("too_long: ")


# A server whose event loop is held up for a minute as soon as it asks the service.
_STUCK = """
import sys, time
import anyio, httpx
from glm_mcp.glm.client import GLMClient
from glm_mcp.glm.network.transport import Transport
from glm_mcp.server.app import App
from glm_mcp.server.front.stdin import Stdin
from glm_mcp.server.stdio import serve_stdio
from glm_mcp.settings import load

def held_up(request):
    sys.stderr.write("held up\\n")
    sys.stderr.flush()
    time.sleep(60)

settings = load()
app = App(settings, glm=GLMClient(settings, transport=Transport(httpx.MockTransport(held_up))))
anyio.run(serve_stdio, app, Stdin())
"""


@pytest.fixture
def stuck(sim: Simulator, tmp_path: Path) -> Any:
    env = environment(tmp_path / "home", sim, GLM_DEADLINE_S="1")
    with Stdio(env, tmp_path, command=(sys.executable, "-c", _STUCK)) as started:
        started.initialize()
        yield started


def test_a_call_is_answered_at_its_deadline_though_the_event_loop_is_held_up(stuck: Stdio) -> None:
    call = stuck.start_call("chat", {"prompt": "hello"})
    assert stuck.err.next() == "held up\n"
    ping = stuck.start("ping")
    answer = stuck.answer(call)
    assert answer["result"]["isError"]
    assert said(answer["result"]).startswith("timeout: chat was still at work after 1 s: ")
    assert not [m for m in stuck.heard if m.get("id") == ping], "the event loop is held up"


@linux
def test_the_end_of_stdin_ends_it_though_the_event_loop_is_held_up(stuck: Stdio) -> None:
    stuck.start_call("chat", {"prompt": "hello"})
    assert stuck.err.next() == "held up\n"
    assert stuck.end() < LIMIT_S  # the loop is held up for a minute
    assert stuck.popen.returncode == 0


@linux
def test_a_client_that_reads_no_answers_can_end_it(sim: Simulator, tmp_path: Path) -> None:
    read, write = os.pipe()
    with Process(environment(tmp_path / "home", sim), tmp_path, stdout=write) as process:
        os.close(write)
        assert process.popen.stdin
        stdin = process.popen.stdin.fileno()
        lines = [json.dumps({"jsonrpc": "2.0", "id": n, "method": "ping"}) for n in range(20_000)]
        # The server takes no more than it can answer: what it does not take is not waited for.
        os.set_blocking(stdin, False)
        data = "\n".join(lines).encode()
        taken = [_taken(stdin, data)]
        while taken[-1]:
            time.sleep(0.5)
            taken.append(_taken(stdin, data))
        process.end()
        assert process.popen.returncode == 0
    os.close(read)


@linux
def test_a_client_that_reads_no_answers_is_heard_no_further_until_it_reads_them(
    sim: Simulator, tmp_path: Path
) -> None:
    with Process(environment(tmp_path / "home", sim), tmp_path, stdout=(pipe := os.pipe())[1]) as process:
        os.close(pipe[1])
        assert process.popen.stdin
        stdin = process.popen.stdin.fileno()
        os.set_blocking(stdin, False)
        lines, rest = 0, b""
        # Far more than is held of it; the pipe of a server that is slow to begin may look full.
        while lines < 60_000 and select.select([], [stdin], [], 3.0)[1]:
            if not rest:
                rest = b"".join(
                    b'{"jsonrpc":"2.0","id":%d,"method":"ping"}\n' % n for n in range(lines, lines + 1000)
                )
                lines += 1000
            rest = rest[_taken(stdin, rest) :]
        assert lines < 30_000, "all was read, and its answers are held"
        with open(pipe[0], "rb") as answers, ThreadPoolExecutor(1) as pool:  # noqa: PTH123 - a descriptor
            heard = pool.submit(lambda: {json.loads(answers.readline())["id"] for _ in range(lines)})
            os.set_blocking(stdin, True)
            process.popen.stdin.write(rest.decode())
            process.popen.stdin.flush()
            assert heard.result(LIMIT_S) == set(range(lines))


@linux
def test_a_client_that_reads_no_answers_can_still_take_a_call_back(sim: Simulator, tmp_path: Path) -> None:
    sim.queue(Fault("hang"))
    with Process(environment(tmp_path / "home", sim), tmp_path, stdout=(pipe := os.pipe())[1]) as process:
        os.close(pipe[1])
        assert process.popen.stdin
        about = {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "x", "version": "1"},
        }
        call = {"name": "chat", "arguments": {"prompt": "hello"}}
        messages: list[dict[str, Any]] = [
            {"id": 1, "method": "initialize", "params": about},
            {"method": "notifications/initialized"},
            {"id": 2, "method": "tools/call", "params": call},
        ]
        _put(process, messages)
        sim.wait_received(1)
        _put(process, [{"id": 10 + n, "method": "ping"} for n in range(5_000)])
        _put(process, [{"method": "notifications/cancelled", "params": {"requestId": 2}}])
        sim.wait(lambda received: received[0].disconnected)
    os.close(pipe[0])


def _put(process: Process, messages: list[dict[str, Any]]) -> None:
    assert process.popen.stdin
    process.popen.stdin.writelines(json.dumps({"jsonrpc": "2.0", **message}) + "\n" for message in messages)
    process.popen.stdin.flush()


def _taken(descriptor: int, data: bytes) -> int:
    """How many bytes a pipe takes without waiting."""
    try:
        return os.write(descriptor, data)
    except BlockingIOError:
        return 0


def resident(pid: int) -> int:
    """Bytes of memory that a process holds."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(text.partition("VmRSS:")[2].split()[0]) * 1024


@linux
def test_the_memory_of_large_requests_is_given_back(server: Stdio) -> None:
    held = {"images": "data:image/png," + "%41" * (20 * MB // 3)}
    server.call("describe_image", {"images": "QUJD" * 20})  # what is loaded at first use
    before = resident(server.popen.pid)
    assert server.call("describe_image", held)["isError"]  # seconds
    for _ in range(4):
        assert server.call("chat", {"prompt": "x" * 20 * MB})["isError"]
    until(lambda: resident(server.popen.pid) - before < 60 * MB)


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals")
def test_what_came_while_the_process_was_stopped_is_the_answer_though_the_deadline_is_over(
    sim: Simulator, tmp_path: Path
) -> None:
    deadline_s = 3 * slowness()
    env = environment(tmp_path / "home", sim, GLM_DEADLINE_S=str(deadline_s))
    with Stdio(env, tmp_path) as server:
        server.initialize()
        server.call("chat", {"prompt": "warm"})
        sim.queue(Fault("slow_answer", delay_s=0.5, seconds=0.5, times=0))
        call = server.start_call("chat", {"prompt": "hello"})
        sim.wait_received(2)
        os.kill(server.popen.pid, signal.SIGSTOP)
        woken = time.monotonic() + deadline_s + 2 * OVERSLEPT_S
        until(lambda: sim.received[-1].ended and time.monotonic() > woken)
        os.kill(server.popen.pid, signal.SIGCONT)
        answer = server.answer(call)["result"]
    assert not answer["isError"], answer
    assert "No model was asked.\n\n[glm-4.7-flash" in said(answer), "it is whole"
