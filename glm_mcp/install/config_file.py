"""A client's file as text: this server's entry found in it, put into it, and taken out of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from glm_mcp.clients.row import KnownClient
from glm_mcp.install import jsonc, toml
from glm_mcp.install.entry import as_usual, as_written, asked_for, inputs

EDITORS: dict[str, ModuleType] = {"json": jsonc, "toml": toml}  # each has load, dump, put and drop
URLS = ("url", "httpUrl", "serverUrl", "baseUrl")

# Settings that say how this server answers; any other variable may lead the key, or what is read, elsewhere.
HARMLESS = frozenset(
    "GLM_CHAT_MODEL GLM_VISION_MODEL GLM_IMAGE_MODEL GLM_FALLBACK GLM_THINKING GLM_LANG GLM_DEADLINE_S "
    "GLM_MAX_CONCURRENCY GLM_MAX_VIDEO_MB GLM_STRUCTURED GLM_TOOLS".split()
)

_OF_STDIO = ("cwd", "envFile", "env_vars")
_OF_ONE_KIND = {"command", "args", "env", "type", "headers", "http_headers", "bearer_token_env_var"} | {
    *_OF_STDIO,
    *URLS,
}

_OWN = re.compile(r"(?:glm-mcp|glm-flash-mcp)(?:\.exe)?")
_MODULE = ["-P", "-m", "glm_mcp"]


def dump(client: KnownClient, whole: Mapping[str, Any]) -> str:
    """A whole file as text, in the client's format."""
    return str(EDITORS[client.form].dump(whole))


def present(client: KnownClient, text: str, name: str) -> dict[str, Any] | None:
    """The entry called `name`, in the usual form; None when there is none. Raises ValueError for a text that cannot
    be understood.
    """
    whole = EDITORS[client.form].load(text)
    servers = whole.get(client.under, {}) if isinstance(whole, dict) else None
    if not isinstance(servers, dict):
        raise ValueError(f"{client.under} is not a table of servers")  # noqa: TRY004 - what the file says is wrong, as where it cannot be read
    if client.asks and not isinstance(whole.get("inputs", []), list):
        raise ValueError("inputs is not a list")
    entry = servers.get(name)
    if entry is None:
        return None
    entry = as_usual(client, entry) if isinstance(entry, dict) else {}
    wrong = [
        field for field in ("env", "headers", "http_headers") if not isinstance(entry.get(field) or {}, dict)
    ]
    if wrong:
        raise ValueError(f"{wrong[0]} of {name} is not a table")
    return entry


def is_ours(entry: Mapping[str, Any], made: Mapping[str, Any]) -> bool:
    """Whether `install` wrote this entry: an absolute path of our command, or of a Python that runs our module; a bare
    name or an address only where it is the very one that is asked for. What starts us in another way (uvx, a container)
    was written by somebody else.
    """
    command, args = str(entry.get("command", "")), entry.get("args") or []
    if command and command == made.get("command") and args == made.get("args"):
        return True
    folder, _, program = command.replace("\\", "/").rpartition("/")
    if folder.startswith("/") or re.match("[A-Za-z]:", folder):
        module = isinstance(args, list) and args[: len(_MODULE)] == _MODULE
        return _OWN.fullmatch(program) is not None or (program.lower().startswith("python") and module)
    return not command and any(made[u] == entry.get(u) for u in URLS if u in made)


def address(entry: Mapping[str, Any]) -> str:
    """The address of an entry for a running server; empty for one with a command."""
    return str(next((entry[u] for u in URLS if entry.get(u)), ""))


def own_of_stdio(before: Mapping[str, Any], usual: Mapping[str, Any]) -> dict[str, Any]:
    """What a user has set in an entry with a command that one with an address cannot have."""
    own = {k: before[k] for k in _OF_STDIO if k in before and before[k] != usual.get(k)}
    env = {k: v for k, v in dict(before.get("env") or {}).items() if usual.get("env", {}).get(k) != v}
    return own | ({"env": env} if env else {})


def turned(
    before: Mapping[str, Any], other: Mapping[str, Any], saved: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """What its user has set in an entry that is to change from a command to an address or back. `other`: what `install`
    writes for the kind that it was; `saved`: as of `own_of_stdio`, from when it was turned.
    """
    own = {k: v for k, v in before.items() if k not in _OF_ONE_KIND and other.get(k) != v}
    return {**own, **(saved or {})}


def merged(client: KnownClient, before: Mapping[str, Any] | None, made: dict[str, Any]) -> dict[str, Any]:
    """What its user has set in our entry stays; command, address and token are renewed, and what is missing is added."""
    if before is None:
        return made
    env = dict(before.get("env") or {})
    renewed = ("command", "args", "type", client.token, *URLS)
    whole = {**made, **before} | {k: made[k] for k in renewed if k in made}
    for held in ("env", "headers"):
        first, last = (made, before) if held == "env" else (before, made)
        if held in made:
            whole[held] = {**dict(first.get(held) or {}), **dict(last.get(held) or {})}
    # The two time limits belong together: who has set one keeps what they have of both.
    field = client.limit[0] if client.limit else ""
    if field in before and "GLM_DEADLINE_S" not in env:
        whole.get("env", {}).pop("GLM_DEADLINE_S", None)
    elif field and field not in before and "GLM_DEADLINE_S" in env:
        whole.pop(field, None)
    return whole


def chosen_there(
    client: KnownClient, text: str, before: Mapping[str, Any] | None, made: Mapping[str, Any]
) -> list[str]:
    """What stands in a file that others may have written, and would go on deciding where the key and files go, by name."""
    kept, usual = dict((before or {}).get("env") or {}), made.get("env", {})
    found = [n for n, v in kept.items() if n not in HARMLESS and usual.get(n) != v]
    found += [field for field in ("cwd", "envFile", "headersHelper") if field in (before or {})]
    wanted = {item["id"]: item for item in inputs(client, made)}
    asked = jsonc.load(text).get("inputs") if wanted else None
    for there in asked if isinstance(asked, list) else ():
        item = wanted.get(str(there.get("id"))) if isinstance(there, dict) else None
        if item and ("default" in there or any(there.get(k) != item[k] for k in ("type", "password"))):
            found.append(f"the input {item['id']}")
    return found


def may_be_shown(client: KnownClient, wanted: Mapping[str, Any], made: Mapping[str, Any]) -> bool:
    """Whether an entry holds nothing of its user's but settings that are no secret."""
    usual, plain = made.get("env", {}), {"env", client.limit[0] if client.limit else "env"}
    own = [n for n, v in dict(wanted.get("env") or {}).items() if n not in HARMLESS and usual.get(n) != v]
    return not own and all(k in plain or made.get(k) == v for k, v in wanted.items())


def cut_short(client: KnownClient, entry: Mapping[str, Any]) -> str:
    """What is to be said where a client gives up before this server does; empty where it does not."""
    if not client.limit or client.limit[0] not in entry:
        return ""
    field, unit = client.limit
    try:
        limit_s = float(entry[field]) / unit
        deadline_s = float(dict(entry.get("env") or {}).get("GLM_DEADLINE_S") or client.deadline_s)
    except (TypeError, ValueError, OverflowError):
        return ""
    if limit_s > deadline_s:
        return ""
    return (
        f"Mind: {client.title} gives up after {limit_s:g} s ({field} = {entry[field]}), this server only after "
        f"{deadline_s:g} s: raise the one, or set GLM_DEADLINE_S in the entry below it."
    )


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
    return str(EDITORS[client.form].put(new, [client.under, name], as_written(client, made)))


def drop(client: KnownClient, text: str, name: str) -> str:
    """The text without the entry called `name`, and without what it alone had its client ask for."""
    asked = asked_for(present(client, text, name) or {})
    new = str(EDITORS[client.form].drop(text, [client.under, name]))
    for ident in asked if client.asks else ():
        items = jsonc.load(new).get("inputs") or []
        at = next((n for n, i in enumerate(items) if isinstance(i, dict) and i.get("id") == ident), None)
        if at is not None and f"${{input:{ident}}}" not in new:
            new = jsonc.drop(new, ["inputs", at] if len(items) > 1 else ["inputs"])
    return new


def is_empty(client: KnownClient, text: str) -> bool:
    """Whether a file says nothing any more: no setting, no server, no comment."""
    whole = EDITORS[client.form].load(text)
    return whole in ({}, {client.under: {}}) and not re.search(r"//|/\*|#", text)
