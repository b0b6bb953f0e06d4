"""A tool and a result as the protocol writes them, and what is taken from a request's own words of its trace."""

from __future__ import annotations

import base64
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, cast

from mcp import types
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext

from glm_mcp.tools.arguments import Reach
from glm_mcp.tools.base import Content, Tool

# Characters that Claude Code is asked to show whole, a little over its budget in `clients`.
LONG_RESULT = 60_000

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


def with_plain_trace(
    ctx: ServerRequestContext[Any, Any], call_next: CallNext
) -> Coroutine[Any, Any, HandlerResult]:
    """Lets pass, of what a client says of its own trace, two texts. The SDK reads all of it on the event loop: the blanks
    in baggage, which nothing here uses, in the square of their number; and answers other types in a library's words.
    """
    if ctx.meta:
        meta: dict[str, Any] = dict(ctx.meta)
        meta.pop("baggage", None)
        for name in ("traceparent", "tracestate"):
            if not isinstance(meta.get(name), str):
                meta.pop(name, None)
        ctx = replace(ctx, meta=cast(types.RequestParamsMeta, meta))
    return cast("Coroutine[Any, Any, HandlerResult]", call_next(ctx))
