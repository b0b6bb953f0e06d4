"""What stands in a client's file for this server."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glm_mcp.clients.row import CONNECT, KEY, TOKEN, KnownClient

_ASKED = re.compile(r"\$\{input:([\w-]+)\}")


@dataclass(frozen=True, slots=True)
class Bearer:
    """The token of a server over HTTP: the variable that holds it, and itself for a client that names no variables."""

    variable: str = TOKEN
    literal: str = ""


def entry(
    client: KnownClient,
    command: list[str],
    *,
    url: str | None = None,
    bearer: Bearer | None = None,
    file: Path | None = None,
) -> dict[str, Any]:
    """The entry for a command, or for the address of a running server. `bearer`: what that one is shown."""
    kind = client.http if url else client.stdio
    made: dict[str, Any] = {"type": kind} if kind else {}
    if url:
        made[client.url_field(file)] = url
        if bearer and client.token:
            made[client.token] = bearer.variable
        elif bearer and (client.refer or bearer.literal):
            shown = client.reference(bearer.variable, needed=True) if client.refer else bearer.literal
            made["headers"] = {"Authorization": f"Bearer {shown}"}
    else:
        made |= {"command": command[0], "args": command[1:]}
        secret = CONNECT if command[-2:-1] == ["connect"] else KEY
        made["env"] = {secret: client.reference(secret)} if client.refer else {}
        made["env"]["GLM_DEADLINE_S"] = str(client.written_s)
        made |= {k: [secret] if v == [KEY] else v for k, v in client.more_stdio}
    if client.limit:
        made[client.limit[0]] = client.limit_s * client.limit[1]
    return made | dict(client.more)


def as_written(client: KnownClient, made: Mapping[str, Any]) -> dict[str, Any]:
    """An entry in the client's own form."""
    if not client.one_list or "command" not in made:
        return dict(made)
    own = {"environment" if field == "env" else field: v for field, v in made.items() if field != "args"}
    return own | {"command": [made["command"], *made.get("args", [])]}


def as_usual(client: KnownClient, own: Mapping[str, Any]) -> dict[str, Any]:
    """The entry in the form that most clients have, from the client's own."""
    made = dict(own)
    if client.one_list and isinstance(words := made.get("command"), list) and words:
        made |= {"command": words[0], "args": words[1:]}
    if client.one_list and "environment" in made:
        made["env"] = made.pop("environment")
    return made


def asked_for(made: Mapping[str, Any]) -> list[str]:
    """The names of what an entry has its client ask for."""
    return list(dict.fromkeys(_ASKED.findall(json.dumps(made, default=str))))


def inputs(client: KnownClient, made: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a client asks its user for, once, and keeps to itself."""
    key = KEY.lower().replace("_", "-")
    return [
        {
            "type": "promptString",
            "id": name,
            "description": "GLM API key (id.secret)" if name == key else "Token of the glm-mcp HTTP server",
            "password": True,
        }
        for name in asked_for(made)
        if client.asks
    ]


def document(client: KnownClient, servers: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """A whole file that holds these servers and nothing else."""
    asked = [item for made in servers.values() for item in inputs(client, made)]
    return ({"inputs": asked} if asked else {}) | {
        client.under: {name: as_written(client, made) for name, made in servers.items()}
    }
