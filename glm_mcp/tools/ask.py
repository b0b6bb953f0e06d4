"""One question to a model, the way all tools put it: thinking, JSON, the model named, and the closing line."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from glm_mcp.errors import UpstreamError
from glm_mcp.glm.calls import Answer, Job
from glm_mcp.glm.messages import ChatRequest, Message, Part, Text
from glm_mcp.text import escaped
from glm_mcp.tools.base import Deps, ToolResult, closing, meta_of
from glm_mcp.tools.sources import downloaded
from glm_mcp.tools.structured import Wanted, check, check_schema

REASONING_CHARS = 4_000  # shown with thinking="show"


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and what for. `exact`: half an answer is worth nothing (boxes, calls, timelines)."""

    messages: tuple[Message, ...]
    role: str
    task: str | None = None
    exact: bool = False
    functions: tuple[dict[str, Any], ...] = ()
    deadline: float | None = None


async def ask(deps: Deps, args: dict[str, Any], question: Question) -> Answer:
    """The answer; when `json` is wanted, its text is checked JSON.

    Raises GLMError; UpstreamError carrying the text in `partial` when it is not the JSON asked for, after one repair.
    """
    wanted = args.get("json") or False
    messages = question.messages
    if wanted:
        check_schema(wanted)
        messages = (*messages[:-1], _append(messages[-1], _json_wish(wanted)))
    request = ChatRequest(
        messages,
        thinking=thinking(deps, args) != "false",
        max_tokens=args.get("max_tokens"),
        temperature=args.get("temperature"),
        json_mode=bool(wanted),
        functions=question.functions,
    )

    async def inline(part: Part) -> Part:
        return await downloaded(deps, part)

    job = Job(
        question.role,
        question.deadline or deps.deadline,
        model=args.get("model"),
        task=question.task,
        free_text=not (wanted or question.exact or question.functions),
        inline=inline,
    )
    answer = await deps.glm.chat(request, job, deps.progress)
    if not wanted or answer.tool_calls:
        return answer
    value, problem = await check(answer.text, wanted)
    if problem:
        deps.progress.say("the answer is not the JSON asked for: asking once more")
        again = Message("user", f"That is not valid: {problem}. Answer again with the corrected JSON alone.")
        history = (*messages, Message("assistant", answer.text), again)
        first = answer
        answer = await deps.glm.chat(
            replace(request, messages=history), replace(job, model=first.model), deps.progress
        )
        answer.notes.append("JSON repaired")
        answer.seconds += first.seconds
        value, problem = await check(answer.text, wanted)
    if problem:
        error = UpstreamError(
            f"{answer.model} did not give the JSON asked for: {problem}",
            "Ask for less at once, simplify the schema, or call without json.",
            request_id=answer.request_id,
        )
        error.partial = answer.text
        raise error
    answer.text = escaped(
        json.dumps(value, ensure_ascii=False, indent=1 if len(answer.text) < 4_000 else None)
    )
    return answer


def thinking(deps: Deps, args: dict[str, Any]) -> str:
    return str(args.get("thinking") or deps.settings.thinking)


def result(deps: Deps, args: dict[str, Any], answer: Answer, notes: list[str] | None = None) -> ToolResult:
    """An answer as a result, with its closing line, and the reasoning when that was asked for."""
    text = answer.text
    if thinking(deps, args) == "show" and answer.reasoning:
        cut = answer.reasoning[:REASONING_CHARS]
        text += "\n\nReasoning:\n" + cut + ("…" if len(answer.reasoning) > REASONING_CHARS else "")
    line = closing(answer, notes or [], simulated=deps.settings.simulate)
    meta = meta_of(answer)
    data = {
        "model": answer.model,
        "finish_reason": answer.finish,
        "request_id": answer.request_id,
        "usage": {
            "prompt_tokens": answer.usage.prompt,
            "completion_tokens": answer.usage.completion,
            "cached_tokens": answer.usage.cached,
            "reasoning_tokens": answer.usage.reasoning,
        },
        "attempts": answer.attempts,
        "fallback": answer.fallback,
        "seconds": round(answer.seconds, 2),
        "partial": answer.partial,
        "notes": list(dict.fromkeys(answer.notes + (notes or []))),
        "tool_calls": answer.tool_calls,
        "reasoning": answer.reasoning if thinking(deps, args) == "show" else "",
        **answer.extras,
    }
    return ToolResult(
        text, notes=[line], meta=meta, data={k: v for k, v in data.items() if v not in (None, [], "")}
    )


def _append(message: Message, words: str) -> Message:
    if isinstance(message.content, tuple):
        return replace(message, content=(*message.content, Text(words)))
    return replace(message, content=f"{message.content or ''}\n\n{words}".strip())


def _json_wish(wanted: Wanted) -> str:
    if isinstance(wanted, dict):
        shape = json.dumps(wanted, ensure_ascii=False, separators=(",", ":"))
        return f"Answer with one JSON value alone, no other words, that fits this JSON Schema: {shape}"
    return "Answer with one JSON value alone, no other words."
