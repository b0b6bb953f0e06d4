"""The MCP server: list, call, result, error, progress. Everything that knows the protocol is in this folder."""

from __future__ import annotations

import base64
import logging
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import anyio
from mcp import types
from mcp.server import Server
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError

from glm_mcp import __version__
from glm_mcp.clients import McpClient, client_named
from glm_mcp.errors import GLMError, InternalError, InvalidRequest, TimedOut, TooLong
from glm_mcp.glm import findings
from glm_mcp.glm.client import GLMClient
from glm_mcp.media.sources.urls import host_of
from glm_mcp.outputs import Outputs, home_folder, user_folders
from glm_mcp.progress import Progress
from glm_mcp.sandbox import Sandbox
from glm_mcp.server.handlers import Handlers
from glm_mcp.settings import Settings
from glm_mcp.text import Redactor, one_line
from glm_mcp.threads import in_thread
from glm_mcp.tools import analyze_video, chat, describe_image, generate_image, read_document
from glm_mcp.tools.arguments import read
from glm_mcp.tools.base import Content, Deps, Tool, ToolResult, failure, fit

log = logging.getLogger(__name__)

TOOLS: dict[str, Tool] = {
    t.name: t
    for t in (chat.TOOL, describe_image.TOOL, analyze_video.TOOL, read_document.TOOL, generate_image.TOOL)
}
INSTRUCTIONS = (
    "GLM models as tools: pictures, video, documents, drawing, a second opinion. Give local paths as they are (any format, any size). "
    "An error says what to do next. A result cut short says how to read on."
)
LONG_RESULT = (
    60_000  # characters that Claude Code is asked to show whole, a little over its budget in `clients`
)
GRACE_S = 0.5  # for a call's own words about its deadline, before it is ended from outside

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
        return cls(working_folder(), home_folder(), Path(tempfile.gettempdir()), own.cache, own.data)


def working_folder() -> Path:
    """The folder that this process was started in; the root, which never counts, when it has been deleted since."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return Path(home_folder().anchor)


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
    ) -> None:
        folders = folders or Folders.here()
        self.settings = settings
        token = settings.http_token
        self.redactor = Redactor(settings.key, token.get_secret_value() if token else None)
        self.remote = remote
        self.on_text = on_text
        self.glm = glm or GLMClient(settings, findings=findings.load(folders.data, settings))
        self.sandbox = Sandbox(
            cwd=folders.cwd,
            home=folders.home,
            temp=folders.temp,
            allowed=[Path(d) for d in settings.allowed_dirs],
            output=settings.output_dir,
            own=[folders.data, folders.cache],
            remote=remote,
            # The one private address that may be fetched from: the configured service's own.
            own_host=host_of(self.glm.home.url),
        )
        self.outputs = Outputs(
            folder=settings.output_dir,
            cwd=folders.cwd if self.sandbox.working_folder_counts() else None,
            data=folders.data,
            cache=folders.cache,
        )
        self.tools = [TOOLS[name] for name in settings.tools]

    def caller(self, context: Context) -> McpClient:
        params = context.session.client_params
        return client_named(params.client_info.name if params else "", self.settings, remote=self.remote)

    def redacted(self, handle: Callable[[Context, P], Awaitable[R]]) -> Callable[[Context, P], Awaitable[R]]:
        """The handler of a request, in whose answers this application's secrets do not stand, nor words of a library."""

        async def run(context: Context, params: P) -> R:
            with self.redactor.applied():
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


def build(app: App) -> Server[App]:
    """The protocol's server for an application's state; one serves every transport and protocol version."""

    @asynccontextmanager
    async def lifespan(_: Server[App]) -> AsyncIterator[App]:
        try:
            yield app
        finally:
            with anyio.CancelScope(shield=True):
                await app.close()

    async def list_tools(_: Context, __: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        return types.ListToolsResult(
            tools=[describe(t, structured=app.settings.structured) for t in app.tools]
        )

    async def call_tool(context: Context, params: types.CallToolRequestParams) -> types.CallToolResult:
        with app.redactor.applied():
            tool = next((t for t in app.tools if t.name == params.name), None)
            if tool is None:
                said = f"Unknown tool: {one_line(params.name[:8_000])[:80]}"
                raise MCPError(
                    types.INVALID_PARAMS, f"{said}. The tools are: {', '.join(t.name for t in app.tools)}."
                )
            return _result(await call(app, tool, context, params.arguments))

    handlers = Handlers(app.settings, app.glm, app.sandbox, app.outputs, remote=app.remote)
    return Server(
        "glm-mcp",
        version=__version__,
        title="GLM tools",
        instructions=INSTRUCTIONS,
        lifespan=lifespan,
        on_list_tools=app.redacted(list_tools),
        on_call_tool=call_tool,
        on_list_resources=app.redacted(handlers.list_resources),
        on_list_resource_templates=app.redacted(handlers.list_templates),
        on_read_resource=app.redacted(handlers.read_resource),
        on_list_prompts=app.redacted(handlers.list_prompts),
        on_get_prompt=app.redacted(handlers.get_prompt),
        on_completion=app.redacted(handlers.complete),
    )


def describe(tool: Tool, *, structured: bool = False) -> types.Tool:
    """A tool as clients see it."""
    reads = tool.reads_only
    return types.Tool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=tool.schema(),
        output_schema={"type": "object"} if structured else None,
        annotations=types.ToolAnnotations(
            read_only_hint=reads,
            destructive_hint=False,
            idempotent_hint=None if reads else False,
            open_world_hint=True,
        ),
        _meta={"anthropic/searchHint": tool.hint}
        | ({"anthropic/maxResultSizeChars": LONG_RESULT} if reads else {}),
    )


async def call(app: App, tool: Tool, context: Context, arguments: dict[str, Any] | None) -> Content:
    """One call: arguments read, the tool run under its deadline with progress, every failure made a readable result."""

    async def send(step: float, message: str) -> None:
        await context.session.report_progress(step, None, message)

    # Nothing goes out to a client that gave no token: the SDK sees to that. One in this process gives none and listens.
    progress = Progress(send, app.on_text)
    caller = app.caller(context)
    deadline = anyio.current_time() + caller.deadline_s
    deps = Deps(app.settings, app.glm, app.sandbox, app.outputs, caller, progress, deadline)
    content: Content | None = None
    async with anyio.create_task_group() as group:
        group.start_soon(progress.run)
        with anyio.move_on_at(deadline + GRACE_S):
            try:
                await app.glm.meet()
                result = await _run(tool, deps, read(tool.name, tool.args, arguments))
                content = await _fitted(result, deps)
            except GLMError as error:
                content = failure(error, deps)
            except Exception:  # the one outer boundary: a defect becomes a readable result, and its traceback goes to the log
                log.exception("%s failed", tool.name)
                defect = f"{tool.name} failed by a defect of this server"
                content = failure(InternalError(defect, "Please report it, with the log."), deps)
        group.cancel_scope.cancel()
    if content is None:
        late = TimedOut(
            f"{tool.name} was still {progress.message} after {caller.deadline_s:.0f} s",
            "Ask for less (fewer files, pages or seconds), or allow more time with GLM_DEADLINE_S and the host's own limit.",
        )
        content = failure(late, deps)
    _log_call(app, tool, arguments, content)
    return content


async def _run(tool: Tool, deps: Deps, args: Any) -> ToolResult:
    """The tool run; once more where the first try taught what a self-hosted engine takes at once."""
    try:
        return await tool.run(deps, args)
    except GLMError as error:
        if error.about != "limits":
            raise
        deps.progress.say("the engine takes less at once: dividing")
        try:
            return await tool.run(deps, args)
        except (
            TooLong,
            InvalidRequest,
        ) as again:  # in our own count, which says less than the engine's words
            raise (again if again.status else error) from again


def _log_call(app: App, tool: Tool, arguments: dict[str, Any] | None, content: Content) -> None:
    """What was called and what came of it; what was asked and answered only where GLM_LOG_CONTENT allows it."""
    if not log.isEnabledFor(logging.INFO):
        return
    facts = content.meta.get("glm", {})
    outcome = facts.get("error", {}).get("kind", "failed") if content.error else "ok"
    ident = facts.get("error", facts).get("request_id", "-")
    log.info("%s: %s, %s characters, request id %s", tool.name, outcome, len(content.text), ident)
    if app.settings.log_content:
        log.info("%s was asked %s and answered %s", tool.name, arguments, content.text)


async def _fitted(result: ToolResult, deps: Deps) -> Content:
    """Fitting writes files, and takes a while for long texts."""
    if len(result.text) > deps.client.budget // 2:
        return await in_thread(fit, result, deps)
    return fit(result, deps)


def _result(content: Content) -> types.CallToolResult:
    blocks: list[types.ContentBlock] = [types.TextContent(type="text", text=content.text)]
    blocks += [
        types.ImageContent(type="image", data=base64.b64encode(d).decode("ascii"), mime_type=m)
        for d, m in content.previews
    ]
    blocks += [
        types.ResourceLink(type="resource_link", uri=link.uri, name=link.name, mime_type=link.mime)
        for link in content.links
    ]
    return types.CallToolResult(
        content=blocks,
        is_error=content.error,
        structured_content=content.structured,
        _meta=content.meta or None,
    )


def simulated(settings: Settings) -> Settings:
    """With GLM_SIMULATE: the simulator started in a thread of its own, and the settings that lead to it."""
    if not settings.simulate:
        return settings
    from pydantic import SecretStr

    from glm_mcp.simulator import Simulator, Switches

    simulator = Simulator(switches=Switches())
    simulator.start()
    return settings.model_copy(update={"base_url": simulator.url, "api_key": SecretStr(simulator.key)})
