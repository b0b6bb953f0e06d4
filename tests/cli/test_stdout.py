"""Standard output that takes nothing: every command says so in one line, and its exit status is 1."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support.processes import COMMAND, environment, ran

COMMANDS = [
    "models",
    "call chat hello",
    "call chat hello --raw",
    "list",
    "doctor",
    "token list",
    "completion bash",
]
pytestmark = [pytest.mark.skipif(sys.platform != "linux", reason="has /dev/full"), pytest.mark.extreme]


@pytest.mark.parametrize("buffered", ["", "1"], ids=["by lines", "unbuffered"])
@pytest.mark.parametrize("command", [*COMMANDS, "--help", "demo"])
def test_a_full_disk_in_its_place_is_one_line(command: str, buffered: str, tmp_path: Path) -> None:
    env = environment(tmp_path / "home", GLM_SIMULATE="1", PYTHONUNBUFFERED=buffered)
    with open("/dev/full", "w", encoding="utf-8") as full:  # noqa: PTH123 - a device
        done = ran([*COMMAND, *command.split()], env, tmp_path, capture_output=False, stdout=full, stderr=-1)
    assert done.stderr == (
        "config: standard output cannot be written (No space left on device). Write it to another place.\n"
    )
    assert done.returncode == 1


@pytest.mark.parametrize("command", [*COMMANDS, "connect http://127.0.0.1:9"])
def test_where_it_is_closed_nothing_is_begun(command: str, tmp_path: Path) -> None:
    env = environment(tmp_path / "home", GLM_SIMULATE="1")
    closed = ["sh", "-c", 'exec "$@" >&-', "sh", *COMMAND, *command.split()]
    done = ran(closed, env, tmp_path)
    assert done.stderr == "config: standard output is closed. Leave it open, or write it to a file.\n"
    assert done.returncode == 1


def test_a_reader_that_has_had_enough_is_no_error(tmp_path: Path) -> None:
    env = environment(tmp_path / "home", GLM_SIMULATE="1")
    piped = ["bash", "-c", '"$@" | true; exit ${PIPESTATUS[0]}', "bash", *COMMAND, "list"]
    done = ran(piped, env, tmp_path)
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)
