"""The shared core: one call to GLM, with everything that a call may need done about it.

`chat` and `generate_image` go through three functions: `_run` (which model), `_ask` (which attempt), `_try` (one try).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import anyio

from glm_mcp.errors import (
    Again,
    ConfigError,
    GLMError,
    InvalidRequest,
    NetworkError,
    RateLimited,
)
from glm_mcp.glm import telemetry
from glm_mcp.glm.calls import Answer, Drawing, Job, OnEvent, Work
from glm_mcp.glm.chat_call import ChatCall, counted
from glm_mcp.glm.draw_call import DrawCall
from glm_mcp.glm.engine import Engine, served_names, with_bytes
from glm_mcp.glm.findings import UNASKED, Findings
from glm_mcp.glm.health import REST_S, Health, RefusedFilms
from glm_mcp.glm.late import late_answer
from glm_mcp.glm.limiter import Limiter
from glm_mcp.glm.messages import ChatRequest, Dialect, Text
from glm_mcp.glm.policy import (
    Ask,
    Phase,
    Standing,
    Unable,
    Wait,
    delay,
    ends_call,
    ends_model,
    first_byte_s,
    next_step,
    no_model,
    unable,
    unable_to_draw,
)
from glm_mcp.glm.race import Race
from glm_mcp.glm.transport import Transport
from glm_mcp.glm.usage import Meter
from glm_mcp.progress import Progress
from glm_mcp.registry import CHAINS, Card, Endpoint, card, endpoint, place
from glm_mcp.settings import KEY_PAGE, Settings

T = TypeVar("T")

LONG_TEXT = 50_000  # characters from which on a request is counted in a thread


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a call goes on, in seconds. `waits`: after a model's first refusal in a call, and at most; doubled between.
    `rest`: how long a model that refused goes behind the others in later calls, likewise. `patience`: times each model's
    first-byte budget.
    """

    waits: tuple[float, float] = (1.0, 8.0)
    rest: tuple[float, float] = REST_S
    patience: float = 1.0


class GLMClient:
    """One per process. Everything that is shared between calls is here: connections, limiters, what was learnt."""

    def __init__(
        self,
        settings: Settings,
        *,
        transport: Transport | None = None,
        findings: Findings = UNASKED,
        pace: Pace = Pace(),
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.settings = settings
        self.transport = transport or Transport()
        self.home = endpoint(settings.base_url)
        self.engine = Engine(self.home.url) if self.home.compatible else None
        self.meter = Meter()
        self.health = Health(pace.rest)
        self.findings = findings
        self.refused_films = RefusedFilms(self.card)
        self._pace, self._chance = pace, chance
        self._limiters: dict[str, Limiter] = {}
        self._dialects: dict[str, Dialect] = {}
        self._counting = anyio.Lock()

    async def chat(self, request: ChatRequest, job: Job, progress: Progress) -> Answer:
        """The model's answer.

        Raises GLMError of any kind; it carries what had arrived in `partial`.
        """
        long = (
            sum(len(p.text) for m in request.messages for p in m.parts() if isinstance(p, Text)) > LONG_TEXT
        )
        if long or self._counting.locked():
            async with self._counting:  # one by one: the parts of a long work keep their order
                request = await counted(request) if long else request
        if self.engine is not None:
            await self.meet()
            request = await with_bytes(request, job.inline)
        chain = self._candidates(job, lambda c: unable(c, self.home, request, job.task))
        call = ChatCall(self._post, request, job, progress, dialects=self._dialects, engine=self.engine)
        race = await self._run(call, chain, job, progress)
        answer = race.result or late_answer(call, race, job)
        answer.seconds, answer.attempts = anyio.current_time() - race.started, race.attempts
        answer.notes = [*race.notes, *answer.notes]
        first = self.models(job.role, job.model)[0].id
        answer.fallback = _instead_of(first, answer, self._why_unasked(first))
        return answer

    async def generate_image(self, body: dict[str, Any], job: Job, progress: Progress) -> Drawing:
        """Asks for one picture; `body` without its model. Not repeated once the request went out and its answer was lost."""
        await self.meet()
        chain = self._candidates(job, lambda c: unable_to_draw(c, self.home))
        call = DrawCall(self._post, body, engine=self.engine is not None)
        race = await self._run(call, chain, job, progress)
        if race.result is None:
            raise race.error()
        race.result.seconds, race.result.attempts = anyio.current_time() - race.started, race.attempts
        return race.result

    async def _run(self, work: Work[T], chain: Sequence[Card], job: Job, progress: Progress) -> Race[T]:
        """Which model. deadline( models( attempts( slot( attempt ) ) ) ); a slot is held for an attempt only."""
        standings = [self._standing(c, work) for c in chain]
        race: Race[T] = Race(
            standings, deadline=job.deadline, health=self.health, meter=self.meter, progress=progress
        )
        with anyio.move_on_at(job.deadline):
            async with anyio.create_task_group() as asked:
                while not race.over:
                    for model in race.models:
                        self._look_at(model)
                    step = next_step(
                        race.models,
                        started=race.started,
                        now=anyio.current_time(),
                        deadline=job.deadline,
                        beside=work.beside,
                    )
                    if isinstance(step, Ask):
                        race.starts(step.model)
                        asked.start_soon(self._ask, race, step.model, work)
                    elif isinstance(step, Wait):
                        await race.change(step.until)
                    else:
                        break
                if any(m.phase is not Phase.IDLE for m in race.models):
                    asked.cancel_scope.cancel()
        return race

    async def _ask(self, race: Race[T], model: Standing, work: Work[T]) -> None:
        """Which attempt: one when the model has a place, and again at once where the refused request could be changed."""
        limiter = self.limiter(model.card.id)
        with race.asking(model):
            async with limiter.slot(race.queues, since=race.started) as grant:
                if not race.goes_out(model):
                    return
                while (error := await self._try(race, model, work)) is not None:
                    final = await work.adjust_request(error, model.card)
                    if final is None:
                        model.since = anyio.current_time()
                        continue
                    if isinstance(final, RateLimited):
                        limiter.refused(grant)
                    # Where several of our own calls went out at once, the model is well and we were too many.
                    ill = not isinstance(final, RateLimited) or grant.level == 1
                    self._refused(race, model, final, ill=ill)
                    return
            limiter.succeeded(grant)

    async def _try(self, race: Race[T], model: Standing, work: Work[T]) -> GLMError | None:
        """One try: None when it was answered."""
        where = place(model.card.id, self.home) or self.home
        try:
            with telemetry.attempt(model.card, where, model.tries, race.deadline) as span:
                result = await work.attempt(model.card, where, lambda: race.speaks(model))
                telemetry.answered(span, result)
        except GLMError as error:
            race.fails(model, error)
            return error
        race.answers(model, result)
        return None

    def _refused(self, race: Race[T], model: Standing, error: GLMError, *, ill: bool) -> None:
        """What a refusal means for the rest of the call."""
        if isinstance(error, NetworkError):  # of the host: no other model helps
            where = place(model.card.id, self.home) or self.home
            wait = delay(race.unreached + 1, None, self._chance, self._pace.waits)
            ends = ends_call(error, race.unreached + 1, reached=self.transport.reached(where.url))
            race.unreaches(model, error, wait=wait, ends=ends)
            return
        if len(race.models) == 1 and error.again is Again.GONE:
            # Nothing stands in for it but by the caller's own wish.
            error = error.but(again=Again.NEVER, hint=f"{self._another(model.card)}{error.hint}")
        wait = delay(model.refusals + 1, error.retry_after, self._chance, self._pace.waits)
        race.refuses(model, error, wait=wait, ends=ends_model(error, model.tries), ill=ill)

    def _another(self, gone: Card) -> str:
        """A model to name in the place of one that is gone."""
        if self.engine is not None:
            names = served_names(self.engine.served)
            return f"It serves {names}. " if names else ""
        role = "image" if gone.draws else "vision" if gone.images else "chat"
        others = [m for m in CHAINS[role] if m != gone.id and not self.health.gone(m) and place(m, self.home)]
        return f"Try {others[0]}. " if others else ""

    def _standing(self, chosen: Card, work: Work[Any]) -> Standing:
        tokens, media = work.weight(chosen)
        budget = first_byte_s(self.health.first_byte_s(chosen), tokens, media) * self._pace.patience
        return Standing(chosen, budget, self.health.usual_s(chosen.id))

    def _look_at(self, model: Standing) -> None:
        """What other calls have met at a model meanwhile."""
        known = self.health.of(model.card.id)
        model.rests_until, model.pauses_until = known.rests_until, known.pauses_until
        model.queue_s = self.limiter(model.card.id).queue_s()

    def usage(self) -> dict[str, Any]:
        """What this process has used, and how each model fares at the moment."""
        return {**self.meter.report(), "health": self.health.report()}

    def limiter(self, model: str) -> Limiter:
        if model not in self._limiters:
            ceiling = self.settings.max_concurrency
            self._limiters[model] = Limiter(ceiling or self.card(model).concurrency, ceiling)
        return self._limiters[model]

    @property
    def fetches(self) -> bool:
        """Whether the service may be sent addresses; a self-hosted engine would fetch them from inside its network."""
        return self.engine is None

    async def meet(self) -> None:
        """A self-hosted engine is asked once which models it serves; nothing at the platform. Raises nothing."""
        if self.engine is not None:
            await self.engine.meet(self.transport, self.settings.key)

    def models(self, role: str, named: str | None = None) -> list[Card]:
        """The chain for a role (chat, vision, image): a model named in the call stands alone. A self-hosted engine has the
        models that somebody named or that it serves, not ours.
        """
        if named and self.engine is None:
            return [self.card(named)]
        own = {
            "chat": self.settings.chat_model,
            "document": self.settings.chat_model,
            "vision": self.settings.vision_model,
            "image": self.settings.image_model,
        }[role]
        if self.engine is not None:
            return self.engine.models(role, named or own)
        ids = list(dict.fromkeys(([own] if own else []) + list(CHAINS[role])))
        cards = [self.card(m) for m in (ids if self.settings.fallback else ids[:1])]
        if own:  # whoever chose it wants it first
            cards[0] = replace(cards[0], last_resort=False)
        return cards

    def card(self, model: str) -> Card:
        """Its card, corrected by what the service did when it was asked."""
        found = self.engine.card(model) if self.engine is not None else card(model)
        return self.findings.corrected(found)

    def _why_unasked(self, model: str) -> str:
        """Why a call went past a model without asking it."""
        if self.gone(model):
            return "gone"
        return "refused a moment ago" if self.health.of(model).rests else "busy"

    def gone(self, model: str) -> str:
        """Why a model is not asked: the service has just said so, or did when it was asked; empty where it is."""
        return self.health.gone(model) or self.findings.gone(model)

    def _candidates(self, job: Job, unable: Callable[[Card], Unable | None]) -> list[Card]:
        """The models of the chain that can do this; those that are gone only where no other can."""
        if not self.settings.key and not self.home.compatible:
            held = self.settings.placeholder
            raise ConfigError(
                "no API key is set" + (f": there is only the placeholder '{held}'" if held else ""),
                f"Get a free key at {KEY_PAGE} and set GLM_API_KEY in the client's configuration, or set GLM_SIMULATE=1 to try without one.",
            )
        if job.model and self.findings.gone(job.model):
            raise _found_gone(job.model, self.findings)
        chain = self.models(job.role, job.model)
        reasons = {c.id: unable(c) for c in chain}
        able = [c for c in chain if reasons[c.id] is None]
        if not able:
            raise no_model(chain[0], [r for r in reasons.values() if r])
        return [c for c in able if not self.gone(c.id)] or able

    async def _post(self, where: Endpoint, path: str, body: bytes, on_event: OnEvent) -> None:
        await self.transport.post(f"{where.url}{path}", self.settings.key, body, on_event)


def _found_gone(model: str, findings: Findings) -> InvalidRequest:
    return InvalidRequest(
        f"{model} is not there for this endpoint and key: {findings.gone(model)}, as `glm-mcp doctor --live` found on {findings.asked[:10]}",
        "Name another model; `glm-mcp models` lists them. `glm-mcp doctor --live` asks for it again.",
    )


def _instead_of(first: str, answer: Answer, unasked: str) -> str | None:
    """The model that should have answered, and why it did not, `unasked` where it was not asked; None when it did."""
    if answer.model == first:
        return None
    outcome = next((a["outcome"] for a in answer.attempts if a["model"] == first), unasked)
    return f"{first} ({outcome})"
