"""Every protocol version that hosts speak, against the real server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import StdioServerParameters, types
from mcp.shared.exceptions import MCPError
from support.canary import Watched
from support.cases import each
from support.commands import program
from support.connect import ERAS, Connect
from support.processes import VERSIONS, Stdio, environment, said
from support.toolkit import text_of

from glm_mcp.server.app import App
from glm_mcp.settings import TOOLS
from glm_mcp.simulator import Fault, Simulator
from glm_mcp.tools.arguments import ModelArgs
from glm_mcp.tools.base import Deps, Tool, ToolResult

pytestmark = pytest.mark.anyio


@each("version", VERSIONS)
def test_a_host_of_each_older_version_lists_and_calls(version: str, sim: Simulator, tmp_path: Path) -> None:
    with Stdio(environment(tmp_path / "home", sim), tmp_path) as server:
        assert server.initialize(version)["protocolVersion"] == version
        listed = server.request("tools/list")["result"]["tools"]
        assert [t["name"] for t in listed] == list(TOOLS)
        result = server.call("chat", {"prompt": "hello"})
        assert "I received text of 5 characters" in said(result)
        assert not result.get("isError")


def test_a_version_nobody_knows_gets_one_that_the_server_knows(sim: Simulator, tmp_path: Path) -> None:
    with Stdio(environment(tmp_path / "home", sim), tmp_path) as server:
        assert server.initialize("1999-01-01")["protocolVersion"] in VERSIONS


@pytest.mark.parametrize("mode", ["2026-07-28", "auto"])
async def test_a_host_of_the_newest_version_lists_and_calls(
    mode: Any, sim: Simulator, tmp_path: Path
) -> None:
    env = environment(tmp_path / "home", sim)
    command = StdioServerParameters(command=program(tmp_path, env), env=env, cwd=tmp_path)
    with anyio.fail_after(15):
        async with Watched(command, mode=mode) as client:
            assert client.protocol_version == "2026-07-28"
            assert [t.name for t in (await client.list_tools()).tools] == list(TOOLS)
            result = await client.call_tool("chat", {"prompt": "hello"})
    assert "I received text of 5 characters" in text_of(result)


@pytest.mark.parametrize("mode", ERAS)
async def test_an_unknown_tool_is_a_protocol_error_that_names_the_tools(mode: str, connect: Connect) -> None:
    with anyio.fail_after(60):
        async with connect(mode=mode) as client:
            with pytest.raises(MCPError, match=r"Unknown tool: paint\..*generate_image") as caught:
                await client.call_tool("paint", {})
    assert caught.value.error.code == types.INVALID_PARAMS


@pytest.mark.parametrize("mode", ERAS)
async def test_a_tool_that_is_not_offered_is_neither_listed_nor_called(mode: str, connect: Connect) -> None:
    with anyio.fail_after(60):
        async with connect(mode=mode, GLM_TOOLS="read_document, chat") as client:
            assert [t.name for t in (await client.list_tools()).tools] == ["chat", "read_document"]
            with pytest.raises(MCPError, match="Unknown tool: generate_image") as caught:
                await client.call_tool("generate_image", {"prompt": "a hill"})
    assert caught.value.error.code == types.INVALID_PARAMS


def test_wrong_parameters_of_the_protocol_are_invalid_params(sim: Simulator, tmp_path: Path) -> None:
    with Stdio(environment(tmp_path / "home", sim), tmp_path) as server:
        server.initialize()
        for params in ({}, {"name": 5}, {"name": "chat", "arguments": "hello"}):
            assert server.request("tools/call", params)["error"]["code"] == types.INVALID_PARAMS
        assert server.request("no/such/method")["error"]["code"] == types.METHOD_NOT_FOUND
        # Our own arguments are the model's business: a result that it can read.
        result = server.call("chat", {"promt": "hello"})
        assert result["isError"]
        assert "Did you mean 'prompt'?" in said(result)


async def _broken(deps: Deps, args: ModelArgs) -> ToolResult:
    raise ZeroDivisionError("secret detail")


async def _host(deps: Deps, args: ModelArgs) -> ToolResult:
    return ToolResult(
        f"{deps.client.deadline_s:.0f} s, previews {deps.client.previews}, local {deps.client.local}"
    )


@pytest.mark.defect
@pytest.mark.parametrize("mode", ERAS)
async def test_a_defect_in_a_tool_is_a_readable_error_and_its_trace_is_in_the_log(
    mode: str, connect: Connect, app_of: Callable[..., App], caplog: pytest.LogCaptureFixture
) -> None:
    app = app_of()
    app.tools = [Tool("broken", "Broken", "Always fails.", ModelArgs, _broken)]
    with anyio.fail_after(60):
        async with connect(app=app, mode=mode) as client:
            result = await client.call_tool("broken", {})
    assert result.is_error
    assert text_of(result).startswith("internal: broken failed by a defect of this server")
    assert "secret detail" not in text_of(result)
    assert result.meta
    assert result.meta["glm"]["error"]["kind"] == "internal"
    assert "secret detail" in caplog.text


@each("mode", ERAS)
@each(
    ("name", "expected"),
    [
        ("claude-code", "300 s, previews True"),
        ("cline", "55 s, previews False"),
        ("?", "55 s, previews False"),
    ],
)
async def test_a_host_is_known_by_its_name_in_every_era(
    mode: str, name: str, expected: str, connect: Connect, app_of: Callable[..., App]
) -> None:
    app = app_of()
    app.tools = [Tool("host", "Host", "Tells.", ModelArgs, _host)]
    with anyio.fail_after(60):
        async with connect(app=app, mode=mode, client=name) as client:
            assert text_of(await client.call_tool("host", {})).startswith(expected)


@pytest.mark.parametrize("mode", ERAS)
async def test_what_was_kept_is_a_resource_and_what_was_not_is_an_error_with_its_mend(
    mode: str, connect: Connect, app_of: Callable[..., App]
) -> None:
    app = app_of()
    uri = f"glm://outputs/{app.outputs.keep('the whole text', '.md')}"
    with anyio.fail_after(60):
        async with connect(app=app, mode=mode) as client:
            assert [str(r.uri) for r in (await client.list_resources()).resources][3:] == [uri]
            (found,) = (await client.read_resource(uri)).contents
            assert isinstance(found, types.TextResourceContents)
            assert found.text == "the whole text"
            with pytest.raises(MCPError, match="call the tool again") as caught:
                await client.read_resource("glm://outputs/000000000000000000000000")
    assert caught.value.error.code == (-32002 if mode == "legacy" else types.INVALID_PARAMS)


async def test_a_service_that_repeats_the_key_in_its_refusal_does_not_spread_it(
    connect: Connect, sim: Simulator
) -> None:
    sim.queue(Fault("error", code="1002", message=f"no such key: {sim.key}"))
    with anyio.fail_after(60):
        async with connect() as client:
            result = await client.call_tool("chat", {"prompt": "hello"})
    assert "no such key: [key]" in text_of(result)
    assert sim.key not in result.model_dump_json()
