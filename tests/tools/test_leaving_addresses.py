"""An address that the service is to fetch passes the same parser as one that is fetched here, by every way it can go out."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from support.calls import V1
from support.cases import each
from support.connect import Connect
from support.toolkit import call, chats, fail, last, say

from glm_mcp.simulator import Simulator

pytestmark = pytest.mark.anyio

REFUSED = (
    "https://user:secret@example.com/a.pdf",
    "http://10.0.0.8/a.pdf",
    "http://127.0.0.1:9/a.pdf",
    "http://localhost/a.pdf",
    "http://0x7f.1/a.pdf",
    "http://[::1]/a.pdf",
    "http://169.254.169.254/latest/meta-data",
    "http://metadata.google.internal/computeMetadata",
    "HTTP://192.168.1.1/a.pdf",
    "http://example.com\\@10.0.0.8/a.pdf",
)


def _in_history(kind: str) -> Callable[[str], dict[str, Any]]:
    def arguments(url: str) -> dict[str, Any]:
        part = {"type": kind, kind: {"url": url}}
        turns = [
            {"role": "user", "content": [part, {"type": "text", "text": "?"}]},
            {"role": "assistant", "content": "Yes."},
        ]
        return {"prompt": "And?", "history": turns}

    return arguments


def _in_a_result(url: str) -> dict[str, Any]:
    part = {"type": "image_url", "image_url": url}
    turns = [{"role": "user", "content": "a"}, {"role": "tool", "tool_call_id": "1", "content": [part]}]
    return {"prompt": "And?", "history": turns}


def _in_functions(url: str) -> dict[str, Any]:
    return {"prompt": "?", "functions": [{"type": "mcp", "mcp": {"server_label": "s", "server_url": url}}]}


WAYS: dict[str, tuple[str, Callable[[str], dict[str, Any]]]] = {
    "native": ("read_document", lambda url: {"documents": url, "mode": "native", "prompt": "?"}),
    "native, the second": (
        "read_document",
        lambda url: {"documents": ["https://example.com/a.pdf", url], "mode": "native"},
    ),
    "picture in history": ("chat", _in_history("image_url")),
    "film in history": ("chat", _in_history("video_url")),
    "file in history": ("chat", _in_history("file_url")),
    "picture in a function result": ("chat", _in_a_result),
    "functions": ("chat", _in_functions),
    "files": ("chat", lambda url: {"prompt": "?", "files": url}),
    "images": ("describe_image", lambda url: {"images": url}),
    "video": ("analyze_video", lambda url: {"video": url}),
}


@each("way", WAYS)
async def test_a_login_or_an_address_of_an_inner_network_never_leaves(
    connect: Connect, sim: Simulator, way: str
) -> None:
    tool, arguments = WAYS[way]
    async with connect() as client:
        for url in REFUSED:
            text = await fail(client, tool, **arguments(url))
            assert text.startswith("forbidden_url: "), (url, text)
            assert "secret" not in text
    assert not chats(sim)


@each("name", ["server_url", "serverUrl", "uri", "endpoint"])
@each("address", ["localhost:8000/mcp", "10.0.0.8", "ftp://example.com/a", "//127.0.0.1/"])
async def test_an_address_without_a_scheme_or_with_another_is_none_that_a_service_may_connect_to(
    connect: Connect, sim: Simulator, name: str, address: str
) -> None:
    entry = {"type": "mcp", "mcp": {"servers": [{name: address}]}}
    async with connect() as client:
        text = await fail(client, "chat", prompt="?", functions=[entry])
    assert text.startswith("forbidden_url: ")
    assert not chats(sim)


async def test_what_leaves_is_written_so_that_no_other_parser_reads_it_differently(
    connect: Connect, sim: Simulator
) -> None:
    sim.web["https://example.com/a%20b.txt"] = (b"hello", "text/plain")
    async with connect() as client:
        await say(client, "read_document", documents="HTTPS://EXAMPLE.com:443/a b.txt#top", mode="native")
        sent = last(sim).body["messages"][0]["content"][0]
    assert sent["file_url"]["url"] == "https://example.com/a%20b.txt"


async def test_the_type_that_a_picture_in_history_claims_writes_nothing_of_the_request(
    connect: Connect, sim: Simulator
) -> None:
    another = {"type": "image_url", "image_url": {"url": "http://169.254.169.254/latest"}}
    claimed = 'image/png"}},' + json.dumps(another)[:-2]
    part = {"type": "image_url", "image_url": {"url": f"data:{claimed};base64,AAAA"}}
    turns = [{"role": "user", "content": [part]}, {"role": "assistant", "content": "Yes."}]
    async with connect() as client:
        await call(client, "chat", prompt="And?", history=turns, model=V1)
    assert chats(sim)[0].body["messages"][0]["content"] == [part]
