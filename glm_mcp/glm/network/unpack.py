"""An answer's body unpacked step by step: some kilobytes that unpack to gigabytes are not unpacked in one go."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

from glm_mcp.errors import Again, UpstreamError
from glm_mcp.glm.network.turns import Turns
from glm_mcp.text import ID_CHARS, clean

if TYPE_CHECKING:
    import httpx

ENCODINGS = "gzip, deflate"  # of an answer, as a request names them
_STEP = 1 << 13  # bytes taken at once, a millisecond where they are blank lines
_GZIP = b"\x1f\x8b"


def unpacked(response: httpx.Response) -> AsyncIterator[bytes]:
    """The body in pieces. Raises UpstreamError for another compression, and, while it is read, for a body that is damaged."""
    # Cleaned first: of a key in small letters, or cut, nothing knows any more what it is.
    coding = clean(response.headers.get("content-encoding", ""), ID_CHARS).lower()
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


class Unpacking:
    """A body that is packed as gzip or "deflate", of which as much is unpacked at once as is asked for. A body of gzip may have
    several parts, as a file has that was packed by several threads or put together of packed ones. `whole`: a part has ended.
    """

    def __init__(self) -> None:
        self._decoder, self._begun = _decoder(), False
        self._behind = b""  # what may begin another part
        self.over = False  # what comes yet belongs to nothing

    @property
    def whole(self) -> bool:
        return self._decoder.eof

    def pieces(self, packed: bytes, step: int) -> Iterator[bytes]:
        """What the next bytes stand for, in pieces of at most `step` bytes, some of them empty. Raises zlib.error."""
        rest, full = packed, False
        while (rest or full) and not self.over:
            if self._decoder.eof:
                rest, self._behind = self._behind + rest, b""
                if len(rest) < len(_GZIP):
                    self._behind = rest
                    return
                self.over = not rest.startswith(_GZIP)
                self._decoder = self._decoder if self.over else _decoder()
                continue
            try:
                piece = self._decoder.decompress(rest, step)
            except zlib.error:
                if self._begun:
                    raise
                # "deflate" without a header, as some understand it
                self._decoder, self._begun = zlib.decompressobj(-zlib.MAX_WBITS), True
                continue
            self._begun, full = True, len(piece) == step
            rest = self._decoder.unused_data if self._decoder.eof else self._decoder.unconsumed_tail
            full = full and not self._decoder.eof
            yield piece


def _decoder() -> zlib._Decompress:
    return zlib.decompressobj(zlib.MAX_WBITS | 32)  # either header


async def _inflated(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    turns, unpacking = Turns(), Unpacking()
    async for packed in pieces:
        try:
            for piece in unpacking.pieces(packed, _STEP):
                if piece:
                    yield piece
                await turns.let_others()
        except zlib.error as error:
            raise UpstreamError(
                "the answer's compression is damaged", "Call again.", again=Again.RETRY
            ) from error
        if unpacking.over:
            return
