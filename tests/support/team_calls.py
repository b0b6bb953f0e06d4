"""Calls of a team's server that end before their time: given up by a client, or by the end of a replica."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

import anyio
import anyio.to_thread
import httpx
from support.http_server import MODERN
from support.processes import VERSIONS, until
from support.team import Colleague, Team

from glm_mcp.simulator import Fault

ERAS = (MODERN, *reversed(VERSIONS))
WAYS = [
    (MODERN, "closed request"),
    *((version, way) for version in reversed(VERSIONS) for way in ("closed request", "notification")),
]
LATE_S = 3.0  # in which a replica is killed; the service answers no sooner


def good(answer: httpx.Response) -> bool:
    return answer.status_code == 200 and '"isError":false' in answer.text.replace(" ", "")


async def given_up(team: Team, token: str, version: str, way: str) -> float:
    """Seconds from a client's word, or its closed connection, until the service hears nobody any more."""
    colleague = Colleague(team, token, version)
    team.sim.clear()
    team.sim.queue(Fault("hang"))
    async with colleague.http:
        await colleague.begin()
        with anyio.fail_after(60):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(partial(colleague.call, "chat", prompt="hello"))
                (got,) = await anyio.to_thread.run_sync(team.sim.wait_received, 1)
                assert not got.disconnected
                began = time.perf_counter()
                if way == "notification":
                    params = {"requestId": 1}
                    said = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}
                    assert (await colleague.http.post("/mcp", json=said)).status_code == 202
                else:
                    tasks.cancel_scope.cancel()
                with anyio.CancelScope(shield=True), anyio.fail_after(60):
                    await anyio.to_thread.run_sync(team.sim.wait, lambda seen: seen[-1].disconnected)
                took = time.perf_counter() - began
    return took


@dataclass(frozen=True)
class Killed:
    """`ran`: calls that the killed replica ran; `lost`: calls without an answer; `afterwards`: further calls of the same
    clients that were answered, of as many as `calls`.
    """

    calls: int
    ran: int
    lost: int
    afterwards: int


async def killed_in_the_middle(team: Team, token: str, each: int = 4) -> Killed:
    """One of the replicas is killed while `each` clients of each version wait for the service."""
    colleagues = [Colleague(team, token, version) for version in ERAS for _ in range(each)]
    address, victim = team.replicas[0]
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
        before = len(team.front.requests()) + len([c for c in colleagues if await c.begin()])
        # A line is written when its answer has been given.
        await anyio.to_thread.run_sync(until, lambda: len(team.front.requests()) == before)
        team.sim.clear()
        team.sim.queue(*[Fault("slow_first_byte", seconds=LATE_S)] * len(colleagues))
        async with anyio.create_task_group() as tasks:
            for colleague in colleagues:
                tasks.start_soon(call, colleague)
            await anyio.to_thread.run_sync(team.sim.wait_received, len(colleagues))
            victim.popen.kill()
        await anyio.to_thread.run_sync(until, lambda: len(team.front.requests()) == before + len(colleagues))
        ran_by = Counter(r["replica"] for r in team.front.requests()[before:])
        again = [good(await colleague.call("chat", prompt="hello again")) for colleague in colleagues]
        for colleague in colleagues:
            await colleague.http.aclose()
    return Killed(len(colleagues), ran_by[urlsplit(address).netloc], ended["lost"], sum(again))


async def stopped_under_calls(team: Team, token: str, url: str = "") -> None:
    """One of the replicas is told to stop while twelve clients call without a pause: each call is answered, 200 before it
    and 200 after it at least. `url`: whom they ask; else nginx.
    """
    stopping = anyio.Event()
    answered = {False: 0, True: 0}
    victim = team.replicas[0][1].popen

    async def calls(colleague: Colleague) -> None:
        async with colleague.http:
            while answered[True] < 200:
                answer = await colleague.call("chat", prompt="hello")
                assert good(answer), answer.text
                answered[stopping.is_set()] += 1
                if answered[False] == 200 and not stopping.is_set():
                    victim.terminate()
                    stopping.set()

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            for _ in range(12):
                tasks.start_soon(calls, Colleague(team, token, url=url))
        assert await anyio.to_thread.run_sync(victim.wait, 20) in (0, -15, 143)
