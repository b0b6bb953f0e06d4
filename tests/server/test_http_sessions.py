"""Older clients over HTTP: a session that nobody keeps, whose id says whose it is; and how a call is cancelled."""

from __future__ import annotations

import json
from typing import Any, Self

import anyio
import anyio.to_thread
import httpx
import jwt
import pytest
from support.http_server import ACCEPT, MODERN, Names, called, called_now, initialize, served
from support.processes import VERSIONS

from glm_mcp.server.app import App
from glm_mcp.server.callers.caller import owner_of
from glm_mcp.server.http.running import Running, key_of
from glm_mcp.server.http.sessions import Sessions
from glm_mcp.simulator import Fault, Simulator

pytestmark = pytest.mark.anyio
SECRET = "a secret that all replicas share, and nobody else"


@pytest.fixture
def app(app_of: Any) -> App:
    made: App = app_of(remote=True, GLM_SESSION_SECRET=SECRET)
    return made


class Old:
    """A client of an older version: what it sends, with its session's id."""

    def __init__(self, address: str, who: str = "") -> None:
        self.address = address
        bearer = {"Authorization": f"Bearer {who}"} if who else {}
        self.http = httpx.AsyncClient(trust_env=False, timeout=60, headers={**ACCEPT, **bearer})
        self.session: dict[str, str] = {}

    async def begin(self, version: str, name: str = "a-client") -> str:
        answer = await self.http.post(f"{self.address}/mcp", json=initialize(version, name))
        assert answer.status_code == 200, answer.text
        assert result(answer)["result"]["protocolVersion"] == version
        self.session = {"Mcp-Session-Id": answer.headers["mcp-session-id"]}
        if version >= "2025-06-18":
            self.session["MCP-Protocol-Version"] = version
        noted = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        assert (await self.post(noted)).status_code == 202
        return self.session["Mcp-Session-Id"]

    async def post(self, body: dict[str, Any]) -> httpx.Response:
        return await self.http.post(f"{self.address}/mcp", json=body, headers=self.session)

    async def cancel(self, ident: object) -> None:
        body = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": ident}}
        assert (await self.post(body)).status_code == 202

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()


def result(answer: httpx.Response) -> dict[str, Any]:
    """The JSON-RPC answer, which may come as an event."""
    text = answer.text
    if "data: " in text:
        text = text.rpartition("data: ")[2].splitlines()[0]
    found: dict[str, Any] = json.loads(text)
    return found


@pytest.mark.parametrize("version", VERSIONS)
async def test_another_replica_and_a_restarted_one_serve_the_same_session(version: str, app_of: Any) -> None:
    first, second = (app_of(remote=True, GLM_SESSION_SECRET=SECRET) for _ in range(2))
    with anyio.fail_after(60), served(first) as address:
        async with Old(address) as client:
            await client.begin(version)
            assert "result" in result(await client.post(called("chat", prompt="hello")))
            with served(second) as other:
                client.address = other
                for ident in (2, 3):
                    said = result(await client.post(called("chat", ident, prompt="hello")))
                    assert said["id"] == ident
                    assert said["result"]["isError"] is False


async def test_without_a_shared_secret_another_process_does_not_know_the_session(app_of: Any) -> None:
    with anyio.fail_after(60), served(app_of(remote=True)) as address, served(app_of(remote=True)) as other:
        async with Old(address) as client:
            await client.begin("2025-06-18")
            client.address = other
            answer = await client.post(called("chat", prompt="hello"))
    assert answer.status_code == 404
    assert answer.json()["error"] == "unknown_session"


@pytest.mark.parametrize("version", VERSIONS)
async def test_the_clients_name_goes_with_each_of_its_requests(version: str, app: App) -> None:
    """Claude Code takes results of 50,000 characters, a client that nobody knows 7,800."""
    text = "data:text/plain," + "word%20" * 4_000
    sizes = {}
    with anyio.fail_after(60), served(app) as address:
        for name in ("claude-code", "unknown"):
            async with Old(address) as client:
                await client.begin(version, name)
                found = result(await client.post(called("read_document", documents=text)))["result"]
                sizes[name] = len(json.dumps(found))
    assert sizes["unknown"] <= 7_800
    assert sizes["claude-code"] > 20_000


@pytest.mark.parametrize("name", ["\N{GRINNING FACE}" * 200, "\x01" * 200, "\u6a21" * 200])
async def test_a_client_of_any_name_has_a_session_that_is_known(name: str, app: App) -> None:
    with anyio.fail_after(60), served(app) as address:
        async with Old(address) as client:
            await client.begin("2025-06-18", name)
            assert "result" in result(await client.post(called("chat", prompt="hello")))


async def test_the_session_of_another_caller_is_not_known(app: App) -> None:
    with anyio.fail_after(60), served(app, authenticator=Names()) as address:
        async with Old(address, "anna") as anna, Old(address, "bert") as bert:
            await anna.begin("2025-06-18")
            bert.session = anna.session
            refused = await bert.post(called("chat", prompt="hello"))
            assert refused.status_code == 404
            assert refused.json()["error"] == "unknown_session"
            assert (await anna.post(called("chat", prompt="hello"))).status_code == 200


def _forged(real: str) -> list[str]:
    claims = jwt.decode(real, options={"verify_signature": False})
    head, body, signature = real.split(".")
    return [
        jwt.encode(claims, "", algorithm="none"),
        jwt.encode(claims, "x" * 32, "HS256"),
        jwt.encode(claims, SECRET + SECRET, "HS512"),
        jwt.encode({**claims, "o": owner_of("bert")}, "x" * 32, "HS256"),
        jwt.encode({"o": claims["o"]}, SECRET, "HS256"),
        jwt.encode({**claims, "c": ["not", "a", "name"]}, SECRET, "HS256"),
        f"{head}.{body}.{signature[:-2]}",
        f"{head}.{body}.",
        "0123456789abcdef",
        "x" * 5_000,
    ]


async def test_an_id_that_this_server_did_not_give_is_not_known(app: App) -> None:
    with anyio.fail_after(60), served(app) as address:
        async with Old(address) as client:
            real = await client.begin("2025-06-18")
            for ident in _forged(real):
                client.session["Mcp-Session-Id"] = ident
                answer = await client.post(called("chat", prompt="hello"))
                assert answer.status_code == 404, ident


async def test_a_session_may_be_given_up_and_has_no_stream_of_its_own(app: App) -> None:
    with anyio.fail_after(60), served(app) as address:
        async with Old(address) as client:
            await client.begin("2025-06-18")
            listened = await client.http.get(f"{address}/mcp", headers=client.session)
            assert listened.status_code == 405
            assert listened.headers["allow"] == "POST, DELETE"
            given_up = await client.http.delete(f"{address}/mcp", headers=client.session)
            assert given_up.status_code == 200
            assert (await client.post(called("chat", 3, prompt="hello"))).status_code == 404
            client.session["Mcp-Session-Id"] = "another"
            unknown = await client.http.delete(f"{address}/mcp", headers=client.session)
            assert unknown.status_code == 404


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_cancel_notification_reaches_the_service(version: str, app: App, sim: Simulator) -> None:
    sim.queue(Fault("hang"))
    with anyio.fail_after(60), served(app) as address:
        async with Old(address) as client, anyio.create_task_group() as tasks:
            await client.begin(version)
            answers: list[httpx.Response] = []

            async def call() -> None:
                answers.append(await client.post(called("chat", 7, prompt="hello")))

            tasks.start_soon(call)
            await anyio.to_thread.run_sync(sim.wait_received, 1)
            await client.cancel("7")  # of another type, and so of another request
            await client.cancel(8)
            assert not sim.received[-1].disconnected
            await client.cancel(7)
            await anyio.to_thread.run_sync(sim.wait, lambda received: received[-1].disconnected)
        assert result(answers[0])["error"]["code"] == -32800


async def test_nobody_cancels_the_call_of_another(app: App, sim: Simulator) -> None:
    sim.queue(Fault("slow_first_byte", seconds=1.0))
    with anyio.fail_after(60), served(app, authenticator=Names()) as address:
        async with (
            Old(address, "anna") as anna,
            Old(address, "anna") as again,
            Old(address, "bert") as bert,
            anyio.create_task_group() as tasks,
        ):
            await anna.begin("2025-06-18")
            await again.begin("2025-06-18")
            await bert.begin("2025-06-18")
            answers: list[httpx.Response] = []

            async def call() -> None:
                answers.append(await anna.post(called("chat", 7, prompt="hello")))

            tasks.start_soon(call)
            await anyio.to_thread.run_sync(sim.wait_received, 1)
            await bert.cancel(7)
            await again.cancel(7)
            bert.session = anna.session
            stolen = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}}
            assert (await bert.post(stolen)).status_code == 404
        assert result(answers[0])["result"]["isError"] is False
        assert not sim.received[-1].disconnected


@pytest.mark.parametrize("version", [*VERSIONS, MODERN])
async def test_a_closed_request_reaches_the_service(version: str, app: App, sim: Simulator) -> None:
    sim.queue(Fault("hang"))
    with anyio.fail_after(60), served(app) as address:
        async with Old(address) as client, anyio.create_task_group() as tasks:
            given: dict[str, Any] = called_now("chat", prompt="hello")
            if version != MODERN:
                await client.begin(version)
                given = {"json": called("chat", prompt="hello"), "headers": client.session}
            tasks.start_soon(lambda: client.http.post(f"{address}/mcp", **given))
            await anyio.to_thread.run_sync(sim.wait_received, 1)
            tasks.cancel_scope.cancel()
        await anyio.to_thread.run_sync(sim.wait, lambda received: received[-1].disconnected)


async def test_an_id_twice_in_flight_in_one_session_is_refused(app: App, sim: Simulator) -> None:
    sim.queue(Fault("slow_first_byte", seconds=1.0))
    with anyio.fail_after(60), served(app) as address:
        async with Old(address) as client, Old(address) as other, anyio.create_task_group() as tasks:
            await client.begin("2025-06-18")
            await other.begin("2025-06-18")
            answers: list[httpx.Response] = []

            async def call() -> None:
                answers.append(await client.post(called("chat", 7, prompt="hello")))

            tasks.start_soon(call)
            await anyio.to_thread.run_sync(sim.wait_received, 1)
            twice = result(await client.post(called("chat", 7, prompt="hello")))
            assert twice["error"]["code"] == -32600
            assert "request id 7" in twice["error"]["message"]
            assert "result" in result(await other.post(called("chat", 7, prompt="hello")))
        assert result(answers[0])["result"]["isError"] is False
        with anyio.fail_after(20):
            async with Old(address) as client:
                await client.begin("2025-06-18")
                for _ in range(2):
                    assert "result" in result(await client.post(called("chat", 7, prompt="hello")))


async def test_a_cancel_of_what_runs_elsewhere_is_passed_on(app: App) -> None:
    told: list[str] = []

    async def tell_others(key: str) -> None:
        told.append(key)

    with anyio.fail_after(60), served(app, elsewhere=tell_others) as address:
        async with Old(address) as client:
            ident = await client.begin("2025-06-18")
            await client.cancel(7)
    session = Sessions(SECRET).of(ident, owner_of("local"))
    assert session is not None
    assert told == [key_of(session, 7)]
    assert not Running().cancel(told[0])
