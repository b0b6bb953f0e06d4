"""Health over several replicas: every replica hears what the others met at a model, and remembers it as its own.

So reading costs nothing. A replica that starts reads what was told in the last hour.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import anyio

from glm_mcp.glm.learnt.health import Health
from glm_mcp.glm.learnt.names import Names
from glm_mcp.text import one_line

EVENTS: dict[str, Callable[[Health, str, Any], None]] = {
    "refused": Health.refused,
    "hung": Health.hung,
    "spoke": Health.spoke,
    "answered": Health.answered,
    "lost": Health.lost,
}


MODELS = 200  # that are remembered: a message names any
LONGEST_S = 86_400.0  # of a wait or an answer
REASON_CHARS = 300


class SharedHealth(Health):
    """`tell(model, words, soon)` brings an event to the other replicas, `soon` or with the next thing to be said."""

    def __init__(
        self, rest: tuple[float, float], tell: Callable[[str, str, bool], None], names: Names | None = None
    ) -> None:
        super().__init__(rest, self._then, names)
        self._tell = tell
        self._age = 0.0

    def refused(self, model: str, wait: float = 0.0) -> None:
        super().refused(model, wait)
        self._say("refused", model, wait)

    def hung(self, model: str, silent_s: float) -> None:
        super().hung(model, silent_s)
        self._say("hung", model, silent_s, soon=True)

    def spoke(self, model: str, after_s: float) -> None:
        back = self.of(model).rests > 0
        super().spoke(model, after_s)
        self._say("spoke", model, after_s, soon=back)

    def answered(self, model: str, took_s: float) -> None:
        super().answered(model, took_s)
        self._say("answered", model, took_s)

    def lost(self, model: str, why: str) -> None:
        super().lost(model, why)
        self._say("lost", model, why)

    def hear(self, words: str, age_s: float = 0.0) -> None:
        """What another replica met so many seconds ago. Raises errors of `BAD_WORDS` for what none would say."""
        event, model, value = json.loads(words)
        told = _reason(value) if event == "lost" else _seconds(value)
        if type(model) is not str or (model not in self._models and len(self._models) >= MODELS):
            raise ValueError("no model that anybody asks")
        self._age = age_s
        try:
            EVENTS[event](self, model, told)
        finally:
            self._age = 0.0

    def _say(self, event: str, model: str, value: float | str, *, soon: bool = False) -> None:
        self._tell(model, json.dumps([event, model, value]), soon)

    def _then(self) -> float:
        return anyio.current_time() - self._age


def _seconds(value: Any) -> float:
    """Raises ValueError, TypeError."""
    if not 0 <= float(value) <= LONGEST_S:
        raise ValueError("no time that a call takes")
    return float(value)


def _reason(value: Any) -> str:
    return one_line(str(value))[:REASON_CHARS]
