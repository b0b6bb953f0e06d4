"""A call that the host gives up is given up upstream at once, and the server goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
from mcp import Client, StdioServerParameters
from mcp.shared.message import SessionMessage
from mcp.types import JSONRPCResponse
from support.commands import program
from support.pictures import grain
from support.processes import Stdio, environment, over_http, said
from support.toolkit import text_of

from glm_mcp.server.stdio import Outgoing
from glm_mcp.simulator import Fault, Received, Simulator

pytestmark = pytest.mark.anyio


def cut(received: list[Received]) -> bool:
    return received[-1].disconnected


async def waited(sim: Simulator, what: Callable[[list[Received]], object]) -> None:
    await anyio.to_thread.run_sync(sim.wait, what)


def test_over_stdio_a_cancelled_call_closes_its_connection_and_gets_no_answer(
    sim: Simulator, tmp_path: Path
) -> None:
    sim.queue(Fault("hang"))
    with Stdio(environment(tmp_path / "home", sim), tmp_path) as server:
        server.initialize()
        ident = server.start_call("chat", {"prompt": "hello"})
        sim.wait_received(1)
        assert server.request("ping")["result"] == {}, "a hanging call holds nothing up"
        server.send("notifications/cancelled", {"requestId": ident, "reason": "tired of it"})
        sim.wait(cut)
        assert "I received text" in said(server.call("chat", {"prompt": "hello"}))
        assert not [m for m in server.heard if m.get("id") == ident and "result" in m]


async def test_nothing_is_remembered_of_requests_that_were_cancelled_and_the_end_waits_for_none() -> None:
    sending, receiving = anyio.create_memory_object_stream[SessionMessage](1)
    answers = Outgoing(sending, {}, None)
    for ident in (1, 2, "three", "three"):
        answers.asked(ident)
    for given_up in (1, "three", "unknown", None):
        answers.taken_back(given_up)
    with anyio.move_on_after(0) as at_once:
        await answers.settle()
    assert at_once.cancelled_caught, "two are to be answered"
    answers.taken_back("three")
    await answers.send(SessionMessage(JSONRPCResponse(jsonrpc="2.0", id=2, result={})))
    with anyio.move_on_after(0) as at_once:
        await answers.settle()
    assert not at_once.cancelled_caught
    await sending.aclose()
    await receiving.aclose()


def test_over_stdio_a_cancelled_call_with_a_large_body_closes_its_connection(
    sim: Simulator, tmp_path: Path
) -> None:
    sim.queue(Fault("hang"))
    grain(1200, 1200, 60).save(tmp_path / "noise.png")
    with Stdio(environment(tmp_path / "home", sim), tmp_path) as server:
        server.initialize()
        ident = server.start_call("describe_image", {"images": "noise.png"})
        sim.wait(lambda received: received and received[-1].body)
        server.send("notifications/cancelled", {"requestId": ident})
        sim.wait(cut)


def test_over_stdio_a_call_cancelled_mid_answer_closes_its_connection(sim: Simulator, tmp_path: Path) -> None:
    sim.queue(Fault("hang_mid", chunks=3))
    with Stdio(environment(tmp_path / "home", sim), tmp_path) as server:
        server.initialize()
        ident = server.start_call("chat", {"prompt": "hello"}, token="t")
        line = ""
        while "writing" not in line:
            line = server.out.next() or ""
        server.send("notifications/cancelled", {"requestId": ident})
        sim.wait(cut)
        assert "I received text" in said(server.call("chat", {"prompt": "hello"}))


def test_a_cancelled_call_gives_its_place_to_the_one_that_waits(sim: Simulator, tmp_path: Path) -> None:
    sim.queue(Fault("hang"))
    with Stdio(environment(tmp_path / "home", sim, GLM_MAX_CONCURRENCY="1"), tmp_path) as server:
        server.initialize()
        first = server.start_call("chat", {"prompt": "hello"})
        sim.wait_received(1)
        second = server.start_call("chat", {"prompt": "hello"})
        assert server.request("ping")["result"] == {}
        assert len(sim.received) == 1
        server.send("notifications/cancelled", {"requestId": first})
        assert "I received text" in said(server.answer(second)["result"])


@asynccontextmanager
async def connected(way: str, mode: Any, sim: Simulator, tmp_path: Path) -> AsyncIterator[Client]:
    env = environment(tmp_path / "home", sim)
    if way == "stdio":
        command = StdioServerParameters(command=program(tmp_path, env), env=env, cwd=tmp_path)
        async with Client(command, mode=mode) as client:
            yield client
    else:
        with over_http(env, tmp_path) as (url, _):
            async with Client(f"{url}/mcp", mode=mode) as client:
                yield client


@pytest.mark.parametrize(
    ("way", "mode"),
    [
        ("stdio", "2026-07-28"),
        ("stdio", "legacy"),
        ("http", "2026-07-28"),
        pytest.param("http", "legacy", id="http-legacy, with a session"),
    ],
)
async def test_a_client_that_gives_a_call_up_has_it_cut_off_upstream(
    way: str, mode: str, sim: Simulator, tmp_path: Path
) -> None:
    sim.queue(Fault("hang"))
    with anyio.fail_after(60):
        async with connected(way, mode, sim, tmp_path) as client:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.call_tool, "chat", {"prompt": "hello"})
                await waited(sim, lambda received: received)
                assert (await client.list_tools()).tools, "a hanging call holds nothing up"
                tasks.cancel_scope.cancel()
            await waited(sim, cut)
            assert "I received text" in text_of(await client.call_tool("chat", {"prompt": "hello"}))


async def test_a_client_of_the_newest_era_that_vanishes_is_noticed(sim: Simulator, tmp_path: Path) -> None:
    """Over HTTP there is no notice: the closed response is the cancellation."""
    import httpx

    sim.queue(Fault("hang"))
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "gone", "version": "1"},
    }
    call = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "chat", "arguments": {"prompt": "hello"}, "_meta": meta},
    }
    headers = {
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": "tools/call",
        "Mcp-Name": "chat",
    }
    with anyio.fail_after(60), over_http(environment(tmp_path / "home", sim), tmp_path) as (url, _):
        async with httpx.AsyncClient(trust_env=False) as client, anyio.create_task_group() as tasks:

            async def post() -> None:
                await client.post(f"{url}/mcp", json=call, headers=headers, timeout=None)

            tasks.start_soon(post)
            await waited(sim, lambda received: received)
            tasks.cancel_scope.cancel()
        await waited(sim, cut)
