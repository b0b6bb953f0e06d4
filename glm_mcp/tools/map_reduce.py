"""Work too large for one call: read in parts under the model's own limits, finished parts kept, then combined."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, fields, replace
from typing import Any

import anyio

from glm_mcp.errors import ConfigError, ContentBlocked, GLMError, RateLimited, TimedOut
from glm_mcp.glm.calls import Answer
from glm_mcp.glm.messages import File, Image, Message, Text, Video
from glm_mcp.glm.outcome import asked_of
from glm_mcp.glm.policy import unusable
from glm_mcp.glm.threads import in_thread
from glm_mcp.tools.arguments import AnswerArgs
from glm_mcp.tools.ask import Question, ask, may_pass
from glm_mcp.tools.base import Deps
from glm_mcp.tools.tasks import COMBINE
from glm_mcp.tools.words.chinese import Lang

MET = 3  # sorts of failures that an error names
MOST_LEFT_OUT = 3  # parts that the filter refuses: who sends on and on what it refuses is locked out
MOST_IN_VAIN = 8  # parts in a row to which answers came that were none: each was paid for several times
AT_ONCE = 8  # parts in flight from one call; the limiter holds the rest back
ANSWERED_S = 0.5  # from a failure that ends the work to the end of the other parts: what was answered is kept


@dataclass(frozen=True, slots=True)
class Later:
    """A question that is made when its turn comes; what it holds is let go of with its answer. `of`: what its pictures are
    made from, a digest. `made`: None where there is nothing to ask. `known`: called where it will not be made, since its
    answer is known.
    """

    about: str
    role: str
    task: str
    of: str
    made: Callable[[], AbstractAsyncContextManager[Question | None]]
    known: Callable[[], None]


async def each(deps: Deps, args: AnswerArgs, questions: Sequence[Question]) -> list[Answer]:
    """The answers to all questions, in order; finished ones are kept, so that the same call goes on where it stopped.

    A few parts that the service's filter refuses are left out, where an answer without them is one. The first answer's
    `seconds` become those of all of them together. Raises what may pass, such as an overload, else the first failure; both
    with what is done so far.
    """
    answers, error = await so_far(deps, args, questions)
    if error is not None:
        raise error
    return [a for a in answers if a is not None]


async def so_far(
    deps: Deps, args: AnswerArgs, questions: Sequence[Question | Later]
) -> tuple[list[Answer | None], GLMError | None]:
    """As `each` without raising: the answers, None where there was nothing to ask or none came, and why none came."""
    keys, answers = await in_thread(_recalled, deps, args, questions)
    known = done = _known(questions, answers)
    started, deadline = anyio.current_time(), deps.deadline
    late, left_out, unkept = list[GLMError](), dict[int, ContentBlocked](), list[ConfigError]()
    failed, in_vain = list[GLMError](), 0  # parts since the last answer
    parts_said = deps.progress.of_parts(len(questions))
    parts_said.done(known)
    told = replace(deps, progress=parts_said)
    waiting = iter([n for n, answer in enumerate(answers) if answer is None])

    async def one(n: int) -> None:
        nonlocal in_vain, done
        asked = questions[n]
        exact = isinstance(asked, Question) and asked.exact
        try:
            async with _made(asked, deadline) as question:
                if question is None:
                    return
                answer = await ask(told, args, replace(question, deadline=deadline, exact=True))
        except ContentBlocked as error:
            if len(left_out) < MOST_LEFT_OUT and not (args.json or exact):
                left_out[n] = error
            else:
                failed.append(error)
                parts.cancel()
            return
        except GLMError as error:
            in_vain += unusable(error)
            if (may_pass(error) or isinstance(error, RateLimited)) and in_vain < MOST_IN_VAIN:
                late.append(error)
            else:
                failed.append(error)
                parts.deadline = min(parts.deadline, anyio.current_time() + ANSWERED_S)
            return
        answers[n], in_vain = answer, 0
        if question.keeps and (lost := await in_thread(_keep, deps, keys[n], answer)):
            unkept.append(lost)
        done += 1
        parts_said.done(done)

    async def work() -> None:
        for n in waiting:
            await one(n)
            if failed or (late and anyio.current_time() >= deadline):
                return

    with anyio.CancelScope() as parts:
        async with anyio.create_task_group() as group:
            for _ in range(AT_ONCE):
                group.start_soon(work)
    error = _failure(failed, late, left_out, questions, answers, kept=not unkept)
    if error is None and left_out:
        _fill(deps, answers, left_out)
    _sum_up(answers, known, anyio.current_time() - started)
    return answers, error


@asynccontextmanager
async def _made(asked: Question | Later, deadline: float) -> AsyncIterator[Question | None]:
    """A question whose turn has come, None where there is nothing to ask. Raises TimedOut, and as `Later.made`."""
    if isinstance(asked, Question):
        yield asked
        return
    async with AsyncExitStack() as held:
        try:
            with anyio.fail_at(deadline):
                question = await held.enter_async_context(asked.made())
        except TimeoutError:
            raise TimedOut(
                "the time of this call was over before a model could be asked", "Call again, or ask for less."
            ) from None
        yield question


def _keep(deps: Deps, key: str, answer: Answer) -> ConfigError | None:
    """Keeps a part, or notes why it could not be: a full disk must not cost the answer. Blocking."""
    try:
        deps.outputs.remember(key, {"text": answer.text, "model": answer.model, "notes": answer.notes})
    except ConfigError as error:
        answer.notes.append(f"a part could not be kept: {error.message}")
        return error
    return None


def _known(questions: Sequence[Question | Later], answers: Sequence[Answer | None]) -> int:
    """How many are known; what would make their questions is told."""
    known = [q for q, a in zip(questions, answers, strict=True) if a is not None]
    for question in known:
        if isinstance(question, Later):
            question.known()
    return len(known)


def _sum_up(answers: Sequence[Answer | None], known: int, seconds: float) -> None:
    """What the first answer says of all of them."""
    first = next((a for a in answers if a is not None), None)
    if first is not None and len(answers) > 1:
        first.seconds = seconds
    if first is not None and known:
        first.notes.append(f"{known} of {len(answers)} parts kept from an earlier call")


def _failure(
    failed: Sequence[GLMError],
    late: Sequence[GLMError],
    left_out: Mapping[int, ContentBlocked],
    questions: Sequence[Question | Later],
    answers: Sequence[Answer | None],
    *,
    kept: bool,
) -> GLMError | None:
    """Why the answers are not all there; None where they are, or only what the filter refuses is missing."""
    if failed and not any(answers):
        return failed[0]
    if failed or late:
        return _unfinished(failed[:1] or late, questions, answers, kept=kept)
    return left_out[min(left_out)] if left_out and not any(answers) else None


def _fill(deps: Deps, answers: list[Answer | None], left_out: Mapping[int, ContentBlocked]) -> None:
    """Words in the place of the answers that the filter refused."""
    model = next(a.model for a in answers if a is not None)
    said = deps.said("(left out: the service's filter refuses this part)")
    for n in left_out:
        note = f"part {n + 1} of {len(answers)} left out: the filter refuses it"
        answers[n] = Answer(said, model, notes=[note])


def _recalled(
    deps: Deps, args: AnswerArgs, questions: Sequence[Question | Later]
) -> tuple[list[str], list[Answer | None]]:
    """The key of each question, and its answer where a call before has had it. Blocking."""
    keys = [_key(deps, args, q) for q in questions]
    return keys, [_told(kept) for kept in map(deps.outputs.recall, keys)]


def _told(kept: dict[str, Any] | None) -> Answer | None:
    """What was kept as an answer; None for nothing, and for what another version or program has put there."""
    match kept:
        case {"text": str() as text, "model": str() as model, "notes": list() as notes}:
            own = all(isinstance(note, str) for note in notes)
            return Answer(text, model, finish="stop", notes=notes) if own else None
    return None


def _unfinished(
    errors: Sequence[GLMError],
    questions: Sequence[Question | Later],
    answers: Sequence[Answer | None],
    *,
    kept: bool,
) -> GLMError:
    """Why there is no whole answer, how far it came, and how to go on."""
    done = [(q.about, a.text) for q, a in zip(questions, answers, strict=True) if a is not None]
    partial = "\n\n".join(f"[{about}]\n{text}" if about else text for about, text in done) or None
    late, said = errors[-1], f"{len(done)} of {len(answers)} parts"
    if not isinstance(late, TimedOut):
        asked = asked_of(attempt for error in errors for attempt in error.attempts)
        if asked and len(errors) > 1:
            alone = (late.bare or late.message).rstrip(".")
            late = late.but(message=f"{alone}; asked for all parts together: {asked}")
        if not done:
            return late.but(message=f"{late.message.rstrip('.')}; none of {len(answers)} parts is done")
        return late.but(
            message=f"{late.message.rstrip('.')}; {said} are done{' and kept' if kept else ''}",
            hint=f"{late.hint} The same call goes on from there." if kept else late.hint,
            partial=partial,
        )
    again = "Call again with the same arguments to go on: finished parts are kept. " if kept else ""
    met = Counter(f"{a['model']} {a['outcome']}" for error in errors for a in error.attempts)
    why = ", ".join(f"{name} {times}×" for name, times in met.most_common(MET))
    return late.but(
        message=f"{said} done before the deadline" + (f"; meanwhile {why}" if why else ""),
        hint=f"{again}More time: GLM_DEADLINE_S and the host's own limit.",
        partial=partial,
    )


async def combined(
    deps: Deps, args: AnswerArgs, questions: Sequence[Question], wish: str, lang: Lang
) -> Answer:
    """One answer to `wish` from the answers to all parts. Usage and seconds are those of all calls together.

    Raises as `each`; where only combining them fails, with what the parts say.
    """
    started = anyio.current_time()
    answers = await each(deps, replace(args, json=None), questions)
    deps.progress.say("combining the parts")
    words = COMBINE[lang].format(count=len(answers))
    body = "\n\n".join(f"[part {n}]\n{a.text}" for n, a in enumerate(answers, 1))
    message = Message("user", f"{words}\n\n{wish}\n\n{body}")
    try:
        whole = await ask(deps, args, Question((message,), "chat", exact=questions[0].exact))
    except GLMError as error:
        kept = not any("could not be kept" in note for answer in answers for note in answer.notes)
        raise _unfinished([error], questions, answers, kept=kept) from error
    add(whole, answers)
    whole.seconds = anyio.current_time() - started
    whole.notes.append(f"read in {len(answers)} parts by {_models(answers)}, then combined")
    return whole


def together(answers: Sequence[Answer]) -> Answer:
    """The first of the answers that make one result, with what the others used, and whose they are."""
    first = answers[0]
    add(first, answers[1:])
    if len({a.model for a in answers}) > 1:
        first.notes.append(f"answered by {_models(answers)}")
    return first


def _models(answers: Sequence[Answer]) -> str:
    """Who gave them; how many each where they were several."""
    counts = Counter(a.model for a in answers)
    return ", ".join(f"{m} {n}×" for m, n in counts.items()) if len(counts) > 1 else answers[0].model


def add(answer: Answer, others: Sequence[Answer]) -> None:
    """What other calls for the same result used, and what a careful reader must know of them."""
    for other in others:
        answer.usage.add(other.usage)
        answer.seconds = max(answer.seconds, other.seconds)
        answer.notes += [note for note in other.notes if note not in answer.notes]


def _key(deps: Deps, args: AnswerArgs, question: Question | Later) -> str:
    """A digest of all that the answer depends on: model asked, options, every word and every byte."""
    digest = hashlib.sha256()
    options = {f.name: getattr(args, f.name) for f in fields(AnswerArgs)}
    chain = [c.id for c in deps.glm.models(question.role, args.model)][:1]
    digest.update(
        json.dumps([options, chain, question.task, deps.glm.home.url], sort_keys=True, default=str).encode()
    )
    if isinstance(question, Later):
        digest.update(b"l" + question.of.encode())
        return digest.hexdigest()
    for message in question.messages:
        digest.update(message.role.encode())
        for part in message.parts():
            match part:
                case Text(text):
                    digest.update(b"t" + text.encode())
                case Image(data=data, url=url) | Video(data=data, url=url):
                    digest.update(b"m" + (data or b"") + (url or "").encode())
                case File(url=url):
                    digest.update(b"f" + url.encode())
    return digest.hexdigest()
