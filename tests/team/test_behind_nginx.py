"""Two replicas behind nginx: any serves any request, one that is killed loses what it ran, a cancel reaches the service."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from functools import partial
from urllib.parse import urlsplit

import anyio
import anyio.to_thread
import httpx
import pytest
from support.http_server import MODERN
from support.processes import until
from support.team import Colleague, Team, team
from support.team_calls import ERAS, LATE_S, WAYS, given_up, good, killed_in_the_middle, stopped_under_calls

from glm_mcp.simulator import Fault

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def shared() -> Iterator[Team]:
    with team() as made:
        yield made


@pytest.fixture
def ada(shared: Team) -> Iterator[str]:
    shared.sim.clear()
    yield shared.token("ada")
    shared.command("token", "revoke", "ada")


@pytest.mark.parametrize("version", ERAS)
async def test_every_request_of_a_client_may_go_to_another_replica(
    version: str, shared: Team, ada: str
) -> None:
    colleague = Colleague(shared, ada, version)
    before = len(shared.front.requests())
    async with colleague.http:
        session = await colleague.begin()
        with anyio.fail_after(30):
            for number in range(6):
                answer = await colleague.call("chat", prompt=f"hello {number}")
                assert good(answer), answer.text
    assert bool(session) == (version != MODERN)
    await anyio.to_thread.run_sync(until, lambda: len(shared.front.requests()) >= before + 6)
    asked = {r["replica"] for r in shared.front.requests()[before:]}
    assert asked == {urlsplit(url).netloc for url, _ in shared.replicas}


@pytest.mark.parametrize(("version", "way"), WAYS)
async def test_a_cancel_reaches_the_service(version: str, way: str, shared: Team, ada: str) -> None:
    await given_up(shared, ada, version, way)


async def test_a_killed_replica_loses_the_calls_that_it_ran_and_nothing_else() -> None:
    with team() as made:
        killed = await killed_in_the_middle(made, made.token("ada"))
    assert 0 < killed.lost == killed.ran < killed.calls
    assert killed.afterwards == killed.calls, "every session goes on, whichever replica began it"


async def test_a_replica_that_is_told_to_stop_ends_its_calls_while_the_other_takes_all_new_ones() -> None:
    answered: list[bool | str] = []
    with team(GLM_DRAIN_S="30") as made:
        token = made.token("ada")
        colleagues = [Colleague(made, token, version) for version in ERAS for _ in range(2)]

        async def call(colleague: Colleague) -> None:
            answer = await colleague.call("chat", prompt="hello")
            answered.append(good(answer) or answer.text)

        with anyio.fail_after(40):
            for colleague in colleagues:
                await colleague.begin()
            made.sim.queue(*[Fault("slow_first_byte", seconds=LATE_S)] * len(colleagues))
            async with anyio.create_task_group() as tasks:
                for colleague in colleagues:
                    tasks.start_soon(call, colleague)
                await anyio.to_thread.run_sync(made.sim.wait_received, len(colleagues))
                made.replicas[0][1].popen.terminate()
                for colleague in colleagues:
                    tasks.start_soon(call, colleague)
            assert answered == [True] * 2 * len(colleagues)
            assert await anyio.to_thread.run_sync(made.replicas[0][1].popen.wait, 20) in (0, -15, 143)
            for colleague in colleagues:
                assert good(await colleague.call("chat", prompt="hello again"))
                await colleague.http.aclose()


async def test_no_call_is_lost_when_a_replica_is_told_to_stop_while_calls_come_without_a_pause() -> None:
    with team(GLM_DRAIN_S="30") as made:
        await stopped_under_calls(made, made.token("ada"))


async def test_a_replica_that_is_told_to_stop_answers_who_had_connected_already() -> None:
    with team(GLM_DRAIN_S="30") as made:
        address, replica = made.replicas[0]
        at = urlsplit(address)
        token = made.token("ada")
        head = f"GET /health HTTP/1.1\r\nHost: {at.netloc}\r\nAuthorization: Bearer {token}\r\n\r\n"
        with anyio.fail_after(30):
            async with await anyio.connect_tcp(str(at.hostname), at.port or 0) as connection:
                replica.popen.terminate()
                await anyio.to_thread.run_sync(until, partial(refused, str(at.hostname), at.port or 0))
                await connection.send(head.encode())
                answer = await connection.receive()
        assert answer.startswith(b"HTTP/1.1 200"), answer
        assert await anyio.to_thread.run_sync(replica.popen.wait, 20) in (0, -15, 143)


async def test_a_replica_that_is_told_to_stop_answers_once_more_on_connections_that_a_balancer_keeps() -> (
    None
):
    with team(GLM_DRAIN_S="30") as made:
        address, replica = made.replicas[0]
        at = urlsplit(address)
        ask = f"GET /health HTTP/1.1\r\nHost: {at.netloc}\r\n\r\n".encode()
        with anyio.fail_after(30):
            async with await anyio.connect_tcp(str(at.hostname), at.port or 0) as kept:
                await kept.send(ask)
                assert b"connection: close" not in (await kept.receive()).lower()
                replica.popen.terminate()
                await anyio.to_thread.run_sync(until, partial(refused, str(at.hostname), at.port or 0))
                await kept.send(ask)
                answer = await kept.receive()
                with pytest.raises(anyio.EndOfStream):
                    await kept.receive()
        assert answer.startswith(b"HTTP/1.1 200"), answer
        assert b"connection: close" in answer.lower(), "else the balancer would send another one on it"
        assert await anyio.to_thread.run_sync(replica.popen.wait, 20) in (0, -15, 143)


def refused(host: str, port: int) -> bool:
    """Whether nobody new is taken there."""
    with socket.socket() as asking:
        asking.settimeout(0.2)
        return asking.connect_ex((host, port)) != 0


def test_each_replica_has_figures_and_all_have_one_page(shared: Team, ada: str) -> None:
    page = httpx.get(f"{shared.url}/", headers={"Authorization": f"Bearer {ada}"}, trust_env=False)
    assert page.status_code == 200
    assert "ada" in page.text
    for url, _ in shared.replicas:
        assert "glm_mcp_calls" in httpx.get(f"{url}/metrics", trust_env=False).text
