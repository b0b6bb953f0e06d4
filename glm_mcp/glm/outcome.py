"""What a call that was not simply answered comes to: a part of an answer, an error, another model's answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from time import monotonic
from typing import Any

from glm_mcp.errors import (
    Again,
    ConfigError,
    ContentBlocked,
    GLMError,
    InvalidRequest,
    Overloaded,
    TimedOut,
    TooLong,
)
from glm_mcp.glm.calls import Answer, Job
from glm_mcp.glm.chat_call import ChatCall
from glm_mcp.glm.findings import Findings
from glm_mcp.glm.policy import Unable
from glm_mcp.glm.race import Race
from glm_mcp.registry import CHAINS, ENDPOINTS, Card, Endpoint, place
from glm_mcp.settings import KEY_PAGE


def no_key(placeholder: str | None, key_help: str) -> ConfigError:
    """`placeholder`: what stands where a key should; `key_help`: what whoever runs this can do about it."""
    held = f": there is only the placeholder '{placeholder}'" if placeholder else ""
    return ConfigError(
        f"no API key is set{held}",
        f"Get a free key at {KEY_PAGE}. To try without one: GLM_SIMULATE=1. {key_help}".rstrip(),
    )


def no_model(first: Card, reasons: Sequence[Unable]) -> GLMError:
    """Why no model of the chain can do a job."""
    said = "; ".join(r.reason for r in reasons)
    if all(r.kind == "place" for r in reasons):
        homes = [e.name for e in ENDPOINTS.values() if e.models and first.id in e.models]
        return ConfigError(
            said, f"GLM_BASE_URL={' or '.join(homes)} offers {first.id}; it needs a key of that platform."
        )
    if any(r.kind == "window" for r in reasons):
        return TooLong(said, "Send less: fewer pages or pictures, a shorter history, or a part of the text.")
    return InvalidRequest(
        said, "Change the request or name another model; `glm-mcp models` lists what each can do."
    )


def found_gone(model: str, findings: Findings) -> InvalidRequest:
    return InvalidRequest(
        f"{model} is not there for this endpoint and key: {findings.gone(model)}, as `glm-mcp doctor --live` found on {findings.asked[:10]}",
        "Name another model; `glm-mcp models` lists them. `glm-mcp doctor --live` asks for it again.",
    )


def partial(call: ChatCall, race: Race[Answer], job: Job) -> Answer:
    """What had arrived at the deadline, as an answer; raises the race's error where there is none or none is wanted."""
    error, arrived = no_result(race), call.partial()
    text = arrived.draft.text if arrived else None
    if arrived is None or isinstance(error, ContentBlocked):
        raise _thinking_too_long(error, call)
    if not isinstance(error, TimedOut) or not job.free_text:
        raise error.but(partial=text or error.partial)
    answer = call.answer(arrived.draft, arrived.model)
    answer.partial, answer.cut = True, "deadline"
    answer.notes.append(
        f"stopped at the deadline of {race.deadline - race.started:.0f} s: the answer is not complete"
    )
    return answer


def _thinking_too_long(error: GLMError, call: ChatCall) -> GLMError:
    draft = call.arrived.draft if call.arrived else None
    if isinstance(error, TimedOut) and call.arrived and draft and (draft.thought_chars or draft.raw_chars):
        error = error.but(message=f"{error.message}; {call.arrived.model} was still thinking")
        if not call.request.thinking:  # it was not asked to
            return error
        return error.but(
            hint="Call again with thinking=false, ask for less, or allow more time with GLM_DEADLINE_S and the client's own limit.",
        )
    return error


def instead_of(first: str, answer: Answer, unasked: str) -> str | None:
    """The model that should have answered, and why it did not, `unasked` where it was not asked; None when it did."""
    if answer.model == first:
        return None
    outcome = next((a["outcome"] for a in answer.attempts if a["model"] == first), unasked)
    return f"{first} ({outcome})"


def another(gone: Card, home: Endpoint, why_gone: Callable[[str], str]) -> str:
    """A sentence that names a model of the platform to ask in the place of one that is gone; empty without any."""
    role = "image" if gone.draws else "vision" if gone.images else "chat"
    others = [m for m in CHAINS[role] if m != gone.id and not why_gone(m) and place(m, home)]
    return f"Try {others[0]}. " if others else ""


def no_result(race: Race[Any]) -> GLMError:
    """Why there is no result: which models were asked, how often and for how long."""
    if race.failure:
        return race.failure.but(attempts=tuple(race.attempts))
    took, within = monotonic() - race.started, race.deadline - race.started
    asked = asked_of(race.attempts)
    errors = [m.error for m in race.models if m.error]
    # A stand-in that cannot do the job does not hide that the right model was busy.
    error = next((e for e in errors if e.again is Again.RETRY), errors[0] if errors else None)
    silent = any(a["outcome"] == "timeout" for a in race.attempts)
    if error is None or silent:
        last = f"; last: {race.attempts[-1]['model']} {race.attempts[-1]['outcome']}" if race.attempts else ""
        said = f"no complete answer within {within:.0f} s; asked: {asked}{last}"
        if not asked:
            said = f"no model could be asked within {within:.0f} s: all were busy"
        if not asked and within <= 0:
            said = "the time of this call was over before a model could be asked"
        return TimedOut(
            said,
            "Call again, ask for less, or allow more time with GLM_DEADLINE_S and the client's own limit.",
            attempts=race.attempts,
        )
    if isinstance(error, Overloaded) and race.job.model:
        error = error.but(hint=f"{error.hint} Without `model` others are asked too.")
    if len(race.attempts) == 1:
        return error.but(attempts=tuple(race.attempts))
    return error.but(
        message=f"{error.message}; asked for {took:.0f} s: {asked}",
        bare=error.message,
        attempts=tuple(race.attempts),
    )


def asked_of(attempts: Iterable[Mapping[str, Any]]) -> str:
    """Which models were asked how often, those that were asked first before the others."""
    return ", ".join(f"{name} {times}×" for name, times in Counter(a["model"] for a in attempts).items())
