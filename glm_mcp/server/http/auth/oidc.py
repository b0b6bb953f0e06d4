"""Access tokens of an OpenID Connect issuer: JWTs, checked with the keys that it publishes."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import anyio

from glm_mcp.glm.network.unpack import ENCODINGS, unpacked
from glm_mcp.glm.threads import in_thread
from glm_mcp.server.callers.caller import Caller, owner_of
from glm_mcp.server.http.auth.refusal import Challenge
from glm_mcp.settings_team import LOOPBACK
from glm_mcp.text import one_line

if TYPE_CHECKING:
    import httpx
    import jwt

log = logging.getLogger(__name__)

# Signatures by a key pair. Not HS256: whoever knows the published key could sign with it.
ALGORITHMS = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512")
LEEWAY_S = 10.0  # by which clocks may differ
PAUSE_S = 5.0  # between two fetches: a made-up key id must not make this server ask for each request
FRESH_S = 3_600.0  # after which the keys are fetched again, so that one taken back by the issuer ends
FRESH_PAUSE_S = 60.0  # between two tries of that: of an issuer that hangs each takes somebody's time
FETCH_S = 5.0
WAITING = 100  # requests for that: each holds a connection, and anybody can make up a key id
TRIED = 8  # keys for one token
DOCUMENT_BYTES = 1_000_000
NAME_CHARS = 64


class Issuer:
    """One issuer: its keys, fetched when they are first needed, and who its tokens say that their holders are.

    Times are those of `clock`, in seconds of any beginning; expiry is compared with the wall clock.
    """

    def __init__(
        self,
        url: str,
        *,
        audience: str,
        scopes: tuple[str, ...],
        name_claim: str,
        challenge: Challenge,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.url, self._audience, self._scopes, self._name_claim = url, audience, scopes, name_claim
        self._challenge, self._clock = challenge, clock
        self._keys: dict[str, list[Mapping[str, Any]]] = {}  # by their id; some have one, or none, in common
        self._bound: dict[tuple[str, str], list[jwt.PyJWK]] = {}
        self._fetched = self._tried = float("-inf")
        self._fetching = anyio.Lock()

    async def caller(self, token: str, rights: Caller) -> Caller:
        """Whom a token stands for, with the tools and limits of `rights`.

        Raises Refused: 401 for a token that is not good, 403 for one without the scopes, 503 when no key can be had.
        """
        import jwt

        try:
            header = jwt.get_unverified_header(token)
            keys = await self._fitting(header)
            try:
                claims = self._claims(token, keys)
            except jwt.InvalidSignatureError:
                before = self._fetched
                await self._fetch_now()  # there may be another key under that id by now
                if self._fetched == before:
                    raise
                claims = self._claims(token, await self._fitting(header))
            owner = owner_of("oidc", self.url, subject := _subject(claims))
        except jwt.ExpiredSignatureError:
            raise self._invalid("the token has expired") from None
        except jwt.InvalidAudienceError:
            raise self._invalid("the token is for another audience") from None
        except jwt.InvalidIssuerError:
            raise self._invalid("the token is of another issuer") from None
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise self._invalid("the token is not valid") from None
        missing = [s for s in self._scopes if s not in _scopes(claims)]
        if missing:
            raise self._challenge.refused(
                403, "insufficient_scope", f"the token lacks the scope {' '.join(missing)}"
            )
        named = claims.get(self._name_claim)
        shown = (one_line(named) if isinstance(named, str) else "") or one_line(subject) or owner
        return replace(rights, name=shown[:NAME_CHARS], owner=owner)

    def _claims(self, token: str, keys: list[jwt.PyJWK]) -> dict[str, Any]:
        """By the first of the keys that it was signed with. Raises errors of jwt."""
        import jwt

        for key in keys:
            with suppress(jwt.InvalidSignatureError):
                return jwt.decode(
                    token,
                    key,
                    algorithms=ALGORITHMS,
                    audience=self._audience,
                    issuer=self.url,
                    leeway=LEEWAY_S,
                    options={"require": ["exp", "iss", "aud", "sub"], "enforce_minimum_key_length": True},
                )
        raise jwt.InvalidSignatureError

    def _invalid(self, why: str) -> Exception:
        return self._challenge.refused(401, "invalid_token", why)

    async def _fitting(self, header: Mapping[str, Any]) -> list[jwt.PyJWK]:
        """The published keys that a token may be signed with, bound to its algorithm; one at least."""
        import jwt

        algorithm, ident = header.get("alg"), header.get("kid", "")
        if algorithm not in ALGORITHMS or not isinstance(ident, str):
            raise jwt.InvalidAlgorithmError
        if not self._published(ident):
            await self._fetch_now()
        elif self._clock() - self._fetched > FRESH_S:
            await self._fetch(anew=False)
        if not self._keys:
            raise self._challenge.refused(
                503, "temporarily_unavailable", "the issuer of tokens is not reached, or has no keys"
            )
        named = self._published(ident)
        if named and (ident, algorithm) not in self._bound:
            self._bound[ident, algorithm] = _bound(named, algorithm)
        if not (keys := self._bound.get((ident, algorithm))):
            raise jwt.InvalidKeyError
        return keys

    def _published(self, ident: str) -> list[Mapping[str, Any]]:
        """The keys of that id; the only one there is, for a token that names none."""
        if not ident and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(ident, [])

    async def _fetch_now(self) -> None:
        """Fetches the keys, for a token that is not good by those that are known. Raises Refused where many do."""
        if self._fetching.statistics().tasks_waiting >= WAITING:
            said = "the issuer of tokens is slow, and many wait for its keys; try again in a moment"
            raise self._challenge.refused(503, "temporarily_unavailable", said)
        await self._fetch(anew=True)

    async def _fetch(self, *, anew: bool) -> None:
        """Fetches the keys. `anew`: the caller cannot do without; else it goes on with those that are there."""
        if self._fetching.locked() and not anew:
            return
        async with self._fetching:
            if self._clock() - self._tried < (PAUSE_S if anew else FRESH_PAUSE_S):
                return
            try:
                with anyio.fail_after(FETCH_S):
                    found = await self._document(f"{self.url.rstrip('/')}/.well-known/openid-configuration")
                    if found.get("issuer") != self.url:
                        raise ValueError("it says that it is another issuer")  # noqa: TRY301 - logged below
                    keys = (await self._document(str(found.get("jwks_uri")))).get("keys")
                if not isinstance(keys, list):
                    raise ValueError("it publishes no list of keys")  # noqa: TRY004, TRY301 - as above
                self._keys = {}
                for key in filter(_signs, keys):
                    self._keys.setdefault(str(key.get("kid") or ""), []).append(key)
                if not self._keys:
                    log.warning("%s publishes %s keys, of which none signs tokens", self.url, len(keys))
                self._bound.clear()
                self._fetched = self._clock()
            except Exception as error:  # noqa: BLE001 - whatever the network or the issuer did; those that are there stay
                why = one_line(str(error)) or "it did not answer in time"
                log.warning("the keys of %s cannot be had: %s", self.url, why)
            finally:  # it may have taken as long as the pause, and whoever waited for it is not to wait for one more
                self._tried = self._clock()

    async def _document(self, url: str) -> dict[str, Any]:
        """A JSON object of the issuer. Raises ValueError, OSError, TimeoutError, and errors of httpx."""
        parts = urlsplit(url)
        # Without TLS only the issuer itself: what it names must lead to nothing else on this machine.
        plain = (
            url.startswith(f"{self.url.rstrip('/')}/")
            and parts.scheme == "http"
            and parts.hostname in LOOPBACK
        )
        if parts.scheme != "https" and not plain:
            raise ValueError("an address of its is not https")
        whole = bytearray()
        async with await in_thread(_client, url) as http, http.stream("GET", url) as response:
            if response.status_code != 200:
                raise ValueError(f"it answers HTTP {response.status_code}")
            async for piece in unpacked(response):
                whole += piece
                if len(whole) > DOCUMENT_BYTES:
                    raise ValueError("its answer is endless")
        found = json.loads(whole)
        if not isinstance(found, dict):
            raise ValueError("its answer is no object")  # noqa: TRY004 - one kind of error for whoever logs it
        return found


def _signs(key: Any) -> bool:
    """Whether a published key is one of a pair, for signatures. One whose private half stands there too vouches for nobody."""
    if not isinstance(key, dict) or key.get("kty") not in ("RSA", "EC") or (key.get("use") or "sig") != "sig":
        return False
    if "d" in key:
        log.warning("a key of the issuer is not taken: its private half is published with it")
        return False
    return True


def _bound(named: list[Mapping[str, Any]], algorithm: str) -> list[jwt.PyJWK]:
    """Those of the keys that are for this algorithm. One that is no key of its kind is left out."""
    import jwt

    kind = "EC" if algorithm.startswith("ES") else "RSA"
    fitting = [k for k in named if k["kty"] == kind and (k.get("alg") or algorithm) == algorithm]
    found: list[jwt.PyJWK] = []
    for key in fitting[:TRIED]:
        with suppress(jwt.PyJWTError, ValueError, TypeError):
            found.append(jwt.PyJWK(dict(key), algorithm))
    return found


def _client(url: str) -> httpx.AsyncClient:
    """Reading the certificates takes some 30 ms."""
    from glm_mcp.glm.network.pools import asking

    return asking(url, timeout=FETCH_S, headers={"User-Agent": "glm-flash-mcp", "Accept-Encoding": ENCODINGS})


def _subject(claims: Mapping[str, Any]) -> str:
    """Raises ValueError for one that stands for nobody: who has it would have the files of all others."""
    subject = str(claims["sub"])
    if not subject.strip():
        raise ValueError("no subject")
    return subject


def _scopes(claims: Mapping[str, Any]) -> set[str]:
    """RFC 9068 names the claim `scope`, a text; some issuers `scp`, a text or a list."""
    found: set[str] = set()
    for name in ("scope", "scp"):
        value = claims.get(name)
        words = value.split() if isinstance(value, str) else value if isinstance(value, list) else []
        found |= {word for word in words if isinstance(word, str)}
    return found
