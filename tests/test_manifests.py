"""The files in `manifests/` are those of the code, fit their hosts, and name only what this package has."""

from __future__ import annotations

import json
import re
import runpy
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import httpx
import jsonschema
import pytest
from support.cases import each
from support.paths import ROOT

from glm_mcp import __version__
from glm_mcp.cli import main
from glm_mcp.clients.table import ANY, CLIENTS, client_named
from glm_mcp.install.entry import as_usual
from glm_mcp.server.app import App
from glm_mcp.server.http.app import application
from glm_mcp.settings import KEY_NAMES, TOOLS, Settings, load, variable

FOLDER = ROOT / "manifests"
HOSTS = {**{f"{c.name}.{c.form}": c.name for c in CLIENTS.values()}, "generic.json": "print"}
VARIABLES = {variable(f) for f in Settings.model_fields} | set(KEY_NAMES)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
USUAL_LIMIT_S = 60.0  # of a host whose configuration has no time limit
# The name by which the client makes itself known.
ANNOUNCED = {
    "claude-code": "claude-code",
    "cline": "Cline",
    "codex": "codex-mcp-client",
    "claude-desktop": "claude-ai",
    "copilot-cli": "copilot-cli",
    "opencode": "opencode",
    "kilo-code": "kilo",
    "qwen-code": "qwen-cli-mcp-client-glm",
}


# What the registry's format of 2025-12-11 asks of the fields that are used here; others do not stand there.
REGISTRY = {
    "type": "object",
    "required": ["$schema", "name", "description", "version", "packages"],
    "additionalProperties": False,
    "properties": {
        "$schema": {"const": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"},
        "name": {
            "type": "string",
            "pattern": r"^io\.github\.[a-zA-Z0-9-]+/[a-zA-Z0-9._-]+$",
            "maxLength": 200,
        },
        "title": {"type": "string", "minLength": 1, "maxLength": 100},
        "description": {"type": "string", "minLength": 1, "maxLength": 100},
        "version": {"type": "string", "pattern": r"^\d+\.\d+\.\d+$"},  # no range, and not "latest"
        "repository": {
            "type": "object",
            "required": ["url", "source"],
            "additionalProperties": False,
            "properties": {
                "url": {"type": "string", "pattern": r"^https://github\.com/[\w-]+/[\w.-]+$"},
                "source": {"const": "github"},
            },
        },
        "packages": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["registryType", "identifier", "version", "transport"],
                "additionalProperties": False,
                "properties": {
                    "registryType": {"const": "pypi"},
                    "identifier": {"type": "string", "minLength": 1},
                    "version": {"type": "string", "pattern": r"^\d+\.\d+\.\d+$"},
                    "transport": {"const": {"type": "stdio"}},
                    "environmentVariables": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["name"],
                            "additionalProperties": False,
                            "properties": {
                                "name": {"type": "string", "pattern": "^GLM_[A-Z_]+$"},
                                "description": {"type": "string"},
                                "isRequired": {"type": "boolean"},
                                "isSecret": {"type": "boolean"},
                            },
                        },
                    },
                },
            },
        },
    },
}


def text_of(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def whole(name: str) -> dict[str, Any]:
    text = text_of(name)
    return tomllib.loads(text) if name.endswith(".toml") else dict(json.loads(text))


def entries(name: str) -> list[dict[str, Any]]:
    client = CLIENTS.get(HOSTS[name], ANY)
    under = client.under
    found = whole(name)
    assert set(found) <= {"inputs", under}
    assert all(re.fullmatch(r"[a-z-]{1,20}", server) for server in found[under])
    return [as_usual(client, entry) for entry in found[under].values()]


def option(command: str, name: str) -> click.Parameter:
    return next(p for p in main.cli.commands[command].params if p.name == name)


def test_every_file_is_the_one_that_the_code_makes() -> None:
    made: dict[str, str] = runpy.run_path(str(ROOT / "scripts" / "manifests"))["files"]()
    assert {p.name: p.read_text(encoding="utf-8") for p in FOLDER.iterdir()} == made
    assert set(made) == {*HOSTS, "server.json", "manifest.json"}


@each("name", HOSTS)
def test_the_command_is_one_that_this_package_installs_and_its_arguments_are_taken(name: str) -> None:
    started = [e for e in entries(name) if "command" in e]
    assert started
    for entry in started:
        assert entry["command"] in PROJECT["scripts"]
        context = main.cli.make_context(entry["command"], list(entry["args"]))
        assert context.invoked_subcommand in {None, "serve"}


@each("name", HOSTS)
def test_the_environment_holds_settings_with_values_that_are_taken_and_no_key(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    empty = tmp_path / "env"
    empty.touch()
    for entry in entries(name):
        assert set(entry.get("env_vars", [])) <= set(KEY_NAMES)
        for variable_name, value in entry.get("env", {}).items():
            assert variable_name in VARIABLES
            assert isinstance(value, str)
            if variable_name in KEY_NAMES:
                assert re.fullmatch(r"\$\{[\w:-]+\}|\$GLM_API_KEY|\{env:GLM_API_KEY\}", value)
            else:
                monkeypatch.setenv(variable_name, value)
        load(empty)


@each("name", [*HOSTS, "server.json", "manifest.json"])
def test_every_variable_named_is_a_setting_and_no_secret_stands_there(name: str) -> None:
    text = text_of(name)
    assert set(re.findall(r"\bGLM_\w+", text)) <= VARIABLES
    assert not re.search(r"[0-9a-zA-Z]{16,}\.[0-9a-zA-Z]{8,}|sk-\w+", text)
    for value in re.findall(r'"Authorization": "(.*)"', text):
        assert re.fullmatch(r"Bearer (\$\{?[\w:-]+\}?|\{env:\w+\})", value)


@each("name", HOSTS)
def test_the_host_waits_longer_than_the_server_works(name: str) -> None:
    row = CLIENTS.get(HOSTS[name])
    for entry in entries(name):
        given = {k: v for k, v in entry.get("env", {}).items() if k == "GLM_DEADLINE_S"}
        caller = client_named(
            ANNOUNCED.get(HOSTS[name], ""), Settings(**given), remote="command" not in entry
        )
        limit = row.limit if row else None
        assert (entry[limit[0]] / limit[1] if limit else USUAL_LIMIT_S) > caller.deadline_s


@each("name", HOSTS)
@pytest.mark.anyio
async def test_the_address_is_the_one_served_by_default(name: str, app_of: Any) -> None:
    app: App = app_of(remote=True)
    served = httpx.ASGITransport(application(app))
    for entry in (e for e in entries(name) if "command" not in e):
        address = next(entry[k] for k in ("url", "httpUrl", "baseUrl", "serverUrl") if k in entry)
        url = urlsplit(address)
        assert (url.scheme, url.hostname, url.port) == (
            "http",
            option("serve", "host").default,
            option("serve", "port").default,
        )
        assert url.path == "/mcp"
        async with httpx.AsyncClient(transport=served) as client:
            assert (await client.get(address)).headers["allow"] == "POST, DELETE"


def test_cline_asks_before_each_call() -> None:
    for entry in entries("cline.json"):
        assert entry["autoApprove"] == []
        assert entry["disabled"] is False


def test_the_version_and_the_names_are_those_of_the_package() -> None:
    server, bundle = whole("server.json"), whole("manifest.json")
    versions = [server["version"], *(p["version"] for p in server["packages"]), bundle["version"]]
    assert {*versions, __version__} == {PROJECT["version"]}
    assert {bundle["name"], *(p["identifier"] for p in server["packages"])} == {PROJECT["name"]}
    assert re.fullmatch(r"[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+", server["name"])
    assert len(server["description"]) <= 100
    assert bundle["compatibility"]["runtimes"]["python"] == PROJECT["requires-python"]


def test_what_goes_to_the_registry_has_its_format_and_names_its_owner_once_there_is_one() -> None:
    made = runpy.run_path(str(ROOT / "scripts" / "manifests"))["registry"]
    published, unpublished = made("alice/glm.flash"), made(None)
    for found in (published, unpublished, whole("server.json")):
        jsonschema.validate(found, REGISTRY)
    assert published["name"] == f"io.github.alice/{PROJECT['name']}"
    assert published["repository"] == {"url": "https://github.com/alice/glm.flash", "source": "github"}
    assert "OWNER" not in json.dumps(published)
    assert unpublished["name"].startswith("io.github.OWNER/")
    assert "repository" not in unpublished
    secret = [v["name"] for v in published["packages"][0]["environmentVariables"] if v["isSecret"]]
    assert secret == ["GLM_API_KEY"]


@each("given", [(), ("alice",), ("alice/a b",), ("https://github.com/alice/glm",)])
def test_a_repository_that_is_none_is_refused_before_anything_is_written(given: tuple[str, ...]) -> None:
    command = [sys.executable, str(ROOT / "scripts" / "manifests"), "--check", "--repository", *given]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr == "--repository takes OWNER/NAME of a GitHub repository\n"


def test_the_bundle_starts_what_it_holds_and_asks_for_nothing_else() -> None:
    bundle = whole("manifest.json")
    server = bundle["server"]
    assert server["type"] == "uv"
    assert (ROOT / server["entry_point"]).is_file()
    words = server["mcp_config"]["args"]
    assert words[-1] in PROJECT["scripts"]
    assert words[words.index("--extra") + 1] in PROJECT["optional-dependencies"]
    env = server["mcp_config"]["env"]
    asked = {re.sub(r"\$\{user_config\.(\w+)\}", r"\1", v) for v in env.values() if v.startswith("${")}
    assert asked == set(bundle["user_config"])
    assert {variable(f) for f in asked} | {"GLM_DEADLINE_S"} == set(env)
    assert [n for n, f in bundle["user_config"].items() if f.get("sensitive")] == ["api_key"]
    assert [t["name"] for t in bundle["tools"]] == list(TOOLS)
    jsonschema.validate(
        bundle, {"required": ["manifest_version", "name", "version", "description", "author", "server"]}
    )


def test_the_bundle_packs_the_package_and_nothing_private(tmp_path: Path) -> None:
    pack = runpy.run_path(str(ROOT / "scripts" / "bundle"))["pack"]
    first = pack(tmp_path)
    data = first.read_bytes()
    assert pack(tmp_path).read_bytes() == data
    names = set(zipfile.ZipFile(first).namelist())
    assert {"manifest.json", "pyproject.toml", "README.md", "LICENSE", "glm_mcp/__main__.py"} <= names
    assert all(n.startswith("glm_mcp/") or "/" not in n for n in names)
    assert not [n for n in names if "__pycache__" in n or "/." in n or n.startswith(".")]
    assert {p.relative_to(ROOT).as_posix() for p in (ROOT / "glm_mcp").rglob("*.py")} <= names
