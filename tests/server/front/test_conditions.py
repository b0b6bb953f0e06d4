"""What the record is kept by, and that looking at it costs little."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import click
import pytest
from support.cases import each
from support.processes import ran

from glm_mcp.cli.main import cli
from glm_mcp.folders import user_folders
from glm_mcp.server.app import App, build
from glm_mcp.server.front.conditions import (
    NO_MATTER,
    OPTIONS,
    SECRETS,
    Place,
    options_of,
    own_folders,
    place_of,
    shown,
)
from glm_mcp.server.recorder import lists
from glm_mcp.settings import KEY_NAMES, load


@pytest.mark.skipif(sys.platform == "win32", reason="its folders come from variables of its own")
@each(
    "variables",
    [
        {},
        {"HOME": "/somewhere/else"},
        {"HOME": "/somewhere/else/"},
        {"XDG_CACHE_HOME": "/c", "XDG_CONFIG_HOME": "/s/"},
        {"XDG_CACHE_HOME": "relative", "XDG_CONFIG_HOME": "~/x"},
        {"XDG_CACHE_HOME": "", "XDG_CONFIG_HOME": "  "},
        {"XDG_CACHE_HOME": " /c "},
    ],
    ids=str,
)
@each("platform", ["linux", "darwin"])
def test_the_folders_are_those_of_the_whole_program(
    variables: dict[str, str], platform: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    known = user_folders(platform)
    found = own_folders(platform, dict(os.environ))
    assert found
    assert (Path(found[0]) / "env", Path(found[1])) == (known.settings_file, known.cache)


def test_the_secrets_and_the_options_are_those_of_the_whole_program() -> None:
    assert set(SECRETS) == {*KEY_NAMES, "GLM_HTTP_TOKEN", "GLM_CONNECT_TOKEN"}
    known: dict[str, Any] = {
        p.opts[0]: tuple(p.type.choices) if isinstance(p.type, click.Choice) else None
        for p in cli.params
        if p.name not in ("help", "version")
    }
    assert known == OPTIONS


@each(
    ("arguments", "expected"),
    [
        ([], {}),
        (["--log-level", "info", "--log-format=json"], {"--log-level": "info", "--log-format": "json"}),
        (["--env-file=a=b"], {"--env-file": "a=b"}),
        (["--env-file", "a", "--env-file", "b"], {"--env-file": "b"}),
        (["--env-file"], None),
        (["--log-level", "loud"], None),
        (["--log", "info"], None),
        (["serve"], None),
        (["--log-level", "info", "doctor"], None),
        (["--help"], None),
        (["--"], None),
    ],
)
def test_only_a_command_line_that_serves_over_stdio_is_understood(
    arguments: list[str], expected: dict[str, str] | None
) -> None:
    assert options_of(arguments) == expected


def place(home: Path, *arguments: str, **variables: str) -> Place | None:
    return place_of(list(arguments), {"HOME": str(home), **variables})


def test_each_setting_has_a_record_of_its_own_and_a_key_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    usual = place(tmp_path)
    assert usual

    def same(found: Place | None) -> bool:
        assert found
        return found.digest == usual.digest

    key = "0123456789abcdef.0123"
    assert same(place(tmp_path, GLM_API_KEY=key))
    assert same(place(tmp_path, ZAI_API_KEY=f" '{key}' "))
    assert same(place(tmp_path, GLM_LANG=" "))
    assert not same(place(tmp_path, GLM_API_KEY="two words that are no key"))
    assert not same(place(tmp_path, GLM_TOOLS="chat"))
    assert same(place(tmp_path, GLM_SIMULATE="1"))
    assert not same(place(tmp_path, GLM_SIMULATE="yes, please"))
    file = tmp_path / "mine.env"
    file.write_text(f"GLM_API_KEY={key}\n", encoding="utf-8")
    assert same(place(tmp_path, "--env-file", str(file)))
    file.write_text(f"# mine\nexport GLM_API_KEY = '{key}'\nGLM_TOOLS=chat\n", encoding="utf-8")
    assert not same(place(tmp_path, "--env-file", str(file)))


def test_a_settings_file_that_cannot_be_read_leaves_the_start_to_the_program(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"GLM_LANG=\xff")
    (tmp_path / "long").write_bytes(b"#" * 100_000)
    for name in ("latin", "long", "none", "."):
        assert place(tmp_path, "--env-file", str(tmp_path / name)) is None


def test_a_secret_leaves_nothing_in_what_is_compared() -> None:
    assert shown("GLM_HTTP_TOKEN", "a-token-of-some-length") == ""
    assert shown("GLM_HTTP_TOKEN", "short") == "short"
    assert shown("GLM_TOOLS", " chat ") == "chat"


VALUES = {
    name: [str(n) for n in allowed] if allowed else ["", "/somewhere", "~", "${user_config.folder}"]
    for name, allowed in NO_MATTER.items()
}


@pytest.mark.anyio
async def test_a_setting_that_is_said_not_to_matter_lets_the_server_start_and_say_the_same(
    app_of: Callable[..., App], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for variable, home in (("HOME", tmp_path), ("XDG_CONFIG_HOME", tmp_path)):
        monkeypatch.setenv(variable, str(home))
    usual = app_of()
    said = await lists(usual, build(usual))
    others = []
    for name, value in [(n, v) for n, values in VALUES.items() for v in values]:
        assert shown(name, f" '{value}' ") == ""
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            load()
            other = app_of(**{name: value} if value and not value.startswith("$") else {})
            if await lists(other, build(other)) != said:
                others.append((name, value))
    assert others == []


def test_the_front_is_what_every_command_begins_with_and_loads_the_standard_library_alone(
    tmp_path: Path,
) -> None:
    scripts = {
        e.name: e.value for e in entry_points(group="console_scripts") if e.value.startswith("glm_mcp")
    }
    assert scripts == dict.fromkeys(("glm-mcp", "glm-flash-mcp"), "glm_mcp.__main__:main")
    code = "import json, sys; before = set(sys.modules); import glm_mcp.__main__; print(json.dumps(sorted(set(sys.modules) - before)))"
    env = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    loaded = set(json.loads(ran([sys.executable, "-c", code], env, tmp_path).stdout))
    assert {name.partition(".")[0] for name in loaded} <= {*sys.stdlib_module_names, "glm_mcp"}
    slow = {
        "asyncio",
        "dataclasses",
        "hashlib",
        "inspect",
        "logging",
        "pathlib",
        "socket",
        "subprocess",
        "tempfile",
        "typing",
    }
    assert not loaded & slow
    assert len(loaded) < 40


def test_serving_over_stdio_loads_nothing_of_http_and_of_no_document_reader(tmp_path: Path) -> None:
    code = "import json, sys; import glm_mcp.cli.main, glm_mcp.server.app, glm_mcp.server.stdio; print(json.dumps(sorted(sys.modules)))"
    env = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    loaded = set(json.loads(ran([sys.executable, "-c", code], env, tmp_path).stdout))
    ours = {"glm_mcp.server.http", "glm_mcp.simulator", "glm_mcp.install."}
    extras = {"prometheus_client", "redis", "av", "pillow_heif", "lxml", "liteparse"}
    assert not [name for name in loaded if name.startswith(tuple(ours | extras))]
