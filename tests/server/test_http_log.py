"""The log of a server over HTTP, for machines: one line a call and a request, by the id of the request and the caller's name."""

from __future__ import annotations

import json
import re
import signal
import socket
from pathlib import Path

import httpx
from support.http_server import called_now
from support.processes import COMMAND, environment, over_http, ran

from glm_mcp.simulator import Simulator


def test_each_line_of_the_log_names_the_request_and_whose_it_was(sim: Simulator, tmp_path: Path) -> None:
    env = environment(tmp_path / "home", sim, GLM_LOG_FORMAT="json", GLM_LOG_LEVEL="info")
    token = re.findall(r"glm_\w+", ran([*COMMAND, "token", "add", "ada"], env, tmp_path).stdout)[0]
    with over_http(env, tmp_path) as (url, process):
        given = called_now("chat", prompt="a prompt that is nobody's business")
        given["headers"] |= {"Authorization": f"Bearer {token}", "X-Request-Id": "of-the-proxy"}
        assert httpx.post(f"{url}/mcp", **given, trust_env=False).headers["x-request-id"] == "of-the-proxy"
        httpx.get(f"{url}/healthz?token={token}", trust_env=False)
        process.signal(signal.SIGTERM)
        lines = [json.loads(line) for line in process.err.rest().splitlines() if line.startswith("{")]
    ours = [line for line in lines if line.get("request") == "of-the-proxy"]
    assert [line["event"] for line in ours] == ["call", "request"]
    call, request = ours
    assert (call["caller"], call["tool"], call["outcome"]) == ("ada", "chat", "ok")
    assert call["model"] == "glm-4.7-flash"
    assert 0 <= call["seconds"] < 10
    assert call["tokens"] > 0
    assert (request["caller"], request["method"], request["path"], request["status"]) == (
        "ada",
        "POST",
        "/mcp",
        200,
    )
    whole = json.dumps(lines)
    assert "business" not in whole
    assert token not in whole, "not even where somebody put it into an address"


def test_what_strangers_send_that_is_no_request_fills_no_log(tmp_path: Path) -> None:
    upgrade = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    notice = b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":[]}}'
    head = b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\nConnection: close\r\n"
    with over_http(environment(tmp_path / "home"), tmp_path) as (url, process):
        port = int(url.rpartition(":")[2])
        for sent in (
            b"\x16\x03\x01 no HTTP\r\n\r\n",
            upgrade,
            head + b"Content-Length: %d\r\n\r\n" % len(notice) + notice,
        ):
            for _ in range(5):
                with socket.create_connection(("127.0.0.1", port), timeout=30) as link:
                    link.sendall(sent)
                    assert link.recv(20).startswith(b"HTTP/1.1 ")
        process.signal(signal.SIGTERM)
        assert not [line for line in process.err.rest().splitlines() if re.match(r"\d\d:\d\d", line)]


def test_a_flag_goes_before_the_setting_of_the_log(tmp_path: Path) -> None:
    env = environment(tmp_path / "home", GLM_LOG_FORMAT="json", GLM_LOG_LEVEL="info", GLM_SIMULATE="1")
    said = ran([*COMMAND, "call", "chat", "prompt=hello"], env, tmp_path).stderr
    assert '"event": "call"' in said
    quiet = ran([*COMMAND, "--log-level", "error", "call", "chat", "prompt=hello"], env, tmp_path).stderr
    assert '"event"' not in quiet
    plain = ran([*COMMAND, "--log-format", "text", "call", "chat", "prompt=hello"], env, tmp_path).stderr
    assert " INFO glm_mcp.server.tally: chat" in plain
