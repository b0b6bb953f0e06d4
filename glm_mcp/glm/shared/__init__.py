"""What several replicas share through Redis: the queue in front of each model, what is known of its health, short
messages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from glm_mcp.settings import Settings

if TYPE_CHECKING:
    from glm_mcp.glm.shared.share import Shared


def shared_by(settings: Settings) -> Shared | None:
    """What replicas share; None where there is one alone."""
    if settings.redis_url is None:
        return None
    from glm_mcp.glm.shared.share import Shared

    return Shared(settings.redis_url.get_secret_value())
