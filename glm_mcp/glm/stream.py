"""What the service answers: a stream read event by event, and the text of the model without its marks."""

from __future__ import annotations

import re
from itertools import islice
from typing import Any

from glm_mcp.errors import ContentBlocked, GLMError, UpstreamError
from glm_mcp.glm.function_calls import CALLS_MAX, Calls, without_calls
from glm_mcp.glm.json_shape import VALUES_MAX, dict_of
from glm_mcp.glm.network.pieces import Pieces
from glm_mcp.glm.network.refusals import raise_if_error, text_of, told_in
from glm_mcp.glm.usage import Usage
from glm_mcp.text import ID_CHARS, clean, plain, whole


class Repetition(Exception):
    """The answer repeats itself without end. `start`, `end`: of the words that are repeated, in what came."""

    def __init__(self, start: int, end: int) -> None:
        super().__init__()
        self.start, self.end = start, end


class Draft:
    """The answer of one attempt while it arrives. `feed` takes one decoded event and returns the text it added. `calls`:
    whether the model may call functions.
    """

    def __init__(self, *, calls: bool = True) -> None:
        self._beside: dict[str, Any] = {}  # the last event without a word of the model
        self._may_call = calls
        self.raw, self.thought = Pieces(), Pieces()
        self.calls = Calls()
        self.finish: str | None = None
        self.usage = Usage()
        self.request_id: str | None = None
        self.model = ""
        self.extras: dict[str, Any] = {}
        self._ident = ""  # of the last event
        self._index: Any = None  # of the answer, where there are several
        self._looked_at = 0
        self._repeats = False
        # What `raw` of this many characters says: reasoning, answer, and whether calls were cut out of that.
        self._read: tuple[int, str, str, bool] | None = None

    @property
    def raw_chars(self) -> int:
        return self.raw.chars

    @property
    def thought_chars(self) -> int:
        return self.thought.chars

    @property
    def chars(self) -> int:
        """Of everything that the model has written."""
        return self.raw_chars + self.thought_chars + self.calls.chars

    def feed(self, event: Any) -> str:
        """Raises GLMError for an error that came inside a success."""
        if not isinstance(event, dict):
            raise UpstreamError("the stream held something that is not an answer", code=None)
        try:
            raise_if_error(event)
        except GLMError as error:
            # Behind a whole answer only the filter's word counts: what failed then is not the answer.
            if self.finish is None or self.finish in _LASTING or isinstance(error, ContentBlocked):
                raise
            return ""
        ident = text_of(event.get("id"))
        if self.finish is not None and event.get("choices") and ident not in {"", self._ident}:
            return ""  # of another answer, which nobody asked for
        self._ident = ident or self._ident
        self.request_id = text_of(event.get("request_id")) or ident or self.request_id
        self.model = text_of(event.get("model")) or self.model
        if event.get("usage"):
            self.usage = Usage.read(event["usage"])
        for name in ("web_search", "content_filter"):
            if event.get(name):
                self.extras[name] = event[name]
        added = ""
        choices = event.get("choices")
        if not choices:
            self._beside = event
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict):
                added += self._choice(choice)
        endless = f"the answer is endless (over {CHARS_MAX:,} characters)" if self.chars > CHARS_MAX else ""
        if len(self.calls) > CALLS_MAX:
            endless = f"the answer is endless (over {CALLS_MAX:,} function calls)"
        if self.calls.too_many:
            endless = f"the answer is endless (a function call of over {VALUES_MAX:,} values)"
        if endless:
            raise UpstreamError(endless, "Ask for less, or name another model.", request_id=self.request_id)
        return whole(added)

    def _choice(self, choice: dict[str, Any]) -> str:
        index = choice.get("index")
        if index is not None and index != self._index:
            if self._index is not None:  # another answer, which nobody asked for
                return ""
            self._index = index
        # Cleaned first: a key in small letters is one that nothing knows any more.
        reason = text_of(choice.get("finish_reason"))
        finish = clean(reason, ID_CHARS).lower() if reason else ""
        if self.finish not in _LASTING:
            self.finish = finish or self.finish
        delta = dict_of(choice.get("delta"))
        if not delta and not self.raw_chars and not self.calls:  # else it says again what came piece by piece
            delta = dict_of(choice.get("message"))
        self.thought.add(_content(delta.get("reasoning_content") or delta.get("reasoning")))
        # OpenAI's models, and gateways to them, decline in a field of its own.
        piece = _content(delta.get("content")) or _content(delta.get("refusal"))
        self.raw.add(piece)
        self.calls.feed(delta.get("tool_calls"))
        return piece

    def look_for_repetition(self) -> None:
        """Raises Repetition when the text has come to an end that repeats itself. Cheap: looks now and then, and only what
        goes on from one look to the next is without end.
        """
        if self.raw_chars - self._looked_at < LOOK_EVERY:
            return
        self._looked_at = self.raw_chars
        # Its end is looked at first.
        repeats = repeated(self.raw.end(LOOP + LONGEST_UNIT))
        unit, seen = repeated(self.raw.whole()) if repeats else None, self._repeats
        if unit and seen:
            raise Repetition(*unit)
        self._repeats = unit is not None

    def take_thought_for_text(self) -> None:
        """Where nothing else came: engines told not to think may call the whole answer a thought."""
        if not self.raw_chars and not self.calls:
            self.raw, self.thought = self.thought, Pieces()

    def cut_text(self, end: int) -> None:
        self.raw = Pieces(self.raw.whole()[:end])
        self._read = None

    def _split(self) -> tuple[str, str, bool]:
        """What the text so far says. Takes a while for a long one."""
        if self._read is None or self._read[0] != self.raw_chars:
            reasoning, said = split_thinking(plain(whole(self.raw.whole())))
            text = said if self._may_call else without_calls(said)
            self._read = self.raw_chars, reasoning, text, text is not said
        return self._read[1:]

    @property
    def text(self) -> str:
        return self._split()[1]

    @property
    def reasoning(self) -> str:
        inline = self._split()[0]
        return "\n".join(t for t in (plain(whole(self.thought.whole())).strip(), inline) if t)

    @property
    def tool_calls(self) -> list[dict[str, Any]]:
        return self.calls.whole() if self._may_call else []

    @property
    def told(self) -> GLMError | None:
        """What the service said in the place of an answer."""
        return None if self.chars else told_in(self._beside)

    @property
    def unasked(self) -> bool:
        """Whether it calls functions that it may not."""
        return not self._may_call and (bool(self.calls) or self._split()[2])


FAILURES = frozenset({"network_error", "error", "insufficient_system_resource"})  # as reasons for an end
_LASTING = FAILURES | {"sensitive"}  # nothing that follows mends them
CHARS_MAX = 4_000_000  # of one answer, thoughts among them; 131,072 tokens, the most that any model writes, are a sixth
LARGE = 50_000  # characters from which on an answer is read in a thread
LOOK_EVERY = 2_000  # characters between two looks for a repetition
LOOP = 4_000  # characters of nothing but repetition that no honest answer has
LONGEST_UNIT = 1_000  # characters that are repeated
_SUFFIX = 64


def repeated(text: str) -> tuple[int, int] | None:
    """Where the words stand that the end of a text repeats and repeats: (start, end) of their first time; None without."""
    tail = text[-(LOOP + LONGEST_UNIT) :]
    if len(tail) < LOOP:
        return None
    suffix = tail[-_SUFFIX:]
    before = tail.rfind(suffix, 0, len(tail) - 1)
    period = len(tail) - _SUFFIX - before
    if before < 0 or period > LONGEST_UNIT or tail[-LOOP:-period] != tail[-LOOP + period :]:
        return None
    start = len(text) - LOOP
    while start >= LOOP and text[start - LOOP : start] == text[start - LOOP + period : start + period]:
        start -= LOOP
    while start and text[start - 1] == text[start - 1 + period]:
        start -= 1
    return start, start + period


_THINK = re.compile(r"^\s*<think>(.*?)(?:</think>|\Z)", re.DOTALL)
_LEAK = re.compile(r"(?<!`)</think>(?!`)")  # in backticks it is talked about


def split_thinking(text: str) -> tuple[str, str]:
    """(reasoning, answer) of a text that may think aloud: `<think>` closed, cut off, or only its end left. Without the
    marks of the model's own that should not have come out: around an answer, before it and after.
    """
    reasoning, text = "", _BOX.sub("", text)
    if begins := _BEGINS.match(text):
        text = text[begins.end() :]
    found = _THINK.match(text)
    if found:
        reasoning, text = found[1].strip(), text[found.end() :]
    elif "</think>" in text and (end := _LEAK.search(text)) and "<think>" not in text:
        head, tail = text[: end.start()], text[end.end() :]
        # A bare closing tag is a known leak; what stands before it is thought only when an answer follows.
        reasoning, text = (head.strip(), tail) if tail.strip() else ("", head)
    text = text.strip()
    text = _without_end(text[: _other_turn(text)])
    answer = re.match(r"<answer>(.*?)(?:</answer>\s*\Z|\Z)", text, re.DOTALL)
    return reasoning, (answer[1] if answer else text).strip()


_BOX = re.compile(r"<\|(?:begin|end)_of_box\|>")
_BEGINS = re.compile(r"\A(?:\s*(?:\[gMASK\]|<sop>|<\|assistant\|>)){1,10}")
# Of a turn that is not the model's own, as its template writes it: behind one, models go on as their users.
_TURN = re.compile(r"<\|(?:user|observation|system|endoftext)\|>(?=\n|<\||\Z)")
_TALKS = (" ", "\t", "`", '"', "'", "“", "‘", "「", "『")  # before a mark that is talked about
_FENCES = ("```", "~~~")
_TURNS = 1_000  # marks that are looked at: no text talks about as many
_ENDS = ("<|observation|>", "<|user|>", "<|assistant|>", "<|endoftext|>")


def _other_turn(text: str, start: int = 0, fences: int = 0) -> int | None:
    """Where a text ceases to be the model's own. `fences`: of code, how many there were before `start`."""
    seen = start
    for mark in islice(_TURN.finditer(text, start), _TURNS):
        fences += _fences(text[seen : mark.start()])
        seen = mark.start()
        said = text[max(0, seen - 3) : seen]
        if fences % 2 == 0 and said and (said.endswith(_FENCES) or not said.endswith(_TALKS)):
            return seen
    return None


def _fences(text: str) -> int:
    return sum(text.count(fence) for fence in _FENCES)


def _without_end(text: str) -> str:
    """Without the marks of the end of a turn. After a blank or a quotation mark one is talked about."""
    for _ in _ENDS:
        end = next((mark for mark in _ENDS if text.endswith(mark)), "")
        before = text.removesuffix(end)
        if not end or before.endswith(_TALKS):
            break
        text = before.rstrip()
    return text


class Shown:
    """What of an answer is shown while it comes, as `split_thinking` will have it; what may begin a mark waits for the
    next piece, and so do calls. `thinks`: what came is a thought.
    """

    def __init__(self) -> None:
        self._held, self._begun, self.thinks = "", False, False
        self._before, self._fences, self._over = "", 0, False  # the end of what is shown, and what is in it

    def add(self, piece: str) -> str:
        if self._over:
            return ""
        text = _BOX.sub("", self._held + piece)
        if not self._begun:
            text = _HEAD.sub("", text, count=1)
            self.thinks = text.startswith("<think>")
            if self.thinks:  # of which its end is enough to see where it ends
                text = "<think>" + text[len("<think>") :][-len("</think>") :]
            if self.thinks or any(mark.startswith(text) for mark in _HEADS):
                self._held = text
                return ""
            self._begun = True
        waits = _CALL.search(text, max(0, len(text) - HELD)) or _WAITS.search(text, max(0, len(text) - MARKS))
        end = waits.start() if waits else len(text)
        before, start = self._before, max(0, len(self._before) - 2)  # of which a fence may go on
        other = _other_turn(before + text, start, self._fences)
        if other is not None:
            self._over, end = True, min(end, other - len(before))
        self._held, told = text[end:], before + text[:end]
        self._fences += _fences(told[start:])
        self._before = told[-3:]
        return text[:end]


HELD, MARKS = 2_000, 300  # characters of a call, and of marks, that wait at most
_HEADS = ("[gMASK]", "<sop>", "<|assistant|>", "<think>", "<answer>", "<|begin_of_box|>")
_HEAD = re.compile(rf"\A(?:{_BEGINS.pattern})?\s*(?:<think>.*?</think>)?\s*(?:<answer>)?\s*", re.DOTALL)
_CALL = re.compile(r"(?<!`)<tool_call>")
_WAITS = re.compile(r"(?:<(?:\|\w+\||/answer)>\s*)*(?:<[|/]?\w*\|?)?\Z")


def _content(value: Any) -> str:
    if isinstance(value, str):
        return value
    # A list within it is none of the API's, of any depth.
    parts = value if isinstance(value, list) else [value]
    return "".join(part if isinstance(part, str) else _words(dict_of(part)) for part in parts)


def _words(part: dict[str, Any]) -> str:
    return text_of(part.get("text") or part.get("refusal"))
