"""`glm-mcp install`: what it needs of this machine, and what it says about the key."""

from __future__ import annotations

import difflib
from contextlib import suppress
from pathlib import Path

import anyio
import click

from glm_mcp.cli import key as keys
from glm_mcp.cli.terminal.cells import padded
from glm_mcp.cli.terminal.group import here, say
from glm_mcp.clients.table import CLIENTS
from glm_mcp.errors import ConfigError, GLMError
from glm_mcp.install import install as installer
from glm_mcp.install.wish import Wish
from glm_mcp.installation import COMMANDS, Machine, clone, is_fleeting, own_command, typed
from glm_mcp.text import plain


def install_host(host: str | None, wish: Wish, env_file: Path | None, *, ask_key: bool) -> None:
    """Raises ConfigError, UsageError."""
    machine = installer.this_machine()
    if host is None:
        _list_hosts(machine, wish.name)
        return
    if host not in installer.NAMES:
        near = difflib.get_close_matches(host.lower(), installer.NAMES, 1)
        names = ", ".join(installer.NAMES)
        raise click.UsageError(
            f"no host is called {host!r}: did you mean {near[0]}? There are {names}"
            if near
            else f"no host is called {host!r}; there are {names}"
        )
    if (wish.token or wish.token_env) and not wish.url:
        raise click.UsageError("--token and --token-env go with --http URL")
    if wish.url and wish.connect:
        raise click.UsageError("--http and --connect are two ways to the same server: choose one")
    writes = not (wish.show or wish.remove or host == "print")
    absent = installer.not_here(host, machine) if writes and wish.scope == "user" else ""
    lines = installer.install(host, wish, machine, _command(wish))
    if absent:
        say(absent)
    for line in lines:
        if "\n" in line:  # a whole entry, as it stands in the file
            click.echo(line)
        else:
            say(line)
    if writes and not wish.url:
        _record_answers()
    if ask_key:
        keys.command(keys.ask(), env_file)
    elif writes and not wish.url and not wish.connect:
        where = keys.where_set(machine.env, env_file)
        if not where:
            say(f"No key yet: run {typed('key')}")
        elif where == "environment":
            say(f"The key is set in this environment alone; for every host: {typed('key --from-env')}")


def _list_hosts(machine: Machine, name: str) -> None:
    found = installer.found_here(machine, name)
    for host, state, file in found:
        click.echo(f"{host:<15} {padded(here(state), 14)} {plain(str(file))}")
    if not found:
        say(f"No host was found on this machine. Hosts: {', '.join(CLIENTS)}")
    say(f"\nTo add it to one: {typed('install HOST')}")


def _command(wish: Wish) -> list[str]:
    """The command that a host is to start. Raises ConfigError for one that will be gone some day."""
    command = own_command()
    if wish.url or wish.remove or wish.scope == "project" or not is_fleeting(command):
        return command
    source = clone() or "/path/to/the/clone"
    raise ConfigError(
        f"this copy runs from a cache, {Path(command[0]).parent}, that is cleared now and then: a host could not rely on it",
        f"Install it first: uv tool install '{source}[all]'   or: pipx install '{source}[all]'   Then: {COMMANDS[0]} install HOST",
    )


def _record_answers() -> None:
    """For the host's first start, as far as it has the settings that are here now; a later one would record them."""
    from glm_mcp.server.app import App, build
    from glm_mcp.server.front.conditions import place_of
    from glm_mcp.server.recorder import Recorder
    from glm_mcp.settings import load

    place = place_of([])
    with suppress(GLMError, OSError):
        app = App(load())
        if place:
            anyio.run(Recorder(app, build(app), place, None).refresh)
