"""`glm-mcp install`: this server into a client's own file. Everything else in that file keeps every byte. A copy of the
file as it was is left beside it, but in no project or repository, where it could be committed.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from glm_mcp.atomic_files import alone_in
from glm_mcp.clients.row import KEY, KnownClient
from glm_mcp.clients.table import ANY, CLIENTS
from glm_mcp.errors import ConfigError
from glm_mcp.folders import home_folder
from glm_mcp.install import record
from glm_mcp.install.config_file import (
    address,
    chosen_there,
    cut_short,
    drop,
    dump,
    is_empty,
    is_ours,
    may_be_shown,
    merged,
    own_of_stdio,
    present,
    put,
    turned,
)
from glm_mcp.install.entry import Bearer, document, entry
from glm_mcp.install.files import back_up, in_repository, read, take_away, write
from glm_mcp.install.server_address import address_of, bearer_for
from glm_mcp.install.wish import Wish
from glm_mcp.install.words import closing
from glm_mcp.installation import COMMANDS, Machine
from glm_mcp.settings import for_others
from glm_mcp.text import one_line

NAMES = (*CLIENTS, ANY.name)
TOOL_S = 60.0  # for a client's own command

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is to be done with one file: `made` stands for `wish` there, `other` for the other kind of entry."""

    client: KnownClient
    wish: Wish
    machine: Machine
    file: Path
    made: dict[str, Any]
    other: dict[str, Any]

    @property
    def project(self) -> Path | None:
        """The folder that a shared file must not leave."""
        return self.machine.cwd if self.wish.scope == "project" else None


def this_machine() -> Machine:
    return Machine(dict(os.environ), sys.platform, home_folder(), Path.cwd())


def not_here(name: str, machine: Machine) -> str:
    """A sentence that names a client of which nothing was found on this machine; empty where it was."""
    client = CLIENTS.get(name)
    if client is None or client.link or client.is_here(machine):
        return ""
    return f"{client.title} was not found on this machine: this makes its file all the same."


def install(name: str, wish: Wish, machine: Machine, command: list[str]) -> list[str]:
    """Writes (or takes out) the entry; what was done, a line each. `name`: of `NAMES`. Raises ConfigError; a refused file
    is as it was.
    """
    if not re.fullmatch(r"[A-Za-z0-9][\w-]{0,31}", wish.name):
        raise ConfigError(f"{wish.name!r} is no name for a server", "Use letters, digits, - and _.")
    client = CLIENTS.get(name, ANY)
    url = address_of(wish.url, "--http") if wish.url else None
    if url and client.http is None:
        raise ConfigError(
            f"{client.title} starts servers from this file and takes no address in it",
            "Install without --http, or add the address in its Connectors settings.",
        )
    if wish.scope == "project":
        command = [COMMANDS[0]]  # a path of this machine means nothing to whoever else has the project
    if wish.connect:
        command = [*command, "connect", address_of(wish.connect, "--connect")]
    bearer = bearer_for(client, wish, url, machine)
    if client.link:
        return _linked(client, wish, entry(client, command, url=url, bearer=bearer))
    plans = [
        _Plan(
            client,
            wish,
            machine,
            file,
            entry(client, command, url=url, bearer=bearer, file=file),
            entry(client, command, url=None if url else "http://127.0.0.1/", file=file),
        )
        for file in _files(client, wish.scope, machine)
    ]
    if not plans:
        return [_shown(client, wish, entry(client, command, url=url, bearer=bearer))]
    if wish.show:
        return [line for plan in plans for line in (f"{plan.file}:", _shown(client, wish, plan.made))]
    with alone_in(machine.home):
        if wish.remove:
            return [line for plan in plans for line in _remove(plan)]
        lines = [line for plan in plans for line in _add(plan, bearer)]
    return [*lines, *closing(client, wish, url, bearer, machine)]


def found_here(machine: Machine, name: str = "glm") -> list[tuple[str, str, Path]]:
    """(name, whether the server is in it, its file) of every client that seems to be here."""
    return [
        (client.name, _state(client, f, name), f)
        for client in CLIENTS.values()
        if client.is_here(machine)
        for f in client.files(machine)
    ]


def _state(client: KnownClient, file: Path, name: str) -> str:
    if client.link:
        return "by hand"
    try:
        return "added" if present(client, read(file), name) is not None else "not added"
    except (ConfigError, ValueError, RecursionError):
        return "unreadable"


def _files(client: KnownClient, scope: str, machine: Machine) -> list[Path]:
    if scope == "user":
        return client.files(machine)
    if client.project is None:
        if client is ANY:
            return []
        raise ConfigError(f"{client.title} has no file in a project", "Use --scope user.")
    return [machine.cwd / client.project]


def _linked(client: KnownClient, wish: Wish, made: dict[str, Any]) -> list[str]:
    """For a client that keeps its servers in a database of its own."""
    if wish.remove:
        return [f"{client.title} keeps its servers in its own database: take it out there."]
    whole = document(client, {wish.name: made})
    packed = base64.b64encode(json.dumps(whole, separators=(",", ":")).encode()).decode()
    return [
        f"{client.title} keeps its servers in its own database. Open this link, or paste the JSON below",
        "at Settings → MCP Servers → Add → Import from JSON:",
        client.link + quote(packed, safe=""),
        dump(client, whole),
        f"Key: {client.where_key.format(variable=KEY, what='the key')}",
        f"Check: {client.check}",
    ]


def _shown(client: KnownClient, wish: Wish, made: dict[str, Any]) -> str:
    return dump(client, document(client, {wish.name: made}))


def _add(plan: _Plan, bearer: Bearer | None) -> list[str]:
    client, wish, machine, file, made = plan.client, plan.wish, plan.machine, plan.file, plan.made
    text, before = _looked_at(plan)
    known = record.recall(machine, file, wish.name) if before is not None else None
    turns = before is not None and ("command" in before) != ("command" in made)
    back = bool(before is not None and turns and known and address(before) == known[0] != "")
    if before is not None and not back and not is_ours(before, plan.other if turns else made):
        raise ConfigError(
            f"{file} already has another server called {wish.name!r}, which this command did not write",
            "Choose a name of your own with --name, or take that one out by hand.",
        )
    foreign = (
        _guard(file, lambda: chosen_there(client, text, before, made)) if wish.scope == "project" else []
    )
    if foreign:
        raise ConfigError(
            f"{file} decides itself where the key or files go ({one_line(', '.join(foreign))[:200]})",
            "Whoever wrote the project's file chose that: take it out by hand, or use --scope user.",
        )
    saved = known[1] if back and known else None
    wanted = merged(client, turned(before, plan.other, saved) if turns and before else before, made)
    new = _guard(file, lambda: put(client, text, wish.name, wanted))
    warning = cut_short(client, wanted)
    said = f"{file}: {wish.name} renewed." if before is not None else f"{file}: {wish.name} added."
    if new == text:
        said, kept = f"{file}: {wish.name} is there already; nothing changed.", []
    else:
        kept = back_up(file, plan.project)
        secret = bool(bearer and bearer.literal)
        # What its user has set there may be a secret, which is on no command line.
        tool = _own_command(client, wish, machine) if may_be_shown(client, wanted, made) else None
        if not (tool and _by_tool(tool, plan, wanted, renew=before is not None)):
            new = _guard(file, lambda: put(client, _now(plan, text), wish.name, wanted))
            write(file, new, plan.project, secret=secret)
    _note(plan, own_of_stdio(before, plan.other) if turns and before and not back else None)
    return [said, *kept, *([warning] if warning else [])]


def _looked_at(plan: _Plan) -> tuple[str, dict[str, Any] | None]:
    """The file's text, and the entry that is there."""
    text = read(plan.file, plan.project)
    return text, _guard(plan.file, lambda: present(plan.client, text, plan.wish.name))


def _now(plan: _Plan, before: str) -> str:
    """The file's text as it is now: its client, or that one's command, may have written to it, if not spoilt it."""
    try:
        return _looked_at(plan)[0]
    except ConfigError:
        return before


def _note(plan: _Plan, fields: dict[str, Any] | None) -> None:
    """Keeps what turning the entry back will need. `fields`: what its user had set, where it has just been turned."""
    written = address(plan.made)
    known = record.recall(plan.machine, plan.file, plan.wish.name)
    try:
        if not written:
            record.forget(plan.machine, plan.file, plan.wish.name)
        elif fields is not None or known is None or known[0] != written:
            record.remember(
                plan.machine, plan.file, plan.wish.name, written, fields or (known[1] if known else {})
            )
    except OSError as error:
        _log.warning("what was written could not be noted (%s)", error.strerror)


def _remove(plan: _Plan) -> list[str]:
    client, wish, machine, file = plan.client, plan.wish, plan.machine, plan.file
    text, before = _looked_at(plan)
    if before is None:
        return [f"{file}: there is no {wish.name}; nothing changed."]
    if not is_ours(before, plan.made):
        raise ConfigError(
            f"{wish.name!r} in {file} was not written by this command",
            "Give the right --name; for one that was added by its address, --http URL too. Or take it out by hand.",
        )
    new = _guard(file, lambda: drop(client, text, wish.name))
    kept = back_up(file, plan.project)
    shared = wish.scope == "project" or in_repository(file)
    tool = _own_command(client, wish, machine)
    if shared and is_empty(client, new) and not file.is_symlink():
        take_away(file, plan.project, machine.cwd)
    elif not (tool and _tool(tool, machine, "mcp", "remove", wish.name, "-s", "user")):
        new = _guard(file, lambda: drop(client, _now(plan, text), wish.name))
        write(file, new, plan.project)
    record.forget(machine, file, wish.name)
    return [f"{file}: {wish.name} taken out.", *kept]


def _own_command(client: KnownClient, wish: Wish, machine: Machine) -> str | None:
    return machine.which(client.own_command) if client.own_command and wish.scope == "user" else None


def _guard(file: Path, work: Any) -> Any:
    try:
        return work()
    except (ValueError, RecursionError) as error:  # the TOML libraries' errors are ValueErrors too
        why = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise ConfigError(
            f"{file} cannot be understood ({why})",
            "Mend it first; nothing was changed. Or add by hand: --print",
        ) from None


def _by_tool(tool: str, plan: _Plan, made: dict[str, Any], *, renew: bool) -> bool:
    """The client's own command. False when it did not do it, and the file is to be written here."""
    name, machine = plan.wish.name, plan.machine
    if renew:
        _tool(tool, machine, "mcp", "remove", name, "-s", "user")
    _tool(tool, machine, "mcp", "add-json", name, json.dumps(made), "-s", "user")
    try:
        return present(plan.client, read(plan.file), name) == made
    except ValueError:
        return False


def _tool(tool: str, machine: Machine, *words: str) -> bool:
    try:
        done = subprocess.run(  # noqa: S603 - the client's own command, found on the user's PATH, with words of ours
            [tool, *words],
            env=for_others(machine.env),
            cwd=machine.home,
            stdin=subprocess.DEVNULL,  # ours may hold a key
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=TOOL_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        why = error.strerror if isinstance(error, OSError) else f"it took over {TOOL_S:.0f} s"
        _log.warning("%s did not run (%s): its file is written here", tool, why)
        return False
    return done.returncode == 0
