"""Work too large for one call: read in parts under the model's own limits, finished parts kept, then combined."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import anyio

from glm_mcp.errors import ConfigError, GLMError, RateLimited, TimedOut
from glm_mcp.glm.calls import Answer
from glm_mcp.glm.messages import File, Image, Message, Text, Video
from glm_mcp.threads import in_thread
from glm_mcp.tools.ask import Question, ask
from glm_mcp.tools.base import Deps
from glm_mcp.tools.language import Lang
from glm_mcp.tools.tasks import COMBINE

AT_ONCE = 8  # parts in flight from one call; the limiter holds the rest back
COMBINE_SHARE = 0.25  # of the time, kept for combining


async def each(
    deps: Deps, args: dict[str, Any], questions: Sequence[Question], *, share: float = 1.0
) -> list[Answer]:
    """The answers to all questions, in order; finished ones are kept, so that the same call goes on where it stopped.

    `share`: of the time that is left. Raises TimedOut or RateLimited with what is done so far, else the first failure.
    The first answer's `seconds` become those of all of them together.
    """
    total = len(questions)
    found: list[Answer | None] = [None] * total

    def known() -> tuple[list[str], list[dict[str, Any] | None]]:
        keys = [_key(deps, args, q) for q in questions]
        return keys, [deps.outputs.recall(key) for key in keys]

    keys, before = await in_thread(known)
    for n, kept in enumerate(before):
        if kept is not None:
            found[n] = Answer(
                str(kept["text"]), str(kept["model"]), finish="stop", notes=list(kept.get("notes", ()))
            )
    now = anyio.current_time()
    deadline = now + (deps.deadline - now) * share
    late: GLMError | None = None
    kept_all = True
    gate = anyio.Semaphore(AT_ONCE)

    async def one(n: int) -> None:
        nonlocal late, kept_all
        async with gate:
            try:
                answer = await ask(deps, args, replace(questions[n], deadline=deadline, exact=True))
            except (TimedOut, RateLimited) as error:
                late = error
                return
        found[n] = answer
        part = {"text": answer.text, "model": answer.model, "notes": answer.notes}
        try:
            await in_thread(deps.outputs.remember, keys[n], part)
        except ConfigError as error:  # a full disk must not cost the answer
            answer.notes.append(f"a part could not be kept: {error.message}")
            kept_all = False
        deps.progress.say(f"{sum(a is not None for a in found)} of {total} parts done")

    try:
        async with anyio.create_task_group() as group:
            for n in range(total):
                if found[n] is None:
                    group.start_soon(one, n)
    except* GLMError as failed:
        raise _first(failed) from None
    done = [a for a in found if a is not None]
    if len(done) < total:
        if isinstance(late, RateLimited):
            late.message += f"; {len(done)} of {total} parts are done{' and kept' if kept_all else ''}"
            late.partial = "\n\n".join(a.text for a in done) or None
            raise late
        error = TimedOut(
            f"{len(done)} of {total} parts done before the deadline",
            ("Call again with the same arguments to go on: finished parts are kept. " if kept_all else "")
            + "More time: GLM_DEADLINE_S and the host's own limit.",
        )
        error.partial = "\n\n".join(a.text for a in done) or None
        raise error.but(attempts=late.attempts if late else ())
    if total > 1:
        done[0].seconds = anyio.current_time() - now
    return done


def _first(group: BaseExceptionGroup[GLMError]) -> GLMError:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


async def combined(
    deps: Deps, args: dict[str, Any], questions: Sequence[Question], wish: str, lang: Lang
) -> Answer:
    """One answer to `wish` from the answers to all parts. Usage and seconds are those of all calls together."""
    started = anyio.current_time()
    plain = {k: v for k, v in args.items() if k != "json"}
    parts = await each(deps, plain, questions, share=1 - COMBINE_SHARE)
    deps.progress.say("combining the parts")
    words = COMBINE[lang].format(count=len(parts))
    body = "\n\n".join(f"[part {n}]\n{a.text}" for n, a in enumerate(parts, 1))
    message = Message("user", f"{words}\n\n{wish}\n\n{body}")
    answer = await ask(deps, args, Question((message,), "chat", exact=questions[0].exact))
    add(answer, parts)
    answer.seconds = anyio.current_time() - started
    answer.notes.append(f"read in {len(parts)} parts by {parts[0].model}, then combined")
    return answer


def add(answer: Answer, others: Sequence[Answer]) -> None:
    """What other calls for the same result used, and what a careful reader must know of them."""
    for other in others:
        answer.usage.prompt += other.usage.prompt
        answer.usage.completion += other.usage.completion
        answer.usage.cached += other.usage.cached
        answer.seconds = max(answer.seconds, other.seconds)
        answer.notes += [note for note in other.notes if note not in answer.notes]


def _key(deps: Deps, args: dict[str, Any], question: Question) -> str:
    """A digest of all that the answer depends on: model asked, options, every word and every byte."""
    digest = hashlib.sha256()
    options = {k: args.get(k) for k in ("model", "thinking", "json", "max_tokens", "temperature")}
    chain = [c.id for c in deps.glm.models(question.role, args.get("model"))][:1]
    digest.update(
        json.dumps([options, chain, question.task, deps.glm.home.url], sort_keys=True, default=str).encode()
    )
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
