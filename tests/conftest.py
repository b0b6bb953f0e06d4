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
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from mcp import Client, types
from support import canary
from support.calls import PACE
from support.canary import Watched, nothing_came_out, watched  # noqa: F401 - fixtures of every test
from support.connect import Connect
from support.plain_words import plainly_told  # noqa: F401 - a fixture of every test
from support.redis_server import redis_server, redis_url  # noqa: F401 - as above
from support.toolkit import fresh_simulator
from support.web_server import Server

from glm_mcp.glm.client import GLMClient
from glm_mcp.glm.policy import Pace
from glm_mcp.server.app import App, Folders, build
from glm_mcp.settings import KEY_NAMES, Settings
from glm_mcp.simulator import Simulator

# A developer's own settings must not reach the tests, and nothing of theirs may be written to. GLM_TEST_TEAM is no
# setting: with it a test that finds no Redis fails where it would be skipped.
for _name in [
    n
    for n in os.environ
    if (n.startswith("GLM_") and n != "GLM_TEST_TEAM") or n in KEY_NAMES or n.lower().endswith("_proxy")
]:
    del os.environ[_name]

# A home of the tests' own: what the person who runs them has stored (a key, tokens of a team) changes no test.
_home = tempfile.mkdtemp(prefix="glm-mcp-tests-")
atexit.register(shutil.rmtree, _home, ignore_errors=True)
for _name in ("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA"):
    os.environ[_name] = _home
for _name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
    os.environ.pop(_name, None)

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
    """A working folder inside a home folder, none of it real."""
    home = tmp_path / "home"
    found = Folders(home / "work", home, tmp_path / "temp", tmp_path / "cache", tmp_path / "data")
    for folder in (found.cwd, found.temp):
        folder.mkdir(parents=True)
    return found


@pytest.fixture
def app_of(sim: Simulator, folders: Folders) -> Callable[..., App]:
    """Makes the application: `app_of(remote=..., GLM_...=...)`. Waits between tries are short."""

    def make(*, remote: bool = False, pace: Pace = PACE, **variables: Any) -> App:
        given = {"GLM_API_KEY": sim.key, "GLM_BASE_URL": sim.url, "GLM_LANG": "en", **variables}
        settings = Settings(**{k: v for k, v in given.items() if v is not None})
        return App(settings, remote=remote, glm=GLMClient(settings, pace=pace), folders=folders)

    return make


@pytest.fixture
def connect(app_of: Callable[..., App]) -> Connect:
    """Connects an MCP client to the server: `async with connect(client="claude-code", GLM_...=...) as client`."""

    @asynccontextmanager
    async def open_client(
        *, client: str = "a-client", mode: str = "legacy", app: App | None = None, **options: Any
    ) -> AsyncIterator[Client]:
        info = types.Implementation(name=client, version="1")
        server = build(app or app_of(**options))
        async with Watched(server, client_info=info, mode=mode) as connected:
            yield connected

    return open_client
