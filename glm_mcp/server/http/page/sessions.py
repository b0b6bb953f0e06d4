"""Who is signed in in a browser: a signed cookie, good for an hour, that says which token let them in and is none itself.

The token is looked for again at each request, so that one that was revoked or has expired shows nothing any more.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable

from glm_mcp.settings import Settings

LIFE_S = 3_600
TRIED = 4  # cookies of our name, as paths and ports of one host may have set; a head has room for a thousand
_ALGORITHM = "HS256"
_CLAIMS = ["m", "exp"]


class SignedIn:
    """Makes the cookies and reads them. `now`: seconds since 1970."""

    def __init__(self, settings: Settings, now: Callable[[], float] = time.time) -> None:
        words = [s.get_secret_value() if s else "" for s in (settings.session_secret, settings.http_token)]
        words[0] = words[0] or secrets.token_hex(32)
        # Apart from that of the clients' sessions, and another one when GLM_HTTP_TOKEN changes.
        self._key = hashlib.sha256("\0".join(["page", *words]).encode()).hexdigest()
        self._now = now
        self._secure = (settings.public_url or "").startswith("https:")
        # Browsers take a name with this prefix over TLS only, for this host and no path of it.
        self.name = "__Host-glm" if self._secure else "glm"

    def begin(self, mark: str) -> str:
        """The Set-Cookie for the holder of a token with this mark."""
        import jwt

        value = jwt.encode({"m": mark, "exp": int(self._now()) + LIFE_S}, self._key, _ALGORITHM)
        return self._cookie(value, LIFE_S)

    def end(self) -> str:
        return self._cookie("", 0)

    def mark(self, cookies: str) -> str | None:
        """The mark in the Cookie header of a request; None where nobody is signed in."""
        import jwt

        parts = (part.strip().partition("=") for part in cookies.split(";"))
        for value in [value for name, _, value in parts if name == self.name][:TRIED]:
            try:
                claims = jwt.decode(
                    value,
                    self._key,
                    [_ALGORITHM],
                    options={"require": _CLAIMS, "verify_exp": False},  # by our own clock, below
                )
            except jwt.InvalidTokenError:
                continue
            if claims["exp"] > self._now():
                return str(claims["m"])
        return None

    def _cookie(self, value: str, life_s: int) -> str:
        secure = "; Secure" if self._secure else ""
        return f"{self.name}={value}; Path=/; Max-Age={life_s}; HttpOnly; SameSite=Strict{secure}"
