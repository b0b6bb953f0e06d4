"""Two replicas behind nginx: any serves any request, one that is killed loses what it ran, a cancel reaches the service."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import anyio
import anyio.to_thread
import pytest
from support.http_server import MODERN
from support.processes import until
from support.team import Colleague, Team, team
from support.team_calls import ERAS, WAYS, given_up, good, killed_in_the_middle

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
