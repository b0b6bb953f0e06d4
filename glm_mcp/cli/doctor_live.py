"""`glm-mcp doctor --live`: the service is asked what it takes, in at most 25 small calls.

Models are asked by turns, one call at a time: what is refused then is not refused because of us. One that is overloaded
is asked again while others have had their turn; what it does not answer is not known, which is never a "no".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlsplit

import anyio

from glm_mcp import __version__
from glm_mcp.cli import probes
from glm_mcp.cli.probes import Fact, Outcome, Question, Reading
from glm_mcp.errors import Again, AuthError, ConfigError, GLMError, NetworkError, QuotaError
from glm_mcp.glm.findings import Findings, Value
from glm_mcp.glm.learnt.dialect import always_thinks
from glm_mcp.glm.network.transport import Transport
from glm_mcp.installation import typed
from glm_mcp.registry import Endpoint, endpoint, place
from glm_mcp.settings import KEY_PAGE, Settings
from glm_mcp.text import ID_CHARS, Redactor, clean, without_secrets

MOOT = Reading(None, "")  # of a fact that nobody asked for, as its model is gone


@dataclass(frozen=True, slots=True)
class Limits:
    """`calls`: in all. `refusals`: in a row, after which a model is left alone. `rests`: seconds after the first of them
    and after each further one. `whole_s`: for everything. `answer_s`, `drawing_s`: for one call.
    """

    calls: int = 25
    refusals: int = 3
    rests: tuple[float, float] = (10.0, 30.0)
    whole_s: float = 300.0
    answer_s: float = probes.CHAT_S
    drawing_s: float = probes.DRAW_S


@dataclass(slots=True)
class Row:
    """A fact of a model: what its card expects, and what the service did. `calls`, `tokens`, `pictures`: what it cost; facts
    of one call stand together, and the first has its cost.
    """

    model: str
    fact: Fact
    reading: Reading
    calls: int = 0
    tokens: int = 0
    pictures: int = 0

    @property
    def expected(self) -> Value | None:
        return self.fact.expects(probes.card_of(self.model))

    @property
    def known(self) -> bool:
        return self.reading.value is not None

    @property
    def differs(self) -> bool:
        return self.known and self.expected is not None and self.reading.value != self.expected


@dataclass(frozen=True, slots=True)
class Call:
    """One call for the report: its outcome as `ok` or an error's kind, code and words."""

    model: str
    asked: str
    outcome: str
    code: str | None
    message: str
    request_id: str | None
    tokens: int
    seconds: float


@dataclass(slots=True)
class Report:
    """What came of it. `asked`: ISO 8601, UTC; `endpoint`: its name, or the host of one without."""

    endpoint: str
    asked: str
    version: str = __version__
    rows: list[Row] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def tokens(self) -> int:
        return sum(c.tokens for c in self.calls)

    @property
    def pictures(self) -> int:
        return sum(r.pictures for r in self.rows)

    def findings(self, before: Findings) -> Findings:
        """What was known before, with what is known now."""
        facts: dict[str, dict[str, Value]] = {}
        for row in self.rows:
            if row.reading.value is not None:
                facts.setdefault(row.model, {})[row.fact.name] = row.reading.value
        facts.pop(probes.NO_MODEL, None)
        return before.updated(facts, self.asked)


async def ask_service(
    settings: Settings, *, say: Callable[[str], None] = lambda _: None, limits: Limits = Limits()
) -> Report:
    """Asks everything; `say` hears what is asked just now.

    Raises GLMError where nothing can be asked at all: no key or a refused one, an unreached host, a server of another kind.
    """
    home = endpoint(settings.base_url)
    host = urlsplit(home.url).netloc.rpartition("@")[2]
    if home.compatible:
        raise ConfigError(
            f"{host} is a server of your own, of which no card expects anything",
            "--live asks the platforms zhipu and zai.",
        )
    if not settings.key:
        raise ConfigError("no API key is set", f"Get a free key at {KEY_PAGE}, then run `{typed('key')}`.")
    transport = Transport()
    started = anyio.current_time()
    report = Report(host if home.name == home.url else home.name, f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")
    try:
        with Redactor(*settings.secrets).applied():
            await _Asking(report, transport, home, settings.key, say, limits).run()
    finally:
        with anyio.CancelScope(shield=True):
            await transport.close()
    report.seconds = anyio.current_time() - started
    return report


class _Asking:
    """Who is asked next, and what an answer means for the questions that are left."""

    def __init__(
        self,
        report: Report,
        transport: Transport,
        home: Endpoint,
        key: str,
        say: Callable[[str], None],
        limits: Limits,
    ) -> None:
        self.report, self.transport, self.home, self.key = report, transport, home, key
        self.say, self.limits = say, limits
        self.made = 0
        self.left: dict[str, list[Question]] = {}
        self.rows: dict[tuple[str, str], Row] = {}
        self.refusals: dict[str, int] = {}
        self.ready: dict[str, float] = {}
        self.said_gone: set[str] = set()
        self.efforts: set[str] = set()
        for question in probes.questions():
            if place(question.model, home) is not None:
                self.left.setdefault(question.model, []).append(question)
        for model, questions in self.left.items():
            for fact in (f for q in questions for f in q.facts):
                self.rows.setdefault((model, fact.name), Row(model, fact, MOOT))

    async def run(self) -> None:
        with anyio.move_on_after(self.limits.whole_s) as time:
            while self.left:
                model = min(self.left, key=lambda m: self.ready.get(m, 0.0))
                await self._rest(model)
                await self._go_on(model)
        if time.cancelled_caught:
            for model in list(self.left):
                self._leave(model, "not known: out of time")
        self.report.rows = [row for row in self.rows.values() if row.reading is not MOOT]

    async def _rest(self, model: str) -> None:
        """Until it may be asked: it refused a moment ago."""
        while (wait := self.ready.get(model, 0.0) - anyio.current_time()) > 0:
            self.say(f"{model} is asked again in {wait:.0f} s")
            await anyio.sleep(min(1.0, wait))

    async def _go_on(self, model: str) -> None:
        """Asks one model its next questions, as long as it answers."""
        while questions := self.left.get(model):
            question = probes.in_effort(questions[0]) if model in self.efforts else questions[0]
            if any(self.rows[model, n].reading.value != v for n, v in question.needs.items()):
                self._done(question)
            elif self.made + question.copies > self.limits.calls:
                self._leave(model, "not known: calls used up")
            else:
                outcomes = await self._ask(question)
                if not self._takes(question, outcomes):
                    return

    async def _ask(self, question: Question) -> list[Outcome]:
        where = place(question.model, self.home) or self.home
        limit = self.limits.drawing_s if question.path == probes.DRAW else self.limits.answer_s
        self.made += question.copies
        self.say(f"call {self.made} of at most {self.limits.calls}: {question.model}, {question.label}")
        outcomes: list[Outcome] = []

        async def once() -> None:
            outcomes.append(await probes.ask(self.transport, where, self.key, question, limit))

        async with anyio.create_task_group() as calls:
            for _ in range(question.copies):
                calls.start_soon(once)
        self.report.calls += [_call(question, outcome) for outcome in outcomes]
        row = self.rows[question.model, question.facts[0].name]
        row.calls += question.copies
        row.tokens += sum(_tokens(o) for o in outcomes)
        row.pictures += sum(o.error is None for o in outcomes) if question.path == probes.DRAW else 0
        return outcomes

    def _takes(self, question: Question, outcomes: list[Outcome]) -> bool:
        """What an answer settles; whether the model is asked on at once."""
        model, error = question.model, outcomes[0].error
        busy = probes.says_nothing(outcomes)
        if busy is not None:
            self._busy(question, busy)
            return False
        if error is not None and error.again is Again.NEVER:
            if isinstance(error, AuthError | NetworkError | ConfigError):
                raise error
            if isinstance(error, QuotaError):
                self._leave(model, f"refused: {probes.short(error)}")
                return False
        self.refusals[model] = 0
        if error is not None and error.again is Again.GONE and model != probes.NO_MODEL:
            self._gone(question, outcomes)
            return False
        self.said_gone.discard(model)
        if error is not None and always_thinks(error) and model not in self.efforts:
            self.efforts.add(model)
            self._settle(question, outcomes, {probes.ANSWERS, probes.THINKING})
        else:
            self._settle(question, outcomes, set(question.facts))
            self._done(question)
        return True

    def _busy(self, question: Question, error: GLMError) -> None:
        """It is asked again later, as long as there are calls to spare. A drawing may have been made: it is not."""
        model = question.model
        where = place(model, self.home) or self.home
        if isinstance(error, NetworkError) and not self.transport.reached(where.url):
            raise error
        why = f"not known: {probes.short(error)}"
        self._unknown(question, why)
        if question.path == probes.DRAW and error.code is None:
            self._done(question)
        self.refusals[model] = self.refusals.get(model, 0) + 1
        if self.refusals[model] >= self.limits.refusals or not self._spare():
            self._leave(model, why)
        self.ready[model] = anyio.current_time() + self.limits.rests[min(self.refusals[model], 2) - 1]

    def _gone(self, question: Question, outcomes: list[Outcome]) -> None:
        """A model is left out of every call for good once it is found gone: only what it says twice counts."""
        model = question.model
        if model in self.said_gone:
            self._settle(question, outcomes, {probes.ANSWERS})
            del self.left[model]
        elif self._spare():
            self.said_gone.add(model)
            self.ready[model] = anyio.current_time() + self.limits.rests[0]
        else:
            self._leave(model, "not known: gone once")

    def _spare(self) -> bool:
        """Whether a call may be made twice and leave enough for all that is to be asked."""
        return (
            self.made + sum(q.copies for questions in self.left.values() for q in questions)
            <= self.limits.calls
        )

    def _settle(self, question: Question, outcomes: list[Outcome], facts: set[Fact]) -> None:
        for fact in (f for f in question.facts if f in facts):
            row, reading = self.rows[question.model, fact.name], fact.read(outcomes)
            if reading.value is not None or not row.known:
                row.reading = reading

    def _unknown(self, question: Question, why: str) -> None:
        for fact in question.facts:
            row = self.rows[question.model, fact.name]
            if not row.known:
                row.reading = Reading(None, why)

    def _leave(self, model: str, why: str) -> None:
        """Nothing more is asked of a model."""
        for question in self.left.pop(model, []):
            self._unknown(question, why)

    def _done(self, question: Question) -> None:
        questions = self.left[question.model]
        questions.pop(0)
        if not questions:
            del self.left[question.model]


def _tokens(outcome: Outcome) -> int:
    return outcome.draft.usage.prompt + outcome.draft.usage.completion


def _call(question: Question, outcome: Outcome) -> Call:
    error = outcome.error
    return Call(
        question.model,
        question.label,
        error.kind if error else "ok",
        error.code if error else None,
        without_secrets(error.message) if error else "",
        (error.request_id if error else clean(outcome.draft.request_id or "", ID_CHARS)) or None,
        _tokens(outcome),
        round(outcome.ended - outcome.sent, 1),
    )
