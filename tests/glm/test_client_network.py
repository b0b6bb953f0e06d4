"""What the network does: which host, what to do, how often it was tried."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from pathlib import Path

import anyio
import httpx
import pytest
from support import tls
from support.busy import slowness
from support.calls import T, answering, ask, client_of, models_asked
from support.cases import each

from glm_mcp.errors import ConfigError, GLMError, NetworkError
from glm_mcp.glm.client import GLMClient
from glm_mcp.glm.policy import Pace
from glm_mcp.glm.progress import Progress
from glm_mcp.simulator import Fault, Simulator

pytestmark = pytest.mark.anyio
RECORD = 16_384  # bytes
NO_NAME = socket.gaierror(-3, "Temporary failure in name resolution")


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
    assert "glm-mcp doctor" in str(error)
    assert tries(error) == 3


async def test_a_name_that_does_not_exist_is_named() -> None:
    error = await failure("https://no-such-host.invalid/api/paas/v4")
    assert isinstance(error, NetworkError)
    assert "the name no-such-host.invalid was not found" in str(error)
    assert "GLM_BASE_URL" in error.hint
    assert tries(error) == 3


async def test_a_network_that_comes_back_answers_the_first_call_to_a_platform() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if len(asked) <= 5:
            raise httpx.ConnectError("[Errno -3] Temporary failure in name resolution") from NO_NAME
        return httpx.Response(
            200, json={"choices": [{"message": {"content": "well"}, "finish_reason": "stop"}]}
        )

    async def heard(_: float, message: str) -> None:
        said.append(message)

    said: list[str] = []
    told = Progress(heard)
    one = client_of(transport=answering(answer), GLM_BASE_URL="zhipu", pace=Pace((0.4, 0.4)))
    async with one as client, told.told():
        answered = await ask(client, progress=told)
    assert answered.text == "well"
    assert any("the name open.bigmodel.cn was not found; try" in line for line in said)


async def test_a_network_that_stays_away_ends_a_call_before_its_time_is_over() -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("[Errno -3] Temporary failure in name resolution") from NO_NAME

    async with client_of(transport=answering(fail), GLM_BASE_URL="zhipu") as client:
        with pytest.raises(NetworkError, match=r"was not found; tried \d+ times in \d+ s") as caught:
            await ask(client, within=4)
    assert tries(caught.value) > 3


@each("scheme", ["https", "http"])
async def test_a_call_that_ends_before_a_connection_stood_says_so(scheme: str) -> None:
    """The system takes the connection, and nobody answers: a greeting of TLS then hangs, a bare request does not."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"{scheme}://127.0.0.1:{mute.getsockname()[1]}/api/paas/v4"
        async with client_of(GLM_BASE_URL=address) as client:
            with pytest.raises(GLMError) as caught:
                await ask(client, within=1)
    if scheme == "https":
        assert str(caught.value).startswith("network: no connection to 127.0.0.1 stood within 1 s. Check")
    else:
        assert caught.value.kind == "timeout"
    assert tries(caught.value) > 0


async def test_a_call_that_ends_while_a_host_that_was_not_reached_is_tried_again_says_why_it_was_not() -> (
    None
):
    """As where a name server does not answer: the system gives up after some seconds, and is asked once more."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"https://127.0.0.1:{mute.getsockname()[1]}/api/paas/v4"
        async with (
            client_of(GLM_BASE_URL=address, pace=Pace((0.1, 0.1))) as client,
            anyio.create_task_group() as tasks,
        ):

            async def hang_up_late() -> None:
                taken, _ = await anyio.to_thread.run_sync(mute.accept)
                with taken:
                    await anyio.sleep(0.9)  # more than half of the call's time

            tasks.start_soon(hang_up_late)
            with pytest.raises(GLMError) as caught:
                await ask(client, within=1.5)
    assert tries(caught.value) > 1
    assert str(caught.value).startswith("network: 127.0.0.1 hung up before the connection stood")


async def test_an_answer_that_has_begun_is_given_though_another_call_finds_no_connection() -> None:
    begun, word = asyncio.Event(), {"choices": [{"delta": {"content": "Words. "}}]}

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
        writer.write(f"data: {json.dumps(word)}\n\n".encode())
        begun.set()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/api/paas/v4"
    async with client_of(GLM_BASE_URL=address) as client:
        first = asyncio.create_task(ask(client, within=2))
        await asyncio.wait_for(begun.wait(), 10)
        server.close()
        with pytest.raises(NetworkError):
            await ask(client, within=1)
        answered = await asyncio.wait_for(first, 10)
    assert (answered.text, answered.partial) == ("Words.", True)


async def test_calls_that_wait_for_one_that_gets_no_connection_are_told_of_the_network_too() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"https://127.0.0.1:{mute.getsockname()[1]}/api/paas/v4"
        said: list[str] = []

        async def one(client: GLMClient, within: float) -> None:
            with pytest.raises(GLMError) as caught:
                await ask(client, within=within, model=T)
            said.append(str(caught.value))

        async with (
            client_of(GLM_BASE_URL=address, GLM_MAX_CONCURRENCY="1") as client,
            anyio.create_task_group() as calls,
        ):
            calls.start_soon(one, client, 1.0)
            calls.start_soon(one, client, 2.0)
    assert [text.partition(". ")[0] for text in said] == [
        "network: no connection to 127.0.0.1 stood within 1 s",
        "network: no connection to 127.0.0.1 stood within 2 s",
    ]


async def test_a_server_without_tls_is_told_and_not_tried_again(sim: Simulator) -> None:
    error = await failure(sim.url.replace("http://", "https://"))
    assert isinstance(error, NetworkError)
    assert "127.0.0.1 does not speak TLS" in str(error)
    assert "http://" in error.hint
    assert tries(error) == 1


@each(
    ("words", "shown", "count"),
    [
        ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed", "SSL_CERT_FILE", 1),
        (
            "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate is not yet valid",
            "date and time",
            1,
        ),
        (
            "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has expired",
            "date and time",
            1,
        ),
        ("[SSL: TLSV1_ALERT_INTERNAL_ERROR] tlsv1 alert", "A firewall or proxy may cut it", 3),
        ("[Errno 101] Network is unreachable", "was not reached", 3),
    ],
)
async def test_what_stands_in_the_way_is_told(words: str, shown: str, count: int) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError(words)

    async with client_of(transport=answering(fail)) as client:
        with pytest.raises(NetworkError) as caught:
            await ask(client)
    assert shown in str(caught.value)
    assert tries(caught.value) == count


@each(
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
    assert "glm-mcp doctor" in str(caught.value)
    assert tries(caught.value) == 3


@each("base", ["http://a..b/v1", "http://.../v1", "http://xn--/v1", "http://xn--a-ecp.ru/v1"])
async def test_an_address_that_is_none_names_the_setting(base: str) -> None:
    with anyio.fail_after(10):
        error = await failure(base)
    assert isinstance(error, ConfigError | NetworkError)
    assert "GLM_BASE_URL" in error.hint


@each(("fault", "times"), [("refuse", 2), ("reset", 2), ("close", 2)])
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
            await ask(client, within=1 + 0.5 * slowness())
    assert set(models_asked(sim)[:4]) == {T}
    assert len(sim.received) > (2 if fault == "refuse" else 3), "a host that was reached is tried to the end"
    assert bool(caught.value.partial) == (fault == "reset")


async def test_the_head_and_the_body_of_a_request_go_out_together() -> None:
    pieces: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pieces.append(await reader.read(1 << 20))
        writer.write(b"HTTP/1.1 400 Bad\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1") as server:
        error = await failure(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
    asked = next(p for p in pieces if p.startswith(b"POST /v1/chat/completions "))
    head, _, body = asked.partition(b"\r\n\r\n")
    assert error.status == 400
    assert f"content-length: {len(body)}".encode() in head.lower()
    assert body.endswith(b"}")


@each("way", ["http", "https"] if tls.THERE else ["http"])
@each("stream", [False, True])
@each("behind", ["another answer", "what is no HTTP"])
async def test_what_comes_behind_an_answer_is_not_taken_for_that_to_the_next_call(
    behind: str, way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, stream: bool
) -> None:
    context = None
    if way == "https":
        context, trusted = tls.certified(tmp_path, "DNS:localhost", "IP:127.0.0.1")
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))

    def answer(text: str) -> bytes:
        said = {"content": text}
        choice = {"finish_reason": "stop", "delta" if stream else "message": said}
        body = json.dumps({"choices": [choice]}).encode()
        body = b"data: " + body + b"\n\ndata: [DONE]\n\n" if stream else body
        head = b"HTTP/1.1 200 OK\r\nContent-Type: " + (
            b"text/event-stream" if stream else b"application/json"
        )
        head += f"\r\nContent-Length: {len(body)}\r\nX-Fill: ".encode()
        # A record of TLS, so that what is behind it comes in the same moment and stands in another.
        return head + b"x" * (RECORD - len(head) - len(body) - 4) + b"\r\n\r\n" + body

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                size = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
                asked = json.loads(await reader.readexactly(size))["messages"][-1]["content"]
                more = answer(f"more for {asked}") if behind == "another answer" else b"}}"
                writer.write(answer(f"for {asked}") + more)
                await writer.drain()
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", ssl=context) as server:
        base = f"{way}://127.0.0.1:{server.sockets[0].getsockname()[1]}/api/paas/v4"
        async with client_of(GLM_BASE_URL=base) as client:
            for who in ("anna", "ben", "carla"):
                answered = await ask(client, who, model=T)
                assert (answered.text, len(answered.attempts)) == (f"for {who}", 1)
