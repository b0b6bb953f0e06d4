"""`glm-mcp install` touches what it wrote itself: no entry of others, no file elsewhere, no copy where others see it."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from support.cases import each
from support.processes import LIMIT_S, Process, environment

from glm_mcp.clients.table import CLIENTS
from glm_mcp.errors import ConfigError
from glm_mcp.install.install import found_here, install
from glm_mcp.install.wish import Wish
from glm_mcp.installation import Machine

COMMAND = ["/opt/glm/bin/glm-mcp"]
URL = "http://127.0.0.1:8000/mcp"
posix = pytest.mark.skipif(os.name != "posix", reason="POSIX permissions and links")
IN_PROJECTS = [c.name for c in CLIENTS.values() if c.project]

BY_OTHERS: list[dict[str, Any]] = [
    {"command": "uvx", "args": ["glm-mcp"]},
    {"command": "/home/me/.local/bin/uvx", "args": ["--from", "glm-flash-mcp", "glm-mcp"]},
    {"command": "npx", "args": ["-y", "glm-mcp"]},
    {"command": "docker", "args": ["run", "-i", "--rm", "glm-mcp"]},
    {"command": "glm-mcp"},
    {"command": "/opt/other/run", "args": ["glm_mcp"]},
    {"command": "/usr/bin/python3", "args": ["-m", "other", "glm_mcp"]},
    {"url": "https://example.org/mcp"},
    {"url": "https://example.org/mcp", "headers": {"Authorization": "Bearer ${env:GLM_HTTP_TOKEN}"}},
    {"url": "https://example.org/glm-http-token"},
]
BY_US: list[dict[str, Any]] = [
    {"command": "/old/venv/bin/glm-mcp", "args": []},
    {"command": "/old/venv/bin/glm-flash-mcp"},
    {"command": "C:\\Python\\Scripts\\glm-mcp.exe", "args": []},
    {"command": "/usr/bin/python3.12", "args": ["-P", "-m", "glm_mcp"]},
]


# To which this user may give a file.
OTHER_GROUPS = (
    [g for g in (*os.getgroups(), *([1234] if os.geteuid() == 0 else ())) if g != os.getegid()]
    if os.name == "posix"
    else []
)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    home = tmp_path / "home"
    (home / "project").mkdir(parents=True)
    (home / ".cursor").mkdir()
    return Machine({"PATH": ""}, "linux", home, home / "project")


def file_of(machine: Machine) -> Path:
    return CLIENTS["cursor"].files(machine)[0]


def copies(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.bak*"))


@pytest.mark.skipif(os.name != "posix" or not OTHER_GROUPS, reason="a file of another group")
def test_a_file_and_its_backup_are_read_by_no_other_group_than_the_file_was(machine: Machine) -> None:
    file = file_of(machine)
    file.write_text('{"mcpServers": {"other": {"command": "x"}}}', encoding="utf-8")
    file.chmod(0o640)
    os.chown(file, -1, OTHER_GROUPS[0])
    install("cursor", Wish(), machine, COMMAND)
    for each_file in (file, *copies(file.parent)):
        assert (each_file.stat().st_gid, each_file.stat().st_mode & 0o777) == (OTHER_GROUPS[0], 0o640)


@each("entry", BY_OTHERS, ids=json.dumps)
def test_an_entry_that_somebody_else_wrote_is_neither_renewed_nor_taken_out(
    entry: dict[str, Any], machine: Machine
) -> None:
    text = json.dumps({"mcpServers": {"glm": entry}})
    file_of(machine).write_text(text, encoding="utf-8")
    for wish in (Wish(), Wish(remove=True), Wish(url=URL), Wish(url=URL, remove=True)):
        with pytest.raises(ConfigError, match="--name"):
            install("cursor", wish, machine, COMMAND)
    assert file_of(machine).read_text(encoding="utf-8") == text
    assert copies(machine.home) == []


@each("entry", BY_US, ids=json.dumps)
def test_an_entry_of_an_earlier_installation_is_renewed_and_taken_out(
    entry: dict[str, Any], machine: Machine
) -> None:
    file = file_of(machine)
    file.write_text(json.dumps({"mcpServers": {"glm": entry}}), encoding="utf-8")
    install("cursor", Wish(), machine, COMMAND)
    assert json.loads(file.read_text(encoding="utf-8"))["mcpServers"]["glm"]["command"] == COMMAND[0]
    install("cursor", Wish(remove=True), machine, COMMAND)
    assert json.loads(file.read_text(encoding="utf-8"))["mcpServers"] == {}


def test_the_address_of_another_server_does_not_become_ours_by_our_token(machine: Machine) -> None:
    asked = Machine({"PATH": "", "GLM_HTTP_TOKEN": "x" * 20}, "linux", machine.home, machine.cwd)
    install("cursor", Wish(url=URL), asked, COMMAND)
    with pytest.raises(ConfigError, match="--name"):
        install("cursor", Wish(url="http://127.0.0.1:9000/mcp"), asked, COMMAND)
    install("cursor", Wish(url=URL, remove=True), asked, COMMAND)


_born: list[int] | None = None  # the modes of new files, while a test looks


def _look_at_birth(event: str, args: tuple[Any, ...]) -> None:
    """Before its mode is changed a file still has the one that it was made with."""
    if _born is not None and event == "os.chmod":
        _born.append(Path(args[0]).stat().st_mode & 0o777)


sys.addaudithook(_look_at_birth)


@posix
def test_a_copy_has_the_mode_of_its_original_from_its_first_moment(machine: Machine) -> None:
    global _born  # noqa: PLW0603 - a hook cannot be taken away again
    file = file_of(machine)
    file.write_text('{"secret": 1}', encoding="utf-8")
    file.chmod(0o600)
    previous, _born = os.umask(0), []
    try:
        install("cursor", Wish(), machine, COMMAND)
        assert _born == [0o600, 0o600], "the copy and the new file"
    finally:
        os.umask(previous)
        _born = None
    (copy,) = copies(machine.home)
    assert copy.stat().st_mode & 0o777 == 0o600


def test_one_copy_is_kept_the_last(machine: Machine) -> None:
    file = file_of(machine)
    for number in range(3):
        file.write_text(json.dumps({"theme": number}), encoding="utf-8")
        install("cursor", Wish(), machine, COMMAND)
    (copy,) = copies(machine.home)
    assert json.loads(copy.read_text(encoding="utf-8")) == {"theme": 2}
    assert [p.name for p in sorted(file.parent.iterdir())] == ["mcp.json", "mcp.json.glm-mcp.bak"]


@pytest.mark.parametrize("mark", [".git", ".hg"])
def test_no_copy_is_left_in_a_repository(mark: str, machine: Machine) -> None:
    (machine.home / mark).mkdir()
    file = file_of(machine)
    file.write_text("{}", encoding="utf-8")
    said = install("cursor", Wish(), machine, COMMAND)
    assert "glm" in file.read_text(encoding="utf-8")
    assert copies(machine.home) == []
    assert "as it was" not in "\n".join(said)


@each("name", IN_PROJECTS)
def test_no_copy_is_left_in_a_project(name: str, machine: Machine) -> None:
    install(name, Wish(scope="project"), machine, COMMAND)
    install(name, Wish(scope="project", name="second"), machine, COMMAND)
    install(name, Wish(scope="project", remove=True), machine, COMMAND)
    assert copies(machine.home) == []


@posix
@each("name", IN_PROJECTS)
@each("link", ["file", "folder"])
@each("wish", [Wish(scope="project"), Wish(scope="project", remove=True)])
def test_no_link_is_followed_out_of_a_project(name: str, link: str, wish: Wish, machine: Machine) -> None:
    file = machine.cwd / str(CLIENTS[name].project)
    own = machine.home / "mine" / file.name
    own.parent.mkdir()
    own.write_text('{"token": "my own"}', encoding="utf-8")
    if link == "folder" and file.parent != machine.cwd:
        file.parent.symlink_to(own.parent)
    else:
        file.parent.mkdir(exist_ok=True)
        file.symlink_to(own)
    with pytest.raises(ConfigError, match="by a link, out of the project"):
        install(name, wish, machine, COMMAND)
    assert own.read_text(encoding="utf-8") == '{"token": "my own"}'
    assert list(own.parent.iterdir()) == [own]


@posix
@each("wish", [("--scope", "project"), ("--scope", "project", "--remove")])
def test_a_link_that_leads_out_of_a_project_while_a_command_waits_is_not_followed(
    wish: tuple[str, ...], tmp_path: Path
) -> None:
    import fcntl  # which Windows lacks

    env = environment(tmp_path / "home")
    own, project = tmp_path / "home/.cursor", tmp_path / "home/project"
    own.mkdir(exist_ok=True)
    shutil.rmtree(project, ignore_errors=True)
    (project / ".cursor").mkdir(parents=True)
    text = '{"mcpServers": {"glm": {"command": "/mine/glm-mcp", "args": [], "env": {}}}}'
    (own / "mcp.json").write_text(text, encoding="utf-8")
    home = os.open(tmp_path / "home", os.O_RDONLY)
    fcntl.flock(home, fcntl.LOCK_EX)
    with Process(env, project, "install", "cursor", *wish) as waiting:
        assert "another command changes files in" in (waiting.err.next() or "")
        (project / ".cursor").rmdir()
        (project / ".cursor").symlink_to(own)
        os.close(home)
        assert waiting.popen.wait(LIMIT_S) == 1
        assert "by a link, out of the project" in waiting.err.rest()
    assert [(p.name, p.read_text(encoding="utf-8")) for p in own.iterdir()] == [("mcp.json", text)]


@posix
def test_a_link_that_stays_in_the_project_is_followed(machine: Machine) -> None:
    (machine.cwd / "shared").mkdir()
    (machine.cwd / ".cursor").symlink_to(machine.cwd / "shared")
    install("cursor", Wish(scope="project"), machine, COMMAND)
    assert "glm" in (machine.cwd / "shared" / "mcp.json").read_text(encoding="utf-8")


@each(
    "wish",
    [
        Wish(url="https://user:hunter2@example.org/mcp"),
        Wish(url="htps://example.org/mcp?token=hunter2"),
        Wish(connect="https://user:hunter2@example.org"),
        Wish(connect="https://example.org/mcp?token=hunter2"),
    ],
)
def test_a_login_in_an_address_is_refused_and_not_shown(wish: Wish, machine: Machine) -> None:
    with pytest.raises(ConfigError, match="no address of a server") as caught:
        install("cursor", wish, machine, COMMAND)
    assert "hunter2" not in str(caught.value)
    assert f"as {'--http' if wish.url else '--connect'} https://" in str(caught.value)


def test_a_relative_configuration_folder_counts_as_none(machine: Machine) -> None:
    odd = Machine({"PATH": "", "XDG_CONFIG_HOME": "here"}, "linux", machine.home, machine.cwd)
    install("zed", Wish(), odd, COMMAND)
    assert (machine.home / ".config" / "zed" / "settings.json").is_file()
    assert any(name == "zed" for name, _, _ in found_here(odd))


# What a stranger's project has in its file


def _project(machine: Machine, client: str, text: str) -> Path:
    file = machine.cwd / str(CLIENTS[client].project)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


@each(
    ("field", "value"),
    [
        ("env", {"GLM_BASE_URL": "https://evil.example/v1"}),
        ("env", {"HTTPS_PROXY": "http://evil.example"}),
        ("env", {"GLM_API_KEY": "an-account-of-theirs"}),
        ("env", {"GLM_ALLOWED_DIRS": "/"}),
        ("env", {"LD_PRELOAD": "./x.so"}),
        ("cwd", "/evil"),
        ("envFile", "evil.env"),
        ("headersHelper", "./x.sh"),
    ],
)
def test_a_project_does_not_choose_where_the_key_goes_by_an_entry_that_is_renewed(
    field: str, value: Any, machine: Machine
) -> None:
    entry = {"command": "/evil/glm-mcp", "args": [], field: value}
    text = json.dumps({"mcpServers": {"glm": entry}})
    file = _project(machine, "claude-code", text)
    with pytest.raises(ConfigError, match="decides itself where the key or files go") as error:
        install("claude-code", Wish(scope="project"), machine, COMMAND)
    assert "evil.example" not in str(error.value)
    assert file.read_text(encoding="utf-8") == text


def test_what_a_project_says_of_the_answers_stays(machine: Machine) -> None:
    entry = {"command": "glm-mcp", "args": [], "env": {"GLM_LANG": "zh", "GLM_TOOLS": "chat"}}
    file = _project(machine, "claude-code", json.dumps({"mcpServers": {"glm": entry}}))
    install("claude-code", Wish(scope="project"), machine, COMMAND)
    written = json.loads(file.read_text(encoding="utf-8"))["mcpServers"]["glm"]["env"]
    assert written["GLM_LANG"] == "zh"
    assert written["GLM_TOOLS"] == "chat"


@each(
    "asks",
    [
        {"type": "command", "command": "evil", "password": True},
        {"type": "promptString", "password": False},
        {"type": "promptString", "password": True, "default": "an-account-of-theirs"},
    ],
)
def test_a_project_does_not_choose_how_the_key_is_asked_for(asks: dict[str, Any], machine: Machine) -> None:
    text = json.dumps({"inputs": [{"id": "glm-api-key", **asks}], "servers": {}})
    file = _project(machine, "vscode", text)
    with pytest.raises(ConfigError, match="the input glm-api-key"):
        install("vscode", Wish(scope="project"), machine, COMMAND)
    assert file.read_text(encoding="utf-8") == text


@each("remove", [False, True])
@each(
    ("client", "text", "why"),
    [
        ("claude-code", '{"mcpServers":{"glm":{"command":"glm-mcp","args":[],"env":"x"}}}', "env of glm"),
        ("claude-code", '{"mcpServers":{"glm":{"command":"glm-mcp","args":[],"env":[1]}}}', "env of glm"),
        ("claude-code", '{"mcpServers":{"glm":{"url":"x","headers":"x"}}}', "headers of glm"),
        ("codex", "a = " + "[" * 3_000 + "]" * 3_000, "nested too deeply"),
        ("vscode", '{"inputs": 5}', "inputs is not a list"),
        ("claude-code", " " * 1_100_000, "more than 1 MB"),
    ],
)
def test_a_file_of_no_sense_or_any_size_is_refused_and_left_alone(
    client: str, text: str, why: str, *, remove: bool, machine: Machine
) -> None:
    file = _project(machine, client, text)
    with pytest.raises(ConfigError, match=why):
        install(client, Wish(scope="project", remove=remove), machine, COMMAND)
    assert file.read_text(encoding="utf-8") == text


def test_a_name_that_stands_there_thousands_of_times_is_said(machine: Machine) -> None:
    one = '"glm": {"command": "glm-mcp", "args": []}'
    text = '{"mcpServers": {' + ", ".join([one] * 3_000) + "}}"
    file = _project(machine, "claude-code", text)
    with pytest.raises(ConfigError, match="3000 times"):
        install("claude-code", Wish(scope="project", remove=True), machine, COMMAND)
    assert file.read_text(encoding="utf-8") == text


@posix
def test_links_to_one_another_and_a_pipe_in_the_place_of_the_file_are_refused(machine: Machine) -> None:
    file = machine.cwd / ".mcp.json"
    file.symlink_to("other")
    (machine.cwd / "other").symlink_to(".mcp.json")
    with pytest.raises(ConfigError, match=r"by a link|levels of symbolic links"):
        install("claude-code", Wish(scope="project"), machine, COMMAND)
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(ConfigError, match="it is no file"):
        install("claude-code", Wish(scope="project"), machine, COMMAND)
    assert file.is_fifo()
