"""The shapes of the GLM API: what a request holds, how a part is written, how a stream is read.

Everything here is plain data; nothing does I/O.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from glm_mcp.registry import Card
from glm_mcp.text import keyless


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Image:
    """A picture: `data` (PNG or JPEG bytes, named by `mime`) or an http(s) `url` for the service to fetch."""

    name: str
    data: bytes | None = None
    mime: str = "image/png"
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Video:
    """A video: `data` (whole file) or an http(s) `url`. `seconds`: its length, None where nobody has looked."""

    name: str
    data: bytes | None = None
    mime: str = "video/mp4"
    url: str | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class File:
    """A document by public URL, read by the service itself."""

    name: str
    url: str


Part = Text | Image | Video | File


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. `extra` holds what the API knows beside content: tool_calls, tool_call_id, reasoning_content, name."""

    role: str
    content: str | tuple[Part, ...] | None
    extra: dict[str, Any] = field(default_factory=dict)

    def parts(self) -> tuple[Part, ...]:
        if self.content is None:
            return ()
        return (Text(self.content),) if isinstance(self.content, str) else self.content


LONG_TEXT = 50_000  # characters
MANY = 100  # messages and functions


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One chat call, before a model is chosen."""

    messages: tuple[Message, ...]
    thinking: bool = False
    max_tokens: int | None = None
    temperature: float | None = None
    json_mode: bool = False
    schema: dict[str, Any] | None = None  # what the JSON is to fit
    functions: tuple[dict[str, Any], ...] = ()
    tokens: int | None = None  # of its text, guessed; None: to be counted

    @property
    def long(self) -> bool:
        """Whether there is so much of it that it is counted and written in a thread."""
        texts = sum(len(p.text) for m in self.messages for p in m.parts() if isinstance(p, Text))
        return texts > LONG_TEXT or len(self.messages) + len(self.functions) > MANY

    @property
    def calls(self) -> bool:
        """Whether the model may call functions: some are offered, or were called before."""
        return bool(self.functions) or any(m.extra.get("tool_calls") for m in self.messages)

    def media(self) -> list[Part]:
        return [p for m in self.messages for p in m.parts() if not isinstance(p, Text)]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a model wants a request written. `image_form`: raw base64 or a data URL. `maximum_tokens`: the most that it
    named. `effort`: its thinking cannot be switched off, only made short. `tool_role`: it knows messages of role `tool`.
    `json_schema`: it holds an answer to a schema. `left_out`: fields of the body that it does not know.
    """

    image_form: str
    maximum_tokens: int | None = None
    json_mode: bool = True
    effort: bool = False
    tool_role: bool = True
    json_schema: bool = False
    left_out: frozenset[str] = frozenset()

    @classmethod
    def of(cls, card: Card) -> Dialect:
        return cls(
            card.image_forms[0],
            json_mode=card.json_mode,
            effort=card.thinking == "effort",
            tool_role=card.tool_role,
            json_schema=card.json_schema,
        )


class Held:
    """Media left out while a body is written: base64 in pieces, and never through the JSON writer, lets the event loop
    run meanwhile.
    """

    def __init__(self) -> None:
        self._mark = secrets.token_hex(16)  # nobody's text holds it
        self._media: list[bytes] = []

    def put(self, data: bytes) -> str:
        """What stands for the media's base64 in the body until `fill`. What stands before it, a caller may have written:
        it goes through the JSON writer.
        """
        self._media.append(data)
        return f"{self._mark}{len(self._media) - 1};"

    def fill(self, body: bytes) -> bytes:
        return b"".join(self._filled(body))

    def _filled(self, body: bytes) -> Iterator[bytes]:
        first, *rest = body.split(self._mark.encode())
        yield first
        for piece in rest:
            number, _, after = piece.partition(b";")
            data = self._media[int(number)]
            for at in range(0, len(data), _PIECE):
                yield base64.b64encode(data[at : at + _PIECE])
            yield after


_PIECE = 3 << 18  # bytes; a multiple of three, so that only the last is padded


def write_part(part: Part, form: str, held: Held) -> dict[str, Any]:
    """A content part as the API takes it; `form` says how picture bytes go: raw base64 or a data URL."""
    match part:
        case Text(text):
            return {"type": "text", "text": text}
        case Image(url=str() as url):
            return {"type": "image_url", "image_url": {"url": url}}
        case Image(data=bytes() as data, mime=mime):
            prefix = "" if form == "raw" else f"data:{mime};base64,"
            return {"type": "image_url", "image_url": {"url": prefix + held.put(data)}}
        case Video(url=str() as url):
            return {"type": "video_url", "video_url": {"url": url}}
        case Video(data=bytes() as data, mime=mime):
            return {"type": "video_url", "video_url": {"url": f"data:{mime};base64,{held.put(data)}"}}
        case File(url=url):
            return {"type": "file_url", "file_url": {"url": url}}
        case _:
            raise ValueError(f"a part without content: {part.name}")


def write_message(message: Message, form: str, held: Held) -> dict[str, Any]:
    content: Any = message.content
    if isinstance(content, tuple):
        # A text model wants a string; parts that are all text become one.
        if all(isinstance(p, Text) for p in content):
            content = "\n\n".join(p.text for p in content if isinstance(p, Text))
        else:
            content = [write_part(p, form, held) for p in content]
    written: dict[str, Any] = {"role": message.role, **message.extra}
    if content is not None or message.role != "assistant":
        written["content"] = content if content is not None else ""
    return written


def fold_system(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """System turns moved into the first user turn, for a model that has no system role."""
    system = "\n\n".join(
        t.text for m in messages if m.role == "system" for t in m.parts() if isinstance(t, Text)
    )
    rest = [m for m in messages if m.role != "system"]
    for i, m in enumerate(rest):
        if system and m.role == "user":
            rest[i] = Message("user", (Text(system), *m.parts()), m.extra)
            break
    return tuple(rest)


def fold_functions(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """Function calls and their results as plain words, for a model whose API knows no role `tool`."""
    found: list[Message] = []
    for m in messages:
        words = "\n".join(t.text for t in m.parts() if isinstance(t, Text))
        if m.role == "tool":
            found.append(Message("user", f"[result of call {m.extra.get('tool_call_id')}]\n{words}"))
        elif m.extra.get("tool_calls"):
            calls = json.dumps(m.extra["tool_calls"], ensure_ascii=False)
            found.append(Message(m.role, f"{words}\n[calls] {calls}".strip()))
        else:
            found.append(m)
    return tuple(found)


def write_body(
    request: ChatRequest, card: Card, dialect: Dialect, *, max_tokens: int | None, compatible: bool
) -> bytes:
    """The JSON body of one attempt. Blocking for large media: call it from a thread when there is any."""
    messages = request.messages if card.system else fold_system(request.messages)
    if not dialect.tool_role:
        messages = fold_functions(messages)
    held = Held()
    body: dict[str, Any] = {
        "model": card.id,
        "messages": [write_message(m, dialect.image_form, held) for m in messages],
        "stream": True,
    }
    if compatible:
        body["stream_options"] = {"include_usage": True}
        # Engines pass this to the chat template, where open GLM weights have their switch.
        switch = template_switch(request, dialect)
        if switch:
            body["chat_template_kwargs"] = switch
    if dialect.effort:
        if not request.thinking:
            body["reasoning_effort"] = "low"
    elif card.thinking == "switch":
        body["thinking"] = {"type": "enabled" if request.thinking else "disabled"}
    tokens = min(max_tokens or card.default_tokens, card.max_tokens)
    if tokens and not (compatible and max_tokens is None):
        body["max_tokens"] = max(1, tokens)
    if request.temperature is not None:
        body |= chance(request.temperature, compatible=compatible)
    form = response_format(request, dialect)
    if form:
        body["response_format"] = form
    if request.functions:
        body["tools"] = list(request.functions)
        body["tool_choice"] = "auto"
    for name in dialect.left_out:
        body.pop(name, None)
    # A key that stands in a prompt or a file is for no log of prompts either.
    written = keyless(json.dumps(body, ensure_ascii=False, separators=(",", ":")))
    return held.fill(written.encode())


def chance(temperature: float, *, compatible: bool) -> dict[str, Any]:
    """How much chance there is in an answer: from 0 to 1 at the platform, to 2 at other engines."""
    if temperature < 0.005 and not compatible:
        return {"do_sample": False}  # the API's own way to say "none"; 0 is refused by some of its docs
    return {"temperature": round(min(max(temperature, 0.0), 2.0 if compatible else 1.0), 2)}


def template_switch(request: ChatRequest, dialect: Dialect) -> dict[str, Any]:
    """What the chat template of open weights is told of thinking. One that knows only an effort takes `enable_thinking`
    for nothing, while the engine would then no longer part thoughts from the answer.
    """
    if dialect.effort:
        return {} if request.thinking else {"reasoning_effort": "low"}
    return {"enable_thinking": request.thinking}


def response_format(request: ChatRequest, dialect: Dialect) -> dict[str, Any] | None:
    """How the answer is held to JSON; None where only words ask for it."""
    if not request.json_mode:
        return None
    if request.schema is not None and dialect.json_schema:
        shape = {"name": "answer", "schema": request.schema, "strict": True}
        return {"type": "json_schema", "json_schema": shape}
    return {"type": "json_object"} if dialect.json_mode else None


_WIDE = re.compile("[\u2e80-\U0010ffff]+")


_COUNTED = 1 << 18  # characters in one go: splitting megabytes into words would let no other thread run


def count_tokens(text: str) -> int:
    """A careful guess: 1.5 Chinese characters or 0.75 English words a token ([spec]), never below a quarter of the
    other characters.
    """
    wide = words = 0
    for at in range(0, len(text), _COUNTED):
        piece = text[at : at + _COUNTED]
        wide += 0 if piece.isascii() else len(piece) - len(_WIDE.sub("", piece))
        words += len(piece.split())
    return int(wide / 1.5 + max(words / 0.75, (len(text) - wide) / 4)) + 1
