"""The configurations in `manifests/` fit their hosts, and name only what this package has."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import pytest
from starlette.routing import Route

from glm_mcp import cli, profiles
from glm_mcp.http.app import application
from glm_mcp.server import App
from glm_mcp.settings import KEY_NAMES, TOOLS, Settings, load, variable

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "manifests"
FILES = ("claude-code.json", "cline.json", "generic.json")
VARIABLES = {variable(f) for f in Settings.model_fields} | set(KEY_NAMES)
# What a host reads in an entry, by transport, from its documentation; another field would be ignored or refused.
FIELDS = {
    "claude-code.json": {
        "stdio": {"type", "command", "args", "env", "timeout"},
        "http": {"type", "url", "headers", "timeout"},
    },
    "cline.json": {
        "stdio": {"type", "command", "args", "env", "timeout", "disabled", "autoApprove"},
        "streamableHttp": {"type", "url", "headers", "timeout", "disabled", "autoApprove"},
    },
    "generic.json": {"stdio": {"command", "args", "env"}},
}
# The name by which the host's client makes itself known, and how many of its time units are a second.
HOSTS = {"claude-code.json": ("claude-code", 1000.0), "cline.json": ("Cline", 1.0), "generic.json": ("", 1.0)}
USUAL_LIMIT_S = 60.0  # of a host whose configuration has no time limit


def entries(name: str) -> list[dict[str, Any]]:
    whole = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    assert list(whole) == ["mcpServers"]
    found: dict[str, dict[str, Any]] = whole["mcpServers"]
    assert all(re.fullmatch(r"[a-z-]{1,20}", server) for server in found)
    return list(found.values())


def option(command: str, name: str) -> click.Parameter:
    return next(p for p in cli.cli.commands[command].params if p.name == name)


def test_there_is_a_test_for_every_manifest() -> None:
    assert sorted(p.name for p in FOLDER.iterdir()) == sorted(FILES)


@pytest.mark.parametrize("name", FILES)
def test_an_entry_has_only_fields_that_its_host_reads(name: str) -> None:
    for entry in entries(name):
        kind = entry.get("type", "stdio")
        allowed = FIELDS[name][kind]
        needed = {"command", "args"} if kind == "stdio" else {"url"}
        needed |= {"type"} if "type" in allowed else set()
        assert needed <= set(entry) <= allowed


@pytest.mark.parametrize("name", FILES)
def test_the_command_is_one_that_this_package_installs_and_its_arguments_are_taken(name: str) -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    started = [e for e in entries(name) if "command" in e]
    assert started
    for entry in started:
        assert entry["command"] in scripts
        context = cli.cli.make_context(entry["command"], list(entry["args"]))
        assert context.invoked_subcommand in {None, "serve"}


@pytest.mark.parametrize("name", FILES)
def test_the_environment_holds_settings_with_values_that_are_taken_and_no_key(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    empty = tmp_path / "env"
    empty.touch()
    for entry in entries(name):
        for variable_name, value in entry.get("env", {}).items():
            assert variable_name in VARIABLES
            assert isinstance(value, str)
            if variable_name in KEY_NAMES:
                assert value == f"${{{variable_name}}}"
            else:
                monkeypatch.setenv(variable_name, value)
        load(empty)


@pytest.mark.parametrize("name", FILES)
def test_what_is_taken_from_the_host_s_environment_is_a_setting(name: str) -> None:
    text = (FOLDER / name).read_text(encoding="utf-8")
    assert set(re.findall(r"\$\{(\w+)", text)) <= VARIABLES
    if name != "claude-code.json":
        assert "${" not in text  # written as it stands by hosts that do not replace it


@pytest.mark.parametrize("name", FILES)
def test_no_secret_stands_in_a_manifest(name: str) -> None:
    for entry in entries(name):
        for value in entry.get("headers", {}).values():
            assert re.fullmatch(r"Bearer \$\{GLM_HTTP_TOKEN\}", value)
    text = (FOLDER / name).read_text(encoding="utf-8")
    assert not re.search(r"[0-9a-zA-Z]{16,}\.[0-9a-zA-Z]{8,}|sk-\w+", text)


@pytest.mark.parametrize("name", FILES)
def test_the_host_waits_longer_than_the_server_works(name: str) -> None:
    client, unit = HOSTS[name]
    for entry in entries(name):
        given = {k: v for k, v in entry.get("env", {}).items() if k == "GLM_DEADLINE_S"}
        settings = Settings(_env_file=None, **given)
        host = profiles.host(client, settings, remote="url" in entry)
        assert entry.get("timeout", USUAL_LIMIT_S * unit) / unit > host.deadline_s


@pytest.mark.parametrize("name", FILES)
def test_the_address_is_the_one_served_by_default(name: str, app_of: Any) -> None:
    app: App = app_of(remote=True)
    paths = [getattr(r, "path", "") for r in application(app).routes if isinstance(r, Route)]
    for entry in (e for e in entries(name) if "url" in e):
        url = urlsplit(entry["url"])
        assert (url.scheme, url.hostname, url.port) == (
            "http",
            option("serve", "host").default,
            option("serve", "port").default,
        )
        assert url.path == "/mcp"
        assert url.path in paths


def test_cline_asks_before_each_call() -> None:
    for entry in entries("cline.json"):
        assert set(entry["autoApprove"]) <= set(TOOLS)
        assert entry["disabled"] is False
