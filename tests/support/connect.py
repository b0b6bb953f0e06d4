"""The type of the fixture that connects an MCP client to the server."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from mcp import Client

Connect = Callable[..., AbstractAsyncContextManager[Client]]
