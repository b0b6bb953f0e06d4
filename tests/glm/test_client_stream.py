"""What a stream may do to an answer, and where the model's thinking goes."""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import pytest
from support.busy import slowness, within
from support.calls import V1, V6, T, answering, ask, client_of, models_asked
from support.cases import each

from glm_mcp.errors import (
    ContentBlocked,
    GLMError,
    InvalidRequest,
    NetworkError,
    TimedOut,
    TooLong,
    UpstreamError,
)
from glm_mcp.glm.function_calls import CALLS_MAX
from glm_mcp.glm.network.pools import Pools
from glm_mcp.glm.network.transport import EVENT_BYTES, STREAM_BYTES, Transport
from glm_mcp.glm.policy import Pace
from glm_mcp.glm.progress import Progress
from glm_mcp.glm.stream import CHARS_MAX
from glm_mcp.simulator import Fault, Reply, Simulator, Switches

pytestmark = pytest.mark.anyio


def said(text: str) -> str:
    return f"received text of {len(text)} characters"


# Answers that are whole in spite of their delivery


@pytest.mark.parametrize("kind", ["no_done", "extra_empty_choices"])
async def test_a_whole_answer_oddly_ended_is_taken_at_once(sim: Simulator, kind: str) -> None:
    sim.queue(Fault(kind))  # type: ignore[arg-type]  # a plain str is fine at run time
    async with client_of(sim) as client:
        answer = await ask(client)
    assert said("hello") in answer.text
    assert answer.finish == "stop"
    assert answer.usage.completion > 0
    assert len(sim.received) == 1


async def test_an_answer_after_whose_end_the_service_says_nothing_more_is_taken_soon(sim: Simulator) -> None:
    sim.queue(Fault("silent_end"))
    with within(5):
        async with client_of(sim) as client:
            answer = await ask(client)
    assert said("hello") in answer.text
    assert answer.finish == "stop"
    assert answer.usage.completion > 0
    assert len(sim.received) == 1


async def test_a_cookie_of_the_service_is_not_kept() -> None:
    asked: list[httpx.Headers] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers)
        body = {"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}]}
        return httpx.Response(200, json=body, headers={"Set-Cookie": "session=one; Path=/"})

    async with client_of(transport=answering(answer)) as client:
        await ask(client)
        await ask(client)
    assert len(asked) == 2
    assert not any("cookie" in headers for headers in asked)


async def test_a_leaked_end_of_thinking_is_not_shown(sim: Simulator) -> None:
    sim.queue(Fault("think_leak"))
    async with client_of(sim) as client:
        answer = await ask(client)
    assert answer.text.startswith("[simulated")
    assert "think>" not in answer.text
    assert len(sim.received) == 1


UNLIKE = random.Random(7).randbytes(500_000).hex().encode()  # a megabyte that does not repeat itself

CALL = b'data: {"choices": [{"delta": {"tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}}]}\n\n'


@pytest.mark.extreme
async def test_a_frame_of_ten_megabytes_arrives_whole(sim: Simulator) -> None:
    sim.queue(Fault("big_frame"))
    async with client_of(sim) as client:
        answer = await ask(client, within=20)
    assert answer.text == "█" * (10 * 1024 * 1024 // 3)


@each(
    ("piece", "packed", "enough"),
    [
        (b'data: {"choices": [{"delta": {"content": "' + UNLIKE + b'"}}]}\n\n', False, CHARS_MAX),
        (b'data: {"choices": [{"delta": {"role": "' + UNLIKE + b'"}}]}\n\n', False, STREAM_BYTES),
        (CALL, False, CALLS_MAX * len(CALL)),
        (CALL.replace(b'"f"', b'"' + UNLIKE + b'"'), False, CHARS_MAX),
        (b"x" * 1_000_000, False, EVENT_BYTES),
        (b"data: " + b"x" * 1_000_000 + b"\n", False, EVENT_BYTES),
        (b"x" * 1_000_000, True, EVENT_BYTES),
    ],
    ids=[
        "frames",
        "frames without words",
        "function calls",
        "names of functions",
        "one line",
        "one frame of many lines",
        "one line, packed",
    ],
)
@pytest.mark.extreme
async def test_an_endless_answer_is_stopped(piece: bytes, packed: bool, enough: int) -> None:
    sent: list[int] = []

    async def without_end() -> AsyncIterator[bytes]:
        gzip = zlib.compressobj(wbits=31)
        yield gzip.compress(b"data: ") if packed else b"data: "
        while True:
            sent.append(len(piece))
            if not packed:
                yield piece
            elif small := gzip.compress(piece):
                yield small

    def answer(_: httpx.Request) -> httpx.Response:
        headers = {"content-type": "text/event-stream"} | ({"content-encoding": "gzip"} if packed else {})
        return httpx.Response(200, headers=headers, content=without_end())

    async with client_of(transport=answering(answer)) as client:
        with pytest.raises(UpstreamError, match="endless"):
            await ask(client, model=T, within=30)
    assert enough <= sum(sent) < enough + (20_000_000 if packed else 4_000_000)


@each(
    ("line", "packed"),
    [(b"\n", True), (b": says nothing\n", True), (b"\n", False)],
    ids=["blank lines", "comments", "not packed"],
)
@pytest.mark.extreme
async def test_lines_that_say_nothing_are_read_while_others_have_their_turn(
    line: bytes, packed: bool
) -> None:
    end = b'data: {"choices": [{"delta": {"content": "hi"}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'
    body, turns = line * (10_000_000 // len(line)) + b"\n" + end, 0
    sent = zlib.compress(body) if packed else body

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await anyio.lowlevel.checkpoint()

    def answer(_: httpx.Request) -> httpx.Response:
        headers = {"content-type": "text/event-stream"} | ({"content-encoding": "deflate"} if packed else {})
        return httpx.Response(200, headers=headers, stream=httpx.ByteStream(sent))

    async with client_of(transport=answering(answer)) as client, anyio.create_task_group() as group:
        group.start_soon(others)
        assert (await ask(client, model=T, within=30)).text == "hi"
        group.cancel_scope.cancel()
    assert turns > 600, "it was read in one go"


@each("field", ["web_search", "tool_calls"])
async def test_values_in_values_without_end_are_no_answer(field: str) -> None:
    nested = '{"a":' * 500 + "1" + "}" * 500
    event = {
        "web_search": '{"choices": [], "web_search": [%s]}',
        "tool_calls": '{"choices": [{"delta": {"tool_calls": [{"function": {"name": "f", "arguments": %s}}]}}]}',
    }[field]
    stream = f'data: {event % nested}\n\ndata: {{"choices": [{{"delta": {{"content": "hi"}}, "finish_reason": "stop"}}]}}\n\n'

    def answer(_: httpx.Request) -> httpx.Response:
        headers = {"content-type": "text/event-stream"}
        return httpx.Response(200, headers=headers, stream=httpx.ByteStream(stream.encode()))

    async with client_of(transport=answering(answer)) as client:
        with pytest.raises(UpstreamError, match="damaged"):
            await ask(client, model=T, within=5)


@each(
    "deltas",
    [
        [{"content": "again and again " * 1_000}] * 2,
        [{"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": "{}"}}]}],
        [{"content": "<think>well</think>"}],
        [{"content": ""}],
    ],
    ids=["words without end", "a call", "a thought", "nothing"],
)
async def test_what_a_caller_makes_a_model_write_makes_nobody_else_wait_for_it(
    deltas: list[dict[str, Any]],
) -> None:
    choices = [{"index": 0, "delta": delta} for delta in (*deltas, {})]
    choices[-1]["finish_reason"] = "stop"
    stream = "".join(f"data: {json.dumps({'choices': [choice]})}\n\n" for choice in choices)

    def answer(_: httpx.Request) -> httpx.Response:
        headers = {"content-type": "text/event-stream"}
        return httpx.Response(200, headers=headers, stream=httpx.ByteStream(stream.encode()))

    async with client_of(transport=answering(answer)) as client:
        with pytest.raises(UpstreamError):
            await ask(client, model=T, within=5)
        assert client.health.of(T).rests == 0


MANY = [0] * 200_000


@each(
    ("body", "said"),
    [
        (
            json.dumps({"choices": [{"delta": {"content": "hi"}, "finish_reason": "stop"}], "x": MANY}),
            "broke off",
        ),
        (
            {
                "error": {
                    "message": json.dumps({"error": {"code": "1113", "message": "no balance"}, "x": MANY})
                }
            },
            "the service failed",
        ),
        (
            {
                "choices": [
                    {"delta": {"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": text}}]}}
                    for text in ('{"a":', json.dumps(MANY), "}")
                ]
            },
            "endless",
        ),
    ],
    ids=["an event packed twice", "a refusal in another", "arguments in pieces"],
)
async def test_json_within_json_has_no_more_values_than_json_has(body: Any, said: str) -> None:
    stream = f"data: {json.dumps(body)}\n\ndata: [DONE]\n\n".encode()

    def answer(_: httpx.Request) -> httpx.Response:
        headers = {"content-type": "text/event-stream"}
        return httpx.Response(200, headers=headers, stream=httpx.ByteStream(stream))

    async with client_of(transport=answering(answer)) as client:
        with pytest.raises(UpstreamError, match=said):
            await ask(client, model=T, within=5)


async def test_nobody_waits_for_a_model_that_another_request_breaks() -> None:
    whole = {"choices": [{"index": 0, "message": {"content": "hi"}, "finish_reason": "stop"}]}

    def answer(request: httpx.Request) -> httpx.Response:
        if b"breaks" in request.content:
            return httpx.Response(500, json={"object": "error", "message": "Internal error", "code": 500})
        return httpx.Response(200, json=whole)

    pace = Pace(waits=(30, 30), rest=(10, 10))
    async with (
        client_of(transport=answering(answer), pace=pace, chance=lambda: 1.0) as client,
        anyio.create_task_group() as group,
    ):
        group.start_soon(partial(ask, client, "breaks", model=T, within=60))
        with anyio.fail_after(5):
            while not client.health.of(T).rests:
                await anyio.lowlevel.checkpoint()
        assert (await ask(client, model=T, within=1)).text == "hi"
        group.cancel_scope.cancel()


async def test_an_endless_body_that_is_no_stream_is_stopped() -> None:
    asked: list[httpx.Request] = []

    async def without_end() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 1_000_000

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, content=without_end())

    async with client_of(transport=answering(answer)) as client:
        with pytest.raises(UpstreamError, match="endless"):
            await ask(client, model=T, within=30)
    assert len(asked) == 1


async def test_a_text_is_put_together_from_any_pieces(sim: Simulator) -> None:
    pieces = ("Здрав", "ствуй", "те, ", "世", "界", "! ", "👩‍👩‍👧", "\n", "e", "\u0301")
    sim.queue(Reply(chunks=pieces))
    heard: list[str] = []
    async with client_of(sim) as client:
        answer = await ask(client, progress=Progress(on_text=heard.append))
    assert answer.text == "".join(pieces)
    assert "".join(heard) == "".join(pieces)


class Opened(httpx.AsyncBaseTransport):
    """The network, which counts the connections that are opened."""

    def __init__(self) -> None:
        self.count = 0
        self._network = Pools(None, secure=False)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.extensions = {**request.extensions, "trace": self._hears}
        return await self._network.handle_async_request(request)

    async def _hears(self, name: str, _: dict[str, Any]) -> None:
        self.count += name == "connection.connect_tcp.complete"

    async def aclose(self) -> None:
        await self._network.aclose()


async def test_a_second_call_uses_the_connection_of_the_first(sim: Simulator) -> None:
    opened = Opened()
    async with client_of(sim, transport=Transport(opened)) as client:
        for _ in range(3):
            await ask(client)
    assert len(sim.received) == 3
    assert opened.count == 1


def streaming(*pieces: bytes | Exception, kind: str = "text/event-stream") -> Transport:
    """A network whose every answer is these pieces; an exception is raised where it stands."""

    async def body() -> AsyncIterator[bytes]:
        for piece in pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece

    headers = {"content-type": kind, "x-log-id": "log-1"}
    return answering(lambda _: httpx.Response(200, headers=headers, content=body()))


def event(text: str, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": text}} | ({"finish_reason": finish} if finish else {})
    return f"data: {json.dumps({'choices': [choice]}, ensure_ascii=False)}\n\n".encode()


DONE = b"data: [DONE]\n\n"


async def test_a_line_of_unicode_does_not_end_an_event() -> None:
    text = "one\u2028two\u2029three\u0085four\x0bfive\x1csix"
    async with client_of(transport=streaming(event(text, "stop"), DONE)) as client:
        assert "one\u2028two\u2029three" in (await ask(client, model=T)).text


async def test_a_mark_of_the_byte_order_does_not_cost_the_first_piece() -> None:
    transport = streaming(b"\xef\xbb\xbf" + event("one "), event("two", "stop"), DONE)
    async with client_of(transport=transport) as client:
        assert (await ask(client, model=T)).text == "one two"


async def test_a_stream_is_known_by_its_type_in_any_letters() -> None:
    transport = streaming(event("one", "stop"), DONE, kind="Text/Event-Stream; Charset=UTF-8")
    async with client_of(transport=transport) as client:
        assert (await ask(client, model=T)).text == "one"


@each("end", [b"\n", b"\r\n", b"\r"])
@each("size", [1, 7, 10_000])
async def test_a_stream_may_be_cut_anywhere_and_its_lines_end_in_any_way(end: bytes, size: int) -> None:
    whole = b": a comment\n\nid: 1\nevent: word\nretry: 5\ndata:\n\n" + event("世界 👩‍👩‍👧", "stop") + DONE
    whole = whole.replace(b'"choices": ', b'"choices":\ndata: ').replace(b"\n", end)
    transport = streaming(*(whole[i : i + size] for i in range(0, len(whole), size)))
    async with client_of(transport=transport) as client:
        answer = await ask(client, model=T)
    assert (answer.text, len(answer.attempts)) == ("世界 👩‍👩‍👧", 1)


@each("first", [b"", b"\xef\xbb\xbf", b":\n\n", b":waiting\n\n", b"\n\n"])
async def test_a_stream_under_another_type_is_known_by_its_first_letters(first: bytes) -> None:
    whole = first + event("one", "stop") + DONE
    transport = streaming(*(whole[i : i + 1] for i in range(len(whole))), kind="application/octet-stream")
    async with client_of(transport=transport) as client:
        answer = await ask(client, model=T)
    assert (answer.text, len(answer.attempts)) == ("one", 1)


@each("end", [{}, {"finish_reason": None}, {"finish_reason": ""}])
async def test_an_answer_in_one_piece_is_whole_without_a_word_of_its_end(end: dict[str, str | None]) -> None:
    said = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "All of it."}, **end}]}
    transport = streaming(json.dumps(said).encode(), kind="application/json")
    async with client_of(transport=transport) as client:
        answer = await ask(client, model=T)
    assert (answer.text, len(answer.attempts)) == ("All of it.", 1)


LINES = [event(text, end).strip() for text, end in (("one ", None), ("two", "stop"))]


@each(
    ("pieces", "kind"),
    [
        ([b"\n".join(line.removeprefix(b"data: ") for line in LINES)], "application/x-ndjson"),
        ([line.removeprefix(b"data: ") + b"\n" for line in LINES] + [b"[DONE]\n"], "text/event-stream"),
        ([line + b"\n" for line in LINES] + [b"data: [DONE]\n"], "text/event-stream"),
        ([LINES[0] + b"\n\n", LINES[1]], "text/event-stream"),
    ],
    ids=["an object a line", "said to be events", "no line between events", "no line after the last"],
)
async def test_a_stream_without_the_lines_of_events_is_read(pieces: list[bytes], kind: str) -> None:
    async with client_of(transport=streaming(*pieces, kind=kind)) as client:
        answer = await ask(client, model=T)
    assert (answer.text, answer.finish, len(answer.attempts)) == ("one two", "stop", 1)


async def test_an_answer_in_one_piece_is_whole_however_its_connection_ends() -> None:
    whole = b'{"choices":[{"finish_reason":"stop","message":{"content":"one"}}]}'
    gone = httpx.RemoteProtocolError("incomplete chunked read")
    async with client_of(transport=streaming(whole, gone, kind="application/json")) as client:
        answer = await ask(client, model=T)
    assert (answer.text, len(answer.attempts)) == ("one", 1)
    async with client_of(transport=streaming(whole[:-1], gone, kind="application/json")) as client:
        with pytest.raises(NetworkError, match="broke"):
            await ask(client, model=T, within=0.5)


async def test_a_status_of_success_may_be_another_than_200() -> None:
    body = event("one", "stop") + DONE
    transport = answering(lambda _: httpx.Response(203, content=body))
    async with client_of(transport=transport) as client:
        assert (await ask(client, model=T)).text == "one"


@each("last", [b'data: "[DONE]"\n\n', b"data: [done]\n\n", b"data: {\n\n"])
async def test_what_is_odd_after_the_end_of_the_text_damages_nothing(last: bytes) -> None:
    async with client_of(transport=streaming(event("one", "stop"), last)) as client:
        answer = await ask(client, model=T)
    assert (answer.text, len(answer.attempts)) == ("one", 1)


@each("after", [httpx.ReadError("gone"), b"\xff\xfe\n\n", b"data: {\n\n"])
async def test_what_comes_after_the_end_changes_nothing(after: bytes | Exception) -> None:
    transport = streaming(event("one", "stop"), DONE, after)
    async with client_of(transport=transport) as client:
        answer = await ask(client, model=T)
    assert (answer.text, len(answer.attempts)) == ("one", 1)


# Answers that are not


async def test_bytes_that_are_no_text_are_not_passed_off_as_some() -> None:
    bad = event("one @ two", "stop").replace(b"@", b"\xff\xfe")
    whole = b'{"choices":[{"finish_reason":"stop","message":{"content":"one \xff two"}}]}'
    for transport in (streaming(bad, DONE), streaming(whole, kind="application/json")):
        async with client_of(transport=transport) as client:
            with pytest.raises(UpstreamError, match=r"no text|not JSON") as caught:
                await ask(client, model=T)
        assert len(caught.value.attempts) == 3


@each("end", [httpx.ReadError("gone"), b'data: {"error": {"code": "1234"}}\n\n', b"\xff"])
async def test_an_error_in_a_stream_names_the_request(end: bytes | Exception) -> None:
    async with client_of(transport=streaming(event("one"), end)) as client:
        with pytest.raises(GLMError) as caught:
            await ask(client, model=T, within=1.2 * slowness())
    assert caught.value.request_id == "log-1"
    assert caught.value.partial == "one"


CUT_FRAMES = {"glued_frames", "truncated_frame"}  # which hit the thoughts, where there are any


@each(
    "kind",
    [
        "glued_frames",
        "truncated_frame",
        "invalid_utf8",
        "no_finish",
        "no_end",
        "network_error",
        "empty_choices",
        "reasoning_only",
        "error_frame",
    ],
)
async def test_a_damaged_answer_is_asked_for_again(sim: Simulator, kind: str) -> None:
    sim.queue(Fault(kind))  # type: ignore[arg-type]  # a plain str is fine at run time
    async with client_of(sim) as client:
        answer = await ask(client, thinking=kind not in CUT_FRAMES)
    assert answer.text.startswith("[simulated")
    assert answer.text.count("[simulated") == 1
    assert models_asked(sim) == [T, V6]


async def test_thinking_that_nobody_asked_for_is_not_to_be_switched_off() -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b'data: {"choices": [{"delta": {"reasoning_content": "hm"}}]}\n\n'
        await anyio.sleep_forever()

    headers = {"content-type": "text/event-stream"}
    transport = answering(lambda _: httpx.Response(200, headers=headers, content=body()))
    async with client_of(transport=transport) as client:
        with pytest.raises(TimedOut, match="still thinking") as caught:
            await ask(client, model=T, within=0.5)
    assert "thinking=false" not in caught.value.hint


@pytest.mark.parametrize("kind", ["close", "reset"])
async def test_an_answer_whose_connection_broke_is_asked_for_again_of_the_same_model(
    sim: Simulator, kind: str
) -> None:
    sim.queue(Fault(kind))  # type: ignore[arg-type]  # a plain str is fine at run time
    async with client_of(sim) as client:
        answer = await ask(client, thinking=True)
    assert answer.text.count("[simulated") == 1
    assert models_asked(sim) == [T, T]


@each(
    ("kind", "words"),
    [
        ("glued_frames", "damaged|broke off"),
        ("truncated_frame", "damaged"),
        ("network_error", "failed while answering"),
        ("reasoning_only", "thought but wrote no answer"),
        ("empty_choices", "broke off|empty answer"),
    ],
)
async def test_a_damage_that_stays_is_an_error_that_says_what(sim: Simulator, kind: str, words: str) -> None:
    sim.queue(Fault(kind, times=0))  # type: ignore[arg-type]  # a plain str is fine at run time
    async with client_of(sim) as client:
        with pytest.raises(UpstreamError, match=words) as caught:
            await ask(client, model=T, thinking=kind not in CUT_FRAMES)
    assert len(sim.received) == 3
    assert caught.value.hint


@each("kind", sorted(CUT_FRAMES))
async def test_a_damage_within_the_thoughts_costs_no_answer(sim: Simulator, kind: str) -> None:
    sim.queue(Fault(kind))  # type: ignore[arg-type]  # a plain str is fine at run time
    async with client_of(sim) as client:
        answer = await ask(client, thinking=True)
    assert answer.text.startswith("[simulated")
    assert said("hello") in answer.text
    assert models_asked(sim) == [T]


def thought(text: str) -> bytes:
    return b'data: {"choices": [{"delta": {"reasoning_content": "%s"}}]}\n\n' % text.encode()


async def test_a_damage_between_thoughts_and_answer_may_have_been_of_the_answer() -> None:
    transport = streaming(thought("hm"), b'data: {"choices": [{"del\n\n', event("two", "stop"), DONE)
    async with client_of(transport=transport) as client:
        with pytest.raises(UpstreamError, match="1 piece of the answer arrived damaged"):
            await ask(client, model=T, thinking=True)


@each(("code", "given"), [("1234", True), ("1305", True), ("1301", False)])
async def test_an_error_behind_a_whole_answer_is_none_of_it_unless_the_filter_speaks(
    code: str, given: bool
) -> None:
    late = f'data: {{"error": {{"code": "{code}", "message": "x"}}}}\n\n'.encode()
    async with client_of(transport=streaming(event("one"), event("", "stop"), late)) as client:
        if given:
            assert (await ask(client, model=T)).text == "one"
        else:
            with pytest.raises(ContentBlocked):
                await ask(client, model=T)


async def test_events_that_stand_in_one_line_are_read_one_by_one() -> None:
    one, two, three = (event(text).rstrip() for text in ("one ", "two data: {} ", "three"))
    transport = streaming(one + two + three + event("", "stop").rstrip() + b"data: [DONE]\n\n")
    async with client_of(transport=transport) as client:
        assert (await ask(client, model=T)).text == "one two data: {} three"
    cut = b'data: {"id":' + event("two ").rstrip() + three + b"\n\n"
    async with client_of(transport=streaming(event("one "), cut, event("", "stop"), DONE)) as client:
        with pytest.raises(UpstreamError, match="1 piece of the answer arrived damaged") as caught:
            await ask(client, model=T)
    assert caught.value.partial == "one two three"


@pytest.mark.parametrize("kind", ["no_finish", "no_end"])
async def test_a_service_that_never_says_that_an_answer_ends_is_asked_twice_and_its_text_is_marked(
    sim: Simulator, kind: str
) -> None:
    sim.queue(Fault(kind, times=0))  # type: ignore[arg-type]  # a plain str is fine at run time
    async with client_of(sim) as client:
        answer = await ask(client)
        assert said("hello") in answer.text
        assert answer.cut == "service"
        assert "did not say whether this is the whole answer" in answer.notes[-1]
        assert models_asked(sim) == [T, V6]
        with pytest.raises(UpstreamError, match="broke off"):  # half of what is to be exact is of no use
            await ask(client, model=T, free_text=False)


async def test_thoughts_without_an_answer_are_given_as_what_there_is(sim: Simulator) -> None:
    sim.queue(Fault("reasoning_only", times=0))
    async with client_of(sim) as client:
        with pytest.raises(UpstreamError, match="thought but wrote no answer") as caught:
            await ask(client, model=T)
    assert caught.value.partial == "Simulated thought."


async def test_another_model_answers_when_the_first_stays_damaged(sim: Simulator) -> None:
    sim.queue(Fault("reasoning_only", model=T, times=0))
    async with client_of(sim) as client:
        answer = await ask(client)
    assert models_asked(sim) == [T, V6]
    assert answer.model == V6


@each("kind", ["wrong_content_type", "plain_content_type", "no_content_type"])
async def test_a_stream_of_events_is_read_whatever_type_it_is_said_to_have(sim: Simulator, kind: str) -> None:
    sim.queue(Fault(kind))  # type: ignore[arg-type]  # a plain str is fine at run time
    async with client_of(sim) as client:
        answer = await ask(client)
    assert answer.text.startswith("[simulated")
    assert len(sim.received) == 1


async def test_pieces_that_come_twice_are_not_passed_off_as_an_error(sim: Simulator) -> None:
    """Nothing in the stream tells a repeated piece from a repeated word; it must only not break the call."""
    sim.queue(Fault("duplicate_chunks"))
    async with client_of(sim) as client:
        answer = await ask(client)
    assert answer.finish == "stop"
    assert len(sim.received) == 1


async def test_a_filter_in_the_middle_discards_what_had_come(sim: Simulator) -> None:
    sim.queue(Fault("sensitive_mid", times=0))
    async with client_of(sim) as client:
        with pytest.raises(ContentBlocked, match="discarded") as caught:
            await ask(client)
    assert caught.value.partial is None
    assert "[simulated" not in str(caught.value)
    assert models_asked(sim) == [T]


async def test_a_filter_before_the_start_says_how_to_go_on(sim: Simulator) -> None:
    async with client_of(sim) as client:
        with pytest.raises(ContentBlocked, match="Rephrase"):
            await ask(client, "a SIMULATED-SENSITIVE word")
    assert len(sim.received) == 1


async def test_a_full_window_gives_what_was_written_and_says_so(sim: Simulator) -> None:
    sim.queue(Fault("context_exceeded"))
    async with client_of(sim) as client:
        answer = await ask(client)
    assert answer.text
    assert "cut off by the model's window" in answer.notes


async def test_a_full_window_with_nothing_written_is_too_long(sim: Simulator) -> None:
    sim.queue(Reply(finish_reason="model_context_window_exceeded"))
    async with client_of(sim) as client:
        with pytest.raises(TooLong, match="Send less"):
            await ask(client)
    assert len(sim.received) == 1


async def test_a_prompt_that_the_service_finds_too_long_is_too_long(sim: Simulator) -> None:
    sim.queue(Fault("error", code="1261"))
    async with client_of(sim) as client:
        with pytest.raises(TooLong, match="Send less"):
            await ask(client)
    assert len(sim.received) == 1


async def test_an_answer_cut_off_by_max_tokens_says_so(sim: Simulator) -> None:
    async with client_of(sim) as client:
        answer = await ask(client, max_tokens=5)
    assert answer.finish == "length"
    assert "cut off by max_tokens" in answer.notes


async def test_an_unknown_reason_to_end_is_an_end(sim: Simulator) -> None:
    sim.queue(Reply("hi", finish_reason="because"))
    async with client_of(sim) as client:
        answer = await ask(client)
    assert (answer.text, answer.finish, answer.cut) == ("hi", "because", "service")
    assert answer.notes == ["cut by the service (because)"]


# Thinking and boxes


@each("model", [T, V6, V1])
async def test_thinking_is_kept_apart_wherever_the_model_puts_it(sim: Simulator, model: str) -> None:
    sim.queue(Reply("forty-two", reasoning="six times seven"))
    async with client_of(sim) as client:
        answer = await ask(client, model=model, thinking=True)
    assert (answer.text, answer.reasoning) == ("forty-two", "six times seven")


async def test_thinking_is_told_while_it_lasts_and_is_no_text(sim: Simulator) -> None:
    sim.queue(Reply(chunks=({"reasoning_content": "six "}, {"reasoning_content": "times seven"}, "42")))
    stages: list[str] = []
    heard: list[str] = []

    class Listening(Progress):
        def say(self, message: str) -> None:
            super().say(message)
            stages.append(self.message)

    async with client_of(sim) as client:
        await ask(client, thinking=True, progress=Listening(on_text=heard.append))
    assert stages == [
        f"waiting for {T}",
        "thinking (4 characters)",
        "thinking (15 characters)",
        "writing (2 characters): …42",
    ]
    assert heard == ["42"]


async def test_boxes_lose_their_marks(sim: Simulator) -> None:
    sim.queue(Reply("[[1,2,3,4]]", boxed=True))
    async with client_of(sim) as client:
        answer = await ask(client, model=V6)
    assert answer.text == "[[1,2,3,4]]"


@pytest.mark.parametrize(
    ("model", "mend"), [(T, "larger max_tokens.* or thinking=false"), (V1, "larger max_tokens")]
)
async def test_an_answer_used_up_by_thinking_is_explained(sim: Simulator, model: str, mend: str) -> None:
    async with client_of(sim) as client:
        with pytest.raises(InvalidRequest, match=f"used all 3 tokens for thinking.*{mend}") as caught:
            await ask(client, model=model, thinking=True, max_tokens=3)
    assert ("thinking=false" in caught.value.hint) == (model == T)
    assert len(sim.received) == 1


async def test_an_answer_cut_before_its_first_word_is_not_blamed_on_thinking_that_was_off(
    sim: Simulator,
) -> None:
    async with client_of(sim) as client:
        with pytest.raises(InvalidRequest, match="wrote no answer with 1 token") as caught:
            await ask(client, model=T, max_tokens=1)
    assert "thinking" not in str(caught.value)


async def test_a_call_of_a_function_needs_no_text(sim: Simulator) -> None:
    sim.queue(Reply(tool_calls=({"name": "weather", "arguments": {"city": "Oslo"}},)))
    function = {
        "type": "function",
        "function": {"name": "weather", "description": "d", "parameters": {"type": "object"}},
    }
    async with client_of(sim) as client:
        answer = await ask(client, functions=(function,))
    assert answer.finish == "tool_calls"
    (call,) = answer.tool_calls
    assert call["id"]
    assert call["function"] == {"name": "weather", "arguments": '{"city": "Oslo"}'}


async def test_details_of_use_are_read(sim: Simulator) -> None:
    sim.switches = Switches()
    text = "one and the same long beginning of a prompt " * 100
    async with client_of(sim) as client:
        await ask(client, text, model=T)
        answer = await ask(client, text, model=T, thinking=True)
        bare = await ask(client, text, model=V1)
    assert answer.usage.cached > 500
    assert answer.usage.reasoning > 0
    assert bare.usage.prompt > 0
    assert (bare.usage.cached, bare.usage.reasoning) == (0, 0)


async def test_an_error_after_some_text_carries_that_text(sim: Simulator) -> None:
    sim.queue(Reply(chunks=("It was a dark", " and"), finish_reason="network_error", times=0))
    async with client_of(sim) as client:
        with pytest.raises(GLMError) as caught:
            await ask(client, model=T)
    assert caught.value.partial == "It was a dark and"
