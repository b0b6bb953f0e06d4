"""One row of the fault matrix: what goes wrong, and what the call is to make of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from glm_mcp.simulator import Fault

TEXT = "One sentence that the model wrote, and a second one."
ARRIVED = ("request id", "What had arrived (not complete):", "[simulated")
WHOLE = "No model was asked."  # the end of what the simulator says of its own accord
MODEL, STAND_IN, PAINTER = "glm-4.7-flash", "glm-4.6v-flash", "cogview-3-flash"
CHAIN = (MODEL, STAND_IN, "glm-4-flash-250414")
IN_5_S = "a date 5 s from now"

RETRIED, NEXT, TOLD, AT_ONE_GO, OWN_WAIT = "retried", "next model", "told when", "failed at once", "own wait"
ROUNDS, BESIDE, ALL_ONCE = "to the end of the time", "another beside it", "each once"


@dataclass(frozen=True)
class Row:
    """`want`: ok, partial, or the kind of the error. `models`: who is to be asked, in order; where `asked` is ROUNDS that of
    the first round, and more follow while there is time. `says`: words of the text.

    `asked`: the class of the fault. `given`: more arguments of the call. `named`: the call names its model, which then has
    no stand-in. `floor`: seconds that must pass beside our own waits. `waits`: how many of these there are; all between
    two tries when it is None. `way`: what stands in for the service where the simulator cannot misbehave so. `note`: what
    a reader must know.
    """

    name: str
    want: str
    models: tuple[str, ...]
    fault: Fault | None = None
    says: tuple[str, ...] = ()
    asked: str = ""
    named: bool = True
    floor: float = 0.0
    waits: int | None = None
    tool: str = "chat"
    given: Mapping[str, Any] = field(default_factory=dict)
    way: str = ""
    note: str = ""

    @property
    def own_waits(self) -> int:
        return max(0, len(self.models) - 1) if self.waits is None else self.waits


def once(times: int = 1) -> tuple[str, ...]:
    return (MODEL,) * max(1, times)


def as_tried(tries: int) -> str:
    """The class of a fault that stays, by how often a model is asked: 0 means while there is time."""
    return AT_ONE_GO if tries == 1 else RETRIED if tries else ROUNDS
