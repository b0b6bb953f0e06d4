"""An answer's body unpacked step by step: some kilobytes that unpack to gigabytes are not unpacked in one go."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from glm_mcp.errors import Again, UpstreamError
from glm_mcp.glm.network.turns import Turns

if TYPE_CHECKING:
    import httpx

ENCODINGS = "gzip, deflate"  # of an answer, as a request names them
_STEP = 1 << 13  # bytes taken at once, a millisecond where they are blank lines


def unpacked(response: httpx.Response) -> AsyncIterator[bytes]:
    """The body in pieces. Raises UpstreamError for another compression, and, while it is read, for a body that is damaged."""
    coding = response.headers.get("content-encoding", "").strip().lower()
    if coding in {"", "identity"}:
        return _in_steps(response.aiter_raw())
    if coding not in {"gzip", "x-gzip", "deflate"}:
        raise UpstreamError(
            f"the answer comes in the compression '{coding[:20]}', which was not asked for",
            "Check GLM_BASE_URL, and what stands between.",
        )
    return _inflated(response.aiter_raw())


async def _in_steps(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    turns = Turns()
    async for piece in pieces:
        for at in range(0, len(piece), _STEP):
            yield piece[at : at + _STEP]
            await turns.let_others()


async def _inflated(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    turns = Turns()
    decoder, begun = zlib.decompressobj(zlib.MAX_WBITS | 32), False  # either header
    async for packed in pieces:
        rest = packed
        while rest:
            try:
                piece = decoder.decompress(rest, _STEP)
            except zlib.error as error:
                if not begun:  # "deflate" without a header, as some understand it
                    decoder, begun = zlib.decompressobj(-zlib.MAX_WBITS), True
                    continue
                raise UpstreamError(
                    "the answer's compression is damaged", "Call again.", again=Again.RETRY
                ) from error
            begun = True
            rest = decoder.unconsumed_tail
            if piece:
                yield piece
                await turns.let_others()
            elif decoder.eof:
                return
