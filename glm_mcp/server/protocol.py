"""A tool and a result as the protocol writes them, and what of a request is told to traces."""

from __future__ import annotations

import base64
from collections.abc import Collection, Coroutine
from typing import Any, cast

from mcp import types
from mcp.server.context import CallNext, HandlerResult, ServerMiddleware, ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types import methods
from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from glm_mcp import __version__
from glm_mcp.text import ID_CHARS, clean
from glm_mcp.tools.arguments import Reach
from glm_mcp.tools.base import Content, Tool

Context = ServerRequestContext[Any, Any]

# Characters that Claude Code is asked to show whole, a little over its budget in `clients`.
LONG_RESULT = 60_000
TRACE_CHARS = 1_000  # of each text by which a client names its own span; W3C asks for 512

_PATHS = "Give local paths as they are (any format, any size)."
_FAR = "It runs on another machine: give URLs, data URLs, or glm://files/ID; a path is answered with how to upload it."
_INSTRUCTIONS = (
    f"GLM models as tools: pictures, video, documents, drawing, a second opinion. {_PATHS} "
    "An error says what to do next. A result cut short says how to read on."
)


def instructions(reach: Reach) -> str:
    """What a client tells its model of the whole server."""
    return _INSTRUCTIONS.replace(_PATHS, _FAR) if reach == "nowhere" else _INSTRUCTIONS


def describe(tool: Tool, *, structured: bool = False, reach: Reach = "here") -> types.Tool:
    """A tool as clients see it, without what would be refused to a caller of this reach."""
    reads = tool.reads_only
    return types.Tool(
        name=tool.name,
        title=tool.title,
        description=(reach != "here" and tool.far) or tool.description,
        input_schema=tool.schema(reach),
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


def result(content: Content) -> types.CallToolResult:
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


_METHODS = methods.SPEC_CLIENT_METHODS | methods.SPEC_CLIENT_NOTIFICATION_METHODS
_OTHER = "_OTHER"  # what OpenTelemetry calls a method that none knows


def traced(names: Collection[str]) -> ServerMiddleware[Any]:
    """The span of a request, where somebody has set an exporter: below the one that the client names, its way told by our
    names and codes alone. It stands in the place of the SDK's own, which has the words of clients and of errors, paths
    among them, and reads any baggage on the event loop. `names`: of tools and prompts; another is a client's own word, as is a
    method of no version of the protocol.
    """

    def middleware(ctx: Context, call_next: CallNext) -> Coroutine[Any, Any, HandlerResult]:
        if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):  # nobody has set one
            return cast("Coroutine[Any, Any, HandlerResult]", call_next(ctx))
        name = (ctx.params or {}).get("name")
        return _spanned(ctx, call_next, name if isinstance(name, str) and name in names else "")

    return middleware


async def _spanned(ctx: Context, call_next: CallNext, name: str) -> HandlerResult:
    method = ctx.method if ctx.method in _METHODS else _OTHER
    told = {"mcp.method.name": method, "mcp.protocol.version": ctx.protocol_version}
    if ctx.request_id is not None:
        told["jsonrpc.request.id"] = clean(ctx.request_id, ID_CHARS)
    if name and method == "tools/call":
        told |= {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name}
    elif name:
        told["gen_ai.prompt.name"] = name
    texts = ((field, (ctx.meta or {}).get(field)) for field in ("traceparent", "tracestate"))
    above = {field: text for field, text in texts if isinstance(text, str) and len(text) <= TRACE_CHARS}
    with trace.get_tracer("glm_mcp", __version__).start_as_current_span(
        f"{method} {name}".rstrip(),
        context=TraceContextTextMapPropagator().extract(above) if above else None,
        kind=SpanKind.SERVER,
        attributes=told,
        record_exception=False,  # its words may name a file
        set_status_on_exception=False,
    ) as span:
        try:
            result = await call_next(ctx)
        except BaseException as error:
            code = str(error.error.code) if isinstance(error, MCPError) else type(error).__name__
            span.set_attribute("error.type", code)
            if isinstance(error, MCPError):
                span.set_attribute("rpc.response.status_code", code)
            span.set_status(Status(StatusCode.ERROR))
            raise
        if isinstance(result, types.CallToolResult) and result.is_error:
            span.set_attribute("error.type", "tool_error")
            span.set_status(Status(StatusCode.ERROR))
        return result
