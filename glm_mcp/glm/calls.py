"""What a call to GLM is for and what comes of it; `chat_call` and `draw_call` are its two kinds."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar

from glm_mcp.errors import Again, GLMError, InvalidRequest, TooLong, UpstreamError
from glm_mcp.glm.error_codes import blocked
from glm_mcp.glm.messages import Part
from glm_mcp.glm.policy import MINIMUM_ANSWER
from glm_mcp.glm.stream import Draft
from glm_mcp.glm.usage import Usage
from glm_mcp.registry import Card, Endpoint
from glm_mcp.text import ID_CHARS, clean

Inline = Callable[[Part], Awaitable[Part]]
OnEvent = Callable[[dict[str, Any]], object]
Post = Callable[[Endpoint, str, bytes, OnEvent], Awaitable[str | None]]
KNOWN_ENDS = {"stop", "tool_calls", "function_call", "length", "model_context_window_exceeded"}
Cut = Literal["max_tokens", "window", "repetition", "service", "deadline"]


@dataclass(frozen=True, slots=True)
class Job:
    """What a call is for. `deadline`: on anyio's clock. `free_text`: a part of the answer is worth returning.
    `inline`: turns a picture's URL into bytes when the service cannot fetch it. `yields_at`: from then on a call that nobody
    answers ends, since another way may lead to an answer.
    """

    role: str
    deadline: float
    yields_at: float = math.inf
    model: str | None = None
    task: str | None = None
    free_text: bool = True
    inline: Inline | None = None


@dataclass(slots=True)
class Answer:
    """A finished (or, at the deadline, partial) answer and how it came about. Seconds; `attempts` one dict a try.

    `model`: the one that was asked; `answered_as`: what the service says answered, where that is another. `cut`: why it
    is not complete.
    """

    text: str
    model: str
    reasoning: str = ""
    tool_calls: list[dict[str, Any]] = field(default_factory=list)
    finish: str | None = None
    usage: Usage = field(default_factory=Usage)
    request_id: str | None = None
    answered_as: str | None = None
    cut: Cut | None = None
    partial: bool = False
    seconds: float = 0.0
    attempts: list[dict[str, Any]] = field(default_factory=list)
    fallback: str | None = None
    extras: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Drawing:
    """A generated picture: its URL at the service, or its bytes where the service sends them."""

    url: str | None
    model: str
    request_id: str | None
    data: bytes | None = None
    seconds: float = 0.0
    attempts: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


T_co = TypeVar("T_co", covariant=True)


class Work(Protocol[T_co]):
    """One kind of call: how to try it once, and how to change a refused request so that it may pass."""

    beside: bool
    """Whether a second model may be asked beside a silent one."""

    pauses: bool
    """Whether a model may be silent for long in the middle of its answer."""

    async def attempt(self, card: Card, where: Endpoint, on_words: Callable[[], None]) -> T_co:
        """One try; `on_words` is called at each piece of the answer that arrives."""

    to_fetch: bool
    """Whether a request that was changed has yet to be fetched for."""

    async def adjust_request(self, error: GLMError, card: Card) -> GLMError | None:
        """None where the request was changed for this model after its refusal, so that it may pass now; else what the
        refusal means for the call.
        """

    async def fetch(self) -> None:
        """Gets what `to_fetch` is about. Raises GLMError."""

    def weight(self, card: Card) -> tuple[int, int]:
        """Tokens and bytes of media that a request has for a model."""


def not_whole(draft: Draft, broken: int) -> GLMError:
    """Why what came of an answer is not all of it."""
    if draft.finish is not None:
        what = f"{broken} piece{'s' if broken > 1 else ''} of the answer arrived damaged"
    else:
        what = "the answer broke off" if draft.chars or broken else "the service sent an empty answer"
    return UpstreamError(what, "Call again.", again=Again.RETRY, request_id=draft.request_id)


def empty(draft: Draft, card: Card, tokens: int | None) -> GLMError:
    """Why an answer that ended has no words."""
    ident = draft.request_id
    if draft.finish == "model_context_window_exceeded":
        return TooLong(
            "the request fills the model's window",
            "Send less: fewer pages, a shorter history, or a part of the text.",
            again=Again.NEXT,
            request_id=ident,
        )
    if draft.finish == "length":
        used = draft.usage.completion or min(tokens or card.default_tokens, card.max_tokens)
        least = max(MINIMUM_ANSWER, used + 1)
        switch = card.thinking == "switch"
        thinks = bool(draft.thought_chars or draft.raw_chars or draft.usage.reasoning)
        tokens_used = f"{used} token{'s' * (used != 1)}"
        return InvalidRequest(
            f"{card.id} used all {tokens_used} for thinking and wrote no answer"
            if thinks
            else f"{card.id} wrote no answer with {tokens_used}",
            _allow(least if least <= card.max_tokens else 0, thinks=switch and thinks),
            again=Again.NEVER if switch else Again.NEXT,
            request_id=ident,
        )
    if draft.finish not in KNOWN_ENDS:
        what = f"the service cut the answer before its first word ({clean(draft.finish, ID_CHARS)})"
        if draft.finish == "content_filter":
            return blocked(what, ident)
        return UpstreamError(what, "Call again.", again=Again.RETRY, request_id=ident)
    thought = draft.reasoning
    what = "the model thought but wrote no answer" if thought else "the service sent an empty answer"
    if draft.unasked:
        what = f"{card.id} asked for function calls, which nobody offered, and wrote no answer"
    return UpstreamError(
        what, "Call again.", again=Again.RETRY, request_id=ident, partial=thought or None, about="answer"
    )


def _allow(least: int, *, thinks: bool) -> str:
    """What helps an answer that had no room. `least`: tokens that would be more; 0 where there are none."""
    if least and thinks:
        return f"Call again with a larger max_tokens (at least {least}) or thinking=false."
    if least:
        return f"Call again with a larger max_tokens (at least {least})."
    return "Call again with thinking=false." if thinks else "Ask for less, or name another model."
