"""What a client is, and which version of the protocol it speaks, decides what it is given: no block that it cannot read,
no error twice, no argument that is refused to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from support.cases import each
from support.connect import Connect
from support.processes import VERSIONS, Stdio, environment, said
from support.toolkit import links

from glm_mcp.server.app import App
from glm_mcp.simulator import Simulator

DRAW = {"prompt": "a lighthouse", "size": "1024x1024"}


@each("version", VERSIONS)
def test_a_link_goes_to_versions_that_know_it(version: str, sim: Simulator, tmp_path: Path) -> None:
    with Stdio(environment(tmp_path / "home", sim), tmp_path) as server:
        assert server.initialize(version)["protocolVersion"] == version
        result = server.call("generate_image", DRAW)
    kinds = {block["type"] for block in result["content"]}
    assert ("resource_link" in kinds) == (version >= "2025-06-18")
    assert said(result).splitlines()[0].startswith(str(tmp_path))


@each("version", ["2025-06-18", "2025-11-25"])
def test_a_program_on_the_first_python_sdk_gets_no_link_that_it_would_show_as_a_picture(
    version: str, sim: Simulator, tmp_path: Path
) -> None:
    with Stdio(environment(tmp_path / "home", sim), tmp_path) as server:
        server.initialize(version, "mcp")
        result = server.call("generate_image", DRAW)
    assert [block["type"] for block in result["content"]] == ["text"]
    assert said(result).splitlines()[0].startswith(str(tmp_path))


@each(
    ("address", "shown"),
    [
        (None, True),
        ("", True),
        ("https://api.anthropic.com", True),
        ("https://open.bigmodel.cn/api/anthropic", False),
        ("https://api.z.ai/api/anthropic", False),
        ("http://127.0.0.1:3456", False),
        ("https://anthropic.com.example", False),
        ("nonsense://[", False),
    ],
)
def test_claude_code_is_shown_a_drawing_where_claude_answers_and_no_other_model(
    address: str | None, shown: bool, sim: Simulator, tmp_path: Path
) -> None:
    env = environment(tmp_path / "home", sim, **({} if address is None else {"ANTHROPIC_BASE_URL": address}))
    with Stdio(env, tmp_path) as server:
        server.initialize(name="claude-code")
        result = server.call("generate_image", DRAW)
    assert ("image" in {block["type"] for block in result["content"]}) is shown
    assert not result.get("isError")


@pytest.mark.anyio
async def test_a_client_that_writes_links_into_its_prompt_gets_none(connect: Connect) -> None:
    with anyio.fail_after(60):
        async with connect(client="cline") as client:
            assert links(await client.call_tool("generate_image", DRAW)) == []
        async with connect(client="a-client") as client:
            assert len(links(await client.call_tool("generate_image", DRAW))) == 1


@pytest.mark.anyio
async def test_an_error_stands_once_in_what_a_model_is_shown_with_its_data(connect: Connect) -> None:
    shown = {}
    with anyio.fail_after(60):
        for name in ("@cline/core", "a-client"):
            async with connect(client=name) as client:
                result = await client.call_tool("describe_image", {"images": "nowhere.png"})
                assert result.is_error
                shown[name] = result.model_dump_json(by_alias=True, exclude_none=True)
    assert shown["@cline/core"].count("there is no file") == 1
    assert json.loads(shown["@cline/core"])["_meta"]["glm"] == {"error": {"kind": "not_found"}}
    assert shown["a-client"].count("there is no file") == 2


@pytest.mark.anyio
@pytest.mark.parametrize("allowed", [False, True])
async def test_over_http_no_schema_offers_what_is_refused_there(
    *, allowed: bool, app_of: Callable[..., App], connect: Connect, tmp_path: Path
) -> None:
    options: dict[str, Any] = {"GLM_ALLOWED_DIRS": str(tmp_path)} if allowed else {}
    with anyio.fail_after(60):
        async with connect(app=app_of(remote=True, **options)) as client:
            far = {t.name: t for t in (await client.list_tools()).tools}
        async with connect() as client:
            near = {t.name: t for t in (await client.list_tools()).tools}
    text = json.dumps([t.model_dump(mode="json") for t in far.values()]).lower()
    assert "clipboard" not in text
    assert "output" not in far["generate_image"].input_schema["properties"]
    assert "output" in near["generate_image"].input_schema["properties"]
    assert ("path" in text) == allowed, text
    for name, tool in far.items():
        assert tool.input_schema["required"] == near[name].input_schema["required"]


@pytest.mark.anyio
async def test_a_caller_over_http_is_told_of_the_key_without_a_path(
    app_of: Callable[..., App], connect: Connect
) -> None:
    with anyio.fail_after(60):
        async with connect(app=app_of(remote=True, GLM_API_KEY=None)) as client:
            result = await client.call_tool("chat", {"prompt": "hi"})
    text = result.content[0].text  # type: ignore[union-attr]
    assert text.startswith("config: no API key is set")
    assert "Whoever runs the server" in text
    assert ".config" not in text
