"""An answer, bounded as it comes, in bytes and time: a server of any kind may stand at an address."""

from __future__ import annotations

from collections.abc import AsyncIterator

import anyio
import httpx

from glm_mcp.errors import MediaTooLarge


class Bounded(httpx.AsyncByteStream):
    """Raises MediaTooLarge where there are more than `most` bytes, TimeoutError where one comes later than `until`, on
    anyio's clock: what comes a little at a time is never silent.
    """

    def __init__(self, response: httpx.Response, most: int, until: float) -> None:
        assert isinstance(response.stream, httpx.AsyncByteStream)  # noqa: S101 - of an asynchronous client
        self._stream, self._most, self._until = response.stream, most, until

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = self._most
        async for piece in self._stream:
            left -= len(piece)
            if anyio.current_time() > self._until:
                raise TimeoutError
            if left < 0:
                said = f"the server answers with more than {self._most >> 20} MB"
                raise MediaTooLarge(said, "Ask for less; if it stays so, tell whoever runs it.")
            yield piece

    async def aclose(self) -> None:
        await self._stream.aclose()
