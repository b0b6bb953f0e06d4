"""What stands in a client's file for this server."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from glm_mcp.clients import KEY, TOKEN, KnownClient


def entry(
    client: KnownClient,
    command: list[str],
    *,
    url: str | None = None,
    token: bool = False,
    file: Path | None = None,
) -> dict[str, Any]:
    """The entry for a command, or for the address of a running server. `token`: that one asks for GLM_HTTP_TOKEN."""
    kind = client.http if url else client.stdio
    made: dict[str, Any] = {"type": kind} if kind else {}
    if url:
        made[client.url_field(file)] = url
        if token and client.token:
            made[client.token] = TOKEN
        elif token and client.refer:
            made["headers"] = {"Authorization": f"Bearer {client.reference(TOKEN)}"}
    else:
        made |= {"command": command[0], "args": command[1:]}
        made["env"] = {KEY: client.reference(KEY)} if client.refer else {}
        made["env"]["GLM_DEADLINE_S"] = str(client.written_s)
        made |= dict(client.more_stdio)
    if client.limit:
        made[client.limit[0]] = client.limit_s * client.limit[1]
    return made | dict(client.more)


def inputs(client: KnownClient, made: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a client asks its user for, once, and keeps to itself."""
    asked = {KEY: "GLM API key (id.secret)", TOKEN: "Token of the glm-mcp HTTP server"}
    return [
        {"type": "promptString", "id": name.lower().replace("_", "-"), "description": text, "password": True}
        for name, text in asked.items()
        if client.asks and client.reference(name) in str(made)
    ]


def document(client: KnownClient, servers: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """A whole file that holds these servers and nothing else."""
    asked = [item for made in servers.values() for item in inputs(client, made)]
    return ({"inputs": asked} if asked else {}) | {client.under: dict(servers)}
