"""Name servers and web servers that lie, at the tools of a running server: nothing leads inside, nothing is endless.

The server is a process of its own whose names are answered as the test says, a second time otherwise than the first,
and whose connections to one public address end at a web server of the test. Every connection is written down.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from support.processes import Stdio, environment, said
from support.toolkit import fresh_simulator
from support.web_server import PUBLIC, Server

from glm_mcp.simulator import Simulator

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="follows connections as POSIX makes them"),
    pytest.mark.extreme,
]

INSIDE = b"TopSecretOfTheIntranet"
# What the server's Python loads before anything else: the machine's resolver and network, as the test wants them.
MACHINE = """
import json, os, pathlib, socket
_here = pathlib.Path(__file__).parent
_plan = json.loads((_here / "plan.json").read_text())
_real, _asked = socket.getaddrinfo, {}
def _note(*words):
    with (_here / "log").open("a") as log:
        print(*words, file=log)
def _getaddrinfo(host, port, *more, **other):
    answers = _plan["names"].get(host)
    if answers is None:
        return _real(host, port, *more, **other)
    _asked[host] = _asked.get(host, 0) + 1
    _note("asked", host)
    return [(socket.AF_INET6 if ":" in a else socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port))
            for a in answers[min(_asked[host], len(answers)) - 1]]
class _Socket(socket.socket):
    def connect(self, address):
        # Of a datagram socket nothing goes out by that.
        if self.type == socket.SOCK_STREAM and isinstance(address, tuple) and address[1] != _plan["service"]:
            _note("connect", address[0])
            if address[0] == _plan["public"]:
                address = ("127.0.0.1", _plan["outside"])
        return super().connect(address)
socket.getaddrinfo, socket.socket = _getaddrinfo, _Socket
"""
NAMES: dict[str, list[list[str]]] = {
    "files.example.com": [[PUBLIC]],
    "rebind.example.com": [[PUBLIC], ["127.0.0.1"]],
    "again.example.com": [[PUBLIC], ["127.0.0.1"]],
    "mixed.example.com": [[PUBLIC, "10.0.0.1"]],
    "six.example.com": [["::ffff:127.0.0.1"]],
    "nat.example.com": [["64:ff9b::7f00:1"]],
    "metadata.example.com": [["169.254.169.254"]],
}
TOOLS: dict[str, Any] = {
    "read_document": lambda url: {"documents": url},
    "chat": lambda url: {"prompt": "hi", "files": [url]},
    "describe_image": lambda url: {
        "images": url + "#xywh=0,0,1,1"
    },  # a part is cut here, so it is fetched here
    "analyze_video": lambda url: {"video": url, "max_frames": 1},
}


@dataclass
class World:
    server: Stdio  # gives a download two seconds
    patient: Stdio  # and this one a hundred: a body that is too much is 200 MB before it is
    outside: Server
    inside: Server
    sim: Simulator
    folder: Path

    def call(self, tool: str, url: str, *, patient: bool = False) -> str:
        """What a refusal says."""
        result = (self.patient if patient else self.server).call(tool, TOOLS[tool](url))
        assert result["isError"], (tool, url, said(result))
        assert INSIDE.decode() not in said(result)
        return said(result)

    def log(self) -> list[str]:
        file = self.folder / "log"
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return lines


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("network")
    outside, inside = Server(words=b"words from outside"), Server(words=INSIDE)
    with_sim = fresh_simulator()
    sim = next(with_sim)
    plan = {
        "names": NAMES,
        "public": PUBLIC,
        "outside": outside.port,
        "service": int(sim.origin.rpartition(":")[2]),
    }
    machine = folder / "machine"
    machine.mkdir()
    (machine / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    (machine / "sitecustomize.py").write_text(MACHINE, encoding="utf-8")
    home = folder / "home"
    env = environment(home, sim, PYTHONPATH=str(machine), GLM_DEADLINE_S="4")
    more = env | {"GLM_DEADLINE_S": "200"}
    (home / "work").mkdir()
    try:
        with Stdio(env, home / "work") as server, Stdio(more, home / "work") as patient:
            server.initialize()
            patient.initialize()
            yield World(server, patient, outside, inside, sim, machine)
    finally:
        outside.close()
        inside.close()
        next(with_sim, None)


@pytest.fixture(autouse=True)
def nothing_inside(world: World) -> Iterator[None]:
    """Whatever a test does, nobody came inside, and nothing of it went to the service."""
    world.log()
    world.sim.clear()
    world.outside.seen.clear()
    yield
    assert world.inside.seen == []
    assert not [r for r in world.sim.received if INSIDE.decode() in str(r.body)]


def test_a_name_that_is_public_when_checked_and_private_when_connected_leads_to_the_checked_address(
    world: World,
) -> None:
    result = world.server.call(
        "read_document", {"documents": f"http://rebind.example.com:{world.inside.port}/a.txt"}
    )
    assert "words from outside" in said(result)
    assert world.log() == ["asked rebind.example.com", f"connect {PUBLIC}"]


def test_a_name_that_changes_between_a_redirect_and_its_target_is_refused(world: World) -> None:
    url = f"http://again.example.com:{world.inside.port}"
    text = world.call("read_document", f"{url}/to/a.txt")
    assert text.startswith("forbidden_url: again.example.com leads to a private")
    assert world.log() == ["asked again.example.com", f"connect {PUBLIC}", "asked again.example.com"]


@pytest.mark.parametrize("name", ["mixed", "six", "nat", "metadata"])
@pytest.mark.parametrize("tool", list(TOOLS))
def test_a_name_with_a_private_answer_is_refused_before_any_connection(
    world: World, tool: str, name: str
) -> None:
    text = world.call(tool, f"http://{name}.example.com:{world.inside.port}/a.txt")
    assert text.startswith(f"forbidden_url: {name}.example.com leads to a private")
    assert world.log() == [f"asked {name}.example.com"]
    assert world.sim.received == []


@pytest.mark.parametrize(
    "target", ["http://127.0.0.1:{port}/a.txt", "http://2130706433:{port}/", "http://0x7f.1:{port}/", "http://[::ffff:127.0.0.1]:{port}/",
               "http://169.254.169.254/latest/meta-data/", "http://metadata.google.internal/", "file:///etc/passwd", "file://{home}/.ssh/id_rsa",
               "gopher://127.0.0.1:{port}/", "ftp://127.0.0.1:{port}/", "data:text/plain,x//", "http://u:p@files.example.com/a.txt",
               "//localhost:{port}/a.txt", "http://files.example.com\\@127.0.0.1:{port}/", "http://metadata.example.com/"]
)  # fmt: skip
def test_a_redirect_that_leads_inside_or_elsewhere_than_to_the_web_is_refused(
    world: World, target: str
) -> None:
    where = quote(target.format(port=world.inside.port, home=world.folder.parent / "home"), safe="")
    for tool in ("read_document", "describe_image"):
        text = world.call(tool, f"http://files.example.com/to/{where}")
        assert text.startswith(("forbidden_url: ", "not_found: ", "network: ")), text
        assert "u:p" not in text
    assert {line for line in world.log() if line.startswith("connect")} == {f"connect {PUBLIC}"}
    assert world.sim.received == []


def test_a_redirect_to_the_service_itself_is_refused(world: World) -> None:
    text = world.call("read_document", f"http://files.example.com/to/{quote(world.sim.origin, safe='')}")
    assert text.startswith("forbidden_url: ")
    assert world.sim.received == []


def test_a_circle_of_redirects_ends(world: World) -> None:
    text = world.call("read_document", "http://files.example.com/" + "to/" * 9 + "a.txt")
    assert text.startswith("network: http://files.example.com/")
    assert "redirects more than 5 times" in text
    assert len(world.outside.seen) == 6


@pytest.mark.parametrize(
    ("path", "kind", "words"),
    [
        ("claims", "media_too_large", "is larger than"),
        ("endless", "media_too_large", "is larger than"),
        ("drip", "timeout", "was not downloaded within"),
        ("hang", "timeout", "was not downloaded within"),
        ("torn", "network", "broke off"),
        ("brotli", "unsupported_media", "'br'"),
        ("short", "network", "could not be downloaded"),
        ("empty", "unsupported_media", "is empty"),
        ("404", "not_found", "HTTP 404"),
    ],
)
def test_a_body_that_is_too_much_too_slow_or_broken_is_an_error_that_says_so(
    world: World, path: str, kind: str, words: str
) -> None:
    url = f"http://files.example.com/{path}?token=hidden"
    text = world.call("read_document", url, patient=kind != "timeout")
    assert text.startswith(f"{kind}: http://files.example.com/{path} ")
    assert words in text
    assert "hidden" not in text
    assert world.sim.received == []


def test_a_compressed_bomb_is_unpacked_no_further_than_is_taken(world: World) -> None:
    """Fifty megabytes of zeros in fifty kilobytes are taken, and refused for what they are."""
    text = world.call("read_document", "http://files.example.com/bomb", patient=True)
    assert text.startswith("unsupported_media: ")


@pytest.mark.skipif(sys.platform != "linux", reason="peaks of memory as Linux tells them")
def test_the_server_is_well_after_all_that_and_small(world: World) -> None:
    status = Path(f"/proc/{world.patient.popen.pid}/status").read_text(encoding="ascii")
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    assert peak < 700_000  # kB; a download may be 200 MB
    result = world.patient.call("read_document", {"documents": "http://files.example.com/a.txt"})
    assert "words from outside" in said(result)
