"""What a test is given to speak with the server: its folders, the application and an MCP client of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from mcp import Client, types
from support.calls import PACE
from support.canary import Watched

from glm_mcp.glm.client import GLMClient
from glm_mcp.glm.policy import Pace
from glm_mcp.server.app import App, Folders, build
from glm_mcp.settings import Settings
from glm_mcp.simulator import Simulator

Connect = Callable[..., AbstractAsyncContextManager[Client]]
ERAS = ("legacy", "2026-07-28")  # the versions of the protocol that the server speaks


def folders_in(place: Path) -> Folders:
    """A working folder inside a home folder, none of it real."""
    home = place / "home"
    found = Folders(home / "work", home, place / "temp", place / "cache", place / "data")
    for folder in (found.cwd, found.temp):
        folder.mkdir(parents=True, exist_ok=True)
    return found


class Apps:
    """Makes the application: `app_of(remote=..., GLM_...=...)`. Waits between tries are short."""

    def __init__(self, sim: Simulator, folders: Folders) -> None:
        self.sim, self.folders = sim, folders

    def __call__(self, *, remote: bool = False, pace: Pace = PACE, **variables: Any) -> App:
        given = {"GLM_API_KEY": self.sim.key, "GLM_BASE_URL": self.sim.url, "GLM_LANG": "en", **variables}
        settings = Settings(**{k: v for k, v in given.items() if v is not None})
        return App(settings, remote=remote, glm=GLMClient(settings, pace=pace), folders=self.folders)


class Connected:
    """Connects an MCP client to the server: `async with connect(client="claude-code", GLM_...=...) as client`."""

    def __init__(self, app_of: Apps) -> None:
        self.app_of = app_of

    @asynccontextmanager
    async def __call__(
        self, *, client: str = "a-client", mode: str = "legacy", app: App | None = None, **options: Any
    ) -> AsyncIterator[Client]:
        info = types.Implementation(name=client, version="1")
        server = build(app or self.app_of(**options))
        async with Watched(server, client_info=info, mode=mode) as connected:
            yield connected
