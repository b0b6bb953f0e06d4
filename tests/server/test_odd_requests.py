"""Requests that no client means: none takes a connection for good, holds the server up, or writes into its log."""

from __future__ import annotations

import logging
import re
import signal
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.cases import each
from support.http_server import ACCEPT, served
from support.processes import Process, environment, over_http

from glm_mcp.server.app import App
from glm_mcp.simulator import Simulator

pytestmark = pytest.mark.extreme

TOKEN = "a-token-of-enough-characters"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
LIMIT_S = 30
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}
# As much of a library for web sockets as a server needs to hand connections over to it; it answers none.
LIBRARY = {
    "__init__.py": "from . import connection, events, extensions, utilities\n"
    "class ConnectionType:\n    SERVER = 1\n"
    "class WSConnection:\n    def __init__(self, *_, **__): pass\n"
    "    def receive_data(self, _): pass\n    def events(self): return []\n",
    "events.py": "",
    "connection.py": "class ConnectionState: pass\n",
    "extensions.py": "class Extension: pass\nclass PerMessageDeflate(Extension): pass\n",
    "utilities.py": "class LocalProtocolError(Exception): pass\nclass RemoteProtocolError(Exception): pass\n",
}


def logged(process: Process) -> list[str]:
    """What a server has written into its log until its end."""
    process.signal(signal.SIGTERM)
    return [line for line in process.err.rest().splitlines() if re.match(r"\d\d:\d\d", line)]


def listed(url: str, meta: dict[str, Any]) -> str:
    """The answer to a list of tools that is asked for with this said of it."""
    asks = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": meta}}
    return httpx.post(f"{url}/mcp", json=asks, headers=ACCEPT, trust_env=False, timeout=LIMIT_S).text


def test_an_upgrade_to_a_web_socket_is_an_ordinary_request_whatever_is_installed(tmp_path: Path) -> None:
    library = tmp_path / "installed" / "wsproto"
    library.mkdir(parents=True)
    for name, text in LIBRARY.items():
        (library / name).write_text(text, encoding="utf-8")
    env = {**environment(tmp_path / "home"), "PYTHONPATH": str(library.parent)}
    with over_http(env, tmp_path) as (url, _):
        answer = httpx.get(f"{url}/healthz", headers=UPGRADE, trust_env=False, timeout=LIMIT_S)
        assert answer.status_code == 200, answer.text
        assert answer.json()["status"] == "ok"


@pytest.mark.parametrize("part", [b"--x\r\n\r\n\r\n", b"--x\r\nContent-Disposition: a\r\n\r\n\r\n"])
def test_a_form_of_many_parts_is_refused(part: bytes, app_of: Any) -> None:
    app: App = app_of(remote=True, GLM_HTTP_TOKEN=TOKEN)
    file = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nwords\r\n--x--\r\n'
    headers = {**BEARER, "Content-Type": "multipart/form-data; boundary=x"}
    with served(app) as url:

        def sent(parts: int) -> int:
            body = part * parts + file
            return httpx.post(
                f"{url}/files", content=body, headers=headers, trust_env=False, timeout=LIMIT_S
            ).status_code

        assert sent(3) == 200
        assert sent(1_000) == 400


def test_a_sign_in_that_breaks_off_is_no_defect(tmp_path: Path) -> None:
    half = b"POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 50\r\n\r\ntoken="
    with over_http(environment(tmp_path / "home"), tmp_path) as (url, process):
        for _ in range(5):
            with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), LIMIT_S) as link:
                link.sendall(half)
            httpx.get(f"{url}/healthz", trust_env=False, timeout=LIMIT_S)
        assert not logged(process)


def test_what_a_client_says_of_its_trace_is_in_no_log(sim: Simulator, tmp_path: Path) -> None:
    words = ",".join(f"private words {n}" for n in range(100))
    meta = {"traceparent": f"00-{'1' * 32}-{'2' * 16}-01", "tracestate": words, "baggage": words}
    with over_http(environment(tmp_path / "home", sim), tmp_path) as (url, process):
        assert '"tools"' in listed(url, meta)
        assert not logged(process)


@each("said", [{"baggage": 5}, {"baggage": {"a": "b"}}, {"tracestate": [{"a": 1}]}, {"traceparent": 5}])
def test_a_trace_of_another_type_is_left_out_and_the_request_answered(
    said: dict[str, Any], app_of: Any
) -> None:
    meta = {"traceparent": f"00-{'1' * 32}-{'2' * 16}-01", **said}
    with served(app_of(remote=True)) as url:
        answer = listed(url, meta)
        assert '"tools"' in answer, answer


def test_baggage_is_not_even_read_which_takes_half_a_second_where_it_is_blanks(
    app_of: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "opentelemetry.baggage")  # its reader would say what is wrong with it
    with served(app_of(remote=True)) as url:
        assert '"tools"' in listed(url, {"baggage": " " * 8_000})
    assert not caplog.records
