"""Pictures from sources, ready for the API: untouched where they may be, else converted, cut and fitted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anyio
import anyio.to_thread

from glm_mcp.errors import GLMError, InvalidRequest
from glm_mcp.glm.messages import Image
from glm_mcp.media.types import LEAVABLE, Picture, Source
from glm_mcp.media.worker import run_job
from glm_mcp.registry import Card
from glm_mcp.threads import limiter

# Pillow is imported by the functions that work with it: a server that only chats starts without it.

MOST_PARTS = 16  # pieces of one file; at about 3,500 tokens each they still leave half of a 128K window
# Memory is for one picture at its largest; more at once gain little, as decoding one keeps a core busy.
_AT_ONCE = 2
# Beyond this a decoded picture is over 64 MB: into a child, whose memory is given back, and whose work on single
# pixels holds no lock that the event loop needs.
_HEAVY_PIXELS = 16_000_000
_TIME_S = 45.0
# Libraries that crash on hostile files, or no part of Pillow's own: always in a child.
_CHILD_KINDS = frozenset(("heic", "tiff", "jp2"))


async def prepare_images(
    sources: Sequence[Source],
    card: Card,
    *,
    tiles: bool = True,
    budget: int | None = None,
    left_out: list[GLMError] | None = None,
) -> list[Picture]:
    """The pictures of all sources in order, prepared side by side. `budget`: characters of base64 for all of them.
    `left_out`: takes what is wrong with single files of a pattern; without it they are errors.

    Raises InvalidRequest (more than the model takes), UnsupportedMedia, MediaTooLarge, MissingExtra, NotFound, TimedOut.
    """
    if not sources:
        return []
    if len(sources) > card.images:
        takes = f"at most {card.images} at a time" if card.images else "none"
        raise InvalidRequest(
            f"{len(sources)} picture{'s' * (len(sources) > 1)} given; {card.id} takes {takes}",
            "Send fewer pictures, in several calls."
            if card.images
            else "Leave `model` out or name a vision model.",
        )
    total = card.body_bytes if budget is None else min(budget, card.body_bytes)
    # First each as many and as large as it likes; most often that fits, and then nobody is made smaller.
    free = card.images - len(sources) + 1
    groups = await _side_by_side(
        sources,
        card,
        [min(MOST_PARTS, free)] * len(sources),
        [total] * len(sources),
        tiles=tiles,
        left_out=left_out,
    )
    parts = [len(group) for group in groups]
    wanted = [sum(_base64(p) for p in group) for group in groups]
    if sum(parts) > card.images or sum(wanted) > total:
        from glm_mcp.media.images.tiling import shares

        most, given = shares(parts, card.images), shares(wanted, total)
        over = [i for i in range(len(sources)) if parts[i] > most[i] or wanted[i] > given[i]]
        for i in over:
            groups[i] = []  # not held while they are made anew
        again = await _side_by_side(
            [sources[i] for i in over],
            card,
            [most[i] for i in over],
            [given[i] for i in over],
            tiles=tiles,
            left_out=left_out,
        )
        for i, group in zip(over, again, strict=True):
            groups[i] = group
    return [picture for group in groups for picture in group]


async def prepare_image(
    source: Source, card: Card, *, max_parts: int, budget: int, tiles: bool = True
) -> list[Picture]:
    """The pictures of one source, at most `max_parts` and `budget` characters of base64. Notes are on the first.

    A URL that was not fetched goes as it is, with no sizes (0). Raises as `prepare_images`.
    """
    fragment = source.fragment
    if source.url is not None and source.data is None and source.handle is None:
        if fragment.xywh or fragment.t or fragment.page:
            raise InvalidRequest(
                f"a part of {source.name} can only be cut after downloading it",
                "Send the whole picture, or its file.",
            )
        return [Picture(Image(source.name, url=source.url), 0, 0, (0, 0))]
    raw = max(1, budget * 3 // 4 - 64 * max_parts)
    options = {
        "name": source.name,
        "side": card.image_side,
        "limit": min(card.image_bytes, raw),
        "budget": raw,
        "most": max(1, max_parts),
        "tiles": tiles,
        "xywh": fragment.xywh,
        "percent": fragment.percent,
        "t": fragment.t,
        "page": fragment.page,
    }
    done = await anyio.to_thread.run_sync(
        _in_thread, source, options, abandon_on_cancel=True, limiter=limiter("images", _AT_ONCE)
    )
    if isinstance(done, str):
        from glm_mcp.media.images.pipeline import unpack

        facts, blobs = await run_job(done, source, options, timeout_s=_TIME_S)
        done = unpack(facts, blobs)
    return _pictures(source.name, *done)


def _in_thread(source: Source, raw: dict[str, Any]) -> Any:
    """The pieces, or the name of the job that a child process must do instead."""
    from glm_mcp.media.images import decode, metadata, pipeline
    from glm_mcp.media.images.cutting import Options

    data = source.read()
    kind = metadata.sniff(data)
    if kind == "svg":
        return "svg"
    if kind in _CHILD_KINDS:
        return "image"
    try:
        image = decode.open_lazily(data, source.name)
        frames = decode.count_frames(data, source.name) if kind in {"gif", "webp", "avif", "png"} else 1
        options = Options(**raw)
        if pipeline.decoded_pixels(image, kind, frames, options) > _HEAVY_PIXELS:
            return "image"
        return pipeline.make(data, options)
    except decode.Damaged:
        return "image"  # to be read tolerantly, which Pillow can only be told for a whole process


def _pictures(name: str, pieces: Sequence[Any], notes: Sequence[str]) -> list[Picture]:
    return [
        Picture(
            Image(name, data=piece.data, mime=piece.mime),
            piece.width,
            piece.height,
            piece.original,
            piece.left,
            piece.top,
            piece.scale,
            piece.label,
            tuple(notes) if first else (),
        )
        for first, piece in zip([True] + [False] * len(pieces), pieces, strict=False)
    ]


async def _side_by_side(
    sources: Sequence[Source],
    card: Card,
    most: Sequence[int],
    budgets: Sequence[int],
    *,
    tiles: bool,
    left_out: list[GLMError] | None,
) -> list[list[Picture]]:
    groups: list[list[Picture]] = [[] for _ in sources]

    async def one(index: int) -> None:
        try:
            groups[index] = await prepare_image(
                sources[index], card, max_parts=most[index], budget=budgets[index], tiles=tiles
            )
        except LEAVABLE as error:
            if left_out is None or not sources[index].matched:
                raise
            left_out.append(error)

    try:
        async with anyio.create_task_group() as tasks:
            for index in range(len(sources)):
                tasks.start_soon(one, index)
    except BaseExceptionGroup as group:
        raise _first(group) from None
    return groups


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error itself: one bad picture is one message."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _base64(picture: Picture) -> int:
    return (len(picture.part.data) + 2) // 3 * 4 + 32 if picture.part.data else 0


def thumbnail(data: bytes, side: int = 512, max_bytes: int = 30_000) -> bytes:
    """A JPEG preview of a picture: long side at most `side`, at most `max_bytes`. Blocking.

    Raises UnsupportedMedia, MediaTooLarge.
    """
    from glm_mcp.media.images import encode

    return encode.thumbnail(data, side, max_bytes)


def convert(data: bytes, fmt_suffix: str, *, size: tuple[int, int] | None) -> bytes:
    """The picture as a file of that suffix, scaled and cropped to cover `size` exactly. Blocking.

    Bytes that are already so come back unchanged. Raises InvalidRequest for an unknown suffix, UnsupportedMedia.
    """
    from glm_mcp.media.images import encode

    return encode.convert(data, fmt_suffix, size=size)
