"""From an argument to sources, with this call's sandbox, limits and time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import urlsplit

import anyio

from glm_mcp.errors import GLMError
from glm_mcp.glm.messages import Image, Part
from glm_mcp.media.formats import Want, check_fits, largest
from glm_mcp.media.images.prepare import prepare_image
from glm_mcp.media.sources.download import fetched
from glm_mcp.media.sources.resolve import resolve_source
from glm_mcp.media.types import Source
from glm_mcp.text import one_line
from glm_mcp.tools.base import Deps

MIB = 1024 * 1024
DOWNLOAD_BYTES = 200 * MIB  # of a URL; what the platform itself takes for a video
REASONS, REASON_CHARS = 3, 120  # of files left out, in a closing line
TIME_SHARE = 0.5  # of the time that is left, for one download


async def resolve(
    deps: Deps, argument: str, want: Want, left_out: list[GLMError] | None = None
) -> list[Source]:
    """The sources that an argument names; `left_out` and errors as of `resolve_source`."""
    found = await resolve_source(
        argument,
        want,
        sandbox=deps.sandbox,
        outputs=deps.outputs,
        max_bytes=largest(want),
        left_out=left_out,
    )
    # A name goes into notes and prompts, where a line break in it would speak for itself.
    return [replace(source, name=one_line(source.name)) for source in found]


def missed(left_out: Sequence[GLMError]) -> list[str]:
    """A note that names the files of a pattern that were left out, the first few with the reason."""
    if not left_out:
        return []
    said = "; ".join(one_line(error.message)[:REASON_CHARS] for error in left_out[:REASONS])
    return [f"{len(left_out)} left out: {said}" + ("; …" if len(left_out) > REASONS else "")]


def is_remote(source: Source) -> bool:
    """A URL that nothing was fetched of."""
    return source.url is not None and source.data is None and source.handle is None


def origin(source: Source) -> list[str]:
    """A note that says where a text or picture of somebody else's came from: a download, or what an answer before kept."""
    if source.url:
        return [f"{source.name} from {urlsplit(source.url).hostname}"]
    # Bytes that have a path are our own cache's.
    return ["kept from an earlier answer"] if source.path and source.data is not None else []


async def fetch(deps: Deps, source: Source, want: Want) -> Source:
    """A source by URL downloaded. Raises as `fetched`, and UnsupportedMedia when it is not what is wanted."""
    left = max(1.0, (deps.deadline - anyio.current_time()) * TIME_SHARE)
    deps.progress.say(f"downloading {source.name}")
    here = await fetched(source, max_bytes=DOWNLOAD_BYTES, timeout_s=left, own_host=deps.sandbox.own_host)
    check_fits(here.kind, here.size, here.name, want)
    return here


async def downloaded(deps: Deps, part: Part) -> Part:
    """A picture by URL turned into bytes, for a service that cannot fetch it."""
    if not isinstance(part, Image) or part.url is None:
        return part
    found = await resolve(deps, part.url, "image")
    card = deps.glm.models("vision")[0]
    pictures = await prepare_image(
        await fetch(deps, found[0], "image"), card, max_parts=1, budget=card.body_bytes, tiles=False
    )
    return pictures[0].part
