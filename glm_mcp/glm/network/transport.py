"""The one HTTP client of the process: built at first use, and the one place where its errors become ours."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import anyio.lowlevel
import anyio.to_thread

from glm_mcp.errors import Again, ConfigError, GLMError, UpstreamError
from glm_mcp.glm.error_codes import from_response, is_wall
from glm_mcp.glm.json_shape import SMALL, VALUES_MAX, too_many_values
from glm_mcp.glm.network.events import MARK, Events
from glm_mcp.glm.network.failures import CHECK, READ_S, Sent, mapped, retry_after
from glm_mcp.glm.network.frames import frames, objects_in, text_in
from glm_mcp.glm.network.proxy import Proxy, proxy_for
from glm_mcp.glm.network.refusals import decoded, read_error
from glm_mcp.glm.network.turns import Turns
from glm_mcp.glm.network.unpack import ENCODINGS, unpacked
from glm_mcp.glm.threads import in_thread_if
from glm_mcp.text import ID_CHARS, clean

if TYPE_CHECKING:
    import httpx

END_S = 0.25  # for the end of the body after [DONE], so that the connection can be used again
# Of silence after a finish_reason: the usage may still come, and [DONE], which some servers leave out. And for the body
# of a refusal, whose status has come.
FINISHED_S = 2.0

OnEvent = Callable[[dict[str, Any]], object]
OnStep = Callable[[str, dict[str, Any]], Awaitable[None]]
_EVENTS = (b":", b"data:", b"event:", b"id:", b"retry:")  # how a stream of events begins
_DONE = b"[DONE]"
_ENOUGH = max(map(len, _EVENTS))  # bytes to see that
_BLANK = 1_000  # bytes of nothing that may stand before them

ERROR_BYTES = 65_536  # of a refused answer's body; the reason stands at its start
# Of a whole stream, unpacked: 131,072 tokens in events of some 250 bytes are half of it
STREAM_BYTES = 64 * 1024 * 1024
EVENT_BYTES = 12 * 1024 * 1024  # of one: a server that does not stream sends an answer of `CHARS_MAX` in one
ANSWER_BYTES = 16 * 1024 * 1024  # of an answer as one object, which may hold a picture of 12 MB as base64
LOST_BY_GATEWAY = {499, 504, 524}  # the service, which may have worked, was reached; its answer came too late
# Either nobody was behind the gateway, which it knows at once, or who was there hung up in the middle of the work.
HUNG_UP = {502, 520}
AT_WORK_S = 4.0  # [spec] a picture takes 5 to 10 s


class Transport:
    """Builds and closes the connections to each host. `mount` replaces the network, for tests.

    No client of httpx is above them: nothing is to be redirected, and a cookie of the service, or of what stands before it,
    would tie one caller's requests to another's.
    """

    def __init__(self, mount: httpx.AsyncBaseTransport | None = None) -> None:
        self._mount = mount
        self._built: dict[tuple[bool, Proxy | None], httpx.AsyncBaseTransport] = {}
        self._ways: dict[tuple[str, str], tuple[httpx.AsyncBaseTransport, Proxy | None]] = {}
        self._building = anyio.Lock()
        self._reached = set[str]()
        self._unconnected: dict[str, float] = {}  # since when requests to a host wait to be sent

    async def _way(self, url: str) -> tuple[httpx.AsyncBaseTransport, Proxy | None]:
        """The connections for this address, and the proxy that it goes through.

        Raises ConfigError when the environment names a proxy or certificates that cannot be used, or the URL is none.
        """
        try:
            host = urlsplit(url)[:2]
            if host not in self._ways:
                async with self._building:
                    proxy, secure = proxy_for(url), host[0] == "https"
                    if (secure, proxy) not in self._built:
                        # Reading the certificates takes some 30 ms.
                        made = await anyio.to_thread.run_sync(self._build, proxy, secure)
                        self._built[secure, proxy] = made
                    self._ways[host] = self._built[secure, proxy], proxy
        except ValueError as error:
            raise ConfigError(f"GLM_BASE_URL is no address ({error})", "Check GLM_BASE_URL.") from None
        return self._ways[host]

    async def post(self, url: str, key: str | None, body: bytes | None, on_event: OnEvent) -> str | None:
        """One HTTP try, a GET without a body. Each JSON object of the answer, streamed or whole, goes to `on_event`;
        `{"_broken": True}` for one that is damaged. The request's id, where the answer's head names one.

        Raises GLMError: the service's refusal, or what the network did. `sent` is set when the request went out.
        """
        way, proxy = await self._way(url)
        answer, host = _Answer(), urlsplit(url).netloc

        async def on_step(step: str, info: dict[str, Any]) -> None:
            if step == "http11.send_request_headers.started" and info["request"].method != b"CONNECT":
                self._unconnected.pop(host, None)

        try:
            with mapped(url, proxy) as sent:
                request = _request(url, key, body, on_step)
                self._unconnected.setdefault(host, anyio.current_time())
                async with aclosing(await way.handle_async_request(request)) as response:
                    self._reached.add(host)
                    await answer.read(response, sent, on_event)
        except GLMError as error:
            self._unconnected.pop(host, None)
            # A service may repeat the key in its own words.
            said = error.message.replace(key, "[key]") if key else error.message
            named = error.request_id or answer.request_id
            raise error.but(sent=sent.out, request_id=named, message=said) from error.__cause__
        return answer.request_id

    def reached(self, url: str) -> bool:
        """Whether this process has had an answer from this host."""
        return urlsplit(url).netloc in self._reached

    def unconnected(self, url: str) -> tuple[str, float] | None:
        """The host of this address, and since when no request to it had a connection; None where the last one had."""
        since = None if self._mount else self._unconnected.get(urlsplit(url).netloc)
        return None if since is None else (urlsplit(url).hostname or "", since)

    def proxied(self, url: str) -> bool:
        """Whether the way to this host leads through a proxy, whose address somebody has set."""
        return self._ways.get(urlsplit(url)[:2], (None, None))[1] is not None

    def _build(self, proxy: Proxy | None, secure: bool) -> httpx.AsyncBaseTransport:
        from glm_mcp.glm.network.pools import Pools

        return self._mount or Pools(proxy, secure=secure)

    async def close(self) -> None:
        for way in self._built.values():
            await way.aclose()
        self._built.clear()
        self._ways.clear()


def _request(url: str, key: str | None, body: bytes | None, on_step: OnStep) -> httpx.Request:
    import httpx

    from glm_mcp.glm.network.connect import CONNECT_S

    headers = {
        "Accept": "*/*",
        "User-Agent": "glm-flash-mcp",
        "Accept-Language": "en-US,en",
        "Accept-Encoding": ENCODINGS,
        "Content-Type": "application/json",
    }
    headers |= {"Authorization": f"Bearer {key}"} if key else {}
    times = {"connect": CONNECT_S, "read": READ_S, "write": READ_S, "pool": None}
    method, extensions = "GET" if body is None else "POST", {"timeout": times, "trace": on_step}
    return httpx.Request(method, _parsed(url), content=body, headers=headers, extensions=extensions)


@lru_cache(16)
def _parsed(url: str) -> httpx.URL:
    """A service has two or three addresses, and to take one apart is a fiftieth of a small call."""
    import httpx

    return httpx.URL(url)


class _Answer:
    """Reads one answer, as a stream of events or as one object."""

    def __init__(self) -> None:
        self.request_id: str | None = None
        self._asked = time.monotonic()

    async def read(self, response: httpx.Response, sent: Sent, on_event: OnEvent) -> None:
        import httpx

        named = response.headers.get("x-log-id") or response.headers.get("x-request-id") or ""
        self.request_id = clean(named, ID_CHARS) or None
        status = response.status_code
        if not 200 <= status < 300:
            late = time.monotonic() - self._asked > AT_WORK_S
            sent.out = status in LOST_BY_GATEWAY or (status in HUNG_UP and late)
            moved = response.headers.get("location", "") if status < 400 else ""
            said = moved.partition("?")[0] or decoded(await _refusal(response))
            wait = retry_after(response.headers.get)
            raise read_error(status, said, request_id=self.request_id, retry_after=wait)
        sent.out = True
        kind = clean(response.headers.get("content-type", ""), ID_CHARS).lower()
        pieces = unpacked(response)
        first, start = await _beginning(pieces)
        # Some compatible servers send their stream as text/plain or without a type, and gateways a refusal as a stream.
        if start.startswith(_EVENTS) or ("event-stream" in kind and not start.startswith((b"{", b"["))):
            await _read_events(first, pieces, on_event)
            return
        body, broke = bytearray(first), None
        try:
            async for piece in pieces:
                body += piece
                if len(body) > ANSWER_BYTES:
                    raise _endless(f"over {ANSWER_BYTES >> 20} MB")
        except httpx.TransportError as error:  # what is whole is an answer, however its connection ended
            broke = error
        try:
            frames = await in_thread_if(len(body) > SMALL, _decode, bytes(body), kind)
        except UpstreamError:
            if broke:
                raise broke from None
            raise
        if len(frames) == 1:
            _end(frames[0])
        turns = Turns()
        for frame in frames:
            on_event(frame)
            await turns.let_others()


async def _beginning(pieces: AsyncIterator[bytes]) -> tuple[bytes, bytes]:
    """As much of an answer as tells what it is, and the same from its first word on."""
    first = start = b""
    while len(start) < _ENOUGH and len(first) < _BLANK and not start.startswith((b"{", b"[", b":")):
        piece = await anext(pieces, None)
        if piece is None:
            break
        first += piece
        start = first.removeprefix(MARK).lstrip()
    return first, start


async def _read_events(first: bytes, pieces: AsyncIterator[bytes], on_event: OnEvent) -> None:
    async with aclosing(_events(first, pieces)) as events:
        data, finished = await anext(events, None), False
        while data is not None and data != _DONE and not finished:
            finished = await _read(data, on_event)
            data = None if finished else await anext(events, None)
        # What follows a whole answer counts as far as it comes: its usage, the filter's word, the end of the body.
        with anyio.move_on_after(FINISHED_S) as rest:
            while finished and (data := await _if_any(events)) is not None and data != _DONE:
                await _read(data, on_event)
            if data == _DONE:
                rest.deadline = anyio.current_time() + END_S
                await _if_any(events)


async def _read(data: bytes, on_event: OnEvent) -> bool:
    """Whether the answer is whole with this event."""
    finished = False
    for frame in await in_thread_if(len(data) > SMALL, frames, data):
        on_event(frame)
        finished = finished or _finishes(frame)
    return finished


async def _events(first: bytes, pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    """The data of each event that has any."""
    events, size = Events(), 0
    piece: bytes | None = first
    while piece is not None:
        size += len(piece)
        for data in events.feed(piece):
            if stripped := data.strip():
                yield stripped
        if size > STREAM_BYTES or events.pending > EVENT_BYTES:
            raise _endless(f"over {(STREAM_BYTES if size > STREAM_BYTES else EVENT_BYTES) >> 20} MB")
        piece = await anext(pieces, None)
    if rest := events.rest().strip():
        yield rest


async def _if_any(events: AsyncIterator[bytes]) -> bytes | None:
    """The next event; None where none comes, however its connection ends."""
    import httpx

    with suppress(httpx.TransportError, UpstreamError):
        return await anext(events, None)
    return None


def _end(answer: dict[str, Any]) -> None:
    """An answer in one piece is whole, also where it does not say why it ends."""
    choices = answer.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict) and choice.get("message") and not choice.get("finish_reason"):
            choice["finish_reason"] = "stop"


def _finishes(frame: dict[str, Any]) -> bool:
    choices = frame.get("choices")
    return isinstance(choices, list) and any(isinstance(c, dict) and c.get("finish_reason") for c in choices)


def _decode(body: bytes, kind: str) -> list[dict[str, Any]]:
    if too_many_values(body):
        raise _endless(f"over {VALUES_MAX:,} values")
    text = text_in(body)
    if not text.strip():
        raise UpstreamError("the service sent an empty answer", "Call again.", again=Again.RETRY)
    if is_wall(200, text):
        raise from_response(200, None, text)
    found = objects_in(text)
    if not found:
        told = from_response(200, None, text)
        # Its words are known ones, and none of an answer that came in pieces.
        if type(told) is not UpstreamError and not text.lstrip().startswith(("{", "[")):
            raise told
        raise UpstreamError(
            f"the service answered {kind.split(';', maxsplit=1)[0] or 'something'} that is no answer: {clean(text, 120) or '…'}",
            "Check GLM_BASE_URL, and what stands between: a proxy, a network that wants a login. Call again.",
            again=Again.RETRY,
        )
    return found


def _endless(beyond: str) -> UpstreamError:
    return UpstreamError(
        f"the answer is endless ({beyond})", "Ask for less, or check GLM_BASE_URL.", see=CHECK
    )


async def _refusal(response: httpx.Response) -> bytes:
    """The body of a refused answer as far as it comes; its status alone says something."""
    import httpx

    whole = bytearray()
    with anyio.move_on_after(FINISHED_S), suppress(httpx.TransportError, UpstreamError):
        async for piece in unpacked(response):
            whole += piece
            if len(whole) > ERROR_BYTES:
                break
    return bytes(whole[:ERROR_BYTES])
