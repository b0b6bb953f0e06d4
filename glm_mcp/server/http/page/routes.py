"""`/`: who asks is found by the header that clients send, or by a cookie that the form gives. No script, nothing from
elsewhere.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from glm_mcp.errors import ConfigError
from glm_mcp.registry import CHAINS
from glm_mcp.server.app import App
from glm_mcp.server.callers.caller import Caller
from glm_mcp.server.http.auth.refusal import Refused
from glm_mcp.server.http.page.sessions import SignedIn
from glm_mcp.server.http.page.view import Facts, Model, own_page, sign_in_page
from glm_mcp.server.http.page.words import Words, words_for

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    from glm_mcp.server.http.guard import Authenticates

FOLDER = Path(__file__).parent
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # with none, a browser would not say where its form comes from
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Vary": "Accept-Language, Authorization, Cookie",
}
# What passes the guard without a token. Each looks for itself who asks, or tells nobody anything.
PATHS = frozenset(
    {(method, path) for method in ("GET", "HEAD") for path in ("/", "/style.css", "/icon.svg")}
    | {("POST", "/sign-in"), ("POST", "/sign-out")}
)


class Page:
    """The page of one server."""

    def __init__(self, app: App, authenticator: Authenticates, now: Callable[[], float] = time.time) -> None:
        self._app = app
        self._authenticator = authenticator
        self._signed_in = SignedIn(app.settings, now)
        self._now = now

    def routes(self) -> list[Route]:
        from starlette.routing import Route

        return [
            Route("/", self._own, methods=["GET"]),
            Route("/sign-in", self._sign_in, methods=["POST"]),
            Route("/sign-out", self._sign_out, methods=["POST"]),
            Route("/style.css", _file("style.css", "text/css"), methods=["GET"]),
            Route("/icon.svg", _file("icon.svg", "image/svg+xml"), methods=["GET"]),
        ]

    async def _own(self, request: Request) -> Response:
        words = self._words(request)
        mark = self._signed_in.mark(request.headers.get("cookie", ""))
        caller = None
        if self._authenticator.asks and "authorization" not in request.headers:
            caller = await self._authenticator.marked(mark) if mark else None
            if caller is None:
                return _html(self._form(words), 200)
        else:
            mark = None
            try:
                caller = await self._authenticator.authenticate(request.scope["headers"])
            except Refused as no:
                return self._refused(words, no)
        request.scope["state"]["caller"] = caller
        return _html(own_page(await self._facts(caller, leaves=mark is not None), words), 200)

    async def _sign_in(self, request: Request) -> Response:
        body = (await request.body()).decode("utf-8", "replace")
        try:
            token = "".join(parse_qs(body, max_num_fields=8).get("token", [])).strip()
        except ValueError:  # more fields than the form has
            token = ""
        mark = self._authenticator.mark(token)
        caller = await self._authenticator.marked(mark) if mark else None
        if mark is None or caller is None:
            return _html(self._form(self._words(request), refused=True), 403)
        request.scope["state"]["caller"] = caller
        return _on_to_page(self._signed_in.begin(mark))

    async def _sign_out(self, _: Request) -> Response:
        return _on_to_page(self._signed_in.end())

    def _refused(self, words: Words, no: Refused) -> Response:
        answer = _html(self._form(words, refused=True), no.status)
        if no.challenge:
            answer.headers["WWW-Authenticate"] = no.challenge
        return answer

    def _form(self, words: Words, *, refused: bool = False) -> str:
        return sign_in_page(words, form=self._authenticator.has_marks, refused=refused)

    def _words(self, request: Request) -> Words:
        return words_for(request.headers.get("accept-language", ""), self._app.settings.lang)

    async def _facts(self, caller: Caller, *, leaves: bool) -> Facts:
        app = self._app
        return Facts(
            caller,
            tuple(t.name for t in app.tools_of(caller)),
            await app.admission.standing(caller),
            app.tally.of(caller.owner),
            self._models(),
            self._now(),
            leaves,
            app.glm.shared is not None,
        )

    def _models(self) -> tuple[Model, ...]:
        """Those that a tool would ask by itself, with the server's own keys together."""
        keys = [self._app.glm, *self._app.keys.more]
        found = []
        for name in self._asked():
            health = [h for h in (k.health.report().get(name) for k in keys) if h]
            queues = [q for q in (k.limiters.get(name) for k in keys) if q]
            known = health[0] if health else {}
            model = Model(
                name,
                gone=all(k.gone(name) for k in keys),
                rests_s=min((h["rests_s"] for h in health), default=0.0) if len(health) == len(keys) else 0.0,
                limit=sum(q.limit for q in queues) or None,
                running=sum(q.everywhere[0] for q in queues),
                waiting=sum(q.everywhere[1] for q in queues),
                first_byte_s=known.get("first_byte_s"),
                answer_s=known.get("answer_s"),
            )
            found.append(model)
        return tuple(found)

    def _asked(self) -> dict[str, None]:
        names: dict[str, None] = {}
        for role in CHAINS:
            with suppress(ConfigError):  # an engine that draws nothing
                names |= dict.fromkeys(card.id for card in self._app.glm.models(role))
        return names


def _html(text: str, status: int) -> Response:
    from starlette.responses import HTMLResponse

    return HTMLResponse(text, status, HEADERS)


def _on_to_page(cookie: str) -> Response:
    from starlette.responses import Response

    return Response(status_code=303, headers={**HEADERS, "Location": "/", "Set-Cookie": cookie})


def _file(name: str, kind: str) -> Callable[[Request], Awaitable[Response]]:
    from starlette.responses import Response

    body = (FOLDER / name).read_bytes()

    async def file(_: Request) -> Response:
        return Response(body, headers={**HEADERS, "Cache-Control": "max-age=3600"}, media_type=kind)

    return file
