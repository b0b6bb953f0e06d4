"""What is answered from a record is what the server itself says to the same session, byte for byte."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcp.server.runner import serve_dual_era_loop
from mcp.shared.message import SessionMessage
from mcp.types import JSONRPCError, JSONRPCRequest, JSONRPCResponse, jsonrpc_message_adapter
from pydantic import ValidationError
from support.cases import each
from support.processes import VERSIONS
from support.records import MODERN, ODD, lines, session

from glm_mcp.clients.table import CLIENTS
from glm_mcp.server import recorder
from glm_mcp.server.app import App, build
from glm_mcp.server.front import record
from glm_mcp.server.front.answers import Answers
from glm_mcp.server.front.conditions import kept_state

ERAS = (*VERSIONS, MODERN)
NAMES = ["a-client", "glm-mcp", *(c.announces[0] for c in CLIENTS.values() if c.announces)]


async def real(app: App, text: str) -> list[str]:
    """The lines that the server itself says to these, sorted."""
    send, read = anyio.create_memory_object_stream[Any](1000)
    write, receive = anyio.create_memory_object_stream[SessionMessage](1000)
    requests = 0
    for line in text.splitlines():
        try:
            message = jsonrpc_message_adapter.validate_json(line, by_name=False)
        except ValidationError:
            continue
        requests += isinstance(message, JSONRPCRequest)
        await send.send(SessionMessage(message))
    said: list[str] = []
    with anyio.fail_after(60):
        async with anyio.create_task_group() as group, send, receive:
            group.start_soon(_serve, app, read, write)
            while len(said) < requests:
                answer = (await receive.receive()).message
                assert isinstance(answer, JSONRPCResponse | JSONRPCError)
                said.append(answer.model_dump_json(by_alias=True, exclude_unset=True))
            group.cancel_scope.cancel()
    return sorted(said)


async def _serve(app: App, read: Any, write: Any) -> None:
    await serve_dual_era_loop(build(app), read, write, lifespan_state=app)


async def made(app: App, kept: Path) -> dict[str, Any]:
    """A record of this application's answers, as it is after it was written and read."""
    server = build(app)
    found = {
        **await recorder.lists(app, server),
        "resources": await recorder.resources(app, server, *_state(kept)),
    }
    read = record.unpack(record.pack(found, "digest"), "digest")
    assert read
    return read


def _state(kept: Path) -> tuple[str, list[float]]:
    found = kept_state(str(kept))
    assert found
    return found


def early(answers: Answers, text: str) -> tuple[list[str], list[str]]:
    """What is answered from the record, and the lines that the server is then given."""
    said, given = [], []
    for line in text.splitlines():
        found = answers.answer(line)
        if found:
            said.append(found[0])
        given.append(found[1].rstrip("\n") if found else line)
    return said, given


async def compared(app: App, found: dict[str, Any], kept: Path, text: str) -> int:
    """Runs a session with and without the record; the number of answers that came from it."""
    expected = await real(app, text)
    answers = Answers(found, str(kept))
    said, handed = early(answers, text)
    rest = await real(app, "\n".join(handed))
    own = [json.dumps(ident) for ident in answers.said]
    unsaid = [line for line in rest if not any(line.startswith(record.START + ident) for ident in own)]
    assert sorted(said + unsaid) == expected
    # What the server says to what was answered already shows that the record is true.
    for ident, words in answers.said.items():
        assert record.START + json.dumps(ident) + words in rest
    return len(said)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.anyio
async def test_every_answer_is_the_server_s_own_for_every_client_and_era(
    name: str, app_of: Callable[..., App], tmp_path: Path
) -> None:
    app = app_of()
    found = await made(app, tmp_path / "outputs")
    for version in ERAS:
        text = lines(session(version, name))
        assert await compared(app, found, tmp_path / "outputs", text) == len(text.splitlines()) - (
            version != MODERN
        )


@pytest.mark.parametrize(
    "variables",
    [
        {"GLM_TOOLS": "chat"},
        {"GLM_TOOLS": "read_document, generate_image"},
        {"GLM_STRUCTURED": "1"},
        {"GLM_LANG": "zh"},
        {"GLM_API_KEY": None},
        {"GLM_BASE_URL": "zai-coding", "GLM_FALLBACK": "0", "GLM_DEADLINE_S": "9", "GLM_THINKING": "show"},
    ],
    ids=str,
)
@pytest.mark.anyio
async def test_every_answer_is_the_server_s_own_under_every_setting(
    variables: dict[str, str | None], app_of: Callable[..., App], tmp_path: Path
) -> None:
    app = app_of(**variables)
    found = await made(app, tmp_path / "outputs")
    for version in ERAS:
        assert await compared(app, found, tmp_path / "outputs", lines(session(version))) > 4


@each("name", [n for n in ODD if n != "one id for everything"])
@pytest.mark.anyio
@pytest.mark.extreme
async def test_an_odd_session_is_left_to_the_server_from_where_it_is_odd(
    name: str, app_of: Callable[..., App], tmp_path: Path
) -> None:
    app = app_of()
    await compared(app, await made(app, tmp_path / "outputs"), tmp_path / "outputs", ODD[name])


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
PARTS = ["form", "url", "list", "requests", "sampling", "createMessage", "context", "tools", "x"]
LEAF: st.SearchStrategy[dict[str, Any]] = st.just({})
TREE = st.recursive(
    LEAF, lambda inner: st.dictionaries(st.sampled_from(PARTS), inner, max_size=3), max_leaves=6
)
CAPABILITIES = st.dictionaries(
    st.sampled_from(["roots", "sampling", "elicitation", "tasks", "experimental", "extensions", "other"]),
    TREE | st.just({"listChanged": True}) | ANYTHING,
    max_size=4,
)  # fmt: skip
CLIENT = st.dictionaries(
    st.sampled_from(["name", "version", "title", "description", "websiteUrl", "icons"]), st.text(max_size=3) | ANYTHING, max_size=4
).map(lambda more: {"name": "x", "version": "1", **more})  # fmt: skip
META = st.dictionaries(
    st.sampled_from(
        ["progressToken", "io.modelcontextprotocol/logLevel", "x/y", "io.modelcontextprotocol/x"]
    ),
    st.just("debug") | ANYTHING,
    max_size=2,
)
IDENT = st.integers() | st.text(max_size=4) | st.none() | st.floats() | st.booleans()


def _modern(info: Any, capabilities: Any, meta: Any) -> dict[str, Any]:
    prefix = "io.modelcontextprotocol/"
    return {
        "_meta": {
            prefix + "protocolVersion": MODERN,
            prefix + "clientInfo": info,
            prefix + "clientCapabilities": capabilities,
            **meta,
        }
    }


@st.composite
def sessions(draw: st.DrawFn) -> str:
    """Beginnings of sessions in which any part may be odd."""
    version = draw(st.sampled_from(ERAS))
    info, capabilities = draw(CLIENT), draw(CAPABILITIES)
    messages: list[dict[str, Any]] = []
    if version != MODERN:
        about = {"protocolVersion": version, "capabilities": capabilities, "clientInfo": info}
        messages.append({"jsonrpc": "2.0", "id": "first", "method": "initialize", "params": about})
    for number in range(draw(st.integers(1, 3))):
        meta = draw(META)
        plain = {"_meta": meta} if meta else {}
        params = _modern(info, capabilities, meta) if version == MODERN else plain
        method = draw(st.sampled_from(["tools/list", "prompts/list", "ping", "server/discover", "no/such"]))
        params |= draw(st.just({}) | st.just({}) | st.fixed_dictionaries({"cursor": ANYTHING}))
        ident = draw(st.just(number) | st.just(number) | IDENT)
        ident = f"{ident}{number}" if isinstance(ident, str) else ident
        messages.append({"jsonrpc": "2.0", "id": ident, "method": method, "params": params})
    return "\n".join(json.dumps(m, ensure_ascii=draw(st.booleans())) for m in messages)  # fmt: skip


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> tuple[App, dict[str, Any], Path]:
    from glm_mcp.server.app import Folders
    from glm_mcp.settings import Settings

    folder = tmp_path_factory.mktemp("quiet")
    app = App(Settings(), folders=Folders(folder, folder, folder, folder / "cache", folder / "data"))
    kept = app.outputs.place
    return app, anyio.run(made, app, kept), kept


@settings(max_examples=150)
@given(text=sessions())
@pytest.mark.extreme
def test_whatever_a_client_sends_the_answers_are_the_server_s_own(
    text: str, quiet: tuple[App, dict[str, Any], Path]
) -> None:
    app, found, kept = quiet
    text = "\n".join(line for line in text.splitlines() if "\x85" not in line)
    anyio.run(compared, app, found, kept, text)


def test_no_more_is_said_than_a_pipe_takes_that_nobody_reads(quiet: tuple[App, dict[str, Any], Path]) -> None:
    _, found, kept = quiet
    answers = Answers(found, str(kept))
    many = session(MODERN) * 100
    said, _ = early(answers, lines(many))
    assert 20_000 < sum(len(line) for line in said) < 60_000
