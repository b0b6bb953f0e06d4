"""One call on its way: how each model stands in it, which of them is heard first, and what became of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import monotonic  # asyncio's clock; anyio looks for the event loop each time, forty times a call
from typing import Any, Generic, TypeVar

import anyio

from glm_mcp.deadline import AWAKE_S, OVERSLEPT_S
from glm_mcp.errors import Again, GLMError, QuotaError
from glm_mcp.glm.calls import Job, Work
from glm_mcp.glm.learnt.health import Health
from glm_mcp.glm.network.failures import unreached
from glm_mcp.glm.policy import (
    Ask,
    End,
    Leave,
    Pace,
    Phase,
    Standing,
    Wait,
    first_byte_s,
    in_time,
    last_wait,
    next_step,
)
from glm_mcp.glm.progress import Progress
from glm_mcp.glm.usage import Meter, Usage
from glm_mcp.registry import Card

T = TypeVar("T")
# Statuses, and a code; engines answer so to a grammar or a picture that they cannot take.
_BROKEN = {500, 501, "500"}
_ASKED = frozenset({Phase.SILENT, Phase.SPEAKING})
UNREACHED_S = 20.0  # [guess] a machine that wakes has its network within some ten seconds


def beginning(chosen: Card, work: Work[Any], health: Health, pace: Pace) -> Standing:
    """How a model stands before it is asked."""
    tokens, media = work.weight(chosen)
    budget = first_byte_s(health.first_byte_s(chosen), tokens, media) * pace.patience
    stall = math.inf if work.pauses else max(budget, pace.stall_s)
    return Standing(chosen, budget, health.usual_s(chosen.id), stall, anew=pace.once, tokens=tokens)


class Race(Generic[T]):
    """The models of one call, asked one after another and, where one is silent too long, beside each other."""

    def __init__(
        self, models: Sequence[Standing], job: Job, *, health: Health, meter: Meter, progress: Progress
    ) -> None:
        self.models, self.job = models, job
        self.started, self.deadline = monotonic(), job.deadline
        self.health, self.meter, self.progress = health, meter, progress
        self.attempts: list[dict[str, Any]] = []
        self.notes: list[str] = []
        self.unreached = 0
        self._away: GLMError | None = None  # why the last that was not reached was not
        self.result: T | None = None
        self.failure: GLMError | None = None
        self._scopes: dict[str, anyio.CancelScope] = {}
        self._unheard: set[str] = set()  # cancelled because another spoke first
        self._changed = anyio.Event()
        self._until = 0.0
        self._refusal = ""  # the last, until a model is asked again

    @property
    def over(self) -> bool:
        return self.result is not None or self.failure is not None

    @property
    def is_heard(self) -> bool:
        """Whether a model answers within its time, so that how the others are does not matter yet."""
        now = monotonic()
        return any(m.phase in _ASKED and m.late_at > now for m in self.models)

    def puts_off(self, deadline: float) -> None:
        """Its time is over later."""
        self.deadline = deadline

    async def change(self, until: float) -> None:
        """Until something happens to one of the models after which there may be something to do, or that time has come."""
        if monotonic() < self.job.yields_at:
            until = min(until, self.job.yields_at)
        self._until = until
        with anyio.move_on_at(until):
            await self._changed.wait()
        self._changed = anyio.Event()
        now = monotonic()
        if now - until > OVERSLEPT_S:  # we were not there to hear what the models said
            for model in self.models:
                model.since = min(now, model.since + now - until + AWAKE_S)
                model.heard_at = min(now, model.heard_at + now - until + AWAKE_S)

    def next_step(self, *, beside: bool) -> Ask | Wait | End:
        """What to do now; a model that hangs is hung up on here."""
        now = monotonic()
        if now >= self.job.yields_at and not self.is_heard:
            self._unheard |= self._scopes.keys()
            return End()
        step = next_step(self.models, started=self.started, now=now, deadline=self.deadline, beside=beside)
        if not isinstance(step, Leave):
            return step
        step.model.anew = True
        self._unheard.add(step.model.card.id)
        self._scopes[step.model.card.id].cancel()
        return Wait(self.deadline)

    def starts(self, model: Standing) -> None:
        """It is about to be asked."""
        self._unheard.discard(model.card.id)
        model.phase, model.since = Phase.QUEUED, monotonic()

    @contextmanager
    def asking(self, model: Standing) -> Iterator[None]:
        """While a model is being asked: until its answer, its refusal, or the first word of another."""
        with anyio.CancelScope() as self._scopes[model.card.id]:
            try:
                yield
            except GLMError as error:  # what was to mend the request failed
                self.failure = error
            finally:
                if model.phase in _ASKED:
                    self._cut_off(model)
                model.phase = Phase.IDLE
                del self._scopes[model.card.id]
                self._changed.set()

    def _cut_off(self, model: Standing) -> None:
        """It is cancelled while it was asked: at the deadline, because another spoke first, or by the caller."""
        now = monotonic()
        silent, late_at = model.phase is Phase.SILENT, model.late_at
        if now >= self.deadline:
            self._note(model, "timeout")
        elif model.card.id in self._unheard:
            self._note(model, "silent")
        else:
            # The service reads what it was asked, though nobody waits for its first word.
            read = Usage(model.tokens) if silent and now < late_at and not model.card.draws else None
            self.meter.count(self._record(model, "cancelled"), read or _guessed(model))
            return
        if now < late_at:
            return
        if silent:
            self.health.hung(model.card.id, now - model.since)
        else:
            self.health.refused(model.card.id)

    def queues(self, place: int) -> None:
        refused = f"{self._refusal}; " if self._refusal else ""
        self.progress.say(f"{refused}queued: place {place}")

    def looks(self) -> None:
        """A model for which it waits pauses: another may be asked meanwhile."""
        self._changed.set()

    def goes_out(self, model: Standing) -> bool:
        """Whether a model that has its place is asked now: not while another is, within its time, nor for an answer that
        would come too late.
        """
        now = monotonic()
        if not in_time(model, self.started, now, self.deadline):
            return False
        asked = [m for m in self.models if m.phase in _ASKED]
        if any(m.late_at > now for m in asked):
            return False
        self._say_asked(model, asked, now)
        model.phase, model.since = Phase.SILENT, now
        model.tries, model.pieces = model.tries + 1, 0
        self._refusal = ""
        if model.tries > 1:
            self.meter.retried(model.card.id)
        self._looks_by(model.late_at)
        return True

    def _looks_by(self, late_at: float) -> None:
        """What is to be done is looked at no later than then; where it is sooner, nobody is woken for it."""
        if late_at < self._until:
            self._changed.set()

    def _say_asked(self, model: Standing, beside: Sequence[Standing], now: float) -> None:
        asked = model.card.id
        if not beside:
            self.progress.say(f"waiting for {asked}")
            return
        first, since = beside[0].card.id, beside[0].since
        if beside[0].phase is Phase.SILENT:
            self.progress.say(f"{first} has not begun after {now - since:.0f} s; asking {asked} too")
        else:
            heard_at = beside[0].heard_at
            self.progress.say(f"{first} has said nothing for {now - heard_at:.0f} s; asking {asked} too")

    def speaks(self, model: Standing) -> None:
        """Its answer begins, or goes on: it is the answer, and the others are cancelled at once."""
        if model.phase not in _ASKED:
            return
        model.heard_at = monotonic()
        model.pieces += 1
        if model.phase is Phase.SILENT:
            model.phase = Phase.SPEAKING
            took = model.heard_at - model.since
            self.health.spoke(model.card.id, took)
            self.meter.began(model.card.id, took)
            self._looks_by(model.late_at)
        for name, scope in self._scopes.items():
            if name != model.card.id and name not in self._unheard:
                self._unheard.add(name)
                scope.cancel()

    def answers(self, model: Standing, result: T) -> None:
        self.result = result
        self.health.answered(model.card.id, monotonic() - model.since)
        self._note(model, "ok", getattr(result, "usage", None))
        model.phase = Phase.IDLE

    def fails(self, model: Standing, error: GLMError) -> None:
        """One try has failed; what follows is decided once it is known whether the request can be changed."""
        self._note(model, error.kind + (f" {error.code}" if error.code else ""))
        model.phase, model.pieces = Phase.SILENT, 0  # counted; it may be asked again at once

    def refuses(self, model: Standing, error: GLMError, *, wait: float, ends: bool, ill: bool) -> None:
        """It cannot or will not answer: not before `wait` seconds, or not in this call at all where it `ends`. `ill`:
        other calls go past it for a while.
        """
        model.phase, model.error = Phase.IDLE, error
        model.refusals += 1
        if error.retry_after is None:  # else it is the service's own wish
            wait = self._last_wait(model, wait)
        model.ready_at = monotonic() + wait
        model.out = ends
        if error.kind == "too_long":  # a longer window alone helps
            for other in self.models:
                other.out = other.out or other.card.context <= model.card.context
        if error.again is Again.NEVER:
            # What an account may not spend on a model that the caller has chosen says nothing of its key.
            of_model = self.job.model and (isinstance(error, QuotaError) or error.code == "1220")
            self.failure = error.but(about="model") if of_model else error
        elif error.again is Again.GONE:
            self.notes.append(
                f"{model.card.id} is not to be had ({error.code or error.kind}): not asked for an hour"
            )
        elif error.again is Again.RETRY and ill and error.about != "answer":
            # What breaks it may be this very request, for which nobody else has to wait.
            broken = error.status in _BROKEN or error.code in _BROKEN
            self.health.refused(model.card.id, 0.0 if broken else wait)
        if not self.over:
            never = ends or model.ready_at >= self.deadline
            after = "" if never else f"; try {model.tries + 1} in {max(wait, 1):.0f} s"
            self._refusal = f"{model.card.id}: {error.kind}{after}"
            self.progress.say(self._refusal)

    def ends(self, *, unconnected: tuple[str, float] | None) -> None:
        """Which models are not to be asked for a while, once the call is over. What all say is said of the account,
        or by a network that wants a login, and may be over soon. `unconnected`: the host to which no connection
        stood, and since when.
        """
        # What has spoken did so over a connection, whatever has become of others since.
        spoke = any(model.pieces for model in self.models)
        if unconnected and not (self.over or spoke):
            self.failure = self._not_reached(*unconnected) or self.failure
        gone = [(m.card.id, m.error) for m in self.models if m.error and m.error.again is Again.GONE]
        if len(gone) < len(self.models):
            for model, error in gone:
                self.health.lost(model, error.message)

    def _not_reached(self, host: str, since: float) -> GLMError | None:
        """Why the network is to blame; None where it may not be. `since`: when no request to it had a connection any more."""
        outcomes = {a["outcome"] for a in self.attempts}
        if self._away and outcomes <= {"timeout", "network"}:
            return self._away
        within = self.deadline - self.started
        # A request that began at the very end had no time for one.
        had_time = self.deadline - max(since, self.started) >= within / 2
        return unreached(host, within) if had_time and outcomes <= {"timeout"} else None

    def unreaches(self, model: Standing, error: GLMError, *, wait: float, ends: bool) -> None:
        """The host was not reached: no model is asked before `wait` seconds, or none at all where that `ends` the call."""
        self.unreached += 1
        self._away = error
        model.phase, model.error = Phase.IDLE, error
        wait = self._last_wait(model, wait)
        for other in self.models:
            other.ready_at = max(other.ready_at, monotonic() + wait)
        if ends:
            took = monotonic() - self.started
            times = f"; tried {self.unreached} times in {took:.0f} s" if self.unreached > 1 else ""
            self.failure = error.but(message=f"{error.message}{times}")
        else:
            self.progress.say(f"{error.message}; try {self.unreached + 1} in {max(wait, 1):.0f} s")

    def _last_wait(self, model: Standing, wait: float) -> float:
        now = monotonic()
        return last_wait(wait, model, started=self.started, now=now, deadline=self.deadline)

    def may_wait(self, wait: float) -> bool:
        """Whether a host that was never reached is asked after so long, where its address cannot be wrong: a network
        comes back, but not every one does.
        """
        after, whole = monotonic() + wait - self.started, self.deadline - self.started
        return after < min(UNREACHED_S, whole / 2)

    def _record(self, model: Standing, outcome: str) -> dict[str, Any]:
        took = monotonic() - model.since
        return {"model": model.card.id, "s": round(took, 2), "outcome": outcome}

    def _note(self, model: Standing, outcome: str, usage: Usage | None = None) -> None:
        self.attempts.append(self._record(model, outcome))
        self.meter.count(self.attempts[-1], usage if usage and usage.prompt else _guessed(model))


def _guessed(model: Standing) -> Usage | None:
    """What an answer has used whose end, with the service's own count, did not come: who hangs up before it would pay
    nothing. A piece is a token, mostly.
    """
    if model.card.draws or model.phase is not Phase.SPEAKING:
        return None
    return Usage(model.tokens, model.pieces)
