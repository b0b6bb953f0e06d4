"""How many calls at once a model takes, learnt from its answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

FIRST_PROBE_S = 20.0  # wait before trying again a level that was refused; doubles with each refusal there
LONGEST_PROBE_S = 1_800.0
CEILING = 64
RUN = 50  # attempts served in a row before one more at once is tried: a refusal costs a request and a wait


@dataclass(slots=True, eq=False)
class Grant:
    """Under which limit an attempt goes out, and what its holder says became of it before it gives its place back.

    `epoch`: how often the limit had been halved before. `served`, or `refused` for too many at once; neither says nothing.
    `pause_s`: nobody else is given a place for so long.
    """

    level: int
    epoch: int
    served: bool = False
    refused: bool = False
    pause_s: float = 0.0


class Level:
    """A limit that grows by one after a run of successes and halves when refused."""

    def __init__(self, start: int, ceiling: int | None, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.limit = start
        self.ceiling = ceiling or CEILING
        self._run = 0
        self._epoch = 0
        self._waits: dict[int, float] = {}  # level → how long its last refusal closed it
        self._opens: dict[int, float] = {}  # level → when it may be tried again

    def grant(self) -> Grant:
        return Grant(self.limit, self._epoch)

    def learn(self, grant: Grant) -> None:
        """What became of an attempt."""
        if grant.refused:
            self._refused(grant)
        elif grant.served:
            self._served(grant)

    def _served(self, grant: Grant) -> None:
        # One that went out under another limit says nothing about this one.
        if (grant.level, grant.epoch) != (self.limit, self._epoch):
            return
        self._run += 1
        level = self.limit + 1
        if level > self.ceiling or self._run < max(RUN, self.limit):
            return
        now = self._clock()
        if any(now < opens for refused, opens in self._opens.items() if refused <= level):
            return
        self._run = 0
        self.limit = level

    def _refused(self, grant: Grant) -> None:
        self._run = 0
        if grant.epoch != self._epoch:  # refusals of one burst count once
            return
        self._epoch += 1
        level = grant.level  # the limit may have grown while the refusal was on its way
        wait = min(LONGEST_PROBE_S, self._waits[level] * 2) if level in self._waits else FIRST_PROBE_S
        self._waits[level] = wait
        self._opens[level] = self._clock() + wait
        self.limit = max(1, level // 2)
