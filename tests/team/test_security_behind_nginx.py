"""What a stranger, and a colleague who wants more than theirs, is refused at the address that everybody has."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import anyio.to_thread
import httpx
import pytest
import tomlkit
from support.http_server import ACCEPT, MODERN, called_now
from support.processes import until
from support.team import Colleague, Team, team

from glm_mcp.samples import FOLDER
from glm_mcp.server.http.auth.tokens import new_token
from glm_mcp.simulator import Fault

pytestmark = pytest.mark.anyio
MIB = 1024 * 1024
SHORT_S = 1  # what nginx waits for a slow client here


@pytest.fixture(scope="module")
def shared() -> Iterator[Team]:
    with team(
        ("client_header_timeout 10s", f"client_header_timeout {SHORT_S}s"),
        ("client_body_timeout 30s", f"client_body_timeout {SHORT_S}s"),
    ) as made:
        yield made


@pytest.fixture(scope="module")
def ada(shared: Team) -> str:
    return shared.token("ada")


@pytest.fixture(scope="module")
def bob(shared: Team) -> str:
    return shared.token("bob", "--tools", "chat")


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def ask(team: Team, headers: dict[str, str], path: str = "/mcp", **given: Any) -> httpx.Response:
    """One request; a call of a tool where nothing else is given."""
    if not given:
        call = called_now("chat", prompt="hello")
        given, headers = {"json": call["json"]}, {**call["headers"], **headers}
    return httpx.post(f"{team.url}{path}", headers=headers, trust_env=False, timeout=60, **given)


def refused(answer: httpx.Response, status: int, error: str) -> str:
    """What a refusal says; it is JSON, whoever refuses, with the id by which the logs have it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"]
    assert answer.json()["error"] == error
    return str(answer.json()["error_description"])


def test_without_a_token_nothing_is_served(shared: Team) -> None:
    said = refused(ask(shared, {}), 401, "unauthorized")
    assert said == "send the header Authorization: Bearer TOKEN"
    assert ask(shared, {}).headers["www-authenticate"].startswith("Bearer")
    for path in ("/files", "/outputs/0123456789abcdef01234567", "/admin"):
        refused(ask(shared, {}, path, content=b""), 401, "unauthorized")


@pytest.mark.parametrize("size", [0, 20 * MIB])
def test_a_wrong_token_is_refused(size: int, shared: Team, ada: str) -> None:
    body: dict[str, Any] = {"content": b" " * size} if size else {}
    for token in ("glm_" + "a" * 49, "guess", new_token(), ada[:-1]):
        assert "not valid" in refused(ask(shared, bearer(token), **body), 401, "invalid_token")


def test_a_token_is_revoked_and_expires_at_every_replica_while_they_run(shared: Team) -> None:
    eve = shared.token("eve", "--expires", "1h")
    for _ in range(4):
        assert ask(shared, bearer(eve)).status_code == 200
    file = shared.folder / "tokens.toml"
    document = tomlkit.parse(file.read_text(encoding="utf-8"))
    before = document.as_string()
    document["tokens"]["eve"]["expires"] = datetime.now(UTC) - timedelta(days=1)
    for text, says in ((document.as_string(), "has expired on"), (before, ""), (None, "not any more")):
        if text is None:
            shared.command("token", "revoke", "eve")
        else:
            (shared.folder / "part").write_text(text, encoding="utf-8")
            (shared.folder / "part").chmod(0o600)
            (shared.folder / "part").replace(file)

        def both_say(says: str = says) -> bool:
            answers = [httpx.post(f"{url}/mcp", headers=bearer(eve)) for url, _ in shared.replicas]
            return all((says in a.text if says else a.status_code != 401) for a in answers)

        until(both_say)
        if says:
            assert says in refused(ask(shared, bearer(eve)), 401, "invalid_token")


@pytest.mark.parametrize("name", ["evil.example", "evil.example:8080", "glm.test.evil.example"])
def test_another_name_and_another_pages_origin_are_refused(name: str, shared: Team, ada: str) -> None:
    said = refused(ask(shared, {**bearer(ada), "Host": name}), 421, "wrong_host")
    assert "GLM_PUBLIC_URL" in said
    refused(ask(shared, {**bearer(ada), "Origin": f"http://{name}"}), 403, "wrong_origin")
    assert ask(shared, {**bearer(ada), "Host": "glm.test:8080"}).status_code == 200


async def test_the_session_and_the_cancel_of_another_are_not_known(shared: Team, ada: str, bob: str) -> None:
    hers, his = Colleague(shared, ada, "2025-06-18"), Colleague(shared, bob, "2025-06-18")
    shared.sim.clear()
    shared.sim.queue(Fault("hang"))
    async with hers.http, his.http, anyio.create_task_group() as tasks:
        session = await hers.begin()
        await his.begin()

        async def call() -> None:
            with suppress(httpx.HTTPError):
                await hers.call("chat", prompt="hello")

        tasks.start_soon(call)
        await anyio.to_thread.run_sync(shared.sim.wait_received, 1)
        params = {"requestId": 1}
        cancel = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}
        assert (await his.http.post("/mcp", json=cancel)).status_code == 202  # none of his has that id
        stolen = {"Mcp-Session-Id": session}
        for _ in range(4):
            refused(await his.http.post("/mcp", json=cancel, headers=stolen), 404, "unknown_session")
        assert not shared.sim.received[-1].disconnected
        assert (await hers.http.post("/mcp", json=cancel)).status_code == 202
        await anyio.to_thread.run_sync(shared.sim.wait, lambda got: got[-1].disconnected)


def test_the_files_and_outputs_of_another_are_not_found(shared: Team, ada: str, bob: str) -> None:
    picture = FOLDER / "photo.jpg"
    given = {"file": (picture.name, picture.read_bytes())}
    upload = httpx.post(f"{shared.url}/files", files=given, headers=bearer(ada), trust_env=False).json()
    drawn = called_now("generate_image", prompt="a lighthouse")
    answer = ask(shared, {**drawn["headers"], **bearer(ada)}, json=drawn["json"])
    output = re.findall(r"glm://outputs/([0-9a-f]+)", answer.text)[0]

    def get(path: str, token: str) -> httpx.Response:
        return httpx.get(f"{shared.url}{path}", headers=bearer(token), trust_env=False, timeout=60)

    for path in (f"/files/{upload['id']}", f"/outputs/{output}"):
        for _ in range(4):  # at whichever replica
            assert get(path, ada).status_code == 200
            refused(get(path, bob), 404, "not_found")
    assert get(f"/files/{upload['id']}", ada).content == picture.read_bytes()
    seen = shared.token("eve", "--tools", "describe_image")
    shown = called_now("describe_image", images=upload["uri"], prompt="What is it?")
    answer = ask(shared, {**shown["headers"], **bearer(seen)}, json=shown["json"])
    shared.command("token", "revoke", "eve")
    assert '"isError":true' in answer.text
    assert "not_found" in answer.text


def test_a_file_that_is_too_large_is_refused(shared: Team, ada: str) -> None:
    head = f"POST /files HTTP/1.1\r\nHost: glm.test\r\nAuthorization: Bearer {ada}\r\nContent-Type: image/png\r\n"
    with socket.create_connection(("127.0.0.1", shared.front.port), timeout=60) as client:
        client.sendall(f"{head}Content-Length: {202 * MIB}\r\n\r\n".encode())
        assert b" 413 " in client.recv(1_000)


async def test_a_tool_that_a_token_may_not_use_is_not_there(shared: Team, bob: str) -> None:
    colleague = Colleague(shared, bob, "2025-06-18")
    async with colleague.http:
        await colleague.begin()
        listed = await colleague.http.post("/mcp", json={"jsonrpc": "2.0", "id": 9, "method": "tools/list"})
        assert '"chat"' in listed.text
        assert '"generate_image"' not in listed.text
        before = len(shared.sim.received)
        answer = await colleague.call("generate_image", prompt="a lighthouse")
        assert "generate_image" in answer.text
        assert '"error"' in answer.text or '"isError":true' in answer.text
        assert len(shared.sim.received) == before


@pytest.mark.parametrize("size", [32 * MIB + 1, 40 * MIB])
@pytest.mark.parametrize("length", [True, False], ids=["with its length", "without"])
def test_a_body_that_is_too_large_is_refused(size: int, length: bool, shared: Team, ada: str) -> None:
    block = b" " * MIB

    def pieces() -> Iterator[bytes]:
        for _ in range(size // MIB):
            yield block
        yield block[: size % MIB]

    content: Any = b" " * size if length else pieces()
    answer = ask(shared, {**bearer(ada), **ACCEPT, "MCP-Protocol-Version": MODERN}, content=content)
    refused(answer, 413, "too_large")


@pytest.mark.parametrize("slow", ["header", "body"])
def test_who_sends_slowly_is_not_waited_for(slow: str, shared: Team, ada: str) -> None:
    head = f"POST /mcp HTTP/1.1\r\nHost: glm.test\r\nAuthorization: Bearer {ada}\r\n"
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", shared.front.port), timeout=60) as client:
        client.sendall(head.encode())
        if slow == "body":
            client.sendall(b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{")
        client.recv(1_000)  # until it is closed, with or without a word
    assert time.monotonic() - begun >= SHORT_S / 2
    until(lambda: any(r["status"] == 408 for r in shared.front.requests()))


def test_a_token_in_an_address_is_refused_and_is_in_no_log(shared: Team, ada: str) -> None:
    call = called_now("chat", prompt="hello")
    for name in ("access_token", "token", "key"):
        answer = ask(shared, call["headers"], f"/mcp?{name}={ada}", json=call["json"])
        assert "ends in logs" in refused(answer, 400, "invalid_request")
    ask(shared, ACCEPT, f"/mcp?token={ada}", content=b" " * 34 * MIB)  # which nginx complains about itself
    until(lambda: "/mcp" in shared.front.logged())
    told = shared.front.logged() + "".join("".join(p.err.seen + p.out.seen) for _, p in shared.replicas)
    assert ada not in told
    assert json.loads(told[told.index("{") : told.index("}") + 1])["path"] == "/mcp"


def test_the_figures_of_one_replica_are_not_given_for_those_of_all(shared: Team, ada: str) -> None:
    answer = httpx.get(f"{shared.url}/metrics", headers=bearer(ada), trust_env=False)
    assert "glm-1:8000/metrics" in refused(answer, 404, "not_found")


def test_when_no_replica_answers_it_is_said_in_json(shared: Team, ada: str) -> None:
    """Last: the replicas are gone afterwards."""
    for _, process in shared.replicas:
        process.popen.kill()
        process.popen.wait(10)
    for _ in range(3):
        assert "Call again" in refused(ask(shared, bearer(ada)), 502, "unavailable")
