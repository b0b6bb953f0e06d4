"""What goes to stderr: as much as was asked for, and never a key."""

from __future__ import annotations

import io
import json
import logging
import signal
import subprocess
import sys
from contextlib import redirect_stderr
from pathlib import Path

import httpx
import pytest
from support.processes import Process, Stdio, environment

from glm_mcp.server.log import LEVELS, configure
from glm_mcp.simulator import Simulator
from glm_mcp.text import Redactor

KEY = "0123456789abcdef0123456789abcdef.ABCDEFGH12345678"
log = logging.getLogger("glm_mcp.test")


def fail(text: str) -> None:
    try:
        int(text)
    except ValueError:
        log.exception("failed")


def written(level: str) -> str:
    """What stderr shows of one message a level, of a trace and of a library's messages."""
    found = io.StringIO()
    with redirect_stderr(found):
        configure(level)
        for name in LEVELS:
            getattr(log, name)("said at %s", name)
            getattr(logging.getLogger("mcp.server"), name)("library at %s", name)
            getattr(logging.getLogger("httpcore"), name)("wire at %s", name)
        fail(f"with {KEY} in it")
    return found.getvalue()


@pytest.mark.parametrize("level", LEVELS)
def test_a_level_shows_itself_and_what_is_worse(level: str, restored: None) -> None:
    text = written(level)
    for number, name in enumerate(LEVELS):
        assert (f"said at {name}" in text) == (number >= LEVELS.index(level))
    for name in ("debug", "info"):
        assert f"library at {name}" not in text
        assert f"wire at {name}" not in text, "a key travels in the headers that are logged there"
    assert ("library at warning" in text) == (level != "error")


def test_a_record_that_cannot_be_written_shows_none_of_its_words() -> None:
    code = (
        "import logging; from glm_mcp.server.log import configure; configure('debug'); "
        f"logging.getLogger('glm_mcp.test').warning('%d calls', 'my own {KEY}')"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stderr == "a record of glm_mcp.test could not be written\n"


def test_a_trace_is_shown_at_debug_alone_and_without_a_key(restored: None) -> None:
    assert "failed [--log-level debug shows where]" in written("warning")
    assert "Traceback" not in written("warning")
    assert "ValueError" not in written("warning")
    trace = written("debug")
    assert "Traceback" in trace
    assert '\n  File "' in trace
    assert KEY not in trace


@pytest.mark.parametrize("text", [KEY, f"Bearer {KEY}", f"{{'key': '{KEY}'}}", "sk-abcdefgh12345678"])
def test_what_looks_like_a_key_is_taken_out(text: str, restored: None) -> None:
    found = io.StringIO()
    with redirect_stderr(found):
        configure()
        log.warning("sent %s\nand \x1b[31mmore", text)
    assert "[key]" in found.getvalue()
    assert KEY not in found.getvalue()
    assert len(found.getvalue().splitlines()) == 1, "one line a record"
    assert "\x1b" not in found.getvalue()


def test_the_key_that_is_set_is_taken_out_whatever_it_looks_like(restored: None) -> None:
    found = io.StringIO()
    with redirect_stderr(found), Redactor("my own pass phrase", None, "EMPTY").applied():
        configure("debug")
        log.warning("sent my own pass phrase, which is not EMPTY")
        fail("my own pass phrase")
    assert "pass phrase" not in found.getvalue()
    assert "not EMPTY" in found.getvalue(), "a word that may stand anywhere stays"


def test_a_server_at_debug_level_shows_no_key(sim: Simulator, tmp_path: Path) -> None:
    with Stdio(environment(tmp_path / "home", sim), tmp_path, "--log-level", "debug") as server:
        server.initialize()
        server.call("chat", {"prompt": "hello"})
        server.call("generate_image", {"prompt": "a hill"})
        server.end()
        assert sim.key not in server.err.rest()
        assert sim.key not in server.out.rest()


def test_a_server_over_http_at_debug_level_shows_neither_key_nor_token(
    sim: Simulator, tmp_path: Path
) -> None:
    token = "a-token-of-enough-characters"
    env = environment(tmp_path / "home", sim, GLM_HTTP_TOKEN=token)
    options = ("--log-level", "debug", "--log-format", "json", "serve", "--http", "--port", "0")
    with Process(env, tmp_path, *options) as server:
        url = (server.err.next() or "").partition("serves at ")[2].split()[0]
        ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
        for given in (token, f"{token}-not"):
            headers = {"Authorization": f"Bearer {given}", "Accept": "application/json, text/event-stream"}
            httpx.post(url, json=ping, headers=headers, trust_env=False, timeout=60)
        server.signal(signal.SIGTERM)
        log = server.err.rest()
    assert token not in log
    assert sim.key not in log
    records = [json.loads(line) for line in log.splitlines()[1:]]
    assert any("401" in record["message"] for record in records), "it was heard of"
