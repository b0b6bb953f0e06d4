"""A tool and a result as the protocol writes them."""

from __future__ import annotations

import base64

from mcp import types

from glm_mcp.tools.base import Content, Tool

LONG_RESULT = (
    60_000  # characters that Claude Code is asked to show whole, a little over its budget in `clients`
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
