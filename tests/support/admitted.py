"""Calls that an admission lets in, or why it does not."""

from __future__ import annotations

import pytest

from glm_mcp.errors import GLMError
from glm_mcp.server.callers.admission import Admission
from glm_mcp.server.callers.caller import Caller


def unheard(_: int) -> None:
    """For a place in a queue that nobody is told."""


async def once(door: Admission, caller: Caller, tokens: int = 0) -> None:
    async with door.admit(caller, unheard) as charge:
        await charge(tokens)


async def why_not(door: Admission, caller: Caller) -> GLMError:
    with pytest.raises(GLMError) as caught:
        await once(door, caller)
    return caught.value
