"""Downloads, against a real server on this machine (as the endpoint's own host) and a recording transport."""

from __future__ import annotations

import gc
import gzip
import os
import re
import shlex
import ssl
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

import anyio
import anyio.abc
import anyio.lowlevel
import httpx
import pytest
from support import tls
from support.cases import each
from support.proxies import local_proxy
from support.web_server import PNG, PUBLIC, Server

from glm_mcp.errors import (
    ConfigError,
    ForbiddenURL,
    GLMError,
    MediaTooLarge,
    NetworkError,
    NotFound,
    Overloaded,
    TimedOut,
    UnsupportedMedia,
)
from glm_mcp.glm.threads import within_share
from glm_mcp.media.formats import KINDS, UNKNOWN
from glm_mcp.media.sources.download import HELD, download, fetched
from glm_mcp.media.sources.room import (
    CALL_BYTES,
    CALL_PAGES,
    CALLER_BYTES,
    CALLER_CHARS,
    CALLER_PAGES,
    CALLER_PICTURES_BYTES,
    PICTURES_BYTES,
    Room,
)
from glm_mcp.media.types import TEXT_CHARS, Fragment, Source

pytestmark = pytest.mark.anyio


async def get(
    server: Server, path: str, *, max_bytes: int = 1_000_000, timeout_s: float = 10
) -> tuple[bytes | IO[bytes], str, str]:
    with anyio.fail_after(20):
        return await download(
            f"http://{server.host}/{path}",
            max_bytes=max_bytes,
            timeout_s=timeout_s,
            own_host=server.host,
            proxies={},
        )


async def test_a_file_comes_with_its_type_and_final_address(server: Server) -> None:
    assert await get(server, "a.png?x=1") == (PNG, "image/png", f"http://{server.host}/a.png?x=1")
    (seen,) = server.seen
    assert seen["path"] == "/a.png?x=1"
    assert seen["host"] == server.host
    assert "glm-flash-mcp" in seen["user-agent"]
    assert "cookie" not in seen


async def test_redirects_are_followed_five_times_and_cookies_are_not_kept(server: Server) -> None:
    assert (await get(server, "to/" * 5 + "a.png"))[2] == f"http://{server.host}/a.png"
    assert not any("cookie" in seen for seen in server.seen)
    with pytest.raises(NetworkError, match="more than 5 times"):
        await get(server, "to/" * 6 + "a.png")


@pytest.mark.parametrize(
    "target", ["http://127.0.0.1:1/", "http://169.254.169.254/latest", "http://localhost/", "file:///etc/passwd", "http://u:p@example.com/", "//10.0.0.1/x", "http://[::1]/"]
)  # fmt: skip
async def test_a_redirect_to_a_private_address_is_refused(server: Server, target: str) -> None:
    with pytest.raises(ForbiddenURL):
        await get(server, "to/" + target)


async def test_a_private_address_is_refused_before_any_connection(server: Server) -> None:
    with pytest.raises(ForbiddenURL, match="private"):
        await download(f"http://{server.host}/a.png", max_bytes=10, timeout_s=5, proxies={})
    with pytest.raises(ForbiddenURL, match="private"):
        await download(
            f"http://{server.host}/a.png", max_bytes=10, timeout_s=5, own_host="127.0.0.1:1", proxies={}
        )
    assert server.seen == []


async def test_a_large_file_is_refused_by_its_claim_and_by_its_bytes(server: Server) -> None:
    with pytest.raises(MediaTooLarge, match="larger than"):
        await get(server, "a.png", max_bytes=len(PNG) - 1)
    assert (await get(server, "a.png", max_bytes=len(PNG)))[0] == PNG
    with pytest.raises(MediaTooLarge):
        await get(server, "endless", max_bytes=300_000)


async def test_a_compressed_bomb_is_stopped_at_the_limit(server: Server) -> None:
    with pytest.raises(MediaTooLarge):
        await get(server, "bomb", max_bytes=200_000)
    assert (await get(server, "gzip"))[0] == PNG


@pytest.mark.parametrize(
    ("path", "error", "said"),
    [
        ("404", NotFound, "HTTP 404"),
        ("410", NotFound, "HTTP 410"),
        ("403", NetworkError, "refused the download"),
        ("500", NetworkError, "Call again later"),
        ("429", NetworkError, "Call again later"),
        ("418", NetworkError, "HTTP 418"),
        ("202", NetworkError, "not ready yet"),
        ("206", NetworkError, "a part alone"),
        ("304", NetworkError, "HTTP 304"),
        ("short", NetworkError, "could not be downloaded"),
        ("torn", NetworkError, "broke off"),
        ("damaged", NetworkError, "damaged"),
        ("brotli", UnsupportedMedia, "'br', which was not asked for"),
    ],
)
async def test_failures_say_what_happened(
    server: Server, path: str, error: type[GLMError], said: str
) -> None:
    with pytest.raises(error, match=said) as caught:
        await get(server, path + "?key=hidden")
    assert "hidden" not in str(caught.value)


async def test_a_body_that_was_packed_in_parts_comes_whole(server: Server) -> None:
    assert (await get(server, "parts"))[0] == PNG


@pytest.mark.parametrize("word", ["aws-chunked", "utf-8", "none", "identity,aws-chunked"])
async def test_a_coding_that_packs_nothing_is_none(word: str, server: Server) -> None:
    """Stores repeat what was set when a file was put there."""
    assert (await get(server, f"coding/{word}"))[0] == PNG


@pytest.mark.parametrize("path", ["hang", "slow"])
async def test_a_server_that_hangs_is_given_up_at_the_limit(server: Server, path: str) -> None:
    with pytest.raises(TimedOut, match=r"within 0\.3 s"):
        await get(server, path, timeout_s=0.3)


async def test_a_name_server_that_hangs_is_given_up_at_the_limit() -> None:
    release = threading.Event()

    def hang(host: str, port: int) -> Sequence[str]:
        release.wait(20)
        return [PUBLIC]

    with anyio.fail_after(10), pytest.raises(TimedOut):
        await download("http://example.com/", max_bytes=10, timeout_s=0.2, resolver=hang, proxies={})
    release.set()


async def test_a_look_up_that_nobody_waits_for_any_more_counts_among_its_callers_threads() -> None:
    share, release = anyio.Semaphore(1), threading.Event()

    def hang(host: str, port: int) -> Sequence[str]:
        release.wait(20)
        return []

    with anyio.fail_after(10), within_share(share):
        with pytest.raises(TimedOut):
            await download("http://example.com/", max_bytes=10, timeout_s=0.2, resolver=hang, proxies={})
        assert share.value == 0
        release.set()
        await share.acquire()


async def test_a_refused_connection_is_a_network_error(server: Server) -> None:
    server.server_close()
    with pytest.raises(NetworkError, match="could not be downloaded"):
        await get(server, "a.png")


# With a recording transport: what would be connected to


class Recorder(httpx.MockTransport):
    """Answers with the pages by path; remembers each request."""

    def __init__(self, **moves: str) -> None:
        self.requests: list[httpx.Request] = []
        self.moves = moves
        super().__init__(self.handle)

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        target = self.moves.get(request.url.path.strip("/"))
        return (
            httpx.Response(302, headers={"Location": target})
            if target
            else httpx.Response(200, stream=httpx.ByteStream(PNG))
        )


def names(**known: list[str]) -> Callable[[str, int], Sequence[str]]:
    """A resolver that knows some names, each dot written as `_`, and counts nothing."""

    def resolve(host: str, port: int) -> Sequence[str]:
        if host.replace(".", "_") not in known:
            raise OSError(-2, "Name or service not known")
        return known[host.replace(".", "_")]

    return resolve


async def fetch(
    url: str,
    transport: Recorder,
    resolver: Callable[[str, int], Sequence[str]],
    *,
    own_host: str | None = None,
    proxy: str = "",
) -> tuple[bytes | IO[bytes], str, str]:
    with anyio.fail_after(10):
        return await download(
            url,
            max_bytes=10_000,
            timeout_s=5,
            own_host=own_host,
            transport=transport,
            resolver=resolver,
            proxies={"http": proxy, "https": proxy} if proxy else {},
        )


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 200 OK\r\nX: \0\r\n\r\n", "what it answers is not HTTP"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nxx", "what it answers is not HTTP"),
        (
            b"HTTP/1.1 302 Found\r\nLocation: //[x]/\r\nContent-Length: 0\r\n\r\n",
            "it redirects to no address",
        ),
        (
            b"HTTP/1.1 302 Found\r\nLocation: http://[/\r\nContent-Length: 0\r\n\r\n",
            "it redirects to no address",
        ),
        (b"", "the connection broke"),
    ],
)
async def test_what_is_no_answer_is_told_in_our_words(answer: bytes, said: str) -> None:
    async def serve(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            await stream.receive()
            await stream.send(answer)

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    place = f"127.0.0.1:{listener.extra(anyio.abc.SocketAttribute.local_port)}"  # noqa: S610 - of a socket
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, serve)
        with pytest.raises(NetworkError) as caught:
            await download(f"http://{place}/a", max_bytes=99, timeout_s=9, own_host=place, proxies={})
        tasks.cancel_scope.cancel()
    assert f"could not be downloaded: {said}. " in str(caught.value)


class Breaking(Recorder):
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("", request=request)


async def test_a_connection_that_breaks_without_a_word_is_told_in_ours() -> None:
    with pytest.raises(NetworkError, match="could not be downloaded: the connection broke") as caught:
        await fetch("http://cdn.example.com/a.png", Breaking(), names(cdn_example_com=[PUBLIC]))
    assert "ReadError" not in str(caught.value)


async def test_the_connection_goes_to_the_checked_address_under_the_name(server: Server) -> None:
    transport = Recorder()
    data, _, final = await fetch(
        "https://cdn.example.com:8443/a.png?s=1", transport, names(cdn_example_com=["2606:4700::1", PUBLIC])
    )
    (request,) = transport.requests
    assert data == PNG
    assert final == "https://cdn.example.com:8443/a.png?s=1"
    assert str(request.url) == f"https://{PUBLIC}:8443/a.png?s=1"
    assert request.headers["Host"] == "cdn.example.com:8443"
    assert request.extensions["sni_hostname"] == "cdn.example.com"
    await fetch("https://six.example.com/", transport, names(six_example_com=["2606:4700::1"]))
    assert transport.requests[-1].url.host == "2606:4700::1"


@each("unreached", [["127.0.0.7"], ["127.0.0.7", "127.0.0.8", "127.0.0.9"], ["127.0.0.7", "::1"]])
async def test_a_name_is_fetched_of_the_address_that_is_within_reach(
    server: Server, unreached: list[str]
) -> None:
    host = f"files.example.com:{server.port}"
    known = names(files_example_com=[*unreached[:1], "127.0.0.1", *unreached[1:]])
    only = names(files_example_com=unreached)
    with anyio.fail_after(20):
        data, _, final = await download(
            f"http://{host}/a.png", max_bytes=1000, timeout_s=9, own_host=host, resolver=known, proxies={}
        )
        with pytest.raises(NetworkError, match="could not be downloaded"):
            await download(
                f"http://{host}/a.png", max_bytes=1000, timeout_s=9, own_host=host, resolver=only, proxies={}
            )
    assert (data, final) == (PNG, f"http://{host}/a.png")


class NewerAlone(Recorder):
    """A network of version 6."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if ":" not in request.url.host:
            raise httpx.ConnectError("", request=request)
        return await super().handle_async_request(request)


async def test_a_name_of_many_addresses_is_fetched_in_a_network_of_version_6() -> None:
    many = [f"93.184.216.{n}" for n in range(34, 42)] + ["2606:2800:220:1:248:1893:25c8:1946"]
    transport = NewerAlone()
    await fetch("https://cdn.example.com/a.png", transport, names(cdn_example_com=many))
    assert [request.url.host for request in transport.requests] == many[-1:]


@each(
    "addresses",
    [
        ["127.0.0.1"],
        [PUBLIC, "10.0.0.1"],
        ["169.254.169.254"],
        ["::ffff:127.0.0.1"],
        ["fe80::1%eth0"],
        ["nonsense"],
    ],
)
async def test_a_name_with_any_private_address_is_refused(addresses: list[str]) -> None:
    transport = Recorder()
    with pytest.raises(ForbiddenURL, match="private"):
        await fetch("https://evil.example.com/", transport, names(evil_example_com=addresses))
    assert transport.requests == []


NAMESPACE = [
    "unshare",
    "--map-root-user",
    "--net",
    "sh",
    "-c",
]  # a network of its own, where any address may be had
AT_HOME = """
import anyio
from glm_mcp.errors import GLMError
from glm_mcp.media.sources.download import download

async def ask(url):
    try:
        await download(url, max_bytes=10, timeout_s=5, resolver=lambda *_: ["93.184.216.34"], proxies={})
    except GLMError as error:
        print(error.kind)

for url in ("http://93.184.216.34:8000/", "http://cdn.example.com:8000/", "http://93.184.216.34/"):
    anyio.run(ask, url)
"""


def namespaces() -> bool:
    try:
        return (
            subprocess.run([*NAMESPACE, "ip link"], capture_output=True, timeout=20, check=False).returncode
            == 0
        )
    except OSError:
        return False


@pytest.mark.skipif(not namespaces(), reason="no network of one's own here")
def test_what_this_machine_serves_at_a_public_address_of_its_own_is_refused_but_for_the_web_s_ports() -> None:
    address = "ip addr add 93.184.216.34/32 dev lo && ip link set lo up && exec "
    command = [*NAMESPACE, address + shlex.join([sys.executable, "-c", AT_HOME])]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert said.split() == ["forbidden_url", "forbidden_url", "network"]


async def test_a_name_that_changes_its_address_is_asked_only_once_a_hop() -> None:
    asked: list[str] = []

    def rebinding(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return [PUBLIC] if len(asked) == 1 else ["127.0.0.1"]

    transport = Recorder(again="/there")
    assert (await fetch("http://evil.example.com/a.png", transport, rebinding))[0] == PNG
    assert asked == ["evil.example.com"]
    asked.clear()
    with pytest.raises(ForbiddenURL):
        await fetch("http://evil.example.com/again", transport, rebinding)
    assert len(asked) == 2


async def test_a_redirect_from_elsewhere_to_the_endpoint_is_refused() -> None:
    transport = Recorder(move="http://glm.internal:8000/admin")
    known = names(evil_example_com=[PUBLIC], glm_internal=["10.0.0.5"])
    with pytest.raises(ForbiddenURL):
        await fetch("http://evil.example.com/move", transport, known, own_host="glm.internal:8000")
    assert (await fetch("http://glm.internal:8000/a.png", transport, known, own_host="glm.internal:8000"))[
        0
    ] == PNG
    assert transport.requests[-1].url.host == "10.0.0.5"


async def test_an_unknown_name_is_a_network_error() -> None:
    with pytest.raises(NetworkError, match=r"the name no\.example\.com was not found"):
        await fetch("http://no.example.com/", Recorder(), names())


async def test_through_a_proxy_the_name_is_left_to_it_but_private_answers_still_refuse() -> None:
    transport = Recorder()
    await fetch("https://cdn.example.com/a.png", transport, names(), proxy="http://proxy:3128")
    assert transport.requests[0].url.host == "cdn.example.com"
    assert "sni_hostname" not in transport.requests[0].extensions
    with pytest.raises(ForbiddenURL):
        await fetch(
            "https://in.example.com/",
            transport,
            names(in_example_com=["10.0.0.1"]),
            proxy="http://proxy:3128",
        )
    with pytest.raises(ForbiddenURL):
        await fetch("http://169.254.169.254/", transport, names(), proxy="http://proxy:3128")


async def test_a_real_proxy_is_used_for_the_download(server: Server) -> None:
    """The local server stands for the proxy: it gets the whole address as its target."""
    with anyio.fail_after(10):
        data, _, _ = await download(
            "http://cdn.example.com/a.png",
            max_bytes=1000,
            timeout_s=5,
            resolver=names(),
            proxies={"http": server.host},
        )
    assert data == PNG
    assert server.seen[0]["path"] == "http://cdn.example.com/a.png"


async def test_a_proxy_that_cannot_be_used_names_the_setting() -> None:
    for wrong in ("nonsense://x", "http://[::1"):
        with pytest.raises(ConfigError, match=f"HTTP_PROXY holds {re.escape(wrong)}"):
            await download(
                "http://cdn.example.com/",
                max_bytes=10,
                timeout_s=5,
                resolver=names(),
                proxies={"http": wrong},
            )


@pytest.mark.parametrize("kind", ["socks5", "http"])
async def test_a_download_takes_the_same_ways_as_a_call(server: Server, kind: str) -> None:
    with local_proxy(kind, int(server.host.split(":")[1])) as proxy:
        given = {
            "http": f"{kind}://{proxy.place}",
            "https": "http://127.0.0.1:1",
            "all": "x://y",
            "no": "[::1],fe80::1",
        }
        data, _, _ = await through(given)
    assert data == PNG
    assert proxy.asked == ["cdn.example.com:80" if kind == "socks5" else "cdn.example.com"]


@each(
    ("kind", "says"),
    [
        ("shut", r"refused the way to cdn\.example\.com \(it does not answer as a SOCKS5 proxy"),
        ("http", r"refused the way to cdn\.example\.com \(it does not answer as a SOCKS5 proxy"),
        ("mute", r"refused the way to cdn\.example\.com \(it opened no way within 10 s"),
        ("closed", r"cdn\.example\.com was not reached: the proxy does not answer"),
    ],
)
@pytest.mark.extreme
async def test_a_proxy_that_fails_a_download_is_named(kind: str, says: str) -> None:
    with local_proxy(kind) as proxy:
        place = "127.0.0.1:1" if kind == "closed" else proxy.place
        with pytest.raises(NetworkError, match=says) as caught:
            await through({"http": f"socks5://me:CanaryCanary@{place}"})
    assert f"HTTP_PROXY names socks5://{place}" in caught.value.hint
    assert "Canary" not in str(caught.value)


async def through(proxies: dict[str, str]) -> tuple[bytes | IO[bytes], str, str]:
    with anyio.fail_after(20):
        return await download(
            "http://cdn.example.com/a.png", max_bytes=1000, timeout_s=15, resolver=names(), proxies=proxies
        )


async def test_a_name_that_idna_does_not_allow_is_no_address() -> None:
    with pytest.raises(ForbiddenURL):
        await fetch("http://xn--/", Recorder(), names())


# What is large


async def test_what_the_calls_of_one_caller_have_downloaded_is_bounded_until_they_end(server: Server) -> None:
    async def one(counted: Callable[[int], None]) -> Source:
        source = Source("a.png", UNKNOWN, 0, url=f"http://{server.host}/a.png")
        with anyio.fail_after(20):
            return await fetched(
                source, max_bytes=1_000_000, timeout_s=10, own_host=server.host, proxies={}, counted=counted
            )

    share = anyio.Semaphore(4)
    with within_share(share), Room() as largest, Room() as last:
        largest.download(CALL_BYTES)
        with pytest.raises(MediaTooLarge, match="the addresses of one call lead to more than 1,000 MB"):
            await one(largest.download)
        with Room() as another:
            another.download(CALLER_BYTES - CALL_BYTES)
            with pytest.raises(Overloaded, match="your calls hold 2,000 MB of downloads"):
                await one(last.download)
            with within_share(anyio.Semaphore(4)), Room() as of_somebody_else:
                assert (await one(of_somebody_else.download)).size == len(PNG)
        assert (await one(last.download)).size == len(PNG)


async def test_what_the_calls_of_one_caller_have_read_is_bounded_until_they_end() -> None:
    with within_share(anyio.Semaphore(4)), Room() as first, Room() as last:
        first.read(TEXT_CHARS)
        with Room() as second:
            second.read(CALLER_CHARS - TEXT_CHARS)
            with pytest.raises(Overloaded, match="your calls hold 120 million characters of documents"):
                last.read(1)
            with within_share(anyio.Semaphore(4)), Room() as of_somebody_else:
                of_somebody_else.read(1)
        last.read(1)


async def test_the_pages_that_the_calls_of_one_caller_have_read_are_bounded_until_they_end() -> None:
    with within_share(anyio.Semaphore(4)), Room() as first, Room() as last:
        first.read(1, CALL_PAGES)
        with pytest.raises(MediaTooLarge, match="the documents of one call have more than 100,000 pages"):
            first.read(1, 1)
        with Room() as second:
            second.read(1, CALLER_PAGES - CALL_PAGES)
            with pytest.raises(Overloaded, match="your calls hold 200,000 pages of documents"):
                last.read(1, 1)
            with within_share(anyio.Semaphore(4)), Room() as of_somebody_else:
                of_somebody_else.read(1, 1)
        last.read(1, 1)


async def test_what_the_calls_of_one_caller_have_drawn_is_bounded_until_they_end() -> None:
    with within_share(anyio.Semaphore(4)), Room() as first, Room() as last:
        first.draw(PICTURES_BYTES)
        with pytest.raises(MediaTooLarge, match="the pictures of one call have more than 512 MB"):
            first.draw(1)
        with Room() as second:
            second.draw(CALLER_PICTURES_BYTES - PICTURES_BYTES)
            with pytest.raises(Overloaded, match="your calls hold 1,024 MB of pictures and films"):
                last.draw(1)
            with within_share(anyio.Semaphore(4)), Room() as of_somebody_else:
                of_somebody_else.draw(1)
        last.draw(1)


@pytest.mark.extreme
async def test_a_large_file_is_held_outside_of_memory_and_unpacked_while_others_have_their_turn() -> None:
    whole = b"%PDF-1.4\n" + bytes(100_000_000)
    packed = httpx.Response(
        200, headers={"Content-Encoding": "gzip"}, stream=httpx.ByteStream(gzip.compress(whole, 1))
    )
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await anyio.lowlevel.checkpoint()

    with anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            group.start_soon(others)
            body, _, _ = await download(
                "http://cdn.example.com/a.pdf", max_bytes=200_000_000, timeout_s=50, proxies={},
                resolver=names(cdn_example_com=[PUBLIC]), transport=httpx.MockTransport(lambda _: packed),
            )  # fmt: skip
            group.cancel_scope.cancel()
    assert not isinstance(body, bytes)
    assert os.fstat(body.fileno()).st_size == len(whole)
    body.seek(0)
    assert body.read() == whole
    assert turns > 90, "it was unpacked in one go"


@pytest.fixture
def no_collection() -> Iterator[None]:
    """A collection of garbage goes through all that the tests of this process hold, in one turn."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        CHUNKED + b"1\r\nx\r\n" * 16_000 + b"0\r\n\r\n",
        b"HTTP/1.1 103 \r\n\r\n" * 6_000 + b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
    ],
    ids=["chunks of one byte", "answers before the answer"],
)
@pytest.mark.extreme
async def test_an_answer_in_crumbs_is_read_while_others_have_their_turn(
    answer: bytes, no_collection: None
) -> None:
    all_of_it = longest = 0.0

    async def others() -> None:
        nonlocal all_of_it, longest
        while True:
            before = time.thread_time()
            await anyio.lowlevel.checkpoint()
            took = time.thread_time() - before
            all_of_it, longest = all_of_it + took, max(longest, took)

    async def serve(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            await stream.send(answer)
            await stream.receive()

    with anyio.fail_after(60):
        async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listening:
            host = f"127.0.0.1:{listening.extra(anyio.abc.SocketAttribute.local_port)}"  # noqa: S610 - no Django
            async with anyio.create_task_group() as group:
                group.start_soon(listening.serve, serve)
                group.start_soon(others)
                body, _, _ = await download(
                    f"http://{host}/a.txt", max_bytes=100_000, timeout_s=50, own_host=host, proxies={}
                )
                group.cancel_scope.cancel()
    assert isinstance(body, bytes)
    assert body == b"x" * len(body)
    assert longest < all_of_it / 8, "it was taken apart in one go"


async def test_the_file_of_a_large_download_is_closed_with_its_source(server: Server) -> None:
    with anyio.fail_after(60):
        source = Source("a.pdf", UNKNOWN, 0, url=f"http://{server.host}/large.pdf")
        here = await fetched(source, max_bytes=HELD * 3, timeout_s=50, own_host=server.host, proxies={})
    assert (here.data, here.kind.name, here.size) == (None, "pdf", HELD * 2)
    assert here.handle
    held = weakref.ref(here.handle)
    del here
    assert held() is None


# TLS


@pytest.mark.skipif(not tls.THERE, reason="needs openssl to make a certificate")
async def test_tls_verifies_the_name_although_the_connection_goes_to_an_address(tmp_path: Path) -> None:
    context, certificate = tls.certified(tmp_path, "DNS:files.example.com")
    server = Server(context)
    trusted = ssl.create_default_context(cafile=str(certificate))
    known = names(files_example_com=["127.0.0.1"], other_example_com=["127.0.0.1"])

    async def over(name: str, trust: ssl.SSLContext) -> bytes | IO[bytes]:
        host = f"{name}:{server.port}"
        with anyio.fail_after(10):
            data, _, _ = await download(
                f"https://{host}/a.png", max_bytes=1000, timeout_s=5, own_host=host, resolver=known, proxies={},
                transport=httpx.AsyncHTTPTransport(verify=trust),
            )  # fmt: skip
        return data

    try:
        assert await over("files.example.com", trusted) == PNG
        assert server.seen[0]["host"] == f"files.example.com:{server.port}"
        with pytest.raises(NetworkError, match="certificate"):
            await over("other.example.com", trusted)
        with pytest.raises(NetworkError, match="certificate"):
            await over("files.example.com", ssl.create_default_context())
    finally:
        server.close()


# Sources


async def test_a_url_source_is_fetched_and_looked_at(server: Server) -> None:
    url = f"http://{server.host}/claims.pdf"
    source = Source("claims.pdf", KINDS["pdf"], 0, Fragment(xywh=(1, 2, 3, 4)), url=url)
    with anyio.fail_after(10):
        found = await fetched(source, max_bytes=1000, timeout_s=5, own_host=server.host, proxies={})
        assert (found.kind.name, found.size, found.data) == ("png", len(PNG), PNG)
        assert found.fragment == source.fragment
        assert await fetched(found, max_bytes=1000, timeout_s=5) is found
        local = Source("a", KINDS["text"], 1, data=b"x")
        assert await fetched(local, max_bytes=1000, timeout_s=5) is local
        with pytest.raises(UnsupportedMedia, match="empty"):
            await fetched(
                Source("e", UNKNOWN, 0, url=f"http://{server.host}/empty"),
                max_bytes=1000,
                timeout_s=5,
                own_host=server.host,
                proxies={},
            )
