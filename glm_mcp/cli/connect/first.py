"""What is said of a server that has never answered: this version's own tools. A call of one then says what is wrong."""

from __future__ import annotations

from typing import Any

from glm_mcp import __version__
from glm_mcp.cli.connect.bridge import VERSIONS
from glm_mcp.cli.connect.lines import Message
from glm_mcp.cli.connect.memory import version_of


def first_words(message: Message) -> dict[str, Any] | None:
    """None for what cannot be said without it. A client of 2026-07-28 that hears nothing begins as an older one does."""
    if message["method"] == "initialize":
        asked = (message.get("params") or {}).get("protocolVersion")
        return {
            "protocolVersion": asked if asked in VERSIONS else VERSIONS[0],
            "capabilities": {"tools": {}, "prompts": {}, "resources": {}, "completions": {}},
            "serverInfo": {"name": "glm-mcp", "version": __version__, "title": "GLM tools"},
        }
    if message["method"] == "tools/list" and not version_of(message):
        from glm_mcp.server.app import TOOLS
        from glm_mcp.server.protocol import describe

        listed = [
            describe(t).model_dump(mode="json", by_alias=True, exclude_none=True) for t in TOOLS.values()
        ]
        return {"tools": listed}
    return None
