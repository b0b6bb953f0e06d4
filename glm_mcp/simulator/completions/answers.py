"""What a simulated model answers: text that says what arrived, a tool call, JSON, or boxes."""

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from glm_mcp.simulator.completions import tokens, wording
from glm_mcp.simulator.completions.messages import Conversation
from glm_mcp.simulator.models import Model
from glm_mcp.simulator.pictures.samples import find_schema, sample
from glm_mcp.simulator.received import Media
from glm_mcp.simulator.script import Calls, Reply

# Models keep to this wish without `response_format` too.
_JSON_ALONE = re.compile(
    r"\bJSON\b[^.。]*\b(?:alone|only|nothing else)\b|\bonly\b[^.。]*\bJSON\b|只输出[^。]*JSON", re.IGNORECASE
)
# A prompt that asks where something is.
_WHERE = re.compile(r"xmin|bbox|bounding.?box|coordinate|坐标|box_2d|边界框", re.IGNORECASE)
_BOX = [120, 160, 480, 640]


@dataclass(frozen=True, kw_only=True)
class Question:
    """A chat request that passed every rule."""

    model: Model
    body: dict[str, Any]
    talk: Conversation
    functions: list[dict[str, Any]]
    media: list[Media]
    prompt_tokens: int
    cached_tokens: int
    id: str
    created: int
    # The model that the answer names.
    named: str

    @property
    def stream(self) -> bool:
        return bool(self.body.get("stream"))

    @property
    def max_tokens(self) -> int:
        return int(self.body.get("max_tokens") or self.model.default_max_tokens)

    @property
    def thinks(self) -> bool:
        """Some cannot be kept from it."""
        kind = (self.body.get("thinking") or {}).get("type", "enabled")
        return self.model.always_thinks or (self.model.thinking == "field" and kind == "enabled")

    @property
    def text(self) -> str:
        return self.talk.turns[-1][1]

    @property
    def zh(self) -> bool:
        texts = self.talk.user_texts
        return tokens.chinese(texts[-1])


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What goes out, before it takes the form of a body or a stream."""

    content: str = ""
    reasoning: str = ""
    tool_calls: tuple[dict[str, Any], ...] = ()
    finish_reason: str = "stop"
    chunks: tuple[str | Mapping[str, Any], ...] = ()
    completion_tokens: int | None = None
    usage: Mapping[str, Any] | None = None
    content_filter: tuple[dict[str, Any], ...] = ()
    empty: bool = False
    delay_s: float = 0.0
    # Frames of text larger than the usual ones.
    chunk_chars: int = 0
    calls: Calls = "native"


def compose(question: Question, *, call_tools: bool) -> Answer:
    """The default answer, within max_tokens; thinking is paid from the same purse."""
    talk = question.talk
    reasoning = ""
    if question.thinks:
        reasoning = wording.think(len(question.media), len(question.text), zh=question.zh)
    calls = _tool_calls(question, call_tools=call_tools)
    content = "" if calls else _content(question, talk)
    for word in question.body.get("stop") or []:
        content = content.partition(word)[0]
    answer = Answer(
        content=content,
        reasoning=reasoning,
        tool_calls=calls,
        finish_reason="tool_calls" if calls else "stop",
    )
    return within(answer, question.max_tokens, inline=question.model.thinking == "inline")


def within(answer: Answer, budget: int, *, inline: bool) -> Answer:
    """The answer cut to `budget` tokens; one with tool calls that do not fit loses them."""
    reasoning = tokens.cut(answer.reasoning, budget)
    left = budget - tokens.count(reasoning)
    short = len(reasoning) < len(answer.reasoning)
    content = "" if short else tokens.cut(answer.content, left)
    calls = answer.tool_calls
    if short or len(content) < len(answer.content) or calls_size(calls) > left:
        answer = replace(answer, finish_reason="length", tool_calls=())
    if inline and answer.reasoning:
        content = "<think>" + reasoning + ("" if short else f"</think>\n{content}")
        reasoning = ""
    return replace(answer, reasoning=reasoning, content=content)


def calls_size(calls: tuple[dict[str, Any], ...]) -> int:
    """Tokens of tool calls; scripted ones may have any shape."""
    return sum(tokens.count(json.dumps(call.get("function"), ensure_ascii=False)) for call in calls)


def scripted(reply: Reply, question: Question) -> Answer:
    """A scripted reply, put where this model puts such things."""
    text = f"<|begin_of_box|>{reply.text}<|end_of_box|>" if reply.boxed else reply.text
    reasoning = reply.reasoning
    if reasoning and question.model.thinking == "inline":
        text, reasoning = f"<think>{reasoning}</think>{text}", ""
    calls = tuple(_call_item(call) for call in reply.tool_calls)
    answer = Answer(
        content=text,
        reasoning=reasoning,
        tool_calls=calls,
        finish_reason=reply.finish_reason or ("tool_calls" if calls else "stop"),
        chunks=reply.chunks,
        usage=reply.usage,
        delay_s=reply.delay_s,
    )
    return with_calls(answer, reply.calls)


def with_calls(answer: Answer, form: Calls) -> Answer:
    """The answer with its tool calls in another form than the one that is documented."""
    if form in ("doubled_calls", "packed_calls"):
        return replace(answer, tool_calls=tuple(_rewritten(call, form) for call in answer.tool_calls))
    if form not in ("text_calls", "thought_calls"):
        return replace(answer, calls=form)
    text = "".join(_call_text(call["function"]) for call in answer.tool_calls)
    said = replace(answer, tool_calls=(), finish_reason="stop")
    if form == "thought_calls":
        return replace(said, reasoning=answer.reasoning + text)
    return replace(said, content=answer.content + text)


def _rewritten(call: Mapping[str, Any], form: Calls) -> dict[str, Any]:
    arguments = call["function"]["arguments"]
    written = arguments * 2 if form == "doubled_calls" else json.dumps(arguments, ensure_ascii=False)
    return {**call, "function": {**call["function"], "arguments": written}}


def _call_text(function: Mapping[str, Any]) -> str:
    """As the model's own template writes a call: texts as they are, other values as JSON."""
    arguments = json.loads(function["arguments"])
    pairs = [
        f"<arg_key>{name}</arg_key><arg_value>"
        f"{value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}</arg_value>"
        for name, value in arguments.items()
    ]
    return f"<tool_call>{function['name']}{''.join(pairs)}</tool_call>"


def _call_item(call: Mapping[str, Any]) -> dict[str, Any]:
    if "function" in call:
        return dict(call)
    arguments = call.get("arguments", "{}")
    if not isinstance(arguments, str):
        arguments = json.dumps(arguments, ensure_ascii=False)
    return {
        "id": call.get("id") or f"call_{secrets.randbits(64)}",
        "type": "function",
        "function": {"name": call["name"], "arguments": arguments},
    }


def _tool_calls(question: Question, *, call_tools: bool) -> tuple[dict[str, Any], ...]:
    """A call of each function the last user message names; of the first one when calls are asked for."""
    role, text = question.talk.turns[-1]
    if role == "tool" or not question.functions:
        return ()
    named = [function for function in question.functions if function["name"] in text]
    if not named and not call_tools:
        return ()
    return tuple(
        _call_item({"name": function["name"], "arguments": sample(function["parameters"])})
        for function in named or question.functions[:1]
    )


def _content(question: Question, talk: Conversation) -> str:
    model, text = question.model, talk.user_texts[-1]
    said = wording.describe(question.named, question.media, talk.turns, zh=question.zh)
    form = (question.body.get("response_format") or {}).get("type")
    wants_json = model.json_object and form == "json_object"
    schema = find_schema(talk.flat) if wants_json or "json" in text.lower() else None
    if schema is not None:
        return json.dumps(sample(schema, f"simulated {model.id}"), ensure_ascii=False)
    if not wants_json and model.vision and question.media and _WHERE.search(text):
        return f"{_boxes(text)}\n{said}"
    if wants_json or _JSON_ALONE.search(text):
        return json.dumps({"simulated": True, "model": model.id, "received": said}, ensure_ascii=False)
    return said


def _boxes(text: str) -> str:
    """A box of 0-1000 coordinates in box tokens, as a list or as JSON when `bbox_2d` is asked for."""
    boxes: Any = [{"label": "simulated", "bbox_2d": _BOX}] if "bbox_2d" in text else [_BOX]
    return f"<|begin_of_box|>{json.dumps(boxes, separators=(',', ':'))}<|end_of_box|>"
