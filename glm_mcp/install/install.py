"""`glm-mcp install`: this server into a client's own file. Everything else in that file keeps every byte. A copy of the
file as it was is left beside it, but in no project or repository, where it could be committed.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import re
import stat
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from glm_mcp.atomic_files import write_part
from glm_mcp.clients import ANY, CLIENTS, KEY, TOKEN, KnownClient, Machine
from glm_mcp.errors import ConfigError
from glm_mcp.install.config_file import drop, dump, is_ours, merged, present, put
from glm_mcp.install.entry import document, entry
from glm_mcp.outputs import home_folder, user_folders

NAMES = (*CLIENTS, ANY.name)
REPOSITORIES = (".git", ".hg", ".svn", ".jj")
OWN = ("glm-mcp", "glm-flash-mcp")
TOOL_S = 60.0  # for a client's own command

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line asked for."""

    scope: str = "user"
    url: str | None = None
    name: str = "glm"
    remove: bool = False
    show: bool = False


def this_machine() -> Machine:
    return Machine(dict(os.environ), sys.platform, home_folder(), Path.cwd())


def own_command(folders: Sequence[Path] = ()) -> list[str]:
    """The absolute path of the installed command, as a client must start it. `folders`: where to look for it."""
    suffix = ".exe" if sys.platform == "win32" else ""
    for folder in folders or (Path(sys.executable).parent, Path(sysconfig.get_path("scripts"))):
        commands = [folder / f"{name}{suffix}" for name in OWN if (folder / f"{name}{suffix}").is_file()]
        if commands:
            return [str(commands[0].absolute())]
    # -P: a client starts it in the project's folder, whose modules are a stranger's.
    return [sys.executable, "-P", "-m", "glm_mcp"]


def install(name: str, wish: Wish, machine: Machine, command: list[str]) -> list[str]:
    """Writes (or takes out) the entry; what was done, a line each. `name`: of `NAMES`. Raises ConfigError; a refused file
    is as it was.
    """
    if not re.fullmatch(r"[A-Za-z0-9][\w-]{0,31}", wish.name):
        raise ConfigError(f"{wish.name!r} is no name for a server", "Use letters, digits, - and _.")
    client = CLIENTS.get(name, ANY)
    url = _address(wish.url) if wish.url else None
    if url and client.http is None:
        raise ConfigError(
            f"{client.title} starts servers from this file and takes no address in it",
            "Install without --http, or add the address in its Connectors settings.",
        )
    files = _files(client, wish.scope, machine)
    token = bool(machine.env.get(TOKEN))
    made = {f: entry(client, command, url=url, token=token, file=f) for f in files}
    if client.link:
        return _linked(client, wish, entry(client, command, url=url, token=token))
    if not files:
        return [_shown(client, wish, entry(client, command, url=url, token=token))]
    if wish.show:
        return [line for file in files for line in (f"{file}:", _shown(client, wish, made[file]))]
    if wish.remove:
        return [line for file in files for line in _remove(client, wish, file, made[file], machine)]
    lines = [line for file in files for line in _add(client, wish, file, made[file], machine)]
    return [*lines, *_closing(client, wish.name, url, token=token)]


def _closing(client: KnownClient, name: str, url: str | None, *, token: bool) -> list[str]:
    check = f"Check: {client.check.format(name=name)}"
    if not url:
        return [f"Key: {client.where_key} The settings file: {user_folders().settings_file} ({KEY}=…)", check]
    if token and not client.refer and not client.token:
        said = f"Add the header 'Authorization: Bearer …' yourself: {client.title} takes no reference."
        return [said, check]
    return [check]


def found_here(machine: Machine, name: str = "glm") -> list[str]:
    """Every client that seems to be here, its file, and whether the server is in it."""
    lines = [
        f"{client.name:<15} {_state(client, f, name):<14} {f}"
        for client in CLIENTS.values()
        if client.is_here(machine)
        for f in client.files(machine)
    ]
    return lines or ["No host was found on this machine. Hosts: " + ", ".join(CLIENTS)]


def _state(client: KnownClient, file: Path, name: str) -> str:
    if client.link:
        return "by hand"
    try:
        return "installed" if present(client, _read(file), name) is not None else "not installed"
    except (ConfigError, ValueError):
        return "unreadable"


def _files(client: KnownClient, scope: str, machine: Machine) -> list[Path]:
    if scope == "user":
        return client.files(machine)
    if client.project is None:
        if client is ANY:
            return []
        raise ConfigError(f"{client.title} has no file in a project", "Use --scope user.")
    file = machine.cwd / client.project
    # A stranger's repository must not choose which file of this user is read and changed.
    if not file.resolve().is_relative_to(machine.cwd.resolve()):
        raise ConfigError(
            f"{file} leads, by a link, out of the project", "Remove the link, or use --scope user."
        )
    return [file]


def _address(url: str) -> str:
    parts = urlsplit(url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        shown = "an address with a login" if "@" in url else repr(url)
        raise ConfigError(f"{shown} is no address of a server", "Give --http http://127.0.0.1:8000/mcp")
    return url.strip() if parts.path.strip("/") else url.strip().rstrip("/") + "/mcp"


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
        f"Key: {client.where_key}",
        f"Check: {client.check}",
    ]


def _shown(client: KnownClient, wish: Wish, made: dict[str, Any]) -> str:
    return dump(client, document(client, {wish.name: made}))


def _add(client: KnownClient, wish: Wish, file: Path, made: dict[str, Any], machine: Machine) -> list[str]:
    text = _read(file)
    before = _guard(file, lambda: present(client, text, wish.name))
    if before is not None and not is_ours(before, made):
        raise ConfigError(
            f"{file} already has another server called {wish.name!r}, which this command did not write",
            "Choose a name of your own with --name, or take that one out by hand.",
        )
    wanted = merged(client, before, made)
    new = _guard(file, lambda: put(client, text, wish.name, wanted))
    if new == text:
        return [f"{file}: {wish.name} is there already; nothing changed."]
    kept = _back_up(file, wish.scope)
    said = f"{file}: {wish.name} {'renewed' if before is not None else 'added'}."
    tool = _own_command(client, wish, machine)
    if not (tool and _by_tool(tool, client, wish.name, wanted, file, machine, renew=before is not None)):
        _write(file, new, private=wish.scope == "user")
    return [said, *kept]


def _remove(client: KnownClient, wish: Wish, file: Path, made: dict[str, Any], machine: Machine) -> list[str]:
    text = _read(file)
    before = _guard(file, lambda: present(client, text, wish.name))
    if before is None:
        return [f"{file}: there is no {wish.name}; nothing changed."]
    if not is_ours(before, made):
        raise ConfigError(
            f"{wish.name!r} in {file} was not written by this command",
            "Give the right --name; for one that was added by its address, --http URL too. Or take it out by hand.",
        )
    new = _guard(file, lambda: drop(client, text, wish.name))
    kept = _back_up(file, wish.scope)
    tool = _own_command(client, wish, machine)
    if not (tool and _tool(tool, machine, "mcp", "remove", wish.name, "-s", "user")):
        _write(file, new, private=wish.scope == "user")
    return [f"{file}: {wish.name} taken out.", *kept]


def _own_command(client: KnownClient, wish: Wish, machine: Machine) -> str | None:
    return machine.which(client.own_command) if client.own_command and wish.scope == "user" else None


def _guard(file: Path, work: Any) -> Any:
    try:
        return work()
    except ValueError as error:  # the TOML libraries' errors are ValueErrors too
        raise ConfigError(
            f"{file} cannot be understood ({error})",
            "Mend it first; nothing was changed. Or add by hand: --print",
        ) from None


def _read(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8-sig") if file.is_file() else ""
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(f"{file} cannot be read ({why})", "Nothing was changed.") from None


def _back_up(file: Path, scope: str) -> list[str]:
    """Leaves a copy of the file as it was, in place of the one before, and says where. It never has more readers than the
    file, and there is none in a project or repository.
    """
    try:
        if not file.is_file() or scope == "project" or _in_repository(file):
            return []
        kept, mode = file.with_name(f"{file.name}.glm-mcp.bak"), stat.S_IMODE(file.stat().st_mode)
        _put_in_place(kept, file.read_bytes(), mode)
    except OSError as error:
        raise _refused(file, error) from None
    return [f"The file as it was: {kept}"]


def _in_repository(file: Path) -> bool:
    folder = file.parent.resolve()
    return any((f / name).exists() for f in (folder, *folder.parents) for name in REPOSITORIES)


def _put_in_place(path: Path, data: bytes, mode: int) -> None:
    """The file whole or not at all, of this mode from its first moment on. Raises OSError."""
    temporary = write_part(path, data, mode)
    try:
        temporary.chmod(mode)  # the user's umask may have taken something off
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def _write(file: Path, text: str, *, private: bool) -> None:
    """The file anew, whole or not at all; one behind a link stays behind it."""
    file = file.resolve()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        old = file.is_file()
        mark = b"\xef\xbb\xbf" if old and file.read_bytes()[:3] == b"\xef\xbb\xbf" else b""
        mode = stat.S_IMODE(file.stat().st_mode) if old else 0o600 if private else 0o644
        _put_in_place(file, mark + text.encode("utf-8"), mode)
    except OSError as error:
        raise _refused(file, error) from None


def _refused(file: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"{file} cannot be written ({error.strerror})", "Give yourself the right, or use --print."
    )


def _by_tool(
    tool: str,
    client: KnownClient,
    name: str,
    made: dict[str, Any],
    file: Path,
    machine: Machine,
    *,
    renew: bool,
) -> bool:
    """The client's own command. False when it did not do it, and the file is to be written here."""
    if renew:
        _tool(tool, machine, "mcp", "remove", name, "-s", "user")
    _tool(tool, machine, "mcp", "add-json", name, json.dumps(made), "-s", "user")
    try:
        return present(client, _read(file), name) == made
    except ValueError:
        return False


def _tool(tool: str, machine: Machine, *words: str) -> bool:
    try:
        done = subprocess.run(  # noqa: S603 - the client's own command, found on the user's PATH, with words of ours
            [tool, *words],
            env=dict(machine.env),
            cwd=machine.home,
            capture_output=True,
            timeout=TOOL_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        _log.warning("%s did not run (%s): its file is written here", tool, type(error).__name__)
        return False
    return done.returncode == 0
