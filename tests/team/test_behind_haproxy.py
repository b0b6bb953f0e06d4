"""Two replicas behind HAProxy, which keeps its connections to them: no call is lost, cut off or sent twice."""

from __future__ import annotations

from collections.abc import Iterator

import anyio
import anyio.to_thread
import httpx
import pytest
from support.haproxy import haproxy
from support.http_server import called_now
from support.processes import until
from support.team import Colleague, Team, team
from support.team_calls import ERAS, good, stopped_under_calls

from glm_mcp.simulator import Fault

pytestmark = pytest.mark.anyio
SHORT_S = 1  # what HAProxy waits here for a client that says nothing
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[Team, str, str]]:
    """The replicas, a token, and HAProxy's address."""
    with (
        team() as made,
        haproxy(
            made.folder, [r[0] for r in made.replicas], ("timeout client 30s", f"timeout client {SHORT_S}s")
        ) as url,
    ):
        yield made, made.token("ada"), url


def log_of(made: Team) -> str:
    return (made.folder / "haproxy.log").read_text(encoding="utf-8")


@pytest.mark.parametrize("version", ERAS)
async def test_a_call_is_answered_however_long_the_service_is_silent(
    version: str, shared: tuple[Team, str, str]
) -> None:
    made, token, url = shared
    colleague = Colleague(made, token, version, url)
    async with colleague.http:
        with anyio.fail_after(30):
            await colleague.begin()
            made.sim.queue(Fault("slow_first_byte", seconds=2.5 * SHORT_S))
            answer = await colleague.call("chat", prompt="hello")
    assert good(answer), answer.text


async def test_a_body_that_is_too_large_is_refused_by_the_replica_in_its_words(
    shared: tuple[Team, str, str],
) -> None:
    _, token, url = shared
    call = called_now("chat", prompt="hello")
    headers = {**call["headers"], "Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        answer = await client.post(f"{url}/mcp", headers=headers, content=b" " * 34 * MIB)
    assert answer.status_code == 413, answer.text
    assert answer.json()["error"] == "too_large"
    assert answer.headers["x-request-id"]


async def test_a_token_in_an_address_stands_in_no_line_of_its_log(shared: tuple[Team, str, str]) -> None:
    made, token, url = shared
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        answer = await client.get(f"{url}/mcp?access_token={token}")
    assert answer.status_code >= 400
    await anyio.to_thread.run_sync(until, lambda: answer.headers["x-request-id"] in log_of(made))
    assert token not in log_of(made)


async def test_no_figures_of_one_replica_are_given_as_those_of_all(shared: tuple[Team, str, str]) -> None:
    _, _, url = shared
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        answer = await client.get(f"{url}/metrics")
    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")


async def test_no_call_is_lost_when_a_replica_is_told_to_stop_whose_connections_are_kept_by_all() -> None:
    kept = ("mode http\n", "mode http\n    http-reuse always\n")
    with team(GLM_DRAIN_S="30") as made, haproxy(made.folder, [r[0] for r in made.replicas], kept) as url:
        await stopped_under_calls(made, made.token("ada"), url)


async def test_where_no_replica_is_left_a_call_is_told_so_in_json() -> None:
    with team() as made, haproxy(made.folder, [r[0] for r in made.replicas]) as url:
        colleague = Colleague(made, made.token("ada"), url=url)
        for _, replica in made.replicas:
            replica.popen.kill()
            replica.popen.wait(20)
        async with colleague.http:
            with anyio.fail_after(30):
                answer = await colleague.call("chat", prompt="hello")
    assert (answer.status_code, answer.json()["error"]) == (503, "unavailable")
