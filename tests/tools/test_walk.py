"""How long the way of a call is: from the protocol's handler through the tool and the client core to the wire."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from types import FrameType
from typing import Any

import anyio
import httpx
import pytest
from opentelemetry import trace
from support.calls import PACE
from support.cases import each
from support.connect import Connect
from support.toolkit import picture, say

import glm_mcp
from glm_mcp.glm.client import GLMClient
from glm_mcp.glm.network.transport import Transport
from glm_mcp.server.app import App, Folders
from glm_mcp.simulator import Simulator

pytestmark = pytest.mark.anyio

PACKAGE = Path(glm_mcp.__file__).parent
Step = tuple[str, str]  # folder, function


def running() -> Iterator[FrameType]:
    """The frames of this task, the innermost first."""
    frame: FrameType | None = sys._getframe()  # noqa: SLF001 - the only way to the stack of a coroutine
    while frame is not None:
        yield frame
        frame = frame.f_back


def waiting(task: asyncio.Task[Any]) -> list[FrameType]:
    """The frames of another task that waits, the innermost first."""
    frames: list[FrameType] = []
    coroutine: Any = task.get_coro()
    while (frame := getattr(coroutine, "cr_frame", None)) is not None:
        frames.append(frame)
        coroutine = coroutine.cr_await
    return frames[::-1]


def ours(frames: Iterator[FrameType] | list[FrameType]) -> list[Step]:
    steps = [(Path(f.f_code.co_filename), f.f_code.co_qualname) for f in frames]
    return [(f.relative_to(PACKAGE).parts[0], name) for f, name in steps if f.is_relative_to(PACKAGE)][::-1]


class Wire(httpx.AsyncHTTPTransport):
    """The network. Notes, when a request goes out, which of our functions stand on the stack, and which wait for these in
    the tasks that started this one.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stack: list[Step] = []
        self.walk: list[Step] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.stack = self.walk = ours(running())
        tasks = {id(task): task for task in asyncio.all_tasks()}
        parent = anyio.get_current_task().parent_id
        while parent in tasks:
            self.walk = ours(waiting(tasks[parent])) + self.walk
            parent = next((t.parent_id for t in anyio.get_running_tasks() if t.id == parent), None)
        return await super().handle_async_request(request)


@each(
    ("tool", "arguments", "to_the_core"),
    [
        ("chat", {"prompt": "hello"}, 4),
        ("describe_image", {"images": "shot.png"}, 4),
        ("describe_image", {"images": "shot.png", "task": "locate", "prompt": "the door"}, 5),
    ],
)
async def test_a_call_goes_through_each_folder_once_and_few_functions_on_its_way_to_the_wire(
    connect: Connect,
    app_of: Callable[..., App],
    sim: Simulator,
    folders: Folders,
    tool: str,
    arguments: dict[str, Any],
    to_the_core: int,
) -> None:
    picture(folders.cwd / "shot.png", (64, 48))
    wire = Wire()
    app = app_of()
    app.glm = GLMClient(app.settings, transport=Transport(wire), pace=PACE)
    async with connect(app=app) as client:
        await say(client, tool, **arguments)
    assert len(sim.received) == 1
    assert [folder for folder, _ in groupby(folder for folder, _ in wire.walk)] == ["server", "tools", "glm"]
    assert len(wire.stack) <= 8, wire.stack
    # One more where a test before in this process has set an exporter, which stays set.
    exported = not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)
    assert len([f for f, _ in wire.walk if f != "glm"]) <= to_the_core + exported, wire.walk
