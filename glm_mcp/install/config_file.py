"""A client's file as text: this server's entry found in it, put into it, and taken out of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from glm_mcp.clients import KnownClient
from glm_mcp.install import jsonc, toml
from glm_mcp.install.entry import inputs

EDITORS: dict[str, ModuleType] = {"json": jsonc, "toml": toml}  # each has load, dump, put and drop
URLS = ("url", "httpUrl", "serverUrl", "baseUrl")

_OWN = re.compile(r"(?:glm-mcp|glm-flash-mcp)(?:\.exe)?")
_MODULE = ["-P", "-m", "glm_mcp"]


def dump(client: KnownClient, whole: Mapping[str, Any]) -> str:
    """A whole file as text, in the client's format."""
    return str(EDITORS[client.form].dump(whole))


def present(client: KnownClient, text: str, name: str) -> dict[str, Any] | None:
    """The entry called `name`; None when there is none. Raises ValueError for a text that cannot be understood."""
    whole = EDITORS[client.form].load(text)
    servers = whole.get(client.under, {}) if isinstance(whole, dict) else None
    if not isinstance(servers, dict):
        raise ValueError(f"{client.under} is not a table of servers")  # noqa: TRY004 - what the file says is wrong, as where it cannot be read
    entry = servers.get(name)
    return entry if isinstance(entry, dict) or entry is None else {}


def is_ours(entry: Mapping[str, Any], made: Mapping[str, Any]) -> bool:
    """Whether `install` wrote this entry: an absolute path of our command, or of a Python that runs our module; an
    address only where it is the very one that is asked for. What starts us in another way (uvx, a container, a name
    looked up on the PATH) was written by somebody else.
    """
    command, args = str(entry.get("command", "")), entry.get("args") or []
    folder, _, program = command.replace("\\", "/").rpartition("/")
    if folder.startswith("/") or re.match("[A-Za-z]:", folder):
        module = isinstance(args, list) and args[: len(_MODULE)] == _MODULE
        return _OWN.fullmatch(program) is not None or (program.lower().startswith("python") and module)
    return not command and any(made[u] == entry.get(u) for u in URLS if u in made)


def merged(client: KnownClient, before: Mapping[str, Any] | None, made: dict[str, Any]) -> dict[str, Any]:
    """What its user has set in our entry stays; command and address are renewed, and what is missing is added."""
    if before is None or ("command" in before) != ("command" in made):
        return made
    env = dict(before.get("env") or {})
    whole = {**made, **before} | {k: made[k] for k in ("command", "args", "type", *URLS) if k in made}
    if "env" in made:
        whole["env"] = {**made["env"], **env}
    # The two time limits belong together: who has set one keeps what they have of both.
    field = client.limit[0] if client.limit else ""
    if field in before and "GLM_DEADLINE_S" not in env:
        whole.get("env", {}).pop("GLM_DEADLINE_S", None)
    elif field and field not in before and "GLM_DEADLINE_S" in env:
        whole.pop(field, None)
    return whole


def put(client: KnownClient, text: str, name: str, made: dict[str, Any]) -> str:
    """The text with this entry, and with what its client must ask for; everything else keeps every byte."""
    if present(client, text, name) == made:
        return text
    new = text
    for item in inputs(client, made):
        asked = jsonc.load(new).get("inputs", [])
        if not any(isinstance(a, dict) and a.get("id") == item["id"] for a in asked):
            new = (
                jsonc.put(new, ["inputs", len(asked)], item) if asked else jsonc.put(new, ["inputs"], [item])
            )
    return str(EDITORS[client.form].put(new, [client.under, name], made))


def drop(client: KnownClient, text: str, name: str) -> str:
    """The text without the entry called `name`."""
    return str(EDITORS[client.form].drop(text, [client.under, name]))
