"""The five tools in front of a real engine: llama.cpp's server with a tiny GLM model that sees."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator

import pytest
from support.connect import Connect
from support.engine.behaviour import OF_ALL, OF_EACH_TOOL, TOOLS, Backend
from support.engine.real import real_engine

from glm_mcp.cli.doctor import examine
from glm_mcp.server.app import Folders
from glm_mcp.settings import Settings

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    with real_engine(tmp_path_factory.mktemp("engine")) as backend:
        yield backend


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("behaviour", OF_EACH_TOOL, ids=lambda b: b.__name__)
async def test_a_tool_in_front_of_the_engine(
    tool: str,
    behaviour: Callable[[str, Backend, Connect, Folders], Awaitable[None]],
    engine: Backend,
    connect: Connect,
    folders: Folders,
) -> None:
    await behaviour(tool, engine, connect, folders)


@pytest.mark.parametrize("behaviour", OF_ALL, ids=lambda b: b.__name__)
async def test_the_engine(
    behaviour: Callable[[Backend, Connect, Folders], Awaitable[None]],
    engine: Backend,
    connect: Connect,
    folders: Folders,
) -> None:
    await behaviour(engine, connect, folders)


async def test_the_doctor_says_what_the_engine_serves(engine: Backend) -> None:
    found = {f.what: f for f in await examine(Settings(**engine.settings()))}
    assert "It serves glm-tiny; asked: glm-tiny for text, 8,192 tokens" in found["models"].said
    assert found["service"].state == "ok"
