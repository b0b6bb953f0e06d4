"""One span an attempt, below that of the call, with what the GenAI conventions name and no word of content."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import anyio
import anyio.to_thread
import httpx
import pytest
from mcp.shared.exceptions import MCPError
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, SpanContext, Status, StatusCode, TraceFlags
from support.calls import answering, ask, client_of
from support.connect import Connect
from support.http_server import ACCEPT
from support.processes import ran
from support.served import served
from support.toolkit import call, fail, say, text_of

from glm_mcp.errors import ContentBlocked
from glm_mcp.simulator import Fault, Reply, Simulator

pytestmark = pytest.mark.anyio


@dataclass(eq=False)
class Kept(NonRecordingSpan):
    """A span that remembers what it was told."""

    name: str
    parent: Any
    number: int
    attributes: dict[str, Any] = field(default_factory=dict)
    begun: tuple[str, ...] = ()  # the attributes it had from the start
    status: StatusCode = StatusCode.UNSET
    said: str = ""
    ended: bool = False

    def get_span_context(self) -> SpanContext:
        return SpanContext(1, self.number, is_remote=False, trace_flags=TraceFlags(1))

    def is_recording(self) -> bool:
        return True

    def set_attribute(self, key: str, value: Any) -> None:
        self.attributes[key] = value

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        self.attributes.update(attributes)

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        self.said = description or ""
        self.status = status.status_code if isinstance(status, Status) else status

    def end(self, _: int | None = None) -> None:
        self.ended = True


class Tracer(trace.Tracer):
    def __init__(self) -> None:
        self.kept: list[Kept] | None = None

    def start_span(self, name: str, context: Context | None = None, *_: Any, **more: Any) -> trace.Span:
        if self.kept is None:
            return trace.INVALID_SPAN
        given = dict(more.get("attributes") or {})
        span = Kept(name, trace.get_current_span(context), len(self.kept) + 1, given, tuple(given))
        self.kept.append(span)
        return span

    @contextmanager
    def _current(self, name: str, context: Context | None = None, **more: Any) -> Iterator[trace.Span]:
        span = self.start_span(name, context, **more)
        with trace.use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
            yield span

    start_as_current_span = _current  # type: ignore[assignment]  # the library's is a decorator too


class Provider(trace.TracerProvider):
    def __init__(self) -> None:
        self.tracer = Tracer()

    def get_tracer(self, *_: Any, **__: Any) -> trace.Tracer:
        return self.tracer


@cache
def provider() -> Provider:
    """A process may set its provider once."""
    found = Provider()
    trace.set_tracer_provider(found)
    return found


@pytest.fixture
def spans() -> Iterator[list[Kept]]:
    tracer = provider().tracer
    found: list[Kept] = []
    tracer.kept = found
    yield found
    tracer.kept = None


def ours(spans: list[Kept]) -> list[Kept]:
    return [s for s in spans if "gen_ai.provider.name" in s.attributes]


async def test_each_attempt_is_a_span_below_the_call_with_model_usage_and_request_id(
    connect: Connect, sim: Simulator, spans: list[Kept]
) -> None:
    sim.queue(Fault("error", code="1302"), Reply("fine"))
    async with connect() as client:
        result = await call(client, "chat", prompt="a secret question", model="glm-4.7-flash")
    first, second = ours(spans)
    assert first.name == second.name == "chat glm-4.7-flash"
    assert first.attributes["error.type"] == "1302"
    assert first.status is StatusCode.ERROR
    assert second.status is StatusCode.UNSET
    assert second.attributes["http.request.resend_count"] == 1
    assert second.attributes["gen_ai.operation.name"] == "chat"
    assert second.attributes["gen_ai.request.model"] == "glm-4.7-flash"
    assert second.attributes["gen_ai.response.model"] == "glm-4.7-flash"
    assert second.attributes["gen_ai.response.finish_reasons"] == ["stop"]
    assert second.attributes["gen_ai.usage.input_tokens"] > 0
    assert second.attributes["gen_ai.usage.output_tokens"] > 0
    assert second.attributes["server.address"] == "127.0.0.1"
    assert result.meta
    assert second.attributes["gen_ai.response.id"] == result.meta["glm"]["request_id"]
    assert first.parent is second.parent
    assert first.parent.name == "tools/call chat"
    asked = first.parent.parent.get_span_context().span_id
    assert [s.name for s in spans if s.number == asked] == ["MCP send tools/call chat"], (
        "the client's own span"
    )
    assert all(s.ended for s in spans)
    assert "secret question" not in str([s.attributes for s in spans])
    assert "fine" not in str([s.attributes for s in spans])


async def test_a_refused_call_has_the_request_id_of_the_service_in_its_error_and_its_span(
    connect: Connect, sim: Simulator, spans: list[Kept]
) -> None:
    sim.queue(Fault("error", code="1301"))
    async with connect() as client:
        text = await fail(client, "chat", prompt="hi")
    (span,) = ours(spans)
    assert span.attributes["error.type"] == "1301"
    assert f"request id {span.attributes['gen_ai.response.id']}" in text


async def test_a_picture_is_a_span_of_its_own_operation(
    connect: Connect, sim: Simulator, spans: list[Kept]
) -> None:
    async with connect() as client:
        await say(client, "generate_image", prompt="a hill", size="512x512")
    (span,) = ours(spans)
    assert span.name == "generate_content cogview-3-flash"
    assert span.attributes["gen_ai.output.type"] == "image"


async def test_a_deadline_that_passes_ends_the_span_of_its_attempt_as_a_timeout(
    connect: Connect, sim: Simulator, spans: list[Kept]
) -> None:
    sim.queue(Fault("hang"))
    async with connect(GLM_DEADLINE_S="1") as client:
        result = await call(client, "chat", prompt="hi")
    assert text_of(result).startswith("timeout: ")
    (span,) = ours(spans)
    assert span.ended
    assert span.attributes["error.type"] == "timeout"
    assert span.status is StatusCode.ERROR


async def test_a_call_that_is_cancelled_ends_its_span_as_cancelled(sim: Simulator, spans: list[Kept]) -> None:
    sim.queue(Fault("hang"))
    async with client_of(sim) as client, anyio.create_task_group() as group:
        group.start_soon(ask, client)
        await anyio.to_thread.run_sync(sim.wait_received, 1)
        group.cancel_scope.cancel()
    (span,) = ours(spans)
    assert span.ended
    assert span.attributes["error.type"] == "CancelledError"
    assert span.status is StatusCode.ERROR


async def test_what_a_service_sends_is_short_and_clean_in_a_span_and_its_place_is_whole(
    spans: list[Kept],
) -> None:
    long = "a\x1b[31m\n\u202e" * 1_000
    usage = {"prompt_tokens": 5, "completion_tokens": 9, "completion_tokens_details": {"reasoning_tokens": 7}}
    choice = {"message": {"content": "fine"}, "finish_reason": "stop"}
    answers = iter(
        (
            {"request_id": long, "choices": [choice | {"finish_reason": long}], "usage": usage},
            {"request_id": long, "error": {"code": "1301", "message": "no"}},
        )
    )
    transport = answering(lambda _: httpx.Response(200, json=next(answers)))
    async with client_of(transport=transport, GLM_BASE_URL="zhipu") as client:
        await ask(client)
        with pytest.raises(ContentBlocked):
            await ask(client)
    served, refused = ours(spans)
    assert served.attributes["gen_ai.usage.reasoning.output_tokens"] == 7
    assert served.attributes["gen_ai.request.stream"] is True
    assert (served.attributes["server.address"], served.attributes["server.port"]) == (
        "open.bigmodel.cn",
        443,
    )
    for span in (served, refused):
        assert len(str(span.attributes)) < 1_000
        assert str(span.attributes["gen_ai.response.id"]).isprintable()
    assert str(served.attributes["gen_ai.response.finish_reasons"][0]).isprintable()


async def test_a_span_of_a_request_has_no_name_or_path_that_a_client_chose(
    connect: Connect, spans: list[Kept]
) -> None:
    async with connect() as client:
        refused = []
        for asked in (
            client.call_tool("words-of-mine", {}),
            client.get_prompt("words-of-mine", {}),
            client.read_resource("file:///home/jane/words-of-mine.pdf"),
        ):
            with pytest.raises(MCPError) as error:
                await asked
            refused.append(str(error.value))
        await client.get_prompt("ocr", {"image": "a.png"})
    assert all("words-of-mine" in said for said in refused), "the client is told"
    served = [s for s in spans if not s.name.startswith("MCP send")]  # those are of the client
    asked_of = {s.attributes.get("mcp.method.name"): s for s in served}
    assert {"tools/call", "prompts/get", "resources/read"} <= asked_of.keys()
    assert "words-of-mine" not in str([(s.name, s.attributes, s.said) for s in served])
    assert asked_of["resources/read"].status is StatusCode.ERROR
    assert asked_of["prompts/get"].name == "prompts/get ocr"


async def test_a_method_that_a_client_makes_up_is_none_of_a_span_and_an_id_is_cut_short_there(
    app_of: Any, spans: list[Kept]
) -> None:
    ident = "x" * 900
    begin = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "a", "version": "1"}}
    with anyio.fail_after(30):
        async with served(app_of(remote=True)) as url, httpx.AsyncClient(trust_env=False) as http:
            for method, params in (("initialize", begin), ("words-of-mine/list", {"name": "words-of-mine"})):
                asked = {"jsonrpc": "2.0", "id": ident, "method": method, "params": params}
                answer = await http.post(f"{url}/mcp", json=asked, headers=ACCEPT)
                http.headers.update({k: v for k, v in answer.headers.items() if k == "mcp-session-id"})
                assert ident in answer.text
    assert "-32601" in answer.text
    assert {s.name for s in spans} >= {"initialize", "_OTHER"}
    assert "words-of-mine" not in str([(s.name, s.attributes) for s in spans])
    assert ident not in str([s.attributes for s in spans])


async def test_the_model_that_a_caller_names_is_clean_in_a_span(
    connect: Connect, sim: Simulator, spans: list[Kept]
) -> None:
    async with connect() as client:
        await call(client, "chat", prompt="hello", model="m\x1b[31m\n\u202e" * 100)
    (span,) = ours(spans)
    for said in (span.name, span.attributes["gen_ai.request.model"]):
        assert said.isprintable()
        assert len(said) < 100


async def test_a_sampler_knows_model_and_service_before_an_attempt_begins(
    connect: Connect, sim: Simulator, spans: list[Kept]
) -> None:
    async with connect() as client:
        await say(client, "chat", prompt="hi")
    (span,) = ours(spans)
    wanted = ("gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model", "server.address")
    assert set(wanted) <= set(span.begun)


async def test_without_an_exporter_nothing_is_recorded(connect: Connect, sim: Simulator) -> None:
    async with connect() as client:
        with anyio.fail_after(10):
            assert await say(client, "chat", prompt="hi")


def test_the_command_line_alone_does_not_load_the_library() -> None:
    code = "import sys, glm_mcp.glm.client; sys.exit('opentelemetry.sdk' in sys.modules or 'opentelemetry' in sys.modules)"
    assert ran([sys.executable, "-c", code], limit_s=30).returncode == 0
