"""One question to a model, the way all tools put it: thinking, JSON, the model named, and the closing line."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import anyio

from glm_mcp.errors import Again, GLMError, TimedOut, UpstreamError
from glm_mcp.glm.calls import Answer, Job
from glm_mcp.glm.messages import ChatRequest, Message, Text
from glm_mcp.glm.threads import in_thread
from glm_mcp.text import escaped
from glm_mcp.tools.arguments import AnswerArgs
from glm_mcp.tools.base import STRUCTURED_CHARS, Deps, ToolResult, closing, meta_of
from glm_mcp.tools.sources import downloaded
from glm_mcp.tools.structured import ResponseFormat, characters, check, check_schema

REASONING_CHARS = 4_000  # shown with thinking="show"
WHOLE_S = 30.0
LEAST_S = 2.0  # without which parts are not worth making
INDENTED_CHARS = 4_000  # up to here JSON is written for people, a value a line


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and what for. `exact`: half an answer is worth nothing (boxes, calls, timelines). `about`: what it is
    of, where others are not answered. `keeps`: another call may use its answer. `yields_at`: as of a Job.
    """

    messages: tuple[Message, ...]
    role: str
    task: str | None = None
    exact: bool = False
    functions: tuple[dict[str, Any], ...] = ()
    deadline: float | None = None
    about: str = ""
    keeps: bool = True
    yields_at: float = math.inf


def gives_way_at(deps: Deps) -> float:
    """Until when the only model that takes a work in one piece may refuse it or be silent, where others take its parts."""
    now = anyio.current_time()
    return now + min(WHOLE_S, (deps.deadline - now) / 3)


def gave_way(deps: Deps, error: GLMError, at: float) -> bool:
    """Whether a call ended since nobody answered it until then, with time left for the parts."""
    return at <= anyio.current_time() < deps.deadline - LEAST_S and may_pass(error)


def may_pass(error: GLMError) -> bool:
    return error.again is Again.RETRY or isinstance(error, TimedOut)


async def ask(deps: Deps, args: AnswerArgs, question: Question) -> Answer:
    """The answer; when `json` is wanted, its text is checked JSON.

    Raises GLMError; UpstreamError carrying the text in `partial` when it is not the JSON asked for, after one repair.
    """
    messages = question.messages
    if args.json:
        await check_schema(args.json)
        messages = (*messages[:-1], _append(messages[-1], _json_wish(args.json)))
    request = ChatRequest(
        messages,
        thinking=thinking(deps, args) != "false",
        max_tokens=args.max_tokens,
        temperature=args.temperature,
        json_mode=bool(args.json),
        schema=args.json if isinstance(args.json, dict) else None,
        functions=question.functions,
    )
    job = Job(
        question.role,
        question.deadline or deps.deadline,
        question.yields_at,
        model=args.model,
        task=question.task,
        free_text=not (args.json or question.exact or question.functions),
        inline=partial(downloaded, deps),
    )
    answer = await deps.glm.chat(request, job, deps.progress)
    if args.json and not answer.tool_calls:
        return await _as_json(deps, request, job, answer, args.json)
    return answer


async def _as_json(
    deps: Deps, request: ChatRequest, job: Job, answer: Answer, form: ResponseFormat
) -> Answer:
    """The answer with its JSON alone as text; one that is not what was asked for is asked for once more."""
    value, problem = await check(answer.text, form)
    if problem:
        deps.progress.say("the answer is not the JSON asked for: asking once more")
        again = Message("user", f"That is not valid: {problem}. Answer again with the corrected JSON alone.")
        history = (*request.messages, Message("assistant", answer.text), again)
        first = answer
        # Of any model that can: the one that wrote it may be overloaded by now.
        answer = await deps.glm.chat(replace(request, messages=history), job, deps.progress)
        answer.notes.append("JSON repaired")
        answer.attempts = [*first.attempts, *answer.attempts]
        answer.usage.add(first.usage)
        answer.seconds += first.seconds
        value, problem = await check(answer.text, form)
    if problem and answer.cut == "max_tokens":
        raise UpstreamError(
            f"{answer.model} did not give the JSON asked for: its answer was cut off by max_tokens",
            "Call again with a larger max_tokens, or ask for less at once.",
            request_id=answer.request_id,
            partial=answer.text,
        )
    if problem:
        raise UpstreamError(
            f"{answer.model} did not give the JSON asked for: {problem}",
            "Ask for less at once, simplify the schema, or call without json.",
            request_id=answer.request_id,
            partial=answer.text,
        )
    answer.text = await in_thread(_written, value, len(answer.text) < INDENTED_CHARS)
    return answer


def _written(value: Any, for_people: bool) -> str:
    return escaped(json.dumps(value, ensure_ascii=False, indent=1 if for_people else None))


def thinking(deps: Deps, args: AnswerArgs) -> str:
    return str(args.thinking or deps.settings.thinking)


def result(deps: Deps, args: AnswerArgs, answer: Answer, notes: list[str] | None = None) -> ToolResult:
    """An answer as a result, with its closing line, and the reasoning when that was asked for."""
    text = answer.text
    reasoning = answer.reasoning if thinking(deps, args) == "show" else ""
    if reasoning:
        cut = reasoning[:REASONING_CHARS] + ("…" if len(reasoning) > REASONING_CHARS else "")
        text += f"\n\n{deps.said('Reasoning:')}\n{cut}"
    if thinking(deps, args) != "false" and not (answer.reasoning or answer.usage.reasoning):
        answer.notes.append("the model sent no reasoning")
    line = closing(deps, answer, notes or [])
    data = {
        "model": answer.model,
        "answered_as": answer.answered_as,
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
        "reasoning": reasoning,
        **{k: v for k, v in answer.extras.items() if characters(v) <= STRUCTURED_CHARS},
    }
    present = {k: v for k, v in data.items() if v not in (None, [], "")}
    return ToolResult(text, notes=[line], meta=meta_of(answer), data=present)


def _append(message: Message, words: str) -> Message:
    if isinstance(message.content, tuple):
        return replace(message, content=(*message.content, Text(words)))
    return replace(message, content=f"{message.content or ''}\n\n{words}".strip())


def _json_wish(form: ResponseFormat) -> str:
    if isinstance(form, dict):
        shape = json.dumps(form, ensure_ascii=False, separators=(",", ":"))
        return f"Answer with one JSON value alone, no other words, that fits this JSON Schema: {shape}"
    return "Answer with one JSON value alone, no other words."
