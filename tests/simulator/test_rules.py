"""Every rule of a chat request's fields, tools and messages, with what passes and what does not."""

from collections.abc import Iterator
from typing import Any

import pytest
from support.cases import each
from support.plain_http import HTTP

from glm_mcp.simulator import Simulator, Switches

T, V6, V1, V4 = "glm-4.7-flash", "glm-4.6v-flash", "glm-4.1v-thinking-flash", "glm-4v-flash"
T4, V5 = "glm-4-flash-250414", "glm-5.3-flash"
OFF = {"type": "disabled"}
ALWAYS = "该模型始终思考，不支持关闭思考；请使用 low、high 或 max"
USER = {"role": "user", "content": "hello"}
CALLS = [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
CALLED = {"role": "assistant", "content": None, "tool_calls": CALLS}
TOOL = {"role": "tool", "content": "7", "tool_call_id": "c1"}
FUNCTION = {"name": "f", "description": "does f", "parameters": {"type": "object", "properties": {}}}
TEXT_PART = {"type": "text", "text": "hello"}
URL_PART = {"type": "image_url", "image_url": {"url": "https://pictures.example/a.png"}}


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@pytest.fixture(autouse=True)
def fresh(sim: Simulator) -> None:
    sim.clear()
    sim.switches = Switches()


def ask(sim: Simulator, model: str, **fields: Any) -> tuple[str, str]:
    """Code and message; both empty for an answer."""
    body = {"model": model, "messages": [USER], **fields}
    body = {name: value for name, value in body.items() if value is not ...}
    headers = {"Authorization": f"Bearer {sim.key}"}
    response = HTTP.post(sim.url + "/chat/completions", json=body, headers=headers, timeout=60)
    if response.status_code == 200:
        return "", ""
    error = response.json()["error"]
    return str(error["code"]), str(error["message"])


def tool(**changes: Any) -> list[dict[str, Any]]:
    function = {**FUNCTION, **changes}
    return [
        {
            "type": "function",
            "function": {name: value for name, value in function.items() if value is not ...},
        }
    ]


@each(("model", "cap"), [(T, 131_072), (V6, 32_768), (V1, 16_384), (V4, 1_024), (T4, 16_384)])
def test_max_tokens_has_a_range_that_its_refusal_names(sim: Simulator, model: str, cap: int) -> None:
    message = f"max_tokens参数非法：限制数值范围[1,{cap}]"
    assert ask(sim, model, max_tokens=cap) == ("", "")
    for wrong in (0, -1, cap + 1, 1.5, "100", True):
        assert ask(sim, model, max_tokens=wrong) == ("1210", message)


@each(
    ("fields", "code"),
    [
        ({"temperature": 0}, ""),
        ({"temperature": 1.0}, ""),
        ({"temperature": 0.55}, ""),
        ({"temperature": 1.1}, "1210"),
        ({"temperature": -0.1}, "1210"),
        ({"temperature": 0.123}, "1210"),
        ({"temperature": float("9" * 30)}, "1210"),
        ({"temperature": "0.5"}, "1214"),
        ({"top_p": 0.01}, ""),
        ({"top_p": 1}, ""),
        ({"top_p": 0}, "1210"),
        ({"top_p": 0.999}, "1210"),
        ({"do_sample": False}, ""),
        ({"do_sample": "no"}, "1214"),
        ({"stream": 1}, "1214"),
        ({"tool_stream": "yes"}, "1214"),
        ({"stop": ["END"]}, ""),
        ({"stop": ["END", "STOP"]}, "1210"),
        ({"stop": "END"}, "1214"),
        ({"stop": [""]}, "1214"),
        ({"request_id": "r" * 6}, ""),
        ({"request_id": "r" * 64}, ""),
        ({"request_id": "r" * 5}, "1214"),
        ({"request_id": "r" * 65}, "1214"),
        ({"request_id": 123456}, "1214"),
        ({"user_id": "u" * 6}, ""),
        ({"user_id": "u" * 128}, ""),
        ({"user_id": "u" * 5}, "1214"),
        ({"user_id": "u" * 129}, "1214"),
        ({"thinking": {"type": "disabled"}}, ""),
        ({"thinking": {"type": "enabled", "clear_thinking": False}}, ""),
        ({"thinking": {"type": "auto"}}, "1214"),
        ({"thinking": {"type": "enabled", "clear_thinking": "no"}}, "1214"),
        ({"thinking": True}, "1214"),
        ({"stream_options": {"include_usage": True}}, ""),
        ({"stream_options": {"include_usage": 1}}, "1214"),
        ({"response_format": {"type": "json_object"}}, ""),
        ({"response_format": {"type": "text"}}, ""),
        ({"response_format": {"type": "json_schema"}}, "1210"),
        ({"response_format": "json"}, "1210"),
        ({"max_completion_tokens": -5, "n": 7, "store": True, "reasoning_effort": "high"}, ""),
    ],
)
def test_a_field_of_a_chat_request_has_its_range(sim: Simulator, fields: dict[str, Any], code: str) -> None:
    assert ask(sim, T, **fields)[0] == code


@each(
    ("switches", "model", "fields", "strict"),
    [
        (Switches(strict_sampling=False), T, {"temperature": 1.5}, "1210"),
        (Switches(max_stop=4), T, {"stop": ["a", "b", "c", "d"]}, "1210"),
        (Switches(response_format={V6: "ignore"}), V6, {"response_format": {"type": "json_object"}}, "1210"),
        (Switches(unsupported_tools="ignore"), V4, {"tools": tool()}, "1210"),
        (Switches(unsupported_tools="ignore"), V1, {"tools": tool()}, "1210"),
        (Switches(vision_tool_role="accept"), V6, {"messages": [USER, CALLED, TOOL]}, "1214"),
        (
            Switches(system_on_4v_flash="accept"),
            V4,
            {"messages": [{"role": "system", "content": "be brief"}, USER]},
            "1214",
        ),
    ],
)
def test_what_nobody_could_verify_is_refused_until_its_switch_allows_it(
    sim: Simulator, switches: Switches, model: str, fields: dict[str, Any], strict: str
) -> None:
    assert ask(sim, model, **fields)[0] == strict
    sim.switches = switches
    assert ask(sim, model, **fields)[0] == ""


@each(
    ("fields", "message"),
    [
        ({"temperature": 1.5}, "temperature参数非法：限制数值范围[0,1]"),
        ({"temperature": 0.123}, "temperature参数非法：限制小数点[2]位"),
        ({"top_p": 0}, "top_p参数非法：限制数值范围[0.01,1]"),
    ],
)
def test_a_number_out_of_bounds_is_refused_in_the_services_words(
    sim: Simulator, fields: dict[str, Any], message: str
) -> None:
    assert ask(sim, T, **fields) == ("1210", message)


def test_a_model_that_always_thinks_cannot_be_told_not_to(sim: Simulator) -> None:
    assert ask(sim, V5, thinking=OFF) == ("1210", ALWAYS)
    assert ask(sim, V5, reasoning_effort="none") == ("1210", ALWAYS)
    for effort in ("low", "high", "max"):
        assert ask(sim, V5, thinking=OFF, reasoning_effort=effort) == ("", "")
    assert ask(sim, V5, reasoning_effort="low") == ("", "")
    for model in (T, V6, V1, V4, T4):
        assert ask(sim, model, thinking=OFF) == ("", "")


@each(("model", "code"), [(T, ""), (T4, ""), (V5, ""), (V6, "1214"), (V1, "1214")])
def test_a_tools_reply_is_a_role_that_some_models_lack(sim: Simulator, model: str, code: str) -> None:
    assert ask(sim, model, messages=[USER, CALLED, TOOL])[0] == code


def test_a_retired_model_is_routed_in_silence(sim: Simulator) -> None:
    assert ask(sim, "glm-4.4-flash")[0] == "1211"
    sim.switches = Switches(routing={"glm-4.4-flash": T, T: "glm-5.3"})
    for asked, answers in (("glm-4.4-flash", T), (T, "glm-5.3")):
        body = {"model": asked, "messages": [USER]}
        headers = {"Authorization": f"Bearer {sim.key}"}
        response = HTTP.post(sim.url + "/chat/completions", json=body, headers=headers, timeout=60)
        assert response.json()["model"] == answers
        frames = HTTP.post(sim.url + "/chat/completions", json={**body, "stream": True}, headers=headers).text
        assert f'"model":"{answers}"' in frames
        assert f"[simulated {answers}]" in response.text
    assert [entry.model for entry in sim.received][1:] == ["glm-4.4-flash"] * 2 + [T] * 2


def test_a_response_format_may_be_refused_or_ignored(sim: Simulator) -> None:
    form = {"type": "json_object"}
    assert [ask(sim, model, response_format=form)[0] for model in (T, T4, V5)] == [""] * 3
    sim.switches = Switches(response_format={T: "refuse", V6: "accept"})
    assert [ask(sim, model, response_format=form)[0] for model in (T, T4, V6)] == ["1210", "", ""]


def test_neighbours_of_one_role_are_refused_only_by_switch(sim: Simulator) -> None:
    assert ask(sim, T, messages=[USER, USER])[0] == ""
    sim.switches = Switches(same_role_turns="refuse")
    assert ask(sim, T, messages=[USER, USER])[0] == "1214"


def test_a_request_id_is_used_once(sim: Simulator) -> None:
    assert ask(sim, T, request_id="the-same-id")[0] == ""
    code, message = ask(sim, T, request_id="the-same-id")
    assert code == "1231"
    assert "the-same-id" in message
    sim.switches = Switches(repeated_request_ids="accept")
    assert ask(sim, T, request_id="the-same-id")[0] == ""


@each(
    ("model", "fields", "code"),
    [
        (T, {"tools": tool()}, ""),
        (V6, {"tools": tool()}, ""),
        (T, {"tools": tool() * 128}, ""),
        (T, {"tools": tool() * 129}, "1210"),
        (T, {"tools": {}}, "1210"),
        (T, {"tools": ["f"]}, "1210"),
        (T, {"tools": tool(name="f" * 64)}, ""),
        (T, {"tools": tool(name="f" * 65)}, "1210"),
        (T, {"tools": tool(name="two words")}, "1210"),
        (T, {"tools": tool(name=...)}, "1210"),
        (T, {"tools": tool(description=...)}, "1210"),
        (T, {"tools": tool(parameters=...)}, "1210"),
        (T, {"tools": tool(strict=True)}, ""),
        (T, {"tools": [{"type": "function"}]}, "1210"),
        (T, {"tools": tool(), "tool_choice": "auto"}, ""),
        (T, {"tools": tool(), "tool_choice": "required"}, "1210"),
        (T, {"tool_choice": "auto"}, ""),
        (T, {"tools": [{"type": "web_search", "web_search": {"enable": True}}]}, ""),
        (T, {"tools": [{"type": "web_search"}]}, "1210"),
        (T, {"tools": [{"type": "retrieval", "retrieval": {"knowledge_id": "k"}}]}, ""),
        (T, {"tools": [{"type": "retrieval", "retrieval": {}}]}, "1210"),
        (T, {"tools": [{"type": "mcp", "mcp": {"server_label": "s"}}]}, ""),
        (V6, {"tools": [{"type": "web_search", "web_search": {"enable": True}}]}, "1210"),
        (V4, {"tools": []}, ""),
    ],
)
def test_a_tool_has_its_shape(sim: Simulator, model: str, fields: dict[str, Any], code: str) -> None:
    assert ask(sim, model, **fields)[0] == code


@each(
    ("model", "messages", "code"),
    [
        (T, ..., "1213"),
        (T, [], "1214"),
        (T, "hello", "1214"),
        (T, ["hello"], "1214"),
        (T, [{"role": "developer", "content": "x"}, USER], "1214"),
        (T, [{"role": "system", "content": "x"}], "1214"),
        (T, [{"role": "system", "content": "x"}, {"role": "assistant", "content": "y"}], "1214"),
        (T, [{"role": "system", "content": "x"}, USER], ""),
        (T, [{"role": "user", "content": ""}], "1213"),
        (T, [{"role": "user", "content": " \n"}], "1213"),
        (T, [{"role": "user"}], "1213"),
        (T, [{"role": "user", "content": []}], "1213"),
        (T, [{"role": "user", "content": 5}], "1214"),
        (T, [{"role": "user", "content": [TEXT_PART]}], ""),
        (T, [USER, {"role": "assistant", "content": "hi", "reasoning_content": "hm"}, USER], ""),
        (T, [USER, {"role": "assistant", "content": "hi", "reasoning_content": 5}, USER], "1214"),
        (T, [USER, {"role": "assistant", "content": ""}, USER], "1214"),
        (T, [USER, {"role": "assistant"}, USER], "1214"),
        (T, [USER, {"role": "assistant", "tool_calls": "f"}, USER], "1214"),
        (T, [USER, CALLED, TOOL], ""),
        (T, [USER, {"role": "assistant", "tool_calls": CALLS}, TOOL, USER], ""),
        (T, [USER, TOOL], "1214"),
        (T, [USER, CALLED, {**TOOL, "tool_call_id": "c2"}], "1214"),
        (T, [USER, CALLED, TOOL, TOOL], "1214"),
        (T, [USER, CALLED, {**TOOL, "content": None}], "1214"),
        (T, [USER, {**CALLED, "tool_calls": [{**CALLS[0], "type": "other"}]}, TOOL], "1214"),
        (
            T,
            [
                USER,
                {**CALLED, "tool_calls": [{**CALLS[0], "function": {"name": "f", "arguments": {}}}]},
                TOOL,
            ],
            "1214",
        ),
        (V6, [{"role": "user", "content": [URL_PART]}], "1213"),
        (V6, [{"role": "system", "content": [URL_PART]}, USER], "1210"),
        (V6, [{"role": "system", "content": "x"}, USER], ""),
        (V6, [{"role": "user", "content": [{**TEXT_PART, "cache": True}]}], "1210"),
        (V6, [{"role": "user", "content": [{"type": "text", "text": 5}]}], "1210"),
        (V6, [{"role": "user", "content": ["hello"]}], "1210"),
        (
            V6,
            [
                {
                    "role": "user",
                    "content": [TEXT_PART, {**URL_PART, "image_url": {"url": "x", "detail": "low"}}],
                }
            ],
            "1210",
        ),
        (V6, [{"role": "user", "content": [TEXT_PART, {**URL_PART, "image_url": "x"}]}], "1210"),
        (V6, [{"role": "user", "content": [TEXT_PART, {**URL_PART, "image_url": {"url": ""}}]}], "1210"),
        (V6, [{"role": "user", "content": [TEXT_PART, {"type": "input_audio", "input_audio": {}}]}], "1210"),
        (
            V4,
            [{"role": "user", "content": [TEXT_PART, {"type": "video_url", "video_url": {"url": "x"}}]}],
            "1210",
        ),
        (
            V1,
            [{"role": "user", "content": [TEXT_PART, {"type": "file_url", "file_url": {"url": "x"}}]}],
            "1210",
        ),
    ],
)
def test_a_conversation_has_its_shape(sim: Simulator, model: str, messages: Any, code: str) -> None:
    assert ask(sim, model, messages=messages)[0] == code


def test_a_picture_for_the_text_model_is_refused_with_the_services_own_words(sim: Simulator) -> None:
    messages = [{"role": "user", "content": [TEXT_PART, URL_PART]}]
    wanted = ("1210", "messages.content.type 参数非法，取值范围 ['text']")
    assert ask(sim, T, messages=messages) == wanted


def test_missing_and_invalid_fields_are_named(sim: Simulator) -> None:
    assert ask(sim, T, messages=[{"role": "user", "content": ""}]) == ("1213", "未正常接收到prompt参数。")
    assert ask(sim, T, messages=[]) == ("1214", "messages 参数非法。请检查文档。")


@each(("content", "kind"), [(b"{", "application/json"), (b"[]", "application/json"), (b"{}", "text/plain")])
def test_a_body_that_is_no_json_object_is_refused(sim: Simulator, content: bytes, kind: str) -> None:
    headers = {"Authorization": f"Bearer {sim.key}", "Content-Type": kind}
    response = HTTP.post(sim.url + "/chat/completions", content=content, headers=headers, timeout=60)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "1210")


@each(
    ("model", "words", "fields", "code"),
    [
        (V1, 36_000, {}, ""),
        (V1, 37_500, {}, "1261"),
        (V1, 37_500, {"max_tokens": 100}, ""),
        (V4, 11_400, {}, ""),
        (V4, 11_500, {}, "1210"),
        (V4, 11_500, {"max_tokens": 100}, "1210"),
        (T4, 80_000, {}, ""),
        (T4, 90_000, {}, "1261"),
        (V5, 600_000, {}, ""),
    ],
)
def test_a_prompt_must_leave_room_for_the_answer(
    sim: Simulator, model: str, words: int, fields: dict[str, Any], code: str
) -> None:
    messages = [{"role": "user", "content": "word " * words}]
    assert ask(sim, model, messages=messages, **fields)[0] == code


def test_the_smallest_vision_model_has_words_of_its_own_for_too_long(sim: Simulator) -> None:
    messages = [{"role": "user", "content": "word " * 12_000}]
    assert ask(sim, V4, messages=messages) == ("1210", "输入过长")


def test_a_chinese_prompt_counts_by_characters(sim: Simulator) -> None:
    assert ask(sim, V4, messages=[{"role": "user", "content": "水" * 22_850}])[0] == ""
    assert ask(sim, V4, messages=[{"role": "user", "content": "水" * 22_900}])[0] == "1210"


def test_a_sensitive_prompt_is_refused_with_a_content_filter(sim: Simulator) -> None:
    headers = {"Authorization": f"Bearer {sim.key}"}
    for path, body in (
        (
            "/chat/completions",
            {"model": T, "messages": [{"role": "user", "content": "SIMULATED-SENSITIVE words"}]},
        ),
        ("/images/generations", {"model": "cogview-3-flash", "prompt": "SIMULATED-SENSITIVE words"}),
    ):
        response = HTTP.post(sim.url + path, json=body, headers=headers, timeout=60)
        assert response.status_code == 400
        assert response.json()["error"]["code"] == "1301"
        assert response.json()["contentFilter"] == [{"level": 1, "role": "user"}]
