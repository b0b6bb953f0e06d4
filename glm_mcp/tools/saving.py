"""Files that come out of a call: saved where the user wants them, or kept privately, and how they are named to the caller.

A full disk, or a folder that has become a link, must not cost the answer that the file belongs to: then what to say is
why there is no file, and no link.
"""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Callable

from glm_mcp.errors import ConfigError, ForbiddenPath
from glm_mcp.outputs import SCHEME
from glm_mcp.threads import in_thread
from glm_mcp.tools.base import Deps, Link

STEM_OF = 1_000  # characters of what a name is made from
STEM_CHARS = 40  # of a file's name that is made from another's, or from words


def stem_of(words: str, default: str) -> str:
    """A short file name from a path, an address or words: letters of any script, digits, _ and hyphens."""
    return re.sub(r"[^\w]+", "-", words[:STEM_OF]).strip("-_")[:STEM_CHARS].rstrip("-_") or default


def stem_of_source(name: str, default: str) -> str:
    """The same from a source's name, without its folders and its suffix."""
    last = name.rpartition("/")[2]
    return stem_of(last.rpartition(".")[0] or last, default)


async def save(deps: Deps, name: str, data: bytes) -> tuple[str, list[Link]]:
    """Writes what the user asked for. Gives (what to say: the absolute path, over HTTP the kept address; its link)."""

    def write() -> tuple[str, Link]:
        if not deps.client.local:
            return _keep(deps, name, data)
        target = deps.outputs.destination(None, name, sandbox=deps.sandbox)
        path = deps.outputs.write(target, data, sandbox=deps.sandbox)
        return str(path), Link(path.as_uri(), path.name, _mime(name))

    return await in_thread(_tried, write)


async def keep(deps: Deps, name: str, data: bytes) -> tuple[str, list[Link]]:
    """Keeps what the tools made for themselves. Gives (where it can be read, its link)."""

    def write() -> tuple[str, Link]:
        said, link = _keep(deps, name, data)
        if deps.client.local:
            path = deps.outputs.find(said)
            return str(path), Link(path.as_uri(), name, _mime(name))
        return said, link

    return await in_thread(_tried, write)


def _tried(write: Callable[[], tuple[str, Link]]) -> tuple[str, list[Link]]:
    try:
        said, link = write()
    except (ConfigError, ForbiddenPath) as error:
        return f"not saved: {error.message}. {error.hint}", []
    return said, [link]


def _keep(deps: Deps, name: str, data: bytes) -> tuple[str, Link]:
    dot = name.rfind(".")
    uri = SCHEME + deps.outputs.keep(data, name[dot:] if dot > 0 else "", name=name)
    return uri, Link(uri, name, _mime(name))


def _mime(name: str) -> str:
    return mimetypes.guess_type(name)[0] or "application/octet-stream"
