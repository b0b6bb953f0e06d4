"""Local files of a call: found by the user's own sandbox, looked through for secrets, uploaded once, and named to the server
by `glm://files/ID`.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable

import anyio

from glm_mcp.cli.connect.upstream import Upstream
from glm_mcp.errors import ForbiddenPath, GLMError, InvalidRequest, MediaTooLarge, NotFound
from glm_mcp.glm.threads import in_thread
from glm_mcp.media.documents.read import read_document
from glm_mcp.media.formats import Want, largest
from glm_mcp.media.kept.outputs import Outputs
from glm_mcp.media.kept.uploads import LARGEST, MIB
from glm_mcp.media.sources.fragment import written
from glm_mcp.media.sources.pasted import tidy
from glm_mcp.media.sources.resolve import resolve_source
from glm_mcp.media.types import Document, Source
from glm_mcp.sandbox import Sandbox
from glm_mcp.text import Redactor, keyless
from glm_mcp.tools.sources import lies_beside, sidecars

LOOK_S = 20.0  # for a look through one document; the call has yet to be answered in its host's time

Say = Callable[[str], Awaitable[None]]


class Uploader:
    """What the server has of this user's files."""

    def __init__(self, upstream: Upstream, sandbox: Sandbox, outputs: Outputs) -> None:
        self._upstream, self._sandbox, self._outputs = upstream, sandbox, outputs
        self._digests: dict[tuple[int, ...], str] = {}
        self._locks: dict[tuple[str, str], anyio.Lock] = {}

    async def named(
        self, argument: str, want: Want, say: Say, password: str | None = None
    ) -> tuple[list[str], list[GLMError]]:
        """The same sources as the server can have them, and what was left out of a pattern. `password`: of documents.
        Raises as `resolve_source`.
        """
        text = tidy(argument)
        if text[:8].lower().startswith(("http://", "https://", "glm://")):
            return [argument], []
        left_out: list[GLMError] = []
        sources = await resolve_source(
            argument,
            want,
            sandbox=self._sandbox,
            outputs=self._outputs,
            max_bytes=largest(want),
            left_out=left_out,
        )
        try:
            if want == "video" and len(sources) > 1:
                said = f"analyze_video: {len(sources)} files fit"
                raise InvalidRequest(said, "It reads one video a call; name one.")
            named = []
            for source in sources:
                beside = await self._subtitles(source, say) if want == "video" else ""
                try:
                    address = source.url if source.is_remote else await self._sent(source, say, password)
                except ForbiddenPath as error:
                    if not source.matched:
                        raise
                    left_out.append(error)
                    continue
                named.append(f"{address}{beside}{written(source.fragment)}")
            if left_out and not named:
                raise left_out[0]
        finally:
            for source in sources:
                source.close()
        return named, left_out

    async def _subtitles(self, video: Source, say: Say) -> str:
        """The subtitle file beside a film, as an ending of its address."""
        for path in await in_thread(sidecars, video.path) if video.path else ():
            try:
                (file,) = await resolve_source(
                    str(path), "any", sandbox=self._sandbox, outputs=self._outputs, max_bytes=largest("any")
                )
            except GLMError:
                continue
            try:
                if lies_beside(video, file):
                    return "?subtitles=" + (await self._sent(file, say)).rpartition("/")[2]
            finally:
                file.close()
        return ""

    async def _sent(self, source: Source, say: Say, password: str | None = None) -> str:
        """Its address at the server, which is asked first whether it has it."""
        name = keyless(source.name.replace("/", "-"))
        if source.size > LARGEST:
            raise MediaTooLarge(
                f"{name} has {source.size // MIB:,} MB, and the server takes {LARGEST // MIB} MB of one file",
                "Send a part of it, or a smaller version.",
            )
        digest = await self._digest(source)
        # Two calls at once with the same file send it once.
        async with self._locks.setdefault((digest, name), anyio.Lock()):
            asked = {"sha256": digest, "name": name}
            try:
                return await self._upstream.file("GET", params=asked)
            except NotFound:
                await _refuse_secrets(source, password)
                await say(f"uploading {name}")
            headers = {"Content-Length": str(source.size), "Content-Type": "application/octet-stream"}
            return await self._upstream.file(
                "POST", params={"name": name}, headers=headers, content=_pieces(source)
            )

    async def _digest(self, source: Source) -> str:
        """Of its contents; a file that has not changed since is not read again."""
        if source.handle is None:
            return await in_thread(source.digest)
        info = os.fstat(source.handle.fileno())
        key = (info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns)
        if key not in self._digests:
            self._digests[key] = await in_thread(source.digest)
        return self._digests[key]


async def _refuse_secrets(source: Source, password: str | None) -> None:
    """Raises ForbiddenPath for a document whose text holds a secret, or a key of this machine's settings, which that server
    does not know; and InvalidRequest for one that wants a password. What cannot be read here, or not in time, is for the
    server to look through.
    """
    if not (source.kind.reader and source.kind.family in ("document", "text")):
        return
    held = False
    try:
        with anyio.move_on_after(LOOK_S):
            with Redactor().applied():  # as it stands there: what knows the keys takes them out
                document = await read_document(source, pages="all", password=password)
            held = await in_thread(_holds_own, document)
    except (ForbiddenPath, InvalidRequest):
        raise
    except GLMError:
        return
    if held:
        raise ForbiddenPath(
            f"{source.name} holds a key or token of this machine's settings, and these are not uploaded",
            "Take it out of a copy, and pass that.",
        )


def _holds_own(document: Document) -> bool:
    said = "\n".join(page.text for page in document.pages)
    return keyless(said) != said


async def _pieces(source: Source) -> AsyncIterator[bytes]:
    at = 0
    while at < source.size:
        piece = await in_thread(source.piece, at)
        if not piece:
            raise InvalidRequest(f"{source.name} became shorter while it was sent", "Call again.")
        yield piece  # a file that grows meanwhile is sent as long as it was
        at += len(piece)
