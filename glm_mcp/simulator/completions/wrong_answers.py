"""Misbehaviour in an answer: another one than a model in good health would give."""

import json
import re
from dataclasses import replace

from glm_mcp.simulator.completions import tokens
from glm_mcp.simulator.completions.answers import Answer, Question, with_calls
from glm_mcp.simulator.script import Fault

THOUGHT = "Let me think about this once more. "
_BOX = re.compile(r"\[(\d+),(\d+),(\d+),(\d+)\]")
# Characters of a frame in answers that are tens of thousands long.
_LONG = 240


def other_answer(fault: Fault, answer: Answer, question: Question, chunk_chars: int) -> Answer:
    """The answer with the fault in it, for the faults that lie in the answer."""
    match fault.kind:
        case "empty_choices":
            return replace(answer, empty=True)
        case "reasoning_only":
            reasoning = answer.reasoning or "Simulated thought."
            return Answer(reasoning=reasoning, completion_tokens=0)
        case "sensitive_mid":
            kept = answer.content[: fault.chunks * chunk_chars]
            blocked = ({"role": "assistant", "level": 1},)
            return Answer(content=kept, finish_reason="sensitive", content_filter=blocked)
        case "network_error":
            return replace(answer, finish_reason="network_error")
        case "context_exceeded":
            return replace(answer, finish_reason="model_context_window_exceeded")
        case "think_leak":
            return replace(answer, content=f"</think>\n{answer.content}")
        case "big_frame":
            return replace(answer, content="█" * (fault.size // 3), chunk_chars=fault.size)
        case "finish_reason":
            return replace(answer, finish_reason=fault.message or "content_filter")
        case "text_calls" | "one_index" | "no_index" | "thought_calls" | "doubled_calls" | "packed_calls":
            return with_calls(answer, fault.kind)
        case "envelope":
            return replace(answer, content=_envelope(answer.content, fault.message or "answer"))
        case "far_boxes":
            return replace(answer, content=_BOX.sub(_further, answer.content))
    return _without_end(fault, answer, question)


def _without_end(fault: Fault, answer: Answer, question: Question) -> Answer:
    match fault.kind:
        case "loop":
            text = answer.content + "\n" + _filling(fault.message or "It is as I said. ", question)
            return replace(answer, content=text, finish_reason="length", chunk_chars=_LONG)
        case "cut_thinking":
            return _only_thoughts(_filling(THOUGHT, question), question)
        case "endless_thinking":
            return _only_thoughts(THOUGHT, question)
    return answer


def _filling(sentence: str, question: Question) -> str:
    """A sentence as often as max_tokens allow."""
    return sentence * max(2, question.max_tokens // tokens.count(sentence))


def _only_thoughts(text: str, question: Question) -> Answer:
    inline = question.model.thinking == "inline"
    return Answer(
        content=f"<think>{text}" if inline else "",
        reasoning="" if inline else text,
        finish_reason="length",
        completion_tokens=question.max_tokens,
        chunk_chars=_LONG,
    )


def _envelope(content: str, key: str) -> str:
    try:
        inside = json.loads(content)
    except ValueError:
        inside = content
    return json.dumps({key: inside}, ensure_ascii=False)


def _further(box: re.Match[str]) -> str:
    left, top, right, bottom = map(int, box.groups())
    return f"[{left},{top},{right + 1000},{bottom + 1000}]"
