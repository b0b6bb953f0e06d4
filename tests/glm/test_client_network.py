"""What the network does: which host, what to do, how often it was tried."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Iterator

import anyio
import anyio.abc
import httpx
import pytest
from support.calls import T, answering, ask, client_of, models_asked
from support.paths import TESTS

from glm_mcp.errors import ConfigError, GLMError, NetworkError
from glm_mcp.simulator import Fault, Simulator

pytestmark = pytest.mark.anyio


@pytest.fixture
def closed() -> Iterator[int]:
    """A port at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


async def failure(base: str) -> GLMError:
    async with client_of(GLM_BASE_URL=base) as client:
        with pytest.raises(GLMError) as caught:
            await ask(client)
    return caught.value


def tries(error: GLMError) -> int:
    return len(error.attempts)


async def test_a_closed_port_names_the_host_and_is_tried_three_times(closed: int) -> None:
    error = await failure(f"http://127.0.0.1:{closed}/api/paas/v4")
    assert isinstance(error, NetworkError)
    assert "127.0.0.1 was not reached" in str(error)
    assert "GLM_BASE_URL" in error.hint
    assert "glm-mcp doctor" in error.hint
    assert tries(error) == 3


async def test_a_name_that_does_not_exist_is_named() -> None:
    error = await failure("https://no-such-host.invalid/api/paas/v4")
    assert isinstance(error, NetworkError)
    assert "the name no-such-host.invalid was not found" in str(error)
    assert "GLM_BASE_URL" in error.hint
    assert tries(error) == 3


async def test_a_server_without_tls_is_told_and_not_tried_again(sim: Simulator) -> None:
    error = await failure(sim.url.replace("http://", "https://"))
    assert isinstance(error, NetworkError)
    assert "127.0.0.1 does not speak TLS" in str(error)
    assert "http://" in error.hint
    assert tries(error) == 1


@pytest.mark.parametrize(
    ("words", "shown", "count"),
    [
        ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed", "SSL_CERT_FILE", 1),
        ("[SSL: TLSV1_ALERT_INTERNAL_ERROR] tlsv1 alert", "no secure connection", 3),
        ("[Errno 101] Network is unreachable", "was not reached", 3),
    ],
)
async def test_what_stands_in_the_way_is_told(words: str, shown: str, count: int) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError(words)

    async with client_of(transport=answering(fail)) as client:
        with pytest.raises(NetworkError, match=shown) as caught:
            await ask(client)
    assert tries(caught.value) == count


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (httpx.ReadTimeout("x"), "127.0.0.1 was silent for 120 s"),
        (httpx.WriteTimeout("x"), "127.0.0.1 was silent"),
        (httpx.ConnectTimeout("x"), "127.0.0.1 was not reached"),
        (httpx.ReadError(""), "the connection to 127.0.0.1 broke"),
        (httpx.RemoteProtocolError("x"), "the connection to 127.0.0.1 broke"),
        (httpx.ProxyError("407 Proxy Authentication Required"), "the proxy refused the way to 127.0.0.1"),
        (httpx.DecodingError("x"), "not HTTP"),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_every_error_of_the_library_becomes_ours(error: httpx.HTTPError, words: str) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise error

    async with client_of(transport=answering(fail)) as client:
        with pytest.raises(NetworkError) as caught:
            await ask(client)
    assert words in str(caught.value)
    assert "glm-mcp doctor" in caught.value.hint
    assert tries(caught.value) == 3


@pytest.mark.parametrize("base", ["http://a..b/v1", "http://.../v1"])
async def test_an_address_that_is_none_names_the_setting(base: str) -> None:
    with anyio.fail_after(10):
        error = await failure(base)
    assert isinstance(error, ConfigError | NetworkError)
    assert "GLM_BASE_URL" in error.hint


@pytest.mark.parametrize(("fault", "times"), [("refuse", 2), ("reset", 2), ("close", 2)])
async def test_a_broken_connection_is_tried_again(sim: Simulator, fault: str, times: int) -> None:
    sim.queue(Fault(fault, times=times))  # type: ignore[arg-type]  # a plain str is fine at run time
    async with client_of(sim) as client:
        answer = await ask(client)
    assert answer.text.startswith("[simulated")
    assert answer.text.count("[simulated") == 1
    assert models_asked(sim) == [T, T, T]


@pytest.mark.parametrize("fault", ["refuse", "reset"])
async def test_a_connection_that_keeps_breaking_names_the_host_and_asks_no_other_model(
    sim: Simulator, fault: str
) -> None:
    sim.queue(Fault(fault, chunks=2, times=0))  # type: ignore[arg-type]  # a plain str is fine at run time
    async with client_of(sim) as client:
        with pytest.raises(NetworkError, match=r"127\.0\.0\.1 broke") as caught:
            await ask(client, within=1.5)
    assert set(models_asked(sim)[:4]) == {T}
    assert len(sim.received) > (2 if fault == "refuse" else 3), "a host that was reached is tried to the end"
    assert bool(caught.value.partial) == (fault == "reset")


ELSEWHERE = """
import os, sys, json, anyio
sys.path.append(sys.argv[1])
from support.calls import ask, client_of
from glm_mcp.errors import GLMError
async def main():
    async with client_of(GLM_BASE_URL=sys.argv[2], GLM_API_KEY=os.environ["GLM_API_KEY"]) as client:
        try:
            print(json.dumps(["ok", (await ask(client)).text, 1]))
        except GLMError as error:
            print(json.dumps([error.kind, str(error), len(error.attempts)]))
anyio.run(main)
"""


async def behind_proxy(proxy: str, base: str, key: str = "a.b") -> tuple[str, str, int]:
    return await elsewhere({"HTTPS_PROXY": proxy, "HTTP_PROXY": proxy}, base, key)


async def elsewhere(variables: dict[str, str], base: str, key: str = "a.b") -> tuple[str, str, int]:
    """One call in a process whose environment names proxies or certificates: kind or ok, words, tries."""
    env = {n: v for n, v in os.environ.items() if not n.lower().endswith("_proxy")} | variables
    env["GLM_API_KEY"] = key  # a command line is seen by everybody
    with anyio.fail_after(30):
        done = await anyio.run_process([sys.executable, "-c", ELSEWHERE, str(TESTS), base], env=env)
    kind, words, count = json.loads(done.stdout)
    return kind, words, count


async def test_a_proxy_that_is_not_there_is_a_network_error_that_names_proxies(closed: int) -> None:
    kind, words, count = await behind_proxy(f"http://127.0.0.1:{closed}", "zhipu")
    assert (kind, count) == ("network", 3)
    assert "open.bigmodel.cn was not reached" in words
    assert "proxies" in words


async def test_a_proxy_that_refuses_is_named_as_such() -> None:
    async def refuse(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            await stream.receive()
            await stream.send(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(anyio.abc.SocketAttribute.local_port)  # noqa: S610 - that rule is about Django
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, refuse)
        kind, words, _ = await behind_proxy(f"http://127.0.0.1:{port}", "zhipu")
        tasks.cancel_scope.cancel()
    assert kind == "network"
    assert "the proxy refused the way to open.bigmodel.cn (407" in words
    assert "HTTPS_PROXY" in words


@pytest.mark.parametrize(
    ("name", "value", "mend"),
    [
        ("ALL_PROXY", "socks5://127.0.0.1:1080", "httpx[socks]"),
        ("HTTPS_PROXY", "gopher://127.0.0.1", "Check HTTPS_PROXY"),
        ("HTTPS_PROXY", "http://user:CanaryCanary@[::1", "Check HTTPS_PROXY"),
        ("SSL_CERT_FILE", "/no/such/file.pem", "Check SSL_CERT_FILE"),
    ],
)
async def test_an_environment_that_cannot_be_used_is_named(name: str, value: str, mend: str) -> None:
    kind, words, count = await elsewhere({name: value}, "https://no-such-host.invalid/v1")
    assert (kind, count) == ("config", 1)
    assert mend in words
    assert "Canary" not in words


async def test_a_server_on_this_machine_is_asked_without_the_proxy(sim: Simulator, closed: int) -> None:
    kind, words, _ = await behind_proxy(f"http://127.0.0.1:{closed}", sim.url, sim.key)
    assert (kind, words.startswith("[simulated")) == ("ok", True)
    assert len(sim.received) == 1
