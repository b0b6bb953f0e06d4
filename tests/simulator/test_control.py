"""Driving a simulator: as an object, over HTTP, and as a process of its own."""

import base64
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import httpx
import pytest
from support.cases import each
from support.plain_http import HTTP

from glm_mcp.simulator import DEFAULT_KEY, Fault, Reply, Simulator, Switches, serve
from glm_mcp.simulator.script import from_json


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


def ask(url: str, content: Any = "hello", model: str = "glm-4.7-flash") -> httpx.Response:
    body = {"model": model, "messages": [{"role": "user", "content": content}]}
    headers = {"Authorization": f"Bearer {DEFAULT_KEY}"}
    return HTTP.post(url + "/chat/completions", json=body, headers=headers, timeout=60)


def test_importing_the_simulator_loads_no_server_and_no_imaging() -> None:
    code = (
        "import sys, glm_mcp.simulator\n"
        "heavy = {'uvicorn', 'starlette', 'PIL', 'av', 'filetype'} & set(sys.modules)\n"
        "inside = {m for m in sys.modules if m.startswith('glm_mcp.') and not m.startswith('glm_mcp.simulator')}\n"
        "assert not heavy | inside, heavy | inside"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_simulator_is_driven_over_http(sim: Simulator) -> None:
    control = sim.control_url
    assert HTTP.get(control + "/health", timeout=60).json()["status"] == "ok"
    queued = [asdict(Fault("error", code="1305")), {"text": "scripted"}, asdict(Reply("again"))]
    assert HTTP.post(control + "/queue", json=queued, timeout=60).json() == {"queued": 3}
    assert ask(sim.url).json()["error"]["code"] == "1305"
    assert "scripted" in ask(sim.url).text
    assert "again" in ask(sim.url).text
    pages = {"https://a.example/a": base64.b64encode(b"text").decode()}
    typed = {"https://a.example/b": {"base64": pages["https://a.example/a"], "type": "text/plain"}}
    assert HTTP.post(control + "/web", json=pages | typed, timeout=60).json() == {"pages": 2}
    part = {"type": "file_url", "file_url": {"url": "https://a.example/b"}}
    assert ask(sim.url, [part, {"type": "text", "text": "read"}], "glm-4.6v-flash").status_code == 200
    changed = HTTP.post(control + "/switches", json={"sensitive_words": ["hello"]}, timeout=60).json()
    assert (changed["sensitive_words"], changed["max_stop"]) == (["hello"], 1)
    assert ask(sim.url).json()["error"]["code"] == "1301"
    entries = HTTP.get(control + "/received", timeout=60).json()
    assert [entry["code"] for entry in entries] == ["1305", "", "", "", "1301"]
    assert entries[3]["media"][0]["kind"] == "file"
    assert HTTP.delete(control + "/received", timeout=60).json() == {"ok": True}
    assert sim.received == []


@each(
    ("method", "path", "body", "status", "says"),
    [
        ("POST", "/queue", [{"kind": "explode"}], 400, "explode"),
        ("POST", "/queue", [{"texts": "x"}], 400, "texts"),
        ("POST", "/switches", {"strict": True}, 400, "strict"),
        ("POST", "/web", {"https://a.example": "%"}, 400, ""),
        ("POST", "/web", None, 400, ""),
        ("GET", "/nothing", None, 404, "GET health"),
    ],
)
def test_a_wrong_control_request_says_what_is_wrong(
    sim: Simulator, method: str, path: str, body: Any, status: int, says: str
) -> None:
    response = HTTP.request(method, sim.control_url + path, json=body, timeout=60)
    assert response.status_code == status
    assert says in response.json()["error"]


@each(
    "headers", [{"Origin": "https://evil.example"}, {"Host": "evil.example:9999"}, {"Host": "127.0.0.1.evil"}]
)
def test_a_browser_page_cannot_drive_a_simulator(headers: dict[str, str], sim: Simulator) -> None:
    assert HTTP.get(sim.control_url + "/received", headers=headers, timeout=60).status_code == 403


def test_a_simulator_open_to_the_network_has_no_control_surface() -> None:
    with Simulator(host="0.0.0.0") as simulator:
        assert HTTP.get(simulator.control_url + "/health", timeout=60).status_code == 404
        assert ask(simulator.url).status_code == 200


def test_a_taken_port_is_an_error_of_the_caller(sim: Simulator) -> None:
    port = int(sim.origin.rpartition(":")[2])
    with pytest.raises(OSError, match="in use"), Simulator(port=port):
        raise AssertionError("it started twice")


def test_waiting_is_bounded(sim: Simulator) -> None:
    with pytest.raises(TimeoutError, match="0 of 1 requests"):
        sim.wait_received(1, timeout=0.01)
    with pytest.raises(TimeoutError, match="0 requests arrived"):
        sim.wait(lambda seen: seen, timeout=0.01)
    ask(sim.url)
    assert len(sim.wait_received(1)) == 1


def test_scripts_and_switches_survive_json() -> None:
    fault = Fault("reset", chunks=3, model="glm-4v-flash", after=2, times=0)
    reply = Reply("hi", chunks=("a", {"content": "b"}), tool_calls=({"name": "f", "arguments": "{}"},))
    assert from_json(asdict(fault)) == fault
    assert from_json(asdict(reply)) == reply
    switches = Switches(concurrency={"glm-4v-flash": 9}, sensitive_words=("x",))
    assert Switches.from_json(asdict(switches)) == switches


def test_a_client_that_leaves_while_sending_is_on_record(sim: Simulator) -> None:
    port = int(sim.origin.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        client.sendall(
            b"POST /api/paas/v4/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"
        )
    [entry] = sim.wait(lambda seen: seen and seen[0].ended)
    assert (entry.disconnected, entry.status, entry.body) == (True, None, {})


def test_serving_ends_with_the_process_signal() -> None:
    code = "from glm_mcp.simulator import serve; serve(ready=lambda sim: print(sim.url, flush=True))"
    for number in (signal.SIGINT, signal.SIGTERM):
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            assert ask(url).status_code == 200
            process.send_signal(number)
            assert process.wait(timeout=60) == 0


def test_serving_tells_a_taken_port(sim: Simulator) -> None:
    port = int(sim.origin.rpartition(":")[2])
    with pytest.raises(OSError, match="in use"):
        serve(port=port)
