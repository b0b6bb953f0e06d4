"""Pages, or the pictures in them, transcribed by the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from glm_mcp.errors import GLMError
from glm_mcp.glm.calls import Answer
from glm_mcp.glm.messages import Message, Text
from glm_mcp.media.documents.common.shown import BARE_MARK
from glm_mcp.media.types import Document, Page, Picture, Source
from glm_mcp.tools.arguments import AnswerArgs
from glm_mcp.tools.ask import Question
from glm_mcp.tools.base import Deps
from glm_mcp.tools.context_window import beginning, labels
from glm_mcp.tools.map_reduce import each
from glm_mcp.tools.pages.shown import Shown, drawn, text_beside
from glm_mcp.tools.tasks import BESIDE, PICTURES, TRANSCRIBE, language
from glm_mcp.tools.words.chinese import Lang


async def transcribed(
    deps: Deps,
    args: AnswerArgs,
    source: Source,
    document: Document,
    notes: list[str],
    *,
    mode: str,
    password: str | None,
) -> tuple[dict[int, str], list[tuple[Page, Answer]]]:
    """The text of the pages that a model has to read, by number, and its answers, each with its page."""
    whole = mode == "vision"
    pages = [p for p in document.pages if whole or (mode == "auto" and p.is_to_be_seen)]
    if not pages:
        return {}, []
    lang = language(BARE_MARK.sub("", beginning(document.pages)), deps.settings)
    try:
        shown = await drawn(deps, source, pages, notes, model=args.model, password=password, whole=whole)
        asked = [(p, pictures, place) for p in pages for pictures, place in shown[p.number].asked]
        turns = [_turn(page, pictures, shown[page.number], lang) for page, pictures, _ in asked]
        questions = [Question((turn,), "vision", task="ocr") for turn in turns]
        answers = await each(deps, replace(args, json=None), questions) if questions else []
    except GLMError as error:
        # The pages that have text are worth having; without any there is nothing but the error.
        if whole or not any(_own(p) for p in document.pages if p not in pages or p.as_image == "pictures"):
            raise
        notes.append(f"{labels(pages)} not transcribed: {error.kind}: {error.message}. {error.hint}")
        return {page.number: _without(deps, page, error) for page in pages}, []
    texts: dict[int, list[str]] = {page.number: [_own(page)] * (not whole) for page in pages}
    read = [(page, answer) for (page, *_), answer in zip(asked, answers, strict=True)]
    for (page, _, place), answer in zip(asked, answers, strict=True):
        texts[page.number] += [deps.said(f"[picture at {place}]")] * bool(place) + [answer.text]
    for page in pages:
        if not any(texts[page.number]):
            texts[page.number] = [page.text]
        texts[page.number].append(shown[page.number].says)
    return {number: "\n\n".join(filter(None, some)) for number, some in texts.items()}, read


def _own(page: Page) -> str:
    """The page's own words, where they stay beside those of the model; marks of pictures alone are none."""
    if page.is_picture or not any(map(str.isalnum, BARE_MARK.sub("", page.text))):
        return ""
    return page.text


def _without(deps: Deps, page: Page, error: GLMError) -> str:
    """A page as it is without a model."""
    if page.as_image == "pictures":
        said = deps.said(f"(pictures, not transcribed: {error.kind})")
    else:
        said = deps.said(f"(scanned, not transcribed: {error.kind})")
    return f"{page.text if page.as_image != 'garbled' else ''}\n\n{said}".strip()


def _turn(page: Page, pictures: Sequence[Picture], shown: Shown, lang: Lang) -> Message:
    parts = [picture.part for picture in pictures]
    if page.as_image == "pictures":
        return Message("user", (*parts, Text(PICTURES[lang])))
    beside = text_beside(page, shown)
    said = [Text(BESIDE[lang].format(text=beside))] if beside else []
    return Message("user", (*parts, *said, Text(TRANSCRIBE[lang])))
