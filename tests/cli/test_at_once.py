"""Commands that change one file at once: none undoes what another wrote."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.processes import COMMAND, environment, ran

from glm_mcp.server.http.auth.tokens import digest, parse
from glm_mcp.settings_file import put, read

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a folder cannot be locked there")
COMMANDS = 8


def at_once(lines: Sequence[Sequence[str]], folder: Path) -> list[subprocess.CompletedProcess[str]]:
    env = environment(folder / "home")
    with ThreadPoolExecutor(len(lines)) as threads:
        done = list(threads.map(lambda line: ran([*COMMAND, *line], env, folder), lines))
    assert [d.stderr for d in done if d.returncode] == []
    return done


def test_every_token_that_is_shown_is_kept_and_one_that_is_taken_back_stays_so(tmp_path: Path) -> None:
    names = [f"person-{n}" for n in range(COMMANDS)]
    at_once([("token", "add", "gone")], tmp_path)
    added = at_once([("token", "revoke", "gone"), *(("token", "add", n) for n in names)], tmp_path)[1:]
    kept = parse((tmp_path / "home/.config/glm-mcp/tokens.toml").read_text(encoding="utf-8")).by_hash
    assert {digest(done.stdout.splitlines()[0]): n for done, n in zip(added, names, strict=True)} == {
        sha256: holder.caller.name for sha256, holder in kept.items()
    }


def test_every_server_that_is_said_to_be_added_is_in_the_file_of_the_host(tmp_path: Path) -> None:
    names = [f"server-{n}" for n in range(COMMANDS)]
    at_once([("install", "cursor", "--name", n) for n in names], tmp_path)
    kept = json.loads((tmp_path / "home/.cursor/mcp.json").read_text(encoding="utf-8"))
    assert sorted(kept["mcpServers"]) == names


def test_every_setting_that_is_written_is_in_the_settings_file(tmp_path: Path) -> None:
    file, names = tmp_path / "env", [f"GLM_{n}" for n in range(COMMANDS)]
    with ThreadPoolExecutor(COMMANDS) as threads:
        list(threads.map(lambda name: put(file, {name: "1"}), names))
    assert read(file) == dict.fromkeys(names, "1")
