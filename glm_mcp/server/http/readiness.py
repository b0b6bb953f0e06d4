"""`/readyz`: whether calls should be sent here now, and what is missing where they should not."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from glm_mcp.folders import try_writing
from glm_mcp.server.http.running import Running

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

NOT_READY = 503
LOOK_S = 0.005
WRITE_S = 2.0  # for one byte; a network drive may never take it

Readiness = Callable[[], Awaitable[Mapping[str, str]]]


def ready(
    folder: Path, readiness: Readiness | None, running: Running
) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint. `folder`: in which results and uploads are kept. `readiness`: what else is missing, by name and why."""
    from starlette.responses import JSONResponse

    tried = _Tried(folder)

    async def answer(_: Request) -> Response:
        missing = dict(await readiness()) if readiness is not None else {}
        if running.stopped:
            missing["server"] = "it is being stopped"
        why = await tried.why()
        if why:
            missing["folder"] = f"results cannot be kept: {why}"
        shown = {"status": "not ready", "missing": missing} if missing else {"status": "ready"}
        return JSONResponse(shown, NOT_READY if missing else 200)

    return answer


class _Tried:
    """Whether a folder takes a byte, tried by one thread at a time: anybody may ask, and a disk may never answer."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._thread: threading.Thread | None = None
        self._found = ""
        self._end = 0.0

    async def why(self) -> str:
        """Why it takes none; empty where it does."""
        if self._thread is None or not self._thread.is_alive():
            self._end = anyio.current_time() + WRITE_S  # of all who ask while it waits
            self._thread = threading.Thread(target=self._try, name="readyz", daemon=True)
            self._thread.start()
        thread = self._thread
        while thread.is_alive():
            if anyio.current_time() >= self._end:
                return "it did not take a byte in time"
            await anyio.sleep(LOOK_S)
        return self._found

    def _try(self) -> None:
        try:
            try_writing(self._folder)
            self._found = ""
        except OSError as error:
            self._found = (error.strerror or "it cannot be written to").lower()
