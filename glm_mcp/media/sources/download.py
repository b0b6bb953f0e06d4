"""Downloads one file from a public address, treating it as hostile.

Each hop: the URL is parsed into safe parts, its name resolved once, every address checked, and the connection made to
a checked address, so that a second answer of the name server cannot lead it elsewhere (TLS still verifies the name).
Where a proxy is configured for the URL the proxy resolves the name: then literal addresses are checked, and what the
local resolver says if it answers, and what the proxy itself can reach is its operator's matter.
"""

from __future__ import annotations

import itertools
import os
import socket
import ssl
import zlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import IO, TYPE_CHECKING
from urllib.parse import urljoin

import anyio
import anyio.lowlevel
import anyio.to_thread

from glm_mcp.errors import ForbiddenURL, NetworkError, TimedOut, UnsupportedMedia
from glm_mcp.glm.network.failures import of_proxy
from glm_mcp.glm.network.proxy import Proxy, proxy_for
from glm_mcp.glm.network.unpack import Unpacking
from glm_mcp.glm.threads import in_thread
from glm_mcp.media.detect import detect, detect_file
from glm_mcp.media.sources.answer import (
    ELSE,
    NOWHERE,
    broken_by,
    check_length,
    check_status,
    is_packed,
    too_large,
)
from glm_mcp.media.sources.urls import HINT, PublicURL, address_allowed, parse_public_url, show
from glm_mcp.media.tempfiles import file_of, no_room
from glm_mcp.media.types import Source
from glm_mcp.text import clean

if TYPE_CHECKING:
    import httpx

Resolver = Callable[[str, int], Sequence[str]]
Counted = Callable[[int], None]

REDIRECTS = 5
# Of a name, that are tried: some may be out of reach, as all of version 4 are in some networks.
ADDRESSES = 4
CONNECT_S = 5.0  # for each but the last
HELD = 4 << 20  # bytes of a download in memory
_STEP = 1 << 20  # bytes decompressed in one turn of the event loop
_MOVED = (301, 302, 303, 307, 308)
_PUBLIC = (80, 443)  # ports at which a machine may serve everybody
_HEADERS = {
    "User-Agent": "glm-flash-mcp (+https://pypi.org/project/glm-flash-mcp/)",
    "Accept": "image/*, video/*, application/pdf, text/*;q=0.9, */*;q=0.8",
    "Accept-Encoding": "gzip",  # what we can decode with a cap on every step
}


async def download(  # noqa: PLR0913 - bounds, and what stands in for the network
    url: str,
    *,
    max_bytes: int,
    timeout_s: float,
    silent_s: float = 30.0,
    own_host: str | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    resolver: Resolver | None = None,
    proxies: Mapping[str, str] | None = None,
    counted: Counted = lambda _: None,
) -> tuple[bytes | IO[bytes], str, str]:
    """(bytes or, for many, a file; content type as the server claims it; final URL) of a public http(s) address.

    `max_bytes` counts after decompression; `timeout_s` is for all of it, `silent_s` for a server that says nothing.
    `own_host`: "host:port" of the configured endpoint, which may be private; a redirect from elsewhere may not lead
    there. `resolver(host, port)` gives addresses; `proxies` as `urllib.request.getproxies()` gives them (the
    default); `transport` replaces the network; `counted` hears of all bytes as they come, and may raise.
    Raises ForbiddenURL, NotFound, NetworkError, MediaTooLarge, TimedOut, UnsupportedMedia (an unknown compression),
    and ConfigError for a proxy or certificates of the environment that cannot be used.
    """
    import httpx

    try:
        with anyio.fail_after(timeout_s):
            hop = parse_public_url(url, own_host=own_host)
            for _ in range(REDIRECTS + 1):
                answer = await _fetch(
                    hop, max_bytes, silent_s, transport, resolver or _resolve, proxies, counted
                )
                if isinstance(answer, tuple):
                    return (*answer, str(hop))
                # Only the endpoint itself may send us to the endpoint.
                hop = parse_public_url(_led_to(hop, answer), own_host=own_host if hop.own else None)
    except TimeoutError as error:
        raise TimedOut(f"{show(url)} was not downloaded within {timeout_s:.3g} s", ELSE) from error
    except httpx.TimeoutException as error:
        raise TimedOut(f"{show(url)} did not answer in time", ELSE) from error
    except httpx.InvalidURL as error:
        raise ForbiddenURL(f"{show(url)} is not a valid address", ELSE) from error
    except (httpx.HTTPError, ssl.SSLError, OSError) as error:
        raise NetworkError(f"{show(url)} could not be downloaded: {broken_by(error)}", ELSE) from error
    raise NetworkError(f"{show(url)} redirects more than {REDIRECTS} times", ELSE)


def _led_to(hop: PublicURL, location: str) -> str:
    try:
        return urljoin(str(hop), location)
    except ValueError as error:
        raise NetworkError(f"{show(str(hop))} could not be downloaded: {NOWHERE}", ELSE) from error


async def fetched(
    source: Source,
    *,
    max_bytes: int,
    timeout_s: float,
    own_host: str | None = None,
    proxies: Mapping[str, str] | None = None,
    counted: Counted = lambda _: None,
) -> Source:
    """A URL source with its bytes and their kind; any other source as it is. Whether it fits is `check_fits`'s business.

    Raises what `download` raises, and UnsupportedMedia for an empty answer.
    """
    if source.url is None or not source.is_remote:
        return source
    body, _, _ = await download(
        source.url,
        max_bytes=max_bytes,
        timeout_s=timeout_s,
        own_host=own_host,
        proxies=proxies,
        counted=counted,
    )
    if not body:
        raise UnsupportedMedia(f"{show(source.url)} is empty (0 bytes)", "Check the address.")
    if isinstance(body, bytes):  # a kilobyte of them may unpack to a megabyte that is looked at
        kind = await in_thread(detect, body, source.name)
        return replace(source, kind=kind, size=len(body), data=body)
    kind = await in_thread(detect_file, body, source.name)
    return replace(source, kind=kind, size=os.fstat(body.fileno()).st_size, handle=body)


async def _fetch(
    url: PublicURL,
    max_bytes: int,
    silent_s: float,
    transport: httpx.AsyncBaseTransport | None,
    resolver: Resolver,
    proxies: Mapping[str, str] | None,
    counted: Counted,
) -> tuple[bytes | IO[bytes], str] | str:
    """One hop: (body, content type), or where it redirects."""
    import httpx

    proxy = proxy_for(str(url), proxies)
    addresses = await _checked_addresses(url, resolver, proxied=proxy is not None)
    if transport is None:
        from glm_mcp.glm.network.pools import Pools

        # Not cached: SSL_CERT_FILE may change, and a download takes longer than the loading of certificates.
        transport = await anyio.to_thread.run_sync(partial(Pools, proxy, secure=url.scheme == "https"))
    async with (
        _proxy_errors(url, proxy),
        httpx.AsyncClient(transport=transport, trust_env=False) as client,
        aclosing(await _asked(client, url, () if proxy else addresses, silent_s)) as response,
    ):
        if response.status_code in _MOVED and response.headers.get("Location"):
            return str(response.headers["Location"])
        check_status(response.status_code, url)
        check_length(response.headers.get("Content-Length"), max_bytes, url)
        packed = is_packed(response.headers.get("Content-Encoding", ""), url)
        chunks = _inflated(response.aiter_raw(), url) if packed else response.aiter_raw()
        data = await _read(chunks, max_bytes, url, counted)
        return data, clean(response.headers.get("Content-Type", ""), 200)


async def _asked(
    client: httpx.AsyncClient, url: PublicURL, addresses: Sequence[str], silent_s: float
) -> httpx.Response:
    """The answer of the first address that takes a connection; without any the proxy resolves the name."""
    import httpx

    async def ask(address: str, connect_s: float) -> httpx.Response:
        request = client.build_request(
            "GET",
            str(replace(url, host=address)) if address else str(url),
            headers={**_HEADERS, "Host": url.authority},
            timeout=httpx.Timeout(silent_s, connect=connect_s),
            extensions={"sni_hostname": url.host} if address else {},
        )
        return await client.send(request, stream=True)

    *others, last = addresses or [""]
    for address in others:
        with suppress(httpx.ConnectError, httpx.ConnectTimeout):
            return await ask(address, min(silent_s, CONNECT_S))
    return await ask(last, silent_s)


@asynccontextmanager
async def _proxy_errors(url: PublicURL, proxy: Proxy | None) -> AsyncIterator[None]:
    import httpx

    try:
        yield
    except httpx.ProxyError as error:
        raise of_proxy(error, url.host, proxy) from error


async def _checked_addresses(url: PublicURL, resolver: Resolver, *, proxied: bool) -> Sequence[str]:
    """The addresses to connect to, in this order, those of both versions in turn. Every address of the name must be
    public, so that no order of answers matters.
    """
    if url.literal is not None:  # checked when it was parsed
        if not url.own and url.port not in _PUBLIC and leads_here(url.host):
            raise _closed(url)
        return [url.host]
    try:
        # A name server that hangs holds a thread of its own, of its caller's share, and not those that others wait for.
        resolved = await in_thread(resolver, url.host, url.port, among=anyio.CapacityLimiter(1))
    except (OSError, UnicodeError) as error:
        if proxied:
            return []
        raise NetworkError(f"the name {url.host} was not found", "Check the address.") from error
    addresses = [address.partition("%")[0] for address in resolved]
    if not addresses and not proxied:
        raise NetworkError(f"the name {url.host} was not found", "Check the address.")
    here = url.port not in _PUBLIC and any(map(leads_here, addresses))
    if not url.own and (here or not all(map(address_allowed, addresses))):
        raise _closed(url)
    # An address of version 4 first: many machines have a name for both and a route for one.
    kinds = [[a for a in addresses if (":" in a) is newer] for newer in (False, True)]
    return [a for pair in itertools.zip_longest(*kinds) for a in pair if a][:ADDRESSES]


def _closed(url: PublicURL) -> ForbiddenURL:
    return ForbiddenURL(f"{url.host} leads to a private, local or reserved address", HINT)


def leads_here(address: str) -> bool:
    """Whether it is this machine's own, public as it may be: a firewall may keep others from what listens. Sends nothing."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as asked:
            asked.connect((address, 9))
            return bool(asked.getsockname()[0] == address)
    except OSError:
        return False


def _resolve(host: str, port: int) -> list[str]:
    entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in entries))


async def _read(
    chunks: AsyncIterator[bytes], max_bytes: int, url: PublicURL, counted: Counted
) -> bytes | IO[bytes]:
    """The body: what is large in a file, as many calls may hold theirs at once."""
    body, file, size = bytearray(), None, 0
    async for chunk in chunks:
        body += chunk
        size += len(chunk)
        counted(len(chunk))
        if size > max_bytes:
            raise too_large(url, max_bytes)
        if len(body) > HELD:
            file = await in_thread(_moved, body, file)
    return await in_thread(_moved, body, file) if file else bytes(body)


async def _inflated(chunks: AsyncIterator[bytes], url: PublicURL) -> AsyncIterator[bytes]:
    """Decompressed step by step: a little of it may stand for much."""
    unpacking = Unpacking()
    async for chunk in chunks:
        try:
            for piece in unpacking.pieces(chunk, _STEP):
                yield piece
                await anyio.lowlevel.checkpoint()
        except zlib.error as error:
            raise NetworkError(f"{show(str(url))} sent damaged data", "Call again.") from error
        if unpacking.over:
            return  # what follows would only be held in memory
    if unpacking.whole:
        return
    raise NetworkError(f"{show(str(url))} broke off before its end", "Call again.")


def _moved(body: bytearray, file: IO[bytes] | None) -> IO[bytes]:
    """The bytes at the end of a file, which stands at its start then; none of them is left."""
    file = file or file_of(b"")
    try:
        file.seek(0, os.SEEK_END)
        file.write(body)
        file.seek(0)
    except OSError as error:
        raise no_room(error) from error
    body.clear()
    return file
