"""What the tests of the five tools share: calls with a limit, what was said, what arrived, and small files."""

from __future__ import annotations

import atexit
import functools
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
from mcp import Client, types
from PIL import Image
from support import canary

from glm_mcp.server.app import Folders
from glm_mcp.simulator import Received, Simulator, Switches

# What a result that was cut says: characters shown, of how many, the document and the cursor to go on with.
NEXT = re.compile(
    r'\[([\d,]+) of ([\d,]+) characters shown\. Go on with read_document\(documents="([^"]+)", cursor="(\d+)"\)'
)


def text_of(result: types.CallToolResult) -> str:
    """All text of a result."""
    return "\n".join(block.text for block in result.content if isinstance(block, types.TextContent))


def keep(folders: Folders, name: str, data: bytes) -> None:
    """Puts a file where a call finds it by its name."""
    (folders.cwd / name).write_bytes(data)


@functools.cache
def _shared() -> Simulator:
    simulator = Simulator(keys=(canary.KEY,))
    simulator.start()
    atexit.register(simulator.stop)
    return simulator


def fresh_simulator() -> Iterator[Simulator]:
    """One simulator for all tests of the tools, as new for each: a server takes a fifth of a second to stop."""
    simulator = _shared()
    simulator.switches = Switches()
    simulator.engine = None
    simulator.web.clear()
    simulator.clear()
    yield simulator
    simulator.wait(lambda received: all(r.ended for r in received))


# Of a call: less than a test has, and more than the longest deadline on a machine that others keep busy.
LIMIT_S = 100


async def call(
    client: Client, tool: str, within: float = LIMIT_S, /, **arguments: Any
) -> types.CallToolResult:
    """The result of one call, whatever it is; the test fails when it takes longer than `within` seconds."""
    with anyio.fail_after(within):
        return await client.call_tool(tool, arguments)


async def say(client: Client, tool: str, within: float = LIMIT_S, /, **arguments: Any) -> str:
    """The text of a call that must succeed."""
    result = await call(client, tool, within, **arguments)
    assert not result.is_error, text_of(result)
    return text_of(result)


async def fail(client: Client, tool: str, within: float = LIMIT_S, /, **arguments: Any) -> str:
    """The text of a call that must fail."""
    result = await call(client, tool, within, **arguments)
    assert result.is_error, text_of(result)
    return text_of(result)


def last(sim: Simulator) -> Received:
    return sim.received[-1]


def parts(request: Received) -> list[dict[str, Any]]:
    """The content parts of the last message."""
    content = request.body["messages"][-1]["content"]
    assert isinstance(content, list), content
    return content


def kinds(request: Received) -> list[str]:
    return [part["type"] for part in parts(request)]


def words(request: Received) -> str:
    """The text that follows all media of the last message; the whole of a text message."""
    content = request.body["messages"][-1]["content"]
    return str(content if isinstance(content, str) else content[-1]["text"])


def chats(sim: Simulator) -> list[Received]:
    return [r for r in sim.received if r.path.endswith("/chat/completions")]


def glm(result: types.CallToolResult) -> dict[str, Any]:
    return dict((result.meta or {}).get("glm", {}))


def picture(path: Path, size: tuple[int, int] = (640, 480), colour: str = "#3366cc") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)
    return path


def png(size: tuple[int, int] = (40, 30), colour: str = "red") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "PNG")
    return out.getvalue()


def links(result: types.CallToolResult) -> list[types.ResourceLink]:
    return [b for b in result.content if isinstance(b, types.ResourceLink)]


def images(result: types.CallToolResult) -> list[types.ImageContent]:
    return [b for b in result.content if isinstance(b, types.ImageContent)]
