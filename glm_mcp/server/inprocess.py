"""Clients of our own server: in memory for `glm-mcp call`, over real stdio for `demo` and `doctor`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from mcp import Client, StdioServerParameters, types

from glm_mcp import __version__
from glm_mcp.media.kept.outputs import SCHEME
from glm_mcp.server.app import App, build

_INFO = types.Implementation(name="glm-mcp", version=__version__)  # a client with a row of its own


def in_memory(app: App) -> Client:
    """A client, to be entered, of a server in this process."""
    return Client(build(app), client_info=_INFO)


def over_stdio(env: dict[str, str], *, options: Sequence[str] = ()) -> Client:
    """A client, to be entered, of a server started as a client starts it. `env` is added to this process's
    environment; `options` are those of `glm-mcp`.
    """
    # -P: nothing is imported from the working folder.
    command = StdioServerParameters(
        command=sys.executable, args=["-P", "-m", "glm_mcp", *options], env={**os.environ, **env}
    )
    return Client(command, client_info=_INFO)


def text_of(result: types.CallToolResult) -> str:
    return "\n".join(block.text for block in result.content if isinstance(block, types.TextContent))


def files_of(result: types.CallToolResult) -> list[Path]:
    """The files that a result links to, in its order."""
    links = [str(b.uri) for b in result.content if isinstance(b, types.ResourceLink)]
    return [Path(url2pathname(urlsplit(uri).path)) for uri in links if uri.startswith("file:")]


async def offered(client: Client) -> dict[str, list[dict[str, str]]]:
    """What a server tells a client of: each entry's signature (or address) and what it is about."""
    tools = (await client.list_tools()).tools
    prompts = (await client.list_prompts()).prompts
    templates = (await client.list_resource_templates()).resource_templates
    listed = [
        (str(r.uri), r.title or r.name, r.description) for r in (await client.list_resources()).resources
    ]
    kept = [r for r in listed if r[0].startswith(SCHEME)]
    return {
        "tools": [
            {"signature": _signature(t), "about": (t.description or "").partition(". ")[0]} for t in tools
        ],
        "prompts": [
            {
                "signature": f"{p.name}({', '.join(a.name + ('' if a.required else '=') for a in p.arguments or ())})",
                "about": p.description or "",
            }
            for p in prompts
        ],
        "resources": [
            *(_entry(*r) for r in listed if r not in kept),
            *(_entry(t.uri_template, t.title or t.name, t.description) for t in templates),
        ],
        "kept outputs": [_entry(*r) for r in kept],
    }


def _entry(uri: str, title: str, description: str | None) -> dict[str, str]:
    return {"signature": uri, "about": description or title}


def _signature(tool: types.Tool) -> str:
    required = tool.input_schema.get("required", [])
    names = [name + ("" if name in required else "=") for name in tool.input_schema["properties"]]
    return f"{tool.name}({', '.join(names)})"
