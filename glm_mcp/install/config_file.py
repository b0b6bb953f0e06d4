"""A host's file as text: this server's entry found in it, put into it, and taken out of it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from glm_mcp.install import jsonc
from glm_mcp.install.hosts import TOKEN, Agent, inputs


def dump(agent: Agent, whole: Mapping[str, Any]) -> str:
    """A whole file as text, in the host's format."""
    if agent.name == "codex":
        import tomlkit

        return tomlkit.dumps(whole).strip()
    return json.dumps(whole, ensure_ascii=False, indent=2)


def present(agent: Agent, text: str, name: str) -> dict[str, Any] | None:
    """The entry called `name`; None when there is none. Raises ValueError for a text that cannot be understood."""
    whole = _load(agent, text)
    servers = whole.get(agent.under, {}) if isinstance(whole, dict) else None
    if not isinstance(servers, dict):
        raise ValueError(f"{agent.under} is not a table of servers")  # noqa: TRY004 - what the file says is wrong, as where it cannot be read
    found = servers.get(name)
    return found if isinstance(found, dict) or found is None else {}


def _load(agent: Agent, text: str) -> Any:
    if agent.name == "codex":
        import tomllib

        return tomllib.loads(text)
    return jsonc.load(text)


def is_ours(found: Mapping[str, Any], made: Mapping[str, Any]) -> bool:
    """Whether an entry is of this server: by its command, or by an address that says so."""
    command = str(found.get("command", ""))
    words = [command, *map(str, found.get("args") or [])]
    if any(re.fullmatch(r"(.*[/\\])?(glm-mcp|glm-flash-mcp)(\.exe)?", w) or w == "glm_mcp" for w in words):
        return True
    urls = ("url", "httpUrl", "serverUrl", "baseUrl")
    address = next((found[u] for u in urls if u in found), None)
    return address is not None and (
        TOKEN in json.dumps(found, default=str)
        or "glm-http-token" in json.dumps(found, default=str)
        or any(made.get(u) == address for u in urls)
    )


def merged(agent: Agent, before: Mapping[str, Any] | None, made: dict[str, Any]) -> dict[str, Any]:
    """What its user has set in our entry stays; command and address are renewed, and what is missing is added."""
    if before is None or ("command" in before) != ("command" in made):
        return made
    env = dict(before.get("env") or {})
    whole = {**made, **before} | {k: made[k] for k in ("command", "args", "type", agent.url) if k in made}
    if "env" in made:
        whole["env"] = {**made["env"], **env}
    # The two time limits belong together: who has set one keeps what they have of both.
    field = agent.limit[0] if agent.limit else ""
    if field in before and "GLM_DEADLINE_S" not in env:
        whole.get("env", {}).pop("GLM_DEADLINE_S", None)
    elif field and field not in before and "GLM_DEADLINE_S" in env:
        whole.pop(field, None)
    return whole


def put(agent: Agent, text: str, name: str, made: dict[str, Any]) -> str:
    """The text with this entry, and with what its host must ask for; everything else keeps every byte."""
    if present(agent, text, name) == made:
        return text
    if agent.name == "codex":
        return _toml(text, agent.under, name, made)
    new = text
    listed = _load(agent, text)
    known = listed.get("inputs", []) if isinstance(listed, dict) else []
    for item in inputs(agent, made):
        if not any(isinstance(k, dict) and k.get("id") == item["id"] for k in known):
            many = len(_load(agent, new).get("inputs", []))
            new = jsonc.put(new, ["inputs", many], item) if many else jsonc.put(new, ["inputs"], [item])
    return jsonc.put(new, [agent.under, name], made)


def drop(agent: Agent, text: str, name: str) -> str:
    """The text without the entry called `name`."""
    if agent.name == "codex":
        return _toml(text, agent.under, name, None)
    return jsonc.drop(text, [agent.under, name])


def _toml(text: str, field: str, name: str, made: Mapping[str, Any] | None) -> str:
    import tomlkit
    from tomlkit.items import Table

    whole = tomlkit.parse(text)
    if made is None:
        servers: Any = whole[field]
        del servers[name]
        return tomlkit.dumps(whole)
    if field not in whole:
        whole[field] = tomlkit.table(is_super_table=True)
    servers = whole[field]
    if name in servers:
        for key in [k for k in servers[name] if k not in made]:
            del servers[name][key]
        for key, value in made.items():
            if servers[name].get(key) != value:
                servers[name][key] = value
    else:
        table = tomlkit.item(dict(made)) if isinstance(servers, Table) else tomlkit.inline_table()
        if not isinstance(servers, Table):
            table.update(made)
        servers[name] = table
    return tomlkit.dumps(whole)
