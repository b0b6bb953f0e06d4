"""A call that wants a place, and how the calls of several callers stand in a queue that orders by times."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import anyio

from glm_mcp.glm.learnt.level import Grant
from glm_mcp.glm.learnt.limiter import Hear
from glm_mcp.glm.threads import share_of_caller


@dataclass(slots=True, eq=False)
class Call:
    """`caller`: None where they are not told apart."""

    id: str
    since: float
    on_position: Hear
    on_pause: Callable[[], None]
    caller: anyio.Semaphore | None = field(default_factory=share_of_caller)
    event: anyio.Event = field(default_factory=anyio.Event)
    grant: Grant | None = None
    began: float = 0.0
    ticket: int | None = None  # its place and the turns before it: the place is what is left of it
    told: int = 0


def due_of(calls: Iterable[Call], turn_s: float) -> Callable[[Call], float]:
    """By what a call stands in the queue: when it began, but as if each caller had begun their next one only when the one
    before had had its turn. Hundreds of calls of one would take all the time of another's; those of one caller keep their
    order. `calls`: all of this replica that wait or run; `turn_s`: for a call of a caller who is alone.
    """
    own: defaultdict[anyio.Semaphore, list[float]] = defaultdict(list)
    for call in calls:
        if call.caller is not None:
            own[call.caller].append(call.since)
    for began in own.values():
        began.sort()

    def due(call: Call) -> float:
        before = 0 if call.caller is None else bisect_left(own[call.caller], call.since)
        return call.since + before * turn_s * len(own)

    return due
