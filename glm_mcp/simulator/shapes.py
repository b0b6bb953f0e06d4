"""The bodies of successful answers, as each model shapes them: ids, usage, messages, stream chunks."""

import datetime as dt
import json
import re
import secrets
import time
from collections.abc import Mapping
from typing import Any

from glm_mcp.simulator.completions import tokens
from glm_mcp.simulator.completions.answers import Answer, Question, calls_size

_BEIJING = dt.timezone(dt.timedelta(hours=8))
# Arguments of a tool call in one fragment of a stream with tool_stream.
_FRAGMENT = 12


def new_id() -> tuple[str, int]:
    """A request id and its Unix second: 14 digits of Beijing time and 16 hex digits."""
    created = int(time.time())
    stamp = dt.datetime.fromtimestamp(created, _BEIJING).strftime("%Y%m%d%H%M%S")
    return stamp + secrets.token_hex(8), created


def dumps(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def usage(answer: Answer, question: Question) -> dict[str, Any]:
    if answer.usage is not None:
        return dict(answer.usage)
    thought = tokens.count(answer.reasoning)
    written = answer.completion_tokens
    if written is None:
        written = thought + tokens.count(_plain(answer)) + calls_size(answer.tool_calls)
    counters: dict[str, Any] = {
        "prompt_tokens": question.prompt_tokens,
        "completion_tokens": written,
        "total_tokens": question.prompt_tokens + written,
    }
    if question.model.usage_details:
        counters["prompt_tokens_details"] = {"cached_tokens": question.cached_tokens}
        counters["completion_tokens_details"] = {"reasoning_tokens": min(thought, written)}
    return counters


def _plain(answer: Answer) -> str:
    """The text that costs tokens: the marks around thoughts cost nothing."""
    if answer.chunks:
        return "".join(item if isinstance(item, str) else item.get("content", "") for item in answer.chunks)
    return answer.content.removeprefix("<think>").replace("</think>\n", " ")


def whole(answer: Answer, question: Question) -> dict[str, Any]:
    """The body of an answer that is no stream."""
    message: dict[str, Any] = {"role": "assistant", "content": answer.content}
    if answer.chunks:
        message["content"] = _plain(answer)
    if answer.reasoning:
        message["reasoning_content"] = answer.reasoning
    if answer.tool_calls:
        message["tool_calls"] = list(answer.tool_calls)
    choice = {"index": 0, "finish_reason": answer.finish_reason, "message": message}
    body = {
        "id": question.id,
        "request_id": question.body.get("request_id") or question.id,
        "created": question.created,
        "model": question.named,
        "object": "chat.completion",
        "choices": [] if answer.empty else [choice],
        "usage": usage(answer, question),
    }
    return body | _extras(answer, question)


def chunks(answer: Answer, question: Question, size: int) -> list[dict[str, Any]]:
    """The stream as objects: reasoning, then content, then tool calls, then the end with its usage."""
    if answer.empty:
        return [{**_head(question), "choices": [], "usage": usage(answer, question)}]
    size = answer.chunk_chars or size
    deltas: list[Mapping[str, Any]] = [{"reasoning_content": piece} for piece in _cut(answer.reasoning, size)]
    if answer.chunks:
        deltas += [{"content": item} if isinstance(item, str) else item for item in answer.chunks]
    else:
        deltas += [{"content": piece} for piece in _cut(answer.content, size)]
    streamed = question.model.tool_stream and bool(question.body.get("tool_stream"))
    for index, call in enumerate(answer.tool_calls):
        for fragment in _fragments(index, call, streamed=streamed):
            if answer.calls == "no_index":
                del fragment["index"]
            elif answer.calls == "one_index":
                fragment["index"] = 0
            deltas.append({"tool_calls": [fragment]})
    frames = [_chunk(question, delta) for delta in deltas]
    last = _chunk(question, {"content": ""}, answer.finish_reason)
    last["usage"] = usage(answer, question)
    return [*frames, last | _extras(answer, question)]


def _extras(answer: Answer, question: Question) -> dict[str, Any]:
    """What stands beside the choices: the filter's verdict, and what a web search with `search_result` found."""
    extras: dict[str, Any] = {}
    if answer.content_filter:
        extras["content_filter"] = list(answer.content_filter)
    searches = [
        t.get("web_search") or {} for t in question.body.get("tools") or () if t.get("type") == "web_search"
    ]
    if any(s.get("enable", True) and s.get("search_result") for s in searches):
        found = {"refer": "ref_1", "title": "Simulated search result", "link": "https://search.invalid/1"}
        extras["web_search"] = [
            {**found, "content": "Nothing was searched.", "media": "", "icon": "", "publish_date": ""}
        ]
    return extras


def _cut(text: str, size: int) -> list[str]:
    return re.findall(rf"(?s).{{1,{max(1, size)}}}", text)


def _head(question: Question) -> dict[str, Any]:
    return {
        "id": question.id,
        "created": question.created,
        "object": "chat.completion.chunk",
        "model": question.named,
    }


def _chunk(question: Question, delta: Mapping[str, Any], finish: str | None = None) -> dict[str, Any]:
    """The role is on every delta; the finish_reason is absent before the last one."""
    choice: dict[str, Any] = {"index": 0}
    if finish is not None:
        choice["finish_reason"] = finish
    choice["delta"] = {"role": "assistant", **delta}
    return {**_head(question), "choices": [choice]}


def _fragments(index: int, call: dict[str, Any], *, streamed: bool) -> list[dict[str, Any]]:
    """Without tool_stream the arguments come at once; with it, the id and name come in the first fragment alone."""
    arguments = call.get("function", {}).get("arguments", "")
    if not streamed or not isinstance(arguments, str) or not arguments:
        return [{"index": index, **call}]
    pieces = _cut(arguments, _FRAGMENT)
    first = {"index": index, **call, "function": {**call["function"], "arguments": pieces[0]}}
    return [first, *({"index": index, "function": {"arguments": piece}} for piece in pieces[1:])]
