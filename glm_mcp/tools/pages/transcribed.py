"""Pages, or the pictures in them, transcribed by the model."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from glm_mcp.errors import GLMError
from glm_mcp.glm.calls import Answer
from glm_mcp.glm.messages import Message, Text
from glm_mcp.glm.network.turns import Turns
from glm_mcp.glm.threads import in_thread
from glm_mcp.media.documents.pages import BARE_MARK
from glm_mcp.media.documents.read import holds_pictures
from glm_mcp.media.types import Document, Page, Picture, Source
from glm_mcp.tools.arguments import AnswerArgs
from glm_mcp.tools.ask import Question
from glm_mcp.tools.base import Deps
from glm_mcp.tools.context_window import beginning, labels
from glm_mcp.tools.map_reduce import Later, so_far
from glm_mcp.tools.pages.drawing import Drawing
from glm_mcp.tools.pages.shown import Shown, drawn, text_beside
from glm_mcp.tools.tasks import BESIDE, PICTURES, TRANSCRIBE, language
from glm_mcp.tools.words.chinese import Lang

_Asked = tuple[Page, str, Question | Later]  # of a page, and where on it what is asked about stands


@dataclass(frozen=True, slots=True)
class Transcript:
    """`texts`: of the pages that a model was to read, by number. `answers`: its own, each with its page. `failure`: why there
    are no more of them.
    """

    texts: dict[int, str]
    answers: list[tuple[Page, Answer]]
    failure: GLMError | None = None

    @property
    def asked(self) -> bool:
        """Whether a model was, whatever came of it."""
        return bool(self.answers or (self.failure and self.failure.attempts))


async def transcribed(
    deps: Deps,
    args: AnswerArgs,
    source: Source,
    document: Document,
    notes: list[str],
    *,
    mode: str,
    password: str | None,
) -> Transcript:
    """The text of the pages that a model has to read. Where it does not read all of them, notes why.

    Raises as `each` where there is no text but that of such pages.
    """
    whole = mode == "vision"
    pages = [p for p in document.pages if whole or (mode == "auto" and p.is_to_be_seen)]
    if not pages:
        return Transcript({}, [])
    lang = language(BARE_MARK.sub("", beginning(document.pages)), deps.settings)
    shown: dict[int, Shown] = {}
    asked, answers = list[_Asked](), list[Answer | None]()
    failure: GLMError | None = None
    drawing: Drawing | None = None
    try:
        if holds_pictures(source) and not whole:
            shown = await drawn(deps, source, pages, notes, model=args.model)
            asked = _of_pictures(deps, pages, shown, lang)
        else:
            drawing = Drawing(deps, source, pages, deps.glm.models("vision", args.model)[0], password)
            asked = await _of_drawn(deps, source, pages, drawing, lang)
        if asked:
            answers, failure = await so_far(deps, replace(args, json=None), [part for *_, part in asked])
    except GLMError as error:
        failure = error
    instead: dict[int, str] = {}
    if drawing is not None:
        notes += drawing.notes
        failure = failure or drawing.failure
        instead = {page.number: drawing.instead(page.number) for page in pages}
    read = [(page, answer) for (page, *_), answer in zip(asked, answers, strict=False) if answer is not None]
    came = _came(deps, pages, asked, answers)
    texts = {page.number: _text(page, came[page.number], shown, whole=whole) for page in pages}
    if failure is not None:
        # The pages that have text are worth having; without any there is nothing but the error.
        if whole or not _has_words(document, pages):
            raise failure
        left = Counter(page.number for page, *_ in asked)
        left.subtract(page.number for page, _ in read)
        unread = [p for p in pages if (not asked or left[p.number]) and not instead.get(p.number)]
        if unread:
            begun = {page.number for page in unread if came[page.number]}
            _tell(notes, unread, failure, begun=bool(begun))
            kinds = {(page.as_image, page.number in begun) for page in unread}
            said = {kind: _unread(deps, *kind, failure) for kind in kinds}
            instead |= {page.number: said[page.as_image, page.number in begun] for page in unread}
    for page in pages:
        if words := instead.get(page.number):
            text = texts[page.number] if came[page.number] or page.as_image != "garbled" else ""
            texts[page.number] = f"{text}\n\n{words}".strip()
    return Transcript(texts, read, failure)


def _came(
    deps: Deps, pages: Sequence[Page], asked: Sequence[_Asked], answers: Sequence[Answer | None]
) -> dict[int, list[str]]:
    """The answers about each page, each under the place that it is about."""
    came: dict[int, list[str]] = {page.number: [] for page in pages}
    for (page, place, _), answer in zip(asked, answers, strict=False):
        if answer is not None:
            came[page.number] += [deps.said(f"[picture at {place}]")] * bool(place) + [answer.text]
    return came


async def _of_drawn(
    deps: Deps, source: Source, pages: Sequence[Page], drawing: Drawing, lang: Lang
) -> list[_Asked]:
    digest = await in_thread(source.digest)
    asked: list[_Asked] = []
    turns = Turns()
    for page in pages:
        asked.append((page, "", _later(deps, drawing, page, digest, lang)))
        await turns.let_others()
    return asked


def _of_pictures(deps: Deps, pages: Sequence[Page], shown: Mapping[int, Shown], lang: Lang) -> list[_Asked]:
    return [
        (page, one.place, _question(deps, page, one.pictures, lang))
        for page in pages
        for one in shown[page.number].questions
    ]


def _question(deps: Deps, page: Page, pictures: Sequence[Picture], lang: Lang) -> Question:
    """What is asked about these pictures of a page."""
    return Question((_turn(page, pictures, lang),), "vision", task="ocr", about=deps.said(page.label))


def _later(deps: Deps, drawing: Drawing, page: Page, digest: str, lang: Lang) -> Later:
    """What is asked about a page, which is drawn when its turn comes."""

    @asynccontextmanager
    async def made() -> AsyncIterator[Question | None]:
        async with drawing.page(page.number) as pictures:
            if not pictures:
                yield None
                return
            question = _question(deps, page, pictures, lang)
            # With more fonts it is drawn otherwise.
            yield replace(question, keeps=not any(picture.lacks for picture in pictures))

    return Later(
        deps.said(page.label),
        "vision",
        "ocr",
        f"{digest} {page.number} {TRANSCRIBE[lang]}",
        made,
        known=lambda: drawing.leave_out(page.number),
    )


def _text(page: Page, answers: Sequence[str], shown: Mapping[int, Shown], *, whole: bool) -> str:
    """What stands for a page: its own words, where they stay, and the model's."""
    texts = ["" if whole else _own(page), *answers]
    if not any(texts):
        texts = [page.text]
    says = shown[page.number].says if page.number in shown else ""
    return "\n\n".join(filter(None, (*texts, says)))


def _has_words(document: Document, pages: Sequence[Page]) -> bool:
    """Whether there are any besides those that a model is to read on these pages."""
    read = {page.number for page in pages}
    return any(_own(p) for p in document.pages if p.number not in read or p.as_image == "pictures")


def _own(page: Page) -> str:
    """The page's own words, where they stay beside those of the model; marks of pictures alone are none."""
    if page.is_picture or not any(map(str.isalnum, BARE_MARK.sub("", page.text))):
        return ""
    return page.text


def _tell(notes: list[str], unread: Sequence[Page], error: GLMError, *, begun: bool) -> None:
    """Notes which pages were not read, and why. `begun`: some of their pictures were."""
    why = f"{error.kind}: {error.message}. {error.hint}"
    if begun and all(page.as_image == "pictures" for page in unread):
        notes.append(f"some pictures of {labels(unread)} not transcribed: {why}")
    elif all(page.as_image == "pictures" for page in unread):  # whose words are there
        notes.append(f"pictures of {labels(unread)} not transcribed: {why}")
    else:
        notes.append(f"{labels(unread)} not transcribed: {why}")


def _unread(deps: Deps, as_image: str, begun: bool, error: GLMError) -> str:
    """What stands for what a model was to read of a page of that kind. `begun`: it has read some of it."""
    if as_image == "pictures" and begun:
        return deps.said(f"(other pictures, not transcribed: {error.kind})")
    if as_image == "pictures":
        return deps.said(f"(pictures, not transcribed: {error.kind})")
    return deps.said(f"(scanned, not transcribed: {error.kind})")


def _turn(page: Page, pictures: Sequence[Picture], lang: Lang) -> Message:
    parts = [picture.part for picture in pictures]
    if page.as_image == "pictures":
        return Message("user", (*parts, Text(PICTURES[lang])))
    beside = text_beside(page, pictures)
    said = [Text(BESIDE[lang].format(text=beside))] if beside else []
    return Message("user", (*parts, *said, Text(TRANSCRIBE[lang])))
