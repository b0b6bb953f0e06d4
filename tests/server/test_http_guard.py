"""What stands before everything that is served over HTTP: who may ask, by which name, how much and for how long."""

from __future__ import annotations

import json
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import httpx
import pytest
from support.cases import each
from support.http_server import ACCEPT, MODERN, called, called_now, initialize, served, serving
from support.processes import environment, over_http, until

from glm_mcp.errors import ConfigError
from glm_mcp.server.app import App
from glm_mcp.server.http.app import application
from glm_mcp.server.http.limits import SMALL, Limits
from glm_mcp.settings import Settings
from glm_mcp.simulator import Fault, Simulator

TOKEN = "a-token-of-enough-characters"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
LIST: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
BOUND = ("127.0.0.1", "localhost", "::1", "0.0.0.0", "::", "192.168.1.5")
SHORT_S = 0.2  # a limit that a test waits for


def asked(app: App, host: str = "127.0.0.1", path: str = "/mcp", **given: Any) -> httpx.Response:
    """One request to the application, without a network."""
    transport = httpx.ASGITransport(application(app, host=host, authenticator=given.pop("who", None)))
    method = given.pop("method", "DELETE")

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
            return await client.request(method, path, **given)

    return anyio.run(ask)


@pytest.fixture
def guarded(app_of: Any) -> App:
    app: App = app_of(remote=True, GLM_HTTP_TOKEN=TOKEN)
    return app


def refused(answer: httpx.Response, status: int, error: str) -> str:
    """What a refusal says; it is JSON of one form, with the id of the request."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"]
    assert answer.json()["error"] == error
    return str(answer.json()["error_description"])


@each("bound", BOUND)
@each(
    "name",
    ["evil.example", "evil.example:8000", "localhost.evil.example", "", "a b", "127.0.0.1@evil.example"],
)
def test_a_name_that_is_not_the_servers_is_refused_at_every_address(
    name: str, bound: str, guarded: App
) -> None:
    said = refused(asked(guarded, bound, headers={**BEARER, "Host": name}), 421, "wrong_host")
    assert "GLM_PUBLIC_URL" in said
    assert "GLM_ALLOWED_HOSTS" in said


@each("bound", BOUND)
@each(
    "origin",
    ["http://evil.example", "https://localhost.evil.example", "null", "", "file://localhost", "http://["],
)
def test_a_page_of_another_origin_is_refused_at_every_address(origin: str, bound: str, guarded: App) -> None:
    said = refused(asked(guarded, bound, headers={**BEARER, "Origin": origin}), 403, "wrong_origin")
    assert "GLM_ALLOWED_HOSTS" in said


@each("bound", BOUND)
def test_the_names_of_the_settings_and_of_loopback_are_answered_at_every_address(
    bound: str, app_of: Any
) -> None:
    app = app_of(
        remote=True,
        GLM_HTTP_TOKEN=TOKEN,
        GLM_PUBLIC_URL="https://GLM.example.org",
        GLM_ALLOWED_HOSTS="one.example, two.example",
    )
    for name in ("glm.example.org", "one.example:8443", "TWO.example", "localhost:8000", "[::1]:8000"):
        assert asked(app, bound, headers={**BEARER, "Host": name}).status_code == 200, name
    for origin in ("https://glm.example.org", "http://one.example:3000"):
        assert asked(app, bound, headers={**BEARER, "Origin": origin}).status_code == 200, origin


@each("bound", BOUND)
def test_an_address_in_numbers_is_answered_beyond_loopback_alone(bound: str, guarded: App) -> None:
    answer = asked(guarded, bound, headers={**BEARER, "Host": "10.1.2.3:8000"})
    assert answer.status_code == (421 if bound in {"127.0.0.1", "localhost", "::1"} else 200)


def test_a_page_of_this_machine_may_call_a_server_on_loopback_alone(guarded: App) -> None:
    headers = {**BEARER, "Origin": "http://localhost:6274"}
    assert asked(guarded, "127.0.0.1", headers=headers).status_code == 200
    refused(asked(guarded, "0.0.0.0", headers=headers), 403, "wrong_origin")


def test_what_is_open_asks_for_the_name_all_the_same(guarded: App) -> None:
    for path in ("/healthz", "/readyz"):
        assert asked(guarded, path=path, method="GET").status_code == 200
        answer = asked(guarded, path=path, method="GET", headers={"Host": "evil.example"})
        refused(answer, 421, "wrong_host")


def test_whether_it_is_well_is_told_to_a_balancer_that_gives_no_name(guarded: App) -> None:
    for path, status in (("/readyz", b"200"), ("/healthz", b"200"), ("/metrics", b"421"), ("/mcp", b"421")):
        head = f"GET {path} HTTP/1.0\r\n\r\n".encode()  # as HAProxy asks
        with served(guarded, Limits()) as address, opened(address, head=head) as connection:
            assert connection.recv(65_536).split()[1] == status, path


@each("name", ["token", "access_token", "ACCESS_TOKEN", "api_key", "Authorization"])
def test_a_token_in_the_address_is_refused(name: str, guarded: App) -> None:
    answer = asked(guarded, path=f"/mcp?x=1&{name}={TOKEN}", headers=BEARER)
    assert TOKEN not in refused(answer, 400, "invalid_request")


@each("given", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}])
def test_whoever_has_no_token_is_told_to_send_one(given: dict[str, str], guarded: App) -> None:
    for path in ("/mcp", "/nothing"):
        answer = asked(guarded, path=path, headers=given)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer ")
        assert answer.json()["error_description"]


@each("path", ["/nothing", "/page", "/mcp/more"])
def test_what_is_not_served_is_said_in_json(path: str, guarded: App) -> None:
    assert "/mcp" in refused(asked(guarded, path=path, headers=BEARER), 404, "not_found")


@each("path", ["/mcp", "/mcp/"])
@each("method", ["GET", "HEAD", "PUT", "OPTIONS"])
def test_the_protocol_takes_post_and_delete_at_either_address_and_redirects_nowhere(
    method: str, path: str, guarded: App
) -> None:
    answer = asked(guarded, path=path, method=method, headers=BEARER)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST, DELETE"
    assert asked(guarded, path=path, headers=BEARER).status_code == 200


@each("given", [{}, {"Content-Type": "text/plain"}, {"Content-Type": "multipart/form-data; boundary=x"}])
@each("version", ["", "2025-06-18", MODERN])
def test_a_message_that_is_not_sent_as_json_is_refused_in_json(
    version: str, given: dict[str, str], guarded: App
) -> None:
    headers = {**BEARER, **ACCEPT, **given} | ({"MCP-Protocol-Version": version} if version else {})
    answer = asked(guarded, method="POST", headers=headers, content=json.dumps(LIST))
    assert "Content-Type: application/json" in refused(answer, 415, "unsupported_media_type")


def test_a_client_that_looks_for_oauth_is_told_how_to_add_the_server(app_of: Any) -> None:
    app = app_of(remote=True, GLM_HTTP_TOKEN=TOKEN, GLM_PUBLIC_URL="https://glm.example.org")
    said = refused(asked(app, path="/register", method="POST", json={}), 400, "invalid_client_metadata")
    assert (
        'claude mcp add --transport http glm https://glm.example.org/mcp --header "Authorization: Bearer TOKEN"'
        in said
    )
    for path in (
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/mcp",
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
    ):
        refused(asked(app, path=path, method="GET"), 404, "not_found")


def test_a_request_keeps_the_id_that_it_came_with_and_gets_one_where_it_has_none(guarded: App) -> None:
    given = asked(guarded, headers={**BEARER, "X-Request-Id": "from-nginx.1"})
    assert given.headers["x-request-id"] == "from-nginx.1"
    made = [asked(guarded, headers={**BEARER, "X-Request-Id": x}) for x in ("", "a b", "x" * 65)]
    assert len({answer.headers["x-request-id"] for answer in made}) == 3
    assert "a b" not in [answer.headers["x-request-id"] for answer in made]


def test_the_log_names_the_request_and_the_caller_and_never_the_token(
    guarded: App, capsys: pytest.CaptureFixture[str], restored: None
) -> None:
    from glm_mcp.server.log import configure

    configure("info", "json")
    asked(guarded, path="/mcp?x=secret", headers={**BEARER, "X-Request-Id": "mine"})
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    ours = next(line for line in lines if line["logger"].endswith("guard"))
    assert ours["request"] == "mine"
    assert "DELETE /mcp: 200" in ours["message"]
    assert "for shared" in ours["message"]
    assert TOKEN not in json.dumps(lines)
    assert "secret" not in json.dumps(lines)


def test_readiness_says_what_is_missing(guarded: App) -> None:
    async def missing() -> dict[str, str]:
        return {"redis": "it does not answer"}

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(application(guarded, readiness=missing))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.get("/readyz")

    answer = anyio.run(ask)
    assert answer.status_code == 503
    assert answer.json()["missing"] == {"redis": "it does not answer"}


def test_folders_are_not_read_for_whoever_comes(app_of: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="GLM_ALLOWED_DIRS") as error:
        application(app_of(remote=True, GLM_ALLOWED_DIRS=str(tmp_path)))
    assert "glm-mcp token add NAME`, set GLM_HTTP_TOKEN" in str(error.value)
    application(app_of(remote=True, GLM_ALLOWED_DIRS=str(tmp_path), GLM_HTTP_TOKEN=TOKEN))


@each(
    ("name", "value"),
    [
        ("GLM_PUBLIC_URL", "glm.example.org"),
        ("GLM_PUBLIC_URL", "https://a:b@glm.example.org"),
        ("GLM_PUBLIC_URL", "https://glm.example.org/x"),
        ("GLM_PUBLIC_URL", "https://glm.example.org:99999"),
        ("GLM_ALLOWED_HOSTS", "https://glm.example.org"),
        ("GLM_ALLOWED_HOSTS", "*"),
        ("GLM_SESSION_SECRET", "short"),
    ],
)
def test_a_setting_that_cannot_be_used_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=name):
        Settings(**{name: value})


# Bodies


@pytest.fixture
def narrow(guarded: App) -> Iterator[str]:
    """A server of which a limit is reached soon."""
    limits = Limits(
        bodies={"/mcp": 4 * SMALL},
        in_flight=5 * SMALL,
        admit_s=SHORT_S,
        body_s=SHORT_S,
        header_s=SHORT_S,
        linger_s=SHORT_S,
        connections=8,
    )
    with served(guarded, limits) as address:
        yield address


def posted(address: str, content: Any, **headers: str) -> httpx.Response:
    given = {**BEARER, **ACCEPT, "Content-Type": "application/json", **headers}
    return httpx.post(f"{address}/mcp", content=content, headers=given, trust_env=False)


def listed(address: str) -> None:
    """The server serves."""
    answer = posted(address, json.dumps(LIST))
    assert answer.status_code == 200, answer.text


def test_a_body_beyond_the_limit_is_refused_with_and_without_a_length(narrow: str) -> None:
    large = b" " * (4 * SMALL + 1)
    refused(posted(narrow, large), 413, "too_large")
    refused(posted(narrow, iter([large[:SMALL], large[SMALL:]])), 413, "too_large")
    filler = json.dumps({**LIST, "params": {"_meta": {"filler": "x" * 3 * SMALL}}}).encode()
    assert posted(narrow, filler).status_code == 200
    assert posted(narrow, iter([filler[:100], filler[100:]])).status_code == 200


def opened(address: str, *, head: bytes = b"", body: bytes = b"", length: int | None = None) -> socket.socket:
    """A connection on which a POST with a token is begun."""
    port = int(address.rpartition(":")[2])
    made = socket.create_connection(("127.0.0.1", port), timeout=60)
    if length is not None:
        head = (
            b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Accept: application/json, text/event-stream\r\n"
            + f"Authorization: Bearer {TOKEN}\r\nContent-Length: {length}\r\n\r\n".encode()
        )
    made.sendall(head + body)
    return made


def heard(connection: socket.socket) -> bytes:
    """All that comes until the server closes."""
    with connection:
        whole = b""
        try:
            while piece := connection.recv(65_536):
                whole += piece
        except ConnectionResetError:
            pass
        return whole


def test_a_body_of_two_lengths_is_refused_and_what_follows_it_is_no_request(narrow: str) -> None:
    """A proxy in front may have believed the other length."""
    head = b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
    said = heard(opened(narrow, head=head, body=b"0\r\n\r\nGET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"))
    assert said.startswith(b"HTTP/1.1 400 ")
    assert said.count(b"HTTP/1.1") == 1


def test_a_body_that_does_not_get_on_is_refused(narrow: str) -> None:
    said = heard(opened(narrow, body=b"{", length=100))
    assert said.startswith(b"HTTP/1.1 408 ")
    assert b'"too_slow"' in said


def test_a_body_in_drops_is_refused_however_often_they_come(narrow: str) -> None:
    with opened(narrow, length=100_000) as connection:
        connection.settimeout(0.02)
        said = b""
        end = time.monotonic() + 10
        while not said and time.monotonic() < end:
            connection.sendall(b" ")
            try:
                said = connection.recv(65_536)
            except TimeoutError:
                continue
        assert said.startswith(b"HTTP/1.1 408 ")


def test_headers_that_do_not_end_are_not_waited_for(narrow: str) -> None:
    for head in (b"", b"POST /mcp HTTP/1.1\r\nHost: localhost\r\n"):
        assert heard(opened(narrow, head=head)) == b""


def test_headers_in_drops_are_not_waited_for(narrow: str) -> None:
    with opened(narrow, head=b"POST /mcp HTTP/1.1\r\n") as connection:
        end = time.monotonic() + 10
        with pytest.raises(OSError, match=r"pipe|reset"):  # noqa: PT012 - which of the sends is refused is not said
            while time.monotonic() < end:
                connection.sendall(b"X-A: 1\r\n")
                time.sleep(0.01)


def test_the_second_request_of_a_connection_has_no_longer_for_its_headers(narrow: str) -> None:
    body = json.dumps(LIST).encode()
    with opened(narrow, body=body, length=len(body)) as connection:
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")
        connection.sendall(b"POST /mcp HTTP/1.1\r\n")
        assert b"HTTP/1.1 4" not in heard(connection)


def test_the_rest_of_a_refused_body_is_not_waited_for(narrow: str) -> None:
    head = b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n"
    assert heard(opened(narrow, head=head)).startswith(b"HTTP/1.1 401 ")


def test_many_half_requests_without_a_token_stop_nobody(narrow: str) -> None:
    halves = [opened(narrow, head=b"POST /mcp HTTP/1.1\r\nHost: localhost\r\n") for _ in range(40)]
    bodies = [
        opened(narrow, head=b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{")
        for _ in range(40)
    ]
    listed(narrow)
    for connection in halves + bodies:
        connection.close()


def test_a_client_that_reads_nothing_is_let_go() -> None:
    ended: list[bool] = []

    async def talks(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(100):  # what a client has no place for; sending returns at once when it is gone
            await send({"type": "http.response.body", "body": b"x" * 1_000_000, "more_body": True})
        ended.append(True)

    get = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with serving(talks, Limits(send_s=SHORT_S)) as address, opened(address, head=get):
        until(lambda: ended)


def test_a_client_that_reads_slowly_gets_all() -> None:
    pieces = 30

    async def talks(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(pieces):
            await send({"type": "http.response.body", "body": b"x" * 1_000_000, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    get, got, paused = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 0, 0
    with serving(talks, Limits(send_s=SHORT_S)) as address, opened(address, head=get) as connection:
        while got < pieces * 1_000_000:
            got += len(connection.recv(65_536) or pytest.fail(f"closed after {got:,} bytes"))
            if got // 3_000_000 > paused:  # a line that takes several times as long for the whole
                paused += 1
                time.sleep(SHORT_S / 2)


def test_a_client_that_sends_on_and_on_and_reads_no_answer_is_let_go(guarded: App) -> None:
    body = json.dumps({**LIST, "params": {"_meta": {"filler": "x" * 80_000}}}).encode()
    head = (
        b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Accept: application/json, text/event-stream\r\n"
        + f"Authorization: Bearer {TOKEN}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    )
    with served(guarded, Limits()) as address:
        with opened(address) as connection, pytest.raises((ConnectionResetError, BrokenPipeError)):
            connection.sendall(500 * (head + body))
        listed(address)


def test_a_connection_is_kept_for_longer_than_programs_keep_theirs_so_that_no_call_meets_its_end(
    guarded: App,
) -> None:
    ask = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with serving(application(guarded), Limits()) as address, opened(address, head=ask) as connection:
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200")
        connection.settimeout(6)  # uvicorn ends it after 5 s, when httpx does too
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.settimeout(60)
        connection.sendall(ask)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200")


def test_where_every_connection_is_at_work_the_next_is_told_so() -> None:
    over = anyio.Event()

    async def waits(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
        await over.wait()

    get = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with serving(waits, Limits(connections=2)) as address:
        busy = [opened(address, head=get) for _ in range(2)]
        for connection in busy:
            assert connection.recv(100).startswith(b"HTTP/1.1 200 ")
        said = heard(opened(address))
        assert said.startswith(b"HTTP/1.1 503 ")
        assert b'"overloaded"' in said
        for connection in busy:
            connection.close()


def test_what_is_not_http_is_refused_in_json(narrow: str) -> None:
    said = heard(opened(narrow, head=b"\x16\x03\x01 hello\r\n\r\n"))
    assert said.startswith(b"HTTP/1.1 400 ")
    assert json.loads(said.partition(b"\r\n\r\n")[2])["error"] == "invalid_request"


@pytest.mark.parametrize(
    ("body", "ident", "code", "why"),
    [
        (
            '{"jsonrpc": "2.0", "id": null, "method": "ping"}',
            None,
            -32600,
            "an id is a whole number or a text",
        ),
        (
            '{"jsonrpc": "2.0", "id": 1.5, "method": "ping"}',
            None,
            -32600,
            "an id is a whole number or a text",
        ),
        ('[{"jsonrpc": "2.0", "id": 8, "method": "ping"}]', None, -32600, "batches are not taken"),
        ('{"jsonrpc": "1.0", "id": 7, "method": "ping"}', 7, -32600, "not a JSON-RPC 2.0 message"),
        ('{"jsonrpc": "2.0", "id": "a", "method": "ping", "params": [1]}', "a", -32600, "not a JSON-RPC 2.0"),
        ('{"jsonrpc": "2.0", "id": 1, "method": "pi', None, -32700, "not JSON"),
        ("this is no JSON", None, -32700, "not JSON"),
        ("", None, -32700, "a message is empty"),
        (" \r\n", None, -32700, "a message is empty"),
    ],
)
def test_a_message_that_cannot_be_read_is_answered_in_plain_words(
    body: str, ident: object, code: int, why: str, narrow: str
) -> None:
    answer = posted(narrow, body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (answer.json()["id"], error["code"]) == (ident, code)
    assert why in error["message"]


def test_a_byte_order_mark_in_front_of_a_message_is_none_of_it(narrow: str) -> None:
    answer = posted(narrow, '\ufeff{"jsonrpc": "2.0", "id": 5, "method": "ping"}')
    assert answer.status_code == 200
    assert '"result":{}' in answer.text


def test_a_message_with_a_few_wrong_bytes_is_one_and_one_of_nothing_else_is_refused_in_plain_words(
    narrow: str,
) -> None:
    body = b'{"jsonrpc": "2.0", "id": 5, "method": "ping", "params": {"_meta": {"said": "FILL"}}}'
    answer = posted(narrow, body.replace(b"FILL", "Grüße".encode("latin-1")))
    assert answer.status_code == 200
    assert '"result":{}' in answer.text
    refused = posted(narrow, body.replace(b"FILL", b"\xff" * 3_000))
    assert refused.status_code == 400
    assert refused.json()["error"]["message"].startswith("not JSON: ")


def test_large_bodies_beyond_what_may_be_held_wait_for_their_turn(guarded: App) -> None:
    limits = Limits(in_flight=5 * SMALL, admit_s=10.0)
    body = json.dumps({**LIST, "params": {"_meta": {"filler": "x" * 3 * SMALL}}}).encode()
    with served(guarded, limits) as address:
        first = opened(address, body=body[:-1], length=len(body))
        second = opened(address, body=body, length=len(body))
        second.settimeout(SHORT_S)
        with pytest.raises(TimeoutError):
            second.recv(65_536)
        listed(address)
        first.sendall(body[-1:])
        second.settimeout(10)
        for connection in (first, second):
            with connection:
                assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")


def test_a_large_body_for_which_no_room_comes_is_told_when_to_come_again(
    guarded: App, sim: Simulator
) -> None:
    sim.queue(Fault("hang"))
    large = called_now("chat", prompt="x" * 3 * SMALL)
    large["headers"] |= BEARER
    port_limits = Limits(in_flight=5 * SMALL, admit_s=SHORT_S)

    async def both(address: str) -> httpx.Response:
        async with (
            httpx.AsyncClient(trust_env=False, timeout=60) as client,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(lambda: client.post(f"{address}/mcp", **large))
            await anyio.to_thread.run_sync(sim.wait_received, 1)
            answer = await client.post(f"{address}/mcp", **large)
            tasks.cancel_scope.cancel()
        return answer

    with served(guarded, port_limits) as address:
        answer = anyio.run(both, address)
        assert "Send it again" in refused(answer, 503, "overloaded")
        assert answer.headers["retry-after"]
        listed(address)


# The end


@pytest.mark.anyio
@pytest.mark.parametrize("version", [MODERN, "2025-06-18"])
async def test_a_signal_ends_a_call_with_an_error_and_not_with_a_cut(
    version: str, sim: Simulator, tmp_path: Path
) -> None:
    sim.queue(Fault("hang"))
    env = environment(tmp_path / "home", sim)
    with anyio.fail_after(60), over_http(env, tmp_path) as (address, process):
        async with (
            httpx.AsyncClient(trust_env=False, timeout=60) as client,
            anyio.create_task_group() as tasks,
        ):
            given: dict[str, Any] = called_now("chat", prompt="hello")
            if version != MODERN:
                begun = await client.post(f"{address}/mcp", json=initialize(version), headers=ACCEPT)
                session = {"Mcp-Session-Id": begun.headers["mcp-session-id"]}
                given = {"json": called("chat", prompt="hello"), "headers": {**ACCEPT, **session}}
            answers: list[httpx.Response] = []

            async def call() -> None:
                answers.append(await client.post(f"{address}/mcp", **given))

            tasks.start_soon(call)
            await anyio.to_thread.run_sync(sim.wait_received, 1)
            await anyio.to_thread.run_sync(process.signal, signal.SIGTERM)
        assert len(answers) == 1
        text = answers[0].text
        found = json.loads(text.partition("data: ")[2].splitlines()[0] if "data: " in text else text)
        assert found["result"]["isError"] is True
        assert found["result"]["content"][0]["text"].startswith("network: this server is being stopped")
        assert found["result"]["_meta"]["glm"]["error"]["kind"] == "network"
