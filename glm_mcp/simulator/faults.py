"""Misbehaviour on the wire: an answer badly delivered, as steps."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from glm_mcp.simulator.completions.wrong_answers import THOUGHT
from glm_mcp.simulator.errors import Refusal
from glm_mcp.simulator.script import Fault
from glm_mcp.simulator.shapes import dumps


@dataclass(frozen=True)
class Send:
    data: bytes


@dataclass(frozen=True)
class Pause:
    seconds: float


@dataclass(frozen=True)
class Stop:
    """`hang` until the client goes, `reset` (RST) or `close` (FIN)."""

    how: str


@dataclass(frozen=True)
class Endless:
    """The same bytes every `seconds`, until the client or the simulator goes."""

    data: bytes
    seconds: float


Step = Send | Pause | Stop | Endless
# The faults that end a body before its end, by what they do there.
_STOPS = {"reset": "reset", "close": "close", "hang_mid": "hang", "image_lost": "reset"}
DONE = b"data: [DONE]\n\n"
_BLOCK = 1024 * 1024
_CONTENT_TYPES = {
    "wrong_content_type": "text/html",
    "plain_content_type": "text/plain",
    "no_content_type": None,
}


def before_first_byte(fault: Fault | None, *, stream: bool) -> float:
    """Seconds in which nothing is sent."""
    if fault is None:
        return 0.0
    late = fault.kind == "slow_first_byte" or (fault.kind == "slow_answer" and not stream)
    return fault.delay_s + (fault.seconds if late else 0.0)


def content_type(fault: Fault | None, usual: str) -> str | None:
    return usual if fault is None else _CONTENT_TYPES.get(fault.kind, usual)


def frame(chunk: dict[str, Any]) -> bytes:
    return b"data: " + dumps(chunk) + b"\n\n"


def stream_steps(fault: Fault | None, chunks: list[dict[str, Any]], chunk_s: float) -> list[Step]:
    """The steps of a stream; without a fault and without pauses it is one."""
    frames = [frame(chunk) for chunk in chunks]
    if fault is None or fault.kind == "slow_first_byte" or fault.kind in _CONTENT_TYPES:
        return _paced([*frames, DONE], chunk_s)
    if fault.kind == "slow_first_frame":
        return [Pause(fault.seconds), *_paced([*frames, DONE], chunk_s)]
    if fault.kind == "slow_answer":
        return _paced([*frames, DONE], fault.seconds / len(frames))
    if fault.kind == "endless_thinking":
        more = chunks[0]["choices"][0]["delta"]
        more = {**more, **{name: THOUGHT for name in more if name != "role"}}
        again = {**chunks[0], "choices": [{"index": 0, "delta": more}]}
        return [Send(frames[0]), Endless(frame(again), fault.seconds)]
    if fault.kind in {"silent_end", "reset_at_end"}:
        return [*_paced(frames, chunk_s), Stop("hang" if fault.kind == "silent_end" else "reset")]
    place = min(fault.chunks, len(frames) - 1)
    first, last = frames[:place], frames[-1]
    if fault.kind in _STOPS:
        return [*_paced(first, chunk_s), Stop(_STOPS[fault.kind])]
    if fault.kind == "trickle":
        return _paced(_bytes(b"".join([*frames, DONE])), fault.seconds)
    if fault.kind == "endless_line":
        block = Send(b"x" * _BLOCK)
        return [*_paced(first, chunk_s), Send(b'data: {"x":"'), *[block] * (fault.size // _BLOCK)]
    return _paced(_spoilt(fault, frames, chunks, place) or [*first, last, DONE], chunk_s)


def _spoilt(fault: Fault, frames: list[bytes], chunks: list[dict[str, Any]], place: int) -> list[bytes]:
    first, rest = frames[:place], frames[place:]
    hit = rest[0]
    match fault.kind:
        case "glued_frames":
            return [*first, hit[: len(hit) // 2] + b"".join(rest[1:]), DONE]
        case "truncated_frame":
            return [*first, hit[: len(hit) // 2] + b"\n\n", *rest[1:], DONE]
        case "error_frame":
            refusal = Refusal(fault.code or "1234", "simulated", message=fault.message)
            return [*first, frame(refusal.body(fault.language or "zh"))]
        case "no_done":
            return frames
        case "no_finish":
            return [*frames[:-1], DONE]
        case "no_end":
            return frames[:-1]
        case "extra_empty_choices":
            extra = {**chunks[-1], "choices": []}
            return [*frames, frame(extra), DONE]
        case "null_frames":
            return [piece for one in frames for piece in (b"data: null\n\n", one)] + [DONE]
        case "invalid_utf8":
            return [*first, _no_utf8(hit), *rest[1:], DONE]
        case "duplicate_chunks":
            return [copy for one in frames[:-1] for copy in (one, one)] + [frames[-1], DONE]
    return [*frames, DONE]


def body_steps(fault: Fault | None, body: bytes) -> list[Step]:
    """The steps of a body that is no stream."""
    if fault is None:
        return [Send(body)]
    if fault.kind in _STOPS:
        return [Send(body[: len(body) // 2]), Stop(_STOPS[fault.kind])]
    if fault.kind == "trickle":
        return _paced(_bytes(body), fault.seconds)
    if fault.kind == "slow_first_frame":
        return [Pause(fault.seconds), Send(body)]
    if fault.kind == "endless_thinking":
        return [Stop("hang")]
    if fault.kind in {"truncated_frame", "glued_frames"}:
        return [Send(body[: len(body) // 2])]
    if fault.kind == "endless_line":
        return [Send(body[:-1]), *[Send(b" " * _BLOCK)] * (fault.size // _BLOCK)]
    if fault.kind == "invalid_utf8":
        return [Send(_no_utf8(body))]
    return [Send(body)]


def _no_utf8(data: bytes) -> bytes:
    return data.replace(b'content":"', b'content":"\xff\xfe', 1)


def _paced(frames: Sequence[bytes], chunk_s: float) -> list[Step]:
    if not frames:
        return []
    if not chunk_s:
        return [Send(b"".join(frames))]
    steps: list[Step] = []
    for one in frames:
        steps += [Send(one), Pause(chunk_s)]
    return steps[:-1]


def _bytes(data: bytes) -> list[bytes]:
    return [data[index : index + 1] for index in range(len(data))]


def broken_200(fault: Fault, language: str) -> bytes:
    """An error that calls itself a success."""
    refusal = Refusal(fault.code or "1000", message=fault.message)
    if fault.kind == "error_in_200":
        return dumps(refusal.body(language))
    code = int(refusal.code) if refusal.code.isdigit() else refusal.code
    return json.dumps(
        {"code": code, "msg": refusal.words(language), "success": False}, ensure_ascii=False
    ).encode()
