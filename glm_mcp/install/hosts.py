"""Every host that `install` and the manifests know: where its file is, what an entry looks like, how to check it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KEY, TOKEN = "GLM_API_KEY", "GLM_HTTP_TOKEN"
USUAL_S = 55  # under the 60 s of a host whose configuration has no time limit
LONG_S, HOST_LONG_S = 280, 300  # where the host's own limit can be raised: ours ends before it


@dataclass(frozen=True, slots=True)
class Place:
    """The machine as `install` sees it. `platform`: as `sys.platform`; `cwd`: the project of `--scope project`."""

    env: Mapping[str, str]
    platform: str
    home: Path
    cwd: Path

    def settings(self) -> Path:
        """Where programs of this platform keep their settings."""
        if self.platform == "win32":
            return Path(self.env.get("APPDATA") or self.home / "AppData" / "Roaming")
        if self.platform == "darwin":
            return self.home / "Library" / "Application Support"
        return self.dot_config()

    def dot_config(self) -> Path:
        return Path(self.env.get("XDG_CONFIG_HOME") or self.home / ".config")

    def which(self, command: str) -> str | None:
        return shutil.which(command, path=self.env.get("PATH", ""))


@dataclass(frozen=True, slots=True)
class Agent:
    """A host. `under`: the field that holds its servers. `stdio`, `http`: the `type` of an entry, empty where it has none,
    None where it cannot be. `limit`: its time limit for a call, in which unit, and how long
    we ask for. `refer`: how an entry refers to a variable, NAME or name; empty where the host does not replace anything.
    """

    name: str
    title: str
    files: Callable[[Place], list[Path]]
    under: str = "mcpServers"
    project: str | None = None
    commands: tuple[str, ...] = ()
    stdio: str = ""
    http: str | None = ""
    url: str = "url"
    more: tuple[tuple[str, Any], ...] = ()
    limit: tuple[str, int] | None = None
    host_s: int = HOST_LONG_S
    ours_s: int = USUAL_S
    refer: str = ""
    where_key: str = "The settings file is the one place for the key: this host hands nothing on."
    check: str = ""

    def reference(self, variable: str) -> str:
        return self.refer.replace("NAME", variable).replace("name", variable.lower().replace("_", "-"))

    def path_in(self, place: Place) -> Path | None:
        return place.cwd / self.project if self.project else None

    def found(self, place: Place) -> bool:
        """Whether this machine seems to have it."""
        return (
            any(f.parent.is_dir() for f in self.files(place) if f.parent != place.home)
            or any(f.is_file() for f in self.files(place))
            or any(place.which(c) for c in self.commands)
        )


def entry(
    agent: Agent, command: list[str], *, url: str | None = None, token: bool = False, file: Path | None = None
) -> dict[str, Any]:
    """What stands in the host's file for this server. `token`: the HTTP server asks for GLM_HTTP_TOKEN."""
    kind = agent.http if url else agent.stdio
    made: dict[str, Any] = {"type": kind} if kind else {}
    if url:
        old_windsurf = agent.name == "windsurf" and file is not None and ".codeium" in file.parts
        made["serverUrl" if old_windsurf else agent.url] = url
        if token and agent.name == "codex":
            made["bearer_token_env_var"] = TOKEN
        elif token and agent.refer:
            made["headers"] = {"Authorization": f"Bearer {agent.reference(TOKEN)}"}
    else:
        made |= {"command": command[0], "args": command[1:]}
        made["env"] = {KEY: agent.reference(KEY)} if agent.refer else {}
        made["env"]["GLM_DEADLINE_S"] = str(agent.ours_s)
        if agent.name == "codex":
            made |= {"env_vars": [KEY], "startup_timeout_sec": 20}
    if agent.limit:
        made[agent.limit[0]] = agent.host_s * agent.limit[1]
    return made | dict(agent.more)


def inputs(agent: Agent, made: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What VS Code asks its user for, once, and keeps to itself."""
    asked = {"glm-api-key": "GLM API key (id.secret)", "glm-http-token": "Token of the glm-mcp HTTP server"}
    return [
        {"type": "promptString", "id": name, "description": text, "password": True}
        for name, text in asked.items()
        if agent.name == "vscode" and f"${{input:{name}}}" in str(made)
    ]


def document(agent: Agent, servers: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """A whole file that holds these servers and nothing else."""
    asked = [item for made in servers.values() for item in inputs(agent, made)]
    return ({"inputs": asked} if asked else {}) | {agent.under: dict(servers)}


def _claude(place: Place) -> list[Path]:
    own = place.env.get("CLAUDE_CONFIG_DIR")
    return [Path(own) / ".claude.json" if own else place.home / ".claude.json"]


def _code(place: Place) -> Path:
    return place.settings() / "Code" / "User"


def _cline(place: Place) -> list[Path]:
    own = place.env.get("CLINE_MCP_SETTINGS_PATH")
    if own:
        return [Path(own)]
    name = "cline_mcp_settings.json"
    command_line = place.home / ".cline" / "data" / "settings" / name
    editor = _code(place) / "globalStorage" / "saoudrizwan.claude-dev" / "settings" / name
    return [command_line, editor] if editor.parent.parent.is_dir() else [command_line]


def _windsurf(place: Place) -> list[Path]:
    base = place.settings() if place.platform == "win32" else place.dot_config()
    new, old = base / "devin" / "mcp_config.json", place.home / ".codeium" / "windsurf" / "mcp_config.json"
    if old.parent.is_dir():
        return [new, old] if new.parent.is_dir() else [old]
    return [new]


def _zed(place: Place) -> list[Path]:
    base = place.settings() / "Zed" if place.platform == "win32" else place.dot_config() / "zed"
    return [base / "settings.json"]


def _codex(place: Place) -> list[Path]:
    return [Path(place.env.get("CODEX_HOME") or place.home / ".codex") / "config.toml"]


AGENTS: dict[str, Agent] = {
    agent.name: agent
    for agent in (
        Agent(
            "claude-code",
            "Claude Code",
            _claude,
            project=".mcp.json",
            commands=("claude",),
            stdio="stdio",
            http="http",
            limit=("timeout", 1000),
            host_s=600,
            ours_s=300,
            # With its default: an unset variable is then empty, which counts as not set, and no error.
            refer="${NAME:-}",
            where_key="Claude Code passes GLM_API_KEY on from the environment in which it starts.",
            check="claude mcp list    shows the server and “Connected”",
        ),
        Agent(
            "claude-desktop",
            "Claude Desktop",
            lambda p: [p.settings() / "Claude" / "claude_desktop_config.json"],
            http=None,
            check="Quit and start Claude Desktop; Settings → Developer shows the server as running",
        ),
        Agent(
            "cline",
            "Cline",
            _cline,
            commands=("cline",),
            stdio="stdio",
            http="streamableHttp",
            limit=("timeout", 1),
            ours_s=LONG_S,
            more=(("disabled", False), ("autoApprove", [])),
            where_key="Cline hands its own environment on: GLM_API_KEY where Cline starts is enough.",
            check="In Cline: MCP Servers → Configured shows a green dot and five tools",
        ),
        Agent(
            "codex",
            "Codex",
            _codex,
            under="mcp_servers",
            project=".codex/config.toml",
            commands=("codex",),
            limit=("tool_timeout_sec", 1),
            ours_s=LONG_S,
            where_key="Codex passes GLM_API_KEY on from the environment in which it starts (env_vars).",
            check="codex mcp get {name}    shows the entry; /mcp inside Codex shows five tools",
        ),
        Agent(
            "cursor",
            "Cursor",
            lambda p: [p.home / ".cursor" / "mcp.json"],
            project=".cursor/mcp.json",
            stdio="stdio",
            refer="${env:NAME}",
            where_key="Cursor puts in GLM_API_KEY from the environment in which it starts; without that variable, the settings file is used.",
            check="Settings → MCP shows the server with a green dot and five tools",
        ),
        Agent(
            "vscode",
            "VS Code",
            lambda p: [_code(p) / "mcp.json"],
            under="servers",
            project=".vscode/mcp.json",
            commands=("code",),
            stdio="stdio",
            http="http",
            refer="${input:name}",
            where_key="VS Code asks for the key at the first start and keeps it in its own secret storage.",
            check="Command “MCP: List Servers” shows the server as running",
        ),
        Agent(
            "gemini-cli",
            "Gemini CLI",
            lambda p: [p.home / ".gemini" / "settings.json"],
            project=".gemini/settings.json",
            commands=("gemini",),
            url="httpUrl",
            limit=("timeout", 1000),
            ours_s=LONG_S,
            refer="$NAME",
            where_key="Gemini CLI puts in GLM_API_KEY from the environment in which it starts.",
            check="gemini mcp list    shows the server and “Connected” (in a folder that it trusts)",
        ),
        Agent(
            "windsurf",
            "Windsurf (Devin Desktop)",
            _windsurf,
            project=".devin/mcp_config.json",
            commands=("windsurf",),
            check="The MCP list of the agent panel shows the server with five tools, after its refresh button",
        ),
        Agent(
            "zed",
            "Zed",
            _zed,
            under="context_servers",
            project=".zed/settings.json",
            commands=("zed",),
            where_key="Zed hands on the environment of your shell: GLM_API_KEY there is enough.",
            check="The agent panel's settings show the server with a green dot",
        ),
        Agent(
            "cherry-studio",
            "Cherry Studio",
            lambda p: [p.settings() / "CherryStudio" / "config.json"],
            stdio="stdio",
            http="streamableHttp",
            url="baseUrl",
            limit=("timeout", 1),
            ours_s=LONG_S,
            where_key="Add GLM_API_KEY among the server's environment variables in Cherry Studio, or use the settings file.",
            check="Settings → MCP Servers: switch the server on; its Tools page lists five",
        ),
    )
}
# Keeps its servers in a database of its own; it is given JSON, or a link.
BY_HAND = ("cherry-studio",)
GENERIC = Agent(
    "print",
    "any host",
    lambda _: [],
    where_key="Set GLM_API_KEY in the entry's `env`, or use the settings file, which works with every host.",
    check="glm-mcp doctor    looks at key, endpoint, models and folders",
)
