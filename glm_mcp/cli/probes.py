"""What `glm-mcp doctor --live` asks the service: small calls as data, and what is read in their answers."""

from __future__ import annotations

import base64
import functools
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import anyio

from glm_mcp.errors import (
    Again,
    ContentBlocked,
    GLMError,
    InvalidRequest,
    MediaTooLarge,
    RateLimited,
    TimedOut,
    TooLong,
    UnsupportedMedia,
    UpstreamError,
)
from glm_mcp.glm.findings import Value
from glm_mcp.glm.learnt.dialect import always_thinks
from glm_mcp.glm.network.transport import Transport
from glm_mcp.glm.stream import Draft
from glm_mcp.registry import CARDS, Card, Endpoint
from glm_mcp.samples import FOLDER
from glm_mcp.text import ID_CHARS, clean

T, V6, V1, V4, L, C3 = (
    "glm-4.7-flash",
    "glm-4.6v-flash",
    "glm-4.1v-thinking-flash",
    "glm-4v-flash",
    "glm-4-flash-250414",
    "cogview-3-flash",
)
NO_MODEL = "glm-no-such-model"
CHAT, DRAW = "/chat/completions", "/images/generations"
# For one call; an overloaded model may be silent for longer, and then nothing is known.
CHAT_S, DRAW_S = 25.0, 60.0
# An answer has begun so long before another ends: they were there together, whatever the network did.
TOGETHER_S = 0.3
ODD_SIZE = "512x768"  # legal by the specification, and not among the seven
_CHINESE = re.compile("[\u4e00-\u9fff]")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one call: an answer, or an error. Times on anyio's clock; `began`: when something first arrived.
    `answered_as`: the model that the answer names, where it is another than was asked.
    """

    error: GLMError | None
    draft: Draft
    sent: float
    ended: float
    began: float | None = None
    answered_as: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """What an answer says of a fact: its value, None where that is not known, and the same in a few words."""

    value: Value | None
    said: str


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing to know of a model. `expects`: its value by the card; None where the card has no opinion. `quiet`: people
    are told only where it differs.
    """

    name: str
    label: str
    expects: Callable[[Card], Value | None]
    read: Callable[[Sequence[Outcome]], Reading]
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """One call, or several at once, and the facts that its answer settles. `needs`: facts without which it is moot."""

    model: str
    body: Mapping[str, Any]
    facts: tuple[Fact, ...]
    path: str = CHAT
    copies: int = 1
    needs: Mapping[str, Value] = field(default_factory=dict)

    @property
    def label(self) -> str:
        return ", ".join(f.label for f in self.facts if not f.quiet)


async def ask(
    transport: Transport, where: Endpoint, key: str | None, question: Question, limit_s: float
) -> Outcome:
    """One call, without any repeat or change."""
    draft, sent = Draft(), anyio.current_time()
    began: float | None = None
    whole = False

    def on_event(event: dict[str, Any]) -> None:
        nonlocal began, whole
        began = began or anyio.current_time()
        draft.feed(event)
        whole = whole or bool(draft.finish or event.get("data"))

    error: GLMError | None = None
    body = json.dumps({"model": question.model, **question.body}, ensure_ascii=False).encode()
    try:
        with anyio.fail_after(limit_s):
            await transport.post(f"{where.url}{question.path}", key, body, on_event)
    except TimeoutError:
        error = TimedOut(f"no answer within {limit_s:.0f} s")
    except GLMError as failure:
        error = failure
    if error is None and (not whole or draft.finish in {"network_error", "sensitive"}):
        error = UpstreamError("the answer broke off", again=Again.RETRY)
    other = clean(draft.model, ID_CHARS) if draft.model.lower() != question.model else ""
    return Outcome(error, draft, sent, anyio.current_time(), began, other)


def says_nothing(outcomes: Sequence[Outcome]) -> GLMError | None:
    """The error after which nothing is known of what was asked, such as an overload; None where the answer counts."""
    errors = [o.error for o in outcomes if o.error is not None]
    if len(outcomes) > 1:
        # One too many beside those that were answered: that is the answer.
        counts = len(errors) < len(outcomes) and all(isinstance(e, RateLimited) for e in errors)
        return None if counts else errors[0]
    silent = (e for e in errors if e.again is Again.RETRY or isinstance(e, TimedOut | ContentBlocked))
    return next(silent, None)


def short(error: GLMError) -> str:
    """An error in two or three words."""
    words = {
        "rate_limited": "rate limited",
        "timeout": "silent",
        "network": "not reached",
        "upstream": "failed",
        "quota": "no balance",
        "content_blocked": "blocked",
    }
    return words.get(error.kind, error.kind)


# How a fact is read


def _refused(error: GLMError) -> str:
    code = error.code or (f"HTTP {error.status}" if error.status else error.kind)
    return f"no ({code})"


def _accepted(outcomes: Sequence[Outcome]) -> Reading:
    error = outcomes[0].error
    if error is None:
        return Reading(True, "yes")
    # Only what blames the request is a no.
    blames = isinstance(error, InvalidRequest | TooLong | UnsupportedMedia | MediaTooLarge)
    return Reading(False, _refused(error)) if blames else Reading(None, f"not known: {short(error)}")


def _answers(outcomes: Sequence[Outcome]) -> Reading:
    """Whether the model is there: a refusal of anything else says that it is."""
    error = outcomes[0].error
    if error is not None and error.again is Again.GONE:
        code = error.code or f"HTTP {error.status}"
        return Reading(f"{error.message} ({code})", f"gone ({code})")
    return Reading("", "yes")


def _routed(outcomes: Sequence[Outcome]) -> Reading:
    other = outcomes[0].answered_as
    if outcomes[0].error is not None:
        return Reading(None, "not known: refused")
    return Reading(other, f"no, {other[:22]}" if other else "yes")


def _thinking(outcomes: Sequence[Outcome]) -> Reading:
    error, draft = outcomes[0].error, outcomes[0].draft
    if error is not None and always_thinks(error):
        return Reading("effort", _refused(error))
    if error is not None:
        return Reading(None, "not known: refused")
    return Reading("always", "no, it thought") if draft.thought_chars else Reading("switch", "yes")


def _together(outcomes: Sequence[Outcome]) -> Reading:
    answered = [o for o in outcomes if o.error is None]
    if len(answered) < len(outcomes):
        return Reading(len(answered), str(len(answered)))
    if max(o.began or o.ended for o in answered) + TOGETHER_S < min(o.ended for o in answered):
        return Reading(len(outcomes), f"{len(outcomes)} or more")
    return Reading(None, "not known: one by one")


def _not_there(outcomes: Sequence[Outcome]) -> Reading:
    error = outcomes[0].error
    if error is None:
        return Reading(False, f"no, {outcomes[0].answered_as[:22]}")
    return Reading(
        error.again is Again.GONE, f"{'yes' if error.again is Again.GONE else 'no'} ({error.code})"
    )


def _english(outcomes: Sequence[Outcome]) -> Reading:
    error = outcomes[0].error
    if error is None or not error.code:
        return Reading(None, "not known: no words")
    chinese = bool(_CHINESE.search(error.message))
    return Reading(not chinese, "no, Chinese" if chinese else "yes")


# The facts


def _form(name: str, label: str) -> Fact:
    """A form of picture bytes: expected where it is tried first; the other one may be taken or not."""
    return Fact(name, label, lambda card: True if card.image_forms[0] == name else None, _accepted)


ANSWERS = Fact("gone", "answers", lambda _: "", _answers)
ITSELF = Fact("answered_as", "answers itself", lambda _: "", _routed, quiet=True)
THINKING = Fact("thinking", "thinking can be off", lambda card: card.thinking, _thinking)
DATA, RAW = _form("data", "picture as a data URL"), _form("raw", "picture as raw base64")
FILM = Fact("video_data", "film as a data URL", lambda card: card.video_data, _accepted)
TOOL_ROLE = Fact("tool_role", "messages of role tool", lambda card: card.tool_role, _accepted)
SYSTEM = Fact("system", "messages of role system", lambda card: card.system, _accepted)
JSON_MODE = Fact("json_mode", "response_format", lambda card: card.json_mode, _accepted)
AT_ONCE = Fact("concurrency", "calls at once", lambda card: card.concurrency, _together)
ANY_SIZE = Fact("any_size", f"a size of one's own, {ODD_SIZE}", lambda card: card.any_size, _accepted)
HD = Fact("hd", "quality hd", lambda card: card.hd, _accepted)
NOT_THERE = Fact("not_there", "is refused as not there", lambda _: True, _not_there)
ENGLISH = Fact("english", "errors in English", lambda _: True, _english)


# The questions

_OFF: dict[str, Any] = {"thinking": {"type": "disabled"}}
_CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Rome"}'}}
_TALK = [
    {"role": "user", "content": "How is the weather in Rome?"},
    {"role": "assistant", "content": "", "tool_calls": [_CALL]},
    {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
]
_COUNT = "Count from one to forty in words."


def _chat(content: object, *, tokens: int = 16, **more: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": content}]
    return {"messages": messages, "max_tokens": tokens, "stream": True, **more}


def _shown(kind: str, url: str) -> list[dict[str, Any]]:
    return [{"type": kind, kind: {"url": url}}, {"type": "text", "text": "Which colour? One word."}]


@functools.cache
def _picture() -> str:
    """A blue square in base64."""
    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", (112, 112), "#2050c0").save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()


def questions() -> list[Question]:
    """All that is asked, in its order: for each model first what shows that it is there."""
    raw, data = _picture(), f"data:image/png;base64,{_picture()}"
    film = base64.b64encode((FOLDER / "second.mp4").read_bytes()).decode()
    seen = _chat(_shown("image_url", data))
    bare = _chat(_shown("image_url", raw))
    shot = _chat(_shown("video_url", f"data:video/mp4;base64,{film}"))
    system = [{"role": "system", "content": "Be brief."}, *seen["messages"]]
    count = _chat(_COUNT, tokens=120, **_OFF)
    return [
        Question(T, _chat("Say hi.", **_OFF), (ANSWERS, ITSELF, THINKING)),
        Question(V6, {**seen, **_OFF}, (ANSWERS, ITSELF, THINKING, DATA)),
        Question(V1, seen, (ANSWERS, ITSELF, DATA)),
        Question(V4, seen, (ANSWERS, ITSELF, DATA)),
        Question(L, _chat("Say hi."), (ANSWERS, ITSELF)),
        Question(C3, {"prompt": "a blue square", "size": ODD_SIZE}, (ANSWERS, ANY_SIZE), DRAW),
        Question(NO_MODEL, _chat("Say hi."), (NOT_THERE, ENGLISH)),
        Question(T, count, (AT_ONCE,), copies=2),
        Question(T, count, (AT_ONCE,), copies=3, needs={"concurrency": 2}),
        Question(V6, {**bare, **_OFF}, (RAW,)),
        Question(V6, {**shot, **_OFF}, (FILM,)),
        Question(V6, {**_chat(""), **_OFF, "messages": _TALK}, (TOOL_ROLE,)),
        Question(
            V6, _chat("A colour as JSON.", **_OFF, response_format={"type": "json_object"}), (JSON_MODE,)
        ),
        Question(V1, bare, (RAW,)),
        Question(V1, shot, (FILM,)),
        Question(V4, bare, (RAW,)),
        Question(V4, {**seen, "messages": system}, (SYSTEM,)),
        Question(C3, {"prompt": "a blue square", "size": "1024x1024", "quality": "hd"}, (HD,), DRAW),
    ]


def in_effort(question: Question) -> Question:
    """The question for a model that cannot be told not to think."""
    body = {name: value for name, value in question.body.items() if name != "thinking"}
    facts = tuple(f for f in question.facts if f is not THINKING)
    return replace(question, body={**body, "reasoning_effort": "low"}, facts=facts)


def card_of(model: str) -> Card:
    """The card as it was shipped; an empty one for the model that does not exist."""
    return CARDS.get(model) or Card(model, "")
