"""Scans too long to be shown to a model with each question: transcribed first, and then asked about as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from glm_mcp.glm.calls import Answer
from glm_mcp.media.documents.read import holds_pictures
from glm_mcp.media.types import Document, Source
from glm_mcp.tools.arguments import AnswerArgs
from glm_mcp.tools.base import Deps
from glm_mcp.tools.context_window import by_model
from glm_mcp.tools.pages.transcribed import transcribed

# Scanned pages. Fewer go as pictures, fifty a call; to draw more takes the time of a call, in each anew.
LONG = 100


async def transcribed_first(
    deps: Deps,
    args: AnswerArgs,
    documents: Sequence[tuple[Source, Document]],
    notes: list[str],
    *,
    password: str | None,
    longer_than: int = LONG,
) -> tuple[list[tuple[Source, Document]], list[Answer]]:
    """The documents, the long scans among them with what a model has read on their pages; and its answers.

    Raises as `map_reduce.each`: what was read is kept, for the next call and for other questions.
    """
    given: list[tuple[Source, Document]] = []
    answers: list[Answer] = []
    for source, document in documents:
        if holds_pictures(source) or sum(page.is_to_be_seen for page in document.pages) <= longer_than:
            given.append((source, document))
            continue
        read = await transcribed(deps, args, source, document, notes, mode="auto", password=password)
        if read.failure is not None:
            raise read.failure
        notes += by_model([page for page, _ in read.answers], whole=False)
        answers += [answer for _, answer in read.answers]
        pages = tuple(
            replace(page, text=read.texts[page.number], as_image="") if page.number in read.texts else page
            for page in document.pages
        )
        given.append((source, replace(document, pages=pages)))
    return given, answers
