"""What `install` says when it is done: where the key or the token comes from, and how to check."""

from __future__ import annotations

from glm_mcp import settings_file
from glm_mcp.clients.row import CONNECT, KEY, KnownClient
from glm_mcp.errors import ConfigError
from glm_mcp.folders import user_folders
from glm_mcp.install.entry import Bearer
from glm_mcp.install.wish import Wish
from glm_mcp.installation import COMMANDS, Machine, clone


def closing(
    client: KnownClient, wish: Wish, url: str | None, bearer: Bearer | None, machine: Machine
) -> list[str]:
    """The last lines. `url`, `bearer`: of a running server."""
    check = f"Check: {client.check.format(name=wish.name)}"
    say = f'Then say to it, for instance: "Use {wish.name} to read report.pdf and list what is still open."'
    if url:
        return [*_token(client, url, bearer), check, say]
    lines = [client.said] if client.said else []
    if wish.scope == "project":  # for whoever has the project
        lines.append(_shared(machine))
    file = user_folders().settings_file
    if wish.connect:
        where = client.where_key.format(variable=CONNECT, what="the token")
        lines.append(f"Token: {where} The settings file: {file} ({CONNECT}=… or keyring:SERVICE/NAME)")
    elif wish.scope == "user" and not client.asks and not machine.env.get(KEY) and _has_key():
        lines.append(f"Key: the one in {file} is used; nothing else is needed.")
    else:
        where = client.where_key.format(variable=KEY, what="the key")
        lines.append(f"Key: {where} The settings file: {file} ({KEY}=…)")
    return [
        *lines,
        f"Restart {client.title}, or open a new session: it reads its file at the start.",
        check,
        say,
    ]


def _has_key() -> bool:
    """Whether the settings file has a key."""
    try:
        return KEY in settings_file.read(None)
    except ConfigError:
        return False


def _shared(machine: Machine) -> str:
    source = clone()
    what = f"'{source}[all]'" if source else "the folder of a clone"
    said = (
        f"The entry names `{COMMANDS[0]}` alone, no path of this machine: whoever has the project needs it on the PATH "
        f"(pipx install {what})."
    )
    return said if machine.which(COMMANDS[0]) else f"{said} It is not on yours."


def _token(client: KnownClient, url: str, bearer: Bearer | None) -> list[str]:
    if bearer is None:
        return []
    name, lines = bearer.variable, []
    if client.asks:
        lines.append(f"Token: {client.title} asks for it at the first start and keeps it to itself.")
    elif client.refers:
        lines.append(
            f"Token: {client.title} reads it from {name} where it starts: export {name}=… there. No file holds it."
        )
    elif bearer.literal:
        lines.append(
            f"Mind: {client.title} takes no reference to a variable, so the token itself stands in its file, which only you can read."
        )
    else:
        lines.append(
            f"Token: {client.title} takes no reference to a variable. Give it with --token or --token-env, "
            "or add the header 'Authorization: Bearer …' to the entry yourself."
        )
    if url.startswith("http:") and client.refers and "//127." not in url and "//localhost" not in url:
        lines.append("Mind: over http:// the token travels in the clear; prefer https://.")
    return lines
