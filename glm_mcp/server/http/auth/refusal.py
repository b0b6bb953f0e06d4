"""What is answered to a request that is not let in (RFC 6750, section 3)."""

from __future__ import annotations


class Refused(Exception):
    """`status` 400, 401, 403 or 503; `error`: a code of RFC 6750, None where no token came; `challenge`: the value of
    WWW-Authenticate, empty where there is none.
    """

    def __init__(self, status: int, error: str | None, description: str, challenge: str = "") -> None:
        super().__init__(description)
        self.status, self.error, self.description, self.challenge = status, error, description, challenge


class Challenge:
    """Makes refusals whose challenge says which scopes are asked for, and where the metadata is."""

    def __init__(self, scopes: tuple[str, ...] = (), metadata_url: str = "") -> None:
        self._always = [f'scope="{" ".join(scopes)}"'] if scopes else []
        self._always += [f'resource_metadata="{metadata_url}"'] if metadata_url else []

    def refused(self, status: int, error: str | None, description: str) -> Refused:
        """`description`: ASCII without quotes, since it stands in a header too."""
        said = [f'error="{error}"', f'error_description="{description}"'] if error else []
        challenge = ", ".join(['Bearer realm="glm-mcp"', *said, *self._always])
        return Refused(status, error, description, challenge if status in (401, 403) else "")
