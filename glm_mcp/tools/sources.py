"""From arguments to sources, with this call's sandbox, limits and time; they are closed when the call ends."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio

from glm_mcp.errors import GLMError, MediaTooLarge
from glm_mcp.glm.messages import File, Image, Part, Text, Video
from glm_mcp.glm.threads import in_thread, in_thread_if
from glm_mcp.media.charset import decode
from glm_mcp.media.documents.pages import to_markdown
from glm_mcp.media.documents.read import read_document
from glm_mcp.media.formats import Want, check_fits, largest
from glm_mcp.media.images.prepare import prepare_image
from glm_mcp.media.kept.uploads import LARGEST, MIB
from glm_mcp.media.sources.download import fetched
from glm_mcp.media.sources.paths import check_number
from glm_mcp.media.sources.resolve import resolve_source
from glm_mcp.media.sources.room import Room
from glm_mcp.media.sources.urls import parse_public_url
from glm_mcp.media.types import LEAVABLE, SHORT, Document, Picture, Source
from glm_mcp.secret_texts import holds_secret, secret_in
from glm_mcp.text import one_line
from glm_mcp.tools.base import Deps

DOWNLOAD_BYTES = LARGEST  # of a URL; what the platform itself takes for a video
REASONS, REASON_CHARS = 3, 120  # of files left out, in a closing line
TIME_SHARE = 0.5  # of the time that is left, for one download
SIDECAR_BYTES = 5_000_000  # of a subtitle file; a video's has 100 kB
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]{0,40}://\S*", re.IGNORECASE)
_LOOKED_AT = 10_000  # characters of what may be one; of a longer one the parser says so
_ADDRESS_NAMES = ("url", "uri", "endpoint")  # how names end under which one stands
# After the video's own name.
SIDECAR = re.compile(
    r"(?:\.(?:mp4|m4v))?"
    r"(?:\.(?:[a-z]{2,3}(?:[-_][a-z0-9]{2,4}){0,2}(?:&[a-z]{2,3})?|[\u4e00-\u9fff&]{2,8}))?"  # one language, or two
    r"(?:\.(?:sdh|cc|hi|forced|default|auto))?\.(?:srt|vtt|ass|ssa|sbv|smi|sami|ttml|dfxp)",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Opened:
    """The sources of one call, and what is wrong with those files of a pattern that it goes without."""

    sources: list[Source] = field(default_factory=list)
    left_out: list[GLMError] = field(default_factory=list)
    room: Room = field(default_factory=Room)

    def counted(self, document: Document) -> Document:
        """The document. Raises as `Room.read`."""
        self.room.read(document.chars, len(document.pages))
        return document

    @contextmanager
    def leaving_out(self, source: Source) -> Iterator[None]:
        """What is wrong with a file that a pattern named is noted, and the block ends; of any other it is raised."""
        try:
            yield
        except LEAVABLE as error:
            if not source.matched:
                raise
            self.left_out.append(error)

    def missed(self) -> list[str]:
        """A note that names the files of a pattern that were left out, the first few with the reason."""
        if not self.left_out:
            return []
        reasons = "; ".join(one_line(error.message)[:REASON_CHARS] for error in self.left_out[:REASONS])
        more = "; …" if len(self.left_out) > REASONS else ""
        return [f"{len(self.left_out)} left out: {reasons}{more}"]


@asynccontextmanager
async def opened(deps: Deps, arguments: Sequence[str], want: Want) -> AsyncIterator[Opened]:
    """The sources that arguments name, open for as long as the block lasts. Raises as `resolve_source`."""
    held = Opened(room=deps.room)
    try:
        for argument in arguments:
            held.sources += await resolve(deps, argument, want, held.left_out)
            check_number(len(held.sources))
        yield held
    finally:
        for source in held.sources:
            source.close()


async def resolve(
    deps: Deps, argument: str, want: Want, left_out: list[GLMError] | None = None
) -> list[Source]:
    """The sources that an argument names; `left_out` and errors as of `resolve_source`."""
    sources = await resolve_source(
        argument, want, sandbox=deps.sandbox, outputs=deps.outputs, max_bytes=largest(want), left_out=left_out
    )
    # A name goes into notes and prompts, where a line break in it would speak for itself.
    return [replace(source, name=one_line(source.name)) for source in sources]


def is_web_address(text: str) -> bool:
    return text[:8].lower().startswith(("http://", "https://"))


def leaving(deps: Deps, address: str) -> str:
    """An address that the service is to fetch, written anew so that both read the same. Raises as `parse_public_url`."""
    bare = address.partition("#")[0].replace(" ", "%20")
    return str(parse_public_url(bare, own_host=deps.sandbox.own_host))


def with_public_addresses(deps: Deps, value: Any, name: str = "") -> Any:
    """Data that the service acts on, with every address in it as of `leaving`: what is one, or stands under such a name."""
    match value:
        case dict():
            return {k: with_public_addresses(deps, v, str(k)) for k, v in value.items()}
        case list():
            return [with_public_addresses(deps, v, name) for v in value]
        case str() if _ADDRESS.fullmatch(value.strip()[:_LOOKED_AT]) or (value and _holds_address(name)):
            return leaving(deps, value.strip())
        case _:
            return value


def _holds_address(name: str) -> bool:
    return name[-10:].lower().endswith(_ADDRESS_NAMES)


def origin(source: Source) -> list[str]:
    """A note that says where a text or image of somebody else's came from: a download, or what an answer before kept."""
    if source.url:
        return [f"{source.name} taken from {urlsplit(source.url).hostname}"]
    return ["kept from an earlier answer"] if source.kept else []


async def fetch(deps: Deps, source: Source, want: Want) -> Source:
    """A source by URL downloaded. Raises as `fetched` and `Room.download`, and UnsupportedMedia when it is not what
    is wanted.
    """
    left = max(1.0, (deps.deadline - anyio.current_time()) * TIME_SHARE)
    deps.progress.say(f"downloading {source.name}")
    here = await fetched(
        source,
        max_bytes=DOWNLOAD_BYTES,
        timeout_s=left,
        own_host=deps.sandbox.own_host,
        counted=deps.room.download,
    )
    check_fits(here.kind, here.size, here.name, want)
    return here


async def fetched_all(deps: Deps, sources: Sequence[Source], want: Want) -> AsyncIterator[Source]:
    """One after the other; each is as it is where it is no address. Raises as `fetch`."""
    for source in sources:
        yield await fetch(deps, source, want) if source.is_remote else source


async def downloaded(deps: Deps, part: Part) -> Part:
    """What stands behind an address, for a service that cannot fetch it or may not: the bytes of an image or a film, the
    text of a document; a part without an address as it is. Raises as `fetch`.
    """
    match part:
        case Image(url=str() as url):
            pass
        case Video(url=str() as url):
            (source,) = await resolve(deps, url, "video")
            here = await fetch(deps, source, "video")
            if here.size > deps.settings.max_video_mb * MIB:
                raise MediaTooLarge(
                    f"{here.name} has {here.size / MIB:.0f} MB; GLM_MAX_VIDEO_MB is {deps.settings.max_video_mb:g}",
                    "Use analyze_video, which makes it smaller or reads it as frames.",
                )
            return Video(here.name, data=await in_thread(here.read), mime=here.kind.mime)
        case File(url=url):
            (source,) = await resolve(deps, url, "document")
            document = await read_document(await fetch(deps, source, "document"))
            deps.room.read(document.chars, len(document.pages))
            return await as_text(document)
        case _:
            return part
    (source,) = await resolve(deps, url, "image")
    card = deps.glm.models("vision")[0]
    pictures = await prepare_image(
        await fetch(deps, source, "image"), card, max_parts=1, budget=card.body_bytes, tiles=False
    )
    return pictured(deps, pictures)[0].part


def pictured(deps: Deps, pictures: list[Picture]) -> list[Picture]:
    """The pictures, which the call holds until its end. Raises as `Room.draw`."""
    deps.room.draw(sum(len(picture.part.data or b"") for picture in pictures))
    return pictures


async def as_text(document: Document) -> Text:
    """A document as a part of a message, between lines that name it."""

    def written() -> str:
        return f"[file: {document.name}]\n{to_markdown(document)}\n[end of {document.name}]"

    return Text(await in_thread_if(document.chars > SHORT, written))


async def subtitles_beside(deps: Deps, source: Source) -> tuple[str, str] | None:
    """The name and text of a subtitle file beside a local video, where it may be read, or of one that came along with an
    uploaded one. A link counts only when it leads to a file beside the video: nobody named it. Raises as `Room.read`.
    """
    found = [str(p) for p in await in_thread(sidecars, source.path)] if source.path else []
    for beside in [source.beside] if source.beside else found:
        try:
            async with opened(deps, [beside], "any") as held:
                if not lies_beside(source, file := held.sources[0]):
                    continue
                text = await in_thread(_without_secret, file)
        except GLMError:
            continue
        deps.room.read(len(text))
        return file.name, text
    return None


def _without_secret(file: Source) -> str:
    """The text of a file. Raises ForbiddenPath where it holds a secret, which its bytes need not show. Blocks."""
    text = decode(file.read(), file.name).text
    if said := secret_in(text, allowed=file.named):
        raise holds_secret(file.name, said)
    return text


def lies_beside(video: Source, file: Source) -> bool:
    """Whether a file that nobody named may go along with a video: from where it is or came, and of a fit size."""
    together = file.path is not None and video.path is not None and file.path.parent == video.path.parent
    return (together or bool(video.beside)) and file.size <= SIDECAR_BYTES


def sidecars(video: Path) -> list[Path]:
    """Subtitle files of a video: its name, perhaps a language, and the suffix; the plainest name first."""
    try:
        names = [p for p in video.parent.iterdir() if p.name.casefold().startswith(video.stem.casefold())]
    except OSError:
        return []
    fit = [p for p in names if SIDECAR.fullmatch(p.name[len(video.stem) :])]
    return sorted(fit, key=lambda p: (len(p.name), p.name.casefold()))
