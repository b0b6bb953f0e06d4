"""The bytes of an answer, counted as they come: a server of any kind may stand at an address."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx

from glm_mcp.errors import MediaTooLarge


class Bounded(httpx.AsyncByteStream):
    """Raises MediaTooLarge where they are more than `most`."""

    def __init__(self, response: httpx.Response, most: int) -> None:
        assert isinstance(response.stream, httpx.AsyncByteStream)  # noqa: S101 - of an asynchronous client
        self._stream, self._most = response.stream, most

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = self._most
        async for piece in self._stream:
            left -= len(piece)
            if left < 0:
                said = f"the server answers with more than {self._most >> 20} MB"
                raise MediaTooLarge(said, "Ask for less; if it stays so, tell whoever runs it.")
            yield piece

    async def aclose(self) -> None:
        await self._stream.aclose()
