"""Every MCP client that this project knows, a row each.

The running server looks a caller up by the name that its client gives; `install` and the manifests by the row's name.
What a client does with results was measured with the real ones. A new client is one row of `CLIENTS`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from glm_mcp.clients.row import KEY, LONG_S, UNKNOWN, KnownClient, McpClient
from glm_mcp.installation import Machine
from glm_mcp.settings import Settings


def _cline(machine: Machine) -> list[Path]:
    own = machine.env.get("CLINE_MCP_SETTINGS_PATH")
    if own:
        return [Path(own)]
    name = "cline_mcp_settings.json"
    command_line = machine.home / ".cline" / "data" / "settings" / name
    editor = machine.vscode() / "globalStorage" / "saoudrizwan.claude-dev" / "settings" / name
    return [command_line, editor] if editor.parent.parent.is_dir() else [command_line]


def _windsurf(machine: Machine) -> list[Path]:
    new = machine.unix_like() / "devin" / "mcp_config.json"
    old = machine.home / ".codeium" / "windsurf" / "mcp_config.json"
    if old.parent.is_dir():
        return [new, old] if new.parent.is_dir() else [old]
    return [new]


def _opencode(machine: Machine, name: str = "opencode") -> list[Path]:
    folder = machine.folder("XDG_CONFIG_HOME", ".config") / name
    commented = folder / f"{name}.jsonc"
    return [commented if commented.is_file() else folder / f"{name}.json"]


_ANTHROPIC = re.compile(r"https://([\w-]+\.)*anthropic\.com(?=[:/]|$)")


def _is_claude(environment: Mapping[str, str]) -> bool:
    """Whether Claude answers Claude Code. Many put a model without eyes there, GLM's of the coding plan among them: its API
    may refuse an image, and the conversation with it from then on.
    """
    address = environment.get("ANTHROPIC_BASE_URL", "").strip().lower()
    return not address or _ANTHROPIC.match(address) is not None


_OPENCODE = KnownClient(
    name="opencode",
    title="OpenCode",
    announces=("opencode",),
    # It cuts after 51,200 bytes, and drops a line beyond them whole. Of a picture it tells a model that sees none
    # "ERROR: Cannot read image", and to inform the user.
    budget=49_000,
    in_bytes=True,
    files=_opencode,
    project="opencode.json",
    under="mcp",
    commands=("opencode",),
    stdio="local",
    http="remote",
    one_list=True,
    # 5 s to start and 60 s for a call without; one that tells its progress may take longer.
    limit=("timeout", 1000),
    written_s=LONG_S,
    refer="{env:NAME}",
    more=(("enabled", True),),
    where_key="OpenCode puts in {variable} from the environment in which it starts.",
    check="opencode mcp list    shows the server and “connected”",
)
CLIENTS: dict[str, KnownClient] = {
    client.name: client
    for client in (
        KnownClient(
            name="claude-code",
            title="Claude Code",
            announces=("claude-code",),
            # It takes 150,000 characters in one result when told, and has no time limit of its own.
            budget=50_000,
            previews=True,
            model_sees=_is_claude,
            deadline_s=300,
            splits=True,
            files=lambda m: [m.folder("CLAUDE_CONFIG_DIR") / ".claude.json"],
            project=".mcp.json",
            commands=("claude",),
            # It writes this file all the time it runs; its own command knows how to share it.
            own_command="claude",
            stdio="stdio",
            http="http",
            limit=("timeout", 1000),
            limit_s=600,
            written_s=300,
            # With its default: an unset variable is then empty, which counts as not set, and no error.
            refer="${NAME:-}",
            # It asks its model at once, with the tools of the servers that are ready; for one that is always loaded it
            # waits some five seconds. Their schemas (6 kB) are then in its prompt, not behind its tool search.
            more=(("alwaysLoad", True),),
            said="Claude Code waits for this server before its first request (alwaysLoad), so that the tools are there.",
            where_key="Claude Code passes {variable} on from the environment in which it starts.",
            check="claude mcp list    shows the server and “Connected”",
        ),
        KnownClient(
            name="claude-desktop",
            title="Claude Desktop",
            announces=("claude",),
            previews=True,
            files=lambda m: [m.settings() / "Claude" / "claude_desktop_config.json"],
            http=None,
            check="Quit and start Claude Desktop; Settings → Developer shows the server as running",
        ),
        KnownClient(
            name="cline",
            title="Cline",
            # It writes the whole result into the prompt as JSON: never a picture, no link, nothing twice.
            announces=("cline", "@cline/"),
            links=False,
            twice=False,
            files=_cline,
            commands=("cline",),
            stdio="stdio",
            http="streamableHttp",
            limit=("timeout", 1),
            written_s=LONG_S,
            more=(("disabled", False), ("autoApprove", [])),
            where_key="Cline hands its own environment on: {variable} where Cline starts is enough.",
            check="In Cline: MCP Servers → Configured shows a green dot and five tools",
        ),
        KnownClient(
            name="codex",
            title="Codex",
            announces=("codex",),
            previews=True,
            files=lambda m: [m.folder("CODEX_HOME", ".codex") / "config.toml"],
            project=".codex/config.toml",
            form="toml",
            under="mcp_servers",
            commands=("codex",),
            token="bearer_token_env_var",  # noqa: S106 - the name of a field
            limit=("tool_timeout_sec", 1),
            written_s=LONG_S,
            # It hands no variable on that is not named here. It gives a server one second before the first turn, and
            # then goes without its tools; for one that is required it waits as long as the start may take.
            more_stdio=(("env_vars", [KEY]), ("startup_timeout_sec", 30), ("required", True)),
            said="Codex waits for this server before its first turn (required = true), so that the tools are there. "
            "If the server cannot start, Codex says so and opens no session: set required = false to let it go on without.",
            where_key="Codex passes {variable} on from the environment in which it starts (env_vars).",
            check="codex mcp get {name}    shows the entry; /mcp inside Codex shows five tools",
        ),
        KnownClient(
            name="cursor",
            title="Cursor",
            announces=("cursor",),
            previews=True,
            files=lambda m: [m.home / ".cursor" / "mcp.json"],
            project=".cursor/mcp.json",
            stdio="stdio",
            refer="${env:NAME}",
            where_key="Cursor puts in {variable} from the environment in which it starts; without that variable, the settings file is used.",
            check="Settings → MCP shows the server with a green dot and five tools",
        ),
        KnownClient(
            name="vscode",
            title="VS Code",
            announces=("visual studio code", "vscode"),
            previews=True,
            files=lambda m: [m.vscode() / "mcp.json"],
            project=".vscode/mcp.json",
            under="servers",
            commands=("code",),
            stdio="stdio",
            http="http",
            refer="${input:name}",
            asks=True,
            where_key="VS Code asks for {what} at the first start and keeps it in its own secret storage.",
            check="Command “MCP: List Servers” shows the server as running",
        ),
        KnownClient(
            name="gemini-cli",
            title="Gemini CLI",
            announces=("gemini-cli",),
            files=lambda m: [m.home / ".gemini" / "settings.json"],
            project=".gemini/settings.json",
            commands=("gemini",),
            url="httpUrl",
            limit=("timeout", 1000),
            written_s=LONG_S,
            refer="$NAME",
            where_key="Gemini CLI puts in {variable} from the environment in which it starts.",
            check="gemini mcp list    shows the server and “Connected” (in a folder that it trusts)",
        ),
        _OPENCODE,
        replace(  # which is made from it, and cuts as it does
            _OPENCODE,
            name="kilo-code",
            title="Kilo Code",
            announces=("kilo",),
            files=lambda m: _opencode(m, "kilo"),
            project="kilo.json",
            commands=("kilo",),
            where_key="Kilo Code puts in {variable} from the environment in which it starts.",
            check="kilo mcp list    shows the server and “connected”",
        ),
        KnownClient(
            name="qwen-code",
            title="Qwen Code",
            announces=("qwen-cli",),
            # It cuts at 25,000 characters and shows the first 2,000 of what is longer.
            budget=20_000,
            files=lambda m: [m.home / ".qwen" / "settings.json"],
            project=".qwen/settings.json",
            commands=("qwen",),
            url="httpUrl",
            limit=("timeout", 1000),
            written_s=LONG_S,
            refer="$NAME",
            # Else its model sees names alone, and has to search for a tool before it can call it.
            more=(("alwaysLoadTools", True),),
            said="Qwen Code shows its model the tools themselves (alwaysLoadTools), not a search for them.",
            where_key="Qwen Code puts in {variable} from the environment in which it starts.",
            check="qwen mcp list    shows the server and “Connected”",
        ),
        KnownClient(
            name="copilot-cli",
            title="Copilot CLI",
            announces=("copilot-cli",),
            # It cuts after 20,480 bytes and shows the first 500 of what is longer.
            budget=19_500,
            in_bytes=True,
            files=lambda m: [m.folder("COPILOT_HOME", ".copilot") / "mcp-config.json"],
            project=".github/mcp.json",
            commands=("copilot",),
            stdio="local",
            http="http",
            limit=("timeout", 1000),
            written_s=LONG_S,
            refer="$NAME",
            more=(("tools", ["*"]),),
            where_key="Copilot CLI puts in {variable} from the environment in which it starts.",
            check="copilot mcp list    shows the server",
        ),
        KnownClient(
            name="windsurf",
            title="Windsurf (Devin Desktop)",
            announces=("windsurf",),
            files=_windsurf,
            project=".devin/mcp_config.json",
            commands=("windsurf",),
            old_url=(".codeium", "serverUrl"),
            check="The MCP list of the agent panel shows the server with five tools, after its refresh button",
        ),
        KnownClient(
            name="zed",
            title="Zed",
            announces=("zed",),
            files=lambda m: [m.unix_like() / ("Zed" if m.platform == "win32" else "zed") / "settings.json"],
            project=".zed/settings.json",
            under="context_servers",
            commands=("zed",),
            where_key="Zed hands on the environment of your shell: {variable} there is enough.",
            check="The agent panel's settings show the server with a green dot",
        ),
        KnownClient(
            name="cherry-studio",
            title="Cherry Studio",
            files=lambda m: [m.settings() / "CherryStudio" / "config.json"],
            link="cherrystudio://mcp/install?servers=",
            stdio="stdio",
            http="streamableHttp",
            url="baseUrl",
            limit=("timeout", 1),
            written_s=LONG_S,
            where_key="Add {variable} among the server's environment variables in Cherry Studio, or use the settings file.",
            check="Settings → MCP Servers: switch the server on; its Tools page lists five",
        ),
    )
}
# `glm-mcp install print`: an entry for whatever client takes the usual form.
ANY = KnownClient(
    name="print",
    title="any host",
    where_key="Set {variable} in the entry's `env`, or use the settings file, which works with every host.",
    check="glm-mcp doctor    looks at key, endpoint, models and folders",
)
# This project's own commands.
OWN = KnownClient(name="glm-mcp", title="glm-mcp", announces=("glm-mcp",), budget=10_000_000, deadline_s=300)

# What calls itself by the name of the Python SDK. Of those on the SDK's first version LangChain takes the link to a drawing
# for a picture that its model can fetch, and the model's API refuses the file:// address and the conversation with it.
PYTHON = McpClient(links_since="2026-07-28")


_LOOKED_AT = 1_000  # characters of a name


def splitting_names() -> list[str]:
    """How the names begin, in lower case, of clients that give a prompt one word an argument."""
    return [start for row in CLIENTS.values() if row.splits for start in row.announces]


def splits_prompts(name: str) -> bool:
    """Whether the client of this name gives a prompt one word an argument."""
    return _folded(name).startswith(tuple(splitting_names()))


def _folded(name: str) -> str:
    """A client may give any: some 30 MB in small letters take half a second."""
    return name[:_LOOKED_AT].strip().lower()


def client_named(name: str, settings: Settings, *, remote: bool) -> McpClient:
    """The client of a call by the name that it gives. `remote`: over HTTP, where this machine's paths mean nothing."""
    folded = _folded(name)
    other = PYTHON if folded == "mcp" else UNKNOWN
    known = next((c for c in (*CLIENTS.values(), OWN) if folded.startswith(c.announces)), other)
    # Of a caller elsewhere the environment is not to be had.
    previews = known.previews and (remote or known.model_sees(os.environ))
    deadline_s = settings.deadline_s or known.deadline_s
    return replace(known, local=not remote, previews=previews, deadline_s=deadline_s)
