"""`glm-mcp install`: the entry is right, and nothing else in a host's file changes."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from support import canary
from support.cases import each
from support.processes import COMMAND as PROGRAM
from support.processes import environment, ran

from glm_mcp.cli.main import cli
from glm_mcp.clients.row import KnownClient
from glm_mcp.clients.table import CLIENTS
from glm_mcp.errors import ConfigError
from glm_mcp.install import jsonc
from glm_mcp.install.entry import as_usual, as_written, entry
from glm_mcp.install.install import found_here, install
from glm_mcp.install.wish import Wish
from glm_mcp.installation import Machine, own_command
from glm_mcp.simulator import Simulator

COMMAND = ["/opt/glm/bin/glm-mcp"]
WRITTEN = [name for name in CLIENTS if not CLIENTS[name].link]
IN_PROJECTS = [name for name in WRITTEN if CLIENTS[name].project]

# What a user's file may hold: other servers, other settings, comments, an odd layout.
OTHERS = """{
\t// chosen with care
\t"theme": "dark", "deep": {"a": [1, 2, {"b": null}],},
\t"%s": {
\t\t/* do not touch */
\t\t"files": {"command": "npx", "args": ["-y", "files"], "env": {"TOKEN": "abc"}}, // mine
\t\t"web": { "url": "https://example.org/mcp" }
\t}
}
"""
OTHERS_TOML = """# chosen with care
model = "some-model"   # not another

[mcp_servers.files]
command = "npx"        # slow to start
args = ["-y", "files"]
[mcp_servers.files.env]
TOKEN = "abc"

[projects."/a/b"]
trust_level = "trusted"
"""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    home = tmp_path / "home"
    (home / "project").mkdir(parents=True)
    return Machine({"PATH": ""}, "linux", home, home / "project")


def file_of(name: str, machine: Machine, scope: str = "user") -> Path:
    client = CLIENTS[name]
    return client.files(machine)[0] if scope == "user" else machine.cwd / str(client.project)


def read(client: KnownClient, file: Path) -> dict[str, Any]:
    text = file.read_text(encoding="utf-8")
    return tomllib.loads(text) if client.form == "toml" else dict(jsonc.load(text))


def fill(name: str, file: Path) -> str:
    text = OTHERS_TOML if name == "codex" else OTHERS % CLIENTS[name].under
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return text


@each("name", WRITTEN)
def test_the_first_server_of_a_host_makes_its_file(name: str, machine: Machine) -> None:
    said = "\n".join(install(name, Wish(), machine, COMMAND))
    file, client = file_of(name, machine), CLIENTS[name]
    assert read(client, file)[client.under] == {"glm": as_written(client, entry(client, COMMAND, file=file))}
    assert file.stat().st_mode & 0o777 == 0o600
    assert str(file) in said
    assert "Check: " in said
    assert "Key: " in said


def test_opencode_gets_a_command_of_one_list_and_its_environment(machine: Machine) -> None:
    folder = machine.home / ".config" / "opencode"
    folder.mkdir(parents=True)
    (folder / "opencode.jsonc").write_text('{\n  // mine\n  "theme": "dark",\n}\n', encoding="utf-8")
    install("opencode", Wish(), machine, [*COMMAND, "serve"])
    assert jsonc.load((folder / "opencode.jsonc").read_text(encoding="utf-8")) == {
        "theme": "dark",
        "mcp": {
            "glm": {
                "type": "local",
                "command": [*COMMAND, "serve"],
                "environment": {"GLM_API_KEY": "{env:GLM_API_KEY}", "GLM_DEADLINE_S": "280"},
                "timeout": 300_000,
                "enabled": True,
            }
        },
    }
    assert not (folder / "opencode.json").exists(), "it reads the one with comments"


@each("name", WRITTEN)
def test_what_else_is_in_the_file_stays_as_it_was(name: str, machine: Machine) -> None:
    file, client = file_of(name, machine), CLIENTS[name]
    text = fill(name, file)
    file.chmod(0o640)
    before = read(client, file)
    said = install(name, Wish(), machine, COMMAND)
    after = read(client, file)
    assert as_usual(client, after[client.under].pop("glm"))["command"] == COMMAND[0]
    assert {k: v for k, v in after.items() if k != "inputs"} == before
    lines = [line.rstrip(",") for line in file.read_text(encoding="utf-8").splitlines()]
    assert [line for line in text.splitlines() if line.strip() and line.rstrip(",") not in lines] == []
    assert file.stat().st_mode & 0o777 == 0o640
    kept = file.with_name(file.name + ".glm-mcp.bak")
    assert kept.read_text(encoding="utf-8") == text
    assert str(kept) in "\n".join(said)


@each("name", WRITTEN)
def test_a_second_time_changes_nothing_and_leaves_no_second_backup(name: str, machine: Machine) -> None:
    file = file_of(name, machine)
    fill(name, file)
    install(name, Wish(), machine, COMMAND)
    text, beside = file.read_bytes(), sorted(file.parent.iterdir())
    assert "nothing changed" in install(name, Wish(), machine, COMMAND)[0]
    assert file.read_bytes() == text
    assert sorted(file.parent.iterdir()) == beside


@each("name", WRITTEN)
def test_taken_out_again_the_servers_of_others_are_left_in_every_byte(name: str, machine: Machine) -> None:
    file, client = file_of(name, machine), CLIENTS[name]
    text = fill(name, file)
    install(name, Wish(), machine, COMMAND)
    install(name, Wish(remove=True), machine, COMMAND)
    after = file.read_text(encoding="utf-8")
    assert set(read(client, file)[client.under]) == {"files", "web"} - ({"web"} if name == "codex" else set())
    if name != "vscode":  # which keeps the question for the key
        assert after.strip() == text.strip()
    assert "nothing changed" in install(name, Wish(remove=True), machine, COMMAND)[0]


@each("name", IN_PROJECTS)
def test_a_project_s_file_gets_no_key_and_every_collaborator_may_read_it(name: str, machine: Machine) -> None:
    secret = Machine(
        {**machine.env, "GLM_API_KEY": canary.KEY, "GLM_HTTP_TOKEN": "t" * 20},
        "linux",
        machine.home,
        machine.cwd,
    )
    install(name, Wish(scope="project"), secret, COMMAND)
    install(name, Wish(scope="project", url="http://127.0.0.1:8000/mcp", name="far"), secret, COMMAND)
    file = file_of(name, machine, "project")
    assert file.is_relative_to(machine.cwd)
    text = file.read_text(encoding="utf-8")
    assert canary.SECRET not in text
    assert "t" * 20 not in text
    assert file.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("name", [n for n in WRITTEN if n not in IN_PROJECTS])
def test_a_host_without_files_in_projects_says_so(name: str, machine: Machine) -> None:
    with pytest.raises(ConfigError, match="no file in a project"):
        install(name, Wish(scope="project"), machine, COMMAND)


@each("name", list(CLIENTS))
def test_the_server_ends_before_the_host_gives_up(name: str) -> None:
    made = entry(CLIENTS[name], COMMAND)
    limit = CLIENTS[name].limit
    host_s = made[limit[0]] / limit[1] if limit else 60
    assert 10 <= float(made["env"]["GLM_DEADLINE_S"]) < host_s


@each("name", [n for n in WRITTEN if CLIENTS[n].http is not None])
def test_a_running_server_is_added_by_its_address(name: str, machine: Machine) -> None:
    install(name, Wish(url="http://127.0.0.1:8000"), machine, COMMAND)
    client, file = CLIENTS[name], file_of(name, machine)
    made = read(client, file)[client.under]["glm"]
    assert "http://127.0.0.1:8000/mcp" in made.values()
    assert "command" not in made
    assert "Authorization" not in json.dumps(made)


def test_an_entry_with_a_date_is_turned_into_an_address_and_back(machine: Machine) -> None:
    file = file_of("codex", machine)
    file.parent.mkdir(parents=True)
    ours = f'[mcp_servers.glm]\ncommand = "{COMMAND[0]}"\n[mcp_servers.glm.env]\nSINCE = 2025-01-01\n'
    file.write_text(ours, encoding="utf-8")
    install("codex", Wish(url="http://127.0.0.1:8000/mcp"), machine, COMMAND)
    install("codex", Wish(), machine, COMMAND)
    assert read(CLIENTS["codex"], file)["mcp_servers"]["glm"]["env"]["SINCE"] == "2025-01-01"


def test_a_server_added_by_its_address_is_taken_out_by_it(machine: Machine) -> None:
    added = Wish(url="http://127.0.0.1:8000/mcp")
    install("cursor", added, machine, COMMAND)
    with pytest.raises(ConfigError, match="--http URL"):
        install("cursor", Wish(remove=True), machine, COMMAND)
    install("cursor", Wish(url=added.url, remove=True), machine, COMMAND)
    assert read(CLIENTS["cursor"], file_of("cursor", machine)) == {"mcpServers": {}}


def test_a_token_is_referred_to_where_the_server_asks_for_one(machine: Machine) -> None:
    asked = Machine({"PATH": "", "GLM_HTTP_TOKEN": "x" * 16}, "linux", machine.home, machine.cwd)
    url = "http://127.0.0.1:8000/mcp"
    for name in ("claude-code", "codex", "vscode", "cline"):
        install(name, Wish(url=url), asked, COMMAND)
    shown = {
        n: json.dumps(read(CLIENTS[n], file_of(n, machine)))
        for n in ("claude-code", "codex", "vscode", "cline")
    }
    assert "Bearer ${GLM_HTTP_TOKEN}" in shown["claude-code"]
    assert '"bearer_token_env_var": "GLM_HTTP_TOKEN"' in shown["codex"]
    assert "Bearer ${input:glm-http-token}" in shown["vscode"]
    assert f"Bearer {'x' * 16}" in shown["cline"]
    assert "the token itself stands in its file" in "\n".join(install("cline", Wish(url=url), asked, COMMAND))
    assert file_of("cline", machine).stat().st_mode & 0o777 == 0o600


@each(
    "url",
    [
        "8000",
        "ftp://a/mcp",
        "http://",
        "http://[",
        "http://a:99999",
        "http://a:x",
        "http://a b/mcp",
        "http://user:pw@a/mcp",
    ],
)
def test_what_is_no_address_is_refused(url: str, machine: Machine) -> None:
    with pytest.raises(ConfigError, match="no address"):
        install("cline", Wish(url=url), machine, COMMAND)


def test_claude_desktop_takes_no_address(machine: Machine) -> None:
    with pytest.raises(ConfigError, match="without --http"):
        install("claude-desktop", Wish(url="http://127.0.0.1:8000/mcp"), machine, COMMAND)


def test_another_server_of_that_name_is_neither_replaced_nor_taken_out(machine: Machine) -> None:
    file = file_of("cursor", machine)
    file.parent.mkdir()
    for other in ({"command": "npx", "args": ["glm"]}, {"url": "https://example.org/mcp"}, "odd"):
        file.write_text(json.dumps({"mcpServers": {"glm": other}}), encoding="utf-8")
        for wish in (Wish(), Wish(remove=True), Wish(url="http://127.0.0.1:8000/mcp")):
            with pytest.raises(ConfigError, match="--name"):
                install("cursor", wish, machine, COMMAND)
        assert json.loads(file.read_text(encoding="utf-8")) == {"mcpServers": {"glm": other}}
        install("cursor", Wish(name="glm-eyes"), machine, COMMAND)
        assert json.loads(file.read_text(encoding="utf-8"))["mcpServers"]["glm"] == other


def test_what_its_user_has_set_in_the_entry_stays_and_the_command_is_renewed(machine: Machine) -> None:
    file = file_of("cline", machine)
    file.parent.mkdir(parents=True)
    own = {
        "command": "/old/glm-mcp",
        "args": [],
        "env": {"GLM_API_KEY": "k", "GLM_LANG": "zh"},
        "autoApprove": ["chat"],
        "timeout": 100,
    }
    file.write_text(json.dumps({"mcpServers": {"glm": own}}), encoding="utf-8")
    install("cline", Wish(), machine, COMMAND)
    made = json.loads(file.read_text(encoding="utf-8"))["mcpServers"]["glm"]
    # No deadline of ours beside a time limit of theirs: the two belong together.
    assert made == {**own, "type": "stdio", "command": COMMAND[0], "disabled": False}


@each(
    ("name", "text"),
    [
        ("cursor", '{"mcpServers": {'),
        ("vscode", '{"servers": []}'),
        ("codex", "[mcp_servers"),
        ("zed", "[1]"),
        ("cline", "\xff"),
    ],
)
def test_a_file_that_cannot_be_understood_is_left_alone(name: str, text: str, machine: Machine) -> None:
    file = file_of(name, machine)
    file.parent.mkdir(parents=True)
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match=r"[Nn]othing was changed"):
        install(name, Wish(), machine, COMMAND)
    assert file.read_bytes() == text.encode("latin-1")
    assert list(file.parent.iterdir()) == [file]


def test_a_file_behind_a_link_stays_behind_it(machine: Machine) -> None:
    file, real = file_of("cursor", machine), machine.home / "dotfiles" / "mcp.json"
    for folder in (file.parent, real.parent):
        folder.mkdir()
    real.write_text("{}", encoding="utf-8")
    file.symlink_to(real)
    install("cursor", Wish(), machine, COMMAND)
    assert file.is_symlink()
    assert "glm" in real.read_text(encoding="utf-8")


def test_windows_line_ends_and_a_byte_order_mark_stay(machine: Machine) -> None:
    file = file_of("vscode", machine)
    file.parent.mkdir(parents=True)
    file.write_bytes(b'\xef\xbb\xbf{\r\n    "servers": {}\r\n}\r\n')
    install("vscode", Wish(), machine, COMMAND)
    raw = file.read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf{\r\n")
    assert raw.count(b"\n") == raw.count(b"\r\n")
    assert b'\r\n        "glm": {' in raw


def test_the_question_for_the_key_joins_those_that_vs_code_asks_already(machine: Machine) -> None:
    file = file_of("vscode", machine, "project")
    file.parent.mkdir()
    file.write_text('{"inputs": [{"id": "other", "type": "promptString"}], "servers": {}}', encoding="utf-8")
    install("vscode", Wish(scope="project"), machine, COMMAND)
    install("vscode", Wish(scope="project", name="second"), machine, COMMAND)
    asked = [i["id"] for i in json.loads(file.read_text(encoding="utf-8"))["inputs"]]
    assert asked == ["other", "glm-api-key"]


def test_codex_servers_in_one_line_are_added_to(machine: Machine) -> None:
    file = file_of("codex", machine)
    file.parent.mkdir()
    file.write_text('mcp_servers = { files = { command = "npx" } } # short\n', encoding="utf-8")
    install("codex", Wish(), machine, COMMAND)
    text = file.read_text(encoding="utf-8")
    assert "# short" in text
    assert set(tomllib.loads(text)["mcp_servers"]) == {"files", "glm"}
    assert tomllib.loads(text)["mcp_servers"]["glm"]["env_vars"] == ["GLM_API_KEY"]


def _claude(folder: Path, body: str) -> Machine:
    home = folder / "home"
    (folder / "bin").mkdir(parents=True)
    home.mkdir(exist_ok=True)
    script = folder / "bin" / "claude"
    script.write_text(f'#!/bin/sh\necho "$@" >> "$HOME/said"\n{body}\n', encoding="utf-8")
    script.chmod(0o755)
    env = {"PATH": f"{script.parent}{os.pathsep}/usr/bin{os.pathsep}/bin", "HOME": str(home)}
    return Machine(env, "linux", home, home)


def test_claude_code_s_own_command_edits_its_file(tmp_path: Path) -> None:
    machine = _claude(
        tmp_path,
        '[ "$2" = add-json ] && printf \'{"mcpServers": {"%s": %s}}\' "$3" "$4" > "$HOME/.claude.json" || true',
    )
    install("claude-code", Wish(), machine, COMMAND)
    said = (machine.home / "said").read_text(encoding="utf-8")
    assert said.startswith("mcp add-json glm {")
    assert said.endswith("-s user\n")
    assert (
        read(CLIENTS["claude-code"], machine.home / ".claude.json")["mcpServers"]["glm"]["timeout"] == 600_000
    )
    install("claude-code", Wish(remove=True), machine, COMMAND)
    assert "mcp remove glm -s user" in (machine.home / "said").read_text(encoding="utf-8")


@pytest.mark.parametrize("wish", [Wish(), Wish(remove=True)], ids=["add", "remove"])
def test_what_claude_code_s_command_writes_before_it_fails_stays(tmp_path: Path, wish: Wish) -> None:
    machine = _claude(
        tmp_path,
        'echo \'{"history": ["mine"], "mcpServers": {"glm": \'"$(cat "$HOME/entry")"\'}}\' > "$HOME/.claude.json"; exit 3',
    )
    entry = {"command": COMMAND[0], "args": [], "env": {"GLM_LANG": "zh"}}
    file = machine.home / ".claude.json"
    (machine.home / "entry").write_text(json.dumps(entry), encoding="utf-8")
    file.write_text(json.dumps({"mcpServers": {"glm": entry}}), encoding="utf-8")
    install("claude-code", wish, machine, COMMAND)
    after = read(CLIENTS["claude-code"], file)
    assert after["history"] == ["mine"]
    assert ("glm" in after["mcpServers"]) is not wish.remove


@each("held", [{"env": {"GLM_API_KEY": "a-key-of-mine"}}, {"headersHelper": "print a-key-of-mine"}])
def test_what_its_user_has_set_in_an_entry_is_on_no_command_line(
    held: dict[str, Any], tmp_path: Path
) -> None:
    machine = _claude(tmp_path, "true")
    file = machine.home / ".claude.json"
    entry = {"command": COMMAND[0], "args": [], **held}
    file.write_text(json.dumps({"mcpServers": {"glm": entry}}), encoding="utf-8")
    install("claude-code", Wish(), machine, COMMAND)
    assert not (machine.home / "said").exists()
    assert "a-key-of-mine" in json.dumps(read(CLIENTS["claude-code"], file)["mcpServers"]["glm"])


def test_claude_code_s_command_gets_neither_our_input_nor_a_key(tmp_path: Path, sim: Simulator) -> None:
    machine = _claude(tmp_path, 'cat > "$HOME/typed"; env > "$HOME/env"; true')
    env = {**environment(machine.home, sim), "PATH": machine.env["PATH"]}
    done = ran([*PROGRAM, "install", "claude-code", "--ask-key"], env, tmp_path, input=sim.key)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "home/typed").read_text(encoding="utf-8") == ""
    assert "GLM_" not in (tmp_path / "home/env").read_text(encoding="utf-8")
    assert sim.key in (tmp_path / "home/.config/glm-mcp/env").read_text(encoding="utf-8")


def test_the_file_is_written_here_when_claude_code_s_command_fails(tmp_path: Path) -> None:
    machine = _claude(tmp_path, "exit 3")
    install("claude-code", Wish(), machine, COMMAND)
    assert "glm" in read(CLIENTS["claude-code"], machine.home / ".claude.json")["mcpServers"]
    install("claude-code", Wish(remove=True), machine, COMMAND)
    assert read(CLIENTS["claude-code"], machine.home / ".claude.json")["mcpServers"] == {}


def test_what_claude_code_s_command_spoils_is_written_here(tmp_path: Path) -> None:
    machine = _claude(tmp_path, 'printf "{" > "$HOME/.claude.json"')
    install("claude-code", Wish(), machine, COMMAND)
    assert set(read(CLIENTS["claude-code"], machine.home / ".claude.json")["mcpServers"]) == {"glm"}


def test_a_renewed_entry_is_taken_out_by_claude_code_s_command_first(tmp_path: Path) -> None:
    machine = _claude(tmp_path, "exit 3")
    install("claude-code", Wish(), machine, ["/old/glm-mcp"])
    install("claude-code", Wish(), machine, COMMAND)
    said = (machine.home / "said").read_text(encoding="utf-8").splitlines()
    assert [line.split()[1] for line in said] == ["add-json", "remove", "add-json"]
    made = read(CLIENTS["claude-code"], machine.home / ".claude.json")["mcpServers"]["glm"]
    assert made["command"] == COMMAND[0]


def test_a_command_that_does_not_start_is_done_without(tmp_path: Path) -> None:
    machine = _claude(tmp_path, "")
    (tmp_path / "bin" / "claude").write_bytes(b"\x7fELF no program")
    install("claude-code", Wish(), machine, COMMAND)
    assert "glm" in read(CLIENTS["claude-code"], machine.home / ".claude.json")["mcpServers"]


def test_codex_s_entry_is_renewed_in_its_place_with_what_its_user_added(machine: Machine) -> None:
    file = file_of("codex", machine)
    file.parent.mkdir()
    file.write_text(
        '[mcp_servers.glm]\ncommand = "/old/glm-mcp" # mine\nenabled = false\n[mcp_servers.glm.env]\nGLM_DEADLINE_S = "30"\n'
        "[tui]\na = 1\n",
        encoding="utf-8",
    )
    install("codex", Wish(), machine, COMMAND)
    text = file.read_text(encoding="utf-8")
    made = tomllib.loads(text)["mcp_servers"]["glm"]
    assert (made["command"], made["enabled"], made["env"]) == (COMMAND[0], False, {"GLM_DEADLINE_S": "30"})
    assert "tool_timeout_sec" not in made
    assert "# mine" in text
    install("codex", Wish(url="http://127.0.0.1:8000/mcp"), machine, COMMAND)
    made = tomllib.loads(file.read_text(encoding="utf-8"))["mcp_servers"]["glm"]
    assert made == {"url": "http://127.0.0.1:8000/mcp", "tool_timeout_sec": 300, "enabled": False}
    install("codex", Wish(), machine, COMMAND)
    made = tomllib.loads(file.read_text(encoding="utf-8"))["mcp_servers"]["glm"]
    assert (made["command"], made["enabled"], made["env"]) == (COMMAND[0], False, {"GLM_DEADLINE_S": "30"})
    assert "url" not in made


def test_the_command_is_found_beside_python_or_in_the_scripts_or_is_python_itself(tmp_path: Path) -> None:
    empty, scripts = tmp_path / "empty", tmp_path / "scripts"
    for folder in (empty, scripts):
        folder.mkdir()
    assert own_command([empty])[1:] == ["-P", "-m", "glm_mcp"], "nothing is imported from the project"
    (scripts / "glm-flash-mcp").touch()
    assert own_command([empty, scripts]) == [str(scripts / "glm-flash-mcp")]


@pytest.mark.parametrize("path", ["a-file/x.json", "n" * 250])
def test_what_cannot_be_written_is_said_and_nothing_is_half_done(path: str, machine: Machine) -> None:
    (machine.home / "a-file").touch()
    target = machine.home / path
    if "/" not in path:
        target.write_text("{}", encoding="utf-8")
    bad = Machine({"PATH": "", "CLINE_MCP_SETTINGS_PATH": str(target)}, "linux", machine.home, machine.cwd)
    with pytest.raises(ConfigError, match="cannot be written"):
        install("cline", Wish(), bad, COMMAND)
    assert not target.is_file() or target.read_text(encoding="utf-8") == "{}"


def test_a_host_is_found_by_its_file_folder_or_command(tmp_path: Path) -> None:
    machine = _claude(tmp_path, "")
    assert found_here(machine)[0][0] == "claude-code"
    bare = Machine({"PATH": ""}, "linux", machine.home, machine.home)
    (machine.home / ".claude.json").write_text("{}", encoding="utf-8")
    (machine.home / ".config" / "CherryStudio").mkdir(parents=True)
    assert [name for name, _, _ in found_here(bare)] == ["claude-code", "cherry-studio"]
    assert found_here(bare)[1][1] == "by hand"


def test_print_shows_the_entry_and_writes_nothing(machine: Machine) -> None:
    assert (
        json.loads("\n".join(install("print", Wish(), machine, COMMAND)))["mcpServers"]["glm"]["command"]
        == COMMAND[0]
    )
    for name in WRITTEN:
        shown = "\n".join(install(name, Wish(show=True), machine, COMMAND))
        assert str(file_of(name, machine)) in shown
        assert COMMAND[0] in shown
    assert [p for p in machine.home.rglob("*") if p.is_file()] == []


def test_cherry_studio_is_given_a_link_and_json(machine: Machine) -> None:
    shown = install("cherry-studio", Wish(), machine, COMMAND)
    assert shown[2].startswith("cherrystudio://mcp/install?servers=")
    assert json.loads(shown[3])["mcpServers"]["glm"]["timeout"] == 300
    assert "database" in install("cherry-studio", Wish(remove=True), machine, COMMAND)[0]


@each("name", ["", "a b", "../x", "x" * 40, "glm.x"])
def test_a_name_that_a_host_would_not_take_is_refused(name: str, machine: Machine) -> None:
    with pytest.raises(ConfigError, match="no name for a server"):
        install("cursor", Wish(name=name), machine, COMMAND)


@each(
    ("platform", "env", "expected"),
    [
        (
            "linux",
            {},
            {
                "claude-desktop": ".config/Claude/claude_desktop_config.json",
                "vscode": ".config/Code/User/mcp.json",
                "zed": ".config/zed/settings.json",
                "windsurf": ".config/devin/mcp_config.json",
            },
        ),
        (
            "linux",
            {"XDG_CONFIG_HOME": "HOME/x"},
            {"zed": "x/zed/settings.json", "vscode": "x/Code/User/mcp.json"},
        ),
        (
            "linux",
            {"CODEX_HOME": "HOME/c", "CLAUDE_CONFIG_DIR": "HOME/d", "CLINE_MCP_SETTINGS_PATH": "HOME/e.json"},
            {"codex": "c/config.toml", "claude-code": "d/.claude.json", "cline": "e.json"},
        ),
        (
            "darwin",
            {},
            {
                "claude-desktop": "Library/Application Support/Claude/claude_desktop_config.json",
                "vscode": "Library/Application Support/Code/User/mcp.json",
                "zed": ".config/zed/settings.json",
                "gemini-cli": ".gemini/settings.json",
                "opencode": ".config/opencode/opencode.json",
                "kilo-code": ".config/kilo/kilo.json",
            },
        ),
        (
            "win32",
            {"APPDATA": "HOME/Roaming"},
            {
                "claude-desktop": "Roaming/Claude/claude_desktop_config.json",
                "zed": "Roaming/Zed/settings.json",
                "windsurf": "Roaming/devin/mcp_config.json",
                "cursor": ".cursor/mcp.json",
            },
        ),
    ],
)
def test_a_host_s_file_is_where_its_platform_has_it(
    platform: str, env: dict[str, str], expected: dict[str, str], tmp_path: Path
) -> None:
    machine = Machine(
        {k: v.replace("HOME", str(tmp_path)) for k, v in env.items()}, platform, tmp_path, tmp_path
    )
    assert {n: CLIENTS[n].files(machine)[0].relative_to(tmp_path).as_posix() for n in expected} == expected


def test_both_files_are_written_where_a_host_has_two(machine: Machine) -> None:
    editor = machine.home / ".config/Code/User/globalStorage/saoudrizwan.claude-dev"
    old, new = machine.home / ".codeium/windsurf", machine.home / ".config/devin"
    for folder in (editor, old, new):
        folder.mkdir(parents=True)
    install("cline", Wish(), machine, COMMAND)
    install("windsurf", Wish(url="http://127.0.0.1:8000/mcp"), machine, COMMAND)
    assert (editor / "settings" / "cline_mcp_settings.json").is_file()
    assert (machine.home / ".cline/data/settings/cline_mcp_settings.json").is_file()
    assert "serverUrl" in (old / "mcp_config.json").read_text(encoding="utf-8")
    assert '"url"' in (new / "mcp_config.json").read_text(encoding="utf-8")


def test_the_hosts_of_a_machine_are_listed_with_their_state(machine: Machine) -> None:
    assert found_here(machine) == []
    install("cursor", Wish(), machine, COMMAND)
    (machine.home / ".gemini").mkdir()
    (machine.home / ".codex").mkdir()
    (machine.home / ".codex" / "config.toml").write_text("= broken", encoding="utf-8")
    states = {name: state for name, state, _ in found_here(machine)}
    assert states == {"cursor": "added", "codex": "unreadable", "gemini-cli": "not added"}


@each(("host", "told"), [("codex", True), ("cline", True), ("vscode", False)])
def test_a_key_that_is_kept_already_is_all_that_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, told: bool
) -> None:
    """Not where the host asks for it all the same, nor in a project, which others have too."""
    env = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "XDG_CONFIG_HOME": "", "CODEX_HOME": ""}
    run = CliRunner(env=env).invoke
    assert "nothing else is needed" not in run(cli, ["install", host]).output
    run(cli, ["key", "--no-try"], input=f"{'0' * 32}.{'a' * 16}\n")
    assert ("nothing else is needed" in run(cli, ["install", host]).output) is told
    if CLIENTS[host].project:
        (tmp_path / host).mkdir()
        monkeypatch.chdir(tmp_path / host)
        assert "nothing else is needed" not in run(cli, ["install", host, "--scope", "project"]).output


def test_the_command_lists_installs_and_takes_out(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "XDG_CONFIG_HOME": "", "CODEX_HOME": ""}
    run = CliRunner(env=env).invoke
    assert "No host was found" in run(cli, ["install"]).output
    done = run(cli, ["install", "codex", "--name", "eyes"])
    assert done.exit_code == 0, done.output
    made = tomllib.loads((tmp_path / ".codex" / "config.toml").read_text(encoding="utf-8"))["mcp_servers"][
        "eyes"
    ]
    assert [made["command"], *made["args"]] == own_command()
    assert Path(made["command"]).is_absolute()
    assert "codex           not added" in run(cli, ["install"]).output
    assert "codex           added" in run(cli, ["install", "--name", "eyes"]).output
    assert "taken out" in run(cli, ["install", "codex", "--remove", "--name", "eyes"]).output
    wrong = run(cli, ["install", "notepad"])
    assert wrong.exit_code == 2
    assert "cherry-studio" in wrong.output
