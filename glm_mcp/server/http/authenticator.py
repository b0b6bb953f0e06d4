"""Who stands behind the headers of a request."""

from __future__ import annotations

from collections.abc import Iterable

from glm_mcp.server.callers import LOCAL, Caller
from glm_mcp.settings import Settings

Headers = Iterable[tuple[bytes, bytes]]


class Authenticator:
    """Finds the caller of a request. `asks`: a token is needed; without one set up, everybody is LOCAL.

    `metadata`: RFC 9728's document, where an OIDC issuer is set, served openly at `metadata_path`.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.asks = settings.http_token is not None
        self.metadata: dict[str, object] | None = None
        self.metadata_path: str | None = None

    async def authenticate(self, headers: Headers) -> Caller:
        """Raises Refused."""
        return LOCAL

    async def close(self) -> None:
        """Ends the connections to the issuer."""
