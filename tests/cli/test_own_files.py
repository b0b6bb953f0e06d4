"""What stands in the place of a file that the program reads by itself: a pipe, a device, gigabytes. Nothing waits for it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.cases import each
from support.processes import COMMAND, Stdio, environment, ran

from glm_mcp.atomic_files import read_file
from glm_mcp.cli.connect.memory import Memory
from glm_mcp.glm.findings import UNASKED, load, path_of
from glm_mcp.media.kept.outputs import NOBODY, Outputs
from glm_mcp.settings import Settings

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="pipes and devices of Linux")
DEEP = b'{"a":' * 100_000


def pipe(file: Path) -> None:
    os.mkfifo(file, 0o600)


def endless(file: Path) -> None:
    file.symlink_to("/dev/zero")


def large(file: Path) -> None:
    file.touch(0o600)
    os.truncate(file, 6 << 30)


def deep(file: Path) -> None:
    file.touch(0o600)
    file.write_bytes(DEEP)


ODD = (pipe, endless, large)
Odd = Callable[[Path], None]


def own_folder(folder: Path) -> Path:
    own = folder / "home" / ".config" / "glm-mcp"
    own.mkdir(parents=True, mode=0o700)
    return own


@each("odd", ODD)
@each("args", [("token", "list"), ("token", "add", "ada"), ("serve", "--http", "--port", "0")])
def test_an_odd_file_of_tokens_is_named_and_not_read(args: tuple[str, ...], odd: Odd, tmp_path: Path) -> None:
    odd(own_folder(tmp_path) / "tokens.toml")
    done = ran([*COMMAND, *args], environment(tmp_path / "home"), tmp_path)
    assert done.returncode == 1
    assert "cannot be used" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_key_is_stored_where_a_link_led_to_itself(tmp_path: Path) -> None:
    file = own_folder(tmp_path) / "env"
    file.symlink_to("env")
    key = "0123456789abcdef.ABCDEFGHIJKLMNOP"
    done = ran([*COMMAND, "key", "--no-try"], environment(tmp_path / "home"), tmp_path, input=key + "\n")
    assert done.returncode == 0, done.stderr
    assert key in file.read_text(encoding="utf-8")


@each("odd", ODD)
@each("args", [("token", "list"), ("key", "--show"), ("--help",)])
def test_an_odd_settings_file_holds_no_command_up(args: tuple[str, ...], odd: Odd, tmp_path: Path) -> None:
    odd(own_folder(tmp_path) / "env")
    done = ran([*COMMAND, *args], environment(tmp_path / "home", GLM_LANG=""), tmp_path)
    assert "Traceback" not in done.stderr
    assert done.stdout or "cannot be read (it has more than 64 KB)" in done.stderr


@each(
    ("line", "said"),
    [
        ("GLM_CHAT_MODEL=a" + " " * 60_000 + "b", "a thousand blanks in a row"),
        ("GLM_BASE_URL=http://a@b" + "/" * 60_000 + "c", "GLM_BASE_URL is not usable"),
        ("GLM_TOOLS=your" + "key" * 20_000 + "!", "GLM_TOOLS is not usable"),
        ("GLM_DEADLINE_S=" + "9" * 60_000, "GLM_DEADLINE_S is not usable"),
        ("GLM_OUTPUT_DIR=/tmp/a\0b", "GLM_OUTPUT_DIR is"),
        ("GLM_ALLOWED_DIRS=/tmp/a\0b", "GLM_ALLOWED_DIRS is"),
        ("GLM_CACHE_DIR=/tmp/a\0b", "GLM_CACHE_DIR is"),
    ],
    ids=["blanks", "slashes", "words", "digits", "output", "allowed", "cache"],
)
def test_a_line_that_no_program_writes_starts_a_server_that_says_what_is_wrong(
    line: str, said: str, tmp_path: Path
) -> None:
    (own_folder(tmp_path) / "env").write_text(line, encoding="utf-8")
    with Stdio(environment(tmp_path / "home"), tmp_path) as server:
        server.initialize()
        assert said in str(server.call("chat", {"prompt": "hi"}))


@each("odd", [*ODD, deep])
def test_odd_files_of_the_programs_own_count_as_none(odd: Odd, tmp_path: Path) -> None:
    memory = Memory(tmp_path, "http://team.example", None)
    memory.remember({"method": "tools/list"}, {"tools": []})
    (kept,) = (tmp_path / "connect").iterdir()
    kept.unlink()
    odd(kept)
    assert Memory(tmp_path, "http://team.example", None).recall({"method": "tools/list"}) is None

    settings = Settings()
    findings = path_of(tmp_path, settings)
    findings.parent.mkdir(parents=True, exist_ok=True)
    odd(findings)
    assert load(tmp_path, settings) == UNASKED

    outputs = Outputs(folder=None, cwd=None, data=tmp_path, cache=tmp_path, owner=NOBODY)
    outputs.remember("a part", {"text": "kept"})
    (part,) = (tmp_path / "parts" / NOBODY).iterdir()
    part.unlink()
    odd(part)
    assert outputs.recall("a part") is None


def test_a_link_to_a_file_is_followed_only_where_it_may_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"words")
    (tmp_path / "link").symlink_to("file")
    assert read_file(tmp_path / "link", 5) == b"words"
    for path, most, links in ((tmp_path / "link", 5, False), (tmp_path / "file", 4, True)):
        with pytest.raises(OSError, match=r"."):
            read_file(path, most, links=links)
