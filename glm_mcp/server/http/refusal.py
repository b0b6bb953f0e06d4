"""What is answered to a request without a right: never which of the reasons a stranger's guess came near."""

from __future__ import annotations


class Refused(Exception):  # noqa: N818 - it is an answer, not a defect
    """`status` 401, 403 or 503, `error` a code of RFC 6750 (None: no token came), `challenge` the WWW-Authenticate header."""

    def __init__(self, status: int, error: str | None, description: str, challenge: str) -> None:
        super().__init__(description)
        self.status, self.error, self.description, self.challenge = status, error, description, challenge
