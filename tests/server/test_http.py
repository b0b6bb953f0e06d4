"""The server over streamable HTTP: the same calls, and what protects it."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import httpx
import httpx2
import pytest
from mcp.client.streamable_http import streamable_http_client
from support.busy import within
from support.canary import Watched
from support.cases import each
from support.processes import COMMAND, environment, over_http, ran, unreadable_result
from support.toolkit import text_of

from glm_mcp.errors import ConfigError
from glm_mcp.samples import FOLDER
from glm_mcp.server.app import App
from glm_mcp.server.callers.caller import LOCAL
from glm_mcp.server.http.app import application
from glm_mcp.server.http.listening import listen
from glm_mcp.settings import TOOLS, Settings
from glm_mcp.simulator import Fault, Simulator

pytestmark = pytest.mark.anyio
ERAS = ("2026-07-28", "legacy")
TOKEN = "a-token-of-enough-characters"
PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
ACCEPT = {"Accept": "application/json, text/event-stream"}


@pytest.fixture(scope="module")
def shared() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The working folder of the server, with the sample media in it."""
    made = tmp_path_factory.mktemp("served")
    for name in ("photo.jpg", "clip.mp4", "report.pdf"):
        (made / name).write_bytes((FOLDER / name).read_bytes())
    return made


@pytest.fixture(scope="module")
def url(shared: Simulator, folder: Path) -> Iterator[str]:
    with over_http(environment(folder / "home", shared), folder) as (address, _):
        yield address


@pytest.fixture(scope="module")
def open_url(shared: Simulator, folder: Path) -> Iterator[str]:
    """A server that may read the working folder, and so wants a token."""
    env = environment(folder / "home", shared, GLM_ALLOWED_DIRS=str(folder), GLM_HTTP_TOKEN=TOKEN)
    with over_http(env, folder) as (address, _):
        yield address


@pytest.mark.parametrize("mode", ERAS)
async def test_all_five_tools_answer(mode: Any, open_url: str) -> None:
    calls: list[tuple[str, dict[str, Any]]] = [
        ("chat", {"prompt": "hello"}),
        ("describe_image", {"images": "photo.jpg"}),
        ("analyze_video", {"video": "clip.mp4"}),
        ("read_document", {"documents": "report.pdf", "prompt": "What does it say?"}),
        ("generate_image", {"prompt": "a hill"}),
    ]
    with anyio.fail_after(60):
        async with (
            httpx2.AsyncClient(headers={"Authorization": f"Bearer {TOKEN}"}, trust_env=False) as allowed,
            Watched(streamable_http_client(f"{open_url}/mcp", http_client=allowed), mode=mode) as client,
        ):
            assert client.protocol_version == ("2026-07-28" if mode != "legacy" else "2025-11-25")
            assert [t.name for t in (await client.list_tools()).tools] == list(TOOLS)
            for tool, arguments in calls:
                result = await client.call_tool(tool, arguments)
                assert not result.is_error, text_of(result)


@pytest.mark.parametrize("mode", ERAS)
async def test_progress_is_heard(mode: Any, url: str, shared: Simulator) -> None:
    shared.queue(Fault("slow_first_byte", seconds=0.6))
    heard: list[str | None] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        heard.append(message)

    with anyio.fail_after(60):
        async with Watched(f"{url}/mcp", mode=mode) as client:
            await client.call_tool("chat", {"prompt": "hello"}, progress_callback=on_progress)
    assert "waiting for glm-4.7-flash" in heard


def test_health_says_that_it_is_well(url: str) -> None:
    answer = httpx.get(f"{url}/health", trust_env=False)
    assert answer.status_code == 200
    assert answer.json()["status"] == "ok"
    assert answer.json()["tools"] == list(TOOLS)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost:3000"}, 200),
    ],
)
def test_a_web_page_elsewhere_cannot_reach_it(headers: dict[str, str], status: int, url: str) -> None:
    answer = httpx.post(f"{url}/mcp", json=PING, headers={**ACCEPT, **headers}, trust_env=False)
    assert answer.status_code == status


async def test_no_file_of_this_machine_is_read(url: str, folder: Path, shared: Simulator) -> None:
    shared.clear()
    (folder / "notes.txt").write_text("a private note", encoding="utf-8")
    with anyio.fail_after(60):
        async with Watched(f"{url}/mcp") as client:
            for tool, name, source in (
                ("read_document", "documents", "notes.txt"),
                ("read_document", "documents", str(folder / "notes.txt")),
                ("read_document", "documents", (folder / "notes.txt").as_uri()),
                ("describe_image", "images", "photo.jpg"),
                ("describe_image", "images", "*.jpg"),
                ("analyze_video", "video", "clip.mp4"),
                ("chat", "files", "notes.txt"),
                ("describe_image", "images", "clipboard"),
            ):
                more = {"prompt": "What is it?"} if tool == "chat" else {}
                result = await client.call_tool(tool, {name: source, **more})
                assert result.is_error, (tool, source)
                assert "a private note" not in text_of(result)
    assert shared.received == []


async def test_nothing_is_written_where_a_caller_says(url: str, folder: Path, shared: Simulator) -> None:
    shared.clear()
    with anyio.fail_after(60):
        async with Watched(f"{url}/mcp") as client:
            for output in (str(folder / "there.png"), "there.png", "../there.png"):
                result = await client.call_tool("generate_image", {"prompt": "a hill", "output": output})
                assert result.is_error
                assert text_of(result).startswith("forbidden_path: ")
            assert shared.received == [], "refused before it is paid for"
            plain = await client.call_tool("generate_image", {"prompt": "a hill"})
    assert not plain.is_error
    assert text_of(plain).startswith("glm://outputs/"), "a path here means nothing to the caller"
    assert str(folder) not in plain.model_dump_json()
    assert not [*folder.glob("*.png"), *folder.parent.glob("*.png")]


def test_beyond_loopback_it_wants_a_token(tmp_path: Path) -> None:
    command = [*COMMAND, "serve", "--http", "--host", "0.0.0.0", "--port", "0"]
    done = ran(command, environment(tmp_path / "home"), tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("config: serving at 0.0.0.0")
    assert "glm-mcp token add NAME`, set GLM_HTTP_TOKEN" in done.stderr
    assert "serves at" not in done.stderr


@each("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", "127.0.0.1.example.org"])
def test_every_address_that_is_not_loopback_wants_a_token(host: str) -> None:
    with pytest.raises(ConfigError, match="GLM_HTTP_TOKEN"):
        application(App(Settings(), remote=True), host=host)


async def test_with_a_token_only_those_who_send_it_are_served(shared: Simulator, tmp_path: Path) -> None:
    env = environment(tmp_path / "home", shared, GLM_HTTP_TOKEN=TOKEN)
    with anyio.fail_after(60), over_http(env, tmp_path, ["--host", "0.0.0.0"]) as (address, _):
        url = address.replace("0.0.0.0", "127.0.0.1")
        for given in (None, "Bearer wrong-token-of-enough-characters", f"Basic {TOKEN}", "Bearer", TOKEN):
            headers = {"Authorization": given} if given else {}
            async with httpx.AsyncClient(trust_env=False, headers={**headers, **ACCEPT}) as plain:
                for path in ("/mcp", "/", "/nothing"):
                    refused = await plain.post(f"{url}{path}", json=PING)
                    assert refused.status_code == 401
                    assert refused.headers["WWW-Authenticate"].startswith("Bearer ")
                    assert TOKEN not in refused.text
                assert (await plain.get(f"{url}/health")).status_code == 200
        for header in (f"Bearer {TOKEN}", f"bearer {TOKEN}"):
            async with (
                httpx2.AsyncClient(headers={"Authorization": header}, trust_env=False) as allowed,
                Watched(streamable_http_client(f"{url}/mcp", http_client=allowed)) as client,
            ):
                assert "I received" in text_of(await client.call_tool("chat", {"prompt": "hello"}))


async def test_the_parts_of_an_answer_wait_for_no_acknowledgement() -> None:
    delays: list[int] = []

    async def accepted(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        delays.append(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    with anyio.fail_after(10), listen("127.0.0.1", 0) as listening:
        async with await asyncio.start_server(accepted, sock=listening):
            reader, writer = await asyncio.open_connection(*listening.getsockname())
            await reader.read()
            writer.close()
    assert len(delays) == 1
    assert delays[0], "small answers take 40 ms on a connection that is kept"


def test_a_port_in_use_is_said_and_nothing_else(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [*COMMAND, "serve", "--http", "--port", str(port)]
        done = ran(command, environment(tmp_path / "home"), tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(f"config: 127.0.0.1:{port} cannot be used (Address already in use).")
    assert "Give another --port" in done.stderr
    assert "serves at" not in done.stderr


def test_a_body_beyond_the_limit_is_refused_before_it_is_read(url: str) -> None:
    size = 33 * 1024 * 1024
    answer = httpx.post(
        f"{url}/mcp",
        headers={**ACCEPT, "Content-Type": "application/json"},
        content=b" " * size,
        trust_env=False,
    )
    assert answer.status_code == 413
    large = {**PING, "params": {"_meta": {"filler": "x" * 5_000_000}}}
    answer = httpx.post(f"{url}/mcp", headers=ACCEPT, json=large, trust_env=False)
    assert answer.status_code != 413, "5 MB, a picture among the arguments, is let through"


@each("mode", ERAS)
@each("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_within_a_few_seconds_with_a_call_in_flight(
    number: signal.Signals, mode: Any, sim: Simulator, tmp_path: Path
) -> None:
    sim.queue(Fault("hang"))
    with anyio.fail_after(60), over_http(environment(tmp_path / "home", sim), tmp_path) as (url, process):
        async with anyio.create_task_group() as tasks:

            async def call() -> None:
                with suppress(Exception):  # however this client says that its server has gone
                    async with Watched(f"{url}/mcp", mode=mode) as client:
                        await client.call_tool("chat", {"prompt": "hello"})

            tasks.start_soon(call)
            await anyio.to_thread.run_sync(sim.wait_received, 1)
            with within(4):
                await anyio.to_thread.run_sync(process.signal, number)
            tasks.cancel_scope.cancel()
        assert process.popen.returncode in {-number, 128 + number}
        assert len(process.err.rest().splitlines()) == 1, process.err.seen
        sim.wait(lambda received: received[-1].disconnected)


@pytest.mark.skipif(sys.platform != "linux", reason="file leases")
async def test_a_signal_ends_it_though_a_thread_cannot_be_stopped(tmp_path: Path) -> None:
    env = environment(tmp_path / "home")
    with (
        anyio.fail_after(60),
        unreadable_result(tmp_path / "home", LOCAL.owner) as uri,
        over_http(env, tmp_path) as (url, process),
    ):
        async with anyio.create_task_group() as tasks:

            async def read() -> None:
                with suppress(Exception):  # however this client says that its server has gone
                    async with Watched(f"{url}/mcp", mode="legacy") as client:
                        asked.set()
                        await client.read_resource(uri)

            asked = anyio.Event()
            tasks.start_soon(read)
            await asked.wait()
            async with httpx.AsyncClient(trust_env=False) as plain:
                assert (await plain.get(f"{url}/health")).status_code == 200
            with within(6):
                await anyio.to_thread.run_sync(process.signal, signal.SIGTERM)
            tasks.cancel_scope.cancel()
