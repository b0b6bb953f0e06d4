"""What gateways between us and a service say in words of their own (New API, One API, LiteLLM), and how they hand on codes."""

from __future__ import annotations

import re

from glm_mcp.errors import Again, QuotaError, TooLong
from glm_mcp.glm.engines.errors import Row

ROWS: tuple[tuple[re.Pattern[str], Row], ...] = (
    (
        re.compile(
            r"\b(?:daily|weekly|monthly)\b.{0,40}\b(?:quota|limit|allowance)|\bquota\b.{0,60}\bresets?\b"
            r"|(?:今日|当日|每日|本周|本月).{0,12}(?:额度|次数|配额|上限)",
            re.IGNORECASE,
        ),
        (
            QuotaError,
            Again.NEXT,
            "the allowance is used up",
            "Call again after the reset, name another model, or change the plan.",
        ),
    ),
    (
        re.compile(
            r"insufficient_(?:user_)?quota|insufficient (?:balance|credits?)|额度(?:不足|已用尽)|预扣费额度失败|余额不足",
            re.IGNORECASE,
        ),
        (
            QuotaError,
            Again.NEVER,
            "the account of this key has nothing left to spend",
            "Top it up where the key is from, or use another key.",
        ),
    ),
    (
        re.compile(r"ContextWindowExceeded|prompt exceeds max length", re.IGNORECASE),
        (
            TooLong,
            Again.NEXT,
            "the prompt is too long for the model",
            "Send less: fewer pages or files, a shorter video or history, or a part of the text.",
        ),
    ),
)
# As the platforms' other interface writes its errors, whose code stands nowhere else: [code][words][request id]
_PACKED = re.compile(r"\[(\d{3,4})\]\[(.*)\]\[([\w-]*)\]", re.DOTALL)


def unpacked(said: str) -> tuple[str, str, str] | None:
    """(code, words, request id) of an error that is written as one text; None for any other."""
    found = _PACKED.fullmatch(said)
    return (found[1], found[2], found[3]) if found else None
