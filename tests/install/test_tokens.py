"""`glm-mcp install --http` with a token: the form that each host takes, and never a secret where others read it."""

from __future__ import annotations

import json
import os
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from support.cases import each
from support.processes import environment, ran

from glm_mcp.cli.main import cli
from glm_mcp.clients.table import CLIENTS
from glm_mcp.errors import ConfigError
from glm_mcp.install import jsonc
from glm_mcp.install.entry import as_usual
from glm_mcp.install.install import install, not_here
from glm_mcp.install.wish import Wish
from glm_mcp.installation import Machine

COMMAND = ["/opt/glm/bin/glm-mcp"]
FAR, NEAR = "https://glm.example/mcp", "http://127.0.0.1:8000/mcp"
SECRET = "glm_abcdefghijklmnop"
HTTP = [c.name for c in CLIENTS.values() if c.http is not None and not c.link]
IN_PROJECTS = [c.name for c in CLIENTS.values() if c.project]
REFERENCES = {
    "claude-code": "Bearer ${TEAM}",
    "cursor": "Bearer ${env:TEAM}",
    "gemini-cli": "Bearer $TEAM",
    "copilot-cli": "Bearer $TEAM",
    "opencode": "Bearer {env:TEAM}",
    "kilo-code": "Bearer {env:TEAM}",
    "qwen-code": "Bearer $TEAM",
    "vscode": "Bearer ${input:team}",
}
LITERAL = [n for n in HTTP if n not in REFERENCES and n != "codex"]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    home = tmp_path / "home"
    (home / "project").mkdir(parents=True)
    return Machine({"PATH": ""}, "linux", home, home / "project")


def file_of(name: str, machine: Machine, scope: str = "user") -> Path:
    client = CLIENTS[name]
    return client.files(machine)[0] if scope == "user" else machine.cwd / str(client.project)


def made(name: str, machine: Machine, scope: str = "user") -> dict[str, Any]:
    client, text = CLIENTS[name], file_of(name, machine, scope).read_text(encoding="utf-8")
    whole = tomllib.loads(text) if client.form == "toml" else jsonc.load(text)
    return as_usual(client, whole[client.under]["glm"])


@each("name", HTTP)
def test_each_host_gets_the_form_that_works_there(name: str, machine: Machine) -> None:
    said = "\n".join(install(name, Wish(url=FAR, token=SECRET, token_env="TEAM"), machine, COMMAND))
    entry = made(name, machine)
    if name == "codex":
        assert entry["bearer_token_env_var"] == "TEAM"
    else:
        expected = REFERENCES.get(name, f"Bearer {SECRET}")
        assert entry["headers"] == {"Authorization": expected}
    written = file_of(name, machine).read_text(encoding="utf-8")
    assert (SECRET in written) == (name in LITERAL)
    assert ("the token itself stands in its file" in said) == (name in LITERAL)
    if name in LITERAL:
        assert file_of(name, machine).stat().st_mode & 0o777 == 0o600
    elif name != "vscode":
        assert "export TEAM=" in said


@each("name", HTTP)
def test_an_https_address_is_always_shown_a_token(name: str, machine: Machine) -> None:
    said = "\n".join(install(name, Wish(url=FAR), machine, COMMAND))
    entry = made(name, machine)
    assert ("headers" in entry or "bearer_token_env_var" in entry) == (name not in LITERAL)
    assert ("GLM_HTTP_TOKEN" in said) or name in (*LITERAL, "vscode")
    assert ("--token" in said) == (name in LITERAL)


def test_one_on_this_machine_is_shown_none_that_nobody_named(machine: Machine) -> None:
    install("cursor", Wish(url=NEAR), machine, COMMAND)
    assert made("cursor", machine) == {"url": NEAR}


@each("name", LITERAL)
def test_no_token_is_written_for_a_way_that_others_can_read(name: str, machine: Machine) -> None:
    with pytest.raises(ConfigError, match="in the clear"):
        install(name, Wish(url="http://glm.example/mcp", token=SECRET), machine, COMMAND)
    install(name, Wish(url=NEAR, token=SECRET), machine, COMMAND)
    assert SECRET in json.dumps(made(name, machine))


@each("name", [n for n in IN_PROJECTS if CLIENTS[n].http is not None])
def test_no_token_is_written_into_a_project(name: str, machine: Machine) -> None:
    install(name, Wish(scope="project", url=FAR, token=SECRET), machine, COMMAND)
    assert SECRET not in file_of(name, machine, "project").read_text(encoding="utf-8")


@each("name", ["print", "cherry-studio", "cline"])
def test_a_token_of_the_environment_is_not_printed(name: str, machine: Machine) -> None:
    asked = Machine({**machine.env, "GLM_HTTP_TOKEN": SECRET}, "linux", machine.home, machine.cwd)
    assert SECRET not in "\n".join(install(name, Wish(url=FAR, show=True), asked, COMMAND))


@each("token", ["two words", "line\nbreak", "schlüssel"])
def test_what_no_header_takes_is_refused_and_not_shown(token: str, machine: Machine) -> None:
    with pytest.raises(ConfigError, match="not one word") as caught:
        install("cline", Wish(url=FAR, token=token), machine, COMMAND)
    assert token not in str(caught.value)


def test_a_token_is_renewed(machine: Machine) -> None:
    install("cline", Wish(url=FAR, token=SECRET), machine, COMMAND)
    install("cline", Wish(url=FAR, token="glm_another-one-of-them"), machine, COMMAND)
    assert made("cline", machine)["headers"] == {"Authorization": "Bearer glm_another-one-of-them"}


OWN: dict[str, dict[str, Any]] = {
    "cline": {"autoApprove": ["chat"], "disabled": True, "timeout": 500, "cwd": "/somewhere"},
    "claude-code": {"alwaysLoad": False, "timeout": 700_000},
    "gemini-cli": {"trust": True, "includeTools": ["chat"]},
    "cursor": {"envFile": "/my/env"},
    "opencode": {"enabled": False, "timeout": 500_000},
}


@each("name", list(OWN))
def test_turned_into_an_address_and_back_an_entry_keeps_what_its_user_set(
    name: str, machine: Machine
) -> None:
    client, file = CLIENTS[name], file_of(name, machine)
    install(name, Wish(), machine, COMMAND)
    whole = jsonc.load(file.read_text(encoding="utf-8"))
    whole[client.under]["glm"] |= OWN[name]
    whole[client.under]["glm"]["environment" if client.one_list else "env"]["GLM_LANG"] = "zh"
    file.write_text(json.dumps(whole), encoding="utf-8")
    before = made(name, machine)
    install(name, Wish(url=FAR), machine, COMMAND)
    there = made(name, machine)
    assert "command" not in there
    assert "env" not in there
    only_with_a_command = {"cwd", "envFile"}
    assert {k: there[k] for k in OWN[name] if k not in only_with_a_command} == {
        k: v for k, v in OWN[name].items() if k not in only_with_a_command
    }
    install(name, Wish(), machine, COMMAND)
    after = made(name, machine)
    assert {k: v for k, v in after.items() if k != "env"} == {k: v for k, v in before.items() if k != "env"}
    assert after["env"]["GLM_LANG"] == "zh"
    assert "url" not in after
    assert "headers" not in after


def test_the_address_of_somebody_else_is_not_turned(machine: Machine) -> None:
    file = file_of("cursor", machine)
    file.parent.mkdir()
    for other in ({"url": FAR}, {"url": FAR, "headers": {"Authorization": "Bearer ${env:GLM_HTTP_TOKEN}"}}):
        file.write_text(json.dumps({"mcpServers": {"glm": other}}), encoding="utf-8")
        with pytest.raises(ConfigError, match="--name"):
            install("cursor", Wish(), machine, COMMAND)


@each("name", IN_PROJECTS)
def test_a_project_gets_nothing_of_this_machine_and_nothing_is_left_in_it(
    name: str, machine: Machine
) -> None:
    said = "\n".join(install(name, Wish(scope="project"), machine, COMMAND))
    text = file_of(name, machine, "project").read_text(encoding="utf-8")
    assert made(name, machine, "project")["command"] == "glm-mcp"
    assert str(machine.home) not in text
    assert COMMAND[0] not in text
    assert "on the PATH" in said
    assert "nothing changed" in install(name, Wish(scope="project"), machine, COMMAND)[0]
    install(name, Wish(scope="project", remove=True), machine, COMMAND)
    assert list(machine.cwd.iterdir()) == []


def test_what_else_is_in_a_project_s_file_stays(machine: Machine) -> None:
    file = machine.cwd / ".vscode" / "mcp.json"
    file.parent.mkdir()
    text = '{\n  "inputs": [\n    {"id": "other", "type": "promptString"}\n  ],\n  "servers": {}\n}\n'
    file.write_text(text, encoding="utf-8")
    install("vscode", Wish(scope="project"), machine, COMMAND)
    assert "glm-api-key" in file.read_text(encoding="utf-8")
    install("vscode", Wish(scope="project", remove=True), machine, COMMAND)
    after = file.read_text(encoding="utf-8")
    assert json.loads(after) == json.loads(text)


def test_a_host_that_gives_up_before_the_server_is_said(machine: Machine) -> None:
    file = file_of("claude-code", machine)
    install("claude-code", Wish(), machine, COMMAND)
    whole = json.loads(file.read_text(encoding="utf-8"))
    whole["mcpServers"]["glm"]["timeout"] = 60_000
    file.write_text(json.dumps(whole), encoding="utf-8")
    said = "\n".join(install("claude-code", Wish(), machine, COMMAND))
    assert "Claude Code gives up after 60 s (timeout = 60000), this server only after 300 s" in said
    assert "gives up" not in "\n".join(install("cline", Wish(), machine, COMMAND))
    whole["mcpServers"]["glm"]["timeout"] = 10**400
    file.write_text(json.dumps(whole), encoding="utf-8")
    assert "gives up" not in "\n".join(install("claude-code", Wish(), machine, COMMAND))


def test_a_host_that_is_not_here_is_named_before_its_file_is_made(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "XDG_CONFIG_HOME": "", "CODEX_HOME": ""}
    run = CliRunner(env=env).invoke
    first = run(cli, ["install", "cursor"]).output.splitlines()
    assert first[0] == "Cursor was not found on this machine: this makes its file all the same."
    assert run(cli, ["install", "cursor", "--name", "two"]).output.splitlines()[0] != first[0]
    machine = Machine({"PATH": ""}, "linux", tmp_path, tmp_path)
    assert not_here("cursor", machine) == ""
    assert not_here("print", machine) == ""


def test_install_ends_with_how_to_store_a_key_where_there_is_none(tmp_path: Path) -> None:
    key = "0123456789abcdef0123456789abcdef.AbCdEfGh12345678"
    env = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "XDG_CONFIG_HOME": "", "CODEX_HOME": ""}
    run = CliRunner(env=env).invoke
    *_, sentence, last = run(cli, ["install", "codex"]).output.splitlines()
    assert sentence.startswith('Then say to it, for instance: "Use glm to ')
    assert last.startswith("No key yet: run ")
    assert last.endswith(" key")
    only_here = run(cli, ["install", "codex"], env={"GLM_API_KEY": key}).output
    assert "in this environment alone" in only_here
    assert key not in only_here
    assert "No key" not in run(cli, ["install", "codex", "--http", NEAR, "--name", "far"]).output
    assert run(cli, ["key", "--no-try"], input=key).exit_code == 0
    assert "key" not in run(cli, ["install", "codex"]).output.splitlines()[-1]


def test_install_asks_for_the_key_when_told_to(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "XDG_CONFIG_HOME": ""}
    done = CliRunner(env=env).invoke(cli, ["install", "cursor", "--ask-key"], input="sk-of-another-company\n")
    assert done.exit_code == 1
    assert "was sent nowhere" in done.output
    assert (tmp_path / ".cursor" / "mcp.json").is_file()


@pytest.mark.skipif(os.name != "posix", reason="a Python behind a link")
def test_a_copy_that_runs_from_a_cache_is_not_written_down(tmp_path: Path) -> None:
    folder = tmp_path / "uv" / "archive-v0" / "abc" / "bin"
    folder.mkdir(parents=True)
    (folder / "glm-mcp").touch()
    (folder / "python").symlink_to(sys.executable)
    env = environment(tmp_path / "home", PYTHONPATH=os.pathsep.join(p for p in sys.path if p))
    command = [str(folder / "python"), "-m", "glm_mcp", "install", "cursor"]
    done = ran(command, env, tmp_path)
    assert done.returncode == 1, done.stdout
    assert "uv tool install '" in done.stderr
    assert not (tmp_path / "home" / ".cursor").exists()
    assert ran([*command, "--http", NEAR], env, tmp_path).returncode == 0


def test_codex_is_made_to_wait_for_the_tools_and_that_is_said(machine: Machine) -> None:
    said = "\n".join(install("codex", Wish(), machine, COMMAND))
    entry = made("codex", machine)
    assert (entry["required"], entry["startup_timeout_sec"]) == (True, 30)
    assert "waits for this server before its first turn" in said
    assert "required = false" in said
    text = (
        file_of("codex", machine).read_text(encoding="utf-8").replace("required = true", "required = false")
    )
    file_of("codex", machine).write_text(text, encoding="utf-8")
    install("codex", Wish(), machine, ["/new/glm-mcp"])
    assert made("codex", machine)["required"] is False
    install("codex", Wish(url=NEAR, name="far"), machine, COMMAND)
    assert (
        "required"
        not in tomllib.loads(file_of("codex", machine).read_text(encoding="utf-8"))["mcp_servers"]["far"]
    )
