"""Which model a call asks next, and when. Pure functions over cards, what is known of each model's health, and time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from glm_mcp.errors import Again, GLMError, NetworkError
from glm_mcp.glm.learnt.health import REST_S, USUAL_S
from glm_mcp.glm.messages import ChatRequest, File, Image, Text, Video, count_tokens
from glm_mcp.registry import Card, Endpoint, place

MINIMUM_ANSWER = 1_024  # tokens that a window must leave for the answer when the caller names no number
# Tries of a host that this process never reached: its address is more likely wrong than the host is ill.
UNREACHED_TRIES = 3
UNUSABLE_TRIES = 3  # of a model whose answers came and were none: each is paid for
# Connections of a call that broke: the next may be the fault of the model that is behind them.
BROKEN_TRIES = 4
LOOK_S = 1.0  # how often a call that waits for a place looks how long that is going to take
HANGS = 2.0  # times its time for a first byte, after which a silent model is as good as one that refused
LAST_RESORT_SHARE = 1 / 3  # of the deadline, after which a weaker model is asked beside silent ones
LEAST_SHARE = 0.25  # of the longest wait; who wishes for none is asked a thousand times a second else
SPARE_S = 0.1  # between the last moment at which a model is asked again and the time that its answer takes
LONGEST_HANG_S = 80.0  # [user, live] those that ended did so after 24 to 77 s


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a call goes on, in seconds. `waits`: after a model's first refusal in a call, and at most; doubled between.
    `rest`: how long a model that refused goes behind the others in later calls, likewise. `patience`: times each model's
    first-byte budget. `stall_s`: of silence in the middle of an answer, after which it is as one that has not begun.
    `once`: no model is asked again, whether it refused or hangs.
    """

    waits: tuple[float, float] = (1.0, 8.0)
    rest: tuple[float, float] = REST_S
    patience: float = 1.0
    stall_s: float = 15.0  # [guess] words come several in a second
    once: bool = False


class Phase(StrEnum):
    """Where a model is in one call: not asked now, waiting for a place, asked and silent, or answering."""

    IDLE = "idle"
    QUEUED = "queued"
    SILENT = "silent"
    SPEAKING = "speaking"


@dataclass(slots=True)
class Standing:
    """How one model stands in one call. Times on anyio's clock, lengths in seconds.

    `first_byte_s`: how long it may be silent before another is asked as well, `stall_s`: once its answer has begun.
    `heard_at`: the last that it said. `usual_s`: what its answers usually take;
    `soonest_s`: the fastest of the last. `rests_until`: it refused or hung a moment ago, and goes behind the others.
    `pauses_until`: it has just refused a call, and nobody asks it. `queue_s`: how long its queue is going to take.
    `ready_at`: it is not asked before. `error`: its last; `out`: that one ends it for this call. `anew`: it hung, and was
    asked again. `tokens`: of the request, as we count them; `pieces`: of its answer.
    """

    card: Card
    first_byte_s: float
    usual_s: float
    stall_s: float
    soonest_s: float = 0.0
    rests_until: float = 0.0
    pauses_until: float = 0.0
    phase: Phase = Phase.IDLE
    since: float = 0.0
    heard_at: float = 0.0
    queue_s: float = 0.0
    ready_at: float = 0.0
    tries: int = 0
    refusals: int = 0
    error: GLMError | None = None
    out: bool = False
    anew: bool = False
    tokens: int = 0
    pieces: int = 0

    @property
    def late_at(self) -> float:
        """When another model is asked as well."""
        if self.phase is Phase.SPEAKING:
            return self.heard_at + self.stall_s
        return self.since + self.first_byte_s


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask this model now, beside those that are being asked already."""

    model: Standing


@dataclass(frozen=True, slots=True)
class Leave:
    """Hang up on this silent model, to ask it again over another connection."""

    model: Standing


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do until then, or until something happens."""

    until: float


@dataclass(frozen=True, slots=True)
class End:
    """No model can be asked any more: the call has failed."""


def next_step(
    models: Sequence[Standing], *, started: float, now: float, deadline: float, beside: bool
) -> Ask | Leave | Wait | End:
    """What a call does now. `models` in the order of the chain; `beside`: a second one may be asked beside a silent one."""
    busy = [m for m in models if m.phase is not Phase.IDLE]
    if busy and not beside:
        return Wait(deadline)
    late_at = max((_late_at(m, now, deadline) for m in busy), default=now)
    if late_at > now:
        queued = any(m.phase is Phase.QUEUED for m in busy)
        return Wait(min(late_at, now + LOOK_S) if queued else late_at)
    refused = _strong_refused(models, now)
    last_resort_at = now if refused else started + (deadline - started) * LAST_RESORT_SHARE
    waits_for = [deadline]
    candidates, paused = list[Standing](), list[Standing]()
    for model in models:
        if model.phase is not Phase.IDLE or model.out or not in_time(model, started, now, deadline):
            continue
        opens = max(model.ready_at, model.pauses_until)
        if model.card.last_resort:
            opens = max(opens, last_resort_at)
        if opens <= now:
            candidates.append(model)
        else:
            waits_for.append(opens)
            if opens == model.pauses_until:
                paused.append(model)
    if not candidates and not busy:
        candidates = paused  # there its place in the queue is kept
    if candidates:
        # Rounds over the chain; in each, those that refused in calls before behind the healthy, and the busy behind the free.
        return Ask(
            min(candidates, key=lambda m: (m.refusals, m.rests_until > now, m.queue_s > m.first_byte_s))
        )
    if (hung := _hung(busy)) and in_time(hung, started, now, deadline):
        silent_since = max(hung.since, hung.heard_at)
        waits_for.append(min(silent_since + LONGEST_HANG_S, (silent_since + deadline) / 2))
        if waits_for[-1] <= now:
            return Leave(hung)
    return Wait(min(waits_for)) if busy or len(waits_for) > 1 else End()


def _hung(busy: Sequence[Standing]) -> Standing | None:
    """One that stopped in the middle of its answer. Of those that were asked once and are silent from the start the second:
    hangs may end, and that of the first does so the soonest.
    """
    stalled = next((m for m in busy if m.phase is Phase.SPEAKING and not m.anew), None)
    if stalled:
        return stalled
    silent = [m for m in busy if m.phase is Phase.SILENT and not m.anew]
    return sorted(silent, key=lambda m: m.since)[1] if len(silent) > 1 else None


def _late_at(model: Standing, now: float, deadline: float) -> float:
    """When another model is asked as well: at once where its queue pauses or would outlast its time, or the call's."""
    longest = min(model.first_byte_s, deadline - model.since - model.usual_s)
    if model.phase is Phase.QUEUED and (model.pauses_until > now or model.queue_s > longest):
        return model.since
    return model.late_at


def _strong_refused(models: Sequence[Standing], now: float) -> bool:
    """Whether none of those that are no last resort is to be had. One that hangs while another refuses is a bad day too."""
    strong = [m for m in models if not m.card.last_resort]
    refused = [m for m in strong if _not_to_be_had(m, now)]
    asked = {Phase.SILENT, Phase.SPEAKING}
    return not strong or (bool(refused) and all(m in refused or m.phase in asked for m in strong))


def _not_to_be_had(model: Standing, now: float) -> bool:
    """Whether it refused, in this call or a moment ago, hangs, or is too busy to answer in its time."""
    if model.phase is Phase.SPEAKING:
        return model.late_at <= now
    # This very call has the place: what the queue behind it takes says nothing.
    if model.phase is Phase.SILENT:
        return now - model.since >= HANGS * model.first_byte_s
    busy = model.queue_s > model.first_byte_s or (model.phase is Phase.QUEUED and model.late_at <= now)
    return model.out or model.refusals > 0 or model.rests_until > now or busy


def needs_s(model: Standing, started: float, deadline: float) -> float:
    """Seconds that must be left for its answer: those of a usual one, before the first try of a fast one, and never more
    than half of a call: a few long answers do not say how long this one is going to be.
    """
    half = (deadline - started) / 2
    return min(model.usual_s, max(half, USUAL_S)) if model.tries else min(model.soonest_s, half)


def in_time(model: Standing, started: float, now: float, deadline: float) -> bool:
    """Whether its answer may still come."""
    return deadline - max(now, model.ready_at) > needs_s(model, started, deadline)


def last_wait(wait: float, model: Standing, *, started: float, now: float, deadline: float) -> float:
    """The wait before a model is asked again; a shorter one where the whole one would leave no time for its answer."""
    latest = deadline - needs_s(model, started, deadline) - SPARE_S - now
    return latest if SPARE_S < latest < wait else wait


def delay(
    refusals: int, retry_after: float | None, random: Callable[[], float], waits: tuple[float, float]
) -> float:
    """Seconds until a model is asked again after its refusal number `refusals` in a call (from 1).

    The service's own wish, else full jitter up to 1, 2, 4, 8 times the first of `waits`; at least `LEAST_SHARE` of that.
    """
    first, longest = waits
    most = min(longest, first * 2.0 ** min(refusals - 1, 10))
    return max(most * LEAST_SHARE, most * random() if retry_after is None else retry_after)


def ends_model(error: GLMError, tries: int) -> bool:
    """Whether a model is not asked again in this call after its try number `tries`."""
    if error.again is not Again.RETRY:
        return True
    return unusable(error) and tries >= UNUSABLE_TRIES


def unusable(error: GLMError) -> bool:
    """Whether an answer came that was none; it is paid for."""
    return error.kind == "upstream" and not error.status and not (error.code or "").isdigit()


def of_host(error: GLMError, before: int, *, reached: bool) -> bool:
    """Whether a failure is the host's: no other model helps. `before`: how many were in this call; `reached`: as below."""
    return isinstance(error, NetworkError) and not (error.sent and reached and before >= BROKEN_TRIES)


def ends_call(error: GLMError, tries: int, *, reached: bool) -> bool:
    """Whether a host that is not reached ends a call after so many tries. `reached`: this process has reached it before."""
    return error.again is Again.NEVER or (not reached and tries >= UNREACHED_TRIES)


def first_byte_s(card_or_learnt: float, tokens: int, media_bytes: int) -> float:
    """Seconds that a request may stay without a first byte: larger ones take longer to send and to read.

    [guess] 1 MB and 10,000 tokens a second, on the slow side.
    """
    return card_or_learnt + media_bytes / 1e6 + tokens / 10_000


def text_tokens(request: ChatRequest) -> int:
    """Tokens of a request's text, guessed. Takes some milliseconds for long texts."""
    if request.tokens is not None:
        return request.tokens
    return sum(count_tokens(p.text) for m in request.messages for p in m.parts() if isinstance(p, Text))


def size_for(card: Card, request: ChatRequest) -> int:
    """Tokens that a request has for a model, guessed."""
    images = sum(isinstance(p, Image) for p in request.media())
    return text_tokens(request) + images * card.image_tokens


@dataclass(frozen=True, slots=True)
class Unable:
    """Why a model cannot do a job. `kind`: what a program decides by; `reason`: what people read."""

    kind: Literal["place", "ability", "window"]
    reason: str


def unable(card: Card, home: Endpoint, request: ChatRequest, task: str | None) -> Unable | None:
    """Why a model cannot do this job; None when it can."""
    if place(card.id, home) is None:
        return Unable("place", f"{card.id} is not offered at {home.name}")
    lacks = _lacks(card, request, task)
    if lacks:
        return Unable("ability", lacks)
    answer = min(request.max_tokens or MINIMUM_ANSWER, card.max_tokens)
    room = min(card.context - answer, card.input_tokens or card.context)
    size = size_for(card, request)
    if card.context and size > room:
        return Unable(
            "window",
            f"{card.id} holds {card.context:,} tokens, the request has about {size:,} and its answer may take {answer:,}",
        )
    return None


def _lacks(card: Card, request: ChatRequest, task: str | None) -> str | None:
    if not card.text:
        return f"{card.id} only draws"
    if task in card.tasks_left_out:
        return f"{card.id} is not used for {task}"
    media = request.media()
    images = sum(isinstance(p, Image) for p in media)
    if images and not card.images:
        return f"{card.id} takes no pictures"
    if images > card.images:
        return f"{card.id} takes {card.images} picture{'' if card.images == 1 else 's'} a call, not {images}"
    videos = [p for p in media if isinstance(p, Video)]
    if videos and not card.video:
        return f"{card.id} takes no video"
    if card.video_seconds and any((v.seconds or 0) > card.video_seconds for v in videos):
        return f"{card.id} takes videos of up to {card.video_seconds:.0f} s"
    if any(v.data for v in videos) and not card.video_data:
        return f"{card.id} takes a video only by its address"
    if any(isinstance(p, File) for p in media) and not card.files:
        return f"{card.id} takes no files"
    own = any(f.get("type", "function") != "function" for f in request.functions)
    if request.functions and (not card.functions or (own and not card.own_functions)):
        return f"{card.id} does not call {'such tools' if own else 'functions'}"
    if any(m.role == "tool" for m in request.messages) and not card.functions:
        return f"{card.id} takes no function results"
    return None


def unable_to_draw(card: Card, home: Endpoint) -> Unable | None:
    if place(card.id, home) is None:
        return Unable("place", f"{card.id} is not offered at {home.name}")
    return None if card.draws else Unable("ability", f"{card.id} does not draw")
