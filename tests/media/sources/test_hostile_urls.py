"""Addresses that lead inside, in every spelling, at the tools themselves: nobody is asked, and the service neither."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.connect import Connect
from support.toolkit import call, text_of

from glm_mcp.simulator import Simulator

pytestmark = [pytest.mark.anyio, pytest.mark.extreme]

URLS = (
    # this machine, spelled in numbers and names
    *("127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001", "0", "0.0.0.0"),
    *("127.000.000.001", "127.0.0.1.", "0x7f.0x0.0x0.0x1", "0177.0.0.0x1", "127.255.255.254", "localhost", "LOCALHOST."),
    *("localhost.localdomain", "[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]"),
    *("[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[fe80::1]", "[fe80::1%25lo]", "[fc00::1]", "[fd00:ec2::254]", "[ff02::1]"),
    *("①②⑦.⓪.⓪.①", "１２７.０.０.１", "127。0。0。1", "ⓛocalhost", "127.0.0.1%00", "127.0.0.1%2f", "127.0.0.1\t"),
    # private nets and metadata
    *("10.0.0.1", "10.1", "172.16.0.1", "192.168.1.1", "3232235777", "100.64.0.1", "169.254.169.254", "2852039166"),
    *("0xa9fea9fe", "0251.0376.0251.0376", "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "192.0.0.192", "198.18.0.1"),
    *("169.254.169.254.", "169.254.43518", "0xa9.0xfe.0xa9.0xfe", "0xA9FEA9FE", "１６９.２５４.１６９.２５４", "①⑥⑨.②⑤④.①⑥⑨.②⑤④", "169｡254｡169｡254"),
    *("[64:ff9b::a9fe:a9fe]", "[64:ff9b::169.254.169.254]", "[64:ff9b:1::a9fe:a9fe]", "[2002:a9fe:a9fe::1]", "[::ffff:0:127.0.0.1]"),
    *("[2001:470::5efe:7f00:1]", "[2001:0:7f00:1::]", "[fec0::1]", "[fd20:ce::254]", "[::1%251]", "[0000:0000::0001]", "[::ffff:100.100.100.200]"),
    *("168.63.129.16", "instance-data", "metadata", "kubernetes.default.svc.cluster.local", "router.lan", "a.localhost", "xn--localhost"),
    *("0x7f000001.", "00000177.1", "127.0.0.1.0", "4294967297", "0x1000000000", "127.0.0.1:1:2", "[127.0.0.1]", "[::1", "%6cocalhost", "127%2e0%2e0%2e1"),
    *("224.0.0.1", "255.255.255.255", "240.0.0.1", "100.100.100.200", "metadata.google.internal."),
)  # fmt: skip
SCHEMES = (
    "ftp", "gopher", "dict", "ldap", "jar", "netdoc", "sftp", "tftp", "smb", "ws", "javascript", "vbscript", "blob", "view-source",
)  # fmt: skip


@pytest.fixture
def trap() -> Iterator[socket.socket]:
    """A port of this machine where nobody may come."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


def untouched(trap: socket.socket) -> bool:
    try:
        trap.accept()[0].close()
    except BlockingIOError:
        return True
    return False


CALLS: dict[str, Callable[[str], dict[str, Any]]] = {
    "describe_image": lambda url: {"images": url},
    "read_document": lambda url: {"documents": url},
    "analyze_video": lambda url: {"video": url},
    "chat": lambda url: {"prompt": "hi", "files": [url]},
}


@pytest.mark.parametrize("tool", list(CALLS))
async def test_no_address_leads_inside(
    tool: str, connect: Connect, sim: Simulator, trap: socket.socket
) -> None:
    port = trap.getsockname()[1]
    urls = [f"http://{host}:{port}/a.png" for host in URLS]
    urls += [f"http://user:pass@127.0.0.1:{port}/a.png", f"http://example.com@127.0.0.1:{port}/a.png"]
    urls += [f"http://127.0.0.1:{port}#@example.com/a.png", f"http://127.0.0.1:{port}\\@example.com/a.png"]
    urls += [
        f"HTTP://127.0.0.1:{port}/a.png",
        f"http:127.0.0.1:{port}/a.png",
        f"http:///127.0.0.1:{port}/a.png",
    ]
    urls += [f"http://127.0.0.1:{port}/a.png#xywh=1,1,2,2", f"https://127.0.0.1:{port}/a.png"]
    urls += [f"{scheme}://127.0.0.1:{port}/a.png" for scheme in SCHEMES]
    async with connect(GLM_DEADLINE_S="20") as client:
        for url in urls:
            result = await call(client, tool, 25, **CALLS[tool](url))
            text = text_of(result)
            assert result.is_error, (url, text)
            assert text.startswith(
                ("forbidden_url: ", "invalid_request: ", "network: ", "not_found: ", "forbidden_path: ")
            ), (
                url,
                text,
            )
            assert "pass@" not in text
    assert untouched(trap)
    assert not [r for r in sim.received if "127" in str(r.body)]


async def test_an_address_in_a_history_is_left_to_the_service_and_not_fetched_here(
    connect: Connect, sim: Simulator, trap: socket.socket
) -> None:
    url = f"http://127.0.0.1:{trap.getsockname()[1]}/a.png"
    history = [
        {
            "role": "user",
            "content": [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": "x"}],
        }
    ]
    async with connect() as client:
        await call(client, "chat", prompt="hi", history=history)
    assert untouched(trap)
