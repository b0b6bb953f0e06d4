"""Two replicas behind nginx: any serves any request, one that is killed loses what it ran, a cancel reaches the service."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial
from itertools import product
from urllib.parse import urlsplit

import anyio
import anyio.to_thread
import httpx
import pytest
from support.http_server import MODERN
from support.processes import VERSIONS, until
from support.team import Colleague, Team, team

from glm_mcp.simulator import Fault

pytestmark = pytest.mark.anyio
ERAS = (MODERN, *reversed(VERSIONS))
WAYS = [(MODERN, "closed request"), *product(VERSIONS, ("closed request", "notification"))]
LATE_S = 3.0  # in which a replica is killed; the service answers no sooner


@pytest.fixture(scope="module")
def shared() -> Iterator[Team]:
    with team() as made:
        yield made


@pytest.fixture
def ada(shared: Team) -> Iterator[str]:
    shared.sim.clear()
    yield shared.token("ada")
    shared.command("token", "revoke", "ada")


def good(answer: httpx.Response) -> bool:
    return answer.status_code == 200 and '"isError":false' in answer.text.replace(" ", "")


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
    colleague = Colleague(shared, ada, version)
    shared.sim.queue(Fault("hang"))
    async with colleague.http:
        await colleague.begin()
        with anyio.fail_after(30):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(partial(colleague.call, "chat", prompt="hello"))
                (got,) = await anyio.to_thread.run_sync(shared.sim.wait_received, 1)
                assert not got.disconnected
                if way == "notification":
                    params = {"requestId": 1}
                    said = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}
                    assert (await colleague.http.post("/mcp", json=said)).status_code == 202
                else:
                    tasks.cancel_scope.cancel()
                with anyio.CancelScope(shield=True), anyio.fail_after(10):
                    await anyio.to_thread.run_sync(shared.sim.wait, lambda got: got[-1].disconnected)


async def test_a_killed_replica_loses_the_calls_that_it_ran_and_nothing_else() -> None:
    with team() as made:
        token = made.token("ada")
        colleagues = [Colleague(made, token, version) for version in ERAS for _ in range(4)]
        killed, victim = made.replicas[0]
        ended: Counter[str] = Counter()

        async def call(colleague: Colleague) -> None:
            try:
                answer = await colleague.call("chat", prompt="hello")
            except httpx.RemoteProtocolError:  # its answer had begun
                ended["lost"] += 1
                return
            if answer.status_code == 502:
                assert answer.json()["error"] == "unavailable"
            ended["answered" if good(answer) else "lost"] += 1

        with anyio.fail_after(50):
            for colleague in colleagues:
                await colleague.begin()
            before = len(made.front.requests())
            made.sim.queue(*[Fault("slow_first_byte", seconds=LATE_S)] * len(colleagues))
            async with anyio.create_task_group() as tasks:
                for colleague in colleagues:
                    tasks.start_soon(call, colleague)
                await anyio.to_thread.run_sync(made.sim.wait_received, len(colleagues))
                victim.popen.kill()
            await anyio.to_thread.run_sync(
                until, lambda: len(made.front.requests()) == before + len(colleagues)
            )
            ran_by = Counter(r["replica"] for r in made.front.requests()[before:])
            assert ended["lost"] == ran_by[urlsplit(killed).netloc] > 0
            assert ended["answered"] == len(colleagues) - ended["lost"] > 0
            for colleague in colleagues:  # every session goes on, whichever replica began it
                answer = await colleague.call("chat", prompt="hello again")
                assert good(answer), answer.text
                await colleague.http.aclose()
