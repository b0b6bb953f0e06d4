"""The baseline: what anybody gets from the bare SDK in a few lines. One tool; one shared HTTP client; the answer streamed."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from mcp.server import MCPServer
from mcp.server.mcpserver import Context

if os.environ.get("BARE_URL"):
    import httpx


@asynccontextmanager
async def lifespan(_: Any) -> AsyncIterator[Any]:
    if not os.environ.get("BARE_URL"):
        yield None
        return
    async with httpx.AsyncClient(
        trust_env=False, timeout=60, limits=httpx.Limits(max_connections=100)
    ) as client:
        yield client


mcp = MCPServer("bare", version="1", lifespan=lifespan, log_level="WARNING")


@mcp.tool(structured_output=False)
async def chat(prompt: str, ctx: Context[Any]) -> str:
    """Ask the model."""
    client = ctx.request_context.lifespan_context
    body = {"model": "glm-4.7-flash", "messages": [{"role": "user", "content": prompt}], "stream": True}
    body |= {"thinking": {"type": "disabled"}, "max_tokens": 16384}
    headers = {"Authorization": f"Bearer {os.environ['BARE_KEY']}"}
    text = ""
    async with client.stream(
        "POST", os.environ["BARE_URL"] + "/chat/completions", json=body, headers=headers
    ) as response:
        response.raise_for_status()
        async for line in response.aiter_lines():
            if line.startswith("data: {"):
                for choice in json.loads(line[6:])["choices"]:
                    text += choice["delta"].get("content") or ""
    return text


if __name__ == "__main__":
    if os.environ.get("BARE_PORT"):
        mcp.run("streamable-http", port=int(os.environ["BARE_PORT"]))
    else:
        mcp.run("stdio")
