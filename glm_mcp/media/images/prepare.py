"""Pictures from sources, ready for the API: untouched where they may be, else converted, cut and fitted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import anyio

from glm_mcp.errors import GLMError, InvalidRequest
from glm_mcp.glm.messages import Image
from glm_mcp.glm.threads import in_thread, limiter
from glm_mcp.media.formats import check_fits
from glm_mcp.media.images.options import Options, shares
from glm_mcp.media.types import LEAVABLE, Picture, Source
from glm_mcp.media.worker import run_job
from glm_mcp.registry import Card

if TYPE_CHECKING:
    from glm_mcp.media.images.convert import Finished, Wanted

# Pillow is imported by the functions that work with it: a server that only chats starts without it.

MAX_PARTS = 16  # pictures of one file; at about 3,500 tokens each they still leave half of a 128K window
# Memory is for one picture at its largest; more at once gain little, as decoding one keeps a core busy.
_AT_ONCE = 2
# Beyond this a decoded picture is over 64 MB: into a child, whose memory is given back, and whose work on single
# pixels holds no lock that the event loop needs.
_HEAVY_PIXELS = 16_000_000
_HEAVY_BYTES = 24_000_000  # of the file, which is read whole
_TIME_S = 45.0
_CONVERT = "glm_mcp.media.images.convert:convert_job"


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
        [min(MAX_PARTS, free)] * len(sources),
        [total] * len(sources),
        tiles=tiles,
        left_out=left_out,
    )
    parts = [len(group) for group in groups]
    wanted = [sum(_base64(p) for p in group) for group in groups]
    if sum(parts) > card.images or sum(wanted) > total:
        max_parts, given = shares(parts, card.images), shares(wanted, total)
        over = [i for i in range(len(sources)) if parts[i] > max_parts[i] or wanted[i] > given[i]]
        for i in over:
            groups[i] = []  # not held while they are made anew
        again = await _side_by_side(
            [sources[i] for i in over],
            card,
            [max_parts[i] for i in over],
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
    if source.is_remote:
        if fragment.xywh or fragment.t or fragment.page:
            raise InvalidRequest(
                f"a part of {source.name} can only be cut after downloading it",
                "Send the whole picture, or its file.",
            )
        return [Picture(Image(source.name, url=source.url), 0, 0, (0, 0))]
    check_fits(source.kind, source.size, source.name, "image")
    room = max(1, budget * 3 // 4 - 64 * max_parts)
    options = Options(
        source.name,
        source.kind.name,
        side=card.image_side,
        limit=min(card.image_bytes, room),
        budget=room,
        max_parts=max(1, max_parts),
        tiles=tiles,
        fragment=fragment,
    )
    made = await in_thread(_in_thread, source, options, among=limiter("images", _AT_ONCE))
    if made is None:
        from glm_mcp.media.images.pipeline import unpack

        return unpack(*await run_job(source.kind.reader, source, asdict(options), timeout_s=_TIME_S))
    return made


def _in_thread(source: Source, options: Options) -> list[Picture] | None:
    """None: for a child process."""
    from glm_mcp.media.images import decode, metadata, pipeline

    if source.kind.child or source.size > _HEAVY_BYTES:
        return None
    data = source.read()
    if metadata.of_many_pieces(data):
        return None
    try:
        image = decode.open_lazily(data, source.name, options.kind)
        if not pipeline.is_plain_work(data, image, options):
            return None
        heavy = pipeline.decoded_pixels(image, options) > _HEAVY_PIXELS
        return None if heavy else pipeline.make(data, options)
    except decode.Damaged:
        return None  # to be read tolerantly, which Pillow can only be told for a whole process


async def _side_by_side(
    sources: Sequence[Source],
    card: Card,
    max_parts: Sequence[int],
    budgets: Sequence[int],
    *,
    tiles: bool,
    left_out: list[GLMError] | None,
) -> list[list[Picture]]:
    groups: list[list[Picture]] = [[] for _ in sources]

    async def one(index: int) -> None:
        try:
            groups[index] = await prepare_image(
                sources[index], card, max_parts=max_parts[index], budget=budgets[index], tiles=tiles
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


async def finish_image(data: bytes, wanted: Wanted) -> Finished:
    """A generated image as the file to save, with its preview; in a child process but for a small plain PNG or JPEG.

    Raises InvalidRequest (suffix), UnsupportedMedia, MediaTooLarge, MissingExtra, TimedOut.
    """
    from glm_mcp.media.images.convert import Finished

    done = await in_thread(_finish_light, data, wanted, among=limiter("images", _AT_ONCE))
    if done is not None:
        return done
    facts, (saved, preview) = await run_job(_CONVERT, data, asdict(wanted), timeout_s=_TIME_S)
    size, drawn = tuple(facts["size"]), tuple(facts["drawn"])
    return Finished(saved, facts["suffix"], facts["mime"], size, drawn, preview)


def _finish_light(data: bytes, wanted: Wanted) -> Finished | None:
    """None: for a child process."""
    from glm_mcp.media.images import convert

    return convert.finish(data, wanted) if convert.is_light(data, wanted) else None
