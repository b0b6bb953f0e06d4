"""What a call gives that came to its deadline, or to the end of its models, without a whole answer."""

from __future__ import annotations

from glm_mcp.errors import ContentBlocked, GLMError, TimedOut
from glm_mcp.glm.calls import Answer, Job
from glm_mcp.glm.chat_call import ChatCall
from glm_mcp.glm.race import Race
from glm_mcp.glm.stream import strip_boxes


def late_answer(call: ChatCall, race: Race[Answer], job: Job) -> Answer:
    """What had arrived at the deadline, as an answer; raises the race's error where there is none or none is wanted."""
    error, arrived = race.error(), call.partial()
    text = strip_boxes(arrived.draft.text) if arrived else None
    if arrived is None or isinstance(error, ContentBlocked):
        raise _thinking_too_long(error, call)
    if not isinstance(error, TimedOut) or not job.free_text:
        raise error.but(partial=text)
    answer = call.answer(arrived.draft, arrived.model)
    answer.partial, answer.cut = True, "deadline"
    answer.notes.append(
        f"stopped at the deadline of {race.deadline - race.started:.0f} s: the answer is not complete"
    )
    return answer


def _thinking_too_long(error: GLMError, call: ChatCall) -> GLMError:
    if isinstance(error, TimedOut) and call.arrived and call.arrived.draft.thought_chars:
        return error.but(
            message=f"{error.message}; {call.arrived.model} was still thinking",
            hint="Call again with thinking=false, ask for less, or allow more time with GLM_DEADLINE_S and the client's own limit.",
        )
    return error
