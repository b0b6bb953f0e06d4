"""The shared core: one call to GLM, with everything that a call may need done about it.

`GLMClient.chat` and `.generate_image` go through `_run` (deadline, next model, repetition, slot) to `attempt` (one HTTP try).
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import anyio

from glm_mcp.errors import (
    ConfigError,
    ContentBlocked,
    GLMError,
    InvalidRequest,
    RateLimited,
    TimedOut,
    TooLong,
)
from glm_mcp.glm import policy, telemetry
from glm_mcp.glm.calls import Answer, ChatWork, Drawing, DrawWork, Heard, Job, Work
from glm_mcp.glm.limiter import Limiter
from glm_mcp.glm.messages import ChatRequest, Text
from glm_mcp.glm.policy import Step
from glm_mcp.glm.stream import strip_boxes
from glm_mcp.glm.transport import Transport
from glm_mcp.glm.usage import Meter
from glm_mcp.progress import Progress
from glm_mcp.registry import CHAINS, ENDPOINTS, Card, Endpoint, card, endpoint, place
from glm_mcp.settings import KEY_PAGE, Settings
from glm_mcp.threads import in_thread

T = TypeVar("T")

LONG_TEXT = 50_000  # characters from which on a request is counted in a thread


class GLMClient:
    """One per process. Everything that is shared between calls is here: connections, limiters, what was learnt."""

    def __init__(
        self,
        settings: Settings,
        *,
        transport: Transport | None = None,
        waits: tuple[float, float] = (1.0, 8.0),
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.settings = settings
        self.transport = transport or Transport()
        self.home = endpoint(settings.base_url)
        self.refuses_video: set[str] = set()
        self.meter = Meter()
        self._waits = waits
        self._chance = chance
        self._limiters: dict[str, Limiter] = {}
        self._forms: dict[str, str] = {}
        self._counting = anyio.Lock()

    async def chat(self, request: ChatRequest, job: Job, progress: Progress) -> Answer:
        """The model's answer.

        Raises GLMError of any kind; TimedOut carries what had arrived in `partial`.
        """
        long = (
            sum(len(p.text) for m in request.messages for p in m.parts() if isinstance(p, Text)) > LONG_TEXT
        )
        if long or self._counting.locked():
            async with self._counting:  # one by one: the parts of a long work keep their order
                if long:
                    request = replace(request, tokens=await in_thread(policy.size_of, request))
        cards = self._candidates(job, lambda c: policy.unable(c, self.home, request, job.task))
        compatible = self.home.compatible
        work = ChatWork(self._post, request, job, progress, best_forms=self._forms, compatible=compatible)
        started, attempts = anyio.current_time(), list[dict[str, Any]]()
        try:
            answer = await self._run(cards, work, job, progress, attempts)
        except TimedOut as error:
            arrived = work.arrived()
            if arrived is None:
                raise
            draft, model = arrived
            error.partial = strip_boxes(draft.text)
            if not job.free_text:
                raise
            answer = work.answer(draft, model)
            answer.partial = True
            answer.notes.append(
                f"stopped at the deadline of {job.deadline - started:.0f} s: the answer is not complete"
            )
        except GLMError as error:
            arrived = work.arrived()
            if arrived and not isinstance(error, ContentBlocked):
                error.partial = strip_boxes(arrived[0].text)
            raise
        answer.seconds, answer.attempts = anyio.current_time() - started, attempts
        if answer.model != cards[0].id and attempts:
            first = next((a for a in attempts if a["model"] == cards[0].id and a["outcome"] != "ok"), None)
            answer.fallback = f"{cards[0].id} ({first['outcome'] if first else 'busy'})"
        return answer

    async def generate_image(self, body: dict[str, Any], job: Job, progress: Progress) -> Drawing:
        """Asks for one picture; `body` without its model. Not repeated once the request went out and its answer was lost."""

        def unable(chosen: Card) -> str | None:
            if place(chosen.id, self.home) is None:
                return f"{chosen.id} is not offered at {self.home.name}"
            return None if chosen.draws else f"{chosen.id} does not draw"

        cards = self._candidates(job, unable)
        started, attempts = anyio.current_time(), list[dict[str, Any]]()
        drawing = await self._run(cards, DrawWork(self._post, body), job, progress, attempts)
        drawing.seconds, drawing.attempts = anyio.current_time() - started, attempts
        return drawing

    def limiter(self, model: str) -> Limiter:
        if model not in self._limiters:
            most = self.settings.max_concurrency
            self._limiters[model] = Limiter(most or card(model).concurrency, most)
        return self._limiters[model]

    def models(self, role: str, named: str | None = None) -> list[Card]:
        """The chain for a role (chat, vision, image): a model named in the call stands alone."""
        if named:
            return [self.card(named)]
        own = {
            "chat": self.settings.chat_model,
            "vision": self.settings.vision_model,
            "image": self.settings.image_model,
        }[role]
        # A server of somebody's own has the models that somebody named, not ours.
        chain = () if own and self.home.compatible else CHAINS[role]
        ids = list(dict.fromkeys(([own] if own else []) + list(chain)))
        return [self.card(m) for m in (ids if self.settings.fallback else ids[:1])]

    def card(self, model: str) -> Card:
        return card(model, compatible=self.home.compatible)

    def _candidates(self, job: Job, unable: Callable[[Card], str | None]) -> list[Card]:
        if not self.settings.key and not self.home.compatible:
            held = self.settings.placeholder
            raise ConfigError(
                "no API key is set" + (f": there is only the placeholder '{held}'" if held else ""),
                f"Get a free key at {KEY_PAGE} and set GLM_API_KEY in the host's configuration, or set GLM_SIMULATE=1 to try without one.",
            )
        chain = self.models(job.role, job.model)
        reasons = [(c, unable(c)) for c in chain]
        able = [c for c, reason in reasons if reason is None]
        if able:
            return able
        said = "; ".join(r for _, r in reasons if r)
        if all(place(c.id, self.home) is None for c in chain):
            homes = [e.name for e in ENDPOINTS.values() if e.models and chain[0].id in e.models]
            raise ConfigError(
                said,
                f"GLM_BASE_URL={' or '.join(homes)} offers {chain[0].id}; it needs a key of that platform.",
            )
        if any("tokens" in (r or "") for _, r in reasons):
            raise TooLong(
                said, "Send less: fewer pages or pictures, a shorter history, or a part of the text."
            )
        raise InvalidRequest(
            said, "Change the request or name another model; `glm-mcp models` lists what each can do."
        )

    async def _run(
        self, cards: list[Card], work: Work[T], job: Job, progress: Progress, attempts: list[dict[str, Any]]
    ) -> T:
        """deadline( next model( repetition( slot( attempt ) ) ) ); a slot is held for an attempt only, never while waiting."""
        started = anyio.current_time()
        running: tuple[Card, float] | None = None
        tired: GLMError | None = None  # why a model before was left
        with anyio.move_on_at(job.deadline):
            for position, chosen in enumerate(cards):
                where = place(chosen.id, self.home) or self.home
                limiter = self.limiter(chosen.id)
                tries = refusals = 0
                while True:
                    tries += 1
                    began = anyio.current_time()
                    try:
                        async with limiter.slot(
                            job.deadline,
                            lambda n: progress.say(f"queued: place {n}"),
                            since=started,
                            last=refusals >= policy.TRIES - 1,
                        ) as grant:
                            began = anyio.current_time()
                            running = chosen, began
                            try:
                                with telemetry.attempt(chosen, where, tries, job.deadline) as span:
                                    result = await work.attempt(chosen, where)
                                    telemetry.answered(span, result)
                            except RateLimited:
                                limiter.refused(grant)
                                refusals += 1
                                raise
                        limiter.succeeded(grant)
                        attempts.append(_attempt(chosen, began, "ok"))
                        self.meter.count(attempts[-1], getattr(result, "usage", None))
                        return result
                    except GLMError as error:
                        attempts.append(
                            _attempt(chosen, began, error.kind + (f" {error.code}" if error.code else ""))
                        )
                        if running:
                            self.meter.count(attempts[-1])
                            running = None
                        error.meta.setdefault("attempts", attempts)
                        if await work.mend(error, chosen):
                            tries -= 1
                            continue
                        wait = policy.delay(tries, error.retry_after, self._chance, *self._waits)
                        step = policy.decide(
                            error,
                            tries=tries,
                            wait=wait,
                            time_left=job.deadline - anyio.current_time(),
                            more_models=position + 1 < len(cards),
                        )
                        if step is Step.FAIL:
                            if tired is not None and isinstance(error, InvalidRequest):
                                # The stand-in cannot do the job; what ails is that the right model was busy.
                                raise tired from error
                            raise
                        if step is Step.NEXT:
                            tired = error
                            progress.say(f"{chosen.id}: {error.kind}; trying {cards[position + 1].id}")
                            break
                        progress.say(f"{chosen.id}: {error.kind}; try {tries + 1} in {wait:.0f} s")
                        await anyio.sleep(wait)
        if running:
            self.meter.count(_attempt(*running, "timeout"))
        last = f"; last: {attempts[-1]['model']} {attempts[-1]['outcome']}" if attempts else ""
        late = TimedOut(
            f"no complete answer within {job.deadline - started:.0f} s ({len(attempts)} tries ended{last})",
            "Call again, ask for less, or allow more time with GLM_DEADLINE_S and the host's own limit.",
        )
        late.meta["attempts"] = attempts
        raise late

    async def _post(self, where: Endpoint, path: str, body: bytes, heard: Heard) -> None:
        key = self.settings.key
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        try:
            await self.transport.post(f"{where.url}{path}", headers, body, heard)
        except GLMError as error:
            if key:  # a service may repeat it in its own words
                error.message = error.message.replace(key, "[key]")
            raise


def _attempt(chosen: Card, began: float, outcome: str) -> dict[str, Any]:
    return {"model": chosen.id, "s": round(anyio.current_time() - began, 2), "outcome": outcome}
