"""Clients of our own server: in memory for `glm-mcp call`, over real stdio for `demo` and `doctor`."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from mcp import Client, StdioServerParameters, types

from glm_mcp import __version__
from glm_mcp.server.app import App, build

NAME = "glm-mcp"  # has a profile of its own


def _info(name: str) -> types.Implementation:
    return types.Implementation(name=name, version=__version__)


@asynccontextmanager
async def in_memory(app: App, *, name: str = NAME) -> AsyncIterator[Client]:
    """A client of a server in this process."""
    async with Client(build(app), client_info=_info(name)) as client:
        yield client


@asynccontextmanager
async def over_stdio(
    env: dict[str, str] | None = None, *, options: Sequence[str] = (), name: str = NAME, mode: str = "auto"
) -> AsyncIterator[Client]:
    """A client of a server started as a client starts it. `env` is added to this process's environment; `options` are those
    of `glm-mcp`.
    """
    # -P: nothing is imported from the working folder.
    command = StdioServerParameters(
        command=sys.executable, args=["-P", "-m", "glm_mcp", *options], env={**os.environ, **(env or {})}
    )
    async with Client(command, client_info=_info(name), mode=mode) as client:
        yield client


def text_of(result: types.CallToolResult) -> str:
    return "\n".join(block.text for block in result.content if isinstance(block, types.TextContent))
