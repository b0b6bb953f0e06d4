"""What a process remembers of each model: whether it refused or hung a moment ago, is gone, and how soon it begins to
answer.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from time import monotonic
from typing import Any

from glm_mcp.errors import GLMError, TooLong
from glm_mcp.glm.learnt.names import Names
from glm_mcp.registry import Card

# Behind the healthy ones after a refusal or a hang: first, doubled each time, and longest.
REST_S = (10.0, 300.0)
PAUSE = 0.2  # of the first rest: how long no call asks a model that has just refused one
GONE_S = 3_600.0  # a model that is not there, or takes no films, is not asked for so long
FILMS = 100  # refused by one model, whose refusals are remembered
REMEMBERED = 20  # first bytes and answers
SHORTEST_S = 3.0  # no model is called late sooner, however fast it has been
PATIENCE = 3.0  # times the middle of its last first bytes
GROWTH = 1.25  # of the time of a model that was silent to its end
LONGEST = 1.5  # times the card's figure, however slow it has been
USUAL_S = 1.0  # what an answer takes while none was seen


@dataclass(slots=True)
class Model:
    """One model's health. Times on anyio's clock."""

    rests: int = 0
    rests_until: float = 0.0
    pauses_until: float = 0.0
    gone_until: float = 0.0
    gone: str = ""
    first_bytes: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    answers: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED))


class Health:
    """All models' health, fed by the client after every attempt."""

    def __init__(
        self,
        rest: tuple[float, float] = REST_S,
        clock: Callable[[], float] = monotonic,
        names: Names | None = None,
    ) -> None:
        self._rest, self._clock = rest, clock
        self._names = names or Names()
        self._pause = rest[0] * PAUSE
        self._models: defaultdict[str, Model] = defaultdict(Model)

    def of(self, model: str) -> Model:
        return self._models[self._names(model)]

    def refused(self, model: str, wait: float = 0.0) -> None:
        """It refused, failed or hung; the call waits so long before it asks again, and so do the others, within a bound.

        Refusals of one spell count once: those that come while it rests already do not.
        """
        self._rests(model, wait)

    def _rests(self, model: str, wait: float) -> None:
        known, now = self.of(model), self._clock()
        known.pauses_until = max(known.pauses_until, now + min(wait, self._pause))
        if now < known.rests_until:
            return
        first, longest = self._rest
        known.rests_until = now + min(longest, first * 2.0 ** min(known.rests, 20))
        known.rests += 1

    def hung(self, model: str, silent_s: float) -> None:
        """It was silent for so long, and another answered meanwhile."""
        # It may just be slow: where most are silent to the end of their time, that time grows.
        self.of(model).first_bytes.append(GROWTH * silent_s / PATIENCE)
        self._rests(model, 0.0)

    def spoke(self, model: str, after_s: float) -> None:
        """Its answer began after so long."""
        known = self.of(model)
        known.first_bytes.append(after_s)
        known.rests, known.rests_until, known.gone_until = 0, 0.0, 0.0

    def answered(self, model: str, took_s: float) -> None:
        self.of(model).answers.append(took_s)

    def lost(self, model: str, why: str) -> None:
        """It is gone, closed or paid. Of several models that have one name together that is said of none."""
        if self._names(model) != model:
            return
        known = self.of(model)
        known.gone_until, known.gone = self._clock() + GONE_S, why

    def gone(self, model: str) -> str:
        """Why it is not asked at present; empty when it may be."""
        known = self.of(model)
        return known.gone if self._clock() < known.gone_until else ""

    def first_byte_s(self, card: Card) -> float:
        """How long a model may be silent before another is asked as well: from its card, then from what it took."""
        known = self.of(card.id)
        took = known.first_bytes
        learnt = PATIENCE * median(took) if len(took) > 2 else card.first_byte_s
        if known.rests:  # it has not answered since it refused or hung
            learnt /= 2
        return min(LONGEST * card.first_byte_s, max(SHORTEST_S, learnt))

    def usual_s(self, model: str) -> float:
        took = self.of(model).answers
        return median(took) if took else USUAL_S

    def report(self) -> dict[str, Any]:
        """By model: seconds that it still rests or is left alone, and what its first bytes and answers take."""
        now = self._clock()
        return {
            name: {
                "rests_s": round(max(0.0, m.rests_until - now), 1),
                "gone_s": round(max(0.0, m.gone_until - now)),
                "gone": self.gone(name),
                "first_byte_s": round(median(m.first_bytes), 2) if m.first_bytes else None,
                "answer_s": round(median(m.answers), 2) if m.answers else None,
            }
            for name, m in self._models.items()
        }


class RefusedFilms:
    """Which models take no whole films: by their card, or refused here of late. One odd film says little: only two different
    ones of one owner speak for that owner, and those of two for all; and nothing those that came with too many words, which
    any caller may write. `owner`: whose film it is.
    """

    def __init__(
        self,
        card: Callable[[str], Card],
        names: Names | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._card, self._names, self._clock = card, names or Names(), clock
        self._films: dict[str, dict[tuple[str, str], tuple[GLMError, float]]] = {}

    def add(self, model: str, owner: str, digest: str, why: GLMError) -> None:
        if isinstance(why, TooLong):
            return
        films = self._films.setdefault(self._names(model), {})
        films[owner, digest] = why, self._clock()
        if len(films) > FILMS:
            del films[next(iter(films))]

    def refusal(self, model: str, owner: str, digest: str) -> GLMError | None:
        """Why this very film was refused before."""
        return self._of_late(self._names(model)).get((owner, digest))

    def takes_none(self, model: str, owner: str) -> bool:
        # What several models have together speaks for none.
        owners = [whose for whose, _ in self._of_late(model)]
        return not self._card(model).video_data or owners.count(owner) > 1 or len({*owners}) > 1

    def _of_late(self, name: str) -> dict[tuple[str, str], GLMError]:
        since = self._clock() - GONE_S
        return {film: why for film, (why, at) in self._films.get(name, {}).items() if at > since}
