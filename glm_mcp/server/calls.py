"""One call of a tool: within its deadline and its caller's limits, and every failure a result that can be read."""

from __future__ import annotations

import logging
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import anyio

from glm_mcp.deadline import ends_at
from glm_mcp.errors import GLMError, InternalError, TimedOut, exhausted
from glm_mcp.glm.progress import Progress
from glm_mcp.glm.threads import give_back_soon, in_thread_if
from glm_mcp.media.kept.uploads import curl_line
from glm_mcp.server.callers.caller import LOCAL
from glm_mcp.server.tally import Now
from glm_mcp.tools.arguments import is_much, read_in_time
from glm_mcp.tools.base import Content, Deps, Tool, ToolResult, failure, fit, lesson
from glm_mcp.tools.words.chinese import chosen, said

if TYPE_CHECKING:
    from glm_mcp.server.app import App, Context

GRACE_S = 0.5  # for a call's own words about its deadline, before it is ended from outside
TOKEN_CHARS = 1_000  # of what a client finds its progress by

log = logging.getLogger(__name__)


async def call(app: App, tool: Tool, context: Context, arguments: dict[str, Any] | None, now: Now) -> Content:
    """One call: arguments read, the tool run under its deadline with progress, every failure made a readable result."""

    async def send(step: float, message: str) -> None:
        # Not by way of `deps`, which holds this: in a circle a large request would stay until the collector comes by.
        await context.session.report_progress(step, None, said(message, chosen(app.settings.lang)))

    progress = Progress(send, app.on_text)
    client, caller = app.client_of(context), app.caller_of(context)
    deadline = anyio.current_time() + client.deadline_s
    address = app.address_of(context)
    sandbox = app.sandbox.uploading(curl_line(address, token=caller is not LOCAL)) if address else app.sandbox
    outputs = app.outputs_of(caller)
    deps = Deps(app.settings, app.glm, sandbox, outputs, client, progress, deadline, address)
    content: Content | None = None

    def late() -> Content:
        return failure(
            TimedOut(
                f"{tool.name} was still at work after {client.deadline_s:.0f} s: {progress.message}",
                "Ask for less (fewer files, pages or seconds), or allow more time with GLM_DEADLINE_S and the host's own limit.",
            ),
            deps,
        )

    async with progress.told() if _listens(app, context) else nullcontext():
        with app.watched(context, deadline + GRACE_S, late), ends_at(deadline, grace_s=GRACE_S):
            try:
                await app.look_at_key()
                args = await read_in_time(tool.name, tool.args, arguments)
                async with app.admitted(caller, progress) as glm:
                    now.meter = glm.meter
                    await glm.meet()
                    taught: GLMError | None = None
                    while content is None:
                        try:
                            with deps.room:
                                content = await _fitted(await tool.run(replace(deps, glm=glm), args), deps)
                        except GLMError as error:
                            taught = lesson(error, taught)
            except GLMError as error:
                content = await in_thread_if(bool(error.partial), failure, error, deps)
            except Exception as error:  # the one outer boundary: a defect becomes a readable result, and its traceback goes to the log
                log.exception("%s failed", tool.name)
                defect = f"{tool.name} failed by a defect of this server"
                why = exhausted(error) or InternalError(defect, "Please report it, with the log.")
                content = failure(why, deps)
    now.content = content = content or late()
    if app.settings.log_content:
        log.info("%s was asked %s and answered %s", tool.name, arguments, content.text)
    if is_much(arguments):
        give_back_soon()
    return content


def _listens(app: App, context: Context) -> bool:
    """Whether the client wants to be told how a call goes on."""
    token = (context.meta or {}).get("progress_token")
    if token is None:  # one in this process gives none and listens
        return context.request is None and app.deadlines is None
    return not isinstance(token, str) or len(token) <= TOKEN_CHARS  # each message repeats it


async def _fitted(result: ToolResult, deps: Deps) -> Content:
    """Fitting writes files, and takes a while for long texts."""
    much = len(result.text) > deps.client.budget // 2 or deps.settings.structured
    return await in_thread_if(much, fit, result, deps)
