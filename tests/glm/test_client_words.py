"""What a user of the server sees when the service fails: a result marked as an error, in one form, with a mend."""

from __future__ import annotations

import re
from collections import Counter

import anyio
import pytest
from support.calls import V6, L, T, models_asked
from support.cases import each
from support.connect import Connect
from support.toolkit import fail, picture, text_of

from glm_mcp.server.app import Folders
from glm_mcp.simulator import Fault, Reply, Simulator

pytestmark = pytest.mark.anyio


@each(
    ("fault", "kind", "code", "mend"),
    [
        (Fault("error", code="1000", times=0), "auth", "1000", "GLM_API_KEY"),
        (Fault("error", code="1113", times=0), "quota", "1113", "zhipu-coding"),
        (Fault("error", code="1302", times=0), "rate_limited", "1302", "GLM_MAX_CONCURRENCY"),
        (Fault("error", code="1305", times=0), "overloaded", "1305", "Call again in a minute"),
        (Fault("error", code="1234", times=0), "upstream", "1234", "glm-mcp doctor"),
        (Fault("error", code="1301", times=0), "content_blocked", "1301", "Rephrase"),
        (Fault("sensitive_mid", times=0), "content_blocked", "1301", "Rephrase"),
        (Fault("html", times=0), "upstream", None, "glm-mcp doctor"),
        (Fault("refuse", times=0), "network", None, "glm-mcp doctor"),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else str(value),
)
async def test_a_failure_is_an_error_result_with_kind_cause_and_mend(
    sim: Simulator, connect: Connect, fault: Fault, kind: str, code: str | None, mend: str
) -> None:
    sim.queue(fault)
    with anyio.fail_after(60):
        async with connect(GLM_DEADLINE_S="2") as client:
            result = await client.call_tool("chat", {"prompt": "hello"})
    text = text_of(result)
    assert result.is_error
    assert re.match(rf"{kind}: .+\. .*{re.escape(mend)}", text)
    assert code is None or f"code {code}" in text
    assert sim.key not in text
    assert result.meta is not None
    error = result.meta["glm"]["error"]
    assert (error["kind"], error.get("code")) == (kind, code)
    assert error["message"]
    assert mend in error["hint"]


@pytest.mark.parametrize("tool", ["chat", "describe_image"])
async def test_marks_and_calls_that_a_model_lets_out_are_not_in_its_answer(
    tool: str, sim: Simulator, connect: Connect, folders: Folders
) -> None:
    call = "<tool_call>search\n<arg_key>q</arg_key><arg_value>boats</arg_value></tool_call><|observation|>"
    sim.queue(Reply(f"[gMASK]<sop>Boats, three.\n{call}"), Reply(call, model=T), Reply(call, model=V6))
    given = {"images": str(picture(folders.cwd / "boats.png"))} if tool == "describe_image" else {}
    with anyio.fail_after(60):
        async with connect() as client:
            first = text_of(await client.call_tool(tool, {"prompt": "What is it?", **given}))
            second = text_of(await client.call_tool(tool, {"prompt": "And that?", **given}))
    assert first.startswith("Boats, three.\n\n[")
    assert "it also asked for function calls, which nobody offered" in first
    assert "<" not in first + second
    assert len(sim.received) > 2, "a call alone is no answer"


async def test_an_answer_of_the_next_model_says_so(sim: Simulator, connect: Connect) -> None:
    sim.queue(Fault("error", code="1305", model=T, times=0))
    with anyio.fail_after(60):
        async with connect() as client:
            result = await client.call_tool("chat", {"prompt": "hello"})
    assert not result.is_error
    assert f"instead of {T} (overloaded 1305)" in text_of(result)
    assert models_asked(sim) == [T, V6]


async def test_a_partial_answer_is_returned_at_the_deadline_and_says_so(
    sim: Simulator, connect: Connect
) -> None:
    sim.queue(Fault("hang_mid", chunks=3))
    with anyio.fail_after(60):
        async with connect(GLM_DEADLINE_S="1") as client:
            result = await client.call_tool("chat", {"prompt": "a long story"})
    assert not result.is_error
    assert text_of(result).startswith("[simulated")
    assert "stopped at the deadline" in text_of(result)


async def test_half_an_exact_answer_is_an_error_that_shows_it(sim: Simulator, connect: Connect) -> None:
    sim.queue(Fault("hang_mid", chunks=3))
    with anyio.fail_after(60):
        async with connect(GLM_DEADLINE_S="1") as client:
            result = await client.call_tool("chat", {"prompt": "a long story", "json": True})
    assert result.is_error
    assert text_of(result).startswith("timeout: ")
    assert "What had arrived (not complete):" in text_of(result)


async def test_an_answer_used_up_by_thinking_names_the_argument(sim: Simulator, connect: Connect) -> None:
    with anyio.fail_after(60):
        async with connect() as client:
            result = await client.call_tool("chat", {"prompt": "hi", "thinking": True, "max_tokens": 3})
    assert result.is_error
    assert "max_tokens" in text_of(result)


async def test_reasoning_is_shown_only_when_asked_for(sim: Simulator, connect: Connect) -> None:
    sim.queue(Reply("forty-two", reasoning="six times seven", times=2))
    with anyio.fail_after(60):
        async with connect() as client:
            quiet = await client.call_tool("chat", {"prompt": "hi", "thinking": True})
            shown = await client.call_tool("chat", {"prompt": "hi", "thinking": "show"})
    assert "six times seven" not in text_of(quiet)
    assert "six times seven" in text_of(shown)


async def test_a_call_that_names_an_overloaded_model_is_told_that_others_would_be_asked(
    sim: Simulator, connect: Connect
) -> None:
    sim.queue(Fault("error", code="1305", times=0))
    async with connect(GLM_DEADLINE_S="2") as client:
        named = await fail(client, "chat", prompt="hello", model=T)
        free = await fail(client, "chat", prompt="hello")
    assert "Without `model` others are asked too." in named
    assert "`model`" not in free


async def test_each_request_counts_where_it_says_how_often_a_model_was_asked(
    sim: Simulator, connect: Connect, folders: Folders
) -> None:
    path = str(picture(folders.cwd / "boats.png"))
    sim.queue(Fault("error", code="1210", message="图片输入格式/解析错误", times=0))
    async with connect() as client:
        text = await fail(client, "describe_image", images=path)
    told = dict(re.findall(r"(glm-[\w.-]+) (\d+)×", text))
    asked = Counter(entry.model for entry in sim.received)
    assert told == {model: str(times) for model, times in asked.items()}
    assert "It was sent in every form: check boats.png, or save it anew as PNG or JPEG." in text
    assert "Change the argument" not in text


@pytest.mark.parametrize(
    ("model", "mend"),
    [
        (T, "Call again with a larger max_tokens (at least 16385) or thinking=false."),
        (L, "Ask for less, or name another model."),
    ],
)
async def test_an_answer_without_room_is_told_a_number_that_is_more(
    model: str, mend: str, sim: Simulator, connect: Connect
) -> None:
    tokens = 16_384
    sim.queue(Fault("cut_thinking") if model == T else Reply("", finish_reason="length"))
    async with connect() as client:
        text = await fail(client, "chat", prompt="hello", model=model, thinking=True, max_tokens=tokens)
    assert mend in text, text


async def test_what_arrived_of_an_endless_repetition_is_told_once(sim: Simulator, connect: Connect) -> None:
    sim.queue(Fault("loop", message="I am sorry. ", times=0))
    async with connect() as client:
        text = await fail(client, "chat", prompt="hello")
    assert "repeated the same words without end" in text
    assert 1 <= text.count("I am sorry.") <= 2


async def test_json_that_was_cut_off_by_max_tokens_is_said_to_be(sim: Simulator, connect: Connect) -> None:
    sim.queue(Reply('["a", "b', finish_reason="length", times=2))
    async with connect() as client:
        text = await fail(client, "chat", prompt="hello", json=True, max_tokens=5)
    assert "its answer was cut off by max_tokens" in text
    assert "larger max_tokens" in text


async def test_a_model_that_stops_while_it_thinks_in_its_text_is_said_to_have_been_thinking(
    sim: Simulator, connect: Connect, folders: Folders
) -> None:
    path = str(picture(folders.cwd / "boats.png"))
    sim.queue(Fault("hang_mid", chunks=3, times=0))
    async with connect(GLM_DEADLINE_S="2") as client:
        text = await fail(client, "describe_image", images=path, model="glm-4.1v-thinking-flash")
    assert "glm-4.1v-thinking-flash was still thinking" in text
