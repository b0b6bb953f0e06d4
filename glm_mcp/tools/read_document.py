"""read_document: a document itself as Markdown, or an answer from one or several."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

from glm_mcp.errors import GLMError, InvalidRequest, NotFound, UnsupportedMedia
from glm_mcp.glm.calls import Answer
from glm_mcp.glm.messages import File, Message, Part, Text
from glm_mcp.media.documents.read import read_document, render_pages
from glm_mcp.media.types import LEAVABLE, Document, Page, Picture, Source
from glm_mcp.outputs import is_kept
from glm_mcp.text import plain
from glm_mcp.threads import in_thread
from glm_mcp.tools.arguments import COMMON, MODEL, Arg
from glm_mcp.tools.ask import Question, ask, result
from glm_mcp.tools.base import Deps, Tool, ToolResult, closing, noted
from glm_mcp.tools.context_window import Unit, pack, question
from glm_mcp.tools.language import Lang, language
from glm_mcp.tools.map_reduce import add, combined, each
from glm_mcp.tools.sources import fetch, is_remote, missed, origin, resolve
from glm_mcp.tools.tasks import DOCUMENT, LAYOUT, TRANSCRIBE, instruction

ARGS = (
    Arg(
        "documents",
        "texts",
        "Paths, globs, URLs, glm://outputs/ID",
        required=True,
        also=("document", "file", "files", "path", "paths", "url", "source", "file_path", "uri"),
    ),
    Arg(
        "prompt", "text", "A question; none: the document as Markdown", also=("question", "query", "message")
    ),
    Arg("task", "text", choices=tuple(DOCUMENT)),
    Arg("pages", "pages", "1-5,8", also=("page", "page_range", "sheets")),
    Arg(
        "mode",
        "text",
        "vision: pages as pictures; native: the service reads a public URL",
        choices=("auto", "text", "vision", "native"),
    ),
    Arg("output_format", "text", choices=("markdown", "json", "html"), also=("format",)),
    Arg("cursor", "text", "Where to go on", also=("offset",)),
    Arg("max_chars", "integer", least=100, most=1_000_000, also=("limit", "max_length")),
    Arg("password", "text"),
    Arg("encoding", "text"),
    *COMMON,
    MODEL,
)
UNSEEN: dict[Lang, str] = {"en": "[no text: scanned]", "zh": "[无文字：扫描页]"}


async def run(deps: Deps, args: dict[str, Any]) -> ToolResult:
    prompt, task, mode = args.get("prompt", "").strip(), args.get("task"), args.get("mode", "auto")
    form = args.get("output_format", "markdown")
    asked = bool(prompt or task or form != "markdown")
    if asked and "cursor" in args:
        raise InvalidRequest(
            "read_document: cursor goes with the document itself, not with a question",
            "Leave out cursor, or prompt, task and output_format. A long answer goes on under its own glm://outputs/ID.",
        )
    if len(args["documents"]) == 1 and is_kept(args["documents"][0]) and not asked:
        kept = await _kept(deps, args)
        if kept is not None:
            return kept
    if mode == "native":
        return await _native(deps, args)
    async with AsyncExitStack() as stack:
        documents: list[tuple[Source, Document]] = []
        found: list[Source] = []
        left_out: list[GLMError] = []
        for argument in args["documents"]:
            for source in await resolve(deps, argument, "document", left_out):
                stack.callback(source.close)
                found.append(source)
        for source in found:
            local = await fetch(deps, source, "document") if is_remote(source) else source
            deps.progress.say(f"reading {local.name}")
            try:
                read_it = await read_document(
                    local,
                    pages=args.get("pages"),
                    password=args.get("password"),
                    encoding=args.get("encoding"),
                    figures=asked and mode == "auto",
                )
            except LEAVABLE as error:
                if not local.matched:
                    raise
                left_out.append(error)
                continue
            documents.append((local, read_it))
        if left_out and not documents:
            raise left_out[0]
        if task == "compare" and len(documents) < 2:
            raise InvalidRequest(
                "read_document: task=compare with one document", "Give two or more documents."
            )
        if not asked:
            return await _markdown(deps, args, documents, missed(left_out))
        return await _answer(deps, args, documents, missed(left_out))


async def _kept(deps: Deps, args: dict[str, Any]) -> ToolResult | None:
    """The next piece of a long result; None when what is kept under this name is not text."""
    path, data = await in_thread(deps.outputs.kept, args["documents"][0])
    try:
        text = plain(data.decode("utf-8"))
    except UnicodeDecodeError:
        return None
    at = _cursor(args, len(text))
    return ToolResult(
        text[at:],
        max_chars=args.get("max_chars"),
        kept=path.name.partition(".")[0],
        offset=at,
        meta={"total_chars": len(text)},
    )


def _cursor(args: dict[str, Any], total: int) -> int:
    word = str(args.get("cursor") or "0").strip()
    if not re.fullmatch(r"[0-9]{1,12}", word) or int(word) > total:
        raise InvalidRequest(
            f"read_document: cursor is '{word[:20]}'",
            f"It is a number from 0 to {total}, as the last result gave it.",
        )
    return int(word)


async def _native(deps: Deps, args: dict[str, Any]) -> ToolResult:
    wrong = [d for d in args["documents"] if not d.strip().lower().startswith(("http://", "https://"))]
    if wrong:
        raise InvalidRequest(
            "read_document: mode=native takes public URLs only", "Leave mode out for local files."
        )
    prompt, task = args.get("prompt", "").strip(), args.get("task")
    lang = language(prompt, deps.settings)
    form = args.get("output_format", "markdown")
    if form == "markdown" and not task:
        words = prompt or instruction(DOCUMENT, "summary", "", lang)
    else:
        words = _wish(prompt, task, form, lang)
    if form == "json":
        args = {"json": True, **args}
    files: list[Part] = [File(d.strip().rpartition("/")[2], d.strip()) for d in args["documents"]]
    answer = await ask(
        deps, args, Question((Message("user", (*files, Text(words))),), "vision", task=task or "answer")
    )
    if form == "html":
        answer.text = _unfenced(answer.text)
    return _finished(
        deps, args, answer, [f"{len(files)} file{'s' * (len(files) > 1)} read by the service itself"]
    )


async def _markdown(
    deps: Deps, args: dict[str, Any], documents: Sequence[tuple[Source, Document]], notes: list[str]
) -> ToolResult:
    """The documents as Markdown. Pages without usable text are transcribed by the model, and it says so."""
    texts: list[str] = []
    asked: list[Answer] = []
    missing: list[Page] = []
    mode = args.get("mode", "auto")
    for source, document in documents:
        seen = [
            p
            for p in document.pages
            if mode == "vision" or (mode == "auto" and p.as_image and p.as_image != "figure")
        ]
        written: dict[int, str] = {}
        if seen:
            try:
                written, answers = await _transcribed(deps, args, source, document, seen)
                asked += answers
            except GLMError as error:
                # The pages that have text are worth having; without any there is nothing but the error.
                if not any(p.text.strip() for p in document.pages if p not in seen):
                    raise
                written = {p.number: f"(scanned, not transcribed: {error.kind})" for p in seen}
                notes.append(f"{_labels(seen)} not transcribed: {error}")
        if mode == "text":
            missing += [p for p in document.pages if p.as_image and not p.text.strip()]
        pages = [f"[{p.label}]\n{written.get(p.number, p.text)}" for p in document.pages]
        body = (
            "\n\n".join(pages)
            if document.total > 1 or len(document.pages) > 1
            else "\n".join(written.get(p.number, p.text) for p in document.pages)
        )
        head = f"# {document.name}\n\n" if len(documents) > 1 else ""
        texts.append(head + body)
        notes += [*document.notes, *origin(source)]
        if len(document.pages) < document.total:
            notes.append(f"{len(document.pages)} of {document.total} pages of {document.name}")
    if missing:
        notes.append(f"no text on {_labels(missing)}: scanned; mode=auto transcribes")
    text = plain("\n\n".join(texts))
    at = _cursor(args, len(text))
    ident = await in_thread(deps.outputs.keep, text, ".md") if at else None
    finished = ToolResult(text[at:], max_chars=args.get("max_chars"), kept=ident, offset=at)
    if asked:
        total = asked[0]
        add(total, asked[1:])
        total.notes.insert(0, f"{len(asked)} scanned page{'s' * (len(asked) > 1)} transcribed by the model")
        finished.notes = [closing(total, notes, simulated=deps.settings.simulate)]
        finished.meta = {"model": total.model}
    else:
        finished.notes = [noted(["read on this machine, no model asked", *dict.fromkeys(notes)])]
    finished.meta = {**finished.meta, "total_chars": len(text)}
    finished.data = {
        "documents": [
            {"name": d.name, "kind": d.kind, "pages": len(d.pages), "total": d.total} for _, d in documents
        ],
        "notes": notes,
    }
    return finished


def _labels(pages: Sequence[Page]) -> str:
    return ", ".join(p.label for p in pages[:5]) + ("…" if len(pages) > 5 else "")


async def _transcribed(
    deps: Deps, args: dict[str, Any], source: Source, document: Document, pages: Sequence[Page]
) -> tuple[dict[int, str], list[Answer]]:
    lang = language("".join(p.text for p in document.pages)[:2000], deps.settings)
    pictures = await _rendered(deps, args, source, [p.number for p in pages])
    questions = [
        Question(
            (Message("user", (*(p.part for p in pictures[page.number]), Text(TRANSCRIBE[lang]))),),
            "vision",
            task="ocr",
        )
        for page in pages
    ]
    answers = await each(deps, {k: v for k, v in args.items() if k != "json"}, questions)
    return {page.number: answer.text for page, answer in zip(pages, answers, strict=True)}, answers


async def _rendered(
    deps: Deps, args: dict[str, Any], source: Source, numbers: Sequence[int]
) -> dict[int, list[Picture]]:
    """The pictures of each page; a very long page has several."""
    if not numbers:
        return {}
    deps.progress.say(f"rendering {len(numbers)} page{'s' * (len(numbers) > 1)} of {source.name}")
    card = deps.glm.models("vision", args.get("model"))[0]
    found: dict[int, list[Picture]] = {number: [] for number in numbers}
    for picture in await render_pages(source, numbers, card, password=args.get("password")):
        found[picture.page].append(picture)
    return found


async def _answer(
    deps: Deps, args: dict[str, Any], documents: Sequence[tuple[Source, Document]], notes: list[str]
) -> ToolResult:
    """An answer from the documents: one call when they fit the model's window, else in parts."""
    prompt, task, mode = args.get("prompt", "").strip(), args.get("task"), args.get("mode", "auto")
    form = args.get("output_format", "markdown")
    units: list[Unit] = []
    missing: list[Page] = []
    sample = prompt or "".join(p.text for _, d in documents for p in d.pages[:3])[:2000]
    lang = language(prompt or ("" if deps.settings.lang else sample), deps.settings)
    for source, document in documents:
        seen = [p for p in document.pages if mode == "vision" or (mode == "auto" and p.as_image)]
        pictures = await _rendered(deps, args, source, [p.number for p in seen])
        for page in document.pages:
            shown = pictures.get(page.number, [])
            text = page.text if not shown or page.as_image == "figure" else ""
            if not shown and page.as_image and not text.strip():
                text = UNSEEN[lang]
                missing.append(page)
            label = f"{document.name}, {page.label}" if document.total > 1 else document.name
            units.append(Unit(label, text, tuple(shown)))
        notes += [*document.notes, *origin(source)]
        if len(document.pages) < document.total:
            notes.append(f"{len(document.pages)} of {document.total} pages of {document.name}")
    if not units:
        raise NotFound("the documents hold no pages", "Check that the files are whole.")
    if missing:
        if len(missing) == len(units):
            raise UnsupportedMedia(
                "the pages are scanned and hold no text", "Leave mode out: they then go as pictures."
            )
        notes.append(f"no text on {_labels(missing)}: scanned; mode=auto sends such pages as pictures")
    words = _wish(prompt, task, form, lang)
    vision = any(u.pictures for u in units)
    if vision:
        notes.append(f"{sum(bool(u.pictures) for u in units)} of {len(units)} pages went as pictures")
    role = "vision" if vision else "chat"
    card = deps.glm.models(role, args.get("model"))[0]
    packs = await in_thread(pack, units, card, words, args.get("max_tokens"))
    questions = [question(p, words, role, lang) for p in packs]
    if form == "json":
        args = {"json": True, **args}
    if len(questions) == 1:
        answer = await ask(deps, args, questions[0])
    else:
        answer = await combined(deps, args, questions, words, lang)
    if form == "html":
        answer.text = _unfenced(answer.text)
    return _finished(deps, args, answer, notes)


def _wish(prompt: str, task: str | None, form: str, lang: Lang) -> str:
    """What is asked about the pages: the prompt, the task's own words, and the layout wanted."""
    if form == "markdown":
        return instruction(DOCUMENT, task or "answer", prompt, lang)
    said = instruction(DOCUMENT, task, prompt, lang) if task else prompt
    return f"{said}\n\n{LAYOUT[form][lang]}".strip()


def _unfenced(text: str) -> str:
    found = re.fullmatch(r"\s*```\w*\n(.*?)\n?```\s*", text, re.DOTALL)
    return found[1] if found else text


def _finished(deps: Deps, args: dict[str, Any], answer: Answer, notes: list[str]) -> ToolResult:
    finished = result(deps, args, answer, notes)
    finished.max_chars = args.get("max_chars")
    return finished


TOOL = Tool(
    "read_document",
    "Read a document",
    "Read PDF, Word, PowerPoint, Excel, CSV, HTML, EPUB, mail, notebook, text or code files: as Markdown (no model asked), or answer a prompt about them. Scans are transcribed.",
    ARGS,
    run,
    hint="PDF, DOCX, PPTX, XLSX, contract, report, scan, OCR, compare documents",
)
