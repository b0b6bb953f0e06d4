"""What every tool shares: what it is given, what it gives back, and how that fits a client's budget."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from glm_mcp.clients.row import McpClient
from glm_mcp.errors import ConfigError, GLMError, MissingExtra, NotFound
from glm_mcp.glm.calls import Answer
from glm_mcp.glm.client import GLMClient
from glm_mcp.glm.progress import Progress
from glm_mcp.installation import runnable
from glm_mcp.media.kept.outputs import SCHEME, Outputs
from glm_mcp.media.sources.room import Room
from glm_mcp.sandbox import Sandbox
from glm_mcp.settings import Settings
from glm_mcp.text import bearable, keyless, one_line, plain
from glm_mcp.tools.arguments import ModelArgs, Reach, schema
from glm_mcp.tools.words.chinese import chosen, error_said, said

RESERVE = 260  # characters that the protocol adds around a result: type names, server name and version
NOTES_CHARS = 1_500  # of a closing line; fifty files have fifty notes
META_NOTES_CHARS = 600  # of the same notes in `_meta`: structuredContent has all of them
STRUCTURED_CHARS = 1_000_000  # of a result for a program; a message of many more holds the server up
MINIMUM_CHARS = 400  # a result shorter than this helps nobody


@dataclass(frozen=True, slots=True)
class Deps:
    """What a tool works with: shared by the process, but for the files and the last five, which belong to one call.

    `address`: of this server, by which its caller reaches it over HTTP; empty elsewhere.
    """

    settings: Settings
    glm: GLMClient
    sandbox: Sandbox
    outputs: Outputs
    client: McpClient
    progress: Progress
    deadline: float
    address: str = ""
    room: Room = field(default_factory=Room)

    @property
    def finish_by(self) -> float:
        """Until when files may be made for an answer that is there: at half a second after the deadline the call is ended
        from outside, and nothing of it is given.
        """
        return self.deadline + 0.3

    def download(self, ident: str) -> str:
        """Where a kept file can be fetched from; empty where its caller has a path."""
        return f"{self.address}/outputs/{ident}" if self.address else ""

    def said(self, text: str) -> str:
        """A text of ours in the language of whoever reads the result."""
        return said(text, chosen(self.settings.lang))


@dataclass(frozen=True, slots=True)
class Link:
    """A file that came out of a call."""

    uri: str
    name: str
    mime: str


@dataclass(slots=True)
class ToolResult:
    """`text` may be shortened to the budget and is then kept whole; `head` and `notes` are always shown whole."""

    text: str
    head: str = ""
    notes: list[str] = field(default_factory=list)
    meta: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)
    previews: list[tuple[bytes, str]] = field(default_factory=list)
    max_chars: int | None = None
    kept: str | None = None  # already kept under this id, from this place on (`offset`)
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Content:
    """A result as it goes out."""

    text: str
    meta: dict[str, Any]
    links: tuple[Link, ...] = ()
    previews: tuple[tuple[bytes, str], ...] = ()
    structured: dict[str, Any] | None = None
    error: bool = False


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool is data and a function of (deps, arguments): `run` is given an instance of `args`."""

    name: str
    title: str
    description: str
    args: type[ModelArgs]
    run: Callable[[Deps, Any], Awaitable[ToolResult]]
    reads_only: bool = True
    far: str = ""  # the description for a caller on another machine, where that differs
    hint: str = ""

    def schema(self, reach: Reach = "here") -> dict[str, Any]:
        return schema(self.args, reach)


def lesson(error: GLMError, before: GLMError | None) -> GLMError:
    """The failure of a tool's first try where it taught what a self-hosted engine takes at once: a second try divides by it.

    Raises the failure that ends the call otherwise: of a second try that fails in our own count the first, in the
    engine's words.
    """
    if before is None and error.about == "limits":
        return error
    if before is not None and error.kind in {"too_long", "invalid_request"} and not error.status:
        raise before from error
    raise error


def closing(deps: Deps, answer: Answer, notes: list[str]) -> str:
    """The one line that says where an answer comes from and what a careful reader must know."""
    usage = answer.usage
    facts = [
        deps.said(f"{answer.answered_as} (asked: {answer.model})") if answer.answered_as else answer.model
    ]
    if usage.prompt or usage.completion:
        cached = f" ({usage.cached:,} cached)" if usage.cached else ""
        facts.append(deps.said(f"{usage.prompt:,}{cached} + {usage.completion:,} tokens"))
    facts.append(f"{answer.seconds:.1f} s")
    if answer.fallback:
        model, _, why = answer.fallback.partition(" (")
        facts.append(deps.said(f"instead of {model} ({why[:-1]})"))
    if deps.settings.simulate:
        facts.append(deps.said("SIMULATED"))
    return noted(deps, answer.notes + notes, facts)


def noted(deps: Deps, notes: list[str], facts: list[str] | None = None) -> str:
    """One closing line of bearable length: facts as they are, then notes, each once."""
    shown: list[str] = []
    known, notes = facts or [], list(dict.fromkeys(notes))
    for fact in chain(known, map(deps.said, notes)):  # no more are put into words than are shown
        if sum(map(len, shown)) + len(fact) > NOTES_CHARS:
            break
        shown.append(fact)
    more = len(known) + len(notes) - len(shown)
    return "[" + " · ".join(shown + ([deps.said(f"and {more} more notes")] if more else [])) + "]"


def meta_of(answer: Answer) -> dict[str, Any]:
    """What a program may want to know of an answer; small, since some clients show it to their model."""
    usage = answer.usage
    tokens = {
        "in": usage.prompt,
        "out": usage.completion,
        "cached": usage.cached,
        "reasoning": usage.reasoning,
    }
    whole: dict[str, Any] = {
        "model": answer.model,
        "answered_as": answer.answered_as,
        "tokens": {k: v for k, v in tokens.items() if v},
        "finish": answer.finish,
        "request_id": answer.request_id,
        "s": round(answer.seconds, 2),
        "fallback": answer.fallback,
        "partial": answer.partial,
        "attempts": answer.attempts[-6:] if len(answer.attempts) > 1 else None,
    }
    return {k: v for k, v in whole.items() if v or k == "s"}


def _for_a_program(result: ToolResult, deps: Deps) -> dict[str, Any]:
    """`_meta` of a result: with the notes of its closing line, and whether it is simulated."""
    meta = dict(result.meta)
    if deps.settings.simulate and "model" in meta:
        meta["simulated"] = result.data["simulated"] = True
    notes, room = list[str](), META_NOTES_CHARS
    for note in result.data.get("notes", ()) if deps.client.twice else ():
        room -= len(note)
        if room < 0:
            break
        notes.append(note)
    return meta | ({"notes": notes} if notes else {})


def fit(result: ToolResult, deps: Deps) -> Content:
    """The result within the client's budget. What does not fit is kept whole, and the text says how to read on."""
    told = _for_a_program(result, deps)
    meta = {"glm": _cleaned(told)} if told else {}
    result.text = plain(result.text)
    closing_line = "\n\n" + "\n".join(map(one_line, result.notes)) if result.notes else ""
    head = plain(result.head) + ("\n\n" if result.head and result.text else "")
    links = tuple(result.links)
    size = _size(deps.client)
    fixed = RESERVE + size(meta) + size(head + closing_line)
    linked = sum(size([link.uri, link.name, link.mime]) + 80 for link in links)
    if not deps.client.links or fixed + linked > deps.client.budget // 2:
        links, linked = (), 0  # the head names the same files
    room = max(MINIMUM_CHARS, deps.client.budget - fixed - linked)
    if result.max_chars is not None:
        room, size = result.max_chars, len
    shown = result.text
    if len(shown) > room or size(shown) > room:
        try:
            ident, lost = result.kept or deps.outputs.keep(shown, ".md"), None
            place = str(deps.outputs.find(ident)) if deps.client.local else deps.download(ident)
        except (ConfigError, NotFound) as error:
            # A full disk must not cost what fits, nor one that is being cleaned.
            ident, place, lost = "", "", error
        if result.max_chars is None:
            room -= size(_go_on(result, deps, (ident, place), len(shown), lost))
        end = _cut(shown, max(1, room), size)
        shown = shown[:end] + _go_on(result, deps, (ident, place), end, lost)
    text = head + shown + closing_line
    # What a model wants a function called with is data for a program, byte for byte.
    exact = {k: _cleaned(v, keyless) for k, v in result.data.items() if k in {"tool_calls", "message"}}
    whole = result.text if len(result.text) <= STRUCTURED_CHARS else shown
    structured = _cleaned({"text": head + whole, **result.data}) | exact if deps.settings.structured else None
    return Content(text, meta, links, tuple(result.previews), structured)


def _go_on(result: ToolResult, deps: Deps, kept: tuple[str, str], end: int, lost: GLMError | None) -> str:
    """The line after a text that was cut at `end`: how much there is, and how to read on; or why that cannot be. `kept`: the
    id of the whole, and where it is.
    """
    at = result.offset + end
    shown = f"{at:,} of {result.offset + len(result.text):,} characters shown."
    if lost is not None:
        why = deps.said(f"{shown} The rest could not be kept: {lost.message}. {lost.hint}")
        return f"\n\n[{why}]"
    ident, there = kept
    path = f"in {there}" if deps.client.local else f"at {there} "
    place = f" The whole is {path}." if len(path) in range(8, deps.client.budget // 20) else ""
    call = f'read_document(documents="{SCHEME}{ident}", cursor="{at}")'
    return f"\n\n[{deps.said(f'{shown} Go on with {call}.{place}')}]"


def failure(error: GLMError, deps: Deps) -> Content:
    """An error as a result: the sentence for the model, the same for a program, and what had arrived, if anything."""
    if isinstance(error, MissingExtra) and not deps.client.local:
        error = error.but(hint="Whoever runs the server can add it: `glm-mcp doctor` there names the line.")
    error = error_said(error, chosen(deps.settings.lang))
    if deps.client.local:
        error = error.but(hint=runnable(error.hint), see=runnable(error.see))
    shown = error.but(message=bearable(error.message), hint=bearable(error.hint))
    text = str(shown)
    partial = plain(error.partial or "")
    meta: dict[str, Any] = {"error": _cleaned(shown.as_meta())}
    if not deps.client.twice:
        meta = {"error": {"kind": error.kind}}
    elif len(error.attempts) > 1:
        meta["attempts"] = list(error.attempts[-6:])
    if partial:
        size = _size(deps.client)
        room = max(MINIMUM_CHARS, deps.client.budget - RESERVE - size(text) - size(meta) - 100)
        end = _cut(partial, room, size)
        head = deps.said("What had arrived (not complete):")
        text += f"\n\n{head}\n{partial[:end]}" + ("…" if end < len(partial) else "")
    return Content(text, {"glm": meta}, error=True)


def _cleaned(value: Any, clean: Callable[[str], str] = plain) -> Any:
    """A value whose texts are clean: by default without control characters, terminal escapes, or our key."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {_cleaned(k, clean): _cleaned(v, clean) for k, v in value.items()}
    return [_cleaned(v, clean) for v in value] if isinstance(value, list) else value


_JSON = json.JSONEncoder(ensure_ascii=False)


def _size(client: McpClient) -> Callable[[Any], int]:
    """How much of the serialised result something takes, in what the client counts; a line break counts as two there."""

    def size(value: Any) -> int:
        written = _JSON.encode(value)
        counted = len(written.encode(errors="replace")) if client.in_bytes else len(written)
        return counted - (2 if isinstance(value, str) else 0)

    return size


def _cut(text: str, room: int, size: Callable[[str], int]) -> int:
    """The largest end so that text[:end] has at most `room` characters serialised; at a line's or word's end when near."""
    if len(text) <= room and size(text) <= room:
        return len(text)
    low, high = 0, min(len(text), room)  # a character takes one at least
    while low < high:
        middle = (low + high + 1) // 2
        if size(text[:middle]) <= room:
            low = middle
        else:
            high = middle - 1
    for mark in ("\n\n", "\n", " ", "。"):
        border = text.rfind(mark, 0, low)
        if border > low * 0.8:
            return border + len(mark)
    return max(1, low)
