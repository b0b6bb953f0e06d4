"""Pages: which of them a caller asked for, how they are written as one text, how they are cut into parts."""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from glm_mcp.errors import InvalidRequest
from glm_mcp.glm.messages import count_tokens
from glm_mcp.media.types import Document, Page
from glm_mcp.text import one_line, plain, shortened

# A text without pages of its own has parts of this length, cut at line borders, for who asks for some of it.
PART_CHARS = 200_000
EMPTY = "(empty)"  # in the place of a text that has none
PICTURE = r"\[picture(?: at [A-Z]{1,3}\d{1,7})?"  # how the mark begins that stands for one
BARE_MARK = re.compile(rf"{PICTURE}\]")  # of one without a description
_LABEL, _NOTE, _NOTES = 200, 10_000, 50  # characters of each, and how many; a sheet's name may have millions
SHEETS = ("xlsx", "xlsb", "xls", "ods", "numbers")  # kinds whose pages have names

_HINT = "Write pages such as '3', '1-5', '2,5-7', '10-', '-3' (the first three) or 'last'."
_RANGE = re.compile(r"(?P<first>\d*)\s*(?:-|–|—|~|\.\.|to|至|到)\s*(?P<last>\d*|last|end)", re.IGNORECASE)
_FENCE = re.compile(r"(`{3,}|~{3,})")
_HEAD_RULE = re.compile(r"\|(?: ?:?-+:? ?\|)+")  # below the head of a table
_UNSEEN = re.compile("[\ufffe\uffff]")  # what is no character


def choose(
    spec: str | None, total: int, name: str, *, unit: str = "page", names: Sequence[str] = ()
) -> list[int]:
    """The page numbers (from 1, ascending) that `spec` means in a document of `total` pages.

    `names`: of the sheets or chapters, one a page; a name is taken before a number. A range that begins inside and
    ends beyond the document ends with it. Raises InvalidRequest.
    """
    wanted = (spec or "").strip()
    if wanted.casefold() in ("", "all", "*", "-"):
        return list(range(1, total + 1))
    known = {title.casefold().strip(): number for number, title in enumerate(names, 1)}
    if wanted.casefold() in known:
        return [known[wanted.casefold()]]
    chosen: set[int] = set()
    for piece in filter(None, (p.strip() for p in re.split(r"[,;，、；]", wanted))):
        if piece.casefold() in known:
            chosen.add(known[piece.casefold()])
        else:
            chosen.update(_numbers(piece, total, name, unit, names))
    if not chosen:
        raise InvalidRequest(f"pages='{wanted}' names no {unit}", _HINT)
    return sorted(chosen)


def _numbers(piece: str, total: int, name: str, unit: str, names: Sequence[str]) -> range:
    bare = piece.removesuffix("页").removesuffix("頁").rstrip()
    bare = re.sub(rf"^(?:pages?|p\.?|{unit}s?|第)\s*", "", bare, flags=re.IGNORECASE)
    span = _RANGE.fullmatch(bare)
    if bare.casefold() in ("last", "end"):
        first = last = total
    elif bare.isdecimal() and bare.isascii():
        first = last = int(bare)
    elif span and (span["first"] or span["last"]):
        first = int(span["first"] or 1)
        last = int(span["last"]) if span["last"].isdecimal() else total
        if span["first"] and span["last"].isdecimal() and last < first:
            first, last = last, first
        last = min(last, total) if first <= total else last
    else:
        listed = f" The {unit}s are: {', '.join(names[:20])}." if names else ""
        raise InvalidRequest(f"pages='{piece}' is not a {unit} of {name}", _HINT + listed)
    if first < 1:
        raise InvalidRequest(f"pages='{piece}': {unit}s count from 1", _HINT)
    if last > total:
        raise InvalidRequest(
            f"pages='{piece}' is out of range: {name} has {total} {unit}{'s' if total != 1 else ''}", _HINT
        )
    return range(first, last + 1)


def clean_text(text: str) -> str:
    """The text as data: `plain`, without what no reader sees."""
    return _UNSEEN.sub("", plain(text))


class LeftOut:
    """What could not be read, by kind and place, for the notes of a document."""

    _SHOWN = 8  # places of one kind

    def __init__(self) -> None:
        self._places: dict[str, dict[str, None]] = {}

    def add(self, what: str, place: str) -> None:
        self._places.setdefault(what, {})[place] = None

    def notes(self) -> list[str]:
        return [
            f"left out, {what}: {', '.join(itertools.islice(places, self._SHOWN))}"
            + (f" and {len(places) - self._SHOWN} more" if len(places) > self._SHOWN else "")
            for what, places in self._places.items()
        ]


def result(
    kind: str, pages: Sequence[tuple[int, str, str, str]], total: int, notes: Sequence[str] = ()
) -> dict[str, Any]:
    """What a reading job hands back: rows of (number, label, Markdown, as_image)."""
    rows = [
        (number, shortened(one_line(clean_text(label)), _LABEL), clean_text(text).strip("\n"), why)
        for number, label, text, why in pages
    ]
    # That an only page is the first says nothing, but the name of an only sheet does.
    if total == 1 and kind in SHEETS:
        rows = [(number, label, f"[{label}]\n\n{text}", why) for number, label, text, why in rows]
    said = [shortened(note, _NOTE) for note in notes[:_NOTES]]
    if len(notes) > _NOTES:
        said.append(f"and {len(notes) - _NOTES} more notes")
    return {"kind": kind, "pages": rows, "total": total, "notes": said}


def one_text(kind: str, text: str, spec: str | None, name: str, notes: Sequence[str] = ()) -> dict[str, Any]:
    """The result for a text without pages: one page as it is; of a long one, when that is asked for, some of the parts
    of PART_CHARS. Raises InvalidRequest.
    """
    pieces = split_text(text, PART_CHARS) if spec and len(text) > PART_CHARS else [text]
    chosen = choose(spec, len(pieces), name, unit="part")
    if len(chosen) == len(pieces):
        return result(kind, [(1, "text", text, "")], 1, notes)
    note = f"{name} has no pages: it is counted in {len(pieces)} parts of {PART_CHARS:,} characters"
    rows = [(n, f"part {n}", pieces[n - 1], "") for n in chosen]
    return result(kind, rows, len(pieces), [*notes, note])


def split_text(text: str, limit: int) -> list[str]:
    """Pieces of at most about `limit` characters, cut at line borders; a code fence and a table's head are repeated,
    where they are short.
    """
    pieces: list[str] = []
    lines: list[str] = []
    size = 0
    fence, head = "", [""]
    for line in _short_lines(text, limit):
        if size + len(line) + 1 > limit and lines:
            pieces.append("\n".join([*lines, fence] if fence else lines))
            again = (
                [fence + head[0].lstrip("`~")] if fence else head if _is_row(line) and len(head) == 2 else []
            )
            if sum(map(len, again)) > limit // 2:  # each piece would be little else
                fence, again = "", []
            lines, size = list(again), sum(map(len, again))
        fence, head = _follow(line, lines, fence, head)
        lines.append(line)
        size += len(line) + 1
    return [*pieces, "\n".join(lines)]


def _short_lines(text: str, limit: int) -> Iterator[str]:
    for line in _lines(text):
        # A table row stays whole whatever its length; any other line longer than a part is cut.
        if len(line) <= limit or _is_row(line):
            yield line
        else:
            yield from (line[i : i + limit] for i in range(0, len(line), limit))


def _lines(text: str) -> Iterator[str]:
    """As `split` has them, but one by one: of millions made in one go no other thread would run."""
    for line in io.StringIO(text, newline="\n"):
        yield line.removesuffix("\n")
    if not text or text.endswith("\n"):
        yield ""


def _follow(line: str, before: list[str], fence: str, head: list[str]) -> tuple[str, list[str]]:
    """The fence that is open after `line`, and the two lines that head the table it belongs to (or the fence line)."""
    mark = _FENCE.match(line)
    if mark and not fence:
        return mark[1], [line]
    if fence:
        return ("", [""]) if line.strip() == fence else (fence, head)
    if _HEAD_RULE.fullmatch(line) and before and _is_row(before[-1]):
        return "", [before[-1], line]
    return "", head if _is_row(line) else [""]


def _is_row(line: str) -> bool:
    return line.startswith("|") and line.endswith("|")


def to_markdown(document: Document) -> str:
    """The whole document as one Markdown text, with a line such as `[page 3]` before each page of several."""
    marked = document.total > 1 or len(document.pages) > 1
    blocks: list[str] = []
    for page in document.pages:
        text = page.text or ("(no text layer: a picture of the page is needed)" if page.as_image else EMPTY)
        blocks.append(f"[{page.label}]\n\n{text}" if marked else text)
    return "\n\n".join(blocks).strip("\n") + "\n"


def pieces(page: Page, budget: int) -> list[Page]:
    """The page in pieces of at most about `budget` tokens, in order; most often it is its own only piece.

    A piece keeps the page's number; its label says which it is, and only the first asks for the picture. Tables keep
    their heads, and a single row is never cut.
    """
    texts = _cut(page.text, budget, 4)
    if len(texts) == 1:
        return [page]
    return [
        replace(
            page,
            label=f"{page.label}, piece {i} of {len(texts)}",
            text=text,
            as_image=page.as_image if i == 1 else "",
        )
        for i, text in enumerate(texts, 1)
    ]


def _cut(text: str, budget: int, tries: int) -> list[str]:
    """Pieces of at most `budget` tokens; text is not evenly dense, so a piece still over it is cut again."""
    tokens = count_tokens(text)
    if tokens <= budget or not tries:
        return [text]
    limit = max(int(len(text) * budget / tokens * 0.9), 16)
    return [part for piece in split_text(text, limit) for part in _cut(piece, budget, tries - 1)]
