"""What a call that was not simply answered comes to: a part of an answer, an error, another model's answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from glm_mcp.errors import ConfigError, ContentBlocked, GLMError, InvalidRequest, TimedOut, TooLong
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
    error, arrived = race.error(), call.partial()
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
