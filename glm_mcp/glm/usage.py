"""What this process has used, by model: requests, tokens, errors, time. In memory only; nothing is sent anywhere."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from glm_mcp.glm.json_shape import dict_of
from glm_mcp.glm.learnt.names import OTHER, Names

ERRORS = 40  # kinds of one model's errors that are told apart: a service may send any code
BOUNDS_S = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0)


MOST_TOKENS = 100_000_000  # of one answer; the largest window has a hundredth of it


@dataclass(slots=True)
class Usage:
    prompt: int = 0
    completion: int = 0
    cached: int = 0
    reasoning: int = 0

    def add(self, other: Usage) -> None:
        """What another call for the same result used."""
        self.prompt += other.prompt
        self.completion += other.completion
        self.cached += other.cached
        self.reasoning += other.reasoning

    @classmethod
    def read(cls, raw: Any) -> Usage:
        if not isinstance(raw, dict):
            return cls()
        return cls(
            _int(raw.get("prompt_tokens")),
            _int(raw.get("completion_tokens")),
            _int(dict_of(raw.get("prompt_tokens_details")).get("cached_tokens")),
            _int(dict_of(raw.get("completion_tokens_details")).get("reasoning_tokens")),
        )


def _int(value: Any) -> int:
    """A count of tokens. JSON as Python reads it may hold NaN and Infinity, and a service anything."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return 0
    if isinstance(value, float) and not isfinite(value):
        return 0
    return min(max(int(value), 0), MOST_TOKENS)


@dataclass(slots=True)
class Times:
    """How long something took: how often up to each of BOUNDS_S and beyond, and the sum in seconds."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_S) + 1))
    total: float = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(BOUNDS_S, seconds)] += 1
        self.total += seconds

    def plus(self, other: Times) -> Times:
        counts = [a + b for a, b in zip(self.counts, other.counts, strict=True)]
        return Times(counts, self.total + other.total)


@dataclass(slots=True)
class Used:
    """One model's sums. `retries`: asked once more in one call; `stood_in`: answered where another should have."""

    requests: int = 0
    answered: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cached: int = 0
    seconds: float = 0.0
    errors: Counter[str] = field(default_factory=Counter)
    retries: int = 0
    stood_in: int = 0
    times: Times = field(default_factory=Times)
    first_bytes: Times = field(default_factory=Times)

    def add(self, other: Used) -> None:
        """What was used in one call; of times the sum alone."""
        self.requests += other.requests
        self.answered += other.answered
        self.tokens_in += other.tokens_in
        self.tokens_out += other.tokens_out
        self.cached += other.cached
        self.seconds += other.seconds
        for outcome, times in other.errors.items():
            self.failed(outcome, times)

    def failed(self, outcome: str, times: int = 1) -> None:
        known = outcome in self.errors or len(self.errors) < ERRORS
        self.errors[outcome if known else OTHER] += times

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

    def __init__(self, whole: Meter | None = None, names: Names | None = None) -> None:
        """`names`: under which models are counted; those of `whole`, for a part of it."""
        self._whole = whole
        self._names: Names = whole._names if whole else names or Names()  # noqa: SLF001 - its own class
        self._started = time.time()
        self.models: defaultdict[str, Used] = defaultdict(Used)

    def count(self, attempt: dict[str, Any], usage: Usage | None = None) -> None:
        """One attempt, as the client writes it down: model, seconds, "ok" or a kind of error."""
        used = self.of(attempt["model"])
        used.requests += 1
        used.seconds += attempt["s"]
        used.times.add(attempt["s"])
        if attempt["outcome"] == "ok":
            used.answered += 1
        else:
            used.failed(attempt["outcome"])
        if usage:
            used.tokens_in += usage.prompt
            used.tokens_out += usage.completion
            used.cached += usage.cached
        if self._whole is not None:
            self._whole.count(attempt, usage)

    def of(self, model: str) -> Used:
        return self.models[self._names(model)]

    def retried(self, model: str) -> None:
        for meter in self._and_whole():
            meter.of(model).retries += 1

    def began(self, model: str, after_s: float) -> None:
        """Its answer began after so long."""
        for meter in self._and_whole():
            meter.of(model).first_bytes.add(after_s)

    def stood_in(self, model: str) -> None:
        """It answered in the place of another."""
        for meter in self._and_whole():
            meter.of(model).stood_in += 1

    def _and_whole(self) -> list[Meter]:
        return [self] if self._whole is None else [self, *self._whole._and_whole()]  # noqa: SLF001 - its own class

    @property
    def tokens(self) -> int:
        """In and out, of all models."""
        return sum(used.tokens_in + used.tokens_out for used in self.models.values())

    def report(self) -> dict[str, Any]:
        since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._started))
        return {"since": since, "models": {name: used.as_dict() for name, used in self.models.items()}}
