"""`glm-mcp install HOST --connect URL`: the host starts the bridge, and no file holds the token."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.cases import each
from support.processes import COMMAND as GLM_MCP
from support.processes import environment, ran

from glm_mcp.cli.main import cli
from glm_mcp.clients.row import CONNECT, KEY
from glm_mcp.clients.table import CLIENTS
from glm_mcp.errors import ConfigError
from glm_mcp.install import jsonc
from glm_mcp.install.entry import as_usual
from glm_mcp.install.install import install
from glm_mcp.install.wish import Wish
from glm_mcp.installation import Machine

COMMAND = ["/opt/glm/bin/glm-mcp"]
URL = "https://glm.example"
FILED = [c.name for c in CLIENTS.values() if not c.link]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    home = tmp_path / "home"
    (home / "project").mkdir(parents=True)
    return Machine({"PATH": "", CONNECT: "glm_a-secret-of-the-team"}, "linux", home, home / "project")


@each("name", FILED)
def test_every_host_starts_the_bridge_and_is_given_no_secret(name: str, machine: Machine) -> None:
    said = "\n".join(install(name, Wish(connect=URL), machine, COMMAND))
    client = CLIENTS[name]
    file = client.files(machine)[0]
    text = file.read_text(encoding="utf-8")
    whole = tomllib.loads(text) if client.form == "toml" else jsonc.load(text)
    entry = as_usual(client, whole[client.under]["glm"])
    assert (entry["command"], entry["args"]) == (COMMAND[0], ["connect", f"{URL}/mcp"])
    assert KEY not in json.dumps(entry)
    assert ("env_vars" in entry or CONNECT in entry["env"]) is bool(client.refer or client.more_stdio)
    assert "secret-of-the-team" not in text + said
    assert CONNECT in said
    assert "nothing changed" in install(name, Wish(connect=URL), machine, COMMAND)[0]
    install(name, Wish(connect="https://other.example/mcp"), machine, COMMAND)
    assert "other.example" in file.read_text(encoding="utf-8")
    install(name, Wish(remove=True), machine, COMMAND)
    assert "other.example" not in file.read_text(encoding="utf-8")


def test_an_address_that_is_none_and_two_ways_at_once_are_refused(machine: Machine, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no address of a server"):
        install("cursor", Wish(connect="glm.example"), machine, COMMAND)
    given = ["install", "cursor", "--connect", URL, "--http", URL]
    done = CliRunner().invoke(cli, given)
    assert done.exit_code == 2
    assert "choose one" in done.output


def test_the_command_shows_what_it_would_write(tmp_path: Path) -> None:
    given = ["install", "claude-code", "--connect", URL, "--print"]
    done = ran([*GLM_MCP, *given], environment(tmp_path), tmp_path)
    assert '"connect",' in done.stdout
    assert "${GLM_CONNECT_TOKEN:-}" in done.stdout
