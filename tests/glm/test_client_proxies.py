"""Calls in the environments that people have: proxies of every kind, alone and together, and certificates."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Awaitable, Callable, Iterator

import anyio
import anyio.abc
import anyio.to_thread
import pytest
from support.cases import each
from support.paths import TESTS
from support.processes import Process
from support.proxies import LocalProxy, local_proxy

from glm_mcp.errors import ConfigError
from glm_mcp.glm.network.proxy import Proxy, proxy_for
from glm_mcp.simulator import Simulator

pytestmark = pytest.mark.anyio
Elsewhere = Callable[..., Awaitable[tuple[str, str, int]]]
AWAY = "http://glm.invalid/api/paas/v4"  # no name server knows it: the proxy alone leads there


@pytest.fixture
def socks(sim: Simulator) -> Iterator[LocalProxy]:
    with local_proxy("socks5", port_of(sim)) as proxy:
        yield proxy


@pytest.fixture
def http(sim: Simulator) -> Iterator[LocalProxy]:
    with local_proxy("http", port_of(sim)) as proxy:
        yield proxy


def port_of(sim: Simulator) -> int:
    return int(sim.url.split(":")[2].split("/")[0])


ELSEWHERE = """
import os, sys, json, anyio
sys.path.append(sys.argv[1])
from support.calls import ask, client_of
from glm_mcp.errors import GLMError
async def main(base, key):
    try:
        async with client_of(GLM_BASE_URL=base, GLM_API_KEY=key) as client:
            return ["ok", (await ask(client)).text, 1]
    except GLMError as error:
        return [error.kind, str(error), len(error.attempts)]
for line in sys.stdin:
    variables, base, key = json.loads(line)
    os.environ.update(variables)
    print(json.dumps(anyio.run(main, base, key)), flush=True)
    for name in variables:
        del os.environ[name]
"""


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Elsewhere]:
    """One call in a process whose environment names proxies or certificates: kind or ok, words, tries."""
    env = {n: v for n, v in os.environ.items() if not n.lower().endswith("_proxy")}
    command = (sys.executable, "-c", ELSEWHERE, str(TESTS))
    with Process(env, tmp_path_factory.mktemp("elsewhere"), command=command) as process:

        async def call(variables: dict[str, str], base: str, key: str = "a.b") -> tuple[str, str, int]:
            assert process.popen.stdin
            process.popen.stdin.write(json.dumps([variables, base, key]) + "\n")
            process.popen.stdin.flush()
            line = await anyio.to_thread.run_sync(process.out.next, 30)
            assert line is not None, process.err.rest()
            kind, words, count = json.loads(line)
            return kind, words, count

        yield call


def through(proxy: str) -> dict[str, str]:
    return {"HTTPS_PROXY": proxy, "HTTP_PROXY": proxy}


async def test_a_proxy_that_is_not_there_is_a_network_error_that_names_it(
    closed: int, elsewhere: Elsewhere
) -> None:
    kind, words, count = await elsewhere(through(f"http://127.0.0.1:{closed}"), "zhipu")
    assert (kind, count) == ("network", 3)
    assert "open.bigmodel.cn was not reached: the proxy does not answer" in words
    assert f"HTTPS_PROXY names http://127.0.0.1:{closed}" in words
    assert "NO_PROXY=open.bigmodel.cn" in words


async def test_a_proxy_that_refuses_is_named_as_such(elsewhere: Elsewhere) -> None:
    async def refuse(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            await stream.receive()
            await stream.send(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(anyio.abc.SocketAttribute.local_port)  # noqa: S610 - that rule is about Django
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, refuse)
        kind, words, _ = await elsewhere(through(f"http://127.0.0.1:{port}"), "zhipu")
        tasks.cancel_scope.cancel()
    assert kind == "network"
    assert "the proxy refused the way to open.bigmodel.cn (407" in words
    assert "HTTPS_PROXY" in words


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("ALL_PROXY", "socks9://127.0.0.1:1080", "ALL_PROXY holds socks9://127.0.0.1:1080"),
        ("all_proxy", "gopher://127.0.0.1", "all_proxy holds gopher://127.0.0.1"),
        ("HTTPS_PROXY", "http://user:CanaryCanary@[::1", "HTTPS_PROXY holds http://[::1"),
        ("https_proxy", "http://user:CanaryCanary@:8080", "https_proxy holds http://:8080"),
        ("https_proxy", "http://user:CanaryCanary", "https_proxy holds http://user:…"),
        ("https_proxy", "127.0.0.1:99999", "https_proxy holds http://127.0.0.1:99999"),
        ("https_proxy", "http://host name:8080", "https_proxy holds http://host name:8080"),
        ("SSL_CERT_FILE", "/no/such/file.pem", "Check SSL_CERT_FILE"),
    ],
)
async def test_an_environment_that_cannot_be_used_is_named(
    name: str, value: str, says: str, elsewhere: Elsewhere
) -> None:
    kind, words, count = await elsewhere({name: value}, "https://no-such-host.invalid/v1")
    assert (kind, count) == ("config", 1)
    assert says in words
    assert "proxy" not in name.lower() or "socks5://host:port" in words
    assert "Canary" not in words


async def test_a_server_on_this_machine_is_asked_without_the_proxy(
    sim: Simulator, closed: int, elsewhere: Elsewhere
) -> None:
    kind, words, _ = await elsewhere(through(f"http://127.0.0.1:{closed}"), sim.url, sim.key)
    assert (kind, words.startswith("[simulated")) == ("ok", True)
    assert len(sim.received) == 1


# The ways that lead there


@pytest.mark.parametrize("scheme", ["socks5", "socks5h", "socks", "SOCKS5"])
async def test_a_socks_proxy_leads_to_the_service_and_resolves_its_name(
    sim: Simulator, socks: LocalProxy, scheme: str, elsewhere: Elsewhere
) -> None:
    kind, words, _ = await elsewhere({"ALL_PROXY": f"{scheme}://{socks.place}"}, AWAY, sim.key)
    assert (kind, words.startswith("[simulated")) == ("ok", True)
    assert socks.asked == ["glm.invalid:80"]


async def test_a_login_may_hold_any_character(sim: Simulator, elsewhere: Elsewhere) -> None:
    login = ("käthe", "p@ss/wort#%20:x")
    for written in ("käthe:p@ss/wort#%2520:x", "k%C3%A4the:p%40ss%2Fwort%23%2520%3Ax"):
        with local_proxy("socks5", port_of(sim), login) as proxy:
            kind, words, _ = await elsewhere(
                {"ALL_PROXY": f"socks5://{written}@{proxy.place}/"}, AWAY, sim.key
            )
        assert (kind, words[:10]) == ("ok", "[simulated")
        assert proxy.asked == ["glm.invalid:80"]


async def test_of_three_proxies_only_the_one_that_is_needed_is_used(
    sim: Simulator, http: LocalProxy, closed: int, elsewhere: Elsewhere
) -> None:
    together = {
        "http_proxy": f"http://{http.place}",
        "https_proxy": f"http://127.0.0.1:{closed}",
        "all_proxy": f"socks5://127.0.0.1:{closed}",
    }
    kind, _, _ = await elsewhere(together, AWAY, sim.key)
    assert kind == "ok"
    assert http.asked == ["glm.invalid"]
    broken = together | {"https_proxy": "nonsense://x", "all_proxy": "socks4://127.0.0.1:1"}
    assert (await elsewhere(broken, AWAY, sim.key))[0] == "ok"


async def test_a_tunnel_through_an_http_proxy_ends_at_the_service(
    sim: Simulator, http: LocalProxy, elsewhere: Elsewhere
) -> None:
    """The simulator speaks no TLS, and that is said of it, not of the proxy."""
    kind, words, _ = await elsewhere({"https_proxy": http.place}, "https://glm.invalid:8443/v1", sim.key)
    assert kind == "network"
    assert "glm.invalid does not speak TLS" in words
    assert set(http.asked) == {"glm.invalid:8443"}


@pytest.mark.parametrize("rule", ["glm.invalid", ".invalid", "*.invalid", "glm.invalid:80", "::1,[fe80::1]:80,glm.invalid", "10.0.0.0/8 glm.invalid", "*"])  # fmt: skip
async def test_what_no_proxy_names_goes_directly(socks: LocalProxy, rule: str, elsewhere: Elsewhere) -> None:
    """The name is unknown: that the call fails at it shows that no proxy was asked."""
    kind, words, _ = await elsewhere({"ALL_PROXY": f"socks5://{socks.place}", "NO_PROXY": rule}, AWAY)
    assert kind == "network"
    assert "the name glm.invalid was not found" in words
    assert socks.asked == []


@pytest.mark.parametrize("rule", ["::1", "[::1]", "[::1]:443,fe80::/10", "fe80::1%eth0", "http://[2001:db8::1]:80/", "glm.invalid:81", "lm.invalid", ",, ;", "[", "[::1", "a:b:c", "1.2.3.4/99"])  # fmt: skip
async def test_any_other_rule_of_no_proxy_leaves_the_proxy_in_use(
    sim: Simulator, socks: LocalProxy, rule: str, elsewhere: Elsewhere
) -> None:
    kind, _, _ = await elsewhere({"ALL_PROXY": f"socks5://{socks.place}", "NO_PROXY": rule}, AWAY, sim.key)
    assert kind == "ok"
    assert socks.asked == ["glm.invalid:80"]


# Proxies that are none, or of another kind


@pytest.mark.parametrize(
    ("kind", "scheme", "says"),
    [
        ("shut", "socks5", "it does not answer as a SOCKS5 proxy does"),
        ("http", "socks5", "it does not answer as a SOCKS5 proxy does"),
        ("shut", "http", "it does not answer as an HTTP proxy does"),
        ("socks5", "http", "it does not answer as an HTTP proxy does"),
    ],
)
async def test_a_proxy_of_another_kind_is_told(
    kind: str, scheme: str, says: str, elsewhere: Elsewhere
) -> None:
    with local_proxy(kind) as proxy:
        known, words, _ = await elsewhere(
            {"ALL_PROXY": f"{scheme}://{proxy.place}"}, "https://glm.invalid/v1"
        )
        assert known == "network"
        assert f"the proxy refused the way to glm.invalid ({says}" in words
        assert f"ALL_PROXY names {scheme}://{proxy.place}: check its kind" in words


async def test_an_http_proxy_written_with_https_is_told(http: LocalProxy, elsewhere: Elsewhere) -> None:
    kind, words, count = await elsewhere({"https_proxy": f"https://{http.place}"}, "https://glm.invalid/v1")
    assert kind == "network"
    assert "glm.invalid was not reached: the proxy does not" in words
    assert f"https_proxy names https://{http.place}" in words
    assert count in {1, 3}


async def test_a_wrong_login_is_told_without_it(sim: Simulator, elsewhere: Elsewhere) -> None:
    with local_proxy("socks5", port_of(sim), ("me", "right")) as proxy:
        kind, words, _ = await elsewhere({"ALL_PROXY": f"socks5://me:CanaryCanary@{proxy.place}"}, AWAY)
        without = await elsewhere({"ALL_PROXY": f"socks5://{proxy.place}"}, AWAY)
    assert kind == without[0] == "network"
    assert "(Invalid username/password)" in words
    assert f"ALL_PROXY names socks5://{proxy.place}: check its kind and login" in words
    assert "Canary" not in words
    assert proxy.asked == []


# The rules, one by one


@each(
    ("url", "rule", "direct"),
    [
        ("https://cdn.example.com/", "", False),
        ("https://cdn.example.com/", "*", True),
        ("https://cdn.example.com/", "example.com", True),
        ("https://cdn.example.com./", "EXAMPLE.com", True),
        ("https://cdn.example.com/", ".example.com", True),
        ("https://cdn.example.com/", "*.example.com", True),
        ("https://cdn.example.com/", "other.com, cdn.example.com", True),
        ("https://cdn.example.com/", "other.com;cdn.*", True),
        ("https://cdn.example.com/", "le.com", False),
        ("https://cdn.example.com/", "cdn.example.com:443", True),
        ("https://cdn.example.com/", "cdn.example.com:80", False),
        ("https://cdn.example.com:80/", "cdn.example.com:80", True),
        ("https://[2001:db8::1]/", "2001:db8::1", True),
        ("https://[2001:db8::1]/", "[2001:db8:0:0::1]", True),
        ("https://[2001:db8::1]/", "[2001:db8::1]:443", True),
        ("https://[2001:db8::1]/", "[2001:db8::1]:80", False),
        ("https://[2001:db8::1]/", "2001:db8::/32", True),
        ("https://[2001:db8::1]/", "10.0.0.0/8,2001:db9::/32", False),
        ("https://10.1.2.3/", "10.0.0.0/8", True),
        ("https://10.1.2.3/", "10.*", True),
        ("https://10.1.2.3/", ".2.3", False),
        ("https://10.1.2.3/", "http://10.1.2.3:443/", True),
        ("https://10.1.2.3/", "[::1", False),
        ("http://localhost:8000/v1", "", True),
        ("https://127.0.0.2/v1", "", True),
        ("http://[::1]:8000/v1", "", True),
        ("http://localhost.example.com/", "", False),
    ],
)
def test_a_rule_of_no_proxy_decides(url: str, rule: str, direct: bool) -> None:
    expected = None if direct else Proxy("http://proxy:1", "ALL_PROXY")
    assert proxy_for(url, {"all": "proxy:1", "no": rule}) == expected


@each(
    ("value", "url", "login"),
    [
        ("proxy:1", "http://proxy:1", None),
        ('"http://Proxy:7890"', "http://proxy:7890", None),
        ("http://[2001:db8::1]:7890/", "http://[2001:db8::1]:7890", None),
        ("https://u@proxy", "https://proxy", ("u", "")),
        ("socks://a:b@127.0.0.1:7891/", "socks5://127.0.0.1:7891", ("a", "b")),
    ],
)
def test_a_proxy_is_read_as_people_write_it(value: str, url: str, login: tuple[str, str] | None) -> None:
    assert proxy_for("http://a.example/", {"http": value, "all": "x://"}) == Proxy(url, "HTTP_PROXY", login)


def test_a_proxy_does_not_show_its_login() -> None:
    proxy = proxy_for("http://a.example/", {"http": "http://me:CanaryCanary@proxy:1"})
    assert proxy is not None
    assert "Canary" not in f"{proxy} {proxy!r}"
    with pytest.raises(ConfigError) as caught:
        proxy_for("http://a.example/", {"http": "ftp://me:CanaryCanary@proxy:1"})
    assert "Canary" not in f"{caught.value}"
