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
from math import isfinite
from typing import Any, Literal

from glm_mcp.errors import GLMError, UpstreamError, clean, from_response, plain
from glm_mcp.registry import Card


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
    """A video: `data` (whole file) or an http(s) `url`."""

    name: str
    data: bytes | None = None
    mime: str = "video/mp4"
    url: str | None = None


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


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One chat call, before a model is chosen."""

    messages: tuple[Message, ...]
    thinking: bool = False
    max_tokens: int | None = None
    temperature: float | None = None
    json_mode: bool = False
    functions: tuple[dict[str, Any], ...] = ()
    tokens: int | None = None  # of all messages, guessed; None: to be counted

    def media(self) -> list[Part]:
        return [p for m in self.messages for p in m.parts() if not isinstance(p, Text)]


ImageForm = Literal["raw", "data"]


class Held:
    """Media left out while a body is written: base64 in pieces, and never through the JSON writer, lets the event loop
    run meanwhile.
    """

    def __init__(self) -> None:
        self._mark = secrets.token_hex(16)  # nobody's text holds it
        self._media: list[tuple[str, bytes]] = []

    def put(self, prefix: str, data: bytes) -> str:
        """What stands for the media in the body until `fill`."""
        self._media.append((prefix, data))
        return f"{self._mark}{len(self._media) - 1};"

    def fill(self, body: bytes) -> bytes:
        return b"".join(self._filled(body))

    def _filled(self, body: bytes) -> Iterator[bytes]:
        first, *rest = body.split(self._mark.encode())
        yield first
        for piece in rest:
            number, _, after = piece.partition(b";")
            prefix, data = self._media[int(number)]
            yield prefix.encode()
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
            return {"type": "image_url", "image_url": {"url": held.put(prefix, data)}}
        case Video(url=str() as url):
            return {"type": "video_url", "video_url": {"url": url}}
        case Video(data=bytes() as data, mime=mime):
            return {"type": "video_url", "video_url": {"url": held.put(f"data:{mime};base64,", data)}}
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
    request: ChatRequest, card: Card, *, form: str, max_tokens: int | None, compatible: bool
) -> bytes:
    """The JSON body of one attempt. Blocking for large media: call it from a thread when there is any."""
    messages = request.messages if card.system else fold_system(request.messages)
    held = Held()
    body: dict[str, Any] = {
        "model": card.id,
        "messages": [write_message(m, form, held) for m in messages],
        "stream": True,
    }
    if compatible:
        body["stream_options"] = {"include_usage": True}
        # vLLM and SGLang pass this to the chat template, where open GLM weights have their switch.
        body["chat_template_kwargs"] = {"enable_thinking": request.thinking}
    if card.thinking == "switch":
        body["thinking"] = {"type": "enabled" if request.thinking else "disabled"}
    tokens = min(max_tokens or card.default_tokens, card.max_tokens)
    if tokens and not (compatible and max_tokens is None):
        body["max_tokens"] = max(1, tokens)
    if request.temperature is not None:
        if request.temperature < 0.005 and not compatible:
            body["do_sample"] = (
                False  # the API's own way to say "no chance"; 0 is refused by some of its docs
            )
        else:
            body["temperature"] = round(min(max(request.temperature, 0.0), 1.0), 2)
    if request.json_mode and card.json_mode:
        body["response_format"] = {"type": "json_object"}
    if request.functions:
        body["tools"] = list(request.functions)
        body["tool_choice"] = "auto"
    return held.fill(json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode())


_WIDE = re.compile("[\u2e80-\U0010ffff]+")


def count_tokens(text: str) -> int:
    """A careful guess: 1.5 Chinese characters or 0.75 English words a token ([spec]), never below a quarter of the other characters."""
    wide = 0 if text.isascii() else len(text) - len(_WIDE.sub("", text))
    words = len(text.split())
    return int(wide / 1.5 + max(words / 0.75, (len(text) - wide) / 4)) + 1


@dataclass(slots=True)
class Usage:
    prompt: int = 0
    completion: int = 0
    cached: int = 0
    reasoning: int = 0

    @classmethod
    def read(cls, raw: Any) -> Usage:
        if not isinstance(raw, dict):
            return cls()
        return cls(
            _int(raw.get("prompt_tokens")),
            _int(raw.get("completion_tokens")),
            _int(_dict(raw.get("prompt_tokens_details")).get("cached_tokens")),
            _int(_dict(raw.get("completion_tokens_details")).get("reasoning_tokens")),
        )


class Draft:
    """The answer of one attempt while it arrives. `feed` takes one decoded event and returns the text it added."""

    def __init__(self) -> None:
        self.raw: list[str] = []
        self.thought: list[str] = []
        self.thought_chars = 0
        self.calls: dict[int, dict[str, Any]] = {}
        self.finish: str | None = None
        self.usage = Usage()
        self.request_id: str | None = None
        self.extras: dict[str, Any] = {}
        self.events = 0

    def feed(self, event: Any) -> str:
        """Raises GLMError for an error that came inside a success."""
        if not isinstance(event, dict):
            raise UpstreamError("the stream held something that is not an answer", code=None)
        raise_if_error(event)
        self.events += 1
        self.request_id = _text(event.get("request_id")) or _text(event.get("id")) or self.request_id
        if event.get("usage"):
            self.usage = Usage.read(event["usage"])
        for name in ("web_search", "content_filter"):
            if event.get(name):
                self.extras[name] = event[name]
        added = ""
        choices = event.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if not isinstance(choice, dict):
                continue
            self.finish = _text(choice.get("finish_reason")) or self.finish
            delta = _dict(choice.get("delta") or choice.get("message"))
            thought = _content(delta.get("reasoning_content") or delta.get("reasoning"))
            if thought:
                self.thought.append(thought)
                self.thought_chars += len(thought)
            piece = _content(delta.get("content"))
            self.raw.append(piece)
            added += piece
            self._calls(delta.get("tool_calls"))
        return whole(added)

    def _calls(self, raw: Any) -> None:
        for position, item in enumerate(raw if isinstance(raw, list) else ()):
            if not isinstance(item, dict):
                continue
            index = item.get("index") if isinstance(item.get("index"), int) else position
            call = self.calls.setdefault(
                int(index or 0), {"id": "", "type": "function", "function": {"name": "", "arguments": ""}}
            )
            call["id"] = _text(item.get("id")) or call["id"]
            call["type"] = _text(item.get("type")) or call["type"]
            function = _dict(item.get("function"))
            call["function"]["name"] = _text(function.get("name")) or call["function"]["name"]
            arguments = function.get("arguments")
            call["function"]["arguments"] += (
                arguments
                if isinstance(arguments, str)
                else json.dumps(arguments, ensure_ascii=False)
                if arguments
                else ""
            )

    @property
    def text(self) -> str:
        return split_thinking(plain(whole("".join(self.raw))))[1]

    @property
    def reasoning(self) -> str:
        inline = split_thinking(plain(whole("".join(self.raw))))[0]
        return "\n".join(t for t in (plain(whole("".join(self.thought))).strip(), inline) if t)

    @property
    def tool_calls(self) -> list[dict[str, Any]]:
        calls = [self.calls[i] for i in sorted(self.calls)]
        for call in calls:
            call["function"]["arguments"] = whole(call["function"]["arguments"])
        return calls


def raise_if_error(event: dict[str, Any], status: int = 200, retry_after: float | None = None) -> None:
    """Raises GLMError when a body is an error in any of the shapes seen: nested, flat, or `success: false`."""
    inner = event.get("error")
    if inner:
        found = inner if isinstance(inner, dict) else {"message": inner}
    elif (
        event.get("success") is False
        or (status >= 400 and ("code" in event or "msg" in event or "message" in event))
        or (
            "choices" not in event
            and "data" not in event
            and event.get("code") not in (None, 0, 200, "0", "200")
        )
    ):
        found = event
    else:
        return
    request_id = _text(event.get("request_id")) or _text(found.get("request_id")) or _text(event.get("id"))
    raise from_response(
        status,
        found.get("code"),
        found.get("message") or found.get("msg") or "",
        request_id=request_id,
        retry_after=retry_after,
    )


def read_error(
    status: int, body: str, *, request_id: str | None = None, retry_after: float | None = None
) -> GLMError:
    """The error for a whole refused response; any body: JSON in any of its shapes, HTML, nothing."""
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        return from_response(status, None, body, request_id=request_id, retry_after=retry_after)
    if isinstance(event, dict):
        try:
            raise_if_error(event, status, retry_after)
        except GLMError as error:
            error.request_id = error.request_id or request_id
            return error
    return from_response(status, None, clean(body), request_id=request_id, retry_after=retry_after)


_THINK = re.compile(r"^\s*<think>(.*?)(?:</think>|\Z)", re.DOTALL)
_LEAK = re.compile(r"(?<!`)</think>(?!`)")  # in backticks it is talked about


def split_thinking(text: str) -> tuple[str, str]:
    """(reasoning, answer) of a text that may think aloud: `<think>` closed, cut off, or only its end left."""
    reasoning = ""
    found = _THINK.match(text)
    if found:
        reasoning, text = found[1].strip(), text[found.end() :]
    elif "</think>" in text and (end := _LEAK.search(text)) and "<think>" not in text:
        head, tail = text[: end.start()], text[end.end() :]
        # A bare closing tag is a known leak; what stands before it is thought only when an answer follows.
        reasoning, text = (head.strip(), tail) if tail.strip() else ("", head)
    answer = re.match(r"\s*<answer>(.*?)(?:</answer>\s*\Z|\Z)", text, re.DOTALL)
    return reasoning, (answer[1] if answer else text).strip()


_BOX = re.compile(r"<\|(?:begin|end)_of_box\|>")


def strip_boxes(text: str) -> str:
    """The text without the model's answer-box tokens; what they wrap stays."""
    return _BOX.sub("", text)


def boxed(text: str) -> list[str]:
    """What the model put into answer boxes, in order."""
    return [m.strip() for m in re.findall(r"<\|begin_of_box\|>(.*?)(?:<\|end_of_box\|>|\Z)", text, re.DOTALL)]


def whole(text: str) -> str:
    """The text with the halves of a character that came in two pieces joined; a half alone becomes a mark."""
    if text.isascii() or not _HALF.search(text):
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


_HALF = re.compile("[\ud800-\udfff]")


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _int(value: Any) -> int:
    if isinstance(value, int):
        return int(value)
    # JSON as Python reads it may hold NaN and Infinity.
    return int(value) if isinstance(value, float) and isfinite(value) else 0


def _text(value: Any) -> str:
    return whole(str(value)) if isinstance(value, str | int) else ""


def _content(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(_text(_dict(part).get("text")) for part in value)
    return ""
