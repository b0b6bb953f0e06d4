"""How the service fares over time: spells of calm and of overload a model, and what a request meets in them.

Everything follows from seed, model and second alone. Which models a client asks, and how often, changes nothing for the
others, and whoever knows the seed knows what would have been answered when.
"""

import random
import threading
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, replace

from glm_mcp.simulator.script import Fault

Range = tuple[float, float]
# What a request meets is drawn anew for each of these parts of a second.
_CELLS = 100
# An answer has begun after this share of its time.
_BEGUN = 0.3


@dataclass(frozen=True, kw_only=True)
class Climate:
    """One model's weather. `calm_s` and `overloaded_s`: mean seconds of a spell, exponential; no overload when that is 0.

    While overloaded, a share of `hangs` requests says nothing for `hang_s` and is then answered; of the others a share
    of `refusals` is refused with 1305 after `refusal_s` (of those, `in_200` with status 200). All else is answered in
    `answer_s`, the silence before the first byte included.
    """

    calm_s: float = 60.0
    overloaded_s: float = 0.0
    hangs: float = 0.0
    refusals: float = 0.93
    in_200: float = 0.1
    hang_s: Range = (24.0, 77.0)
    refusal_s: Range = (0.3, 3.0)
    answer_s: Range = (1.0, 8.0)

    def scaled(self, factor: float) -> "Climate":
        def times(pair: Range) -> Range:
            return pair[0] * factor, pair[1] * factor

        return replace(
            self,
            calm_s=self.calm_s * factor,
            overloaded_s=self.overloaded_s * factor,
            hang_s=times(self.hang_s),
            refusal_s=times(self.refusal_s),
            answer_s=times(self.answer_s),
        )


@dataclass(frozen=True)
class Spell:
    """A time without change, in seconds since the weather began; `until` is infinite for a model that is always calm."""

    overloaded: bool
    since: float
    until: float


# The figures of `bad` are chosen after users' reports of evenings in autumn 2026: the two newest models are refused or
# silent most of the time, the oldest text model hardly ever. Hangs are reported of the newest alone; the two small
# models were seen to answer at once, glm-4v-flash in 0.9 to 1.6 s.
_NEW = Climate(calm_s=15, overloaded_s=45, hangs=0.15)
_THINKING = Climate(calm_s=40, overloaded_s=30)
_SMALL = (1.0, 3.0)
PRESETS: dict[str, dict[str, Climate]] = {
    "calm": {},
    "bad": {
        "glm-4.7-flash": _NEW,
        "glm-4.6v-flash": _NEW,
        "glm-4.1v-thinking-flash": _THINKING,
        "glm-4v-flash": Climate(calm_s=60, overloaded_s=20, answer_s=_SMALL),
        "glm-4-flash-250414": Climate(calm_s=120, overloaded_s=15, answer_s=_SMALL),
        "cogview-3-flash": _THINKING,
    },
}


class Weather:
    """The weather of all models, `others` for those that `climates` does not name. May be asked from any thread."""

    def __init__(self, climates: Mapping[str, Climate], seed: int = 0, others: Climate | None = None) -> None:
        self.climates, self.seed, self.others = dict(climates), seed, others or Climate()
        self._spells: dict[str, _Spells] = {}
        self._lock = threading.Lock()

    @classmethod
    def preset(cls, name: str, seed: int = 0, scale: float = 1.0) -> "Weather":
        """One of PRESETS, every duration times `scale`. Raises ValueError: no such preset."""
        if name not in PRESETS:
            raise ValueError(f"no weather {name!r}; there are {', '.join(PRESETS)}")
        climates = {model: climate.scaled(scale) for model, climate in PRESETS[name].items()}
        return cls(climates, seed, Climate().scaled(scale))

    def climate(self, model: str) -> Climate:
        return self.climates.get(model, self.others)

    def state(self, model: str, t: float) -> Spell:
        """The spell that a model is in at second `t`."""
        with self._lock:
            if model not in self._spells:
                self._spells[model] = _Spells(
                    self.climate(model), random.Random(f"{self.seed} {model} spells")
                )
            return self._spells[model].at(t)

    def fate(self, model: str, t: float) -> Fault:
        """What a request meets that arrives at second `t`: `slow_answer`, `error` or `error_in_200`."""
        climate = self.climate(model)
        draw = random.Random(f"{self.seed} {model} {int(t * _CELLS)}")
        hangs, refuses, in_200 = (
            draw.random() < share for share in (climate.hangs, climate.refusals, climate.in_200)
        )
        hang, refusal, answer = (
            draw.uniform(*pair) for pair in (climate.hang_s, climate.refusal_s, climate.answer_s)
        )
        silence = answer * _BEGUN
        if self.state(model, t).overloaded:
            if hangs:
                silence += hang
            elif refuses:
                return Fault("error_in_200" if in_200 else "error", code="1305", delay_s=refusal)
        return Fault("slow_answer", delay_s=silence, seconds=answer * (1 - _BEGUN))


class _Spells:
    """One model's spells as the times of their ends, made as far as somebody has asked."""

    def __init__(self, climate: Climate, draw: random.Random) -> None:
        self._means = climate.calm_s, climate.overloaded_s
        self._draw = draw
        self._ends: list[float] = []
        # Overload at the start is as likely as at any other time.
        self._first = draw.random() * sum(self._means) < climate.overloaded_s

    def at(self, t: float) -> Spell:
        if not self._means[1]:
            return Spell(overloaded=False, since=0.0, until=float("inf"))
        while not self._ends or self._ends[-1] <= t:
            mean = self._means[self._overloaded(len(self._ends))]
            self._ends.append((self._ends[-1] if self._ends else 0.0) + self._draw.expovariate(1 / mean))
        number = bisect_right(self._ends, t)
        since = self._ends[number - 1] if number else 0.0
        return Spell(self._overloaded(number), since, self._ends[number])

    def _overloaded(self, number: int) -> bool:
        return self._first != bool(number % 2)
