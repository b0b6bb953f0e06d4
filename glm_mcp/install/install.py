"""`glm-mcp install`: this server into a host's own file. Everything else in that file keeps every byte, and a backup is left."""

from __future__ import annotations

import base64
import json
import logging
import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from glm_mcp.atomic_files import write_new, write_part
from glm_mcp.errors import ConfigError
from glm_mcp.install.config_file import drop, dump, is_ours, merged, present, put
from glm_mcp.install.hosts import AGENTS, BY_HAND, GENERIC, KEY, TOKEN, Agent, Place, document, entry
from glm_mcp.settings import config_file

NAMES = (*AGENTS, "print")
OWN = ("glm-mcp", "glm-flash-mcp")
TOOL_S = 60.0  # for a host's own command

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line asked for."""

    scope: str = "user"
    url: str | None = None
    name: str = "glm"
    remove: bool = False
    show: bool = False


def here() -> Place:
    return Place(dict(os.environ), sys.platform, Path.home(), Path.cwd())


def own_command(folders: Sequence[Path] = ()) -> list[str]:
    """The absolute path of the installed command, as a host must start it. `folders`: where to look for it."""
    suffix = ".exe" if sys.platform == "win32" else ""
    for folder in folders or (Path(sys.executable).parent, Path(sysconfig.get_path("scripts"))):
        found = [folder / f"{name}{suffix}" for name in OWN if (folder / f"{name}{suffix}").is_file()]
        if found:
            return [str(found[0].absolute())]
    # -P: a host starts it in the project's folder, whose modules are a stranger's.
    return [sys.executable, "-P", "-m", "glm_mcp"]


def install(host: str, wish: Wish, place: Place, command: list[str]) -> list[str]:
    """Writes (or takes out) the entry; what was done, a line each. Raises ConfigError; a refused file is as it was."""
    if not re.fullmatch(r"[A-Za-z0-9][\w-]{0,31}", wish.name):
        raise ConfigError(f"{wish.name!r} is no name for a server", "Use letters, digits, - and _.")
    agent = AGENTS.get(host, GENERIC)
    url = _address(wish.url) if wish.url else None
    if url and agent.http is None:
        raise ConfigError(
            f"{agent.title} starts servers from this file and takes no address in it",
            "Install without --http, or add the address in its Connectors settings.",
        )
    files = _files(agent, wish.scope, place)
    token = bool(place.env.get(TOKEN))
    made = {f: entry(agent, command, url=url, token=token, file=f) for f in files}
    if not files or host in BY_HAND or wish.show:
        return _shown(agent, wish, list(made.items()), entry(agent, command, url=url, token=token))
    if wish.remove:
        return [line for file in files for line in _remove(agent, wish, file, made[file], place)]
    lines = [line for file in files for line in _add(agent, wish, file, made[file], place)]
    return [*lines, *_closing(agent, wish.name, url, token=token)]


def _closing(agent: Agent, name: str, url: str | None, *, token: bool) -> list[str]:
    check = f"Check: {agent.check.format(name=name)}"
    if not url:
        return [f"Key: {agent.where_key} The settings file: {config_file()} ({KEY}=…)", check]
    need = agent.name != "codex" and not agent.refer and token
    said = (
        f"Add the header 'Authorization: Bearer …' yourself: {agent.title} takes no reference."
        if need
        else ""
    )
    return [*([said] if said else []), check]


def machine(place: Place, name: str = "glm") -> list[str]:
    """Every host that seems to be here, its file, and whether the server is in it."""
    lines = []
    for agent in AGENTS.values():
        if not agent.found(place):
            continue
        lines += [f"{agent.name:<15} {_state(agent, f, name):<14} {f}" for f in agent.files(place)]
    return lines or ["No host was found on this machine. Hosts: " + ", ".join(AGENTS)]


def _state(agent: Agent, file: Path, name: str) -> str:
    if agent.name in BY_HAND:
        return "by hand"
    try:
        return "installed" if present(agent, _read(file), name) is not None else "not installed"
    except (ConfigError, ValueError):
        return "unreadable"


def _files(agent: Agent, scope: str, place: Place) -> list[Path]:
    if scope == "user":
        return agent.files(place)
    file = agent.path_in(place)
    if file is None and agent is not GENERIC:
        raise ConfigError(f"{agent.title} has no file in a project", "Use --scope user.")
    return [file] if file else []


def _address(url: str) -> str:
    parts = urlsplit(url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise ConfigError(f"{url!r} is no address of a server", "Give --http http://127.0.0.1:8000/mcp")
    return url.strip() if parts.path.strip("/") else url.strip().rstrip("/") + "/mcp"


def _shown(
    agent: Agent, wish: Wish, made: list[tuple[Path, dict[str, Any]]], whole: dict[str, Any]
) -> list[str]:
    lines: list[str] = []
    if agent.name in BY_HAND:
        if wish.remove:
            return [f"{agent.title} keeps its servers in its own database: take it out there."]
        packed = json.dumps(document(agent, {wish.name: whole}), separators=(",", ":")).encode()
        link = "cherrystudio://mcp/install?servers=" + quote(base64.b64encode(packed).decode(), safe="")
        lines = [
            f"{agent.title} keeps its servers in its own database. Open this link, or paste the JSON below",
            "at Settings → MCP Servers → Add → Import from JSON:",
            link,
        ]
        lines += [dump(agent, document(agent, {wish.name: whole}))]
        return [*lines, f"Key: {agent.where_key}", f"Check: {agent.check}"]
    for file, one in made:
        lines += [f"{file}:", dump(agent, document(agent, {wish.name: one}))]
    return lines or [dump(agent, document(agent, {wish.name: whole}))]


def _add(agent: Agent, wish: Wish, file: Path, made: dict[str, Any], place: Place) -> list[str]:
    text = _read(file)
    before = _guard(file, lambda: present(agent, text, wish.name))
    if before is not None and not is_ours(before, made):
        raise ConfigError(
            f"{file} already has another server called {wish.name!r}",
            "Choose a name of your own with --name.",
        )
    wanted = merged(agent, before, made)
    new = _guard(file, lambda: put(agent, text, wish.name, wanted))
    if new == text:
        return [f"{file}: {wish.name} is there already; nothing changed."]
    kept = _back_up(file)
    said = f"{file}: {wish.name} {'renewed' if before is not None else 'added'}."
    tool = place.which("claude") if agent.name == "claude-code" and wish.scope == "user" else None
    # Claude Code writes this file all the time it runs; its own command knows how to share it.
    if not (tool and _by_tool(tool, wish.name, wanted, file, place, renew=before is not None)):
        _write(file, new, private=wish.scope == "user")
    return [said, *([f"The file as it was: {kept}"] if kept else [])]


def _remove(agent: Agent, wish: Wish, file: Path, made: dict[str, Any], place: Place) -> list[str]:
    text = _read(file)
    before = _guard(file, lambda: present(agent, text, wish.name))
    if before is None:
        return [f"{file}: there is no {wish.name}; nothing changed."]
    if not is_ours(before, made):
        raise ConfigError(
            f"{wish.name!r} in {file} is not this server",
            "Give the right --name; for one that was added by its address, --http URL too. Or take it out by hand.",
        )
    new = _guard(file, lambda: drop(agent, text, wish.name))
    kept = _back_up(file)
    tool = place.which("claude") if agent.name == "claude-code" and wish.scope == "user" else None
    if not (tool and _tool(tool, place, "mcp", "remove", wish.name, "-s", "user")):
        _write(file, new, private=wish.scope == "user")
    return [f"{file}: {wish.name} taken out.", f"The file as it was: {kept}"]


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
        raise ConfigError(f"{file} cannot be read ({type(error).__name__})", "Nothing was changed.") from None


def _back_up(file: Path) -> Path | None:
    try:
        if not file.is_file():
            return None
        kept = write_new(file.with_name(f"{file.name}.glm-mcp.bak"), file.read_bytes())
        kept.chmod(file.stat().st_mode & 0o777)
        return kept
    except OSError as error:
        raise _refused(file, error) from None


def _write(file: Path, text: str, *, private: bool) -> None:
    """The file anew, whole or not at all; one behind a link stays behind it."""
    file = file.resolve()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        old = file.is_file()
        mark = b"\xef\xbb\xbf" if old and file.read_bytes()[:3] == b"\xef\xbb\xbf" else b""
        mode = file.stat().st_mode & 0o777 if old else 0o600 if private else 0o644
        temporary = write_part(file, mark + text.encode("utf-8"), mode)
        temporary.chmod(mode)
        temporary.replace(file)
    except OSError as error:
        raise _refused(file, error) from None


def _refused(file: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"{file} cannot be written ({error.strerror})", "Give yourself the right, or use --print."
    )


def _by_tool(tool: str, name: str, made: dict[str, Any], file: Path, place: Place, *, renew: bool) -> bool:
    """Claude Code's own command. False when it did not do it, and the file is to be written here."""
    if renew:
        _tool(tool, place, "mcp", "remove", name, "-s", "user")
    _tool(tool, place, "mcp", "add-json", name, json.dumps(made), "-s", "user")
    try:
        return present(AGENTS["claude-code"], _read(file), name) == made
    except ValueError:
        return False


def _tool(tool: str, place: Place, *words: str) -> bool:
    try:
        done = subprocess.run(  # noqa: S603 - the host's own command, found on the user's PATH, with words of ours
            [tool, *words],
            env=dict(place.env),
            cwd=place.home,
            capture_output=True,
            timeout=TOOL_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        _log.warning("%s did not run (%s): its file is written here", tool, type(error).__name__)
        return False
    return done.returncode == 0
