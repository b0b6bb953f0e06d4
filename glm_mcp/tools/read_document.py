"""read_document: a document itself as Markdown, or an answer from one or several."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import anyio

from glm_mcp.errors import GLMError, InvalidRequest
from glm_mcp.glm.calls import Answer
from glm_mcp.glm.messages import File, Message, Text
from glm_mcp.glm.threads import in_thread, in_thread_if
from glm_mcp.media.documents.read import read_document
from glm_mcp.media.kept.outputs import is_kept, kept_id
from glm_mcp.media.types import SHORT, Document, Page, Source
from glm_mcp.text import plain
from glm_mcp.tools.arguments import ASKED, AnswerArgs, Arg
from glm_mcp.tools.ask import Question, ask, gave_way, gives_way_at, result
from glm_mcp.tools.base import Deps, Tool, ToolResult, noted
from glm_mcp.tools.context_window import (
    also_able,
    asked_of,
    beginning,
    by_model,
    joined,
    labels,
    unseen,
)
from glm_mcp.tools.map_reduce import add, combined, together
from glm_mcp.tools.pages.transcribed import transcribed
from glm_mcp.tools.pages.units import of_document, to_send
from glm_mcp.tools.sources import Opened, fetched_all, is_web_address, leaving, opened
from glm_mcp.tools.structured import unfenced
from glm_mcp.tools.tasks import DOCUMENT, LAYOUT, instruction, language
from glm_mcp.tools.words.chinese import Lang


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadArgs(AnswerArgs):
    documents: Annotated[
        tuple[str, ...],
        Arg(
            "texts",
            "Paths, globs, URLs, glm://outputs/ID",
            far="URLs, data URLs, glm://files/ID or glm://outputs/ID",
            also=("document", "file", "files", "path", "paths", "url", "source", "uri", "pdf"),
        ),
    ]
    prompt: Annotated[
        str,
        Arg(
            "text",
            "A question; none: the document as Markdown",
            also=(*ASKED, "instructions"),
            long=True,
        ),
    ] = ""
    task: Annotated[str | None, Arg("text", choices=tuple(DOCUMENT))] = None
    pages: Annotated[str | None, Arg("pages", "1-5,8", also=("page", "page_range", "sheets"))] = None
    mode: Annotated[
        str,
        Arg(
            "text",
            "vision: pages as pictures; native: the service reads a public URL",
            choices=("auto", "text", "vision", "native"),
        ),
    ] = "auto"
    output_format: Annotated[str, Arg("text", choices=("markdown", "json", "html"), also=("format",))] = (
        "markdown"
    )
    cursor: Annotated[str | None, Arg("text", "Where to go on", also=("offset",))] = None
    max_chars: Annotated[
        int | None, Arg("integer", also=("limit", "max_length"), minimum=100, maximum=1_000_000)
    ] = None
    password: Annotated[str | None, Arg("text")] = None
    encoding: Annotated[str | None, Arg("text")] = None

    @property
    def asks(self) -> bool:
        """Whether a model is to answer; otherwise the document itself is wanted."""
        return bool(self.prompt.strip() or self.task or self.output_format != "markdown")


Read = list[tuple[Source, Document]]


async def run(deps: Deps, args: ReadArgs) -> ToolResult:
    if args.asks and args.cursor is not None:
        raise InvalidRequest(
            "read_document: cursor goes with the document itself, not with a question",
            "Leave out cursor, or prompt, task and output_format. A long answer goes on under its own glm://outputs/ID.",
        )
    if len(args.documents) == 1 and is_kept(args.documents[0]) and not args.asks:
        kept = await _kept(deps, args)
        if kept is not None:
            return kept
    if args.mode == "native":
        if deps.glm.fetches:
            return await _native(deps, args)
        args = replace(args, mode="auto")  # a server of one's own is sent no address: read here
    async with opened(deps, args.documents, "document") as held:
        documents = await _read(deps, args, held)
        if args.asks:
            return await _answer(deps, args, documents, held.missed())
        return await _markdown(deps, args, documents, held.missed())


async def _read(deps: Deps, args: ReadArgs, held: Opened) -> Read:
    documents: Read = []
    async for local in fetched_all(deps, held.sources, "document"):
        deps.progress.say(f"reading {local.name}")
        with held.leaving_out(local):
            document = await read_document(
                local,
                pages=args.pages,
                password=args.password,
                encoding=args.encoding,
            )
            documents.append((local, held.counted(document)))
    if held.left_out and not documents:
        raise held.left_out[0]
    if args.task == "compare" and len(documents) < 2:
        raise InvalidRequest("read_document: task=compare with one document", "Give two or more documents.")
    return documents


async def _kept(deps: Deps, args: ReadArgs) -> ToolResult | None:
    """The next piece of a long result; None when what is kept under this name is not text."""
    ident = kept_id(args.documents[0])
    try:  # in one go: calls that wait for their thread with the bytes at hand would hold them all
        text = await in_thread(lambda: plain(deps.outputs.kept(ident)[1].decode("utf-8")))
    except UnicodeDecodeError:
        return None
    deps.room.read(len(text))
    at = _cursor(args, len(text))
    return ToolResult(
        text[at:], max_chars=args.max_chars, kept=ident, offset=at, meta={"total_chars": len(text)}
    )


def _cursor(args: ReadArgs, total: int) -> int:
    word = (args.cursor or "0").strip()
    if not re.fullmatch(r"[0-9]{1,12}", word) or int(word) > total:
        raise InvalidRequest(
            f"read_document: cursor is '{word[:20]}'",
            f"It is a number from 0 to {total}, as the last result gave it.",
        )
    return int(word)


async def _native(deps: Deps, args: ReadArgs) -> ToolResult:
    addresses = [d.strip() for d in args.documents]
    if not all(is_web_address(a) for a in addresses):
        raise InvalidRequest(
            "read_document: mode=native takes public URLs only", "Leave mode out for local files."
        )
    if args.pages or any("#page=" in a for a in addresses):
        whole = "read_document: mode=native reads whole files, not pages"
        raise InvalidRequest(whole, "Leave out mode, or pages and #page.")
    prompt = args.prompt.strip()
    lang = language(prompt, deps.settings)
    if args.output_format == "markdown" and not args.task:
        words = prompt or instruction(DOCUMENT, "summary", "", lang)
    else:
        words = _wish(args, lang)
    files = [File(a.rpartition("/")[2], leaving(deps, a)) for a in addresses]
    message = Message("user", (*files, Text(words)))
    answer = await ask(deps, _layout(args), Question((message,), "vision", task=args.task or "answer"))
    note = f"{len(files)} file{'s' * (len(files) > 1)} read by the service itself"
    return _finished(deps, args, answer, [note])


async def _markdown(deps: Deps, args: ReadArgs, documents: Read, notes: list[str]) -> ToolResult:
    """The documents as Markdown. Pages without usable text are transcribed by the model, and it says so."""
    parts: list[tuple[str, Document, dict[int, str]]] = []
    read: list[tuple[Page, Answer]] = []
    asked = False
    for source, document in documents:
        seen = await transcribed(deps, args, source, document, notes, mode=args.mode, password=args.password)
        read += seen.answers
        asked |= seen.asked
        title = f"# {document.name}\n\n" if len(documents) > 1 else ""
        parts.append((title, document, seen.texts))
        notes += of_document(source, document)
    if args.mode == "text":
        missing = [p for _, d in documents for p in d.pages if p.as_image and not p.text.strip()]
        notes += [f"no text on {labels(missing)}: scanned; mode=auto transcribes"] * bool(missing)
    notes += unseen([p for _, d, written in parts for p in d.pages if p.number not in written])
    chars = sum(d.chars + sum(map(len, written.values())) for _, d, written in parts)
    texts = (t + joined(d, written, deps.said) for t, d, written in parts)
    text = await in_thread_if(chars > SHORT, lambda: plain("\n\n".join(texts)))
    at = _cursor(args, len(text))
    ident = await in_thread(deps.outputs.keep, text, ".md") if at else None
    if args.json:
        notes.append("json was not used: it goes with a prompt, a task or an output_format")
    if read:
        total = together([answer for _, answer in read])
        total.notes[:0] = by_model([page for page, _ in read], whole=args.mode == "vision")
        finished = result(deps, replace(args, thinking="false"), total, notes)
    else:
        here = "read on this machine" if asked else "read on this machine, no model asked"
        line = noted(deps, [here, *notes])
        finished = ToolResult("", notes=[line], data={"notes": notes})
    rows = [{"name": d.name, "kind": d.kind, "pages": len(d.pages), "total": d.total} for _, d in documents]
    finished.text, finished.offset, finished.kept = text[at:], at, ident
    finished.max_chars = args.max_chars
    finished.meta["total_chars"] = len(text)
    finished.data["documents"] = rows
    return finished


async def _answer(deps: Deps, args: ReadArgs, documents: Read, notes: list[str]) -> ToolResult:
    """An answer from the documents: one call when they fit the model's window, else in parts."""
    sample = args.prompt.strip()
    if not sample and not deps.settings.lang:
        sample = beginning([p for _, d in documents for p in d.pages[:3]])
    lang = language(sample, deps.settings)
    units, read = await to_send(deps, args, documents, lang, notes, mode=args.mode, password=args.password)
    words = _wish(args, lang)
    vision = any(u.pictures for u in units)
    role = "vision" if vision else "chat"
    chain = deps.glm.models(role, args.model)
    questions = await in_thread(asked_of, units, chain[0], words, role, lang, args.max_tokens)
    narrower, parts = also_able(chain), questions
    if narrower is not chain[0]:
        parts = await in_thread(asked_of, units, narrower, words, role, lang, args.max_tokens)
    asked = _layout(args)
    if len(parts) == 1:
        answer = await ask(deps, asked, questions[0])
    elif len(questions) == 1:
        answer = await _whole_or_parts(deps, asked, questions[0], parts, words, lang)
    else:
        answer = await combined(deps, asked, parts, words, lang)
    add(answer, read)
    return _finished(deps, args, answer, notes)


async def _whole_or_parts(
    deps: Deps, args: ReadArgs, whole: Question, parts: Sequence[Question], words: str, lang: Lang
) -> Answer:
    """The answer to the whole; to its parts, which other models take too, where nobody answers that in time."""
    started, gives_way = anyio.current_time(), gives_way_at(deps)
    try:
        return await ask(deps, args, replace(whole, yields_at=gives_way))
    except GLMError as error:
        if not gave_way(deps, error, gives_way):
            raise
        refusal = error
    deps.progress.say("reading it in parts, which other models take too")
    answer = await combined(deps, args, parts, words, lang)
    answer.attempts = [*map(dict, refusal.attempts), *answer.attempts]
    answer.seconds = anyio.current_time() - started
    answer.notes.append(f"not answered in one piece in time ({refusal.code or refusal.kind})")
    return answer


def _wish(args: ReadArgs, lang: Lang) -> str:
    """What is asked about the pages: the prompt, the task's own words, and the layout wanted."""
    prompt = args.prompt.strip()
    if args.output_format == "markdown":
        return instruction(DOCUMENT, args.task or "answer", prompt, lang)
    said = instruction(DOCUMENT, args.task, prompt, lang) if args.task else prompt
    return f"{said}\n\n{LAYOUT[args.output_format][lang]}".strip()


def _layout(args: ReadArgs) -> ReadArgs:
    """The arguments with `json` where the layout is wanted as JSON."""
    return replace(args, json=True) if args.output_format == "json" and args.json is None else args


def _finished(deps: Deps, args: ReadArgs, answer: Answer, notes: list[str]) -> ToolResult:
    if args.output_format == "html":
        answer.text = unfenced(answer.text)
    finished = result(deps, args, answer, notes)
    finished.max_chars = args.max_chars
    return finished


TOOL = Tool(
    "read_document",
    "Read a document",
    "Read PDF, Word, PowerPoint, Excel, CSV, HTML, EPUB, mail, notebook, text or code files: as Markdown (no model asked), or answer a prompt about them. Scans are transcribed.",
    ReadArgs,
    run,
    hint="PDF, DOCX, PPTX, XLSX, contract, report, scan, OCR, compare documents",
)
