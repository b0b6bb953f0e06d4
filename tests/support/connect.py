"""The type of the fixture that connects an MCP client to the server, and the protocol versions to connect with."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from mcp import Client

Connect = Callable[..., AbstractAsyncContextManager[Client]]
ERAS = ("legacy", "2026-07-28")  # the versions of the protocol that the server speaks
