"""Decisions about repeating, waiting and choosing another model. Pure functions; the limiter is in `limiter.py`."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from glm_mcp.errors import Again, GLMError, NetworkError
from glm_mcp.glm.messages import ChatRequest, File, Image, Text, Video, count_tokens
from glm_mcp.registry import Card, Endpoint, place

TRIES = 3  # a model, all kinds of trouble together
LEAST_ANSWER = 1_024  # tokens that a window must leave for the answer when the caller names no number
IMAGE_TOKENS = 1_500  # a guess on the high side; the platform documents no figure


class Step(StrEnum):
    RETRY = "retry"
    NEXT = "next"
    FAIL = "fail"


def decide(error: GLMError, *, tries: int, wait: float, time_left: float, more_models: bool) -> Step:
    """What to do after try number `tries` (from 1) of a model failed. `wait`: seconds before the next try."""
    if error.again is Again.NEVER:
        return Step.FAIL
    # Another model answers at the same host: it does not help when the host is not reached.
    other = Step.NEXT if more_models and not isinstance(error, NetworkError) else Step.FAIL
    if error.again is Again.NEXT or tries >= TRIES or wait >= time_left:
        return other
    if error.again is Again.ONCE and tries > 1 and other is Step.NEXT:
        return other
    return Step.RETRY


def delay(
    tries: int,
    retry_after: float | None,
    random: Callable[[], float],
    shortest: float = 1.0,
    longest: float = 8.0,
) -> float:
    """Seconds to wait after try number `tries`: the service's own wish, else full jitter up to 2, 4, 8 s, never below 1."""
    if retry_after is not None:
        return max(0.0, retry_after)
    return shortest + random() * (min(longest, shortest * 2.0**tries) - shortest)


def retry_after(headers: Callable[[str], str | None]) -> float | None:
    """Seconds from a Retry-After header: a number or an HTTP date; None where it is absent or makes no sense."""
    value = (headers("retry-after") or "").strip()
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        from datetime import UTC, datetime
        from email.utils import parsedate_to_datetime

        try:
            when = parsedate_to_datetime(value)
        except (ValueError, OverflowError):
            return None
        if when.tzinfo is None:
            when = when.replace(tzinfo=UTC)
        seconds = (when - datetime.now(UTC)).total_seconds()
    return seconds if 0 <= seconds < float("inf") else None


def size_of(request: ChatRequest) -> int:
    """Tokens of a request, guessed. Takes some milliseconds for long texts."""
    if request.tokens is not None:
        return request.tokens
    total = 0
    for message in request.messages:
        for part in message.parts():
            total += (
                count_tokens(part.text)
                if isinstance(part, Text)
                else IMAGE_TOKENS
                if isinstance(part, Image)
                else 0
            )
    return total


def unable(card: Card, home: Endpoint, request: ChatRequest, task: str | None) -> str | None:
    """Why a model cannot do this job; None when it can."""
    if place(card.id, home) is None:
        return f"{card.id} is not offered at {home.name}"
    if not card.text:
        return f"{card.id} only draws"
    if task and card.tasks is not None and task not in card.tasks:
        return f"{card.id} is not used for {task}"
    media = request.media()
    images = sum(isinstance(p, Image) for p in media)
    if images > card.images:
        return f"{card.id} takes {card.images or 'no'} picture{'' if card.images == 1 else 's'} a call, not {images}"
    if any(isinstance(p, Video) for p in media) and not card.video:
        return f"{card.id} takes no video"
    if any(isinstance(p, File) for p in media) and not card.files:
        return f"{card.id} takes no files"
    own = any(f.get("type", "function") != "function" for f in request.functions)
    if request.functions and (not card.functions or (own and not card.own_functions)):
        return f"{card.id} does not call {'such tools' if own else 'functions'}"
    if any(m.role == "tool" for m in request.messages) and not card.functions:
        return f"{card.id} takes no function results"
    answer = min(request.max_tokens or LEAST_ANSWER, card.max_tokens)
    if card.context and size_of(request) > card.context - answer:
        return (
            f"{card.id} holds {card.context:,} tokens, the request has about {size_of(request):,}"
            f" and its answer may take {answer:,}"
        )
    return None
