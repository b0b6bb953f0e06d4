"""The tools are there when a host asks its model for the first time, as `install` leaves it, however busy the machine is.

`scripts/test-hosts --load` does it twenty times each, beside four processes that take all the time they can get.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hosts.clients import Home, home, needs, write
from hosts.host_codex import CONFIG
from hosts.models import Model, messages, responses

from glm_mcp.settings import TOOLS

BUSY = int(os.environ.get("HOST_LOAD", "0"))
TURNS = 20 if BUSY else 5

pytestmark = pytest.mark.timeout(900)


@contextmanager
def busy(processes: int) -> Iterator[None]:
    children = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)]
    try:
        yield
    finally:
        for child in children:
            child.kill()
            child.wait(10)


def first_requests(
    folder: Path, turns: int, start: Callable[[Home, Model], None], answer: Any
) -> list[dict[str, Any]]:
    """What the host sent its model first, each time in a home folder of its own."""
    found = []
    for turn in range(turns):
        here = home(folder / str(turn))
        with Model([], answer) as model:
            start(here, model)
        asked = [body for body in model.requests if body.get("tools")]
        assert asked, "the host asked its model nothing"
        found.append(asked[0])
        assert here.left_running() == []
    return found


def lacking(requests: list[dict[str, Any]], names: list[str]) -> dict[int, list[str]]:
    """The tools that a request does not name, by its number."""
    texts = [json.dumps(body) for body in requests]
    return {n: gone for n, text in enumerate(texts) if (gone := [name for name in names if name not in text])}


def codex(here: Home, model: Model) -> None:
    write(
        here.path / ".codex" / "config.toml", CONFIG.format(url=model.url).partition("[mcp_servers.other]")[0]
    )
    here.install("codex")
    done = here.run(needs("codex"), "exec", "--skip-git-repo-check", "go", MOCK_KEY="dummy")
    assert done.code == 0, done.text


def claude(here: Home, model: Model) -> None:
    here.install("claude-code")
    words = ["-p", "go", "--allowedTools", "mcp__glm__*"]
    done = here.run(needs("claude"), *words, ANTHROPIC_BASE_URL=model.url, ANTHROPIC_API_KEY="sk-dummy")
    assert done.code == 0, done.text


@pytest.mark.parametrize("load", [0, BUSY] if BUSY else [0])
def test_codex_has_all_five_in_its_first_turn(load: int, tmp_path: Path) -> None:
    needs("codex")
    with busy(load):
        requests = first_requests(tmp_path, TURNS, codex, responses)
    namespaces = [[t for t in body["tools"] if t.get("name") == "mcp__glm"] for body in requests]
    listed = [{"tools": found} for found in namespaces]
    assert lacking(listed, [f'"{name}"' for name in TOOLS]) == {}


@pytest.mark.parametrize("load", [0, BUSY] if BUSY else [0])
def test_claude_code_names_all_five_in_its_first_request(load: int, tmp_path: Path) -> None:
    needs("claude")
    with busy(load):
        requests = first_requests(tmp_path, TURNS, claude, messages)
    assert lacking(requests, [f"mcp__glm__{name}" for name in TOOLS]) == {}
