"""What this process knows of the calls that it served: sums for whoever runs it, and the last ones for who made them.

In memory, and bounded. What was asked and answered is no part of it.
"""

from __future__ import annotations

import logging
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from glm_mcp.glm.learnt.names import OTHER
from glm_mcp.glm.usage import Meter, Times, Used
from glm_mcp.server.callers.caller import LOCAL, Caller
from glm_mcp.tools.base import Content

log = logging.getLogger(__name__)

OK, CANCELLED = "ok", "cancelled"
MODEL_CHARS = 80
CALLS = 50  # that are remembered of one owner
MODELS = 20  # that are told apart in what one owner used
OWNERS = 1_000  # beyond which those who called least lately are forgotten
HOURS = 24
HOUR_S = 3_600


@dataclass(frozen=True, slots=True)
class Past:
    """A call that has ended. `at`: its end, in seconds since 1970. `model`: the one that answered, or was asked last."""

    at: float
    tool: str
    model: str
    outcome: str
    seconds: float
    tokens: int


@dataclass(slots=True)
class Mine:
    """One owner's: the last calls, the newest first, tokens by hour since 1970, and what was used by model."""

    calls: deque[Past] = field(default_factory=lambda: deque(maxlen=CALLS))
    tokens: dict[int, int] = field(default_factory=dict)
    models: dict[str, Used] = field(default_factory=dict)
    since: float = field(default_factory=time.time)

    def usage(self) -> dict[str, Any]:
        since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.since))
        return {"since": since, "models": {name: used.as_dict() for name, used in self.models.items()}}

    def add(self, past: Past, models: Mapping[str, Used]) -> None:
        for model, used in models.items():
            name = model if model in self.models or len(self.models) < MODELS else OTHER
            self.models.setdefault(name[:MODEL_CHARS], Used()).add(used)
        self.calls.appendleft(past)
        hour = int(past.at // HOUR_S)
        self.tokens[hour] = self.tokens.get(hour, 0) + past.tokens
        for old in [h for h in self.tokens if h <= hour - HOURS]:
            del self.tokens[old]


class Now:
    """One call that runs. `meter`: of what it uses, once it was admitted; `content`: its result, once there is one."""

    def __init__(self) -> None:
        self.meter: Meter | None = None
        self.content: Content | None = None


class Tally:
    """`known`: the models that are counted by their names; a caller may name any. `clock`: seconds since 1970."""

    def __init__(self, known: Collection[str] = (), clock: Callable[[], float] = time.time) -> None:
        self.outcomes: Counter[tuple[str, str]] = Counter()  # by tool and kind
        self.running: Counter[str] = Counter()  # by tool
        self.times: dict[str, Times] = {}  # by tool
        self.tokens: Counter[tuple[str, str, str]] = Counter()  # by tool, model, and "in", "out" or "cached"
        self._known = known
        self._clock = clock
        self._owners: OrderedDict[str, Mine] = OrderedDict()

    def named(self, model: str) -> str:
        """What a model is called among the sums."""
        return model if model in self._known else OTHER

    def of(self, owner: str) -> Mine:
        return self._owners.get(owner, Mine())

    @contextmanager
    def call(self, tool: str, caller: Caller) -> Iterator[Now]:
        """While a call runs: counted and logged at its end, as cancelled where it has no result then."""
        now, begun = Now(), time.monotonic()
        self.running[tool] += 1
        try:
            yield now
        finally:
            self.running[tool] -= 1
            self._end(now, tool, caller, time.monotonic() - begun)

    def _end(self, now: Now, tool: str, caller: Caller, seconds: float) -> None:
        facts = now.content.meta.get("glm", {}) if now.content else {}
        outcome = CANCELLED
        if now.content:
            outcome = facts.get("error", {}).get("kind", "failed") if now.content.error else OK
        self.outcomes[tool, outcome] += 1
        self.times.setdefault(tool, Times()).add(seconds)
        models = now.meter.models if now.meter else {}
        for model, used in models.items():
            counts = {"in": used.tokens_in, "out": used.tokens_out, "cached": used.cached}
            for direction, count in counts.items():
                self.tokens[tool, self.named(model), direction] += count
        model = (facts.get("model") or next(reversed(models), ""))[:MODEL_CHARS]
        tokens = now.meter.tokens if now.meter else 0
        past = Past(self._clock(), tool, model, outcome, seconds, tokens)
        self._mine(caller.owner).add(past, models)
        _log(past, caller, now.content, facts.get("error", facts).get("request_id", "-"))

    def _mine(self, owner: str) -> Mine:
        mine = self._owners.setdefault(owner, Mine())
        self._owners.move_to_end(owner)
        if len(self._owners) > OWNERS:
            self._owners.popitem(last=False)
        return mine


def _log(past: Past, caller: Caller, content: Content | None, ident: str) -> None:
    if not log.isEnabledFor(logging.INFO):
        return
    whose = f" for {caller.name}" if caller is not LOCAL else ""
    size = len(content.text) if content else 0
    facts: dict[str, Any] = {
        "event": "call",
        "caller": caller.name,
        "tool": past.tool,
        "outcome": past.outcome,
        "seconds": round(past.seconds, 3),
        "model": past.model,
        "tokens": past.tokens,
        "service_request": ident,
    }
    log.info(
        "%s%s: %s in %.2f s, %s characters, request id %s",
        *(past.tool, whose, past.outcome, past.seconds, size, ident),
        extra={"facts": facts},
    )
