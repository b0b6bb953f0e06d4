"""What one caller can take of what all callers have in common, and what a request may be made of."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, ClassVar

import anyio
import httpx
import pytest
from starlette.requests import Request
from support.http_server import ACCEPT, Names, served, serving
from support.processes import until

from glm_mcp.glm.threads import AT_ONCE, in_thread
from glm_mcp.server.app import App
from glm_mcp.server.callers.caller import owner_of
from glm_mcp.server.http.bodies import InFlight
from glm_mcp.server.http.guard import Guard
from glm_mcp.server.http.hosts import Hosts
from glm_mcp.server.http.limits import MIB, SMALL, Limits
from glm_mcp.server.http.readiness import ready
from glm_mcp.server.http.running import Running
from glm_mcp.server.resources import READ_BYTES

pytestmark = pytest.mark.extreme

LIST: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
TOKEN = "a-token-of-enough-characters"
LIMIT_S = 10.0


@pytest.fixture
def app(app_of: Any) -> App:
    made: App = app_of(remote=True, GLM_HTTP_TOKEN=TOKEN)
    return made


@contextmanager
def begun(
    address: str, whose: str, length: int, path: str = "/mcp", more: str = ""
) -> Iterator[socket.socket]:
    """A connection on which a POST is begun whose body does not come."""
    with socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])), timeout=LIMIT_S) as made:
        who = f"Authorization: Bearer {whose}\r\n" if whose else ""
        made.sendall(
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{more}"
            f"Accept: application/json, text/event-stream\r\n{who}Content-Length: {length}\r\n\r\n".encode()
        )
        yield made


def listed(address: str, whose: str, filler: int = 0) -> httpx.Response:
    """A list is asked for, in a body of so many bytes more."""
    message = {**LIST, "params": {"_meta": {"filler": "x" * filler}}}
    headers = {**ACCEPT, "Authorization": f"Bearer {whose}"}
    return httpx.post(f"{address}/mcp", json=message, headers=headers, trust_env=False, timeout=LIMIT_S)


def said(connection: socket.socket, upto: bytes = b"\r\n\r\n") -> bytes:
    """What comes, until the server has nothing more to say."""
    whole = b""
    while upto not in whole and (piece := connection.recv(65_536)):
        whole += piece
    return whole


def test_the_large_bodies_of_one_caller_leave_room_for_another(app: App) -> None:
    limits = Limits(bodies={"/mcp": 3 * SMALL}, in_flight=8 * SMALL, admit_s=0.5)
    with served(app, limits, authenticator=Names()) as address, ExitStack() as held:
        for whose in ("anna", "ben"):
            assert listed(address, whose).status_code == 200
        slow = [held.enter_context(begun(address, "anna", 2 * SMALL)) for _ in range(5)]
        late = [said(connection, b"overloaded") for connection in slow[2:]]
        assert all(answer.startswith(b"HTTP/1.1 503 ") for answer in late), "two of the five are her share"
        assert listed(address, "ben", 2 * SMALL).status_code == 200
        assert listed(address, "anna", 2 * SMALL).status_code == 503


def test_a_caller_alone_may_use_all_the_room(app: App) -> None:
    limits = Limits(bodies={"/mcp": 3 * SMALL}, in_flight=8 * SMALL, admit_s=0.5)
    with served(app, limits, authenticator=Names()) as address, ExitStack() as held:
        for _ in range(2):
            held.enter_context(begun(address, "anna", 2 * SMALL))
        assert listed(address, "anna", 2 * SMALL).status_code == 200


def test_a_large_body_that_gets_on_but_too_slowly_gives_its_room_back(app: App) -> None:
    limits = Limits(body_s=1.0, pace=1_000 * SMALL)
    with (
        served(app, limits, authenticator=Names()) as address,
        begun(address, "anna", 100 * SMALL) as connection,
    ):
        answer = b""
        connection.settimeout(0.2)
        for _ in range(50):  # each piece is in time
            connection.sendall(b" " * SMALL)
            try:
                answer = connection.recv(65_536)
            except TimeoutError:
                continue
            break
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"KB a second" in answer


def test_the_requests_of_one_caller_leave_connections_for_another(app: App) -> None:
    with (
        served(app, Limits(connections=16), authenticator=Names()) as address,
        ExitStack() as held,
    ):
        slow = [held.enter_context(begun(address, "anna", 100)) for _ in range(16)]
        refused = [said(connection, b"overloaded") for connection in slow[8:]]
        assert all(answer.startswith(b"HTTP/1.1 503 ") for answer in refused)
        assert listed(address, "ben").status_code == 200


def test_sign_ins_that_do_not_end_stop_nobody(app: App) -> None:
    with served(app, Limits(connections=16)) as address, ExitStack() as held:
        for _ in range(40):
            held.enter_context(begun(address, "", 100, "/sign-in"))
        assert listed(address, TOKEN).status_code == 200
        assert httpx.get(f"{address}/healthz", trust_env=False).status_code == 200


def test_the_uploads_of_one_caller_that_come_in_at_once_are_bounded(app: App) -> None:
    with (
        served(app, Limits(uploads=2), authenticator=Names()) as address,
        begun(address, "anna", 100, "/files"),
        begun(address, "anna", 100, "/files"),
    ):

        def upload(whose: str) -> httpx.Response:
            headers = {"Authorization": f"Bearer {whose}"}
            return httpx.post(
                f"{address}/files?name=a.txt", content=b"words", headers=headers, trust_env=False
            )

        until(lambda: upload("anna").status_code == 503)
        assert upload("anna").json()["error"] == "overloaded"
        assert upload("ben").status_code == 200


# What each piece of costs more than it does to send


def sent(address: str, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])), timeout=LIMIT_S) as made:
        try:
            made.sendall(data)
            return said(made)
        except (BrokenPipeError, ConnectionResetError):  # it has closed before the rest came
            return b""


@pytest.mark.parametrize("token", ["", f"Authorization: Bearer {TOKEN}\r\n"])
def test_a_body_in_crumbs_is_refused(token: str, app: App) -> None:
    head = f"POST /mcp HTTP/1.1\r\nHost: localhost\r\n{token}Transfer-Encoding: chunked\r\n\r\n".encode()
    with served(app) as address, begun_chunked(address, head) as connection:
        for _ in range(3):
            connection.sendall(b"1\r\n \r\n" * 1_000)
        assert b"Invalid HTTP request" in said(connection, b"Invalid HTTP request")
        assert listed(address, TOKEN).status_code == 200


@contextmanager
def begun_chunked(address: str, head: bytes) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])), timeout=LIMIT_S) as made:
        made.sendall(head)
        yield made


def test_a_body_in_many_pieces_of_some_size_is_taken(app: App) -> None:
    body = json.dumps({**LIST, "params": {"_meta": {"filler": "x" * 300_000}}}).encode()
    pieces = [body[at : at + 100] for at in range(0, len(body), 100)]
    headers = {**ACCEPT, "Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    with served(app) as address:
        answer = httpx.post(f"{address}/mcp", content=iter(pieces), headers=headers, trust_env=False)
    assert answer.status_code == 200


@pytest.mark.parametrize("line", [b"a:\r\n", b" folded\r\n", b"a: b\n"])
def test_many_headers_are_refused(line: bytes, app: App) -> None:
    ask = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
    with served(app) as address:
        assert sent(address, ask + b"\r\n").startswith(b"HTTP/1.1 200 ")
        assert sent(address, ask + line * 1_000 + b"\r\n").startswith(b"HTTP/1.1 431 ")
        together = sent(address, ask + b"\r\n" + ask + line * 1_000 + b"\r\n")
        assert together.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("where", ["/sign-in", "/mcp"])
def test_many_headers_behind_a_body_are_refused(where: str, app: App) -> None:
    def ask(lines: int) -> bytes:
        head = f"POST {where} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        return head.encode() + b"5\r\ntoken\r\n0\r\n" + b"a:\r\n" * lines + b"\r\n"

    with served(app) as address:
        assert b" 431 " not in sent(address, ask(100))
        assert b"HTTP/1.1 431 " in sent(address, ask(1_000))


def test_a_request_with_many_values_in_its_address_is_refused(app: App) -> None:
    with served(app) as address:
        answer = httpx.get(f"{address}/healthz?" + "a=1&" * 1_000, trust_env=False)
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_request"


# Forms that no browser sends


def test_a_sign_in_with_many_fields_is_refused_as_a_wrong_token_is(app: App) -> None:
    fields = "&".join(f"a{n}=1" for n in range(20))
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    with served(app) as address:
        answer = httpx.post(f"{address}/sign-in", content=fields, headers=headers, trust_env=False)
    assert answer.status_code == 403


def test_an_upload_whose_boundary_is_too_long_is_refused_in_our_words(app: App) -> None:
    headers = {
        "Authorization": f"Bearer {TOKEN}",
        "Content-Type": f"multipart/form-data; boundary={'b' * 300}",
    }
    with served(app) as address:
        answer = httpx.post(f"{address}/files", content=b"--b", headers=headers, trust_env=False)
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_request"


class _Stuck(type(Path())):  # type: ignore[misc]
    """A folder on a disk that does not answer."""

    asked: ClassVar[list[int]] = []
    over: ClassVar[threading.Event] = threading.Event()

    def exists(self, **_: Any) -> bool:
        self.asked.append(threading.get_ident())
        self.over.wait(LIMIT_S)
        return True


@pytest.mark.anyio
async def test_however_many_ask_whether_it_is_ready_one_thread_waits_for_a_disk(tmp_path: Path) -> None:
    asks = ready(_Stuck(tmp_path), None, Running())
    request = Request({"type": "http", "method": "GET", "path": "/readyz", "headers": []})
    statuses: list[int] = []

    async def ask() -> None:
        statuses.append((await asks(request)).status_code)

    try:
        with anyio.fail_after(LIMIT_S):
            async with anyio.create_task_group() as group:
                for _ in range(60):
                    group.start_soon(ask)
    finally:
        _Stuck.over.set()
    assert statuses == [503] * 60
    assert len(_Stuck.asked) == 1


def reading(uri: str, whose: str) -> tuple[bytes, dict[str, str]]:
    """A request for a resource: its body, and its headers."""
    message = {"jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": {"uri": uri}}
    headers = {**ACCEPT, "Authorization": f"Bearer {whose}", "Content-Type": "application/json"}
    return json.dumps(message).encode(), headers


def test_results_that_one_caller_asks_for_and_does_not_read_are_bounded(app: App) -> None:
    def kept(whose: str) -> str:
        return "glm://outputs/" + app.outputs.for_owner(owner_of(whose)).keep(bytes(4 * MIB), ".png")

    def answer(whose: str) -> str:
        body, headers = reading(kept(whose), whose)
        return httpx.post(
            f"{address}/mcp", content=body, headers=headers, trust_env=False, timeout=LIMIT_S
        ).text

    with served(app, Limits(admit_s=0.5), authenticator=Names()) as address, ExitStack() as held:
        for whose in ("anna", "ben"):
            assert '"blob"' in answer(whose)
        body, headers = reading(kept("anna"), "anna")
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        for _ in range(4):
            unread = held.enter_context(socket.socket())
            unread.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            unread.settimeout(LIMIT_S)
            unread.connect(("127.0.0.1", int(address.rpartition(":")[2])))
            unread.sendall(
                f"POST /mcp HTTP/1.1\r\nHost: localhost\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode()
                + body
            )
            assert b"data: " in said(unread, b"data: ")
        assert "Send it again" in answer("anna")
        assert '"blob"' in answer("ben")


@pytest.mark.anyio
async def test_room_that_is_given_to_who_is_just_cancelled_is_given_back() -> None:
    room = InFlight(Limits(in_flight=100 * MIB, admit_s=LIMIT_S))

    async def wait(scope: anyio.CancelScope) -> None:
        with scope:
            async with room.room("anna", 100 * MIB):
                await anyio.sleep_forever()

    async with anyio.create_task_group() as group, room.room("anna", 100 * MIB):
        group.start_soon(wait, scope := anyio.CancelScope())
        await anyio.wait_all_tasks_blocked()
        scope.cancel()
    with anyio.fail_after(LIMIT_S):
        async with room.room("anna", 100 * MIB) as given:
            assert given


def test_reads_without_an_id_which_nothing_answers_hold_no_room(app: App) -> None:
    body, headers = reading("glm://usage", "anna")
    unasked = {name: value for name, value in json.loads(body).items() if name != "id"}
    limits = Limits(admit_s=0.5)
    with (
        served(app, limits, authenticator=Names()) as address,
        httpx.Client(headers=headers, trust_env=False, timeout=LIMIT_S) as anna,
    ):
        for _ in range(limits.in_flight // READ_BYTES):
            assert anna.post(f"{address}/mcp", json=unasked).status_code == 202
        assert '"result"' in anna.post(f"{address}/mcp", content=body).text
        assert listed(address, "ben", 2 * SMALL).status_code == 200


@pytest.mark.parametrize("name", ["image", "unknown"])
def test_a_prompt_takes_arguments_of_some_length_alone(name: str, app: App) -> None:
    words = "\u200b\u00e9" * 200_000  # each takes a look of its own
    message = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "prompts/get",
        "params": {"name": "ocr", "arguments": {"image": "a.png", name: words}},
    }
    with served(app, authenticator=Names()) as address:
        headers = {**ACCEPT, "Authorization": "Bearer anna"}
        answer = httpx.post(f"{address}/mcp", json=message, headers=headers, trust_env=False, timeout=LIMIT_S)
    assert "ocr: an argument has more than 10,000 characters" in answer.text


def test_the_threads_of_one_caller_leave_some_for_another(app: App) -> None:
    begun_threads, asked, end = [], [], threading.Event()

    def work() -> None:
        begun_threads.append(1)
        end.wait(LIMIT_S)

    async def waits(scope: Any, _: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        asked.append(1)
        await in_thread(work if scope["path"] == "/wait" else dict)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"fine"})

    limits = Limits()
    guard = Guard(
        waits,
        settings=app.settings,
        authenticator=Names(),
        hosts=Hosts.of(app.settings, "127.0.0.1"),
        limits=limits,
    )
    many = 3 * AT_ONCE
    with serving(guard, limits) as address, ExitStack() as held:
        try:
            for _ in range(many):
                held.enter_context(begun(address, "anna", 0, "/wait"))
            until(lambda: len(asked) == many and len(begun_threads) >= AT_ONCE)
            headers = {"Authorization": "Bearer ben"}
            assert httpx.get(f"{address}/", headers=headers, trust_env=False, timeout=LIMIT_S).text == "fine"
            assert len(begun_threads) == AT_ONCE
        finally:
            end.set()
        until(lambda: len(begun_threads) == many)
