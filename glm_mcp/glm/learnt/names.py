"""Under which name what is learnt of a model is kept: a caller may name any."""

from __future__ import annotations

from collections.abc import Iterable

from glm_mcp.registry import CARDS

MODELS = 200  # that no card and no setting names, and that are told apart
OTHER = "other"  # those after them, together
LONGEST = 200  # characters of a name


class Names:
    """`own`: the models of the settings, which are told apart whatever callers name."""

    def __init__(self, own: Iterable[str | None] = ()) -> None:
        self._own = {*CARDS, *(name for name in own if name)}
        self._met: set[str] = set()

    def __call__(self, model: str) -> str:
        if model in self._own or model in self._met:
            return model
        if len(self._met) >= MODELS or len(model) > LONGEST:
            return OTHER
        self._met.add(model)
        return model
