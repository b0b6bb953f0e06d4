"""Small helpers of the tests."""

from __future__ import annotations

from mcp import types


def text_of(result: types.CallToolResult) -> str:
    """All text of a result."""
    return "\n".join(block.text for block in result.content if isinstance(block, types.TextContent))
