"""What a user of the server sees when the service fails: a result marked as an error, in one form, with a mend."""

from __future__ import annotations

import re

import anyio
import pytest
from support.calls import V6, T, models_asked
from support.cases import each
from support.connect import Connect
from support.toolkit import picture, text_of

from glm_mcp.server.app import Folders
from glm_mcp.simulator import Fault, Reply, Simulator

pytestmark = pytest.mark.anyio


@each(
    ("fault", "kind", "code", "mend"),
    [
        (Fault("error", code="1000", times=0), "auth", "1000", "GLM_API_KEY"),
        (Fault("error", code="1113", times=0), "quota", "1113", "zhipu-coding"),
        (Fault("error", code="1302", times=0), "rate_limited", "1302", "GLM_MAX_CONCURRENCY"),
        (Fault("error", code="1305", times=0), "overloaded", "1305", "without `model`"),
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
