"""Who stands behind the headers of a request."""

from __future__ import annotations

import hmac
import logging
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from urllib.parse import urlsplit

from pydantic import SecretStr

from glm_mcp.errors import ConfigError
from glm_mcp.server.callers.caller import LOCAL, Caller, owner_of
from glm_mcp.server.http.auth.oidc import Issuer
from glm_mcp.server.http.auth.refusal import Challenge, Refused
from glm_mcp.server.http.auth.tokens import PREFIX, TokenFile, adding, digest, mark_of, well_formed
from glm_mcp.setting_values import is_placeholder
from glm_mcp.settings import Settings

log = logging.getLogger(__name__)

Headers = Iterable[tuple[bytes, bytes]]

SHARED = Caller("shared", owner_of("shared"))  # whoever has GLM_HTTP_TOKEN
WELL_KNOWN = "/.well-known/oauth-protected-resource"
KEY_HEADER = b"x-glm-api-key"
_SHARED_MARK = "shared"
LONGEST = 8_192  # characters of a token; one of an issuer has one or two thousand


class Authenticator:
    """Finds the caller of a request: by GLM_HTTP_TOKEN, a token of the file, or one of an issuer.

    `asks`: one of them is set up; where none is, everybody is LOCAL. `metadata`: the document of RFC 9728 where an
    issuer is set up, to be served without a token at `metadata_path`.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`now`: for expiry; `clock`: for how often the file is looked at. Raises ConfigError for a file of tokens,
        or settings of an issuer, that cannot be used.
        """
        self._now = now
        self._shared = settings.http_token
        self._file = TokenFile(settings.tokens_path, clock=clock)
        self.asks = bool(
            settings.http_token or settings.oidc_issuer or settings.tokens_file or self._file.there
        )
        if settings.tokens_file and not self._file.there:
            log.warning(
                "%s, which GLM_TOKENS_FILE names, is not there: nobody has a token. To give one: %s",
                settings.tokens_file,
                adding(settings.tokens_file),
            )
        self._takes_keys = settings.caller_keys
        self._issuer: Issuer | None = None
        self._challenge = Challenge()
        self.metadata: dict[str, object] | None = None
        self.metadata_path: str | None = None
        if settings.oidc_issuer:
            self._set_up_issuer(settings, settings.oidc_issuer)

    def _set_up_issuer(self, settings: Settings, issuer: str) -> None:
        if settings.public_url is None:
            raise ConfigError(
                "GLM_OIDC_ISSUER is set without GLM_PUBLIC_URL, which its tokens are for",
                "Set GLM_PUBLIC_URL to the address by which clients reach this server.",
            )
        resource = f"{settings.public_url}/mcp"
        parts = urlsplit(resource)
        self.metadata_path = path = WELL_KNOWN + parts.path
        self._challenge = Challenge(settings.oidc_scopes, f"{parts.scheme}://{parts.netloc}{path}")
        self._issuer = Issuer(
            issuer,
            audience=settings.oidc_audience or resource,
            scopes=settings.oidc_scopes,
            name_claim=settings.oidc_name_claim,
            challenge=self._challenge,
        )
        scopes = {"scopes_supported": list(settings.oidc_scopes)} if settings.oidc_scopes else {}
        self.metadata = {
            "resource": resource,
            "authorization_servers": [issuer],
            "bearer_methods_supported": ["header"],
            "resource_name": "glm-mcp",
            **scopes,
        }

    async def authenticate(self, headers: Headers) -> Caller:
        """The caller of a request with these headers, whose names are in small letters. Raises Refused."""
        headers = list(headers)
        given = [value for name, value in headers if name == b"authorization"]
        holders = await self._file.holders()
        self.asks = self.asks or self._file.there
        if not self.asks:
            return self._with_key(LOCAL, headers)
        if len(given) > 1:
            raise self._challenge.refused(400, "invalid_request", "there are two Authorization headers")
        scheme, _, rest = given[0].decode("latin-1").partition(" ") if given else ("", "", "")
        token = rest.strip()
        if scheme.lower() != "bearer" or not token:
            raise self._challenge.refused(401, None, "send the header Authorization: Bearer TOKEN")
        if len(token) > LONGEST:
            raise self._invalid("the token is not valid")
        shared = self._shared.get_secret_value() if self._shared else ""
        if shared and hmac.compare_digest(token.encode("latin-1"), shared.encode()):
            return self._with_key(SHARED, headers)
        if token.startswith(PREFIX):
            hashed = digest(token) if well_formed(token) else ""
            holder = holders.by_hash.get(hashed)
            if holder is None and hashed:
                holder = (await self._file.look()).by_hash.get(hashed)
            if holder is None:
                raise self._invalid("the token is not valid, or not any more")
            if holder.expires is not None and self._now() >= holder.expires:
                day = time.strftime("%Y-%m-%d", time.gmtime(holder.expires))
                raise self._invalid(f"the token of {holder.caller.name} has expired on {day}")
            return self._with_key(holder.caller, headers)
        if self._issuer and token.count(".") == 2:
            return self._with_key(await self._issuer.caller(token, holders.oidc), headers)
        raise self._invalid("the token is not valid")

    @property
    def has_marks(self) -> bool:
        """Whether there are tokens that have one."""
        return self._shared is not None or self._file.there

    def mark(self, token: str) -> str | None:
        """What stands for a token where it must not stand itself; None for what is none of this server's own."""
        shared = self._shared.get_secret_value() if self._shared else ""
        if shared and hmac.compare_digest(token.encode(), shared.encode()):
            return _SHARED_MARK  # a hash of what a person made up could be guessed from
        return mark_of(digest(token)) if well_formed(token) else None

    async def marked(self, mark: str) -> Caller | None:
        """The caller whose token has that mark, as long as it lets them in."""
        if mark == _SHARED_MARK:
            return SHARED if self._shared else None
        holder = (await self._file.holders()).by_mark.get(mark) or (await self._file.look()).by_mark.get(mark)
        if holder is None or (holder.expires is not None and self._now() >= holder.expires):
            return None
        return holder.caller

    def _with_key(self, caller: Caller, headers: list[tuple[bytes, bytes]]) -> Caller:
        """The caller with the key that they sent for the service, where that is allowed."""
        keys = [value.decode("latin-1").strip() for name, value in headers if name == KEY_HEADER]
        if not self._takes_keys or not any(keys):
            return caller
        if len(keys) > 1 or not re.fullmatch(r"[!-~]{1,512}", keys[0]) or is_placeholder(keys[0]):
            raise self._challenge.refused(400, "invalid_request", "X-GLM-API-Key is no key")
        return replace(caller, key=SecretStr(keys[0]))

    def _invalid(self, why: str) -> Refused:
        return self._challenge.refused(
            401, "invalid_token", f"{why}. Ask whoever runs this server for another."
        )
