"""What a simulated model says, in the shape its real one has, as a body and as a stream."""

import base64
import datetime as dt
import io
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from PIL import Image
from support.cases import each
from support.plain_http import HTTP

from glm_mcp.simulator import Reply, Simulator, Switches

T, V6, V1, V4 = "glm-4.7-flash", "glm-4.6v-flash", "glm-4.1v-thinking-flash", "glm-4v-flash"
OFF = {"type": "disabled"}
FUNCTION = {
    "name": "get_weather",
    "description": "the weather of a city",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 3}},
    },
}
TOOLS = [{"type": "function", "function": FUNCTION}]


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@pytest.fixture(autouse=True)
def fresh(sim: Simulator) -> None:
    sim.clear()
    sim.switches = Switches()


def post(sim: Simulator, model: str, content: Any = "hello world", **fields: Any) -> httpx.Response:
    body = {"model": model, "messages": [{"role": "user", "content": content}], **fields}
    headers = {"Authorization": f"Bearer {sim.key}"}
    response = HTTP.post(sim.url + "/chat/completions", json=body, headers=headers, timeout=60)
    assert response.status_code == 200, response.text
    return response


def ask(sim: Simulator, model: str, content: Any = "hello world", **fields: Any) -> dict[str, Any]:
    body: dict[str, Any] = post(sim, model, content, **fields).json()
    return body


def message(body: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = body["choices"][0]["message"]
    return found


def stream(sim: Simulator, model: str, content: Any = "hello world", **fields: Any) -> list[dict[str, Any]]:
    response = post(sim, model, content, stream=True, **fields)
    assert response.headers["content-type"] == "text/event-stream"
    *frames, done, end = response.text.split("\n\n")
    assert (done, end) == ("data: [DONE]", "")
    return [json.loads(frame.removeprefix("data: ")) for frame in frames]


def deltas(frames: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [frame["choices"][0]["delta"] for frame in frames]


def picture() -> dict[str, Any]:
    out = io.BytesIO()
    Image.new("RGB", (640, 480), "#a1b2c3").save(out, "PNG")
    return {"type": "image_url", "image_url": {"url": base64.b64encode(out.getvalue()).decode()}}


def test_an_answer_has_the_services_shape(sim: Simulator) -> None:
    body = ask(sim, T)
    assert list(body) == ["id", "request_id", "created", "model", "object", "choices", "usage"]
    assert len(body["id"]) == 30
    beijing = dt.timezone(dt.timedelta(hours=8))
    stamp = dt.datetime.strptime(body["id"][:14], "%Y%m%d%H%M%S").replace(tzinfo=beijing)
    assert stamp.timestamp() == body["created"]
    int(body["id"][14:], 16)
    assert body["request_id"] == body["id"]
    assert (body["model"], body["object"]) == (T, "chat.completion")
    assert body["choices"][0]["finish_reason"] == "stop"
    assert ask(sim, T, request_id="my-own-id")["request_id"] == "my-own-id"


def test_an_answer_says_that_it_is_simulated_and_what_arrived(sim: Simulator) -> None:
    parts = [picture(), picture(), {"type": "text", "text": "compare these " * 10}]
    text = message(ask(sim, V6, parts))["content"]
    assert text.startswith("[simulated glm-4.6v-flash] I received 2 images: 1) PNG 640×480, ")
    assert "mean colour #a1b2c3" in text
    assert 'text of 140 characters: "compare these compare these' in text
    many = message(ask(sim, V6, [*[picture()] * 6, parts[-1]]))["content"]
    assert many.count("\n") == 7


def test_a_chinese_prompt_is_answered_in_chinese(sim: Simulator) -> None:
    text = message(ask(sim, V6, [picture(), {"type": "text", "text": "图里有什么？"}]))["content"]
    assert text.startswith("[模拟 glm-4.6v-flash] 我收到了 1 张图片：PNG 640×480")
    assert "6 个字符的文字：“图里有什么？”" in text


@each(
    ("model", "thinking", "reasoning", "inline", "details"),
    [
        (T, None, True, False, True),
        (T, OFF, False, False, True),
        (V6, None, True, False, True),
        (V6, OFF, False, False, True),
        (V1, None, False, True, False),
        (V1, OFF, False, True, False),
        (V4, None, False, False, False),
        (V4, OFF, False, False, False),
    ],
)
def test_each_model_thinks_and_counts_in_its_own_way(
    sim: Simulator, model: str, thinking: Any, reasoning: bool, inline: bool, details: bool
) -> None:
    fields = {} if thinking is None else {"thinking": thinking}
    body = ask(sim, model, **fields)
    said = message(body)
    assert ("reasoning_content" in said) is reasoning
    assert said["content"].startswith("<think>") is inline
    assert ("</think>" in said["content"]) is inline
    usage = body["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert ("prompt_tokens_details" in usage) is details
    if details:
        assert (usage["completion_tokens_details"]["reasoning_tokens"] > 0) is reasoning


@each("model", [T, V6, V1, V4])
def test_a_stream_tells_the_same_as_a_body(sim: Simulator, model: str) -> None:
    frames = stream(sim, model)
    body = ask(sim, model)
    parts = deltas(frames)
    assert "".join(part.get("content", "") for part in parts) == message(body)["content"]
    assert "".join(part.get("reasoning_content", "") for part in parts) == message(body).get(
        "reasoning_content", ""
    )
    assert all(part["role"] == "assistant" for part in parts)
    assert all("finish_reason" not in frame["choices"][0] and "usage" not in frame for frame in frames[:-1])
    assert frames[-1]["choices"] == [
        {"index": 0, "finish_reason": "stop", "delta": {"role": "assistant", "content": ""}}
    ]
    assert frames[-1]["usage"] == body["usage"]
    assert {frame["object"] for frame in frames} == {"chat.completion.chunk"}
    assert len({frame["id"] for frame in frames}) == 1
    assert "request_id" not in frames[0]


def test_reasoning_streams_before_content(sim: Simulator) -> None:
    kinds = ["reasoning_content" in part for part in deltas(stream(sim, T))]
    assert kinds == sorted(kinds, reverse=True)


def test_thinking_eats_max_tokens(sim: Simulator) -> None:
    body = ask(sim, T, max_tokens=8)
    assert message(body)["content"] == ""
    assert message(body)["reasoning_content"]
    assert body["choices"][0]["finish_reason"] == "length"
    assert body["usage"]["completion_tokens"] <= 8
    inline = message(ask(sim, V1, max_tokens=8))["content"]
    assert inline.startswith("<think>")
    assert "</think>" not in inline


def test_an_answer_is_cut_at_max_tokens_and_at_a_stop_word(sim: Simulator) -> None:
    body = ask(sim, T, max_tokens=6, thinking=OFF)
    assert body["choices"][0]["finish_reason"] == "length"
    assert message(body)["content"].startswith("[simulated")
    assert body["usage"]["completion_tokens"] <= 6
    stopped = ask(sim, T, stop=["I received"], thinking=OFF)
    assert message(stopped)["content"] == "[simulated glm-4.7-flash] "
    assert stopped["choices"][0]["finish_reason"] == "stop"


def test_a_long_prefix_seen_before_is_cached(sim: Simulator) -> None:
    long = "the same beginning of a long prompt " * 100
    counts = [ask(sim, T, long + end)["usage"] for end in ("one", "two", "two")]
    cached = [usage["prompt_tokens_details"]["cached_tokens"] for usage in counts]
    assert cached[0] == 0
    assert 500 <= cached[1] <= counts[1]["prompt_tokens"] - 2
    assert cached[2] >= cached[1]
    short = [ask(sim, T, "a short one")["usage"]["prompt_tokens_details"]["cached_tokens"] for _ in range(2)]
    assert short == [0, 0]


def test_a_json_object_is_one_and_fits_the_schema_of_the_prompt(sim: Simulator) -> None:
    form = {"type": "json_object"}
    assert json.loads(message(ask(sim, T, response_format=form))["content"])["simulated"] is True
    schema = {
        "type": "object",
        "properties": {
            "name": {"type": "string", "minLength": 40},
            "kind": {"enum": ["a", "b"]},
            "tags": {"type": "array", "items": {"type": "string", "maxLength": 4}, "minItems": 2},
            "ok": {"type": "boolean"},
            "gap": {"type": ["null", "number"], "exclusiveMinimum": 5},
            "one": {"anyOf": [{"const": 1}, {"type": "string"}]},
            "nothing": {"type": "null"},
            "any": True,
        },
    }
    prompt = f"Answer in JSON by this schema: {json.dumps(schema)} and nothing {{else}}"
    for model, fields in ((T, {"response_format": form}), (V6, {})):
        value = json.loads(message(ask(sim, model, prompt, **fields))["content"])
        assert len(value.pop("name")) == 40
        assert value.pop("any") == f"simulated {model}"
        assert value == {"kind": "a", "tags": ["simu"] * 2, "ok": True, "gap": 6, "one": 1, "nothing": None}


@each(
    ("prompt", "box"),
    [
        ("Where is it? [[xmin,ymin,xmax,ymax]]", [[120, 160, 480, 640]]),
        ("请给出坐标", [[120, 160, 480, 640]]),
        ("as JSON with bbox_2d", [{"label": "simulated", "bbox_2d": [120, 160, 480, 640]}]),
    ],
)
def test_a_question_for_coordinates_is_answered_in_box_tokens(sim: Simulator, prompt: str, box: Any) -> None:
    content = message(ask(sim, V6, [picture(), {"type": "text", "text": prompt}]))["content"]
    inside = content.partition("<|begin_of_box|>")[2].partition("<|end_of_box|>")[0]
    assert json.loads(inside) == box


def test_naming_a_function_calls_it(sim: Simulator) -> None:
    body = ask(sim, T, "please use get_weather", tools=TOOLS)
    [call] = message(body)["tool_calls"]
    assert body["choices"][0]["finish_reason"] == "tool_calls"
    assert (call["type"], call["function"]["name"]) == ("function", "get_weather")
    assert json.loads(call["function"]["arguments"]) == {"city": "simulated", "days": 3}
    assert "tool_calls" not in message(ask(sim, T, "hello", tools=TOOLS))
    sim.switches = Switches(call_tools=True)
    assert "tool_calls" in message(ask(sim, T, "hello", tools=TOOLS))


def test_a_tools_reply_is_answered_in_words(sim: Simulator) -> None:
    sim.switches = Switches(call_tools=True)
    call = message(ask(sim, T, "hello", tools=TOOLS))["tool_calls"][0]
    talk = [
        {"role": "user", "content": "use get_weather"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "rain", "tool_call_id": call["id"]},
    ]
    said = message(ask(sim, T, tools=TOOLS, messages=talk))
    assert 'a tool reply of 4 characters: "rain"; 2 earlier messages' in said["content"]


@pytest.mark.parametrize("tool_stream", [False, True])
def test_arguments_stream_in_fragments_only_when_asked_to(sim: Simulator, tool_stream: bool) -> None:
    frames = stream(sim, T, "use get_weather", tools=TOOLS, tool_stream=tool_stream)
    fragments = [part["tool_calls"][0] for part in deltas(frames) if "tool_calls" in part]
    assert (len(fragments) > 1) is tool_stream
    assert {"index", "id", "type", "function"} == set(fragments[0])
    assert all(set(fragment) == {"index", "function"} for fragment in fragments[1:])
    arguments = "".join(fragment["function"]["arguments"] for fragment in fragments)
    assert json.loads(arguments) == {"city": "simulated", "days": 3}
    assert frames[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_scripted_replies_come_in_their_order_and_to_their_model(sim: Simulator) -> None:
    sim.queue(
        Reply("second", model=V6),
        Reply("first", reasoning="hm", finish_reason="length"),
        Reply("last", after=1),
    )
    body = ask(sim, T)
    assert message(body) == {"role": "assistant", "content": "first", "reasoning_content": "hm"}
    assert body["choices"][0]["finish_reason"] == "length"
    assert message(ask(sim, V6))["content"] == "second"
    assert message(ask(sim, T))["content"].startswith("[simulated")
    assert message(ask(sim, T))["content"] == "last"


def test_a_scripted_reply_may_hold_everything(sim: Simulator) -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    sim.queue(
        Reply("42", boxed=True, usage=usage, delay_s=0.01),
        Reply("so", reasoning="hm", model=V1),
        Reply(
            tool_calls=({"name": "f", "arguments": {"a": 1}}, {"id": "x", "type": "function", "function": {}})
        ),
        Reply(chunks=("one ", {"reasoning_content": "odd"}, "two")),
        Reply(chunks=("one ", "two")),
        Reply("again", times=0),
    )
    boxed = ask(sim, T)
    assert message(boxed)["content"] == "<|begin_of_box|>42<|end_of_box|>"
    assert boxed["usage"] == usage
    assert message(ask(sim, V1))["content"] == "<think>hm</think>so"
    calls = message(ask(sim, T))["tool_calls"]
    assert [call["function"] for call in calls] == [{"name": "f", "arguments": '{"a": 1}'}, {}]
    parts = [{name: part[name] for name in part if name != "role"} for part in deltas(stream(sim, T))]
    assert parts == [{"content": "one "}, {"reasoning_content": "odd"}, {"content": "two"}, {"content": ""}]
    assert message(ask(sim, T))["content"] == "one two"
    assert [message(ask(sim, T))["content"] for _ in range(3)] == ["again"] * 3


def test_a_paced_stream_arrives_frame_by_frame(sim: Simulator) -> None:
    sim.switches = Switches(first_byte_s=0.01, chunk_s=0.01, chunk_chars=200)
    body = {"model": T, "messages": [{"role": "user", "content": "hello"}], "stream": True}
    headers = {"Authorization": f"Bearer {sim.key}"}
    with HTTP.stream(
        "POST", sim.url + "/chat/completions", json=body, headers=headers, timeout=60
    ) as response:
        pieces = [piece for piece in response.iter_raw() if piece]
    assert len(pieces) == 4
    assert all(piece.startswith(b"data: ") for piece in pieces)
