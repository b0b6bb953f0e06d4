"""Files that come out of a call: saved where the user wants them, or kept privately, and how they are named to the caller.

A full disk, or a folder that has become a link, must not cost the answer that the file belongs to: then what to say is
why there is no file, and no link.
"""

from __future__ import annotations

import mimetypes
import os
import re
from collections.abc import Callable
from pathlib import Path

from glm_mcp.errors import ConfigError, ForbiddenPath, InvalidRequest, NotFound
from glm_mcp.glm.threads import in_thread
from glm_mcp.media.kept.outputs import SCHEME, Outputs
from glm_mcp.sandbox import Sandbox
from glm_mcp.tools.base import Deps, Link

STEM_OF = 1_000  # characters of what a name is made from
STEM_CHARS = 40  # of a file's name that is made from another's, or from words


def stem_of(words: str, default: str) -> str:
    """A short file name from a path, an address or words: letters of any script, digits, _ and hyphens."""
    return re.sub(r"[^\w]+", "-", words[:STEM_OF]).strip("-_")[:STEM_CHARS].rstrip("-_") or default


def default_name(prompt: str) -> str:
    return stem_of(prompt[:STEM_OF].lower(), "image") + ".png"


def settled(outputs: Outputs, sandbox: Sandbox, output: str, prompt: str) -> Path:
    """The file to write a drawn picture to. Raises InvalidRequest, ForbiddenPath, ConfigError when that cannot be."""
    from glm_mcp.media.images.convert import FORMATS

    target = outputs.destination(output or None, default_name(prompt), sandbox=sandbox)
    if _looks_like_suffix(target.suffix) and target.suffix.lower() not in FORMATS:
        raise InvalidRequest(
            f"generate_image: pictures cannot be saved as '{target.suffix}'",
            f"The suffix of output may be {', '.join(FORMATS)}.",
        )
    folder = target.parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise ConfigError(
            f"{target.name} cannot be written to {target.parent}",
            "Give another output, or set GLM_OUTPUT_DIR to a folder that can be written.",
        )
    return target if _looks_like_suffix(target.suffix) else target.with_name(target.name + ".png")


def names_format(output: str, target: Path) -> bool:
    """Whether `output` says in which format to save; `target`: what `settled` made of it."""
    return output.lower().endswith(target.suffix.lower())


def _looks_like_suffix(suffix: str) -> bool:
    return re.fullmatch(r"\.[A-Za-z0-9]{1,5}", suffix) is not None


def stem_of_source(name: str, default: str) -> str:
    """The same from a source's name, without its folders and its suffix."""
    last = name.rpartition("/")[2]
    return stem_of(last.rpartition(".")[0] or last, default)


async def save(deps: Deps, name: str, data: bytes) -> tuple[str, list[Link]]:
    """Writes what the user asked for. Gives (what to say: the absolute path, over HTTP as of `kept`; its link)."""

    def write() -> tuple[str, Link]:
        if not deps.client.local:
            ident, link = _keep(deps, name, data)
            return kept(deps, ident), link
        target = deps.outputs.destination(None, name, sandbox=deps.sandbox)
        path = deps.outputs.write(target, data, sandbox=deps.sandbox)
        return str(path), Link(path.as_uri(), path.name, mime_of(name))

    return await in_thread(_tried, deps, write)


async def keep(deps: Deps, name: str, data: bytes) -> tuple[str, list[Link]]:
    """Keeps what the tools made for themselves. Gives (where it can be read, its link)."""

    def write() -> tuple[str, Link]:
        ident, link = _keep(deps, name, data)
        if deps.client.local:
            path = deps.outputs.find(ident)
            return str(path), Link(path.as_uri(), name, mime_of(name))
        return kept(deps, ident), link

    return await in_thread(_tried, deps, write)


def _tried(deps: Deps, write: Callable[[], tuple[str, Link]]) -> tuple[str, list[Link]]:
    try:
        said, link = write()
    except (ConfigError, ForbiddenPath, NotFound) as error:  # also what another process has just swept away
        return deps.said(f"not saved: {error.message}. {error.hint}"), []
    return said, [link]


def _keep(deps: Deps, name: str, data: bytes) -> tuple[str, Link]:
    dot = name.rfind(".")
    ident = deps.outputs.keep(data, name[dot:] if dot > 0 else "", name=name)
    return ident, Link(SCHEME + ident, name, mime_of(name))


def kept(deps: Deps, ident: str) -> str:
    """How a kept file is named to a caller over HTTP: for the tools, and where it can be fetched from."""
    place = deps.download(ident)
    return f"{SCHEME}{ident} ({place})" if place else SCHEME + ident


def mime_of(name: str) -> str:
    known = "text/markdown" if name.endswith(".md") else mimetypes.guess_type(name)[0]
    return known or "application/octet-stream"
