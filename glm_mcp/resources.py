"""What earlier calls kept, readable as resources: long results, generated pictures, drawn boxes."""

from __future__ import annotations

import mimetypes
from dataclasses import dataclass

from glm_mcp.errors import NotFound
from glm_mcp.outputs import Outputs

SCHEME = "glm://outputs/"


@dataclass(frozen=True, slots=True)
class Resource:
    """One kept result. `text` or `data`, by its type."""

    uri: str
    name: str
    mime: str
    text: str | None = None
    data: bytes | None = None


def mime_of(name: str) -> str:
    return (
        "text/markdown"
        if name.endswith(".md")
        else mimetypes.guess_type(name)[0] or "application/octet-stream"
    )


def read(outputs: Outputs, uri: str) -> Resource:
    """Raises NotFound for an unknown or expired one."""
    if not uri.startswith(SCHEME):
        raise NotFound(f"no resource {uri[:100]}", "Resources are glm://outputs/ID.")
    path, data = outputs.kept(uri[len(SCHEME) :])
    name = path.name.partition(".")[2]  # kept files are called ID.name
    mime = mime_of(name)
    if mime.startswith("text/") or mime == "application/json":
        return Resource(uri, name, mime, text=data.decode("utf-8", "replace"))
    return Resource(uri, name, mime, data=data)
