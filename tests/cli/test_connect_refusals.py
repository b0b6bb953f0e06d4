"""What stands in front of a team's server, or in its place, and answers for it: `glm-mcp connect` says what to do about it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
from support.cases import each
from support.http_server import serving
from support.processes import COMMAND, Stdio, environment, ran

from glm_mcp.server.http.limits import Limits

pytestmark = [pytest.mark.anyio, pytest.mark.extreme]
PAGE = b"<html><head><title>nginx</title></head></html>"
ABOUT = {"protocolVersion": "2025-06-18", "capabilities": {}, "serverInfo": {"name": "glm", "version": "1"}}
WELL = {"content": [{"type": "text", "text": "well"}]}


async def said(tmp_path: Path, status: int, body: bytes, kind: str = "text/html", **headers: str) -> str:
    """The text of a call's result from a server that begins well and answers the call so."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        asked = json.loads((await receive())["body"])
        begins = asked["method"] == "initialize"
        given = [(b"content-type", (kind if not begins else "application/json").encode())]
        given += [] if begins else [(n.replace("_", "-").encode(), v.encode()) for n, v in headers.items()]
        answer = json.dumps({"jsonrpc": "2.0", "id": asked.get("id"), "result": ABOUT}).encode()
        await send({"type": "http.response.start", "status": 200 if begins else status, "headers": given})
        await send({"type": "http.response.body", "body": answer if begins else body})

    def spoken(url: str) -> str:
        with Stdio(environment(tmp_path / "home", None), tmp_path, "connect", url) as client:
            client.initialize()
            asked = {"name": "chat", "arguments": {"prompt": "hi"}}
            answer = client.request("tools/call", asked)
            assert client.request("ping")["result"] == {}
            assert "failed" not in "".join(client.err.seen)
            return str(answer["result"]["content"][0]["text"])

    with anyio.fail_after(60), serving(app, Limits()) as url:
        return await anyio.to_thread.run_sync(spoken, url)


@each(
    ("status", "headers", "words"),
    [
        (413, {}, "client_max_body_size"),
        (403, {}, "as a proxy or a firewall"),
        (429, {"retry_after": "7"}, "Try again in 7 s."),
        (503, {"retry_after": "7.2"}, "Try again in 8 s."),
        (429, {"retry_after": "\x1b[31m"}, "Try again in a moment"),
        (429, {"retry_after": "1e300"}, "Try again in a moment"),
        (429, {"retry_after": "Wed, 21 Oct 2015 07:28:00 GMT"}, "Try again in a moment"),
        (502, {}, "if it stays so, tell whoever runs it"),
        (
            301,
            {"location": "https://user:word@glm.example.com/mcp?key=1"},
            "elsewhere, to https://glm.example.com/mcp,",
        ),
        (302, {}, "is not a glm-mcp server"),
    ],
    ids=repr,
)
async def test_a_page_of_a_proxy_is_told_with_what_to_do(
    status: int, headers: dict[str, str], words: str, tmp_path: Path
) -> None:
    text = await said(tmp_path, status, PAGE, **headers)
    assert words in text
    assert text.isprintable()
    assert "word@" not in text
    assert "key=" not in text


@each(
    ("answer", "words"),
    [
        ({"result": None}, "is not a glm-mcp server"),
        ({"result": 5}, "is not a glm-mcp server"),
        ({"error": "no"}, "is not a glm-mcp server"),
        ({"error": {"code": "x", "message": 5}}, "is not a glm-mcp server"),
        ({"error": {"code": True, "message": "no"}}, "is not a glm-mcp server"),
        ({"result": WELL, "error": {"code": 1, "message": "no"}}, "is not a glm-mcp server"),
        ({"jsonrpc": "1.0", "result": WELL}, "is not a glm-mcp server"),
        ({"method": 5}, "is not a glm-mcp server"),
        ({}, "is not a glm-mcp server"),
        ({"id": "another", "result": WELL}, "broke off before it had answered"),
        ({"result": WELL}, "well"),
    ],
    ids=repr,
)
async def test_what_is_no_answer_to_the_request_is_not_handed_on_as_one(
    answer: dict[str, Any], words: str, tmp_path: Path
) -> None:
    body = json.dumps({"jsonrpc": "2.0", "id": 2, **answer}).encode()
    assert words in await said(tmp_path, 200, body, "application/json")


async def test_a_stream_is_known_however_its_type_is_written(tmp_path: Path) -> None:
    body = json.dumps({"jsonrpc": "2.0", "id": 2, "result": WELL}).encode()
    assert await said(tmp_path, 200, b"data: " + body + b"\n\n", "Text/Event-Stream") == "well"


@each(
    "url",
    ["glm.example", "http://[", "http://user:hunter2@[", "http://a:99999/mcp", "http://a:port", "http://a b"],
)
def test_what_is_no_address_is_refused_and_no_login_in_it_shown(url: str, tmp_path: Path) -> None:
    done = ran([*COMMAND, "connect", url], environment(tmp_path, None), tmp_path)
    assert done.returncode == 1
    assert "no address of a server" in done.stderr
    assert "Traceback" not in done.stderr
    assert "hunter2" not in done.stderr


async def test_a_session_that_is_said_to_be_lost_where_there_is_none_costs_no_result(tmp_path: Path) -> None:
    ident = "a" * 24
    made = f"drawn: glm://outputs/{ident} (http://team.example/outputs/{ident})"

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        status = 404
        answer: Any = {"error": "unknown_session", "error_description": "gone"}
        if scope["path"] == "/mcp":
            asked = json.loads((await receive())["body"])
            text = {"content": [{"type": "text", "text": made}]}
            result = ABOUT if asked["method"] == "initialize" else text
            status, answer = 200, {"jsonrpc": "2.0", "id": asked.get("id"), "result": result}
        kind = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": kind})
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})

    (tmp_path / "home/work").mkdir(parents=True)
    (tmp_path / "home/work/a.txt").write_text("hello", encoding="utf-8")

    def spoken(url: str) -> list[str]:
        with Stdio(environment(tmp_path / "home"), tmp_path / "home/work", "connect", url) as client:
            client.initialize()
            asked = ({"prompt": "hi"}, {"prompt": "hi", "files": ["a.txt"]})
            answers = [client.request("tools/call", {"name": "chat", "arguments": a}) for a in asked]
            return [str(a["result"]["content"][0]["text"]) for a in answers]

    with anyio.fail_after(60), serving(app, Limits()) as url:
        saved, sent = await anyio.to_thread.run_sync(spoken, url)
    assert saved.startswith("drawn: ")
    assert f"glm://outputs/{ident} is not saved here" in saved
    assert "defect" not in sent
    assert "gone" in sent
