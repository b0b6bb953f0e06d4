"""The one guard before everything that is served over HTTP: who may ask, by which name, how much and for how long."""

from __future__ import annotations

import logging
import re
import secrets
import time
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Protocol
from urllib.parse import parse_qsl
from weakref import WeakValueDictionary

import anyio

from glm_mcp.glm.threads import AT_ONCE, within_share
from glm_mcp.server.callers.caller import LOCAL, Caller
from glm_mcp.server.http.answers import DEFECT, REGISTRATION, Answer, no_registration, refusal
from glm_mcp.server.http.auth.authenticator import Headers
from glm_mcp.server.http.auth.refusal import Refused
from glm_mcp.server.http.bodies import Bounded, Shares, no_more, too_large
from glm_mcp.server.http.hosts import Hosts
from glm_mcp.server.http.limits import Limits
from glm_mcp.server.http.page.routes import PATHS as PAGE
from glm_mcp.server.log import REQUEST
from glm_mcp.settings import Settings

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(__name__)

_PROBES = frozenset({"/health", "/healthz", "/readyz"})
OPEN = _PROBES | {"/metrics"}  # metrics ask for a token of their own
_IDENT = re.compile(r"[A-Za-z0-9._-]{1,64}")
_FIELDS = 100  # of an address
_TOKENS = frozenset({"access_token", "token", "api_key", "apikey", "authorization", "key", "bearer"})


class Authenticates(Protocol):
    """Finds the caller of a request. `asks`: it wants a token; `metadata`, at `metadata_path`: what it says openly of itself.

    A browser is not left the token but a mark of it: `has_marks`, `mark` and `marked` as in Authenticator.
    """

    asks: bool
    metadata: dict[str, object] | None
    metadata_path: str | None

    @property
    def has_marks(self) -> bool: ...

    def mark(self, token: str) -> str | None: ...

    async def marked(self, mark: str) -> Caller | None: ...

    async def authenticate(self, headers: Headers) -> Caller:
        """Raises Refused."""
        ...


class Guard:
    """The outermost application. The caller of a request that it lets through is `scope["state"]["caller"]`, its id
    `scope["state"]["request_id"]`.
    """

    def __init__(
        self, app: ASGIApp, *, settings: Settings, authenticator: Authenticates, hosts: Hosts, limits: Limits
    ) -> None:
        self.app = app
        self.settings = settings
        self.authenticator = authenticator
        self.hosts = hosts
        self.limits = limits
        self._requests = Shares(max(1, limits.connections // 2))  # of each caller
        self._nameless = Shares(max(1, limits.connections // 8))
        # Of each caller with a token, for as long as a request or a thread of theirs holds it.
        self._threads = WeakValueDictionary[str, anyio.Semaphore]()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        ident = _ident(headers.get(b"x-request-id", b""))
        state = scope.setdefault("state", {})
        state["request_id"] = ident
        begun, status = time.monotonic(), 0

        async def named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message["headers"], (b"x-request-id", ident.encode())]}
            await send(message)

        bounded = Bounded(scope, receive, named, self.limits)
        token = REQUEST.set(ident)
        try:
            answer = await self._refusal(scope, headers)
            if answer is not None:
                await answer.send(named)
            else:
                await self._shared(scope, bounded, named)
        except Exception:  # the outer boundary: a defect becomes an answer, and its traceback goes to the log
            if not bounded.refused:
                log.exception("a request failed")
            if not bounded.refused and not bounded.started:
                await DEFECT.send(named)
        finally:
            if log.isEnabledFor(logging.INFO):
                caller = state["caller"].name if "caller" in state else "-"
                took = time.monotonic() - begun
                _log(scope, status, took, caller)
            REQUEST.reset(token)

    async def _shared(self, scope: Scope, bounded: Bounded, send: Send) -> None:
        """The application, unless its caller has their share of all connections: what one holds, others cannot have."""
        caller = scope["state"].get("caller")
        if caller is None and scope["method"] != "POST":  # is answered at once, and balancers ask so
            await self.app(scope, bounded.receive, bounded.send)
            return
        shares = self._requests if caller else self._nameless
        with shares.one(caller.owner if caller else "") as given:
            if not given:
                await no_more().send(send)
                return
            with self._threads_of(caller):
                await self.app(scope, bounded.receive, bounded.send)

    def _threads_of(self, caller: Caller | None) -> AbstractContextManager[None]:
        if caller is None or caller is LOCAL:  # who has nobody to share with; their drives may hang
            return nullcontext()
        share = self._threads.get(caller.owner)
        if share is None:
            share = self._threads[caller.owner] = anyio.Semaphore(AT_ONCE)
        return within_share(share)

    async def _refusal(self, scope: Scope, headers: dict[bytes, bytes]) -> Answer | None:
        """What is answered in place of the application; None for a request that may pass."""
        path = scope["path"]
        elsewhere = self._elsewhere(headers, path)
        if elsewhere is not None:
            return elsewhere
        try:
            names = parse_qsl(scope["query_string"].decode("latin-1"), True, max_num_fields=_FIELDS)
        except ValueError:
            return refusal(400, "invalid_request", f"An address may have {_FIELDS} values.")
        if _TOKENS & {n.lower() for n, _ in names}:
            said = "A token in an address ends in logs. Send it in the header Authorization: Bearer TOKEN."
            return refusal(400, "invalid_request", said)
        if path in OPEN or (scope["method"], path) in PAGE:
            return None
        if self.authenticator.metadata is not None and path == self.authenticator.metadata_path:
            return Answer(200, self.authenticator.metadata)
        if self.authenticator.asks and path.startswith(REGISTRATION):
            return no_registration(path, self.settings, oauth=self.authenticator.metadata is not None)
        try:
            scope["state"]["caller"] = await self.authenticator.authenticate(scope["headers"])
        except Refused as no:
            challenge = {"WWW-Authenticate": no.challenge} if no.challenge else {}
            body = {"error": no.error or "unauthorized", "error_description": no.description}
            return Answer(no.status, body, challenge)
        length = headers.get(b"content-length", b"0")
        most = self.limits.body(path)
        return too_large(most) if int(length) > most else None

    def _elsewhere(self, headers: dict[bytes, bytes], path: str) -> Answer | None:
        host = headers.get(b"host", b"").decode("latin-1")
        # HAProxy names none when it looks whether a replica is well; a browser always does.
        if not self.hosts.host(host) and (host or path not in _PROBES):
            said = (
                "The Host of this request is no name of this server. Whoever runs it sets GLM_PUBLIC_URL to its address, "
                "or names it in GLM_ALLOWED_HOSTS."
            )
            return refusal(421, "wrong_host", said)
        origin = headers.get(b"origin")
        if origin is not None and not self.hosts.origin(origin.decode("latin-1"), host):
            said = (
                "A web page of that origin may not call this server. Whoever runs it names the page's host in "
                "GLM_ALLOWED_HOSTS."
            )
            return refusal(403, "wrong_origin", said)
        return None


def _ident(given: bytes) -> str:
    """The id that a proxy or client gave the request, else one of ours."""
    word = given.decode("latin-1")
    return word if _IDENT.fullmatch(word) else secrets.token_hex(8)


def _log(scope: Scope, status: int, seconds: float, caller: str) -> None:
    method, path = scope["method"], scope["path"]
    facts = {
        "event": "request",
        "caller": caller,
        "method": method,
        "path": path,
        "status": status,
        "seconds": round(seconds, 3),
    }
    log.info("%s %s: %s in %.2f s, for %s", method, path, status, seconds, caller, extra={"facts": facts})
