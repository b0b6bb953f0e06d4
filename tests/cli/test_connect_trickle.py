"""A team's server that answers a little at a time, without end: what `glm-mcp connect` asks of it ends all the same."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio
import pytest
from anyio.abc import SocketAttribute, SocketStream
from support.cases import each

from glm_mcp.cli.connect.results import Order, Receiver
from glm_mcp.cli.connect.upstream import Upstream
from glm_mcp.errors import NetworkError

pytestmark = pytest.mark.anyio

OK = "HTTP/1.1 200 OK\r\n"
LIMIT_S = 20.0


@asynccontextmanager
async def trickling(head: str, piece: str, heard: list[bytes] | None = None) -> AsyncIterator[str]:
    """The address of a server that says `head` to each request, and then `piece` again and again. `heard`: the requests."""

    async def answer(client: SocketStream) -> None:
        async with client:
            try:
                asked = await client.receive()
                if heard is not None:
                    heard.append(asked)
                await client.send(head.encode())
                while True:
                    await client.send(piece.encode())
                    await anyio.sleep(0.01)
            except anyio.BrokenResourceError:
                return

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, answer)
        port = listener.extra(SocketAttribute.local_port)  # noqa: S610 - of a listener, not of a database
        yield f"http://127.0.0.1:{port}"
        group.cancel_scope.cancel()


async def of_messages(upstream: Upstream) -> None:
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    async with upstream.asked(message, {}) as (_, messages):
        async for _ in messages:
            pass


async def of_a_file(upstream: Upstream) -> None:
    await upstream.download("/outputs/1", 1_000_000)


async def of_an_upload(upstream: Upstream) -> None:
    await upstream.file("POST", content=b"x", params={"name": "a.txt"})


@each(
    ("head", "piece"),
    [
        (f"{OK}Content-Type: text/event-stream\r\n\r\n", ": well\n\n"),
        (f"{OK}Content-Type: application/json\r\nContent-Length: 1000000\r\n\r\n", " "),
        (f"{OK}", "X-A: 1\r\n"),
    ],
    ids=["comments", "a body", "headers"],
)
@each("asks", [of_messages, of_a_file, of_an_upload])
async def test_an_answer_that_trickles_without_end_is_given_up(
    asks: Callable[[Upstream], Awaitable[None]], head: str, piece: str
) -> None:
    async with trickling(head, piece) as url:
        upstream = Upstream(url, None, longest_s=0.3)
        try:
            with anyio.fail_after(LIMIT_S), pytest.raises(NetworkError, match="does not come to the end"):
                await asks(upstream)
        finally:
            await upstream.close()


async def test_the_files_of_a_result_have_the_time_of_one_together() -> None:
    texts = [f"glm://outputs/{n:024x} (http://glm.example/outputs/{n:024x})" for n in range(5)]
    result = {"content": [{"type": "text", "text": text} for text in texts]}
    heard = list[bytes]()
    async with trickling(f"{OK}Content-Length: 1000000\r\n\r\n", " ", heard) as url:
        upstream = Upstream(url, None, longest_s=0.3)
        receiver = Receiver(upstream, None, None)  # type: ignore[arg-type]  # nothing comes to be written
        try:
            with anyio.fail_after(LIMIT_S):
                told = await receiver.local(result, Order())
        finally:
            await upstream.close()
    assert str(told).count("is not saved here") == 5
    assert len(heard) == 1
