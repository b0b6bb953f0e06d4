"""Records what the front says: each answer asked of the real server, in every version of the protocol."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import anyio
from mcp.server import Server
from mcp.server.runner import serve_dual_era_loop
from mcp.shared.message import SessionMessage
from mcp.types import JSONRPCError, JSONRPCMessage, JSONRPCRequest, JSONRPCResponse
from mcp.types.version import HANDSHAKE_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS

from glm_mcp import __version__
from glm_mcp.atomic_files import list_files, private_folder, replace_file
from glm_mcp.clients.table import splitting_names
from glm_mcp.folders import user_folders
from glm_mcp.glm.threads import in_thread
from glm_mcp.media.kept.cache import MAX_AGE_DAYS
from glm_mcp.server.app import App
from glm_mcp.server.front import record
from glm_mcp.server.front.answers import RESOURCES
from glm_mcp.server.front.conditions import Place, kept_state

LISTS = ("tools/list", "prompts/list", "resources/templates/list")
QUIET_S = 0.3  # after an answer, before its server is asked things of its own
KEPT_RECORDS = 12  # one a host and its settings, and some of versions that are gone

log = logging.getLogger(__name__)
_NAME = "glm-mcp"  # a client like any other, but for those that split prompts


def behind_id(message: JSONRPCMessage) -> str:
    """An answer as it is written, from behind its id on."""
    line = message.model_dump_json(by_alias=True, exclude_unset=True)
    ident = message.model_dump_json(include={"id"})[len('{"id":') : -1]
    return line.removeprefix(record.START + ident)


class Recorder:
    """Keeps the record of one place true. `found`: what was there at the start."""

    def __init__(self, app: App, server: Server[App], place: Place, found: dict[str, Any] | None) -> None:
        self._app, self._server, self._place = app, server, place
        self._record = found
        self._spoken = anyio.Event()

    def spoke(self) -> None:
        """The server has answered: perhaps something is kept that was not before."""
        self._spoken.set()

    def differs(self) -> None:
        """The server would have said something else than its record."""
        log.warning("a recorded answer was out of date; it is recorded anew")
        self._record = None
        with suppress(OSError):
            Path(self._place.file).unlink()

    async def run(self) -> None:
        """Records at first, then whenever what is kept has changed; for as long as it is let. A failure costs a record."""
        while True:
            await self._spoken.wait()
            self._spoken = anyio.Event()
            await anyio.sleep(QUIET_S)
            try:
                await self.refresh()
            except OSError as error:
                log.info("the answers cannot be recorded: %s", error.strerror)
                return
            except Exception:  # a defect here must not cost the session: the next start is slower, no more
                log.exception("the answers were not recorded")
                return

    async def refresh(self) -> None:
        """Records what is not on record. Raises OSError."""
        own = user_folders()
        if (own.config, own.cache) != tuple(Path(folder) for folder in self._place.folders):
            return  # the front looks elsewhere
        if self._app.outputs.place != Path(self._place.kept):
            return
        now = await in_thread(kept_state, self._place.kept)
        if now is None or (self._record and _still_good(self._record["resources"], now[0])):
            return
        whole = self._record or await lists(self._app, self._server)
        whole["resources"] = await resources(self._app, self._server, *now)
        await in_thread(write, self._place, whole)
        self._record = whole


def _still_good(listed: dict[str, Any], state: str) -> bool:
    return bool(listed["state"] == state and (listed["until"] is None or time.time() < listed["until"]))


async def lists(app: App, server: Server[App]) -> dict[str, Any]:
    """The part of a record that no kept result changes."""
    starts = splitting_names()
    splitting = {"starts": starts, "eras": await _eras(app, server, starts[0])}
    return {"eras": await _eras(app, server, _NAME), "splitting": splitting}


async def _eras(app: App, server: Server[App], client: str) -> dict[str, dict[str, str]]:
    """By version and method: the answer behind its id."""
    found = {}
    for version in (*HANDSHAKE_PROTOCOL_VERSIONS, *MODERN_PROTOCOL_VERSIONS):
        modern = version in MODERN_PROTOCOL_VERSIONS
        methods = ["server/discover", *LISTS] if modern else ["initialize", "ping", *LISTS]
        answers = await asked(app, server, version, methods, client)
        found[version] = {m: a for m, a in zip(methods, answers, strict=True) if a is not None}
    return found


async def resources(app: App, server: Server[App], state: str, times: list[float]) -> dict[str, Any]:
    """The list of resources as `front.record` has it, for what is kept in `state`, written at `times`."""
    since, age = time.time(), MAX_AGE_DAYS * 86_400
    found = {}
    for version in (*HANDSHAKE_PROTOCOL_VERSIONS, *MODERN_PROTOCOL_VERSIONS):
        methods = [RESOURCES] if version in MODERN_PROTOCOL_VERSIONS else ["initialize", RESOURCES]
        answer = (await asked(app, server, version, methods))[-1]
        if answer is not None:
            found[version] = answer
    until = min((t + age for t in times if t + age > since), default=None)
    return {"state": state, "since": since, "until": until, "eras": found}


async def asked(
    app: App, server: Server[App], version: str, methods: list[str], client: str = _NAME
) -> list[str | None]:
    """What the server says to each request of a session of its own, behind the id; None for an error."""
    to_server, read = anyio.create_memory_object_stream[SessionMessage | Exception](1)
    write_stream, answers = anyio.create_memory_object_stream[SessionMessage](1)
    found: list[str | None] = []
    async with anyio.create_task_group() as group, to_server, answers:
        # Its own state for the protocol, and the application's: nothing is opened or closed.
        group.start_soon(partial(serve_dual_era_loop, server, read, write_stream, lifespan_state=app))
        for number, method in enumerate(methods):
            request = JSONRPCRequest(
                jsonrpc="2.0", id=number, method=method, params=params(method, version, client)
            )
            await to_server.send(SessionMessage(request))
            message = (await answers.receive()).message
            while not isinstance(message, JSONRPCResponse | JSONRPCError):
                message = (await answers.receive()).message
            found.append(behind_id(message) if isinstance(message, JSONRPCResponse) else None)
        group.cancel_scope.cancel()
    return found


def params(method: str, version: str, client: str = _NAME) -> dict[str, Any]:
    info = {"name": client, "version": __version__}
    if version in MODERN_PROTOCOL_VERSIONS:
        prefix = "io.modelcontextprotocol/"
        meta = {
            prefix + "protocolVersion": version,
            prefix + "clientInfo": info,
            prefix + "clientCapabilities": {},
        }
        return {"_meta": meta}
    if method == "initialize":
        return {"protocolVersion": version, "capabilities": {}, "clientInfo": info}
    return {}


def write(place: Place, found: dict[str, Any]) -> None:
    """Writes a record, whole or not at all, and removes the oldest beyond `KEPT_RECORDS`. Raises OSError."""
    file = Path(place.file)
    folder = private_folder(file.parent)
    replace_file(file, record.pack(found, place.digest), 0o600)
    for old in sorted(list_files(folder), key=lambda f: -f.modified)[KEPT_RECORDS:]:
        with suppress(OSError):
            old.path.unlink()
