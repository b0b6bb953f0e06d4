"""chat: a second model, with history, files and functions."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Annotated, Any

from glm_mcp.errors import InvalidRequest, TooLong, UnsupportedMedia
from glm_mcp.glm.calls import Answer
from glm_mcp.glm.messages import File, Image, Message, Part, Text, Video
from glm_mcp.glm.threads import in_thread
from glm_mcp.media.documents.read import read_document
from glm_mcp.media.images.prepare import prepare_images
from glm_mcp.media.sources.data_url import decoded
from glm_mcp.media.types import Fragment, Source
from glm_mcp.text import clean, escaped
from glm_mcp.tools.arguments import ASKED, AnswerArgs, Arg
from glm_mcp.tools.ask import Question, ask, result, thinking
from glm_mcp.tools.base import Deps, Tool, ToolResult
from glm_mcp.tools.context_window import unseen
from glm_mcp.tools.pages.shown import drawn
from glm_mcp.tools.sources import (
    Opened,
    as_text,
    fetch,
    is_web_address,
    leaving,
    opened,
    origin,
    pictured,
    with_public_addresses,
)
from glm_mcp.tools.structured import characters


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatArgs(AnswerArgs):
    prompt: Annotated[
        str,
        Arg(
            "text",
            "The question; may be empty after function results",
            also=(*ASKED, "text", "input", "content"),
            long=True,
            unless="history",
        ),
    ]
    system: Annotated[
        str,
        Arg(
            "text",
            "Instructions for the model",
            also=("system_prompt", "system_message", "instructions"),
            long=True,
        ),
    ] = ""
    history: Annotated[
        tuple[dict[str, Any], ...],
        Arg("dicts", "Earlier turns, each {role, content}", also=("messages",)),
    ] = ()
    files: Annotated[
        tuple[str, ...],
        Arg(
            "texts",
            "Paths or URLs of documents, code, pictures",
            far="URLs, data URLs or glm://files/ID of documents, code, pictures",
            also=("file", "images", "image", "documents", "attachments", "path", "paths"),
        ),
    ] = ()
    functions: Annotated[
        tuple[dict[str, Any], ...],
        Arg("dicts", "Function definitions the model may call", also=("tools",)),
    ] = ()


ROLES = ("system", "user", "assistant", "tool")
# What other APIs call them, and what a turn holds.
_ALSO = {"developer": "system", "human": "user", "model": "assistant", "ai": "assistant", "bot": "assistant"}
_HOLDS = ("content", "parts", "text")
_IN_PARTS = (
    "Call read_document with the file in documents and the same prompt: it reads a long one in parts. Or send less: "
    "fewer files or pages, a shorter history."
)
FUNCTIONS_MAX = 128  # the platform's limit
BESIDE_CHARS = 2_000_000  # of functions, calls and thoughts in history, whose tokens nobody counts here; no window has as many


async def run(deps: Deps, args: ChatArgs) -> ToolResult:
    history: list[Message] = []
    functions = args.functions
    if args.history or args.functions:
        history, functions = await in_thread(_given, deps, args)
    if not args.prompt.strip() and not (history and history[-1].role in {"tool", "user"}):
        raise InvalidRequest(
            "chat: prompt is empty",
            "Give the question in prompt; it may be empty only where history ends with a question or function results.",
        )
    parts, notes = await _all_attached(deps, args)
    messages = [Message("system", args.system)] if args.system else []
    messages += history
    if args.prompt.strip() or parts:
        messages.append(Message("user", _content(args.prompt, parts)))
    vision = any(not isinstance(p, Text) for m in messages for p in m.parts())
    question = Question(
        tuple(messages),
        "vision" if vision else "chat",
        task="chat",
        exact=bool(functions),
        functions=functions,
    )
    try:
        answer = await ask(deps, args, question)
    except TooLong as error:
        if max((len(p.text) for p in parts if isinstance(p, Text)), default=0) <= len(args.prompt):
            raise
        raise error.but(hint=_IN_PARTS) from error
    pages = _web_pages(deps, answer.extras.get("web_search"))
    answer.text += pages
    notes += ["with pages of a web search"] * bool(pages)
    finished = result(deps, args, answer, notes)
    if answer.tool_calls:
        turn, written = await in_thread(_turn, answer, thinking(deps, args) != "false")
        finished.head = deps.said(
            "The model asks for function calls. Append this message to history, then one "
            '{"role": "tool", "tool_call_id": ..., "content": ...} for each call, and call chat again with an empty prompt:'
        )
        finished.text = written
        finished.data["message"] = turn
    return finished


def _given(deps: Deps, args: ChatArgs) -> tuple[list[Message], tuple[dict[str, Any], ...]]:
    """The history and the functions, as they go to the service. Takes a while for many, and for pictures as base64."""
    history = [_message(deps, n, raw) for n, raw in enumerate(args.history)]
    functions = _functions(deps, args.functions)
    beside = characters([*(m.extra for m in history), *functions])
    if beside > BESIDE_CHARS:
        raise TooLong(
            f"chat: functions, and calls and thoughts in history, have {beside:,} characters, at most {BESIDE_CHARS:,} are taken",
            "Send fewer functions, or earlier turns without reasoning_content.",
        )
    return history, functions


def _content(prompt: str, parts: list[Part]) -> str | tuple[Part, ...]:
    """The user's turn. The API wants words beside images; after function results the caller has none."""
    if not parts:
        return prompt
    if prompt.strip():
        return (*parts, Text(prompt))
    return tuple(parts) if any(isinstance(p, Text) for p in parts) else (*parts, Text("Go on."))


def _turn(answer: Answer, thought: bool) -> tuple[dict[str, Any], str]:
    """The assistant's message with its calls, as the API wants it back: the thoughts unmodified. And as JSON."""
    turn = {"role": "assistant", "content": answer.text or None, "tool_calls": answer.tool_calls}
    turn |= {"reasoning_content": answer.reasoning} if answer.reasoning and thought else {}
    return turn, escaped(json.dumps(turn, ensure_ascii=False))


def _web_pages(deps: Deps, raw: Any) -> str:
    """What a web search of the model brought, as lines to cite; empty when there was none."""
    entries = [e for e in raw if isinstance(e, dict) and e.get("link")] if isinstance(raw, list) else []
    lines = [f"- {clean(e.get('title') or e['link'], 120)}: {clean(e['link'], 300)}" for e in entries[:10]]
    return f"\n\n{deps.said('Sources:')}\n" + "\n".join(lines) if lines else ""


async def _all_attached(deps: Deps, args: ChatArgs) -> tuple[list[Part], list[str]]:
    """The files as parts of the user's turn, and what a careful reader must know of them."""
    parts: list[Part] = []
    notes: list[str] = []
    async with opened(deps, args.files, "any") as held:
        for source in held.sources:
            with held.leaving_out(source):
                more, said = await _attached(deps, args, source, held)
                parts += more
                notes += said
        if held.left_out and not parts:
            raise held.left_out[0]
    return parts, notes + held.missed()


async def _attached(deps: Deps, args: ChatArgs, source: Source, held: Opened) -> tuple[list[Part], list[str]]:
    """One of a call's files as parts of the user's turn, and what a careful reader must know."""
    of = len(held.sources)
    if source.kind.family in {"video", "audio"}:
        raise UnsupportedMedia(
            f"{source.name} is {source.kind.title}, which chat does not take",
            source.kind.fix or "Use analyze_video for it.",
        )
    if source.is_remote:
        if source.kind.family == "image" and source.fragment == Fragment() and deps.glm.fetches:
            return [Image(source.name, url=source.url)], origin(source)
        source = await fetch(deps, source, "any")
        if source.kind.family in {"video", "audio"}:
            return await _attached(deps, args, source, held)
    deps.progress.say(f"preparing {source.name}")
    card = deps.glm.models("vision")[0]
    if source.kind.family == "image":
        share = replace(card, images=max(1, card.images // of))
        pictures = pictured(deps, await prepare_images([source], share, budget=card.body_bytes // of))
        labelled: list[Part] = []
        for picture in pictures:
            label = ", ".join(filter(None, (source.name if of > 1 else "", picture.label)))
            labelled += ([Text(f"[{label}]")] if label else []) + [picture.part]
        return labelled, [*(n for p in pictures for n in p.notes), *origin(source)]
    document = held.counted(await read_document(source))
    pages = [p for p in document.pages if p.is_to_be_seen]
    attached: list[Part] = [await as_text(document)]
    notes = [*document.notes]
    for page in (await drawn(deps, source, pages, notes, model=args.model)).values():
        for picture in page.pictures:
            attached += [Text(f"[{picture.label}]"), picture.part]
    rest = unseen([p for p in document.pages if not p.is_to_be_seen])
    return attached, [*notes, *rest, *origin(source)]


def _message(deps: Deps, position: int, raw: dict[str, Any]) -> Message:
    """One turn of the history, as the API has it.

    Raises InvalidRequest naming the turn, ForbiddenURL.
    """
    role = str(raw.get("role") or "").lower()
    role = _ALSO.get(role, role)
    if role not in ROLES:
        raise InvalidRequest(
            f"chat: history[{position}] has role {role!r:.80}", f"A role is one of {', '.join(ROLES)}."
        )
    extra = {
        k: v
        for k, v in raw.items()
        if k in {"tool_calls", "tool_call_id", "reasoning_content", "name"} and v is not None
    }
    if role == "tool" and not isinstance(extra.get("tool_call_id"), str):
        raise InvalidRequest(
            f"chat: history[{position}] is a function result without tool_call_id",
            "Give the id of the call that it answers.",
        )
    content = next((raw[name] for name in _HOLDS if raw.get(name) is not None), None)
    if content is None and role == "assistant" and extra.get("tool_calls"):
        return Message(role, None, extra)
    if isinstance(content, str):
        return Message(role, content, extra)
    if isinstance(content, list):
        return Message(role, tuple(_part(deps, position, p) for p in content), extra)
    if role == "tool" and content is not None:
        return Message(role, json.dumps(content, ensure_ascii=False), extra)
    raise InvalidRequest(
        f"chat: history[{position}] has no content", "Give content as a text or a list of parts."
    )


def _part(deps: Deps, position: int, raw: Any) -> Part:
    import binascii

    match raw:
        case {"type": "text", "text": str() as text}:
            return Text(text)
        case str() as text:
            return Text(text)
        case {"text": str() as text} if len(raw) == 1:
            return Text(text)
        case {"type": "image_url", "image_url": {"url": str() as url} | (str() as url)}:
            if is_web_address(url):
                return Image("history", url=leaving(deps, url))
            try:
                return Image("history", data=decoded(url.rpartition("base64,")[2]), mime=_mime(url))
            except binascii.Error:
                raise InvalidRequest(
                    f"chat: history[{position}] has a picture that is neither a URL nor base64",
                    "Give local pictures in files.",
                ) from None
        case {"type": "video_url", "video_url": {"url": str() as url}} if is_web_address(url):
            return Video("history", url=leaving(deps, url))
        case {"type": "file_url", "file_url": {"url": str() as url}} if is_web_address(url):
            return File("history", leaving(deps, url))
        case _:
            raise InvalidRequest(
                f"chat: history[{position}] has a part that the API does not know",
                "Parts are text, image_url, video_url and file_url.",
            )


def _mime(url: str) -> str:
    return url[5:].partition(";")[0] if url.startswith("data:image/") else "image/png"


def _functions(deps: Deps, raw: tuple[dict[str, Any], ...]) -> tuple[dict[str, Any], ...]:
    """Definitions as the API wants them: plain ones are wrapped; entries with a type of their own pass unchanged
    but for the addresses in them, which the service connects to.

    Raises InvalidRequest naming the entry, ForbiddenURL.
    """
    import re

    if len(raw) > FUNCTIONS_MAX:
        raise InvalidRequest(f"chat: {len(raw)} functions", f"At most {FUNCTIONS_MAX}.")
    functions: list[dict[str, Any]] = []
    for position, entry in enumerate(raw):
        if entry.get("type", "function") != "function" and entry.get("type") != "object":
            functions.append(with_public_addresses(deps, entry))
            continue
        inner = (
            entry.get("function")
            if isinstance(entry.get("function"), dict)
            else {k: v for k, v in entry.items() if k != "type"}
        )
        function = dict(inner or {})
        name = function.get("name") or ""
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name):
            raise InvalidRequest(
                f"chat: functions[{position}] has the name {name!r:.80}",
                "A name is 1 to 64 letters, digits, _ or -.",
            )
        schema = function.pop("input_schema", None) or function.pop("inputSchema", None)
        function.setdefault("description", name)
        function.setdefault("parameters", schema or {"type": "object", "properties": {}})
        functions.append({"type": "function", "function": function})
    return tuple(functions)


TOOL = Tool(
    "chat",
    "Chat with GLM",
    "Ask a second model (GLM) for a draft, review, translation or another opinion. Reads files; can call your functions and search the web.",
    ChatArgs,
    run,
    hint="second opinion, ask another LLM, GLM, Zhipu, translate, brainstorm",
)
