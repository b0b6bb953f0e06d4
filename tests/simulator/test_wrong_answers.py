"""Answers that a model in good health would not give: loops, endless thoughts, calls as text, envelopes, far boxes."""

import base64
import io
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from PIL import Image
from support.cases import each
from support.plain_http import HTTP

from glm_mcp.simulator import Fault, Reply, Simulator, Switches

T, V6, V1 = "glm-4.7-flash", "glm-4.6v-flash", "glm-4.1v-thinking-flash"
PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string", "const": "Paris"}, "days": {"const": 3}},
}
FUNCTIONS = [
    {
        "type": "function",
        "function": {"name": name, "description": name, "parameters": PARAMETERS},
    }
    for name in ("weather", "hotels")
]
CALLS = (
    {"name": "weather", "arguments": {"city": "Paris"}},
    {"name": "weather", "arguments": {"city": "Rome"}},
)


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@pytest.fixture(autouse=True)
def fresh(sim: Simulator) -> None:
    sim.clear()
    sim.switches = Switches()


def post(sim: Simulator, model: str = T, text: str = "hello", **fields: Any) -> httpx.Response:
    body = {
        "model": model,
        "messages": [{"role": "user", "content": text}],
        "thinking": {"type": "disabled"},
        **fields,
    }
    headers = {"Authorization": f"Bearer {sim.key}"}
    response = HTTP.post(sim.url + "/chat/completions", json=body, headers=headers, timeout=60)
    assert response.status_code == 200, response.text
    return response


def ask(sim: Simulator, model: str = T, text: str = "hello", **fields: Any) -> dict[str, Any]:
    choice: dict[str, Any] = post(sim, model, text, **fields).json()["choices"][0]
    return choice


def stream(sim: Simulator, model: str = T, text: str = "hello", **fields: Any) -> list[dict[str, Any]]:
    """The choices of a stream."""
    *frames, done, _ = post(sim, model, text, stream=True, **fields).text.split("\n\n")
    assert done == "data: [DONE]"
    return [json.loads(frame.removeprefix("data: "))["choices"][0] for frame in frames]


def text_of(choices: list[dict[str, Any]], name: str = "content") -> str:
    return "".join(choice["delta"].get(name, "") for choice in choices)


def test_an_answer_may_repeat_itself_up_to_the_limit(sim: Simulator) -> None:
    sim.queue(Fault("loop", message="Again and again. ", times=2))
    told = ask(sim, max_tokens=500)
    streamed = stream(sim, max_tokens=500)
    assert told["message"]["content"].startswith("[simulated glm-4.7-flash]")
    assert told["message"]["content"].count("Again and again. ") > 50
    assert told["message"]["content"] == text_of(streamed)
    assert (told["finish_reason"], streamed[-1]["finish_reason"]) == ("length", "length")


@pytest.mark.parametrize(("model", "name"), [(T, "reasoning_content"), (V1, "content")])
def test_thinking_may_go_on_until_the_client_goes(sim: Simulator, model: str, name: str) -> None:
    sim.queue(Fault("endless_thinking", seconds=0.001, times=2))
    body = {"model": model, "messages": [{"role": "user", "content": "hello"}], "stream": True}
    headers = {"Authorization": f"Bearer {sim.key}"}
    with HTTP.stream(
        "POST", sim.url + "/chat/completions", json=body, headers=headers, timeout=60
    ) as response:
        lines = response.iter_lines()
        heard = [line for _ in range(40) if (line := next(lines))]
    deltas = [json.loads(line.removeprefix("data: "))["choices"][0]["delta"] for line in heard]
    assert all(delta[name] for delta in deltas)
    assert "".join(delta[name] for delta in deltas).count("<think>") == (model == V1)
    assert sim.wait(lambda seen: seen[0].ended)[0].disconnected
    with pytest.raises(httpx.ReadTimeout):
        HTTP.post(
            sim.url + "/chat/completions",
            json={**body, "stream": False},
            headers=headers,
            timeout=httpx.Timeout(5, read=0.1),
        )


def test_thinking_may_use_up_all_tokens(sim: Simulator) -> None:
    sim.queue(Fault("cut_thinking", times=3))
    inline = ask(sim, V1, max_tokens=300)
    assert inline["message"]["content"].startswith("<think>")
    assert "</think>" not in inline["message"]["content"]
    told = post(sim, V6, max_tokens=300).json()
    assert told["choices"][0]["message"]["content"] == ""
    assert len(told["choices"][0]["message"]["reasoning_content"]) > 500
    assert (told["choices"][0]["finish_reason"], told["usage"]["completion_tokens"]) == ("length", 300)
    streamed = stream(sim, V6, max_tokens=300)
    assert text_of(streamed, "reasoning_content") == told["choices"][0]["message"]["reasoning_content"]


def test_a_finish_reason_may_be_one_that_nobody_listed(sim: Simulator) -> None:
    sim.queue(
        Fault("finish_reason"), Fault("finish_reason", message="eos"), Reply("hi", finish_reason="abort")
    )
    assert [stream(sim)[-1]["finish_reason"] for _ in range(3)] == ["content_filter", "eos", "abort"]


def test_calls_may_come_as_text(sim: Simulator) -> None:
    sim.queue(Fault("text_calls"), Reply("Both.", tool_calls=CALLS, calls="text_calls"))
    told = ask(sim, text="weather and hotels", tools=FUNCTIONS)
    arguments = (
        "<arg_key>city</arg_key><arg_value>Paris</arg_value><arg_key>days</arg_key><arg_value>3</arg_value>"
    )
    assert told["message"]["content"] == "".join(
        f"<tool_call>{name}{arguments}</tool_call>" for name in ("weather", "hotels")
    )
    assert "tool_calls" not in told["message"]
    assert told["finish_reason"] == "stop"
    assert text_of(stream(sim)) == "Both." + "".join(
        f"<tool_call>weather<arg_key>city</arg_key><arg_value>{city}</arg_value></tool_call>"
        for city in ("Paris", "Rome")
    )


def test_calls_may_come_at_the_end_of_the_thoughts_or_with_odd_arguments(sim: Simulator) -> None:
    sim.queue(*(Fault(kind) for kind in ("thought_calls", "doubled_calls", "packed_calls")))
    thought, doubled, packed = (ask(sim, text="weather", tools=FUNCTIONS) for _ in range(3))
    assert thought["message"]["reasoning_content"].endswith("</arg_value></tool_call>")
    assert (thought["finish_reason"], thought["message"].get("tool_calls")) == ("stop", None)
    (twice,), (text,) = (told["message"]["tool_calls"] for told in (doubled, packed))
    assert twice["function"]["arguments"].count("}{") == 1
    assert isinstance(json.loads(json.loads(text["function"]["arguments"])), dict)


@each(("form", "index"), [("native", [0, 1]), ("one_index", [0, 0]), ("no_index", [None] * 2)])
def test_streamed_calls_may_share_an_index_or_have_none(sim: Simulator, form: Any, index: list[Any]) -> None:
    sim.queue(Reply(tool_calls=CALLS, calls=form), *([] if form == "native" else [Fault(form)]))
    for _ in range(2):
        choices = stream(sim, text="weather and hotels", tools=FUNCTIONS)
        fragments = [call for choice in choices for call in choice["delta"].get("tool_calls", ())]
        assert [fragment.get("index") for fragment in fragments] == index
        assert len({fragment["id"] for fragment in fragments}) == 2
        assert choices[-1]["finish_reason"] == "tool_calls"


def test_streamed_fragments_of_calls_may_have_no_index(sim: Simulator) -> None:
    sim.queue(Reply(tool_calls=CALLS, calls="no_index"))
    choices = stream(sim, tools=FUNCTIONS, tool_stream=True)
    fragments = [call for choice in choices for call in choice["delta"].get("tool_calls", ())]
    assert len(fragments) > 2
    assert not any("index" in fragment for fragment in fragments)


def test_what_was_asked_for_may_come_in_an_envelope(sim: Simulator) -> None:
    form = {"type": "json_object"}
    sim.queue(Fault("envelope"), Fault("envelope", message="result"))
    wrapped = json.loads(ask(sim, response_format=form)["message"]["content"])
    assert wrapped["answer"]["simulated"] is True
    assert json.loads(ask(sim)["message"]["content"])["result"].startswith("[simulated")


def test_boxes_may_reach_beyond_their_scale(sim: Simulator) -> None:
    sim.queue(Fault("far_boxes"), Reply("<|begin_of_box|>[[1,2,1003,4]]<|end_of_box|>"))
    out = io.BytesIO()
    Image.new("RGB", (64, 48)).save(out, "PNG")
    url = base64.b64encode(out.getvalue()).decode()
    content: Any = [
        {"type": "image_url", "image_url": {"url": url}},
        {"type": "text", "text": "where is it? bbox_2d"},
    ]
    assert "[120,160,1480,1640]" in ask(sim, V6, content)["message"]["content"]
    assert "1003" in ask(sim, V6, content)["message"]["content"]


def test_a_reply_may_name_another_model_than_was_asked(sim: Simulator) -> None:
    sim.queue(Reply("hi", answered_as="glm-5.3-flash", times=2))
    assert post(sim).json()["model"] == "glm-5.3-flash"
    frames = post(sim, stream=True).text.split("\n\n")[:-2]
    assert {json.loads(frame.removeprefix("data: "))["model"] for frame in frames} == {"glm-5.3-flash"}
    assert post(sim).json()["model"] == T
