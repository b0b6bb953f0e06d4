"""The attempts of one call: what is sent, what is changed after a refusal, and whether what came is an answer."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar

from glm_mcp.errors import Again, ContentBlocked, GLMError, InvalidRequest, TooLong, UpstreamError
from glm_mcp.glm.messages import ChatRequest, Image, Message, Part, fold_functions, write_body
from glm_mcp.glm.policy import LEAST_ANSWER, size_of
from glm_mcp.glm.stream import Draft, Usage, boxed, raise_if_error, strip_boxes
from glm_mcp.progress import Progress
from glm_mcp.registry import Card, Endpoint
from glm_mcp.text import ID_CHARS, clean
from glm_mcp.threads import in_thread

GUESS = 1.05  # how far a guessed number of tokens may be from the service's own

Inline = Callable[[Part], Awaitable[Part]]
Heard = Callable[[dict[str, Any]], None]
Post = Callable[[Endpoint, str, bytes, Heard], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Job:
    """What a call is for. `deadline`: on anyio's clock. `free_text`: a part of the answer is worth returning.
    `inline`: turns a picture's URL into bytes when the service cannot fetch it.
    """

    role: str
    deadline: float
    model: str | None = None
    task: str | None = None
    free_text: bool = True
    inline: Inline | None = None


@dataclass(slots=True)
class Answer:
    """A finished (or, at the deadline, partial) answer and how it came about. Seconds; `attempts` one dict a try."""

    text: str
    model: str
    reasoning: str = ""
    tool_calls: list[dict[str, Any]] = field(default_factory=list)
    finish: str | None = None
    usage: Usage = field(default_factory=Usage)
    request_id: str | None = None
    partial: bool = False
    seconds: float = 0.0
    attempts: list[dict[str, Any]] = field(default_factory=list)
    fallback: str | None = None
    boxed: list[str] = field(default_factory=list)
    extras: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Drawing:
    """A generated picture: its URL at the service, or its `data` from a server that gives no URL."""

    url: str | None
    model: str
    request_id: str | None
    data: bytes | None = None
    seconds: float = 0.0
    attempts: list[dict[str, Any]] = field(default_factory=list)


T_co = TypeVar("T_co", covariant=True)


class Work(Protocol[T_co]):
    """One kind of call: how to try it once, and how to change a refused request so that it may pass."""

    async def attempt(self, chosen: Card, where: Endpoint) -> T_co: ...

    async def mend(self, error: GLMError, chosen: Card) -> bool: ...


class ChatWork:
    """The attempts of one chat: what was changed so far, and the answer as it arrives."""

    def __init__(
        self,
        post: Post,
        request: ChatRequest,
        job: Job,
        progress: Progress,
        *,
        best_forms: dict[str, str],
        compatible: bool,
    ) -> None:
        self.post, self.request, self.job, self.progress = post, request, job, progress
        self.best_forms, self.compatible = best_forms, compatible
        self.most: dict[str, int] = {}  # max_tokens that a model named when it refused ours
        self.draft: Draft | None = None
        self.model = ""
        self.earlier: tuple[Draft, str] | None = (
            None  # what an attempt before had of an answer, and its model
        )
        self.forms: dict[str, str] = {}
        self.mended: set[str] = set()

    async def attempt(self, chosen: Card, where: Endpoint) -> Answer:
        if self.draft and self.draft.text:
            self.earlier = self.draft, self.model
        self.model = chosen.id
        form = self.forms.setdefault(chosen.id, self.best_forms.get(chosen.id, chosen.image_forms[0]))

        tokens = self._tokens(chosen)

        def write() -> bytes:
            return write_body(self.request, chosen, form=form, max_tokens=tokens, compatible=self.compatible)

        heavy = any(isinstance(p, Image) or getattr(p, "data", None) for p in self.request.media())
        body = await in_thread(write) if heavy else write()
        draft = Draft()
        self.draft = draft
        self.progress.start_text()
        self.progress.say(
            f"uploading {len(body) / 1e6:.1f} MB to {chosen.id}"
            if len(body) > 100_000
            else f"waiting for {chosen.id}"
        )
        broken = 0
        thought = 0

        def heard(event: dict[str, Any]) -> None:
            nonlocal broken, thought
            if "_broken" in event:
                broken += 1
                return
            piece = draft.feed(event)
            if piece:
                self.progress.text(piece)
            elif draft.thought_chars != thought:
                thought = draft.thought_chars
                self.progress.thinking(thought)

        await self.post(where, "/chat/completions", body, heard)
        answer = self._judge(draft, chosen, broken)
        if any(isinstance(p, Image) for p in self.request.media()):
            self.best_forms[chosen.id] = form
        return answer

    def _tokens(self, chosen: Card) -> int | None:
        """max_tokens for a model: what was asked for, within what it named; by default what its window leaves."""
        asked = self.request.max_tokens
        if asked is None and not self.compatible and chosen.context:
            room = chosen.context - int(GUESS * size_of(self.request))
            asked = max(LEAST_ANSWER, room) if room < chosen.default_tokens else None
        most = self.most.get(chosen.id)
        return most if most and (asked is None or asked > most) else asked

    def _judge(self, draft: Draft, chosen: Card, broken: int) -> Answer:
        """The answer, or the reason why what came is none."""
        ident = draft.request_id
        if draft.finish == "sensitive":
            self.draft = self.earlier = None
            raise ContentBlocked(
                "the service's safety filter stopped the answer; what had come was discarded",
                "Rephrase the request or leave out the picture or passage that the service objects to.",
                code="1301",
                request_id=ident,
            )
        if draft.finish == "network_error":
            raise UpstreamError(
                "the model failed while answering",
                "Call again.",
                code="network_error",
                again=Again.RETRY,
                request_id=ident,
            )
        if draft.finish is None or broken:
            what = (
                "the answer broke off"
                if draft.finish is None
                else f"{broken} piece{'s' if broken > 1 else ''} of the answer arrived damaged"
            )
            raise UpstreamError(what, "Call again.", again=Again.RETRY, request_id=ident)
        if not draft.text and not draft.tool_calls:
            raise self._empty(draft, chosen)
        answer = self.answer(draft, chosen.id)
        if draft.finish in {"length", "model_context_window_exceeded"}:
            why = "max_tokens" if draft.finish == "length" else "the model's window"
            answer.notes.append(f"cut off by {why}")
        return answer

    def _empty(self, draft: Draft, chosen: Card) -> GLMError:
        ident = draft.request_id
        if draft.finish == "model_context_window_exceeded":
            return TooLong(
                "the request fills the model's window",
                "Send less: fewer pages, a shorter history, or a part of the text.",
                request_id=ident,
            )
        if draft.finish == "length":
            used = draft.usage.completion or min(
                self._tokens(chosen) or chosen.default_tokens, chosen.max_tokens
            )
            mend = "Call again with a larger max_tokens (at least 1024)"
            return InvalidRequest(
                f"{chosen.id} used all {used} tokens for thinking and wrote no answer",
                f"{mend} or thinking=false." if chosen.thinking == "switch" else f"{mend}.",
                request_id=ident,
            )
        what = (
            "the model thought but wrote no answer" if draft.reasoning else "the service sent an empty answer"
        )
        return UpstreamError(what, "Call again.", again=Again.RETRY, request_id=ident)

    def arrived(self) -> tuple[Draft, str] | None:
        """As much of an answer as there is, and its model: of this attempt, else of one before."""
        return (self.draft, self.model) if self.draft and self.draft.text else self.earlier

    def answer(self, draft: Draft, model: str) -> Answer:
        text = draft.text
        return Answer(
            strip_boxes(text),
            model,
            draft.reasoning,
            draft.tool_calls,
            clean(draft.finish or "", ID_CHARS) or None,
            draft.usage,
            clean(draft.request_id or "", ID_CHARS) or None,
            boxed=boxed(text),
            extras=draft.extras,
        )

    async def mend(self, error: GLMError, chosen: Card) -> bool:
        """Changes a request refused for its shape so that it may pass; each mend once."""
        told = any(m.role == "tool" for m in self.request.messages)
        if told and error.code in {"1210", "1214"} and chosen.images and "functions" not in self.mended:
            # Nobody documents whether the vision models know the role `tool`.
            self.mended.add("functions")
            self.request = replace(self.request, messages=fold_functions(self.request.messages))
            return True
        if error.code != "1210":
            return False
        limit = re.search(r"\[\s*1\s*,\s*(\d{1,9})\s*\]", error.message)
        if limit and chosen.id not in self.most:
            self.most[chosen.id] = int(limit[1])
            return True
        pictures = [p for p in self.request.media() if isinstance(p, Image)]
        if any(p.url for p in pictures) and self.job.inline and "inline" not in self.mended:
            self.mended.add("inline")
            self.progress.say("the service cannot fetch a picture: downloading it here")
            self.request = await _inlined(self.request, self.job.inline)
            return True
        others = [f for f in chosen.image_forms if f != self.forms[chosen.id]]
        if any(p.data for p in pictures) and others and f"form {chosen.id}" not in self.mended:
            self.mended.add(f"form {chosen.id}")
            self.forms[chosen.id] = others[0]
            return True
        if any(p.data for p in pictures):
            error.hint += f" If the picture is sound, {chosen.id} may take public URLs only: leave model out."
        return False


class DrawWork:
    """The attempts of one picture."""

    def __init__(self, post: Post, body: dict[str, Any]) -> None:
        self.post, self.body = post, body

    async def attempt(self, chosen: Card, where: Endpoint) -> Drawing:
        found: list[Drawing] = []

        def heard(event: dict[str, Any]) -> None:
            if "_broken" in event:
                raise UpstreamError("the answer is not JSON", "Call again.")
            raise_if_error(event)
            data = event.get("data")
            first = data[0] if isinstance(data, list) and data and isinstance(data[0], dict) else {}
            if not isinstance(first.get("url"), str):
                raise UpstreamError(
                    "the answer holds no picture",
                    "Call again.",
                    request_id=str(event.get("id") or "") or None,
                )
            found.append(
                Drawing(
                    first["url"],
                    chosen.id,
                    clean(event.get("request_id") or event.get("id") or "", ID_CHARS) or None,
                )
            )

        body = json.dumps({"model": chosen.id, **self.body}, ensure_ascii=False).encode()
        try:
            await self.post(where, "/images/generations", body, heard)
        except GLMError as error:
            if error.meta.get("sent") and error.code is None:
                # The picture may exist and be counted; a second request would make and count another.
                error.again = Again.NEVER
                error.hint = "The picture may have been made; it is not asked for twice. " + error.hint
            raise
        if not found:
            raise UpstreamError("the service sent an empty answer", "Call again.")
        return found[0]

    async def mend(self, error: GLMError, chosen: Card) -> bool:  # noqa: ARG002 - the protocol's signature
        return False


async def _inlined(request: ChatRequest, inline: Inline) -> ChatRequest:
    messages: list[Message] = []
    for message in request.messages:
        if isinstance(message.content, tuple):
            parts = [await inline(p) if isinstance(p, Image) and p.url else p for p in message.content]
            messages.append(replace(message, content=tuple(parts)))
        else:
            messages.append(message)
    return replace(request, messages=tuple(messages))
