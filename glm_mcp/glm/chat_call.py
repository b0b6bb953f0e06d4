"""One chat: what is sent to each model, what is changed after a refusal, and whether what came is an answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from glm_mcp.errors import Again, GLMError, UpstreamError
from glm_mcp.glm.calls import KNOWN_ENDS, Answer, Job, Post, empty, not_whole
from glm_mcp.glm.engines import errors as engine_errors
from glm_mcp.glm.engines.engine import Engine, with_bytes
from glm_mcp.glm.error_codes import blocked
from glm_mcp.glm.function_calls import damaged, mended, written_as_text
from glm_mcp.glm.learnt.dialect import after_refusal, names_film, refused_image_form
from glm_mcp.glm.learnt.names import MODELS
from glm_mcp.glm.messages import ChatRequest, Dialect, Image, Video, write_body
from glm_mcp.glm.policy import MINIMUM_ANSWER, size_for, text_tokens
from glm_mcp.glm.progress import Progress
from glm_mcp.glm.stream import FAILURES, LARGE, Draft, Repetition, Shown
from glm_mcp.glm.threads import in_thread, in_thread_if
from glm_mcp.registry import Card, Endpoint
from glm_mcp.text import ID_CHARS, clean

GUESS = 1.05  # how far a guessed number of tokens may be from the service's own
WORTH_KEEPING = 200  # characters said before a loop that are an answer of their own
LARGE_BODY = 100_000  # bytes whose way is worth a word
# How engines refuse a part that they cannot read; the words differ with the engine and its version.
REFUSES_FILM = frozenset({400, 413, 415, 422, 500, 501})
FAILURES_OF_A_FILM = 2  # 5xx in a row at one model, after which the film is blamed
_CUT = {"length", "model_context_window_exceeded"}


@dataclass(slots=True)
class Arrived:
    """What of an answer has arrived, and from which model."""

    draft: Draft
    model: str


class ChatCall:
    """The attempts of one chat. `dialects`: what the process has learnt of each model; what this call learns is added.
    `engine`: the self-hosted one that is asked, None at the platform.
    """

    beside = True

    def __init__(
        self,
        post: Post,
        request: ChatRequest,
        job: Job,
        progress: Progress,
        *,
        dialects: dict[str, Dialect],
        engine: Engine | None,
    ) -> None:
        self.post, self.request, self.job, self.progress = post, request, job, progress
        self.known, self.dialects = dialects, dict(dialects)
        self.engine = engine
        self._room: dict[str, int] = {}  # model → tokens that its window leaves for this answer
        self._clamped = set[str]()  # models whose max_tokens was
        self.arrived: Arrived | None = None
        self.pauses = bool(request.functions)  # calls are told when they are whole
        self._refused_forms: dict[str, set[str]] = {}
        self._inlined = self.to_fetch = False
        self._odd_schema = False
        self._film_failures = 0
        self._unended = False  # an answer came to its end without saying so

    def weight(self, card: Card) -> tuple[int, int]:
        media = sum(len(getattr(p, "data", None) or b"") for p in self.request.media())
        return size_for(card, self.request), media

    async def attempt(self, card: Card, where: Endpoint, on_words: Callable[[], None]) -> Answer:
        try:
            return await self._try(card, where, on_words)
        except GLMError:
            if self.arrived:  # what it says is remembered, for the next: cleaning a long text takes a while
                await in_thread_if(self.arrived.draft.chars > LARGE, self.partial)
            raise

    async def _try(self, card: Card, where: Endpoint, on_words: Callable[[], None]) -> Answer:
        dialect = self.dialects.setdefault(card.id, Dialect.of(card))
        tokens = self._tokens(card, dialect)

        def write() -> bytes:
            compatible = self.engine is not None
            return write_body(self.request, card, dialect, max_tokens=tokens, compatible=compatible)

        heavy = self.request.long or any(
            isinstance(p, Image) or getattr(p, "data", None) for p in self.request.media()
        )
        body = await in_thread_if(heavy, write)
        if len(body) > LARGE_BODY:
            self.progress.say(f"uploading {len(body) / 1e6:.1f} MB to {card.id}")
        reader = _Reader(self, card, on_words)
        try:
            ident = await self.post(where, "/chat/completions", body, reader.on_event)
        except Repetition as loop:
            return await in_thread(self._cut_loop, reader.draft, card, loop)
        draft, broken = reader.draft, reader.broken + reader.lost
        draft.request_id = draft.request_id or ident
        answer = await in_thread_if(draft.chars > LARGE, self._judge, draft, card, broken, tokens)
        if card.id not in self.known and len(self.known) >= MODELS:
            del self.known[next(iter(self.known))]  # a caller may name any
        self.known[card.id] = replace(dialect, json_schema=card.json_schema) if self._odd_schema else dialect
        return answer

    def begins(self, draft: Draft, model: str) -> None:
        """An answer has begun: what was written by a try before does not count any more."""
        self.progress.start_text()
        self._earlier, self.arrived = self.partial(), Arrived(draft, model)

    _earlier: Arrived | None = None

    def partial(self) -> Arrived | None:
        """As much of an answer as there is: of the attempt that had most."""
        some = [a for a in (self.arrived, self._earlier) if a and a.draft.text]
        return max(some, key=lambda a: len(a.draft.text), default=None)

    def _tokens(self, card: Card, dialect: Dialect) -> int | None:
        """max_tokens for a model: what was asked for, within what it named; by default what its window leaves."""
        asked = self.request.max_tokens
        if asked is None and self.engine is None and card.context:
            room = card.context - int(GUESS * size_for(card, self.request))
            asked = max(MINIMUM_ANSWER, room) if room < card.default_tokens else None
        maximum = self._room.get(card.id, dialect.maximum_tokens)
        return maximum if maximum and (asked is None or asked > maximum) else asked

    def _judge(self, draft: Draft, card: Card, broken: int, tokens: int | None) -> Answer:
        """The answer, or the reason why what came is none."""
        ident = draft.request_id
        if draft.finish == "sensitive":
            self.arrived = self._earlier = None
            raise blocked(
                "the service's safety filter stopped the answer; what had come was discarded", ident
            )
        if told := draft.told:
            raise told
        if draft.finish in FAILURES:
            raise UpstreamError(
                "the model failed while answering",
                "Call again.",
                code=draft.finish,
                again=Again.RETRY,
                request_id=ident,
            )
        if broken or (draft.finish is None and not self._is_usual(draft)):
            raise not_whole(draft, broken)
        if self.engine is not None and draft.finish == "stop" and not self.request.thinking:
            draft.take_thought_for_text()
        answer = self.answer(draft, card.id)
        if not answer.text and not answer.tool_calls:
            raise empty(draft, card, tokens)
        if draft.finish not in _CUT and damaged(answer.tool_calls):
            raise UpstreamError(
                f"{card.id} asked for a function call with arguments that are not JSON",
                "Call again, or name another model.",
                code="arguments",
                again=Again.RETRY,
                request_id=ident,
                about="answer",
            )
        if draft.unasked:
            answer.notes.append("it also asked for function calls, which nobody offered")
        if draft.finish is None:
            answer.cut = "service"
            answer.notes.append("the service did not say whether this is the whole answer")
        elif draft.finish == "length":
            answer.cut = "max_tokens"
            answer.notes.append("cut off by max_tokens")
        elif draft.finish == "model_context_window_exceeded":
            answer.cut = "window"
            answer.notes.append("cut off by the model's window")
        elif draft.finish not in KNOWN_ENDS:
            answer.cut = "service"
            answer.notes.append(f"cut by the service ({clean(draft.finish, ID_CHARS)})")
        return answer

    def _is_usual(self, draft: Draft) -> bool:
        """Whether a text without a `finish_reason` is taken: the second, since a service that leaves it out always does."""
        seen, self._unended = self._unended, self._unended or bool(draft.text)
        return seen and bool(draft.text) and self.job.free_text

    def _cut_loop(self, draft: Draft, card: Card, loop: Repetition) -> Answer:
        """What was said before a loop with the loop's words once; another try where that is nothing of its own."""
        draft.cut_text(loop.end)
        if loop.start < WORTH_KEEPING and not draft.tool_calls:
            raise UpstreamError(
                f"{card.id} repeated the same words without end",
                "Call again, or name another model.",
                code="repetition",
                again=Again.RETRY,
                request_id=draft.request_id,
                about="answer",
            )
        answer = self.answer(draft, card.id)
        answer.cut = "repetition"
        answer.notes.append("cut: the model repeated the last words without end")
        return answer

    def answer(self, draft: Draft, model: str) -> Answer:
        text, written = written_as_text(draft.text, self.request.functions)
        if not (text or written or draft.tool_calls) and draft.finish in KNOWN_ENDS - _CUT:
            written = written_as_text(draft.reasoning, self.request.functions)[1]  # where it ended by them
        other = draft.model and draft.model.lower() not in {model.lower(), model.rpartition("/")[2].lower()}
        return Answer(
            text,
            model,
            draft.reasoning,
            mended(draft.tool_calls, self.request.functions) or written,
            "tool_calls" if written else clean(draft.finish or "", ID_CHARS) or None,
            draft.usage,
            clean(draft.request_id or "", ID_CHARS) or None,
            answered_as=clean(draft.model, ID_CHARS) if other else None,
            extras=draft.extras,
        )

    async def adjust_request(self, error: GLMError, card: Card) -> GLMError | None:
        """Each change is made once: the model's dialect, a URL's bytes in its place, the other form of its pictures."""
        if self.engine is not None and error.code is None and self._in_another_form(error, card):
            return None
        if self._film_is_to_blame(error):
            return error.but(again=Again.NEVER, about="film")
        if self.engine is not None and error.code is None:
            learnt = self.engine.learn(card.id, error, size_for(card, self.request))
            return error.but(again=Again.NEVER, about="limits") if learnt else error
        dialect = self.dialects.get(card.id, Dialect.of(card))
        changed = after_refusal(dialect, error, self.request, clamped=card.id in self._clamped)
        if changed:
            if changed.maximum_tokens != dialect.maximum_tokens:
                self._clamped.add(card.id)
            self.dialects[card.id] = changed
            return None
        if error.again is not Again.NEVER or error.code != "1210":
            return error
        if (
            any(isinstance(p, Image) and p.url for p in self.request.media())
            and self.job.inline
            and not self._inlined
        ):
            self._inlined = self.to_fetch = True
            return None
        if not refused_image_form(error, self.request):
            return error
        refused = self._refused_forms.setdefault(card.id, set())
        refused.add(dialect.image_form)
        other = next((f for f in card.image_forms if f not in refused), None)
        if other is None:  # another model may take these bytes
            names = ", ".join(dict.fromkeys(p.name for p in self.request.media() if isinstance(p, Image)))
            hint = f"It was sent in every form: check {names}, or save it anew as PNG or JPEG."
            return error.but(again=Again.NEXT, hint=hint)
        self.dialects[card.id] = replace(dialect, image_form=other)
        return None

    async def fetch(self) -> None:
        """The bytes of the pictures that the service cannot fetch. Raises GLMError."""
        self.to_fetch = False
        self.progress.say("the service cannot fetch a picture: downloading it here")
        self.request = await with_bytes(self.request, self.job.inline, of=(Image,))

    def _in_another_form(self, error: GLMError, card: Card) -> bool:
        """Whether the request was changed after a refusal of a self-hosted engine: fewer tokens for the answer, fewer
        fields.
        """
        room = engine_errors.room_for_answer(error)
        if room and self.request.max_tokens and card.id not in self._room:
            self._room[card.id] = room
            return True
        dialect = self.dialects.get(card.id, Dialect.of(card))
        changed = engine_errors.after_refusal(dialect, error, self.request)
        if changed:
            self._odd_schema = self._odd_schema or engine_errors.blames_schema(error)
            self.dialects[card.id] = changed
        return changed is not None

    def _film_is_to_blame(self, error: GLMError) -> bool:
        """Whether the film of a request is what cannot be taken: its frames may pass, which only the caller can make."""
        if not any(isinstance(p, Video) for p in self.request.media()):
            return False
        if self.engine is not None and error.status in REFUSES_FILM:
            return True
        if (error.status or 0) >= 500 or error.code in {"500", "1200", "1230", "1234"}:
            self._film_failures += 1
        return names_film(error) or self._film_failures >= FAILURES_OF_A_FILM


class _Reader:
    """Reads one attempt's events into its draft, and tells when the answer begins."""

    def __init__(self, call: ChatCall, card: Card, on_words: Callable[[], None]) -> None:
        self.call, self.card, self.on_words = call, card, on_words
        self.draft = Draft(calls=call.request.calls)
        self.shown = Shown()
        self.broken = 0  # pieces of the answer that came damaged
        self.lost = 0  # such pieces in the middle of the thoughts: of these, if more thoughts follow
        self.begun = False
        self.thought = 0

    def on_event(self, event: dict[str, object]) -> None:
        draft, progress = self.draft, self.call.progress
        thinks = bool(draft.thought_chars) and not draft.raw_chars and not draft.calls
        if "_broken" in event:
            if draft.finish is None:  # what comes after the end is none of it
                self.lost += thinks
                self.broken += not thinks
            return
        piece = draft.feed(event)
        if thinks and draft.thought_chars != self.thought and not draft.calls and not piece:
            self.lost = 0
        if piece or draft.thought_chars or draft.calls:
            self.on_words()
            if not self.begun:
                self.begun = True
                self.call.begins(draft, self.card.id)
        if piece:
            progress.text(self.shown.add(piece))
            if self.shown.thinks:
                progress.thinking(draft.raw_chars)
            draft.look_for_repetition()
        elif draft.thought_chars != self.thought:
            self.thought = draft.thought_chars
            progress.thinking(self.thought)


async def counted(request: ChatRequest) -> ChatRequest:
    """The request with its tokens counted once; of long texts, which take some milliseconds, in a thread."""
    return replace(request, tokens=await in_thread_if(request.long, text_tokens, request))
