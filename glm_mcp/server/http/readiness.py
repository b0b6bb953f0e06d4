"""`/readyz`: whether calls should be sent here now, and what is missing where they should not."""

from __future__ import annotations

import tempfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from glm_mcp.server.http.running import Running
from glm_mcp.threads import in_thread

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

NOT_READY = 503
WRITE_S = 2.0  # for one byte; a network drive may never take it

Readiness = Callable[[], Awaitable[Mapping[str, str]]]


def ready(
    folder: Path, readiness: Readiness | None, running: Running
) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint. `folder`: in which results and uploads are kept. `readiness`: what else is missing, by name and why."""
    from starlette.responses import JSONResponse

    async def answer(_: Request) -> Response:
        missing = dict(await readiness()) if readiness is not None else {}
        if running.stopped:
            missing["server"] = "it is being stopped"
        with anyio.move_on_after(WRITE_S) as time:
            why = await in_thread(_unwritable, folder)
        if time.cancelled_caught:
            why = "it did not take a byte in time"
        if why:
            missing["folder"] = f"results cannot be kept: {why}"
        shown = {"status": "not ready", "missing": missing} if missing else {"status": "ready"}
        return JSONResponse(shown, NOT_READY if missing else 200)

    return answer


def _unwritable(folder: Path) -> str:
    """Why no file could be written in a folder, or where it would be made; empty where one can. Blocking."""
    there = next((p for p in (folder, *folder.parents) if p.exists()), folder)
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(b"1")
            file.flush()
    except OSError as error:
        return (error.strerror or "it cannot be written to").lower()
    return ""
