"""What this process has used, by model: requests, tokens, errors, time. In memory only; nothing is sent anywhere."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from glm_mcp.glm.stream import Usage


@dataclass(slots=True)
class Used:
    """One model's sums."""

    requests: int = 0
    answered: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cached: int = 0
    seconds: float = 0.0
    errors: Counter[str] = field(default_factory=Counter)

    def as_dict(self) -> dict[str, Any]:
        return {
            "requests": self.requests,
            "answered": self.answered,
            "tokens": {"in": self.tokens_in, "out": self.tokens_out, "cached": self.cached},
            "seconds": round(self.seconds, 2),
            "errors": dict(self.errors),
        }


class Meter:
    """Fed by the client after every attempt. What one call uses may be counted apart, in a part of the whole."""

    def __init__(self, whole: Meter | None = None) -> None:
        self._whole = whole
        self._started = time.time()
        self._models: dict[str, Used] = {}

    def count(self, attempt: dict[str, Any], usage: Usage | None = None) -> None:
        """One attempt, as the client writes it down: model, seconds, "ok" or a kind of error."""
        used = self._models.setdefault(attempt["model"], Used())
        used.requests += 1
        used.seconds += attempt["s"]
        if attempt["outcome"] == "ok":
            used.answered += 1
        else:
            used.errors[attempt["outcome"]] += 1
        if usage:
            used.tokens_in += usage.prompt
            used.tokens_out += usage.completion
            used.cached += usage.cached
        if self._whole is not None:
            self._whole.count(attempt, usage)

    @property
    def tokens(self) -> int:
        """In and out, of all models."""
        return sum(used.tokens_in + used.tokens_out for used in self._models.values())

    def report(self) -> dict[str, Any]:
        since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._started))
        return {"since": since, "models": {name: used.as_dict() for name, used in self._models.items()}}
