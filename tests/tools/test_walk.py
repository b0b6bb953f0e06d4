"""How long the way of a call is: from the protocol's handler through the tool and the client core to the wire."""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.connect import Connect
from support.toolkit import picture, say

import glm_mcp
from glm_mcp.glm.client import GLMClient
from glm_mcp.glm.transport import Transport
from glm_mcp.server.app import App, Folders
from glm_mcp.simulator import Simulator

pytestmark = pytest.mark.anyio

PACKAGE = Path(glm_mcp.__file__).parent


class Wire(httpx.AsyncHTTPTransport):
    """The network, noting which of our functions stand on the stack when a request goes out: (folder, function)."""

    def __init__(self) -> None:
        super().__init__()
        self.walks: list[list[tuple[str, str]]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        walk: list[tuple[str, str]] = []
        frame = sys._getframe()  # noqa: SLF001 - the only way to the stack of a coroutine
        while frame.f_back is not None:
            frame = frame.f_back
            file = Path(frame.f_code.co_filename)
            if file.is_relative_to(PACKAGE):
                walk.append((file.relative_to(PACKAGE).parts[0], frame.f_code.co_qualname))
        self.walks.append(walk[::-1])
        return await super().handle_async_request(request)


@pytest.mark.parametrize(
    ("tool", "arguments", "longest"),
    [
        ("chat", {"prompt": "hello"}, 9),
        ("describe_image", {"images": "shot.png"}, 9),
        ("describe_image", {"images": "shot.png", "task": "locate", "prompt": "the door"}, 10),
    ],
)
async def test_a_call_goes_through_each_folder_once_and_few_functions_on_its_way_to_the_wire(
    connect: Connect,
    app_of: Callable[..., App],
    sim: Simulator,
    folders: Folders,
    tool: str,
    arguments: dict[str, Any],
    longest: int,
) -> None:
    picture(folders.cwd / "shot.png", (64, 48))
    wire = Wire()
    app = app_of()
    app.glm = GLMClient(app.settings, transport=Transport(wire))
    async with connect(app=app) as client:
        await say(client, tool, **arguments)
    (walk,) = wire.walks
    assert [folder for folder, _ in groupby(folder for folder, _ in walk)] == ["server", "tools", "glm"]
    assert len(walk) <= longest, walk
