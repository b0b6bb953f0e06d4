"""What every test shares: a simulator, folders of its own, and an MCP client of the real server in front of it."""

from __future__ import annotations

import atexit
import gc
import logging
import os
import shutil
import signal
import tempfile
import warnings
from collections.abc import Generator, Iterator
from pathlib import Path

import hypothesis
import pytest
from support import canary
from support.canary import Watched, nothing_came_out, watched  # noqa: F401 - fixtures of every test
from support.connect import Apps, Connected, folders_in
from support.plain_words import plainly_told  # noqa: F401 - a fixture of every test
from support.ports import held_port
from support.redis_server import redis_server, redis_url  # noqa: F401 - as above
from support.toolkit import fresh_simulator
from support.web_server import Server

from glm_mcp.server.app import Folders
from glm_mcp.settings import KEY_NAMES
from glm_mcp.simulator import Simulator

# A developer's own settings must not reach the tests, and nothing of theirs may be written to. GLM_TEST_TEAM is no
# setting: with it a test that finds no Redis fails where it would be skipped.
for _name in [
    n
    for n in os.environ
    if (n.startswith("GLM_") and n != "GLM_TEST_TEAM")
    or n in KEY_NAMES
    or n == "ANTHROPIC_BASE_URL"
    or n.lower().endswith("_proxy")
]:
    del os.environ[_name]

# A home of the tests' own: what the person who runs them has stored (a key, tokens of a team) changes no test.
_home = tempfile.mkdtemp(prefix="glm-mcp-tests-")
atexit.register(shutil.rmtree, _home, ignore_errors=True)
for _name in ("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA"):
    os.environ[_name] = _home
for _name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
    os.environ.pop(_name, None)

# As in a terminal: what was started with nohup has it ignored, and what it starts too.
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

# The same examples each time, however busy the machine is; `--hypothesis-seed` tries others.
hypothesis.settings.register_profile(
    "same", derandomize=True, deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("same")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Ten thousand tests live to the end: the collector is not to look at them each time, nor while they are made."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    canary.look_at_report(report)


# A shell starts what runs in its background deaf to Ctrl-C, and so would be every process that the tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def sim() -> Iterator[Simulator]:
    yield from fresh_simulator()


@pytest.fixture
def closed() -> Iterator[int]:
    """A port at which nobody listens."""
    with held_port() as port:
        yield port


@pytest.fixture
def server() -> Iterator[Server]:
    """A web server that misbehaves when asked to."""
    made = Server()
    yield made
    made.close()


@pytest.fixture
def restored() -> Iterator[None]:
    """The logging of the tests themselves, afterwards."""
    root, ours = logging.getLogger(), logging.getLogger("glm_mcp")
    before = root.handlers[:], root.level, ours.level, warnings.showwarning
    yield
    root.handlers[:], root.level = before[:2]
    ours.setLevel(before[2])
    warnings.showwarning = before[3]


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return folders_in(tmp_path)


@pytest.fixture
def app_of(sim: Simulator, folders: Folders) -> Apps:
    return Apps(sim, folders)


@pytest.fixture
def connect(app_of: Apps) -> Connected:
    return Connected(app_of)
