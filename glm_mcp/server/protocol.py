"""A tool and a result as the protocol writes them, and what of a request is told to traces."""

from __future__ import annotations

import base64
from collections.abc import Collection
from dataclasses import replace
from typing import Any, cast

from mcp import types
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types import methods

from glm_mcp.text import clean
from glm_mcp.tools.arguments import Reach
from glm_mcp.tools.base import Content, Tool

Context = ServerRequestContext[Any, Any]

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


_METHODS = methods.SPEC_CLIENT_METHODS | methods.SPEC_CLIENT_NOTIFICATION_METHODS
_OTHER = "_OTHER"  # what OpenTelemetry calls a method that none knows
_ID = 64  # characters of the id of a request


class _Shown(dict[str, Any]):
    """The params of a request as the SDK's span may show them; `whole`: the request with all its words."""

    whole: Context


class _Unsaid(MCPError):
    """An error without its words, which may name a file; `whole`: with them."""

    def __init__(self, whole: MCPError) -> None:
        super().__init__(whole.error.code, "")
        self.whole = whole


class Traced:
    """On both sides of the SDK's span of a request. `names`: of tools and prompts; another is a client's own words, as is a
    method of no version of the protocol.
    """

    def __init__(self, names: Collection[str]) -> None:
        self._names = names

    async def outside(self, ctx: Context, call_next: CallNext) -> HandlerResult:
        """Lets pass, of what a client says of its own trace, two texts. The SDK reads all of it on the event loop: the blanks
        in baggage, which nothing here uses, in the square of their number; and answers other types in a library's words.
        """
        name, ident = (ctx.params or {}).get("name"), ctx.request_id
        shown = _Shown({"name": name} if isinstance(name, str) and name in self._names else {})
        if ctx.meta:
            meta: dict[str, Any] = dict(ctx.meta)
            meta.pop("baggage", None)
            for field in ("traceparent", "tracestate"):
                if not isinstance(meta.get(field), str):
                    meta.pop(field, None)
            ctx = replace(ctx, meta=cast(types.RequestParamsMeta, meta))
        shown.whole = ctx
        method = ctx.method if ctx.method in _METHODS else _OTHER
        ident = clean(ident, _ID) if isinstance(ident, str) else ident
        try:
            return await call_next(replace(ctx, method=method, params=shown, request_id=ident))
        except _Unsaid as error:
            raise error.whole from None

    async def inside(self, ctx: Context, call_next: CallNext) -> HandlerResult:
        try:
            return await call_next(ctx.params.whole if isinstance(ctx.params, _Shown) else ctx)
        except MCPError as error:
            raise _Unsaid(error) from None
