"""The watch over all tests sees the key wherever it comes out: each of these tests would let it out somewhere else."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from support.paths import TESTS

LIMIT_S = 50

LEAKS = """
import logging, os, subprocess, sys

import anyio, pytest
from mcp import types
from mcp.shared.exceptions import MCPError
from support import canary
from support.processes import Process, environment, ran

from glm_mcp.tools.arguments import ModelArgs
from glm_mcp.tools.base import Tool, ToolResult

pytestmark = pytest.mark.anyio
PRINTS = "import sys; print(sys.stdin.read())"


async def call(connect, app, run, **more):
    app.tools = [Tool("leak", "Leak", "Leaks.", ModelArgs, run)]
    async with connect(app=app) as client:
        with anyio.fail_after(60):
            await client.call_tool("leak", {}, **more)


async def test_result(connect, app_of):
    async def run(deps, args):
        return ToolResult(canary.SECRET)

    await call(connect, app_of(), run)


async def test_progress(connect, app_of):
    told = anyio.Event()

    async def heard(step, total, message):
        told.set()

    async def run(deps, args):
        deps.progress.say("reading " + canary.SECRET)
        await told.wait()
        return ToolResult("fine")

    await call(connect, app_of(), run, progress_callback=heard)


async def test_protocol_error(connect):
    async with connect() as client:
        with pytest.raises(MCPError):
            await client.call_tool(canary.SECRET, {})


async def test_prompt(connect):
    async with connect() as client:
        await client.get_prompt("ask-document", {"document": canary.SECRET})


async def test_resource(connect, app_of):
    app = app_of()
    ident = app.outputs.keep(canary.SECRET, ".md")
    async with connect(app=app) as client:
        await client.read_resource("glm://outputs/" + ident)


def test_log_record():
    logging.getLogger("glm_mcp.x").warning("said %s", canary.SECRET)


def test_trace_of_a_log_record():
    try:
        raise ValueError(canary.SECRET)
    except ValueError:
        logging.getLogger("glm_mcp.x").exception("failed")


def test_own_stdout():
    print(canary.SECRET)


def test_stderr_of_a_child_that_nobody_reads():
    subprocess.run([sys.executable, "-c", "import sys; sys.stderr.write(sys.stdin.read())"], input=canary.SECRET, text=True)


def test_output_of_a_command():
    ran([sys.executable, "-c", PRINTS], input=canary.SECRET)


def test_output_of_a_server(tmp_path):
    with Process(environment(tmp_path), tmp_path, "call", canary.SECRET) as process:
        process.err.rest()


def test_command_line():
    subprocess.run([sys.executable, "-c", "", canary.SECRET])


def test_environment_of_a_worker():
    subprocess.run([sys.executable, "-c", ""], env={**os.environ, canary.WORKER: "{}", "GLM_API_KEY": canary.KEY})


def test_file(tmp_path):
    (tmp_path / "report.txt").write_text(canary.KEY, encoding="utf-8")


def test_settings_file_of_its_own_is_no_leak(tmp_path):
    (tmp_path / "env").write_text(canary.KEY, encoding="utf-8")


def test_environment_of_a_server_is_no_leak():
    ran([sys.executable, "-c", ""], env={**os.environ, "GLM_API_KEY": canary.KEY})
"""


@pytest.mark.extreme
def test_every_way_out_is_watched_and_the_test_that_let_the_key_out_fails() -> None:
    # Away from this test's own folder, which is watched too; and what it prints is not for the watch here.
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "test_leaks.py").write_text(LEAKS, encoding="utf-8")
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-q", "-p", "conftest", "-p", "no:cacheprovider"),
                *("--rootdir", folder, "--basetemp", f"{folder}/base", "-rA", "test_leaks.py"),
            ],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(TESTS)},
            capture_output=True,
            encoding="utf-8",
            timeout=LIMIT_S,
            check=False,
        )
    caught = set(re.findall(r"^ERROR test_leaks.py::(\w+)", done.stdout, re.MULTILINE))
    planted = set(re.findall(r"def (test_\w+)\(", LEAKS))
    fine = {name for name in planted if name.endswith("is_no_leak")}
    assert caught == planted - fine, done.stdout + done.stderr
