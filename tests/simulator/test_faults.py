"""Everything that can go wrong, shown to go wrong."""

import contextlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from support.cases import each
from support.films import Film, make, regular
from support.leaving import waiting
from support.plain_http import HTTP

from glm_mcp.simulator import Fault, Simulator, Switches
from glm_mcp.simulator.errors import ERRORS
from glm_mcp.simulator.script import GONE, KINDS

T, V6 = "glm-4.7-flash", "glm-4.6v-flash"


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@pytest.fixture(autouse=True)
def fresh(sim: Simulator) -> None:
    sim.clear()
    sim.switches = Switches()


def request(sim: Simulator, *, stream: bool, model: str = T) -> dict[str, Any]:
    body = {
        "model": model,
        "messages": [{"role": "user", "content": "hello world"}],
        "stream": stream,
        "thinking": {"type": "disabled"},
    }
    return {
        "url": sim.url + "/chat/completions",
        "json": body,
        "headers": {"Authorization": f"Bearer {sim.key}"},
    }


def ask(sim: Simulator, *, stream: bool = False, model: str = T) -> httpx.Response:
    return HTTP.post(**request(sim, stream=stream, model=model), timeout=60)


def received_bytes(sim: Simulator, limit_s: float = 5) -> tuple[bytes, type[Exception] | None]:
    """What arrives of a stream, and the error that ended it."""
    got = b""
    try:
        with HTTP.stream("POST", **request(sim, stream=True), timeout=limit_s) as response:
            for piece in response.iter_raw():
                got += piece
    except httpx.TransportError as error:
        return got, type(error)
    return got, None


def frames(data: bytes) -> list[str]:
    return [frame.removeprefix("data: ") for frame in data.decode().split("\n\n") if frame]


def content(data: bytes) -> str:
    chunks = [json.loads(frame) for frame in frames(data) if frame != "[DONE]"]
    return "".join(choice["delta"].get("content", "") for chunk in chunks for choice in chunk["choices"])


def finish(data: bytes) -> str | None:
    last = [json.loads(frame) for frame in frames(data) if frame != "[DONE]"][-1]
    return last["choices"][0].get("finish_reason") if last["choices"] else None


@each("code", list(ERRORS))
def test_every_business_code_has_its_status_and_its_words(sim: Simulator, code: str) -> None:
    sim.queue(Fault("error", code=code), Fault("error", code=code, language="en"))
    for language in ("zh", "en"):
        response = ask(sim, stream=language == "zh")
        assert response.status_code == ERRORS[code].status
        assert response.headers["content-type"] == "application/json"
        error = response.json()["error"]
        assert error["code"] == code
        assert error["message"]
        assert "{" not in error["message"]
        assert error["message"].isascii() or language == "zh"
        assert ("contentFilter" in response.json()) is (code == "1301")
        assert "retry-after" not in response.headers
    assert [entry.code for entry in sim.received] == [code, code]


def test_an_error_may_have_another_status_message_and_wait(sim: Simulator) -> None:
    sim.queue(Fault("error", code="1302", status=503, message="wait", retry_after="2"), Fault("error"))
    response = ask(sim)
    assert (response.status_code, response.headers["retry-after"]) == (503, "2")
    assert response.json() == {"error": {"code": "1302", "message": "wait"}}
    assert ask(sim).json()["error"]["code"] == "500"


def test_a_limit_names_the_time_of_its_reset(sim: Simulator) -> None:
    sim.queue(Fault("error", code="1308"))
    assert "2026-11-24 00:00:00" in ask(sim).json()["error"]["message"]


@pytest.mark.parametrize("status", [502, 503])
def test_the_gateway_may_answer_with_a_page(sim: Simulator, status: int) -> None:
    sim.queue(Fault("html", status=status))
    response = ask(sim)
    assert (response.status_code, response.headers["content-type"]) == (status, "text/html")
    assert "nginx" in response.text


def test_an_error_may_come_with_status_200(sim: Simulator) -> None:
    sim.queue(Fault("error_in_200", code="1305"), Fault("flat_error_in_200"))
    response = ask(sim)
    assert (response.status_code, response.json()["error"]["code"]) == (200, "1305")
    assert ask(sim).json() == {"code": 1000, "msg": "身份验证失败。", "success": False}


@pytest.mark.parametrize("stream", [False, True])
def test_a_connection_may_be_reset_before_any_header(sim: Simulator, stream: bool) -> None:
    sim.queue(Fault("refuse"))
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        ask(sim, stream=stream)
    [entry] = sim.wait(lambda seen: seen and seen[0].ended)
    assert (entry.status, entry.disconnected) == (None, False)


@pytest.mark.parametrize(
    ("kind", "error"), [("reset", httpx.ReadError), ("close", httpx.RemoteProtocolError)]
)
def test_a_stream_may_end_in_the_middle(sim: Simulator, kind: Any, error: type[Exception]) -> None:
    sim.queue(Fault(kind, chunks=2), Fault(kind))
    got, ended = received_bytes(sim)
    assert ended is error
    assert len(frames(got)) == 2
    assert content(got) == "[simulated glm-4.7-flash] I received text of 11 "
    with pytest.raises(error):
        ask(sim)


def test_a_first_byte_may_be_late(sim: Simulator) -> None:
    sim.queue(Fault("slow_first_byte", seconds=30), Fault("slow_first_byte", seconds=0.01))
    with waiting(**request(sim, stream=True)):
        sim.wait(lambda seen: seen and seen[0].in_flight)
    [entry] = sim.wait(lambda seen: seen and seen[0].ended)
    assert (entry.status, entry.disconnected) == (None, True)
    assert ask(sim, stream=True).status_code == 200


@pytest.mark.parametrize("stream", [False, True])
def test_a_body_may_trickle(sim: Simulator, stream: bool) -> None:
    sim.queue(Fault("trickle", seconds=0.0001))
    with HTTP.stream("POST", **request(sim, stream=stream), timeout=60) as response:
        pieces = [piece for piece in response.iter_raw() if piece]
    assert len(pieces) > 100
    assert b"simulated" in b"".join(pieces)


@each("kind", ["hang", "hang_mid"])
@each("stream", [False, True])
def test_a_hang_lasts_until_the_client_goes_and_holds_its_place(
    sim: Simulator, kind: Any, stream: bool
) -> None:
    sim.queue(Fault(kind))
    with waiting(**request(sim, stream=stream)):
        sim.wait(lambda seen: seen and (seen[0].status if kind == "hang_mid" else seen[0].in_flight))
        assert sim.received[0].ended is None
    [entry] = sim.wait(lambda seen: seen and seen[0].ended)
    assert entry.disconnected
    assert entry.status == (200 if kind == "hang_mid" else None)
    assert ask(sim).status_code == 200


def test_a_hang_ends_with_the_simulator() -> None:
    simulator = Simulator()
    simulator.start()
    simulator.queue(Fault("hang", model="glm-4.7-flash"), Fault("hang_mid", model=V6))
    with ThreadPoolExecutor(2) as pool:
        waiting = [
            pool.submit(ask, simulator),
            pool.submit(ask, simulator, stream=True, model=V6),
        ]
        simulator.wait_received(2)
        simulator.stop()
        for future in waiting:
            assert isinstance(future.exception(timeout=60), httpx.TransportError)
    assert [entry.disconnected for entry in simulator.received] == [False, False]
    assert all(entry.ended is not None for entry in simulator.received)


def test_a_frame_may_be_cut_and_glued_to_the_next(sim: Simulator) -> None:
    sim.queue(Fault("glued_frames"))
    got, _ = received_bytes(sim)
    bad = frames(got)[1]
    with pytest.raises(json.JSONDecodeError):
        json.loads(bad)
    assert "data: {" in bad
    assert frames(got)[-1] == "[DONE]"


def test_a_frame_may_be_cut(sim: Simulator) -> None:
    sim.queue(Fault("truncated_frame"))
    got, _ = received_bytes(sim)
    good, bad, *rest = frames(got)
    json.loads(good)
    with pytest.raises(json.JSONDecodeError):
        json.loads(bad)
    assert json.loads(rest[-2])["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("kind", ["glued_frames", "truncated_frame"])
def test_a_body_may_be_half_an_object(sim: Simulator, kind: Any) -> None:
    sim.queue(Fault(kind))
    with pytest.raises(json.JSONDecodeError):
        ask(sim).json()


@pytest.mark.parametrize("stream", [False, True])
def test_a_content_type_may_be_wrong(sim: Simulator, stream: bool) -> None:
    sim.queue(Fault("wrong_content_type"))
    response = ask(sim, stream=stream)
    assert response.headers["content-type"] == "text/html"
    assert "simulated" in response.text


def test_an_error_may_come_as_a_frame(sim: Simulator) -> None:
    sim.queue(Fault("error_frame", code="1305", chunks=2))
    got, ended = received_bytes(sim)
    assert ended is None
    assert len(frames(got)) == 3
    assert json.loads(frames(got)[-1])["error"]["code"] == "1305"


@each(
    ("kind", "done", "finished"),
    [("no_done", False, True), ("no_finish", True, False), ("no_end", False, False)],
)
def test_a_stream_may_lack_its_end(sim: Simulator, kind: Any, done: bool, finished: bool) -> None:
    sim.queue(Fault(kind))
    got, ended = received_bytes(sim)
    assert ended is None
    assert (frames(got)[-1] == "[DONE]") is done
    assert (finish(got) == "stop") is finished
    assert content(got).endswith("No model was asked.")


def test_choices_may_be_empty(sim: Simulator) -> None:
    sim.queue(Fault("empty_choices"), Fault("empty_choices"), Fault("extra_empty_choices"))
    got, _ = received_bytes(sim)
    assert [json.loads(frame)["choices"] for frame in frames(got)[:-1]] == [[]]
    assert ask(sim).json()["choices"] == []
    got, _ = received_bytes(sim)
    assert json.loads(frames(got)[-2])["choices"] == []
    assert json.loads(frames(got)[-3])["choices"][0]["finish_reason"] == "stop"


@each(
    ("kind", "reason"),
    [
        ("network_error", "network_error"),
        ("context_exceeded", "model_context_window_exceeded"),
        ("sensitive_mid", "sensitive"),
        ("reasoning_only", "stop"),
    ],
)
def test_an_answer_may_end_for_another_reason(sim: Simulator, kind: Any, reason: str) -> None:
    sim.queue(Fault(kind), Fault(kind))
    got, _ = received_bytes(sim)
    assert finish(got) == reason
    assert ask(sim).json()["choices"][0]["finish_reason"] == reason


def test_a_sensitive_answer_stops_after_some_text_with_a_filter(sim: Simulator) -> None:
    sim.queue(Fault("sensitive_mid", chunks=1))
    got, _ = received_bytes(sim)
    assert content(got) == "[simulated glm-4.7-flash"
    assert json.loads(frames(got)[-2])["content_filter"] == [{"role": "assistant", "level": 1}]


def test_there_may_be_reasoning_and_nothing_else(sim: Simulator) -> None:
    sim.queue(Fault("reasoning_only"))
    body = ask(sim).json()
    assert body["choices"][0]["message"]["content"] == ""
    assert body["choices"][0]["message"]["reasoning_content"]
    assert body["usage"]["completion_tokens"] == 0


def test_a_frame_may_be_big(sim: Simulator) -> None:
    sim.queue(Fault("big_frame"))
    got, _ = received_bytes(sim)
    assert len(frames(got)) == 3
    assert len(got) > 10_000_000


@pytest.mark.parametrize("stream", [False, True])
def test_a_byte_may_be_no_utf8_in_a_text_that_is_otherwise_right(sim: Simulator, stream: bool) -> None:
    sim.queue(Fault("invalid_utf8"))
    got = ask(sim, stream=stream).content
    with pytest.raises(UnicodeDecodeError):
        got.decode("utf-8")
    for frame in frames(got.decode("utf-8", "replace").encode()):
        assert frame == "[DONE]" or json.loads(frame)


@pytest.mark.parametrize("stream", [False, True])
def test_a_line_may_have_no_end(sim: Simulator, stream: bool) -> None:
    sim.queue(Fault("endless_line", size=3 << 20))
    got = ask(sim, stream=stream).content
    assert len(got) > 3 << 20
    assert b"\n" not in got[-(3 << 20) :]


def test_an_answer_may_be_any_status_body_and_type(sim: Simulator) -> None:
    sim.queue(Fault("body", status=418, message="tea", content_type="text/plain"), Fault("body"))
    response = ask(sim)
    assert (response.status_code, response.text) == (418, "tea")
    assert response.headers["content-type"] == "text/plain"
    assert (ask(sim).status_code, sim.received[1].status) == (200, 200)


def test_a_wait_may_be_asked_for_twice(sim: Simulator) -> None:
    sim.queue(Fault("error", code="1302", retry_after="1\n2"))
    assert ask(sim).headers.get_list("retry-after") == ["1", "2"]


def test_a_request_knows_the_fault_that_met_it_and_what_its_answer_cost(sim: Simulator) -> None:
    sim.queue(Fault("close"), Fault("error", code="1302"))
    for _ in range(2):
        with contextlib.suppress(httpx.TransportError):
            ask(sim, stream=True)
    answered = ask(sim).json()["usage"]["completion_tokens"]
    assert [(entry.fault, entry.tokens) for entry in sim.received] == [
        ("close", answered),
        ("error", 0),
        ("", answered),
    ]


def test_chunks_may_come_twice(sim: Simulator) -> None:
    sim.queue(Fault("duplicate_chunks"))
    got, _ = received_bytes(sim)
    told = frames(got)[:-2]
    assert told[0::2] == told[1::2]


@pytest.mark.parametrize("stream", [False, True])
def test_a_mark_of_thinking_may_leak(sim: Simulator, stream: bool) -> None:
    sim.queue(Fault("think_leak"))
    assert "</think>\\n[" in ask(sim, stream=stream).text


def test_faults_wait_for_the_request_they_match(sim: Simulator) -> None:
    sim.queue(
        Fault("error", code="1305", model=V6),
        Fault("error", code="1302", after=1, times=2),
        Fault("error", code="1113", path="/models"),
    )
    assert [ask(sim).status_code for _ in range(4)] == [200, 429, 429, 200]
    assert ask(sim, model=V6).json()["error"]["code"] == "1305"
    headers = {"Authorization": f"Bearer {sim.key}"}
    assert HTTP.get(sim.url + "/models", headers=headers, timeout=60).json()["error"]["code"] == "1113"


def test_a_request_that_breaks_a_rule_leaves_the_fault_for_the_next(sim: Simulator) -> None:
    sim.queue(Fault("error", code="1305"))
    wrong = request(sim, stream=False)
    wrong["json"]["max_tokens"] = 0
    assert HTTP.post(**wrong, timeout=60).json()["error"]["code"] == "1210"
    assert ask(sim).json()["error"]["code"] == "1305"


@each(
    ("switch", "model", "limit"),
    [({}, T, 1), ({}, "glm-4.1v-thinking-flash", 5), ({T: 3}, T, 3), (2, V6, 2), ({V6: 4}, T, 1)],
)
def test_one_request_too_many_is_refused_at_once(sim: Simulator, switch: Any, model: str, limit: int) -> None:
    sim.switches = Switches(concurrency=switch)
    sim.queue(Fault("hang", times=limit))
    with contextlib.ExitStack() as clients:
        for _ in range(limit):
            clients.enter_context(waiting(**request(sim, stream=True, model=model)))
        sim.wait(lambda seen: sum(entry.in_flight > 0 for entry in seen) == limit)
        response = ask(sim, model=model)
    assert (response.status_code, response.json()["error"]["code"]) == (429, "1302")
    refused = sim.received[-1]
    assert (refused.in_flight, refused.code) == (limit + 1, "1302")
    assert sorted(entry.in_flight for entry in sim.received) == list(range(1, limit + 2))
    sim.wait(lambda seen: all(entry.ended for entry in seen))
    assert ask(sim, model=model).status_code == 200


def test_a_client_that_leaves_a_stream_is_noticed(sim: Simulator) -> None:
    sim.switches = Switches(chunk_s=0.02, chunk_chars=1)
    with HTTP.stream("POST", **request(sim, stream=True), timeout=60) as response:
        next(response.iter_raw())
    [entry] = sim.wait(lambda seen: seen and seen[0].ended)
    assert entry.disconnected


@each("way", GONE)
@each("path", ["/chat/completions", "/images/generations"])
def test_a_model_may_be_gone_in_each_way(sim: Simulator, way: str, path: str) -> None:
    sim.queue(Fault("gone", code=way, times=0))
    wish = request(sim, stream=True)
    if path == "/images/generations":
        wish |= {"url": sim.url + path, "json": {"model": "cogview-3-flash", "prompt": "a hill"}}
    for _ in range(2):
        response = HTTP.post(**wish, timeout=60)
        if way == "404":
            assert (response.status_code, response.headers["content-type"]) == (404, "text/html")
        else:
            assert response.status_code == ERRORS[way].status
            assert response.json()["error"]["code"] == way
            assert (response.json()["error"]["message"] == "modelCode：不存在") is (way == "1214")


def test_a_model_that_is_gone_leaves_the_others(sim: Simulator) -> None:
    sim.queue(Fault("gone", model=T, times=0))
    assert ask(sim).json()["error"]["code"] == "1211"
    assert ask(sim, model=V6).status_code == 200


def test_an_error_may_take_its_time(sim: Simulator) -> None:
    sim.queue(Fault("error", code="1305", delay_s=0.2), Fault("error_in_200", code="1305", delay_s=30))
    assert ask(sim).json()["error"]["code"] == "1305"
    [entry] = sim.received
    assert (entry.ended or 0) - entry.started >= 0.2
    with waiting(**request(sim, stream=True)):
        sim.wait_received(2)
    entry = sim.wait(lambda seen: seen[-1].ended)[-1]
    assert (entry.status, entry.disconnected) == (None, True)
    assert ask(sim).status_code == 200


def test_an_overload_may_be_a_streams_only_frame(sim: Simulator) -> None:
    sim.queue(Fault("error_frame", code="1305", chunks=0))
    got, _ = received_bytes(sim)
    assert [json.loads(frame)["error"]["code"] for frame in frames(got)] == ["1305"]


@pytest.mark.parametrize("stream", [False, True])
def test_a_header_may_come_long_before_its_body(sim: Simulator, stream: bool) -> None:
    sim.queue(Fault("slow_first_frame", seconds=0.05), Fault("slow_first_frame", seconds=30))
    assert "simulated" in ask(sim, stream=stream).text
    with waiting(**request(sim, stream=stream)) as client:
        response = client.getresponse()
        assert response.status == 200
        client.sock.settimeout(0.2)
        with pytest.raises(TimeoutError):
            response.read()


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_may_take_its_time_to_begin_and_to_be_written(sim: Simulator, stream: bool) -> None:
    sim.queue(Fault("slow_answer", delay_s=0.1, seconds=0.1))
    assert "simulated" in ask(sim, stream=stream).text
    [entry] = sim.received
    assert (entry.ended or 0) - entry.started >= 0.15


@each("stream", [False, True])
@each(("kind", "content_type"), [("plain_content_type", "text/plain"), ("no_content_type", None)])
def test_a_content_type_may_be_plain_or_missing(
    sim: Simulator, stream: bool, kind: Any, content_type: str | None
) -> None:
    sim.queue(Fault(kind))
    response = ask(sim, stream=stream)
    assert response.headers.get("content-type") == content_type
    assert response.text.startswith("data: {" if stream else "{")
    assert "simulated" in response.text


def test_a_fault_may_wait_for_what_a_request_carries(sim: Simulator) -> None:
    sim.queue(Fault("error", code="1213", message="未正常接收到video_url参数。", media="video"))
    sim.web["https://a.example/a.mp4"] = make(Film(regular(1, 2), size=(64, 48))), "video/mp4"
    assert ask(sim, model=V6).status_code == 200
    with_film = request(sim, stream=False, model=V6)
    part = {"type": "video_url", "video_url": {"url": "https://a.example/a.mp4"}}
    with_film["json"]["messages"][0]["content"] = [part, {"type": "text", "text": "what?"}]
    assert HTTP.post(**with_film, timeout=60).json()["error"]["code"] == "1213"
    assert HTTP.post(**with_film, timeout=60).status_code == 200


def test_an_unknown_kind_is_named_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"no fault 'explode'.*glued_frames"):
        Fault("explode")  # type: ignore[arg-type]  # what a typo looks like
    assert len(KINDS) == len(set(KINDS))
