"""The pages of documents as they go to a model with a question."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from glm_mcp.errors import GLMError, NotFound, UnsupportedMedia
from glm_mcp.glm.calls import Answer
from glm_mcp.glm.network.turns import Turns
from glm_mcp.media.types import Document, Page, Source
from glm_mcp.tools.arguments import AnswerArgs
from glm_mcp.tools.base import Deps
from glm_mcp.tools.context_window import Unit, labels, sent, units_of, unseen
from glm_mcp.tools.pages.drawing import TooSlow
from glm_mcp.tools.pages.long_scan import transcribed_first
from glm_mcp.tools.pages.shown import drawn, text_beside
from glm_mcp.tools.sources import origin
from glm_mcp.tools.tasks import UNSEEN
from glm_mcp.tools.words.chinese import Lang

Documents = Sequence[tuple[Source, Document]]


async def to_send(
    deps: Deps,
    args: AnswerArgs,
    documents: Documents,
    lang: Lang,
    notes: list[str],
    *,
    mode: str,
    password: str | None,
) -> tuple[list[Unit], list[Answer]]:
    """The pages, and the model's answers where scans were transcribed first: those that are long, or slow to draw.

    Raises NotFound without any, UnsupportedMedia when none has text to send; and as `drawn` and `transcribed_first`.
    """
    units_of_all = partial(_units, deps, args, lang=lang, notes=notes, mode=mode, password=password)
    if mode != "auto":
        return await units_of_all(documents, in_time=False), []
    documents, read = await transcribed_first(deps, args, documents, notes, password=password)
    before, held = list(notes), deps.room.drawn
    try:
        units = await units_of_all(documents, in_time=True)
    except TooSlow:
        notes[:] = before
        deps.room.put_away(deps.room.drawn - held)  # those of the documents before it among them
        documents, more = await transcribed_first(
            deps, args, documents, notes, password=password, longer_than=0
        )
        read += more
        units = await units_of_all(documents, in_time=False)
    return units, read


def of_document(source: Source, document: Document) -> list[str]:
    """What a careful reader must know of one document."""
    notes = [*document.notes, *origin(source)]
    if len(document.pages) < document.total:
        count = f"{len(document.pages)} of {document.total}"
        pages = all(page.label.startswith("page ") for page in document.pages)
        notes.append(f"{count} pages of {document.name}" if pages else f"{count} parts of {document.name}")
    return notes


async def _units(
    deps: Deps,
    args: AnswerArgs,
    documents: Documents,
    lang: Lang,
    notes: list[str],
    *,
    mode: str,
    password: str | None,
    in_time: bool,
) -> list[Unit]:
    """The pages as they go to the model. Raises NotFound without any, UnsupportedMedia when none has text to send; and as
    `drawn`.
    """
    units: list[Unit] = []
    missing, alone, gone = list[Page](), list[Page](), list[Page]()
    broken, turns = list[GLMError](), Turns()
    for source, document in documents:
        shown = [p for p in document.pages if mode == "vision" or (mode == "auto" and p.as_image)]
        whole = mode == "vision"
        seen = await drawn(
            deps,
            source,
            shown,
            notes,
            model=args.model,
            password=password,
            whole=whole,
            in_time=in_time,
        )
        await turns.let_others()
        for page in document.pages:
            own = seen.get(page.number)
            text = text_beside(page, own.pictures) if own and (page.is_picture or whole) else page.text
            if own is None and page.as_image and not text.strip():
                text = UNSEEN[lang]
                missing.append(page)
            broken += [own.failure] if own and own.failure and not text.strip() else []
            alone += [page] * (own is None)
            gone += [page] * bool(own and own.pictures)
            label = f"{document.name}, {page.label}" if document.total > 1 else document.name
            units += (
                units_of(label, f"{text}\n\n{own.says}".strip(), [one.pictures for one in own.questions])
                if own
                else [Unit(label, text, ())]
            )
        notes += of_document(source, document)
    if not units:
        raise NotFound("the documents hold no pages", "Check that the files are whole.")
    if len(broken) == len(units):
        raise broken[0]
    if len(missing) == len(units):
        raise UnsupportedMedia(
            "the pages are scanned and hold no text", "Leave mode out: they then go as pictures."
        )
    if missing:
        notes.append(f"no text on {labels(missing)}: scanned; mode=auto sends such pages as pictures")
    notes[:0] = sent(gone, sum(len(d.pages) for _, d in documents))
    notes += unseen(alone)
    return units
