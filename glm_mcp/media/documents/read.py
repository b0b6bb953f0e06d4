"""Documents: from a source to pages of Markdown, and from pages to pictures.

read      Source → Document    by the reader of its kind: in the worker, light text in a thread
render    Source → [Picture]   pages of a PDF as pictures
embedded  Source → [Embedded]  the pictures that pages of other documents show
pieces, to_markdown            what is done with a Document afterwards
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from glm_mcp.errors import GLMError, InvalidRequest, UnsupportedMedia
from glm_mcp.glm.messages import Image
from glm_mcp.glm.threads import in_thread_if
from glm_mcp.media.detect import detect
from glm_mcp.media.documents.page.in_worker import SECONDS, draw_pdf, memory_mb, read_pdf
from glm_mcp.media.formats import Kind, check_fits
from glm_mcp.media.types import SHORT, Document, Fragment, Page, Picture, Source
from glm_mcp.media.worker import run_here, run_job
from glm_mcp.registry import Card
from glm_mcp.secret_texts import holds_secret, secret_in

_RENDER = {
    "pdf": "glm_mcp.media.documents.pdf:render_job",
    "ofd": "glm_mcp.media.documents.fixed.ofd:render_job",
    "caj": "glm_mcp.media.documents.fixed.caj:render_job",
    "xps": "glm_mcp.media.documents.fixed.xps:render_job",
}
# Kinds whose pictures can be taken out.
_EMBEDDED = frozenset(
    "pptx docx odp odt odg epub xlsx xlsb xls ods ppt doc hwp hwpx mobi cbz mail mbox msg tnef html webarchive rtf evernote pages numbers keynote".split()
)
_PICTURES = "glm_mcp.media.documents.common.picture_job:pictures_job"
_LIGHT = 1_000_000  # bytes of text that are read in a thread


async def read_document(
    source: Source,
    *,
    pages: str | None = None,
    password: str | None = None,
    encoding: str | None = None,
) -> Document:
    """The document's chosen pages as Markdown, read on this machine.

    `pages`: "3", "1-5", "2,5-7", "10-", "-3", "last", a sheet's name; None: what the source's fragment says, else
    all.
    Raises InvalidRequest (pages, password, encoding), UnsupportedMedia, MediaTooLarge, MissingExtra, TimedOut, and
    ForbiddenPath for a local file whose text holds a secret.
    """
    kind = _kind(source)
    params: dict[str, Any] = {
        "name": source.name,
        "kind": kind.name,
        "pages": pages if pages is not None else source.fragment.page,
        "encoding": encoding,
        "password": password,
    }
    try:
        facts = await _facts(kind, source, params)
    except GLMError as error:  # which names the sheets or files that there are
        _refuse_words(source, error.message, error.hint)
        raise
    document = _document(source, facts)
    await in_thread_if(document.chars > SHORT, _refuse_secrets, source, document)
    return document


async def _facts(kind: Kind, source: Source, params: dict[str, Any]) -> dict[str, Any]:
    if kind.name == "pdf":
        return await read_pdf(kind.reader, source, params)
    if kind.child or source.size > _LIGHT:
        facts, _ = await run_job(kind.reader, source, params, timeout_s=SECONDS, memory_mb=memory_mb(source))
    else:
        facts, _ = await run_here(kind.reader, source, params)
    return facts


async def render_pages(
    source: Source, numbers: Sequence[int], card: Card, *, password: str | None = None
) -> tuple[list[Picture], list[int]]:
    """Pages of a PDF or OFD as pictures of about 1568 pixels, in the order of `numbers`; a very long page comes in tiles.
    And those pages on which nothing is drawn. What is in neither cannot be drawn.

    Raises UnsupportedMedia (not a PDF, or damaged), InvalidRequest (page, password), MediaTooLarge, TimedOut.
    """
    job = _RENDER.get(_kind(source).name)
    if job is None:
        sent = "Leave mode out: the pictures in it are then sent where they say more than its words. Or save it as PDF."
        raise UnsupportedMedia(
            f"{source.name} has no pages that can be drawn",
            sent if holds_pictures(source) else "Only PDF pages become pictures; save it as PDF.",
        )
    params = {
        "name": source.name,
        "numbers": list(dict.fromkeys(numbers)),
        "password": password,
        "max_bytes": card.image_bytes,
        "max_side": card.image_side,
    }
    if not numbers:
        return [], []
    rows, blobs, empty = await draw_pdf(job, source, params)
    pictures: list[Picture] = []
    for (number, width, height, whole_width, whole_height, top, mime, lacks), data in zip(
        rows, blobs, strict=True
    ):
        tiles = [row for row in rows if row[0] == number]
        place = f" (part {1 + [r[5] for r in tiles].index(top)} of {len(tiles)})" if len(tiles) > 1 else ""
        pictures.append(
            Picture(
                part=Image(f"{source.name} page {number}", data, mime),
                width=width,
                height=height,
                original=(whole_width, whole_height),
                top=top,
                label=f"{source.name} page {number}{place}",
                page=number,
                lacks=lacks,
            )
        )
    return pictures, empty


@dataclass(frozen=True, slots=True)
class Embedded:
    """A picture in a document: the page that shows it, which of that page's questions it goes with, where on it the picture
    stands, where that is known, and its bytes.
    """

    page: int
    question: int
    place: str
    source: Source


def holds_pictures(source: Source) -> bool:
    """Whether it is of a kind whose pictures `embedded_pictures` takes out."""
    return source.kind.name in _EMBEDDED


async def embedded_pictures(
    source: Source, numbers: Sequence[int], together: int
) -> tuple[list[Embedded], dict[int, int], list[str]]:
    """The pictures that these pages show, not yet prepared, at most `together` in one question; by page the earlier page
    that has shown some of its pictures; and what a careful reader must know.

    Raises UnsupportedMedia, MediaTooLarge, InvalidRequest, TimedOut, and ForbiddenPath as `read_document`.
    """
    params = {
        "name": source.name,
        "kind": source.kind.name,
        "numbers": list(dict.fromkeys(numbers)),
        "together": together,
    }
    facts, blobs = await run_job(_PICTURES, source, params, timeout_s=SECONDS, memory_mb=memory_mb(source))
    _refuse_words(source, *(str(row[2]) for row in facts["rows"]), *facts["notes"])
    pictures = [
        Embedded(
            page,
            question,
            place,
            Source(
                name=f"{name} of {source.name}",
                kind=detect(data, name),
                size=len(data),
                fragment=Fragment(xywh=tuple(crop), percent=True) if crop else Fragment(),
                data=data,
                matched=True,  # the call can go on without it
            ),
        )
        for (page, question, name, crop, place), data in zip(facts["rows"], blobs, strict=True)
    ]
    return pictures, dict(facts["again"]), facts["notes"]


def _kind(source: Source) -> Kind:
    if source.data is None and source.handle is None:
        raise InvalidRequest(f"{source.name} was not downloaded", "Pass a local copy of it.")
    if source.size == 0:
        raise UnsupportedMedia(f"{source.name} is empty", "Send a file with contents.")
    check_fits(source.kind, source.size, source.name, "document")
    return source.kind


def _refuse_secrets(source: Source, document: Document) -> None:
    """Raises ForbiddenPath. The text as it goes out: within a Word file, a mail or a notebook no look at bytes sees it."""
    said = (f"{page.label}\n{page.text}" for page in document.pages)
    _refuse_words(source, *said, *document.notes)


def _refuse_words(source: Source, *words: str) -> None:
    """Raises ForbiddenPath. What comes from elsewhere, or was told before, is no secret of this machine."""
    if source.handle is None or source.url is not None or source.kept:
        return
    if said := secret_in("\n".join(words), allowed=source.named):
        raise holds_secret(source.name, said)


def _document(source: Source, facts: dict[str, Any]) -> Document:
    rows = tuple(Page(number, label, text, why) for number, label, text, why in facts["pages"])
    document = Document(source.name, facts["kind"], rows, facts["total"], tuple(facts["notes"]))
    if (
        len(rows) == document.total
        and not any(page.text or page.as_image for page in rows)
        and not document.notes
    ):
        document = replace(document, notes=("the document is empty",))
    return document
