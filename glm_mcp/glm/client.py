"""The shared core: one call to GLM, with everything that a call may need done about it.

`chat` and `generate_image` go through three functions: `_run` (which model), `_ask` (which attempt), `_try` (one try).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from copy import copy
from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
from pydantic import SecretStr

from glm_mcp.deadline import ends_at
from glm_mcp.errors import Again, GLMError, RateLimited
from glm_mcp.glm import telemetry
from glm_mcp.glm.calls import Answer, Drawing, Job, OnEvent, Work
from glm_mcp.glm.chat_call import ChatCall, counted
from glm_mcp.glm.draw_call import DrawCall, in_time
from glm_mcp.glm.engines.engine import Engine, with_bytes
from glm_mcp.glm.error_codes import with_key_help
from glm_mcp.glm.findings import UNASKED, Findings
from glm_mcp.glm.learnt.health import Health, RefusedFilms
from glm_mcp.glm.learnt.limiter import Limiter, Limits
from glm_mcp.glm.learnt.names import Names
from glm_mcp.glm.messages import ChatRequest, Dialect
from glm_mcp.glm.network.transport import Transport
from glm_mcp.glm.outcome import another, found_gone, instead_of, no_key, no_model, no_result, partial
from glm_mcp.glm.policy import (
    Ask,
    Pace,
    Phase,
    Standing,
    Unable,
    Wait,
    delay,
    ends_call,
    ends_model,
    of_host,
    unable,
    unable_to_draw,
)
from glm_mcp.glm.progress import Progress
from glm_mcp.glm.race import Race, beginning
from glm_mcp.glm.shared import shared_by
from glm_mcp.glm.threads import in_thread, outside_share
from glm_mcp.glm.usage import Meter
from glm_mcp.registry import CHAINS, ENDPOINTS, Card, Endpoint, card, endpoint, place
from glm_mcp.settings import Settings

if TYPE_CHECKING:
    from glm_mcp.glm.shared.share import Shared

T = TypeVar("T")


class GLMClient:
    """One per process. Everything that is shared between calls is here: connections, limiters, what was learnt."""

    def __init__(
        self,
        settings: Settings,
        *,
        transport: Transport | None = None,
        findings: Findings = UNASKED,
        pace: Pace | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.settings = settings
        self.key_help = ""  # what whoever runs this can do about a key that is missing or refused
        self.transport = transport or Transport()
        self.home = endpoint(settings.base_url)
        self._names = Names((settings.chat_model, settings.vision_model, settings.image_model))
        self.meter = Meter(names=self._names)
        self.shared, self.findings = shared_by(settings), findings
        self._pace, self._chance = pace or Pace(), chance
        self._counting = anyio.Lock()
        self._learn(self.shared)

    def _learn(self, shared: Shared | None) -> None:
        """Begins to learn how many calls a model takes and how it fares with this key, with other replicas or alone; and what
        an engine serves to whoever has it.
        """
        self.engine = Engine(self.home.url) if self.home.compatible else None
        secret = f"{self.home.url}\n{self.settings.key or ''}"
        self._account = shared.account(secret, self._pace.rest, self._names) if shared else None
        self.health = self._account.health if self._account else Health(self._pace.rest, names=self._names)
        self.limiters: dict[str, Limits] = {}
        self.refused_films = RefusedFilms(self.card, self._names)
        self._dialects: dict[str, Dialect] = {}

    def apart(self, own: SecretStr | None = None) -> GLMClient:
        """One that learns by itself, as for another key: `own`, of this server; without it, a caller's, which it does not
        have yet, and of which other replicas learn nothing.
        """
        made = copy(self)
        made.settings = self.settings.model_copy(update={"api_key": own})
        made.findings = UNASKED
        made._learn(self.shared if own else None)  # noqa: SLF001 - its own class
        return made

    def keyed(self, key: SecretStr) -> GLMClient:
        """The same, with everything shared but the key."""
        made = copy(self)
        made.settings = self.settings.model_copy(update={"api_key": key})
        return made

    def counted_apart(self) -> GLMClient:
        """The same for one call: its meter counts what goes through this one alone, and the whole too. Its texts are counted
        in its own order: in a common one all would wait for the threads of one caller.
        """
        made = copy(self)
        made._counting = anyio.Lock()  # noqa: SLF001 - its own class
        made.meter, made.engine = Meter(self.meter), self.engine and self.engine.for_call()
        return made

    async def chat(self, request: ChatRequest, job: Job, progress: Progress) -> Answer:
        """The model's answer. Raises GLMError of any kind; it carries what had arrived in `partial`."""
        if self.engine is not None:
            await self.meet()
            request = await with_bytes(request, job.inline)
        # One by one: the parts of a long work keep their order.
        async with self._counting if request.long or self._counting.locked() else nullcontext():
            request = await counted(request)
        chain = self._candidates(job, lambda c: unable(c, self.home, request, job.task))
        call = ChatCall(self._post, request, job, progress, dialects=self._dialects, engine=self.engine)
        race = await self._run(call, chain, job, progress)
        if race.result is None:
            await in_thread(call.partial)  # which is remembered; cleaning a long text takes a while
        answer = race.result or partial(call, race, job)
        answer.seconds, answer.attempts = monotonic() - race.started, race.attempts
        answer.notes = [*race.notes, *answer.notes]
        first = self.models(job.role, job.model)[0].id
        able = bool(self.gone(first)) or any(c.id == first for c in chain)
        answer.fallback = instead_of(first, answer, self._why_unasked(first, able=able))
        if answer.fallback:
            self.meter.stood_in(answer.model)
        return answer

    async def generate_image(self, body: dict[str, Any], job: Job, progress: Progress) -> Drawing:
        """Asks for one picture; `body` without its model. Not repeated once the request went out and its answer was lost."""
        await self.meet()
        chain = self._candidates(job, lambda c: unable_to_draw(c, self.home))
        call = DrawCall(self._post, body, engine=self.engine is not None)
        race = await self._run(call, chain, job, progress)
        if race.result is None:
            raise in_time(no_result(race))
        race.result.seconds, race.result.attempts = monotonic() - race.started, race.attempts
        return race.result

    async def _run(self, work: Work[T], chain: Sequence[Card], job: Job, progress: Progress) -> Race[T]:
        """Which model. deadline( models( attempts( slot( attempt ) ) ) ); a slot is held for an attempt only."""
        standings = [beginning(c, work, self.health, self._pace) for c in chain]
        race: Race[T] = Race(standings, job, health=self.health, meter=self.meter, progress=progress)
        with ends_at(job.deadline, put_off=race.puts_off):
            async with anyio.create_task_group() as asked:
                while not race.over:
                    for model in () if race.is_heard else race.models:
                        self._look_at(model)
                    step = race.next_step(beside=work.beside)
                    if isinstance(step, Ask):
                        race.starts(step.model)
                        asked.start_soon(self._ask, race, step.model, work)
                    elif isinstance(step, Wait):
                        await race.change(step.until)
                    else:
                        break
                if any(m.phase is not Phase.IDLE for m in race.models):
                    asked.cancel_scope.cancel()
        race.ends(unconnected=self.transport.unconnected(self.home.url))
        return race

    async def _ask(self, race: Race[T], model: Standing, work: Work[T]) -> None:
        """Which attempt: one when the model has a place, and again at once where the refused request could be changed. What has
        to be fetched for that, which may take long, is fetched without the place.
        """
        with race.asking(model):
            while await self._in_place(race, model, work):
                await work.fetch()

    async def _in_place(self, race: Race[T], model: Standing, work: Work[T]) -> bool:
        """Whether something is to be fetched, after which the model may be asked again."""
        limiter = self.limiter(model.card.id)
        async with limiter.slot(race.queues, since=race.started, on_pause=race.looks) as grant:
            if not race.goes_out(model):
                return False
            while (error := await self._try(race, model, work)) is not None:
                final = await work.adjust_request(error, model.card)
                if final is None and work.to_fetch:
                    race.starts(model)
                    return True
                if final is None:
                    model.since = monotonic()
                    continue
                grant.refused = isinstance(final, RateLimited)
                # Where several of our own calls went out at once, the model is well and we were too many.
                self._refused(race, model, final, ill=not grant.refused or grant.level == 1)
                grant.pause_s = self.health.of(model.card.id).pauses_until - monotonic()
                return False
            grant.served = True
        return False

    async def _try(self, race: Race[T], model: Standing, work: Work[T]) -> GLMError | None:
        """One try: None when it was answered."""
        where = place(model.card.id, self.home) or self.home
        try:
            with telemetry.attempt(model.card, where, model.tries, race.deadline) as span, outside_share():
                result = await work.attempt(model.card, where, lambda: race.speaks(model))
                telemetry.answered(span, result)
        except GLMError as error:
            race.fails(model, error)
            return error
        race.answers(model, result)
        return None

    def _refused(self, race: Race[T], model: Standing, error: GLMError, *, ill: bool) -> None:
        """What a refusal means for the rest of the call."""
        where = place(model.card.id, self.home) or self.home
        reached = self.transport.reached(where.url)
        if of_host(error, race.unreached, reached=reached):
            wait = delay(race.unreached + 1, None, self._chance, self._pace.waits)
            sure = where in ENDPOINTS.values() and not self.transport.proxied(where.url)
            reached = reached or (sure and race.may_wait(wait))
            ends = ends_call(error, race.unreached + 1, reached=reached) or (self._pace.once and error.sent)
            race.unreaches(model, error, wait=wait, ends=ends)
            return
        if len(race.models) == 1 and error.again is Again.GONE:
            # Nothing stands in for it but by the caller's own wish.
            other = self.engine.names() if self.engine else another(model.card, self.home, self.health.gone)
            error = error.but(again=Again.NEVER, hint=f"{other}{error.hint}")
        wait = delay(model.refusals + 1, error.retry_after, self._chance, self._pace.waits)
        race.refuses(model, error, wait=wait, ends=self._pace.once or ends_model(error, model.tries), ill=ill)

    def _look_at(self, model: Standing) -> None:
        """What other calls have met at a model meanwhile."""
        known = self.health.of(model.card.id)
        model.rests_until, model.pauses_until = known.rests_until, known.pauses_until
        model.soonest_s = min(known.answers, default=0.0)
        model.queue_s = self.limiter(model.card.id).queue_s()

    def usage(self) -> dict[str, Any]:
        """What this process has used, and how each model fares."""
        return {**self.meter.report(), "health": self.health.report()}

    def sharing(self) -> AbstractAsyncContextManager[None]:
        """While entered, other replicas are heard. Raises ConfigError where GLM_REDIS_URL names none that answers."""
        return self.shared.running() if self.shared else nullcontext()

    def limiter(self, model: str) -> Limits:
        model = self._names(model)
        if model not in self.limiters:
            most, account = self.settings.max_concurrency, self._account
            start = most or self.card(model).concurrency
            self.limiters[model] = account.limiter(model, start, most) if account else Limiter(start, most)
        return self.limiters[model]

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
        ids = ([own] if own else []) + list(CHAINS[role])
        cards = list({c.id: c for c in map(self.card, ids if self.settings.fallback else ids[:1])}.values())
        if own:  # whoever chose it wants it first
            cards[0] = replace(cards[0], last_resort=False)
        return cards

    def card(self, model: str) -> Card:
        """Its card, corrected by what the service did when it was asked."""
        return self.findings.corrected(self.engine.card(model) if self.engine else card(model))

    def _why_unasked(self, model: str, *, able: bool) -> str:
        """Why a call went past a model without asking it."""
        if not able:
            return "unfit for this"
        if self.gone(model):
            return "gone"
        return "refused a moment ago" if self.health.of(model).rests else "busy"

    def gone(self, model: str) -> str:
        """Why a model is not asked: the service has just said so, or did when it was asked; empty where it is."""
        return self.health.gone(model) or self.findings.gone(model)

    def _candidates(self, job: Job, unable: Callable[[Card], Unable | None]) -> list[Card]:
        """The models of the chain that can do this; those that are gone only where no other can."""
        if not self.settings.key and not self.home.compatible:
            raise no_key(self.settings.placeholder, self.key_help)
        if job.model and self.findings.gone(job.model):
            raise found_gone(job.model, self.findings)
        chain = self.models(job.role, job.model)
        reasons = {c.id: unable(c) for c in chain}
        able = [c for c in chain if reasons[c.id] is None]
        if not able:
            raise no_model(chain[0], [r for r in reasons.values() if r])
        return [c for c in able if not self.gone(c.id)] or able

    async def _post(self, where: Endpoint, path: str, body: bytes, on_event: OnEvent) -> str | None:
        try:
            return await self.transport.post(f"{where.url}{path}", self.settings.key, body, on_event)
        except GLMError as error:
            raise with_key_help(error, self.key_help) from error.__cause__

    def use(self, settings: Settings, findings: Findings) -> None:
        """Another key from now on, of which nothing is known yet."""
        self.settings, self.findings = settings, findings
        self._learn(self.shared)
