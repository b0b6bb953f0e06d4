"""MCP clients of a server over HTTP, with headers of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import httpx2
from mcp import Client, types
from mcp.client.streamable_http import streamable_http_client
from support import http_server
from support.canary import Watched

from glm_mcp.server.app import App

LIST = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/list",
    "params": {
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "a-client", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        }
    },
}
MODERN = {
    "Accept": "application/json, text/event-stream",
    "MCP-Protocol-Version": "2026-07-28",
    "Mcp-Method": "tools/list",
}


@asynccontextmanager
async def served(app: App, **given: Any) -> AsyncIterator[str]:
    """The address of a server of this application, without /mcp, among other things that are entered asynchronously."""
    with http_server.served(app, **given) as url:
        yield url


@asynccontextmanager
async def client_of(url: str, mode: str = "2026-07-28", **headers: str) -> AsyncIterator[Client]:
    """An MCP client of that server. `headers`: with _ for -."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    info = types.Implementation(name="a-client", version="1")
    async with (
        httpx2.AsyncClient(headers=named, trust_env=False, timeout=60) as http,
        Watched(
            streamable_http_client(f"{url}/mcp", http_client=http), client_info=info, mode=mode
        ) as client,
    ):
        yield client


async def asked(url: str, token: str | None = None, **headers: str) -> httpx.Response:
    """The plain HTTP answer to a request for the list of tools."""
    sent = {**MODERN, **headers} | ({"Authorization": f"Bearer {token}"} if token is not None else {})
    async with httpx.AsyncClient(trust_env=False) as http:
        return await http.post(f"{url}/mcp", json=LIST, headers=sent)
