"""The team's server over HTTP: messages of the protocol, files there and back, and every way in which that fails."""

from __future__ import annotations

import base64
import math
import re
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import anyio

from glm_mcp import __version__
from glm_mcp.cli.connect.lines import LARGE, Message, is_whole, packed, read_json, read_plain
from glm_mcp.errors import (
    AuthError,
    ConfigError,
    GLMError,
    InvalidRequest,
    MediaTooLarge,
    MissingExtra,
    NetworkError,
    NotFound,
    Overloaded,
    RateLimited,
    UnsupportedMedia,
    UpstreamError,
)
from glm_mcp.glm.network.events import Events
from glm_mcp.glm.network.failures import of_proxy, retry_after
from glm_mcp.glm.network.proxy import proxy_for
from glm_mcp.glm.threads import in_thread, in_thread_if
from glm_mcp.media.kept.uploads import is_upload
from glm_mcp.media.sources.urls import show
from glm_mcp.setting_values import server_url
from glm_mcp.text import clean, keyless

if TYPE_CHECKING:
    import httpx

SILENT_S = 60.0  # the server lets hear of itself every 15 s while it works
CONNECT_S = 10.0
LONGEST_S = 7_200.0  # as long as a call may take, and as much for a large file on a slow line
TRIES_S = 0.3, 1.0  # before a connection is tried again: a server that is started anew is away for a moment
MESSAGE_BYTES = 64 * 1024 * 1024  # of all that is said to one request
ANSWER_BYTES = 1024 * 1024  # of a plain answer, and of a refusal
DOWNLOAD_BYTES = 64 * 1024 * 1024  # of one file that a tool made
NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
_PLAIN = re.compile(r"[\x20-\x7E]*")
_BY_NAME = {c.kind: c for c in GLMError.__subclasses__() if c is not MissingExtra}
_KINDS: dict[int, type[GLMError]] = {
    400: InvalidRequest,
    403: AuthError,
    404: NotFound,
    413: MediaTooLarge,
    415: UnsupportedMedia,
    429: RateLimited,
    503: Overloaded,
    507: ConfigError,
}

# What to do about a refusal without words, which something in front of the server says: by status, else by its hundred
_INSTEAD = {
    413: "A proxy in front of the server takes nothing of that size (nginx: client_max_body_size): tell whoever runs it.",
    4: "Something in front of the server says so, as a proxy or a firewall: ask whoever runs it.",
    429: "Try again in a moment; if it stays so, tell whoever runs it.",
    5: "Try again in a moment; if it stays so, tell whoever runs it.",
}
LATEST_S = 86_400.0  # a server that says to come again later than that says nothing


def address_of(url: str) -> str:
    """The address of a server, without /mcp. Raises ConfigError."""
    if (parts := server_url(url)) is None:
        secret = "@" in url or "?" in url
        shown = "an address with a login or a query" if secret else repr(url)
        raise ConfigError(
            f"{shown} is no address of a server",
            "Give the address alone, as https://glm.example.com; a token goes into GLM_CONNECT_TOKEN.",
        )
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/').removesuffix('/mcp')}"


class SessionLost(Exception):
    """The server does not know the id of this session any more."""


class Upstream:
    """One server. `base`: its address without /mcp. `longest_s`: from a request to the end of its answer, and likewise for
    all files of a call that are sent, and for all that are fetched.
    """

    def __init__(self, base: str, token: str | None, *, longest_s: float = LONGEST_S) -> None:
        self.base = base
        self._token, self.longest_s = token, longest_s
        self._made: httpx.AsyncClient | None = None

    async def close(self) -> None:
        if self._made is not None:
            await self._made.aclose()

    @asynccontextmanager
    async def asked(
        self, message: Message, headers: Mapping[str, str]
    ) -> AsyncIterator[tuple[httpx.Response, AsyncIterator[Message]]]:
        """A request of the protocol: the answer's headers, and what comes, the answer last. Leaving it cancels the request.

        Raises GLMError, SessionLost.
        """
        sent = {
            "Accept": "application/json, text/event-stream",
            "Content-Type": "application/json",
            **{name: header_value(keyless(value)) for name, value in headers.items()},
        }
        # The keys and tokens of this machine's settings are not for that server.
        body, most = await in_thread(packed, message, keyless), MESSAGE_BYTES
        async with self._request("POST", "/mcp", most=most, headers=sent, content=body) as response:
            yield response, self._messages(response)

    async def _messages(self, response: httpx.Response) -> AsyncIterator[Message]:
        with self._failing():
            if response.headers.get("content-type", "").lower().startswith("text/event-stream"):
                events = Events()
                async for piece in response.aiter_bytes():
                    for data in events.feed(piece):
                        yield await self._read(data)
                return
            body = await response.aread()
        if body:
            yield await self._read(body)

    async def _read(self, text: str | bytes) -> Message:
        try:
            message = await in_thread_if(len(text) > LARGE, read_plain, text)
        except ValueError:
            message = None
        if not isinstance(message, dict) or not is_whole(message):
            raise self._no_server()
        return message

    async def file(self, method: str, **given: Any) -> str:
        """The address of a file that is asked for or sent. Raises GLMError."""
        async with self._request(method, "/files", **given) as response:
            with self._failing():
                body = await response.aread()
        try:
            uri = read_json(body)["uri"]
        except (ValueError, TypeError, LookupError):
            uri = None
        if not isinstance(uri, str) or not is_upload(uri):
            raise self._no_server()
        return uri

    @contextmanager
    def in_time(self) -> Iterator[None]:
        """Bounds what takes several requests. Raises NetworkError where it takes longer."""
        with self._failing(), anyio.fail_after(self.longest_s):
            yield

    async def download(self, path: str, most: int, until: float = math.inf) -> tuple[bytes, str]:
        """A file of at most so many bytes, and its name. `until`: on anyio's clock. Raises GLMError."""
        async with self._request("GET", path, most=min(most, DOWNLOAD_BYTES), until=until) as response:
            with self._failing():
                body = await response.aread()
            return body, _name(response.headers.get("content-disposition", ""))

    @asynccontextmanager
    async def _request(
        self, method: str, path: str, *, most: int = ANSWER_BYTES, until: float = math.inf, **given: Any
    ) -> AsyncIterator[httpx.Response]:
        """A response of success, or one that carries a message of the protocol. `most`: bytes that it may have;
        `until`: when it ends at the latest.

        Raises GLMError, SessionLost.
        """
        from glm_mcp.cli.connect.bounded import Bounded

        until = min(until, anyio.current_time() + self.longest_s)
        with self._failing(), anyio.fail_at(until):
            client = self._client()
            given["headers"] = {**self._own(), **given.get("headers", {})}
            request = client.build_request(method, self.base + path, **given)
            response = await self._sent(client, request)
        try:
            if response.headers.get("content-encoding", "identity") != "identity":
                raise self._no_server()  # nobody asked for it, and a little of it may stand for much
            most = most if response.status_code < 300 else ANSWER_BYTES
            response.stream = Bounded(response, most, until)
            if response.status_code >= 300 and not await self._is_message(response):
                raise await self._refused(response, path)
            yield response
        finally:
            with anyio.CancelScope(shield=True), anyio.move_on_after(0.3):
                await response.aclose()

    async def _sent(self, client: httpx.AsyncClient, request: httpx.Request) -> httpx.Response:
        import httpx

        for wait_s in TRIES_S:
            try:
                return await client.send(request, stream=True)
            except httpx.ConnectError as error:
                if isinstance(error.__cause__, ssl.SSLError) or "CERTIFICATE" in str(error):
                    raise
                await anyio.sleep(wait_s)
        return await client.send(request, stream=True)

    async def _is_message(self, response: httpx.Response) -> bool:
        """Whether a refusal is the protocol's own, and to be passed on."""
        with self._failing():
            body = await response.aread()
        return body.lstrip().startswith(b"{") and b'"jsonrpc"' in body

    async def _refused(self, response: httpx.Response, path: str) -> Exception:
        status = response.status_code
        try:
            said = read_json(response.content)
            error, words = str(said["error"]), said["error_description"]
        except (ValueError, KeyError, TypeError):
            error = words = ""
        words = clean(words, 600) if isinstance(words, str) else ""
        if error == "unknown_session" and path == "/mcp":  # of files a server knows no sessions
            return SessionLost()
        if status == 401:
            hint = "Put it into GLM_CONNECT_TOKEN of this host's entry, or ask whoever runs the server for a new one."
            what = "took no token" if not self._token else "does not take the token"
            return AuthError(f"{self.base} {what} ({words or 'HTTP 401'})", hint)
        if status < 400 and (place := show(response.headers.get("location", ""))):
            said = f"{self.base} leads elsewhere, to {place}, which is not followed"
            return ConfigError(said, "If that is the server, give its address; the token goes there then.")
        if not words and (status in (404, 405) or status < 400):
            return self._no_server()
        kind = _BY_NAME.get(error) or _KINDS.get(status, UpstreamError)
        hint = "" if words else _INSTEAD.get(status) or _INSTEAD.get(status // 100, "")
        after = retry_after(response.headers.get) if status in (429, 503) else None
        if after is not None and after <= LATEST_S:
            hint = f"Try again in {math.ceil(after)} s."
        known, _, rest = words.partition(": ")  # of our own errors, which say their kind
        words = rest if rest and known == error else words
        return kind(f"{self.base}{path} refused it: {words or f'HTTP {status}'}", hint)

    def _no_server(self) -> ConfigError:
        return ConfigError(
            f"{self.base} is not a glm-mcp server, or another version of one",
            "Check the address: the one of `glm-mcp serve --http`, with or without /mcp.",
        )

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """Inside it, what the library says of a broken connection becomes an error of ours."""
        import httpx

        try:
            yield
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise ConfigError(f"{self.base} is no address of a server", "Check it.") from error
        except httpx.TransportError as error:
            raise self._broken(error) from error
        except TimeoutError:
            said = f"{self.base} does not come to the end of its answer"
            raise NetworkError(said, "Call again; if it stays so, ask whoever runs it.") from None

    def _broken(self, error: httpx.TransportError) -> NetworkError:
        import httpx

        if isinstance(error, httpx.ProxyError):
            return of_proxy(error, urlsplit(self.base).hostname or "", proxy_for(self.base))
        why = str(error.__cause__ or error)
        if isinstance(error, httpx.TimeoutException):
            what = (
                "did not answer in time"
                if isinstance(error, httpx.ConnectTimeout)
                else "has been silent for too long"
            )
            return NetworkError(f"{self.base} {what}", "Call again; if it stays so, ask whoever runs it.")
        if "CERTIFICATE_VERIFY" in why or "certificate" in why:
            return NetworkError(
                f"the certificate of {self.base} is not trusted ({clean(why, 160)})",
                "Set SSL_CERT_FILE to the certificate of your company's authority, or mend the server's.",
            )
        if "SSL" in why or "TLS" in why:
            return NetworkError(
                f"{self.base} does not speak TLS as expected ({clean(why, 120)})",
                "Check http:// against https://.",
            )
        if isinstance(error, httpx.ConnectError):
            return NetworkError(
                f"{self.base} cannot be reached ({clean(why, 120)})",
                "Check the address, and whether the server runs and this machine is in its network (VPN, proxy).",
            )
        return NetworkError(f"the connection to {self.base} broke", "Call again.")

    def _client(self) -> httpx.AsyncClient:
        if self._made is None:
            import httpx

            from glm_mcp.glm.network.pools import asking

            self._made = asking(self.base, timeout=httpx.Timeout(SILENT_S, connect=CONNECT_S))
        return self._made

    def _own(self) -> dict[str, str]:
        mine = {
            "Accept-Encoding": "identity",
            "User-Agent": f"glm-mcp-connect/{__version__}",
            "X-GLM-Connect": __version__,
        }
        return {**mine, "Authorization": f"Bearer {self._token}"} if self._token else mine


def header_value(text: str) -> str:
    """As the protocol writes a name into a header (2026-07-28, streamable HTTP, standard headers); in this way goes all that
    a client or a server chose.
    """
    if _PLAIN.fullmatch(text) and text == text.strip() and not text.startswith("=?base64?"):
        return text
    return f"=?base64?{base64.b64encode(text.encode('utf-8', 'replace')).decode()}?="


def _name(disposition: str) -> str:
    coded = re.search(r"filename\*=utf-8''([^;]+)", disposition, re.IGNORECASE)
    plain = re.search(r'filename="([^"]*)"', disposition)
    return unquote(coded[1]) if coded else plain[1] if plain else ""
