"""Pages of documents as they go to a model: how many fit into one call, and the question that holds them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from glm_mcp.glm.messages import Message, Part, Text, count_tokens
from glm_mcp.media.documents.pages import pieces
from glm_mcp.media.types import Document, Page, Picture
from glm_mcp.registry import Card
from glm_mcp.tools.ask import Question
from glm_mcp.tools.words.chinese import Lang

SPARE_TOKENS = 4_000  # for instructions and the error of our count
PAGE_TOKENS = 2_100  # of a page image of 1,211 x 1,568 pixels, on the high side
SAMPLE_CHARS = 2_000  # of a document, to see its language


@dataclass(frozen=True, slots=True)
class Unit:
    """A page as it goes to a model: text, or images, or both."""

    label: str
    text: str
    pictures: tuple[Picture, ...]


def beginning(pages: Sequence[Page]) -> str:
    """Of their text; to put all of it together for that would take a tenth of a second."""
    return "".join(islice(chain.from_iterable(page.text for page in pages), SAMPLE_CHARS))


def also_able(chain: Sequence[Card]) -> Card:
    """The card by which work is parted that the first model cannot do in one call: the narrowest that has half of its window,
    so that the others can take a part too where the first is overloaded.
    """
    return min((c for c in chain if 2 * c.context >= chain[0].context), key=lambda c: c.context)


def asked_of(
    units: Sequence[Unit], card: Card, words: str, role: str, lang: Lang, max_tokens: int | None
) -> list[Question]:
    """What is asked of each of `pack`. Blocking."""
    return [_question(p, words, role, lang) for p in pack(units, card, words, max_tokens)]


def pack(units: Sequence[Unit], card: Card, words: str, max_tokens: int | None) -> list[list[Unit]]:
    """Units in order, in as few packs as the model's window and its number of images allow. A text larger than the
    window is cut. Blocking: counting takes a second for some million characters.
    """
    answer = min(max_tokens or card.default_tokens, card.max_tokens)
    room = max(1_000, card.context - answer - count_tokens(words) - SPARE_TOKENS)
    packs: list[list[Unit]] = [[]]
    used = pictures = size = 0
    for unit in units:
        for n, piece in enumerate(pieces(Page(0, unit.label, unit.text), room)):
            cut = Unit(piece.label, piece.text, () if n else unit.pictures)
            tokens = count_tokens(_shown(cut)) + PAGE_TOKENS * len(cut.pictures)
            seen = len(cut.pictures)
            weight = sum(len(p.part.data or b"") * 4 // 3 for p in cut.pictures)
            full = used + tokens > room or size + weight > card.body_bytes
            if packs[-1] and (full or (seen and pictures + seen > card.images)):
                packs.append([])
                used = pictures = size = 0
            packs[-1].append(cut)
            size += weight
            used += tokens
            pictures += seen
    return packs


def _question(units: Sequence[Unit], words: str, role: str, lang: Lang) -> Question:
    """One pack, each unit under its label, and what is asked of it."""
    parts: list[Part] = []
    for unit in units:
        parts.append(Text(_shown(unit)))
        parts += [p.part for p in unit.pictures]
    mark = "以上是文档内容。" if lang == "zh" else "That was the document."
    parts.append(Text(f"{mark}\n\n{words}"))
    first, last = units[0].label, units[-1].label
    about = first if first == last else f"{first} – {last}"
    return Question((Message("user", tuple(parts)),), role, task="answer", about=about)


def _shown(unit: Unit) -> str:
    return f"[{unit.label}]" + (f"\n{unit.text}" if unit.text else "")


def joined(document: Document, written: dict[int, str], said: Callable[[str], str]) -> str:
    """The text of all pages under their labels, which `said` puts into words; `written`: of those that a model has read."""
    bodies = [written.get(p.number, p.text) for p in document.pages]
    if document.total == 1 and len(bodies) == 1:
        return bodies[0]
    marked = zip(document.pages, bodies, strict=True)
    return "\n\n".join(f"[{said(p.label)}]\n{body}" for p, body in marked)


def units_of(label: str, text: str, questions: Sequence[tuple[Picture, ...]]) -> list[Unit]:
    """One page; the pictures of a document that is one page may be too many for one call."""
    first, *more = questions or [()]
    return [Unit(label, text, first), *(Unit(f"{label}, more pictures", "", some) for some in more)]


def labels(pages: Sequence[Page]) -> str:
    return ", ".join([_name(p) for p in pages[:5]] + ["…"] * (len(pages) > 5))


def _name(page: Page) -> str:
    return "the text" if page.label == "text" else page.label


def by_model(pages: Sequence[Page], *, whole: bool) -> list[str]:
    """What to note of pages that a model has transcribed, one for each answer; `whole`: as it was asked to."""
    within = list(dict.fromkeys(page for page in pages if page.as_image == "pictures" and not whole))
    count = sum(page not in within for page in pages)
    sort = "page" if whole else "scanned page"
    notes = [f"{count} {sort}{'s' * (count > 1)} transcribed by the model"] * bool(count)
    notes += [f"pictures of {labels(within)} transcribed by the model"] * bool(within)
    return notes


def sent(pages: Sequence[Page], total: int) -> list[str]:
    """What to note of pages that went to a model as pictures, or with those in them, of so many."""
    within = [page for page in pages if page.as_image in {"pictures", "illustrated"}]
    count = len(pages) - len(within)
    notes = [f"{count} of {total} pages went as pictures"] * bool(count)
    notes += [f"the pictures of {labels(within)} went along"] * bool(within)
    return notes


def unseen(pages: Sequence[Page]) -> list[str]:
    """What to note of pages that are given as their text alone, as far as they have any."""
    shown = [page for page in pages if page.as_image == "figure"]
    other = [page for page in pages if page.is_picture and page.text.strip()]
    within = [page for page in pages if page.as_image == "pictures"]
    large = [page for page in pages if page.as_image == "illustrated"]
    notes = list[str]()
    if shown:
        notes.append(
            f"pictures on {labels(shown)} are not in the text: read_document with a prompt or mode=vision sees them"
        )
    if within:
        notes.append(
            f"the pictures of {labels(within)} say more than the words, and were not read: leave mode out"
        )
    if large:
        notes.append(
            f"large pictures of {labels(large)} are not in the text: read_document with a prompt sees them"
        )
    if other:
        notes.append(f"the text of {labels(other)} is not what the page shows: leave mode out")
    return notes
