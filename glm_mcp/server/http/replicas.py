"""The other replicas, seen from this one: a cancel reaches the one that runs the call, and `/readyz` says when none
is heard.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from glm_mcp.server.http.running import Running

if TYPE_CHECKING:
    from glm_mcp.glm.shared.share import Shared


class Replicas:
    """`cancel` is the `Elsewhere` of an endpoint."""

    def __init__(self, shared: Shared, running: Running) -> None:
        self._shared, self._running = shared, running
        shared.connection.on("cancel call", self._cancelled)

    async def cancel(self, key: str) -> None:
        """Where Redis is away nobody hears it, and the call runs to its deadline."""
        await self._shared.connection.say("cancel call", key)

    async def readiness(self) -> Mapping[str, str]:
        state = self._shared.state()
        if state["redis"] == "up":
            return {}
        return {
            "redis": f"lost for {state['lost_s']:.0f} s; this replica keeps one share of {state['replicas']}"
        }

    def _cancelled(self, key: str) -> None:
        self._running.cancel(key)
