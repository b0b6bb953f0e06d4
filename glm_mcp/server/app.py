"""The MCP server: list, call, result, error, progress. Everything that knows the protocol is in this folder."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import anyio
from mcp import types
from mcp.server import Server
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.shared.exceptions import MCPError

from glm_mcp import __version__
from glm_mcp.clients.row import McpClient
from glm_mcp.clients.table import client_named
from glm_mcp.errors import ConfigError, GLMError, InternalError, RateLimited
from glm_mcp.folders import home_folder, temporary_folder, user_folders, working_folder
from glm_mcp.glm import findings
from glm_mcp.glm.client import GLMClient
from glm_mcp.glm.progress import Progress
from glm_mcp.glm.threads import in_thread
from glm_mcp.media.kept.cache import kept_in
from glm_mcp.media.kept.outputs import Outputs, project_owner
from glm_mcp.media.sources.urls import host_of
from glm_mcp.registry import CARDS
from glm_mcp.sandbox import Sandbox
from glm_mcp.server.callers.admission_redis import admission_over
from glm_mcp.server.callers.caller import LOCAL, Caller
from glm_mcp.server.callers.key_watch import Watched, key_help
from glm_mcp.server.callers.keys import Keys
from glm_mcp.server.calls import call
from glm_mcp.server.deadlines import Deadlines
from glm_mcp.server.garbage import call_ended
from glm_mcp.server.handlers import Handlers
from glm_mcp.server.prompts import PROMPTS
from glm_mcp.server.protocol import describe, instructions, result, traced
from glm_mcp.server.tally import Now, Tally
from glm_mcp.settings import Settings
from glm_mcp.settings_file import file_of
from glm_mcp.text import Redactor, one_line
from glm_mcp.tools import analyze_video, chat, describe_image, generate_image, read_document
from glm_mcp.tools.arguments import Reach
from glm_mcp.tools.base import Content, Tool

log = logging.getLogger(__name__)

TOOLS: dict[str, Tool] = {
    t.name: t
    for t in (chat.TOOL, describe_image.TOOL, analyze_video.TOOL, read_document.TOOL, generate_image.TOOL)
}
MOST_CALLS = 1_000  # at once, each of which holds 60 KB
CONNECT = "x-glm-connect"  # sent by `glm-mcp connect`

Context = ServerRequestContext[Any, Any]
P = TypeVar("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Folders:
    """The folders of this machine that matter: working, home, temporary, cache, data."""

    cwd: Path
    home: Path
    temp: Path
    cache: Path
    data: Path

    @classmethod
    def here(cls) -> Folders:
        own = user_folders()
        return cls(working_folder(), home_folder(), temporary_folder(), own.cache, own.data)


class App:
    """What the calls of one process share. `remote`: served over HTTP, where the caller has other files."""

    def __init__(
        self,
        settings: Settings,
        *,
        remote: bool = False,
        glm: GLMClient | None = None,
        folders: Folders | None = None,
        on_text: Callable[[str], None] | None = None,
        watched: Watched | None = None,
        wrong: ConfigError | None = None,
    ) -> None:
        """`watched`: where a key may come to while this runs. `wrong`: what is wrong with the settings; each call says so."""
        folders = folders or Folders.here()
        cache = settings.cache_dir or folders.cache
        self.settings = settings
        self._secrets = [*settings.secrets]
        self.redactor = Redactor(*self._secrets)
        self.remote = remote
        self.on_text = on_text
        self._watched, self._wrong, self._data = watched, wrong, folders.data
        self.glm = glm or GLMClient(settings, findings=findings.load(folders.data, settings))
        own_help = key_help(watched.file if watched else file_of(None))
        self.glm.key_help = "Whoever runs the server sets one there: `glm-mcp key`." if remote else own_help
        self.keys = Keys(self.glm, settings.more_keys)
        self.admission = admission_over(self.glm.shared)
        own = (settings.chat_model, settings.vision_model, settings.image_model)
        self.tally = Tally({*CARDS, *(name for name in own if name)})
        self.kept_in = cache
        self.sandbox = Sandbox(
            cwd=folders.cwd,
            home=folders.home,
            temp=folders.temp,
            allowed=[Path(d) for d in settings.allowed_dirs],
            output=settings.output_dir,
            own=[folders.data, cache],
            kept=kept_in(cache, folders.temp),
            closed=settings.secret_files,
            remote=remote,
            # The one private address that may be fetched from: the configured service's own. Not by a team's callers: an
            # engine may tell there what others ask it.
            own_host=None if remote else host_of(self.glm.home.url),
        )
        self.outputs = Outputs(
            folder=settings.output_dir,
            cwd=folders.cwd if self.sandbox.working_folder_counts() else None,
            data=folders.data,
            cache=cache,
            owner=project_owner(folders.cwd),
            quota=int(settings.uploads_mb * 1_000_000),
        )
        self.tools = [TOOLS[name] for name in settings.tools]
        self.reach: Reach = "here" if not remote else "server" if settings.allowed_dirs else "nowhere"
        self.deadlines: Deadlines | None = None  # over stdio: a late call is answered beside the event loop

    async def look_at_key(self) -> None:
        """Takes over the key that the settings file has now. Raises ConfigError where the settings allow no call."""
        if self._wrong:
            raise self._wrong
        if not self._watched or not self._watched.due(self.settings):
            return
        try:
            now = await in_thread(self._watched.take, self.settings)
        except ConfigError as error:
            raise (self._watched.for_callers(error) if self.remote else error) from None
        if now is None:
            return
        for secret in now.secrets:
            self.redactor.learn(secret)
        self._secrets += now.secrets
        self.settings = now
        self.glm.use(now, await in_thread(findings.load, self._data, now))

    def client_of(self, context: Context) -> McpClient:
        """The program that calls, by the name that it gave: in this request, at its start, or in its session id."""
        params = context.session.client_params
        session = _state(context).get("session")
        name = params.client_info.name if params else session.client if session else ""
        known = client_named(name, self.settings, remote=self.remote)
        # A client of an older version knows no such block, and may refuse the whole result for it.
        return known if context.protocol_version >= known.links_since else replace(known, links=False)

    def caller_of(self, context: Context) -> Caller:
        """The person or program behind a request over HTTP; LOCAL where none is told apart."""
        caller: Caller = _state(context).get("caller", LOCAL)
        return caller

    def reach_of(self, context: Context) -> Reach:
        """What a path of whoever sent a request means. `glm-mcp connect` uploads their files, and writes ours to theirs."""
        return "here" if context.request is not None and CONNECT in context.request.headers else self.reach

    def outputs_for(self, context: Context) -> Outputs:
        return self.outputs_of(self.caller_of(context))

    def outputs_of(self, caller: Caller) -> Outputs:
        """What was kept for a caller: over HTTP theirs, else that of the project in whose folder this process was started."""
        return self.outputs.for_owner(caller.owner) if self.remote else self.outputs

    def usage_for(self, context: Context) -> dict[str, Any]:
        """What whoever sent a request has used: over HTTP by their own calls. How the models are is for everybody."""
        if not self.remote:
            return self.glm.usage()
        health = {m: h for m, h in self.glm.health.report().items() if self.tally.named(m) == m}
        return {**self.tally.of(self.caller_of(context).owner).usage(), "health": health}

    def address_of(self, context: Context) -> str:
        """The address of this server by which a caller over HTTP reaches it; empty for any other."""
        if context.request is None:
            return ""
        # The guard has found that Host to be a name of this server; nobody but who sent it is told.
        host = context.request.headers.get("host", "")
        return self.settings.public_url or f"{context.request.scope.get('scheme', 'http')}://{host}"

    def tools_of(self, caller: Caller) -> list[Tool]:
        """The tools that a caller may use."""
        return [t for t in self.tools if caller.tools is None or t.name in caller.tools]

    def hiding(self, caller: Caller) -> Redactor:
        """What hides this application's secrets, and the key of a caller who brought one."""
        return Redactor(*self._secrets, caller.key.get_secret_value()) if caller.key else self.redactor

    @contextmanager
    def counted(self, tool: Tool, caller: Caller) -> Iterator[Now]:
        """While a call runs."""
        try:
            with self.tally.call(tool.name, caller) as now:
                yield now
        finally:
            call_ended(self.tally.running.total())

    @asynccontextmanager
    async def admitted(self, caller: Caller, progress: Progress) -> AsyncIterator[GLMClient]:
        """One call within its caller's limits: what it works with, their key or ours. What it used is charged to them.

        Raises RateLimited or QuotaError.
        """

        def on_position(place: int) -> None:
            progress.say(f"queued behind your own calls: place {place}")

        if self.tally.running.total() > MOST_CALLS:  # a client over stdio may send any number
            raise RateLimited(
                f"{MOST_CALLS:,} calls are running",
                "Call again when some of them have ended.",
                retry_after=5.0,
            )
        async with self.admission.admit(caller, on_position) as charge:
            with self.keys.client(self.glm, caller) as glm:
                try:
                    yield glm
                finally:  # of a call that failed or was cancelled too
                    await charge(glm.meter.tokens)

    def watched(
        self, context: Context, ends_at: float, late: Callable[[], Content]
    ) -> AbstractContextManager[None]:
        """While a call runs: it is answered with what `late` gives where the event loop does not come to it."""
        if self.deadlines is None or context.request_id is None:
            return nullcontext()
        return self.deadlines.watching(context.request_id, ends_at, lambda: result(late()))

    def redacted(self, handle: Callable[[Context, P], Awaitable[R]]) -> Callable[[Context, P], Awaitable[R]]:
        """The handler of a request, in whose answers this application's secrets do not stand, nor words of a library."""

        async def run(context: Context, params: P) -> R:
            with self.hiding(self.caller_of(context)).applied():
                try:
                    return await handle(context, params)
                except MCPError:
                    raise
                except GLMError as error:
                    raise MCPError(types.INTERNAL_ERROR, one_line(str(error))) from None
                except Exception:  # as of a call: its traceback goes to the log
                    log.exception("a request failed")
                    defect = InternalError(
                        "it failed by a defect of this server", "Please report it, with the log."
                    )
                    raise MCPError(types.INTERNAL_ERROR, str(defect)) from None

        return run

    async def close(self) -> None:
        await self.glm.transport.close()


def _state(context: Context) -> dict[str, Any]:
    """What stands in the scope of an HTTP request; nothing over stdio."""
    state: dict[str, Any] = context.request.scope["state"] if context.request is not None else {}
    return state


def build(app: App) -> Server[App]:
    """The protocol's server for an application's state; one serves every transport and protocol version."""

    @asynccontextmanager
    async def lifespan(_: Server[App]) -> AsyncIterator[App]:
        try:
            yield app
        finally:
            with anyio.CancelScope(shield=True):
                await app.close()

    async def list_tools(context: Context, _: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        structured, reach = app.settings.structured, app.reach_of(context)
        tools = app.tools_of(app.caller_of(context))
        return types.ListToolsResult(tools=[describe(t, structured=structured, reach=reach) for t in tools])

    async def call_tool(context: Context, params: types.CallToolRequestParams) -> types.CallToolResult:
        caller = app.caller_of(context)
        with app.hiding(caller).applied():
            offered = {t.name: t for t in app.tools_of(caller)}
            tool = offered.get(params.name)
            if tool is None:
                said = f"Unknown tool: {one_line(params.name[:8_000])[:80]}"
                raise MCPError(types.INVALID_PARAMS, f"{said}. The tools are: {', '.join(offered)}.")
            with app.counted(tool, caller) as now:
                return result(await call(app, tool, context, params.arguments, now))

    schemas = {t.name: t.schema(app.reach) for t in app.tools}

    handlers = Handlers(app)

    async def introduced(ctx: Context, call_next: CallNext) -> HandlerResult:
        answer, reach = await call_next(ctx), app.reach_of(ctx)
        if reach != app.reach and isinstance(answer, dict) and "instructions" in answer:
            answer = {**answer, "instructions": instructions(reach)}
        return answer

    server = Server(
        "glm-mcp",
        version=__version__,
        title="GLM tools",
        instructions=instructions(app.reach),
        lifespan=lifespan,
        get_tool_input_schema=schemas.get,  # without it each call of 2026-07-28 lists all tools
        on_list_tools=app.redacted(list_tools),
        on_call_tool=call_tool,
        on_list_resources=app.redacted(handlers.list_resources),
        on_list_resource_templates=app.redacted(handlers.list_templates),
        on_read_resource=app.redacted(handlers.read_resource),
        on_list_prompts=app.redacted(handlers.list_prompts),
        on_get_prompt=app.redacted(handlers.get_prompt),
        on_completion=app.redacted(handlers.complete),
    )
    others = [m for m in server.middleware if type(m).__name__ != "OpenTelemetryMiddleware"]
    server.middleware[:] = [traced({*schemas, *PROMPTS}), *others]
    if app.remote:
        server.middleware.append(introduced)
    return server
